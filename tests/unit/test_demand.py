"""Customers' demand: the mean path by hand, the draw bit for bit, and what the schema refuses."""

import math

import numpy as np
import pytest

from arena.errors import InvalidInput, UnknownName
from arena.schemas import parse_as
from arena.world.demand import LONGEST_SERIES, Demand, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.library import load_series, shipped

EFFECTS = {"trend": Trend(), "seasonal": Seasonal(), "shock": Shock()}


def path(demand, periods=30, means=(20.0,)):
    return demand.mean_path(np.array(means), periods)[0]


def by_hand(period, effects, base=20.0):
    """The contract's mean path with its default parameters."""
    mean = base
    if "trend" in effects:
        mean *= 1 + 0.05 * period
    if "seasonal" in effects:
        mean *= 1 + 0.5 * math.sin(2 * math.pi / 30 * period)
    if "shock" in effects and period >= 15:
        mean *= 2
    return mean


@pytest.mark.parametrize("subset", range(8))
def test_effects_compose_in_any_subset(subset):
    chosen = {name: effect for bit, (name, effect) in enumerate(EFFECTS.items()) if subset >> bit & 1}
    expected = [by_hand(period, chosen) for period in range(30)]
    np.testing.assert_allclose(path(Demand(base_mean=20, **chosen)), expected, rtol=1e-12)


def test_the_season_has_a_phase():
    shifted = Seasonal(phase=math.pi)
    expected = [20 * (1 - 0.5 * math.sin(2 * math.pi / 30 * period)) for period in range(30)]
    np.testing.assert_allclose(path(Demand(base_mean=20, seasonal=shifted)), expected, rtol=1e-12)


def test_links_have_means_of_their_own_unless_there_is_a_base():
    means = np.array([5.0, 7.0])
    np.testing.assert_array_equal(Demand().mean_path(means, 2), [[5, 5], [7, 7]])
    np.testing.assert_array_equal(Demand(base_mean=20).mean_path(means, 2), [[20, 20], [20, 20]])


def test_a_series_repeats_its_last_value_and_takes_effects():
    demand = Demand(series=Series(values=(1, 0, 3)), shock=Shock(time=4, magnitude=10))
    np.testing.assert_array_equal(path(demand, 6), [1, 0, 3, 3, 30, 30])


def test_a_series_is_scaled_to_a_mean():
    np.testing.assert_allclose(Series(values=(1, 3), scale_to_mean=20).levels(3), [10, 30, 30], rtol=1e-12)


@pytest.mark.parametrize(
    ("fields", "floor"),
    [
        ({"base_mean": 0.1}, 0.1),
        ({}, 0.1),
        ({"base_mean": 20.0, "shock": {"magnitude": 0.001}}, 0.1),
        ({"base_mean": 0.02}, 0.0),
        ({"base_mean": 0}, 0.0),
        ({"base_mean": 20.0, "shock": {"magnitude": 0}}, 0.0),
        ({"series": {"values": [0.0]}}, 0.0),
        ({"base_mean": 20.0, "distribution": "gamma", "shape": 2.0}, 0.0),
    ],
)
def test_the_mean_has_a_floor_only_where_the_published_rules_ask_for_it(fields, floor):
    assert Demand(**fields).smallest_mean == floor


@pytest.mark.parametrize("noise_scale", [0.0, 0.5, 1.5])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"distribution": "normal"},
        {"distribution": "normal", "standard_deviation": 7.0},
        {"distribution": "uniform", "half_width": 20.0},
    ],
)
def test_the_deviation_is_that_of_what_is_drawn(fields, noise_scale):
    """Far from 0, where nothing is cut. The sample deviation of 100,000 draws is right within 1 %."""
    demand = Demand(noise_scale=noise_scale, **fields)
    means = np.array([150.0, 300.0])
    drawn = np.array([demand.draw_batch(np.random.default_rng(1), mean, 100_000).std() for mean in means.tolist()])
    np.testing.assert_allclose(demand.deviation(means), drawn, rtol=0.01)


def test_uniform_demand_around_its_mean_deviates_by_it_over_the_root_of_three():
    deviation = Demand(distribution="uniform", noise_scale=0.5).deviation(np.array([[30.0, 0.0]]))
    np.testing.assert_allclose(deviation, [[15.0 / math.sqrt(3.0), 0.0]], rtol=1e-12)


def test_poisson_demand_is_the_generators_own_draw():
    demand, other = np.random.default_rng(5), np.random.default_rng(5)
    assert [Demand().draw(demand, mean) for mean in (20, 0.1, 300)] == [other.poisson(m) for m in (20, 0.1, 300)]


def test_noise_scale_stretches_the_deviation():
    expected = [max(0.0, 4 + 2.5 * (raw - 4)) for raw in np.random.default_rng(5).poisson(4, 20)]
    generator, demand = np.random.default_rng(5), Demand(noise_scale=2.5)
    found = [demand.draw(generator, 4) for _ in range(20)]
    assert found == expected
    assert min(found) == 0.0


@pytest.mark.parametrize("sampling", ["direct", "inverse_cdf"])
@pytest.mark.parametrize(
    ("demand", "mean", "deviation"),
    [
        (Demand(), 20, 20**0.5),
        (Demand(distribution="normal"), 20, 20**0.5),
        (Demand(distribution="normal", standard_deviation=3), 20, 3),
        (Demand(distribution="uniform"), 20, 20 / 3**0.5),
        (Demand(distribution="uniform", half_width=6), 20, 6 / 3**0.5),
    ],
)
def test_distributions_have_the_mean_they_are_told(demand, mean, deviation, sampling):
    drawn = demand.model_copy(update={"sampling": sampling}).draw_batch(
        np.random.default_rng(0), np.full(40_000, float(mean))
    )
    assert abs(drawn.mean() - mean) < 5 * deviation / 200
    assert abs(drawn.std() / deviation - 1) < 0.05
    assert (drawn >= 0).all()


@pytest.mark.parametrize("distribution", ["poisson", "normal", "uniform"])
@pytest.mark.parametrize("noise_scale", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sampling", ["direct", "inverse_cdf"])
def test_a_batch_is_drawn_as_singles_are(distribution, noise_scale, sampling):
    demand = Demand(distribution=distribution, noise_scale=noise_scale, sampling=sampling)
    means = np.array([0.5, 20.0, 90.0])
    one, other = np.random.default_rng(9), np.random.default_rng(9)
    np.testing.assert_allclose(demand.draw_batch(one, means), [demand.draw(other, mean) for mean in means], rtol=1e-12)


RULES = [
    (Demand, {"base_mean": -1}, r"base_mean: must be 0 or more", {"base_mean": 0}),
    (Demand, {"base_mean": True}, r"base_mean: must be a number", {"base_mean": 1}),
    (Demand, {"base_mean": math.nan}, r"base_mean: must be a finite number", {"base_mean": 1}),
    (Demand, {"base_mean": 2e9}, r"base_mean: must be 1000000000 or less", {"base_mean": 1e9}),
    (Demand, {"base_men": 1}, r'base_men: .*did you mean "base_mean"', {"base_mean": 1}),
    (Demand, {"noise_scale": -0.1}, r"noise_scale: must be 0 or more", {"noise_scale": 0}),
    (Demand, {"distribution": "poison"}, r'distribution: .*did you mean "poisson"', {"distribution": "poisson"}),
    (Demand, {"sampling": "inverse"}, r"sampling: must be one of", {"sampling": "inverse_cdf"}),
    (Demand, {"base_mean": 1, "series": {"values": [1]}}, r"a constant base or a series", {"series": {"values": [1]}}),
    (
        Demand,
        {"standard_deviation": 1},
        r"only normal demand has this field",
        {"standard_deviation": 1, "distribution": "normal"},
    ),
    (
        Demand,
        {"half_width": 1, "distribution": "normal"},
        r"only uniform demand has this field",
        {"half_width": 1, "distribution": "uniform"},
    ),
    (
        Demand,
        {"half_width": -1, "distribution": "uniform"},
        r"half_width: must be 0 or more",
        {"half_width": 0, "distribution": "uniform"},
    ),
    (Demand, {"trend": {"slop": 1}}, r'trend\.slop: .*did you mean "slope"', {"trend": {"slope": 1}}),
    (Demand, {"trend": {"slope": 11}}, r"trend\.slope: must be 10 or less", {"trend": {"slope": 10}}),
    (Demand, {"seasonal": {"amplitude": -1}}, r"amplitude: must be 0 or more", {"seasonal": {"amplitude": 0}}),
    (Demand, {"seasonal": {"frequency": -1}}, r"frequency: must be 0 or more", {"seasonal": {"frequency": 0}}),
    (Demand, {"shock": {"time": 1.5}}, r"shock\.time: must be a whole number", {"shock": {"time": 1}}),
    (Demand, {"shock": {"time": -1}}, r"shock\.time: must be 0 or more", {"shock": {"time": 0}}),
    (Demand, {"shock": {"magnitude": -1}}, r"magnitude: must be 0 or more", {"shock": {"magnitude": 0.01}}),
    (Series, {"values": []}, r"values: must have at least 1", {"values": [1]}),
    (Series, {"values": [1, -1]}, r"values\[1\]: must be 0 or more", {"values": [1, 0]}),
    (Series, {"values": [1, math.inf]}, r"values\[1\]: must be a finite number", {"values": [1, 2]}),
    (Series, {"values": [0], "scale_to_mean": 2}, r"zeros cannot be scaled", {"values": [1], "scale_to_mean": 2}),
    (Series, {"values": [1], "scale_to_mean": 0}, r"scale_to_mean: must be greater than 0", {"values": [1]}),
    (Goodwill, {"growth": 0.9}, r"growth: must be 1 or more", {"growth": 1}),
    (Goodwill, {"decay": 1.1}, r"decay: must be 1 or less", {"decay": 1}),
    (Goodwill, {"decay": 0}, r"decay: must be greater than 0", {"decay": 0.01}),
    (Goodwill, {"floor": 0}, r"floor: must be greater than 0", {"floor": 0.01}),
    (Goodwill, {"floor": 2.5}, r"0 < floor <= cap \(2\), got 2.5", {"floor": 2.5, "cap": 2.5}),
]


@pytest.mark.parametrize(("model", "wrong", "message", "right"), RULES, ids=range(len(RULES)))
def test_a_broken_rule_is_refused_and_its_sibling_is_not(model, wrong, message, right):
    with pytest.raises(InvalidInput, match=message):
        parse_as(model, wrong, "demand.yaml")
    assert isinstance(parse_as(model, right, "demand.yaml"), model)


def test_goodwill_defaults():
    assert Goodwill() == Goodwill(growth=1.01, decay=0.90, cap=2.0, floor=0.2)


def test_the_shipped_series():
    first = (2, 3, 4, 0, 0, 1, 0, 2, 1, 1, 5, 3, 1, 0, 0)
    second = (2, 7, 2, 2, 13, 8, 11, 50, 60, 54, 51, 39, 50, 48, 61)
    assert load_series("m5").values == first + second
    assert load_series(shipped("demand") / "m5.csv") == load_series("m5")


def test_an_unknown_series_is_refused(tmp_path):
    with pytest.raises(UnknownName, match=r'unknown demand series, got "m6"'):
        load_series("m6")
    with pytest.raises(InvalidInput, match=r"(?s)absent\.csv.*check the path"):
        load_series(tmp_path / "absent.csv")


def test_a_table_longer_than_any_series_is_not_read_to_its_end(tmp_path):
    table = tmp_path / "sales.csv"
    table.write_text("units\n" + "1\n" * LONGEST_SERIES)
    assert len(load_series(table).values) == LONGEST_SERIES
    table.write_text("units\n" + "1\n" * (LONGEST_SERIES + 1) + "many\n")
    with pytest.raises(InvalidInput, match=f"values: must have at most {LONGEST_SERIES} entries"):
        load_series(table)


@pytest.mark.parametrize("name", ["a" * 5_000, "a" * 5_000 + ".csv", "a/" * 5_000])
def test_a_name_too_long_for_the_system_is_told(tmp_path, name):
    with pytest.raises(InvalidInput, match=r"unknown demand series|there is no such file") as caught:
        load_series(name, base=tmp_path)
    assert len(str(caught.value)) < 1_000
