"""Golden values: every indicator is pinned to the number of the rules, and so is the contract's digest.

Two arenas of one digest have to measure alike, or their results would be ranked together and mean different things. If
a value moves on purpose, raise `RULES` in `arena/contract/version.py`, and then pin the new values and the new digest.
"""

from typing import Final

import numpy as np
import pytest

from arena import Simulator, load_scenario
from arena.contract.kpi import Kpis, measure
from arena.contract.version import RULES, contract_digest
from arena.world.scenario import Scenario

DIGEST: Final = "47753fe4e9322573b0b48f90940b6ff5743497025acb81560b895477e75bd244"

PINNED: Final[dict[str, dict[str, float]]] = {
    "divergent-trend-seasonal-shock-goodwill-backlog": {
        "profit": -210.19800000000006,
        "fill_rate": 0.9411764705882353,
        "immediate_fill_rate": 0.22103386809269163,
        "service_level": 0.13333333333333333,
        "average_inventory": 262.80555555555554,
        "unfilled": 2096.5,
        "revenue": 3372.675,
        "procurement_cost": 2571.74,
        "holding_cost": 778.622,
        "operating_cost": 22.861000000000004,
        "shortage_penalty": 209.65,
        "fixed_ordering_cost": 0.0,
        "bullwhip_ratio": 1.3539216382996364,
        "bullwhip_retailers": 0.46937663599000345,
        "bullwhip_distributors": 0.6380538677468641,
        "bullwhip_factories": 0.0938332800341115,
        "inventory_turns": 2.009089948208435,
        "final_sentiment": 0.2,
        "stage_bullwhip_retailers": 0.410525411884542,
        "stage_bullwhip_distributors": 1.5542372025591273,
        "stage_bullwhip_factories": 0.14706168989377258,
        "stockout_free_periods": 0.13333333333333333,
        "network_turns": 0.3348483247014058,
        "terminal_value": 0.0,
        "full_revenue": 1122.0,
        "stage_fill_rate_retailers": 0.22103386809269163,
        "stage_fill_rate_distributors": 0.9388523047977423,
        "stage_fill_rate_factories": 1.0,
        "stage_service_level_retailers": 0.13333333333333333,
        "stage_service_level_distributors": 0.9,
        "stage_service_level_factories": 1.0,
    },
    "serial-m5-backlog": {
        "profit": 140.0484667359669,
        "fill_rate": 0.5150000000000001,
        "immediate_fill_rate": 0.44166666666666676,
        "service_level": 0.8,
        "average_inventory": 135.18421113421115,
        "unfilled": 901.0166320166313,
        "revenue": 1271.0,
        "procurement_cost": 813.5,
        "holding_cost": 224.4648700623701,
        "operating_cost": 2.885,
        "shortage_penalty": 90.10166320166314,
        "fixed_ordering_cost": 0.0,
        "bullwhip_ratio": 0.049035728023366476,
        "bullwhip_retailers": 0.03252750899119315,
        "bullwhip_distributors": 0.03825406293828781,
        "bullwhip_factories": 0.047199832740334055,
        "inventory_turns": 2.2857698943349547,
        "final_sentiment": 1.0,
        "stage_bullwhip_retailers": 0.03252750899119315,
        "stage_bullwhip_distributors": 1.1760526435837777,
        "stage_bullwhip_factories": 1.233851494845861,
        "stockout_free_periods": 0.8,
        "network_turns": 0.7619232981116517,
        "terminal_value": 0.0,
        "full_revenue": 1200.0,
        "stage_fill_rate_retailers": 0.44166666666666676,
        "stage_fill_rate_distributors": 1.0,
        "stage_fill_rate_factories": 1.0,
        "stage_service_level_retailers": 0.8,
        "stage_service_level_distributors": 1.0,
        "stage_service_level_factories": 1.0,
    },
    "assembly-trend-seasonal-lost-sales": {
        "profit": 428.5650000000001,
        "fill_rate": 0.4630606860158311,
        "immediate_fill_rate": 0.4630606860158311,
        "service_level": 0.2,
        "average_inventory": 239.9125,
        "unfilled": 407.0,
        "revenue": 2052.2000000000003,
        "procurement_cost": 1176.1999999999998,
        "holding_cost": 357.262,
        "operating_cost": 8.773,
        "shortage_penalty": 81.4,
        "fixed_ordering_cost": 0.0,
        "bullwhip_ratio": 1.3689923988508497,
        "bullwhip_retailers": 0.6560031122815417,
        "bullwhip_distributors": 0.0,
        "bullwhip_factories": 0.23707954273401954,
        "inventory_turns": 1.4630333975928724,
        "final_sentiment": 1.0,
        "stage_bullwhip_retailers": 0.6560031122815417,
        "stage_bullwhip_distributors": 0.0,
        "stage_bullwhip_factories": 0.2397321935166622,
        "stockout_free_periods": 0.2,
        "network_turns": 0.3657583493982181,
        "terminal_value": 0.0,
        "full_revenue": 2274.0,
        "stage_fill_rate_retailers": 0.4630606860158311,
        "stage_fill_rate_distributors": 1.0,
        "stage_fill_rate_factories": 1.0,
        "stage_service_level_retailers": 0.2,
        "stage_service_level_distributors": 1.0,
        "stage_service_level_factories": 1.0,
    },
    "divergent-trend-seasonal-backlog": {
        "profit": -721.907611935843,
        "fill_rate": 0.5720476706392199,
        "immediate_fill_rate": 0.14897074756229686,
        "service_level": 0.16666666666666666,
        "average_inventory": 263.2,
        "unfilled": 6434.5,
        "revenue": 2250.3587497191747,
        "procurement_cost": 1704.0275243867904,
        "holding_cost": 486.18832077607397,
        "operating_cost": 15.181773172991328,
        "shortage_penalty": 358.12005334859305,
        "fixed_ordering_cost": 408.7486899705689,
        "bullwhip_ratio": 1.1315493808218096,
        "bullwhip_retailers": 0.39228477247305016,
        "bullwhip_distributors": 0.5332579364686549,
        "bullwhip_factories": 0.07842181328634641,
        "inventory_turns": 2.0060790273556233,
        "final_sentiment": 1.0,
        "stage_bullwhip_retailers": 0.343099454568852,
        "stage_bullwhip_distributors": 1.5542372025591273,
        "stage_bullwhip_factories": 0.14706168989377258,
        "stockout_free_periods": 0.16666666666666666,
        "network_turns": 0.3343465045592705,
        "terminal_value": 0.0,
        "full_revenue": 1247.5823169066896,
        "stage_fill_rate_retailers": 0.14897074756229686,
        "stage_fill_rate_distributors": 0.9388523047977423,
        "stage_fill_rate_factories": 1.0,
        "stage_service_level_retailers": 0.16666666666666666,
        "stage_service_level_distributors": 0.9,
        "stage_service_level_factories": 1.0,
    },
    "serial-stationary-backlog": {
        "profit": 146.9125,
        "fill_rate": 0.5469026548672566,
        "immediate_fill_rate": 0.23539823008849559,
        "service_level": 0.23333333333333334,
        "average_inventory": 104.27222222222223,
        "unfilled": 2903.0,
        "revenue": 1271.0,
        "procurement_cost": 813.5,
        "holding_cost": 141.0025,
        "operating_cost": 2.885,
        "shortage_penalty": 290.3,
        "fixed_ordering_cost": 0.0,
        "bullwhip_ratio": 2.414778955060285,
        "bullwhip_retailers": 1.6018268176835952,
        "bullwhip_distributors": 1.8838326635001823,
        "bullwhip_factories": 2.32436974789916,
        "inventory_turns": 2.9633970909478395,
        "final_sentiment": 1.0,
        "stage_bullwhip_retailers": 1.6018268176835952,
        "stage_bullwhip_distributors": 1.1760526435837777,
        "stage_bullwhip_factories": 1.233851494845861,
        "stockout_free_periods": 0.23333333333333334,
        "network_turns": 0.9877990303159465,
        "terminal_value": 123.6,
        "full_revenue": 1130.0,
        "stage_fill_rate_retailers": 0.23539823008849559,
        "stage_fill_rate_distributors": 1.0,
        "stage_fill_rate_factories": 1.0,
        "stage_service_level_retailers": 0.23333333333333334,
        "stage_service_level_distributors": 1.0,
        "stage_service_level_factories": 1.0,
    },
    "w-trend-seasonal-lost-sales": {
        "profit": 841.5825000000001,
        "fill_rate": 0.45327754532775455,
        "immediate_fill_rate": 0.45327754532775455,
        "service_level": 0.1,
        "average_inventory": 158.17666666666668,
        "unfilled": 784.0,
        "revenue": 2606.8500000000004,
        "procurement_cost": 1344.15,
        "holding_cost": 301.30750000000006,
        "operating_cost": 8.16,
        "shortage_penalty": 111.64999999999999,
        "fixed_ordering_cost": 0.0,
        "bullwhip_ratio": 0.6446133006754249,
        "bullwhip_retailers": 0.3215713835077563,
        "bullwhip_distributors": 0.3006012024048097,
        "bullwhip_factories": 0.6998278965338085,
        "inventory_turns": 4.109329231028596,
        "final_sentiment": 1.0,
        "stage_bullwhip_retailers": 0.3215713835077563,
        "stage_bullwhip_distributors": 1.395662177855036,
        "stage_bullwhip_factories": 1.5593138876255837,
        "stockout_free_periods": 0.1,
        "network_turns": 0.8218658462057193,
        "terminal_value": 0.0,
        "full_revenue": 3361.0,
        "stage_fill_rate_retailers": 0.45327754532775455,
        "stage_fill_rate_distributors": 1.0,
        "stage_fill_rate_factories": 0.8169440242057489,
        "stage_service_level_retailers": 0.1,
        "stage_service_level_distributors": 1.0,
        "stage_service_level_factories": 0.0,
    },
}
"""By scenario, every indicator of the episode that `play` plays."""

SEEDS: Final = {
    "divergent-trend-seasonal-shock-goodwill-backlog": 42,
    "serial-m5-backlog": 123,
    "assembly-trend-seasonal-lost-sales": 456,
    "divergent-trend-seasonal-backlog": 789,
    "serial-stationary-backlog": 1011,
    "w-trend-seasonal-lost-sales": 2022,
}


def world(name: str) -> Scenario:
    """A shipped scenario, some with money or factories that no shipped one has, so that every indicator moves."""
    scenario = load_scenario(name)
    if name == "w-trend-seasonal-lost-sales":
        nodes = tuple(
            node if node.capacity is None else node.model_copy(update={"capacity": 12.0})
            for node in scenario.network.nodes
        )
        return scenario.model_copy(update={"network": scenario.network.model_copy(update={"nodes": nodes})})
    if name == "serial-stationary-backlog":
        nodes = tuple(
            node.model_copy(update={"terminal_value": 0.3}) if node.id in scenario.network.managed else node
            for node in scenario.network.nodes
        )
        return scenario.model_copy(update={"network": scenario.network.model_copy(update={"nodes": nodes})})
    if name != "divergent-trend-seasonal-backlog":
        return scenario
    links = tuple(one.model_copy(update={"fixed_ordering_cost": 2.5}) for one in scenario.network.supply_links)
    network = scenario.network.model_copy(update={"supply_links": links})
    return scenario.model_copy(update={"network": network, "discount": 0.97})


def play(name: str) -> Kpis:
    """Play fixed orders that differ between links and periods, some of them zero."""
    scenario = world(name)
    simulator = Simulator(scenario)
    simulator.start(SEEDS[name])
    while not simulator.finished:
        period, links = simulator.period, np.arange(simulator.compiled.links)
        simulator.step((10.0 + 1.5 * links + period % 3) * ((links + period) % 4 > 0))
    return measure(simulator.ledger(), scenario)


@pytest.mark.parametrize("name", SEEDS)
def test_indicators_move_only_with_the_rules_number(name: str) -> None:
    """If this fails, episodes end with other numbers: raise RULES, and then these."""
    assert RULES == 3
    assert play(name).model_dump() == pytest.approx(PINNED[name], abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("name", SEEDS)
def test_every_indicator_is_pinned(name: str) -> None:
    """If this fails, an indicator was added or removed: pin it here for every scenario, and the digest below."""
    assert list(PINNED[name]) == list(Kpis.model_fields)


@pytest.mark.parametrize("indicator", list(Kpis.model_fields))
def test_every_indicator_is_pinned_to_two_values_at_least(indicator: str) -> None:
    """A value that is the same everywhere, as a cost that nobody pays, would pin nothing."""
    assert len({values.get(indicator) for values in PINNED.values()}) > 1


def test_the_digest_moves_only_on_purpose() -> None:
    """If this fails, results of this arena are no longer ranked with earlier ones: say so in CHANGELOG."""
    assert contract_digest() == DIGEST
