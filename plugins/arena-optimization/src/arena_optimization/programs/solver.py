"""HiGHS, in process: one program that is solved again and again with other bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import highspy
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from arena_optimization.arrays import FloatArray

Failure = Literal["infeasible", "unbounded", "work_limit", "time_limit", "numerical"]

_FAILURES: dict[highspy.HighsModelStatus, Failure] = {
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kTimeLimit: "time_limit",
    highspy.HighsModelStatus.kIterationLimit: "work_limit",
    highspy.HighsModelStatus.kSolutionLimit: "work_limit",  # so HiGHS calls a limit of nodes
}

_INTEGRALITY = 1e-9
"""How far a whole number may be from one in an integer program; the solver's own 1e-6 times a large M is a unit."""


class Work(NamedTuple):
    """What a solve may take: counts, which are the same on every machine; time is only a safety net beside them."""

    nodes: int
    """Nodes of the search tree of an integer program of 100 columns; others in proportion, as a node takes longer."""
    iterations: int
    """Iterations of the simplex method for a linear program."""


PLENTY = Work(nodes=1_000_000, iterations=10_000_000)
"""More than any program of the arena was seen to need."""


class Basis(NamedTuple):
    """A basis of a linear program."""

    columns: list[highspy.HighsBasisStatus]
    """Status of every column."""
    rows: list[highspy.HighsBasisStatus]
    """Status of every row."""


class SolveFailure(RuntimeError):  # noqa: N818 - named after what it reports
    """The solver did not find an optimum.

    Attributes:
        reason: Why. A work limit is met in the same place on every machine, a time limit is not.
        incumbent: The best feasible solution found until then, if any.
    """

    def __init__(self, reason: Failure, incumbent: FloatArray | None = None) -> None:
        super().__init__(f"the program was not solved to optimality: {reason.replace('_', ' ')}")
        self.reason = reason
        self.incumbent = incumbent


@dataclass(frozen=True)
class Solution:
    """An optimum.

    Attributes:
        objective: Value of the objective, to be maximised.
        values: Of the columns.
        bound: Upper bound of the objective that the solver proved; the objective itself for a linear program.
    """

    objective: float
    values: FloatArray
    bound: float


class _SilentHighs(highspy.Highs):  # type: ignore[misc] # not annotated throughout
    """HiGHS that writes nothing, not even the banner that its constructor prints when it enables callbacks."""

    def enableCallbacks(self) -> None:  # noqa: N802 - the library's name
        """Turn the output off first; the constructor calls this."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


class Solver:
    """A program in HiGHS: maximise ``costs @ x`` with rows and columns within bounds.

    Linear programs are solved by the dual simplex from the last basis with presolve off: after a change of bounds
    that is several times faster than from scratch, and it is deterministic. Integer programs use the whole of HiGHS;
    then the whole numbers of the solution are rounded and fixed, and what is left is solved again as a linear program,
    so that nothing in a plan rests on a binary decision that is almost zero.
    """

    def __init__(
        self,
        matrix: sparse.csr_array,
        costs: FloatArray,
        *,
        lower: FloatArray,
        upper: FloatArray,
        row_lower: FloatArray,
        row_upper: FloatArray,
        integer: NDArray[np.bool_] | None = None,
        gap: float = 0.0,
        work: Work = PLENTY,
    ) -> None:
        """Pass a program to the solver.

        Args:
            matrix: (rows, columns).
            costs: (columns,).
            lower: Bounds of the columns, as is ``upper``.
            upper: (columns,).
            row_lower: Bounds of the rows, as is ``row_upper``.
            row_upper: (rows,).
            integer: Which columns are whole numbers; none if absent.
            gap: Relative gap at which an integer program counts as solved.
            work: What a solve may take.
        """
        self._rows, self._columns = matrix.shape
        self.is_integer = integer is not None and bool(integer.any())
        self._highs = _SilentHighs()
        self._highs.setOptionValue("threads", 1)
        self._highs.setOptionValue("parallel", "off")
        if self.is_integer:
            self._highs.setOptionValue("mip_rel_gap", gap)
            self._highs.setOptionValue("mip_max_nodes", max(1, 100 * work.nodes // self._columns))
            self._highs.setOptionValue("mip_feasibility_tolerance", _INTEGRALITY)
            # In programs as small as these the programs within the program take longer than what they find saves.
            self._highs.setOptionValue("mip_heuristic_run_rens", False)
            self._highs.setOptionValue("mip_heuristic_run_rins", False)
            self._highs.setOptionValue("mip_heuristic_run_root_reduced_cost", False)
        else:
            self._highs.setOptionValue("simplex_iteration_limit", work.iterations)
            self._highs.setOptionValue("solver", "simplex")
            self._highs.setOptionValue("presolve", "off")
            # Devex: the exact steepest-edge weights cost more to set up than they save in so few iterations.
            self._highs.setOptionValue("simplex_dual_edge_weight_strategy", 1)
        self._every_column = np.arange(self._columns, dtype=np.int32)
        self._columns_bounds, self._rows_bounds = np.stack([lower, upper]), np.stack([row_lower, row_upper])
        # Arrays are handed over as they are; filling in a HighsLp would turn every number into an object first.
        whole = integer if integer is not None and self.is_integer else np.zeros(self._columns, dtype=np.bool_)
        self._whole = np.flatnonzero(whole)
        self._highs.passModel(
            self._columns,
            self._rows,
            matrix.nnz,
            int(highspy.MatrixFormat.kRowwise),
            int(highspy.ObjSense.kMaximize),
            0.0,
            costs,
            lower,
            upper,
            row_lower,
            row_upper,
            matrix.indptr.astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data,
            np.asarray(whole, dtype=np.int32),
        )

    def change_costs(self, costs: FloatArray) -> None:
        """Replace the objective."""
        self._highs.changeColsCost(self._columns, self._every_column, costs)

    def change_bounds(self, lower: FloatArray, upper: FloatArray, row_lower: FloatArray, row_upper: FloatArray) -> None:
        """Replace the bounds of all columns and rows."""
        self._columns_bounds = _changed(self._highs.changeColsBounds, self._columns_bounds, np.stack([lower, upper]))
        self._rows_bounds = _changed(self._highs.changeRowsBounds, self._rows_bounds, np.stack([row_lower, row_upper]))

    @property
    def basis(self) -> Basis:
        """The last basis."""
        basis = self._highs.getBasis()
        return Basis(basis.col_status, basis.row_status)

    def start_from(self, basis: Basis) -> None:
        """Begin the next solve of a linear program at a basis, which may be one of a similar program.

        Too many or too few basic entries are repaired by the solver.
        """
        start = highspy.HighsBasis()
        start.col_status, start.row_status = basis.columns, basis.rows
        start.valid = True
        start.alien = True
        self._highs.setBasis(start)

    @property
    def proved_bound(self) -> float:
        """Upper bound of the last integer program that was proved, also if it ran out of time; else infinite."""
        bound = float(self._highs.getInfo().mip_dual_bound)
        return bound if np.isfinite(bound) else np.inf

    def suggest(self, values: FloatArray) -> None:
        """Offer a solution to begin the next solve of an integer program with; it need not be feasible."""
        guess = highspy.HighsSolution()
        guess.col_value = values
        guess.value_valid = True
        self._highs.setSolution(guess)

    def solve(self, time_limit: float = np.inf) -> Solution:
        """Solve.

        Args:
            time_limit: Seconds.

        Raises:
            SolveFailure: The program is infeasible or unbounded, or was not solved in time.
        """
        # For linear programs the limit counts from the first solve of the object on, for integer programs anew.
        elapsed = 0.0 if self.is_integer else self._highs.getRunTime()
        self._highs.setOptionValue("time_limit", elapsed + float(time_limit))
        self._highs.run()
        status = self._highs.getModelStatus()
        info = self._highs.getInfo()
        if status != highspy.HighsModelStatus.kOptimal:
            feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
            incumbent = self._cleaned(np.array(self._highs.getSolution().col_value)) if feasible else None
            raise SolveFailure(_FAILURES.get(status, "numerical"), incumbent)
        objective = info.objective_function_value
        values = np.array(self._highs.getSolution().col_value)
        if not self.is_integer:
            return Solution(objective=objective, values=values, bound=objective)
        values = self._cleaned(values)
        objective = float(np.array(self._highs.getLp().col_cost_) @ values)
        return Solution(objective=objective, values=values, bound=max(info.mip_dual_bound, objective))

    def _cleaned(self, values: FloatArray) -> FloatArray:
        """A solution with its whole numbers rounded and the rest best for them, where rounding leaves it feasible."""
        if not self.is_integer:
            return values
        program = self._highs.getLp()
        lower, upper = np.array(program.col_lower_), np.array(program.col_upper_)
        lower[self._whole] = upper[self._whole] = np.round(values[self._whole])
        program.col_lower_, program.col_upper_, program.integrality_ = lower, upper, []
        fixed = _SilentHighs()
        fixed.setOptionValue("threads", 1)
        fixed.setOptionValue("parallel", "off")
        fixed.setOptionValue("solver", "simplex")
        fixed.passModel(program)
        fixed.run()
        if fixed.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return values
        return np.array(fixed.getSolution().col_value)


def _changed(tell: Callable[..., object], old: FloatArray, new: FloatArray) -> FloatArray:
    """Tell the solver the bounds that are not what they were: comparing all costs less than telling all."""
    places = np.flatnonzero((new != old).any(axis=0)).astype(np.int32)
    if len(places):
        tell(len(places), places, *new[:, places])
    return new
