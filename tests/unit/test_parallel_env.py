"""The PettingZoo environment: its own tests, local views, rewards and seeds."""

import re
import subprocess
import sys

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given, settings, strategies as st
from later_strategies import later_scenarios
from strategies import Episode, episodes

from arena import Simulator, TrackView, load_scenario
from arena.errors import ContractViolation, EpisodeEnded, UnknownName

pytest.importorskip("pettingzoo", reason="the parallel environment needs PettingZoo")

from pettingzoo.test import parallel_api_test, parallel_seed_test

from arena.envs import InventoryEnv
from arena.envs.parallel import ParallelInventoryEnv, parallel_env

SERIAL = "serial-trend-seasonal-backlog-decentralised"
DIVERGENT = "divergent-trend-seasonal-backlog-decentralised"
SCENARIOS = (SERIAL, DIVERGENT, "assembly-trend-seasonal-backlog", "w-trend-seasonal-lost-sales")


def split(env: ParallelInventoryEnv, orders: np.ndarray) -> dict[str, np.ndarray]:
    """Orders on all links as actions of the agents."""
    network = env.scenario.network
    return {f"node_{node}": orders[list(network.inbound(node))] for node in network.managed}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("reward", ["network", "node"])
def test_pettingzoos_own_tests(name: str, reward: str) -> None:
    parallel_api_test(parallel_env(name, reward=reward), num_cycles=100)
    parallel_seed_test(lambda: parallel_env(name, reward=reward), num_cycles=100)


def test_one_agent_per_managed_node_with_its_own_links() -> None:
    env = parallel_env(DIVERGENT)
    assert env.possible_agents == [f"node_{node}" for node in (1, 2, 3, 4, 5, 6)]
    assert [env.action_space(agent).shape[0] for agent in env.possible_agents] == [2, 3, 2, 1, 2, 1]
    # Not the network's bound of 3100, which would tell of other nodes' stocks and capacities.
    assert env.action_space("node_1").high.tolist() == [1e6, 1e6]
    # Retailer 1: demand, unfilled, on hand, 5 + 3 slots, period, sentiment; nobody orders from it.
    assert env.observation_space("node_1").shape == (3 + 8 + 2,)
    # Factory 5: on hand, 1 + 2 slots, period, sentiment, orders of distributor 2.
    assert env.observation_space("node_5").shape == (1 + 3 + 2 + 1,)


@settings(max_examples=60)
@given(st.one_of(episodes(), episodes(later_scenarios())))
def test_agents_play_the_simulator_and_see_their_track(episode: Episode) -> None:
    scenario, simulator, env = episode.scenario, Simulator(episode.scenario), parallel_env(episode.scenario)
    whole = InventoryEnv(episode.scenario)
    views = {f"node_{node}": TrackView(scenario, "decentralised", node) for node in scenario.network.managed}
    simulator.start(episode.seed)
    whole.reset(seed=episode.seed)
    observations, _ = env.reset(seed=episode.seed)
    orders = np.clip(episode.orders, 0, scenario.order_bound)
    for period in range(scenario.horizon):
        for agent, view in views.items():
            seen = view.observe(simulator.state)
            owed = seen.owed_to_buyers if scenario.upstream_shortage == "owed" else ()
            np.testing.assert_array_equal(observations[agent], [*seen.vector, *seen.incoming_orders, *owed])
            assert observations[agent].shape == env.observation_space(agent).shape
        observations, rewards, terminations, truncations, infos = env.step(split(env, orders[period]))
        profit = simulator.step(orders[period])
        assert set(rewards.values()) == {profit}
        assert not any(terminations.values())
        assert set(truncations.values()) == {period + 1 == scenario.horizon}
        assert all(info == {"clipped_orders": 0} for info in infos.values())
        np.testing.assert_array_equal(env.state(), whole.step(orders[period])[0])
    assert env.agents == []


@settings(max_examples=40)
@given(st.one_of(episodes(), episodes(later_scenarios())))
def test_rewards_by_node_are_the_ledgers_and_add_up(episode: Episode) -> None:
    env = parallel_env(episode.scenario, reward="node")
    env.reset(seed=episode.seed)
    total = 0.0
    for orders in np.clip(episode.orders, 0, episode.scenario.order_bound):
        _, rewards, *_ = env.step(split(env, orders))
        ledger = env.ledger()
        np.testing.assert_allclose(list(rewards.values()), ledger.node_profit[-1], rtol=1e-12, atol=1e-9)
        total += sum(rewards.values())
    assert total == pytest.approx(ledger.reward.sum(), rel=1e-9, abs=1e-6)


def test_streams() -> None:
    one, other = parallel_env(SERIAL), parallel_env(SERIAL)

    def demand(env: ParallelInventoryEnv, seed: int | None = None) -> list[float]:
        env.reset(seed=seed)
        while env.agents:
            env.step({agent: np.full(1, 20.0) for agent in env.agents})
        return env.ledger().demand.ravel().tolist()

    assert demand(one) != demand(other), "unseeded environments differ"
    first = demand(one, 42)
    simulator = Simulator(load_scenario(SERIAL))
    simulator.start(42)
    for _ in range(30):
        simulator.step(np.full(3, 20.0))
    assert first == simulator.ledger().demand.ravel().tolist()
    second = demand(one)
    assert second != first
    assert demand(other, 42) == first
    assert demand(other) == second, "reset without a seed continues the stream"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"node_2": np.array([np.nan])}, "non_finite: node_2: orders are finite"),
        ({"node_2": np.zeros(2)}, r"bad_shape: node_2: orders have shape \(1,\)"),
        ({"node_2": None}, "bad_dtype: node_2: orders are real numbers"),
        ({"node_9": np.zeros(1)}, "unknown agent 'node_9'; did you mean \"node_"),
        ({}, "orders of node_2 are missing"),
    ],
)
def test_actions_that_are_no_actions_raise_and_change_nothing(change: dict, message: str) -> None:
    env, same = parallel_env(SERIAL), parallel_env(SERIAL)
    env.reset(seed=1)
    same.reset(seed=1)
    good = {agent: np.full(1, 20.0) for agent in env.agents}
    bad = {agent: orders for agent, orders in good.items() if change or agent != "node_2"} | change
    with pytest.raises(ContractViolation, match=message):
        env.step(bad)
    observations, expected = env.step(good)[0], same.step(good)[0]
    for agent in env.possible_agents:
        np.testing.assert_array_equal(observations[agent], expected[agent])


def test_orders_out_of_bounds_are_clipped_and_counted() -> None:
    env = parallel_env(SERIAL)
    env.reset(seed=1)
    *_, infos = env.step({"node_1": np.array([-1.0]), "node_2": np.array([1e9]), "node_3": np.array([5.0])})
    assert [info["clipped_orders"] for info in infos.values()] == [1, 1, 0]
    assert env.ledger().requested[0].tolist() == [0.0, 1e6, 5.0]


def test_stepping_before_the_beginning_or_after_the_end_raises() -> None:
    env = parallel_env(SERIAL)
    orders = {agent: np.full(1, 20.0) for agent in env.possible_agents}
    with pytest.raises(ResetNeeded, match=re.escape("call reset() before step()")):
        env.step(orders)
    env.reset(seed=1)
    for _ in range(30):
        env.step(orders)
    with pytest.raises(EpisodeEnded, match="over after 30 periods"):
        env.step(orders)
    env.reset()
    env.step(orders)


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(UnknownName, match='did you mean "network"'):
        parallel_env(SERIAL, reward="networks")
    with pytest.raises(UnknownName, match='choose from "ansi", "rgb_array"'):
        parallel_env(SERIAL, render_mode="human")
    parallel_env(SERIAL, reward="node", render_mode="ansi")


def test_rendering() -> None:
    env = parallel_env(SERIAL, render_mode="ansi")
    with pytest.raises(ResetNeeded, match=re.escape("call reset() before render()")):
        env.render()
    env.reset(seed=1)
    assert "0 of 30 periods played" in env.render()
    silent = parallel_env(SERIAL)
    silent.reset(seed=1)
    with pytest.warns(UserWarning, match="without a render mode"):
        assert silent.render() is None


def test_without_pettingzoo_the_message_names_the_extra() -> None:
    code = "import sys; sys.modules['pettingzoo'] = None\nimport arena.envs\nimport arena.envs.parallel"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install pettingzoo" in done.stderr.splitlines()[-1]
    code = "import sys, arena.envs\nassert 'pettingzoo' not in sys.modules\nimport arena.envs.parallel"
    subprocess.run([sys.executable, "-c", code], check=True)
