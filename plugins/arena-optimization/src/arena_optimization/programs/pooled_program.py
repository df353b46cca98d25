"""The program of an open-loop plan where unfilled customers wait: no rows per path.

With one plan of shipments for all paths, a retailer that serves one market and ships nothing on has received the same
on every path. Its stock less its backlog is then that sum minus the demand so far, so that expected holding cost,
shortage cost and revenue of a period are a concave function of what has been received until then, with a kink where a
path's demand so far lies. The function is stated as a sum of slices between the kinks, each worth less than the one
before: a row per market link and period, however many paths there are.

The optimum is that of `arena_optimization.programs.extensive_form.PathwiseProgram` with all periods shared, as long as
it never pays to let a customer wait who could be served; see `poolable`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from arena import Network
from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.programs.extensive_form import ExtensiveForm, PathBasis, Plan
from arena_optimization.programs.matrix_rows import rows_of
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.solver import PLENTY, Basis, Solution, Solver, Work
from arena_optimization.programs.start import Start


def poolable(form: PathForm, network: Network, *, discount: float) -> bool:
    """Whether a form's paths need no rows of their own.

    Args:
        form: The program of one path.
        network: The network that it was stated for.
        discount: Factor on a period's profit per period elapsed.
    """
    alone = len(set(network.selling_points)) == len(network.selling_points)
    ends = not any(network.outbound(network.stock_points[point].node_id) for point in network.selling_points)
    waiting = len(form.columns.where("unfilled")) > 0
    if not (alone and ends and waiting) or form.integer.any():
        return False
    kept, owed = _Customers(form, network).values(form.worth(discount))
    return bool((kept + owed <= 0.0).all())


class _Customers:
    """Where a form's columns and rows of customers are, each (market links, periods)."""

    def __init__(self, form: PathForm, network: Network) -> None:
        sellers = np.array(network.selling_points)
        by_point = form.columns.where("kept").reshape(len(sellers), form.horizon)
        order = np.searchsorted(np.sort(sellers), sellers)
        self.kept: IntArray = by_point[order]
        self.sold: IntArray = form.columns.where("sold").reshape(len(sellers), form.horizon)
        self.unfilled: IntArray = form.columns.where("unfilled").reshape(len(sellers), form.horizon)
        self.serving: IntArray = form.rows.where("serving")

    def values(self, profits: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What a unit kept and a unit owed at the end of a period are worth, (market links, periods) each.

        A unit owed is sold in the next period at the earliest, after the last one never.
        """
        sold = profits[self.sold]
        owed = profits[self.unfilled] - sold
        owed[:, :-1] += sold[:, 1:]
        return profits[self.kept], owed


class PooledProgram(ExtensiveForm):
    """The extensive form of one horizon with its customers pooled, ready to be filled with data and solved."""

    def __init__(
        self, form: PathForm, network: Network, *, paths: int, discount: float = 1.0, work: Work = PLENTY
    ) -> None:
        """Lay out the program.

        Args:
            form: The program of one path; it is `poolable`.
            network: The network that it was stated for.
            paths: Number of paths, equally probable.
            discount: Factor on a period's profit per period elapsed.
            work: What a solve may take.
        """
        super().__init__(form, paths)
        self._work = work
        self._customers = customers = _Customers(form, network)
        self._profits, self._data_profits = form.worth(discount), form.data_worth(discount)
        self._common = np.delete(np.arange(len(form.columns)), [customers.sold, customers.unfilled])
        self._rows = np.delete(np.arange(len(form.rows)), customers.serving)
        markets = len(customers.kept)
        self._columns_at, slices = _places(form.horizon, len(self._common), markets * (paths + 1))
        self._rows_at, self._sums_at = _places(form.horizon, len(self._rows), markets)
        self._slices_at = slices.reshape(form.horizon, markets, paths + 1)
        # Entry: where a column of the form lies in the program, -1 for nowhere.
        self._place = np.full(len(form.columns), -1, dtype=np.int64)
        self._place[self._common] = self._columns_at.ravel()

    def load(self, start: Start, demand: FloatArray, histories: FloatArray | None = None) -> None:
        """Fill in the data; a plan that serves all paths asks for no histories, see `ExtensiveForm.load`."""
        form, customers = self.form, self._customers
        demand = demand[:, :, : form.horizon]
        # Where the kinks are: the backlog is demand of the past, (periods, market links, paths).
        kinks = np.sort(start.backlog[:, None] + np.cumsum(demand, axis=2), axis=0).T
        data = form.before(start.seen, start.owed)
        data[form.given] = form.arriving(start.on_hand, start.due)
        right = np.empty(self._rows_at.size + self._sums_at.size)
        right[self._rows_at.ravel()] = (form.row_constant - form.row_data @ data)[self._rows]
        right[self._sums_at] = kinks[:, :, 0]
        lower, upper = np.zeros(self._width), np.empty(self._width)
        lower[self._place[customers.kept]] = -np.inf
        limits = form.upper.copy()
        np.minimum.at(limits, form.bounded, form.bound_constant - form.bound_data @ data)
        upper[self._columns_at.ravel()] = limits[self._common]
        lower[self._slices_at[:, :, 0]] = -np.inf
        upper[self._slices_at[:, :, 0]] = 0.0
        upper[self._slices_at[:, :, 1:-1]] = np.diff(kinks, axis=2)
        upper[self._slices_at[:, :, -1]] = np.inf
        self._demand, self._kinks = demand.mean(axis=0), kinks
        self._data_profit = float(self._data_profits @ data)
        self._backlog = start.backlog
        row_lower = np.where(self._row_open, -np.inf, right)
        if self._solver is not None:
            self._solver.change_bounds(lower, upper, row_lower, right)
            return
        self._solver = Solver(
            self._matrix, self._costs(), lower=lower, upper=upper, row_lower=row_lower, row_upper=right,
            work=self._work,
        )  # fmt: skip

    def _plan(self, solution: Solution) -> Plan:
        profits = self._profits.copy()
        profits[self._customers.kept] = 0.0
        constant = self._constant()
        return Plan(
            objective=solution.objective / self.paths + constant,
            bound=solution.bound / self.paths + constant,
            flows=np.maximum(solution.values[self._place[self.form.orders]].reshape(-1, self.form.horizon), 0.0),
            common_profit=float(profits[self._common] @ solution.values[self._columns_at.ravel()]),
        )

    def _constant(self) -> float:
        """Expected profit, apart from the decisions', if customers are served up to the first kink only."""
        profits = self._profits + self._extra
        sold = profits[self._customers.sold]
        _, owed = self._customers.values(profits)
        waiting = self._kinks.mean(axis=2).T - self._kinks[:, :, 0].T
        return self._data_profit + float(
            np.sum(sold * self._demand) + sold[:, 0] @ self._backlog + np.sum(owed * waiting)
        )

    @property
    def basis(self) -> PathBasis:
        """The last basis."""
        basis, shape = self._loaded.basis, (1, self.form.horizon, -1)
        columns, rows = (np.array(status, dtype=object).reshape(shape) for status in basis)
        return PathBasis(columns, rows)

    def start_from(self, basis: PathBasis) -> None:
        """Begin the next solve at a basis of the same number of paths and periods."""
        self._loaded.start_from(Basis(basis.columns.ravel().tolist(), basis.rows.ravel().tolist()))

    @property
    def _width(self) -> int:
        return self._columns_at.size + self._slices_at.size

    def _costs(self) -> FloatArray:
        """Objective of all columns, times the number of paths."""
        profits = self._profits + self._extra
        kept, owed = self._customers.values(profits)
        profits[self._customers.kept] = 0.0
        costs = np.empty(self._width)
        costs[self._columns_at.ravel()] = self.paths * profits[self._common]
        below = np.arange(self.paths + 1)
        costs[self._slices_at] = kept.T[:, :, None] * below - owed.T[:, :, None] * (self.paths - below)
        return costs

    @cached_property
    def _row_open(self) -> NDArray[np.bool_]:
        is_open = np.zeros(self._rows_at.size + self._sums_at.size, dtype=np.bool_)
        is_open[self._rows_at.ravel()] = self.form.row_open[self._rows]
        return is_open

    @cached_property
    def _matrix(self) -> sparse.csr_array:
        """The common rows, in which "kept" now means received; then received = first kink + slices."""
        lengths, columns, values = rows_of(self.form.matrix, self._rows, self._place)
        rows = np.repeat(self._rows_at.ravel(), lengths)
        stays = columns >= 0
        received = self._place[self._customers.kept].T
        entries = (
            (rows[stays], columns[stays], values[stays]),
            (self._sums_at, received, np.ones(received.shape)),
            (
                np.broadcast_to(self._sums_at[:, :, None], self._slices_at.shape),
                self._slices_at,
                np.full(self._slices_at.shape, -1.0),
            ),
        )
        row, column, value = (np.concatenate([part.ravel() for part in parts]) for parts in zip(*entries, strict=True))
        return sparse.csr_array((value, (row, column)), shape=(len(self._row_open), self._width))


def _places(horizon: int, first: int, second: int) -> tuple[IntArray, IntArray]:
    """Positions of two groups that alternate period by period, (periods, entries of a period) each."""
    places = np.arange(first + horizon * second).reshape(horizon, -1)
    return places[:, : first // horizon], places[:, first // horizon :]
