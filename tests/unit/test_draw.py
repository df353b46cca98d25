"""Drawn scenarios: a documented function of a key, within the ranges that are published."""

import hashlib
import hmac
import math

import pytest
from hypothesis import given, strategies as st

from arena import load_scenario, load_suite
from arena.errors import InvalidInput
from arena.schemas import parse_as
from arena.world.contest_draws import Draw, Drawing, DrawKey, Template, draw_scenario, make_template, public_key
from arena.world.demand import Demand

SCENARIO = load_scenario("divergent-trend-seasonal-shock-goodwill-backlog")

KEY = DrawKey(b"key")

keys = st.binary(min_size=1, max_size=40).map(DrawKey)


def drawn(*draws, key=KEY, number=0, count=1, scenario=SCENARIO):
    """The scenario with some draws, each as a mapping."""
    template = make_template(scenario, [parse_as(Draw, draw, "test") for draw in draws], "test")
    return draw_scenario(Drawing(template=template, number=number, draws=count, public_seed=None), key)


def share(key, message):
    """The share of a range as the module's text defines it."""
    return (int(hmac.new(key, message.encode(), hashlib.sha256).hexdigest()[:16], 16) >> 11) / 2**53


def test_every_value_follows_the_stated_formula():
    scenario = drawn(
        {"path": "demand.trend.slope", "uniform": [-0.5, 1.5]},
        {"path": "demand.shock.magnitude", "loguniform": [0.5, 8]},
        {"path": "demand.shock.time", "integer": [3, 26]},
        {"path": "fulfilment", "choice": ["backlog", "lost_sales"]},
        number=4,
        count=9,
    )
    u = {
        path: share(b"key", f"{SCENARIO.name}|4|{path}")
        for path in ("demand.trend.slope", "demand.shock.magnitude", "demand.shock.time", "fulfilment")
    }
    assert scenario.demand.trend.slope == pytest.approx(-0.5 + 2 * u["demand.trend.slope"], rel=1e-5, abs=0)
    assert scenario.demand.shock.magnitude == pytest.approx(0.5 * 16 ** u["demand.shock.magnitude"], rel=1e-5, abs=0)
    assert scenario.demand.shock.time == 3 + math.floor(24 * u["demand.shock.time"])
    assert scenario.fulfilment == ("backlog", "lost_sales")[math.floor(2 * u["fulfilment"])]
    assert scenario.name == f"{SCENARIO.name}-5"


def test_values_have_six_significant_digits():
    scenario = drawn({"path": "demand.trend.slope", "uniform": [0.1, 0.9]})
    slope = scenario.demand.trend.slope
    assert slope == float(f"{slope:.6g}")
    exact = 0.1 + 0.8 * share(b"key", f"{SCENARIO.name}|0|demand.trend.slope")
    assert 0 < abs(slope - exact) < 1e-6


@given(keys, st.integers(0, 999))
def test_what_is_drawn_lies_within_its_range_and_is_the_same_again(key, number):
    draws = [
        {"path": "demand.trend.slope", "uniform": [0.0123456789, 0.01234567891]},
        {"path": "demand.shock.magnitude", "loguniform": [0.4, 2.5]},
        {"path": "demand.shock.time", "integer": [3, 5]},
        {"path": "demand.noise_scale", "choice": [0.5, 1, 1.5]},
    ]
    first, again = (drawn(*draws, key=key, number=number, count=1000) for _ in range(2))
    assert first == again
    assert first.digest == again.digest
    demand = first.demand
    assert 0.0123456789 <= demand.trend.slope <= 0.01234567891
    assert 0.4 <= demand.shock.magnitude <= 2.5
    assert demand.shock.time in (3, 4, 5)
    assert demand.noise_scale in (0.5, 1, 1.5)


def test_every_part_of_a_range_is_drawn():
    """All whole numbers of a range come, both ends included, about as often as each other."""
    times = [
        drawn({"path": "demand.shock.time", "integer": [3, 6]}, key=DrawKey(bytes([n, n]))).demand.shock.time
        for n in range(200)
    ]
    counts = [times.count(value) for value in (3, 4, 5, 6)]
    assert sum(counts) == 200
    assert all(30 <= count <= 70 for count in counts)


@given(keys)
def test_a_range_more_moves_no_other_value(key):
    slope = {"path": "demand.trend.slope", "uniform": [0, 1]}
    alone = drawn(slope, key=key)
    beside = drawn({"path": "demand.seasonal.amplitude", "uniform": [0, 1]}, slope, key=key)
    assert alone.demand.trend == beside.demand.trend
    assert alone.demand.seasonal == SCENARIO.demand.seasonal


def test_draws_of_other_numbers_names_and_keys_are_unrelated():
    slope = {"path": "demand.trend.slope", "uniform": [0, 1]}
    renamed = SCENARIO.model_copy(update={"name": "other"})
    found = {
        drawn(slope, key=key, number=number, count=2, scenario=scenario).demand.trend.slope
        for key in (DrawKey(b"a"), DrawKey(b"b"))
        for number in (0, 1)
        for scenario in (SCENARIO, renamed)
    }
    assert len(found) == 8


def test_a_scale_multiplies_every_value_there_is_by_one_factor():
    scenario = drawn({"path": "network.nodes[*].initial_stock", "uniform": [2, 2], "scale": True})
    for before, after in zip(SCENARIO.network.nodes, scenario.network.nodes, strict=True):
        assert after.initial_stock == (None if before.initial_stock is None else 2 * before.initial_stock)
        assert after.holding_cost == before.holding_cost


def test_a_place_in_a_list_is_named_by_its_position():
    scenario = drawn({"path": "network.supply_links[1].lead_time", "integer": [7, 7]})
    before = [link.lead_time for link in SCENARIO.network.supply_links]
    assert [link.lead_time for link in scenario.network.supply_links] == [before[0], 7, *before[2:]]


def test_the_later_of_two_ranges_for_one_path_holds():
    scenario = drawn(
        {"path": "demand.trend.slope", "uniform": [1, 1]}, {"path": "demand.trend.slope", "uniform": [2, 2]}
    )
    assert scenario.demand.trend.slope == 2


def test_the_source_of_a_drawing_survives_as_json():
    suite = load_suite("stress")
    for scenario in suite.scenarios:
        text = suite.drawings[scenario.name].model_dump_json(by_alias=True)
        drawing = Drawing.model_validate_json(text)
        assert draw_scenario(drawing, public_key(drawing.public_seed)) == scenario


def test_a_key_does_not_show_itself():
    key = DrawKey(b"\x11" * 32)
    assert "11" not in repr(key) + str(key)
    assert public_key(7).value == b"public|7"
    assert public_key(7).public_seed == 7


@pytest.mark.parametrize(
    ("draw", "message", "right"),
    [
        ({"path": "demand.trend.slope"}, "a draw has one range; give uniform", {"uniform": [0, 1]}),
        (
            {"path": "demand.trend.slope", "uniform": [0, 1], "choice": [1]},
            "keep one of uniform, choice",
            {"choice": [1]},
        ),
        ({"path": "demand.trend.slope", "uniform": [1, 0]}, "uniform: a range is", {"uniform": [0, 1]}),
        ({"path": "demand.trend.slope", "loguniform": [0, 1]}, "loguniform", {"loguniform": [0.1, 1]}),
        ({"path": "demand.shock.time", "integer": [1.5, 3]}, "integer", {"integer": [1, 3]}),
        ({"path": "demand.trend.slope", "uniform": [0, float("inf")]}, "finite", {"uniform": [0, 1]}),
        ({"path": "demand.trend.slope", "choice": []}, "at least 1 entries", {"choice": [0]}),
        ({"path": "fulfilment", "choice": ["backlog"], "scale": True}, "only a number scales", {"choice": ["backlog"]}),
        ({"path": "demand..slope", "uniform": [0, 1]}, "names joined by points", None),
        ({"path": "network.nodes[x].initial_stock", "uniform": [0, 1]}, "names joined by points", None),
        ({"path": "name", "choice": ["a"]}, "a name or a note is not drawn", None),
        ({"path": "demand.trend.slop", "uniform": [0, 1]}, 'leads nowhere at slop.*did you mean "slope"', None),
        ({"path": "demand.series.values", "uniform": [0, 1]}, "leads nowhere at values.*set it", None),
        ({"path": "network.nodes[99].initial_stock", "uniform": [0, 1]}, "leads to no value", None),
        ({"path": "network.nodes[0].initial_stock", "uniform": [0, 1], "scale": True}, "leads to no value", None),
        (
            {"path": "demand.distribution", "uniform": [0, 1], "scale": True},
            "leads to something that is no number",
            None,
        ),
        (
            {"path": "demand.seasonal.amplitude", "uniform": [0, 11]},
            "amplitude: must be 10 or less",
            {"uniform": [0, 9]},
        ),
        ({"path": "demand.noise_scale", "uniform": [-1, 1]}, "noise_scale: must be 0 or more", {"uniform": [0, 1]}),
    ],
)
def test_a_draw_that_cannot_be_is_refused_and_its_sibling_is_not(draw, message, right):
    with pytest.raises(InvalidInput, match=message):
        drawn(draw)
    path = draw["path"] if right else "demand.trend.slope"
    assert drawn({"path": path, **(right or {"uniform": [0, 1]})}).network == SCENARIO.network


def test_values_that_break_a_rule_only_together_are_refused_when_they_are_drawn():
    floor, cap = {"path": "goodwill.floor"}, {"path": "goodwill.cap"}
    draws = [{**floor, "choice": [0.1, 1.5, 0.3]}, {**cap, "choice": [1.0, 1.0, 2.0]}]
    floors, refusals = set(), set()
    for number in range(40):
        try:
            floors.add(drawn(*draws, number=number, count=40).goodwill.floor)
        except InvalidInput as error:
            refusals.add(error.faults[0].rule)
    assert refusals == {"0 < floor <= cap (1)"}
    assert 0.1 in floors


def test_a_template_has_something_to_draw():
    with pytest.raises(InvalidInput, match="draw: must have at least 1"):
        parse_as(Template, {"scenario": SCENARIO.model_dump(by_alias=True), "draw": []}, "test")
    slope = {"path": "demand.trend.slope", "uniform": [0, 1]}
    assert parse_as(Template, {"scenario": SCENARIO.model_dump(by_alias=True), "draw": [slope]}, "test").draw


@pytest.mark.parametrize(
    ("path", "scale"),
    [("demand.base_mean", False), ("network.market_links[*].mean_demand", True)],
    ids=["base", "link"],
)
def test_a_drawn_level_below_the_published_floor_is_played_as_drawn(path, scale):
    demand = Demand(base_mean=None if scale else 20)
    scenario = SCENARIO.model_copy(update={"demand": demand})
    low = drawn({"path": path, "uniform": [0.0001, 0.002], "scale": scale}, scenario=scenario)
    assert (low.mean_demand(0, 1) == low.mean_path[:, :1]).all()
    assert (low.mean_path < 0.1).all()
