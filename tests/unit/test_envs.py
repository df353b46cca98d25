"""The single environment: Gymnasium's rules, the contract's observations and orders, registration and rendering."""

import re
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings, strategies as st
from strategies import Episode, episodes

import arena.envs
from arena import Simulator, TrackView, load_scenario, measure
from arena.envs import InventoryEnv
from arena.envs.registration import SHORT_IDS, environment_id
from arena.errors import ArenaError, ContractViolation, EpisodeEnded, UnknownName
from arena.world.suite import scenario_names

SERIAL = "serial-stationary-backlog"
EVERY_MODE = (SERIAL, "divergent-trend-seasonal-shock-goodwill-lost-sales", "assembly-trend-seasonal-backlog")


def play(env: gymnasium.Env, orders: np.ndarray, seed: int | None = None) -> list[tuple]:
    """Every (observation, reward, terminated, truncated, info) of an episode, the reset's first."""
    steps = [env.reset(seed=seed)]
    steps += [env.step(each) for each in orders]
    return steps


def constant_orders(name: str, level: float = 20.0) -> np.ndarray:
    scenario = load_scenario(name)
    return np.full((scenario.horizon, len(scenario.network.supply_links)), level)


# --- Gymnasium's rules ------------------------------------------------------------------------------------------------


def said(caught: list[warnings.WarningMessage]) -> list[warnings.WarningMessage]:
    """What the checker warns of; what libraries say of their own deprecated parts is not about the environment."""
    return [one for one in caught if not issubclass(one.category, DeprecationWarning)]


@pytest.mark.parametrize("name", EVERY_MODE)
@pytest.mark.parametrize("track", ["blind", "informed"])
def test_check_env_finds_only_that_orders_are_in_units(name: str, track: str) -> None:
    env = gymnasium.make(environment_id(name), track=track).unwrapped
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
        # Orders are units, as the contract has it; CentredOrders is there for who wants [-1, 1].
        assert len(said(caught)) == 1
        env.action_space = spaces.Box(-1.0, 1.0, env.action_space.shape, np.float32)
        check_env(env)
    assert len(said(caught)) == 1


@pytest.mark.parametrize("identifier", [*SHORT_IDS, *map(environment_id, scenario_names())])
def test_every_registered_environment_plays_an_episode_without_a_warning(identifier: str) -> None:
    env = gymnasium.make(identifier)  # through Gymnasium's passive checker
    env.reset(seed=1)
    env.action_space.seed(1)
    horizon = env.unwrapped.scenario.horizon
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(horizon)]
    assert ends == [(False, False)] * (horizon - 1) + [(False, True)]


def test_short_ids_play_what_their_published_counterparts_play() -> None:
    names = {name: gymnasium.make(name).unwrapped.scenario.name for name in SHORT_IDS}
    assert names == {
        "Arena/Divergent-v0": "divergent-stationary-backlog",
        "Arena/Serial-v0": "serial-stationary-backlog",
    }


def test_any_scenario_by_name_path_or_object(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nnetwork: serial\ndemand: {base_mean: 5}\nhorizon: 3\n", encoding="utf-8")
    for given_scenario, name in (
        (SERIAL, SERIAL),
        (path, "mine"),
        (str(path), "mine"),
        (load_scenario(SERIAL), SERIAL),
    ):
        assert gymnasium.make("Arena/Scenario-v0", scenario=given_scenario).unwrapped.scenario.name == name
    with pytest.raises(UnknownName, match='did you mean "serial-m5-backlog"'):
        gymnasium.make("Arena/Scenario-v0", scenario="serial-m5-backlogg")


def test_registering_again_changes_nothing() -> None:
    before = dict(gymnasium.registry)
    arena.envs.register()
    assert gymnasium.registry == before


def test_make_imports_the_environments_by_itself() -> None:
    code = "import gymnasium; print(gymnasium.make('arena.envs:Arena/Divergent-v0').reset(seed=1)[0].shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(71,)"


def test_spaces_are_the_contracts() -> None:
    divergent = InventoryEnv("divergent-stationary-backlog")
    assert divergent.observation_space == gymnasium.spaces.Box(-1e6, 1e6, (71,), np.float64)
    assert divergent.action_space == gymnasium.spaces.Box(0.0, 3100.0, (11,), np.float64)
    serial = InventoryEnv(SERIAL)
    assert serial.observation_space.shape == (15,)
    assert serial.action_space == gymnasium.spaces.Box(0.0, 3200.0, (3,), np.float64)


# --- episodes ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(episodes(), st.sampled_from(["blind", "informed"]))
def test_observations_are_the_tracks_and_the_episode_is_the_simulators(episode: Episode, track: str) -> None:
    scenario, simulator = episode.scenario, Simulator(episode.scenario)
    env, view = InventoryEnv(scenario, track=track), TrackView(scenario, track)
    simulator.start(episode.seed)
    orders = np.clip(episode.orders, 0, scenario.order_bound)
    forecast_shape = (len(scenario.network.market_links), scenario.horizon + scenario.network.longest_lead_time)
    steps = play(env, episode.orders, episode.seed)
    for period, step in enumerate(steps):
        if period:
            assert step[1] == simulator.step(orders[period - 1])
            assert step[2:4] == (False, period == scenario.horizon)
        seen = view.observe(simulator.state)
        expected = seen.vector
        if track == "informed":
            ahead = np.zeros(forecast_shape)
            ahead[:, : seen.forecast.shape[1]] = seen.forecast
            expected = np.concatenate((expected, ahead.ravel()))
        np.testing.assert_array_equal(step[0], expected)
        assert step[0].shape == env.observation_space.shape
        info = step[-1]
        assert (info["period"], info["sentiment"]) == (period, simulator.state.sentiment)
    np.testing.assert_array_equal(env.ledger().filled, simulator.ledger().filled)


def test_a_seed_plays_the_stream_of_a_scored_episode() -> None:
    env, orders = InventoryEnv("divergent-stationary-backlog"), constant_orders("divergent-stationary-backlog")
    play(env, orders, seed=42)
    simulator = Simulator(env.scenario)
    simulator.start(42)
    for each in orders:
        simulator.step(each)
    np.testing.assert_array_equal(env.ledger().demand, simulator.ledger().demand)


def test_reset_without_a_seed_continues_the_stream() -> None:
    env, orders = InventoryEnv(SERIAL), constant_orders(SERIAL)
    play(env, orders, seed=42)
    first = env.ledger().demand
    play(env, orders)
    second = env.ledger().demand
    assert not np.array_equal(first, second)
    play(env, orders, seed=42)
    np.testing.assert_array_equal(env.ledger().demand, first)
    play(env, orders)
    np.testing.assert_array_equal(env.ledger().demand, second)


def test_unseeded_environments_differ_from_each_other() -> None:
    envs = [InventoryEnv(SERIAL) for _ in range(4)]
    for env in envs:
        play(env, constant_orders(SERIAL))
    traces = {env.ledger().demand.tobytes() for env in envs}
    assert len(traces) == 4


def test_what_was_returned_stays_as_it_was() -> None:
    env, orders = InventoryEnv(SERIAL), constant_orders(SERIAL)
    steps = play(env, orders, seed=1)
    before = [step[0].copy() for step in steps]
    for step in steps:
        step[0][:] = -1.0  # a user may normalise in place
    for step, again in zip(before, play(env, orders, seed=1), strict=True):
        np.testing.assert_array_equal(step, again[0])


def test_kpis_on_demand_and_at_the_end_if_asked_for() -> None:
    orders = constant_orders(SERIAL)
    asked, plain = InventoryEnv(SERIAL, kpis=True), InventoryEnv(SERIAL)
    infos = [step[-1] for step in play(asked, orders, seed=42)]
    assert ["kpis" in info for info in infos] == [False] * 30 + [True]
    assert infos[-1]["kpis"] == measure(asked.ledger(), asked.scenario).model_dump()
    assert "kpis" not in play(plain, orders, seed=42)[-1][-1]
    assert plain.kpis() == asked.kpis()


# --- orders -----------------------------------------------------------------------------------------------------------


def test_orders_out_of_bounds_are_clipped_and_counted() -> None:
    wild, tame = InventoryEnv(SERIAL), InventoryEnv(SERIAL)
    wild.reset(seed=1)
    tame.reset(seed=1)
    for given_orders, clipped, played in (
        ([-5.0, 1e9, 20.0], 2, [0.0, 3200.0, 20.0]),
        ([0.0, 3200.0, 20.0], 0, [0.0, 3200.0, 20.0]),
        ([-0.0, 3200.1, 20.0], 1, [0.0, 3200.0, 20.0]),
    ):
        observation, reward, *_, info = wild.step(np.array(given_orders))
        expected = tame.step(np.array(played))
        assert info["clipped_orders"] == clipped
        np.testing.assert_array_equal(observation, expected[0])
        assert reward == expected[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8, list, tuple])
def test_orders_of_any_real_kind_are_played(dtype) -> None:
    env, same = InventoryEnv(SERIAL), InventoryEnv(SERIAL)
    env.reset(seed=1)
    same.reset(seed=1)
    orders = dtype([20, 30, 40]) if dtype in (list, tuple) else np.array([20, 30, 40], dtype=dtype)
    np.testing.assert_array_equal(env.step(orders)[0], same.step(np.array([20.0, 30.0, 40.0]))[0])


@pytest.mark.parametrize(
    ("orders", "code", "message"),
    [
        (np.array([20.0, np.nan, 20.0]), "non_finite", "orders are finite"),
        (np.array([np.nan, 20.0, 20.0]), "non_finite", "orders are finite"),
        (np.array([20.0, 20.0, np.inf]), "non_finite", "orders are finite"),
        (np.array([-np.inf, 20.0, 20.0]), "non_finite", "orders are finite"),
        (np.array([20.0]), "bad_shape", r"shape \(3,\)"),
        (np.array(20.0), "bad_shape", r"shape \(3,\)"),
        (np.full((1, 3), 20.0), "bad_shape", r"shape \(3,\)"),
        (np.array([True, False, True]), "bad_dtype", "orders are real numbers"),
        (np.array([1j, 1, 1]), "bad_dtype", "orders are real numbers"),
        (None, "bad_dtype", "orders are real numbers"),
    ],
)
def test_orders_that_are_no_orders_raise_and_change_nothing(orders, code: str, message: str) -> None:
    env, same = InventoryEnv(SERIAL), InventoryEnv(SERIAL)
    env.reset(seed=1)
    same.reset(seed=1)
    with pytest.raises(ContractViolation, match=message) as caught:
        env.step(orders)
    assert caught.value.code == code
    good = np.full(3, 20.0)
    np.testing.assert_array_equal(env.step(good)[0], same.step(good)[0])


def test_stepping_after_the_end_raises() -> None:
    env, orders = InventoryEnv(SERIAL), constant_orders(SERIAL)
    play(env, orders, seed=1)
    with pytest.raises(EpisodeEnded, match=re.escape("over after 30 periods: call reset()")):
        env.step(orders[0])
    env.reset()
    env.step(orders[0])


def test_stepping_or_drawing_before_reset_raises() -> None:
    env = InventoryEnv(SERIAL, render_mode="ansi")
    with pytest.raises(ResetNeeded, match=re.escape("call reset() before step()")):
        env.step(np.zeros(3))
    with pytest.raises(ResetNeeded, match=re.escape("call reset() before render()")):
        env.render()
    env.reset()
    env.step(np.zeros(3))
    env.render()


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(UnknownName, match='choose from "blind", "informed"'):
        InventoryEnv(SERIAL, track="oracle")
    with pytest.raises(UnknownName, match='did you mean "ansi"'):
        InventoryEnv(SERIAL, render_mode="ansii")
    InventoryEnv(SERIAL, track="informed", render_mode="ansi")


# --- rendering --------------------------------------------------------------------------------------------------------


def test_text_shows_stocks_flows_and_money() -> None:
    env = InventoryEnv(SERIAL, render_mode="ansi")
    env.reset(seed=42)
    assert "0 of 30 periods played" in env.render()
    for _ in range(3):
        env.step(np.array([20.0, 20.0, 20.0]))
    ledger = env.ledger()
    lines = env.render().splitlines()
    assert (
        lines[0]
        == f"{SERIAL}   3 of 30 periods played   profit {ledger.reward[-1]:.2f}, so far {ledger.reward.sum():.2f}"
    )
    assert " ".join(lines[2].split()) == "node role on hand coming demand sold unfilled shipped profit so far"
    first = lines[3].split()
    assert first[:2] == ["1", "retailer"]
    assert float(first[2]) == pytest.approx(ledger.on_hand[-1, 0], abs=0.05)
    assert float(first[3]) == pytest.approx(ledger.in_transit[-1, 0], abs=0.05)
    so_far = [float(line.split()[-1]) for line in lines[3:]]
    assert so_far == pytest.approx(ledger.node_profit.sum(axis=0).tolist(), abs=0.005)
    assert lines[5].split()[:2] == ["3", "factory"]


@pytest.mark.parametrize(
    "name", ["divergent-trend-seasonal-goodwill-backlog", "tree-trend-seasonal-backlog", *EVERY_MODE]
)
def test_pictures_show_the_state(name: str) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    env = gymnasium.make(environment_id(name), render_mode="rgb_array")
    env.reset(seed=42)
    first = env.render()
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[2] == 3
    np.testing.assert_array_equal(first, env.render())
    env.step(np.full(env.action_space.shape, 50.0))
    second = env.render()
    assert second.shape == first.shape
    assert (second != first).any()


def test_pictures_without_matplotlib_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    env = InventoryEnv(SERIAL, render_mode="rgb_array")
    env.reset()
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ArenaError, match=re.escape("pip install matplotlib")):
        env.render()


def test_drawing_without_a_mode_warns_and_draws_nothing() -> None:
    env = InventoryEnv(SERIAL)
    env.reset()
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None
