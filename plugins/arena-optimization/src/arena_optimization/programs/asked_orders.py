"""Orders of a rolling plan where they are not the shipments: those that suppliers see later, and those that fall short.

A link is *asked* where its supplier sees orders later, where it pays for what it owes, or where its stock differs by
path, so that a shipment that all paths share would be the smallest of all. There the plan decides on ``asked``, and
every path ships what it can of it:

    flow + missing = asked                        (shortage lost)
    flow + missing = asked + missing before       (shortage owed)

In the periods for which orders are on their way to the supplier already, these stand for ``asked`` as data. Nothing
forces a path to ship all it could; a small price on ``missing`` makes it better than keeping back (see
`arena_optimization.programs.rolling_rules.price_of_missing`).

| variable | unit, meaning |
|---|---|
| `asked[link, k]` | units ordered so that the supplier sees them in period k |
| `missing[link, k]` | units that were asked for and not shipped; with shortage owed, those that are owed |
| `seen[link, k]` | data: units ordered before, which the supplier sees in period k |
| `owed_before[link, -1]` | data: units owed before the first period |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyomo.environ as pyo

from arena import Network
from arena_optimization.programs.path_rules import PathRules
from arena_optimization.programs.short_supply import is_endless


class AskedOrders:
    """The statement of orders that are not shipments; without asked links, of none."""

    def __init__(self, network: Network, rules: PathRules, program: Any) -> None:
        """Take what the statement needs.

        Args:
            network: The network.
            rules: Those of the program.
            program: The program, shipments included.
        """
        self._network, self._rules, self._program = network, rules, program
        self._links = sorted(rules.asks or ())

    def state(self, periods: Sequence[int]) -> None:
        """Add the variables and the rows."""
        program, rules, links = self._program, self._rules, self._links
        program.asked = pyo.Var(links, periods, within=pyo.NonNegativeReals)
        program.missing = pyo.Var(links, periods, bounds=self._bounds)
        program.seen = pyo.Var([(link, k) for link in links for k in periods if not rules.is_chosen(link, k)])
        program.owed_before = pyo.Var(links if rules.owes else [], [-1])

        def asking(m: Any, link: int, k: int) -> Any:
            claim = self.quantity(link, k)
            if rules.owes:
                claim = claim + (m.missing[link, k - 1] if k else m.owed_before[link, -1])
            return m.flow[link, k] + m.missing[link, k] == claim

        program.asking = pyo.Constraint(links, periods, rule=asking)

    def quantity(self, link: int, k: int) -> Any:
        """Units that the supplier of a link sees as ordered in a period."""
        if not self._rules.is_asked(link):
            return self._program.flow[link, k]
        return self._program.asked[link, k] if self._rules.is_chosen(link, k) else self._program.seen[link, k]

    def is_chosen(self, link: int, k: int) -> bool:
        """Whether a quantity is one of the plan, so that fixed costs and least quantities bind it."""
        return not self._rules.is_asked(link) or self._rules.is_chosen(link, k)

    def penalty(self, link: int, k: int) -> Any:
        """Money for what the supplier of a link owes at the end of a period."""
        penalty = self._network.supply_links[link].shortage_penalty
        return penalty * self._program.missing[link, k] if self._rules.is_asked(link) and self._rules.owes else 0.0

    def _bounds(self, _: Any, link: int, __: int) -> tuple[float, float | None]:
        is_whole = is_endless(self._network, self._network.supply_links[link].supplier)
        return (0.0, 0.0 if is_whole else None)
