"""The graph policy: one message-passing network that orders on every supply link of any supply network.

Supply links and stock points are tokens. Each reads its constants (`arena_rl.inputs.graph_reading`), its stocks and
pipelines over the demand that it reaches, and its echelon positions around the time at which an order could be sold. In
a few rounds of messages links hear their buyer and supplier, and stock points the links on both sides. The order is
demand × softplus(z), where z starts from the deficit of the position (a base-stock rule), plus a share of the
supplier's stock, so that an overstocked factory can be emptied into a cheap pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from arena_rl.inputs.graph_reading import LINK_OFFSETS, MARKET_HINTS, SKIP_OFFSET
from arena_rl.inputs.graph_tokens import LINK_INPUTS, POINT_INPUTS, POSITION_UNIT, NetworkUnion
from arena_rl.inputs.observations import BatchBriefing, BatchObservation
from arena_rl.policies.forecaster import Forecaster

_SHARPNESS = 4.0  # of the softplus: an order falls to nothing within a fraction of a period's demand
_MEMORY, _FORECASTER_WIDTH = 30, 64  # periods, and width of the layers
_TYPICAL_DEMAND = 20.0  # units per period
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
        shape: size.
    """

    def __init__(self, shape: GraphShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.link_in = _mlp(LINK_INPUTS, width)
        self.point_in = _mlp(POINT_INPUTS, width)
        self.link_rounds = nn.ModuleList(_mlp(3 * width, width) for _ in range(shape.rounds))
        # No message leaves the stock points after the last round of the links.
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
        self.forecaster = (
            None if shape.informed else Forecaster(_MEMORY, _FORECASTER_WIDTH, _TYPICAL_DEMAND, hints=MARKET_HINTS)
        )
        self._union: NetworkUnion | None = None

    def forward(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Orders of one batch before clipping, units, (episodes, links)."""
        return self.order_batches([briefing], [observation])[0]

    def order_batches(
        self, briefings: Sequence[BatchBriefing], observations: Sequence[BatchObservation]
    ) -> list[Tensor]:
        """Orders of several batches, each of its own network, with as many episodes each.

        Args:
            briefings: one per batch.
            observations: one per batch.

        Returns:
            Orders before clipping per batch, units, (episodes, links) each.
        """
        union = self._union_of(briefings)
        self.forecasts.clear()
        if self.forecaster is not None:
            observations = [
                self._with_forecast(self.forecaster, hints, briefing, observation)
                for hints, briefing, observation in zip(union.market_hints, briefings, observations, strict=True)
            ]
        inputs = union.inputs(observations)
        link, point = self.link_in(inputs.links), self.point_in(inputs.points)
        for number, link_round in enumerate(self.link_rounds):
            supply = torch.zeros_like(link).index_add(0, union.source_link, point[union.source_point])
            link = link + link_round(torch.cat((link, point[union.buyer], supply), dim=2))
            if number == len(self.point_rounds):
                break
            inward = torch.zeros_like(point).index_add(0, union.buyer, link)
            outward = torch.zeros_like(point).index_add(0, union.source_point, link[union.source_link])
            point = point + self.point_rounds[number](torch.cat((point, inward, outward), dim=2))
        need, emptying = self.out(link).unbind(2)
        need = need + union.share * self.skip(inputs.positions)[:, :, 0]
        orders = inputs.demand * nn.functional.softplus(need, beta=_SHARPNESS)
        orders = orders + torch.sigmoid(emptying) * inputs.available
        return [part.T for part in orders.split_with_sizes(union.link_counts)]

    def _with_forecast(
        self, forecaster: Forecaster, hints: Tensor, briefing: BatchBriefing, observation: BatchObservation
    ) -> BatchObservation:
        """Add the policy's own forecast to an observation."""
        own = forecaster.forecast(observation, briefing.horizon, hints)
        self.forecasts.append(own.means)
        return replace(observation, forecast=own.to_end)

    def _union_of(self, briefings: Sequence[BatchBriefing]) -> NetworkUnion:
        # Briefings last for a batch of episodes, and so does their union.
        union = self._union
        if (
            union is None
            or len(union.briefings) != len(briefings)
            or any(one is not other for one, other in zip(union.briefings, briefings, strict=True))
        ):
            union = self._union = NetworkUnion(briefings)
        return union


def _mlp(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width))
