"""Which periods of recorded demand a new world plays: by default the last fifth of them, in windows."""

from __future__ import annotations

from typing import Final, NamedTuple

from arena.contract.seeds import PUBLIC_SEEDS
from arena.errors import Fault, InvalidInput
from arena.world.data import DemandData
from arena.world.scenario import LONGEST_HISTORY

_SHARE: Final = 5
"""The last one of so many parts is played unless windows are asked for."""
_LENGTHS: Final = {"day": 28, "week": 13, "month": 12}
_LENGTH: Final = 28
_HISTORIES: Final = {"day": 365, "week": 104, "month": 36}
_HISTORY: Final = 365
_MOST_TOLD: Final = 500_000
"""Most values of a history that is not asked for: every controller is told all of them."""


class Windows(NamedTuple):
    """Windows that end with the last recorded period.

    Attributes:
        start: first period of the first window.
        length: periods of a window.
        number: of windows, one after the other.
        history: periods before each window that controllers are told.
    """

    start: int
    length: int
    number: int
    history: int


def choose_windows(
    data: DemandData, length: int | None = None, count: int | None = None, history: int | None = None
) -> Windows:
    """Choose windows that fit the recorded periods.

    Args:
        data: recorded demand.
        length: periods of a window; None: 28 days, 13 weeks, 12 months or 28 periods, fewer where the windows would
            reach beyond the last fifth.
        count: windows; None: as many as fit in the last fifth, at least one, at most the number of public seeds.
        history: periods told before each window; None: a year of days, two of weeks, three of months, or 365 periods,
            where there are so many, and fewer where there are many markets.

    Raises:
        InvalidInput: what is asked for has more periods than were recorded.
    """
    last = max(1, data.periods // _SHARE)
    if length is None:
        length = min(_LENGTHS.get(data.frequency, _LENGTH), max(1, last // (count or 1)))
    if count is None:
        count = min(max(1, last // length), len(PUBLIC_SEEDS))
    start = data.periods - length * count
    if start < 0:
        rule = f"windows lie in the recorded periods, and {count} x {length} are more than {data.periods}"
        fix = "write smaller numbers: --horizon for the periods of a window, --windows for their number"
        option, value = ("--horizon", length) if length > data.periods else ("--windows", count)
        raise InvalidInput([Fault("", option, value, rule, fix)])
    if history is None:
        wanted = _HISTORIES.get(data.frequency, _HISTORY)
        history = min(wanted, start, max(1, _MOST_TOLD // len(data.markets)))
    elif history > min(start, LONGEST_HISTORY):
        rule = f"a history lies before the first window, which begins with period {start}, and has at most "
        rule += f"{LONGEST_HISTORY:,} periods"
        raise InvalidInput([Fault("", "--history", history, rule, f"write --history {min(start, LONGEST_HISTORY)}")])
    return Windows(start, length, count, history)
