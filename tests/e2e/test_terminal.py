"""Output for people and for programs: progress through a pipe, tables in a terminal of 80 columns, and JSON."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main
from commands import invoke

from arena.cli import app
from arena.results.folder import STANDINGS_NAME
from arena.results.reading import read_results

SCENARIO = "serial-stationary-backlog"
HEAD = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)
"""
CODE = {
    "a-steady-rule-with-a-long-name": "        return np.full(self.links, 20.0)\n",
    "faulty": "        raise ValueError('out of ideas')\n",
    "small-orders": "        return np.full(self.links, 15.0)\n",
}
OPTIONS = ("--scenario", SCENARIO, "--isolation", "trusted", "--workers", "0")
TIME = r"(?:\d+ (?:s|min|h|d) ?)+"
COUNTS = rf"arena: done (\d+), running (\d+), failed (\d+), left (\d+), [\d.]+ episodes/(?:s|min|h), {TIME}to go"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three submissions, their results, a secret, a round and a table of demand."""
    folder = tmp_path_factory.mktemp("terminal")
    for name, body in CODE.items():
        (folder / name).mkdir()
        (folder / name / "controller.py").write_text(f"{HEAD}\n    def order(self, observation):\n{body}")
        manifest = f"name: {name}\ncontroller: controller.py:Controller\ntrack: blind\n"
        (folder / name / "submission.yaml").write_text(manifest)
    (folder / "till.csv").write_text("date,north,south\n2026-01-01,3,4\n2026-01-02,5,0\n2026-01-03,1,2\n")
    played = piped(folder, "evaluate", *CODE, *OPTIONS)
    assert played.returncode == 0, played.stderr
    (folder / "progress.txt").write_text(played.stderr)
    (folder / "table.txt").write_text(played.stdout)
    assert piped(folder, "seeds", "new", "secret.json").returncode == 0
    return folder


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return kept | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | more


def piped(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arena", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(**more), capture_output=True, text=True, check=False)


def in_terminal(folder: Path, columns: int, arguments: Sequence[str], **more: str) -> str:
    """Return all that a command writes to a terminal with so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "arena", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment(**more), stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # The end, on Linux.
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")


def table_of(text: str) -> list[str]:
    """Return the lines of the first table of an output, headings and rule included."""
    return text.split("\n\n")[0].splitlines()


def test_piped_progress_names_counts_rate_and_time_left(place: Path) -> None:
    lines = (place / "progress.txt").read_text().splitlines()
    assert lines[0] == "arena: 30 episodes"
    assert len(lines) == 11
    found = [re.fullmatch(COUNTS, line) for line in lines[1:-1]]
    counts = [tuple(map(int, one.groups())) for one in found if one is not None]
    assert len(counts) == 9, lines
    assert [(done, left) for done, _, _, left in counts] == [(done, 30 - done) for done in range(3, 30, 3)]
    assert all(running == 1 for _, running, _, _ in counts)
    failed = [one for _, _, one, _ in counts]
    assert failed == sorted(failed)
    assert lines[-1].startswith("arena: done 30, running 0, failed 10, left 0, ")
    assert "\x1b" not in "\n".join(lines)


def test_a_row_is_one_line_in_a_pipe(place: Path) -> None:
    table = table_of((place / "table.txt").read_text())
    assert len(table) == 2 + 3
    assert "a-steady-rule-with-a-long-name" in "\n".join(table)
    assert "\x1b" not in (place / "table.txt").read_text()


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize(
    "arguments",
    [
        ("results", "show", "results"),
        ("compare", "results", "a-steady-rule-with-a-long-name", "small-orders"),
        ("list", "plugins"),
        ("data", "describe", "till.csv", "--layout", "wide", "--date", "date"),
    ],
    ids=lambda arguments: arguments[0] + arguments[1],
)
def test_tables_fit_the_terminal(place: Path, arguments: tuple[str, ...], columns: int) -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal(place, columns, arguments))
    paragraphs = [one.splitlines() for one in text.split("\n\n")]
    (table,) = [one for one in paragraphs if any("──" in line for line in one)] or paragraphs[:1]
    head = next((number for number, line in enumerate(table) if "──" in line), 0)
    assert max(map(len, table[max(0, head - 1) :])) <= columns, table


def test_colour_is_for_terminals(place: Path) -> None:
    show = ("results", "show", "results")
    assert "\x1b[1m" in in_terminal(place, 80, show)
    assert "\x1b" not in in_terminal(place, 80, show, NO_COLOR="1")
    assert "\x1b" not in in_terminal(place, 80, show, TERM="dumb")
    assert "\x1b[1m" in piped(place, *show, FORCE_COLOR="1").stdout
    assert "\x1b" not in piped(place, *show).stdout


def test_a_dumb_terminal_gets_lines_of_progress(place: Path) -> None:
    text = in_terminal(place, 80, ("verify", "results"), TERM="dumb")
    assert "arena: 30 rows" in text
    assert "\x1b" not in text


JSON_COMMANDS = {
    "list plugins": 0,
    "list controllers": 0,
    "list scenarios": 0,
    "contract": 0,
    "doctor": 0,
    "check faulty small-orders --isolation trusted": 1,
    "data describe till.csv --layout wide --date date": 0,
    f"evaluate faulty {' '.join(OPTIONS)} --output results": 0,
    "results show results": 0,
    "compare results a-steady-rule-with-a-long-name small-orders": 0,
    "verify results": 0,
    "results upgrade results": 0,
    "results repair results": 0,
    "report results": 0,
    "export results": 0,
    "seeds commit secret.json": 0,
    "train --list": 0,
}


@pytest.mark.parametrize("command", JSON_COMMANDS)
def test_json_is_one_document_on_standard_output(place: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = invoke([*command.split(), "--json"])
    assert done.exit_code == JSON_COMMANDS[command], done.stderr
    json.loads(done.stdout)
    assert "\x1b" not in done.stdout


def test_every_command_that_prints_a_result_has_json() -> None:
    """Left out are commands that print nothing but the paths of new files to go on with, or JSON anyway."""
    without = set()

    def look(group: Any, path: tuple[str, ...]) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                look(command, (*path, name))
            elif not any("--json" in parameter.opts for parameter in command.params):
                without.add(" ".join((*path, name)))

    look(typer.main.get_command(app), ())
    files_only = {"new submission", "new plugin", "new world"}
    drawn = {"plot standings", "plot pareto", "plot episode", "serve"}
    assert without == {*files_only, *drawn, "seeds reveal"}


def from_table(text: str) -> dict[str, list[str]]:
    """Return the cells of a table by their first cell with a name."""
    _, rule, *rows = table_of(text)
    assert set(rule) == {"─"}
    cells = [re.split(r"\s{3,}", row.strip()) for row in rows]
    return {row[1]: row for row in cells}


def told(arguments: str) -> Any:
    return json.loads(invoke([*arguments.split(), "--json"]).stdout)


def test_the_standings_as_json_are_those_of_the_table_and_the_file(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    found = told("results show results")
    assert found["standings"] == json.loads((place / "results" / STANDINGS_NAME).read_text())
    again = told(f"evaluate faulty {' '.join(OPTIONS)} --output results")
    assert again["standings"]["rows"] == found["standings"]["rows"]
    assert (again["played"], again["resumed"]) == (0, 10)
    table = from_table((place / "table.txt").read_text())
    assert set(table) == set(CODE)
    for row in found["standings"]["rows"]:
        rank, _, track, score, profit, _, fill, forfeits, episodes = table[row["submission"]]
        first, last = (row["rank"] or {}).get("first"), (row["rank"] or {}).get("last")
        assert rank == ("–" if first is None else str(first) if first == last else f"{first}–{last}")
        assert (track, score) == (row["track"], "–")
        assert profit == ("–" if row["mean_profit"] is None else f"{row['mean_profit']:,.1f}")
        assert fill == ("–" if row["immediate_fill_rate"] is None else f"{100 * row['immediate_fill_rate']:.1f} %")
        assert (int(forfeits), int(episodes)) == (row["forfeits"], row["episodes"])
    (forfeit,) = found["forfeits"]
    assert (forfeit["submission"], forfeit["episodes"], forfeit["first"]["seed_index"]) == ("faulty", 10, 0)
    line = f"forfeits of faulty: 10 episodes, {forfeit['outcome']}; on {SCENARIO}, seed 0"
    assert line in (place / "table.txt").read_text()
    records = read_results(place / "results").records
    assert sum(record.outcome == forfeit["outcome"] for record in records) == forfeit["episodes"]


def test_a_comparison_as_json_is_that_of_the_table(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    command = "compare results a-steady-rule-with-a-long-name small-orders"
    found = told(command)
    rows = {line.split("   ")[0]: line for line in table_of(invoke(command.split()).stdout)[2:]}
    assert f"{found['over_all']['profit']:+,.1f}" in rows["over all"]
    (scenario,) = found["by_scenario"]
    assert f"{scenario['profit']:+,.1f}" in rows[scenario["scenario"]]
    assert found["in_words"] in invoke(command.split()).stdout


def test_data_as_json_are_those_of_the_table(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    command = "data describe till.csv --layout wide --date date"
    found = told(command)
    lines = invoke(command.split()).stdout.splitlines()
    rows = {line.split()[0]: line.split()[1:4] for line in lines[-2:]}
    assert found["left_out"] == 0
    for market in found["markets"]:
        shown = (f"{market['mean']:,.4g}", f"{market['largest']:,.4g}", f"{100 * market['zeros']:.3g}")
        assert tuple(rows[market["market"]]) == shown


def test_a_verification_as_json_has_the_fields_of_the_python_api(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    found = told("verify results")
    assert {"rows", "recomputed", "drawn", "round_digest", "interrupted", "digests", "differences"} <= set(found)
    lines = invoke(["verify", "results"]).stdout
    assert f"checked: {found['recomputed']:,} of {found['rows']:,} rows" in lines
    assert found["digests"]["results"] in lines
    assert found["agrees"] is True


def test_lists_as_json_are_those_of_the_table(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("COLUMNS", raising=False)  # set by some runners of tests; rows would be folded
    for what in ("plugins", "controllers", "scenarios"):
        found = told(f"list {what}")
        entries = found["controllers"] if what == "controllers" else found
        shown = [line.split()[0] for line in invoke(["list", what]).stdout.splitlines()[2:]]
        assert shown == [entry["name"] for entry in entries]


def test_the_doctor_as_json_says_what_the_tables_say(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    found = told("doctor")
    lines = invoke(["doctor"]).stdout.splitlines()
    for level, one in found["levels"].items():
        assert any(re.match(rf"{level} +{'yes' if one['works'] else 'no'} ", line) for line in lines)
    assert all(any(line.startswith(part["name"]) for line in lines) for part in found["parts"])


def test_a_removal_and_a_round_as_json(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    output = tmp_path / "mine"
    told(f"evaluate small-orders {' '.join(OPTIONS)} --output {output}")
    removed = told(f"results remove {output} small-orders")
    assert [mark["submission"] for mark in removed["marks"]] == ["small-orders"]
    assert removed["already"] is False
    made = told(f"round new {tmp_path}/round.json --submissions small-orders --secret secret.json --seeds hidden:2")
    shown = told(f"round show {tmp_path}/round.json")
    assert made == {"digest": shown["digest"], "file": f"{tmp_path}/round.json"}
    secret = told(f"seeds new {tmp_path}/other.json")
    assert told(f"seeds commit {tmp_path}/other.json") == secret


def test_an_error_leaves_standard_output_empty(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = invoke(["results", "show", "nowhere", "--json"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "nowhere" in done.stderr
