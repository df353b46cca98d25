"""Sales that are no choice: the simulator serves customers at once, in the order of the links, whatever pays more.

A program sells whenever and to whom it pays. The two differ only where another sale, or none, may pay more: in the
warm-up, whose sales earn nothing; where a retailer serves several market links or ships on; where a sale costs more
than it earns; where stock is worth something after the last period; and where a full store scraps what arrives, since
what is kept from customers makes room for less of it. There a binary ``short`` says whether a market
link has unfilled units: if it does, nothing is left of the stock, and later links get nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyomo.environ as pyo

from arena import Network
from arena_optimization.programs.path_rules import PathRules, terminal_value

MOST = 1e6
"""Stands for the most that can be unfilled or in stock; `arena_optimization.programs.sales_limits` lowers it."""


class ForcedSales:
    """The statement of forced sales."""

    def __init__(
        self,
        network: Network,
        rules: PathRules,
        program: Any,
    ) -> None:
        """Take what the statement needs.

        Args:
            network: The network.
            rules: Those of the episode.
            program: Its program, sales included.
        """
        self._network, self._rules, self._program = network, rules, program

    def needs(self, market: int, k: int) -> bool:
        """Whether another sale, or none, may pay more on a market link in a period."""
        network, link = self._network, self._network.market_links[market]
        node = network.node(link.retailer)
        operating = (node.operating_cost or 0.0) / node.yield_
        return bool(
            k < self._rules.warm_up
            or len(network.markets_of(link.retailer)) > 1
            or network.outbound(link.retailer)
            or link.price < operating
            or node.storage_capacity is not None
            or terminal_value(network, network.selling_points[market]) > 0.0
        )

    def state(self, periods: Iterable[int]) -> None:
        """Add the binaries and their rows."""
        program, network = self._program, self._network
        markets = range(len(network.market_links))
        places = [(market, k) for market in markets for k in periods if self.needs(market, k)]
        later = [
            (market * len(markets) + other, k)
            for market, k in places
            for other in markets
            if other > market and network.selling_points[other] == network.selling_points[market]
        ]
        program.short = pyo.Var(places, within=pyo.Binary)

        def missed(m: Any, market: int, k: int) -> Any:
            unfilled = m.unfilled[market, k] if self._rules.backlog else m.demand[market, k] - m.sold[market, k]
            return unfilled - MOST * m.short[market, k] <= 0

        def sold_out(m: Any, market: int, k: int) -> Any:
            return m.kept[network.selling_points[market], k] + MOST * m.short[market, k] <= MOST

        def nothing_later(m: Any, pair: int, k: int) -> Any:
            market, other = divmod(pair, len(markets))
            return m.sold[other, k] + MOST * m.short[market, k] <= MOST

        program.missed = pyo.Constraint(places, rule=missed)
        program.sold_out = pyo.Constraint(places, rule=sold_out)
        program.unserved = pyo.Constraint(later, rule=nothing_later)
