"""CPU time of matches in another checkout beside this one, in turn and in one run.

Run it with the folder of the other checkout, such as a worktree of an earlier commit::

    git worktree add ../before COMMIT
    python benchmarks/compared_matches.py ../before

Each checkout plays in a process of its own, on one thread. A round is one match after the other, `--matches` of one
scenario on one track, in the first checkout and then in the second one, in the next round the other way round. A match
is played in the process: by a controller that orders the same on every link, so that all time is the arena's. Shown are
medians over rounds of the time of a match, and the median, lower and upper quartile of the other's time over this one's
by round: above 1 this checkout is faster.

Aim: at least 1, for worlds that have none of the parts that were added since.
"""

# ruff: noqa: E402 - the libraries behind numpy read the number of threads when they are loaded, so it is set first

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROWS = (
    ("serial-stationary-backlog", "blind"),
    ("serial-trend-seasonal-goodwill-lost-sales", "informed"),
    ("divergent-stationary-backlog", "blind"),
    ("divergent-trend-seasonal-goodwill-lost-sales", "informed"),
)
HERE = Path(__file__).resolve().parents[1]


def serve() -> None:
    """Play what is asked for on standard input, a JSON list of scenario, track and matches a line; answer seconds."""
    import numpy as np

    import arena
    from arena import load_scenario
    from arena.contract.controller import ControllerReport
    from arena.contract.seeds import PublicSeeds
    from arena.entry.submission import Manifest, Submission
    from arena.jail.limits import Limits
    from arena.play.match import play

    class Seat:
        stderr_tail = ""

        def setup(self) -> None:
            pass

        def begin(self, briefing: Any) -> None:
            self.orders = np.full(len(briefing.order_bound), 20.0)

        def order(self, observation: Any) -> Any:
            return self.orders

        def close(self) -> ControllerReport:
            return ControllerReport()

        def release(self) -> None:
            pass

    class Host:
        isolation = "trusted"

        def open(self, submission: Submission, model: object = None) -> Seat:
            return Seat()

    print(json.dumps(str(Path(arena.__file__).resolve().parents[1])), flush=True)
    scenarios = {name: load_scenario(name) for name, _ in ROWS}
    seeds = {name: PublicSeeds().episode(scenario.digest, 0) for name, scenario in scenarios.items()}
    host, limits = Host(), Limits()
    for line in sys.stdin:
        name, track, matches = json.loads(line)
        submission = Submission(
            name="constant",
            manifest=Manifest(name="constant", controller="constant.py:Constant", track=track),
            path=Path(),
            digest="5" * 64,
            folder=None,
            controller="constant.py:Constant",
            track=track,
            config={},
        )
        start = time.process_time()
        for _ in range(matches):
            play(submission, scenarios[name], seeds[name], host, limits)
        print(time.process_time() - start, flush=True)


class Checkout:
    """A process that plays with the arena of one checkout."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = Path(self._answer())
        if found != folder:
            sys.exit(f"{folder} holds no arena that can be played: {found} was imported")

    def seconds(self, scenario: str, track: str, matches: int) -> float:
        """CPU seconds of a match, the mean of several."""
        assert self._process.stdin is not None
        print(json.dumps([scenario, track, matches]), file=self._process.stdin, flush=True)
        return float(self._answer()) / matches

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=60, help="rounds (default 60)")
    parser.add_argument("--matches", type=int, default=5, help="matches of a round in each checkout (default 5)")
    chosen = parser.parse_args()
    other, this = Checkout(chosen.other.resolve()), Checkout(HERE)
    print(f"{'scenario':<46} {'track':<9} {'other, ms':>10} {'this, ms':>10} {'ratio':>7} {'quartiles':>13}")
    for scenario, track in ROWS:
        times: dict[Checkout, list[float]] = {other: [], this: []}
        for number in range(chosen.rounds + 2):  # the first two warm up
            for each in (other, this) if number % 2 else (this, other):
                times[each].append(each.seconds(scenario, track, chosen.matches))
        theirs, ours = times[other][2:], times[this][2:]
        low, ratio, high = statistics.quantiles([a / b for a, b in zip(theirs, ours, strict=True)])
        told = " ".join(f"{1e3 * statistics.median(each):>10.3f}" for each in (theirs, ours))
        print(f"{scenario:<46} {track:<9} {told} {ratio:>7.3f} {low:>6.3f} {high:>6.3f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        main()
