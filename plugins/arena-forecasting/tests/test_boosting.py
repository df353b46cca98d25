"""The boosted correction: it learns what the classical forecast leaves, and nothing where nothing is left."""

from importlib.util import find_spec as really_find

import numpy as np
import pytest
from random_panels import random_panel, season_of

import arena_forecasting
from arena_forecasting import arena_controllers
from arena_forecasting.panel.features import FeatureTable
from arena_forecasting.panel.futures import PanelForecast
from arena_forecasting.panel.observed import panel_of
from arena_forecasting.panel.settings import BoostingSettings, PanelSettings

SMALL = BoostingSettings(models=1, rounds=60, rows_per_leaf=50)


def boosted(panel, settings=SMALL):
    boosting = pytest.importorskip("arena_forecasting.panel.boosting", reason="needs lightgbm")
    pytest.importorskip("lightgbm", reason="the extra `global` is not installed")
    forecast = PanelForecast(panel, PanelSettings(season_period=1))
    return boosting.BoostedCorrection(forecast, panel, 3, settings).factors(forecast, panel, 3)


def rebounding(seed, items=150, periods=90):
    """Demand that is three times the usual in the period after one without any."""
    generator = np.random.default_rng(seed)
    means, demand = np.exp(generator.normal(0.3, 0.5, items)), np.zeros((periods, items))
    for period in range(1, periods):
        usual = np.where(demand[period - 1] == 0, 3.0, 1.0) * means
        demand[period] = generator.poisson(usual)
    return panel_of(demand, np.ones(demand.shape, dtype=bool))


def test_it_learns_what_items_have_in_common() -> None:
    panel = rebounding(1)
    after_nothing = panel.demand[-1] == 0
    factors = boosted(panel)[0]
    assert factors[after_nothing].mean() > 1.5 * factors[~after_nothing].mean()


def test_it_changes_little_where_nothing_is_to_be_learnt() -> None:
    panel, _ = random_panel(4, items=150, periods=100, dispersion=0.1)
    assert np.abs(np.log(boosted(panel))).mean() < 0.12


def test_equal_histories_give_equal_models_and_weeks_that_are_not_known_count_for_nothing() -> None:
    panel, _ = random_panel(4, items=40, periods=60, unknown=0.3)
    garbage = panel_of(np.where(panel.known, panel.demand, 99.0), panel.known)
    np.testing.assert_array_equal(boosted(panel), boosted(garbage))


def test_periods_beyond_those_learnt_have_the_last_factors() -> None:
    panel, _ = random_panel(4, items=40, periods=60)
    factors = boosted(panel, SMALL.model_copy(update={"longest_ahead": 2}))
    np.testing.assert_array_equal(factors[1], factors[2])


@pytest.mark.parametrize("period", [1, 7, 26])
def test_no_feature_looks_ahead(period) -> None:
    season = season_of(26, 0.3, np.random.default_rng(1))
    panel, _ = random_panel(2, items=20, periods=90, season=season)
    # The mean of all items is a constant of the whole panel; here it has next to no weight.
    forecast = PanelForecast(panel, PanelSettings(season_period=period, common_weight=1e-9))
    origin = 70
    past = panel_of(panel.demand[: origin + 1], panel.known[: origin + 1])
    whole, cut = (FeatureTable(forecast, each, 3).rows(np.array([origin])) for each in (panel, past))
    np.testing.assert_allclose(whole.features, cut.features, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(whole.targets, cut.targets)


def test_without_lightgbm_the_controller_says_what_to_install(monkeypatch) -> None:
    (spec,) = (spec for spec in arena_controllers() if spec.name == "demand-global")
    monkeypatch.setattr(arena_forecasting, "find_spec", lambda name: None if name == "lightgbm" else really_find(name))
    assert spec.factory(spec.config()) is not None
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'arena-forecasting\[global\]'"):
        spec.factory(spec.config(boosting={}))
