"""Machines that lack something, simulated: which level they reach, and that doctor and results say so truly."""

import csv
import json
import sys
import tempfile
from pathlib import Path

import pytest
from machine import (
    run_as_ordinary_user,
    run_behind_a_containers_filter,
    run_without_user_namespaces,
)
from seats import require_or_skip

from arena.play import seats

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the machines are made of what only Linux has")

ARENA = [sys.executable, "-B", "-m", "arena"]
RULE = """
import numpy as np
class Controller:
    def begin(self, briefing): self.links = len(briefing.network.supply_links)
    def order(self, observation): return np.full(self.links, 20.0)
"""


@pytest.fixture
def place():
    """A folder with a submission in it, that everybody can write to; those of pytest are closed to other users."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        folder = Path(name, "rule")
        folder.mkdir()
        (folder / "controller.py").write_text(RULE, encoding="utf-8")
        manifest = "name: rule\ncontroller: controller.py:Controller\ntrack: blind\n"
        (folder / "submission.yaml").write_text(manifest, encoding="utf-8")
        yield Path(name)


def as_ordinary_user(command, place):
    """Run a command as an ordinary user, to whom no group is delegated; skip where it cannot read the interpreter."""
    tried = run_as_ordinary_user([sys.executable, "-B", "-c", "import numpy, arena.cli"], place)
    if tried.returncode:
        pytest.skip(f"an ordinary user cannot read what this interpreter needs: {tried.stderr[-200:]}")
    return run_as_ordinary_user(command, place)


def without_user_namespaces(command, place):
    tried = run_without_user_namespaces(["true"])
    if tried.returncode:
        pytest.skip(f"no container can be simulated here: {tried.stderr[-200:]}")
    return run_without_user_namespaces(command)


def behind_a_filter(command, place):
    return run_behind_a_containers_filter(command)


MACHINES = {
    "an ordinary user": (as_ordinary_user, "sandbox"),
    "a container without user namespaces": (without_user_namespaces, "strict"),
    "a container with the usual filter": (behind_a_filter, "strict"),
}


@pytest.mark.parametrize(
    "machine",
    # Each of them takes about 20 seconds; one container is enough for every day.
    [pytest.param(name, marks=pytest.mark.slow) if "filter" in name else name for name in MACHINES],
)
def test_the_level_that_is_reached_is_told_and_recorded(machine, place):
    run, level = MACHINES[machine]
    require_or_skip(level)
    done = run([*ARENA, "doctor", "--json"], place)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["strongest"], told["official"]) == (level, level == "sandbox"), told
    assert told["levels"][level]["official"] == (level == "sandbox")
    assert {one["keeper"] for one in told["levels"][level]["promises"]} <= {"kernel", "looks"}
    users = next(part for part in told["parts"] if part["name"] == "user namespaces")
    if level == "strict":
        assert not told["levels"]["sandbox"]["works"]
        assert not told["levels"]["sandbox"]["official"]
        assert told["levels"]["sandbox"]["reason"]
        assert users["state"] == "missing"
        assert users["fix"]
    else:
        assert users["state"] == "there"
    command = [
        *ARENA,
        "evaluate",
        str(place / "rule"),
        "--scenario",
        "serial-stationary-backlog",
    ]
    played = run([*command, "--workers", "0", "--output", str(place / "results")], place)
    assert played.returncode == 0, played.stderr
    with (place / "results" / "episodes.csv").open(newline="") as table:
        assert {(row["isolation"], row["outcome"]) for row in csv.DictReader(table)} == {(level, "ok")}


def test_an_ordinary_user_without_a_group_has_the_processor_kept_by_looks(place):
    require_or_skip("sandbox")
    told = json.loads(as_ordinary_user([*ARENA, "doctor", "--json"], place).stdout)
    groups = next(part for part in told["parts"] if part["name"] == "control groups")
    if groups["state"] != "missing":
        pytest.skip("this machine has delegated a group to ordinary users")
    keepers = {one["subject"]: one for one in told["levels"]["sandbox"]["promises"]}
    assert keepers["processor"]["keeper"] == "looks"
    assert "systemd-run" in keepers["processor"]["fix"]
    assert keepers["disk"]["keeper"] == "kernel"


@pytest.mark.parametrize("level", ["strict", "sandbox"])
def test_a_level_of_which_nobody_keeps_a_promise_does_not_work(level, monkeypatch):
    require_or_skip(level)
    monkeypatch.setattr(seats, "_tried", {})
    monkeypatch.setattr("arena.jail.watch.blindness", lambda: "the kernel does not tell the children of a process")
    assert seats.refusal_of(level).startswith("processor: the kernel does not tell the children of a process")
    assert seats.strongest() == "process"
