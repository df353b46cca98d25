"""Many paths of demand in one program: the extensive form of a stochastic program.

The program of one path is repeated for every path. What must be decided before the paths can be told apart is stated
once: all shipments of the first ``shared`` periods, and the stocks and limits that follow from them alone. With
``shared`` equal to the horizon one plan of shipments serves all paths (open-loop feedback), and only what happens at
the customers' end is stated per path. With ``shared`` 1 only today's decision is common; paths whose demand is equal up
to a later period are then tied to each other by rows that are switched on and off. Paths are sorted by their demand
for that, so that paths with a common history are neighbours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sparse
from highspy import HighsBasisStatus
from numpy.typing import NDArray

from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.programs.matrix_rows import MatrixRows, PathPlaces, drawn_entries, rows_of
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.solver import PLENTY, Basis, Solution, SolveFailure, Solver, Work
from arena_optimization.programs.start import Start
from arena_optimization.programs.useful_shipments import ShipmentLimits

StatusArray = NDArray[np.object_]


@dataclass(frozen=True)
class Plan:
    """The outcome of a program.

    Attributes:
        objective: Expected profit of the coming periods, without the holding cost of what is under way already.
        bound: Upper bound of the objective that was proved.
        flows: Units shipped per supply link and period of the first path, (supply links, horizon), or asked for where
            orders are told apart; what is decided in the first ``shared`` periods is common to all paths.
        common_profit: The part of the objective that comes from decisions common to all paths, prices added by
            `ExtensiveForm.price` left out.
    """

    objective: float
    bound: float
    flows: FloatArray
    common_profit: float


class UnfinishedPlan(SolveFailure):
    """The solver stopped before the optimum, with a solution.

    Attributes:
        plan: That of the best solution found; its objective is not a number, and no bound is proved.
    """

    def __init__(self, failure: SolveFailure, plan: Plan) -> None:
        super().__init__(failure.reason, failure.incumbent)
        self.plan = plan


@dataclass(frozen=True)
class PathBasis:
    """A basis, spread out over paths.

    Attributes:
        columns: Status of every decision, (paths, periods, columns of a period).
        rows: Status of every row, (paths, periods, rows of a period).
    """

    columns: StatusArray
    rows: StatusArray

    def later(self, periods: int, horizon: int) -> PathBasis:
        """The basis some periods later, for a program of another length; periods past its end are like its last one."""
        later = np.minimum(np.arange(horizon) + periods, self.columns.shape[1] - 1)
        return PathBasis(self.columns[:, later], self.rows[:, later])


class ExtensiveForm(ABC):
    """A program over all paths that is filled with data, priced and solved again and again.

    Attributes:
        form: The program of one path.
        paths: Number of paths, equally probable.
    """

    def __init__(self, form: PathForm, paths: int) -> None:
        """Begin without data and without extra prices."""
        self.form = form
        self.paths = paths
        self._extra = np.zeros(len(form.columns))
        self._profits: FloatArray = np.zeros(len(form.columns))
        self._data_profits: FloatArray = np.zeros(len(form.data))
        self._solver: Solver | None = None

    def price(self, extra: FloatArray) -> None:
        """Add to the profit per unit of every decision of a path.

        Args:
            extra: Money per unit, (columns of the form,).
        """
        if np.array_equal(extra, self._extra):
            return
        self._extra = extra
        if self._solver is not None:
            self._solver.change_costs(self._costs())

    @abstractmethod
    def load(self, start: Start, demand: FloatArray, histories: FloatArray | None = None) -> None:
        """Fill in the data.

        Args:
            start: What the program starts from.
            demand: Units, (paths, market links, horizon or longer).
            histories: What tells paths apart, (paths, features, horizon or longer); None: their demand.
        """

    def weigh(self, profits: FloatArray, data_profits: FloatArray) -> None:
        """Replace the profit per unit of every decision and of all data, money, without what `price` adds.

        Args:
            profits: (columns of the form,).
            data_profits: (data of the form,).
        """
        if np.array_equal(profits, self._profits) and np.array_equal(data_profits, self._data_profits):
            return
        self._profits, self._data_profits = profits, data_profits
        if self._solver is not None:
            self._solver.change_costs(self._costs())

    def solve(self, time_limit: float = np.inf) -> Plan:
        """Solve with the data that were loaded last.

        Args:
            time_limit: Seconds.

        Raises:
            UnfinishedPlan: If the solver stopped with a solution, the plan of which is given.
            SolveFailure: If it stopped without one; see `arena_optimization.programs.solver.Solver.solve`.
        """
        try:
            solution = self._loaded.solve(time_limit)
        except SolveFailure as failure:
            if failure.incumbent is None:
                raise
            plan = self._plan(Solution(np.nan, failure.incumbent, np.inf))
            raise UnfinishedPlan(failure, plan) from failure
        return self._plan(solution)

    @property
    def is_integer(self) -> bool:
        """Whether some decisions are whole numbers."""
        return bool(self.form.integer.any())

    @property
    @abstractmethod
    def basis(self) -> PathBasis:
        """The last basis of a linear program."""

    @abstractmethod
    def start_from(self, basis: PathBasis) -> None:
        """Begin the next solve of a linear program at a basis of as many periods."""

    @property
    def _loaded(self) -> Solver:
        if self._solver is None:
            raise RuntimeError("the program has no data yet: call load first")
        return self._solver

    @abstractmethod
    def _costs(self) -> FloatArray:
        """Objective of all columns, times the number of paths."""

    @abstractmethod
    def _plan(self, solution: Solution) -> Plan:
        """What a solution means."""


class PathwiseProgram(ExtensiveForm):
    """The extensive form of one horizon: the common part once, and rows and columns of its own for every path."""

    def __init__(
        self,
        form: PathForm,
        *,
        paths: int,
        shared: int,
        tied: int = 0,
        discount: float = 1.0,
        gap: float = 0.0,
        limits: ShipmentLimits | None = None,
        work: Work = PLENTY,
        decided: IntArray | None = None,
    ) -> None:
        """Choose what is common to the paths.

        Args:
            form: The program of one path.
            paths: Number of paths, equally probable.
            shared: Number of first periods whose shipments are common to all paths, at least 1.
            tied: Periods ``shared`` … ``tied`` - 1 have rows that can tie the shipments of neighbouring paths.
            discount: Factor on a period's profit per period elapsed.
            gap: Relative gap at which an integer program counts as solved.
            limits: Bounds the shipments of an integer program; None for no bounds but those of the form.
            work: What a solve may take.
            decided: Period in which every column is decided; None: its own.
        """
        super().__init__(form, paths)
        self._decided = form.columns.period if decided is None else decided
        self._loose, self._limits, self._work = form, limits, work
        self.shared = min(shared, form.horizon)
        self._tied = range(self.shared, min(tied, form.horizon)) if paths > 1 else range(0)
        common = (self._decided < self.shared) & ~form.of_customers if paths > 1 else np.ones(len(form.columns))
        self._common, self._own = np.flatnonzero(common), np.flatnonzero(common == 0)
        own_entries = np.add.reduceat((common == 0)[form.matrix.indices], form.matrix.indptr[:-1])
        self._common_rows, self._own_rows = np.flatnonzero(own_entries == 0), np.flatnonzero(own_entries)
        self._profits, self._data_profits = form.worth(discount), form.data_worth(discount)
        self._constant = 0.0
        self._gap = gap
        self._kernel: FloatArray | None = None

    def load(self, start: Start, demand: FloatArray, histories: FloatArray | None = None) -> None:
        """Fill in the data; arguments as of `ExtensiveForm.load`."""
        demand = demand[:, :, : self.form.horizon]
        if self._tied:
            order = _by_history(demand if histories is None else histories)
            demand, start = demand[order], start.ordered(order)
            histories = None if histories is None else histories[order]
        if self._limits is not None and self.is_integer:
            # Other bounds are other coefficients, and nothing is gained by keeping the solver of an integer program.
            self.form = self._limits.at(start, self.form.horizon).tighten(self._loose, start.most(), demand.max(axis=0))
            self._solver = None
        former: PathBasis | None = None
        if start.kernel is not None:
            former = None if self._solver is None or self.is_integer else self.basis
            self._kernel, self._solver = start.kernel, None
        form = self.form
        data = self._data(start, demand)
        self._constant = float(self._data_profits @ data.mean(axis=0))
        right = form.row_constant[:, None] - form.row_data @ data.T
        row_upper = np.concatenate([right[self._common_rows, 0], right[self._own_rows].T.ravel()])
        row_lower = np.where(self._row_open, -np.inf, row_upper)
        if self._tied:
            slack = self._tie_slack(demand if histories is None else histories)
            row_lower, row_upper = np.concatenate([row_lower, -slack]), np.concatenate([row_upper, slack])
        upper = np.tile(form.upper, (self.paths, 1))
        if len(form.bounded):
            limits = form.bound_constant[:, None] - form.bound_data @ data.T
            np.minimum.at(upper.T, form.bounded, limits)
        column_upper = np.concatenate([upper[0, self._common], upper[:, self._own].ravel()])
        column_lower = np.zeros(len(column_upper))
        if self._solver is not None:
            self._solver.change_bounds(column_lower, column_upper, row_lower, row_upper)
            return
        self._solver = Solver(
            self._matrix,
            self._costs(),
            lower=column_lower,
            upper=column_upper,
            row_lower=row_lower,
            row_upper=row_upper,
            integer=self._spread(form.integer, self._common, self._own),
            gap=self._gap,
            work=self._work,
        )
        if former is not None:
            self.start_from(former)

    def _plan(self, solution: Solution) -> Plan:
        return Plan(
            objective=solution.objective / self.paths + self._constant,
            bound=solution.bound / self.paths + self._constant,
            flows=np.maximum(self.flows(solution.values), 0.0),
            common_profit=float(self._profits[self._common] @ solution.values[: len(self._common)]),
        )

    def flows(self, values: FloatArray) -> FloatArray:
        """Shipments of the first path in a solution, (supply links, horizon)."""
        return self.path_values(values)[self.form.orders].reshape(-1, self.form.horizon)

    def path_values(self, values: FloatArray, path: int = 0) -> FloatArray:
        """The decisions of one path in a solution, (columns of the form,)."""
        whole = np.empty(len(self.form.columns))
        whole[self._common] = values[: len(self._common)]
        first = len(self._common) + path * len(self._own)
        whole[self._own] = values[first : first + len(self._own)]
        return whole

    @property
    def basis(self) -> PathBasis:
        """The last basis of a linear program."""
        basis = self._loaded.basis
        return PathBasis(
            columns=self._by_path(basis.columns, self._common, self._own),
            rows=self._by_path(basis.rows, self._common_rows, self._own_rows),
        )

    def start_from(self, basis: PathBasis) -> None:
        """Begin the next solve of a linear program at a basis of as many periods.

        All paths begin like the first one of the basis if their number differs.
        """
        alike = np.arange(self.paths) if len(basis.columns) == self.paths else np.zeros(self.paths, dtype=int)
        flat_columns = basis.columns[alike].reshape(self.paths, -1)
        flat_rows = basis.rows[alike].reshape(self.paths, -1)
        ties = len(self._tied_columns) * (self.paths - 1)
        rows = self._spread(flat_rows, self._common_rows, self._own_rows)
        columns = self._spread(flat_columns, self._common, self._own)
        self._loaded.start_from(Basis(columns.tolist(), [*rows.tolist(), *[HighsBasisStatus.kBasic] * ties]))

    def _spread(self, of_path: NDArray[Any], common: IntArray, own: IntArray) -> NDArray[Any]:
        """Entries of one path (or of every path, by row) as entries of the whole program."""
        by_path = np.broadcast_to(of_path, (self.paths, of_path.shape[-1]))
        return np.concatenate([by_path[0, common], by_path[:, own].ravel()])

    def _by_path(self, status: list[Any], common: IntArray, own: IntArray) -> StatusArray:
        entries = np.array(status, dtype=object)
        found = np.empty((self.paths, len(common) + len(own)), dtype=object)
        found[:, common] = entries[: len(common)]
        last = len(common) + self.paths * len(own)
        found[:, own] = entries[len(common) : last].reshape(self.paths, len(own))
        return found.reshape(self.paths, self.form.horizon, -1)

    def _costs(self) -> FloatArray:
        """Objective of all columns, times the number of paths: so the own ones keep their size."""
        costs = self._spread(self._profits + self._extra, self._common, self._own)
        costs[: len(self._common)] *= self.paths
        return costs

    @cached_property
    def _row_open(self) -> NDArray[np.bool_]:
        return self._spread(self.form.row_open, self._common_rows, self._own_rows)

    @property
    def _matrix(self) -> sparse.csr_array:
        """The common rows, the own rows of one path after the other, then the ties."""
        place = np.empty(len(self.form.columns), dtype=np.int64)
        place[self._common] = np.arange(len(self._common))
        place[self._own] = len(self._common) + np.arange(len(self._own))
        step = np.zeros(len(place), dtype=np.int64)
        step[self._own] = len(self._own)
        parts = [rows_of(self.form.matrix, self._common_rows, place)]
        first = rows_of(self.form.matrix, self._own_rows, place)
        # The entries of path s lie s strides further where the column is its own.
        stride = rows_of(self.form.matrix, self._own_rows, step).columns
        columns = (first.columns + np.arange(self.paths)[:, None] * stride).ravel()
        parts.append(MatrixRows(np.tile(first.lengths, self.paths), columns, np.tile(first.values, self.paths)))
        if self._tied:
            parts.append(self._ties(place))
        lengths, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        shape = (len(lengths), len(self._common) + self.paths * len(self._own))
        matrix = sparse.csr_array((values, columns, starts), shape=shape)
        if self._kernel is None:
            return matrix
        rows, moved = PathPlaces.of(len(self.form.rows), self._common_rows, self._own_rows), PathPlaces(place, step)
        drawn = drawn_entries(self.form, self._kernel, rows=rows, columns=moved, shape=shape)
        return sparse.csr_array(matrix + drawn)

    @cached_property
    def _tied_columns(self) -> IntArray:
        """Orders that can be tied, by link, then by period."""
        columns = self.form.orders
        return columns[np.isin(self._decided[columns], self._tied)]

    def _ties(self, place: IntArray) -> MatrixRows:
        """Rows "shipment of path s minus that of path s - 1", by path, then by column."""
        columns = place[self._tied_columns]
        later = columns + np.arange(1, self.paths)[:, None] * len(self._own)
        indices = np.stack([later - len(self._own), later], axis=-1)
        count = indices.shape[0] * indices.shape[1]
        return MatrixRows(np.full(count, 2), indices.ravel(), np.tile([-1.0, 1.0], count))

    def _tie_slack(self, demand: FloatArray) -> FloatArray:
        """0 for the rows that tie paths of one history, infinite for the others."""
        equal = np.all(demand[1:] == demand[:-1], axis=1)
        # Entry k: whether all demand before period k was the same.
        same = np.ones((equal.shape[0], equal.shape[1] + 1), dtype=np.bool_)
        np.logical_and.accumulate(equal, axis=1, out=same[:, 1:])
        return np.where(same[:, self._decided[self._tied_columns]], 0.0, np.inf).ravel()

    def _data(self, start: Start, demand: FloatArray) -> FloatArray:
        """Values of the data, (paths, data)."""
        labels = self.form.data
        data = np.tile(self.form.before(start.seen, start.owed), (self.paths, 1))
        given, wanted = self.form.given, self.form.wanted
        data[:, given] = self.form.arriving(start.on_hand, start.due)
        backlog = np.broadcast_to(start.backlog[None, :, None], (self.paths, len(start.backlog), 1))
        with_past = np.concatenate([backlog, demand], axis=2)
        data[:, wanted] = with_past[:, labels.item[wanted], labels.period[wanted] + 1]
        return data


def _by_history(demand: FloatArray) -> IntArray:
    """Order of the paths by demand, the earliest period first."""
    return np.lexsort(np.swapaxes(demand, 1, 2).reshape(len(demand), -1).T[::-1])
