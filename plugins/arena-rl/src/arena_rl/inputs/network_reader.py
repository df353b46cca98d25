"""What a graph policy reads of one network as a whole: linear read-outs of its state, and what all its tokens share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arena_rl.inputs.graph_reading import LINK_OFFSETS, POINT_OFFSETS, GraphLayout
from arena_rl.inputs.observations import Setting, Situation, as_float

SHARED = 12
"""Number of inputs that all tokens of a network share."""
NOISE = 4
"""Place among them of the scale of noise."""

MARKET_HINTS = 3
"""Number of hints about a market link's demand, see `market_hints`."""

_SMALLEST_SCALE = 0.5  # units per period


@dataclass(frozen=True)
class Reading:
    """What is computed network by network: linear read-outs, and what all its tokens read."""

    scales: Tensor  # (stock points, episodes)
    link_positions: Tensor  # (links, episodes, offsets), units
    supply_positions: Tensor  # (links, episodes, offsets), units
    point_positions: Tensor  # (stock points, episodes, offsets), units
    variance: Tensor  # (links, episodes), of Poisson demand until an order could be sold, squared units
    general: Tensor  # (episodes, SHARED)
    due: Tensor  # (market links, episodes): backlog, units


class NetworkReader:
    """Reads the state of one network.

    Args:
        setting: of the network.
        layout: of the same.
    """

    def __init__(self, setting: Setting, layout: GraphLayout) -> None:
        self.setting = setting
        compiled = setting.compiled
        self.needs = as_float(layout.reach.needs)
        self.weights = as_float(layout.positions.weights)
        self.periods = layout.positions.periods
        self.sold_at = torch.as_tensor(layout.deadline).long().clamp(max=self.periods - 1)
        self.squared_needs = self.needs[torch.as_tensor(layout.buyer)].T ** 2  # (market links, links)
        self.links, self.points = compiled.links, len(compiled.stock_points)
        goodwill = setting.goodwill
        self.fixed_general = as_float(
            [
                float(compiled.backlog),
                *(
                    [1.0, (goodwill.growth - 1) * 50, (1 - goodwill.decay) * 5, goodwill.cap / 2, goodwill.floor]
                    if goodwill is not None
                    else [0.0] * 5
                ),
            ]
        )

    def read(self, situation: Situation) -> Reading:
        """Read what is seen; the forecast must be known."""
        forecast = situation.forecast
        assert forecast is not None
        count = len(situation.sentiment)
        left = self.setting.horizon - situation.period
        due = situation.unfilled if self.setting.compiled.backlog else torch.zeros_like(situation.unfilled)
        level = forecast.sum(2).T / left  # per period that is still to come, (market links, episodes)
        scales = (self.needs @ level).clamp(min=_SMALLEST_SCALE)
        ahead = forecast[:, :, : self.periods]
        if ahead.shape[2] < self.periods:
            ahead = nn.functional.pad(ahead, (0, self.periods - ahead.shape[2]))
        state = torch.cat((situation.on_hand, situation.pipeline, due, ahead.flatten(1)), dim=1)
        found = state @ self.weights
        cut = self.links * len(LINK_OFFSETS)
        end = cut + self.points * len(POINT_OFFSETS)
        until = ahead.cumsum(2).index_select(2, self.sold_at)  # (episodes, market links, links)
        soon = forecast[:, :, : max(1, min(5, left))].mean((1, 2)) / level.mean(0).clamp(min=_SMALLEST_SCALE)
        noise = self.setting.noise_scale
        general = torch.cat(
            (
                torch.stack(
                    (
                        situation.sentiment,
                        torch.full((count,), min(left, 6) / 6),
                        torch.full((count,), left / 30),
                        squeeze(soon),
                        torch.ones(count) if noise is None else noise,
                        1 / scales.mean(0).sqrt(),
                    ),
                    dim=1,
                ),
                self.fixed_general.expand(count, -1),
            ),
            dim=1,
        )
        return Reading(
            scales=scales,
            link_positions=found[:, :cut].reshape(count, self.links, -1).transpose(0, 1),
            supply_positions=found[:, end:].reshape(count, self.links, -1).transpose(0, 1),
            point_positions=found[:, cut:end].reshape(count, self.points, -1).transpose(0, 1),
            variance=(until * self.squared_needs).sum(1).T,
            general=general,
            due=due.T,
        )


def market_hints(setting: Setting) -> Tensor:
    """What a network tells of the demand it was built for, before any is seen: (market links, MARKET_HINTS)."""
    network = setting.compiled.network
    capacity = sum(network.node(node).capacity or 0.0 for node in network.factories)
    rows = []
    for link in network.market_links:
        stock = (network.node(link.retailer).initial_stock or 0.0) / len(network.markets_of(link.retailer))
        per_market = capacity / len(network.market_links)
        rows.append([math.asinh(stock / 100), math.asinh(per_market / 100), len(network.market_links) / 3])
    return as_float(rows)


def squeeze(value: Tensor) -> Tensor:
    """Any positive or negative size brought near 1, monotone: asinh."""
    return torch.asinh(value)
