"""The vector environment: a batch equals its singles, Gymnasium's autoreset modes, streams and orders."""

import re

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings, strategies as st
from later_strategies import later_scenarios
from strategies import EXTENSIONS, networks, scenarios

import arena.envs
from arena import Demand, Scenario, load_scenario
from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.errors import ContractViolation, EpisodeEnded, UnknownName
from arena.training_worlds import (
    GoodwillRanges,
    ScenarioMix,
    WeightedFamily,
    broad_effects,
    broad_series,
    published_effects,
)

SERIAL = "serial-stationary-backlog"
GOODWILL = "divergent-trend-seasonal-shock-goodwill-lost-sales"


def random_orders(envs: InventoryVectorEnv, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-5, 60, (envs.num_envs, envs.single_action_space.shape[0]))


def assert_equal(one, other) -> None:
    """Equality of whatever an environment returns, to the bit and the dtype."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    elif isinstance(one, np.ndarray) and one.dtype == np.object_:
        assert one.shape == other.shape
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


# --- a batch equals its singles ---------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.one_of(scenarios(networks(extensions=EXTENSIONS)), later_scenarios()),
    st.integers(0, 1000),
    st.sampled_from(["blind", "informed"]),
    st.integers(1, 3),
)
def test_independent_streams_equal_single_environments_bit_for_bit(
    scenario: Scenario, seed: int, track: str, count: int
) -> None:
    envs = InventoryVectorEnv(scenario, count, track=track, streams="independent", autoreset_mode="Disabled")
    singles = [InventoryEnv(scenario, track=track) for _ in range(count)]
    observations, _ = envs.reset(seed=seed)
    np.testing.assert_array_equal(observations, [single.reset(seed=seed + i)[0] for i, single in enumerate(singles)])
    for period in range(scenario.horizon):
        orders = random_orders(envs, seed + period)
        observations, rewards, terminations, truncations, infos = envs.step(orders)
        for i, single in enumerate(singles):
            observation, reward, terminated, truncated, info = single.step(orders[i])
            np.testing.assert_array_equal(observations[i], observation)
            assert (rewards[i], terminations[i], truncations[i]) == (reward, terminated, truncated)
            assert {key: infos[key][i] for key in info} == info


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("name", [SERIAL, GOODWILL])
def test_autoreset_is_gymnasiums_own(name: str, mode: AutoresetMode) -> None:
    """Step by step what Gymnasium's reference implementation returns, over several episodes."""
    ours = InventoryVectorEnv(name, 3, streams="independent", autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: InventoryEnv(name)] * 3, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert_equal(ours.reset(seed=7), theirs.reset(seed=7))
    for step in range(70):
        orders = random_orders(ours, step)
        mine, reference = ours.step(orders), theirs.step(orders)
        assert_equal(mine, reference)
        if mode is AutoresetMode.DISABLED and mine[3].all():
            assert_equal(ours.reset(), theirs.reset())
            mask = np.ones(3, dtype=np.bool_)
            assert_equal(ours.reset(options={"reset_mask": mask}), theirs.reset(options={"reset_mask": mask}))
    assert_equal(ours.reset(seed=[5, None, 6]), theirs.reset(seed=[5, None, 6]))
    orders = random_orders(ours)
    assert_equal(ours.step(orders), theirs.step(orders))


@settings(max_examples=30)
@given(later_scenarios(), st.integers(0, 1000))
def test_shared_streams_play_the_later_parts(scenario: Scenario, seed: int) -> None:
    envs = InventoryVectorEnv(scenario, 3, autoreset_mode="Disabled")
    again = InventoryVectorEnv(scenario, 3, autoreset_mode="Disabled")
    assert_equal(envs.reset(seed=seed), again.reset(seed=seed))
    for period in range(scenario.horizon):
        orders = random_orders(envs, seed + period)
        observations, rewards, *rest = envs.step(orders)
        assert_equal((observations, rewards, *rest), again.step(orders))
        assert np.isfinite(rewards).all()
        assert all(row in envs.single_observation_space for row in observations)


def test_rewards_of_shared_streams_are_the_same_up_to_rounding() -> None:
    # One episode in the batch: the shared stream is then the single environment's own.
    envs, single = InventoryVectorEnv(GOODWILL, 1), InventoryEnv(GOODWILL)
    envs.reset(seed=3)
    single.reset(seed=3)
    for step in range(29):
        orders = random_orders(envs, step)
        observations, rewards, *_ = envs.step(orders)
        observation, reward, *_ = single.step(orders[0])
        np.testing.assert_array_equal(observations[0], observation)
        assert rewards[0] == pytest.approx(reward, rel=1e-12, abs=1e-9)


# --- streams ----------------------------------------------------------------------------------------------------------


def first_demand(envs: InventoryVectorEnv, **arguments) -> np.ndarray:
    envs.reset(**arguments)
    return envs.step(np.zeros(envs.action_space.shape))[0][:, 0]


@pytest.mark.parametrize("streams", ["shared", "independent"])
def test_equal_seeds_equal_batches_and_streams_go_on(streams: str) -> None:
    one, other = (InventoryVectorEnv(SERIAL, 16, streams=streams) for _ in range(2))
    first = first_demand(one, seed=1)
    np.testing.assert_array_equal(first, first_demand(other, seed=1))
    going_on = first_demand(one)
    assert not np.array_equal(first, going_on)
    np.testing.assert_array_equal(going_on, first_demand(other))
    assert len(set(first)) > 1, "sub-environments have demand of their own"


@pytest.mark.parametrize("streams", ["shared", "independent"])
def test_unseeded_batches_differ(streams: str) -> None:
    one, other = (InventoryVectorEnv(SERIAL, 16, streams=streams) for _ in range(2))
    assert not np.array_equal(first_demand(one), first_demand(other))


@pytest.mark.parametrize("distribution", ["poisson", "normal", "uniform"])
@pytest.mark.parametrize("noise_scale", [1.0, 0.5])
@pytest.mark.parametrize("sampling", ["direct", "inverse_cdf"])
def test_one_mean_for_all_is_drawn_as_many_equal_means(distribution: str, noise_scale: float, sampling: str) -> None:
    demand = Demand(base_mean=20, distribution=distribution, noise_scale=noise_scale, sampling=sampling)
    together = demand.draw_batch(np.random.default_rng(5), 20.0, 1000)
    np.testing.assert_array_equal(together, demand.draw_batch(np.random.default_rng(5), np.full(1000, 20.0)))
    assert together.dtype == np.float64
    assert together.mean() == pytest.approx(20, abs=5 * 20 / 1000**0.5)


def test_sentiment_moves_each_sub_environment_by_itself() -> None:
    envs = InventoryVectorEnv("serial-trend-seasonal-goodwill-backlog", 2)
    envs.reset(seed=1)
    orders = np.array([[0.0, 0.0, 0.0], [60.0, 60.0, 60.0]])
    for _ in range(25):
        *_, infos = envs.step(orders)
    starved, served = infos["sentiment"]
    assert starved == 0.2, "never served: at the floor"
    assert served > 0.5


# --- orders -----------------------------------------------------------------------------------------------------------


def test_orders_are_clipped_and_counted_per_sub_environment() -> None:
    envs, same = InventoryVectorEnv(SERIAL, 3), InventoryVectorEnv(SERIAL, 3)
    envs.reset(seed=1)
    same.reset(seed=1)
    wild = np.array([[-1.0, 5000.0, 20.0], [20.0, 20.0, 20.0], [20.0, -3.0, 20.0]])
    observations, *_, infos = envs.step(wild)
    assert infos["clipped_orders"].tolist() == [2, 0, 1]
    np.testing.assert_array_equal(observations, same.step(np.clip(wild, 0, 3200))[0])


@pytest.mark.parametrize(
    ("orders", "code", "message"),
    [
        (np.array([[20.0] * 3, [20.0, np.nan, 20.0]]), "non_finite", "those of sub-environment 1 are not"),
        (np.array([[np.inf, 20.0, 20.0], [20.0] * 3]), "non_finite", "those of sub-environment 0 are not"),
        (np.array([[-np.inf, 20.0, 20.0], [20.0] * 3]), "non_finite", "those of sub-environment 0 are not"),
        (np.full((3, 2), 20.0), "bad_shape", r"\(2, 3\), \(num_envs, supply links\), got \(3, 2\)"),
        (np.full(3, 20.0), "bad_shape", r"got \(3,\)"),
        (np.full((1, 3), 20.0), "bad_shape", r"got \(1, 3\)"),
        (np.full((2, 3), True), "bad_dtype", "orders are real numbers, got .* of dtype bool"),
    ],
)
def test_orders_that_are_no_orders_raise_and_change_nothing(orders: np.ndarray, code: str, message: str) -> None:
    envs, same = InventoryVectorEnv(SERIAL, 2), InventoryVectorEnv(SERIAL, 2)
    envs.reset(seed=1)
    same.reset(seed=1)
    with pytest.raises(ContractViolation, match=message) as caught:
        envs.step(orders)
    assert caught.value.code == code
    good = np.full((2, 3), 20.0)
    np.testing.assert_array_equal(envs.step(good)[0], same.step(good)[0])


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_was_given_and_returned_may_be_overwritten(order: str) -> None:
    # On the divergent network an order for raw material goes into the pipeline as it was given.
    envs, same = (InventoryVectorEnv("divergent-stationary-backlog", 4) for _ in range(2))
    envs.reset(seed=1)
    same.reset(seed=1)
    buffer = np.empty((4, 11), order=order)
    for step in range(40):
        orders = np.abs(random_orders(envs, step))
        buffer[:] = orders
        observations, rewards, *_, infos = envs.step(buffer)
        expected = same.step(orders)
        np.testing.assert_array_equal(observations, expected[0])
        np.testing.assert_array_equal(rewards, expected[1])
        for returned in (buffer, observations, rewards, infos["sentiment"]):
            returned[:] = -1.0


# --- the end and the beginning ----------------------------------------------------------------------------------------


def test_the_default_mode_resets_in_the_same_step() -> None:
    envs = gymnasium.make_vec("Arena/Serial-v0", num_envs=2)
    assert isinstance(envs.unwrapped, InventoryVectorEnv)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    envs.reset(seed=1)
    for _ in range(30):
        observations, _, terminations, truncations, infos = envs.step(np.full((2, 3), 20.0))
    assert (terminations.any(), truncations.all()) == (False, True)
    assert observations[:, -2].tolist() == [0.0, 0.0], "the coming period is the first"
    assert [final[-2] for final in infos["final_obs"]] == [30.0, 30.0]
    assert infos["final_info"]["period"].tolist() == [30, 30]


def test_stepping_after_the_end_or_before_reset_raises() -> None:
    envs = InventoryVectorEnv(SERIAL, 2, autoreset_mode=AutoresetMode.DISABLED)
    orders = np.full((2, 3), 20.0)
    with pytest.raises(ResetNeeded, match=re.escape("call reset() before step()")):
        envs.step(orders)
    envs.reset(seed=1)
    for _ in range(30):
        envs.step(orders)
    with pytest.raises(EpisodeEnded, match="over after 30 periods"):
        envs.step(orders)
    envs.reset()
    envs.step(orders)


def test_a_part_of_the_batch_cannot_be_reset() -> None:
    envs = InventoryVectorEnv(SERIAL, 2)
    envs.reset(seed=1, options={"reset_mask": np.array([True, True])})
    with pytest.raises(ValueError, match="all episodes of this vector environment begin and end together"):
        envs.reset(options={"reset_mask": np.array([True, False])})


def test_seeds_fit_the_streams() -> None:
    shared, independent = InventoryVectorEnv(SERIAL, 2), InventoryVectorEnv(SERIAL, 2, streams="independent")
    with pytest.raises(ValueError, match='streams="independent" to seed each'):
        shared.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="num_envs is 2, got 3"):
        independent.reset(seed=[1, 2, 3])
    shared.reset(seed=1)
    independent.reset(seed=[1, 2])


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(UnknownName, match='did you mean "independent"'):
        InventoryVectorEnv(SERIAL, 2, streams="independant")
    with pytest.raises(UnknownName, match='did you mean "SameStep"'):
        InventoryVectorEnv(SERIAL, 2, autoreset_mode="same_step")
    with pytest.raises(ValueError, match="num_envs is at least 1, got 0"):
        InventoryVectorEnv(SERIAL, 0)
    InventoryVectorEnv(SERIAL, 2, streams="independent", autoreset_mode="SameStep")


@pytest.mark.parametrize("mode", [None, "vector_entry_point", "sync"])
def test_make_vec_in_every_mode(mode: str | None) -> None:
    envs = gymnasium.make_vec("Arena/Scenario-v0", 2, vectorization_mode=mode, scenario=SERIAL, track="informed")
    observations, _ = envs.reset(seed=1)
    scenario = load_scenario(SERIAL)
    assert observations.shape == (2, 15 + scenario.horizon + scenario.network.longest_lead_time)
    assert observations in envs.observation_space
    envs.action_space.seed(1)
    observations, rewards, *_ = envs.step(envs.action_space.sample())
    assert observations in envs.observation_space
    assert rewards.shape == (2,)
    envs.close()


def test_gymnasiums_episode_statistics_understand_the_environment() -> None:
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(arena.envs.InventoryVectorEnv(SERIAL, 2))
    envs.reset(seed=1)
    total = np.zeros(2)
    for _ in range(30):
        _, rewards, _, _, infos = envs.step(np.full((2, 3), 20.0))
        total += rewards
    np.testing.assert_allclose(infos["episode"]["r"], total, rtol=1e-9)
    assert infos["episode"]["l"].tolist() == [30, 30]


# --- scenarios drawn at every reset -----------------------------------------------------------------------------------


def mix_for(scenario: Scenario) -> ScenarioMix:
    """All kinds of demand, rules and stocks."""
    families = [published_effects(), broad_series(), broad_effects(own_level=True)]
    return ScenarioMix(
        families=[WeightedFamily(family=family) for family in families],
        goodwill_ranges=GoodwillRanges(growth=(1.0, 1.2), decay=(0.5, 1.0), cap=(1.2, 3.0), floor=(0.1, 0.9)),
        initial_stock=(0.5, 1.0 if any(node.storage_capacity for node in scenario.network.nodes) else 1.5),
        horizon=(scenario.horizon, scenario.horizon),
    )


@settings(max_examples=60)
@given(
    st.one_of(scenarios(networks(extensions=EXTENSIONS)), later_scenarios()),
    st.integers(0, 1000),
    st.sampled_from(["blind", "informed"]),
    st.integers(1, 5),
)
def test_drawn_episodes_equal_single_environments_of_the_drawn_scenarios(
    scenario: Scenario, seed: int, track: str, count: int
) -> None:
    """Bit for bit, also in the second batch, whose demand goes on in the same streams."""
    mix = mix_for(scenario)
    envs = InventoryVectorEnv(scenario, count, track=track, streams="independent", randomisation=mix)
    streams = [np.random.default_rng(0)] * count
    observations, infos = envs.reset(seed=seed)
    for episode in range(2):
        drawn = envs.drawn_scenarios
        singles = [InventoryEnv(each, track=track) for each in drawn]
        firsts = [single.reset(seed=seed + i)[0] for i, single in enumerate(singles)]
        if episode > 0:
            for single, stream in zip(singles, streams, strict=True):
                single.np_random.bit_generator.state = stream.bit_generator.state
            firsts = [single.reset()[0] for single in singles]  # lead times, too, come of where the stream is
        np.testing.assert_array_equal(observations, firsts)
        assert infos["backlog"].tolist() == [each.fulfilment == "backlog" for each in drawn]
        if track == "informed":
            assert infos["goodwill"].tolist() == [each.goodwill is not None for each in drawn]
            assert infos["noise_scale"].tolist() == [each.demand.noise_scale for each in drawn]
        for period in range(scenario.horizon):
            # Within every bound: those of the drawn scenarios move with their stocks, that of the batch does not.
            bound = min(each.order_bound for each in (scenario, *drawn))
            orders = np.clip(random_orders(envs, seed + period), 0, bound)
            observations, rewards, _, truncations, infos = envs.step(orders)
            last = period == scenario.horizon - 1
            seen = infos["final_obs"] if last else observations
            for i, single in enumerate(singles):
                observation, reward, _, truncated, _ = single.step(orders[i])
                np.testing.assert_array_equal(seen[i], observation)
                assert (rewards[i], truncations[i]) == (reward, truncated)
        streams = [single.np_random for single in singles]


def test_drawn_episodes_of_a_shared_stream_play_the_same_world() -> None:
    """Demand comes from one stream; all else is that of the single environment, given the same demand."""
    scenario = load_scenario(GOODWILL)
    mix = mix_for(scenario)
    envs = InventoryVectorEnv(scenario, 64, track="informed", randomisation=mix)
    envs.reset(seed=5)
    drawn = envs.drawn_scenarios
    means = np.array([each.mean_path[0, :30] for each in drawn])
    demands = []
    for _ in range(29):
        observations, *_, infos = envs.step(np.full(envs.action_space.shape, 20.0))
        demands.append(observations[:, 0])
        assert (infos["sentiment"] == 1.0)[[each.goodwill is None for each in drawn]].all()
    certain = [i for i, each in enumerate(drawn) if each.demand.noise_scale == 0 and each.goodwill is None]
    assert len(certain) >= 3
    np.testing.assert_allclose(np.array(demands).T[certain], means[certain, :29], rtol=1e-12)
    noisy = [i for i, each in enumerate(drawn) if each.goodwill is None and each.demand.noise_scale > 0]
    z = (np.array(demands).T[noisy] - means[noisy, :29]).sum() / np.sqrt(
        (means[noisy, :29] * np.array([drawn[i].demand.noise_scale for i in noisy])[:, None] ** 2).sum()
    )
    assert abs(z) < 4


@pytest.mark.parametrize("streams", ["shared", "independent"])
def test_equal_seeds_draw_equal_scenarios_and_every_reset_draws_new_ones(streams: str) -> None:
    scenario = load_scenario(SERIAL)
    one, other = (InventoryVectorEnv(scenario, 3, streams=streams, randomisation=mix_for(scenario)) for _ in range(2))
    one.reset(seed=7)
    other.reset(seed=7)
    assert one.drawn_scenarios == other.drawn_scenarios
    first = one.drawn_scenarios
    one.reset()
    assert first != one.drawn_scenarios
    other.reset(seed=8)
    assert one.drawn_scenarios != other.drawn_scenarios
    one.reset(seed=7)
    assert first == one.drawn_scenarios


def test_a_mix_that_does_not_fit_is_refused() -> None:
    scenario = load_scenario(SERIAL)
    mix = mix_for(scenario)
    InventoryVectorEnv(scenario, 2, randomisation=mix)
    full = scenario.network.model_copy(
        update={
            "nodes": tuple(
                node if node.initial_stock is None else node.model_copy(update={"storage_capacity": node.initial_stock})
                for node in scenario.network.nodes
            )
        }
    )
    with pytest.raises(ValueError, match="fits the storage capacity"):
        InventoryVectorEnv(Scenario(name="full", network=full, demand=scenario.demand), 2, randomisation=mix)
    bare = tuple(link.model_copy(update={"mean_demand": None}) for link in scenario.network.market_links)
    levelled = scenario.model_copy(
        update={
            "network": scenario.network.model_copy(update={"market_links": bare}),
            "demand": Demand(base_mean=5.0),
        }
    )
    own_levels = mix.model_copy(update={"families": (WeightedFamily(family=broad_effects(own_level=True)),)})
    with pytest.raises(ValueError, match=r"market_links\[0\] .* has no mean_demand: give the family a base_mean, or"):
        InventoryVectorEnv(levelled, 2, randomisation=own_levels)
    drawn_levels = mix.model_copy(update={"families": (WeightedFamily(family=broad_effects()),)})
    InventoryVectorEnv(levelled, 2, randomisation=drawn_levels).reset(seed=1)
    with pytest.raises(ValueError, match="have no windows: leave the option window out"):
        InventoryVectorEnv(levelled, 2, randomisation=drawn_levels).reset(seed=1, options={"window": 0})
    with pytest.raises(ValueError, match=r"horizons from \[10, 30\]: set its horizon to \[30, 30\]"):
        InventoryVectorEnv(scenario, 2, randomisation=mix.model_copy(update={"horizon": (10, 30)}))
