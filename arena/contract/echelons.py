"""Echelons of a network, and how well each serves those that ask it for goods: customers, and nodes that order."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.simulate.columns import LOT_SLACK
from arena.simulate.ledger import Ledger
from arena.world.network import Network
from arena.world.scenario import Scenario

NO_SHORTAGE: Final = 1e-9
"""Share of what was asked for in a period that is rounding and no shortage."""

Echelon = Literal["retailers", "distributors", "factories"]

_Matrix = NDArray[np.float64]


class EchelonService(NamedTuple):
    """Service of one echelon over the periods that count.

    Attributes:
        fill_rate: units delivered in the period in which they were asked for / units asked for; 1 if nobody asked.
        service_level: share of periods that left nothing unfilled.
    """

    fill_rate: float
    service_level: float


def links_by_echelon(network: Network) -> dict[Echelon, list[int]]:
    """Return the positions of the supply links on which the nodes of each echelon order.

    A managed node belongs to one echelon: to the retailers if it sells to a market, whatever else it does; else to the
    factories if it has a capacity; else to the distributors.
    """
    groups: dict[Echelon, list[int]] = {"retailers": [], "distributors": [], "factories": []}
    retailers = set(network.retailers)
    for i, link in enumerate(network.supply_links):
        if link.buyer in retailers:
            groups["retailers"].append(i)
        elif network.role(link.buyer) == "factory":
            groups["factories"].append(i)
        else:
            groups["distributors"].append(i)
    return groups


def measure_service(ledger: Ledger, scenario: Scenario) -> dict[Echelon, EchelonService]:
    """Measure the service of every echelon.

    An echelon is asked for goods by customers (their demand) and by the nodes that its nodes deliver to, those of the
    same echelon included (orders as the supplier sees them: raised to minimum orders and whole lots, and after the
    delay of the order). What was left over from earlier periods, customers' backlog and units owed to nodes, is served
    first and is not asked for again. Whether what is left over is then lost, waits or is owed changes nothing in the
    period itself. An echelon without nodes, as one that nobody asked, has a fill rate and a service level of 1.

    Args:
        ledger: all periods from the first one, since owed units and delayed orders reach back; those of the warm-up do
            not count.
        scenario: the scenario that was played.
    """
    network, counted = scenario.network, slice(scenario.warm_up, None)
    orders = _orders_seen(ledger, network)
    owed_before = np.concatenate([np.zeros_like(ledger.owed[:1]), ledger.owed[:-1]])
    asked = np.concatenate([ledger.demand, orders], axis=1)[counted]
    left_over = np.concatenate([ledger.carried_backlog, owed_before], axis=1)[counted]
    delivered = np.concatenate([ledger.sold, ledger.filled], axis=1)[counted]
    at_once = np.minimum(asked, np.maximum(0.0, delivered - left_over))
    due = asked + left_over
    is_short = due - delivered > NO_SHORTAGE * due
    suppliers = [*(link.retailer for link in network.market_links), *(link.supplier for link in network.supply_links)]
    found: dict[Echelon, EchelonService] = {}
    for echelon, placed_over in links_by_echelon(network).items():
        nodes = {network.supply_links[link].buyer for link in placed_over}
        served = [place for place, supplier in enumerate(suppliers) if supplier in nodes]
        total = float(asked[:, served].sum())
        found[echelon] = EchelonService(
            fill_rate=min(1.0, float(at_once[:, served].sum()) / total) if total > 0 else 1.0,
            service_level=float((~is_short[:, served].any(axis=1)).mean()),
        )
    return found


def _orders_seen(ledger: Ledger, network: Network) -> _Matrix:
    """Return the orders that suppliers see in each period, units, (periods, supply links)."""
    orders: _Matrix = np.maximum(0.0, ledger.requested)
    for place, link in enumerate(network.supply_links):
        placed = orders[:, place]
        is_positive = placed > 0
        if link.minimum_order:
            placed = np.where(is_positive, np.maximum(placed, link.minimum_order), placed)
        if link.lot_size:
            lots = np.ceil(placed / link.lot_size - LOT_SLACK)
            placed = np.where(is_positive, lots * link.lot_size, placed)
        if link.order_delay:
            before = np.zeros(link.order_delay)
            before[: len(link.initial_orders)] = link.initial_orders
            placed = np.concatenate([before, placed])[: len(placed)]
        orders[:, place] = placed
    return orders
