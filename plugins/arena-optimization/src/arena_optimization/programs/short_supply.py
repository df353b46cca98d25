"""Suppliers who run short: what they ship of what they are asked for is no choice of a plan.

A plan orders what it ships, and then nobody is short. Not so in three cases: orders from before the first period are no
choice; an order below the minimum order cannot be placed, so that a smaller shipment needs a supplier who runs short;
and where shortage is owed, an order may ship over many periods. There a supplier ships as much as it can when it sees
an order. With shortage lost, the rest is forgotten; with shortage owed, it follows as soon as it can, in whole lots,
costs its penalty until then, and is asked for together with what the plan orders.

A binary ``enough_left`` per reason (a stock, or the capacity) is 0 where that ran out. Links served in their order:
then less than a lot of it is left for the link, nothing without lots, and links that are served later get what remains.
Links that share in proportion: then nothing is left at all, and everybody gets the same ``share`` of what it asked for.
An order from before the first period says what the share is; any order of the plan fits it, so that the statement is
linear. It is not linear where owed units are shared in proportion, or whole lots are: there (`is_stated`) the program
may ship less than the simulator does, and is an upper bound only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pyomo.environ as pyo

from arena import Network
from arena_optimization.programs.path_rules import PathRules

_MOST = 1e6
"""Stands for the most that can be left, shipped or owed; `arena_optimization.programs.useful_shipments` lowers it."""
_BELOW = 1.0 - 1e-6
"""What is left where a whole lot cannot be shipped is less than this part of a lot."""
_HALF = 0.5
"""Part of a lot by which rows between whole lots are loosened: it allows no lot more, and a row that only rounding
breaks would make the solver discard plans that can be played."""


class _Reason(NamedTuple):
    """What may keep a supplier from shipping all that is asked for on a link, or on all its links if they share."""

    item: int
    """Number of the reason among those of all links."""
    link: int
    """The link; of links that share, the first."""
    point: int | None
    """Stock point; None for the capacity."""


class ShortSupply:
    """The statement of what suppliers ship where they may run short."""

    def __init__(
        self,
        network: Network,
        rules: PathRules,
        program: Any,
        shipped: Callable[[int, int], Any],
        squeezed: list[int],
    ) -> None:
        """Take what the statement needs.

        Args:
            network: The network.
            rules: Those of the episode.
            program: Its program, shipments and ``ordered`` included.
            shipped: Units that a node ships in a period.
            squeezed: Links on which scarce stock may make a shipment smaller than the minimum order.
        """
        self._network, self._rules, self._program, self._shipped = network, rules, program, shipped
        links = range(len(network.supply_links))
        early = [link for link in links if rules.orders_before[link].any()]
        self._scarce = [link for link in early if not is_endless(network, network.supply_links[link].supplier)]
        self._squeezed = squeezed
        self._owing = list(rules.owing)
        stated = {link for link in (*self._scarce, *self._owing, *squeezed) if is_stated(network, rules, link)}
        self._alone = sorted(link for link in stated if not self._shares(link))
        self._sharing = sorted({self._outbound(link)[0] for link in stated if self._shares(link)})

    def state(self, periods: Iterable[int]) -> None:
        """Add what is owed, what the plan adds to it, and the rows."""
        periods = list(periods)
        self._ask(periods)
        self._serve_in_order(periods)
        self._share_out(periods)

    def _shares(self, link: int) -> bool:
        return self._network.node(self._network.supply_links[link].supplier).allocation == "proportional"

    def _outbound(self, link: int) -> list[int]:
        """All links of the supplier of a link."""
        return sorted(self._network.outbound(self._network.supply_links[link].supplier))

    def _early(self, link: int, k: int) -> float:
        return float(self._rules.orders_before[link, k])

    def _ask(self, periods: list[int]) -> None:
        """Orders from before the first period, and orders that may be owed."""
        program, rules, supply = self._program, self._rules, self._network.supply_links
        early = [(i, k) for i in range(len(supply)) for k in periods if not rules.is_chosen(i, k)]
        chosen = [(i, k) for i in self._owing for k in periods if rules.is_chosen(i, k)]
        at_least = [(i, k) for i, k in chosen if supply[i].minimum_order > 0]
        in_lots = [(i, k) for i, k in chosen if supply[i].lot_size > 0]
        program.owed = pyo.Var(self._owing, periods, within=pyo.NonNegativeReals)
        program.added = pyo.Var(chosen, within=pyo.NonNegativeReals)
        program.placed = pyo.Var(at_least, within=pyo.Binary)
        program.added_lots = pyo.Var(in_lots, within=pyo.NonNegativeIntegers)

        def as_ordered(m: Any, link: int, k: int) -> Any:
            if link in self._scarce:
                lot = supply[link].lot_size
                most = _whole_lots(self._early(link, k), lot) + lot * _HALF if lot else self._early(link, k)
                return m.flow[link, k] <= most
            return m.flow[link, k] == self._early(link, k)

        program.as_ordered = pyo.Constraint([(i, k) for i, k in early if i not in self._owing], rule=as_ordered)
        program.owing = pyo.Constraint(
            self._owing, periods, rule=lambda m, i, k: m.owed[i, k] == self._claim(i, k) - m.flow[i, k]
        )
        program.within_bound = pyo.Constraint(
            chosen, rule=lambda m, i, k: m.added[i, k] <= rules.largest_order(self._network, i)
        )
        program.placing = pyo.Constraint(at_least, rule=lambda m, i, k: m.added[i, k] - _MOST * m.placed[i, k] <= 0)
        program.placed_enough = pyo.Constraint(
            at_least, rule=lambda m, i, k: m.added[i, k] >= supply[i].minimum_order * m.placed[i, k]
        )
        program.placed_lots = pyo.Constraint(
            in_lots, rule=lambda m, i, k: m.added[i, k] == supply[i].lot_size * m.added_lots[i, k]
        )

    def _claim(self, link: int, k: int) -> Any:
        """What a supplier is asked for in a period: what it owes, and what it sees of orders, the plan's included."""
        claim: Any = self._early(link, k)
        if link in self._owing and k:
            claim += self._program.owed[link, k - 1]
        if (link, k) in self._program.added:
            claim += self._program.added[link, k]
        return claim

    def _places(self, links: list[int], periods: list[int]) -> list[tuple[int, int]]:
        """Links and periods in which a supplier may be asked for more than it ships."""
        rules = self._rules
        return [
            (link, k)
            for link in links
            for k in periods
            if link in self._owing or (self._early(link, k) if not rules.is_chosen(link, k) else link in self._squeezed)
        ]

    def _serve_in_order(self, periods: list[int]) -> None:
        """Suppliers who serve their links one after the other."""
        program, network, rules = self._program, self._network, self._rules
        supply = network.supply_links
        places = self._places(self._alone, periods)
        reasons = {link: self._reasons(link) for link in self._alone}
        by_item = {reason.item: reason for link in self._alone for reason in reasons[link]}
        items = [(reason.item, k) for link, k in places for reason in reasons[link]]
        later = {link: [other for other in self._outbound(link) if other > link] for link in self._alone}
        program.enough_left = pyo.Var(
            [*items, *((r.item, k) for i in self._sharing for k in periods for r in self._reasons(i))],
            within=pyo.Binary,
        )

        def ran_out(m: Any, link: int, k: int) -> Any:
            return sum(1 - m.enough_left[reason.item, k] for reason in reasons[link])

        def all_owed(m: Any, link: int, k: int) -> Any:
            lot = supply[link].lot_size
            # Orders and shipments are in lots, so that what remains of a lot is known.
            before = float(rules.orders_before[link, : k + 1].sum())
            remainder = before - _whole_lots(before, lot) if lot else 0.0
            return m.owed[link, k] - _MOST * ran_out(m, link, k) <= remainder + lot * _HALF

        def all_of_it(m: Any, link: int, k: int) -> Any:
            if rules.is_chosen(link, k):
                return m.flow[link, k] >= supply[link].minimum_order * (m.ordered[link, k] - ran_out(m, link, k))
            asked, lot = self._early(link, k), supply[link].lot_size
            whole = max(0.0, _whole_lots(asked, lot) - lot * _HALF) if lot else asked
            return m.flow[link, k] >= whole * (1 - ran_out(m, link, k))

        def less_than_a_lot(m: Any, item: int, k: int) -> Any:
            reason = by_item[item]
            lot = supply[reason.link].lot_size
            after = later[reason.link] if lot else []  # without lots they get nothing
            if reason.point is None:
                capacity = network.node(supply[reason.link].supplier).capacity
                for_others = sum(m.flow[other, k] for other in after)
                shipped = self._shipped(supply[reason.link].supplier, k) - for_others
                return capacity - shipped <= capacity * m.enough_left[item, k] + lot * _BELOW
            consumption = network.stock_points[reason.point].consumption
            left = m.left[reason.point, k] + consumption * sum(m.flow[other, k] for other in after)
            return left - _MOST * m.enough_left[item, k] <= consumption * lot * _BELOW

        def nothing_later(m: Any, pair: int, k: int) -> Any:
            item, other = divmod(pair, len(supply))
            return m.flow[other, k] - _MOST * m.enough_left[item, k] <= 0

        is_owing = [(link, k) for link, k in places if link in self._owing]
        program.all_owed = pyo.Constraint(is_owing, rule=all_owed)
        program.all_of_it = pyo.Constraint([one for one in places if one not in is_owing], rule=all_of_it)
        of_stock = [(item, k) for item, k in items if by_item[item].point is not None]
        program.stock_left = pyo.Constraint(of_stock, rule=less_than_a_lot)
        program.capacity_left = pyo.Constraint([one for one in items if one not in of_stock], rule=less_than_a_lot)
        program.nothing_later = pyo.Constraint(
            [
                (item * len(supply) + other, k)
                for item, k in items
                if not supply[by_item[item].link].lot_size
                for other in later[by_item[item].link]
            ],
            rule=nothing_later,
        )

    def _share_out(self, periods: list[int]) -> None:
        """Suppliers who share in proportion to what they are asked for; shortage is lost there."""
        program, network, rules = self._program, self._network, self._rules
        supply = network.supply_links
        outbound = {first: self._outbound(first) for first in self._sharing}
        places = [(i, k) for i in self._sharing for k in periods if self._places(outbound[i], [k])]
        reasons = {link: self._reasons(link) for link in self._sharing}
        by_item = {reason.item: reason for link in self._sharing for reason in reasons[link]}
        items = [(reason.item, k) for link, k in places for reason in reasons[link]]
        each = [(first * len(supply) + link, k) for first, k in places for link in outbound[first]]
        program.share = pyo.Var(places, within=pyo.NonNegativeReals)

        def all_of_it(m: Any, first: int, k: int) -> Any:
            return m.share[first, k] >= 1 - sum(1 - m.enough_left[reason.item, k] for reason in reasons[first])

        def share_of(m: Any, pair: int, k: int) -> Any:
            first, link = divmod(pair, len(supply))
            if rules.is_chosen(link, k):
                return m.flow[link, k] <= rules.largest_order(network, link) * m.share[first, k]
            return m.flow[link, k] == self._early(link, k) * m.share[first, k]

        def share_of_least(m: Any, pair: int, k: int) -> Any:
            first, link = divmod(pair, len(supply))
            if not rules.is_chosen(link, k) or link not in self._squeezed:
                return pyo.Constraint.Skip
            return m.flow[link, k] >= supply[link].minimum_order * (m.share[first, k] + m.ordered[link, k] - 1)

        def nothing_left(m: Any, item: int, k: int) -> Any:
            reason = by_item[item]
            if reason.point is not None:
                return m.left[reason.point, k] - _MOST * m.enough_left[item, k] <= 0
            supplier = supply[reason.link].supplier
            capacity = network.node(supplier).capacity
            return capacity - self._shipped(supplier, k) <= capacity * m.enough_left[item, k]

        program.whole_share = pyo.Constraint(places, rule=lambda m, first, k: m.share[first, k] <= 1)
        program.full_share = pyo.Constraint(places, rule=all_of_it)
        program.share_of = pyo.Constraint(each, rule=share_of)
        program.share_of_least = pyo.Constraint(each, rule=share_of_least)
        of_stock = [(item, k) for item, k in items if by_item[item].point is not None]
        program.shared_stock_left = pyo.Constraint(of_stock, rule=nothing_left)
        program.shared_capacity_left = pyo.Constraint([one for one in items if one not in of_stock], rule=nothing_left)

    def _reasons(self, link: int) -> list[_Reason]:
        network = self._network
        supplier, links = network.supply_links[link].supplier, len(network.supply_links)
        points: list[int | None] = [] if network.role(supplier) == "raw_material" else [*network.points_of(supplier)]
        if network.node(supplier).capacity is not None:
            points.append(None)
        return [_Reason(number * links + link, link, point) for number, point in enumerate(points)]


def _whole_lots(units: float, lot: float) -> float:
    return min(units, math.floor(units / lot + 1e-9) * lot)


def is_endless(network: Network, supplier: int) -> bool:
    """Whether a node ships all that is asked for: a raw material without capacity."""
    return network.role(supplier) == "raw_material" and network.node(supplier).capacity is None


def is_stated(network: Network, rules: PathRules, link: int) -> bool:
    """Whether it is stated what a supplier ships on a link when it runs short; see the module's text."""
    supplier = network.supply_links[link].supplier
    if network.node(supplier).allocation == "first_come":
        return True
    return not rules.owes and not any(network.supply_links[other].lot_size for other in network.outbound(supplier))
