"""The program of one path: the network as a mathematical program over one path of demand, stated in Pyomo.

Timing is the simulator's. In period k every node first ships from the stock that it had at the end of period k - 1,
then deliveries arrive, then customers are served. Costs are counted at the end of the period. Period -1 is the past:
its data are the stock on hand and the backlog that the program starts from.

The data of a path are variables too (`given`, `demand`), so that the program is compiled once and solved for many
paths; see `arena_optimization.programs.path_form`.

| variable | unit, meaning |
|---|---|
| `flow[link, k]` | units shipped on a supply link in period k |
| `left[point, k]` | units left of a stock point after the shipments of period k |
| `kept[point, k]` | units of a selling stock point at the end of period k |
| `sold[market, k]`, `unfilled[market, k]` | units per market link |
| `ordered[link, k]` | 1 if anything is shipped, where that costs or has a least quantity |
| `lots[link, k]` | lots shipped, where there is a lot size |
| `enough_left[reason, k]` | 0 if a stock or a capacity ran out, where that decides what is shipped |
| `scrapped[point, k]`, `full[node, k]` | units above a storage capacity, and whether it is reached |
| `given[point, k]` | data: units that arrive without an order of the plan; on hand for k = -1 |
| `demand[market, k]` | data: units wanted; the backlog for k = -1 |
| `arrived[link, k]` | units that arrive where lead times are drawn; their rows are filled in path by path |

Objective `profit[k]` is the profit of the whole network in period k. The holding cost of what is under way already is
left out: nothing changes it.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from arena import Network
from arena_optimization.programs.asked_orders import AskedOrders
from arena_optimization.programs.forced_sales import ForcedSales
from arena_optimization.programs.path_rules import PathRules, end_worth, first_rules, holding_cost
from arena_optimization.programs.short_supply import ShortSupply, is_endless, is_stated

DATA = frozenset({"given", "demand", "seen", "owed_before"})
"""Names of the variables that hold the data of a path."""


def state_path(
    network: Network,
    *,
    horizon: int,
    backlog: bool,
    largest_order: float,
    least_quantities: bool = True,
    runs_out: bool = False,
    rules: PathRules | None = None,
) -> pyo.ConcreteModel:
    """State the program of one path.

    Args:
        network: The network.
        horizon: Number of periods, at least 1.
        backlog: Whether unfilled customers wait; they leave otherwise. Rules say so link by link.
        largest_order: Bound of an order on a link whose supplier has no capacity, units.
        least_quantities: Whether a shipment between two stocks is at least the link's minimum order. A plan needs that
            to be carried out as planned; an upper bound must do without, since scarce stock may force a smaller
            shipment. From a raw material, which is never scarce, it always is.
        runs_out: Without least quantities between stocks: whether a smaller shipment has to leave nothing that could
            have made it larger, as in the simulator where upstream shortage is lost.
        rules: Of an episode with parts beyond the first schema; by default fixed lead times and one fulfilment.

    Returns:
        The program, with one objective per period, to be maximised in sum, undiscounted. Where stock is worth something
        after the last period, that is one more; in a rolling program, which is cut to shorter ones, one more for every
        period that may be the last.
    """
    if rules is None:
        rules = first_rules(network, horizon, backlog=backlog)
    return _PathProgram(network, horizon, rules, largest_order, least_quantities, runs_out).program


class _PathProgram:
    """The statement of one path, part by part."""

    def __init__(
        self,
        network: Network,
        horizon: int,
        rules: PathRules,
        largest_order: float,
        least_quantities: bool,
        runs_out: bool,
    ) -> None:
        self.network = network
        self.rules = rules
        self.backlog = rules.backlog
        self.largest_order = largest_order
        self.least_quantities = least_quantities
        self.periods = range(horizon)
        self.links = range(len(self.network.supply_links))
        self.markets = range(len(self.network.market_links))
        self.points = range(len(network.stock_points))
        self.shipping = {node: network.outbound(node) for node in (*network.managed, *network.raw_materials)}
        self.squeezed = [
            link
            for link, supply in enumerate(network.supply_links)
            if runs_out
            and not least_quantities
            and supply.minimum_order > 0
            and not self._of_endless(link)
            and is_stated(network, rules, link)
        ]
        self.ends_with_worth = any(node.values_stock for node in network.nodes)
        self.program: Any = pyo.ConcreteModel()
        self._declare()
        self._ship()
        self._sell()
        self._order()
        self._store()
        if rules.asks is None:
            ShortSupply(network, rules, self.program, self._shipped, self.squeezed).state(self.periods)
        if rules.serves_at_once:
            ForcedSales(network, rules, self.program).state(self.periods)
        worths = self.periods if rules.asks is not None else self.periods[-1:]
        parts = [*self.periods, *range(horizon, horizon + len(worths) * self.ends_with_worth)]
        self.program.profit = pyo.Objective(
            parts,
            rule=lambda _, k: self._profit(k) if k < horizon else self._worth(worths[k - horizon]),
            sense=pyo.maximize,
        )

    def _declare(self) -> None:
        program, periods = self.program, self.periods
        ships = [p for p in self.points if self.shipping[self.network.stock_points[p].node_id]]
        sells = sorted(set(self.network.selling_points))
        stored = [p for p in self.points if self._node(p).storage_capacity is not None]
        with_past = range(-1, len(periods))
        program.given = pyo.Var(self.points, with_past)
        program.demand = pyo.Var(self.markets, with_past if self.backlog else periods)
        program.flow = pyo.Var(self.links, periods, within=pyo.NonNegativeReals)
        program.arrived = pyo.Var(self.rules.draws, periods, within=pyo.NonNegativeReals)
        program.arriving = pyo.Constraint(self.rules.draws, periods, rule=lambda m, link, k: m.arrived[link, k] == 0.0)
        self.asked = AskedOrders(self.network, self.rules, program)
        self.asked.state(periods)
        program.left = pyo.Var(ships, periods, within=pyo.NonNegativeReals)
        program.kept = pyo.Var(sells, periods, within=pyo.NonNegativeReals)
        program.sold = pyo.Var(self.markets, periods, within=pyo.NonNegativeReals)
        program.scrapped = pyo.Var(stored, periods, within=pyo.NonNegativeReals)
        if self.backlog:
            program.unfilled = pyo.Var(self.markets, periods, within=pyo.NonNegativeReals)

    def _node(self, point: int) -> Any:
        return self.network.node(self.network.stock_points[point].node_id)

    def _priority(self, point: int) -> str | None:
        priority: str | None = self._node(point).priority
        return priority

    def _ships_after_sales(self, point: int) -> bool:
        return self._priority(point) == "markets" and bool(self.shipping[self.network.stock_points[point].node_id])

    def _shipped(self, node: int, k: int) -> Any:
        return sum(self.program.flow[link, k] for link in self.shipping[node])

    def _at_end(self, point: int, k: int) -> Any:
        """Stock at the end of period k."""
        if k < 0:
            return self.program.given[point, k]
        if self._ships_after_sales(point):
            return self.program.left[point, k]
        return self.program.kept[point, k] if (point, k) in self.program.kept else self._to_sell(point, k)

    def _delivered(self, point: int, k: int) -> Any:
        """Stock of period k after deliveries and scrapping, less shipments from the stock at its beginning."""
        program = self.program
        ships_first = (point, k) in program.left and self._priority(point) is None
        stock = program.left[point, k] if ships_first else self._at_end(point, k - 1)
        stock += program.given[point, k]
        for link in self.network.stock_points[point].arrivals:
            if link in self.rules.draws:
                stock += program.arrived[link, k]
            for shipped in self.rules.arriving(link, k):
                stock += program.flow[link, shipped]
        return stock - program.scrapped[point, k] if (point, k) in program.scrapped else stock

    def _to_sell(self, point: int, k: int) -> Any:
        """Stock of period k before sales."""
        if self._priority(point) == "links" and (point, k) in self.program.left:
            return self.program.left[point, k]
        return self._delivered(point, k)

    def _ship(self) -> None:
        """Nodes ship from the stock of the previous period or, with a priority, from that after the deliveries.

        Factories and raw materials ship within their capacity.
        """
        program = self.program

        def remaining(_: Any, point: int, k: int) -> Any:
            own = self.network.stock_points[point]
            shipped = own.consumption * self._shipped(own.node_id, k)
            return program.left[point, k] == self._before_shipping(point, k) - shipped

        def within_capacity(_: Any, node: int, k: int) -> Any:
            return self._shipped(node, k) <= self.network.node(node).capacity

        program.remaining = pyo.Constraint(program.left.index_set(), rule=remaining)
        raws = [raw for raw in self.network.raw_materials if self.network.node(raw).capacity is not None]
        limited = [node for node in (*self.network.factories, *raws) if self.shipping[node]]
        program.within_capacity = pyo.Constraint(limited, self.periods, rule=within_capacity)

    def _before_shipping(self, point: int, k: int) -> Any:
        priority = self._priority(point)
        if priority is None:
            return self._at_end(point, k - 1)
        if priority == "markets" and (point, k) in self.program.kept:
            return self.program.kept[point, k]
        return self._delivered(point, k)

    def _sell(self) -> None:
        """Customers are served from what is there after deliveries."""
        program = self.program
        of_point = {
            point: [m for m in self.markets if self.network.selling_points[m] == point] for point in self.points
        }

        def kept(_: Any, point: int, k: int) -> Any:
            sales = sum(program.sold[m, k] for m in of_point[point])
            return program.kept[point, k] == self._to_sell(point, k) - sales

        def owed(_: Any, market: int, k: int) -> Any:
            before = program.unfilled[market, k - 1] if k else program.demand[market, -1]
            waiting = before if self.rules.shares[market] == 1.0 else self.rules.shares[market] * before
            return program.unfilled[market, k] == waiting + program.demand[market, k] - program.sold[market, k]

        def wanted(_: Any, market: int, k: int) -> Any:
            return program.sold[market, k] <= program.demand[market, k]

        program.keeping = pyo.Constraint(program.kept.index_set(), rule=kept)
        program.serving = pyo.Constraint(self.markets, self.periods, rule=owed if self.backlog else wanted)

    def _order(self) -> None:
        """Fixed costs, minimum orders and whole lots."""
        program, supply = self.program, self.network.supply_links
        at_least = [
            link
            for link in self.links
            if supply[link].minimum_order > 0
            and (self.least_quantities or self._of_endless(link))
            and link not in self.rules.owing
        ]
        switched = [
            link for link in self.links if supply[link].fixed_ordering_cost > 0 or link in (*at_least, *self.squeezed)
        ]
        in_lots = [link for link in self.links if supply[link].lot_size > 0]
        chosen = self.rules.is_chosen
        program.ordered = pyo.Var(switched, self.periods, within=pyo.Binary)
        program.lots = pyo.Var(in_lots, self.periods, within=pyo.NonNegativeIntegers)
        program.ordering = pyo.Constraint(
            [(link, k) for link in switched for k in self.periods if self.asked.is_chosen(link, k)],
            rule=lambda m, link, k: self.asked.quantity(link, k) <= self._most(link) * m.ordered[link, k],
        )
        program.enough = pyo.Constraint(
            [(link, k) for link in at_least for k in self.periods if chosen(link, k)],
            rule=lambda m, link, k: self.asked.quantity(link, k) >= supply[link].minimum_order * m.ordered[link, k],
        )
        # A raw material without capacity ships what was ordered before the first period as it is.
        program.whole_lots = pyo.Constraint(
            [
                (link, k)
                for link in in_lots
                for k in self.periods
                if chosen(link, k) or not (self._of_endless(link) or self.rules.is_asked(link))
            ],
            rule=lambda m, link, k: self.asked.quantity(link, k) == supply[link].lot_size * m.lots[link, k],
        )

    def _of_endless(self, link: int) -> bool:
        return is_endless(self.network, self.network.supply_links[link].supplier)

    def _most(self, link: int) -> float:
        capacity = self.network.node(self.network.supply_links[link].supplier).capacity
        return self.largest_order if capacity is None else min(capacity, self.largest_order)

    def _store(self) -> None:
        """What exceeds a storage capacity is scrapped after deliveries, and nothing else ever is."""
        program, network = self.program, self.network
        nodes = sorted({self.network.stock_points[p].node_id for p, k in program.scrapped})
        program.full = pyo.Var(nodes, self.periods, within=pyo.Binary)

        def total(node: int, k: int) -> Any:
            return sum(self._delivered(point, k) for point in network.points_of(node))

        def fits(_: Any, node: int, k: int) -> Any:
            return total(node, k) <= network.node(node).storage_capacity

        def reached(m: Any, node: int, k: int) -> Any:
            return total(node, k) >= network.node(node).storage_capacity * m.full[node, k]

        def only_then(m: Any, point: int, k: int) -> Any:
            node = self.network.stock_points[point].node_id
            most = (len(network.inbound(node)) + 1) * self.largest_order
            return m.scrapped[point, k] <= most * m.full[node, k]

        program.fits = pyo.Constraint(nodes, self.periods, rule=fits)
        program.reached = pyo.Constraint(nodes, self.periods, rule=reached)
        program.only_then = pyo.Constraint(program.scrapped.index_set(), rule=only_then)

    def _worth(self, last: int) -> Any:
        return end_worth(self.network, self.rules, self.program, self._at_end, last)

    def _profit(self, k: int) -> Any:
        program, network = self.program, self.network
        profit = 0.0
        for market, link in enumerate(network.market_links):
            retailer = network.node(link.retailer)
            sold, demand = program.sold[market, k], program.demand[market, k]
            unfilled = program.unfilled[market, k] if self.backlog else demand - sold
            operating = (retailer.operating_cost or 0.0) / retailer.yield_
            profit += (link.price - operating) * sold - link.shortage_penalty * unfilled
        for position, supply in enumerate(network.supply_links):
            # What one managed node pays to another is no cost of the whole network.
            if network.role(supply.supplier) == "raw_material":
                profit -= supply.price * program.flow[position, k]
            else:
                supplier = network.node(supply.supplier)
                profit -= (supplier.operating_cost or 0.0) / supplier.yield_ * program.flow[position, k]
            if supply.pipeline_holding_cost:
                under_way = self.rules.on_the_way(position, k)
                profit -= supply.pipeline_holding_cost * sum(program.flow[position, j] for j in under_way)
            if supply.fixed_ordering_cost:
                profit -= supply.fixed_ordering_cost * program.ordered[position, k]
            if self.rules.asks is not None:
                profit -= self.asked.penalty(position, k)
            elif (position, k) in program.owed:
                profit -= supply.shortage_penalty * program.owed[position, k]
        for point in self.points:
            profit -= holding_cost(network, point) * self._at_end(point, k)
        return profit
