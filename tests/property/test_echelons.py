"""Service by echelon, and full revenue: held against the books of the episode, by other ways of counting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from later_strategies import later_scenarios
from strategies import changed, episodes, play

from arena.contract.echelons import NO_SHORTAGE, links_by_echelon
from arena.contract.kpi import measure
from arena.simulate.ledger import Ledger
from arena.world.scenario import Scenario

ECHELONS = ("retailers", "distributors", "factories")


def counted(ledger: Ledger, scenario: Scenario, nodes: set[int]) -> tuple[float, float]:
    """Fill rate and service level of some nodes, counted unit by unit where the supplier owes what it lacks.

    There the books say what was asked for: what was shipped, and what the debt grew by.
    """
    asked = at_once = good = 0.0
    for period in range(scenario.warm_up, ledger.periods):
        is_good = True
        for i, link in enumerate(scenario.network.supply_links):
            if link.supplier in nodes:
                before = ledger.owed[period - 1, i] if period else 0.0
                order = ledger.filled[period, i] + ledger.owed[period, i] - before
                asked += order
                at_once += min(order, max(0.0, ledger.filled[period, i] - before))
                is_good &= bool(ledger.owed[period, i] <= NO_SHORTAGE * (order + before))
        for i, market in enumerate(scenario.network.market_links):
            if market.retailer in nodes:
                demand, waiting = ledger.demand[period, i], ledger.carried_backlog[period, i]
                asked += demand
                at_once += min(demand, max(0.0, ledger.sold[period, i] - waiting))
                is_good &= bool(demand + waiting - ledger.sold[period, i] <= NO_SHORTAGE * (demand + waiting))
        good += is_good
    return (min(1.0, at_once / asked) if asked > 0 else 1.0), good / (ledger.periods - scenario.warm_up)


@given(episodes(later_scenarios()))
def test_service_by_echelon_agrees_with_the_books_of_what_is_owed(episode):
    scenario = changed(episode.scenario, upstream_shortage="owed")
    ledger = play(replace(episode, scenario=scenario))
    kpis = measure(ledger, scenario)
    for echelon, links in links_by_echelon(scenario.network).items():
        nodes = {scenario.network.supply_links[link].buyer for link in links}
        fill_rate, service = counted(ledger, scenario, nodes)
        assert getattr(kpis, f"stage_fill_rate_{echelon}") == pytest.approx(fill_rate, abs=1e-6)
        assert abs(getattr(kpis, f"stage_service_level_{echelon}") - service) * ledger.periods <= 1e-6 or np.any(
            # Where the debt is rounding alone, two sums of the same numbers may differ about it.
            (ledger.owed > 0) & (ledger.owed < 1e-6)
        )


@given(episodes(later_scenarios()))
def test_rates_are_shares_and_a_missing_echelon_fails_nobody(episode):
    kpis = measure(play(episode), episode.scenario)
    for echelon, links in links_by_echelon(episode.scenario.network).items():
        values = [getattr(kpis, f"stage_{kind}_{echelon}") for kind in ("fill_rate", "service_level")]
        assert all(0 <= value <= 1 for value in values)
        assert links or values == [1.0, 1.0]


@given(episodes(later_scenarios()))
def test_retailers_that_serve_customers_alone_have_the_service_of_the_network(episode):
    network = episode.scenario.network
    assume(not any(link.supplier in network.retailers for link in network.supply_links))
    kpis = measure(play(episode), episode.scenario)
    assert kpis.stage_fill_rate_retailers == pytest.approx(kpis.immediate_fill_rate, abs=1e-9)
    assert kpis.stage_service_level_retailers == pytest.approx(kpis.stockout_free_periods, abs=1e-12)


@given(episodes(later_scenarios()))
def test_full_revenue_is_the_customers_money_less_what_was_not_sold(episode):
    scenario, ledger = episode.scenario, play(episode)
    full = 0.0
    for period in range(scenario.warm_up, ledger.periods):
        for i, link in enumerate(scenario.network.market_links):
            full += scenario.discount**period * link.price * ledger.demand[period, i]
    assert measure(ledger, scenario).full_revenue == pytest.approx(full, rel=1e-9, abs=1e-9)
