"""The page: complete, self-contained, and deaf to whatever a submission writes into its names and messages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import arena.report.page as page_module
from arena import ArenaError
from arena.cli.standings_table import print_standings
from arena.jail.limits import Limits
from arena.report.html import DRAWING, embed, security_policy
from arena.report.page import SCRIPTS, render_report, write_report
from arena.report.plots import Bar, Mark, fit_axis, histogram, interval, tick_labels
from arena.report.standings_rows import explain_missing_score
from arena.results.record import EpisodeRecord
from arena.results.rows import Standings
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.results.timing import DecisionTimes

SCENARIOS = ("serial-stationary-backlog", "serial-trend-seasonal-goodwill-backlog")
SEEDS = 4
HOSTILE = "<script>alert('x')</script>\x1b[31m=1+1\u202e"


def record(submission: str, scenario: str, seed: int, profit: float, **changes: Any) -> EpisodeRecord:
    fields: dict[str, Any] = {
        name: 0.0 for name, field in EpisodeRecord.model_fields.items() if field.annotation is float
    }
    fields |= {name: 0 for name, field in EpisodeRecord.model_fields.items() if field.annotation is int}
    fields |= {name: "" for name, field in EpisodeRecord.model_fields.items() if field.annotation is str}
    fields |= {
        "submission": submission,
        "controller": "newsvendor",
        "track": "blind",
        "scenario": scenario,
        "published_id": None,
        "seed_index": seed,
        "seed": None,
        "outcome": "ok",
        "isolation": "process",
        "profit": profit,
        "decisions": 30,
        "profit_bound": None,
        "failure_period": None,
        "commitment": None,
        "contract_digest": "c0ffee" * 10,
        "arena_version": "0.1.0",
        "finished_at": "2025-01-01T00:00:00Z",
    }
    return EpisodeRecord(**(fields | changes))


def contest(profits: dict[str, float], **changes: Any) -> list[EpisodeRecord]:
    """Return records in which each submission earns about its profit on every scenario and seed."""
    return [
        record(name, scenario, seed, profit + seed, **changes)
        for name, profit in profits.items()
        for scenario in SCENARIOS
        for seed in range(SEEDS)
    ]


def standings_of(records: list[EpisodeRecord]) -> Standings:
    return compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=SEEDS)


def page_of(records: list[EpisodeRecord], **more: Any) -> str:
    return render_report(standings_of(records), records, **more)


class Structure(HTMLParser):
    """Collects what a browser would see: tags, attributes, and the text outside of style and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "line", "circle", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_is_well_formed_and_shows_everybody() -> None:
    page = Structure(page_of(contest({"first": 900.0, "second": 700.0})))
    assert page.open == []
    for expected in ("first", "second", "901.5", "701.5", *SCENARIOS, "contract c0ffeec0ffee", "4 public seeds each"):
        assert expected in page.text
    assert page.text.index("first") < page.text.index("second")


def scripts_in(text: str) -> int:
    """Return the number of elements that a browser takes for a script of its own, those of the page left out."""
    number = sum(tag == "script" for tag, _ in Structure(text).tags)
    assert text.lower().count("</script") == number
    return number - len(SCRIPTS) - 1  # and the block of data


def test_the_page_loads_nothing_and_runs_its_own_scripts_only() -> None:
    text = page_of(contest({"first": 900.0}))
    page = Structure(text)
    assert scripts_in(text) == 0
    assert not {"link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    loading = {"src", "href", "data", "action", "srcset", "background"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        assert all(str(attributes[name]).startswith("#") for name in loading & set(attributes)), tag
    policy = next(
        attributes for _, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    own = [files("arena.report").joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS]
    assert policy["content"] == security_policy(own)


def test_hostile_text_is_shown_and_does_nothing() -> None:
    records = contest({HOSTILE: 900.0}, controller=HOSTILE, arena_version=HOSTILE)
    records[0] = records[0].model_copy(update={"outcome": "exception", "failure_period": 3, "failure_message": HOSTILE})
    text = page_of(records, notes={SCENARIOS[0]: HOSTILE})
    page = Structure(text)
    assert page.open == []
    assert scripts_in(text) == 0
    assert r"alert('x')</script>\x1b[31m=1+1\u202e" in page.text  # the message, its control characters made visible


def test_forfeits_are_told_with_code_period_and_message() -> None:
    records = contest({"first": 900.0, "second": 700.0})
    failure = {"outcome": "non_finite", "failure_period": 7, "failure_message": "orders are not finite", "profit": -5.0}
    page = Structure(page_of([records[0].model_copy(update=failure), *records[1:]]))
    assert "first: 1" in page.text
    assert f"{SCENARIOS[0]} 0 non_finite 7 orders are not finite" in page.text
    assert "Forfeits" not in Structure(page_of(records)).text


def test_what_a_controller_wrote_is_shown_unless_the_seeds_are_hidden() -> None:
    failure = {"outcome": "exception", "failure_period": 7, "stderr_tail": f"tired\n{HOSTILE}", "profit": -5.0}
    public, hidden = contest({"first": 900.0}), contest({"first": 900.0}, commitment="f" * 64)
    public[0], hidden[0] = (records[0].model_copy(update=failure) for records in (public, hidden))
    page = page_of(public)
    assert "tired\n&lt;script&gt;" in page
    assert scripts_in(page) == 0
    assert r"\x1b[31m=1+1\u202e" in page
    standings = compute_standings(hidden, suite="test", scenarios=SCENARIOS, seeds=SEEDS, commitment="f" * 64)
    text = render_report(standings, hidden)
    assert "tired" not in text
    assert "What controllers wrote is not shown" in text


def times(*later: float, first: float = 0.02) -> DecisionTimes:
    return DecisionTimes.measured([first], later, Limits())


def test_times_of_a_submission_are_added_up_and_marked() -> None:
    quick = contest({"quick": 900.0}, decision_times=times(0.001, 0.001, 0.002))
    slow = contest({"slow": 800.0}, decision_times=times(0.3, 0.3, 1.2))
    page = page_of([*quick, *slow])
    text = Structure(page).text
    episodes = len(SCENARIOS) * SEEDS
    assert f" {4 * episodes} 1.25 ms 20 ms 20 ms 20 ms 0.2 %" in text
    assert f" {4 * episodes} 281 ms 1.2 s 1.2 s 20 ms 120.0 %" in text
    assert "Allowed are 1 s a decision, 10 s for the first" in text
    assert '<td class="right bad">120.0 %</td>' in page
    assert f"slow: {4 * episodes} decisions, median 281 ms, 95 % within 1.2 s, slowest 1.2 s, deadline 1 s" in page
    for kind in ("median", "percentile", "slowest", "deadline"):
        assert page.count(f'<line class="{kind}"') == 2
    # Three different times each.
    assert page.count('<rect class="bar"') == 6


def test_marks_stand_where_their_values_are_on_the_axis() -> None:
    """From 1 ms to 1 s are three decades."""
    page = page_of(contest({"one": 900.0}, decision_times=times(0.1, 0.1, 0.1, 0.1, first=0.001)))
    (deadline,) = re.findall(r'<line class="deadline" x1="([\d.]+)%"', page)
    (slowest,) = re.findall(r'<line class="slowest" x1="([\d.]+)%"', page)
    assert float(deadline) == pytest.approx(100.0, abs=0.01)
    assert float(slowest) == pytest.approx(200 / 3, abs=0.01)
    assert [tick in page for tick in (">1 ms<", ">10 ms<", ">100 ms<", ">1 s<", ">10 s<")] == [True] * 4 + [False]


def test_times_tell_nothing_of_single_episodes() -> None:
    """Which of two episodes was the slow one cannot be read from the page."""
    pages = []
    for slow in (0, 1):
        records = contest({"one": 900.0}, commitment="f" * 64)
        given = [times(0.5) if record.seed_index == slow else times(0.001) for record in records]
        timed = [record.model_copy(update={"decision_times": one}) for record, one in zip(records, given, strict=True)]
        pages.append(page_of(timed))
    assert pages[0] == pages[1]
    assert "Time per decision" in pages[0]


@pytest.mark.parametrize("deadline", [1e-300, 1.7e308])
def test_senseless_deadlines_from_a_store_still_make_a_page(deadline: float) -> None:
    odd = times(0.001).model_copy(update={"deadline": deadline, "first_deadline": deadline, "slowest_later": 0.0})
    page = Structure(page_of(contest({"one": 900.0}, decision_times=odd)))
    assert page.open == []
    assert "Time per decision" in page.text


def test_without_times_there_is_no_section_on_them() -> None:
    assert "Time per decision" not in page_of(contest({"first": 900.0}))


def test_a_histogram_has_a_bar_for_a_single_decision_among_many() -> None:
    axis = fit_axis([0.0, 10.0])
    drawn = histogram(
        axis, [Bar(1.0, 2.0, 100_000), Bar(2.0, 3.0, 1), Bar(3.0, 4.0, 0)], [Mark("median", 1.5)], "times"
    )
    heights = [float(height) for height in re.findall(r'class="bar".*?height="([\d.]+)"', drawn)]
    assert heights == [41.0, 1.5]
    assert re.findall(r'class="bar" x="([\d.]+)%" width="([\d.]+)%"', drawn) == [("10.0", "10.0"), ("20.0", "10.0")]


def test_many_forfeits_are_counted_not_listed() -> None:
    names = [f"scenario-{number}" for number in range(20)]
    records = [
        record("first", name, seed, -1.0, outcome="timeout", failure_period=0)
        for name in names
        for seed in range(SEEDS)
    ]
    standings = compute_standings(records, suite="test", scenarios=names, seeds=SEEDS)
    assert "… and 50 more" in Structure(render_report(standings, records)).text


def test_the_score_is_a_dash_with_its_reason_until_an_oracle_has_played() -> None:
    without = contest({"first": 800.0})
    cure = "such as submissions/oracle.yaml (plugin arena-optimization)"
    reason = f"no oracle has played this suite; let one play too, {cure}"
    assert explain_missing_score(standings_of(without).rows[0], standings_of(without)) == reason
    assert f"A dash in the column score: {reason}." in Structure(page_of(without)).text

    oracle = contest({"oracle": 1000.0}, track="oracle")
    one_scenario = without + [one for one in oracle if one.scenario == SCENARIOS[0]]
    reason = f"no oracle has played 1 of 2 scenarios; let one play every episode of them, {cure}"
    assert reason in Structure(page_of(one_scenario)).text

    whole = Structure(page_of(without + oracle))
    assert "A dash" not in whole.text
    assert "0.800" in whole.text
    assert "never ranked" in whole.text
    assert "reference did not, and may be beaten" in whole.text


def test_a_missing_score_says_how_to_get_one() -> None:
    oracle = contest({"oracle": 1000.0}, track="oracle")
    unfinished = [one for one in contest({"first": 800.0}) if one.scenario == SCENARIOS[0]] + oracle
    (row,) = standings_of(unfinished).rows
    reason = "not every episode has been played; the same command plays the rest"
    assert explain_missing_score(row, standings_of(unfinished)) == reason
    losing = contest({"first": -900.0}) + contest({"oracle": -800.0}, track="oracle")
    reason = f"{SCENARIOS[0]} (and 1 more) cannot be scored, since the mean profit of oracle is -798.50, less"
    assert reason in Structure(page_of(losing)).text


@pytest.mark.parametrize(
    ("plan", "seeds", "words"),
    [("public", 10, "10 public seeds"), ("hidden:2", 2, "2 hidden seeds"), ("hidden:1", 1, "1 hidden seed")],
)
def test_seeds_are_counted_once(plan: str, seeds: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    records = [record("alpha", scenario, seed, 10.0) for scenario in SCENARIOS for seed in range(seeds)]
    standings = compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=seeds, seed_plan=plan)
    assert f" {words} each " in Structure(render_report(standings, records)).text
    print_standings(standings)
    assert f"test, {words}; the interval is of the mean profit" in capsys.readouterr().out


def cells_of(text: str) -> list[list[str]]:
    """Return the text of every row's cells, small print included."""

    class Cells(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[list[str]] = []
            self.feed(text)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "tr":
                self.rows.append([])
            if tag in ("td", "th") and self.rows:
                self.rows[-1].append("")

        def handle_data(self, data: str) -> None:
            if self.rows and self.rows[-1]:
                self.rows[-1][-1] = f"{self.rows[-1][-1]} {data}".strip()

    return Cells().rows


def test_an_oracle_has_a_word_in_place_of_a_rank() -> None:
    """The word follows the bounds that were certified, and a bound on a part of the suite is told as one."""
    first = contest({"first": 800.0})
    certified = contest({"oracle": 1000.0}, track="oracle", profit_bound=1200.0)
    partly = [*certified[:SEEDS], *(one.model_copy(update={"profit_bound": None}) for one in certified[SEEDS:])]
    for oracle, word, said in [
        (contest({"oracle": 1000.0}, track="oracle"), "reference", "oracle newsvendor · oracle"),
        (certified, "bound", "oracle newsvendor · oracle"),
        (partly, "reference", "oracle newsvendor · oracle · bound on 1 of 2 scenarios"),
    ]:
        rows = cells_of(page_of(first + oracle))
        [line] = [cells for cells in rows if cells[:1] == [word]]
        assert " ".join(line[1].split()) == said
        assert any(cells[:1] == ["1"] and cells[1].startswith("first") for cells in rows)


def test_bounds_are_shown_where_there_are_any() -> None:
    first = contest({"first": 800.0})
    bare = page_of(first + contest({"oracle": 1000.0}, track="oracle"))
    certified = page_of(first + contest({"oracle": 1000.0}, track="oracle", profit_bound=1234.5))
    assert "mean bound" not in bare
    assert "1,234.5" not in bare
    rows = cells_of(certified)
    heading = next(cells for cells in rows if "mean bound" in cells)
    [line] = [cells for cells in rows if cells[:1] == ["bound"]]
    assert line[heading.index("mean bound")] == "1,234.5"
    heat = [cells for cells in rows if cells[0] == SCENARIOS[0]]
    assert [" ".join(cell.split()) for cell in heat[0][1:]] == ["801.5", "1,001.5 bound 1,234.5"]


@pytest.mark.parametrize("track", ["blind", "oracle"])
def test_a_column_of_fallbacks_appears_with_the_first_of_them(track: str) -> None:
    """One submission's fallbacks are enough, a reference's too; without any the tables stay narrow."""
    records = contest({"first": 900.0, "second": 700.0}) + contest({"third": 990.0}, track=track)
    assert "fallbacks" not in [cell for cells in cells_of(page_of(records)) for cell in cells]
    page = page_of([*records[:-1], records[-1].model_copy(update={"fallbacks": 1234})])
    assert "by its stated fallback" in page
    rows = cells_of(page)
    told = {}
    for cells in rows:
        if cells[:1] == ["submission"]:
            break  # further tables
        if "fallbacks" in cells:
            column = cells.index("fallbacks")
        elif len(cells) > 7 and not cells[0].startswith("serial"):
            told[cells[1].split()[0]] = cells[column]
    assert told == {"first": "0", "second": "0", "third": "1,234"}


def test_a_submission_with_missing_episodes_has_no_rank_and_says_so() -> None:
    page = Structure(page_of(contest({"first": 900.0})[:-1]))
    assert "7 of 8 episodes" in page.text
    assert "– first" in page.text


def test_notes_stand_beside_their_scenario_only() -> None:
    page = Structure(page_of(contest({"first": 900.0}), notes={SCENARIOS[0]: "demand equals its mean", "other": "no"}))
    assert f"{SCENARIOS[0]} : demand equals its mean" in page.text.replace(":", " :").replace("  ", " ")
    assert len(re.findall(r"\bnote\b", page.text)) == 2  # on the screen, and on paper


def test_a_note_of_several_scenarios_stands_once() -> None:
    shared = dict.fromkeys(SCENARIOS[:2], "stock for all of the demand")
    page = Structure(page_of(contest({"first": 900.0}), notes=shared))
    assert page.text.count("stock for all of the demand") == 1
    assert f"{SCENARIOS[0]}, {SCENARIOS[1]}" in page.text


def test_an_empty_contest_is_a_page_too() -> None:
    assert "No submission has played yet" in Structure(page_of([])).text


def test_official_results_carry_no_notice() -> None:
    def notice(isolation: str, commitment: str | None, round_digest: str | None) -> str:
        records = contest({"first": 900.0}, isolation=isolation)
        standings = compute_standings(
            records,
            suite="test",
            scenarios=SCENARIOS,
            seeds=SEEDS,
            seed_plan="hidden:4",
            commitment=commitment,
            round_digest=round_digest,
        )
        return render_report(standings, records)

    public, weak = "These seeds are public", "Only episodes played at isolation level sandbox"
    practice, hidden, played = "This is practice on hidden seeds", "c" * 64, "d" * 64
    expected = {("process", None, None): (True, True, False, True), ("sandbox", None, None): (True, True, False, False)}
    expected |= {("process", hidden, None): (True, False, True, True)}
    expected |= {("sandbox", hidden, None): (True, False, True, False)}
    expected |= {("process", hidden, played): (True, False, False, True)}
    expected |= {
        ("sandbox", hidden, played): (False, False, False, False),
        ("strict", hidden, played): (True, False, False, True),
    }
    for arguments, shown in expected.items():
        page = notice(*arguments)
        assert tuple(words in page for words in ("Not official", public, practice, weak)) == shown
        assert (played in page) == (arguments[2] is not None)


def test_who_played_and_how_often_is_marked() -> None:
    horizon = {"decisions": 30}
    records = contest({"calm": 900.0}, **horizon)
    records += contest({"replaced": 950.0}, fallbacks=30, **horizon)
    records += contest({"helped": 940.0}, fallbacks=3, repetitions=1, **horizon)
    text = Structure(page_of(records)).text
    episodes = len(SCENARIOS) * SEEDS
    assert f"no rank: its stand-in took {30 * episodes} of {30 * episodes} decisions" in text
    assert "10.0 % of its decisions by its fallback" in text
    assert f"{episodes} repetitions" in text
    assert text.count("no rank:") == 1
    calm = Structure(page_of(contest({"calm": 900.0}, **horizon))).text
    assert "stand-in took" not in calm.replace("whose stand-in took", "")
    assert "repetition" not in calm


def test_a_report_replaces_the_old_one_and_leaves_no_draft(tmp_path: Path) -> None:
    records = contest({"first": 900.0})
    path = tmp_path / "deep" / "report.html"
    assert write_report(standings_of(records), records, path) == path
    before = path.read_text(encoding="utf-8")
    write_report(standings_of(records[:1]), records[:1], path)
    assert path.read_text(encoding="utf-8") != before
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    records = contest({"first": 900.0})
    with pytest.raises(ArenaError, match="file: the folder cannot be made"):
        write_report(standings_of(records), records, tmp_path / "file" / "report.html")


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.71, 0.95], 0.7, 0.95),
        ([844.0, 900.0, -200.0], -250.0, 1000.0),
        ([-900.0, -100.0], -1000.0, 0.0),
        ([], 0.0, 1.0),
        ([1e12, 1.1e12], 1e12, 1.1e12),
    ],
)
def test_an_axis_has_round_ends_around_its_values(values: list[float], low: float, high: float) -> None:
    axis = fit_axis(values)
    assert (axis.low, axis.high) == pytest.approx((low, high), rel=1e-12)
    assert (axis.ticks[0], axis.ticks[-1]) == (axis.low, axis.high)
    assert 2 <= len(axis.ticks) <= 6


@pytest.mark.parametrize("value", [0.0, 5.0, -3e9, 1e-15])
def test_equal_values_still_get_an_axis(value: float) -> None:
    axis = fit_axis([value, value])
    assert axis.low <= value + 1e-9
    assert axis.high >= value - 1e-9
    assert 0 <= axis.position(value) <= 100


def test_an_interval_is_drawn_where_its_values_are() -> None:
    axis = fit_axis([0.0, 100.0])
    drawn = str(interval(axis, 20.0, 25.0, 40.0, "<b>"))
    assert 'cx="25.0%"' in drawn
    assert 'x1="20.0%" x2="40.0%"' in drawn
    assert "<title>&lt;b&gt;</title>" in drawn
    assert 'x="100.0%"' in str(tick_labels(axis))


def divided(scored_by: str | None) -> tuple[Standings, list[EpisodeRecord]]:
    """A contest in which a second oracle has played the first scenario only."""
    records = contest({"alpha": 10.0}) + contest({"clairvoyant": 100.0}, track="oracle")
    records += [one for one in contest({"modest": 90.0}, track="oracle") if one.scenario == SCENARIOS[0]]
    return compute_standings(
        records, suite="test", scenarios=SCENARIOS, seeds=SEEDS, scoring=Scoring(scored_by=scored_by)
    ), records


@pytest.mark.parametrize("scored_by", [None, "not-installed"])
def test_page_and_terminal_name_the_best_oracle_where_the_named_one_is_not_there(
    scored_by: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    standings, records = divided(scored_by)
    text = Structure(render_report(standings, records)).text
    assert "clairvoyant is the oracle on 2 of 2 scenarios." in text
    assert "modest is the oracle" not in text
    print_standings(standings)
    assert "the oracle is clairvoyant on 2 of 2 scenarios" in capsys.readouterr().out


def test_page_and_terminal_name_every_oracle_that_scores_are_divided_by(capsys: pytest.CaptureFixture[str]) -> None:
    standings, records = divided("modest")
    text = Structure(render_report(standings, records)).text
    assert "clairvoyant is the oracle on 1 of 2 scenarios. modest is the oracle on 1 of 2 scenarios." in text
    print_standings(standings)
    printed = capsys.readouterr().out
    assert "the oracle is clairvoyant on 1, modest on 1 of 2 scenarios" in printed


def test_without_an_oracle_the_terminal_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_standings(standings_of(contest({"alpha": 10.0})))
    printed = capsys.readouterr().out
    assert "the oracle is" not in printed
    assert "no score: no oracle has played this suite" in printed


@pytest.mark.parametrize(("seeds", "warned"), [(10, True), (59, True), (60, False)])
def test_the_page_says_what_few_seeds_cannot_show(seeds: int, warned: bool) -> None:
    records = [record("alpha", scenario, seed, 10.0 + seed) for scenario in SCENARIOS for seed in range(seeds)]
    standings = compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=seeds)
    page = Structure(render_report(standings, records))
    share = round(100 * 0.95**seeds)
    assert (f"shows no collapse in {share} % of runs of {seeds}" in page.text) == warned


@pytest.mark.parametrize(
    ("commitment", "words"),
    [(None, "over whole seeds: each of the 4 plays all scenarios"), ("f" * 64, "over episodes: every scenario has")],
)
def test_the_page_says_what_was_drawn(commitment: str | None, words: str) -> None:
    records = contest({"first": 900.0, "second": 700.0})
    standings = compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=SEEDS, commitment=commitment)
    assert words in Structure(render_report(standings, records)).text


# --- the shell of a page ----------------------------------------------------------------------------------------------


def test_a_policy_allows_the_scripts_of_the_page_by_their_digests_and_nothing_else() -> None:
    assert "script-src 'none';" in security_policy(())
    text = security_policy(("alert",))
    assert text.count("sha256-") == 1
    assert hashlib.sha256(b"alert").digest() == base64.b64decode(text.partition("sha256-")[2].partition("'")[0])
    assert "unsafe" not in text.partition("style-src")[0]


@pytest.mark.parametrize("hostile", ["</script><script>alert(1)</script>", "<!--<script>", "\u2028", "&lt;", HOSTILE])
def test_data_cannot_end_their_element_and_come_back_as_they_were(hostile: str) -> None:
    text = embed({"name": hostile})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": hostile}


def test_data_that_are_no_json_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        embed([float("nan")])


def test_the_drawing_library_is_the_one_whose_digest_is_kept() -> None:
    vendor = Path(page_module.__file__).parent / "vendor"
    digest, name = (vendor / "plot.min.js.sha256").read_text(encoding="ascii").split()
    assert f"vendor/{name}" == DRAWING
    assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    text = (vendor / name).read_text(encoding="utf-8")
    assert "eval(" not in text
    assert "new Function" not in text
    assert "@observablehq/plot" in (vendor / "LICENSES.txt").read_text(encoding="utf-8")
