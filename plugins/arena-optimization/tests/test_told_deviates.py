"""Deviates behind told demand: the way there and back agrees, and a dependent forecast is the conditional mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import ndtri

from arena import InformedBriefing, Scenario, Simulator, TrackView
from arena_optimization.beliefs.dependence import Dependence
from arena_optimization.beliefs.forecast import ForecastOutlook
from arena_optimization.beliefs.mean_demand import ForecastDemand
from arena_optimization.beliefs.told_deviates import deviates
from arena_optimization.beliefs.told_paths import quantiles

NORMALS = ndtri((np.arange(2_000) + 0.5) / 2_000)


@pytest.mark.parametrize("name", ["normal", "uniform", "gamma"])
def test_demand_of_a_continuous_distribution_tells_its_deviate(name: str) -> None:
    mean, deviation = np.full(2_000, 20.0), np.full(2_000, 5.0)
    found = deviates(name, quantiles(name, NORMALS, mean, deviation), mean, deviation)
    np.testing.assert_allclose(found.mean, NORMALS, atol=1e-6)
    assert found.deviation.max() == 0.0


@pytest.mark.parametrize("name", ["normal", "uniform", "negative_binomial", "empirical"])
@pytest.mark.parametrize(("mean", "deviation"), [(2.0, 3.0), (0.4, 1.0), (20.0, 9.0)])
def test_what_is_left_open_is_the_variance_between_the_deviates(name: str, mean: float, deviation: float) -> None:
    """Over all demands, mean and deviation that are read make up a standard normal again."""
    told = np.full(2_000, mean), np.full(2_000, deviation)
    found = deviates(name, quantiles(name, NORMALS, *told), *told)
    assert found.mean.mean() == pytest.approx(0.0, abs=0.02)
    assert (found.mean**2 + found.deviation**2).mean() == pytest.approx(1.0, abs=0.02)
    assert np.isfinite(found.mean).all()


def test_values_of_an_empirical_distribution_are_told_apart() -> None:
    """Rounded to multiples of scaled Poisson demand, 3.6 units would read as no demand at all."""
    values, weights = np.array([0.0, 1.0, 5.0]), np.array([0.4, 0.4, 0.2])
    values = values * 5.0 / (values @ weights)
    deviation = float(np.sqrt(weights @ (values - 5.0) ** 2))
    found = deviates("empirical", values, np.full(3, 5.0), np.full(3, deviation)).mean
    between = ndtri(np.cumsum(weights)[:2])
    assert found[0] < between[0] < found[1] < between[1] < found[2]


def test_poisson_demand_with_a_noise_scale_is_read_back() -> None:
    mean = np.full(4, 9.0)
    raw = np.array([2.0, 7.0, 9.0, 15.0])
    plain = deviates("poisson", raw, mean, np.full(4, 3.0))
    halved = deviates("poisson", 9.0 + 0.5 * (raw - 9.0), mean, np.full(4, 1.5))
    np.testing.assert_allclose(halved.mean, plain.mean)
    assert (plain.deviation > 0.0).all()


def test_paths_have_the_correlation_and_the_autoregression_that_are_told() -> None:
    told = SimpleNamespace(
        network=SimpleNamespace(market_links=(None, None)),
        autoregressions=np.array([0.6, 0.0]),
        distributions=("normal", "normal"),
        noise_scales=np.ones(2),
        correlation=np.array([[1.0, 0.7], [0.7, 1.0]]),
    )
    normals = np.random.default_rng(1).standard_normal((40_000, 2, 3))
    drawn = Dependence(cast(InformedBriefing, told)).turn(normals)
    assert drawn.std(axis=0) == pytest.approx(np.ones((2, 3)), abs=0.02)
    assert np.corrcoef(drawn[:, 0, 0], drawn[:, 1, 0])[0, 1] == pytest.approx(0.7, abs=0.02)
    assert np.corrcoef(drawn[:, 0, 0], drawn[:, 0, 1])[0, 1] == pytest.approx(0.6, abs=0.02)
    assert np.corrcoef(drawn[:, 1, 0], drawn[:, 1, 1])[0, 1] == pytest.approx(0.0, abs=0.02)


def scenario_of(**demand: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "dependent",
            "horizon": 40,
            "demand": {"base_mean": 20.0, "autoregression": 0.8, **demand},
            "network": {
                "nodes": [{"id": 0}, {"id": 1, "initial_stock": 30.0, "holding_cost": 0.1}, {"id": 2}],
                "supply_links": [{"supplier": 2, "buyer": 1, "lead_time": 1, "price": 0.5, "pipeline_holding_cost": 0}],
                "market_links": [{"retailer": 1, "market": 0, "price": 1.5, "shortage_penalty": 0.3}],
            },
        }
    )


@pytest.mark.parametrize(
    "demand",
    [
        {"distribution": "gamma", "shape": 1.0},
        {"distribution": "negative_binomial", "dispersion": 1.0},
        {"distribution": "uniform"},
    ],
)
def test_forecast_and_paths_of_dependent_demand_are_right_on_average(demand: dict[str, Any]) -> None:
    """Demand that is skewed to the right is not taken for normal, which would foresee too much after much of it.

    The mean that is foreseen in the periods of little demand is the mean of what is then wanted, and so in the others.
    """
    scenario = scenario_of(**demand)
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    foreseen, drawn, wanted = [], [], []
    for seed in range(40):
        briefing = view.brief(seed=1)
        assert isinstance(briefing, InformedBriefing)
        mean, paths = ForecastDemand(briefing), ForecastOutlook(briefing)
        simulator.start(seed)
        while not simulator.finished:
            seen = view.observe(simulator.state)
            mean.observe(seen)
            paths.observe(seen)
            foreseen.append(mean.over(1)[0, 0])
            drawn.append(paths.draw(1, 64).at(np.ones((64, 1))).mean())
            simulator.step(np.array([20.0]))
            wanted.append(view.observe(simulator.state).last_demand[0])
    for means in (np.array(foreseen), np.array(drawn)):
        order = np.argsort(means)
        for quarter in np.array_split(order, 4):
            assert means[quarter].mean() == pytest.approx(np.array(wanted)[quarter].mean(), abs=2.5)
