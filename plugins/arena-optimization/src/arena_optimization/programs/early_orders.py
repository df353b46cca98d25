"""Orders from before the first period: what their suppliers ship of them is no choice of a plan.

A supplier ships as much as it can when it sees them. With shortage lost, the rest is forgotten; with shortage owed, it
follows as soon as it can, costs its penalty until then, and comes before what the plan orders. A binary ``enough_left``
per reason (a stock, or the capacity) is 0 where that ran out: then nothing of it is left, and links that are served
later get nothing. Where a supplier shares in proportion, or ships whole lots, that is not stated, and the program may
ship less of such orders than the simulator does: it is an upper bound there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pyomo.environ as pyo

from arena import Network
from arena_optimization.programs.path_rules import PathRules


class _Reason(NamedTuple):
    """What may keep a supplier from shipping all that is asked for on a link."""

    item: int
    """Number of the reason among those of all links."""
    link: int
    point: int | None
    """Stock point; None for the capacity."""


class EarlyOrders:
    """The statement of orders from before the first period."""

    def __init__(self, network: Network, rules: PathRules, program: Any, shipped: Callable[[int, int], Any]) -> None:
        """Take what the statement needs.

        Args:
            network: The network.
            rules: Those of the episode.
            program: Its program, shipments included.
            shipped: Units that a node ships in a period.
        """
        self._network, self._rules, self._program, self._shipped = network, rules, program, shipped
        links = range(len(network.supply_links))
        self._ordered = [link for link in links if rules.orders_before[link].any()]
        self._scarce = [link for link in self._ordered if not is_endless(network, network.supply_links[link].supplier)]
        self._owing = self._scarce if rules.owes else []

    def state(self, periods: Iterable[int]) -> None:
        """Add what is owed, what the plan adds to it, and the rows."""
        program, periods = self._program, list(periods)
        links = range(len(self._network.supply_links))
        early = [(link, k) for link in links for k in periods if not self._rules.is_chosen(link, k)]
        chosen = [(link, k) for link in self._owing for k in periods if self._rules.is_chosen(link, k)]
        program.owed = pyo.Var(self._owing, periods, within=pyo.NonNegativeReals)
        program.added = pyo.Var(chosen, within=pyo.NonNegativeReals)

        def as_ordered(m: Any, link: int, k: int) -> Any:
            if link in self._scarce:
                return m.flow[link, k] <= self._claim(link, k)
            return m.flow[link, k] == float(self._rules.orders_before[link, k])

        def owed(m: Any, link: int, k: int) -> Any:
            return m.owed[link, k] == self._claim(link, k) - m.flow[link, k]

        program.as_ordered = pyo.Constraint(
            [(link, k) for link, k in early if link not in self._owing], rule=as_ordered
        )
        program.owing = pyo.Constraint(self._owing, periods, rule=owed)
        self._ship_what_is_there(periods)

    def _claim(self, link: int, k: int) -> Any:
        """What a supplier is asked for in a period: what it owes, and what it sees of orders, the plan's included."""
        claim: Any = float(self._rules.orders_before[link, k])
        if link in self._owing and k:
            claim += self._program.owed[link, k - 1]
        if (link, k) in self._program.added:
            claim += self._program.added[link, k]
        return claim

    def _ship_what_is_there(self, periods: list[int]) -> None:
        program, network, rules = self._program, self._network, self._rules
        supply = network.supply_links
        forced = [link for link in self._scarce if is_stated(network, link)]
        places = [(link, k) for link in forced for k in periods if rules.owes or rules.orders_before[link, k]]
        reasons = {link: self._reasons(link) for link in forced}
        by_item = {reason.item: reason for link in forced for reason in reasons[link]}
        items = [(reason.item, k) for link, k in places for reason in reasons[link]]
        later = [
            (item * len(supply) + other, k)
            for item, k in items
            for other in network.outbound(supply[by_item[item].link].supplier)
            if other > by_item[item].link
        ]
        program.enough_left = pyo.Var(items, within=pyo.Binary)

        def all_of_it(m: Any, link: int, k: int) -> Any:
            ran_out = sum(1 - m.enough_left[reason.item, k] for reason in reasons[link])
            most = float(rules.orders_before[link].sum())
            if link in self._owing:  # no plan has to leave more owed than was ordered before
                return m.owed[link, k] <= most * ran_out
            return m.flow[link, k] >= self._claim(link, k) - most * ran_out

        def nothing_left(m: Any, item: int, k: int) -> Any:
            reason = by_item[item]
            if reason.point is not None:
                return m.left[reason.point, k] - _MOST * m.enough_left[item, k] <= 0
            supplier = supply[reason.link].supplier
            capacity = network.node(supplier).capacity
            return self._shipped(supplier, k) + capacity * m.enough_left[item, k] >= capacity

        def nothing_later(m: Any, pair: int, k: int) -> Any:
            item, other = divmod(pair, len(supply))
            return m.flow[other, k] - _MOST * m.enough_left[item, k] <= 0

        program.all_of_it = pyo.Constraint(places, rule=all_of_it)
        program.early_left = pyo.Constraint(
            [(item, k) for item, k in items if by_item[item].point is not None], rule=nothing_left
        )
        program.early_capacity = pyo.Constraint(
            [(item, k) for item, k in items if by_item[item].point is None], rule=nothing_left
        )
        program.early_later = pyo.Constraint(later, rule=nothing_later)

    def _reasons(self, link: int) -> list[_Reason]:
        network = self._network
        supplier, links = network.supply_links[link].supplier, len(network.supply_links)
        points: list[int | None] = [] if network.role(supplier) == "raw_material" else [*network.points_of(supplier)]
        if network.node(supplier).capacity is not None:
            points.append(None)
        return [_Reason(number * links + link, link, point) for number, point in enumerate(points)]


_MOST = 1e6
"""Stands for the most that can be left or shipped; `arena_optimization.programs.useful_shipments` lowers it."""


def is_endless(network: Network, supplier: int) -> bool:
    """Whether a node ships all that is asked for: a raw material without capacity."""
    return network.role(supplier) == "raw_material" and network.node(supplier).capacity is None


def is_served_in_order(network: Network, supplier: int) -> bool:
    """Whether a node ships from the stock with which the period begins, in the order of the links."""
    node = network.node(supplier)
    return node.priority is None and node.allocation == "first_come"


def is_stated(network: Network, link: int) -> bool:
    """Whether it is stated what a supplier ships of orders from before the first period; see the module's text."""
    supply = network.supply_links[link]
    return network.node(supply.supplier).allocation == "first_come" and not supply.lot_size
