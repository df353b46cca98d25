"""CPU time of matches and steps in another checkout beside this one, in turn and in one run.

Run it with the folder of the other checkout, such as a worktree of an earlier commit::

    git worktree add ../before COMMIT
    python benchmarks/compared_checkouts.py ../before

Each checkout plays in a process of its own, on one thread. In a round, each plays a few matches of one scenario on one
track, or steps of one vector environment; the first one begins, and in the next round the second one. A match is played
in the process, by a controller that orders the same on every link, so that all time is the arena's. Shown are medians
over rounds of the time of a match or step, and the median, lower and upper quartile of the other's time over this one's
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
import tempfile
import time
from pathlib import Path
from typing import Any

#: Scenario and track of matches, or number of environments of steps; "tree" is a network of `--nodes`.
ROWS: tuple[tuple[str, str | int], ...] = (
    ("serial-stationary-backlog", "blind"),
    ("serial-trend-seasonal-goodwill-lost-sales", "informed"),
    ("divergent-stationary-backlog", "blind"),
    ("divergent-trend-seasonal-goodwill-lost-sales", "informed"),
    ("divergent-trend-seasonal-backlog", 1_024),
    ("divergent-trend-seasonal-goodwill-lost-sales", 1_024),
    ("tree", 256),
)
HERE = Path(__file__).resolve().parents[1]


def serve(nodes: int) -> None:
    """Play what is asked for on standard input, a JSON list of a row and a number a line; answer seconds."""
    import numpy as np

    sys.path[0] = str(HERE / "tests")  # in place of this folder, where another module has the name
    from large_networks import write

    import arena
    from arena import load_scenario
    from arena.contract.controller import ControllerReport
    from arena.contract.seeds import PublicSeeds
    from arena.entry.submission import Manifest, Submission
    from arena.envs import InventoryVectorEnv
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
    with tempfile.TemporaryDirectory() as folder:
        tree = load_scenario(write(Path(folder), nodes, 30))
    scenarios = {name: tree if name == "tree" else load_scenario(name) for name, _ in ROWS}
    seeds = {name: PublicSeeds().episode(scenario.digest, 0) for name, scenario in scenarios.items()}
    host, limits = Host(), Limits()
    environments = {
        (name, kind): InventoryVectorEnv(scenarios[name], kind) for name, kind in ROWS if isinstance(kind, int)
    }
    orders = {row: np.full(each.action_space.shape, 20.0) for row, each in environments.items()}
    for each in environments.values():
        each.reset(seed=0)
    for line in sys.stdin:
        name, kind, number = json.loads(line)
        start = time.process_time()
        if isinstance(kind, int):
            for _ in range(number):
                environments[name, kind].step(orders[name, kind])
        else:
            submission = Submission(
                name="constant",
                manifest=Manifest(name="constant", controller="constant.py:Constant", track=kind),
                path=Path(),
                digest="5" * 64,
                folder=None,
                controller="constant.py:Constant",
                track=kind,
                config={},
            )
            for _ in range(number):
                play(submission, scenarios[name], seeds[name], host, limits)
        print(time.process_time() - start, flush=True)


class Checkout:
    """A process that plays with the arena of one checkout."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(nodes)],
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = Path(self._answer())
        if found != folder:
            sys.exit(f"{folder} holds no arena that can be played: {found} was imported")

    def seconds(self, scenario: str, kind: str | int, number: int) -> float:
        """CPU seconds of a match or a step, the mean of several."""
        assert self._process.stdin is not None
        print(json.dumps([scenario, kind, number]), file=self._process.stdin, flush=True)
        return float(self._answer()) / number

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=60, help="rounds (default 60)")
    parser.add_argument(
        "--number", type=int, default=5, help="matches or steps of a round in each checkout (default 5)"
    )
    parser.add_argument("--nodes", type=int, default=400, help="of the tree; earlier versions have at most 500")
    chosen = parser.parse_args()
    other, this = (Checkout(folder, chosen.nodes) for folder in (chosen.other.resolve(), HERE))
    print(f"{'scenario':<46} {'played':<9} {'other, ms':>10} {'this, ms':>10} {'ratio':>7} {'quartiles':>13}")
    for scenario, kind in ROWS:
        times: dict[Checkout, list[float]] = {other: [], this: []}
        for number in range(chosen.rounds + 2):  # the first two warm up
            for each in (other, this) if number % 2 else (this, other):
                times[each].append(each.seconds(scenario, kind, chosen.number))
        theirs, ours = times[other][2:], times[this][2:]
        low, ratio, high = statistics.quantiles([a / b for a, b in zip(theirs, ours, strict=True)])
        told = " ".join(f"{1e3 * statistics.median(each):>10.3f}" for each in (theirs, ours))
        print(f"{scenario:<46} {kind:<9} {told} {ratio:>7.3f} {low:>6.3f} {high:>6.3f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
    else:
        main()
