import dataclasses
import math

import numpy as np
import pytest

from arena import Demand
from arena_heuristics.config import EchelonBaseStockConfig, NewsvendorConfig, ReorderPointConfig, RuleConfig
from arena_heuristics.demand import ForecastDemand, RememberedDemand, prior_means
from arena_heuristics.estimates import estimate_for

ONE = np.array([[1.0]])
LEAD_TIMES = np.array([3])


def remembered(observation_of, network, demands, needs=ONE, prior=20.0, **settings):
    estimate = RememberedDemand(needs, np.full(needs.shape[1], prior), RuleConfig(**settings))
    estimate.observe(observation_of(network))
    for period, demand in enumerate(demands, start=1):
        estimate.observe(observation_of(network, period=period, last_demand=list(np.atleast_1d(demand))))
    return estimate


def test_before_any_demand_a_retailer_is_presumed_to_cover_the_longest_lead_time(network, two_markets) -> None:
    assert prior_means(network, RuleConfig()).tolist() == [60 / 5]
    assert prior_means(two_markets, RuleConfig()) == pytest.approx([100 / 11, 40 / 11], rel=1e-12)


def test_two_markets_of_one_retailer_divide_its_presumed_demand(network, network_with) -> None:
    nodes = [*(node.model_dump() for node in network.nodes), {"id": 7}]
    links = [{"retailer": 1, "market": market, "price": 2.0, "shortage_penalty": 0.1} for market in (0, 7)]
    assert prior_means(network_with(nodes=nodes, market_links=links), RuleConfig()).tolist() == [6.0, 6.0]


def test_the_prior_can_be_set_and_has_a_fallback(network, network_with) -> None:
    assert prior_means(network, RuleConfig(prior_mean=8.0)).tolist() == [8.0]
    empty = [node.model_dump() | ({"initial_stock": 0} if node.id == 1 else {}) for node in network.nodes]
    assert prior_means(network_with(nodes=empty), RuleConfig()).tolist() == [20.0]
    assert prior_means(network_with(nodes=empty), RuleConfig(fallback_mean=5.0)).tolist() == [5.0]


def test_the_prior_is_poisson(observation_of, network) -> None:
    mean, deviation = remembered(observation_of, network, []).over(LEAD_TIMES)
    assert mean.tolist() == [80.0]
    assert deviation == pytest.approx([math.sqrt(20) * 2], rel=1e-12)


def test_two_periods_give_a_mean_and_its_square_root(observation_of, network) -> None:
    mean, deviation = remembered(observation_of, network, [10, 40]).next_period()
    assert mean.tolist() == [25.0]
    assert deviation == pytest.approx([5.0], rel=1e-12)


def test_three_periods_give_the_sample_deviation(observation_of, network) -> None:
    estimate = remembered(observation_of, network, [10, 20, 30])
    assert [float(value[0]) for value in estimate.next_period()] == pytest.approx([20.0, 10.0], rel=1e-12)
    assert [float(value[0]) for value in estimate.over(LEAD_TIMES)] == pytest.approx([80.0, 20.0], rel=1e-12)


def test_only_the_window_counts(observation_of, network) -> None:
    estimate = remembered(observation_of, network, [1000, 1000, 10, 20, 30, 20, 20])
    assert estimate.next_period().mean.tolist() == [20.0]
    assert remembered(observation_of, network, [1000, 10, 30], window=2).next_period().mean.tolist() == [20.0]


def test_steady_demand_keeps_a_deviation_of_one(observation_of, network) -> None:
    assert remembered(observation_of, network, [4, 4, 4]).next_period().deviation.tolist() == [1.0]


def test_a_hub_sees_the_sum_of_its_markets_and_their_common_swings(observation_of, two_markets) -> None:
    needs = np.array([[1.0, 0.0], [1.0, 1.0]])
    mean, deviation = remembered(observation_of, two_markets, [(10, 1), (20, 2), (30, 3)], needs=needs).next_period()
    assert mean == pytest.approx([20.0, 22.0], rel=1e-12)
    assert deviation == pytest.approx([10.0, 11.0], rel=1e-12)


def test_independent_poisson_demands_add_their_variances(observation_of, two_markets) -> None:
    needs = np.array([[1.0, 1.0], [0.5, 2.0]])
    mean, deviation = remembered(observation_of, two_markets, [(16, 9)], needs=needs).next_period()
    assert mean == pytest.approx([25.0, 26.0], rel=1e-12)
    assert deviation == pytest.approx([5.0, math.sqrt(0.25 * 16 + 4 * 9)], rel=1e-12)


def informed(observation_of, network, forecast, noise_scale=1.0, needs=ONE):
    estimate = ForecastDemand(needs, noise_scale)
    estimate.observe(observation_of(network, "informed", forecast=np.array(forecast, dtype=np.float64)))
    return estimate


def test_the_forecast_is_summed_along_its_path(observation_of, network) -> None:
    estimate = informed(observation_of, network, [[16.0, 9.0, 25.0, 50.0, 1000.0]])
    assert [float(value[0]) for value in estimate.next_period()] == pytest.approx([16.0, 4.0], rel=1e-12)
    assert [float(value[0]) for value in estimate.over(LEAD_TIMES)] == pytest.approx([100.0, 10.0], rel=1e-12)


def test_noise_scales_the_deviation(observation_of, network) -> None:
    estimate = informed(observation_of, network, [[16.0, 9.0, 25.0, 50.0]], noise_scale=0.5)
    assert estimate.over(LEAD_TIMES).deviation == pytest.approx([5.0], rel=1e-12)
    assert estimate.next_period().deviation == pytest.approx([2.0], rel=1e-12)


def test_without_noise_one_period_keeps_a_deviation_of_one_but_a_path_none(observation_of, network) -> None:
    estimate = informed(observation_of, network, [[16.0, 9.0, 25.0, 50.0]], noise_scale=0.0)
    assert estimate.next_period().deviation.tolist() == [1.0]
    assert estimate.over(LEAD_TIMES).deviation.tolist() == [0.0]


def test_a_period_without_demand_counts_a_variance_of_one(observation_of, network) -> None:
    estimate = informed(observation_of, network, [[0.0, 0.0, 7.0, 0.0]], noise_scale=0.0)
    assert estimate.over(LEAD_TIMES).deviation == pytest.approx([math.sqrt(3)], rel=1e-12)


def test_the_briefing_decides_between_memory_and_forecast(briefing_of, network) -> None:
    assert isinstance(estimate_for(briefing_of(network), ONE, RuleConfig()), RememberedDemand)
    assert isinstance(estimate_for(briefing_of(network, "informed"), ONE, RuleConfig()), ForecastDemand)


def test_an_informed_estimate_refuses_an_observation_without_forecast(observation_of, network) -> None:
    estimate = ForecastDemand(ONE, 1.0)
    estimate.observe(observation_of(network, "informed"))
    with pytest.raises(TypeError, match="informed observations, not Observation"):
        estimate.observe(observation_of(network, "blind"))


def test_a_stated_deviation_takes_the_place_of_poissons(observation_of, network) -> None:
    estimate = ForecastDemand(ONE, 0.5, 6.0)
    estimate.observe(observation_of(network, "informed", forecast=np.array([[16.0, 9.0, 0.0, 50.0]])))
    assert estimate.next_period().deviation == pytest.approx([3.0], rel=1e-12)
    # Three periods: 9 + 9 + 1, the last of which has no demand.
    assert estimate.over(np.array([2])).deviation == pytest.approx([math.sqrt(19)], rel=1e-12)


@pytest.mark.parametrize(
    ("config", "variance"),
    [
        (NewsvendorConfig(), 9.0 * 4),  # √mean × noise scale, as published
        (NewsvendorConfig(formulas="textbook"), 36.0),
        (NewsvendorConfig(formulas="textbook", standard_deviation=5.0), 100.0),
        (ReorderPointConfig(), 9.0 * 4),
        (ReorderPointConfig(deviation="told"), 36.0),
        (ReorderPointConfig(deviation="told", standard_deviation=5.0), 100.0),
    ],
)
def test_the_told_deviation_is_taken_by_the_textbook_and_on_request(
    briefing_of, observation_of, network, config, variance
) -> None:
    settings = {"demand": Demand(base_mean=9.0, distribution="normal", standard_deviation=3.0, noise_scale=2.0)}
    estimate = estimate_for(briefing_of(network, "informed", **settings), ONE, config)
    estimate.observe(observation_of(network, "informed", settings))
    assert estimate.next_period().deviation == pytest.approx([math.sqrt(variance)], rel=1e-12)
    assert estimate.over(LEAD_TIMES).deviation == pytest.approx([2 * math.sqrt(variance)], rel=1e-12)


def test_of_two_markets_only_the_one_that_is_not_poisson_is_as_told(briefing_of, observation_of, two_markets) -> None:
    needs = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    told = {"forecast": [[16.0, 0.0], [16.0, 0.0]], "forecast_deviation": [[4.0, 0.0], [7.0, 5.0]]}
    briefing = dataclasses.replace(briefing_of(two_markets, "informed"), distributions=("poisson", "gamma"))
    estimate = estimate_for(briefing, needs, EchelonBaseStockConfig(formulas="textbook"))
    estimate.observe(observation_of(two_markets, "informed", **told))
    assert estimate.next_period().deviation == pytest.approx([4.0, 7.0, math.sqrt(65)], rel=1e-12)
    # Without demand Poisson keeps its variance of 1, and what is told is told.
    expected = [math.sqrt(17), math.sqrt(74), math.sqrt(91)]
    assert estimate.over(np.array([1, 1, 1])).deviation == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("noise_scale", [0.3, 1.0])
def test_on_poisson_worlds_the_textbook_takes_the_published_deviation_to_the_last_bit(
    briefing_of, observation_of, network, noise_scale
) -> None:
    settings = {"demand": Demand(base_mean=7.3, trend={}, noise_scale=noise_scale)}
    found = []
    for formulas in ("published", "textbook"):
        config = NewsvendorConfig(formulas=formulas)
        estimate = estimate_for(briefing_of(network, "informed", **settings), ONE, config)
        estimate.observe(observation_of(network, "informed", settings))
        found.append([estimate.next_period().deviation.tobytes(), estimate.over(LEAD_TIMES).deviation.tobytes()])
    assert found[0] == found[1]
