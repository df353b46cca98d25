"""What the tokens of a graph policy read: links and stock points of one network, or of several at once.

Several networks, each with a batch of as many episodes, are a union: their tokens stand one after the other, so that
one pass of the layers serves all. Tensors are tokens first: (tokens, episodes, features).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arena_rl.graph_layout import (
    LINK_CONSTANTS,
    LINK_OFFSETS,
    POINT_CONSTANTS,
    POINT_OFFSETS,
    SKIP_OFFSET,
    GraphLayout,
    lay_out,
)
from arena_rl.situation import Setting, Situation

_GLOBALS = 12
_LINK_PARTS, _POINT_PARTS = 18, 6
LINK_INPUTS = LINK_CONSTANTS + 2 * len(LINK_OFFSETS) + _LINK_PARTS + _GLOBALS
POINT_INPUTS = POINT_CONSTANTS + len(POINT_OFFSETS) + _POINT_PARTS + _GLOBALS

MARKET_HINTS = 3
"""Number of hints about a market link's demand, see `Union.market_hints`."""

_SMALLEST_SCALE = 0.5  # units per period
_SMALLEST_VARIANCE = 0.01  # squared units; the root has no slope at 0
_PLENTY = 1e5  # units; stands for a supplier that never runs short


@dataclass(frozen=True)
class Inputs:
    """What the tokens read in one period.

    Attributes:
        links: (links, episodes, LINK_INPUTS).
        points: (stock points, episodes, POINT_INPUTS).
        deficit: echelon positions around each link's time to market, periods of demand, (links, episodes, offsets).
        scale: demand that the buyer reaches, in units of its material per period, (links, episodes).
        available: what the supplier could ship, units; 0 for raw material, (links, episodes).
    """

    links: Tensor
    points: Tensor
    deficit: Tensor
    scale: Tensor
    available: Tensor


class Union:
    """Networks side by side: their constants as tensors, and what makes inputs of what is seen.

    Args:
        settings: one per network.
    """

    def __init__(self, settings: Sequence[Setting]) -> None:
        self.settings = tuple(settings)
        layouts = [lay_out(setting.reach) for setting in settings]
        plants = [setting.plant for setting in settings]
        self.link_counts = [plant.links for plant in plants]
        link_starts = _starts(self.link_counts)
        point_starts = _starts([len(plant.stock_points) for plant in plants])
        points = sum(len(plant.stock_points) for plant in plants)

        def shifted(name: str, starts: list[int]) -> Tensor:
            return torch.cat(
                [torch.as_tensor(getattr(each, name)) + start for each, start in zip(layouts, starts, strict=True)]
            )

        self.buyer = shifted("buyer", point_starts)
        self.source_link = shifted("source_link", link_starts)
        self.source_point = shifted("source_point", point_starts)
        self.seller = torch.cat(
            [torch.tensor(plant.sellers) + start for plant, start in zip(plants, point_starts, strict=True)]
        )
        self.slot_link = torch.tensor(
            [
                start + i
                for plant, start in zip(plants, link_starts, strict=True)
                for i, lead_time in enumerate(plant.network.lead_times)
                for _ in range(lead_time)
            ],
            dtype=torch.long,
        )
        # Per link, the stock points that it draws on; the last place stands for raw material and fills short rows.
        sources = [
            [(start + point, units) for point, units in source.stocks]
            for plant, start in zip(plants, point_starts, strict=True)
            for source in plant.sources
        ]
        most = max(1, *(len(row) for row in sources)) if len(sources) > 1 else max(1, len(sources[0]))
        rows = [[*row, *[(points, 1.0)] * (most - len(row))] for row in sources]
        self.source_table = torch.tensor([[point for point, _ in row] for row in rows])
        self.source_table_units = _float([[units for _, units in row] for row in rows])[:, :, None]

        self.link_constants = _column(layouts, "links")[:, None, :]
        self.point_constants = _column(layouts, "points")[:, None, :]
        self.share = _column(layouts, "share")[:, None]
        self.deadline = _column(layouts, "deadline")[:, None]
        self.capacity = _column(layouts, "capacity")[:, None]
        self.from_raw = _column(layouts, "from_raw")[:, None]
        self.fixed_cost = _column(layouts, "fixed_cost")[:, None]
        self.lot = _column(layouts, "lot")[:, None]

        self.network_of_link = torch.repeat_interleave(torch.tensor(self.link_counts))
        self.network_of_point = torch.repeat_interleave(torch.tensor([len(plant.stock_points) for plant in plants]))
        self.market_hints = [_market_hints(setting) for setting in settings]
        self.parts = [_Part(setting, layout) for setting, layout in zip(settings, layouts, strict=True)]

    def inputs(self, situations: Sequence[Situation]) -> Inputs:
        """Inputs of all tokens.

        Args:
            situations: one per network, of the same number of episodes.
        """
        reads = [part.read(each) for part, each in zip(self.parts, situations, strict=True)]
        scales = torch.cat([each.scales for each in reads])
        on_links = torch.cat([each.link_positions for each in reads])
        on_points = torch.cat([each.point_positions for each in reads])
        variance = torch.cat([each.variance for each in reads])
        general = torch.stack([each.general for each in reads])
        due = torch.cat([each.due for each in reads])
        stock = torch.cat([each.on_hand.T for each in situations])
        pipeline = torch.cat([each.pipeline.T for each in situations])
        owed = torch.cat([each.owed.T for each in situations])
        links, count = len(self.buyer), stock.shape[1]

        scale = scales[self.buyer]
        deficit = on_links / scale[:, :, None]
        held = on_points / scales[:, :, None]
        moving = stock.new_zeros((links, count)).index_add(0, self.slot_link, pipeline)
        inbound = torch.zeros_like(stock).index_add(0, self.buyer, moving)
        backlog = torch.zeros_like(stock).index_add(0, self.seller, due)
        stocks = torch.cat((stock, stock.new_full((1, count), _PLENTY)))
        offered = (stocks[self.source_table] / self.source_table_units).amin(1)
        available = torch.minimum(offered, self.capacity) * (1 - self.from_raw)

        on_link = general[self.network_of_link]
        noise = on_link[:, :, _NOISE]
        spread = noise * variance.clamp(min=_SMALLEST_VARIANCE).sqrt() / scale
        left = on_link[:, :, _LEFT] * 30
        time_left = left - self.deadline  # an order placed now can be sold in so many periods
        around = deficit / (spread + 0.1)[:, :, None]
        link_parts = torch.stack(
            (
                (time_left / 3).clamp(-1, 1),
                (time_left / 10).clamp(-1, 2),
                (time_left > 0).to(stock.dtype),
                _squeeze(moving / scale / 5),
                _squeeze(offered / scale / 5) * (1 - self.from_raw) + 2 * self.from_raw,
                _squeeze(self.capacity / scale),
                _squeeze(owed / scale),
                spread,
                noise / scale.sqrt(),
                self.share.expand(-1, count),
                _squeeze(self.fixed_cost / scale),
                _squeeze(self.lot / scale),
                _squeeze(scale / 20),
                _squeeze(stock[self.buyer] / scale / 5),
                _squeeze(inbound[self.buyer] / scale / 5),
                _squeeze(backlog[self.buyer] / scale),
                around[:, :, LINK_OFFSETS.index(0)].clamp(-5, 5) / 5,
                around[:, :, LINK_OFFSETS.index(SKIP_OFFSET)].clamp(-5, 5) / 5,
            ),
            dim=2,
        )
        point_parts = torch.stack(
            (
                _squeeze(stock / scales / 5),
                _squeeze(inbound / scales / 5),
                _squeeze(backlog / scales),
                _squeeze(scales / 20),
                _squeeze(stock / scales * 2),
                stock / scales / 10,
            ),
            dim=2,
        )
        return Inputs(
            links=torch.cat(
                (
                    self.link_constants.expand(-1, count, -1),
                    deficit / 4,
                    _squeeze(deficit * 2),
                    link_parts,
                    on_link,
                ),
                dim=2,
            ),
            points=torch.cat(
                (
                    self.point_constants.expand(-1, count, -1),
                    held / 4,
                    point_parts,
                    general[self.network_of_point],
                ),
                dim=2,
            ),
            deficit=deficit,
            scale=scale,
            available=available,
        )


_LEFT, _NOISE = 2, 4  # places in what all tokens of a network read


@dataclass(frozen=True)
class _Read:
    """What is computed network by network: linear read-outs, and what all its tokens read."""

    scales: Tensor  # (stock points, episodes)
    link_positions: Tensor  # (links, episodes, offsets), units
    point_positions: Tensor  # (stock points, episodes, offsets), units
    variance: Tensor  # (links, episodes), of Poisson demand until an order could be sold, squared units
    general: Tensor  # (episodes, globals)
    due: Tensor  # (market links, episodes): backlog, units


class _Part:
    """One network of a union."""

    def __init__(self, setting: Setting, layout: GraphLayout) -> None:
        self.setting = setting
        plant = setting.plant
        self.needs = _float(layout.reach.needs)
        self.weights = _float(layout.positions.weights)
        self.periods = layout.positions.periods
        self.sold_at = torch.as_tensor(layout.deadline).long().clamp(max=self.periods - 1)
        self.squared_needs = self.needs[torch.as_tensor(layout.buyer)].T ** 2  # (market links, links)
        self.links, self.points = plant.links, len(plant.stock_points)
        goodwill = setting.goodwill
        self.fixed_general = _float(
            [
                float(plant.backlog),
                *(
                    [1.0, (goodwill.growth - 1) * 50, (1 - goodwill.decay) * 5, goodwill.cap / 2, goodwill.floor]
                    if goodwill is not None
                    else [0.0] * 5
                ),
            ]
        )

    def read(self, situation: Situation) -> _Read:
        forecast = situation.forecast
        assert forecast is not None
        count = len(situation.sentiment)
        left = self.setting.horizon - situation.period
        due = situation.unfilled if self.setting.plant.backlog else torch.zeros_like(situation.unfilled)
        level = forecast.sum(2).T / left  # per period that is still to come, (market links, episodes)
        scales = (self.needs @ level).clamp(min=_SMALLEST_SCALE)
        ahead = forecast[:, :, : self.periods]
        if ahead.shape[2] < self.periods:
            ahead = nn.functional.pad(ahead, (0, self.periods - ahead.shape[2]))
        state = torch.cat((situation.on_hand, situation.pipeline, due, ahead.flatten(1)), dim=1)
        found = state @ self.weights
        cut = self.links * len(LINK_OFFSETS)
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
                        _squeeze(soon),
                        torch.ones(count) if noise is None else noise,
                        1 / scales.mean(0).sqrt(),
                    ),
                    dim=1,
                ),
                self.fixed_general.expand(count, -1),
            ),
            dim=1,
        )
        return _Read(
            scales=scales,
            link_positions=found[:, :cut].reshape(count, self.links, -1).transpose(0, 1),
            point_positions=found[:, cut:].reshape(count, self.points, -1).transpose(0, 1),
            variance=(until * self.squared_needs).sum(1).T,
            general=general,
            due=due.T,
        )


def _market_hints(setting: Setting) -> Tensor:
    """What a network tells of the demand it was built for, before any is seen: (market links, MARKET_HINTS)."""
    network = setting.plant.network
    capacity = sum(network.node(node).capacity or 0.0 for node in network.factories)
    rows = []
    for link in network.market_links:
        stock = (network.node(link.retailer).initial_stock or 0.0) / len(network.markets_of(link.retailer))
        per_market = capacity / len(network.market_links)
        rows.append([math.asinh(stock / 100), math.asinh(per_market / 100), len(network.market_links) / 3])
    return _float(rows)


def _starts(counts: Sequence[int]) -> list[int]:
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    return starts[:-1]


def _column(layouts: Sequence[GraphLayout], name: str) -> Tensor:
    return torch.cat([_float(getattr(each, name)) for each in layouts])


def _squeeze(value: Tensor) -> Tensor:
    """Any positive or negative size brought near 1, monotone: asinh."""
    return torch.asinh(value)


def _float(array: object) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32)
