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


def _copying(name, seed=42):
    """Every node orders what was asked of it in the period before: no stage amplifies anything."""
    scenario = load_scenario(name)
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        demand = simulator.ledger().demand if simulator.period else np.full((1, 1), 20.0)
        simulator.step(np.full(simulator.compiled.links, demand[-1, 0]))
    return simulator.ledger(), scenario


def test_a_chain_that_copies_demand_amplifies_at_no_stage():
    ledger, scenario = _copying("serial-stationary-backlog")
    kpis = measure(ledger, scenario)
    assert kpis.bullwhip_ratio == pytest.approx(9, rel=0.1)  # three equal orders are added up
    assert kpis.stage_bullwhip_retailers == pytest.approx(1, rel=0.1)
    # These copy the orders that they receive in the same period.
    assert kpis.stage_bullwhip_distributors == pytest.approx(1, rel=1e-12)
    assert kpis.stage_bullwhip_factories == pytest.approx(1, rel=1e-12)


def test_a_stages_bullwhip_is_its_orders_against_what_it_received():
    ledger, scenario = _played("serial-stationary-backlog", [20.0, 20.0, 20.0])
    requested = ledger.requested.copy()
    requested[:, 0] += np.arange(30) % 2 * 4.0
    requested[:, 1] += np.arange(30) % 3 * 6.0
    kpis = measure(replace(ledger, requested=requested), scenario)
    demand = ledger.demand[:, 0].var()
    assert kpis.stage_bullwhip_retailers == pytest.approx(4.0 / demand, rel=1e-12)
    assert kpis.stage_bullwhip_distributors == pytest.approx(24.0 / 4.0, rel=1e-12)
    assert kpis.stage_bullwhip_factories == pytest.approx(0, abs=1e-12)
    steady = measure(ledger, scenario)
    assert steady.stage_bullwhip_distributors == 1  # what it received does not vary


def test_a_shortage_by_rounding_is_none():
    ledger, scenario = _played("serial-stationary-backlog", [20.0, 20.0, 20.0])
    unfilled = np.zeros_like(ledger.unfilled)
    unfilled[3], unfilled[4] = 1e-15, 1e-3
    kpis = measure(replace(ledger, unfilled=unfilled), scenario)
    assert kpis.service_level == pytest.approx(28 / 30, abs=1e-12)
    assert kpis.stockout_free_periods == pytest.approx(29 / 30, abs=1e-12)


def test_turns_of_the_network_do_not_grow_with_the_number_of_nodes():
    ledger, scenario = _played("serial-stationary-backlog", [20.0, 20.0, 20.0])
    kpis = measure(ledger, scenario)
    assert kpis.network_turns == pytest.approx(ledger.sold.sum() / ledger.on_hand.sum(axis=1).mean(), rel=1e-12)
    assert kpis.inventory_turns == pytest.approx(kpis.network_turns * ledger.on_hand.shape[1], rel=1e-12)
    empty = measure(replace(ledger, on_hand=np.zeros_like(ledger.on_hand)), scenario)
    assert empty.network_turns == 0


def test_a_factory_that_lost_nothing_of_the_backlog_delivered_late_all_the_same():
    """Orders of 20 a period over a factory that ships at most 15: what it owes is delivered first."""
    scenario = load_scenario("serial-stationary-backlog")
    nodes = tuple(
        node if node.capacity is None else node.model_copy(update={"capacity": 15.0, "initial_stock": 1000.0})
        for node in scenario.network.nodes
    )
    network = scenario.network.model_copy(update={"nodes": nodes})
    for shortage, fill_rate in (("lost", 15 / 20), ("owed", (15 + 10 + 5) / (30 * 20))):
        narrow = scenario.model_copy(update={"network": network, "upstream_shortage": shortage})
        simulator = Simulator(narrow)
        simulator.start(42)
        while not simulator.finished:
            simulator.step([20.0, 20.0, 20.0])
        kpis = measure(simulator.ledger(), narrow)
        assert kpis.stage_fill_rate_factories == pytest.approx(fill_rate, abs=1e-12)
        assert kpis.stage_service_level_factories == 0.0
        assert kpis.stage_fill_rate_retailers == pytest.approx(kpis.immediate_fill_rate, abs=1e-12)


def test_full_revenue_is_what_the_starved_network_could_have_earned(starved):
    ledger, scenario = starved
    kpis = measure(ledger, scenario)
    assert kpis.full_revenue == pytest.approx(2.0 * ledger.demand.sum(), abs=1e-9)
    assert kpis.revenue < kpis.full_revenue
