# ruff: noqa: E402 - the libraries read the number of threads when they are imported
"""Gap of `stochastic-program` to the proven optimum of textbook problems.

The controller plays episodes in this process, informed unless `--track blind` is given. Where a dynamic program gives
the value of every order in every state, the gap is the mean regret of the controller's orders by the optimum: the
difference of the mean costs is just that (performance difference lemma; Kakade and Langford 2002), and nearly all noise
of demand is gone. Elsewhere the optimal policy plays the same demand, and the gap is the mean difference of both costs.
The last periods of an endless problem are left out of the regret, since there the controller plans for the end.
Intervals are of 95 % over episodes::

    python benchmarks/classic.py --episodes 4
    python benchmarks/classic.py --problems own      # random problems, on which constants are chosen
    python benchmarks/classic.py --problems twelve   # 60 periods, stock left at the end is worth nothing
"""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm, t

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from classic_problems import Problem, endless_backlog, endless_lost_sales, own_problems, twelve
from textbook import Policy, echelon_base_stock, order_up_to, planned
from textbook_programs import solve_assembly, solve_beer_game, solve_dual_sourcing

from arena import Scenario, Simulator, Track, load_suite
from arena.contract.tracks import TrackView
from arena.simulate.compiled import compile_scenario
from arena.simulate.dynamics import step
from arena.simulate.states import initial_state
from arena_optimization.config import StochasticProgramConfig
from arena_optimization.controllers.stochastic_program import StochasticProgram

FIRST_SEED = 5_000
BEGINNING, ENDING = 20, 40  # periods of an endless problem that are left out


def textbook_policy(name: str) -> Policy:
    """The optimal policy of a row of the suite."""
    policies: dict[str, Any] = {
        "newsvendor": lambda: order_up_to(50 + 8 * norm.ppf(0.70 / 0.88), customers_wait=False),
        "newsvendor-salvage": lambda: order_up_to(250 + 40 * norm.ppf(0.75)),
        "wagner-whitin": lambda: planned(np.array([[210.0], [0], [150], [0]])),
        "dual-sourcing": lambda: solve_dual_sourcing(np.full(5, 0.2), 5, 495, 105, 100).policy,
        "clark-scarf": lambda: echelon_base_stock([6.49, 12.02, 22.71]),
        "assembly": lambda: solve_assembly(5, (1, 3, 1), (3, 1, 0.5), 20).policy,
        "beer-game": lambda: planned(solve_beer_game([4.0] * 4 + [8.0] * 32, 0)[1]),
    }
    return policies[name]()


def classic(only: str) -> Iterator[Problem]:
    """The rows of the suite whose name contains this."""
    for scenario in load_suite("classic").scenarios:
        name = scenario.name
        if only not in name:
            continue
        if name.startswith("lost-sales"):
            _, _, _, lead_time, _, penalty = name.split("-")
            yield Problem(scenario, *endless_lost_sales(5, int(lead_time), 1, float(penalty)))
        elif name == "fixed-cost":
            yield Problem(scenario, *endless_backlog(6, 0, 1, 4, 5))
        elif name == "fixed-cost-lead-3":
            yield Problem(scenario, *endless_backlog(5, 3, 1, 9, 24))
        else:
            yield Problem(scenario, optimal=textbook_policy(name))


def cost_of(scenario: Scenario, policy: Policy, demand: np.ndarray) -> float:
    """Cost of an episode by a policy, with given demand of shape (periods, market links)."""
    compiled = compile_scenario(scenario)
    state, cost = initial_state(compiled, 1, np.zeros(1)), 0.0
    for period in range(scenario.horizon):
        state, flows = step(compiled, state, policy(state), demand[period][None])
        cost -= float(flows.reward[0])
    return cost


def play(
    problem: Problem, config: StochasticProgramConfig, track: Track, seed: int, periods: int | None
) -> tuple[float, float, Any]:
    """Loss of an episode, what it is a part of, and the seconds of the decisions."""
    scenario = problem.scenario
    if periods is not None and scenario.horizon > periods:
        scenario = scenario.model_copy(update={"horizon": periods})
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    controller = StochasticProgram(config)
    controller.begin(view.brief(seed=seed + 1, time_budget=60.0))
    simulator.start(seed)
    seconds, regrets = [], []
    while not simulator.finished:
        observation, before = view.observe(simulator.state), time.process_time()
        orders = controller.order(observation)
        seconds.append(time.process_time() - before)
        if problem.regret is not None:
            regrets.append(problem.regret(observation, orders))
        simulator.step(orders)
    ledger = simulator.ledger()
    if controller.report().fallbacks:
        print(f"{scenario.name}: {controller.report().fallbacks} fallbacks", flush=True)
    cost = -float(ledger.node_profit.sum())
    if problem.optimal is not None:
        optimum = cost_of(scenario, problem.optimal, ledger.demand)
        return cost - optimum, optimum, seconds
    if problem.ends:
        # What can be controlled: the cost of a shelf that served everybody from nothing is no part of it.
        link = scenario.network.market_links[0]
        bought = scenario.network.supply_links[0].price * float(ledger.sold.sum())
        loss = float(np.sum(regrets))
        return loss, link.price * float(ledger.demand.sum()) + cost - bought - loss, seconds
    counted = regrets[BEGINNING : len(regrets) - ENDING]
    return float(np.mean(counted)), float(problem.optimum or np.nan), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", choices=("classic", "own", "twelve"), default="classic")
    parser.add_argument("--episodes", type=int, default=4, help="episodes per problem (default 4)")
    parser.add_argument("--periods", type=int, help="shorten longer episodes to this")
    parser.add_argument("--only", default="", help="problems whose name contains this")
    parser.add_argument("--track", choices=("informed", "blind"), default="informed")
    parser.add_argument("--config", default="{}", help="settings of the controller, JSON")
    given = parser.parse_args()
    config = StochasticProgramConfig.model_validate_json(given.config)
    problems = {"classic": lambda: classic(given.only), "own": own_problems, "twelve": twelve}[given.problems]
    print(f"{'problem':38}{'gap %':>8}{'±':>7}{'optimum':>12}{'CPU ms':>8}{'worst':>8}", flush=True)
    for problem in problems():
        if given.only not in problem.scenario.name:
            continue
        rows = [play(problem, config, given.track, FIRST_SEED + seed, given.periods) for seed in range(given.episodes)]
        losses, optima = np.array([row[:2] for row in rows]).T
        seconds, level = np.concatenate([row[2] for row in rows]), float(optima.mean())
        error = losses.std(ddof=1) / np.sqrt(len(rows)) * t.ppf(0.975, len(rows) - 1) if len(rows) > 1 else np.nan
        print(
            f"{problem.scenario.name:38}{100 * losses.mean() / level:8.2f}{100 * error / level:7.2f}"
            f"{level:12.3f}{1e3 * seconds.mean():8.1f}{1e3 * seconds.max():8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
