"""The page of standings in a browser: what it shows, and what its controls do."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import DESK, PHONE, TABLET
from records import make_record

from arena.report.html import number
from arena.report.indicators import write_value
from arena.report.page import write_report
from arena.results.head_to_head import compare
from arena.results.reading import Results, read_results
from arena.results.record import EpisodeRecord
from arena.results.standings import compute_standings

REPOSITORY = Path(__file__).resolve().parents[2]
SUBMISSIONS = ("newsvendor", "newsvendor-informed", "echelon", "ss", "exp-smoothing")
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert('x')</script>\x1b[31m=1+1\u202e"
PAPER = 703
"""Width of a sheet of A4 without its margins, pixels."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Results of the real command."""
    output = tmp_path_factory.mktemp("page") / "results"
    manifests = [str(REPOSITORY / "submissions" / f"{name}.yaml") for name in SUBMISSIONS]
    command = [sys.executable, "-m", "arena", "evaluate", *manifests, "--suite", "smoke"]
    subprocess.run([*command, "--isolation", "trusted", "--output", str(output)], check=True, capture_output=True)
    return output


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return read_results(folder)


def table(page: Any, selector: str) -> list[list[str]]:
    """The cells of a table that are seen, small print left out."""
    return page.evaluate(
        """selector => [...document.querySelectorAll(`${selector} tr`)].filter(row => !row.hidden).map(row =>
             [...row.cells].filter(cell => !cell.hidden).map(cell => {
               const copy = cell.cloneNode(true);
               copy.querySelectorAll('small, svg, sup').forEach(one => one.remove());
               return copy.textContent.trim();
             }))""",
        selector,
    )


def unfold(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESK, TABLET, PHONE])
def test_it_is_quiet_narrow_enough_and_can_be_read_by_all(look, folder, width, dark):
    with look(folder / "report.html", width=width, dark=dark) as opened:
        assert opened.page.title() == "smoke: standings"
        unfold(opened.page)
        opened.page.select_option("#closer-tools select >> nth=1", "0")
        assert opened.overflow <= 0
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_without_scripts_the_tables_are_there(look, folder, results):
    with look(folder / "report.html", scripts=False) as opened:
        text = opened.page.inner_text("body")
        assert all(name in text for name in SUBMISSIONS)
        assert opened.page.locator("#heat-whole td").count() == len(SUBMISSIONS) * len(results.table.scenarios)
        assert opened.page.locator(".scripted:visible").count() == 0


def test_the_tables_are_those_of_standings_json_cell_by_cell(look, folder):
    standings = json.loads((folder / "standings.json").read_text(encoding="utf-8"))
    with look(folder / "report.html") as opened:
        lines = table(opened.page, "#table-standings tbody")
        for line, row in zip(lines, standings["rows"], strict=True):
            ms, fill = (
                write_value(row["decision_time"], "milliseconds"),
                write_value(row["immediate_fill_rate"], "share"),
            )
            rank = str(row["rank"]["first"])
            profit = number(row["mean_profit"])
            assert line == [rank, row["submission"], "–", profit, "", str(row["forfeits"]), fill, ms]
        means = {(row["submission"], row["scenario"]): number(row["mean_profit"]) for row in standings["by_scenario"]}
        names = [row["submission"] for row in standings["rows"]]
        expected = [[scenario, *(means[name, scenario] for name in names)] for scenario in standings["scenarios"]]
        assert table(opened.page, "#heat-drawn tbody") == expected
        opened.page.select_option("#heat-tools select >> nth=2", "across")
        turned = [[name, *(means[name, scenario] for scenario in standings["scenarios"])] for name in names]
        assert table(opened.page, "#heat-drawn tbody") == turned
        opened.page.select_option("#heat-tools select >> nth=1", "c1")
        alone = [[name, means[name, standings["scenarios"][1]]] for name in names]
        assert table(opened.page, "#heat-drawn tbody") == alone


def test_a_column_sorts_by_pointer_and_by_keyboard(look, folder, results):
    by_time = sorted(results.table.rows, key=lambda row: -row.decision_time)
    with look(folder / "report.html") as opened:
        head = opened.page.locator("#table-standings th[data-key=decision_time]")
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        shown = [line[7] for line in table(opened.page, "#table-standings tbody")]
        assert shown == [write_value(row.decision_time, "milliseconds") for row in by_time]
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        shown = [line[7] for line in table(opened.page, "#table-standings tbody")]
        assert shown == [write_value(row.decision_time, "milliseconds") for row in reversed(by_time)]
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "none"
        names = [line[1] for line in table(opened.page, "#table-standings tbody")]
        assert names == [row.submission for row in results.table.rows]


def test_search_filters_and_columns(look, folder, results):
    with look(folder / "report.html") as opened:
        page = opened.page
        page.fill("#standings-search", "NEWS")
        assert {line[1] for line in table(page, "#table-standings tbody")} == {"newsvendor", "newsvendor-informed"}
        assert page.inner_text("#standings-found") == "2 of 5 submissions"
        page.select_option("#standings-tools select >> nth=0", "blind")
        assert [line[1] for line in table(page, "#table-standings tbody")] == ["newsvendor"]
        page.fill("#standings-search", "")
        page.select_option("#standings-tools select >> nth=0", "")
        page.select_option("#standings-tools select >> nth=1", "plugin")
        assert len(table(page, "#table-standings tbody")) == len(SUBMISSIONS)
        unfold(page)
        data = json.loads(page.text_content("#data"))
        boxes = page.locator("#standings-tools input[type=checkbox]")
        assert [box.get_attribute("value") for box in boxes.all()] == [one["key"] for one in data["indicators"]]
        page.check("input[value=holding_cost]")
        page.uncheck("input[value=forfeits]")
        lines = table(page, "#table-standings")
        assert lines[0][-1] == "holding"
        assert not any("forfeits" in cell for cell in lines[0])
        costs = {}
        for record in results.records:
            costs.setdefault(record.submission, {}).setdefault(record.scenario, []).append(record.holding_cost)
        for line in lines[1:]:
            means = [sum(values) / len(values) for values in costs[line[1]].values()]
            assert line[-1] == number(sum(means) / len(means))


def test_from_a_submission_to_its_scenarios_and_episodes(look, folder, results):
    with (folder / "episodes.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    scenario = results.table.scenarios[1]
    with look(folder / "report.html") as opened:
        page = opened.page
        page.click("#table-standings button.link >> text=echelon")
        assert page.inner_text("#closer-name") == "echelon"
        assert page.evaluate("document.activeElement.id") == "closer-name"
        page.click(f"#closer-scenarios button.link >> text={scenario}")
        told = [line for line in lines if (line["submission"], line["scenario"]) == ("echelon", scenario)]
        shown = table(page, "#closer-episodes tbody")
        assert len(shown) == len(told) == 10
        for cells, line in zip(shown, told, strict=True):
            numbers = {key: float(line[key]) for key in ("profit", "immediate_fill_rate", "fill_rate", "service_level")}
            each = float(line["decision_time"]) / int(line["decisions"])
            assert cells == [
                line["seed_index"],
                write_value(numbers.pop("profit"), "money"),
                "–",
                *(write_value(value, "share") for value in numbers.values()),
                write_value(float(line["bullwhip_ratio"]), "number"),
                write_value(float(f"{each:.5g}"), "milliseconds"),
                line["fallbacks"],
                line["outcome"],
            ]


def test_any_two_are_compared_as_arena_compare_does(look, folder, results):
    with look(folder / "report.html") as opened:
        page = opened.page
        page.select_option("#compare-tools select >> nth=0", label="exp-smoothing")
        page.select_option("#compare-tools select >> nth=1", label="newsvendor-informed")
        found = compare(results, "exp-smoothing", "newsvendor-informed")
        assert page.inner_text(".verdict") == f"{found.describe()}."
        lines = table(page, "#compare-table tbody")
        for line, one in zip(lines, (*found.by_scenario, found.over_all), strict=True):
            assert line[0] == (one.scenario or "all scenarios")
            assert line[3] == number(one.profit)
            spread = one.profit_interval
            assert line[4] == ("–" if spread is None else f"{number(spread.low)} … {number(spread.high)}")


def test_scores_are_compared_either_way_round(look, tmp_path):
    """What one submission has more, the other has less; the first is chosen below the second here."""
    random = np.random.default_rng(5)
    level = {"seer": 2000.0, "low": 900.0, "high": 1100.0, "mid": 1060.0}
    records = [
        make_record(name, scenario, seed, value + float(random.normal(0, 40)), track=track)
        for name, value in level.items()
        for track in ["oracle" if name == "seer" else "blind"]
        for scenario in ("north", "south")
        for seed in range(12)
    ]
    place = next(place for place, record in enumerate(records) if record.submission == "high")
    records[place] = records[place].model_copy(update={"outcome": "exception", "profit": -5.0})
    standings = compute_standings(records, suite="scored", scenarios=("north", "south"), seeds=12)
    results = Results(tmp_path, standings, tuple(records))
    path = write_report(standings, records, tmp_path / "report.html", notes={})
    with look(path) as opened:
        for first, second in (("low", "high"), ("high", "low"), ("mid", "high"), ("mid", "seer")):
            opened.page.select_option("#compare-tools select >> nth=0", label=first)
            opened.page.select_option("#compare-tools select >> nth=1", label=second)
            found = compare(results, first, second)
            told = opened.page.inner_text(".verdict")
            assert told == f"{found.describe().partition('; about')[0].rstrip('.')}."
            for line, one in zip(
                table(opened.page, "#compare-table tbody"), (*found.by_scenario, found.over_all), strict=True
            ):
                low, high = (float(end.replace("−", "-")) for end in line[4].split(" … "))
                assert float(line[3].replace("−", "-")) == pytest.approx(one.score, abs=0.51e-4)
                assert low == pytest.approx(one.score_interval.low, abs=0.6e-4)
                assert high == pytest.approx(one.score_interval.high, abs=0.6e-4)
        opened.page.select_option("#compare-tools select >> nth=2", "profit")
        assert "of profit" in opened.page.inner_text(".verdict")
        assert opened.page.locator("#reference tbody tr").count() == 1
        assert opened.page.locator("#heat-drawn .bad").count() == 1
        unfold(opened.page)
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_the_axis_fits_the_leaders(look, folder):
    """The leaders lie further apart on it, and who is outside is pointed at."""
    places = """[...document.querySelectorAll('#table-standings tbody tr')].map(row =>
        row.querySelector('circle.mean') ? parseFloat(row.querySelector('circle.mean').getAttribute('cx')) : null)"""
    with look(folder / "report.html") as opened:
        before = opened.page.evaluate(places)
        opened.page.select_option("#standings-tools select >> nth=2", "3")
        after = opened.page.evaluate(places)
        assert after[0] - after[2] > before[0] - before[2] + 5
        assert None not in before
        assert after[-1] is None
        assert opened.page.locator("#table-standings td.plotted").last.locator("title").text_content()


def test_on_a_phone_the_map_shows_one_submission(look, folder, results):
    with look(folder / "report.html", width=PHONE) as opened:
        lines = table(opened.page, "#heat-drawn tbody")
        best = results.table.rows[0].submission
        means = {row.scenario: row.mean_profit for row in results.table.by_scenario if row.submission == best}
        assert lines == [[scenario, number(mean)] for scenario, mean in means.items()]
        inner = opened.page.evaluate(
            "(box => box.scrollWidth - box.clientWidth)(document.querySelector('#heat-drawn .scroll'))"
        )
        assert inner <= 0


def test_light_and_dark_by_the_button(look, folder):
    with look(folder / "report.html") as opened:
        paper = "getComputedStyle(document.body).backgroundColor"
        light = opened.page.evaluate(paper)
        opened.page.click("#theme")
        assert opened.page.evaluate(paper) != light
        assert opened.serious() == []
        opened.page.click("#theme")
        assert opened.page.evaluate(paper) == light


def test_downloads_hold_the_results(look, folder, results):
    with look(folder / "report.html") as opened:
        unfold(opened.page)
        with opened.page.expect_download() as started:
            opened.page.click("text=standings.json >> visible=true >> nth=0")
        told = json.loads(Path(started.value.path()).read_text(encoding="utf-8"))
        assert told == json.loads((folder / "standings.json").read_text(encoding="utf-8"))
        with opened.page.expect_download() as started:
            opened.page.click("text=episodes (CSV)")
        with Path(started.value.path()).open(newline="", encoding="utf-8") as file:
            lines = {(line["submission"], line["scenario"], line["seed_index"]): line for line in csv.DictReader(file)}
        assert len(lines) == len(results.records)
        for record in results.records:
            line = lines[record.submission, record.scenario, str(record.seed_index)]
            assert float(line["profit"]) == pytest.approx(record.profit, rel=1e-6)
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_nothing_is_lost_on_paper(look, tmp_path):
    names = [f"submission-{number:02d}" for number in range(45)]
    scenarios = [f"network-with-a-long-name-{number:02d}" for number in range(22)]
    records = [
        make_record(name, scenario, 0, 1000.0 + 10 * place + column)
        for place, name in enumerate(names)
        for column, scenario in enumerate(scenarios)
    ]
    standings = compute_standings(records, suite="wide", scenarios=scenarios, seeds=1)
    page = write_report(standings, records, tmp_path / "report.html", notes={})
    with look(page, width=PAPER) as opened:
        opened.page.emulate_media(media="print")
        opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert opened.overflow <= 0
        assert opened.page.locator("section > details:not([open])").count() == 0
        parts = opened.page.locator(".paper table:visible")
        seen = [head for part in parts.all() for head in part.locator("thead th.name").all_inner_texts()]
        assert sorted(seen) == names
        widths = [part.bounding_box()["width"] for part in parts.all()]
        assert max(widths) <= PAPER
        cells = sum(part.locator("td").count() for part in parts.all())
        assert cells == len(names) * len(scenarios)
    with look(page) as opened:
        assert opened.overflow <= 0
        assert opened.page.locator("#heat-drawn tbody td").count() == len(names) * len(scenarios)
        box = opened.page.locator("#heat-drawn .scroll")
        assert box.evaluate("one => one.scrollWidth - one.clientWidth") <= 0


def test_hostile_text_stays_text(look, tmp_path):
    hostile = {"controller": HOSTILE, "arena_version": HOSTILE}
    lost: dict[str, Any] = {"outcome": "exception", "failure_message": HOSTILE, "stderr_tail": HOSTILE}
    records: list[EpisodeRecord] = []
    for name in (HOSTILE, "=cmd|x", "plain"):
        for scenario in ("north", HOSTILE):
            for seed in range(3):
                more = lost if seed == 1 and name == HOSTILE else {}
                records.append(make_record(name, scenario, seed, 100.0 + seed, **hostile, **more))
    standings = compute_standings(records, suite=HOSTILE, scenarios=("north", HOSTILE), seeds=3)
    path = write_report(standings, records, tmp_path / "report.html", notes={"north": HOSTILE})
    with look(path) as opened:
        page = opened.page
        page.on("dialog", lambda dialog: opened.said.append(f"dialog: {dialog.message}"))
        unfold(page)
        page.locator("#table-standings button.link").nth(2).click()
        for place in range(2):
            page.locator("#closer-scenarios button.link").nth(place).click()
        page.locator("#standings-tools input[type=checkbox]").last.check()
        page.select_option("#compare-tools select >> nth=0", "2")
        page.select_option("#heat-tools select >> nth=1", "s2")
        page.fill("#standings-search", "<img")
        with page.expect_download() as started:
            page.click("text=standings (CSV)")
        assert "\n'=cmd|x," in Path(started.value.path()).read_text(encoding="utf-8")
        assert page.locator("img").count() == 0
        assert page.evaluate("[...document.scripts].filter(one => one.textContent.startsWith('alert')).length") == 0
        names = page.evaluate("arena.names")
        assert any(name.startswith("<img src=x onerror=alert(1)>") for name in names)
        assert opened.is_quiet(), (opened.said, opened.asked_for)


HOSTILE_CARD = """
name: "<img src=x onerror=console.log(1)></script><b>bold</b>"
network: a-network-whose-name-is-as-long-as-a-name-may-be-without-any-place-where-it-could-be-broken-at-all
worlds: two towns
steps: 4000
seed: 7
score: 0.5
weights: 12
made_with: Python 3.11
curve: [{steps: 1000, score: 0.25}, {steps: 2000, score: 0.75}, {steps: 4000, score: 0.5}]
"""
OWN = """
import numpy as np

class Mine:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The page with a training card of hostile names."""
    place = tmp_path_factory.mktemp("trained")
    (place / "own").mkdir()
    (place / "own" / "submission.yaml").write_text("name: own\ncontroller: mine.py:Mine\ntrack: blind\n")
    (place / "own" / "mine.py").write_text(OWN)
    (place / "own" / "training.yaml").write_text(HOSTILE_CARD)
    command = [sys.executable, "-m", "arena", "evaluate", str(place / "own"), "--suite", "smoke", "--seeds", "public:2"]
    command += ["--isolation", "trusted", "--output", str(place / "results")]
    subprocess.run(command, check=True, capture_output=True)
    return place / "results" / "report.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESK, TABLET, PHONE])
def test_a_training_card_fits_and_its_names_stay_text(look, trained, width, dark):
    with look(trained, width=width, dark=dark) as opened:
        card = opened.page.locator("#training article")
        assert card.count() == 1
        assert "<b>bold</b>" in card.locator("h3").inner_text()
        assert card.locator("svg.learning").bounding_box()["height"] > 20
        assert "0.5000, best 0.7500 at 2,000" in card.inner_text()
        assert opened.page.locator("#training img, #training b").count() == 0
        assert opened.overflow <= 0
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)
