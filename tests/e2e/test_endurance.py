"""Whatever is killed in an evaluation, and whenever: after resuming, the rows are those of an undisturbed one.

Victims are the arena itself, its workers, the processes that start controllers (wardens and their zygotes) and the
controllers' own (seats), at moments chosen by lot. The default run plays 60 episodes, `-m slow` a thousand at each
locked level.
"""

import contextlib
import csv
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from seats import LOCKED, require_or_skip

from arena.contract.seeds import PUBLIC_SEEDS
from arena.jail.watch import children

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds its victims in Linux's /proc")

# What differs between two runs of the same episode: its timings, and how often an attempt at it broke off.
TIMINGS: Final = {"planning_time", "decision_time", "slowest_decision_time", "finished_at", "repetitions"}
KINDS: Final = ("seat", "worker", "zygote", "seat", "warden", "arena")
WORKERS: Final = 2
PATIENCE_SECONDS: Final = 300.0

CODE: Final = """
import time
import numpy as np

class Controller:
    def __init__(self, factor):
        self.factor = factor

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        time.sleep(0.001)
        return np.full(self.links, self.factor * (10.0 + observation.last_demand.sum() / 2))
"""

SCRIPT: Final = """
import sys
from pathlib import Path
from types import MappingProxyType
from arena.play.evaluate import evaluate
from arena.entry.loading import load_submissions
from arena.contract.seeds import PublicSeeds
from arena.plugins import Plugins
from arena.world.suite import Suite, load_suite

class Told:
    def started(self, total, done):
        print("started", total, done, flush=True)
    def advanced(self, record):
        print("episode", record.outcome, flush=True)
    def finished(self):
        print("finished", flush=True)

if __name__ == "__main__":
    entrants, output, isolation, scenarios, workers = sys.argv[1:]
    submissions = load_submissions([Path(entrants)], Plugins(MappingProxyType({}))).require()
    suite = Suite(name="long", description="", scenarios=load_suite("core").scenarios[:int(scenarios)])
    evaluate(submissions, suite, PublicSeeds(), output=Path(output), isolation=isolation, workers=int(workers),
             progress=Told())
"""


def submit(entrants: Path, count: int) -> None:
    for number in range(count):
        folder = entrants / f"rule-{number}"
        folder.mkdir(parents=True)
        (folder / "controller.py").write_text(CODE)
        manifest = f'name: rule-{number}\ncontroller: "controller.py:Controller"\ntrack: blind\n'
        (folder / "submission.yaml").write_text(f"{manifest}config: {{factor: {1 + number / 10}}}\n")


class Run:
    """One evaluation in a process of its own, and what it says, read as it comes."""

    def __init__(self, script: Path, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.said.append(line)

    @property
    def episodes(self) -> int:
        """Episodes that have been committed."""
        return sum(line.startswith("episode") for line in list(self.said))

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def family(self) -> dict[str, list[int]]:
        """Process ids of its workers, wardens, zygotes and seats."""
        found: dict[str, list[int]] = {kind: [] for kind in KINDS} | {"arena": [self.process.pid]}
        waiting = [(self.process.pid, "arena")]
        while waiting:
            parent, kind = waiting.pop()
            for child in children(parent):
                words = command_line(child)
                starts_controllers = "bwrap" not in words[0] and any("arena.jail.warden" in one for one in words)
                own = kind
                if any("spawn_main" in word for word in words):
                    own = "worker"
                elif kind in ("zygote", "seat"):
                    own = "seat"
                elif kind == "warden":
                    own = "zygote"
                elif kind == "worker" and starts_controllers:
                    own = "warden"
                if own != kind:
                    found[own].append(child)
                waiting.append((child, own))
        return found

    def end(self) -> list[str]:
        """Wait for its end; what it said."""
        self.process.wait()
        self._reader.join()
        return self.said


def command_line(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def rows(output: Path) -> list[dict[str, str]]:
    """The table of episodes without what differs between two runs of the same episode."""
    with (output / "episodes.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMINGS} for row in csv.DictReader(file)]


def wait_while(condition: Callable[[], bool], said: list[str]) -> None:
    """Wait; a bound that no machine needs keeps an evaluation that hangs from hanging the tests."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS:g} s in vain; it said last {said[-5:]}"
        time.sleep(0.002)


def disturb(run: Run, chance: random.Random, kinds: Iterator[str], pause: int, killed: Counter[str]) -> None:
    """Kill what is due next, each time after some more episodes and at any moment of one, until the run has ended."""
    while run.running:
        awaited = run.episodes + chance.randint(1, pause)
        wait_while(lambda: run.running and run.episodes < awaited, run.said)  # noqa: B023 - called before it changes
        kind = next(kinds)
        victims: list[int] = []
        while run.running and not victims:
            # By now an episode more or less may have begun, ended, or be half way.
            time.sleep(chance.uniform(0, 0.03))
            family = run.family()
            victims = family[kind]
        if run.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
                killed[kind] += 1
        if kind == "arena":
            run.end()
            everyone = [process for members in family.values() for process in members]
            wait_while(lambda: any(is_running(process) for process in everyone), run.said)  # noqa: B023 - as above


def endure(tmp_path: Path, isolation: str, submissions: int, scenarios: int, pause: int) -> Counter[str]:
    """Play undisturbed and disturbed and compare; tell how often what was killed."""
    script, entrants = tmp_path / "run.py", tmp_path / "entrants"
    script.write_text(SCRIPT)
    submit(entrants, submissions)

    def start(output: str) -> Run:
        return Run(script, [str(entrants), str(tmp_path / output), isolation, str(scenarios), str(WORKERS)])

    calm = start("calm")
    said = calm.end()
    assert calm.process.returncode == 0, said
    assert calm.episodes == submissions * scenarios * len(PUBLIC_SEEDS)
    assert {row["outcome"] for row in rows(tmp_path / "calm")} == {"ok"}
    chance = random.Random(20260511)
    killed: Counter[str] = Counter()
    kinds = itertools.cycle(KINDS)
    while True:
        run = start("disturbed")
        disturb(run, chance, kinds, pause, killed)
        said = run.end()
        if run.process.returncode == 0:
            break
        assert run.process.returncode == -signal.SIGKILL, said
    assert rows(tmp_path / "disturbed") == rows(tmp_path / "calm")
    return killed


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["process"])
def test_nothing_that_is_killed_changes_a_row(tmp_path: Path, isolation: str) -> None:
    killed = endure(tmp_path, require_or_skip(isolation), submissions=3, scenarios=2, pause=8)
    assert set(killed) == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("isolation", LOCKED)
def test_nothing_that_is_killed_in_a_thousand_episodes_changes_a_row(tmp_path: Path, isolation: str) -> None:
    killed = endure(tmp_path, require_or_skip(isolation), submissions=10, scenarios=10, pause=12)
    print(f"killed at {isolation}: {dict(killed)}")
    assert min(killed[kind] for kind in KINDS) >= 10, killed
