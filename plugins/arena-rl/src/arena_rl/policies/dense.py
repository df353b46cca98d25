"""The dense policy: one multilayer perceptron for one network, with a linear skip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from arena import Network
from arena_rl.inputs.echelon_positions import PositionTime, SupplyStructure, position_map
from arena_rl.inputs.observations import BatchBriefing, BatchObservation, as_float
from arena_rl.policies.forecaster import Forecaster, history_feature_count

_OFFSETS = tuple(range(-3, 12))


class DenseShape(BaseModel, frozen=True, extra="forbid"):
    """Size of a dense policy, and the track whose observations it reads."""

    kind: Literal["dense"] = "dense"
    informed: bool
    width: int = Field(default=128, ge=1, le=1024)
    layers: int = Field(default=3, ge=1, le=10)
    periods: int = Field(default=30, ge=1, le=365, description="periods to go, and of memory, that are told apart")
    unit: float = Field(default=20.0, gt=0, description="units by which quantities are divided")


class DensePolicy(nn.Module):
    """Orders of all links from everything that the track shows, for the network that the policy was made for.

    Features: on hand, pipeline by slot, unfilled demand, sentiment, fulfilment, periods left, the echelon positions
    around each link's time to market, a forecast and its running sum; informed also noise scale and goodwill; blind the
    whole demand history by lag and its running means, from which the forecast is made.

    Args:
        shape: size.
        network: the network that the policy is made for.
        structure: of that network.
    """

    def __init__(self, shape: DenseShape, network: Network, structure: SupplyStructure) -> None:
        super().__init__()
        self.shape = shape
        self.network = network
        self.forecasts: list[Tensor] = []
        """See `arena_rl.episodes.batches.Policy`."""
        # Links into the same stock point read many of the same positions; each is computed once.
        echelons = sorted(
            {
                PositionTime(point, max(0, network.lead_times[link] + structure.time_to_market[point] + offset))
                for link, point in enumerate(network.receiving_points)
                for offset in _OFFSETS
            }
        )
        positions = position_map(structure, echelons)
        self._forecast_periods = max(positions.periods, shape.periods)
        self.position_weights: Tensor
        self.register_buffer("position_weights", as_float(positions.weights), persistent=False)
        self._position_periods = positions.periods
        points, markets = len(structure.compiled.stock_points), structure.compiled.markets
        inputs = points + network.pipeline_offsets[-1] + markets + len(echelons) + shape.periods + 1 + 2
        inputs += 2 * markets * shape.periods
        self.forecaster: Forecaster | None = None
        if shape.informed:
            inputs += 6
        else:
            self.forecaster = Forecaster(shape.periods, shape.width, shape.unit)
            inputs += markets * history_feature_count(shape.periods)
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

    def forward(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Orders of one batch before clipping, units, (episodes, links)."""
        return self.order_batches([briefing], [observation])[0]

    def order_batches(
        self, briefings: Sequence[BatchBriefing], observations: Sequence[BatchObservation]
    ) -> list[Tensor]:
        """Orders of several batches of the policy's network before clipping, units, (episodes, links) each."""
        self.forecasts.clear()
        return [
            self._orders(briefing, observation) for briefing, observation in zip(briefings, observations, strict=True)
        ]

    def _orders(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        inputs = self._features(briefing, observation)
        raw = self.head(self.body(inputs)) + self.skip(inputs)
        orders: Tensor = self.shape.unit * nn.functional.softplus(raw)
        return orders

    def _features(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Features of a batch, all near 1 in size, (episodes, features)."""
        unit, periods = self.shape.unit, self.shape.periods
        count = len(observation.sentiment)
        periods_left = min(briefing.horizon - observation.period, periods)
        clock = torch.zeros(count, periods + 1)
        clock[:, periods_left] = 1.0
        parts = [
            observation.on_hand / (4 * unit),
            observation.pipeline / unit,
            observation.unfilled / unit,
            observation.sentiment[:, None],
            torch.full((count, 1), float(briefing.compiled.backlog)),
            clock,
        ]
        forecast = observation.forecast
        if self.forecaster is None:
            assert forecast is not None
            assert briefing.noise_scale is not None
            goodwill = briefing.goodwill
            dynamics = (
                [1.0, (goodwill.growth - 1) * 50, (1 - goodwill.decay) * 5, goodwill.cap, goodwill.floor]
                if goodwill is not None
                else [0.0] * 5
            )
            parts += [briefing.noise_scale[:, None], torch.tensor(dynamics).expand(count, -1)]
        else:
            history, means, forecast = self.forecaster.forecast(observation, briefing.horizon)
            self.forecasts.append(means)
            parts.append(history.flatten(1))
        forecast = _with_length(forecast, self._forecast_periods)
        near = forecast[:, :, :periods]
        parts += [(near / unit).flatten(1), (near.cumsum(2) / (10 * unit)).flatten(1)]
        state = torch.cat(
            (
                observation.on_hand,
                observation.pipeline,
                briefing.backlog(observation),
                forecast[:, :, : self._position_periods].flatten(1),
            ),
            dim=1,
        )
        parts.append(state @ self.position_weights / (4 * unit))
        return torch.cat(parts, dim=1)


def _with_length(series: Tensor, periods: int) -> Tensor:
    """Cut a series, (episodes, market links, any), to a number of periods, or extend it with zeros."""
    known = series.shape[2]
    if known >= periods:
        return series[:, :, :periods]
    return nn.functional.pad(series, (0, periods - known))
