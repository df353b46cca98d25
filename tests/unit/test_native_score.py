"""Native scores: values, cells, intervals, ranks by them, and suites that state them."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from records import make_record

from arena import Fault, InvalidInput, Scenario, Suite, load_scenario, load_suite
from arena.contract.native_scores import find_suite_misfits, native_value
from arena.report.native import native_table
from arena.results.rows import Standings
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.world.native_score import NativeScore, PublishedResult
from arena.world.randomness import draws_nothing
from arena.world.scoring import ScoreRule, default_rule

SHARE = NativeScore(name="normalised reward", per="full_revenue", least=0.0)


def records(values: dict[str, dict[str, list[float]]], **changes: object):
    """Records of submissions by scenario and seed: profits, of a full revenue of 100."""
    return [
        make_record(name, scenario, index, profit, full_revenue=100.0, **changes)
        for name, by_scenario in values.items()
        for scenario, profits in by_scenario.items()
        for index, profit in enumerate(profits)
    ]


def standings(values: dict[str, dict[str, list[float]]], native: NativeScore, **more: object) -> Standings:
    first = next(iter(values.values()))
    options = {
        "suite": "board",
        "scenarios": list(first),
        "seeds": len(next(iter(first.values()))),
        "scoring": Scoring(more.pop("rule", ScoreRule(rule="native")), native=native),
        **more,
    }
    return compute_standings(records(values), **options)


@given(
    profit=st.floats(-1e6, 1e6),
    full=st.floats(0, 1e6),
    least=st.none() | st.floats(-10, 10),
)
def test_a_value_is_the_indicator_over_full_revenue_and_at_least_the_least(profit, full, least):
    native = NativeScore(per="full_revenue", least=least)
    value = native_value(make_record(profit=profit, full_revenue=full), native)
    plain = profit / full if full > 0 else 0.0
    assert value == (plain if least is None else max(least, plain))
    cost = NativeScore(indicator="cost", better="lower")
    assert native_value(make_record(profit=profit), cost) == -profit


def test_every_indicator_may_be_scored():
    record = make_record(fill_rate=0.75)
    assert native_value(record, NativeScore(indicator="fill_rate")) == 0.75


CELLS = {"a": "real", "b": "real", "c": "synthetic"}
VALUES = {
    "good": {"a": [50.0], "b": [70.0], "c": [90.0]},
    "poor": {"a": [40.0], "b": [65.0], "c": [-30.0]},
}


def test_the_native_score_is_a_mean_over_scenarios_and_cells():
    native = SHARE.model_copy(update={"cells": CELLS})
    found = standings(VALUES, native, draws_nothing=True)
    good, poor = found.rows
    assert (good.submission, found.ranked_by, found.unit) == ("good", "score", "scenario")
    assert good.native_score.value == pytest.approx(0.7, abs=1e-12)
    assert {cell: one.value for cell, one in good.native_cells.items()} == pytest.approx(
        {"real": 0.6, "synthetic": 0.9}, abs=1e-12
    )
    assert poor.native_score.value == pytest.approx((0.4 + 0.65 + 0) / 3, abs=1e-12)
    assert good.score == good.native_score.value
    assert [row.native_score for row in found.by_scenario if row.submission == "poor"] == [0.4, 0.65, 0.0]
    assert good.native_cells["synthetic"].interval is None  # a single scenario
    assert Standings.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(("better", "leading"), [("higher", [True, False, True]), ("lower", [False, True, False])])
def test_who_leads_is_better_than_every_published_result_but_references(better, leading):
    theirs = PublishedResult(name="best rule", score=0.65, cells={"real": 0.65, "synthetic": 0.65})
    bound = theirs.model_copy(update={"name": "knows the future", "reference": True})
    far = 9.0 if better == "higher" else -9.0
    bound = bound.model_copy(update={"score": far, "cells": {"real": far, "synthetic": far}})
    native = SHARE.model_copy(update={"cells": CELLS, "published": (theirs, bound), "better": better})
    table = native_table(standings(VALUES, native, draws_nothing=True))
    good = next(line for line in table.lines if line.name == "good")
    assert [cell.leads for cell in good.cells] == leading
    assert [line.name for line in table.published] == ["best rule", "knows the future"]


def test_lower_is_better_turns_the_order_and_no_number():
    native = NativeScore(name="cost, euros", indicator="cost", total="sum", better="lower")
    values = {"cheap": {"a": [-10.0], "b": [-20.0]}, "dear": {"a": [-15.0], "b": [-25.0]}}
    found = standings(values, native, draws_nothing=True)
    assert [row.submission for row in found.rows] == ["cheap", "dear"]
    assert [row.native_score.value for row in found.rows] == pytest.approx([30.0, 40.0], abs=1e-12)
    assert [row.score for row in found.rows] == pytest.approx([-15.0, -20.0], abs=1e-12)


def test_intervals_are_over_scenarios_where_no_seed_changes_anything():
    rng = np.random.default_rng(3)
    profits = rng.normal(50, 10, 40)
    values = {"one": {f"s{place}": [float(value)] for place, value in enumerate(profits)}}
    [row] = standings(values, SHARE, draws_nothing=True).rows
    half = 2.023 * profits.std(ddof=1) / math.sqrt(40) / 100  # t of 39 degrees of freedom
    interval = row.native_score.interval
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.05)
    assert interval.low < row.native_score.value < interval.high
    summed = standings(values, SHARE.model_copy(update={"total": "sum"}), draws_nothing=True).rows[0].native_score
    assert summed.value == pytest.approx(40 * row.native_score.value)
    assert summed.interval.low == pytest.approx(40 * interval.low)
    [drawn] = standings(values, SHARE).rows
    assert drawn.native_score.interval is None  # one seed says nothing about others


def test_intervals_are_over_seeds_where_worlds_draw():
    values = {"one": {"a": [10.0, 20.0, 30.0], "b": [40.0, 50.0, 60.0]}}
    [row] = standings(values, SHARE).rows
    assert row.native_score.value == pytest.approx(0.35, abs=1e-12)
    assert row.native_score.interval.high - row.native_score.interval.low == pytest.approx(
        2 * 4.303 * 0.1 / 3**0.5, rel=1e-3
    )


def test_one_seed_ranks_by_paired_differences_over_scenarios():
    rng = np.random.default_rng(5)
    base = rng.normal(50, 20, 60)
    values = {
        name: {
            f"s{place}": [float(value + shift + noise)]
            for place, (value, noise) in enumerate(zip(base, rng.normal(0, 1, 60), strict=True))
        }
        for name, shift in (("first", 3.0), ("second", 0.0), ("twin", 0.0))
    }
    found = {row.submission: row.rank for row in standings(values, SHARE, draws_nothing=True).rows}
    assert (found["first"].first, found["first"].last) == (1, 1)
    assert (found["second"].first, found["second"].last) == (2, 3) == (found["twin"].first, found["twin"].last)
    drawn = {row.submission: row.rank for row in standings(values, SHARE).rows}
    assert (drawn["first"].first, drawn["first"].last) == (1, 3)


def test_places_follow_the_values_in_a_single_world_that_draws_nothing():
    values = {"b": {"vn": [-30.0]}, "a": {"vn": [-30.0]}, "c": {"vn": [-20.0]}}
    found = standings(values, NativeScore(indicator="cost", better="lower"), draws_nothing=True)
    assert [(row.submission, str(row.rank)) for row in found.rows] == [("c", "1"), ("a", "2–3"), ("b", "2–3")]
    assert all(row.native_score.interval is None for row in found.rows)


def test_who_has_not_played_everything_has_no_native_score():
    values = dict(VALUES)
    table = compute_standings(
        [*records(values), make_record("late", "a", 0, 10.0, full_revenue=100.0)],
        suite="board",
        scenarios=["a", "b", "c"],
        seeds=1,
        scoring=Scoring(ScoreRule(rule="native"), native=SHARE),
        draws_nothing=True,
    )
    late = next(row for row in table.rows if row.submission == "late")
    assert (late.native_score, late.native_cells, late.rank, late.score) == (None, {}, None, None)


def test_a_forfeit_counts_with_a_profit_of_at_most_nothing():
    kept = make_record("one", "a", 0, 0.0, full_revenue=100.0, outcome="timeout")
    assert native_value(kept, SHARE) == 0.0
    assert native_value(kept, NativeScore(indicator="cost")) == 0.0


def test_the_native_score_stands_beside_another_rule():
    found = standings(VALUES, SHARE, rule=ScoreRule(), draws_nothing=True)
    assert found.ranked_by == "mean_profit"
    assert all(row.score is None and row.native_score is not None for row in found.rows)


def recorded(name: str, **changes: object) -> Scenario:
    base = load_scenario("serial-stationary-lost-sales")
    demand = base.demand.model_validate({"series": {"values": [10.0, 12.0, 9.0]}, "noise_scale": 0.0})
    return base.model_copy(update={"name": name, "demand": demand, **changes})


def test_worlds_that_draw_nothing_are_known():
    assert draws_nothing(recorded("a"))
    assert not draws_nothing(load_scenario("serial-stationary-lost-sales"))
    network = recorded("a").network
    law = {"lead_time_distribution": {"values": [1, 2], "probabilities": [0.5, 0.5]}}
    first = network.supply_links[0]
    links = (type(first).model_validate(first.model_dump(by_alias=True) | law), *network.supply_links[1:])
    varied = recorded("a").model_copy(update={"network": network.model_copy(update={"supply_links": links})})
    assert not draws_nothing(varied)


@pytest.mark.parametrize("windows", [1, 2])
def test_every_seed_plays_a_window_of_its_own_where_there_are_several(windows):
    base = load_scenario("serial-stationary-lost-sales")
    market = str(base.network.market_links[0].market)
    data = {"markets": (market,), "start": "0", "frequency": "period", "values": ((4.0, 5.0, 6.0, 7.0),)}
    changes = {"demand": {"data": data}, "horizon": 2, "window": {"start": 0, "stride": 2, "count": windows}}
    scenario = Scenario.model_validate(base.model_dump(by_alias=True, exclude_defaults=True) | changes)
    assert draws_nothing(scenario) == (windows == 1)


@pytest.mark.parametrize(
    ("native", "rule", "said"),
    [
        ({"indicator": "profits"}, None, 'is no indicator.*did you mean "profit"'),
        ({"cells": {"a": "x", "d": "x"}}, None, "no scenario of the suite has this name"),
        ({"cells": {"a": "x"}}, None, "has one for every scenario, and none is stated for this one"),
        ({"indicator": "fill_rate"}, "native", "scores of profit or cost, in which forfeits count, not of fill_rate"),
        (None, "native", "the suite states none"),
    ],
)
def test_a_native_score_fits_its_suite(native, rule, said):
    suite = Suite(
        name="board",
        description="",
        scenarios=(recorded("a"), recorded("b")),
        score=None if rule is None else ScoreRule(rule=rule),
        native=None if native is None else NativeScore.model_validate(native),
    )
    faults = [*find_suite_misfits(suite)]
    assert len(faults) >= 1
    assert re.search(said, "; ".join(str(Fault("suite", *fault)) for fault in faults))
    right = suite.model_copy(update={"native": NativeScore(cells={"a": "x", "b": "y"}), "score": None})
    assert [*find_suite_misfits(right)] == []


def test_a_suite_with_a_native_score_of_money_is_ranked_by_it():
    scenarios = [recorded("a")]
    assert default_rule(scenarios, SHARE).rule == "native"
    assert default_rule(scenarios, NativeScore(indicator="fill_rate")).rule == "share_of_oracle"
    assert default_rule(scenarios).rule == "share_of_oracle"


BOARD = """
name: board
native:
  name: normalised reward
  per: full_revenue
  least: 0
  cells: {a: x, b: y}
  published:
    - {name: the best hybrid, source: their paper, score: 0.538, cells: {x: 0.6, y: 0.5}}
scenarios:
  - {name: a, network: serial, fulfilment: lost_sales, horizon: 5, demand: {series: {values: [9]}, noise_scale: 0}}
  - {name: b, network: serial, fulfilment: lost_sales, horizon: 5, demand: {series: {values: [2]}, noise_scale: 0}}
"""


def test_a_suites_file_may_state_a_native_score(tmp_path: Path):
    path = tmp_path / "board.yaml"
    path.write_text(BOARD)
    suite = load_suite(path)
    assert suite.native.published == (
        PublishedResult(name="the best hybrid", source="their paper", score=0.538, cells={"x": 0.6, "y": 0.5}),
    )
    assert suite.score_rule.rule == "native"
    path.write_text(BOARD.replace("{a: x, b: y}", "{a: x, c: y}"))
    with pytest.raises(InvalidInput, match="no scenario of the suite has this name"):
        load_suite(path)


def test_standings_of_before_are_read_without():
    found = standings(VALUES, SHARE)
    content = json.loads(found.model_dump_json())
    del content["native"]
    for row in content["rows"]:
        del row["native_score"], row["native_cells"]
    for row in content["by_scenario"]:
        del row["native_score"]
    old = Standings.model_validate(content)
    assert old.native is None
    assert old.rows[0].native_score is None
