"""The rolling programs of the published benchmark, rebuilt with PuLP and CBC as a reference to compare with.

The published deterministic linear program (DLP), the multi-stage stochastic program (MSSP) and the oracle are one
program: a linear program over some demand paths, solved anew in every period from what is observed, of which only the
first period's orders are played. DLP has one path, MSSP ten, the oracle one path that is the realised demand and one
solve for the whole episode.

This is the slow way of stating it, on purpose: a new model in every period, one copy of all variables per path, and
decisions that paths must share tied by equality rows. Needs ``pip install "pulp<4"``, which brings the solver CBC;
nothing is imported from it before a program is solved. Source: gym-invmgmt (arXiv 2605.11355) by its description, not
its code.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from arena import Network
from arena.world.scenario import Fulfilment

_SAMPLING = 0x4D535350  # "MSSP"
_NO_CAPACITY = 1e6
_SECONDS = 30


@dataclass(frozen=True)
class Start:
    """Where a program starts from, as an Observation shows it; units."""

    on_hand: np.ndarray
    """Units on hand, (managed nodes,)."""
    pipeline: np.ndarray
    """Units under way, flat: each supply link's slots by arrival, see ``Network.pipeline_offsets``."""
    backlog: np.ndarray
    """Customers' units still owed, (market links,); zero in lost-sales mode."""


@dataclass(frozen=True)
class PublishedSolution:
    """An optimal solution."""

    objective: float
    """Expected profit over the program's horizon; what is under way at the start costs nothing here."""
    first_orders: np.ndarray
    """Units to order in the coming period, (supply links,)."""
    seconds_building: float
    """Wall time of stating the program in PuLP."""
    seconds_solving: float
    """Wall time of PuLP's solve: writing the file, the solver's process, reading the result."""


def published_horizon_dlp(network: Network, periods_left: int) -> int:
    """Periods the published DLP looks ahead: ten or the largest lead time + 2, but never past the end.

    Args:
        network: whose lead times count.
        periods_left: of the episode, the coming one included.
    """
    return _horizon(10, network, periods_left)


def published_horizon_mssp(network: Network, periods_left: int) -> int:
    """Periods the published MSSP looks ahead: the longest way from raw material to retailer + 5 if that is over ten.

    Args:
        network: whose lead times count.
        periods_left: of the episode, the coming one included.
    """
    # Every way from a factory continues to a raw material, and market links take no time.
    return _horizon(max(10, network.longest_lead_time + 5), network, periods_left)


def _horizon(wanted: int, network: Network, periods_left: int) -> int:
    return max(min(wanted, periods_left), min(periods_left, max(network.lead_times) + 2))


def published_sampling_generator(seed: int) -> np.random.Generator:
    """The stream from which the published MSSP samples its paths, one for a whole episode.

    Args:
        seed: of the episode, one of the public seeds.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, _SAMPLING]).generate_state(1)[0])


def published_paths(
    generator: np.random.Generator, means: np.ndarray, paths: int = 10, random_periods: int = 3
) -> np.ndarray:
    """Demand paths of the published MSSP: Poisson in the first periods, then the rounded mean (half to even).

    Args:
        generator: from :func:`published_sampling_generator`; it moves on by one draw per path, random period and link.
        means: mean demand, units, (market links, horizon).
        paths: how many.
        random_periods: how many periods are drawn.

    Returns:
        Units, (paths, horizon, market links).
    """
    sampled = [
        [
            [generator.poisson(mean) if t < random_periods else int(np.round(mean)) for mean in means_of_links]
            for t, means_of_links in enumerate(means.T)
        ]
        for _ in range(paths)
    ]
    return np.array(sampled, dtype=np.float64)


def solve_published(
    network: Network, fulfilment: Fulfilment, discount: float, start: Start, demand: np.ndarray
) -> PublishedSolution:
    """State the published program for some demand paths of equal probability, and solve it.

    Args:
        network: with all costs, lead times and capacities.
        fulfilment: ``backlog`` or ``lost_sales``.
        discount: factor on a period's profit per period elapsed.
        start: the state before the first period.
        demand: units, (paths, horizon, market links). Paths that agree up to a period order the same in it.

    Raises:
        ImportError: Without PuLP.
        ValueError: If an array's shape does not fit the network, or the network has parts that the published program
            does not know.
        RuntimeError: If the solver proves no optimum within 30 seconds.
    """
    _check(network, start, demand)
    import pulp

    with warnings.catch_warnings():
        # PuLP 3.3 announces other names for PuLP 4; releases before it know only these.
        warnings.simplefilter("ignore", DeprecationWarning)
        began = time.perf_counter()
        program = _Program(pulp, network, fulfilment, discount, start, demand)
        built = time.perf_counter()
        program.problem.solve(pulp.PULP_CBC_CMD(msg=0, timeLimit=_SECONDS))
        solved = time.perf_counter()
        # Stopped by the clock with some integer solution in hand, the status alone says "optimal".
        problem = program.problem
        if problem.status != pulp.LpStatusOptimal or problem.sol_status != pulp.LpSolutionOptimal:
            found = pulp.LpStatus[problem.status]
            raise RuntimeError(f"CBC proved no optimum ({found}); it has {_SECONDS} s: use fewer paths or periods")
        orders = [max(0.0, flow.varValue) for flow in program.flow[0][0].values()]
        return PublishedSolution(
            objective=float(pulp.value(problem.objective)),
            first_orders=np.array(orders),
            seconds_building=built - began,
            seconds_solving=solved - built,
        )


def _check(network: Network, start: Start, demand: np.ndarray) -> None:
    markets = len(network.market_links)
    if demand.ndim != 3 or demand.shape[2] != markets or 0 in demand.shape:
        raise ValueError(f"demand has shape {demand.shape}; it is (paths, horizon, {markets} market links)")
    lengths = {"on_hand": len(network.managed), "pipeline": network.pipeline_offsets[-1], "backlog": markets}
    for name, length in lengths.items():
        shape = getattr(start, name).shape
        if shape != (length,):
            raise ValueError(f"start.{name} has shape {shape}; this network needs ({length},)")
    for node in network.nodes:
        if node.bill_of_materials or node.storage_capacity is not None:
            raise ValueError(f"node {node.id}: the published program knows no bill of materials and no storage limit")
    for i, link in enumerate(network.supply_links):
        if link.minimum_order or link.lot_size or link.lead_time_distribution is not None:
            raise ValueError(f"supply link {i}: the published program knows no minimum, lots or random lead times")


class _Program:
    """The program in PuLP's words; see :func:`solve_published`."""

    def __init__(
        self, pulp: Any, network: Network, fulfilment: Fulfilment, discount: float, start: Start, demand: np.ndarray
    ) -> None:
        self.pulp, self.network, self.backlog = pulp, network, fulfilment == "backlog"
        self.paths, self.periods, self.markets = demand.shape
        self.links = len(network.supply_links)
        self.start = start
        self.discounts: list[float] = (discount ** np.arange(self.periods)).tolist()
        self.problem = pulp.LpProblem("published", pulp.LpMaximize)
        self.flow = self._variables("flow", self.links)
        self.sales = self._variables("sales", self.markets)
        self.stock = self._variables("stock", len(network.managed))
        self.unfilled = self._variables("unfilled", self.markets)
        self.fixed_costs = any(link.fixed_ordering_cost for link in network.supply_links)
        self.ordered = self._variables("ordered", self.links, "Binary") if self.fixed_costs else {}
        terms = [term for path in range(self.paths) for term in self._profit(path)]
        self.problem += pulp.LpAffineExpression(terms) / self.paths
        for path, rows in enumerate(demand.tolist()):
            for t, demanded in enumerate(rows):
                self._supply(path, t)
                self._customers(path, t, demanded)
        self._non_anticipativity(demand)

    def _variables(self, name: str, count: int, category: str = "Continuous") -> Any:
        """One variable per path, period and position, none negative."""
        indices = (range(self.paths), range(self.periods), range(count))
        return self.pulp.LpVariable.dicts(name, indices, lowBound=0, cat=category)

    def _profit(self, path: int) -> Iterable[tuple[Any, float]]:
        for t, discount in enumerate(self.discounts):
            for m, market in enumerate(self.network.market_links):
                yield self.sales[path][t][m], discount * market.price
                yield self.unfilled[path][t][m], -discount * market.shortage_penalty
            for i, link in enumerate(self.network.supply_links):
                supplier = self.network.node(link.supplier)
                # Between managed nodes the price is revenue of one and cost of the other.
                money = 0.0 if link.supplier in self.network.managed else -link.price
                if supplier.capacity is not None:
                    money -= (supplier.operating_cost or 0.0) / supplier.yield_
                under_way = sum(self.discounts[t : t + link.lead_time])
                yield self.flow[path][t][i], discount * money - link.pipeline_holding_cost * under_way
                if self.fixed_costs:
                    yield self.ordered[path][t][i], -discount * link.fixed_ordering_cost
            for n, node in enumerate(self.network.managed):
                yield self.stock[path][t][n], -discount * (self.network.node(node).holding_cost or 0.0)

    def _supply(self, path: int, t: int) -> None:
        """Balance and shipping of every managed node, and the fixed costs."""
        network, flow = self.network, self.flow[path]
        for n, node_id in enumerate(network.managed):
            node = network.node(node_id)
            shipped = [(flow[t][i], 1.0 / node.yield_) for i in network.outbound(node_id)]
            sold = [(self.sales[path][t][m], 1.0) for m in network.markets_of(node_id)]
            outgoing = self.pulp.LpAffineExpression([*shipped, *sold])
            before = self.stock[path][t - 1][n] if t else float(self.start.on_hand[n])
            incoming = self.pulp.lpSum(self._arriving(path, t, i) for i in network.inbound(node_id))
            self.problem += self.stock[path][t][n] == before + incoming - outgoing
            # A retailer sells what arrives in the same period; any other node ships what it already had.
            if sold:
                self.problem += outgoing <= before + incoming
            elif shipped:
                self.problem += outgoing <= before
            if node.capacity is not None and shipped:
                self.problem += self.pulp.lpSum(flow[t][i] for i in network.outbound(node_id)) <= node.capacity
        for i, link in enumerate(network.supply_links if self.fixed_costs else ()):
            capacity = network.node(link.supplier).capacity
            largest = _NO_CAPACITY if capacity is None else capacity
            self.problem += flow[t][i] <= largest * self.ordered[path][t][i]

    def _arriving(self, path: int, t: int, link: int) -> Any:
        lead_time = self.network.lead_times[link]
        if t >= lead_time:
            return self.flow[path][t - lead_time][link]
        return float(self.start.pipeline[self.network.pipeline_offsets[link] + t])

    def _customers(self, path: int, t: int, demanded: list[float]) -> None:
        for m, demand in enumerate(demanded):
            owed: Any = demand
            if self.backlog:
                owed = demand + (self.unfilled[path][t - 1][m] if t else float(self.start.backlog[m]))
            self.problem += self.sales[path][t][m] <= owed
            self.problem += self.unfilled[path][t][m] == owed - self.sales[path][t][m]

    def _non_anticipativity(self, demand: np.ndarray) -> None:
        """Paths with the same demand before period ``t`` order the same in it."""
        for t in range(self.periods):
            first_of: dict[bytes, int] = {}
            for path in range(self.paths):
                first = first_of.setdefault(demand[path, :t].tobytes(), path)
                if first != path:
                    for i in range(self.links):
                        self.problem += self.flow[first][t][i] == self.flow[path][t][i]
