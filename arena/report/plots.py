"""Small plots as inline SVG, drawn from numbers only.

Horizontal positions are percentages, so that a plot has the width of its table cell, on a phone as on a desk, while
its lines and marks keep their size. Colours come from the page's style sheet by class. Titles are the only text that
comes from outside, and they are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["Axis", "fit_axis", "interval", "tick_labels"]

_HEIGHT = 24
_MIDDLE = _HEIGHT / 2
_RADIUS = 4.5
_CAP = 4
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Axis:
    """A horizontal axis with round ends.

    Attributes:
        low: Value at the left end.
        high: Value at the right end, above `low`.
        ticks: Round values from `low` to `high`, ascending.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def position(self, value: float) -> float:
        """Return where a value stands, in percent of the width; values outside are put at the nearer end."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


def fit_axis(values: Sequence[float], *, most_ticks: int = 6) -> Axis:
    """Return an axis with round ticks that holds all values.

    Args:
        values: Finite numbers; none at all gives an axis from 0 to 1.
        most_ticks: Upper bound on the number of ticks, at least 3.

    Returns:
        The axis. Zero is on it when the values are nearer to zero than they are apart.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if 0 < low < high - low:
        low = 0.0
    if high < 0 and -high < high - low:
        high = 0.0
    span = max(high - low, 1e-6 * max(1.0, abs(high)))  # equal values still get an axis
    exponent = math.floor(math.log10(span / most_ticks))
    for step in (factor * 10.0**power for power in (exponent, exponent + 1) for factor in _STEPS):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        last = max(last, first + 1)
        if last - first < most_ticks:
            break
    ticks = tuple(round(number * step, 12) for number in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def interval(axis: Axis, low: float, middle: float, high: float, title: str) -> Markup:
    """Draw a value and its interval.

    Args:
        axis: The axis that all rows of a table share.
        low: Lower end of the interval.
        middle: The value itself.
        high: Upper end of the interval.
        title: Text for a pointer that rests on it, and for screen readers.

    Returns:
        An `svg` element.
    """
    left, centre, right = (axis.position(value) for value in (low, middle, high))
    grid = "".join(
        f'<line class="grid" x1="{axis.position(tick)}%" x2="{axis.position(tick)}%" y1="0" y2="{_HEIGHT}"/>'
        for tick in axis.ticks
    )
    whisker = "".join(
        f'<line class="whisker" x1="{end}%" x2="{end}%" y1="{_MIDDLE - _CAP}" y2="{_MIDDLE + _CAP}"/>'
        for end in (left, right)
    )
    return _svg(
        f'{grid}<line class="whisker" x1="{left}%" x2="{right}%" y1="{_MIDDLE}" y2="{_MIDDLE}"/>{whisker}'
        f'<circle class="mean" cx="{centre}%" cy="{_MIDDLE}" r="{_RADIUS}"/>',
        title,
    )


def tick_labels(axis: Axis) -> Markup:
    """Draw the labels of an axis, to stand above or below the rows that share it."""
    labels = "".join(
        f'<text class="tick" x="{axis.position(tick)}%" y="{_HEIGHT - 8}" text-anchor="middle">{tick:,.10g}</text>'
        for tick in axis.ticks
    )
    return _svg(labels, "axis")


def _svg(content: str, title: str) -> Markup:
    return Markup(
        f'<svg class="plot" role="img" width="100%" height="{_HEIGHT}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )
