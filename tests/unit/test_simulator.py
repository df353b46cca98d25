"""One episode: numbers worked out by hand, what is refused, and that nothing handed out can be changed."""

import dataclasses

import numpy as np
import pytest

from arena.errors import ContractViolation, EpisodeEnded
from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator, realised_demand
from arena.simulate.streams import episode_generator, restored_generator, stream_words
from arena.world.library import build_scenario
from arena.world.suite import load_scenario

LINE = {  # raw material 3 -> factory 2 (yield 1/2) -> retailer 1 -> market 0
    "nodes": [
        {"id": 0},
        {"id": 1, "initial_stock": 10, "holding_cost": 0.5},
        {"id": 2, "initial_stock": 100, "holding_cost": 0.25, "capacity": 8, "operating_cost": 0.125, "yield": 0.5},
        {"id": 3},
    ],
    "supply_links": [
        {
            "supplier": 2,
            "buyer": 1,
            "lead_time": 1,
            "price": 3,
            "pipeline_holding_cost": 0.25,
            "fixed_ordering_cost": 2,
        },
        {"supplier": 3, "buyer": 2, "lead_time": 0, "price": 1, "pipeline_holding_cost": 0},
    ],
    "market_links": [{"retailer": 1, "market": 0, "price": 5, "shortage_penalty": 1}],
}


def line(**fields):
    """Demand is 12, 13, 14 … without noise."""
    demand = {"series": [12, 13, 14, 15], "noise_scale": 0}
    return build_scenario({"name": "line", "network": LINE, "demand": demand, "horizon": 3, **fields}, "line")


def played(scenario, *orders, seed=1):
    simulator = Simulator(scenario)
    simulator.start(seed)
    rewards = [simulator.step(asked) for asked in orders]
    return simulator, rewards


def test_a_period_by_hand():
    simulator, rewards = played(line(), [20, 4])
    ledger = simulator.ledger()
    assert ledger.requested.tolist() == [[20, 4]]
    assert ledger.filled.tolist() == [[8, 4]]  # the capacity binds
    assert ledger.received.tolist() == [[0, 4]]  # the raw material arrives at once
    assert ledger.in_transit.tolist() == [[8, 0]]
    assert ledger.on_hand.tolist() == [[0, 88]]  # 100 + 4 - 8 / 0.5
    assert (ledger.demand.item(), ledger.sold.item(), ledger.unfilled.item()) == (12, 10, 2)
    assert ledger.revenue.tolist() == [[50, 24]]
    assert ledger.procurement_cost.tolist() == [[24, 4]]
    assert ledger.holding_cost.tolist() == [[8 * 0.25, 88 * 0.25]]
    assert ledger.operating_cost.tolist() == [[0, 0.125 / 0.5 * 8]]
    assert ledger.shortage_penalty.tolist() == [[2, 0]]
    assert ledger.fixed_ordering_cost.tolist() == [[2, 0]]
    assert ledger.node_profit.tolist() == [[50 - 24 - 2 - 2 - 2, 24 - 4 - 22 - 2]]
    assert rewards == [20 - 4]
    assert ledger.initial_on_hand.tolist() == [10, 100]


@pytest.mark.parametrize(
    ("fulfilment", "sold", "unfilled", "carried"),
    [("backlog", [10, 8, 8], [2, 7, 13], [0, 2, 7]), ("lost_sales", [10, 8, 8], [2, 5, 6], [0, 0, 0])],
)
def test_backlog_and_lost_sales_by_hand(fulfilment, sold, unfilled, carried):
    simulator, _ = played(line(fulfilment=fulfilment), *[[20, 0]] * 3)
    ledger = simulator.ledger()
    assert ledger.demand[:, 0].tolist() == [12, 13, 14]
    assert ledger.sold[:, 0].tolist() == sold
    assert ledger.unfilled[:, 0].tolist() == unfilled
    assert ledger.carried_backlog[:, 0].tolist() == carried


def test_discount_by_hand():
    full, _ = played(line(), *[[4, 4]] * 3)
    half, rewards = played(line(discount=0.5), *[[4, 4]] * 3)
    np.testing.assert_allclose(rewards, full.ledger().reward * [1, 0.5, 0.25], rtol=1e-12)
    np.testing.assert_allclose(half.ledger().revenue, full.ledger().revenue * [[1], [0.5], [0.25]], rtol=1e-12)


def test_goodwill_by_hand():
    simulator, _ = played(line(goodwill={"decay": 0.5, "floor": 0.2}, fulfilment="lost_sales"), *[[20, 0]] * 3)
    ledger = simulator.ledger()
    assert ledger.sentiment.tolist() == [1, 0.5, 0.505]  # short in period 0; 8 units serve 6.5 in period 1
    assert ledger.demand[:, 0].tolist() == [12, 6.5, 14 * 0.505]


def test_the_state_shows_the_last_period_and_nothing_before_the_first():
    simulator, _ = played(line())
    state = simulator.state
    assert (state.period, state.sentiment) == (0, 1.0)
    assert state.demand.tolist() == state.unfilled.tolist() == [0]
    assert state.requested.tolist() == state.in_transit.tolist() == state.owed.tolist() == [0, 0]
    assert state.on_hand.tolist() == [10, 100]
    simulator.step([20, 4])
    state = simulator.state
    assert state.period == 1
    assert state.demand.tolist() == [12]
    assert state.unfilled.tolist() == [2]
    assert state.pipeline.tolist() == [8]
    assert state.requested.tolist() == [20, 4]


def test_owed_units_follow_when_they_can():
    simulator, _ = played(line(upstream_shortage="owed"), [20, 0], [0, 0], [0, 0])
    ledger = simulator.ledger()
    assert ledger.filled[:, 0].tolist() == [8, 8, 4]
    assert ledger.owed[:, 0].tolist() == [12, 4, 0]


def test_an_episode_ends():
    simulator = Simulator(line())
    with pytest.raises(EpisodeEnded, match=r"no episode is running: call start"):
        simulator.step([0, 0])
    simulator.start(1)
    for period in range(3):
        assert (simulator.period, simulator.finished) == (period, False)
        simulator.step([0, 0])
    assert simulator.finished
    with pytest.raises(EpisodeEnded, match=r"the episode is over after 3 periods: call start\(seed\)"):
        simulator.step([0, 0])
    simulator.start(1)
    simulator.step([0, 0])
    assert simulator.ledger().periods == 1


@pytest.mark.parametrize(
    ("orders", "code", "message"),
    [
        ([np.nan, 0], "non_finite", "orders are finite"),
        ([np.inf, 0], "non_finite", "orders are finite"),
        ([-np.inf, np.inf], "non_finite", "orders are finite"),
        ([1], "bad_shape", r"orders have shape \(2,\), one per supply link, got \(1,\)"),
        ([[1, 2]], "bad_shape", r"got \(1, 2\)"),
        (3.0, "bad_shape", r"got \(\)"),
        (["many", 2], "bad_dtype", "orders are real numbers, got list"),
        ({"2": 1}, "bad_dtype", "orders are real numbers, got dict"),
        ([[1], 2], "bad_dtype", "orders are no array"),
    ],
)
def test_bad_orders_are_refused_and_leave_the_episode_as_it_was(orders, code, message):
    simulator, _ = played(line(), [4, 4])
    with pytest.raises(ContractViolation, match=message) as caught:
        simulator.step(orders)
    assert caught.value.code == code
    assert simulator.period == 1
    simulator.step((np.float32(4), 4))
    assert simulator.ledger().requested.tolist() == [[4, 4], [4, 4]]


def test_large_finite_orders_are_played():
    simulator, _ = played(line(), [1e300, 0])
    assert simulator.ledger().filled[0, 0] == 8


def test_the_ledger_cannot_be_changed():
    simulator, _ = played(line(), [4, 4])
    ledger = simulator.ledger()
    for field in dataclasses.fields(Ledger):
        array = getattr(ledger, field.name)
        assert not array.flags.writeable
    with pytest.raises(dataclasses.FrozenInstanceError, match="reward"):
        ledger.reward = np.zeros(1)
    assert ledger.periods == 1


def test_the_state_cannot_be_changed():
    simulator, _ = played(line(), [4, 4])
    state = simulator.state
    for field in dataclasses.fields(state):
        array = getattr(state, field.name)
        if isinstance(array, np.ndarray):
            assert not array.flags.writeable
    with pytest.raises(dataclasses.FrozenInstanceError, match="period"):
        state.period = 7
    assert simulator.state.period == 1


def test_the_ledger_and_the_state_keep_the_orders_of_their_time():
    orders = np.array([4.0, 4.0])
    simulator, _ = played(line(), orders)
    early, state = simulator.ledger(), simulator.state
    orders[:] = 9
    simulator.step(orders)
    assert early.requested.tolist() == [[4, 4]]
    assert state.requested.tolist() == [4, 4]
    assert simulator.ledger().requested.tolist() == [[4, 4], [9, 9]]


def test_shapes_of_the_ledger_before_and_after():
    simulator, _ = played(load_scenario("divergent-stationary-backlog"))
    assert simulator.ledger().filled.shape == (0, 11)
    assert simulator.last is None
    for _ in range(30):
        simulator.step(np.full(11, 10.0))
    ledger = simulator.ledger()
    for name in ("requested", "filled", "received", "in_transit", "owed"):
        assert getattr(ledger, name).shape == (30, 11), name
    for name in ("on_hand", "scrapped", "node_profit", "revenue", "holding_cost"):
        assert getattr(ledger, name).shape == (30, 6), name
    for name in ("demand", "sold", "unfilled", "carried_backlog"):
        assert getattr(ledger, name).shape == (30, 1), name
    assert ledger.sentiment.shape == ledger.reward.shape == (30,)
    assert ledger.component_stock.shape == (30, 0)


def test_the_random_stream_is_gymnasiums():
    from gymnasium.utils import seeding

    theirs, _ = seeding.np_random(42)
    assert episode_generator(42).random(3).tolist() == theirs.random(3).tolist()


def test_a_running_stream_is_continued():
    scenario = load_scenario("serial-stationary-backlog")
    stream = episode_generator(42)
    simulator = Simulator(scenario)
    traces = []
    for _ in range(2):
        simulator.start(stream)
        while not simulator.finished:
            simulator.step([20, 20, 20])
        traces.append(simulator.ledger().demand)
    np.testing.assert_array_equal(traces[0], realised_demand(scenario, 42))
    assert (traces[0] != traces[1]).any()


def test_a_stream_is_restored_from_its_words():
    words = stream_words(2**100 + 7)
    expected = episode_generator(2**100 + 7)
    for _ in range(2):  # every time a new one, from its start
        restored = restored_generator(words)
        assert restored.bit_generator.state == episode_generator(2**100 + 7).bit_generator.state
        assert restored is not restored_generator(words)
        restored.random(5)
    assert restored_generator(list(words)).poisson(20, 100).tolist() == expected.poisson(20, 100).tolist()
    with pytest.raises(ValueError, match=r"a stream is four words.*got 3"):
        restored_generator(words[:3])


def test_seeds_of_any_size_give_different_episodes():
    scenario = load_scenario("serial-stationary-backlog")
    traces = {realised_demand(scenario, seed).tobytes() for seed in (0, 1, 2**64, 2**128 - 1)}
    assert len(traces) == 4
