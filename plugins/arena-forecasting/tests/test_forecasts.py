"""Forecast distributions on processes whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from arena_forecasting.forecasts.mixture import DemandForecast
from arena_forecasting.forecasts.transforms import LOG, RAW, ROOT, from_scale, to_scales

ITEMS = 40


def learnt(series: np.ndarray, censored: np.ndarray | None = None, grain: float = 1.0) -> DemandForecast:
    """A forecast after series, (periods, items)."""
    items = series.shape[1]
    forecast = DemandForecast(series[:5].mean(axis=0), np.full(items, grain), np.ones(items))
    flags = np.zeros(series.shape, dtype=bool) if censored is None else censored
    for units, flag in zip(series, flags, strict=True):
        forecast.update(units, flag)
    return forecast


def series_of(kind: str, periods: int, generator: np.random.Generator) -> np.ndarray:
    time = np.arange(periods)[:, None]
    if kind == "poisson":
        return generator.poisson(6.0, (periods, ITEMS)).astype(float)
    if kind == "trend":
        return np.rint(np.maximum(100 + 3.0 * time + 8.0 * generator.standard_normal((periods, ITEMS)), 0))
    if kind == "season":
        mean = 100 + 40 * np.sin(2 * np.pi * time / 8)
        return np.rint(np.maximum(mean + 8.0 * generator.standard_normal((periods, ITEMS)), 0))
    mean = np.where(time < 25, 50.0, 150.0)
    return np.rint(mean * np.exp(0.15 * generator.standard_normal((periods, ITEMS))))


@pytest.mark.parametrize("kind", ["poisson", "trend", "season", "change"])
def test_futures_are_calibrated_on_known_processes(kind: str) -> None:
    generator = np.random.default_rng(5)
    series = series_of(kind, 44, generator)
    futures = learnt(series[:40]).joint_futures(400, 4, np.random.default_rng(1))
    truth = series[40:]
    error = futures.mean(axis=(0, 2)) / truth.mean(axis=1) - 1.0
    assert np.abs(error).max() < 0.12  # mean over 40 items
    below = (futures < truth[None]).mean(axis=0) + 0.5 * (futures == truth[None]).mean(axis=0)
    assert 0.4 < below.mean() < 0.6
    inside = ((below > 0.05) & (below < 0.95)).mean()
    assert 0.82 < inside <= 1.0  # 90 % intervals, 160 cases


def test_a_season_is_foreseen_and_not_flattened() -> None:
    generator = np.random.default_rng(3)
    series = series_of("season", 48, generator)
    means = learnt(series[:40]).joint_futures(300, 8, np.random.default_rng(0)).mean(axis=(0, 2))
    assert means.max() - means.min() > 45  # the true swing is 80


def test_the_spread_of_a_sum_grows_as_the_periods_depend_on_each_other() -> None:
    generator = np.random.default_rng(2)
    walk = np.rint(200 * np.exp(np.cumsum(0.1 * generator.standard_normal((40, ITEMS)), axis=0)))
    futures = learnt(walk).joint_futures(300, 8, np.random.default_rng(0))
    relative = futures / futures.mean(axis=0)
    of_sum, of_period = relative.mean(axis=1).std(axis=0).mean(), relative.std(axis=0).mean()
    assert of_sum > 0.7 * of_period  # independent periods would give 0.35


def test_censored_sales_do_not_pull_the_forecast_down() -> None:
    generator = np.random.default_rng(4)
    demand = generator.poisson(50.0, (60, ITEMS)).astype(float)
    sales = np.minimum(demand, 55.0)
    sold_out = demand >= 55.0
    futures = learnt(sales, sold_out).joint_futures(200, 3, np.random.default_rng(0))
    plain = learnt(sales).joint_futures(200, 3, np.random.default_rng(0))
    assert 47.5 < futures.mean() < 54.0
    assert futures.mean() > plain.mean() + 0.5


def test_intermittent_demand_keeps_its_zeros() -> None:
    generator = np.random.default_rng(6)
    series = np.where(generator.random((60, ITEMS)) < 0.3, generator.poisson(20.0, (60, ITEMS)), 0).astype(float)
    series[0] = 20.0
    futures = learnt(series).joint_futures(200, 3, np.random.default_rng(0))
    assert 0.55 < (futures == 0).mean() < 0.8
    assert 4.0 < futures.mean() < 9.0


def test_unknown_periods_change_nothing_but_the_passing_of_time() -> None:
    generator = np.random.default_rng(8)
    series = generator.poisson(20.0, (20, 3)).astype(float)
    forecast = learnt(series)
    before = forecast.weights
    assert np.allclose(forecast.update(np.full(3, np.nan), np.zeros(3, dtype=bool)), 0.0, atol=1e-9)
    assert np.allclose(forecast.weights, before, atol=1e-12)


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=30),
    st.integers(0, 9),
)
def test_any_series_gives_whole_bounded_futures_and_equal_seeds_equal_ones(units: list[int], seed: int) -> None:
    series = np.array(units, dtype=float)[:, None]
    one, other = (learnt(series).joint_futures(20, 6, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, other)
    assert np.isfinite(one).all()
    assert (one >= 0).all()
    assert (one <= 4 * max(1, *units, series[:5].mean())).all()
    assert np.array_equal(one, np.rint(one))


def test_items_together_are_learnt_as_each_alone() -> None:
    generator = np.random.default_rng(9)
    series = generator.poisson([3.0, 40.0], (30, 2)).astype(float)
    together = learnt(series).weights
    alone = np.concatenate([learnt(series[:, [item]]).weights for item in range(2)])
    assert np.allclose(together, alone, atol=1e-9)


@given(st.floats(0, 1e6), st.sampled_from([0.01, 1.0]))
def test_scales_are_undone(units: float, grain: float) -> None:
    told = to_scales(np.array([units]), np.array([grain]))
    for scale in (RAW, ROOT, LOG):
        back = from_scale(told[:, scale], scale, np.array([grain]), np.array([1e7]))
        assert back[0] == pytest.approx(units, rel=1e-6, abs=1e-6)
