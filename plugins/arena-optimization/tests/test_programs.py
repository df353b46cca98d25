"""Programs of one path and of many: what they plan can be carried out, and many paths mean what they should mean."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from strategies import changed, networks, order_sequences, scenarios

from arena import Network, Observation, Scenario, Simulator, TrackView, load_network, load_scenario
from arena_optimization.controllers.rolling import orders_for
from arena_optimization.programs.extensive_form import PathwiseProgram, Plan
from arena_optimization.programs.path_form import PathForm, compile_path
from arena_optimization.programs.path_program import state_path
from arena_optimization.programs.rolling_horizon import Planner
from arena_optimization.programs.start import Start

SEEDS = st.integers(0, 10_000)
LINEAR = scenarios(
    networks(2, 5, extensions=("bill_of_materials",)), goodwill=False, longest=8, upstream_shortage=("lost",)
)
INTEGER = scenarios(
    networks(2, 3, extensions=("minimum_order", "lot_size", "fixed_ordering_cost", "storage_capacity")),
    goodwill=False,
    longest=4,
    upstream_shortage=("lost",),
)
SMALL = scenarios(networks(2, 3, extensions=("bill_of_materials",)), goodwill=False, longest=5)


def random_demand(scenario: Scenario, seed: int, paths: int = 1, *, values: int = 40) -> np.ndarray:
    """Whole numbers below ``values``, (paths, market links, horizon)."""
    shape = (paths, len(scenario.network.market_links), scenario.horizon)
    return np.random.default_rng(seed).integers(0, values, shape).astype(float)


def form_of(scenario: Scenario, horizon: int) -> PathForm:
    backlog = scenario.fulfilment == "backlog"
    return compile_path(
        state_path(scenario.network, horizon=horizon, backlog=backlog, largest_order=scenario.order_bound),
        scenario.network,
    )


def start_of(scenario: Scenario, seed: int) -> Start:
    """A random start: stocks, deliveries that are due, and a backlog where there may be one."""
    generator, network = np.random.default_rng([seed, 1]), scenario.network
    points, markets = len(network.stock_points), len(network.market_links)
    backlog = generator.integers(0, 20, markets) * float(scenario.fulfilment == "backlog")
    return Start(
        on_hand=generator.integers(0, 60, points).astype(float),
        due=generator.integers(0, 10, (points, scenario.horizon)).astype(float),
        backlog=backlog,
    )


def solved(program: PathwiseProgram, start: Start, demand: np.ndarray) -> Plan:
    program.load(start, demand)
    return program.solve()


def observed(scenario: Scenario, simulator: Simulator) -> Observation:
    return TrackView(scenario, "blind").observe(simulator.state)


def planner_of(scenario: Scenario) -> Planner:
    """A planner of single paths to the end of the episode."""
    briefing = TrackView(scenario, "blind").brief(seed=1)
    return Planner(briefing, horizon=lambda _, left: left, paths=1, open_loop=True)


def no_retailer_ships_on(network: Network) -> bool:
    """Otherwise customers, who are served at once, may take what a plan keeps for others."""
    return not any(network.outbound(node) for node in network.retailers)


def sells_greedily(network: Network) -> bool:
    """Whether the program sells as the simulator does: one market each, and every sale earns."""
    for node in network.retailers:
        links = [network.market_links[i] for i in network.markets_of(node)]
        operating = (network.node(node).operating_cost or 0.0) / network.node(node).yield_
        if len(links) > 1 or links[0].price < operating:
            return False
    return no_retailer_ships_on(network)


# --- plans can be carried out ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(scenario=LINEAR, seed=SEEDS, data=st.data())
def test_what_is_planned_for_today_is_shipped_from_any_state(
    scenario: Scenario, seed: int, data: st.DataObject
) -> None:
    simulator = Simulator(scenario)
    simulator.start(seed)
    played = data.draw(st.integers(0, scenario.horizon - 1))
    for orders in data.draw(order_sequences(scenario))[:played]:
        simulator.step(orders)
    demand = random_demand(scenario, seed)[:, :, played:]
    plan = planner_of(scenario).plan(observed(scenario, simulator), demand)
    simulator.step(plan.flows[:, 0])
    assert simulator.ledger().filled[-1] == pytest.approx(plan.flows[:, 0], rel=1e-6, abs=1e-6)


def carried_out(scenario: Scenario, seed: int) -> tuple[Plan, Simulator]:
    """The plan for the very demand of an episode, and the episode played with it."""
    simulator = Simulator(scenario)
    simulator.start(seed)
    for _ in range(scenario.horizon):
        simulator.step(np.zeros(len(scenario.network.supply_links)))
    demand = simulator.ledger().demand.T[None]
    simulator.start(seed)
    plan = planner_of(scenario).plan(observed(scenario, simulator), demand)
    for planned in plan.flows.T:
        simulator.step(orders_for(scenario.network, planned))
    return plan, simulator


@settings(max_examples=25, deadline=None)
@given(scenario=LINEAR, seed=SEEDS)
def test_a_plan_for_the_demand_of_an_episode_is_shipped_to_its_end(scenario: Scenario, seed: int) -> None:
    assume(no_retailer_ships_on(scenario.network))
    plan, simulator = carried_out(scenario, seed)
    assert pytest.approx(plan.flows, rel=1e-6, abs=1e-6) == simulator.ledger().filled.T


@settings(max_examples=15, deadline=None)
@given(scenario=INTEGER, seed=SEEDS)
def test_lots_minimum_orders_and_storage_are_planned_as_they_are_shipped(scenario: Scenario, seed: int) -> None:
    assume(no_retailer_ships_on(scenario.network))
    plan, simulator = carried_out(scenario, seed)
    assert pytest.approx(plan.flows, rel=1e-6, abs=1e-5) == simulator.ledger().filled.T


@settings(max_examples=20, deadline=None)
@given(scenario=LINEAR, seed=SEEDS, discount=st.sampled_from([1.0, 0.97, 0.5]))
def test_the_objective_is_the_discounted_profit_of_the_plan(scenario: Scenario, seed: int, discount: float) -> None:
    assume(sells_greedily(scenario.network))
    plan, simulator = carried_out(changed(scenario, discount=discount), seed)
    assert plan.objective == pytest.approx(simulator.ledger().reward.sum(), rel=1e-6, abs=1e-5)


def shop(*, price: float, lead_time: int, holding_cost: float = 0.0, horizon: int = 3) -> Scenario:
    """One retailer that buys raw material and sells at 2.0; lost sales without penalty."""
    supply = {"supplier": 0, "buyer": 1, "lead_time": lead_time, "price": price, "pipeline_holding_cost": 0.0}
    market = {"retailer": 1, "market": 2, "price": 2.0, "shortage_penalty": 0.0, "mean_demand": 10.0}
    nodes = [{"id": 0}, {"id": 1, "initial_stock": 100.0, "holding_cost": holding_cost}, {"id": 2}]
    network = Network.model_validate({"nodes": nodes, "supply_links": [supply], "market_links": [market]})
    return Scenario(name="shop", network=network, horizon=horizon, fulfilment="lost_sales")


def test_discount_weighs_later_periods_less() -> None:
    # Enough stock: 10 units at 2.0 in every period and no other money.
    form = form_of(shop(price=9.0, lead_time=0), 3)
    program = PathwiseProgram(form, paths=1, shared=3, discount=0.5)
    plan = solved(program, Start(np.array([100.0]), np.zeros((1, 3)), np.zeros(1)), np.full((1, 1, 3), 10.0))
    assert plan.objective == pytest.approx(20.0 * (1.0 + 0.5 + 0.25), abs=1e-9)


# --- shorter horizons --------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(scenario=LINEAR, seed=SEEDS, data=st.data())
def test_a_cut_program_is_the_program_of_the_shorter_horizon(
    scenario: Scenario, seed: int, data: st.DataObject
) -> None:
    horizon = data.draw(st.integers(1, scenario.horizon))
    cut, compiled = form_of(scenario, scenario.horizon).cut(horizon), form_of(scenario, horizon)
    assert (cut.horizon, len(cut.columns), len(cut.rows)) == (horizon, len(compiled.columns), len(compiled.rows))
    start, demand = start_of(scenario, seed), random_demand(scenario, seed)
    plans = [solved(PathwiseProgram(form, paths=1, shared=horizon), start, demand) for form in (cut, compiled)]
    assert plans[0].objective == pytest.approx(plans[1].objective, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("free", [True, False])
def test_a_shipment_that_arrives_too_late_is_no_part_of_the_program(free: bool) -> None:
    """A free one appears in no row and no profit; a dear one is never planned. Either way the rest is the same."""
    scenario = changed(load_scenario("divergent-stationary-backlog"), horizon=6)
    links = list(scenario.network.supply_links)
    late = next(i for i, link in enumerate(links) if scenario.network.role(link.supplier) == "raw_material")
    links[late] = changed(
        links[late], lead_time=9, price=0.0 if free else 50.0, pipeline_holding_cost=0.0 if free else 1.0
    )
    scenario = changed(scenario, network=changed(scenario.network, supply_links=tuple(links)))
    form = form_of(scenario, 6)
    assert len(form.flows) == 6 * len(links)
    start, demand = start_of(scenario, 3), random_demand(scenario, 3, 4)
    for horizon, shared in ((6, 6), (6, 1), (4, 1), (1, 1)):
        plan = solved(PathwiseProgram(form.cut(horizon), paths=4, shared=shared, tied=horizon), start, demand)
        assert plan.flows.shape == (len(links), horizon)
        unused = changed(links[late], price=1_000.0)
        without = changed(
            scenario.network, supply_links=tuple(unused if i == late else link for i, link in enumerate(links))
        )
        other = form_of(changed(scenario, network=without), horizon)
        expected = solved(PathwiseProgram(other, paths=4, shared=shared, tied=horizon), start, demand)
        assert plan.objective == pytest.approx(expected.objective, rel=1e-8)


# --- many paths --------------------------------------------------------------------------------------------------


def direct_optimum(form: PathForm, start: Start, demand: np.ndarray, shared: int, tied: int, discount: float) -> float:
    """The same program written down plainly: a copy per path, and an equation for every pair that may not differ."""
    paths, columns = len(demand), len(form.columns)
    blocks = []
    uppers = []
    right = []
    constant = 0.0
    for path in demand:
        data = np.zeros(len(form.data))
        for i, (kind, item, period) in enumerate(zip(form.data.kind, form.data.item, form.data.period, strict=True)):
            if kind == "given":
                data[i] = start.on_hand[item] if period < 0 else start.due[item, period]
            else:
                data[i] = start.backlog[item] if period < 0 else path[item, period]
        upper = form.upper.copy()
        for column, limit in zip(form.bounded, form.bound_constant - form.bound_data @ data, strict=True):
            upper[column] = min(upper[column], limit)
        constant += float(form.data_worth(discount) @ data) / paths
        blocks.append(form.matrix)
        uppers.append(upper)
        right.append(form.row_constant - form.row_data @ data)
    whole, right_side = sparse.block_diag(blocks, format="csr"), np.concatenate(right)
    is_open = np.tile(form.row_open, paths)
    ties = []
    for column in form.flows:
        period = form.columns.period[column]
        for one in range(paths):
            for other in range(one):
                alike = np.array_equal(demand[one][:, :period], demand[other][:, :period])
                if period < shared or (period < tied and alike):
                    row = np.zeros(paths * columns)
                    row[one * columns + column], row[other * columns + column] = 1.0, -1.0
                    ties.append(row)
    equalities = sparse.vstack([whole[~is_open], sparse.csr_array(np.array(ties).reshape(-1, paths * columns))])
    found = linprog(
        -np.tile(form.worth(discount), paths) / paths,
        A_ub=whole[is_open] if is_open.any() else None,
        b_ub=right_side[is_open] if is_open.any() else None,
        A_eq=equalities,
        b_eq=np.concatenate([right_side[~is_open], np.zeros(len(ties))]),
        bounds=[(0.0, None if np.isinf(limit) else limit) for limit in np.concatenate(uppers)],
        method="highs",
    )
    assert found.success
    return constant - float(found.fun)


@settings(max_examples=25, deadline=None)
@given(scenario=SMALL, seed=SEEDS, data=st.data())
def test_the_extensive_form_is_the_program_with_an_equation_per_pair_of_equal_histories(
    scenario: Scenario, seed: int, data: st.DataObject
) -> None:
    horizon = scenario.horizon
    shared, tied = data.draw(st.integers(1, horizon)), data.draw(st.integers(0, horizon))
    discount = data.draw(st.sampled_from([1.0, 0.9]))
    # Two or three values per period: some histories are equal, some part late, some at once.
    demand = 20.0 * random_demand(scenario, seed, data.draw(st.integers(2, 5)), values=data.draw(st.integers(2, 3)))
    form, start = form_of(scenario, horizon), start_of(scenario, seed)
    program = PathwiseProgram(form, paths=len(demand), shared=shared, tied=tied, discount=discount)
    expected = direct_optimum(form, start, demand, shared, tied, discount)
    assert solved(program, start, demand).objective == pytest.approx(expected, rel=1e-8, abs=1e-7)


def test_tied_histories_cost_something_where_they_matter() -> None:
    # Sibling of the law above: in this example the ties bind, so that it cannot hold for want of an effect.
    # What is sold in period 5, 5 or 60 units, has to be ordered in period 3, before the paths part.
    scenario = shop(price=1.0, lead_time=2, holding_cost=0.5, horizon=8)
    form = form_of(scenario, 8)
    start = Start(np.zeros(1), np.zeros((1, 8)), np.zeros(1))
    demand = np.full((4, 1, 8), 5.0)
    demand[::2, :, 5] = 60.0
    free = solved(PathwiseProgram(form, paths=4, shared=1), start, demand).objective
    tied = solved(PathwiseProgram(form, paths=4, shared=1, tied=8), start, demand).objective
    assert tied < free - 1.0
    assert tied == pytest.approx(direct_optimum(form, start, demand, 1, 8, 1.0), rel=1e-8)


@settings(max_examples=15, deadline=None)
@given(scenario=SMALL, seed=SEEDS, data=st.data())
def test_equal_paths_are_worth_as_much_as_one(scenario: Scenario, seed: int, data: st.DataObject) -> None:
    form, start, demand = form_of(scenario, scenario.horizon), start_of(scenario, seed), random_demand(scenario, seed)
    shared, tied = data.draw(st.integers(1, form.horizon)), data.draw(st.integers(0, form.horizon))
    one = solved(PathwiseProgram(form, paths=1, shared=form.horizon), start, demand).objective
    many = solved(
        PathwiseProgram(form, paths=4, shared=shared, tied=tied), start, np.repeat(demand, 4, axis=0)
    ).objective
    assert many == pytest.approx(one, rel=1e-8, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(scenario=SMALL, seed=SEEDS)
def test_what_may_wait_for_more_knowledge_is_worth_more(scenario: Scenario, seed: int) -> None:
    form, start = form_of(scenario, scenario.horizon), start_of(scenario, seed)
    demand = 15.0 * random_demand(scenario, seed, 4, values=3)
    worth = {
        name: solved(PathwiseProgram(form, paths=4, shared=shared, tied=tied), start, demand).objective
        for name, shared, tied in (("open loop", form.horizon, 0), ("tied", 1, form.horizon), ("untied", 1, 0))
    }
    single = PathwiseProgram(form, paths=1, shared=form.horizon)
    wait_and_see = float(np.mean([solved(single, start, path[None]).objective for path in demand]))
    slack = 1e-7 * max(1.0, abs(wait_and_see))
    assert worth["open loop"] <= worth["tied"] + slack
    assert worth["tied"] <= worth["untied"] + slack
    assert worth["untied"] <= wait_and_see + slack


@settings(max_examples=20, deadline=None)
@given(scenario=SMALL, seed=SEEDS, open_loop=st.booleans(), alike=st.booleans())
def test_where_the_solver_starts_does_not_change_the_optimum(
    scenario: Scenario, seed: int, open_loop: bool, alike: bool
) -> None:
    """Started as the planner starts: from the program of a period before, with as many paths or with one."""
    assume(scenario.horizon > 1)
    form, start, horizon = form_of(scenario, scenario.horizon), start_of(scenario, seed), scenario.horizon
    demand = random_demand(scenario, seed, 3)

    def program(periods: int, paths: int) -> PathwiseProgram:
        return PathwiseProgram(form.cut(periods), paths=paths, shared=periods if open_loop else 1, tied=3)

    former = program(horizon, 3 if alike else 1)
    solved(former, start, demand[: former.paths])
    later, fresh = program(horizon - 1, 3), program(horizon - 1, 3)
    other = start_of(scenario, seed + 1)
    later.load(other, demand[:, :, 1:])
    later.start_from(former.basis.later(1, horizon - 1))
    expected = solved(fresh, other, demand[:, :, 1:]).objective
    assert later.solve().objective == pytest.approx(expected, rel=1e-8, abs=1e-7)
    # And data that are loaded later are solved from the last basis.
    assert solved(later, start, demand).objective == pytest.approx(
        solved(program(horizon - 1, 3), start, demand).objective, rel=1e-8, abs=1e-7
    )


def test_a_price_changes_the_objective_and_is_taken_back() -> None:
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=6)
    form = form_of(scenario, 6)
    program, start, demand = (
        PathwiseProgram(form, paths=2, shared=6),
        start_of(scenario, 1),
        random_demand(scenario, 1, 2),
    )
    before = solved(program, start, demand).objective
    extra = np.zeros(len(form.columns))
    extra[form.columns.where("sold")] = 3.0
    program.price(extra)
    assert solved(program, start, demand).objective > before + 1.0
    program.price(np.zeros(len(form.columns)))
    assert solved(program, start, demand).objective == pytest.approx(before, rel=1e-9)


def test_no_solve_without_data() -> None:
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=2)
    program = PathwiseProgram(form_of(scenario, 2), paths=1, shared=1)
    with pytest.raises(RuntimeError, match="call load first"):
        program.solve()
    assert np.isfinite(solved(program, start_of(scenario, 1), random_demand(scenario, 1)).objective)


@pytest.mark.parametrize("name", ["assembly", "assembly-pooled", "diamond", "tree", "w", "divergent", "serial"])
def test_plans_of_the_shipped_networks_are_shipped_to_the_end(name: str) -> None:
    base = load_scenario("serial-stationary-backlog")
    scenario = changed(base, network=load_network(name), horizon=20)
    plan, simulator = carried_out(scenario, 7)
    assert pytest.approx(plan.flows, rel=1e-6, abs=1e-6) == simulator.ledger().filled.T
