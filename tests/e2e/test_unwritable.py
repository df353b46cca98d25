"""Results that cannot be written or read: a message that helps, exit status 2, and nothing lost that was committed."""

import contextlib
import csv
import errno
import os
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from arena.cli import app
from arena.results.database import SCHEMA_VERSION
from arena.results.store import Store

SCENARIOS: Final = ("serial-stationary-backlog", "serial-stationary-lost-sales")
EPISODES: Final = 20
# What differs between two runs of the same episode: its timings, and how often an attempt at it broke off.
TIMINGS: Final = {"planning_time", "decision_time", "slowest_decision_time", "finished_at", "repetitions"}
TABLES: Final = ("episodes.csv", "standings.json", "report.html")

CODE: Final = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0 + np.sqrt(1.0 + observation.last_demand.sum()))
"""

Run = Callable[[Path], Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that evaluates one submission into a folder, and returns what came of the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "rule"
    folder.mkdir()
    (folder / "controller.py").write_text(CODE)
    (folder / "submission.yaml").write_text('name: rule\ncontroller: "controller.py:Controller"\ntrack: blind\n')
    chosen = [word for name in SCENARIOS for word in ("--scenario", name)]

    def call(output: Path) -> Any:
        options = ["--isolation", "trusted", "--workers", "0", "--output", str(output)]
        return CliRunner().invoke(app, ["evaluate", str(folder), *chosen, *options], prog_name="arena")

    return call


@contextlib.contextmanager
def disk(place: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of its own of a size; the function given remounts it with other options. Skips where it cannot be made."""
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk can be made by root alone: {mounted.stderr.decode().strip()}")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True) and None
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(folder: Path) -> Path:
    """Use up the disk of a folder, and return the file that does."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler


def assert_refused(result: Any, *words: str) -> None:
    """The command ended with a message, not with a traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.splitlines()[-1].startswith("arena: ")
    for word in words:
        assert word in result.stderr


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "episodes.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMINGS} for row in csv.DictReader(file)]


def committed(output: Path) -> int:
    with Store(output / "results.sqlite", read_only=True) as store:
        return len(store.records())


def leftovers(output: Path) -> list[str]:
    """What an evaluation leaves behind that nobody asked for."""
    expected = {*TABLES, "results.sqlite", "results.sqlite.lock", "results.sqlite-wal", "results.sqlite-shm", "filler"}
    return sorted(path.name for path in output.iterdir() if path.name not in expected)


def test_a_disk_that_fills_up_keeps_what_was_committed(run: Run, tmp_path: Path) -> None:
    run(tmp_path / "calm")
    with disk(tmp_path / "out", "220k") as remount:
        full = run(tmp_path / "out")
        assert_refused(full, str(tmp_path / "out"), "the disk is full; free some space and run the same command again")
        # The orders of what was being played bind the next evaluation, so they stay.
        assert leftovers(tmp_path / "out") == [".attempts"]
        remount("size=10m")
        before = committed(tmp_path / "out")
        assert 0 < before < EPISODES
        again = run(tmp_path / "out")
        assert again.exit_code == 0, again.output
        assert rows(tmp_path / "out") == rows(tmp_path / "calm")
        assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize("existing", [False, True])
def test_a_disk_without_any_room_is_told(run: Run, tmp_path: Path, existing: bool) -> None:
    with disk(tmp_path / "out", "2m"):
        if existing:
            assert run(tmp_path / "out").exit_code == 0
        before = {name: (tmp_path / "out" / name).read_bytes() for name in TABLES if existing}
        filler = fill(tmp_path / "out")
        assert_refused(run(tmp_path / "out"), str(tmp_path / "out"))
        assert leftovers(tmp_path / "out") == []
        assert {name: (tmp_path / "out" / name).read_bytes() for name in TABLES if existing} == before
        filler.unlink()
        again = run(tmp_path / "out")
        assert again.exit_code == 0, again.output
        assert committed(tmp_path / "out") == EPISODES


@pytest.mark.parametrize("failing", ["arena.entry.submission.write_files", "arena.play.evaluate.tempfile.mkdtemp"])
def test_submissions_that_cannot_be_copied_are_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    output = tmp_path / "out"

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        told = f"{output}: submissions cannot be copied there ({os.strerror(errno.ENOSPC)}); check"
        assert_refused(run(output), told)
    assert leftovers(output) == []
    assert run(output).exit_code == 0


def test_a_disk_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    with disk(tmp_path / "out", "4m") as remount:
        assert run(tmp_path / "out").exit_code == 0
        remount("ro")
        assert_refused(run(tmp_path / "out"), str(tmp_path / "out"), "cannot be written", "choose another folder")
        assert committed(tmp_path / "out") == EPISODES
        remount("rw")
        assert run(tmp_path / "out").exit_code == 0


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_where_the_folder_should_be_is_told(run: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    assert_refused(run(tmp_path / place), str(tmp_path / place), "the folder cannot be made", "choose another")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("failing", range(len(TABLES)), ids=TABLES)
def test_a_table_that_cannot_be_written_leaves_the_old_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    output = tmp_path / "out"
    assert run(output).exit_code == 0
    old = (output / TABLES[failing]).read_bytes()
    synchronise, calls = os.fsync, []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synchronise(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert_refused(
            run(output), str(output / TABLES[failing]), f"cannot be written ({os.strerror(errno.ENOSPC)})", "check"
        )
    assert (output / TABLES[failing]).read_bytes() == old
    assert leftovers(output) == []
    assert committed(output) == EPISODES
    again = run(output)
    assert again.exit_code == 0
    assert stat.S_ISREG((output / TABLES[failing]).stat().st_mode)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(range(256)) * 32
    path.write_bytes(content)


def replace(path: Path) -> None:
    path.write_text("these are no results\n" * 1000)


def execute(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            for statement in statements:
                other.execute(statement)

    return change


DAMAGES: Final = {
    "truncated": (truncate, "it is damaged"),
    "overwritten": (overwrite, "it is damaged"),
    "no database": (replace, "it is not a SQLite file or is damaged; move it away"),
    "of another program": (execute("PRAGMA application_id = 7"), "not an arena's store; choose another folder"),
    "of another version": (
        execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"),
        f"its store has version {SCHEMA_VERSION + 1}, this arena (",
    ),
    "of no known level": (execute("UPDATE episodes SET isolation = 'none'"), "a record cannot be read"),
    "of no record": (execute("UPDATE episodes SET record = '{}'"), "a record cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_told_and_left_as_it_is(run: Run, tmp_path: Path, damage: str) -> None:
    output = tmp_path / "out"
    assert run(output).exit_code == 0
    store = output / "results.sqlite"
    change, told = DAMAGES[damage]
    change(store)
    before = store.read_bytes()
    tables = {name: (output / name).read_bytes() for name in TABLES}
    assert_refused(run(output), str(store), told)
    assert store.read_bytes() == before
    assert {name: (output / name).read_bytes() for name in TABLES} == tables
    assert leftovers(output) == []
    # What the message advises helps.
    store.rename(output / "damaged.sqlite")
    assert run(output).exit_code == 0
    assert committed(output) == EPISODES


def test_a_store_that_another_evaluation_writes_is_told(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run(output).exit_code == 0
    with Store(output / "results.sqlite"):
        assert_refused(run(output), str(output / "results.sqlite"), "another evaluation is writing to it; wait until")
    assert run(output).exit_code == 0
    assert committed(output) == EPISODES
