"""The parts of the forecast for many series: season, levels, dispersion, draws."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from random_panels import random_panel, season_of

from arena_forecasting.panel.dispersion import shrunk_dispersions
from arena_forecasting.panel.futures import PanelForecast, joint_futures
from arena_forecasting.panel.levels import averaged_levels
from arena_forecasting.panel.observed import mean_beyond, panel_of
from arena_forecasting.panel.season import common_index, find_period, shared_season
from arena_forecasting.panel.settings import PanelSettings

SETTINGS = PanelSettings()
# The draws that the negative binomial asks for, without the corrections that were chosen on real data.
PLAIN = PanelSettings(season_period=1, dispersion_weight=1.0, common_deviation=0.0, memories=(0.95,))


@pytest.mark.parametrize("period", [7, 12, 26])
@pytest.mark.parametrize("seed", range(4))
def test_a_season_that_all_items_share_is_found_with_its_factors(period, seed) -> None:
    factors = season_of(period, 0.4, np.random.default_rng(seed))
    panel, _ = random_panel(seed, season=factors, periods=5 * period + 30)
    season = shared_season(panel)
    assert season.period == period
    expected = np.log(factors) - np.log(factors).mean()
    assert np.corrcoef(np.log(season.factors), expected)[0, 1] > 0.95


def test_a_panel_without_a_season_has_none() -> None:
    found = [find_period(common_index(random_panel(seed)[0])) for seed in range(40)]
    assert found.count(1) >= 36  # beyond chance is beyond a few in a hundred


def test_an_item_that_came_late_moves_no_season() -> None:
    panel, _ = random_panel(3, season=season_of(12, 0.4, np.random.default_rng(3)))
    known = panel.known.copy()
    known[:70, 20:] = False
    late = shared_season(panel_of(panel.demand, known), 12)
    whole = shared_season(panel, 12)
    assert np.corrcoef(np.log(late.factors), np.log(whole.factors))[0, 1] > 0.9


@given(seed=st.integers(0, 2**32 - 1), garbage=st.floats(0, 1e6))
def test_demand_that_is_not_known_changes_nothing(seed, garbage) -> None:
    panel, _ = random_panel(seed, items=6, periods=40, unknown=0.3)
    other = panel_of(np.where(panel.known, panel.demand, garbage), panel.known)
    draws = [
        joint_futures(each.demand, each.known, periods=2, paths=20, seed=1, settings=SETTINGS)
        for each in (panel, other)
    ]
    np.testing.assert_array_equal(*draws)


def test_weeks_out_of_stock_are_missing_and_not_zero() -> None:
    panel, means = random_panel(5, unknown=0.4, items=200)
    settings = PanelSettings(season_period=1, memories=(0.98,), long_weight=1e-3, slow_weight=0.0)
    levels = averaged_levels(panel, np.ones(panel.periods), settings)[-1]
    assert levels.mean() == pytest.approx(means.mean(), rel=0.05)
    zeros = panel_of(panel.demand, np.ones_like(panel.known))
    assert averaged_levels(zeros, np.ones(panel.periods), settings)[-1].mean() < 0.7 * means.mean()


@pytest.mark.parametrize("dispersion", [0.1, 0.5, 1.5])
def test_dispersions_are_those_of_the_demand_on_the_whole(dispersion) -> None:
    panel, means = random_panel(7, dispersion=dispersion, items=200, unknown=0.0)
    found = shrunk_dispersions(panel.demand, np.broadcast_to(means, panel.demand.shape), panel.known.astype(float))
    assert found.mean() == pytest.approx(dispersion, rel=0.2)


@pytest.mark.parametrize("probability", [0.5, 0.8, 0.95])
def test_quantiles_of_the_draws_hold_as_often_as_they_say(probability) -> None:
    covered, below = [], []
    for seed in range(6):
        panel, _ = random_panel(seed, items=150, periods=104, unknown=0.1)
        past = panel_of(panel.demand[:100], panel.known[:100])
        futures = joint_futures(past.demand, past.known, periods=4, paths=800, seed=seed, settings=PLAIN)
        levels = np.quantile(futures, probability, axis=0, method="inverted_cdf")
        covered.append((panel.demand[100:] <= levels)[panel.known[100:]].mean())
        below.append((panel.demand[100:] < levels)[panel.known[100:]].mean())
    # Whole units: a quantile holds at least as often as it says, and what is below it more seldom.
    assert np.mean(below) - 0.02 < probability < np.mean(covered) + 0.02


def test_an_error_of_all_items_is_in_the_draws_of_their_sum() -> None:
    panel, _ = random_panel(2, items=200)
    deviations = []
    for common in (0.0, 0.2):
        settings = PLAIN.model_copy(update={"common_deviation": common})
        total = joint_futures(panel.demand, panel.known, periods=1, paths=2_000, seed=1, settings=settings).sum(axis=2)
        deviations.append(total.std() / total.mean())
    assert deviations[0] < 0.1
    assert deviations[1] == pytest.approx(np.hypot(deviations[0], 0.2), rel=0.15)


def test_levels_follow_what_is_seen_later_and_season_and_dispersion_stay() -> None:
    panel, _ = random_panel(1)
    forecast = PanelForecast(panel, SETTINGS)
    before = forecast.means(panel, 1)
    doubled = panel.followed_by(10 * before[0] + 5, np.ones(panel.items, dtype=bool))
    assert (forecast.means(doubled, 1) > before).all()


@pytest.mark.parametrize(
    ("demand", "known", "rule"),
    [
        (np.ones((3, 2)), np.ones((2, 2), dtype=bool), r"same shape \(periods, items\), got \(3, 2\) and \(2, 2\)"),
        (np.ones(3), np.ones(3, dtype=bool), "same shape"),
        (np.full((3, 2), -1.0), np.ones((3, 2), dtype=bool), "finite and 0 or more, got -1.0 in period 0 of item 0"),
        (np.full((3, 2), np.nan), np.ones((3, 2), dtype=bool), "finite and 0 or more, got nan"),
    ],
)
def test_a_panel_that_is_none_is_refused(demand, known, rule) -> None:
    with pytest.raises(ValueError, match=rule):
        joint_futures(demand, known, periods=1, paths=10, seed=1)


def test_unknown_values_may_be_anything() -> None:
    demand = np.array([[1.0, np.nan], [2.0, -3.0]])
    known = np.array([[True, False], [True, False]])
    assert joint_futures(demand, known, periods=1, paths=10, seed=1).shape == (10, 1, 2)


def test_a_forecast_needs_a_history() -> None:
    with pytest.raises(ValueError, match="a history of at least one period, got none"):
        joint_futures(np.empty((0, 2)), np.empty((0, 2), dtype=bool), periods=1, paths=10, seed=1)


@given(sold=st.floats(0, 1e4), mean=st.floats(0, 1e4), deviation=st.floats(1e-3, 1e4))
def test_demand_behind_an_empty_shelf_is_at_least_what_was_sold(sold, mean, deviation) -> None:
    (found,) = mean_beyond(np.array([sold]), np.array([mean]), np.array([deviation]))
    assert np.isfinite(found)
    assert found >= max(sold, mean * (1 - 1e-9))
