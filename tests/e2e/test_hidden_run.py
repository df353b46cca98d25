"""A hidden run from the making of the secret to its verification, and where the secret must not be found meanwhile."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from typer.testing import CliRunner

from arena.cli import app
from arena.contract.seeds import HiddenSeeds, PublicSeeds, hidden_seeds, read_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.play.evaluate import evaluate
from arena.plugins import Plugins
from arena.results.record import EpisodeRecord
from arena.world.suite import Suite, load_suite

STEADY = """
import numpy as np

class Controller:
    def __init__(self, quantity=20.0):
        self.quantity = quantity

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, self.quantity)
"""

DUMPS = """
import gc, os, sys, traceback
from pathlib import Path

import numpy as np

def ancestors():
    process = os.getpid()
    for _ in range(4):
        yield process
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])

def memory():
    with open("/proc/self/mem", "rb") as pages:
        for line in Path("/proc/self/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            if rights.startswith("rw"):
                first, last = (int(address, 16) for address in place.split("-"))
                for start in range(first, last, 2**25):
                    try:
                        pages.seek(start)
                        yield pages.read(min(2**25, last - start))
                    except (OSError, ValueError):
                        pass

def keep(place, name, told):
    Path(place, f"{os.getpid()}-{name}").write_bytes(repr(told).encode())
    print(repr(told), file=sys.stderr)

def dump(place):
    def keep(name, content):
        Path(place, f"{os.getpid()}-{name}").write_bytes(content)
    keep("environment", repr(dict(os.environ)).encode() + repr(sys.argv + sys.orig_argv).encode())
    keep("objects", "".join(f"{one!r:.2000}" for one in gc.get_objects() if type(one) in (dict, list, tuple)).encode())
    frame, frames = sys._getframe(), []
    while frame is not None:
        frames.append(repr(frame.f_locals) + repr(frame.f_code))
        frame = frame.f_back
    keep("frames", "".join(frames).encode())
    for process in ancestors():
        for what in ("cmdline", "environ"):
            try:
                keep(f"{what}-{process}", Path(f"/proc/{process}/{what}").read_bytes())
            except OSError:
                pass
    for number in range(64):
        try:
            keep(f"descriptor-{number}", os.readlink(f"/proc/self/fd/{number}").encode())
        except OSError:
            pass
    for number, block in enumerate(memory()):
        keep(f"memory-{number}", block)

class Controller:
    def __init__(self, place, mark):
        self.place, self.mark = place, mark

    def begin(self, briefing):
        self.briefing = briefing
        self.links = len(briefing.order_bound)
        keep(self.place, "briefing", briefing)
        dump(self.place)  # where there is most time for it

    def order(self, observation):
        keep(self.place, f"observation-{observation.period}", observation)
        if observation.period == 9:
            raise ValueError(repr((self.briefing, observation)))
        return np.full(self.links, 20.0)
"""

SUITE = """
name: drawn
draw_seed: 1
blocks:
  - draw: [{path: "network.market_links[*].mean_demand", uniform: [10, 30], scale: true}]
    set: {demand: {trend: {}}}
    matrix: {network: [{label: tree-behind-seven-hills, set: {network: tree}}]}
"""
NAME = "tree-behind-seven-hills"
MARK = "the-mark-that-is-in-every-memory"


def submit(entrants: Path, name: str, source: str, track: str = "blind", **config: object) -> Path:
    folder = entrants / name
    folder.mkdir(parents=True)
    (folder / "controller.py").write_text(source)
    settings = json.dumps(config)
    (folder / "submission.yaml").write_text(
        f"name: {name}\ncontroller: controller.py:Controller\ntrack: {track}\nconfig: {settings}\n"
    )
    return folder


def arena(
    place: Path, *arguments: object, status: int = 0, path: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with next to no environment."""
    script = "import sys; from arena.cli import main; sys.exit(main())"
    search = os.pathsep.join([*map(str, path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=place,
        env={"PATH": os.defpath, "HOME": str(place), "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout
    return done


def needles(plan: HiddenSeeds, suite: Suite) -> dict[str, bytes]:
    """Every spelling of the secret and of each seed derived from it, by what it is."""
    numbers = {"master": int(plan.secret.master, 16), "salt": int(plan.secret.salt, 16)}
    numbers["draw key"] = int.from_bytes(plan.draw_key.value, "big")
    for scenario in suite.scenarios:
        for index in range(plan.count):
            numbers[f"seed {index}"] = int(plan.episode(scenario.digest, index).entropy)
    found = {}
    for what, number in numbers.items():
        found[f"{what}, bytes"] = number.to_bytes(32, "big")
        found[f"{what}, bytes from the end"] = number.to_bytes(32, "little")
        found[f"{what}, hex"] = f"{number:x}".encode()
        found[f"{what}, HEX"] = f"{number:X}".encode()
        found[f"{what}, decimal"] = f"{number:d}".encode()
        found[f"{what}, escaped"] = repr(number.to_bytes(32, "big"))[2:-1].encode()
        # A whole number in memory: digits of 30 bits, each in four bytes.
        digits = [(number >> shift) % 2**30 for shift in range(0, 256, 30)]
        found[f"{what}, as Python keeps it"] = b"".join(digit.to_bytes(4, "little") for digit in digits)
    return found


def found_in(contents: Iterator[tuple[str, bytes]], wanted: dict[str, bytes]) -> list[str]:
    return [f"{what} in {name}" for name, content in contents for what, needle in wanted.items() if needle in content]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def test_from_the_secret_to_the_verified_results(tmp_path: Path) -> None:
    for name, quantity in (("steady", 20.0), ("eager", 35.0)):
        submit(tmp_path / "entrants", name, STEADY, quantity=quantity)
    commitment = arena(tmp_path, "seeds", "new", "secret.json").stdout.strip()
    assert arena(tmp_path, "seeds", "commit", "secret.json").stdout.strip() == commitment
    played = ("evaluate", "entrants", "--suite", "smoke", "--seeds", "hidden:2", "--secret", "secret.json")
    printed = arena(tmp_path, *played, "--isolation", "process", "--workers", "1").stdout
    results, full = re.findall(r"^(?:results|full) digest: ([0-9a-f]{64})$", printed, re.MULTILINE)

    before = arena(tmp_path, "verify", "results").stdout
    assert "checked: 16 of 16 rows: indicators, from the demand as stored" in before
    assert f"not checked: 16 seeds: no reveal of the commitment {commitment[:12]}" in before
    assert before.splitlines()[-1] == "all that was checked agrees"

    refused = arena(tmp_path, "verify", "results", "--reveal", "secret.json", status=2)
    assert "format: is not that of a reveal; after the run" in refused.stderr
    told = arena(tmp_path, "seeds", "reveal", "secret.json", "--output", "reveal.json")
    assert told.stdout == "reveal.json\n"
    assert f"this reveals every seed under the commitment {commitment}" in told.stderr
    printed = arena(tmp_path, "seeds", "reveal", "secret.json")
    assert json.loads(printed.stdout) == json.loads((tmp_path / "reveal.json").read_text())
    again = arena(tmp_path, "seeds", "reveal", "secret.json", "--output", "reveal.json", status=2)
    assert "exists already; a reveal overwrites nothing" in again.stderr

    after = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", "--suite", "smoke").stdout
    assert after.splitlines() == [
        f"checked: the commitment {commitment}, from the reveal",
        "checked: 16 of 16 rows: seed, demand and indicators",
        "checked: 16 lines of the table of episodes",
        "checked: the standings",
        f"checked: results digest {results}, held against standings.json",
        f"checked: full digest {full}",
        "all agrees",
    ]
    for published in (results, full[:12]):
        told = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", "--digest", published).stdout
        assert f"results digest {results}, held against standings.json and --digest" in told
    again = ("--play", "3", "--submissions", "entrants")
    told = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", *again, "--play-seed", "7").stdout
    assert "3 of 16 rows: orders, played again from the submissions (chosen by --play-seed 7)" in told
    told = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", *again[:2], status=2).stderr
    assert "nothing is played but what is named, got 3; name the submissions too: --submissions PATH" in told
    told = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", *again[2:], status=2).stderr
    assert "--submissions:\n  is for --play; add --play N, or leave this out" in told

    with sqlite3.connect(tmp_path / "results" / "results.sqlite") as store:
        changed = "UPDATE episodes SET record = json_set(record, '$.fill_rate', 0.125) WHERE seed_index = 1"
        store.execute(f"{changed} AND json_extract(record, '$.scenario') = 'serial-m5-backlog'")
    store.close()
    differing = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", status=1).stdout.splitlines()
    assert differing[0].split() == ["file", "submission", "scenario", "seed", "index", "column", "stored", "recomputed"]
    assert differing[2].split()[:6] == ["results.sqlite", "eager", "serial-m5-backlog", "1", "fill_rate", "0.125"]
    assert differing[-1].startswith(
        "differs: results.sqlite, eager, serial-m5-backlog, seed index 1: fill_rate is 0.125, recomputed 1.0"
    )
    as_json = json.loads(arena(tmp_path, "verify", "results", "--reveal", "reveal.json", "--json", status=1).stdout)
    assert (as_json["agrees"], as_json["rows"], as_json["recomputed"]) == (False, 16, 16)
    assert [(one["submission"], one["column"]) for one in as_json["differences"]] == [
        ("eager", "fill_rate"),
        ("steady", "fill_rate"),
        ("eager", "digests.results"),
        ("steady", "digests.results"),
    ]
    missing = arena(tmp_path, "verify", "nowhere", status=2)
    assert "nowhere/standings.json" in missing.stderr


@pytest.mark.slow
def test_the_secret_is_in_no_child_and_no_output(tmp_path: Path) -> None:
    """A controller writes down all that it can see, its own memory included; nothing of the secret is in it."""
    dumps = tmp_path / "dumps"
    dumps.mkdir(mode=0o777)
    for track in ("blind", "oracle"):
        submit(tmp_path / "entrants", f"spy-{track}", DUMPS, track, place=str(dumps), mark=MARK)
    (tmp_path / "suite.yaml").write_text(SUITE)
    secret = tmp_path / "kept" / "secret.json"
    secret.parent.mkdir(mode=0o700)
    arena(tmp_path, "seeds", "new", secret)
    options = ("--suite", "suite.yaml", "--seeds", "hidden:2", "--secret", secret, "--isolation", "process")
    done = arena(tmp_path, "evaluate", "entrants/spy-blind", *options, "--workers", "1")
    # By itself: beside a contestant, an oracle that forfeits has the suite refused before the contestant plays.
    spied = arena(tmp_path, "evaluate", "entrants/spy-oracle", *options, "--workers", "1", "--output", "spied")
    plan = hidden_seeds(read_secret(secret), 2, contract_digest())
    suite = load_suite(tmp_path / "suite.yaml", plan.draw_key)
    wanted = needles(plan, suite)

    seen = dict(files(dumps))
    assert len({name.partition("-")[0] for name in seen}) == 4
    memories = [name for name, content in seen.items() if "-memory-" in name and MARK.encode() in content]
    assert len({name.partition("-")[0] for name in memories}) == 4
    assert found_in(iter(seen.items()), wanted) == []
    [scenario] = suite.scenarios
    assert found_in(iter(seen.items()), {"name": NAME.encode(), "digest": scenario.digest.encode()}) == []
    shutil.rmtree(dumps)  # hundreds of megabytes that nobody needs any more

    said = done.stdout + done.stderr + spied.stdout + spied.stderr
    written = {**dict(files(tmp_path / "spied")), **dict(files(tmp_path / "results")), "said": said.encode()}
    assert {"results.sqlite", "episodes.csv", "standings.json", "report.html"} <= set(written)
    assert found_in(iter(written.items()), wanted) == []
    with (tmp_path / "results" / "episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["outcome"], row["seed"], row["scenario"]) for row in rows} == {("exception", "", NAME)}
    # The secret drew the scenario; the public seed would have drawn another one under the same name.
    assert {row["scenario_digest"] for row in rows} == {scenario.digest}
    [public] = load_suite(tmp_path / "suite.yaml").scenarios
    assert (public.name, public.digest != scenario.digest) == (NAME, True)
    arena(tmp_path, "seeds", "reveal", secret, "--output", "reveal.json")
    verified = arena(tmp_path, "verify", "results", "--reveal", "reveal.json", "--suite", "suite.yaml").stdout
    assert "checked: 1 of the scenarios, drawn again" in verified
    assert verified.splitlines()[-1] == "all agrees"


CRASH = """
def broken(self, orders):
    raise RuntimeError("a defect of the arena")

import arena.simulate.simulator
arena.simulate.simulator.Simulator.step = broken
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_a_crash_of_the_arena_tells_nothing(tmp_path: Path, workers: int) -> None:
    submit(tmp_path / "entrants", "steady", STEADY)
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(CRASH)
    (tmp_path / "suite.yaml").write_text(SUITE)
    arena(tmp_path, "seeds", "new", "secret.json")
    options = ("--suite", "suite.yaml", "--seeds", "hidden:2", "--secret", "secret.json", "--isolation", "trusted")
    done = arena(
        tmp_path,
        *("evaluate", "entrants", *options, "--workers", workers),
        status=2 if workers else 1,
        path=[tmp_path / "patch"],
    )
    assert "a defect of the arena" in done.stderr
    plan = hidden_seeds(read_secret(tmp_path / "secret.json"), 2, contract_digest())
    wanted = needles(plan, load_suite(tmp_path / "suite.yaml", plan.draw_key))
    assert found_in(iter([("stderr", done.stderr.encode())]), wanted) == []
    assert found_in(files(tmp_path / "results"), wanted) == []


@pytest.mark.parametrize(
    "place",
    ["arena.simulate.simulator.episode_generator", "arena.play.match.measure", "arena.results.store.Store.put"],
)
def test_not_even_the_variables_of_a_crash_show_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A traceback with the variables of every frame, as debuggers, test runners and error reports print it."""
    submit(tmp_path / "entrants", "steady", STEADY)
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["seeds", "new", "secret.json"]).exit_code == 0

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect of the arena")

    monkeypatch.setattr(place, broken)
    options = ("--suite", "suite.yaml", "--seeds", "hidden:2", "--secret", "secret.json", "--isolation", "trusted")
    done = CliRunner().invoke(app, ["evaluate", "entrants", *options, "--workers", "0"])
    assert isinstance(done.exception, RuntimeError)
    told = traceback.TracebackException.from_exception(done.exception, capture_locals=True)
    shown = "".join(told.format())
    assert {"evaluate", "_play"} <= {frame.name for frame in told.stack}
    assert "HiddenSeeds(" in shown
    plan = hidden_seeds(read_secret(Path("secret.json")), 2, contract_digest())
    wanted = needles(plan, load_suite(Path("suite.yaml"), plan.draw_key))
    assert found_in(iter([("traceback", shown.encode())]), wanted) == []


def test_the_search_would_find_a_secret(tmp_path: Path) -> None:
    """The haystacks above are searched for the right needles."""
    place = tmp_path / "secret.json"
    assert CliRunner().invoke(app, ["seeds", "new", str(place)]).exit_code == 0
    plan = hidden_seeds(read_secret(place), 1, contract_digest())
    suite = load_suite("smoke")
    wanted = needles(plan, suite)
    seed = int(plan.episode(suite.scenarios[-1].digest, 0).entropy)
    assert found_in(files(tmp_path), wanted) == ["master, hex in secret.json", "salt, hex in secret.json"]
    for content in (f"{seed}", f"{seed:x}", repr(seed.to_bytes(32, "big"))):
        assert len(found_in(iter([("log", content.encode())]), wanted)) == 1


class Order:
    """Progress that remembers which episode came when."""

    def __init__(self) -> None:
        self.episodes: list[tuple[str, str, int]] = []

    def started(self, total: int, done: int = 0) -> None:
        pass

    def advanced(self, record: EpisodeRecord) -> None:
        self.episodes.append((record.submission, record.scenario, record.seed_index))

    def finished(self) -> None:
        pass


def test_episodes_are_played_in_an_order_that_tells_nothing(tmp_path: Path) -> None:
    for name in ("one", "other"):
        submit(tmp_path / "entrants", name, STEADY)
    submissions = load_submissions([tmp_path / "entrants"], Plugins(MappingProxyType({}))).require()
    suite = Suite(name="short", description="", scenarios=load_suite("smoke").scenarios[:2])
    orders = []
    for attempt in range(2):
        watcher = Order()
        options: dict[str, Any] = {"output": tmp_path / f"results-{attempt}", "isolation": "trusted", "workers": 0}
        evaluate(submissions, suite, PublicSeeds(), **options, progress=watcher)
        orders.append(watcher.episodes)
    first, second = orders
    assert len(set(first)) == 40
    assert set(first) == set(second)
    # Of forty episodes, any fixed order would come once in 40! times.
    assert first != second
    assert sorted(first) not in (first, second)
    for place in range(3):
        column = [episode[place] for episode in first]
        assert column not in (sorted(column), sorted(column, reverse=True))
