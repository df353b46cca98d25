# ruff: noqa: E402 - the libraries read the number of threads when they are imported
"""Times the stochastic programs against the published one, per decision, in one run on one thread.

Both networks are played with our controllers; at every third decision the published multi-stage program is built by
PuLP and solved by CBC for the very state and paths, as the published controller would, and its optimum must be ours to
1e-8. Times are of those decisions; stating a program once an episode is shown apart. CPU seconds count,
those of CBC's process included, so that other work on the machine matters less::

    pip install "pulp<4"
    python benchmarks/stochastic_programs.py
"""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import argparse
import resource
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from published_programs import Start, solve_published

from arena import Observation, Simulator, load_scenario
from arena.contract.tracks import TrackView
from arena_optimization.config import MultiStageProgramConfig, StochasticProgramConfig
from arena_optimization.controllers.published import MultiStageProgram
from arena_optimization.controllers.stochastic_program import StochasticProgram

EVERY = 3
SAME_OPTIMUM = 1e-8
AIMS = {"divergent": (20, 10), "serial": (20, 4)}
ROWS = (
    "trend-seasonal-backlog",
    "trend-seasonal-lost-sales",
    "trend-seasonal-shock-goodwill-backlog",
    "trend-seasonal-shock-goodwill-lost-sales",
)


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def timed(call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    before = cpu_seconds()
    result = call(*arguments)
    return cpu_seconds() - before, result


class Watched(MultiStageProgram):
    """The multi-stage program, remembering what it solved last."""

    def sample(self, means: np.ndarray) -> np.ndarray:
        """Remember the paths."""
        self.paths = super().sample(means)
        return self.paths

    def plan(self, observation: Observation) -> Any:
        """Remember the plan."""
        self.last = super().plan(observation)
        return self.last


def play(name: str, seed: int) -> dict[str, list[float]]:
    """Milliseconds of every decision of an episode, by controller; the worst relative difference of the optima."""
    scenario = load_scenario(name)
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    simulator.start(seed)
    briefing = view.brief(seed=seed, time_budget=1000.0)
    ours, open_loop = Watched(MultiStageProgramConfig()), StochasticProgram(StochasticProgramConfig())
    times: dict[str, list[float]] = {"published": [], "mssp": [], "open loop": [], "difference": []}
    times["stating"] = [1e3 * timed(ours.begin, briefing)[0], 1e3 * timed(open_loop.begin, briefing)[0]]
    while not simulator.finished:
        observation = view.observe(simulator.state)
        of_mssp, _ = timed(ours.order, observation)
        of_open_loop, orders = timed(open_loop.order, observation)
        if observation.period % EVERY == 0:
            backlog = observation.last_unfilled * (scenario.fulfilment == "backlog")
            start = Start(on_hand=observation.on_hand, pipeline=observation.pipeline, backlog=backlog)
            rules = (scenario.network, scenario.fulfilment, scenario.discount)
            of_published, solution = timed(solve_published, *rules, start, np.swapaxes(ours.paths, 1, 2))
            for kind, seconds in (("published", of_published), ("mssp", of_mssp), ("open loop", of_open_loop)):
                times[kind].append(1e3 * seconds)
            difference = abs(ours.last.objective - solution.objective) / abs(solution.objective)
            if difference > SAME_OPTIMUM:
                raise SystemExit(f"{name}, period {observation.period}: the optima differ by {difference:.1e}")
            times["difference"].append(difference)
        simulator.step(orders)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="episodes per row (default 3)")
    rounds = parser.parse_args().rounds
    for network, (aim_mssp, aim_open_loop) in AIMS.items():
        print(f"{network}: CPU ms per decision, and the published program's as a multiple")
        ratios: dict[str, list[float]] = {"mssp": [], "open loop": []}
        for row in ROWS:
            for seed in range(rounds):
                times = play(f"{network}-{row}", 100 + seed)
                mean = {kind: statistics.fmean(values) for kind, values in times.items()}
                for kind, found in ratios.items():
                    found.append(mean["published"] / mean[kind])
                print(
                    f"  {row:42} published {mean['published']:6.1f}   mssp-informed {mean['mssp']:5.2f} "
                    f"({ratios['mssp'][-1]:4.1f}×)   stochastic-program {mean['open loop']:5.2f} "
                    f"({ratios['open loop'][-1]:4.1f}×)   stating once "
                    f"{times['stating'][0]:.0f} and {times['stating'][1]:.0f}",
                    flush=True,
                )
        for kind, label, aim in (
            ("mssp", "mssp-informed", aim_mssp),
            ("open loop", "stochastic-program", aim_open_loop),
        ):
            found = ratios[kind]
            print(
                f"  {label}: median {statistics.median(found):.1f}× ({min(found):.1f} to {max(found):.1f}; aim {aim}×)"
            )


if __name__ == "__main__":
    main()
