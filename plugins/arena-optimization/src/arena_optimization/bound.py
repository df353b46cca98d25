"""A certified upper bound of the profit of an episode, also under goodwill.

Where demand is the inverse CDF of uniforms that do not depend on what is played, it is a function of period and
sentiment, and sentiment follows from the service pattern. So a plan for the whole episode is an integer program: one
unit flows through the graph of reachable sentiments (see `arena_optimization.sentiment`), choosing in every period the
arc "all served" or the arc "short"; demand is that of the nodes on its way; nothing is unfilled on an arc "all
served", and on a short arc one of the retailers has nothing left, since the simulator serves whom it can. The rest is
the program of the path, with demand as a decision. A retailer that sells out without leaving anyone unserved may take
a short arc there and not in the simulator: that can only raise the optimum.

Tightness: what may be unfilled on a short arc is at most the demand since the last full service (lost sales: of the
period), node by node, and what a retailer may have left is what the network can have brought there. The only integer
decisions are one per period, whether it is short, and with several market links one per link and period.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse

from arena import OracleBriefing
from arena_optimization.clairvoyant import (
    BoolArray,
    ProvingSolver,
    WholeEpisode,
    demand_of,
    largest_shipments,
)
from arena_optimization.clairvoyant_controller import ClairvoyantController, ClairvoyantPlan
from arena_optimization.config import BoundConfig
from arena_optimization.goodwill_search import GoodwillSearch
from arena_optimization.oracle import exogenous_plan, widened
from arena_optimization.path_form import IntArray
from arena_optimization.sentiment import IndistinctSentiments, SentimentGraph, sentiment_graph
from arena_optimization.solver import SolveFailure
from arena_optimization.stocks import FloatArray

AddRows = Callable[
    [sparse.csr_array | None, sparse.csr_array | None, sparse.csr_array | None, FloatArray, FloatArray], None
]
"""Adds rows: their part on the path's decisions, on the arcs, on the choices; their lower and their upper bounds."""


class Bound(ClairvoyantController):
    """Plays the best plan that it finds, and reports a bound that no controller can exceed in this episode.

    On exogenous demand it is `Oracle`, on goodwill with inverse-CDF sampling the integer program over sentiments, begun
    from the oracle's plan. With direct sampling under goodwill it plays as `Oracle` and reports no bound: every change
    of sentiment there gives unrelated demand ever after, so that all 2^(periods - 1) service patterns would have to be
    solved. A bound that the solver had proved when its time was up is a bound, and the plan is no fallback then; if
    it had proved nothing, none is reported. Nor is one where rounding leaves open which demand a sentiment has.
    """

    def __init__(self, config: BoundConfig) -> None:
        """Take the settings."""
        super().__init__()
        self._config = config

    def make_plan(self, briefing: OracleBriefing) -> ClairvoyantPlan:
        """The best plan found, and the bound that was proved."""
        return certified_plan(briefing, self._config)


def certified_plan(briefing: OracleBriefing, config: BoundConfig) -> ClairvoyantPlan:
    """The plan of `Bound`."""
    if briefing.goodwill is None:
        return exogenous_plan(briefing, config, with_bound=True)
    started = time.monotonic()
    search = GoodwillSearch(briefing, config)
    search.published()
    search.priced(config.weights)
    search.improved(config.search_solves)
    plan = search.plan
    scenario = briefing.scenario
    assert scenario is not None
    if scenario.demand.sampling != "inverse_cdf":
        return plan
    try:
        program = SentimentProgram(briefing, gap=config.gap)
    except IndistinctSentiments:
        return plan
    if search.best is not None:
        program.suggest(search.best.short)
    bound, short = program.solve(max(0.1, config.time_limit - (time.monotonic() - started)))
    is_fallback = plan.is_fallback
    if short is not None:
        search.allow(1.0)  # the program of one pattern takes milliseconds, also when the proof took all the time
        search.force(short, set())
        plan = search.plan
    return ClairvoyantPlan(plan.orders, widened(bound) if np.isfinite(bound) else None, is_fallback, plan.played)


class SentimentProgram:
    """The integer program over sentiments.

    Columns: the decisions of the path; then per node of the graph the flow on its arc "all served" and on its arc
    "short"; then per period whether it is short; then, with several market links, per link and period whether it is
    the one that is short.
    """

    def __init__(self, briefing: OracleBriefing, *, gap: float) -> None:
        """State the program.

        Args:
            briefing: An episode with goodwill and inverse-CDF sampling.
            gap: Relative gap at which the program counts as solved.
        """
        self._briefing = briefing
        self.graph: SentimentGraph = sentiment_graph(briefing)
        self.path = WholeEpisode(briefing, least_quantities=False)
        self._given = self.path.data(np.zeros_like(briefing.uniforms()))
        self._state(gap)

    def _state(self, gap: float) -> None:
        path, graph, form = self.path, self.graph, self.path.form
        nodes, periods = len(graph.sentiments), form.horizon
        labels = form.data
        wanted = np.flatnonzero((labels.kind == "demand") & (labels.period >= 0))
        arcs, markets = 2 * nodes, len(path.network.market_links)
        choices = periods * (1 + markets if markets > 1 else 1)
        # Demand of the path's data from the flow through the nodes: both arcs of a node carry its demand.
        period_of = np.repeat(np.arange(periods), np.diff(graph.first))
        through = np.zeros((len(wanted), nodes))
        for row, position in enumerate(wanted):
            here = period_of == labels.period[position]
            through[row, here] = graph.demand[here, labels.item[position]]
        through = np.hstack([through, through])
        to_demand = sparse.csr_array(through)

        blocks: list[list[sparse.csr_array]] = []
        lower: list[FloatArray] = []
        upper: list[FloatArray] = []

        def add(
            on_path: sparse.csr_array | None, on_arcs: sparse.csr_array | None, on_short: sparse.csr_array | None,
            low: FloatArray, high: FloatArray,
        ) -> None:  # fmt: skip
            rows = len(high)
            parts = zip((on_path, on_arcs, on_short), (len(form.upper), arcs, choices), strict=True)
            blocks.append([sparse.csr_array((rows, width)) if part is None else part for part, width in parts])
            lower.append(low)
            upper.append(high)

        right = form.row_constant - form.row_data @ self._given
        add(form.matrix, form.row_data[:, wanted] @ to_demand, None, np.where(form.row_open, -np.inf, right), right)
        if len(form.bounded):
            picked = _selection(form.bounded, len(form.upper))
            right = form.bound_constant - form.bound_data @ self._given
            add(picked, form.bound_data[:, wanted] @ to_demand, None, np.full(len(right), -np.inf), right)
        add(None, *self._conservation(nodes, choices, period_of))
        self._serve(add, period_of)
        self._sell_out(add, choices)
        matrix = sparse.csr_array(sparse.block_array(blocks, format="csr"))
        data_costs = path.data_worth
        costs = np.concatenate([path.costs, data_costs[wanted] @ through, np.zeros(choices)])
        self._constant = float(data_costs @ self._given)
        self._arcs = slice(len(form.upper), len(form.upper) + arcs)
        self._shorts = slice(len(form.upper) + arcs, len(form.upper) + arcs + periods)
        self._solver = ProvingSolver(
            matrix,
            costs,
            lower=np.zeros(len(costs)),
            upper=np.concatenate([form.upper, np.ones(arcs + choices)]),
            row_lower=np.concatenate(lower),
            row_upper=np.concatenate(upper),
            integer=np.concatenate([form.integer, np.zeros(arcs, dtype=np.bool_), np.ones(choices, dtype=np.bool_)]),
            gap=gap,
        )

    def _conservation(
        self, nodes: int, choices: int, period_of: IntArray
    ) -> tuple[sparse.csr_array, sparse.csr_array, FloatArray, FloatArray]:
        """One unit enters at the first node and passes every node; a period is short if its short arcs carry it."""
        graph, periods = self.graph, self.path.form.horizon
        on_arcs = sparse.lil_array((nodes + periods, 2 * nodes))
        on_short = sparse.lil_array((nodes + periods, choices))
        for node in range(nodes):
            on_arcs[node, node] = on_arcs[node, nodes + node] = 1.0
            on_arcs[nodes + period_of[node], nodes + node] = 1.0
            for arc, head in ((node, graph.served[node]), (nodes + node, graph.short[node])):
                if head >= 0:
                    on_arcs[head, arc] = -1.0
        for period in range(periods):
            on_short[nodes + period, period] = -1.0
        right = np.zeros(nodes + periods)
        right[0] = 1.0
        return sparse.csr_array(on_arcs), sparse.csr_array(on_short), right, right

    def _serve(self, add: AddRows, period_of: IntArray) -> None:
        """Nothing is unfilled on an arc "all served", and on a short one no more than can be owed there."""
        path, graph = self.path, self.graph
        labels, nodes = path.form.columns, len(graph.sentiments)
        kind = "unfilled" if path.backlog else "sold"
        columns = labels.where(kind)
        on_arcs = sparse.lil_array((len(columns), 2 * nodes))
        for row, column in enumerate(columns):
            market, here = labels.item[column], np.flatnonzero(period_of == labels.period[column])
            if path.backlog:  # unfilled ≤ Σ short arcs × most owed
                on_arcs[row, nodes + here] = -graph.most_owed[here, market]
            else:  # sold ≥ Σ served arcs × demand
                on_arcs[row, here] = graph.demand[here, market]
        sign = 1.0 if path.backlog else -1.0
        zero = np.zeros(len(columns))
        add(
            sign * _selection(columns, len(path.form.upper)),
            sparse.csr_array(on_arcs),
            None,
            np.full(len(columns), -np.inf),
            zero,
        )

    def _sell_out(self, add: AddRows, choices: int) -> None:
        """In a short period some retailer has unfilled units, and nothing left."""
        path, graph = self.path, self.graph
        labels, periods = path.form.columns, path.form.horizon
        markets = range(len(path.network.market_links))
        kept = labels.where("kept").reshape(-1, periods)
        place = {int(labels.item[columns[0]]): columns for columns in kept}
        most_kept = self._most_brought()
        single = len(markets) == 1
        period = np.arange(periods)
        for market in markets:
            seller = path.network.selling_points[market]
            chosen = period + (0 if single else periods * (1 + market))
            most = most_kept[path.network.market_links[market].retailer]
            pick = sparse.csr_array((most, (period, chosen)), shape=(periods, choices))
            add(_selection(place[seller], len(path.form.upper)), None, pick, np.full(periods, -np.inf), most)
            if single:
                continue
            # unfilled ≤ most owed × chosen; in lost-sales mode demand - sold stands for unfilled.
            owed = np.maximum.reduceat(graph.most_owed[:, market], graph.first[:-1])
            columns = labels.where("unfilled" if path.backlog else "sold").reshape(-1, periods)[market]
            on_arcs = None
            if not path.backlog:
                nodes, period_of = len(graph.sentiments), np.repeat(period, np.diff(graph.first))
                entries = (graph.demand[:, market], (period_of, np.arange(nodes)))
                demand = sparse.csr_array(entries, shape=(periods, nodes))
                on_arcs = sparse.hstack([demand, demand], format="csr")
            pick = sparse.csr_array((-owed, (period, chosen)), shape=(periods, choices))
            sign = 1.0 if path.backlog else -1.0
            add(
                sign * _selection(columns, len(path.form.upper)),
                on_arcs,
                pick,
                np.full(periods, -np.inf),
                np.zeros(periods),
            )
        if not single:
            rows = np.concatenate([period] * (1 + len(markets)))
            values = np.concatenate([np.ones(periods), np.full(periods * len(markets), -1.0)])
            at_least_one = sparse.csr_array((values, (rows, np.arange(choices))), shape=(periods, choices))
            add(None, None, at_least_one, np.full(periods, -np.inf), np.zeros(periods))

    def _most_brought(self) -> dict[int, FloatArray]:
        """The most that can have come to every managed node up to the end of a period, initial stock included."""
        network, periods = self.path.network, self.path.form.horizon
        most_shipped = largest_shipments(self._briefing)
        found: dict[int, FloatArray] = {}
        for node_id in network.upstream_first:
            parts = max(1, len(network.node(node_id).bill_of_materials))
            total = np.full(periods, parts * (network.node(node_id).initial_stock or 0.0))
            for position in network.inbound(node_id):
                link = network.supply_links[position]
                supplier = network.node(link.supplier)
                most = most_shipped[position]
                if supplier.capacity is not None:
                    most = min(most, supplier.capacity)
                shipped = most * np.arange(1.0, periods + 1.0)
                if link.supplier in found and not supplier.bill_of_materials:
                    # What is shipped was there at the end of the period before.
                    before = np.concatenate([[supplier.initial_stock or 0.0], found[link.supplier][:-1]])
                    shipped = np.minimum(shipped, before)
                total[link.lead_time :] += shipped[: max(0, periods - link.lead_time)]
            found[node_id] = total
        return found

    def suggest(self, short: BoolArray) -> None:
        """Begin from the plan of a service pattern, (periods,), if it has one without minimum orders."""
        demand, pattern = demand_of(self._briefing, short), short
        try:
            solved = self.path.solve(demand, served=~short)
        except SolveFailure:
            return
        nodes = len(self.graph.sentiments)
        on_arcs, node = np.zeros(2 * nodes), 0
        for is_short in pattern.tolist():
            on_arcs[node + nodes * is_short] = 1.0
            node = int(self.graph.short[node] if is_short else self.graph.served[node])
        chosen = pattern.astype(np.float64)
        markets = len(self.path.network.market_links)
        if markets > 1:
            labels = self.path.form.columns
            if self.path.backlog:
                unfilled = solved.values[labels.where("unfilled")].reshape(markets, -1)
            else:
                unfilled = demand.T - solved.values[labels.where("sold")].reshape(markets, -1)
            chosen = np.concatenate([chosen, (unfilled > 1e-6).astype(np.float64).ravel()])
        self._solver.suggest(np.concatenate([solved.values, on_arcs, chosen]))

    def solve(self, time_limit: float) -> tuple[float, BoolArray | None]:
        """Solve.

        Args:
            time_limit: Seconds.

        Returns:
            The proved bound of the profit (infinite only if nothing was proved in time), and the service pattern of
            the best solution, (periods,), if there is one.
        """
        try:
            solution = self._solver.solve(time_limit)
            bound, values = solution.bound, solution.values
        except SolveFailure as failure:
            if failure.incumbent is None:
                return self._solver.proved_bound + self._constant, None
            bound, values = self._solver.proved_bound, failure.incumbent
        return bound + self._constant, values[self._shorts] > 0.5


def _selection(columns: IntArray, width: int) -> sparse.csr_array:
    """Rows that pick one column each."""
    rows = np.arange(len(columns))
    return sparse.csr_array((np.ones(len(columns)), (rows, columns)), shape=(len(columns), width))
