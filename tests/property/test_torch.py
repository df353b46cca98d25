"""On torch tensors the world moves as on numpy arrays, and its gradients are those of the profit that is scored."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from later_strategies import later_scenarios
from strategies import demands, networks, order_sequences, scenarios

from arena.simulate.arrivals import draw_lead_times
from arena.simulate.compiled import CompiledScenario, compile_scenario
from arena.simulate.dynamics import smooth_stock_out, step
from arena.simulate.states import initial_state
from arena.simulate.streams import episode_generator
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario

torch = pytest.importorskip("torch", reason="torch is not installed; tox -e torch has it")

pytestmark = pytest.mark.torch

#: Scenarios in which a small change of an order makes a small change of profit: no lots, no fixed costs.
SMOOTH = scenarios(
    networks(extensions=("bill_of_materials", "storage_capacity")), demands(), longest=8, upstream_shortage=("lost",)
)


def run(compiled: CompiledScenario, orders, demand, stock_out=None, lead_times=None):
    """All states and flows of a batch; orders and demand of shape (periods, batch, links)."""
    state = initial_state(compiled, orders.shape[1], orders)
    played = []
    for asked, wanted in zip(orders, demand, strict=True):
        state, flows = step(compiled, state, asked, wanted, lead_times=lead_times, stock_out=stock_out)
        played.append((state, flows))
    return played


def trace(scenario: Scenario, batch: int, seed: int) -> np.ndarray:
    """Some demand, shape (periods, batch, market links)."""
    shape = (scenario.horizon, batch, len(scenario.network.market_links))
    return np.random.default_rng(seed).uniform(0, 40, shape)


def drawn_lead_times(scenario: Scenario, batch: int) -> np.ndarray:
    """Lead times of a batch, shape (batch, periods, links whose lead time varies)."""
    return np.stack([draw_lead_times(scenario, episode_generator(seed)) for seed in range(batch)])


@given(st.one_of(scenarios(), later_scenarios()), st.data())
def test_torch_equals_numpy(scenario, data):
    compiled = compile_scenario(scenario)
    orders = np.stack([data.draw(order_sequences(scenario)) for _ in range(2)], axis=1)
    demand, lead_times = trace(scenario, 2, 7), drawn_lead_times(scenario, 2)
    expected = run(compiled, orders, demand, lead_times=lead_times)
    found = run(compiled, torch.tensor(orders), torch.tensor(demand), lead_times=lead_times)
    for one, other in zip(expected, found, strict=True):
        for part, same in zip(one, other, strict=True):
            for name, values in vars(part).items():
                if name == "period":
                    assert same.period == values
                    continue
                tensor = getattr(same, name)
                assert tensor.dtype == torch.float64, name
                np.testing.assert_allclose(tensor.numpy(), values, rtol=1e-9, atol=1e-9, err_msg=name)


@given(scenarios(), later_scenarios())
def test_node_profits_of_large_networks_are_the_same(scenario, later):
    for each in (scenario, later):
        compiled = compile_scenario(each)
        orders, demand = np.full((each.horizon, 2, compiled.links), 15.0), trace(each, 2, 7)
        lead_times = drawn_lead_times(each, 2)
        dense = run(compiled, orders, demand, lead_times=lead_times)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("arena.simulate.compiled._LARGEST_MAP", 0)
            sparse = run(compiled, torch.tensor(orders), torch.tensor(demand), lead_times=lead_times)
        for (_, flows), (_, same) in zip(dense, sparse, strict=True):
            np.testing.assert_allclose(same.node_profit.numpy(), flows.node_profit, rtol=1e-9, atol=1e-9)


@given(st.one_of(scenarios(), later_scenarios()))
def test_single_precision_stays_single_and_finite(scenario):
    compiled = compile_scenario(scenario)
    shape = (scenario.horizon, 2, compiled.links)
    orders = torch.full(shape, 20.0, dtype=torch.float32)
    demand = torch.tensor(trace(scenario, 2, 7), dtype=torch.float32)
    for state, flows in run(compiled, orders, demand, lead_times=drawn_lead_times(scenario, 2)):
        for name, tensor in {**vars(state), **vars(flows)}.items():
            if name != "period":
                assert tensor.dtype == torch.float32, name
                assert torch.isfinite(tensor).all(), name


@given(st.one_of(SMOOTH, later_scenarios(SMOOTH)), st.integers(0, 2**32 - 1))
def test_gradients_agree_with_finite_differences(scenario, seed):
    compiled = compile_scenario(scenario)
    generator = np.random.default_rng(seed)
    shape = (scenario.horizon, 1, compiled.links)
    point, direction = generator.uniform(1, 40, shape), generator.normal(size=shape)
    demand, lead_times = trace(scenario, 1, seed), drawn_lead_times(scenario, 1)

    def profit(orders):
        return float(sum(flows.reward[0] for _, flows in run(compiled, orders, demand, lead_times=lead_times)))

    width = 1e-5
    here, before, after = (profit(point + factor * width * direction) for factor in (0, -1, 1))
    ahead, behind = (after - here) / width, (here - before) / width
    scale = 1 + abs(ahead) + np.abs(point).sum()
    # Profit has kinks, where a stock or a capacity is just used up, and jumps, where sentiment turns.
    assume(abs(ahead - behind) <= 1e-5 * scale)

    orders = torch.tensor(point, requires_grad=True)
    total = sum(flows.reward[0] for _, flows in run(compiled, orders, torch.tensor(demand), lead_times=lead_times))
    assume(total.requires_grad)  # not where all orders are lost
    total.backward()
    assert torch.isfinite(orders.grad).all()
    assert abs(float((orders.grad.numpy() * direction).sum()) - (after - before) / (2 * width)) <= 1e-5 * scale


@pytest.mark.parametrize("name", ["serial-stationary-backlog", "divergent-trend-seasonal-lost-sales"])
def test_profit_flows_back_to_the_orders_of_every_link(name):
    scenario = load_scenario(name)
    compiled = compile_scenario(scenario)
    orders = torch.full((scenario.horizon, 1, compiled.links), 8.0, dtype=torch.float64, requires_grad=True)
    demand = torch.full((scenario.horizon, 1, 1), 20.0, dtype=torch.float64)
    sum(flows.reward.sum() for _, flows in run(compiled, orders, demand)).backward()
    assert (orders.grad.abs().sum(dim=(0, 1)) > 0).all()


@given(scenarios(goodwill=True), st.data())
def test_the_smooth_stock_out_is_exact_in_value(scenario, data):
    compiled = compile_scenario(scenario)
    orders = torch.tensor(np.stack([data.draw(order_sequences(scenario)) for _ in range(2)], axis=1))
    demand = torch.tensor(trace(scenario, 2, 3))
    exact, smooth = run(compiled, orders, demand), run(compiled, orders, demand, smooth_stock_out(2.0))
    for (state, flows), (other, moved) in zip(exact, smooth, strict=True):
        assert torch.equal(state.sentiment, other.sentiment)
        assert torch.equal(flows.reward, moved.reward)


@settings(max_examples=20)
@given(st.floats(0.5, 20))
def test_the_smooth_stock_out_lets_sentiment_learn(width):
    """Sentiment has no gradient by the exact indicator, and one by the surrogate that says: order more."""
    scenario = load_scenario("serial-trend-seasonal-goodwill-backlog")
    compiled = compile_scenario(scenario)

    def gradient(stock_out):
        orders = torch.full((scenario.horizon, 1, compiled.links), 15.0, dtype=torch.float64, requires_grad=True)
        demand = torch.full((scenario.horizon, 1, 1), 20.0, dtype=torch.float64)
        total = sum(state.sentiment.sum() for state, _ in run(compiled, orders, demand, stock_out))
        return torch.autograd.grad(total, orders, allow_unused=True)[0] if total.requires_grad else None

    exact = gradient(None)
    assert exact is None or not exact.any()
    smooth = gradient(smooth_stock_out(width))
    assert torch.isfinite(smooth).all()
    assert (smooth >= 0).all()
    assert smooth.sum() > 0
