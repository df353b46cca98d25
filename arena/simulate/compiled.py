"""A scenario's network compiled for the simulator: positions instead of ids, and money as linear maps.

Stocks are those of the network's stock points, see :mod:`arena.world.stock_points`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from arena.simulate.columns import NUMPY, Column, Operations, Terms
from arena.simulate.turns import Source, Turn, turn_of
from arena.world.demand import Goodwill
from arena.world.network import Network
from arena.world.scenario import Scenario
from arena.world.stock_points import StockPoint

#: Names of the money parts of a node's profit; revenue is earned, the others are paid.
MONEY_PARTS = (
    "revenue",
    "procurement_cost",
    "holding_cost",
    "operating_cost",
    "shortage_penalty",
    "fixed_ordering_cost",
)


_LARGEST_MAP: Final = 2**22
"""Most entries of a dense map from flow rows to nodes; above, its terms are added up one by one."""


@dataclass(frozen=True, slots=True)
class GoodwillColumns:
    """Sentiment dynamics of a batch whose episodes differ in them: columns over the batch, see `Goodwill`."""

    growth: Column
    decay: Column
    cap: Column
    floor: Column


@dataclass(frozen=True)
class CompiledScenario:
    """A network with its rules, ready for :func:`arena.simulate.dynamics.step`.

    Make one with :func:`compile_scenario`; it is immutable and can be shared by any number of episodes.
    """

    network: Network
    horizon: int
    warm_up: int
    carried_shares: tuple[float, ...]  # of the unfilled units, per market link: 1 backlog, 0 lost sales
    owes_upstream: bool
    discount: float
    goodwill: Goodwill | GoodwillColumns | None
    sources: tuple[Source, ...]  # per supply link
    opening: Turn  # served from the stock with which the period begins
    before_customers: Turn  # served after the deliveries, before customers
    after_customers: Turn  # served after customers
    shippers: int  # managed nodes and raw materials with a capacity
    stock_points: tuple[StockPoint, ...]
    storage: tuple[tuple[tuple[int, ...], float], ...]  # (stock points of a node, its storage capacity)
    sellers: tuple[int, ...]  # stock point that serves each market link
    initial_stock: tuple[float, ...]  # per stock point
    initial_pipeline: tuple[tuple[float, ...], ...]  # per supply link, by slot
    initial_orders: tuple[tuple[float, ...], ...]  # per supply link, by period of order delay
    initial_backlog: tuple[float, ...]  # per market link
    initial_owed: tuple[float, ...]  # per supply link: zero but for a planner's own state (`arena.advice`)
    has_fixed_costs: bool
    has_owed_penalties: bool
    has_terminal_values: bool

    @cached_property
    def backlog(self) -> bool:
        """Whether all unfilled customers wait, on every market link."""
        return all(share == 1.0 for share in self.carried_shares)

    @cached_property
    def has_order_delays(self) -> bool:
        """Whether a supplier sees an order later than it is placed."""
        return any(self.network.order_delays)

    @cached_property
    def has_lots(self) -> bool:
        """Whether a link has a minimum order or a lot size."""
        return any(source.minimum_order or source.lot_size for source in self.sources)

    @cached_property
    def is_prompt(self) -> bool:
        """Whether goods leave from the stock of the period's beginning and lead times are fixed, on all links."""
        return not self.network.varying_links and not self.late_links

    @cached_property
    def late_links(self) -> tuple[int, ...]:
        """Positions of the supply links on which goods leave after the deliveries of the period."""
        late = (self.before_customers, self.after_customers)
        return tuple(source.link for turn in late for source in turn.sources)

    @cached_property
    def is_weighted(self) -> bool:
        """Whether the money of some period does not count as it is."""
        return self.discount != 1.0 or self.warm_up > 0

    def period_weight(self, period: int) -> float:
        """Factor on the money of a period in profit: ``discount ** period``, and 0 during the warm-up."""
        return 0.0 if period < self.warm_up else self.discount**period

    @cached_property
    def links(self) -> int:
        """Number of supply links."""
        return len(self.network.supply_links)

    @cached_property
    def markets(self) -> int:
        """Number of market links."""
        return len(self.network.market_links)

    @cached_property
    def money_terms(self) -> tuple[Terms, ...]:
        """What turns a period's flow rows into money: per part (row, managed node, money per unit), undiscounted.

        Rows: filled and in transit per supply link, on-hand per stock point, sold and unfilled per market link, and,
        if any link has a fixed ordering cost, one indicator of "anything filled" per supply link, and, if any has a
        shortage penalty, what is owed per supply link. Parts are those of :data:`MONEY_PARTS`, all positive; what stock
        is worth after the last period is :attr:`terminal_map`. Source: contract, profit of a node.
        """
        network, links, stocks, markets = self.network, self.links, len(self.stock_points), self.markets
        in_transit, on_hand = links, 2 * links
        sold, unfilled = on_hand + stocks, on_hand + stocks + markets
        indicator = unfilled + markets
        owed = indicator + (links if self.has_fixed_costs else 0)
        terms: dict[str, list[tuple[int, int, float]]] = {part: [] for part in MONEY_PARTS}
        for i, link in enumerate(network.supply_links):
            buyer = network.managed_index(link.buyer)
            terms["procurement_cost"].append((i, buyer, link.price))
            terms["holding_cost"].append((in_transit + i, buyer, link.pipeline_holding_cost))
            if self.has_fixed_costs:
                terms["fixed_ordering_cost"].append((indicator + i, buyer, link.fixed_ordering_cost))
            if network.role(link.supplier) != "raw_material":
                seller = network.managed_index(link.supplier)
                terms["revenue"].append((i, seller, link.price))
                terms["operating_cost"].append((i, seller, self._operating_cost(link.supplier)))
                if self.has_owed_penalties:
                    terms["shortage_penalty"].append((owed + i, seller, link.shortage_penalty))
        for position, point in enumerate(self.stock_points):
            node, component = network.node(point.node_id), network.component_of(point)
            cost = node.holding_cost if component is None or component.holding_cost is None else component.holding_cost
            cost = cost or 0.0
            terms["holding_cost"].append((on_hand + position, point.node, cost))
        for i, market_link in enumerate(network.market_links):
            seller = network.managed_index(market_link.retailer)
            terms["revenue"].append((sold + i, seller, market_link.price))
            terms["operating_cost"].append((sold + i, seller, self._operating_cost(market_link.retailer)))
            terms["shortage_penalty"].append((unfilled + i, seller, market_link.shortage_penalty))
        return tuple(
            (
                np.array([row for row, _, _ in terms[part]], dtype=np.intp),
                np.array([node for _, node, _ in terms[part]], dtype=np.intp),
                np.array([money for _, _, money in terms[part]]),
            )
            for part in MONEY_PARTS
        )

    @cached_property
    def flow_rows(self) -> int:
        """Number of flow rows."""
        of_links = 2 + int(self.has_fixed_costs) + int(self.has_owed_penalties)
        return of_links * self.links + len(self.stock_points) + 2 * self.markets

    def money(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The money parts of several periods, each of shape (periods, managed nodes), undiscounted.

        Args:
            rows: flow rows, shape (periods, rows).
        """
        nodes, by_row = len(self.network.managed), rows.T
        return {
            name: NUMPY.add_up(terms, by_row, nodes).T
            for name, terms in zip(MONEY_PARTS, self.money_terms, strict=True)
        }

    @cached_property
    def terminal_terms(self) -> Terms:
        """What turns the last period's flow rows into the value of stock after it: (row, managed node, money per unit).

        Of stock on hand, and on its way to the node.
        """
        network, terms = self.network, []
        for position, point in enumerate(self.stock_points):
            node, component = network.node(point.node_id), network.component_of(point)
            own = None if component is None else component.terminal_value
            money = node.terminal_value if own is None else own
            rows = (2 * self.links + position, *(self.links + link for link in point.arrivals))
            terms += [(row, point.node, money) for row in rows if money]
        return (
            np.array([row for row, _, _ in terms], dtype=np.intp),
            np.array([node for _, node, _ in terms], dtype=np.intp),
            np.array([money for _, _, money in terms]),
        )

    def terminal_values(self, rows: np.ndarray) -> np.ndarray:
        """Value of stock after the last period, discounted, shape (episodes, managed nodes).

        Args:
            rows: flow rows of the last period, shape (episodes, rows).
        """
        values: np.ndarray = NUMPY.add_up(self.terminal_terms, rows.T, len(self.network.managed)).T
        return values * self.discount**self.horizon

    @cached_property
    def terminal_map(self) -> np.ndarray:
        """The same as a linear map, undiscounted, shape (managed nodes, rows)."""
        return self._map_by_node(self.terminal_terms)

    @cached_property
    def terminal_reward_map(self) -> np.ndarray:
        """The same for the sum over managed nodes, shape (rows,)."""
        return self._map_of_sum(self.terminal_terms)

    def _operating_cost(self, node_id: int) -> float:
        node = self.network.node(node_id)
        return (node.operating_cost or 0.0) / node.yield_ if self.network.role(node_id) == "factory" else 0.0

    @cached_property
    def profit_map(self) -> np.ndarray:
        """Linear map from flow rows to profit, shape (managed nodes, rows), undiscounted."""
        return self._map_by_node(self.profit_terms)

    @cached_property
    def reward_map(self) -> np.ndarray:
        """Linear map from flow rows to the sum of profits over managed nodes, shape (rows,), undiscounted."""
        return self._map_of_sum(self.profit_terms)

    def _map_by_node(self, terms: Terms) -> np.ndarray:
        row, node, money = terms
        dense = np.zeros((len(self.network.managed), self.flow_rows))
        np.add.at(dense, (node, row), money)
        dense.flags.writeable = False
        return dense

    def _map_of_sum(self, terms: Terms) -> np.ndarray:
        row, _, money = terms
        dense = np.zeros(self.flow_rows)
        np.add.at(dense, row, money)
        dense.flags.writeable = False
        return dense

    def node_profits(self, rows: np.ndarray, period: int) -> np.ndarray:
        """Profit of every managed node in a period, discounted, with the value of stock after the last one.

        Args:
            rows: flow rows of the period, shape (rows,).
            period: from 0.
        """
        profits: np.ndarray = self.node_sums(rows[:, None], NUMPY)[:, 0] * self.period_weight(period)
        if self.has_terminal_values and period + 1 == self.horizon:
            profits = profits + self.terminal_values(rows[None])[0]
        return profits

    def node_sums(self, rows: Any, operations: Operations) -> Any:
        """Profit of every managed node from flow rows, undiscounted, shape (managed nodes, batch).

        Args:
            rows: flow rows of a period, shape (rows, batch).
            operations: those of their kind.
        """
        if self._has_dense_maps:
            return operations.weigh(self.profit_map, rows)
        return operations.add_up(self.profit_terms, rows, len(self.network.managed))

    def terminal_sums(self, rows: Any, operations: Operations) -> Any:
        """Value of stock after the last period by managed node, undiscounted, shape (managed nodes, batch).

        Args:
            rows: flow rows of the last period, shape (rows, batch).
            operations: those of their kind.
        """
        if self._has_dense_maps:
            return operations.weigh(self.terminal_map, rows)
        return operations.add_up(self.terminal_terms, rows, len(self.network.managed))

    @property
    def _has_dense_maps(self) -> bool:
        return len(self.network.managed) * self.flow_rows <= _LARGEST_MAP

    @cached_property
    def profit_terms(self) -> Terms:
        """All of :attr:`money_terms` as one: (row, managed node, money per unit), costs negative."""
        signed = [
            (row, node, money if name == "revenue" else -money)
            for name, (row, node, money) in zip(MONEY_PARTS, self.money_terms, strict=True)
        ]
        row, node, money = (np.concatenate(each) for each in zip(*signed, strict=True))
        return row, node, money

    def stock_by_node(self, stocks: np.ndarray) -> np.ndarray:
        """Units by managed node, shape (..., managed nodes), from units by stock point, shape (..., stock points)."""
        if not self.component_points:
            return stocks + 0.0  # one stock point per managed node
        sums = np.zeros((len(self.network.managed), *stocks.shape[:-1]))
        np.add.at(sums, [point.node for point in self.stock_points], np.moveaxis(stocks, -1, 0))
        return np.ascontiguousarray(np.moveaxis(sums, 0, -1))

    def by_node(self, stocks: Sequence[Column]) -> list[Column]:
        """Columns per managed node from columns per stock point: components are added up, in order."""
        if not self.component_points:
            return list(stocks)  # one stock point per managed node
        sums: list[Column] = [None] * len(self.network.managed)
        for point, stock in zip(self.stock_points, stocks, strict=True):
            before = sums[point.node]
            sums[point.node] = stock if before is None else before + stock
        return sums

    @property
    def component_points(self) -> tuple[int, ...]:
        """Stock point of every component of a bill of materials, in the order of ``network.components``."""
        return self.network.component_points


def compile_scenario(scenario: Scenario) -> CompiledScenario:
    """Compile a scenario's network and rules.

    Args:
        scenario: a validated scenario.

    Returns:
        The compiled; compiling takes a few milliseconds, so share it between episodes.
    """
    network = scenario.network
    points = network.stock_points
    consumption = {
        node_id: tuple((position, points[position].consumption) for position in network.points_of(node_id))
        for node_id in network.managed
    }
    capacities = {node_id: network.node(node_id).storage_capacity for node_id in network.managed}
    shippers = [*network.managed, *(each for each in network.raw_materials if network.node(each).capacity is not None)]
    place_of = {node_id: place for place, node_id in enumerate(shippers)}
    sources = tuple(
        Source(
            link=position,
            node=network.managed_index(link.supplier) if link.supplier in consumption else -1,
            shipper=place_of.get(link.supplier, -1),
            stocks=consumption.get(link.supplier, ()),
            capacity=network.node(link.supplier).capacity,
            minimum_order=link.minimum_order,
            lot_size=link.lot_size,
        )
        for position, link in enumerate(network.supply_links)
    )
    return CompiledScenario(
        network=network,
        horizon=scenario.horizon,
        warm_up=scenario.warm_up,
        carried_shares=scenario.carried_shares,
        owes_upstream=scenario.upstream_shortage == "owed",
        discount=scenario.discount,
        goodwill=scenario.goodwill,
        sources=sources,
        opening=turn_of(network, sources, None),
        before_customers=turn_of(network, sources, "links"),
        after_customers=turn_of(network, sources, "markets"),
        shippers=len(shippers),
        stock_points=points,
        storage=tuple((network.points_of(node), most) for node, most in capacities.items() if most is not None),
        sellers=network.selling_points,
        initial_stock=tuple(network.node(point.node_id).initial_stock or 0.0 for point in points),
        initial_pipeline=tuple(_padded(link.initial_pipeline, link.slots) for link in network.supply_links),
        initial_orders=tuple(_padded(link.initial_orders, link.order_delay) for link in network.supply_links),
        initial_backlog=tuple(link.initial_backlog for link in network.market_links),
        initial_owed=(0.0,) * len(network.supply_links),
        has_fixed_costs=any(link.fixed_ordering_cost > 0 for link in network.supply_links),
        has_owed_penalties=any(link.shortage_penalty > 0 for link in network.supply_links),
        has_terminal_values=any(node.values_stock for node in network.nodes),
    )


def _padded(units: Sequence[float], periods: int) -> tuple[float, ...]:
    return (*units, *(0.0,) * (periods - len(units)))
