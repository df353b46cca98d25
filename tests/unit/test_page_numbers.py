"""Every number on the page of standings, computed once more from `episodes.csv` by other means than the page's."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from records import make_record

from arena import ArenaError
from arena.report import standings_data
from arena.report.indicators import INDICATORS, write_value
from arena.report.page import render_report
from arena.report.prices import pair_information
from arena.results.columns import EPISODE_COLUMNS, KPI_COLUMNS
from arena.results.export import episode_row
from arena.results.head_to_head import compare
from arena.results.paired import compare_pairs, tabulate_episodes
from arena.results.reading import Results
from arena.results.record import EpisodeRecord
from arena.results.rows import StandingRow
from arena.results.standings import compute_standings
from arena.results.statistics import estimate, estimate_many
from arena.results.writers import CsvWriter

SCENARIOS = ("north", "south", "west")
SEEDS = 6
WHO = {
    "base": ("rule", "blind"),
    "base-informed": ("rule", "informed"),
    "other": ("agent.py:Agent", "informed"),
    "seer": ("seer", "oracle"),
}


def played(**changes: Any) -> list[EpisodeRecord]:
    """Episodes of which every indicator has another value."""
    random = np.random.default_rng(3)
    records = []
    for (name, (controller, track)), scenario, seed in itertools.product(WHO.items(), SCENARIOS, range(SEEDS)):
        values = dict(zip(KPI_COLUMNS, random.uniform(0.1, 0.9, len(KPI_COLUMNS)).tolist(), strict=True))
        values["profit"] = 2000.0 + 100 * seed if track == "oracle" else float(900 + 50 * seed + random.normal(0, 30))
        counts = ("decisions", "clipped_orders", "llm_calls", "prompt_tokens", "completion_tokens", "parse_failures")
        values |= {key: int(random.integers(20, 40)) for key in counts}
        values |= {"planning_time": float(random.uniform(0, 1)), "decision_time": float(random.uniform(0, 1))}
        values |= {"llm_failures": 3, "repairs": 2, "llm_seconds": float(random.uniform(1, 2)), "llm_cost": 0.25}
        values |= {"fallbacks": 1 if name == "other" else 0, "repetitions": 1 if name == "other" else 0}
        who: dict[str, Any] = {"controller": controller, "track": track}
        records.append(make_record(name, scenario, seed, **(who | values | changes)))
    lost = {"outcome": "exception", "failure_period": 4, "failure_message": "RuntimeError: no", "profit": -20.0}
    records[1] = records[1].model_copy(update=lost)
    place = next(place for place, record in enumerate(records) if record.submission == "other")
    records[place] = records[place].model_copy(update={"outcome": "infrastructure"})
    return records


def published(records: list[EpisodeRecord], folder: Path, **more: Any) -> SimpleNamespace:
    """The page of records, its data, and what `episodes.csv` says."""
    standings = compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=SEEDS, **more)
    with (folder / "episodes.csv").open("wb") as file:
        writer = CsvWriter(file, EPISODE_COLUMNS)
        writer.write_rows([episode_row(record, "test") for record in records])
        writer.close()
    with (folder / "episodes.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    text = render_report(standings, records, notes={})
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    return SimpleNamespace(text=text, data=data, lines=lines, standings=standings, records=records)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return published(played(), tmp_path_factory.mktemp("numbers"))


def of(page: SimpleNamespace, name: str, scenario: str, key: str, *, lost: bool = False) -> list[float]:
    return [
        float(line[key])
        for line in page.lines
        if line["submission"] == name and line["scenario"] == scenario and (lost or line["outcome"] != "infrastructure")
    ]


def expected(page: SimpleNamespace, key: str) -> tuple[Callable[[str, str], float | None], str]:
    """An indicator of a submission on a scenario, and how it is put together over scenarios."""

    def profit(name: str, scenario: str) -> float:
        return float(np.mean(of(page, name, scenario, "profit")))

    def against(name: str, scenario: str) -> float:
        there = [int(seed) for seed in of(page, name, scenario, "seed_index")]
        return float(np.mean(np.array(of(page, "seer", scenario, "profit"))[there]))

    if key == "mean_profit":
        return profit, "mean"
    if key == "score":
        return lambda name, scenario: profit(name, scenario) / against(name, scenario), "mean"
    if key == "optimality_gap":
        return lambda name, scenario: 1 - profit(name, scenario) / against(name, scenario), "mean"
    if key == "standard_error":
        return (
            lambda name, scenario: (
                float(np.std(found := of(page, name, scenario, "profit"), ddof=1)) / len(found) ** 0.5
            ),
            "units",
        )
    if key == "decision_time":
        return (
            lambda name, scenario: sum(of(page, name, scenario, key)) / sum(of(page, name, scenario, "decisions")),
            "ratio",
        )
    if key in ("episodes", "forfeits"):
        wanted = {"episodes": None, "forfeits": "exception"}[key]
        return (
            lambda name, scenario: sum(
                line["outcome"] == wanted if wanted else line["outcome"] != "infrastructure"
                for line in page.lines
                if (line["submission"], line["scenario"]) == (name, scenario)
            ),
            "sum",
        )
    if key == "infrastructure_failures":
        return (
            lambda name, scenario: (
                len(of(page, name, scenario, "profit", lost=True)) - len(of(page, name, scenario, "profit"))
            ),
            "sum",
        )
    if key in KPI_COLUMNS:
        return lambda name, scenario: float(np.mean(of(page, name, scenario, key))), "mean"
    if key == "planning_time":
        return lambda name, scenario: float(np.mean(of(page, name, scenario, key))), "episodes"
    lost = key == "repetitions"
    return lambda name, scenario: sum(of(page, name, scenario, key, lost=lost)), "sum"


def in_all(page: SimpleNamespace, name: str, key: str) -> float | None:
    """An indicator over all scenarios."""
    complete = name != "other"
    if key in ("score", "standard_error") and not complete:
        return None if key == "standard_error" else float(np.mean([expected(page, key)[0](name, s) for s in SCENARIOS]))
    value, how = expected(page, key)
    if how == "units":
        units = np.mean([of(page, name, scenario, "profit") for scenario in SCENARIOS], axis=0)
        return float(np.std(units, ddof=1)) / SEEDS**0.5
    if how == "ratio":
        return sum(x for s in SCENARIOS for x in of(page, name, s, key)) / sum(
            x for s in SCENARIOS for x in of(page, name, s, "decisions")
        )
    if how == "episodes":
        return float(np.mean([x for s in SCENARIOS for x in of(page, name, s, key)]))
    values = [value(name, scenario) for scenario in SCENARIOS]
    return float(np.mean(values) if how == "mean" else np.sum(values))


OTHERWISE = {
    "interquartile_mean",
    "probability_of_improvement",
    "cvar_5",
    "mean_bound",
    "expected_episodes",
    "fallback_share",
}


def test_indicators_follow_from_the_episodes(page: SimpleNamespace) -> None:
    shown = [one["key"] for one in page.data["indicators"]]
    assert {one.key for one in INDICATORS} - set(shown) == {"cvar_5", "mean_bound", "native_score"}
    for key in (key for key in shown if key not in OTHERWISE):
        place = shown.index(key)
        for name, overall, means in zip(
            page.data["submissions"], page.data["overall"], page.data["means"], strict=True
        ):
            whole = in_all(page, name, key)
            assert overall[place] == (None if whole is None else pytest.approx(whole, rel=1e-6)), (name, key)
            value, how = expected(page, key)
            if how != "units" and (name, key) != ("other", "fallbacks"):  # the standings count lost episodes' there
                for scenario, cells in zip(SCENARIOS, means, strict=True):
                    assert cells[place] in (None, pytest.approx(value(name, scenario), rel=1e-6)), (name, scenario, key)


def test_what_compares_with_others_follows_from_the_episodes(page: SimpleNamespace) -> None:
    shown = [one["key"] for one in page.data["indicators"]]
    values = {
        name: dict(zip(shown, page.data["overall"][place], strict=True))
        for place, name in enumerate(page.data["submissions"])
    }
    names = [row.submission for row in page.standings.rows if row.rank is not None]
    mine, theirs = (np.array([of(page, name, s, "profit") for s in SCENARIOS]) for name in names[:2])
    assert values[names[0]]["probability_of_improvement"] == pytest.approx(float((mine > theirs).mean()))
    oracle = np.array([np.mean(of(page, "seer", s, "profit")) for s in SCENARIOS])[:, None]
    middle = np.sort((mine / oracle).ravel())
    cut = middle.size // 4
    assert values[names[0]]["interquartile_mean"] == pytest.approx(float(middle[cut:-cut].mean()), rel=1e-6)
    assert values["base"]["expected_episodes"] == len(SCENARIOS) * SEEDS
    whole = [line for line in page.lines if line["submission"] == "other" and line["outcome"] == "ok"]
    share = sum(int(line["fallbacks"]) for line in whole) / sum(int(line["decisions"]) for line in whole)
    assert values["other"]["fallback_share"] == pytest.approx(share, rel=1e-6)


def test_single_episodes_are_those_of_the_table(page: SimpleNamespace) -> None:
    episodes = page.data["episodes"]
    seen = 0
    for line in page.lines:
        name, scenario, seed = line["submission"], line["scenario"], int(line["seed_index"])
        columns = episodes["cells"][page.data["submissions"].index(name)][SCENARIOS.index(scenario)]
        at = {
            key: column[seed] if isinstance(column, list) else column
            for key, column in zip(episodes["columns"], columns, strict=True)
        }
        assert at["seed_index"] == seed
        assert at["outcome"] == line["outcome"]
        assert str(at["failure_period"] or "") == line["failure_period"]
        assert episodes["seeds"][seed] == line["seed"]
        for key in ("profit", "immediate_fill_rate", "fill_rate", "service_level", "bullwhip_ratio", "fallbacks"):
            assert at[key] == pytest.approx(float(line[key]), rel=1e-4), key
        each = float(line["decision_time"]) / int(line["decisions"])
        assert at["decision_time"] == pytest.approx(each, rel=1e-3)
        there = [int(seed) for seed in of(page, name, scenario, "seed_index")]
        oracle = float(np.mean(np.array(of(page, "seer", scenario, "profit"))[there]))
        lost = line["outcome"] == "infrastructure"
        assert at["score"] == (None if lost else pytest.approx(float(line["profit"]) / oracle, rel=1e-4))
        seen += 1
    assert seen == len(page.records)


def test_static_tables_write_the_same_numbers(page: SimpleNamespace) -> None:
    """The tables that need no script, cell by cell: text is the number of the data as the page writes it."""
    units = {one["label"]: (place, one["unit"]) for place, one in enumerate(page.data["indicators"])}
    section = page.text[page.text.index('<section id="indicators">') :]
    found = 0
    for table in re.findall(r"<table.*?</table>", section[: section.index("</section>")], re.DOTALL):
        labels = re.findall(r'<th scope="col" class="right wrap">([^<]*)</th>', table)
        for row in re.findall(r'<tr><th scope="row">.*?</tr>', table, re.DOTALL):
            name = re.search(r'<th scope="row">([^<]*)<', row)[1]
            for label, text in zip(labels, re.findall(r"<td[^>]*>([^<]*)</td>", row), strict=True):
                place, unit = units[label]
                value = page.data["overall"][page.data["submissions"].index(name)][place]
                assert text == write_value(value, unit), (name, label)
                found += 1
    assert found == len(page.data["indicators"]) * len(WHO)
    heat = page.text[page.text.index('id="heat-whole"') :]
    heat = heat[: heat.index("</table>")]
    for scenario in SCENARIOS:
        row = heat[heat.index(f'<th scope="row">{scenario}') :].split("</tr>")[0]
        texts = re.findall(r"<td[^>]*>([^<]*)<", row)
        means = [float(np.mean(of(page, name, scenario, "profit"))) for name in page.data["submissions"]]
        assert texts == [write_value(mean, "money") for mean in means]


def test_pairs_are_those_of_arena_compare(page: SimpleNamespace) -> None:
    """The interval of each pair, over all and on each scenario, of profits and of scores."""
    results = Results(Path(), page.standings, tuple(page.records))
    pairs = page.data["pairs"]
    names = [page.data["submissions"][place] for place in pairs["members"]]
    assert sorted(names) == ["base", "base-informed", "seer"]
    for place, (first, second) in enumerate(itertools.combinations(names, 2)):
        found = compare(results, first, second)
        for column, one in enumerate((found.over_all, *found.by_scenario)):
            for measure, interval in (("profit", one.profit_interval), ("score", one.score_interval)):
                unit, half = pairs[measure]["unit"], pairs[measure]["unit"] / 2 * 1.001
                for end in ("low", "high"):
                    kept = pairs[measure][end][place][column]
                    assert (kept is None) == (interval is None)
                    if interval is not None:
                        assert kept * unit == pytest.approx(getattr(interval, end), abs=half)


@pytest.mark.parametrize("hidden", [False, True])
def test_many_pairs_are_compared_as_one_is(hidden: bool) -> None:
    """On hidden seeds the unit is an episode."""
    more: dict[str, Any] = {"commitment": "f" * 64} if hidden else {}
    records = [record for record in played(**more) if record.submission != "other"]
    standings = compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=SEEDS, **more)
    episodes = tabulate_episodes(standings, records)
    results = Results(Path(), standings, tuple(records))
    pairs = [("base", "base-informed"), ("seer", "base")]
    profit, score = (compare_pairs(episodes, pairs, by_score=by_score) for by_score in (False, True))
    for place, (first, second) in enumerate(pairs):
        found = compare(results, first, second)
        for column, one in enumerate((found.over_all, *found.by_scenario)):
            assert profit.value[place, column] == pytest.approx(one.profit, rel=1e-9)
            assert score.value[place, column] == pytest.approx(one.score, rel=1e-9)
            if one.profit_interval is not None:
                assert profit.low[place, column] == pytest.approx(one.profit_interval.low, rel=1e-9)
                assert score.high[place, column] == pytest.approx(one.score_interval.high, rel=1e-9)


@given(
    arrays(
        float,
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 6)),
        elements=st.one_of(st.floats(-1e6, 1e6, width=32), st.just(float("nan")), st.just(5.0)),
    )
)
def test_many_means_are_estimated_as_one_is(units: np.ndarray) -> None:
    values, low, high = estimate_many(units)
    for place, one in enumerate(map(estimate, units)):
        if one is None:
            assert np.isnan([values[place], low[place], high[place]]).all()
            continue
        assert values[place] == pytest.approx(one.value, rel=1e-9, abs=1e-9)
        assert np.isnan(low[place]) == np.isnan(high[place]) == (one.interval is None)
        if one.interval is not None:
            assert low[place] == pytest.approx(one.interval.low, rel=1e-6, abs=1e-6)
            assert high[place] == pytest.approx(one.interval.high, rel=1e-6, abs=1e-6)


def test_the_price_of_information_pairs_blind_and_informed_play_of_one_controller(page: SimpleNamespace) -> None:
    assert [(one.submission, other.submission) for one, other in pair_information(page.standings)] == [
        ("base", "base-informed")
    ]
    section = page.text[page.text.index('<section id="information">') :].split("</section>")[0]
    for scenario in SCENARIOS:
        row = section[section.index(f'<th scope="row">{scenario}') :].split("</tr>")[0]
        means = [float(np.mean(of(page, name, scenario, "profit"))) for name in ("base", "base-informed")]
        texts = re.findall(r'<td class="right">([^<]*)<', row)
        assert texts == [write_value(value, "money") for value in (*means, means[1] - means[0])]


def test_every_number_of_standings_and_records_is_an_indicator() -> None:
    """A new field is shown too, or left out by name."""
    named = {one.key for one in INDICATORS}
    told_otherwise = {"profit", "profit_bound", "seed_index", "failure_period", "decision_times"}
    for model in (StandingRow, EpisodeRecord):
        for name, field in model.model_fields.items():
            if field.annotation in (int, float, float | None, int | None):
                assert name in named | told_otherwise, name


def test_of_hidden_seeds_the_page_tells_no_episode(tmp_path: Path) -> None:
    hidden = published(played(commitment="f" * 64, seed=None), tmp_path, commitment="f" * 64)
    assert hidden.data["hidden"]
    assert hidden.data["episodes"] is None
    assert hidden.data["spread"] is None
    shown = [one["key"] for one in hidden.data["indicators"]]
    for key in ("decision_time", "planning_time"):
        assert all(cells[shown.index(key)] is None for lines in hidden.data["means"] for cells in lines)
    assert "Single episodes are not shown" in hidden.text


def test_of_many_episodes_the_page_tells_means_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings_data, "LARGEST_TABLE", len(WHO) * len(SCENARIOS) * SEEDS - 1)
    large = published(played(), tmp_path)
    assert large.data["episodes"] is None
    assert large.data["played"] == len(large.records)
    worst, *_, best = large.data["spread"][large.data["submissions"].index("base")][1]
    profits = of(large, "base", "south", "profit")
    assert (worst, best) == (pytest.approx(min(profits), rel=1e-6), pytest.approx(max(profits), rel=1e-6))
    assert large.data["spread"][0][0][3] == pytest.approx(
        float(np.median(of(large, large.data["submissions"][0], "north", "profit"))), rel=1e-6
    )


def test_an_episode_leads_to_its_replay_where_there_is_one(page: SimpleNamespace) -> None:
    def replay(record: EpisodeRecord) -> str | None:
        chosen = (record.submission, record.scenario, record.seed_index) == ("base", "south", 2)
        return "replay/base-south-2.html" if chosen else None

    assert page.data["episodes"]["replays"] == {}
    text = render_report(page.standings, page.records, notes={}, replay=replay)
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    place = data["submissions"].index("base")
    assert data["episodes"]["replays"] == {f"{place}/1/2": "replay/base-south-2.html"}
    for address in ("javascript:alert(1)", "../replay/x.html", "replay/../../x.html", "https://example.org"):
        with pytest.raises(ArenaError, match="is no address of a replay"):
            render_report(page.standings, page.records, notes={}, replay=lambda _record, address=address: address)


def renamed(row: StandingRow) -> StandingRow:
    return row.model_copy(update={"submission": f"not-{row.submission}"})


@pytest.mark.parametrize(
    "edit",
    [
        lambda page: {"seeds": 10**12},
        lambda page: {"oracles": {"north": "nobody"}},
        lambda page: {"scenarios": ("north",)},
        lambda page: {
            "rows": tuple(row.model_copy(update={"submission": f"not-{row.submission}"}) for row in page.standings.rows)
        },
        lambda page: {"rows": ()},
        lambda page: {"by_scenario": ()},
    ],
)
def test_edited_standings_still_make_a_page(page: SimpleNamespace, edit: Callable[[SimpleNamespace], dict]) -> None:
    """`arena verify` holds such a page against the file, and says what differs."""
    assert "Standings: test" in render_report(page.standings.model_copy(update=edit(page)), page.records, notes={})


def test_enormous_numbers_still_make_a_page(tmp_path: Path) -> None:
    records = [record.model_copy(update={"unfilled": 1.7e308, "bullwhip_ratio": 1e300}) for record in played()]
    huge = published(records, tmp_path)
    shown = [one["key"] for one in huge.data["indicators"]]
    assert huge.data["overall"][0][shown.index("bullwhip_ratio")] == pytest.approx(1e300)
