"""One path's program as arrays: compiled once by Pyomo, then cut, repeated and filled with data by numpy.

The data variables of the program become right-hand sides, and a row with a single decision becomes a bound of it. What
remains is

    maximise Σ_k  profits[:, k] @ x + data_profits[:, k] @ d
    subject to    matrix @ x  =  row_constant - row_data @ d  (≤ where `row_open`)
                  0 ≤ x ≤ upper,  and  x[bounded] ≤ bound_constant - bound_data @ d

for decisions x and data d of the path. Everything is ordered by period, and every period has the same columns and rows
in the same order: a shorter horizon is a prefix of all arrays, and a later period lies a fixed distance away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sparse
from numpy.typing import NDArray
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from arena import Network
from arena_optimization.arrays import BoolArray, FloatArray, IntArray
from arena_optimization.programs.path_program import DATA
from arena_optimization.programs.path_rules import PathRules


@dataclass(frozen=True)
class Labels:
    """What the columns, rows or data of a path are; one entry each.

    Attributes:
        kind: Name of the program's variable or constraint.
        item: Position of its link, stock point or market link; the id of its node where it belongs to a node.
        period: Period, -1 for the past.
    """

    kind: NDArray[np.str_]
    item: IntArray
    period: IntArray

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.kind)

    def where(self, kind: str) -> IntArray:
        """Positions of a variable, by item, then by period."""
        found = np.flatnonzero(self.kind == kind)
        return found[np.lexsort((self.period[found], self.item[found]))]

    def take(self, positions: IntArray | slice) -> Labels:
        """The labels at some positions."""
        return Labels(self.kind[positions], self.item[positions], self.period[positions])

    def by_period(self) -> IntArray:
        """The positions ordered by period, then by kind and item."""
        return np.lexsort((self.item, self.kind, self.period))


@dataclass(frozen=True)
class PathForm:
    """The arrays of one path; see the module's text.

    Attributes:
        horizon: Number of periods.
        columns: Labels of the decisions x.
        rows: Labels of the rows.
        of_customers: Whether a decision follows customers' demand whatever was shipped, (columns,).
        data: Labels of the data d.
        matrix: (rows, columns).
        row_data: (rows, data).
        row_constant: Right-hand side, (rows,).
        row_open: Whether the row is ≤ rather than =, (rows,).
        upper: Upper bound of x without data, (columns,).
        bounded: Columns with an upper bound made of data, (bounds,).
        bound_constant: (bounds,).
        bound_data: (bounds, data).
        integer: Whether a column is integer, (columns,).
        profits: Undiscounted profit per unit of decision and period, (columns, periods) of the longest program that
            this one was cut from; see `worth`.
        data_profits: The same of the data, (data, periods) of that program.
        worths: Number of last columns of both that are the value of stock after the last period: none, one in a
            program that is not cut, or one for every period that may be the last.
    """

    horizon: int
    columns: Labels
    rows: Labels
    of_customers: BoolArray
    data: Labels
    matrix: sparse.csr_array
    row_data: sparse.csr_array
    row_constant: FloatArray
    row_open: BoolArray
    upper: FloatArray
    bounded: IntArray
    bound_constant: FloatArray
    bound_data: sparse.csr_array
    integer: BoolArray
    profits: sparse.csr_array
    data_profits: sparse.csr_array
    worths: int = 0

    def priced_shortage(self, price: FloatArray) -> FloatArray:
        """A price on unfilled units, as an addition to the profit per unit of decision, (columns,).

        Where customers leave, a sale is worth it instead.

        Args:
            price: money per unit, (periods,).
        """
        extra = np.zeros(len(self.columns))
        unfilled = self.columns.where("unfilled")
        columns, sign = (unfilled, -1.0) if len(unfilled) else (self.columns.where("sold"), 1.0)
        extra[columns] = sign * price[self.columns.period[columns]]
        return extra

    def cut(self, horizon: int) -> PathForm:
        """The same program over its first periods only.

        No row refers to a period later than its own, so this is the program of the shorter horizon.
        """
        if horizon == self.horizon:
            return self
        columns = slice(int(np.searchsorted(self.columns.period, horizon)))
        data = slice(int(np.searchsorted(self.data.period, horizon)))
        rows = slice(int(np.searchsorted(self.rows.period, horizon)))
        bounds = slice(int(np.searchsorted(self.bounded, columns.stop)))
        return replace(
            self,
            horizon=horizon,
            columns=self.columns.take(columns),
            rows=self.rows.take(rows),
            of_customers=self.of_customers[columns],
            data=self.data.take(data),
            matrix=_corner(self.matrix, rows, columns),
            row_data=_corner(self.row_data, rows, data),
            row_constant=self.row_constant[rows],
            row_open=self.row_open[rows],
            upper=self.upper[columns],
            bounded=self.bounded[bounds],
            bound_constant=self.bound_constant[bounds],
            bound_data=_corner(self.bound_data, bounds, data),
            integer=self.integer[columns],
        )

    def worth(self, discount: float, warm_up: int = 0, *, ends: bool = True) -> FloatArray:
        """Profit per unit of every decision over all periods, and after the last one, (columns,), money.

        Args:
            discount: Factor on a period's profit per period elapsed.
            warm_up: First periods that do not count.
            ends: Whether the episode ends with the program, so that the stock left is of value.
        """
        return self._over_periods(self.profits, discount, warm_up, ends)[: len(self.columns)]

    def data_worth(self, discount: float, warm_up: int = 0, *, ends: bool = True) -> FloatArray:
        """The same of the data, (data,)."""
        return self._over_periods(self.data_profits, discount, warm_up, ends)[: len(self.data)]

    def _over_periods(self, profits: sparse.csr_array, discount: float, warm_up: int, ends: bool) -> FloatArray:
        weights = np.zeros(profits.shape[1])
        weights[: self.horizon] = discount ** np.arange(self.horizon)
        weights[:warm_up] = 0.0
        if self.worths and ends:
            periods = len(weights) - self.worths
            weights[periods + (self.horizon - 1 if self.worths == periods else 0)] = discount**self.horizon
        return np.asarray(profits @ weights)

    @cached_property
    def given(self) -> IntArray:
        """Data: what is on hand or under way."""
        return np.flatnonzero(self.data.kind == "given")

    def arriving(self, on_hand: FloatArray, due: FloatArray) -> FloatArray:
        """Values of the data `given`.

        Args:
            on_hand: Units, (stock points,).
            due: Units that arrive without an order of the plan, (stock points, horizon or longer), or the same by path.
        """
        due = due[..., : self.horizon]
        stock = np.broadcast_to(on_hand[:, None], (*due.shape[:-1], 1))
        units = np.concatenate([stock, due], axis=-1)
        return np.asarray(units[..., self.data.item[self.given], self.data.period[self.given] + 1])

    @cached_property
    def wanted(self) -> IntArray:
        """Data: demand, and the backlog."""
        return np.flatnonzero(self.data.kind == "demand")

    def before(self, seen: FloatArray, owed: FloatArray) -> FloatArray:
        """The data with what was ordered before the first period filled in, (data,).

        Args:
            seen: Units, by the period in which the supplier sees them, (supply links, horizon or longer).
            owed: Units that the supplier owes, (supply links,).
        """
        data = np.zeros(len(self.data))
        kinds, items, periods = self.data.kind, self.data.item, self.data.period
        is_seen, is_owed = kinds == "seen", kinds == "owed_before"
        data[is_seen] = seen[items[is_seen], periods[is_seen]]
        data[is_owed] = owed[items[is_owed]]
        return data

    @cached_property
    def orders(self) -> IntArray:
        """Columns of what suppliers are asked for, by link, then by period: shipments unless orders are told apart."""
        flows = self.flows.reshape(-1, self.horizon).copy()
        asked = self.columns.where("asked")
        is_seen = np.zeros(flows.shape, dtype=np.bool_)
        early = self.data.kind == "seen"
        is_seen[self.data.item[early], self.data.period[early]] = True
        chosen = ~is_seen[self.columns.item[asked], self.columns.period[asked]]
        flows[self.columns.item[asked[chosen]], self.columns.period[asked[chosen]]] = asked[chosen]
        return flows.ravel()

    @cached_property
    def flows(self) -> IntArray:
        """Columns of the shipments, by link, then by period."""
        return self.columns.where("flow")


def compile_path(program: pyo.ConcreteModel, network: Network, rules: PathRules | None = None) -> PathForm:
    """Compile a stated path.

    Args:
        program: From `arena_optimization.programs.path_program.state_path`.
        network: The network that it was stated for.
        rules: Those that it was stated with, as there.
    """
    form = LinearStandardFormCompiler().write(program, mixed_form=True)
    variables, whole, profits = _with_idle_columns(program, form)
    labels = _labels(variables)
    names = _labels([row.constraint for row in form.rows])
    order = labels.by_period()
    is_data = np.isin(labels.kind[order], list(DATA))
    periods = int(labels.period.max()) + 1
    decisions, data = order[~is_data], order[is_data]
    sense = np.array([row.bound_type for row in form.rows])
    # Rows a·x ≥ b become -a·x ≤ -b.
    sign = np.where(sense < 0, -1.0, 1.0)
    whole = sparse.csr_array(sign[:, None] * whole)
    whole.eliminate_zeros()
    matrix, row_data = whole[:, decisions], whole[:, data]
    constant = sign * np.asarray(form.rhs, dtype=np.float64)
    single = (np.diff(matrix.indptr) == 1) & (sense != 0)
    single[single] = matrix.data[matrix.indptr[:-1][single]] > 0
    in_order = names.by_period()
    rows, bounds = in_order[~single[in_order]], np.flatnonzero(single)
    bounded = matrix.indices[matrix.indptr[:-1][bounds]].astype(np.int64)
    bounds = bounds[np.argsort(bounded, kind="stable")]
    scale = 1.0 / matrix.data[matrix.indptr[:-1][bounds]]
    columns = labels.take(decisions)
    return PathForm(
        horizon=periods,
        columns=columns,
        rows=names.take(rows),
        of_customers=_of_customers(columns, network, rules),
        data=labels.take(data),
        matrix=matrix[rows],
        row_data=row_data[rows],
        row_constant=constant[rows],
        row_open=sense[rows] != 0,
        upper=np.array([np.inf if variables[i].ub is None else variables[i].ub for i in decisions]),
        bounded=np.sort(bounded),
        bound_constant=scale * constant[bounds],
        bound_data=sparse.csr_array(scale[:, None] * row_data[bounds]),
        integer=np.array([not variables[i].is_continuous() for i in decisions], dtype=np.bool_),
        profits=sparse.csr_array(profits[:, decisions].T),
        data_profits=sparse.csr_array(profits[:, data].T),
        worths=profits.shape[0] - periods,
    )


class _StandardForm(NamedTuple):
    """What Pyomo's compiler gives, with a column for every variable."""

    variables: list[Any]
    """Of the columns."""
    rows: sparse.csr_array
    """(constraints, columns)."""
    profits: sparse.csr_array
    """(periods, columns)."""


def _with_idle_columns(program: pyo.ConcreteModel, form: Any) -> _StandardForm:
    """Variables, rows and profits with a column for every variable: the compiler drops those that appear nowhere.

    A free shipment that arrives after the horizon is such a one; every period must have the same columns.
    """
    known = {id(variable) for variable in form.columns}
    idle = [one for one in program.component_data_objects(pyo.Var) if id(one) not in known]
    rows, profits = sparse.csr_array(form.A), -sparse.csr_array(form.c)
    if idle:
        rows = sparse.hstack([rows, sparse.csr_array((rows.shape[0], len(idle)))], format="csr")
        profits = sparse.hstack([profits, sparse.csr_array((profits.shape[0], len(idle)))], format="csr")
    return _StandardForm([*form.columns, *idle], rows, profits)


def _labels(components: list[Any]) -> Labels:
    kinds = [component.parent_component().local_name for component in components]
    items, periods = zip(*(component.index() for component in components), strict=True)
    return Labels(np.array(kinds), np.array(items, dtype=np.int64), np.array(periods, dtype=np.int64))


def _of_customers(columns: Labels, network: Network, rules: PathRules | None) -> BoolArray:
    """Sales and what they leave, and drawn arrivals; also what is left or scrapped of a stock that differs by path."""
    points, links, own = set(network.selling_points), set[int](), ["kept", "sold", "unfilled", "arrived"]
    if rules is not None:
        points |= rules.own_points
        links = {link for point in rules.own_points for link in network.outbound(network.stock_points[point].node_id)}
    nodes = {network.stock_points[point].node_id for point in points}
    at_point = np.isin(columns.kind, ["left", "scrapped"]) & np.isin(columns.item, sorted(points))
    at_node = (columns.kind == "full") & np.isin(columns.item, sorted(nodes))
    on_link = np.isin(columns.kind, ["flow", "missing"]) & np.isin(columns.item, sorted(links))
    return np.asarray(np.isin(columns.kind, own) | at_point | at_node | on_link)


def _corner(matrix: sparse.csr_array, rows: slice, columns: slice) -> sparse.csr_array:
    """The first rows, which have no entries but in the first columns."""
    starts = matrix.indptr[: rows.stop + 1]
    shape = (rows.stop, columns.stop)
    return sparse.csr_array((matrix.data[: starts[-1]], matrix.indices[: starts[-1]], starts), shape=shape)
