"""Independent stock points: which ones a panel's controller can play, and what a unit too much or too few costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Fault, InvalidInput, contribution_margins
from arena_forecasting.fulfilment import waiting_shares
from arena_forecasting.panel.observed import BoolArray, FloatArray

IntArray = NDArray[np.int64]

_WHOLE = "an item each: one retailer, supplied by one link from raw material without a capacity, with one market link"
_FIX = "play it on worlds of independent stock points, and a network with a controller of arena-heuristics"
_Row = tuple[int, int, int, int, bool, float, float, float, float, float]

_LEAST_SHARE = 1e-3  # probabilities stay off 0 and 1, so that quantiles of draws mean something


class StockPoints(NamedTuple):
    """Stock points in the order of the market links, an item each.

    Attributes:
        markets: Position of the market link, (items,).
        nodes: Position of the retailer in arrays per managed node, (items,).
        links: Position of the supply link, (items,).
        lead_times: Periods until an order arrives, (items,).
        waits: Whether unfilled customers wait, (items,).
        lots: Units to whole multiples of which orders are rounded, at least 1, (items,).
        smallest: Smallest order, units, (items,).
        shortage: Cost of a unit short, money, (items,).
        holding: Cost of a unit on hand at the end of a period, money, (items,).
        loss: Cost of a unit that is left after the last period, money, may be negative, (items,).
    """

    markets: IntArray
    nodes: IntArray
    links: IntArray
    lead_times: IntArray
    waits: BoolArray
    lots: FloatArray
    smallest: FloatArray
    shortage: FloatArray
    holding: FloatArray
    loss: FloatArray

    def critical_ratios(self, surplus_weight: float) -> FloatArray:
        """Probability with which an order is to suffice: shortage / (shortage + holding × weight), (items,).

        Args:
            surplus_weight: Periods for which a unit too much is held on average; 1 in theory where the next order can
                be smaller by it.
        """
        return _ratios(self.shortage, self.holding * surplus_weight)

    def last_ratios(self) -> FloatArray:
        """The same for an order after which nothing is sold: what is left is lost or worth its terminal value."""
        return _ratios(self.shortage, np.maximum(self.holding + self.loss, 0.0))


def _ratios(shortage: FloatArray, surplus: FloatArray) -> FloatArray:
    total = shortage + surplus
    ratios = np.divide(shortage, total, out=np.full(len(total), 0.5), where=total > 0)
    return np.asarray(np.clip(ratios, _LEAST_SHARE, 1 - _LEAST_SHARE), dtype=np.float64)


def stock_points(briefing: Briefing) -> StockPoints:
    """Read the stock points of an episode.

    A lost sale costs its penalty and the contribution margin, less what the unit costs on its way; a sale that is only
    late costs its penalty.

    Raises:
        InvalidInput: If stock points depend on one another, with every market link at fault.
    """
    network = briefing.network
    margins, shares = contribution_margins(network), waiting_shares(briefing)
    faults: list[Fault] = []
    rows: list[_Row] = []
    for market, sale in enumerate(network.market_links):
        node, inbound = network.node(sale.retailer), network.inbound(sale.retailer)
        supply = network.supply_links[inbound[0]] if inbound else None
        is_alone = (
            supply is not None
            and len(inbound) == 1
            and network.role(sale.retailer) == "distributor"
            and supply.supplier in network.raw_materials
            and network.node(supply.supplier).capacity is None
            and len(network.markets_of(sale.retailer)) == 1
            and not network.outbound(sale.retailer)
        )
        if supply is None or not is_alone:
            faults.append(
                Fault("", f"network.market_links[{market}]", sale.retailer, f"demand-global plays {_WHOLE}", _FIX)
            )
            continue
        waits = bool(shares[market] > 0.5)
        carriage = supply.pipeline_holding_cost * supply.lead_time
        margin = 0.0 if waits else max(0.0, float(margins[market]) - carriage)
        rows.append(
            (
                market,
                network.managed_index(sale.retailer),
                inbound[0],
                supply.lead_time,
                waits,
                max(supply.lot_size, 1.0),
                supply.minimum_order,
                sale.shortage_penalty + margin,
                node.holding_cost or 0.0,
                supply.price + carriage - (node.terminal_value or 0.0),
            )
        )
    if faults:
        raise InvalidInput(faults)
    return _from_rows(rows)


def _from_rows(rows: list[_Row]) -> StockPoints:
    markets, nodes, links, lead_times, waits, *money = zip(*rows, strict=True)
    real = [np.array(column, dtype=np.float64) for column in money]
    return StockPoints(
        markets=np.array(markets, dtype=np.int64),
        nodes=np.array(nodes, dtype=np.int64),
        links=np.array(links, dtype=np.int64),
        lead_times=np.array(lead_times, dtype=np.int64),
        waits=np.array(waits, dtype=bool),
        lots=real[0],
        smallest=real[1],
        shortage=real[2],
        holding=real[3],
        loss=real[4],
    )
