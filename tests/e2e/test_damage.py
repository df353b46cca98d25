"""After damage to a folder of results nothing is lost silently, and every advised command does what it promises."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from arena.cli import app
from arena.results.series import pack

CODE = """
import numpy as np

class Controller:
    def __init__(self, level=15.0):
        self.level = level

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, self.level)
"""

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command beside a folder of results of two submissions, calm and eager."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    Path("code").mkdir()
    Path("code/mine.py").write_text(CODE)
    for name, level in (("calm", 10), ("eager", 20), ("third", 15)):
        manifest = f"name: {name}\ncontroller: mine.py:Controller\ncode: code\ntrack: blind\nconfig: {{level: {level}}}"
        Path(f"{name}.yaml").write_text(manifest)
    Path("short.yaml").write_text("name: short\nscenarios:\n  - {name: own, network: serial, horizon: 4}\n")

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")

    assert evaluate(call, "calm", "eager").exit_code == 0
    return call


def evaluate(run: Run, *names: str, output: str = "results") -> Any:
    options = ("--suite", "short.yaml", "--output", output, "--isolation", "trusted", "--workers", 0)
    return run("evaluate", *(f"{name}.yaml" for name in names), *options)


def lines() -> Counter[str]:
    with Path("results/episodes.csv").open(newline="") as file:
        return Counter(line["submission"] for line in csv.DictReader(file))


def change(statement: str) -> int:
    with closing(sqlite3.connect("results/results.sqlite", isolation_level=None)) as connection:
        return connection.execute(statement).rowcount


def content() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("results").iterdir() if path.suffix in (".csv", ".json")}


def test_a_lost_store_is_never_the_end_of_the_others_tables(run: Run) -> None:
    before = content()
    for loss in (Path.unlink, lambda path: path.write_bytes(b"")):
        loss(Path("results/results.sqlite"))
        refused = evaluate(run, "third")
        assert refused.exit_code == 2
        rule = "its tables name 20 episodes that results.sqlite does not hold (calm: 10, eager: 10)"
        assert rule in refused.stderr
        assert "enter these submissions too so that they are played again" in refused.stderr
        assert content() == before
    # Without the table of episodes, the standings say as much.
    Path("results/episodes.csv").unlink()
    assert rule in evaluate(run, "third").stderr
    # Both pieces of advice hold: another folder, and the submissions themselves.
    assert evaluate(run, "third", output="results/short").exit_code == 0
    assert evaluate(run, "calm", "eager", "third").exit_code == 0
    assert lines() == {"calm": 10, "eager": 10, "third": 10}
    assert run("verify", "results").exit_code == 0


def test_tables_that_were_given_up_are_no_obstacle(run: Run) -> None:
    for name in ("results.sqlite", "episodes.csv", "standings.json", "report.html"):
        (Path("results") / name).unlink()
    assert evaluate(run, "third").exit_code == 0
    assert lines() == {"third": 10}


def test_rows_that_are_gone_are_told_and_never_cut_from_the_tables(run: Run) -> None:
    damage = "DELETE FROM episodes WHERE json_extract(record, '$.submission') = 'calm' AND seed_index < 5"
    assert change(damage) == 5
    before = content()
    rule = "its tables name 5 episodes that results.sqlite does not hold (calm: 5)"
    for refused in (
        run("results", "upgrade", "results"),
        run("results", "remove", "results", "eager"),
        evaluate(run, "third"),
    ):
        assert refused.exit_code == 2, refused.output
        assert rule in refused.stderr
        assert content() == before
    assert not run("verify", "results").stdout.count("removed")
    assert evaluate(run, "calm").exit_code == 0
    assert run("results", "upgrade", "results").exit_code == 0
    assert run("verify", "results").exit_code == 0
    assert lines() == {"calm": 10, "eager": 10}
    # Whoever is removed leaves the tables anyway, whole or not.
    assert change(damage) == 5
    assert run("results", "remove", "results", "calm").exit_code == 0
    assert lines() == {"eager": 10}


@pytest.mark.parametrize("column", ["demand", "requested"])
def test_a_damaged_series_is_played_again_after_the_advised_command(run: Run, column: str) -> None:
    shutil.copytree("results", "whole")
    where = "json_extract(record, '$.submission') = 'calm' AND seed_index IN (2, 7)"
    assert change(f"UPDATE episodes SET {column} = x'00112233' WHERE {where}") == 2
    found = run("verify", "results")
    assert found.exit_code == 1
    assert "arena results repair results drops its episode" in found.stdout
    repaired = run("results", "repair", "results")
    assert repaired.exit_code == 0, repaired.output
    assert repaired.stdout == "dropped: 2 damaged episodes of calm; arena evaluate plays them again\n"
    assert "no series is damaged" in run("results", "repair", "results").stdout
    assert "calm: 2" in evaluate(run, "third").stderr, "their lines are still in the table"
    played = evaluate(run, "calm", "eager")
    assert played.exit_code == 0, played.output
    assert run("verify", "results").exit_code == 0
    assert [line["profit"] for line in table("results")] == [line["profit"] for line in table("whole")]
    # An episode is played once: orders that can still be read bind the repetition, and the record says so.
    repetitions = {line["repetitions"] for line in table("results") if line["submission"] == "calm"}
    assert repetitions == ({"0", "1"} if column == "demand" else {"0"})


def test_a_series_of_another_network_is_played_again_after_the_advised_command(run: Run) -> None:
    shutil.copytree("results", "whole")
    with closing(sqlite3.connect("results/results.sqlite")) as connection:
        [periods] = connection.execute("SELECT periods FROM episodes").fetchone()
    orders = pack(np.ones((periods, 99))).hex()
    where = "json_extract(record, '$.submission') = 'calm' AND seed_index = 3"
    assert change(f"UPDATE episodes SET requested = x'{orders}', supply_links = 99 WHERE {where}") == 1
    told = run("export", "results")
    assert told.exit_code == 2
    assert "drop its episode by arena results repair, then play it again" in told.stderr
    assert run("results", "repair", "results").stdout.startswith("dropped: 1 damaged episodes of calm")
    assert evaluate(run, "calm", "eager").exit_code == 0
    assert run("export", "results").exit_code == run("verify", "results").exit_code == 0
    assert [line["profit"] for line in table("results")] == [line["profit"] for line in table("whole")]


def table(folder: str) -> list[dict[str, str]]:
    with (Path(folder) / "episodes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_repair_of_what_is_no_folder_of_results(run: Run) -> None:
    refused = run("results", "repair", "nowhere")
    assert (refused.exit_code, "there is no such store" in refused.stderr) == (2, True)
