"""Standard output that is full, closed or not UTF-8 ends no command with a traceback, and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

SCENARIO: Final = "serial-stationary-backlog"
PLAY: Final = ("evaluate", "rule", "--scenario", SCENARIO, "--isolation", "trusted", "--workers", "0")
TABLES: Final = ("episodes.csv", "standings.json", "report.html", "results.sqlite")

CODE: Final = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0)
"""

C_LOCALE: Final = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TERMINALS: Final = {
    "C": C_LOCALE,
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
}
ENCODINGS: Final = {"C": "ascii", "ascii": "ascii", "latin-1": "latin-1", "cp1252": "cp1252"}

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is of Linux")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a submission and its results."""
    place = tmp_path_factory.mktemp("streams")
    (place / "rule").mkdir()
    (place / "rule" / "controller.py").write_text(CODE)
    (place / "rule" / "submission.yaml").write_text("name: rule\ncontroller: controller.py:Controller\ntrack: blind\n")
    done = arena(place, PLAY)
    assert done.returncode == 0, done.stderr
    return place


def arena(
    place: Path, arguments: Sequence[str], environment: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "arena", *arguments]
    # Where the tests run, the encoding may be set already.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    surroundings |= {"COLUMNS": "200", **(environment or {})}
    return subprocess.run(
        command, cwd=place, env=surroundings, stdout=stdout, stderr=subprocess.PIPE, timeout=300, check=False
    )


def arena_full(place: Path, *arguments: str, unbuffered: str = "") -> subprocess.CompletedProcess[bytes]:
    with Path("/dev/full").open("wb") as full:
        return arena(place, arguments, {"PYTHONUNBUFFERED": unbuffered}, stdout=full.fileno())


def assert_told(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    """One line tells of the output, as the last; nothing was printed at the interpreter's exit."""
    told = done.stderr.decode()
    assert done.returncode == 2, told
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    last = told.splitlines()[-1]
    assert last.startswith("arena: standard output cannot be written (No space left on device); ")
    for word in words:
        assert word in last


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        ("list",),
        ("list", "scenarios", "--json"),
        ("verify", "results"),
        ("check", "rule", "--isolation", "trusted"),
        ("check", "rule", "--isolation", "trusted", "--json"),
    ],
    ids=" ".join,
)
def test_a_full_output_is_told(folder: Path, arguments: tuple[str, ...], unbuffered: str) -> None:
    assert_told(arena_full(folder, *arguments, unbuffered=unbuffered), "free some space")


@needs_full
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["table", "json"])
def test_an_evaluation_whose_table_cannot_be_printed_says_what_is_kept(
    folder: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    output = tmp_path / "kept"
    assert_told(arena_full(folder, *PLAY, "--output", str(output), *more), f"the results are kept in {output}")
    assert {path.name for path in output.iterdir()} >= set(TABLES)
    again = arena(folder, [*PLAY, "--output", str(output), "--json"])
    assert again.returncode == 0
    assert json.loads(again.stdout)["resumed"] == 10


@needs_full
def test_files_that_were_written_are_named_when_their_paths_cannot_be_printed(folder: Path, tmp_path: Path) -> None:
    secret, reveal, table = (str(tmp_path / name) for name in ("secret.json", "reveal.json", "all.csv"))
    assert_told(arena_full(folder, "seeds", "new", secret), f"arena seeds commit {secret}")
    committed = arena(folder, ["seeds", "commit", secret])
    assert committed.returncode == 0
    revealed = arena_full(folder, "seeds", "reveal", secret, "--output", reveal)
    assert_told(revealed, f"the reveal is written: {reveal}")
    assert_told(arena_full(folder, "export", "results", "--output", table), f"the tables are written: {table}")
    assert_told(arena_full(folder, "report", "results"), "the page is written: results/report.html")
    new = arena_full(folder, "new", "submission", "mine", "--in", str(tmp_path))
    assert_told(new, f"the files are written in {tmp_path / 'mine'}")
    assert all(Path(path).exists() for path in (secret, reveal, table, tmp_path / "mine" / "controller.py"))


@pytest.mark.parametrize("arguments", [("list",), ("list", "scenarios", "--json"), ("--help",)], ids=" ".join)
def test_a_reader_that_has_gone_ends_the_command_quietly(folder: Path, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = arena(folder, arguments, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(os.name != "posix", reason="a shell closes streams as POSIX has it")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_streams_that_are_closed_are_nobodys_error(folder: Path, closed: str) -> None:
    command = f'"{sys.executable}" -m arena {" ".join(PLAY)} {closed}'
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("terminal", TERMINALS)
def test_a_terminal_that_is_not_utf_8_shows_what_it_can(folder: Path, tmp_path: Path, terminal: str) -> None:
    encoding, environment = ENCODINGS[terminal], TERMINALS[terminal]
    played = arena(folder, [*PLAY, "--output", str(tmp_path / "results")], environment)
    assert played.returncode == 0, played.stderr
    shown = played.stdout.decode(encoding)
    dots = "…" if terminal == "cp1252" else "..."
    head, _, row = shown.splitlines()[:3]
    assert f" {dots} " in row
    # Columns stand under each other although three characters stand for one.
    assert row.index(f" {dots} ") < head.index("forfeits")
    assert len(head.rstrip()) == len(row.rstrip())
    played.stderr.decode(encoding)

    checked = arena(folder, ["check", "rule", "--isolation", "trusted"], environment)
    assert checked.returncode == 0, checked.stderr
    histogram = [line for line in checked.stdout.decode(encoding).splitlines() if f" {dots} " in line]
    assert histogram
    assert len({len(line.rstrip("#. ")) for line in histogram}) == 1  # Counts end in one column, before the bars.
    assert "\\u" not in checked.stdout.decode(encoding)

    for arguments in (("verify", "results"), ("export", "results"), ("list",), ("evaluate", "--help"), ("nonsense",)):
        done = arena(folder, arguments, environment)
        assert done.returncode == (2 if arguments == ("nonsense",) else 0), done.stderr
        done.stdout.decode(encoding)
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("terminal", TERMINALS)
def test_json_is_in_ascii_where_the_output_is_not_utf_8(folder: Path, terminal: str) -> None:
    done = arena(folder, ["list", "scenarios", "--json"], TERMINALS[terminal])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii"))
    played = arena(folder, [*PLAY, "--output", "rückstand", "--json"], TERMINALS[terminal])
    assert played.returncode == 0, played.stderr
    report = json.loads(played.stdout.decode("ascii"))["report"]
    # In the C locale Python reads names as bytes, which JSON has as escapes.
    assert os.fsencode(report) == os.fsencode("rückstand/report.html")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not text are of Linux")
@pytest.mark.parametrize("environment", [{}, C_LOCALE], ids=["UTF-8", "C"])
def test_a_folder_whose_name_is_not_text_is_printed_as_it_is(folder: Path, environment: dict[str, str]) -> None:
    name = os.fsdecode(b"r\xfcckstand")
    done = arena(folder, [*PLAY, "--output", name], environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == b"r\xfcckstand/report.html"
    as_json = arena(folder, [*PLAY, "--output", name, "--json"], environment)
    assert json.loads(as_json.stdout.decode("ascii" if environment else "utf-8"))["report"] == f"{name}/report.html"
