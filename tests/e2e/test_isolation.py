"""Isolation from the outside: the default, what `--isolation` refuses, and what the results say of it."""

import csv
import json
import sys
import textwrap
from pathlib import Path

import pytest
from seats import LOCKED, require_or_skip
from typer.testing import CliRunner

from arena.cli import app
from arena.play import seats as hosts
from arena.play.seats import strongest

SCENARIO = ("--scenario", "serial-stationary-backlog")

CURIOUS = """
import numpy as np
class Controller:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        try:
            open(FILE).close()
            self.quantity = 30.0
        except OSError:
            self.quantity = 20.0
    def order(self, observation):
        return np.full(self.links, self.quantity)
"""

ASKS_A_PROGRAM = """
import subprocess
import numpy as np
class Controller:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
    def order(self, observation):
        return np.full(self.links, float(subprocess.run(["echo", "20"], capture_output=True, check=True).stdout))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")

    return call


def write(name, source, capabilities="[]"):
    folder = Path(name)
    folder.mkdir()
    (folder / "submission.yaml").write_text(
        f"name: {name}\ncontroller: controller.py:Controller\ntrack: blind\ncapabilities: {capabilities}\n"
    )
    (folder / "controller.py").write_text(textwrap.dedent(source))
    return name


def episodes(output="results"):
    with Path(output, "episodes.csv").open(newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.parametrize("workers", [0, 1])
def test_the_strongest_level_is_the_default_and_is_recorded(run, workers):
    done = run("evaluate", write("mine", CURIOUS.replace("FILE", "__file__")), *SCENARIO, "--workers", workers)
    assert done.exit_code == 0, done.stderr
    assert {(row["isolation"], row["outcome"]) for row in episodes()} == {(strongest(), "ok")}
    (row,) = json.loads(Path("results/standings.json").read_text())["rows"]
    assert (row["isolation"], row["official"]) == (strongest(), False)
    assert "These seeds are public" in Path("results/report.html").read_text()


@pytest.mark.parametrize("level", LOCKED)
def test_results_of_a_round_in_a_sandbox_are_official_and_others_are_not(run, level):
    require_or_skip(level)
    name = write("mine", CURIOUS.replace("FILE", "__file__"))
    assert run("seeds", "new", "contest.secret").exit_code == 0
    # A round is of a suite: that of the one scenario.
    Path("one.yaml").write_text(f"name: one\nscenarios: [{SCENARIO[1]}]\n")
    hidden = ("--suite", "one.yaml", "--seeds", "hidden:2", "--secret", "contest.secret")
    for isolation, official in ((level, level == "sandbox"), ("process", False)):
        terms = (f"{isolation}.json", "--submissions", name, *hidden, "--isolation", isolation)
        assert run("round", "new", *terms).exit_code == 0
        played = ("--round", f"{isolation}.json", "--secret", "contest.secret")
        options = (*played, "--workers", 0, "--output", isolation)
        done = run("evaluate", name, *options)
        assert done.exit_code == 0, done.stderr
        (row,) = json.loads(Path(isolation, "standings.json").read_text())["rows"]
        assert (row["isolation"], row["official"]) == (isolation, official)
        assert ("Not official" not in Path(isolation, "report.html").read_text()) == official


@pytest.mark.parametrize("level", LOCKED)
def test_the_results_folder_cannot_be_read_by_whoever_plays_into_it(run, level):
    require_or_skip(level)
    curious = write("curious", CURIOUS.replace("FILE", repr(str(Path("results/results.sqlite").absolute()))))
    assert run("evaluate", curious, *SCENARIO, "--workers", 1, "--isolation", level).exit_code == 0
    honest = write("honest", CURIOUS.replace("FILE", "'/no/such/file'"))
    assert run("evaluate", honest, *SCENARIO, "--workers", 1, "--isolation", level).exit_code == 0
    profits = {
        name: [row["profit"] for row in episodes() if row["submission"] == name] for name in ("curious", "honest")
    }
    assert len(profits["honest"]) == 10
    assert profits["curious"] == profits["honest"]
    # At a level that lets it read, it would have been found out.
    done = run("evaluate", curious, *SCENARIO, "--workers", 0, "--isolation", "process", "--output", "elsewhere")
    assert done.exit_code == 0, done.stderr
    assert [row["profit"] for row in episodes("elsewhere")] != profits["honest"]


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_a_level_that_does_not_work_here_is_refused_and_not_replaced(run, monkeypatch, command):
    require_or_skip("process")
    monkeypatch.setattr(hosts, "_tried", {})
    monkeypatch.setattr("arena.jail.bubblewrap.find_bubblewrap", lambda: None)
    name = write("mine", CURIOUS.replace("FILE", "__file__"))
    options = (*SCENARIO, "--workers", 0) if command == "evaluate" else ()
    refused = run(command, name, *options, "--isolation", "sandbox")
    assert refused.exit_code == 2
    assert 'isolation level "sandbox" does not work here' in refused.stderr
    if sys.platform == "linux" and strongest() == "strict":
        assert 'bubblewrap is not installed; pip install "inventory-arena[sandbox]"' in refused.stderr
    assert "Traceback" not in refused.output
    assert not Path("results").exists()
    assert run(command, name, *options, "--isolation", strongest()).exit_code == 0


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_programs_are_for_the_sandbox_only(run, command):
    require_or_skip("sandbox")
    name = write("solver", ASKS_A_PROGRAM, "[subprocess]")
    options = (*SCENARIO, "--workers", 0, "--strict") if command == "evaluate" else ()
    refused = run(command, name, *options, "--isolation", "strict")
    assert refused.exit_code == 2
    assert "1 fault in solver" in refused.stderr
    assert 'capabilities: isolation level "strict" does not grant it; only "sandbox" can' in refused.stderr
    assert not Path("results").exists()
    granted = run(command, name, *options, "--isolation", "sandbox")
    assert granted.exit_code == 0, granted.output
