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
        ends_with_worth: Whether a last column of both is the value of stock after the last period; such a program is
            not cut.
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
    ends_with_worth: bool = False

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

    def worth(self, discount: float, warm_up: int = 0) -> FloatArray:
        """Profit per unit of every decision over all periods, and after the last one, (columns,), money.

        Args:
            discount: Factor on a period's profit per period elapsed.
            warm_up: First periods that do not count.
        """
        return self._over_periods(self.profits, discount, warm_up)[: len(self.columns)]

    def data_worth(self, discount: float, warm_up: int = 0) -> FloatArray:
        """The same of the data, (data,)."""
        return self._over_periods(self.data_profits, discount, warm_up)[: len(self.data)]

    def _over_periods(self, profits: sparse.csr_array, discount: float, warm_up: int) -> FloatArray:
        weights = np.zeros(profits.shape[1])
        weights[: self.horizon] = discount ** np.arange(self.horizon)
        weights[:warm_up] = 0.0
        if self.ends_with_worth:
            weights[-1] = discount**self.horizon
        return np.asarray(profits @ weights)

    @cached_property
    def given(self) -> IntArray:
        """Data: what is on hand or under way."""
        return np.flatnonzero(self.data.kind == "given")

    def arriving(self, on_hand: FloatArray, due: FloatArray) -> FloatArray:
        """Values of the data `given`.

        Args:
            on_hand: Units, (stock points,).
            due: Units that arrive without an order of the plan, (stock points, horizon or longer).
        """
        units = np.concatenate([on_hand[:, None], due[:, : self.horizon]], axis=1)
        return np.asarray(units[self.data.item[self.given], self.data.period[self.given] + 1])

    @cached_property
    def wanted(self) -> IntArray:
        """Data: demand, and the backlog."""
        return np.flatnonzero(self.data.kind == "demand")

    @cached_property
    def flows(self) -> IntArray:
        """Columns of the shipments, by link, then by period."""
        return self.columns.where("flow")


def compile_path(program: pyo.ConcreteModel, network: Network) -> PathForm:
    """Compile a stated path.

    Args:
        program: From `arena_optimization.programs.path_program.state_path`.
        network: The network that it was stated for.
    """
    form = LinearStandardFormCompiler().write(program, mixed_form=True)
    variables, whole, profits = _with_idle_columns(program, form)
    labels = _labels(variables)
    names = _labels([row.constraint for row in form.rows])
    order = labels.by_period()
    is_data = np.isin(labels.kind[order], list(DATA))
    ends_with_worth = any(node.values_stock for node in network.nodes)
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
        horizon=profits.shape[0] - ends_with_worth,
        columns=columns,
        rows=names.take(rows),
        of_customers=_of_customers(columns, network),
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
        ends_with_worth=ends_with_worth,
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


def _of_customers(columns: Labels, network: Network) -> BoolArray:
    """Sales and what they leave; also what is left or scrapped of a stock that sells."""
    at_point = np.isin(columns.kind, ["left", "scrapped"]) & np.isin(columns.item, network.selling_points)
    at_node = (columns.kind == "full") & np.isin(columns.item, network.retailers)
    return np.asarray(np.isin(columns.kind, ["kept", "sold", "unfilled"]) | at_point | at_node)


def _corner(matrix: sparse.csr_array, rows: slice, columns: slice) -> sparse.csr_array:
    """The first rows, which have no entries but in the first columns."""
    starts = matrix.indptr[: rows.stop + 1]
    shape = (rows.stop, columns.stop)
    return sparse.csr_array((matrix.data[: starts[-1]], matrix.indices[: starts[-1]], starts), shape=shape)
