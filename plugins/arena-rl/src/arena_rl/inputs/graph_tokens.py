"""Features of a graph policy's tokens: links and stock points of one network, or of several at once.

Several networks, each with a batch of as many episodes, form a union: their tokens stand one after the other, so that
one pass of the layers serves all. Tensors are tokens first: (tokens, episodes, features).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arena_rl.inputs.graph_reading import (
    LINK_CONSTANTS,
    LINK_OFFSETS,
    NETWORK_FEATURES,
    NOISE,
    POINT_CONSTANTS,
    POINT_OFFSETS,
    SKIP_OFFSET,
    GraphLayout,
    NetworkReader,
    lay_out,
    market_hints,
    squeeze,
)
from arena_rl.inputs.observations import BatchBriefing, BatchObservation, as_float

_LINK_STATE, _POINT_STATE = 22, 6
LINK_INPUTS = LINK_CONSTANTS + 4 * len(LINK_OFFSETS) + _LINK_STATE + NETWORK_FEATURES
POINT_INPUTS = POINT_CONSTANTS + len(POINT_OFFSETS) + _POINT_STATE + NETWORK_FEATURES

POSITION_UNIT = 4.0
"""Periods of demand in which positions are counted where layers read them as they are."""

_SMALLEST_VARIANCE = 0.01  # squared units; the root has no slope at 0
# Positions and stocks count up to so many periods of demand. Where demand is next to nothing they are thousands of
# periods, beside which the other features would be lost.
_MOST_PERIODS = 40.0
_UNLIMITED_STOCK = 1e5  # units; the stock of a supplier that never runs short


@dataclass(frozen=True)
class TokenInputs:
    """Features of the tokens in one period.

    Attributes:
        links: features of the links, (links, episodes, LINK_INPUTS).
        points: features of the stock points, (stock points, episodes, POINT_INPUTS).
        positions: echelon positions around each link's time to market, in `POSITION_UNIT` periods of demand, at most 40
            periods either way, (links, episodes, offsets).
        demand: demand that the buyer reaches, in units of its material per period, (links, episodes).
        available: quantity that the supplier could ship, units; 0 for raw material, (links, episodes).
    """

    links: Tensor
    points: Tensor
    positions: Tensor
    demand: Tensor
    available: Tensor


class NetworkUnion:
    """Networks side by side: their constants as tensors, and the computation of features from observations.

    Args:
        briefings: one per network.
    """

    def __init__(self, briefings: Sequence[BatchBriefing]) -> None:
        self.briefings = tuple(briefings)
        layouts = [lay_out(briefing.structure) for briefing in briefings]
        compiled_scenarios = [briefing.compiled for briefing in briefings]
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
        self._seller = torch.cat(
            [
                torch.tensor(compiled.sellers) + start
                for compiled, start in zip(compiled_scenarios, point_starts, strict=True)
            ]
        )
        self._slot_link = torch.tensor(
            [
                start + i
                for compiled, start in zip(compiled_scenarios, link_starts, strict=True)
                for i, lead_time in enumerate(compiled.network.lead_times)
                for _ in range(lead_time)
            ],
            dtype=torch.long,
        )
        # Per link, the stock points that it draws on; the last index stands for raw material and fills short rows.
        sources = [
            [(start + point, units) for point, units in source.stocks]
            for compiled, start in zip(compiled_scenarios, point_starts, strict=True)
            for source in compiled.sources
        ]
        most = max(1, *(len(row) for row in sources)) if len(sources) > 1 else max(1, len(sources[0]))
        rows = [[*row, *[(points, 1.0)] * (most - len(row))] for row in sources]
        self._source_table = torch.tensor([[point for point, _ in row] for row in rows])
        self._source_units = as_float([[units for _, units in row] for row in rows])[:, :, None]

        self._link_constants = _column(layouts, "link_constants")[:, None, :]
        self._point_constants = _column(layouts, "point_constants")[:, None, :]
        self.share = _column(layouts, "share")[:, None]
        self._time_to_sale = _column(layouts, "time_to_sale")[:, None]
        self._lead_time = _column(layouts, "lead_time")[:, None]
        self._holding_rates = _column(layouts, "holding_rates")[:, :, None]
        self._capacity = _column(layouts, "capacity")[:, None]
        self._from_raw = _column(layouts, "from_raw")[:, None]
        self._fixed_cost = _column(layouts, "fixed_cost")[:, None]
        self._lot = _column(layouts, "lot")[:, None]

        self._network_of_link = torch.repeat_interleave(torch.tensor(self.link_counts))
        self._network_of_point = torch.repeat_interleave(
            torch.tensor([len(compiled.stock_points) for compiled in compiled_scenarios])
        )
        self.market_hints = [market_hints(briefing) for briefing in briefings]
        self._readers = [NetworkReader(briefing, layout) for briefing, layout in zip(briefings, layouts, strict=True)]

    def inputs(self, observations: Sequence[BatchObservation]) -> TokenInputs:
        """Compute the features of all tokens.

        Args:
            observations: one per network, of the same number of episodes each, with forecasts.
        """
        readings = [reader.read(each) for reader, each in zip(self._readers, observations, strict=True)]
        demand_of_point = torch.cat([each.demand for each in readings])
        link_positions = torch.cat([each.link_positions for each in readings])
        substitute_positions = torch.cat([each.substitute_positions for each in readings])
        point_positions = torch.cat([each.point_positions for each in readings])
        variance = torch.cat([each.variance for each in readings])
        network_features = torch.stack([each.network_features for each in readings])
        backlog_of_market = torch.cat([each.backlog for each in readings])
        on_hand = torch.cat([each.on_hand.T for each in observations])
        pipeline = torch.cat([each.pipeline.T for each in observations])
        owed = torch.cat([each.owed.T for each in observations])
        links, count = len(self.buyer), on_hand.shape[1]

        demand = demand_of_point[self.buyer]
        own = _in_periods(link_positions, demand)
        with_substitutes = _in_periods(substitute_positions, demand)
        of_points = _in_periods(point_positions, demand_of_point)
        in_transit = on_hand.new_zeros((links, count)).index_add(0, self._slot_link, pipeline)
        inbound = torch.zeros_like(on_hand).index_add(0, self.buyer, in_transit)
        backlog = torch.zeros_like(on_hand).index_add(0, self._seller, backlog_of_market)
        stocks = torch.cat((on_hand, on_hand.new_full((1, count), _UNLIMITED_STOCK)))
        supplier_stock = (stocks[self._source_table] / self._source_units).amin(1)
        available = torch.minimum(supplier_stock, self._capacity) * (1 - self._from_raw)

        features_of_link = network_features[self._network_of_link]
        noise_scale = features_of_link[:, :, NOISE]
        spread = noise_scale * variance.clamp(min=_SMALLEST_VARIANCE).sqrt() / demand
        periods_left = torch.tensor(
            [briefing.horizon - each.period for briefing, each in zip(self.briefings, observations, strict=True)]
        )
        left = periods_left[self._network_of_link][:, None].expand(-1, count)
        left_after_sale = left - self._time_to_sale
        saved_now, saved_over_later = storage_saved_by_shipping(left, self._lead_time, self._holding_rates)
        deviations = own / (spread + 0.1)[:, :, None]
        link_state = torch.stack(
            (
                (left_after_sale / 3).clamp(-1, 1),
                (left_after_sale / 10).clamp(-1, 2),
                (left_after_sale > 0).to(on_hand.dtype),
                squeeze(in_transit / demand / 5),
                squeeze(supplier_stock / demand / 5) * (1 - self._from_raw) + 2 * self._from_raw,
                squeeze(self._capacity / demand),
                squeeze(owed / demand),
                spread,
                noise_scale / demand.sqrt(),
                self.share.expand(-1, count),
                squeeze(self._fixed_cost / demand),
                squeeze(self._lot / demand),
                squeeze(demand / 20),
                squeeze(on_hand[self.buyer] / demand / 5),
                squeeze(inbound[self.buyer] / demand / 5),
                squeeze(backlog[self.buyer] / demand),
                ((left - self._lead_time) / 3).clamp(-1, 1),
                (left <= self._lead_time).to(on_hand.dtype),
                squeeze(saved_now / 2),
                squeeze(saved_over_later / 2),
                deviations[:, :, LINK_OFFSETS.index(0)].clamp(-5, 5) / 5,
                deviations[:, :, LINK_OFFSETS.index(SKIP_OFFSET)].clamp(-5, 5) / 5,
            ),
            dim=2,
        )
        point_state = torch.stack(
            (
                squeeze(on_hand / demand_of_point / 5),
                squeeze(inbound / demand_of_point / 5),
                squeeze(backlog / demand_of_point),
                squeeze(demand_of_point / 20),
                squeeze(on_hand / demand_of_point * 2),
                (on_hand / demand_of_point).clamp(max=_MOST_PERIODS) / 10,
            ),
            dim=2,
        )
        positions = own / POSITION_UNIT
        return TokenInputs(
            links=torch.cat(
                (
                    self._link_constants.expand(-1, count, -1),
                    positions,
                    squeeze(own * 2),
                    with_substitutes / POSITION_UNIT,
                    squeeze(with_substitutes * 2),
                    link_state,
                    features_of_link,
                ),
                dim=2,
            ),
            points=torch.cat(
                (
                    self._point_constants.expand(-1, count, -1),
                    of_points / POSITION_UNIT,
                    point_state,
                    network_features[self._network_of_point],
                ),
                dim=2,
            ),
            positions=positions,
            demand=demand,
            available=available,
        )


def storage_saved_by_shipping(periods_left: Tensor, lead_time: Tensor, holding_rates: Tensor) -> tuple[Tensor, Tensor]:
    """Storage cost saved by shipping, on a supply link, a unit that will not be sold before the end.

    Storage is paid by the period, in transit as well, and is often cheapest in transit. An excess unit is then best
    left where it is until the periods left are as many as the lead time, and shipped at that moment.

    Args:
        periods_left: periods left, the coming one included, (links, episodes).
        lead_time: of the links, periods, (links, 1).
        holding_rates: cost of a unit per period at the supplier, in transit and at the buyer, (links, 3, 1).

    Returns:
        The saving by shipping now, over keeping the unit at the supplier to the end, and its excess over the saving by
        shipping in the best of the later periods, or never; cost as in ``holding_rates``, (links, episodes) each.
    """
    at_supplier, in_transit, at_buyer = holding_rates.unbind(1)

    def saved(left: Tensor) -> Tensor:
        periods_in_transit = torch.minimum(left, lead_time)
        return at_supplier * left - in_transit * periods_in_transit - at_buyer * (left - periods_in_transit)

    # Linear but for a bend where the lead time is what is left: the best later period is the next, the bend, or never.
    next_period = periods_left - 1
    later = torch.maximum(saved(next_period), saved(torch.minimum(next_period, lead_time))).clamp(min=0.0)
    now = saved(periods_left)
    return now, now - later


def _in_periods(positions: Tensor, demand: Tensor) -> Tensor:
    """Positions in periods of demand, (tokens, episodes, offsets), clipped."""
    return (positions / demand[:, :, None]).clamp(-_MOST_PERIODS, _MOST_PERIODS)


def _starts(counts: Sequence[int]) -> list[int]:
    """Start of every group in a concatenation."""
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    return starts[:-1]


def _column(layouts: Sequence[GraphLayout], name: str) -> Tensor:
    return torch.cat([as_float(getattr(each, name)) for each in layouts])
