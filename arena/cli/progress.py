"""Live progress: a bar on a terminal, some ten plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from arena.cli.console import make_console, warn

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = ["BarProgress", "LineProgress", "Wording", "make_progress"]

_LINES = 10

Item = TypeVar("Item")


@dataclass(frozen=True)
class Wording(Generic[Item]):
    """The words of a progress, and what it counts.

    Attributes:
        noun: what the items are, as in `episodes`.
        flag: what is said of the items that are counted apart, as in `failed`.
        flagged: whether an item is one of them.
        before: what is said of items that need not be done again.
        workers: items that are worked on at a time, shown as `running`; 0 to leave that out.
    """

    noun: str
    flag: str
    flagged: Callable[[Item], bool]
    before: str = "done before"
    workers: int = 0


class _Counts(Generic[Item]):
    """The number of items that are running, done, flagged and left."""

    def __init__(self, wording: Wording[Item]) -> None:
        self._wording = wording
        self.total = self.done = self.flagged = 0

    def start(self, total: int, done: int) -> None:
        """Set the counts at the beginning."""
        self.total, self.done, self.flagged = total, done, 0

    def add(self, item: Item) -> None:
        """Count an item."""
        self.done += 1
        self.flagged += self._wording.flagged(item)

    def __str__(self) -> str:
        """Return what is running, flagged and left. Every worker is busy as long as there is enough to do."""
        left = self.total - self.done
        running = [f"running {min(self._wording.workers, left)}"] if self._wording.workers else []
        return ", ".join([*running, f"{self._wording.flag} {self.flagged}", f"left {left}"])


class BarProgress(Generic[Item]):
    """A live bar; see `arena.progress.Progress`."""

    def __init__(self, wording: Wording[Item]) -> None:
        """Take the words."""
        self._wording = wording
        self._counts = _Counts(wording)
        self._bar: RichProgress | None = None

    def started(self, total: int, done: int = 0) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._counts.start(total, done)
        self._bar = Progress(
            TextColumn(self._wording.noun),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=make_console(stderr=True),
            transient=True,
        )
        self._bar.add_task("", total=total, completed=done, counts=str(self._counts))
        self._bar.start()

    def advanced(self, item: Item) -> None:
        """Move the bar."""
        self._counts.add(item)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._counts.done, counts=str(self._counts))

    def finished(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


class LineProgress(Generic[Item]):
    """Some ten lines over the whole; see `arena.progress.Progress`."""

    def __init__(self, wording: Wording[Item]) -> None:
        """Take the words."""
        self._wording = wording
        self._counts = _Counts(wording)
        self._told = 0

    def started(self, total: int, done: int = 0) -> None:
        """Tell how much there is to do."""
        self._counts.start(total, done)
        self._told = done
        warn(f"{total} {self._wording.noun}{f', {done} of them {self._wording.before}' if done else ''}")

    def advanced(self, item: Item) -> None:
        """Tell of a tenth of the way."""
        counts = self._counts
        counts.add(item)
        if counts.done == counts.total or (counts.done - self._told) * _LINES >= counts.total:
            self._told = counts.done
            warn(f"done {counts.done}, {counts}")

    def finished(self) -> None:
        """Say nothing more: the last line was said with the last item."""


def make_progress(wording: Wording[Item]) -> BarProgress[Item] | LineProgress[Item]:
    """Return a bar if standard error is a terminal, lines otherwise."""
    return BarProgress(wording) if sys.stderr.isatty() else LineProgress(wording)
