"""The page of a board: many scenarios shown by cell, and its native score beside published results."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import DESK, PHONE
from records import make_record

from arena.report.page import write_report
from arena.results.head_to_head import compare
from arena.results.reading import Results
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.world.native_score import NativeScore, PublishedResult
from arena.world.scoring import ScoreRule

HOSTILE = "<img src=x onerror=alert(1)>"
SCENARIOS = tuple(f"item-{place:03d}" for place in range(150))
CELLS = {name: ("slow", "fast", HOSTILE)[place % 3] for place, name in enumerate(SCENARIOS)}
NATIVE = NativeScore(
    name="normalised reward",
    per="full_revenue",
    least=0.0,
    cells=CELLS,
    published=(
        PublishedResult(name="the best hybrid", source="their paper", score=0.5, cells={"slow": 0.4, "fast": 0.9}),
    ),
)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("board")
    random = np.random.default_rng(3)
    base = random.normal(50, 10, len(SCENARIOS))
    records = [
        make_record(name, scenario, 0, float(value + shift + random.normal(0, 2)), full_revenue=100.0)
        for name, shift in (("good", 8.0), ("fair", 0.0), ("poor", -8.0))
        for scenario, value in zip(SCENARIOS, base, strict=True)
    ]
    standings = compute_standings(
        records,
        suite="board",
        scenarios=SCENARIOS,
        seeds=1,
        scoring=Scoring(ScoreRule(rule="native"), native=NATIVE),
        draws_nothing=True,
    )
    write_report(standings, records, folder / "report.html", notes={})
    return Results(folder, standings, tuple(records))


def cells_of(page: Any, selector: str) -> list[list[str]]:
    """Texts of the cells of a table, small print left out."""
    return page.evaluate(  # type: ignore[no-any-return]
        """selector => [...document.querySelectorAll(`${selector} tbody tr`)].map(row => [...row.cells].map(cell => {
             const copy = cell.cloneNode(true);
             copy.querySelectorAll('small, sup').forEach(one => one.remove());
             return copy.textContent.trim();
           }))""",
        selector,
    )


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_of_a_board_is_quiet_fits_and_can_be_read(look, board, width, dark):
    with look(board.folder / "report.html", width=width, dark=dark) as opened:
        assert opened.overflow == 0
        opened.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)


@pytest.mark.parametrize("scripts", [True, False])
def test_native_scores_are_those_of_the_standings(look, board, scripts):
    with look(board.folder / "report.html", scripts=scripts) as opened:
        lines = [
            [cell.inner_text().splitlines()[0] for cell in line.locator("th, td").all()]
            for line in opened.page.locator("#table-native tbody tr").all()
        ]
        for line, row in zip(lines, board.table.rows, strict=False):
            values = [row.native_score.value, *(row.native_cells[cell].value for cell in ("slow", "fast", HOSTILE))]
            assert line == [row.submission, *(f"{value:.3f}" for value in values)]
        assert lines[-1] == ["the best hybrid", "0.500", "0.400", "0.900", "–"]
        bold = opened.page.locator("#table-native td.best").count()
        beaten = [row for row in board.table.rows if row.native_score.value > 0.5]
        slow = [row for row in board.table.rows if row.native_cells["slow"].value > 0.4]
        assert bold == len(beaten) + len(slow)


def test_scenarios_are_found_by_cell_and_by_name(look, board):
    with look(board.folder / "report.html") as opened:
        page = opened.page
        assert [line[0] for line in cells_of(page, "#closer-cells")] == ["slow", "fast", HOSTILE]
        page.locator("#closer-cells button.link").nth(1).click()
        assert len(cells_of(page, "#closer-scenarios")) == 50
        page.fill("#closer-search", "item-00")
        assert [line[0] for line in cells_of(page, "#closer-scenarios")] == ["item-001", "item-004", "item-007"]
        page.select_option("#closer-tools select >> nth=1", "")
        page.fill("#closer-search", "item")
        lines = cells_of(page, "#closer-scenarios")
        assert len(lines) == 60
        assert "60 of 150 scenarios are listed" in page.inner_text("#closer-content")
        [row] = [one for one in board.table.by_scenario if (one.submission, one.scenario) == ("good", lines[5][0])]
        assert lines[5][1] == f"{row.native_score:.3f}"
        page.locator("#closer-scenarios button.link").nth(5).click()
        assert len(cells_of(page, "#closer-episodes")) == 1


def test_map_and_comparison_are_by_cell(look, board):
    with look(board.folder / "report.html") as opened:
        page = opened.page
        assert page.locator("#heat-drawn tbody tr").count() == 3
        lines = cells_of(page, "#compare-table")
        found = compare(board, "good", "fair")
        assert [line[0] for line in lines] == ["slow", "fast", HOSTILE, "all scenarios"]
        for line, one in zip(lines, (*found.by_cell, found.over_all), strict=True):
            low, high = (float(end.replace("−", "-")) for end in line[4].split(" … "))
            assert float(line[3].replace("−", "-")) == pytest.approx(one.score, abs=0.51e-4)
            assert (low, high) == pytest.approx((one.score_interval.low, one.score_interval.high), abs=0.6e-4)
            assert one.native == pytest.approx(one.score, abs=1e-12)


def test_downloads_are_by_cell_and_by_scenario(look, board, tmp_path: Path):
    with look(board.folder / "report.html") as opened:
        page = opened.page
        page.evaluate("document.querySelectorAll('#standings-tools details').forEach(one => { one.open = true; })")
        for label, lines in (("cells (CSV)", 3 * 3), ("scenarios (CSV)", 3 * 150)):
            with page.expect_download() as saved:
                page.get_by_role("button", name=label).click()
            path = tmp_path / saved.value.suggested_filename
            saved.value.save_as(path)
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            assert len(rows) == lines
            assert float(rows[0]["native_score"]) > 0
        assert page.get_by_role("button", name="standings.json").count() == 0


def test_paper_shows_cells(look, board):
    with look(board.folder / "report.html") as opened:
        opened.page.emulate_media(media="print")
        assert opened.page.locator(".paper tbody tr").count() == 3
