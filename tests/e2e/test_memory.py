"""The arena's own memory, and its worker's, while a thousand episodes are played by controllers that mean it harm."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from seats import LOCKED, require_or_skip

MOST_GROWTH: Final = 16 * 2**20
"""Bytes by which a process may grow from the hundredth episode to the last: what two of the larger frames would take if
they were kept, of which there are ninety by then, or 18 KiB kept of every episode."""

RETURN_LARGE_BLOCKS: Final = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
"""For glibc, which learns from frames that come and go to keep up to 64 MiB of free memory at hand, more or less of it
from one moment to the next. With this it gives back what is freed, and what is still there is in use."""

CODE: Final = """
import os, struct, sys, threading, time
import numpy as np

def flood():
    for _ in range(32):
        os.write(2, b"\\x1b[31m" + b"\\xff" * 1_048_576)

def start_threads():
    for _ in range(200):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(60)

def raise_much():
    raise ValueError("\\u202e" * 5_000_000)

WAYS = {
    "garbage": lambda: os.write(3, os.urandom(4096)),
    "announces": lambda: os.write(3, struct.pack("<I", 2**32 - 1)),
    "fills_the_frame": lambda: os.write(3, struct.pack("<I", 2**23) + b"\\xdb\\x00\\x7f\\xff\\xf0" + b"a" * 2**23),
    "nests": lambda: os.write(3, struct.pack("<I", 2**20) + b"\\x91" * 2**20),
    "floods": flood,
    "raises": raise_much,
    "grows": lambda: np.ones(2**40),
    "threads": start_threads,
    "sleeps": lambda: time.sleep(60),
    "crashes": lambda: os.abort(),
}

class Controller:
    def __init__(self, way):
        self.way = WAYS[way]

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        if observation.period == 2:
            self.way()
        return np.full(self.links, 20.0)
"""

WAYS: Final = {
    "garbage": {"protocol_error", "timeout"},  # One in 512 begins like a frame within the cap, whose rest never comes.
    "announces": {"protocol_error"},
    "fills-the-frame": {"protocol_error"},
    "nests": {"protocol_error"},
    "floods": {"ok", "timeout"},  # It may write what it likes, as long as it answers in time.
    "raises": {"exception", "timeout"},
    "grows": {"memory"},
    "threads": {"exited", "timeout"},
    "sleeps": {"timeout"},
    "crashes": {"exited"},
}
"""Ways to harm, and what comes of them."""

SCRIPT: Final = """
import json, multiprocessing, os, resource, sys
from collections import defaultdict
from pathlib import Path
from types import MappingProxyType
from arena.play.evaluate import evaluate
from arena.jail.limits import Limits
from arena.entry.loading import load_submissions
from arena.contract.seeds import PublicSeeds
from arena.plugins import Plugins
from arena.world.suite import Suite, load_suite

def resident(process):
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()

class Watcher:
    def __init__(self):
        self.sizes, self.outcomes, self.count = [], defaultdict(set), 0
    def started(self, total, done):
        self.total = total
    def advanced(self, record):
        self.count += 1
        self.outcomes[record.submission].add(record.outcome)
        if self.count in (100, self.total - 1):  # After the last the worker may have left.
            [worker] = [one.pid for one in multiprocessing.active_children() if one.name == "arena-worker"]
            self.sizes.append([resident(os.getpid()), resident(worker)])
    def finished(self):
        print(json.dumps({"sizes": self.sizes, "count": self.count,
                          "outcomes": {name: sorted(found) for name, found in self.outcomes.items()}}))

if __name__ == "__main__":
    submissions = load_submissions([Path(sys.argv[1])], Plugins(MappingProxyType({}))).require()
    suite = Suite(name="long", description="", scenarios=load_suite("core").scenarios[:10])
    limits = Limits(first_decision=0.5, decision=0.25, close=0.5)
    evaluate(submissions, suite, PublicSeeds(), output=Path(sys.argv[2]), isolation=sys.argv[3], workers=1,
             limits=limits, progress=Watcher())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads sizes of processes in Linux's /proc")
@pytest.mark.parametrize("isolation", LOCKED)
def test_a_thousand_hostile_episodes_leave_memory_flat(tmp_path: Path, isolation: str) -> None:
    require_or_skip(isolation)
    for way in WAYS:
        folder = tmp_path / "entrants" / way
        folder.mkdir(parents=True)
        (folder / "controller.py").write_text(CODE)
        manifest = f'name: {way}\ncontroller: "controller.py:Controller"\ntrack: blind\n'
        (folder / "submission.yaml").write_text(f"{manifest}config: {{way: {way.replace('-', '_')}}}\n")
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path / "entrants"), str(tmp_path / "out"), isolation]
    environment = {**os.environ, **RETURN_LARGE_BLOCKS}
    told = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert told["count"] == 1000
    assert set(told["outcomes"]) == set(WAYS)
    for way, outcomes in told["outcomes"].items():
        assert set(outcomes) <= WAYS[way], way
    early, late = told["sizes"]
    for process, before, after in zip(("arena", "worker"), early, late, strict=True):
        print(f"{process}: {before / 2**20:.1f} MiB after 100 episodes, {after / 2**20:.1f} MiB at the end")
        assert after - before <= MOST_GROWTH, process
