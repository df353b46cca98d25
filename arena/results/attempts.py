"""Attempts at an episode: the orders of those that broke off bind the attempt that counts.

An episode is played once. When it breaks off after its first decision, whatever the cause, it is played again with the
same seed, and somebody may by then know what came: a controller through a channel that nobody has closed, or its own
language-model endpoint. So the orders that were given are kept, and a later attempt has to give the same ones before it
may give new ones. The orders are written to a journal as they are given, outside of the controller's reach, so that
they outlive the process that plays and the one that directs it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.jail.isolation import ISOLATION_ORDER, Isolation
from arena.results.record import EpisodeKey

_SUFFIX: Final = ".journal"
_DRAFT: Final = ".draft"
_LARGEST_HEADER: Final = 4096

Orders = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Precedent:
    """Orders of earlier attempts at an episode, which later attempts have to repeat.

    Attributes:
        attempts: attempts that broke off after their first decision.
        requested: checked orders of the longest of them, units, shape (periods, supply links).
        isolation: the strongest level among them.
    """

    attempts: int
    requested: Orders
    isolation: Isolation = "trusted"

    def merged(self, other: Precedent | None) -> Precedent:
        """Return what two accounts of the same attempts say together; one may be older than the other."""
        if other is None:
            return self
        return Precedent(
            max(self.attempts, other.attempts),
            max(self.requested, other.requested, key=len),
            max(self.isolation, other.isolation, key=ISOLATION_ORDER.index),
        )


class Journal:
    """Orders of the episode that a process is playing, in memory and in a file that outlives the process.

    Args:
        path: the file; None to keep the orders in memory only.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._earlier: Precedent | None = None
        self._rows: list[Orders] = []
        self._isolation: Isolation = "trusted"
        self._header = self._bound = self._size = 0
        self._path = path
        self._file = None if path is None else _open_new(path)

    @property
    def precedent(self) -> Precedent | None:
        """Orders that another attempt has to repeat if this one breaks off now; None if no order was ever given."""
        if not self._rows:
            return self._earlier
        given = np.array(self._rows, dtype=np.float64)
        attempts = 0 if self._earlier is None else self._earlier.attempts
        return Precedent(attempts + 1, given, self._isolation).merged(self._earlier)

    def forget(self, earlier: Precedent | None = None) -> None:
        """Drop the notes in memory.

        Args:
            earlier: orders of earlier attempts at the episode that comes next.
        """
        self._earlier, self._rows = earlier, []

    def begin(self, key: EpisodeKey, isolation: Isolation, links: int, earlier: Precedent | None = None) -> None:
        """Begin an attempt; the notes of the one before are dropped.

        Args:
            key: the episode.
            isolation: level at which it is played.
            links: number of supply links.
            earlier: orders of earlier attempts. They are written down again, so that the file is complete by itself.

        Raises:
            OSError: the file cannot be written.
        """
        self.forget(earlier)
        self._isolation = isolation
        if self._path is None or self._file is None:
            return
        attempts = 0 if earlier is None else earlier.attempts
        header = {"key": list(key), "isolation": isolation, "links": links, "attempts": attempts}
        head = json.dumps(header).encode() + b"\n"
        bound = b"" if earlier is None else earlier.requested.astype("<f8").tobytes()
        # A new file takes the place of the old one whole: no moment of it is without the earlier orders.
        following = self._path.with_suffix(_DRAFT)
        new = _open_new(following)
        try:
            os.pwrite(new, head + bound, 0)
            following.replace(self._path)
        except OSError:
            os.close(new)
            raise
        os.close(self._file)
        self._file = new
        self._header, self._bound, self._size = len(head), len(bound), 8 * links

    def add(self, orders: Orders) -> None:
        """Note the checked orders of one period, before anything of what they bring is shown to anybody.

        Args:
            orders: units, shape (supply links,).

        Raises:
            OSError: the file cannot be written.
        """
        place = self._size * len(self._rows)
        if self._file is not None and place >= self._bound:
            os.pwrite(self._file, orders.astype("<f8").tobytes(), self._header + place)
        self._rows.append(orders)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._file = self._file, None
        if descriptor is not None:
            os.close(descriptor)


def _open_new(path: Path) -> int:
    """Open an empty file of the arena's own; a link in its place is removed and not followed."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


class JournalEntry(NamedTuple):
    """An attempt as its journal has it.

    Attributes:
        key: the episode.
        isolation: level at which it was played.
        precedent: orders of this attempt and of those before it.
    """

    key: EpisodeKey
    isolation: Isolation
    precedent: Precedent


def journal_path(folder: Path, worker: int) -> Path:
    """Return the file in which a worker notes what it plays.

    Args:
        folder: of the journals of one evaluation.
        worker: number of the worker, unique in the evaluation.
    """
    return folder / f"{worker}{_SUFFIX}"


def read_journal(path: Path) -> JournalEntry | None:
    """Read a journal, whole or broken off in the middle of a period.

    Returns:
        The attempt; None if there is no such file, or no order in it.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, found, body = content.partition(b"\n")
    if not found or len(head) > _LARGEST_HEADER:
        return None
    with contextlib.suppress(ValueError, TypeError, KeyError, OverflowError):
        header = json.loads(head)
        key = EpisodeKey(*header["key"])
        if [type(part) for part in key] != [str, str, str, str, int]:
            return None
        links, attempts, isolation = int(header["links"]), int(header["attempts"]), header["isolation"]
        periods = len(body) // (8 * links) if links > 0 else 0
        if periods and isolation in ISOLATION_ORDER:
            requested = np.frombuffer(body[: 8 * links * periods], dtype="<f8").reshape(periods, links)
            precedent = Precedent(attempts + 1, requested.astype(np.float64), isolation)
            return JournalEntry(key, isolation, precedent)
    return None


def read_journals(folder: Path) -> Iterator[JournalEntry]:
    """Yield the attempts whose journals an evaluation left behind that was killed.

    Args:
        folder: of the journals; without such a folder there are none.
    """
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        entry = read_journal(path)
        if entry is not None:
            yield entry


def remove_journals(folder: Path) -> None:
    """Remove journals, and their folder if nothing else is in it; what a stranger keeps there stays.

    Args:
        folder: of the journals; without such a folder nothing is done.
    """
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.suffix in (_SUFFIX, _DRAFT):
                path.unlink()
        folder.rmdir()
