"""A network that falls into stores: one draw of demand for all of them, and one decision after another."""

from __future__ import annotations

import time

import numpy as np

from arena import Briefing, Network, Observation
from arena_optimization.arrays import FloatArray
from arena_optimization.lookahead.planner import StorePlanner
from arena_optimization.lookahead.simulation import Situation
from arena_optimization.lookahead.store import MOST_PERIODS, Store, planned_periods, store_of
from arena_optimization.programs.extensive_form import Plan, UnfinishedPlan
from arena_optimization.programs.independent_parts import independent_parts
from arena_optimization.programs.rolling_rules import seen_orders
from arena_optimization.programs.solver import SolveFailure
from arena_optimization.programs.start import due_of, on_hand_of

_MOST_CELLS = 2**19
"""Demands that are drawn for a decision, about; with many stores there are fewer paths."""
_LEAST_PATHS = 64


class Stores:
    """The look-ahead of every store of a network.

    Attributes:
        longest: Longest time from an order to its delivery, periods.
    """

    def __init__(self, briefing: Briefing, stores: list[Store]) -> None:
        """Take the stores, which are all there is.

        Args:
            briefing: The episode.
            stores: See `stores_of`.
        """
        self._briefing = briefing
        self._stores = stores
        self._planners = [StorePlanner(store) for store in stores]
        self.longest = max(store.longest for store in stores)

    def horizon(self, means: FloatArray, left: int) -> int:
        """Periods that are simulated.

        Args:
            means: Mean demand of a period, (market links,), units.
            left: Periods left of the episode.
        """
        return min(left, max(planned_periods(store, float(means[store.market])) for store in self._stores))

    def paths(self, most: int, periods: int) -> int:
        """Number of paths, at most `most`, so that all stores together do not take too many draws."""
        paths = most
        while paths > _LEAST_PATHS and paths * periods * len(self._stores) > _MOST_CELLS:
            paths //= 2
        return paths

    def plan(self, observation: Observation, demand: FloatArray, horizon: int, time_limit: float) -> Plan:
        """Choose the orders of a period.

        Args:
            observation: What is seen.
            demand: Units, (paths, market links, periods), so many periods as `horizon` and `longest`, or to the end.
            horizon: Periods that are simulated.
            time_limit: Seconds, for all stores.

        Returns:
            A plan of this period alone. Its objective is not a number, since no program was solved.

        Raises:
            UnfinishedPlan: The time ran out; the stores that were left over order what customers are expected to want.
        """
        network, until = self._briefing.network, time.monotonic() + time_limit
        left = self._briefing.horizon - observation.period
        on_hand = on_hand_of(network, observation)
        due = _coming(network, observation, horizon + self.longest + 1)
        flows = np.zeros((len(network.supply_links), 1 + max(network.order_delays)))
        is_late = False
        for store, planner in zip(self._stores, self._planners, strict=True):
            is_late = is_late or time.monotonic() > until
            wanted = demand[:, store.market]
            if is_late:
                source = store.sources[0]
                flows[source.link, source.delay] = float(wanted[:, 0].mean())
                continue
            backlog = float(observation.last_unfilled[store.market]) * store.waiting_share
            situation = Situation(float(on_hand[store.point]), backlog, due[store.point, : horizon + store.longest + 1])
            whole = all(_is_whole(units) for units in (wanted, situation.due, np.array([situation.on_hand, backlog])))
            decision = planner.decide(
                situation, wanted, horizon=horizon, left=left, discount=self._briefing.discount, whole=whole
            )
            for units, source in zip(decision.orders.tolist(), store.sources, strict=True):
                flows[source.link, source.delay] = units
        plan = Plan(np.nan, np.nan, flows, np.nan)
        if is_late:
            raise UnfinishedPlan(SolveFailure("time_limit"), plan)
        return plan


def stores_of(briefing: Briefing) -> Stores | None:
    """The look-ahead of a network whose independent parts are all stores; None if one of them is not."""
    stores = []
    for part in independent_parts(briefing.network):
        store = store_of(briefing, part)
        if store is None:
            return None
        stores.append(store)
    return Stores(briefing, stores)


def first_look(left: int) -> int:
    """Periods of which the mean demand says how far to look ahead."""
    return min(left, MOST_PERIODS)


def _coming(network: Network, observation: Observation, periods: int) -> FloatArray:
    """Units by stock point and period of arrival, orders that suppliers have not seen included."""
    due = due_of(network, observation.pipeline, periods)
    seen = seen_orders(network, observation.unseen, periods)
    for position, point in enumerate(network.receiving_points):
        lead_time = network.supply_links[position].slots
        due[point, lead_time:] += seen[position, : periods - lead_time]
    return due


def _is_whole(units: FloatArray) -> bool:
    return bool((units == np.rint(units)).all())
