"""One world, many ways to play it: batches, other ids, other seeds and other episodes change nothing."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from strategies import Episode, changed, episodes, order_sequences, play, scenarios, seeds

from arena.simulate.columns import NUMPY
from arena.simulate.compiled import compile_scenario
from arena.simulate.dynamics import step
from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator, realised_demand
from arena.simulate.states import initial_state
from arena.world.network import Network
from arena.world.nodes_and_links import Component

ROUNDING = 1e-9


#: Arrays of the ledger with a column per managed node.
NODE_ARRAYS = (
    "on_hand",
    "scrapped",
    "revenue",
    "procurement_cost",
    "holding_cost",
    "operating_cost",
    "shortage_penalty",
    "fixed_ordering_cost",
    "node_profit",
)


def assert_same(first: Ledger, second: Ledger) -> None:
    for each in fields(Ledger):
        np.testing.assert_array_equal(getattr(first, each.name), getattr(second, each.name), err_msg=each.name)


@st.composite
def batches(draw):
    """A few episodes of one scenario."""
    scenario = draw(scenarios())
    return [Episode(scenario, draw(seeds), draw(order_sequences(scenario))) for _ in range(draw(st.integers(1, 3)))]


@given(batches())
def test_a_batch_equals_its_singles(batch):
    scenario = batch[0].scenario
    compiled = compile_scenario(scenario)
    singles = [play(episode) for episode in batch]
    state = initial_state(compiled, len(batch), np.zeros(1))
    for period in range(scenario.horizon):
        orders = np.stack([episode.orders[period] for episode in batch])
        demand = np.stack([single.demand[period] for single in singles])
        state, flows = step(compiled, state, orders, demand)
        found = {
            "filled": flows.filled,
            "received": flows.received,
            "scrapped": compiled.stock_by_node(flows.scrapped),
            "sold": flows.sold,
            "demand": flows.demand,
            "node_profit": flows.node_profit,
            "reward": flows.reward,
            "on_hand": compiled.stock_by_node(state.on_hand),
            "component_stock": state.on_hand[:, list(compiled.component_points)],
            "in_transit": state.in_transit,
            "owed": state.owed,
            "unfilled": state.unfilled,
            "sentiment": state.sentiment,
        }
        for name, values in found.items():
            expected = np.stack([getattr(single, name)[period] for single in singles])
            np.testing.assert_allclose(values, expected, rtol=ROUNDING, atol=ROUNDING, err_msg=f"{name} at {period}")
    assert state.period == scenario.horizon


@given(batches())
def test_the_state_shows_what_is_under_way(batch):
    """The pipeline slots of the batch and of the single simulator are what will be received, period by period."""
    episode = batch[0]
    simulator = Simulator(episode.scenario)
    simulator.start(episode.seed)
    offsets = simulator.compiled.network.pipeline_offsets
    seen = []
    for orders in episode.orders:
        seen.append(simulator.state.pipeline)
        simulator.step(orders)
    ledger = simulator.ledger()
    for period, pipeline in enumerate(seen):
        for link, lead_time in enumerate(simulator.compiled.network.lead_times):
            slots = pipeline[offsets[link] : offsets[link + 1]]
            arriving = ledger.received[period : period + lead_time, link]
            np.testing.assert_array_equal(slots[: len(arriving)], arriving)
            before = ledger.in_transit[period - 1, link] if period else 0.0
            np.testing.assert_allclose(slots.sum(), before, rtol=ROUNDING, atol=ROUNDING)


@given(scenarios(), st.data())
def test_demand_may_be_a_function_of_sentiment(scenario, data):
    """A function is called once a period, with the sentiment of that period, and its demand is played."""
    compiled = compile_scenario(scenario)
    orders = data.draw(order_sequences(scenario))
    state = initial_state(compiled, 2, np.zeros(1))
    fixed = state
    for period in range(scenario.horizon):
        asked = np.stack([orders[period], orders[period] / 2])
        seen = []

        def demand(sentiment, seen=seen):
            seen.append(sentiment)
            return np.outer(sentiment, np.arange(10.0, 10.0 + compiled.markets))

        state, flows = step(compiled, state, asked, demand)
        assert len(seen) == 1
        np.testing.assert_array_equal(seen[0], state.sentiment)
        fixed, expected = step(compiled, fixed, asked, flows.demand)
        np.testing.assert_array_equal(flows.reward, expected.reward)


@given(batches())
def test_a_step_changes_nothing_in_place(batch):
    scenario = batch[0].scenario
    compiled = compile_scenario(scenario)
    state = initial_state(compiled, 1, np.zeros(1))
    orders, demand = batch[0].orders[:1].copy(), np.full((1, compiled.markets), 20.0)
    inputs = [value for value in vars(state).values() if isinstance(value, np.ndarray)] + [orders, demand]
    for array in inputs:
        array.flags.writeable = False
    first, second = step(compiled, state, orders, demand), step(compiled, state, orders, demand)
    for after, again in zip(first, second, strict=True):
        for name, value in vars(after).items():
            np.testing.assert_array_equal(value, vars(again)[name], err_msg=name)


def renumbered(network: Network, ids: dict[int, int]) -> Network:
    return changed(
        network,
        nodes=tuple(
            changed(
                node,
                id=ids[node.id],
                bill_of_materials=tuple(
                    Component(suppliers=tuple(ids[each] for each in part.suppliers), units=part.units)
                    for part in node.bill_of_materials
                ),
            )
            for node in network.nodes
        ),
        supply_links=tuple(
            changed(link, supplier=ids[link.supplier], buyer=ids[link.buyer]) for link in network.supply_links
        ),
        market_links=tuple(
            changed(link, retailer=ids[link.retailer], market=ids[link.market]) for link in network.market_links
        ),
    )


@given(episodes(), st.data())
def test_renumbering_the_nodes_changes_nothing(episode, data):
    network = episode.scenario.network
    old = [node.id for node in network.nodes]
    ids = dict(zip(old, data.draw(st.permutations([3 * each + 1 for each in old])), strict=True))
    other = renumbered(network, ids)
    first = play(episode)
    second = play(replace(episode, scenario=changed(episode.scenario, network=other)))
    nodes = [other.managed_index(ids[node]) for node in network.managed]
    components = [other.components.index((ids[factory], line)) for factory, line in network.components]
    for each in fields(Ledger):
        expected, found = getattr(first, each.name), getattr(second, each.name)
        if each.name == "component_stock":
            found = found[:, components]
        elif each.name == "initial_on_hand" or each.name in NODE_ARRAYS:
            found = found[..., nodes]
        # Sums over nodes are taken in another order, hence not bit for bit.
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-7, err_msg=each.name)


@given(episodes(), st.data())
def test_the_order_of_the_nodes_in_the_file_changes_nothing(episode, data):
    network = episode.scenario.network
    other = changed(network, nodes=tuple(data.draw(st.permutations(network.nodes))))
    assert_same(play(episode), play(replace(episode, scenario=changed(episode.scenario, network=other))))


@given(episodes())
def test_equal_seeds_give_equal_episodes(episode):
    assert_same(play(episode), play(episode))


@given(episodes(), episodes())
def test_an_episode_leaves_no_trace_in_the_next(episode, other):
    simulator = Simulator(episode.scenario)
    orders = other.orders[: episode.scenario.horizon - 1, :1]
    simulator.start(other.seed)
    for row in orders:  # broken off before its end
        simulator.step(np.full(simulator.compiled.links, row[0]))
    assert_same(play(episode, simulator), play(episode))


@given(batches(), st.randoms(use_true_random=False))
def test_episodes_played_side_by_side_do_not_move_each_other(batch, random):
    """Simulators that share a compiled compiled, stepped in turns of any order."""
    compiled = compile_scenario(batch[0].scenario)
    running = []
    for episode in batch:
        simulator = Simulator(episode.scenario, compiled)
        simulator.start(episode.seed)
        running.append((simulator, episode))
    while left := [pair for pair in running if not pair[0].finished]:
        simulator, episode = random.choice(left)
        simulator.step(episode.orders[simulator.period])
    for simulator, episode in running:
        assert_same(simulator.ledger(), play(episode))


@given(episodes())
def test_orders_do_not_move_demand_without_goodwill(episode):
    idle = replace(episode, orders=np.zeros_like(episode.orders))
    if episode.scenario.goodwill is None:
        np.testing.assert_array_equal(play(episode).demand, play(idle).demand)
    else:
        assert realised_demand(episode.scenario, episode.seed) is None


@given(episodes(scenarios(goodwill=False)))
def test_the_realised_demand_is_known_beforehand(episode):
    np.testing.assert_array_equal(realised_demand(episode.scenario, episode.seed), play(episode).demand)


@given(episodes())
def test_negative_requests_count_as_zero(episode):
    floored = replace(episode, orders=np.maximum(episode.orders, 0.0))
    first, second = play(episode), play(floored)
    np.testing.assert_array_equal(first.filled, second.filled)
    np.testing.assert_array_equal(first.reward, second.reward)
    np.testing.assert_array_equal(first.requested, episode.orders)


@given(episodes(), seeds)
def test_noise_scale_zero_makes_demand_its_mean(episode, seed):
    scenario = episode.scenario
    calm = changed(scenario, demand=changed(scenario.demand, noise_scale=0.0))
    ledger = play(replace(episode, scenario=calm, seed=seed))
    means = np.maximum(scenario.demand.smallest_mean, calm.mean_path[:, : calm.horizon].T * ledger.sentiment[:, None])
    np.testing.assert_allclose(ledger.demand, means, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(batches())
def test_a_batch_keeps_its_precision(dtype, batch):
    compiled = compile_scenario(batch[0].scenario)
    state = initial_state(compiled, 2, np.zeros(1, dtype=dtype))
    orders = np.tile(batch[0].orders[0], (2, 1)).astype(dtype)
    after, flows = step(compiled, state, orders, np.full((2, compiled.markets), 20, dtype=dtype))
    for name, value in {**vars(after), "filled": flows.filled, "sold": flows.sold}.items():
        if name != "period":
            assert np.isfinite(value).all(), name
            assert value.dtype == dtype, name


def test_numpy_operations_are_chosen_for_numpy_arrays():
    from arena.simulate.columns import operations_for

    assert operations_for(np.zeros(1)) is NUMPY
    with pytest.raises(TypeError, match="list"):
        operations_for([0.0])
