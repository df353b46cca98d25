"""What the tokens of a graph policy read: links and stock points of one network, or of several at once.

Several networks, each with a batch of as many episodes, are a union: their tokens stand one after the other, so that
one pass of the layers serves all. Tensors are tokens first: (tokens, episodes, features).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arena_rl.inputs.disposal import saved_by_moving
from arena_rl.inputs.graph_reading import (
    LINK_CONSTANTS,
    LINK_OFFSETS,
    POINT_CONSTANTS,
    POINT_OFFSETS,
    SKIP_OFFSET,
    GraphLayout,
    lay_out,
)
from arena_rl.inputs.network_reader import NOISE, SHARED, NetworkReader, market_hints, squeeze
from arena_rl.inputs.observations import Setting, Situation, as_float

_LINK_PARTS, _POINT_PARTS = 22, 6
LINK_INPUTS = LINK_CONSTANTS + 4 * len(LINK_OFFSETS) + _LINK_PARTS + SHARED
POINT_INPUTS = POINT_CONSTANTS + len(POINT_OFFSETS) + _POINT_PARTS + SHARED

POSITION_UNIT = 4.0
"""Periods of demand that positions are counted in where layers read them as they are."""

_SMALLEST_VARIANCE = 0.01  # squared units; the root has no slope at 0
_MOST_PERIODS = 40.0
"""Positions and stocks count up to so many periods of demand. Where hardly anybody buys they are thousands, and all
else that a layer reads would be lost beside them."""
_PLENTY = 1e5  # units; stands for a supplier that never runs short


@dataclass(frozen=True)
class Inputs:
    """What the tokens read in one period.

    Attributes:
        links: (links, episodes, LINK_INPUTS).
        points: (stock points, episodes, POINT_INPUTS).
        deficit: echelon positions around each link's time to market, in `POSITION_UNIT` periods of demand, at most 40
            periods either way, (links, episodes, offsets).
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
        compiled_scenarios = [setting.compiled for setting in settings]
        self.link_counts = [compiled.links for compiled in compiled_scenarios]
        link_starts = _starts(self.link_counts)
        point_starts = _starts([len(compiled.stock_points) for compiled in compiled_scenarios])
        points = sum(len(compiled.stock_points) for compiled in compiled_scenarios)

        def shifted(name: str, starts: list[int]) -> Tensor:
            return torch.cat(
                [torch.as_tensor(getattr(each, name)) + start for each, start in zip(layouts, starts, strict=True)]
            )

        self.buyer = shifted("buyer", point_starts)
        self.source_link = shifted("source_link", link_starts)
        self.source_point = shifted("source_point", point_starts)
        self.seller = torch.cat(
            [
                torch.tensor(compiled.sellers) + start
                for compiled, start in zip(compiled_scenarios, point_starts, strict=True)
            ]
        )
        self.slot_link = torch.tensor(
            [
                start + i
                for compiled, start in zip(compiled_scenarios, link_starts, strict=True)
                for i, lead_time in enumerate(compiled.network.lead_times)
                for _ in range(lead_time)
            ],
            dtype=torch.long,
        )
        # Per link, the stock points that it draws on; the last place stands for raw material and fills short rows.
        sources = [
            [(start + point, units) for point, units in source.stocks]
            for compiled, start in zip(compiled_scenarios, point_starts, strict=True)
            for source in compiled.sources
        ]
        most = max(1, *(len(row) for row in sources)) if len(sources) > 1 else max(1, len(sources[0]))
        rows = [[*row, *[(points, 1.0)] * (most - len(row))] for row in sources]
        self.source_table = torch.tensor([[point for point, _ in row] for row in rows])
        self.source_table_units = as_float([[units for _, units in row] for row in rows])[:, :, None]

        self.link_constants = _column(layouts, "links")[:, None, :]
        self.point_constants = _column(layouts, "points")[:, None, :]
        self.share = _column(layouts, "share")[:, None]
        self.deadline = _column(layouts, "deadline")[:, None]
        self.lead_time = _column(layouts, "lead_time")[:, None]
        self.rates = _column(layouts, "rates")[:, :, None]
        self.capacity = _column(layouts, "capacity")[:, None]
        self.from_raw = _column(layouts, "from_raw")[:, None]
        self.fixed_cost = _column(layouts, "fixed_cost")[:, None]
        self.lot = _column(layouts, "lot")[:, None]

        self.network_of_link = torch.repeat_interleave(torch.tensor(self.link_counts))
        self.network_of_point = torch.repeat_interleave(
            torch.tensor([len(compiled.stock_points) for compiled in compiled_scenarios])
        )
        self.market_hints = [market_hints(setting) for setting in settings]
        self.readers = [NetworkReader(setting, layout) for setting, layout in zip(settings, layouts, strict=True)]

    def inputs(self, situations: Sequence[Situation]) -> Inputs:
        """Inputs of all tokens.

        Args:
            situations: one per network, of the same number of episodes.
        """
        reads = [reader.read(each) for reader, each in zip(self.readers, situations, strict=True)]
        scales = torch.cat([each.scales for each in reads])
        on_links = torch.cat([each.link_positions for each in reads])
        on_supplies = torch.cat([each.supply_positions for each in reads])
        on_points = torch.cat([each.point_positions for each in reads])
        variance = torch.cat([each.variance for each in reads])
        general = torch.stack([each.general for each in reads])
        due = torch.cat([each.due for each in reads])
        stock = torch.cat([each.on_hand.T for each in situations])
        pipeline = torch.cat([each.pipeline.T for each in situations])
        owed = torch.cat([each.owed.T for each in situations])
        links, count = len(self.buyer), stock.shape[1]

        scale = scales[self.buyer]
        deficit = (on_links / scale[:, :, None]).clamp(-_MOST_PERIODS, _MOST_PERIODS)
        supply = (on_supplies / scale[:, :, None]).clamp(-_MOST_PERIODS, _MOST_PERIODS)
        held = (on_points / scales[:, :, None]).clamp(-_MOST_PERIODS, _MOST_PERIODS)
        moving = stock.new_zeros((links, count)).index_add(0, self.slot_link, pipeline)
        inbound = torch.zeros_like(stock).index_add(0, self.buyer, moving)
        backlog = torch.zeros_like(stock).index_add(0, self.seller, due)
        stocks = torch.cat((stock, stock.new_full((1, count), _PLENTY)))
        offered = (stocks[self.source_table] / self.source_table_units).amin(1)
        available = torch.minimum(offered, self.capacity) * (1 - self.from_raw)

        on_link = general[self.network_of_link]
        noise = on_link[:, :, NOISE]
        spread = noise * variance.clamp(min=_SMALLEST_VARIANCE).sqrt() / scale
        periods_left = torch.tensor(
            [each.setting.horizon - seen.period for each, seen in zip(self.readers, situations, strict=True)]
        )
        left = periods_left[self.network_of_link][:, None].expand(-1, count)
        time_left = left - self.deadline  # an order placed now can be sold in so many periods
        now, rather_than_later = saved_by_moving(left, self.lead_time, self.rates)
        around = deficit / (spread + 0.1)[:, :, None]
        link_parts = torch.stack(
            (
                (time_left / 3).clamp(-1, 1),
                (time_left / 10).clamp(-1, 2),
                (time_left > 0).to(stock.dtype),
                squeeze(moving / scale / 5),
                squeeze(offered / scale / 5) * (1 - self.from_raw) + 2 * self.from_raw,
                squeeze(self.capacity / scale),
                squeeze(owed / scale),
                spread,
                noise / scale.sqrt(),
                self.share.expand(-1, count),
                squeeze(self.fixed_cost / scale),
                squeeze(self.lot / scale),
                squeeze(scale / 20),
                squeeze(stock[self.buyer] / scale / 5),
                squeeze(inbound[self.buyer] / scale / 5),
                squeeze(backlog[self.buyer] / scale),
                ((left - self.lead_time) / 3).clamp(-1, 1),
                (left <= self.lead_time).to(stock.dtype),
                squeeze(now / 2),
                squeeze(rather_than_later / 2),
                around[:, :, LINK_OFFSETS.index(0)].clamp(-5, 5) / 5,
                around[:, :, LINK_OFFSETS.index(SKIP_OFFSET)].clamp(-5, 5) / 5,
            ),
            dim=2,
        )
        point_parts = torch.stack(
            (
                squeeze(stock / scales / 5),
                squeeze(inbound / scales / 5),
                squeeze(backlog / scales),
                squeeze(scales / 20),
                squeeze(stock / scales * 2),
                (stock / scales).clamp(max=_MOST_PERIODS) / 10,
            ),
            dim=2,
        )
        in_units = deficit / POSITION_UNIT
        return Inputs(
            links=torch.cat(
                (
                    self.link_constants.expand(-1, count, -1),
                    in_units,
                    squeeze(deficit * 2),
                    supply / POSITION_UNIT,
                    squeeze(supply * 2),
                    link_parts,
                    on_link,
                ),
                dim=2,
            ),
            points=torch.cat(
                (
                    self.point_constants.expand(-1, count, -1),
                    held / POSITION_UNIT,
                    point_parts,
                    general[self.network_of_point],
                ),
                dim=2,
            ),
            deficit=in_units,
            scale=scale,
            available=available,
        )


def _starts(counts: Sequence[int]) -> list[int]:
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    return starts[:-1]


def _column(layouts: Sequence[GraphLayout], name: str) -> Tensor:
    return torch.cat([as_float(getattr(each, name)) for each in layouts])
