"""The graph policy: one set of weights that orders on every supply link of any network.

Supply links and stock points are tokens. Each reads its constants (`arena_rl.inputs.graph_reading`), its stocks and
pipelines over the demand that it reaches, and its echelon positions around the time at which an order could be sold;
in a few rounds of messages links hear their buyer and supplier, and stock points the links on both sides. The order is
scale × softplus(z), z starting from the deficit of the position (a base-stock rule), plus a share of the supplier's
stock, so that an overstocked factory can be emptied into a cheap pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from arena_rl.inputs.graph_reading import LINK_OFFSETS, SKIP_OFFSET
from arena_rl.inputs.graph_tokens import LINK_INPUTS, POINT_INPUTS, POSITION_UNIT, Union
from arena_rl.inputs.network_reader import MARKET_HINTS
from arena_rl.inputs.observations import Setting, Situation
from arena_rl.policies.forecaster import Forecaster, coming

_SHARPNESS = 4.0  # of the softplus: an order falls to nothing within a fraction of a period's demand
_MEMORY, _FORECASTER_WIDTH = 30, 64  # periods, and width of the layers
_UNIT = 20.0  # units per period
_NO_EMPTYING = -6.0  # before training, suppliers are not emptied


class GraphShape(BaseModel, frozen=True, extra="forbid"):
    """Size of a graph policy."""

    kind: Literal["graph"] = "graph"
    informed: bool
    width: int = Field(default=48, ge=4, le=512)
    rounds: int = Field(default=2, ge=1, le=8)


class GraphPolicy(nn.Module):
    """Orders for any network.

    Args:
        shape: its size.
    """

    def __init__(self, shape: GraphShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.link_in = _mlp(LINK_INPUTS, width)
        self.point_in = _mlp(POINT_INPUTS, width)
        self.link_rounds = nn.ModuleList(_mlp(3 * width, width) for _ in range(shape.rounds))
        # Nobody hears the stock points after the last round of the links.
        self.point_rounds = nn.ModuleList(_mlp(3 * width, width) for _ in range(shape.rounds - 1))
        self.out = nn.Linear(width, 2)
        self.skip = nn.Linear(len(LINK_OFFSETS), 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(torch.tensor([0.0, _NO_EMPTYING]))
            self.skip.weight.zero_()
            self.skip.weight[0, LINK_OFFSETS.index(SKIP_OFFSET)] = -POSITION_UNIT
            self.skip.bias.zero_()
        self.forecasts: list[Tensor] = []
        """See `arena_rl.episodes.batches.Policy`."""
        self.forecaster = None if shape.informed else Forecaster(_MEMORY, _FORECASTER_WIDTH, _UNIT, hints=MARKET_HINTS)
        self._union: Union | None = None

    def forward(self, setting: Setting, situation: Situation) -> Tensor:
        """Orders of one batch, units, (episodes, links), not clipped."""
        return self.together([setting], [situation])[0]

    def together(self, settings: Sequence[Setting], situations: Sequence[Situation]) -> list[Tensor]:
        """Orders of several batches, each of its own network, with as many episodes each.

        Args:
            settings: one per batch.
            situations: what is seen in each.

        Returns:
            Per batch, units, (episodes, links), not clipped.
        """
        union = self._united(settings)
        self.forecasts.clear()
        if self.forecaster is not None:
            situations = [
                self._foreseen(self.forecaster, hints, setting, situation)
                for hints, setting, situation in zip(union.market_hints, settings, situations, strict=True)
            ]
        inputs = union.inputs(situations)
        link, point = self.link_in(inputs.links), self.point_in(inputs.points)
        for number, link_round in enumerate(self.link_rounds):
            supply = torch.zeros_like(link).index_add(0, union.source_link, point[union.source_point])
            link = link + link_round(torch.cat((link, point[union.buyer], supply), dim=2))
            if number == len(self.point_rounds):
                break
            inward = torch.zeros_like(point).index_add(0, union.buyer, link)
            outward = torch.zeros_like(point).index_add(0, union.source_point, link[union.source_link])
            point = point + self.point_rounds[number](torch.cat((point, inward, outward), dim=2))
        asked, emptied = self.out(link).unbind(2)
        asked = asked + union.share * self.skip(inputs.deficit)[:, :, 0]
        orders = inputs.scale * nn.functional.softplus(asked, beta=_SHARPNESS)
        orders = orders + torch.sigmoid(emptied) * inputs.available
        return [part.T for part in orders.split_with_sizes(union.link_counts)]

    def _foreseen(self, forecaster: Forecaster, hints: Tensor, setting: Setting, situation: Situation) -> Situation:
        """The same with a forecast of the policy's own."""
        past = forecaster.remembered(situation.demand, situation.moods, situation.sentiment)
        means = forecaster(torch.cat((past, hints.expand(len(past), -1, -1)), dim=2))
        self.forecasts.append(means)
        return replace(situation, forecast=coming(means, situation.sentiment, setting.horizon - situation.period))

    def _united(self, settings: Sequence[Setting]) -> Union:
        # Settings last for a batch of episodes, and so does their union.
        union = self._union
        if (
            union is None
            or len(union.settings) != len(settings)
            or any(one is not other for one, other in zip(union.settings, settings, strict=True))
        ):
            union = self._union = Union(settings)
        return union


def _mlp(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width))
