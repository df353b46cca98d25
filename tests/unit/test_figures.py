"""Figures for papers: the same bytes for the same results, letters as outlines, no file of somebody else replaced."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from records import play
from replayed_episodes import HOSTILE, steady

from arena.errors import ArenaError, InvalidInput
from arena.report.contest_figures import FrontPoint, pareto_figure, pareto_front, standings_figure
from arena.report.episode_figure import episode_figure
from arena.report.figures import FORMATS, KINDS, FigureFormat, format_of, minus, seconds, shown, style, write_figure
from arena.results.compared import Interval
from arena.results.rows import Standings
from arena.results.standings import compute_standings

DOLLARS = r"$\frac{a}{b}$ 名 </text><script>"


def contest(count: int = 6) -> Standings:
    records = [
        record
        for number in range(count)
        for record in play(
            DOLLARS if number == 2 else f"rule-{number}",
            {"north": [100.0 + 9 * number, 90.0 + 11 * number], "south": [50.0 - number, 61.0 + 2 * number]},
            track=("blind", "informed", "decentralised")[number % 3],
            decision_time=0.002 * 3.0 ** (number % 4),
        )
    ]
    return compute_standings(records, suite="test", scenarios=("north", "south"), seeds=2)


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_results_give_the_same_bytes(tmp_path: Path, file_format: FigureFormat) -> None:
    for name, draw in (
        ("standings", lambda: standings_figure(contest())),
        ("pareto", lambda: pareto_figure(contest())),
        ("episode", lambda: episode_figure([steady(), steady(units=12.0, submission=DOLLARS)])),
    ):
        contents = []
        for number in range(2):
            with style():
                path = write_figure(draw(), tmp_path / str(number) / f"{name}.{file_format}", file_format)
            assert KINDS[file_format].wrote(path)
            contents.append(path.read_bytes())
        assert contents[0] == contents[1]
        assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate", contents[0])


def test_letters_are_outlines_in_svg_and_truetype_in_pdf(tmp_path: Path) -> None:
    with style():
        svg = write_figure(standings_figure(contest()), tmp_path / "a.svg", "svg").read_text(encoding="utf-8")
        pdf = write_figure(standings_figure(contest()), tmp_path / "a.pdf", "pdf").read_bytes()
    assert "<text" not in svg
    assert "<script" not in svg
    assert "<image" not in svg
    assert b"/Type3" not in pdf
    assert b"TrueType" in pdf or b"CIDFontType2" in pdf


def test_a_column_is_the_width_of_every_figure(tmp_path: Path) -> None:
    with style():
        for figure in (standings_figure(contest()), pareto_figure(contest()), episode_figure([steady()])):
            path = write_figure(figure, tmp_path / "a.svg", "svg")
            # 72 points an inch.
            assert 'width="244.8pt"' in path.read_text(encoding="utf-8")


def test_what_is_drawn_is_what_the_standings_say() -> None:
    standings = contest()
    with style():
        (axes,) = standings_figure(standings).axes
        labels = [label.get_text() for label in axes.get_yticklabels()]
        marks = {
            line.get_ydata()[0]: line.get_xdata()[0]
            for line in axes.lines
            if line.get_marker() not in ("None", None, "")
        }
        (pareto,) = pareto_figure(standings).axes
        drawn = {(line.get_xdata()[0], line.get_ydata()[0]) for line in pareto.lines if len(line.get_xdata()) == 1}
    rows = standings.rows
    assert labels == [shown(row.submission, 26) for row in rows]
    assert [marks[place] for place in range(len(rows))] == [row.mean_profit for row in rows]
    assert drawn == {(row.decision_time, row.mean_profit) for row in rows}


@pytest.mark.parametrize("has_intervals", [True, False])
def test_lines_are_explained_where_there_are_any(has_intervals: bool) -> None:
    standings = contest()
    interval = Interval(low=1.0, high=2.0) if has_intervals else None
    rows = tuple(row.model_copy(update={"profit_interval": interval}) for row in standings.rows)
    with style():
        figure = standings_figure(standings.model_copy(update={"rows": rows, "reference": ()}))
    assert ("lines: 95 % intervals" in figure.get_supxlabel()) == has_intervals


def test_the_front_is_what_none_beats() -> None:
    standings = contest()
    points = [FrontPoint(row.submission, row.track, row.decision_time, row.mean_profit) for row in standings.rows]
    front = pareto_front(points)
    for point in points:
        beaten = any(
            other.time <= point.time and other.value >= point.value and other[2:] != point[2:] for other in points
        )
        assert beaten == (point not in front)
    assert [one.value for one in front] == sorted(one.value for one in front)


def test_an_empty_contest_is_told() -> None:
    empty = contest().model_copy(update={"rows": ()})
    with style():
        with pytest.raises(InvalidInput, match="there is nothing to draw"):
            standings_figure(empty)
        with pytest.raises(InvalidInput, match="there is nothing to draw"):
            pareto_figure(empty)


def test_only_a_figure_of_the_same_format_is_replaced(tmp_path: Path) -> None:
    other = tmp_path / "mine.svg"
    other.write_text("<?xml version='1.0'?><svg/>", encoding="utf-8")
    with style():
        with pytest.raises(InvalidInput, match=r"is not a figure \(SVG\) that the arena wrote"):
            write_figure(standings_figure(contest()), other, "svg")
        figure = write_figure(standings_figure(contest()), tmp_path / "a.png", "png")
        with pytest.raises(InvalidInput, match=r"is not a figure \(PDF\)"):
            write_figure(standings_figure(contest()), figure, "pdf")
        write_figure(pareto_figure(contest()), figure, "png")


def test_the_ending_names_the_format() -> None:
    assert format_of(None, None) == "svg"
    assert format_of(None, Path("a.PDF")) == "pdf"
    assert format_of("png", Path("a.pdf")) == "png"
    with pytest.raises(InvalidInput, match="a figure ends in one of"):
        format_of(None, Path("a.jpg"))


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ArenaError, match=re.escape('pip install "inventory-arena[render]"')), style():
        pass


def test_numbers_and_names_are_short_and_can_be_drawn() -> None:
    assert [minus(value) for value in (-1.5, 0.0, 1200.0, 0.25)] == ["−1.5", "0", "1,200", "0.25"]
    assert [seconds(value) for value in (1e-6, 1e-5, 1e-3, 0.1, 10.0)] == ["1 µs", "10 µs", "1 ms", "100 ms", "10 s"]
    assert shown("名") == r"\u540d"
    assert shown(HOSTILE, 20).startswith("</script>")
