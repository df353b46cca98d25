"""The state of a running evaluation as a small file in its folder, written while it plays and removed when it ends."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arena.cli.progress import Counts, Wording
from arena.progress import FollowsPlaying, Playing

if TYPE_CHECKING:
    from arena.progress import Progress
    from arena.results.record import EpisodeRecord

STATUS_NAME: Final = ".arena-progress.json"
"""Name of the file in a folder of results."""
_EVERY: Final = 1.0
"""Least seconds between two writings."""
_LARGEST: Final = 10_000_000


class StatusFile:
    """A watcher that keeps the file up to date and hands everything on to another; see `arena.progress.Progress`.

    A file that cannot be written is left out: no result depends on it.
    """

    def __init__(
        self,
        folder: Path,
        terms: dict[str, Any],
        wording: Wording[EpisodeRecord],
        shown: Progress[EpisodeRecord],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the folder of results, the terms that standings need, the words, and the watcher that people see."""
        self._path = folder / STATUS_NAME
        self._terms = terms
        self._counts = Counts(wording, clock)
        self._flagged = wording.flagged
        self._shown = shown
        self._clock = clock
        self._written = 0.0
        self._playing: Sequence[Playing] = ()
        self._is_new = False
        self._submissions: dict[str, dict[str, int]] = {}

    def started(self, total: int, done: int = 0) -> None:
        """Write the file for the first time."""
        self._counts.start(total, done)
        self._submissions.clear()
        self._write()
        # Episodes may be long: the first ones are named at once.
        self._is_new = True
        self._shown.started(total, done)

    def advanced(self, item: EpisodeRecord) -> None:
        """Count an episode, and write the file if it is a second old."""
        self._counts.add(item)
        of_this = self._submissions.setdefault(item.submission, {"done": 0, "failed": 0})
        of_this["done"] += 1
        of_this["failed"] += self._flagged(item)
        if self._clock() - self._written >= _EVERY:
            self._write()
        self._shown.advanced(item)

    def playing(self, now: Sequence[Playing]) -> None:
        """Take note of what is being played, and write the file if it names others and is a second old."""
        changed = sorted(now) != self._playing
        if self._is_new or (changed and self._clock() - self._written >= _EVERY):
            self._playing, self._is_new = sorted(now), False
            self._write()
        if isinstance(self._shown, FollowsPlaying):
            self._shown.playing(now)

    def finished(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._shown.finished()

    def _write(self) -> None:
        counts = self._counts
        told = {
            "process": os.getpid(),
            "total": counts.total,
            "done": counts.done,
            "running": counts.running,
            "playing": [one._asdict() for one in self._playing],
            "failed": counts.flagged,
            "left": counts.left,
            "rate": counts.rate,
            "seconds_left": counts.seconds_left,
            "submissions": self._submissions,
            "terms": self._terms,
        }
        part = self._path.with_name(f"{STATUS_NAME}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with contextlib.suppress(OSError):
            with open(os.open(part, flags, 0o644), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                json.dump(told, file)
            part.replace(self._path)
        self._written = self._clock()


def read_status(folder: Path) -> dict[str, Any] | None:
    """Return what the file of a running evaluation says.

    Returns:
        The fields of the file; None if there is none, it cannot be read, or the process that wrote it has ended.
    """
    path = folder / STATUS_NAME
    try:
        if path.stat().st_size > _LARGEST:
            return None
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    process = told.get("process") if isinstance(told, dict) else None
    return told if isinstance(process, int) and process > 0 and _runs(process) else None


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # As another user.
    except (OSError, OverflowError):
        return False
    return True
