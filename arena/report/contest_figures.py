"""Figures of a contest: the standings with their intervals, and what a better score costs in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from arena.errors import ABSENT, Fault, InvalidInput
from arena.report.figures import COLOURS, FAINT, decade_ticks, minus, new_figure, seconds, shown
from arena.results.rows import StandingRow, Standings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRACKS: Final = {
    "blind": (COLOURS[0], "o"),
    "informed": (COLOURS[1], "s"),
    "decentralised": (COLOURS[2], "^"),
    "oracle": (FAINT, "D"),
}
"""Colour and mark of each track: either is enough to tell them apart."""

_ROW: Final = 0.155
_SHOWN_NAME: Final = 26
_NAME_SIZE: Final = 5.5
_LETTER: Final = 0.62 * _NAME_SIZE
_PLACES: Final = tuple(
    (side * 4.0, height) for height in (-7.0, 0.0, 7.0, -14.0, 14.0, -21.0, 21.0) for side in (1, -1)
)
"""Where a name may stand beside its mark, points to the right (or left, then it ends there) and upwards."""

_Box = tuple[float, float, float, float]
"""Left, lower, right and upper end, points."""


class FrontPoint(NamedTuple):
    """A submission in the figure of score against time.

    Attributes:
        name: of the submission.
        track: of the submission.
        time: mean seconds per decision.
        value: score, or mean profit.
    """

    name: str
    track: str
    time: float
    value: float


def standings_figure(standings: Standings) -> Figure:
    """Return the standings as points with intervals, best on top, references last. Call it within `figures.style`.

    Raises:
        InvalidInput: there is no submission with a score or a profit.
    """
    by_score = standings.ranked_by == "score"
    everybody = (*standings.rows, *standings.reference)
    rows = [(row, value) for row in everybody if (value := _value(row, by_score)) is not None]
    if not rows:
        raise _nothing("no submission has a score or a profit")
    figure, (axes,) = new_figure(0.75 + _ROW * len(rows))
    lines = ""
    for place, (row, value) in enumerate(rows):
        colour, mark = _TRACKS[row.track]
        interval = row.score_interval if by_score else row.profit_interval
        if interval is not None:
            lines = "; lines: 95 % intervals"
            axes.plot([interval.low, interval.high], [place, place], color=colour, linewidth=1.2, solid_capstyle="butt")
        axes.plot([value], [place], marker=mark, markersize=3.4, color=colour, linestyle="none")
    axes.set_yticks(range(len(rows)), [shown(row.submission, _SHOWN_NAME) for row, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: minus(value))
    figure.supxlabel(f"{_measure(standings)}{lines}, {_seeds(standings)}", fontsize=7)
    _legend(axes, [row.track for row, _ in rows])
    return figure


def pareto_figure(standings: Standings) -> Figure:
    """Return score against time per decision, with the submissions that none beats in both joined by a line.

    Call it within `figures.style`. Oracles see the future and are left out.

    Raises:
        InvalidInput: no submission has both.
    """
    by_score = standings.ranked_by == "score"
    points = [
        FrontPoint(row.submission, row.track, row.decision_time, value)
        for row in standings.rows
        if (value := _value(row, by_score)) is not None and row.decision_time
    ]
    if not points:
        raise _nothing("no submission has a value and a time per decision")
    front = pareto_front(points)
    figure, (axes,) = new_figure(2.9)
    axes.set_xscale("log")
    for point in points:
        colour, mark = _TRACKS[point.track]
        face = colour if point in front else "none"
        axes.plot(
            [point.time], [point.value], marker=mark, markersize=4, color=colour, markerfacecolor=face, linestyle="none"
        )
    axes.step(
        [one.time for one in front],
        [one.value for one in front],
        where="post",
        color=FAINT,
        linewidth=0.8,
        zorder=1,
    )
    ticks = decade_ticks(min(one.time for one in points), max(one.time for one in points))
    axes.set_xticks(ticks, [seconds(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(ticks[0] / 1.5, ticks[-1] * 1.5)
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(lambda value, _: minus(value))
    axes.set_xlabel("mean time per decision (logarithmic)")
    axes.set_ylabel(_measure(standings))
    _label_front(figure, axes, front, points)
    _legend(axes, [one.track for one in points])
    return figure


def pareto_front(points: Sequence[FrontPoint]) -> list[FrontPoint]:
    """Return the points that no other one beats in time and value, fastest first."""
    front: list[FrontPoint] = []
    for point in sorted(points, key=lambda one: (one.time, -one.value, one.name)):
        if not front or point.value > front[-1].value:
            front.append(point)
    return front


def _label_front(figure: Figure, axes: Axes, front: Sequence[FrontPoint], points: Sequence[FrontPoint]) -> None:
    """Name the points of the front, each where its name covers the fewest marks and names."""
    from matplotlib.patheffects import withStroke

    figure.draw_without_rendering()  # Where the marks are is known once the layout is.
    scale = 72 / figure.dpi
    bounds = axes.get_window_extent()
    frame = (bounds.x0 * scale, bounds.y0 * scale, bounds.x1 * scale, bounds.y1 * scale)
    places = [axes.transData.transform((one.time, one.value)) * scale for one in points]
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    for point in reversed(front):
        x, y = axes.transData.transform((point.time, point.value)) * scale
        name = shown(point.name, _SHOWN_NAME)
        width = _LETTER * len(name)

        def box(place: tuple[float, float], x: float = x, y: float = y, width: float = width) -> _Box:
            left = x + place[0] if place[0] > 0 else x + place[0] - width
            return (left, y + place[1] - 3, left + width, y + place[1] + 3)

        # The first of the best: to the right and below, where the line of the front is not.
        best = min(_PLACES, key=lambda place: _cost(box(place), taken, frame))
        taken.append(box(best))
        axes.annotate(
            name,
            (point.time, point.value),
            xytext=best,
            textcoords="offset points",
            ha="left" if best[0] > 0 else "right",
            va="center",
            fontsize=_NAME_SIZE,
            color="#374151",
            # A name that stands apart is joined to its mark.
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": FAINT} if abs(best[1]) > 7 else None,
            path_effects=[withStroke(linewidth=1.6, foreground="white")],
        )


def _cost(box: _Box, taken: Sequence[_Box], frame: _Box) -> float:
    """Return what a box covers: other boxes, and much worse, what is outside of the frame."""
    covered = sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    outside = max(0.0, frame[0] - box[0], box[2] - frame[2]) + max(0.0, frame[1] - box[1], box[3] - frame[3])
    return covered + 100 * outside


def _legend(axes: Axes, tracks: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    used = [track for track in _TRACKS if track in tracks]
    handles = [
        Line2D([], [], color=_TRACKS[track][0], marker=_TRACKS[track][1], markersize=3.4, linestyle="none", label=track)
        for track in used
    ]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=len(used), handletextpad=0.2, columnspacing=1)


def _value(row: StandingRow, by_score: bool) -> float | None:
    return row.score if by_score else row.mean_profit


def _measure(standings: Standings) -> str:
    return "score" if standings.ranked_by == "score" else "mean profit"


def _seeds(standings: Standings) -> str:
    kind = "public" if standings.commitment is None else "hidden"
    return f"{standings.seeds} {kind} seed{'' if standings.seeds == 1 else 's'}"


def _nothing(rule: str) -> InvalidInput:
    return InvalidInput([Fault("", "", ABSENT, f"there is nothing to draw: {rule}", "play a suite by arena evaluate")])
