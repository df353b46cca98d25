"""A local search over the orders of an episode, by whoever knows the episode; every plan is judged by playing it.

Programs state minimum orders, lots, storage and goodwill a little differently from the simulator, or stop before their
optimum. The search knows nothing but the simulator. It changes what passes a way from a stock or a raw material to a
retailer, every order as much earlier as the deliveries after it take, or a single order; or it moves such an order in
time. How much: all of an order, what was unfilled or left at a retailer, a lot, the minimum order, and steps that are
halved. The first change for the better is kept, and the search goes on from there with the change that comes next.
Where none helps, some random changes are made at once, and it starts from those; the best plan of all stands.

The random changes come from a fixed seed and the end from a count, so that equal episodes have equal plans.
"""

from __future__ import annotations

import time
from itertools import product
from typing import NamedTuple

import numpy as np

from arena import Network, OracleBriefing
from arena_optimization.arrays import FloatArray
from arena_optimization.programs.known_episode import Played, placed, play

_BETTER = 1e-9
"""Relative gain below which a plan is no better: rounding."""
_HALVINGS = 6
_SMALLEST = 1e-6
"""Units: a smaller change is none."""
_MOST_WAYS = 64
_PATIENCE = 25
"""Starts from random changes that may be in vain, one after the other."""
_KICKS = 3
"""Most changes that are made at once."""


class Step(NamedTuple):
    """A link on a way."""

    link: int
    """Position of the supply link."""
    earlier: int
    """Periods between the order on this link and the last order of the way."""
    units: float
    """Units that pass here per unit of the last order."""


class Change(NamedTuple):
    """A change of a plan."""

    way: tuple[Step, ...]
    """Links whose orders change."""
    period: int
    """Period of the last order of the way."""
    units: float
    """What is added to the last order, units; less is taken away where there is less."""
    moved_by: int = 0
    """Where not 0: what is taken away is ordered so many periods later."""


class OrderSearch:
    """Changes a plan of orders as long as the episode earns more with it."""

    def __init__(self, briefing: OracleBriefing, *, periods: int, deadline: float = np.inf) -> None:
        """Prepare the search of an episode.

        Args:
            briefing: The episode, with its stream.
            periods: Periods that may be simulated, in all.
            deadline: When the search ends at the latest, by the monotonic clock: a safety net, since what it cuts off
                depends on the machine.
        """
        self._briefing = briefing
        self._left = periods
        self._deadline = deadline
        self.ran_out_of_time = False
        self._ways = ways_of(briefing.network)
        self._values: dict[bytes, float] = {}
        self._generator = np.random.default_rng(0)

    def improved(self, start: Played) -> Played:
        """The best plan that is found from a start, or the start."""
        best, in_vain = self._descent(start), 0
        while self._goes_on() and in_vain < _PATIENCE:
            found = self._descent(self._kicked(best))
            in_vain += 1
            if found.profit > best.profit + _tolerance(best.profit):
                best, in_vain = found, 0
        return best

    def _descent(self, start: Played) -> Played:
        """A plan from which no change helps any more, or the best one when the periods are used up."""
        best, changes = start, self._changes(start)
        position = without_gain = 0
        while self._goes_on() and without_gain < len(changes):
            change = changes[position % len(changes)]
            position, without_gain = position + 1, without_gain + 1
            tried = changed(self._orders(best), change)
            if tried is not None and self._value(tried) > best.profit + _tolerance(best.profit):
                best, without_gain = self._played(tried), 0
                changes = self._changes(best)
        return best

    def _goes_on(self) -> bool:
        """Whether there are periods and time left."""
        if self._left > 0 and time.monotonic() > self._deadline:
            self._left, self.ran_out_of_time = 0, True
        return self._left > 0

    def _kicked(self, plan: Played) -> Played:
        """A plan some random changes away."""
        changes, orders = self._changes(plan), self._orders(plan)
        for _ in range(int(self._generator.integers(2, _KICKS + 1))):
            tried = changed(orders, changes[int(self._generator.integers(len(changes)))])
            orders = orders if tried is None else tried
        return self._played(orders)

    def _orders(self, plan: Played) -> FloatArray:
        """The orders of a plan without what was not shipped."""
        return placed(self._briefing.network, plan.ledger.filled)

    def _value(self, orders: FloatArray) -> float:
        """Profit of the episode with these orders."""
        key = np.round(orders, 7).tobytes()
        if key not in self._values:
            self._left -= len(orders)
            simulator = self._briefing.simulator()
            self._values[key] = sum(simulator.step(period) for period in np.minimum(orders, self._briefing.order_bound))
        return self._values[key]

    def _played(self, orders: FloatArray) -> Played:
        self._left -= len(orders)
        return play(self._briefing, orders)

    def _changes(self, plan: Played) -> list[Change]:
        """The changes of a plan, in the order in which they are tried."""
        network, ledger = self._briefing.network, plan.ledger
        typical = max(1e-3, float(ledger.demand.mean()))
        steps = [2.0 * typical * 0.5**k for k in range(_HALVINGS)]
        orders, found = self._orders(plan), []
        horizon = len(orders)
        for way in self._ways:
            link = network.supply_links[way[-1].link]
            markets = list(network.markets_of(link.buyer))
            seller = network.managed.index(link.buyer)
            own = [units for units in (link.minimum_order, link.lot_size) if units > 0]
            for period in range(horizon):
                order = float(orders[period, way[-1].link])
                arrival = min(period + link.order_delay + link.lead_time, horizon - 1)
                missed = ledger.unfilled[arrival, markets]
                left = float(ledger.on_hand[arrival:, seller].min())
                if order > _SMALLEST:
                    found.append(Change(way, period, -order))
                    found += [Change(way, period, -order, by) for by in (-1, 1, -2, 2) if 0 <= period + by < horizon]
                found += [Change(way, period, units) for units in {float(missed.sum()), *missed.tolist()}]
                found.append(Change(way, period, -left))
                found += [Change(way, period, sign * units) for units in (*own, *steps) for sign in (1.0, -1.0)]
        return [change for change in found if abs(change.units) > _SMALLEST]


def changed(orders: FloatArray, change: Change) -> FloatArray | None:
    """Orders after a change, (periods, supply links); None if it changes nothing or falls outside the episode."""
    tried = orders.copy()
    for step in change.way:
        period = change.period - step.earlier
        if period < 0:
            return None
        before = tried[period, step.link]
        after = max(0.0, before + change.units * step.units)
        tried[period, step.link] = after if after > _SMALLEST else 0.0
        if change.moved_by:
            later = period + change.moved_by
            if not 0 <= later < len(tried):
                return None
            tried[later, step.link] += before - tried[period, step.link]
    return None if np.array_equal(tried, orders) else tried


def ways_of(network: Network) -> list[tuple[Step, ...]]:
    """Every link alone, then the ways of several links to the retailers, the last link last."""
    alone = [(Step(link, 0, 1.0),) for link in range(len(network.supply_links))]
    found = [
        (*before, Step(link, 0, 1.0))
        for retailer in network.retailers
        for link in network.inbound(retailer)
        for before in _ways_before(network, network.supply_links[link].supplier)
        if before
    ]
    return alone + found[:_MOST_WAYS]


def _ways_before(network: Network, node_id: int) -> list[tuple[Step, ...]]:
    """Ways that bring what a node takes for a unit that it ships; the empty one draws on its stock."""
    of_components: list[list[tuple[Step, ...]]] = []
    for place in network.points_of(node_id):
        point, ways = network.stock_points[place], []
        for link in point.arrivals:
            # What arrives in a period is shipped on in the next one.
            earlier = network.supply_links[link].order_delay + network.supply_links[link].lead_time + 1
            for before in _ways_before(network, network.supply_links[link].supplier):
                upstream = [Step(s.link, s.earlier + earlier, s.units * point.consumption) for s in before]
                ways.append((*upstream, Step(link, earlier, point.consumption)))
        of_components.append(ways[:_MOST_WAYS])
    together = (
        [tuple(step for way in ways for step in way) for ways in product(*of_components)] if of_components else []
    )
    return [(), *together[:_MOST_WAYS]]


def _tolerance(profit: float) -> float:
    return _BETTER * max(1.0, abs(profit))
