"""Headroom: how much of each limit a controller used, and a warning from half of it on.

A machine of the contest may be slower, and its episodes longer than those of a check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from arena.jail.limits import MEBIBYTE, Limits
from arena.play.seats.use import Peaks, TimeUse
from arena.results.timing import duration

HEADROOM: Final = "headroom"
"""Name of the check."""
_MUCH: Final = 0.5
"""Share of a limit from which on it is told."""

_WHAT: Final = {
    "setup": "import, construction and begin together",
    "first_decision": "the slowest first decision",
    "decision": "the slowest later decision",
    "close": "report and close together",
    "bank": "the longest episode without its closing",
}


def find_little_headroom(peaks: Peaks, limits: Limits) -> Iterator[str]:
    """Yield a sentence for every limit of which a controller used half or more.

    Args:
        peaks: the most that it used of each.
        limits: the limits.
    """
    for name, what in _WHAT.items():
        used: TimeUse = getattr(peaks, name)
        limit: float = getattr(limits, name)
        on_the_clock = limit * limits.wall_time_factor
        for share, seconds, kind, allowed in (
            (used.cpu / limit, used.cpu, "CPU time", limit),
            (used.wall / on_the_clock, used.wall, "the clock", on_the_clock),
        ):
            if share >= _MUCH:
                took = f"took {duration(seconds)} {'of' if kind == 'CPU time' else 'on'} {kind}"
                yield f"{what} {took}, {share:.0%} of the limit of {duration(allowed)} ({name})"
                break  # One sentence for each limit; the CPU time is the stricter one.
    share = peaks.memory / limits.memory
    if share >= _MUCH:
        used_memory, allowed_memory = peaks.memory / MEBIBYTE, limits.memory / MEBIBYTE
        yield f"it took {used_memory:.0f} MiB of address space, {share:.0%} of the limit of {allowed_memory:g} (memory)"
