"""Files that the arena writes for people: whole or not at all, and never in place of anything but its own.

A file is replaced only if its content shows that the arena wrote it, and as the same kind of file. Files of earlier
arenas are recognised too: only what every version of a kind has in common is asked for.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from arena.errors import ABSENT, ArenaError, Fault, InvalidInput
from arena.results.columns import EPISODE_COLUMNS, NODE_COLUMNS, PERIOD_COLUMNS

WORKBOOK_MARK: Final = "Export of the inventory arena"
"""Title in the properties of a workbook."""

_HEAD: Final = 65_536
"""Bytes at the beginning of a file by which text is recognised."""


class Kind(NamedTuple):
    """A kind of file that the arena writes.

    Attributes:
        name: what it is called in messages, as in `table of episodes`.
        wrote: tells whether the arena wrote the file at a path as this kind; may raise OSError or ValueError, which
            means no.
    """

    name: str
    wrote: Callable[[Path], bool]


class Wanted(NamedTuple):
    """A file that is to be written.

    Attributes:
        path: where.
        kind: of which kind.
    """

    path: Path
    kind: Kind


def find_obstacles(files: Iterable[Wanted], fix: str) -> list[Fault]:
    """Return a fault for every file that is in the way; one that is missing, empty or of its kind is not.

    Args:
        files: what is to be written.
        fix: what to write instead, for the message.
    """
    return [
        Fault(str(path), "", ABSENT, found.rule, f"move it away, or {fix}" if found.movable else fix)
        for path, kind in files
        if (found := _obstacle(path, kind)) is not None
    ]


def make_folder(folder: Path) -> None:
    """Make a folder that is missing, and those around it.

    Raises:
        ArenaError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArenaError(f"{folder}: the folder cannot be made ({error.strerror}); choose another") from error


def write_text(path: Path, text: str, kind: Kind) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Raises:
        InvalidInput: something is in the way that the arena did not write.
        ArenaError: it cannot be written; an older one is left as it was.
    """
    with replacing(path, kind) as file:
        file.write(text.encode())


@contextlib.contextmanager
def replacing(path: Path, kind: Kind) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` when all went well, and vanishes otherwise.

    A symbolic link stays one: the file that it leads to is replaced.

    Raises:
        InvalidInput: something is in the way that the arena did not write.
        ArenaError: it cannot be written; an older one is left as it was.
    """
    faults = find_obstacles([Wanted(path, kind)], "choose another place")
    if faults:
        raise InvalidInput(faults)
    target = Path(os.path.realpath(path))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for their owner alone; results may be read by whom the user's umask lets.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_head(path: Path) -> str:
    """Return the beginning of a text file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not text in UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(_HEAD)
    # An incremental decoder, since the last character may be cut in two; a spreadsheet may have put a mark in front.
    return codecs.getincrementaldecoder("utf-8-sig")().decode(content)


class _Obstacle(NamedTuple):
    """Why a path may not be written, and whether what is there can be moved away."""

    rule: str
    movable: bool


def _obstacle(path: Path, kind: Kind) -> _Obstacle | None:
    try:
        if path.is_dir():
            return _Obstacle("is a folder, not a file", False)
        if not path.exists():
            leads_nowhere = path.is_symlink() and Path(os.path.realpath(path)).is_symlink()
            return _Obstacle("is a symbolic link that leads to itself", True) if leads_nowhere else None
        if not path.is_file():
            return _Obstacle("is not a regular file", False)
        if path.stat().st_size == 0 or kind.wrote(path):
            return None
    except (OSError, ValueError, RecursionError):
        if not os.path.lexists(path):
            return None  # It cannot be written either, and writing it tells why.
    return _Obstacle(f"is not a {kind.name} that the arena wrote; a file of somebody else is never replaced", True)


def _unwritable(path: Path, error: OSError) -> ArenaError:
    return ArenaError(f"{path}: cannot be written ({error.strerror}); check the folder, its permissions and the disk")


_EPISODES: Final = frozenset(
    ("submission", "scenario", "seed_index", "outcome", "contract_digest", "submission_digest", "scenario_digest")
)
_PERIODS: Final = frozenset(("submission", "submission_digest", "scenario", "seed_index", "period", "quantity", "link"))
_NODES: Final = frozenset(("submission", "submission_digest", "scenario", "seed_index", "period", "node", "on_hand"))
_STANDINGS: Final = frozenset(("suite", "seed_plan", "scenarios", "contract_digest", "rows", "reference"))
_PAGE: Final = re.compile(
    r"""<!doctype html>.*content="default-src 'none'; [^"]*style-src 'unsafe-inline'[^"]*"""
    r"""".*<title>[^<]*: standings</title>""",
    re.DOTALL,
)
_TRANSCRIPT: Final = '{"submission":'


def _csv_with(columns: frozenset[str], read: Callable[[Path], str] = read_head) -> Callable[[Path], bool]:
    def wrote(path: Path) -> bool:
        try:
            return _are_ours(columns, next(csv.reader(io.StringIO(read(path), newline="")), ()))
        except csv.Error:
            return False

    return wrote


def _are_ours(columns: frozenset[str], found: Iterable[str]) -> bool:
    """Tell whether a table has the columns of every version of its kind, and none that no version had."""
    return columns <= set(found) <= {*EPISODE_COLUMNS, *PERIOD_COLUMNS, *NODE_COLUMNS}


def _parquet_with(columns: frozenset[str]) -> Callable[[Path], bool]:
    def wrote(path: Path) -> bool:
        from pyarrow import parquet  # Whoever writes Parquet has it.

        # pyarrow's errors are OSError and ValueError.
        return _are_ours(columns, parquet.read_schema(path).names)

    return wrote


def _read_compressed_head(path: Path) -> str:
    """Return the beginning of a text file that gzip has compressed.

    Raises:
        OSError: it cannot be read, or is not compressed.
        EOFError: it is cut off.
        ValueError: it is no text.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(_HEAD)
    except (EOFError, zlib.error) as error:
        raise ValueError("the compressed text is damaged") from error
    return codecs.getincrementaldecoder("utf-8-sig")().decode(content)


def _wrote_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as parts, parts.open("docProps/core.xml") as properties:
            return WORKBOOK_MARK.encode() in properties.read(_HEAD)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return False


def _wrote_standings(path: Path) -> bool:
    content = json.loads(path.read_text(encoding="utf-8"))
    return isinstance(content, dict) and content.keys() >= _STANDINGS


def _wrote_transcript(path: Path) -> bool:
    # A kill may have left the beginning of the first line alone.
    head = read_head(path)
    return head.startswith(_TRANSCRIPT) or _TRANSCRIPT.startswith(head)


EPISODES: Final = Kind("table of episodes (CSV)", _csv_with(_EPISODES))
"""`episodes.csv`, and an export of episodes as CSV."""
PERIODS: Final = Kind("table of periods (CSV)", _csv_with(_PERIODS))
"""An export of orders and demands as CSV."""
EPISODES_PARQUET: Final = Kind("table of episodes (Parquet)", _parquet_with(_EPISODES))
"""An export of episodes as Parquet."""
PERIODS_PARQUET: Final = Kind("table of periods (Parquet)", _parquet_with(_PERIODS))
"""An export of orders and demands as Parquet."""
NODES: Final = Kind("table of nodes (CSV)", _csv_with(_NODES))
"""An export of stock and money as CSV."""
EPISODES_GZIP: Final = Kind("table of episodes (compressed CSV)", _csv_with(_EPISODES, _read_compressed_head))
"""An export of episodes as compressed CSV."""
PERIODS_GZIP: Final = Kind("table of periods (compressed CSV)", _csv_with(_PERIODS, _read_compressed_head))
"""An export of orders and demands as compressed CSV."""
NODES_GZIP: Final = Kind("table of nodes (compressed CSV)", _csv_with(_NODES, _read_compressed_head))
"""An export of stock and money as compressed CSV."""
NODES_PARQUET: Final = Kind("table of nodes (Parquet)", _parquet_with(_NODES))
"""An export of stock and money as Parquet."""
WORKBOOK: Final = Kind("workbook", _wrote_workbook)
"""An export as a workbook, known by its title."""
STANDINGS: Final = Kind("file of standings", _wrote_standings)
"""`standings.json`."""
PAGE: Final = Kind("page of standings", lambda path: _PAGE.match(read_head(path)) is not None)
"""`report.html`: by what stands in every version's content security policy, and by its title."""
TRANSCRIPT: Final = Kind("transcript", _wrote_transcript)
"""`transcripts.jsonl`."""
