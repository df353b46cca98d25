"""A certified upper bound of the profit of an episode, also under goodwill.

Where demand is the inverse CDF of uniforms that do not depend on what is played, it is a function of period and
sentiment, and sentiment follows from the service pattern. So a plan for the whole episode is an integer program: one
unit flows through the graph of reachable sentiments (see `arena_optimization.programs.sentiment_graph`),
choosing in every period the arc "all served" or the arc "short"; demand is that of the nodes on its way; nothing is
unfilled on an arc "all served", and on a short arc one of the retailers has nothing left, and nothing for the market
links that it serves later, since the simulator serves whom it can, in the order of the links. The rest is the program
of the path, with demand as a decision. A retailer that sells out without leaving anyone unserved may take a short arc
there and not in the simulator, whose plans come as close to that as they like: that can only raise the optimum.

Tightness: what may be unfilled on a short arc is at most the demand since the last full service (lost sales: of the
period), node by node, and what a retailer may have left is what the network can have brought there. The only integer
decisions are one per period, whether it is short, and with several market links one per link and period.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse

from arena import OracleBriefing
from arena_optimization.arrays import BoolArray, FloatArray, IntArray
from arena_optimization.programs.episode_program import EpisodeProgram
from arena_optimization.programs.known_episode import demand_of
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.path_rules import due_before, uses_later_parts
from arena_optimization.programs.sentiment_graph import SentimentGraph, sentiment_graph
from arena_optimization.programs.solver import PLENTY, Failure, SolveFailure, Solver, Work


class _Rows(NamedTuple):
    """Rows of the program: their parts on the three groups of columns, None for no entry, and their bounds."""

    on_path: sparse.csr_array | None
    on_arcs: sparse.csr_array | None
    on_choices: sparse.csr_array | None
    lower: FloatArray
    upper: FloatArray


class Proof(NamedTuple):
    """What the solver proved, and the best solution that it found."""

    bound: float
    """Upper bound of the profit, money; infinite if nothing was proved in time."""
    short: BoolArray | None
    """Service pattern of the best solution, (periods,); None without a solution."""
    most_wanted: FloatArray
    """The largest demand of every period at any sentiment, (periods, market links), units."""
    orders: FloatArray | None = None
    """Shipments of the best solution, (periods, supply links); None without one."""
    stopped: Failure | None = None
    """Why the solver did not finish; None if it did."""


class SentimentProgram:
    """The integer program over sentiments.

    Columns: the decisions of the path; then per node of the graph the flow on its arc "all served" and on its arc
    "short"; then per period whether it is short; then, with several market links, per link and period whether it is
    the one that is short.
    """

    def __init__(self, briefing: OracleBriefing, *, gap: float, work: Work = PLENTY) -> None:
        """State the program.

        Args:
            briefing: An episode with goodwill and inverse-CDF sampling.
            gap: Relative gap at which the program counts as solved.
            work: What a solve may take.
        """
        self._briefing = briefing
        self.graph: SentimentGraph = sentiment_graph(briefing)
        self.path = EpisodeProgram(briefing, least_quantities=False, work=work)
        self._given = self.path.data(np.zeros_like(briefing.uniforms()))
        # The largest demand of every period, whatever sentiment it is met with; to leave out what is never sold
        # changes no service pattern, and lets no retailer have more left.
        self._most_wanted = np.maximum.reduceat(self.graph.demand, self.graph.first[:-1])
        self._useful = self.path.useful(self._most_wanted)
        self._has_later_parts = uses_later_parts(briefing)
        self._due = due_before(briefing.network, briefing.horizon)
        self._state(gap, work, self.path.tightened(self._most_wanted))

    def _state(self, gap: float, work: Work, form: PathForm) -> None:
        path, graph = self.path, self.graph
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

        right = form.row_constant - form.row_data @ self._given
        on_arcs = form.row_data[:, wanted] @ to_demand
        rows = [_Rows(form.matrix, on_arcs, None, np.where(form.row_open, -np.inf, right), right)]
        if len(form.bounded):
            picked = _selection(form.bounded, len(form.upper))
            right = form.bound_constant - form.bound_data @ self._given
            rows.append(_at_most(picked, form.bound_data[:, wanted] @ to_demand, None, right))
        rows += [self._conserve(choices, period_of), self._serve(period_of), *self._sell_out(choices)]
        widths = (len(form.upper), arcs, choices)
        blocks = [
            [
                sparse.csr_array((len(block.upper), width)) if part is None else part
                for part, width in zip(block[:3], widths, strict=True)
            ]
            for block in rows
        ]
        matrix = sparse.csr_array(sparse.block_array(blocks, format="csr"))
        data_costs = path.data_worth
        costs = np.concatenate([path.costs, data_costs[wanted] @ through, np.zeros(choices)])
        self._constant = float(data_costs @ self._given) + path.worth_before
        self._arcs = slice(len(form.upper), len(form.upper) + arcs)
        self._shorts = slice(len(form.upper) + arcs, len(form.upper) + arcs + periods)
        self._solver = Solver(
            matrix,
            costs,
            lower=np.zeros(len(costs)),
            upper=np.concatenate([form.upper, np.ones(arcs + choices)]),
            row_lower=np.concatenate([block.lower for block in rows]),
            row_upper=np.concatenate([block.upper for block in rows]),
            integer=np.concatenate([form.integer, np.zeros(arcs, dtype=np.bool_), np.ones(choices, dtype=np.bool_)]),
            gap=gap,
            work=work,
        )

    def _conserve(self, choices: int, period_of: IntArray) -> _Rows:
        """One unit enters at the first node and passes every node; a period is short if its short arcs carry it."""
        graph, periods, nodes = self.graph, self.path.form.horizon, len(period_of)
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
        return _Rows(None, sparse.csr_array(on_arcs), sparse.csr_array(on_short), right, right)

    def _serve(self, period_of: IntArray) -> _Rows:
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
        on_path = sign * _selection(columns, len(path.form.upper))
        return _at_most(on_path, sparse.csr_array(on_arcs), None, np.zeros(len(columns)))

    def _sell_out(self, choices: int) -> Iterator[_Rows]:
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
            yield _at_most(_selection(place[seller], len(path.form.upper)), None, pick, most)
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
            yield _at_most(sign * _selection(columns, len(path.form.upper)), on_arcs, pick, np.zeros(periods))
            # Links of the same retailer that are served later get nothing then: sold ≤ most owed × (1 - chosen).
            for other in range(market + 1, len(markets)):
                if path.network.selling_points[other] == seller:
                    most = np.maximum.reduceat(graph.most_owed[:, other], graph.first[:-1])
                    pick = sparse.csr_array((most, (period, chosen)), shape=(periods, choices))
                    columns = labels.where("sold").reshape(-1, periods)[other]
                    yield _at_most(_selection(columns, len(path.form.upper)), None, pick, most)
        if not single:
            rows = np.concatenate([period] * (1 + len(markets)))
            values = np.concatenate([np.ones(periods), np.full(periods * len(markets), -1.0)])
            at_least_one = sparse.csr_array((values, (rows, np.arange(choices))), shape=(periods, choices))
            yield _at_most(None, None, at_least_one, np.zeros(periods))

    def _most_brought(self) -> dict[int, FloatArray]:
        """The most that can have come to every managed node up to the end of a period, initial stock included."""
        network, periods = self.path.network, self.path.form.horizon
        found: dict[int, FloatArray] = {}
        for node_id in network.upstream_first:
            parts = max(1, len(network.node(node_id).bill_of_materials))
            total = np.full(periods, parts * (network.node(node_id).initial_stock or 0.0))
            if self._has_later_parts:
                total += sum(np.cumsum(self._due[point]) for point in network.points_of(node_id))
                for position in network.inbound(node_id):
                    total += np.cumsum(self.path.limits.arriving(position, self._useful[position]))
                found[node_id] = total
                continue
            for position in network.inbound(node_id):
                link = network.supply_links[position]
                supplier = network.node(link.supplier)
                shipped = np.cumsum(self._useful[position])
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

    def solve(self, time_limit: float) -> Proof:
        """Solve.

        Args:
            time_limit: Seconds.
        """
        stopped: Failure | None = None
        try:
            solution = self._solver.solve(time_limit)
            bound, values = solution.bound, solution.values
        except SolveFailure as failure:
            if failure.incumbent is None:
                bound = self._solver.proved_bound + self._constant
                return Proof(bound, None, self._most_wanted, stopped=failure.reason)
            bound, values, stopped = self._solver.proved_bound, failure.incumbent, failure.reason
        orders = self.path.orders(values[: self._arcs.start])
        return Proof(bound + self._constant, values[self._shorts] > 0.5, self._most_wanted, orders, stopped)


def _at_most(
    on_path: sparse.csr_array | None,
    on_arcs: sparse.csr_array | None,
    on_choices: sparse.csr_array | None,
    upper: FloatArray,
) -> _Rows:
    """Rows without a lower bound."""
    return _Rows(on_path, on_arcs, on_choices, np.full(len(upper), -np.inf), upper)


def _selection(columns: IntArray, width: int) -> sparse.csr_array:
    """Rows that pick one column each."""
    rows = np.arange(len(columns))
    return sparse.csr_array((np.ones(len(columns)), (rows, columns)), shape=(len(columns), width))
