"""Orders of the four rules, worked out by hand or by a plain scalar transcription of the published rules."""

import math

import numpy as np
import pytest

from arena import newsvendor_quantile
from arena_heuristics.config import (
    EchelonBaseStockConfig,
    ExponentialSmoothingConfig,
    NewsvendorConfig,
    ReorderPointConfig,
)
from arena_heuristics.exponential_smoothing import ExponentialSmoothing, HoltForecast
from arena_heuristics.newsvendor import EchelonBaseStock, Newsvendor
from arena_heuristics.ordering import longest_lead_times_to_market
from arena_heuristics.reorder_point import ReorderPoint

Z95 = 1.6448536269514722


def first_order(rule, network, briefing_of, observation_of, track="blind", scenario=None, **arrays):
    rule.begin(briefing_of(network, track, **(scenario or {})))
    return rule.order(observation_of(network, track, scenario, **arrays))


def test_newsvendor_orders_up_to_the_quantile_of_each_lead_time(network, briefing_of, observation_of) -> None:
    orders = first_order(Newsvendor(NewsvendorConfig(prior_mean=25.0)), network, briefing_of, observation_of)
    retailer = 25 * 5 + newsvendor_quantile(0.1, 0.03) * 5 * math.sqrt(5) - 60
    distributor = 25 * 4 + newsvendor_quantile(0.6, 0.02) * 5 * math.sqrt(4) - 50
    factory = 25 + newsvendor_quantile(0.8, 0.01) * 5 - 80
    dear_factory = 25 * 2 + newsvendor_quantile(1.4, 0.02) * 5 * math.sqrt(2) - 30
    assert factory < 0
    assert orders == pytest.approx([retailer / 2, retailer / 2, distributor, 0.0, dear_factory], rel=1e-9)


def test_a_fixed_critical_ratio_holds_everywhere(network, briefing_of, observation_of) -> None:
    rule = Newsvendor(NewsvendorConfig(prior_mean=25.0, critical_ratio=0.5))
    orders = first_order(rule, network, briefing_of, observation_of)
    assert orders == pytest.approx([32.5, 32.5, 50.0, 0.0, 20.0], rel=1e-9)


def test_no_expected_demand_orders_nothing(network, briefing_of, observation_of) -> None:
    rule = Newsvendor(NewsvendorConfig())
    scenario = {"demand": {"series": {"values": [0.0]}}}
    arrays = {"on_hand": [0.0, 0.0, 0.0, 0.0]}
    orders = first_order(rule, network, briefing_of, observation_of, "informed", scenario, **arrays)
    assert orders.tolist() == [0.0] * 5


def test_the_reorder_point_rule_waits_and_then_orders_a_batch_more(network, briefing_of, observation_of) -> None:
    # The prior is 12 a period; retailer: s = 60 + z·√60, batch √(2·12·10).
    rule = ReorderPoint(ReorderPointConfig())
    level = 60 + Z95 * math.sqrt(60)
    orders = first_order(rule, network, briefing_of, observation_of)
    assert orders[0] + orders[1] == pytest.approx(level + math.sqrt(240) - 60, rel=1e-9)
    assert first_order(rule, network, briefing_of, observation_of, on_hand=[level + 0.01, 50.0, 80.0, 30.0])[0] == 0.0
    assert first_order(rule, network, briefing_of, observation_of, on_hand=[level - 0.01, 50.0, 80.0, 30.0])[0] > 7.0


def test_a_factory_without_fixed_cost_pretends_ten_operating_costs(network, briefing_of, observation_of) -> None:
    rule = ReorderPoint(ReorderPointConfig())
    orders = first_order(rule, network, briefing_of, observation_of, on_hand=[900.0, 900.0, 0.0, 900.0])
    assert orders[3] == pytest.approx(12 + Z95 * math.sqrt(12) + math.sqrt(2 * 12 * 10 * 0.01 / 0.01), rel=1e-9)


def test_a_fixed_ordering_cost_makes_the_batch(network, network_with, briefing_of, observation_of) -> None:
    links = [link.model_dump() | {"fixed_ordering_cost": 6.0 * (i == 0)} for i, link in enumerate(network.supply_links)]
    rule = ReorderPoint(ReorderPointConfig())
    orders = first_order(rule, network_with(supply_links=links), briefing_of, observation_of)
    batch = math.sqrt(2 * 12 * 3.0 / 0.03)
    assert orders[0] + orders[1] == pytest.approx(Z95 * math.sqrt(60) + batch, rel=1e-9)


def test_without_holding_cost_the_batch_is_the_lead_time_demand(
    network, network_with, briefing_of, observation_of
) -> None:
    free = [node.model_dump() | ({"holding_cost": 0.0} if node.id == 1 else {}) for node in network.nodes]
    rule = ReorderPoint(ReorderPointConfig())
    orders = first_order(rule, network_with(nodes=free), briefing_of, observation_of)
    assert orders[0] + orders[1] == pytest.approx(Z95 * math.sqrt(60) + 60, rel=1e-9)


def test_holt_smooths_level_trend_and_error(network) -> None:
    holt = HoltForecast(ExponentialSmoothingConfig())
    assert not holt.started
    with pytest.raises(ValueError, match="none has been seen"):
        _ = holt.mean
    holt.update(np.array([20.0]))
    assert holt.started
    assert (holt.mean.tolist(), holt.error_variance.tolist()) == ([20.0], [20.0])
    holt.update(np.array([30.0]))
    # level 0.3·30 + 0.7·20 = 23; trend 0.1·3 = 0.3; error variance 20 + 0.1·(100 − 20) = 28
    assert holt.mean == pytest.approx([23.3], rel=1e-12)
    assert holt.error_variance == pytest.approx([28.0], rel=1e-12)
    holt.update(np.array([0.0]))
    # level 0.7·23.3 = 16.31; trend 0.1·(16.31 − 23) + 0.9·0.3 = −0.399
    assert holt.mean == pytest.approx([15.911], rel=1e-12)


def test_a_falling_trend_stops_at_no_demand() -> None:
    holt = HoltForecast(ExponentialSmoothingConfig(trend_weight=1.0, level_weight=1.0))
    for demand in (100.0, 10.0):
        holt.update(np.array([demand]))
    assert holt.mean.tolist() == [0.0]


@pytest.mark.parametrize("track", ["blind", "informed"])
def test_smoothing_takes_its_spread_from_errors_or_from_the_forecast(
    network, briefing_of, observation_of, track
) -> None:
    rule = ExponentialSmoothing(ExponentialSmoothingConfig())
    rule.begin(briefing_of(network, track))
    rule.order(observation_of(network, track))
    rule.order(observation_of(network, track, period=1, last_demand=[30.0]))
    arrays = {"period": 2, "last_demand": [40.0], "on_hand": [0.0, 999.0, 999.0, 999.0]}
    orders = rule.order(observation_of(network, track, **arrays))
    mean, variance = 33.3, (37.0 if track == "blind" else 20.0)
    assert orders[0] + orders[1] == pytest.approx(
        5 * mean + newsvendor_quantile(0.1, 0.03) * math.sqrt(5 * variance), rel=1e-9
    )


def test_smoothing_begins_with_the_estimate_of_its_track(network, briefing_of, observation_of) -> None:
    for track, mean in (("blind", 12.0), ("informed", 20.0)):
        rule = ExponentialSmoothing(ExponentialSmoothingConfig(critical_ratio=0.5))
        orders = first_order(rule, network, briefing_of, observation_of, track, on_hand=[0.0] * 4)
        assert orders == pytest.approx([2.5 * mean, 2.5 * mean, 4 * mean, mean, 2 * mean], rel=1e-9)


def test_lead_times_to_the_market_add_up(network, two_markets) -> None:
    assert longest_lead_times_to_market(network) == {1: 0, 2: 4, 3: 7, 4: 2}
    assert longest_lead_times_to_market(two_markets) == {1: 0, 2: 0, 3: 3, 5: 3, 6: 13}


def test_an_echelon_covers_the_way_to_the_market_and_counts_what_is_on_it(network, briefing_of, observation_of) -> None:
    rule = EchelonBaseStock(EchelonBaseStockConfig(critical_ratio=0.5, prior_mean=25.0))
    orders = first_order(rule, network, briefing_of, observation_of)
    assert orders == pytest.approx([(125 - 60) / 2, (125 - 60) / 2, 200 - 110, 200 - 190, 100 - 90], rel=1e-9)


def test_echelon_ratios_use_the_echelon_holding_cost(network, briefing_of, observation_of) -> None:
    rule = EchelonBaseStock(EchelonBaseStockConfig(prior_mean=25.0))
    orders = first_order(rule, network, briefing_of, observation_of)
    assert orders[2] == pytest.approx(200 + newsvendor_quantile(0.6, 0.01) * 5 * math.sqrt(8) - 110, rel=1e-9)


def test_components_are_ordered_in_their_own_units(assembly, briefing_of, observation_of) -> None:
    rule = Newsvendor(NewsvendorConfig(critical_ratio=0.5, prior_mean=20.0))
    orders = first_order(rule, assembly, briefing_of, observation_of, component_stock=[0.0, 0.0])
    assert orders[[1, 3]] == pytest.approx([40.0, 40.0], rel=1e-9)
    assert orders[2] == pytest.approx(240.0, rel=1e-9)
    assert orders[6] == pytest.approx(2 * 20 * 2 - 50, rel=1e-9)


# --- the textbook's formulas ------------------------------------------------------------------------------------------

UNDERAGE = 2 - 0.21 + 0.1  # margin by the cheapest way, and penalty


def test_by_the_textbook_a_node_that_ships_covers_a_period_more(network, briefing_of, observation_of) -> None:
    rule = Newsvendor(NewsvendorConfig(prior_mean=25.0, formulas="textbook"))
    orders = first_order(rule, network, briefing_of, observation_of, on_hand=[60.0, 50.0, 0.0, 30.0])
    retailer = 25 * 5 + newsvendor_quantile(UNDERAGE, 0.03) * 5 * math.sqrt(5) - 60
    distributor = 25 * 5 + newsvendor_quantile(UNDERAGE, 0.02) * 5 * math.sqrt(5) - 50
    factory = 25 * 2 + newsvendor_quantile(UNDERAGE, 0.01) * 5 * math.sqrt(2)
    dear_factory = 25 * 3 + newsvendor_quantile(UNDERAGE, 0.02) * 5 * math.sqrt(3) - 30
    assert orders == pytest.approx([retailer / 2, retailer / 2, distributor, factory, dear_factory], rel=1e-9)


def test_by_the_textbook_an_echelon_covers_a_period_more_for_every_node(network, briefing_of, observation_of) -> None:
    rule = EchelonBaseStock(EchelonBaseStockConfig(prior_mean=25.0, critical_ratio=0.5, formulas="textbook"))
    orders = first_order(rule, network, briefing_of, observation_of, on_hand=[60.0, 50.0, 20.0, 30.0])
    # Retailer 5 periods; distributor 3 + 1 + 4 + 1; factory 0 + 1 + 3 + 1 + 4 + 1; the other one 1 + 1 + 2 + 1.
    assert orders == pytest.approx([32.5, 32.5, 225 - 110, 250 - 130, 125 - 90], rel=1e-9)


def test_by_the_textbook_an_echelons_ratio_is_between_shang_and_songs(network, briefing_of, observation_of) -> None:
    rule = EchelonBaseStock(EchelonBaseStockConfig(prior_mean=25.0, formulas="textbook"))
    orders = first_order(rule, network, briefing_of, observation_of)
    # At distributor 2: h = .02, .01 at its supplier, .03 at the customers.
    low = newsvendor_quantile(UNDERAGE + 0.01, 0.03 - 0.01)
    high = newsvendor_quantile(UNDERAGE + 0.01, 0.02 - 0.01)
    assert orders[2] == pytest.approx(225 + (low + high) / 2 * 5 * math.sqrt(9) - 110, rel=1e-9)


def test_by_the_textbook_smoothing_covers_what_the_newsvendor_covers(network, briefing_of, observation_of) -> None:
    rule = ExponentialSmoothing(ExponentialSmoothingConfig(critical_ratio=0.5, formulas="textbook"))
    orders = first_order(rule, network, briefing_of, observation_of, "informed", on_hand=[0.0] * 4)
    assert orders == pytest.approx([50.0, 50.0, 100.0, 40.0, 60.0], rel=1e-9)


@pytest.mark.parametrize("track", ["blind", "informed"])
def test_by_the_textbook_nothing_is_ordered_that_comes_too_late(network, briefing_of, observation_of, track) -> None:
    scenario = {"horizon": 12, "demand": {"base_mean": 20.0}}
    rule = Newsvendor(NewsvendorConfig(critical_ratio=0.5, prior_mean=20.0, formulas="textbook"))
    rule.begin(briefing_of(network, track, **scenario))

    def ordered(period: int) -> list[bool]:
        arrays = {"period": period, "last_demand": [20.0], "on_hand": [0.0] * 4}
        if track == "informed":
            arrays["forecast"] = np.full((1, 12 - period + 7), 20.0)
        return (rule.order(observation_of(network, track, scenario, **arrays)) > 0).tolist()

    # From order to customer: 4, 2, 3 + 1 + 4, 0 + 1 + 8 and 1 + 1 + 2 periods; the last period is 11.
    assert ordered(2) == [True, True, True, True, True]
    assert ordered(3) == [True, True, True, False, True]
    assert ordered(4) == [True, True, False, False, True]
    assert ordered(8) == [False, True, False, False, False]
    assert ordered(9) == [False, True, False, False, False]
    assert ordered(10) == [False] * 5


def test_by_the_textbook_a_level_covers_no_demand_after_the_end(network, briefing_of, observation_of) -> None:
    scenario = {"horizon": 12, "demand": {"base_mean": 20.0}}
    rule = Newsvendor(NewsvendorConfig(critical_ratio=0.5, prior_mean=20.0, formulas="textbook"))
    rule.begin(briefing_of(network, "blind", **scenario))
    orders = rule.order(observation_of(network, scenario=scenario, period=9, last_demand=[20.0], on_hand=[0.0] * 4))
    # Three periods are left; half of what is missing would come from the slow supplier, too late.
    assert orders.tolist() == [0.0, 30.0, 0.0, 0.0, 0.0]


def test_ordering_next_to_nothing_is_the_published_rules_alone(network_with, briefing_of, observation_of) -> None:
    free = {
        "supply_links": [link.model_dump() | {"price": 0.0} for link in network_with().supply_links],
        "market_links": [network_with().market_links[0].model_dump() | {"shortage_penalty": 0.0}],
    }
    arrays = {"on_hand": [0.0] * 4}
    published, textbook = (
        first_order(
            Newsvendor(NewsvendorConfig(formulas=each)), network_with(**free), briefing_of, observation_of, **arrays
        )
        for each in ("published", "textbook")
    )
    assert published[:2].sum() == 0.0
    assert textbook[:2].sum() > 5 * 12
