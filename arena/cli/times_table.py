"""Decision times as tables on the terminal: a histogram, and the part of each deadline that was used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from arena.cli.console import print_table
from arena.cli.layout import Drawing

if TYPE_CHECKING:
    from arena.jail.limits import Limits
    from arena.results.timing import DecisionTimes, Row

_PARTS = " ▏▎▍▌▋▊▉"
_BAR_WIDTH = 40
"""Widest bar, in characters; a narrow terminal has narrower ones."""


def print_times(times: DecisionTimes, slowest_start: float, limits: Limits) -> None:
    """Print a histogram of decision times, then the slowest start and decisions against their deadlines.

    Args:
        times: The decision times; without a decision there is no histogram.
        slowest_start: Seconds of the slowest import, construction and `begin` together.
        limits: The deadline of the start; those of decisions come with their times.
    """
    from arena.results.timing import duration

    rows = times.rows()
    if rows:
        most = max(row.number for row in rows)
        print_table(
            ("time per decision", "decisions", ""),
            [(_span(row), f"{row.number:,}", _bar(row.number / most)) for row in rows],
            right=("time per decision", "decisions"),
        )
        print(f"median {duration(times.quantile(0.5))}, 95 % within {duration(times.quantile(0.95))}")
        print()
    budgets = [("import, construction and begin", slowest_start, limits.setup)]
    if rows:
        budgets.append(("first decision", times.slowest_first, times.first_deadline))
        budgets.append(("later decisions", times.slowest_later, times.deadline))
    print_table(
        ("budget", "slowest", "deadline", "used"),
        [
            (name, duration(slowest), duration(deadline), f"{slowest / deadline:.1%}")
            for name, slowest, deadline in budgets
        ],
        right=("slowest", "deadline", "used"),
    )


def _bar(share: float) -> Drawing:
    """Return a bar in eighths of a character; what is not 0 is seen."""

    def draw(width: int) -> str:
        eighths = math.ceil(8 * width * share)
        return "█" * (eighths // 8) + _PARTS[eighths % 8].strip()

    return Drawing(draw, _BAR_WIDTH)


def _span(row: Row) -> str:
    from arena.results.timing import duration

    if not row.low:
        return f"below {duration(row.high)}"
    return f"{duration(row.low)} or more" if math.isinf(row.high) else f"{duration(row.low)} … {duration(row.high)}"
