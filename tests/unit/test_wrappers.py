"""The action wrappers: what they promise about orders, for one environment and for a batch."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings, strategies as st
from strategies import EXTENSIONS, networks

from arena import Component, MarketLink, Network, Node, SupplyLink, load_network
from arena.envs import (
    CentredOrders,
    IntegerOrders,
    InventoryEnv,
    InventoryVectorEnv,
    VectorCentredOrders,
    VectorIntegerOrders,
)
from arena.envs.wrappers import centre_orders
from arena.errors import ContractViolation

SERIAL = "serial-stationary-backlog"
DIVERGENT = "divergent-stationary-backlog"

actions = st.lists(st.floats(-1, 1, allow_nan=False, width=32), min_size=11, max_size=11)


# --- the centre -------------------------------------------------------------------------------------------------------


def test_orders_that_follow_demand_on_the_divergent_network() -> None:
    # Retailer 1 halves 20 between 2 and 3. Distributor 2 orders 10 from three factories, distributor 3 from two.
    # Factories order what they ship, factory 5 half from each of its suppliers.
    network = load_network("divergent")
    third = 10 / 3
    expected = {
        (2, 1): 10,
        (3, 1): 10,
        (4, 2): third,
        (4, 3): 5,
        (5, 2): third,
        (6, 2): third,
        (6, 3): 5,
        (7, 4): third + 5,
        (7, 5): third / 2,
        (8, 5): third / 2,
        (8, 6): third + 5,
    }
    links = [(link.supplier, link.buyer) for link in network.supply_links]
    assert dict(zip(links, centre_orders(network, 20.0), strict=True)) == pytest.approx(expected)


def test_yield_and_bill_of_materials_raise_what_is_ordered() -> None:
    network = Network(
        nodes=(
            Node(id=0),
            Node(
                id=1,
                initial_stock=0,
                holding_cost=0,
                capacity=100,
                operating_cost=0,
                yield_=0.5,
                bill_of_materials=(Component(suppliers=(2,), units=3), Component(suppliers=(3, 4), units=1)),
            ),
            Node(id=5, initial_stock=0, holding_cost=0),
            Node(id=2),
            Node(id=3),
            Node(id=4),
        ),
        supply_links=tuple(
            SupplyLink(supplier=supplier, buyer=buyer, lead_time=1, price=1, pipeline_holding_cost=0)
            for supplier, buyer in ((1, 5), (2, 1), (3, 1), (4, 1))
        ),
        market_links=(MarketLink(retailer=5, market=0, price=1, shortage_penalty=0, mean_demand=1),),
    )
    # 10 sold need 10 shipped; at half yield 20 are made, of 3 and 1 units of the components.
    assert centre_orders(network, 10.0).tolist() == [10.0, 60.0, 10.0, 10.0]


@settings(max_examples=60)
@given(networks(extensions=EXTENSIONS), st.floats(0.1, 100), st.data())
def test_the_centre_conserves_flow_and_grows_with_demand(network: Network, scale: float, data: st.DataObject) -> None:
    centre = centre_orders(network, scale)
    assert centre.shape == (len(network.supply_links),)
    assert (centre >= 0).all()
    for node in network.managed:
        if network.node(node).bill_of_materials:
            continue
        output = centre[list(network.outbound(node))].sum() + scale * len(network.markets_of(node))
        into = centre[list(network.inbound(node))].sum()
        assert into * network.node(node).yield_ == pytest.approx(output, rel=1e-9)
    np.testing.assert_allclose(centre_orders(network, 2 * scale), 2 * centre, rtol=1e-12)
    np.testing.assert_allclose(centre_orders(network, [scale] * len(network.market_links)), centre, rtol=1e-12)
    # What each market adds to the flow does not depend on the others.
    alone = [
        centre_orders(network, np.where(np.arange(len(network.market_links)) == i, scale, 1e-12))
        for i in range(len(network.market_links))
    ]
    np.testing.assert_allclose(sum(alone), centre, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, [20.0, 20.0], []])
def test_a_demand_scale_is_positive_and_fits(scale) -> None:
    with pytest.raises(
        ValueError, match="demand_scale is positive units per period, one number or one per market link"
    ):
        CentredOrders(InventoryEnv(SERIAL), scale)
    CentredOrders(InventoryEnv(SERIAL), [20.0])


# --- scaling ----------------------------------------------------------------------------------------------------------


@given(actions, actions, st.floats(1.5, 10))
def test_scaling_is_centred_monotone_and_within_its_ends(lower: list, upper: list, multiple: float) -> None:
    wrapped = CentredOrders(InventoryEnv(DIVERGENT), 20.0, multiple)
    ends = [np.full(11, end, dtype=np.float32) for end in (-1, 0, 1)]
    np.testing.assert_array_equal(wrapped.action(ends[0]), np.zeros(11))
    np.testing.assert_array_equal(wrapped.action(ends[1]), wrapped.centre)
    np.testing.assert_allclose(wrapped.action(ends[2]), multiple * wrapped.centre, rtol=1e-12)
    low, high = np.minimum(lower, upper), np.maximum(lower, upper)
    assert (wrapped.action(low) <= wrapped.action(high)).all()
    assert (wrapped.action(low) >= 0).all()
    assert (wrapped.action(high) <= multiple * wrapped.centre * (1 + 1e-12)).all()


def test_the_centred_environment_plays_the_orders() -> None:
    wrapped, plain = CentredOrders(InventoryEnv(SERIAL), 20.0), InventoryEnv(SERIAL)
    assert wrapped.action_space == gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    wrapped.reset(seed=1)
    plain.reset(seed=1)
    action = np.array([-0.5, 0.0, 0.5], dtype=np.float32)
    observation, reward, *_ = wrapped.step(action)
    expected = plain.step(np.array([10.0, 20.0, 50.0]))
    np.testing.assert_array_equal(observation, expected[0])
    assert reward == expected[1]


def test_beyond_minus_one_the_environment_clips_and_counts() -> None:
    wrapped = CentredOrders(InventoryEnv(SERIAL), 20.0)
    wrapped.reset(seed=1)
    *_, info = wrapped.step(np.array([-1.5, 0.0, 1.5]))
    assert info["clipped_orders"] == 1


def test_a_centred_environment_has_normalised_actions() -> None:
    env = gymnasium.make("Arena/Serial-v0")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # check_env wants to see unwrapped environments, which make does not return, and normalised actions.
        check_env(env)
        assert len(caught) == 2
        check_env(CentredOrders(env, 20.0))
    assert len(caught) == 2 + 1


def test_the_recipe_of_a_wrapped_environment_makes_it_again() -> None:
    wrapped = IntegerOrders(CentredOrders(gymnasium.make("Arena/Serial-v0"), 20.0, largest_multiple=2.0), largest=50)
    again = gymnasium.make(wrapped.spec)
    assert str(again) == str(wrapped)
    assert again.action_space == wrapped.action_space


@pytest.mark.parametrize("multiple", [1.0, 0.0, -2.0, np.inf, np.nan])
def test_the_largest_multiple_is_above_one(multiple: float) -> None:
    with pytest.raises(ValueError, match="largest_multiple is a number above 1"):
        CentredOrders(InventoryEnv(SERIAL), 20.0, multiple)
    CentredOrders(InventoryEnv(SERIAL), 20.0, 1.5)


# --- whole units ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 3200), min_size=3, max_size=3))
def test_whole_units_are_the_nearest_and_stay(orders: list) -> None:
    wrapped = IntegerOrders(InventoryEnv(SERIAL))
    rounded = wrapped.action(np.array(orders))
    np.testing.assert_array_equal(rounded, np.floor(rounded))
    assert (abs(rounded - orders) <= 0.5).all()
    np.testing.assert_array_equal(wrapped.action(rounded), rounded)


def test_action_spaces_of_whole_units() -> None:
    env = InventoryEnv(SERIAL)
    assert IntegerOrders(env).action_space == gymnasium.spaces.Box(0, 3200, (3,), np.int64)
    assert IntegerOrders(env, largest=60).action_space == gymnasium.spaces.MultiDiscrete([61, 61, 61])


def test_only_whole_units_reach_the_ledger() -> None:
    env = CentredOrders(IntegerOrders(InventoryEnv(SERIAL)), 20.0)
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(30):
        env.step(env.action_space.sample())
    requested = env.unwrapped.ledger().requested
    np.testing.assert_array_equal(requested, np.rint(requested))
    assert len(np.unique(requested)) > 10


@pytest.mark.parametrize("largest", [0, -1, 2.5, 3201])
def test_the_largest_choice_is_a_whole_number_within_bounds(largest) -> None:
    with pytest.raises(
        ValueError, match="largest is a whole number of units from 1 to the scenario's largest order, 3200"
    ):
        IntegerOrders(InventoryEnv(SERIAL), largest)
    IntegerOrders(InventoryEnv(SERIAL), 3200)


# --- common -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda env: CentredOrders(env, 20.0), IntegerOrders])
@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(1), r"actions have shape \(3,\), one per supply link, got \(1,\)"),
        (np.float64(0.0), r"actions have shape \(3,\)"),
        (np.zeros((1, 3)), r"actions have shape \(3,\)"),
        (np.array(["a", "b", "c"]), "actions are real numbers"),
        (np.array([0.0, np.nan, 0.0]), "orders are finite"),
    ],
)
def test_actions_that_are_no_actions_raise(wrap, action, message: str) -> None:
    env = wrap(InventoryEnv(SERIAL))
    env.reset(seed=1)
    with pytest.raises(ContractViolation, match=message):
        env.step(action)
    env.step(np.zeros(3))


@pytest.mark.parametrize(
    ("wrap", "wrap_batch"),
    [
        (lambda env: CentredOrders(env, 20.0, 3.0), lambda envs: VectorCentredOrders(envs, 20.0, 3.0)),
        (IntegerOrders, VectorIntegerOrders),
        (lambda env: IntegerOrders(env, 60), lambda envs: VectorIntegerOrders(envs, 60)),
        (
            lambda env: CentredOrders(IntegerOrders(env), 20.0),
            lambda envs: VectorCentredOrders(VectorIntegerOrders(envs), 20.0),
        ),
    ],
)
def test_a_wrapped_batch_equals_its_wrapped_singles(wrap, wrap_batch) -> None:
    envs = wrap_batch(InventoryVectorEnv(DIVERGENT, 3, streams="independent"))
    singles = [wrap(InventoryEnv(DIVERGENT)) for _ in range(3)]
    assert envs.single_action_space == singles[0].action_space
    assert envs.action_space.shape == (3, 11)
    envs.reset(seed=5)
    for i, single in enumerate(singles):
        single.reset(seed=5 + i)
    envs.action_space.seed(1)
    for _ in range(20):
        given_actions = envs.action_space.sample()
        observations, rewards, *_ = envs.step(given_actions)
        for i, single in enumerate(singles):
            observation, reward, *_ = single.step(given_actions[i])
            np.testing.assert_array_equal(observations[i], observation)
            assert rewards[i] == reward


def test_a_wrapped_batch_holds_shapes() -> None:
    envs = VectorCentredOrders(InventoryVectorEnv(SERIAL, 2), 20.0)
    envs.reset(seed=1)
    with pytest.raises(ContractViolation, match=r"actions have shape \(2, 3\).*got \(3,\)"):
        envs.step(np.zeros(3))
    envs.step(np.zeros((2, 3)))
    np.testing.assert_array_equal(envs.centre, [20.0, 20.0, 20.0])


def test_wrappers_go_on_our_environments_only() -> None:
    cart_pole = gymnasium.make("CartPole-v1")
    many = gymnasium.make_vec("Arena/Serial-v0", num_envs=2, vectorization_mode="sync")
    with pytest.raises(TypeError, match="goes on an InventoryEnv, got CartPoleEnv"):
        CentredOrders(cart_pole, 20.0)
    with pytest.raises(TypeError, match="goes on an InventoryEnv, got CartPoleEnv"):
        IntegerOrders(cart_pole)
    with pytest.raises(TypeError, match="goes on an InventoryVectorEnv, got SyncVectorEnv"):
        VectorCentredOrders(many, 20.0)
    with pytest.raises(TypeError, match="goes on an InventoryVectorEnv, got SyncVectorEnv"):
        VectorIntegerOrders(many)
    CentredOrders(gymnasium.make("Arena/Serial-v0"), 20.0)
    VectorIntegerOrders(gymnasium.make_vec("Arena/Serial-v0", num_envs=2))
