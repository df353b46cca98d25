"""Bounds that follow from the scenario: of observations, of orders without a factory, of what customers ask for."""

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings, strategies as st
from strategies import EXTENSIONS, demands, networks, scenarios, seeds

from arena import Scenario, Simulator, TrackView, load_scenario
from arena.contract.tracks import largest_order
from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.errors import InvalidInput
from arena.simulate.simulator import realised_demand
from arena.training_worlds import ScenarioMix, WeightedFamily, broad_effects
from arena.world.library import build_scenario

SERIAL = "serial-stationary-backlog"


def shop(mean: float, **fields) -> Scenario:
    """One shop without a factory: node 1 buys from raw material and sells to one market."""
    network = {
        "nodes": [{"id": 0}, {"id": 1, "initial_stock": 10, "holding_cost": 0.01}, {"id": 2}],
        "supply_links": [{"supplier": 2, "buyer": 1, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0}],
        "market_links": [{"retailer": 1, "market": 0, "price": 2, "shortage_penalty": 0.1}],
    }
    return build_scenario({"name": "shop", "network": network, "demand": {"base_mean": mean}, **fields}, "shop.yaml")


# --- observations -----------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(scenarios(longest=8), st.sampled_from(["blind", "informed"]), seeds)
def test_every_observation_lies_in_its_space_whatever_is_ordered(scenario: Scenario, track: str, seed: int) -> None:
    env = InventoryEnv(scenario, track=track)
    env.action_space.seed(seed % 2**31)
    observation, _ = env.reset(seed=seed)
    assert observation in env.observation_space
    flood = np.full(env.action_space.shape, scenario.order_bound)
    for period in range(scenario.horizon):
        observation, *_ = env.step(flood if seed % 2 else env.action_space.sample())
        assert observation in env.observation_space, period


@settings(max_examples=40)
@given(scenarios(networks(extensions=EXTENSIONS), longest=6), seeds)
def test_every_agent_sees_what_lies_in_its_space(scenario: Scenario, seed: int) -> None:
    pytest.importorskip("pettingzoo", reason="the parallel environment needs PettingZoo")
    from arena.envs.parallel import parallel_env

    env = parallel_env(scenario)
    observations, _ = env.reset(seed=seed)
    while env.agents:
        observations, *_ = env.step({agent: env.action_space(agent).high for agent in env.agents})
        assert all(observations[agent] in env.observation_space(agent) for agent in observations)
        assert env.state() in env.state_space


def test_pettingzoos_test_of_agents_in_turn_passes_too() -> None:
    pytest.importorskip("pettingzoo", reason="the parallel environment needs PettingZoo")
    from pettingzoo.test import api_test
    from pettingzoo.utils.conversions import parallel_to_aec

    from arena.envs.parallel import parallel_env

    # PettingZoo says that agents differ in size, as nodes do.
    with pytest.warns(UserWarning, match="ifferent"):
        api_test(parallel_to_aec(parallel_env("serial-trend-seasonal-backlog-decentralised")), num_cycles=100)


def test_published_spaces_stay_and_others_follow_the_scenario() -> None:
    assert InventoryEnv(SERIAL).observation_space == spaces.Box(-1e6, 1e6, (15,), np.float64)
    # 30 periods of at most 1e9 units a period, on top of 10.
    env = InventoryEnv(shop(5e6))
    assert (env.observation_space.low.min(), env.observation_space.high.max()) == (-1e11, 1e11)
    assert InventoryVectorEnv(shop(5e6), 2).single_observation_space == env.observation_space


def test_a_factorys_yield_and_a_suppliers_stock_limit_what_can_be_held() -> None:
    nodes = [
        {"id": 0},
        {"id": 1, "initial_stock": 10, "holding_cost": 0.01},
        {"id": 2, "initial_stock": 900_000, "holding_cost": 0.01},
        {"id": 3},
    ]
    links = [
        {"supplier": 2, "buyer": 1, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0},
        {"supplier": 3, "buyer": 2, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0},
    ]
    markets = [{"retailer": 1, "market": 0, "price": 2, "shortage_penalty": 0.1, "mean_demand": 5}]

    def high(horizon: int, **second: float) -> float:
        network = {"nodes": nodes, "supply_links": [links[0], links[1] | second], "market_links": markets}
        made = build_scenario({"name": "two", "network": network, "horizon": horizon}, "two.yaml")
        return float(InventoryEnv(made).observation_space.high.max())

    # Node 2 may hold 0.9 million and ten orders of a million, and node 1 all of that.
    assert high(10) == 1e8
    assert high(9) == 1e7
    # A lot makes an order larger than the bound.
    assert high(9, lot_size=1e6) == 1e8


def test_gymnasiums_checker_has_nothing_to_say_of_large_demand() -> None:
    with pytest.warns(UserWarning, match="symmetric") as caught:
        check_env(InventoryEnv(shop(5e6)), skip_render_check=True)
    assert len([one for one in caught if not issubclass(one.category, DeprecationWarning)]) == 1


def test_what_a_mix_draws_has_no_bound() -> None:
    mix = ScenarioMix(families=[WeightedFamily(weight=1, family=broad_effects())])
    envs = InventoryVectorEnv(SERIAL, 2, randomisation=mix)
    assert np.isinf(envs.single_observation_space.high).all()
    observations, _ = envs.reset(seed=1)
    assert observations in envs.observation_space


def test_vector_wrappers_of_observations_want_the_next_step() -> None:
    import gymnasium

    envs = InventoryVectorEnv(SERIAL, 2, autoreset_mode=AutoresetMode.NEXT_STEP)
    scaled = gymnasium.wrappers.vector.RescaleObservation(envs, 0.0, 1.0)
    observations, _ = scaled.reset(seed=1)
    for _ in range(31):  # the thirty-first begins the next episodes
        observations, *_ = scaled.step(np.full((2, 3), 20.0))
    assert observations in scaled.observation_space
    with pytest.raises(ValueError, match="NEXT_STEP"):
        gymnasium.wrappers.vector.RescaleObservation(InventoryVectorEnv(SERIAL, 2), 0.0, 1.0)


# --- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "bound"), [(5, 1e6), (3e4, 1e6), (5e4, 1e9), (5e6, 1e9), (1e9, 1e12)])
def test_without_a_factory_the_order_bound_covers_all_that_customers_want(mean: float, bound: float) -> None:
    scenario = shop(mean)
    assert scenario.order_bound == bound
    assert InventoryEnv(scenario).action_space.high.tolist() == [bound]
    assert TrackView(scenario, "blind").brief(seed=1).order_bound.tolist() == [bound]
    assert largest_order(scenario, "decentralised") == 1e6


def test_the_largest_order_bound_leaves_whole_units_apart() -> None:
    series = {"base_mean": 1e9, "trend": {"slope": 0.1}}
    scenario = shop(1e9, demand=series, horizon=9_000)
    assert scenario.demand_ceiling > 1e15
    assert scenario.order_bound == 1e15
    assert scenario.order_bound + 1 - scenario.order_bound == 1


def test_another_order_bound_is_another_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results under the bound of before are never compared with those under the new one."""
    small, large = shop(20.0).digest, shop(5e6).digest
    monkeypatch.setattr("arena.world.scenario._BOUNDS_WITHOUT_FACTORY", (1e6, 1e10))
    assert shop(20.0).digest == small
    assert shop(5e6).digest != large


def test_a_demand_of_millions_can_be_served() -> None:
    scenario = shop(5e6)
    simulator = Simulator(scenario)
    simulator.start(1)
    env = InventoryEnv(scenario)
    env.reset(seed=1)
    profit, truncated = 0.0, False
    while not truncated:
        _, reward, _, truncated, info = env.step(np.array([5e6]))
        assert info["clipped_orders"] == 0
        profit += reward
    # Nearly 30 periods of 5 million units at a margin of 1; the first one goes short.
    assert profit == pytest.approx(1.25e8, rel=0.01)


def test_by_node_a_demand_beyond_the_common_bound_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"at most 1e\+06 units.*count in larger units"):
        shop(5e6, decentralised=True)
    assert shop(1e6, decentralised=True).decentralised
    pytest.importorskip("pettingzoo", reason="the parallel environment needs PettingZoo")
    from arena.envs.parallel import parallel_env

    with pytest.raises(InvalidInput, match=r"in shop:\s+demand: .*count in larger units"):
        parallel_env(shop(5e6))
    assert parallel_env(shop(1e6)).possible_agents == ["node_1"]


@settings(max_examples=100)
@given(scenarios(drawn_demands=demands(), longest=20, goodwill=False), seeds)
def test_customers_never_want_more_than_the_ceiling(scenario: Scenario, seed: int) -> None:
    demand = realised_demand(scenario, seed)
    assert demand is not None
    assert demand.sum() <= scenario.demand_ceiling * (1 + 1e-12)


def test_the_ceiling_counts_the_largest_sentiment_and_the_forecast() -> None:
    plain = shop(1000.0, demand={"base_mean": 1000.0, "noise_scale": 0}, horizon=10)
    total = 1000.0 * 11
    assert plain.demand_ceiling == pytest.approx(total + 9 * np.sqrt(total) + 50, rel=1e-12)
    moody = shop(1000.0, demand={"base_mean": 1000.0, "noise_scale": 0}, horizon=10, goodwill={"cap": 3})
    assert moody.demand_ceiling == pytest.approx(3 * total + 9 * np.sqrt(3 * total) + 50, rel=1e-12)
    loud = {"base_mean": 0.5, "noise_scale": 1000}
    # Counts are stretched, and what would fall below 0 is cut: the largest sum is a thousand times that of the counts.
    assert shop(0.5, demand=loud, horizon=10).demand_ceiling == pytest.approx(
        1000 * (5.5 + 9 * np.sqrt(5.5) + 50), rel=1e-12
    )
    uniform = {"base_mean": 10, "distribution": "uniform", "half_width": 4, "noise_scale": 0.5}
    assert shop(10, demand=uniform, horizon=10).demand_ceiling == pytest.approx(11 * 12, rel=1e-12)
    normal = {"base_mean": 10, "distribution": "normal", "standard_deviation": 2}
    assert shop(10, demand=normal, horizon=10).demand_ceiling == pytest.approx(11 * 28, rel=1e-12)


def test_shipped_rows_keep_their_order_bounds() -> None:
    bounds = {name: load_scenario(name).order_bound for name in (SERIAL, "divergent-stationary-backlog")}
    assert bounds == {SERIAL: 3200.0, "divergent-stationary-backlog": 3100.0}


# --- what people read of them -----------------------------------------------------------------------------------------


def test_the_limits_in_the_how_to_are_those_that_hold() -> None:
    from pathlib import Path

    from arena.documents import MAX_BYTES
    from arena.schemas import LARGEST
    from arena.world.lead_times import LONGEST_LEAD_TIME

    def most(schema: type, field: str) -> int:
        (limit,) = (one for one in schema.model_fields[field].metadata if hasattr(one, "max_length"))
        return limit.max_length

    network = Scenario.model_fields["network"].annotation
    horizon = next(one.le for one in Scenario.model_fields["horizon"].metadata if hasattr(one, "le"))
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "network.md").read_text(encoding="utf-8")
    for limit in (
        f"{most(network, 'nodes'):,} nodes, {most(network, 'supply_links'):,} supply links",
        f"{most(network, 'market_links'):,} market links, a lead time at most {LONGEST_LEAD_TIME:,} periods",
        f"a scenario at most {horizon:,} periods",
    ):
        assert limit in text
    assert (MAX_BYTES, LARGEST) == (2**20, 1e9), "the page says 1 MiB and 10⁹"
