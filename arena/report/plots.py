"""Small plots as inline SVG, drawn from numbers only.

Horizontal positions are percentages, so that a plot has the width of its table cell, on a phone as on a desk, while
its lines and marks keep their size. Colours come from the page's style sheet by class. Titles are the only text that
comes from outside, and they are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup, escape

__all__ = ["Axis", "Bar", "Mark", "draw_places", "fit_axis", "histogram", "interval", "tick_labels"]

_HEIGHT = 24
_HISTOGRAM_HEIGHT = 44
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


def draw_places(first: int, last: int, number: int) -> Markup:
    """Draw the places that are open to a submission, as a bar among all places.

    Args:
        first: best place, from 1.
        last: worst place.
        number: places in all.
    """
    left, width = 100 * (first - 1) / max(1, number), 100 * (last - first + 1) / max(1, number)
    return Markup(
        f'<svg class="places" aria-hidden="true" width="100%" height="5" xmlns="http://www.w3.org/2000/svg">'
        f'<rect class="open" x="0" width="100%" y="0" height="5"/>'
        f'<rect class="taken" x="{round(left, 2)}%" width="{round(width, 2)}%" y="0" height="5"/></svg>'
    )


class Bar(NamedTuple):
    """One bar of a histogram, from `low` to `high` on the axis; `height` is its number, 0 or more."""

    low: float
    high: float
    height: float


class Mark(NamedTuple):
    """A value marked on a histogram: `kind` is its class in the style sheet, letters only."""

    kind: str
    value: float


def histogram(axis: Axis, bars: Sequence[Bar], marks: Sequence[Mark], title: str) -> Markup:
    """Draw a histogram and lines across it at marked values.

    Args:
        axis: The axis that all rows of a table share.
        bars: The bars; the tallest has the height of the plot.
        marks: What to mark.
        title: Text for a pointer that rests on it, and for screen readers.

    Returns:
        An `svg` element.
    """
    tallest = max((bar.height for bar in bars), default=0.0)
    base = _HISTOGRAM_HEIGHT - 1
    parts = [
        f'<line class="grid" x1="{axis.position(tick)}%" x2="{axis.position(tick)}%" y1="0" y2="{_HISTOGRAM_HEIGHT}"/>'
        for tick in axis.ticks
    ]
    for bar in bars:
        left, right = axis.position(bar.low), axis.position(bar.high)
        if bar.height > 0:
            # One decision among many thousands is still seen.
            height = round(max(1.5, (base - 2) * bar.height / tallest), 1)
            parts.append(
                f'<rect class="bar" x="{left}%" width="{round(right - left, 2)}%" '
                f'y="{round(base - height, 1)}" height="{height}"/>'
            )
    parts.append(f'<line class="base" x1="0" x2="100%" y1="{base}" y2="{base}"/>')
    parts += [
        f'<line class="{mark.kind}" x1="{place}%" x2="{place}%" y1="0" y2="{base}"/>'
        for mark in marks
        for place in [axis.position(mark.value)]
    ]
    return _svg("".join(parts), title, _HISTOGRAM_HEIGHT)


def tick_labels(axis: Axis, label: Callable[[float], str] = "{:,.10g}".format) -> Markup:
    """Draw the labels of an axis, to stand above or below the rows that share it.

    Args:
        axis: The axis.
        label: What is written at a tick, given its value.
    """
    labels = "".join(
        f'<text class="tick" x="{axis.position(tick)}%" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(label(tick))}</text>"
        for tick in axis.ticks
    )
    return _svg(labels, "axis")


def _svg(content: str, title: str, height: int = _HEIGHT) -> Markup:
    return Markup(
        f'<svg class="plot" role="img" width="100%" height="{height}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )
