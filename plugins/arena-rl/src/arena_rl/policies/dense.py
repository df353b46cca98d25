"""The dense policy: one multilayer perceptron for one network, with a linear skip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from arena import Network
from arena_rl.inputs.echelon_positions import Reach, positions
from arena_rl.inputs.observations import Setting, Situation, as_float
from arena_rl.policies.forecaster import Forecaster, coming, forecaster_inputs

_OFFSETS = tuple(range(-3, 12))


class DenseShape(BaseModel, frozen=True, extra="forbid"):
    """Size of a dense policy, and the track whose inputs it reads."""

    kind: Literal["dense"] = "dense"
    informed: bool
    width: int = Field(default=128, ge=1, le=1024)
    layers: int = Field(default=3, ge=1, le=10)
    periods: int = Field(default=30, ge=1, le=365, description="periods to go, and of memory, that are told apart")
    unit: float = Field(default=20.0, gt=0, description="units by which quantities are divided")


class DensePolicy(nn.Module):
    """Orders of all links from everything the track shows, for the network that it was made for.

    Inputs: on hand, pipeline by slot, backlog, sentiment, fulfilment, periods to go, the echelon positions around each
    link's time to market; informed also the forecast, its running sum, noise scale and goodwill; blind the whole
    demand history by lag and its running means, of which the latest takes the forecast's place in the positions.

    Args:
        shape: its size.
        network: the network it is made for.
        reach: of that network.
    """

    def __init__(self, shape: DenseShape, network: Network, reach: Reach) -> None:
        super().__init__()
        self.shape = shape
        self.network = network
        self.forecasts: list[Tensor] = []
        """See `arena_rl.episodes.batches.Policy`."""
        # Links into the same stock point read many of the same positions; each is there once.
        wanted = sorted(
            {
                (point, max(0, network.lead_times[link] + reach.time_to_market[point] + offset))
                for link, point in enumerate(reach.buyer_points)
                for offset in _OFFSETS
            }
        )
        wanted_positions = positions(reach, wanted)
        self.ahead = max(wanted_positions.periods, shape.periods)
        self.position_weights: Tensor
        self.register_buffer("position_weights", as_float(wanted_positions.weights), persistent=False)
        self.position_periods = wanted_positions.periods
        points, markets = len(reach.compiled.stock_points), reach.compiled.markets
        inputs = points + network.pipeline_offsets[-1] + markets + len(wanted) + shape.periods + 1 + 2
        inputs += 2 * markets * shape.periods
        self.forecaster: Forecaster | None = None
        if shape.informed:
            inputs += 6
        else:
            self.forecaster = Forecaster(shape.periods, shape.width, shape.unit)
            inputs += markets * forecaster_inputs(shape.periods)
        self.links = len(network.supply_links)
        layers: list[nn.Module] = []
        width = inputs
        for _ in range(shape.layers):
            layers += [nn.Linear(width, shape.width), nn.SiLU()]
            width = shape.width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, self.links)
        self.skip = nn.Linear(inputs, self.links)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.skip.weight.mul_(0.1)
            self.head.bias.fill_(-1.0)

    def forward(self, setting: Setting, situation: Situation) -> Tensor:
        """Orders, units, (episodes, links), not clipped."""
        return self.together([setting], [situation])[0]

    def _orders(self, setting: Setting, situation: Situation) -> Tensor:
        inputs = self.inputs(setting, situation)
        raw = self.head(self.body(inputs)) + self.skip(inputs)
        orders: Tensor = self.shape.unit * nn.functional.softplus(raw)
        return orders

    def together(self, settings: Sequence[Setting], situations: Sequence[Situation]) -> list[Tensor]:
        """Orders of several batches of its network, units, (episodes, links) each, not clipped."""
        self.forecasts.clear()
        return [self._orders(setting, situation) for setting, situation in zip(settings, situations, strict=True)]

    def inputs(self, setting: Setting, situation: Situation) -> Tensor:
        """What the layers read, all near 1 in size, (episodes, inputs)."""
        unit, periods = self.shape.unit, self.shape.periods
        count = len(situation.sentiment)
        backlog = setting.compiled.backlog
        due = situation.unfilled if backlog else situation.unfilled * 0.0
        left = min(setting.horizon - situation.period, periods)
        to_go = torch.zeros(count, periods + 1)
        to_go[:, left] = 1.0
        parts = [
            situation.on_hand / (4 * unit),
            situation.pipeline / unit,
            situation.unfilled / unit,
            situation.sentiment[:, None],
            torch.full((count, 1), float(backlog)),
            to_go,
        ]
        forecast = situation.forecast
        if self.forecaster is None:
            assert forecast is not None
            assert setting.noise_scale is not None
            goodwill = setting.goodwill
            mood = (
                [1.0, (goodwill.growth - 1) * 50, (1 - goodwill.decay) * 5, goodwill.cap, goodwill.floor]
                if goodwill is not None
                else [0.0] * 5
            )
            parts += [setting.noise_scale[:, None], torch.tensor(mood).expand(count, -1)]
        else:
            past = self.forecaster.remembered(situation.demand, situation.moods, situation.sentiment)
            foreseen = self.forecaster(past)
            self.forecasts.append(foreseen)
            forecast = coming(foreseen, situation.sentiment, setting.horizon - situation.period)
            parts.append(past.flatten(1))
        forecast = _fitted(forecast, self.ahead)
        near = forecast[:, :, :periods]
        parts += [(near / unit).flatten(1), (near.cumsum(2) / (10 * unit)).flatten(1)]
        state = torch.cat(
            (
                situation.on_hand,
                situation.pipeline,
                due,
                forecast[:, :, : self.position_periods].flatten(1),
            ),
            dim=1,
        )
        parts.append(state @ self.position_weights / (4 * unit))
        return torch.cat(parts, dim=1)


def _fitted(series: Tensor, periods: int) -> Tensor:
    """The first periods of a series (episodes, market links, any), with zeros where it ends."""
    have = series.shape[2]
    if have >= periods:
        return series[:, :, :periods]
    return nn.functional.pad(series, (0, periods - have))
