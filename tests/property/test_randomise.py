"""What is drawn for training is valid, within its ranges, and the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError
from pydantic_faults import refused

from arena import Demand, Scenario, Simulator, load_network, realised_history
from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.training_worlds import (
    EffectsFamily,
    GoodwillRanges,
    RandomNetworks,
    ScenarioMix,
    SeriesFamily,
    SupplyRanges,
    WeightedFamily,
    broad_effects,
    broad_series,
    launches,
    mean_paths,
    published_effects,
    published_series,
)

SEEDS = st.integers(0, 2**32 - 1)
FAMILIES = (published_effects(), published_series(), broad_effects(), broad_series(), launches())


def mix_of(*families) -> ScenarioMix:
    return ScenarioMix(families=[WeightedFamily(family=family) for family in families])


@given(SEEDS)
def test_a_random_network_is_within_its_ranges(seed):
    ranges = RandomNetworks()
    network = ranges.draw(np.random.default_rng(seed))
    assert ranges.managed[0] <= len(network.managed) <= ranges.managed[1]
    assert 1 <= len(network.retailers) <= ranges.retailers
    for link in network.supply_links:
        low, high = ranges.raw_lead_time if network.role(link.supplier) == "raw_material" else ranges.lead_time
        assert low <= link.lead_time <= high
    for link in network.market_links:
        assert ranges.demand[0] <= link.mean_demand <= ranges.demand[1]
        assert ranges.market_price[0] <= link.price <= ranges.market_price[1]
    assert all(network.node(factory).capacity > 0 for factory in network.factories)


@given(SEEDS, st.sampled_from(("serial", "divergent", "convergent", "tree", "meshed")))
def test_a_topology_has_its_shape(seed, topology):
    network = RandomNetworks(topologies=(topology,)).draw(np.random.default_rng(seed))
    managed = set(network.managed)
    suppliers = {
        node: [link.supplier for link in network.supply_links if link.buyer == node and link.supplier in managed]
        for node in managed
    }
    if topology in ("serial", "tree"):
        assert all(len(found) <= 1 for found in suppliers.values())
    if topology == "serial":
        assert all(len(network.outbound(node)) <= 1 for node in managed)
    firsts = [node for node in managed if not suppliers[node]]
    if topology == "convergent":
        assert len(network.retailers) <= len(firsts)
    if topology in ("divergent", "tree"):
        assert len(firsts) <= max(1, len(network.retailers))


@given(SEEDS, st.sampled_from(FAMILIES))
def test_a_drawn_scenario_can_be_played(seed, family):
    scenario = mix_of(family).draw(np.random.default_rng(seed), load_network("serial"))
    simulator = Simulator(scenario)
    simulator.start(seed)
    profits = [simulator.step(np.full(3, 20.0)) for _ in range(scenario.horizon)]
    assert np.isfinite(profits).all()


@given(SEEDS)
def test_equal_seeds_draw_equal_scenarios(seed):
    mix, network = mix_of(*FAMILIES), load_network("divergent")
    first, second = (mix.draw(np.random.default_rng(seed), network) for _ in range(2))
    assert first == second


@given(SEEDS)
def test_effects_are_within_their_ranges(seed):
    family = broad_effects()
    demand = family.draw(np.random.default_rng(seed), 40)
    assert family.base_mean[0] <= demand.base_mean <= family.base_mean[1]
    assert family.noise_scale[0] <= demand.noise_scale <= family.noise_scale[1]
    if demand.trend:
        assert family.slope[0] <= demand.trend.slope <= family.slope[1]
    if demand.shock:
        assert family.shock_time[0] <= demand.shock.time <= family.shock_time[1]
        assert family.magnitude[0] * 0.999 <= demand.shock.magnitude <= family.magnitude[1] * 1.001


@given(SEEDS)
def test_levels_below_the_published_floor_are_played_as_drawn(seed):
    family = EffectsFamily(base_mean=(0.01, 0.05), trend=0, seasonal=0, shock=0)
    scenario = mix_of(family).draw(np.random.default_rng(seed), load_network("serial"))
    assert (scenario.mean_demand(0, 5) == scenario.demand.base_mean).all()
    assert scenario.demand.base_mean <= 0.05


def test_the_published_family_is_the_benchmarks_demand():
    demand = EffectsFamily(base_mean=(20.0, 20.0), trend=1, seasonal=1, shock=1).draw(np.random.default_rng(1), 30)
    assert (demand.base_mean, demand.trend.slope) == (20.0, 0.05)
    assert (demand.seasonal.amplitude, demand.seasonal.phase) == (0.5, 0.0)
    assert demand.seasonal.frequency == pytest.approx(2 * np.pi / 30, rel=1e-12)
    assert (demand.shock.time, demand.shock.magnitude) == (15, pytest.approx(2.0, rel=1e-12))


def test_effects_come_as_often_as_stated():
    generator = np.random.default_rng(3)
    family = EffectsFamily(trend=0.2, certain=0.4)
    drawn = [family.draw(generator, 30) for _ in range(2_000)]
    assert np.mean([demand.trend is not None for demand in drawn]) == pytest.approx(0.2, abs=0.04)
    assert np.mean([demand.noise_scale == 0 for demand in drawn]) == pytest.approx(0.4, abs=0.05)


def test_a_series_is_scaled_to_its_mean_and_thinned():
    generator = np.random.default_rng(4)
    demand = SeriesFamily(no_demand=(0.5, 0.5), scale_to_mean=20.0).draw(generator, 400)
    levels = demand.series.levels(400)
    assert levels.mean() == pytest.approx(20.0, rel=1e-9)
    assert 0.4 < (levels == 0).mean() < 0.65


def test_a_scaled_series_has_its_mean_over_what_is_played():
    # Lead times need forecasts past the horizon; volume there would blur how much is still to come.
    mix, generator = mix_of(SeriesFamily(scale_to_mean=20.0)), np.random.default_rng(9)
    scenario = mix.draw(generator, load_network("divergent"))
    assert scenario.network.longest_lead_time > 0
    demands = [scenario.demand, *mix.draw_demands(generator, scenario, 20)]
    means = mean_paths(scenario, demands)[:, 0, : scenario.horizon].mean(axis=1)
    np.testing.assert_allclose(means, 20.0, rtol=1e-9)


def test_launches_rise_from_little_demand_and_hardly_fall():
    generator = np.random.default_rng(8)
    paths = np.array([launches().draw(generator, 30).series.levels(30) for _ in range(500)])
    first, last = paths[:, :10].mean(axis=1), paths[:, -10:].mean(axis=1)
    assert np.median(first) < 10
    assert (last > 5 * first).mean() > 0.2
    assert (last < first / 5).mean() < 0.05


def test_mean_paths_are_those_of_the_scenarios():
    mix, network, generator = mix_of(*FAMILIES), load_network("w"), np.random.default_rng(5)
    scenario = mix.draw(generator, network)
    demands = mix.draw_demands(generator, scenario, 7)
    paths = mean_paths(scenario, demands)
    for path, demand in zip(paths, demands, strict=True):
        np.testing.assert_allclose(path, scenario.model_copy(update={"demand": demand}).mean_path, rtol=1e-12)


def test_stocks_are_scaled_and_rules_can_be_fixed():
    mix = ScenarioMix(families=[WeightedFamily(family=published_effects())], initial_stock=(0.5, 0.5))
    network = load_network("serial")
    scenario = mix.draw(np.random.default_rng(6), network, backlog=False, goodwill=True)
    assert scenario.fulfilment == "lost_sales"
    assert scenario.goodwill is not None
    assert [node.initial_stock for node in scenario.network.nodes if node.initial_stock is not None] == [
        node.initial_stock / 2 for node in network.nodes if node.initial_stock is not None
    ]


def test_goodwill_is_drawn_from_its_ranges():
    goodwill = GoodwillRanges(decay=(0.8, 0.85), cap=(1.2, 1.2)).draw(np.random.default_rng(7))
    assert 0.8 <= goodwill.decay <= 0.85
    assert goodwill.cap == pytest.approx(1.2)


SUPPLY = SupplyRanges(varying=0.7, lost=(0.05, 0.2), crossing=0.5, order_delay=(0, 2), started=0.5)


@given(st.integers(0, 2**32 - 1))
def test_supply_that_varies_changes_nothing_else(seed):
    plain = RandomNetworks().draw(np.random.default_rng(seed))
    drawn = RandomNetworks(supply=SUPPLY).draw(np.random.default_rng(seed))
    added = {"lead_time_distribution": None, "order_delay": 0, "initial_pipeline": ()}
    links = tuple(link.model_copy(update=added) for link in drawn.supply_links)
    assert drawn.model_copy(update={"supply_links": links}) == plain
    for link in drawn.supply_links:
        assert link.order_delay <= 2
        law = link.lead_time_distribution
        if law is not None:
            numbers = [value for value in law.values if value != "lost"]
            assert numbers[0] == link.lead_time < law.longest <= link.lead_time + 4
            assert 0.05 <= law.probabilities[-1] <= 0.2
        assert len(link.initial_pipeline) in (0, link.lead_time)


@given(st.integers(0, 2**32 - 1))
def test_a_mix_draws_other_probabilities_of_lead_times_and_nothing_else(seed):
    network = RandomNetworks(supply=SUPPLY.model_copy(update={"varying": 1.0})).draw(np.random.default_rng(seed))
    plain = mix_of(broad_effects(own_level=True))
    mix = plain.model_copy(update={"lead_times": 1.0})
    assert "lead_times" not in plain.model_dump()
    assert mix.model_dump()["lead_times"] == 1.0
    here, there = (each.draw(np.random.default_rng(seed), network) for each in (plain, mix))
    same = {"network": here.network}
    assert there.model_copy(update=same).digest == here.digest != there.digest
    for link, other in zip(network.supply_links, there.network.supply_links, strict=True):
        assert link.lead_time_distribution.values == other.lead_time_distribution.values
        assert link.lead_time_distribution.probabilities != other.lead_time_distribution.probabilities
        assert sum(other.lead_time_distribution.probabilities) == pytest.approx(1.0)


def test_a_batch_of_a_shared_stream_has_lead_times_by_sub_environment():
    network = RandomNetworks(supply=SUPPLY.model_copy(update={"varying": 1.0})).draw(np.random.default_rng(1))
    scenario = Scenario(name="varying", network=network, horizon=8)
    mix = mix_of(broad_effects(own_level=True)).model_copy(update={"horizon": (8, 8), "lead_times": 1.0})
    envs = InventoryVectorEnv(scenario, 16, autoreset_mode="Disabled", randomisation=mix)
    orders = np.full((16, len(network.supply_links)), 9.0)
    played = []
    for _ in range(2):
        envs.reset(seed=4)
        played.append([envs.step(orders)[0] for _ in range(8)])
    np.testing.assert_array_equal(played[0], played[1])
    # Raw material is never short, so that what is received of it tells of lead times alone.
    first = -len(network.supply_links) - network.arrival_offsets[-1]
    raw = [first + i for i, link in enumerate(network.supply_links) if link.supplier in network.raw_materials]
    received = np.stack(played[0], axis=1)[:, :, raw]
    assert len({each.tobytes() for each in received}) > 8


def test_supply_that_varies_is_dumped_where_it_is_drawn():
    assert "supply" not in RandomNetworks().model_dump()
    for ranges in (RandomNetworks(), RandomNetworks(supply=SUPPLY)):
        assert RandomNetworks.model_validate_json(ranges.model_dump_json()) == ranges


@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_batch_on_a_network_of_varying_supply_equals_single_environments(seed, mixed, risk):
    network = RandomNetworks(supply=SUPPLY).draw(np.random.default_rng(seed))
    scenario = Scenario(name="varying", network=network, horizon=8)
    mix = mix_of(broad_effects(own_level=True)).model_copy(update={"horizon": (8, 8), "lead_times": risk})
    envs = InventoryVectorEnv(
        scenario, 2, streams="independent", autoreset_mode="Disabled", randomisation=mix if mixed else None
    )
    observations, _ = envs.reset(seed=seed)
    singles = [InventoryEnv(drawn) for drawn in envs.drawn_scenarios]
    starts = [single.reset(seed=seed + i)[0] for i, single in enumerate(singles)]
    np.testing.assert_array_equal(observations, starts)
    generator = np.random.default_rng(seed)
    for _ in range(8):
        orders = generator.uniform(0, 40, (2, len(network.supply_links)))
        orders = np.minimum(orders, envs.single_action_space.high)
        observations, rewards, *_ = envs.step(orders)
        for i, single in enumerate(singles):
            observation, reward, *_ = single.step(orders[i])
            np.testing.assert_array_equal(observations[i], observation)
            assert rewards[i] == reward


@pytest.mark.parametrize(
    ("fields", "place", "fault"),
    [
        ({"trend": 1.5}, "trend", "less_than_equal"),
        ({"speed": 1}, "speed", "extra_forbidden"),
    ],
)
def test_a_field_outside_its_rule_is_refused(fields, place, fault):
    with refused((place, fault)):
        EffectsFamily(**fields)


def test_a_range_that_is_none_is_refused():
    with pytest.raises(ValidationError, match=r"slope: a range is \[low, high\], got \[0\.1, 0\.0\]; swap the two"):
        EffectsFamily(slope=(0.1, 0.0))
    assert EffectsFamily(slope=(0.0, 0.1)).slope == (0.0, 0.1)


@given(SEEDS, st.sampled_from(FAMILIES))
def test_a_history_comes_before_what_is_played(seed, family):
    network, before = load_network("serial"), 5
    mix = ScenarioMix(families=[WeightedFamily(family=family)], horizon=(8, 8), history=before)
    drawn = mix.draw_episode(np.random.default_rng(seed), network.longest_lead_time)
    scenario = drawn.on(network)
    assert (scenario.history, scenario.history_path.shape) == (before, (1, before))
    np.testing.assert_array_equal(mean_paths(scenario, [drawn.demand])[0], scenario.mean_path)
    if scenario.demand.series is None:
        assert scenario.window is None
    else:
        levels = scenario.demand.series.levels(before + 8)
        np.testing.assert_array_equal(scenario.history_path[0], levels[:before])
        np.testing.assert_array_equal(scenario.mean_path[0, :8], levels[before:])
    assert realised_history(scenario, seed).shape == (before, 1)


def test_a_batch_tells_the_histories_of_its_drawn_scenarios_and_equals_single_environments():
    low = EffectsFamily(base_mean=(0.01, 0.3))
    mix = ScenarioMix(families=[WeightedFamily(family=one) for one in (low, broad_series())], history=4)
    envs = InventoryVectorEnv(
        "serial-stationary-backlog", 6, randomisation=mix, streams="independent", track="informed"
    )
    observations, infos = envs.reset(seed=5)
    assert infos["history"].shape == (6, 4, 1)
    assert (infos["history_in_stock"] == 1).all()
    singles = [InventoryEnv(scenario, track="informed") for scenario in envs.drawn_scenarios]
    for i, env in enumerate(singles):
        np.testing.assert_array_equal(env.reset(seed=5 + i)[0], observations[i])
    for _ in range(4):
        observations, rewards, *_ = envs.step(np.full((6, 3), 9.0))
        for i, env in enumerate(singles):
            seen, reward, *_ = env.step(np.full(3, 9.0))
            np.testing.assert_array_equal(seen, observations[i])
            assert reward == rewards[i]


def test_a_mix_draws_the_demand_of_every_market_link():
    network = load_network("serial")
    links = tuple(link.model_copy(update={"demand": Demand(base_mean=999.0)}) for link in network.market_links)
    scenario = mix_of(published_effects()).draw(
        np.random.default_rng(1), network.model_copy(update={"market_links": links})
    )
    assert (scenario.mean_path[:, 0] == 20.0).all()
