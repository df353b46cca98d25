"""Key performance indicators: pure functions of the ledger."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.contract.echelons import NO_SHORTAGE, Echelon, links_by_echelon, measure_service
from arena.errors import ArenaError
from arena.schemas import FrozenSchema
from arena.simulate.ledger import Ledger
from arena.world.network import Network
from arena.world.scenario import Scenario

_SMALLEST_VARIANCE = 1e-8


class Kpis(FrozenSchema):
    """The KPIs of one episode, as the contract defines them. A new one is added at the end.

    The first ones are those of gym-invmgmt (arXiv 2605.11355), under its names; ``immediate_fill_rate`` and the
    variances of filled orders by echelon are ours. Those after them are the field's own: the published bullwhip is
    measured against customers' demand and adds up all links, and the published turns divide by a mean node's stock.
    """

    profit: float
    """Sum of profit over managed nodes and periods, money, discounted."""
    fill_rate: float
    """min(1, units sold / units demanded); 1 without demand. In backlog mode late sales count."""
    immediate_fill_rate: float
    """Share of demand served in its own period, the backlog being served first; 1 without demand."""
    service_level: float
    """Share of periods in which no market link has an unfilled unit."""
    average_inventory: float
    """Mean units on hand at the end of the period over managed nodes and periods."""
    unfilled: float
    """Sum of unfilled: unit-periods in backlog mode, units in lost-sales mode."""
    revenue: float
    """Money earned, internal transfers included, discounted."""
    procurement_cost: float
    """Money paid for filled orders, internal transfers included, discounted."""
    holding_cost: float
    """Money for stock on hand and in transit, discounted."""
    operating_cost: float
    """Money for factories' throughput, discounted."""
    shortage_penalty: float
    """Money for unfilled units, discounted."""
    fixed_ordering_cost: float
    """Money for periods with a filled order, discounted."""
    bullwhip_ratio: float
    """Variance over periods of all requested orders / variance of demand (population variances); 1 if demand does not
    vary."""
    bullwhip_retailers: float
    """Variance of the filled orders placed by retailers / variance of demand; 1 if demand does not vary."""
    bullwhip_distributors: float
    """The same for distributors that are no retailers; 0 if there are none."""
    bullwhip_factories: float
    """The same for factories that are no retailers; 0 if there are none."""
    inventory_turns: float
    """Units sold / average inventory; 0 if there never was any."""
    final_sentiment: float
    """Customers' sentiment at the end; 1 without goodwill."""
    stage_bullwhip_retailers: float
    """Variance over periods of the orders that retailers placed / variance of the demand that they received, from
    customers and from other nodes; 1 if that does not vary. Orders as requested. Source: H. L. Lee, V. Padmanabhan and
    S. Whang, Information distortion in a supply chain, Management Science 43 (1997)."""
    stage_bullwhip_distributors: float
    """The same for distributors that are no retailers; 0 if there are none."""
    stage_bullwhip_factories: float
    """The same for factories that are no retailers; 0 if there are none."""
    stockout_free_periods: float
    """Share of periods at whose end no market link has unfilled units; fewer than 1e-9 of what it asked for are none.
    ``service_level`` is without that tolerance, so that rounding may count as a shortage."""
    network_turns: float
    """Units sold to customers in the episode / mean units on hand in the whole network at the end of a period; 0 if
    there never was any."""
    terminal_value: float
    """Money that stock on hand and on the way is worth after the last period, discounted; negative: disposal."""
    full_revenue: float
    """Money that customers would pay if every unit were sold in the period in which it is demanded, at the price of its
    market link, discounted. Trade between nodes is no part of it."""
    stage_fill_rate_retailers: float
    """Units that retailers delivered in the period in which they were asked for, / units that they were asked for: by
    customers, and by nodes that order from them (orders in whole lots, as the supplier sees them). Backlog and owed
    units are delivered first, and are not asked for again. 1 if nobody asked."""
    stage_fill_rate_distributors: float
    """The same for distributors that are no retailers; 1 if there are none."""
    stage_fill_rate_factories: float
    """The same for factories that are no retailers; 1 if there are none."""
    stage_service_level_retailers: float
    """Share of periods in which no retailer left anything unfilled, of what customers and nodes asked for or waited
    for; less than 1e-9 of it is rounding. With lost sales and backlog alike."""
    stage_service_level_distributors: float
    """The same for distributors that are no retailers; 1 if there are none."""
    stage_service_level_factories: float
    """The same for factories that are no retailers; 1 if there are none."""


def measure(ledger: Ledger, scenario: Scenario) -> Kpis:
    """Measure the KPIs of the periods in a ledger that count: those after the warm-up.

    Args:
        ledger: all periods from the first one, and at least one that counts.
        scenario: what was played.

    Raises:
        ArenaError: If profit does not equal revenue less the five costs, and what stock is worth at the end, to 1e-6
            (relative to the money moved): the books do not balance, which would be a fault of the arena.
        ValueError: If no period of the ledger counts.
    """
    whole, ledger = ledger, ledger.since(scenario.warm_up)
    if ledger.periods == 0:
        raise ValueError("KPIs need at least one period that counts")
    demand, sold = float(ledger.demand.sum()), float(ledger.sold.sum())
    at_once = np.minimum(ledger.demand, np.maximum(0.0, ledger.sold - ledger.carried_backlog)).sum()
    costs = {
        name: float(getattr(ledger, name).sum())
        for name in ("procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost")
    }
    revenue, profit = float(ledger.revenue.sum()), float(ledger.reward.sum())
    terminal_value = float(ledger.terminal_value.sum())
    moved = abs(revenue) + abs(terminal_value) + sum(abs(cost) for cost in costs.values())
    if not abs(profit - (revenue - sum(costs.values()) + terminal_value)) <= 1e-6 * max(1.0, moved * 1e-3):
        raise ArenaError(
            f"the books do not balance: profit {profit!r}, revenue {revenue!r}, costs {costs!r}, "
            f"stock at the end {terminal_value!r}; "
            "please report this with the scenario and the seed"
        )
    variance = float(ledger.demand.sum(axis=1).var())
    average_inventory = float(ledger.on_hand.mean())

    def bullwhip(orders: NDArray[np.float64]) -> float:
        return float(orders.sum(axis=1).var()) / variance if variance > _SMALLEST_VARIANCE else 1.0

    groups = links_by_echelon(scenario.network)

    def stage_bullwhip(group: Echelon) -> float:
        placed = groups[group]
        if not placed:
            return 0.0
        spread = float(_received(ledger, scenario.network, placed).var())
        return float(ledger.requested[:, placed].sum(axis=1).var()) / spread if spread > _SMALLEST_VARIANCE else 1.0

    on_hand = float(ledger.on_hand.sum(axis=1).mean())
    service = measure_service(whole, scenario)
    asked = ledger.demand + ledger.carried_backlog
    return Kpis(
        profit=profit,
        fill_rate=min(1.0, sold / demand) if demand > 0 else 1.0,
        immediate_fill_rate=float(at_once) / demand if demand > 0 else 1.0,
        service_level=float((ledger.unfilled <= 0).all(axis=1).mean()),
        average_inventory=average_inventory,
        unfilled=float(ledger.unfilled.sum()),
        revenue=revenue,
        **costs,
        bullwhip_ratio=bullwhip(ledger.requested),
        bullwhip_retailers=bullwhip(ledger.filled[:, groups["retailers"]]),
        bullwhip_distributors=bullwhip(ledger.filled[:, groups["distributors"]]) if groups["distributors"] else 0.0,
        bullwhip_factories=bullwhip(ledger.filled[:, groups["factories"]]) if groups["factories"] else 0.0,
        inventory_turns=sold / average_inventory if average_inventory > 0 else 0.0,
        final_sentiment=float(ledger.sentiment[-1]),
        stage_bullwhip_retailers=stage_bullwhip("retailers"),
        stage_bullwhip_distributors=stage_bullwhip("distributors"),
        stage_bullwhip_factories=stage_bullwhip("factories"),
        stockout_free_periods=float((ledger.unfilled <= NO_SHORTAGE * asked).all(axis=1).mean()),
        network_turns=sold / on_hand if on_hand > 0 else 0.0,
        terminal_value=terminal_value,
        full_revenue=_full_revenue(ledger, scenario),
        stage_fill_rate_retailers=service["retailers"].fill_rate,
        stage_fill_rate_distributors=service["distributors"].fill_rate,
        stage_fill_rate_factories=service["factories"].fill_rate,
        stage_service_level_retailers=service["retailers"].service_level,
        stage_service_level_distributors=service["distributors"].service_level,
        stage_service_level_factories=service["factories"].service_level,
    )


def _received(ledger: Ledger, network: Network, placed_over: list[int]) -> NDArray[np.float64]:
    """Return the demand that the buyers of some supply links received from customers and nodes, (periods,)."""
    nodes = {network.supply_links[link].buyer for link in placed_over}
    markets = [place for place, link in enumerate(network.market_links) if link.retailer in nodes]
    links = [place for place, link in enumerate(network.supply_links) if link.supplier in nodes]
    received: NDArray[np.float64] = ledger.demand[:, markets].sum(axis=1) + ledger.requested[:, links].sum(axis=1)
    return received


def _full_revenue(ledger: Ledger, scenario: Scenario) -> float:
    """Return the discounted money for all units demanded in the periods that count, which are those of the ledger."""
    prices = np.array([link.price for link in scenario.network.market_links])
    weights = scenario.discount ** (scenario.warm_up + np.arange(ledger.periods))
    return float(weights @ (ledger.demand @ prices))
