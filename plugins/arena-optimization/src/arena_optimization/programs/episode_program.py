"""The program of a whole episode on a known trace of demand, as the clairvoyant controllers solve it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arena import Network, OracleBriefing
from arena_optimization.arrays import BoolArray, FloatArray
from arena_optimization.programs.path_form import PathForm, compile_path
from arena_optimization.programs.path_program import state_path
from arena_optimization.programs.path_rules import PathRules, due_before, known_rules, uses_later_parts, worth_before
from arena_optimization.programs.short_supply import is_endless, is_stated
from arena_optimization.programs.solver import PLENTY, Failure, SolveFailure, Solver, Work
from arena_optimization.programs.start import Start
from arena_optimization.programs.useful_shipments import ShipmentLimits, useful_shipments

_SNAP = 1e-6
"""Shipments this close to a whole number (of units or lots), or to zero, are meant to be one; above the solver's
feasibility tolerance of 1e-7."""


@dataclass(frozen=True)
class Solved:
    """What the program of an episode gave.

    Attributes:
        objective: Profit of the episode as planned.
        bound: Upper bound of the profit that was proved; infinite without proof.
        orders: Units, (periods, supply links).
        values: The decisions, (columns of the form,).
        stopped: Why the solver did not finish, so that this is what it had found until then; None if it did.
    """

    objective: float
    bound: float
    orders: FloatArray
    values: FloatArray
    stopped: Failure | None


class EpisodeProgram:
    """The program of an episode whose demand is given, loaded and solved again for one trace after the other."""

    def __init__(
        self,
        briefing: OracleBriefing,
        *,
        least_quantities: bool = True,
        relaxed: bool = False,
        in_order: bool = False,
        gap: float = 0.0,
        work: Work = PLENTY,
    ) -> None:
        """State and compile the program.

        Args:
            briefing: The episode.
            least_quantities: Whether minimum orders always hold; in an upper bound scarce stock may make a shipment
                smaller, see `arena_optimization.programs.path_program.state_path`.
            relaxed: Whether whole numbers need not be whole.
            in_order: Whether customers are served in the order of the links whatever the world, on exogenous demand;
                see `arena_optimization.programs.path_rules.known_rules`.
            gap: Relative gap at which an integer program counts as solved.
            work: What a solve may take.
        """
        self.network: Network = briefing.network
        self.rules = known_rules(briefing, in_order=in_order)
        self.backlog = self.rules.backlog
        most = self._most_shipped(briefing)
        self.rules = replace(self.rules, owing=self._owing(briefing, most, least_quantities))
        form = compile_path(
            state_path(
                self.network,
                horizon=briefing.horizon,
                backlog=self.backlog,
                largest_order=float(most.max()),
                least_quantities=least_quantities,
                runs_out=briefing.upstream_shortage == "lost",
                rules=self.rules,
            ),
            self.network,
        )
        flows = form.columns.where("flow")
        upper = form.upper.copy()
        is_chosen = form.columns.period[flows] >= np.array(self.rules.delays)[form.columns.item[flows]]
        upper[flows] = np.where(is_chosen, np.minimum(upper[flows], most[form.columns.item[flows]]), upper[flows])
        self.form: PathForm = replace(form, upper=upper)
        self.integer: BoolArray = form.integer & (not relaxed)
        self.costs: FloatArray = form.worth(briefing.discount, briefing.warm_up)
        self.data_worth: FloatArray = form.data_worth(briefing.discount, briefing.warm_up)
        weights: FloatArray = np.array([briefing.discount**k for k in range(briefing.horizon)])
        weights[: briefing.warm_up] = 0.0
        self.worth_before: float = worth_before(self.network, weights, briefing.discount**briefing.horizon)
        self._flows = flows
        self._gap, self._work = gap, work
        self._least_quantities = least_quantities
        self.limits = ShipmentLimits(self.network, self.backlog, most, briefing.discount, self._limiting(briefing))
        self._sold = form.columns.where("sold")
        self._unfilled = form.columns.where("unfilled")
        self._solver: Solver | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the program says what suppliers who run short ship; else it is an upper bound only.

        A fixed cost on a link that owes is paid for a rounding error, too, where a stock is used up to the last unit.
        """
        supply, rules = self.network.supply_links, self.rules
        may_run_short = self._may_run_short(self._least_quantities)
        return all(is_stated(self.network, rules, link) for link in (*may_run_short, *rules.owing)) and not any(
            supply[link].fixed_ordering_cost for link in rules.owing
        )

    def _limiting(self, briefing: OracleBriefing) -> PathRules | None:
        """The rules where they limit shipments otherwise than those of the first schema."""
        return self.rules if uses_later_parts(briefing) or self.rules.owing else None

    def _most_shipped(self, briefing: OracleBriefing) -> FloatArray:
        """The most that can be shipped on every supply link in a period, (supply links,), units."""
        links = range(len(self.network.supply_links))
        most = np.array([self.rules.largest_order(self.network, link) for link in links])
        if self.rules.owes:
            # All earlier orders may follow at once, and with them what was ordered before the first period.
            scarce = self._scarce
            most[scarce] = most[scarce] * briefing.horizon + self.rules.orders_before[scarce].sum(axis=1)
        return most

    @property
    def _scarce(self) -> list[int]:
        """Links whose supplier may run short."""
        supply = self.network.supply_links
        return [link for link, one in enumerate(supply) if not is_endless(self.network, one.supplier)]

    def _may_run_short(self, least_quantities: bool) -> set[int]:
        """Links on which less may ship than was ordered, whatever is planned."""
        supply = self.network.supply_links
        return {
            link
            for link in self._scarce
            if self.rules.orders_before[link].any() or (supply[link].minimum_order > 0 and not least_quantities)
        }

    def _owing(self, briefing: OracleBriefing, most: FloatArray, least_quantities: bool) -> tuple[int, ...]:
        """Links on which more may have to be ordered than ships at once, see `PathRules.owing`; else ``most`` falls."""
        if not self.rules.owes:
            return ()
        supply, scarce = self.network.supply_links, self._scarce
        needs_more = self._may_run_short(least_quantities)
        demand = briefing.realised_demand
        if briefing.goodwill is None and demand is not None:
            rules = replace(self.rules, owing=tuple(sorted(needs_more)))
            limits = ShipmentLimits(self.network, self.backlog, most, briefing.discount, rules)
            useful = useful_shipments(limits, self._start(demand.shape[1], briefing.horizon), demand.T).max(axis=1)
            at_once = [self.rules.largest_order(self.network, link) for link in range(len(supply))]
            needs_more |= {link for link in scarce if useful[link] > at_once[link]}
            never = [link for link in scarce if link not in needs_more]
            most[never] = np.array(at_once)[never]
        return tuple(sorted(needs_more))

    def data(self, demand: FloatArray) -> FloatArray:
        """The data of the path for a trace of demand, (periods, market links): (data,)."""
        labels = self.form.data
        start = self._start(demand.shape[1], self.form.horizon)
        data = np.zeros(len(labels.kind))
        data[self.form.given] = self.form.arriving(start.on_hand, start.due)
        waiting = (labels.kind == "demand") & (labels.period == -1)
        data[waiting] = start.backlog[labels.item[waiting]]
        wanted = (labels.kind == "demand") & (labels.period >= 0)
        data[wanted] = demand[labels.period[wanted], labels.item[wanted]]
        return data

    def solve(
        self,
        demand: FloatArray,
        *,
        prices: FloatArray | None = None,
        served: BoolArray | None = None,
        margin: float = 0.0,
        time_limit: float = np.inf,
    ) -> Solved:
        """Solve for one trace.

        Args:
            demand: Units, (periods, market links).
            prices: Money per unit that is unfilled, beside the penalty, (periods, market links).
            served: Periods in which nothing may be left unfilled, (periods,).
            margin: Units by which the stock exceeds the demand of those periods.
            time_limit: Seconds.

        Raises:
            SolveFailure: The program has no solution, or none was found in time.
        """
        data = self.data(demand)
        form = self.tightened(demand, margin)
        row_upper = form.row_constant - form.row_data @ data
        row_lower = np.where(form.row_open, -np.inf, row_upper)
        lower, upper = np.zeros(len(form.upper)), form.upper.copy()
        if len(form.bounded):
            np.minimum.at(upper, form.bounded, form.bound_constant - form.bound_data @ data)
        if served is not None:
            self._serve(served, demand, margin, lower, upper)
        costs = self.costs if prices is None else self._priced(prices)
        if self._solver is None or form is not self.form:
            self._solver = Solver(
                form.matrix, costs, lower=lower, upper=upper, row_lower=row_lower, row_upper=row_upper,
                integer=self.integer, gap=self._gap, work=self._work,
            )  # fmt: skip
        else:
            self._solver.change_costs(costs)
            self._solver.change_bounds(lower, upper, row_lower, row_upper)
        constant = float(self.data_worth @ data) + self.worth_before
        stopped: Failure | None = None
        try:
            solution = self._solver.solve(time_limit)
            values, bound = solution.values, solution.bound + constant
        except SolveFailure as failure:
            if failure.incumbent is None or not self.integer.any():
                raise
            values, bound, stopped = failure.incumbent, self._solver.proved_bound + constant, failure.reason
        return Solved(
            objective=float(self.costs @ values) + constant,
            bound=bound if prices is None and served is None else np.inf,
            orders=self.orders(values),
            values=values,
            stopped=stopped,
        )

    def tightened(self, demand: FloatArray, spare: float = 0.0) -> PathForm:
        """The form for demand of at most so many units, (periods, market links).

        A program with integer decisions gets the bounds of `arena_optimization.programs.useful_shipments`; a linear
        one has no use for them and stays as it is.

        Args:
            demand: The demand.
            spare: Units that have to stay at every retailer.
        """
        if not self.form.integer.any():
            return self.form
        return self.limits.tighten(self.form, self._start(demand.shape[1], self.form.horizon), demand.T + spare)

    def useful(self, demand: FloatArray) -> FloatArray:
        """The largest useful shipments for demand of at most so many units, (supply links, periods), units."""
        return useful_shipments(self.limits, self._start(demand.shape[1], self.form.horizon), demand.T)

    def _start(self, markets: int, horizon: int) -> Start:
        stock = np.array([self.network.node(point.node_id).initial_stock or 0.0 for point in self.network.stock_points])
        backlog = np.zeros(markets)
        if self.backlog:
            backlog[:] = [link.initial_backlog for link in self.network.market_links]
        return Start(stock, due_before(self.network, horizon), backlog)

    @property
    def proved_bound(self) -> float:
        """Bound that the last solve proved although it found nothing, without the part of the data alone."""
        return np.inf if self._solver is None else self._solver.proved_bound

    def orders(self, values: FloatArray) -> FloatArray:
        """The orders of a solution, (periods, supply links), freed of the solver's rounding.

        An order is placed as much earlier than it ships as its supplier sees it later.
        """
        labels = self.form.columns
        # A shipment that touches nothing within the horizon is no column of the program.
        flows = np.zeros((len(self.network.supply_links), self.form.horizon))
        flows[labels.item[self._flows], labels.period[self._flows]] = np.maximum(values[self._flows], 0.0)
        added = labels.where("added")  # what is owed follows without another order
        flows[labels.item[added], labels.period[added]] = np.maximum(values[added], 0.0)
        self._ask_for_more(flows, values)
        for flow, link in zip(flows, self.network.supply_links, strict=True):
            if link.order_delay:
                flow[:] = np.concatenate([flow[link.order_delay :], np.zeros(min(link.order_delay, len(flow)))])
            unit = link.lot_size or 1.0
            whole = np.round(flow / unit) * unit
            np.copyto(flow, whole, where=np.abs(flow - whole) <= _SNAP)
        return np.ascontiguousarray(flows.T)

    def _ask_for_more(self, flows: FloatArray, values: FloatArray) -> None:
        """Where links share in proportion, whoever gets a part asks for the whole, in place."""
        labels = self.form.columns
        for column in labels.where("share"):
            first, k, share = int(labels.item[column]), int(labels.period[column]), float(values[column])
            if _SNAP < share < 1.0 - _SNAP:
                for link in self.network.outbound(self.network.supply_links[first].supplier):
                    flows[link, k] /= share

    def _serve(
        self, served: BoolArray, demand: FloatArray, margin: float, lower: FloatArray, upper: FloatArray
    ) -> None:
        labels = self.form.columns
        if self.backlog:
            columns = self._unfilled[served[labels.period[self._unfilled]]]
            upper[columns] = 0.0
        else:
            columns = self._sold[served[labels.period[self._sold]]]
            lower[columns] = demand[labels.period[columns], labels.item[columns]]
        if margin:
            kept = labels.where("kept")
            lower[kept[served[labels.period[kept]]]] = margin

    def _priced(self, prices: FloatArray) -> FloatArray:
        """Costs with a price on unfilled units; in lost-sales mode a sale is worth it."""
        columns = self._unfilled if self.backlog else self._sold
        labels, costs = self.form.columns, self.costs.copy()
        costs[columns] += (-1.0 if self.backlog else 1.0) * prices[labels.period[columns], labels.item[columns]]
        return costs
