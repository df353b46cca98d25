"""Live progress of an evaluation: a bar on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from arena.cli.console import make_console, warn

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from arena.results.record import EpisodeRecord

__all__ = ["BarProgress", "LineProgress", "make_progress"]

_LINES = 10


class _Counts:
    """What is running, done, failed and left."""

    def __init__(self, workers: int) -> None:
        self.workers = max(1, workers)
        self.total = self.done = self.failed = 0

    def start(self, total: int, done: int) -> None:
        """Set the counts at the beginning."""
        self.total, self.done, self.failed = total, done, 0

    def add(self, record: EpisodeRecord) -> None:
        """Count an episode."""
        self.done += 1
        self.failed += record.outcome != "ok"

    @property
    def left(self) -> int:
        """Episodes that have not ended."""
        return self.total - self.done

    @property
    def running(self) -> int:
        """Episodes being played: every worker has one as long as there are enough."""
        return min(self.workers, self.left)


class BarProgress:
    """A live bar; see `arena.play.evaluate.Progress`."""

    def __init__(self, workers: int) -> None:
        """Take the number of episodes played at a time."""
        self._counts = _Counts(workers)
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def started(self, total: int, done: int) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._counts.start(total, done)
        self._bar = Progress(
            TextColumn("episodes"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("running {task.fields[running]}, failed {task.fields[failed]}, left {task.fields[left]}"),
            TimeRemainingColumn(),
            console=make_console(stderr=True),
            transient=True,
        )
        counts = self._counts
        self._task = self._bar.add_task(
            "", total=total, completed=done, running=counts.running, failed=0, left=counts.left
        )
        self._bar.start()

    def episode(self, record: EpisodeRecord) -> None:
        """Move the bar."""
        counts = self._counts
        counts.add(record)
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, completed=counts.done, running=counts.running, failed=counts.failed, left=counts.left
            )

    def finished(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


class LineProgress:
    """Some ten lines over an evaluation; see `arena.play.evaluate.Progress`."""

    def __init__(self, workers: int) -> None:
        """Take the number of episodes played at a time."""
        self._counts = _Counts(workers)
        self._told = 0

    def started(self, total: int, done: int) -> None:
        """Tell how much there is to do."""
        self._counts.start(total, done)
        self._told = done
        resumed = f", {done} of them played before" if done else ""
        warn(f"{total} episodes{resumed}")

    def episode(self, record: EpisodeRecord) -> None:
        """Tell of a tenth of the way."""
        counts = self._counts
        counts.add(record)
        if counts.left == 0 or (counts.done - self._told) * _LINES >= counts.total:
            self._told = counts.done
            warn(f"done {counts.done}, running {counts.running}, failed {counts.failed}, left {counts.left}")

    def finished(self) -> None:
        """Say nothing more: the last line was said with the last episode."""


def make_progress(workers: int) -> BarProgress | LineProgress:
    """Return a bar if standard error is a terminal, lines otherwise.

    Args:
        workers: Episodes played at a time.
    """
    return BarProgress(workers) if sys.stderr.isatty() else LineProgress(workers)
