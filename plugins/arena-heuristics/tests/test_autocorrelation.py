"""Autocorrelation that a history shows: the error's variance by enumeration, the estimate, and what it is worth."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from one_stage_world import keeper, mean_profit, one_stage

from arena import TrackView
from arena_heuristics import demand
from arena_heuristics.autocorrelation import FEWEST_PERIODS, SeenAutocorrelation, error_variance
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.estimates import estimate_for


@given(st.floats(-0.95, 0.95), st.integers(1, 20), st.integers(1, 8))
def test_the_variance_of_the_error_is_the_quadratic_form(phi, periods, window) -> None:
    weights = np.concatenate([np.full(window, -periods / window), np.ones(periods)])
    place = np.arange(window + periods)
    by_pairs = weights @ phi ** np.abs(place[:, np.newaxis] - place) @ weights
    found = error_variance(np.array([phi]), np.array([periods]), window)
    assert found == pytest.approx([by_pairs], rel=1e-8, abs=1e-8)


def process(phi: float, periods: int, seed: int = 1) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_normal(periods)
    found = [shocks[0]]
    for shock in shocks[1:]:
        found.append(phi * found[-1] + np.sqrt(1 - phi**2) * shock)
    return 50.0 + 5.0 * np.array(found)


@pytest.mark.parametrize("phi", [-0.6, 0.5, 0.8])
def test_the_coefficient_is_found(phi) -> None:
    estimates = [SeenAutocorrelation(process(phi, 200, seed)[:, np.newaxis], 5).coefficients[0] for seed in range(20)]
    assert np.mean(estimates) == pytest.approx(phi, abs=0.05)


def test_what_chance_shows_is_not_taken_for_autocorrelation() -> None:
    found = [SeenAutocorrelation(process(0.0, 100, seed)[:, np.newaxis], 5).coefficients[0] for seed in range(200)]
    assert np.mean(np.array(found) != 0.0) < 0.1


def test_demand_that_never_moves_has_none() -> None:
    seen = SeenAutocorrelation(np.full((30, 2), 7.0), 5)
    assert seen.coefficients.tolist() == [0.0, 0.0]
    assert seen.deviations(np.array([3, 3]), np.array([4.0, 5.0]), 1.0).tolist() == [4.0, 5.0]


def test_forecast_errors_of_a_played_process_have_the_deviation_that_is_planned_with() -> None:
    path, periods, window = process(0.8, 20_000), 4, 5
    starts = range(window, len(path) - periods, 7)
    errors = [path[at : at + periods].sum() - periods * path[at - window : at].mean() for at in starts]
    planned = [
        SeenAutocorrelation(process(0.8, 200, seed)[:, np.newaxis], window).deviations(
            np.array([periods]), np.zeros(1), 1.0
        )
        for seed in range(2, 22)
    ]
    assert np.mean(planned) == pytest.approx(np.std(errors), rel=0.08)


@pytest.mark.parametrize("history", [0, FEWEST_PERIODS - 1, FEWEST_PERIODS])
def test_it_counts_from_enough_periods_of_history_on(history) -> None:
    scenario = one_stage(history=history)
    path = process(0.9, history)[:, np.newaxis] if history else np.zeros((0, 1))
    briefing = TrackView(scenario, "blind").brief(seed=1, history=path)
    estimate = estimate_for(briefing, keeper(scenario, "blind").needs, NewsvendorConfig())
    one, four = (estimate.over(np.array([periods - 1])).deviation[0] for periods in (1, 4))
    is_independent = four == pytest.approx(2.0 * one, rel=1e-12)
    assert is_independent == (history < FEWEST_PERIODS)


@pytest.mark.parametrize("name", ["newsvendor", "echelon"])
@pytest.mark.parametrize("phi", [0.6, 0.9])
def test_a_rule_that_counts_it_earns_more(name, phi, monkeypatch) -> None:
    scenario = one_stage(
        {"lead_time": 6}, history=100, demand={"distribution": "gamma", "shape": 4.0, "autoregression": phi}
    )
    counted = mean_profit(scenario, name, "blind")
    monkeypatch.setattr(demand, "FEWEST_PERIODS", 10**6)
    assert counted > mean_profit(scenario, name, "blind") + 100
