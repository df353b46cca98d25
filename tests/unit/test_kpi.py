"""KPIs: each by hand on a ledger small enough to check."""

from dataclasses import replace

import numpy as np
import pytest

from arena import Simulator, load_scenario
from arena.contract.kpi import measure
from arena.errors import ArenaError


def _played(name, orders, seed=42):
    scenario = load_scenario(name)
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        simulator.step(orders)
    return simulator.ledger(), scenario


@pytest.fixture
def starved():
    """Nothing is ever ordered: 100 units at the retailer are sold, everything else is backlog."""
    return _played("serial-stationary-backlog", [0.0, 0.0, 0.0])


def test_fill_rates_and_service_of_a_starved_network(starved):
    ledger, scenario = starved
    kpis = measure(ledger, scenario)
    demand = ledger.demand[:, 0]
    assert kpis.fill_rate == pytest.approx(100 / demand.sum(), abs=1e-12)
    assert kpis.immediate_fill_rate == pytest.approx(100 / demand.sum(), abs=1e-12)
    assert kpis.service_level == np.mean(np.cumsum(demand) <= 100)
    assert kpis.unfilled == pytest.approx(np.maximum(0, np.cumsum(demand) - 100).sum(), abs=1e-9)
    assert kpis.bullwhip_ratio == 0


def test_profit_of_a_starved_network_is_its_sales_less_holding_and_penalties(starved):
    ledger, scenario = starved
    kpis = measure(ledger, scenario)
    left = np.maximum(0, 100 - np.cumsum(ledger.demand[:, 0]))
    holding = 0.03 * left.sum() + 30 * (100 * 0.02 + 200 * 0.01)
    assert kpis.revenue == pytest.approx(200, abs=1e-9)
    assert kpis.holding_cost == pytest.approx(holding, abs=1e-9)
    assert kpis.shortage_penalty == pytest.approx(0.1 * kpis.unfilled, abs=1e-9)
    assert kpis.procurement_cost == kpis.operating_cost == kpis.fixed_ordering_cost == 0
    assert kpis.profit == pytest.approx(200 - holding - 0.1 * kpis.unfilled, abs=1e-9)


def test_late_sales_count_for_the_fill_rate_but_not_for_the_immediate_one():
    ledger, scenario = _played("divergent-trend-seasonal-backlog", np.full(11, 20.0))
    late = np.minimum(ledger.sold, ledger.carried_backlog).sum()
    assert late > 0
    kpis = measure(ledger, scenario)
    on_time = ledger.sold.sum() - late
    assert kpis.immediate_fill_rate == pytest.approx(on_time / ledger.demand.sum(), abs=1e-12)
    assert kpis.immediate_fill_rate < kpis.fill_rate


def test_both_fill_rates_agree_under_lost_sales():
    ledger, scenario = _played("serial-stationary-lost-sales", [12.0, 20.0, 20.0])
    kpis = measure(ledger, scenario)
    assert kpis.fill_rate < 1
    assert kpis.immediate_fill_rate == pytest.approx(kpis.fill_rate, abs=1e-12)


def test_bullwhip_by_echelon_looks_at_each_groups_filled_orders():
    ledger, scenario = _played("divergent-trend-seasonal-backlog", np.full(11, 20.0))
    kpis = measure(ledger, scenario)
    variance = ledger.demand.sum(axis=1).var()
    assert kpis.bullwhip_retailers == pytest.approx(ledger.filled[:, :2].sum(axis=1).var() / variance)
    assert kpis.bullwhip_distributors == pytest.approx(ledger.filled[:, 2:7].sum(axis=1).var() / variance)
    assert kpis.bullwhip_factories == pytest.approx(ledger.filled[:, 7:].sum(axis=1).var() / variance)
    assert kpis.bullwhip_distributors > 0


def test_inventory_turns_are_sales_over_mean_stock():
    ledger, scenario = _played("serial-stationary-backlog", [20.0, 20.0, 20.0])
    kpis = measure(ledger, scenario)
    assert kpis.average_inventory == pytest.approx(ledger.on_hand.mean())
    assert kpis.inventory_turns == pytest.approx(ledger.sold.sum() / ledger.on_hand.mean())


def test_without_demand_rates_are_one():
    ledger, scenario = _played("serial-stationary-backlog", [0.0, 0.0, 0.0])
    nothing = np.zeros_like(ledger.demand)
    kpis = measure(replace(ledger, demand=nothing, sold=nothing.copy()), scenario)
    assert (kpis.fill_rate, kpis.immediate_fill_rate, kpis.bullwhip_ratio) == (1.0, 1.0, 1.0)


def test_books_that_do_not_balance_are_an_error():
    ledger, scenario = _played("serial-stationary-backlog", [20.0, 20.0, 20.0])
    measure(ledger, scenario)
    cooked = ledger.reward.copy()
    cooked[3] += 1e-3
    with pytest.raises(ArenaError, match="books do not balance"):
        measure(replace(ledger, reward=cooked), scenario)


def test_an_empty_ledger_has_no_kpis():
    simulator = Simulator(load_scenario("serial-stationary-backlog"))
    simulator.start(1)
    with pytest.raises(ValueError, match="at least one period"):
        measure(simulator.ledger(), simulator.scenario)


def test_one_market_left_waiting_spoils_the_periods_service():
    ledger, scenario = _played("w-trend-seasonal-lost-sales", np.full(6, 12.0))
    short = ledger.unfilled > 0
    assert (short.any(axis=1) & ~short.all(axis=1)).any()  # periods in which only one of the two markets is short
    assert measure(ledger, scenario).service_level == pytest.approx(1 - short.any(axis=1).mean())
