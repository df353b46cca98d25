# ruff: noqa: E402 - the libraries read the number of threads when they are imported
"""Times decisions and loading of the trained policies against the stochastic program, in one run on one thread.

Every shipped submission that plays trained weights decides in the same states as ``stochastic-program`` (its blind
twin on the blind track), in turns; the program's orders are the ones that are played. Shown are medians over all
decisions of one row each of the divergent and the serial network, in ms, their ratio, and the seconds of the first
briefing, in which the weights are read::

    pip install ./plugins/*
    python benchmarks/decisions.py
    python benchmarks/decisions.py hdpo-informed hdpo-graph-zero-shot

Aims: 1 ms at the median, 2 ms for graph policies; loading 2 s.
"""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import argparse
import statistics
import sys
import time
from pathlib import Path

from arena import Simulator, TrackView, load_scenario
from arena.entry.loading import load_submissions
from arena.entry.submission import Submission, make_factory
from arena.plugins import discover

ROWS = ("divergent-trend-seasonal-goodwill-lost-sales", "serial-trend-seasonal-goodwill-lost-sales")
TRAINED = ("learned-policy", "imitation-policy")
SUBMISSIONS = Path(__file__).resolve().parents[1] / "submissions"


def timed_row(
    submission: Submission, program: Submission, row: str, episodes: int
) -> tuple[list[float], list[float], float]:
    """Seconds of the policy's decisions, of the program's in the same states, and of the policy's first briefing."""
    scenario = load_scenario(row)
    view = TrackView(scenario, submission.track)
    simulator = Simulator(scenario)
    policy, rival = make_factory(submission)(), make_factory(program)()
    policies, programs, briefings = [], [], []
    for seed in range(episodes):
        started = time.perf_counter()
        policy.begin(view.brief(seed=seed))
        briefings.append(time.perf_counter() - started)
        rival.begin(view.brief(seed=seed))
        simulator.start(seed)
        while not simulator.finished:
            observation = view.observe(simulator.state)
            started = time.perf_counter()
            policy.order(observation)
            between = time.perf_counter()
            orders = rival.order(observation)
            programs.append(time.perf_counter() - between)
            policies.append(between - started)
            simulator.step(orders)
    return policies, programs, briefings[0]


def main() -> None:
    """Print a line per submission, slowest last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="submissions; absent: all that play trained weights")
    parser.add_argument("--episodes", type=int, default=3)
    arguments = parser.parse_args()
    found = {each.name: each for each in load_submissions([SUBMISSIONS], discover()).require()}
    trained = [name for name, each in found.items() if each.controller in TRAINED]
    unknown = sorted(set(arguments.names) - set(trained))
    if unknown:
        parser.error(f"no trained policy is called {', '.join(unknown)}; there are {', '.join(trained)}")
    lines = []
    for name in arguments.names or trained:
        submission = found[name]
        program = found["stochastic-program" if submission.track == "informed" else "stochastic-program-blind"]
        rows = [timed_row(submission, program, row, arguments.episodes) for row in ROWS]
        own = statistics.median([value for row in rows for value in row[0]])
        other = statistics.median([value for row in rows for value in row[1]])
        lines.append((own, other, name, max(row[2] for row in rows)))
    print(f"{'submission':26s}{'ms':>8s}{'program, ms':>14s}{'ratio':>8s}{'loading, s':>12s}")
    for own, other, name, loading in sorted(lines):
        print(f"{name:26s}{1e3 * own:8.2f}{1e3 * other:14.2f}{other / own:7.1f}x{loading:12.2f}")


if __name__ == "__main__":
    sys.exit(main())
