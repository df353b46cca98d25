"""Live progress: a bar on a terminal, some ten plain lines elsewhere; always on standard error."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from arena.cli.console import make_console, moves_cursor, warn
from arena.progress import Playing

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

__all__ = ["BarProgress", "Counts", "LineProgress", "Wording", "describe_rate", "describe_seconds", "make_progress"]

_LINES: Final = 10
"""Lines over the whole, if they come faster than `_SILENCE` seconds apart."""
_SILENCE: Final = 60.0
"""Seconds after which a line is due, however little was done."""
_BAR_WIDTH: Final = 60
_MOST_NAMED: Final = 4
"""Different episodes that are named at a time."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

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


class Counts(Generic[Item]):
    """The number of items that are running, done, flagged and left, how fast they come, and the time left.

    The rate is the mean since the work began, without the items that were done before.

    Attributes:
        total: items in all.
        done: items that are done, those of before included.
        flagged: items of this time that are counted apart.
    """

    def __init__(self, wording: Wording[Item], clock: Callable[[], float] = time.monotonic) -> None:
        """Take the words, and a clock in seconds."""
        self._wording = wording
        self._clock = clock
        self._began = self._latest = 0.0
        self._before = 0
        self.total = self.done = self.flagged = 0

    def start(self, total: int, done: int) -> None:
        """Set the counts at the beginning."""
        self.total, self.done, self.flagged = total, done, 0
        self._before = done
        self._began = self._latest = self._clock()

    def add(self, item: Item) -> None:
        """Count an item."""
        self.done += 1
        self.flagged += self._wording.flagged(item)
        self._latest = self._clock()

    @property
    def left(self) -> int:
        """Items that are not done."""
        return self.total - self.done

    @property
    def running(self) -> int:
        """Items that are worked on. Every worker is busy as long as there is enough to do."""
        return min(self._wording.workers, self.left)

    @property
    def elapsed(self) -> float:
        """Seconds since the work began; those until the last item once all are done."""
        return (self._clock() if self.left else self._latest) - self._began

    @property
    def rate(self) -> float | None:
        """Items per second; None before the first one is done."""
        done, seconds = self.done - self._before, self._latest - self._began
        return done / seconds if done and seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, as of now; None if nothing is known yet."""
        rate = self.rate
        if not self.left:
            return 0.0
        return None if rate is None else max(0.0, self.left / rate - (self._clock() - self._latest))

    def __str__(self) -> str:
        """Return what is done, running, flagged and left, the rate, and the time left or, at the end, taken."""
        rate, left = self.rate, self.seconds_left
        parts = [f"done {self.done}"]
        if self._wording.workers:
            parts.append(f"running {self.running}")
        parts += [f"{self._wording.flag} {self.flagged}", f"left {self.left}"]
        if rate is not None and left is not None:
            parts.append(describe_rate(rate, self._wording.noun))
            parts.append(f"{describe_seconds(left)} to go" if self.left else f"took {describe_seconds(self.elapsed)}")
        return ", ".join(parts)


def describe_rate(rate: float, noun: str) -> str:
    """Return a rate in words, with two digits, per second, minute or hour.

    >>> [describe_rate(rate, "rows") for rate in (1234.0, 2.34, 0.5, 0.001)]
    ['1200 rows/s', '2.3 rows/s', '30 rows/min', '3.6 rows/h']
    """
    number, unit = next(
        ((rate * seconds, unit) for seconds, unit in ((1, "s"), (_MINUTE, "min")) if rate * seconds >= 1),
        (rate * _HOUR, "h"),
    )
    return f"{float(f'{number:.2g}'):.15g} {noun}/{unit}"


def describe_seconds(seconds: float) -> str:
    """Return a time in whole units, the two largest of them.

    >>> [describe_seconds(seconds) for seconds in (0.2, 59.7, 200, 7_500, 100_000)]
    ['0 s', '1 min', '3 min 20 s', '2 h 5 min', '1 d 3 h']
    """
    whole = round(seconds)
    for size, unit, smaller, below in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}{f' {rest} {below}' if rest else ''}"
    return f"{whole} s"


def describe_playing(now: Sequence[Playing], most: int = _MOST_NAMED) -> str:
    """Return what is being played in words: submissions with their scenarios.

    Args:
        now: the episodes.
        most: different ones that are named; of the others their number.

    >>> describe_playing([Playing("ss", "crossing"), Playing("dlp", "lost"), Playing("ss", "crossing")])
    'dlp on lost, 2 × ss on crossing'
    """
    from arena.errors import printable

    counted = sorted(Counter(now).items())
    named = [
        f"{f'{number} × ' if number > 1 else ''}{printable(one.submission)} on {printable(one.scenario)}"
        for one, number in counted[:most]
    ]
    left = sum(number for _, number in counted[most:])
    return ", ".join([*named, *([f"{left} more"] if left else [])])


class BarProgress(Generic[Item]):
    """A live bar above its counts, as wide as the terminal allows; see `arena.progress.Progress`."""

    def __init__(self, wording: Wording[Item]) -> None:
        """Take the words."""
        self._wording = wording
        self._counts = Counts(wording)
        self._live: Live | None = None
        self._playing: Sequence[Playing] = ()

    def started(self, total: int, done: int = 0) -> None:
        """Show the bar."""
        from rich.live import Live

        self._counts.start(total, done)
        self._live = Live(console=make_console(stderr=True), transient=True, get_renderable=self.rendered)
        self._live.start()

    def rendered(self) -> RenderableType:
        """Return bar and counts as of now."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        counts = self._counts
        width = min(_BAR_WIDTH, shutil.get_terminal_size().columns)
        bar = ProgressBar(max(1, counts.total), counts.done, width=width)
        below = Table.grid()
        below.add_row(bar)
        below.add_row(Text(f"{counts.total} {self._wording.noun}: {counts}"))
        if self._playing:
            below.add_row(Text(f"now: {describe_playing(self._playing)}"))
        return below

    def playing(self, now: Sequence[Playing]) -> None:
        """Name what is being played below the bar."""
        self._playing = now

    def advanced(self, item: Item) -> None:
        """Move the bar."""
        self._counts.add(item)

    def finished(self) -> None:
        """Take the bar away, and leave the last counts if all was done."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            if not self._counts.left:
                warn(str(self._counts))


class LineProgress(Generic[Item]):
    """Some ten lines over the whole, and one a minute at least; see `arena.progress.Progress`."""

    def __init__(self, wording: Wording[Item], clock: Callable[[], float] = time.monotonic) -> None:
        """Take the words, and a clock in seconds."""
        self._wording = wording
        self._counts = Counts(wording, clock)
        self._clock = clock
        self._told = 0
        self._told_at = 0.0

    def started(self, total: int, done: int = 0) -> None:
        """Tell how much there is to do."""
        self._counts.start(total, done)
        self._told, self._told_at = done, self._clock()
        warn(f"{total} {self._wording.noun}{f', {done} of them {self._wording.before}' if done else ''}")

    def advanced(self, item: Item) -> None:
        """Tell of a tenth of the way, or of the first item after a minute's silence."""
        counts = self._counts
        counts.add(item)
        is_due = (counts.done - self._told) * _LINES >= counts.total or self._clock() - self._told_at >= _SILENCE
        if is_due or not counts.left:
            self._told, self._told_at = counts.done, self._clock()
            warn(str(counts))

    def playing(self, now: Sequence[Playing]) -> None:
        """Tell after a minute's silence what is being played."""
        if now and self._clock() - self._told_at >= _SILENCE:
            self._told_at = self._clock()
            warn(f"{self._counts}; now: {describe_playing(now)}")

    def finished(self) -> None:
        """Say nothing more: the last line was said with the last item."""


def make_progress(wording: Wording[Item]) -> BarProgress[Item] | LineProgress[Item]:
    """Return a bar if standard error is a terminal whose cursor can be moved, lines otherwise."""
    return BarProgress(wording) if moves_cursor(sys.stderr) else LineProgress(wording)
