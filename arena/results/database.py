"""The SQLite file of a store: one writer or any number of readers, a known version, and errors in words.

Journal mode is WAL, so that a report can be read while an evaluation writes. `synchronous` is NORMAL: a commit then
survives the death of the process, which is what `kill -9` does. A power cut may take the last few commits with it but
never damages the file; those episodes are simply played again, with the same seeds and the same result. FULL would
buy that rest for a disk flush per episode.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from arena.errors import StoreAgeError, StoreError, printable
from arena.results.record import arena_version

try:
    import fcntl
except ImportError:  # There are no advisory locks on Windows; SQLite's own still keep two writers apart.
    fcntl = None  # type: ignore[assignment]

SCHEMA_VERSION: Final = 6
"""Version of the tables below and of the records in them, kept in `user_version`. Version 1 knew no reports of
controllers, and is refused. Version 2 kept no scenarios, version 3 no histograms of decision times, version 4 no
attempts and version 5 no removals; all four are read, and become version 6 when they are written to. An indicator that
is added needs no version of its own: see `arena.results.ages`."""

APPLICATION_ID: Final = 0x41524E41
"""Marks the file as an arena's store among SQLite files ("ARNA")."""

KEY_COLUMNS: Final = "contract_digest, submission_digest, scenario_digest, seed_plan, seed_index"
"""Columns of an episode's key, in the order of `arena.results.record.EpisodeKey`."""

MATCHES_KEY: Final = " AND ".join(f"{column} = ?" for column in KEY_COLUMNS.split(", "))
"""Condition that a row is of one key."""

BUSY_SECONDS: Final = 10.0
"""How long a statement waits for another process before it gives up."""

_SCHEMA: Final = """
CREATE TABLE episodes (
    contract_digest TEXT NOT NULL,
    submission_digest TEXT NOT NULL,
    scenario_digest TEXT NOT NULL,
    seed_plan TEXT NOT NULL,
    seed_index INTEGER NOT NULL,
    isolation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    suite TEXT NOT NULL,
    record TEXT NOT NULL,
    periods INTEGER NOT NULL,
    supply_links INTEGER NOT NULL,
    market_links INTEGER NOT NULL,
    requested BLOB NOT NULL,
    demand BLOB NOT NULL,
    PRIMARY KEY (contract_digest, submission_digest, scenario_digest, seed_plan, seed_index)
)
"""
_SCENARIOS: Final = "CREATE TABLE scenarios (digest TEXT PRIMARY KEY, content TEXT NOT NULL, drawing TEXT)"
_ATTEMPTS: Final = """
CREATE TABLE attempts (
    contract_digest TEXT NOT NULL,
    submission_digest TEXT NOT NULL,
    scenario_digest TEXT NOT NULL,
    seed_plan TEXT NOT NULL,
    seed_index INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    isolation TEXT NOT NULL,
    periods INTEGER NOT NULL,
    supply_links INTEGER NOT NULL,
    requested BLOB NOT NULL,
    PRIMARY KEY (contract_digest, submission_digest, scenario_digest, seed_plan, seed_index)
)
"""
_LEFT_BEHIND: Final = """
CREATE TABLE IF NOT EXISTS left_behind (
    contract_digest TEXT NOT NULL,
    submission_digest TEXT NOT NULL,
    scenario_digest TEXT NOT NULL,
    seed_plan TEXT NOT NULL,
    seed_index INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (contract_digest, submission_digest, scenario_digest, seed_plan, seed_index)
)
"""
_REMOVALS: Final = """
CREATE TABLE IF NOT EXISTS removals (
    submission TEXT NOT NULL,
    submission_digest TEXT NOT NULL,
    removed_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    episodes INTEGER NOT NULL,
    entered_again TEXT,
    PRIMARY KEY (submission_digest, removed_at)
)
"""
_WRITER: Final = "arena_version"
"""Note of the arena that wrote to the file last."""
_ABOUT: Final = "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
_OLDEST: Final = 2
_FIRST_WITH_SCENARIOS: Final = 3
_FIRST_WITH_ATTEMPTS: Final = 5
_FIRST_WITH_MARKS: Final = 6
_ADDED: Final = (
    (_FIRST_WITH_SCENARIOS, _SCENARIOS),
    (_FIRST_WITH_ATTEMPTS, _ATTEMPTS),
    (_FIRST_WITH_MARKS, _LEFT_BEHIND),
    (_FIRST_WITH_MARKS, _REMOVALS),
    (_FIRST_WITH_MARKS, _ABOUT),
)
"""Tables that the first version did not have, each with the version that it came with."""

_FIXES: Final = (
    ("SQLITE_FULL", "the disk is full; free some space and run the same command again, finished episodes are kept"),
    ("SQLITE_READONLY", "it cannot be written; check the permissions of file and folder, or choose another folder"),
    ("SQLITE_CANTOPEN", "it cannot be opened; check that the folder exists and that you may write there"),
    ("SQLITE_PERM", "it may not be opened; check the permissions of file and folder"),
    ("SQLITE_BUSY", "another process holds it; wait until that has finished and run the same command again"),
    ("SQLITE_LOCKED", "another process holds it; wait until that has finished and run the same command again"),
    ("SQLITE_CORRUPT", "it is damaged; move it away and run the same command again, or restore a copy"),
    ("SQLITE_NOTADB", "it is not a SQLite file or is damaged; move it away and run the same command again"),
    ("SQLITE_IOERR", "the disk does not answer as it should; check it, or choose another folder"),
)


class Database:
    """An open file of a store, for one thread."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Open the file and check that it is whole; a writer makes one that does not exist.

        Args:
            path: the SQLite file; its folder must exist.
            read_only: open an existing file without touching it. Any number of readers may do so while one writes.

        Raises:
            StoreError: the file is missing, damaged, not a store, of another version, not writable, or being written by
                another process.
        """
        self.path = path
        self._lock: TextIO | None = None
        self._connection: sqlite3.Connection | None = None
        if read_only and not path.is_file():
            raise StoreError(f"{path}: there is no such store; run arena evaluate first, or name its folder")
        try:
            if not read_only:
                self._lock = _take_lock(path)
            with self.explained():
                self._connection = _connect_to_read(path) if read_only else _connect(path)
                self._check_identity(read_only)
                self._refuse_what_acts()
                if not read_only:
                    # Only now: this changes the file, and a stranger's stays as it is.
                    self.execute("PRAGMA journal_mode = WAL")
                    self.execute("PRAGMA synchronous = NORMAL")
                    self._sign()
                damage = self.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                fix = "move it away and run the same command again"
                raise StoreError(f"{path}: it is damaged ({printable(damage)}); {fix}")
        except BaseException:
            self.close()
            raise

    @property
    def keeps_scenarios(self) -> bool:
        """Whether there is a table of scenarios; a reader may have opened an older file."""
        return self._version() >= _FIRST_WITH_SCENARIOS

    @property
    def keeps_attempts(self) -> bool:
        """Whether there is a table of attempts; a reader may have opened an older file."""
        return self._version() >= _FIRST_WITH_ATTEMPTS

    @property
    def keeps_marks(self) -> bool:
        """Whether there are tables of removals and of what an upgrade left behind; a reader may have an older file."""
        return self._version() >= _FIRST_WITH_MARKS

    def note(self, name: str) -> str | None:
        """Return what the file notes about itself under a name; None if that is nothing, as in an older file."""
        if not self.keeps_marks:
            return None
        row = self.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def keep_note(self, name: str, value: str) -> None:
        """Note something about the file, in the place of what was noted under that name."""
        self.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close file and lock; a second call does nothing. What was put in is kept whatever happens here."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()  # The last one to close writes the journal back and removes it.
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Execute one statement; in autocommit mode it is a transaction of its own.

        Raises:
            StoreError: the file is closed.
        """
        if self._connection is None:
            raise StoreError(f"{self.path}: the store is closed")
        return self._connection.execute(statement, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all statements inside one change: whole, or not at all if anything is raised or the process dies.

        Raises:
            StoreError: the change could not be committed; then the store is as before.
        """
        with self.explained():
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Let all reads inside see the file as it is at one moment, whatever is written meanwhile.

        Raises:
            StoreError: it cannot be read.
        """
        with self.explained():
            self.execute("BEGIN")
            try:
                yield
            finally:
                with contextlib.suppress(sqlite3.Error, StoreError):
                    self.execute("ROLLBACK")

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into the arena's, with path, cause and fix."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeError) as error:
            # Python cannot decode what SQLite says of a damaged schema when it quotes bytes that are no text.
            name = "SQLITE_CORRUPT" if isinstance(error, UnicodeError) else getattr(error, "sqlite_errorname", "")
            fix = next((fix for prefix, fix in _FIXES if name.startswith(prefix)), "check the file and its folder")
            raise StoreError(f"{self.path}: {fix} ({error})") from error

    def _check_identity(self, read_only: bool) -> None:
        version = self._version()
        application = self.execute("PRAGMA application_id").fetchone()[0]
        tables = self.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables == 0 and not read_only:
            # One transaction: a store is either empty or complete, whenever its maker dies.
            with self.transaction():
                self.execute(_SCHEMA)
                self.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._add_tables(0)
        elif tables == 0:
            raise StoreError(f"{self.path}: the store is empty; run arena evaluate first")
        elif application != APPLICATION_ID:
            raise StoreError(f"{self.path}: is a SQLite file, but not an arena's store; choose another folder")
        elif _OLDEST <= version < SCHEMA_VERSION:
            if not read_only:
                with self.transaction():
                    self._add_tables(version)
        elif version > SCHEMA_VERSION:
            rule = f"was written by a newer arena, version {self._last_writer()}"
            here = f"its store has version {version}, this arena ({arena_version()}) reads up to {SCHEMA_VERSION}"
            fix = "install that version of the arena or a later one, or choose another folder"
            raise StoreAgeError(f"{self.path}: {rule}: {here}; {fix}")
        elif version != SCHEMA_VERSION:
            rule = f"has version {version}, this arena reads version {SCHEMA_VERSION}"
            raise StoreError(f"{self.path}: {rule}; use the arena that wrote it, or choose another folder")

    def _refuse_what_acts(self) -> None:
        """Refuse triggers and views, which change or invent rows when somebody writes or reads; no arena makes any."""
        acting = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') LIMIT 1"
        found = self.execute(acting).fetchone()
        if found is not None:
            what = f"{found[0]} {printable(found[1], 80)}"
            raise StoreError(f"{self.path}: holds the {what}, which no arena makes; restore a copy of the store")

    def _add_tables(self, version: int) -> None:
        for since, statement in _ADDED:
            if version < since:
                self.execute(statement)
        self.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _sign(self) -> None:
        """Note which arena writes."""
        if self.note(_WRITER) != arena_version():
            self.keep_note(_WRITER, arena_version())

    def _last_writer(self) -> str:
        """Return the version of the arena that wrote to the file last, as far as it can be told."""
        with contextlib.suppress(sqlite3.Error, TypeError):
            if (writer := self.note(_WRITER)) is not None:
                return printable(writer, 40)
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError, KeyError):
            record = self.execute("SELECT record FROM episodes ORDER BY rowid DESC LIMIT 1").fetchone()[0]
            return printable(json.loads(record)["arena_version"], 40)
        return "unknown"

    def _version(self) -> int:
        return int(self.execute("PRAGMA user_version").fetchone()[0])


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Open for reading, also in a folder that cannot be written."""
    uri = path.absolute().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.OperationalError:
        connection.close()
        # A reader of a WAL file needs to write its index. Where it may not, a file without a journal does not change.
        journal = path.with_name(path.name + "-wal")
        if journal.exists() and journal.stat().st_size:
            raise
        return sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None)
    return connection


def _take_lock(path: Path) -> TextIO | None:
    """Become the only writer of a store. The system releases the lock when the process ends, however it ends."""
    if fcntl is None:
        return None
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = lock_path.open("a")
    except OSError as error:
        fix = "check that the folder exists and that you may write there, or choose another folder"
        raise StoreError(f"{path}: it cannot be written ({error.strerror}); {fix}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        fix = "wait until that has finished, or choose another folder"
        raise StoreError(f"{path}: another evaluation is writing to it; {fix}") from error
    return lock
