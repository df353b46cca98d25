"""What the rolling controllers share: their stated fallback, and what they report of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

import numpy as np

from arena import Briefing, ControllerReport, Network, Observation
from arena_optimization.arrays import BoolArray, FloatArray
from arena_optimization.beliefs.supply import SupplyBelief
from arena_optimization.config import ProgramConfig
from arena_optimization.deliveries import Deliveries
from arena_optimization.programs.extensive_form import Plan, UnfinishedPlan
from arena_optimization.programs.solver import SolveFailure, Work
from arena_optimization.programs.unplannable import refuse_unplannable

_TRACE = 1e-5
"""Units that are nothing: integer programs are feasible to 1e-6 of a binary decision."""


class RollingController(ABC):
    """Plans anew before every decision and plays the plan's first period.

    A program that is infeasible, unbounded or not solved in time is answered by the fallback: the best solution that
    was found until then; without one, the shipments that the last plan foresaw for this period; and without a last
    plan, what customers are expected to want in the coming period, passed up the network in equal parts to all
    suppliers. Such decisions are counted in the report.
    """

    def __init__(self, time_share: float) -> None:
        """Begin without an episode.

        Args:
            time_share: Part of the time for a decision that programs may take.
        """
        self._time_share = time_share
        self._fallbacks = 0
        self._plan: Plan | None = None
        self._planned_in = 0
        self._deadline = np.inf
        self._supply: SupplyBelief | None = None
        self.briefing: Briefing
        self.asked: BoolArray
        """Links on which plans state orders besides what is owed, (supply links,); set by `prepare`."""

    def begin(self, briefing: Briefing) -> None:
        """Prepare the programs of an episode.

        Raises:
            ValueError: If the network has what the programs cannot state.
        """
        refuse_unplannable(briefing)
        self.briefing = briefing
        self._fallbacks, self._plan = 0, None
        self._supply = SupplyBelief(briefing) if briefing.network.varying_links else None
        self.asked = np.zeros(len(briefing.network.supply_links), dtype=np.bool_)
        self.prepare(briefing)

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period.

        Args:
            observation: What is seen before the decision.

        Returns:
            Units, (supply links,).
        """
        self._deadline = time.monotonic() + self._time_share * self.briefing.time_budget
        if self._supply is not None:
            self._supply.observe(observation)
        self.learn(observation)
        try:
            self._plan, self._planned_in = self.plan(observation), observation.period
        except SolveFailure as failure:
            self._fallbacks += 1
            if isinstance(failure, UnfinishedPlan):
                self._plan, self._planned_in = failure.plan, observation.period
        # What is owed from before is shipped with the new order, unless the plan states what is asked for besides.
        owed = np.where(self.asked, 0.0, observation.owed)
        orders = orders_for(self.briefing.network, np.maximum(self._foreseen(observation) - owed, 0.0))
        if self._supply is not None:
            self._supply.note(np.minimum(orders, self.briefing.order_bound))
        return orders

    def report(self) -> ControllerReport:
        """How many decisions were answered by the fallback."""
        return ControllerReport(fallbacks=self._fallbacks)

    @property
    def time_left(self) -> float:
        """Seconds until programs must have been solved, at least a hundredth."""
        return max(self._deadline - time.monotonic(), 0.01)

    def deliveries(self, horizon: int, paths: int) -> Deliveries | None:
        """Paths of the deliveries where lead times vary; None where none does.

        Args:
            horizon: Number of periods.
            paths: Number of paths.
        """
        return None if self._supply is None else self._supply.draw(horizon, paths)

    @abstractmethod
    def prepare(self, briefing: Briefing) -> None:
        """Make what lasts for the episode."""

    @abstractmethod
    def learn(self, observation: Observation) -> None:
        """Take note of an observation; called once per period."""

    @abstractmethod
    def plan(self, observation: Observation) -> Plan:
        """Solve the program of a decision.

        Raises:
            SolveFailure: If that did not succeed.
        """

    @abstractmethod
    def expected_demand(self) -> FloatArray:
        """Mean demand of the coming period, (market links,), units."""

    def _foreseen(self, observation: Observation) -> FloatArray:
        later = observation.period - self._planned_in
        if self._plan is not None and later < self._plan.flows.shape[1]:
            return planned_orders(self.briefing.network, self._plan.flows, later)
        return passed_up(self.briefing.network, self.expected_demand())


def planned_orders(network: Network, flows: FloatArray, later: int) -> FloatArray:
    """Orders of a plan in one of its periods: a supplier that sees them later is asked for what it ships then.

    Args:
        network: The network.
        flows: Units by the period in which suppliers see the order, (supply links, horizon).
        later: The period.

    Returns:
        Units, (supply links,); 0 for what would be seen after the plan's end.
    """
    if not any(network.order_delays):
        return flows[:, later]
    seen = later + np.array(network.order_delays)
    within = seen < flows.shape[1]
    return np.where(within, flows[np.arange(len(flows)), np.minimum(seen, flows.shape[1] - 1)], 0.0)


def work_of(config: ProgramConfig) -> Work:
    """What a program of a decision may take."""
    return Work(nodes=config.nodes, iterations=config.iterations)


def orders_for(network: Network, flows: FloatArray) -> FloatArray:
    """Orders that ship what was planned, freed of the solver's rounding where a rounding error costs money.

    A trace of an order would be charged a fixed cost or raised to a minimum, and a trace above a whole lot to another
    lot.

    Args:
        network: The network.
        flows: Units, (supply links,), not negative.

    Returns:
        Units, (supply links,).
    """
    orders = flows.copy()
    for position, link in enumerate(network.supply_links):
        if link.lot_size > 0:
            lots = round(flows[position] / link.lot_size)
            if abs(flows[position] - lots * link.lot_size) <= _TRACE * max(1.0, link.lot_size):
                orders[position] = lots * link.lot_size
        if (link.fixed_ordering_cost > 0 or link.minimum_order > 0) and orders[position] <= _TRACE:
            orders[position] = 0.0
    return orders


def passed_up(network: Network, demand: FloatArray) -> FloatArray:
    """What every supply link would ship to keep up with demand, if all suppliers of a node shared alike.

    Args:
        network: The network.
        demand: Units, (market links,).

    Returns:
        Units, (supply links,).
    """
    needed = dict.fromkeys(network.managed, 0.0)
    for wanted, link in zip(demand.tolist(), network.market_links, strict=True):
        needed[link.retailer] += wanted
    flows = np.zeros(len(network.supply_links))
    # Buyers before their suppliers: a node's need is known once all links that leave it are.
    for node_id in reversed(network.upstream_first):
        for point in (network.stock_points[position] for position in network.points_of(node_id)):
            for i in point.arrivals:
                flows[i] = needed[node_id] * point.units / network.node(node_id).yield_ / len(point.arrivals)
                if network.supply_links[i].supplier in needed:
                    needed[network.supply_links[i].supplier] += flows[i]
    return flows
