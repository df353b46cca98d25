"""What isolation costs: the overhead of each level over playing in process, in one run.

Run ``python benchmarks/isolation.py``, or with ``--rounds 500``.

The controller is a class in a file of its own that imports numpy and does nothing; it plays the divergent network, of
which it sees 71 numbers and orders 11. Levels are interleaved: in each round, every one that works here plays one
episode of 30 decisions, and its times are taken against those of `trusted` in the same round, so that a machine that
slows down slows both.

- *per decision*: from giving an observation to having the orders;
- *per episode*: all else that an episode takes, namely to make the process and lock it, to import the controller, to
  brief it, and to end the process and clean up after it. Libraries are preloaded, numpy among them: the process that
  controllers are forked from is made once and not counted.

The table shows medians, and the 95th percentile in brackets.

Aims: at most 1 ms per decision and 60 ms per episode, at the median, at every level.
"""

# ruff: noqa: E402 - the libraries behind numpy read the number of threads when they are loaded, so it is set first

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from arena import Observation, Simulator, TrackView, load_scenario
from arena.entry.loading import load_submissions
from arena.entry.submission import Submission
from arena.play.seats import Host, available, make_host
from arena.plugins import Plugins

SCENARIO = "divergent-stationary-backlog"
MOST_PER_DECISION = 1e-3
MOST_PER_EPISODE = 60e-3

CONTROLLER = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.orders = np.zeros(len(briefing.order_bound))

    def order(self, observation):
        return self.orders
"""


def write_submission(place: Path) -> Submission:
    """A submission with a controller that does nothing."""
    folder = place / "nothing"
    folder.mkdir()
    manifest = "name: nothing\ncontroller: controller.py:Controller\ntrack: blind\npreload: [numpy]\n"
    (folder / "submission.yaml").write_text(manifest, encoding="utf-8")
    (folder / "controller.py").write_text(CONTROLLER, encoding="utf-8")
    (submission,) = load_submissions([folder], Plugins({})).require()
    return submission


def observations(view: TrackView) -> list[Observation]:
    """What the controller is shown in an episode, made beforehand."""
    simulator = Simulator(load_scenario(SCENARIO))
    simulator.start(42)
    seen = []
    while not simulator.finished:
        seen.append(view.observe(simulator.state))
        simulator.step(np.zeros(simulator.compiled.links))
    return seen


def play(host: Host, submission: Submission, briefing, shown: list[Observation]) -> tuple[float, list[float]]:
    """Seconds of an episode without its decisions, and of each decision."""
    decisions = []
    started = time.perf_counter()
    seat = host.open(submission)
    seat.begin(briefing)
    for observation in shown:
        before = time.perf_counter()
        seat.order(observation)
        decisions.append(time.perf_counter() - before)
    seat.close()
    return time.perf_counter() - started - sum(decisions), decisions


def main() -> None:
    """Measure and print the table; exit status 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100, help="episodes per level (100)")
    rounds = parser.parse_args().rounds
    view = TrackView(load_scenario(SCENARIO), "blind")
    briefing = view.brief(seed=1, time_budget=1.0)
    shown = observations(view)
    levels = available()
    episodes: dict[str, list[float]] = {level: [] for level in levels}
    decisions: dict[str, list[list[float]]] = {level: [] for level in levels}
    with contextlib.ExitStack() as stack:
        submission = write_submission(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        hosts = {level: stack.enter_context(contextlib.closing(make_host(level))) for level in levels}
        for host in hosts.values():
            play(host, submission, briefing, shown)  # the zygote starts
        for _ in range(rounds):
            for level, host in hosts.items():
                episode, single = play(host, submission, briefing, shown)
                episodes[level].append(episode)
                decisions[level].append(single)
    print(f"overhead over playing in process, {rounds} episodes of {len(shown)} decisions per level\n")
    print(f"{'level':10}{'per decision, ms':>24}{'per episode, ms':>24}")
    missed = False
    for level in levels[1:]:
        cells = []
        for times, most in ((decisions, MOST_PER_DECISION), (episodes, MOST_PER_EPISODE)):
            over = np.array(times[level]) - np.array(times["trusted"])
            median, high = np.percentile(over, [50, 95])
            missed |= median > most
            cells.append(f"{1e3 * median:.3f} [{1e3 * high:.3f}]")
        print(f"{level:10}{cells[0]:>24}{cells[1]:>24}")
    print(f"{'aim':10}{1e3 * MOST_PER_DECISION:>24.3f}{1e3 * MOST_PER_EPISODE:>24.3f}")
    sys.exit("an aim was missed" if missed else 0)


if __name__ == "__main__":
    main()
