"""The rolling programs in episodes: orders that can be placed, and a fallback that is stated, counted and not zero."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from strategies import changed

from arena import Network, Observation, Scenario, Simulator, Track, TrackView, load_network, load_scenario
from arena.simulate.ledger import Ledger
from arena_optimization.config import (
    BeliefConfig,
    DeterministicProgramConfig,
    MultiStageProgramConfig,
    StochasticProgramConfig,
    StructureConfig,
)
from arena_optimization.controllers.published import DeterministicProgram, MultiStageProgram
from arena_optimization.controllers.rolling import RollingController, passed_up
from arena_optimization.controllers.stochastic_program import StochasticProgram
from arena_optimization.programs.extensive_form import Plan, UnfinishedPlan
from arena_optimization.programs.rolling_horizon import Planner
from arena_optimization.programs.solver import SolveFailure

NAMES = ("dlp", "mssp", "stochastic-program")
TRACKS: tuple[Track, ...] = ("blind", "informed")
NETWORKS = ("assembly", "assembly-pooled", "diamond", "divergent", "serial", "tree", "w")
BELIEF = BeliefConfig(structure=StructureConfig(particles=64, moves=1))
BUDGET = 30.0
"""Seconds per decision: no test is to fail by the clock."""


def controller_of(name: str) -> Any:
    """A controller of few paths."""
    if name == "dlp":
        return DeterministicProgram(DeterministicProgramConfig())
    if name == "mssp":
        return MultiStageProgram(MultiStageProgramConfig(paths=4))
    return StochasticProgram(StochasticProgramConfig(paths=6, integer_paths=3, belief=BELIEF))


def shortened(network: str, *, horizon: int = 8, **changes: Any) -> Scenario:
    """A short backlog episode of stationary demand on a shipped network."""
    base = load_scenario("serial-stationary-backlog")
    return changed(base, network=load_network(network), horizon=horizon, **changes)


def played(
    controller: RollingController, scenario: Scenario, track: Track, *, seed: int = 42, budget: float = BUDGET
) -> Ledger:
    """The ledger of an episode; every order must be one that can be placed."""
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    controller.begin(view.brief(seed=5, time_budget=budget))
    simulator.start(seed)
    while not simulator.finished:
        orders = controller.order(view.observe(simulator.state))
        assert orders.shape == (len(scenario.network.supply_links),)
        assert np.isfinite(orders).all()
        assert (orders >= 0.0).all()
        assert (orders <= scenario.order_bound).all()
        simulator.step(orders)
    return simulator.ledger()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("network", NETWORKS)
def test_an_episode_on_every_shipped_network_needs_no_fallback(name: str, track: Track, network: str) -> None:
    controller = controller_of(name)
    ledger = played(controller, shortened(network), track)
    assert controller.report().fallbacks == 0
    assert ledger.requested.sum() > 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    "scenario",
    [
        "serial-trend-seasonal-goodwill-lost-sales",
        "divergent-trend-seasonal-shock-goodwill-backlog",
        "serial-m5-backlog",
    ],
)
def test_an_episode_of_the_core_suite_needs_no_fallback(name: str, track: Track, scenario: str) -> None:
    controller = controller_of(name)
    played(controller, changed(load_scenario(scenario), horizon=8), track)
    assert controller.report().fallbacks == 0


@pytest.mark.parametrize("name", NAMES)
def test_orders_of_a_short_episode_beat_no_orders(name: str) -> None:
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=20)
    nothing = Simulator(scenario)
    nothing.start(42)
    for _ in range(20):
        nothing.step(np.zeros(3))
    assert played(controller_of(name), scenario, "informed").reward.sum() > nothing.ledger().reward.sum()


def with_rules(**rules: float) -> Scenario:
    """The serial chain with rules for orders on all links, or a storage capacity at all stocks."""
    scenario = shortened("serial", horizon=6)
    network = scenario.network
    capacity = rules.pop("storage_capacity", None)
    nodes = tuple(
        node.model_copy(update={"storage_capacity": (node.initial_stock or 0.0) + capacity})
        if capacity is not None and node.id in network.managed
        else node
        for node in network.nodes
    )
    links = tuple(link.model_copy(update=rules) for link in network.supply_links)
    return changed(scenario, network=changed(network, nodes=nodes, supply_links=links))


RULES = {
    "fixed costs": {"fixed_ordering_cost": 5.0},
    "lots": {"lot_size": 7.0},
    "minimum orders": {"minimum_order": 30.0},
    "storage": {"storage_capacity": 10.0},
    "all": {"fixed_ordering_cost": 5.0, "lot_size": 7.0, "minimum_order": 30.0, "storage_capacity": 30.0},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rules", RULES)
def test_whole_decisions_are_played_and_fallbacks_counted_as_they_occur(
    name: str, rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, failures = controller_of(name), []
    plan = controller.plan

    def watched(observation: Observation) -> Plan:
        try:
            return plan(observation)
        except SolveFailure:
            failures.append(observation.period)
            raise

    monkeypatch.setattr(controller, "plan", watched)
    scenario = with_rules(**RULES[rules])
    ledger = played(controller, scenario, "informed")
    assert controller.report().fallbacks == len(failures)
    # What was ordered is what is shipped: the plan knew lots and minimum orders, and the stocks upstream.
    if not failures:
        assert ledger.filled == pytest.approx(ledger.requested, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("planned", [1e-17, 1e-9])
def test_the_rounding_of_a_solver_is_no_order(planned: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # The simulator would raise it to a minimum order, or charge a fixed cost for it.
    plan = Plan(objective=0.0, bound=0.0, flows=np.full((3, 10), planned), common_profit=0.0)
    monkeypatch.setattr(Planner, "plan", lambda *_, **__: plan)
    ledger = played(controller_of("dlp"), with_rules(minimum_order=30.0), "informed")
    assert ledger.filled.sum() == 0.0


@pytest.mark.parametrize("planned", [21.0 - 1e-7, 21.0, 21.0 + 1e-7])
def test_the_rounding_of_a_solver_is_no_further_lot(planned: float, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(objective=0.0, bound=0.0, flows=np.full((3, 10), planned), common_profit=0.0)
    monkeypatch.setattr(Planner, "plan", lambda *_, **__: plan)
    ledger = played(controller_of("dlp"), with_rules(lot_size=7.0), "informed")
    assert ledger.filled[0] == pytest.approx([21.0] * 3, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_owed_is_part_of_the_order(name: str) -> None:
    base = load_network("serial")
    nodes = tuple(changed(node, initial_stock=0.0) if node.id in base.retailers else node for node in base.nodes)
    scenario = shortened("serial", horizon=12, upstream_shortage="owed")
    scenario = changed(scenario, network=changed(base, nodes=nodes))
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    simulator.start(1)
    observation = view.observe(simulator.state)
    orders = []
    for owed in (0.0, 4.0, 1e4):
        controller = controller_of(name)
        controller.begin(view.brief(seed=5, time_budget=BUDGET))
        orders.append(controller.order(dataclasses.replace(observation, owed=np.full(3, owed))))
    assert orders[0].max() > 4.0
    np.testing.assert_allclose(orders[1], np.maximum(orders[0] - 4.0, 0.0), atol=1e-9)
    assert orders[2].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_with_owed_shortage_is_played(name: str) -> None:
    scenario = shortened("divergent", upstream_shortage="owed")
    controller = controller_of(name)
    ledger = played(controller, scenario, "blind")
    assert controller.report().fallbacks == 0
    # Plans know the stocks upstream: nobody orders what cannot be shipped.
    assert ledger.owed == pytest.approx(np.zeros_like(ledger.owed), abs=1e-5)


# --- the fallback ------------------------------------------------------------------------------------------------


def fail_from(monkeypatch: pytest.MonkeyPatch, period: int, reason: Any = "time_limit") -> list[Plan]:
    """Let no program be solved from a period on; what was planned until then."""
    plans: list[Plan] = []
    solve = Planner.plan

    def failing(self: Planner, observation: Observation, *arguments: Any, **keywords: Any) -> Plan:
        if observation.period >= period:
            raise SolveFailure(reason)
        plans.append(solve(self, observation, *arguments, **keywords))
        return plans[-1]

    monkeypatch.setattr(Planner, "plan", failing)
    return plans


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("reason", ["infeasible", "time_limit"])
def test_without_any_plan_expected_demand_is_passed_up(
    name: str, track: Track, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_from(monkeypatch, 0, reason)
    controller, scenario = controller_of(name), shortened("divergent")
    ledger = played(controller, scenario, track)
    assert controller.report().fallbacks == scenario.horizon
    first = ledger.requested[0]
    # In equal parts: both suppliers of the retailer get the same order, and together they get its demand.
    assert first[0] == pytest.approx(first[1], rel=1e-9)
    assert first == pytest.approx(passed_up(scenario.network, np.array([first[0] + first[1]])), rel=1e-9)
    assert (ledger.requested > 0.0).all()
    if track == "informed":
        assert first[0] + first[1] == pytest.approx(20.0, rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_later_the_shipments_that_the_last_plan_foresaw_are_played(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = fail_from(monkeypatch, 3)
    controller, scenario = controller_of(name), shortened("serial", horizon=12)
    ledger = played(controller, scenario, "informed")
    last = plans[-1].flows
    assert last.shape[1] >= 10 - 2
    foreseen = min(last.shape[1], 12 - 2)
    np.testing.assert_array_equal(ledger.requested[2 : 2 + foreseen], last.T[:foreseen])
    assert ledger.requested[3 : 2 + foreseen].sum() > 0.0
    assert controller.report().fallbacks == 12 - 3


def test_past_the_end_of_the_last_plan_demand_is_passed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # The published deterministic program plans ten periods, and no more than there are.
    plans = fail_from(monkeypatch, 1)
    controller, scenario = controller_of("dlp"), shortened("serial", horizon=16)
    ledger = played(controller, scenario, "informed")
    assert plans[0].flows.shape == (3, 10)
    np.testing.assert_array_equal(ledger.requested[:10], plans[0].flows.T)
    np.testing.assert_allclose(ledger.requested[10:], np.full((6, 3), 20.0), rtol=1e-9)
    assert controller.report().fallbacks == 15


def test_the_best_solution_in_time_is_played_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    solve = Planner.plan

    def late(self: Planner, observation: Observation, *arguments: Any, **keywords: Any) -> Plan:
        plan = solve(self, observation, *arguments, **keywords)
        raise UnfinishedPlan(SolveFailure("time_limit"), dataclasses.replace(plan, flows=plan.flows + 1.0))

    monkeypatch.setattr(Planner, "plan", late)
    scenario, controller = shortened("serial"), controller_of("dlp")
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    simulator.start(1)
    controller.begin(view.brief(seed=1, time_budget=BUDGET))
    late_order = controller.order(view.observe(simulator.state))
    assert controller.report().fallbacks == 1
    monkeypatch.setattr(Planner, "plan", solve)
    complete = controller_of("dlp")
    complete.begin(view.brief(seed=1, time_budget=BUDGET))
    assert late_order == pytest.approx(complete.order(view.observe(simulator.state)) + 1.0, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_episode_counts_anew(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, scenario = controller_of(name), shortened("serial", horizon=4)
    with monkeypatch.context() as patch:
        fail_from(patch, 2)
        played(controller, scenario, "informed")
        assert controller.report().fallbacks == 2
    again = played(controller, scenario, "informed")
    assert controller.report().fallbacks == 0
    np.testing.assert_array_equal(again.requested, played(controller_of(name), scenario, "informed").requested)


def test_demand_is_passed_up_a_divergent_network_in_equal_parts() -> None:
    # 20 at the retailer from nodes 2 and 3; node 2 from 4, 5 and 6, node 3 from 4 and 6; node 5 from 7 and 8.
    third = 10.0 / 3.0
    expected = [10.0, 10.0, third, 5.0, third, third, 5.0, third + 5.0, third / 2, third / 2, third + 5.0]
    assert passed_up(load_network("divergent"), np.array([20.0])) == pytest.approx(expected, rel=1e-12)


def test_demand_is_passed_up_a_bill_of_materials_and_a_yield() -> None:
    network = load_network("assembly")
    assert passed_up(network, np.array([20.0])) == pytest.approx([20.0] * 5, rel=1e-12)
    bill = network.node(2).bill_of_materials
    nodes = tuple(
        changed(node, yield_=0.5, bill_of_materials=(changed(bill[0], units=2.0), bill[1])) if node.id == 2 else node
        for node in network.nodes
    )
    lossy: Network = changed(network, nodes=nodes)
    assert passed_up(lossy, np.array([20.0])) == pytest.approx([20.0, 80.0, 40.0, 80.0, 40.0], rel=1e-12)


# --- what is refused, and what is repeatable ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_node_on_its_own_is_refused(name: str) -> None:
    scenario = shortened("serial")
    node = scenario.network.managed[0]
    with pytest.raises(ValueError, match=rf"node {node} is told only of itself.*play them on the blind"):
        controller_of(name).begin(TrackView(scenario, "decentralised", node).brief(seed=1))
    controller_of(name).begin(TrackView(scenario, "blind").brief(seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_a_storage_capacity_beside_a_bill_of_materials_is_refused(name: str) -> None:
    scenario = shortened("assembly")
    nodes = tuple(
        changed(node, storage_capacity=10_000.0) if node.bill_of_materials else node for node in scenario.network.nodes
    )
    refused = changed(scenario, network=changed(scenario.network, nodes=nodes))
    with pytest.raises(ValueError, match=r"node 2 has a storage capacity and a bill of materials.*remove one"):
        controller_of(name).begin(TrackView(refused, "informed").brief(seed=1))
    controller_of(name).begin(TrackView(scenario, "informed").brief(seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_an_informed_briefing_needs_informed_observations(name: str) -> None:
    scenario, controller = shortened("serial"), controller_of(name)
    simulator = Simulator(scenario)
    simulator.start(1)
    controller.begin(TrackView(scenario, "informed").brief(seed=1, time_budget=BUDGET))
    with pytest.raises(TypeError, match="followed by informed observations, not Observation"):
        controller.order(TrackView(scenario, "blind").observe(simulator.state))
    controller.order(TrackView(scenario, "informed").observe(simulator.state))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("track", TRACKS)
def test_equal_seeds_give_equal_orders(name: str, track: Track) -> None:
    scenario = changed(load_scenario("divergent-trend-seasonal-goodwill-lost-sales"), horizon=6)
    first, second = (played(controller_of(name), scenario, track).requested for _ in range(2))
    np.testing.assert_array_equal(first, second)
