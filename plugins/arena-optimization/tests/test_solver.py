"""The solver in process: failures have names, nothing is printed, and equal programs have equal solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse

from arena import load_scenario
from arena_optimization.programs.extensive_form import PathwiseProgram, UnfinishedPlan
from arena_optimization.programs.path_form import compile_path
from arena_optimization.programs.path_program import state_path
from arena_optimization.programs.solver import PLENTY, Solution, SolveFailure, Solver, Work
from arena_optimization.programs.start import Start


def bounded(limit: float, *, least: float = 0.0) -> Solver:
    """Maximise x + y for x + y <= limit, x >= least."""
    return Solver(
        sparse.csr_array([[1.0, 1.0]]),
        np.array([1.0, 1.0]),
        lower=np.array([least, 0.0]),
        upper=np.array([np.inf, np.inf]),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([limit]),
    )


def hard(work: Work = PLENTY) -> Solver:
    """A multi-dimensional knapsack that is not solved at once; nothing packed is feasible."""
    generator = np.random.default_rng(1)
    weights = generator.integers(5, 100, (30, 60)).astype(float)
    return Solver(
        sparse.csr_array(weights),
        generator.integers(5, 100, 60).astype(float),
        lower=np.zeros(60),
        upper=np.ones(60),
        row_lower=np.full(30, -np.inf),
        row_upper=weights.sum(axis=1) / 3.0,
        integer=np.ones(60, dtype=np.bool_),
        work=work,
    )


def test_an_optimum() -> None:
    solution = bounded(4.0).solve()
    assert solution.objective == pytest.approx(4.0, abs=1e-9)
    assert solution.bound == solution.objective
    assert solution.values.sum() == pytest.approx(4.0, abs=1e-9)


def test_an_infeasible_program_is_called_so() -> None:
    with pytest.raises(SolveFailure, match="not solved to optimality: infeasible") as caught:
        bounded(1.0, least=2.0).solve()
    assert caught.value.reason == "infeasible"
    assert caught.value.incumbent is None
    assert bounded(2.0, least=2.0).solve().objective == pytest.approx(2.0, abs=1e-9)


def test_an_unbounded_program_is_called_so() -> None:
    with pytest.raises(SolveFailure, match="not solved to optimality: unbounded") as caught:
        bounded(np.inf).solve()
    assert caught.value.reason == "unbounded"


def test_a_program_can_be_solved_after_a_failure() -> None:
    solver = bounded(1.0, least=2.0)
    with pytest.raises(SolveFailure, match="infeasible"):
        solver.solve()
    solver.change_bounds(np.zeros(2), np.full(2, np.inf), np.array([-np.inf]), np.array([3.0]))
    assert solver.solve().objective == pytest.approx(3.0, abs=1e-9)


def test_an_integer_program_out_of_time_is_called_so() -> None:
    with pytest.raises(SolveFailure, match="not solved to optimality: time limit") as caught:
        hard().solve(1e-6)
    assert caught.value.reason == "time_limit"


def test_a_limit_of_nodes_stops_in_the_same_place_every_time() -> None:
    found = []
    for _ in range(2):
        solver = hard(Work(nodes=6, iterations=1))  # ten nodes of a program of 60 columns
        with pytest.raises(SolveFailure, match="not solved to optimality: work limit") as caught:
            solver.solve()
        assert caught.value.reason == "work_limit"
        found.append((solver.proved_bound, caught.value.incumbent))
    assert found[0][0] == found[1][0] < np.inf
    assert found[0][1] is not None
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_a_limit_of_iterations_stops_a_linear_program() -> None:
    generator = np.random.default_rng(3)
    matrix = sparse.csr_array(generator.random((20, 40)))

    def program(iterations: int) -> Solver:
        return Solver(
            matrix, np.ones(40), lower=np.zeros(40), upper=np.full(40, 5.0), row_lower=np.full(20, -np.inf),
            row_upper=np.full(20, 30.0), work=Work(nodes=1, iterations=iterations),
        )  # fmt: skip

    with pytest.raises(SolveFailure, match="work limit"):
        program(1).solve()
    assert program(1_000).solve().objective > 0.0


def test_nothing_flows_through_a_switch_that_is_almost_off() -> None:
    """The solver may take two millionths for 0, which times a million are two units that flow for nothing."""
    # Maximise 2 x flow - 5 x switch, flow <= 1e6 x switch, flow <= 2.
    solver = Solver(
        sparse.csr_array([[1.0, -1e6]]), np.array([2.0, -5.0]), lower=np.zeros(2), upper=np.array([2.0, 1.0]),
        row_lower=np.array([-np.inf]), row_upper=np.zeros(1), integer=np.array([False, True]),
    )  # fmt: skip
    assert solver._cleaned(np.array([2.0, 2e-6])) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert solver._cleaned(np.array([2.0, 1.0 - 2e-6])) == pytest.approx([2.0, 1.0], abs=1e-9)
    assert solver.solve().values == pytest.approx([0.0, 0.0], abs=1e-9)


def test_the_best_solution_in_time_is_handed_over() -> None:
    solver = hard()
    solver.suggest(np.zeros(60))
    with pytest.raises(SolveFailure, match="time limit") as caught:
        solver.solve(0.05)
    incumbent = caught.value.incumbent
    assert incumbent is not None
    assert incumbent == pytest.approx(np.round(incumbent), abs=1e-6)


def test_the_time_limit_counts_from_each_solve() -> None:
    solver = bounded(5.0)
    for _ in range(3):
        assert solver.solve(1_000.0).objective == pytest.approx(5.0, abs=1e-9)
    knapsack = hard()
    for _ in range(2):
        with pytest.raises(SolveFailure, match="time limit"):
            knapsack.solve(1e-6)


def test_a_program_of_paths_makes_a_plan_of_the_best_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario("serial-stationary-backlog")
    network = scenario.network
    form = compile_path(state_path(network, horizon=4, backlog=True, largest_order=100.0), network)
    program = PathwiseProgram(form, paths=2, shared=1)
    program.load(Start(np.zeros(3), np.zeros((3, 4)), np.zeros(1)), np.full((2, 1, 4), 20.0))
    complete: list[Solution] = []
    solve = Solver.solve

    def out_of_time(self: Solver, time_limit: float = np.inf) -> Solution:
        complete.append(solve(self, time_limit))
        raise SolveFailure("time_limit", complete[0].values)

    expected = program.solve()
    monkeypatch.setattr(Solver, "solve", out_of_time)
    with pytest.raises(UnfinishedPlan, match="time limit") as caught:
        program.solve()
    assert caught.value.plan.flows == pytest.approx(expected.flows, abs=1e-6)

    def nothing_found(self: Solver, time_limit: float = np.inf) -> Solution:
        raise SolveFailure("time_limit")

    monkeypatch.setattr(Solver, "solve", nothing_found)
    with pytest.raises(SolveFailure, match="time limit") as without_plan:
        program.solve()
    assert not isinstance(without_plan.value, UnfinishedPlan)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    bounded(4.0).solve()
    for solver in (bounded(1.0, least=2.0), bounded(np.inf), hard()):
        with pytest.raises(SolveFailure):
            solver.solve(1e-6)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_equal_programs_have_equal_solutions() -> None:
    generator = np.random.default_rng(3)
    # Dense and degenerate: many optima, of which the same is to be found.
    matrix = sparse.csr_array(generator.integers(0, 2, (20, 40)).astype(float))

    def solve() -> np.ndarray:
        return (
            Solver(
                matrix,
                np.ones(40),
                lower=np.zeros(40),
                upper=np.full(40, 5.0),
                row_lower=np.full(20, -np.inf),
                row_upper=np.full(20, 30.0),
            )
            .solve()
            .values
        )

    np.testing.assert_array_equal(solve(), solve())
