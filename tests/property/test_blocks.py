"""A batch that is played in whole blocks equals the same batch played column by column, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from large_networks import write
from strategies import changed, networks, scenarios

from arena import Demand, Goodwill, Scenario, load_scenario
from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.simulate.blocks import BlockDynamics, are_blocks_faster, is_plain
from arena.simulate.columns import NUMPY
from arena.simulate.compiled import compile_scenario
from arena.simulate.customers import Customers
from arena.simulate.dynamics import advance
from arena.simulate.states import initial_columns
from arena.world.network import Network


def plain(network: Network) -> Network:
    """The network without yield losses, and with one market link at most for each retailer."""
    links = {link.retailer: link for link in network.market_links}
    markets = {link.market for link in links.values()} | {link.market for link in network.market_links}
    kept = {link.market for link in links.values()}
    nodes = tuple(changed(node, yield_=1.0) for node in network.nodes if node.id not in markets - kept)
    return changed(network, nodes=nodes, market_links=tuple(links.values()))


plain_scenarios = scenarios(networks().map(plain), upstream_shortage=["lost"], longest=12)


@given(plain_scenarios, st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_blocks_equal_columns_bit_for_bit(scenario: Scenario, seed: int, batch: int) -> None:
    compiled = compile_scenario(scenario)
    assert is_plain(compiled)
    generator, dynamics = np.random.default_rng(seed), BlockDynamics(compiled)
    columns, state = initial_columns(compiled, lambda value: np.full(batch, value)), dynamics.initial(batch)
    for _ in range(scenario.horizon):
        # Fractions, so that sums in another order would differ; and nothing at all now and then.
        orders = generator.uniform(0, 60, (compiled.links, batch)) * (generator.random((compiled.links, batch)) < 0.8)
        wanted = generator.uniform(0, 50, (compiled.markets, batch))
        columns, moved = advance(
            compiled, columns, list(orders), lambda sentiment, wanted=wanted: list(wanted * sentiment), NUMPY
        )
        state, whole = dynamics.advance(state, orders, lambda sentiment, wanted=wanted: wanted * sentiment)
        np.testing.assert_array_equal(whole.rows, moved.rows)
        np.testing.assert_array_equal(whole.reward, moved.reward)
        np.testing.assert_array_equal(whole.demand, np.array(moved.demand))
        np.testing.assert_array_equal(state.sentiment, columns.sentiment)
        pipeline = [slot for pipelines in state.pipelines for link in pipelines for slot in link]
        expected = [slot for slots in columns.pipeline for slot in slots]
        assert len(pipeline) == len(expected)
        for one, other in zip(pipeline, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert (state.period, state.on_hand.shape) == (columns.period, (len(compiled.stock_points), batch))


@pytest.mark.parametrize(
    "changes",
    [
        {"upstream_shortage": "owed"},
        {"nodes": {"yield_": 0.9}},
        {"nodes": {"storage_capacity": 1e6}},
        {"nodes": {"allocation": "proportional"}},
        {"nodes": {"priority": "markets"}},
        {"nodes": {"terminal_value": 1.0}},
        {"supply_links": {"lot_size": 5.0}},
        {"supply_links": {"minimum_order": 5.0}},
        {"supply_links": {"order_delay": 1}},
        {"supply_links": {"fixed_ordering_cost": 1.0}},
    ],
    ids=lambda changes: "-".join(str(next(iter(each))) for each in (changes, *changes.values()) if each),
)
def test_what_blocks_do_not_play_is_left_to_columns(changes: dict[str, Any]) -> None:
    scenario = load_scenario("divergent-stationary-backlog")
    assert is_plain(compile_scenario(scenario))
    network = scenario.network
    given = dict(changes)
    if "nodes" in given:
        factory = next(node.id for node in network.nodes if network.role(node.id) == "factory")
        nodes = [changed(node, **given.pop("nodes")) if node.id == factory else node for node in network.nodes]
        given["network"] = changed(network, nodes=tuple(nodes))
    if "supply_links" in given:
        *others, last = network.supply_links
        given["network"] = changed(network, supply_links=(*others, changed(last, **given.pop("supply_links"))))
    assert not is_plain(compile_scenario(changed(scenario, **given)))


class Odd(Demand):
    """Demand of a user's own, whose batches are drawn by a rule of their own."""

    def draw_batch(
        self, generator: np.random.Generator, mean: np.ndarray | float, count: int | None = None
    ) -> np.ndarray:
        return np.arange(np.size(mean) if count is None else count, dtype=np.float64)


@pytest.mark.parametrize("distribution", ["poisson", "normal", "uniform"])
@pytest.mark.parametrize("sampling", ["direct", "inverse_cdf"])
def test_links_that_are_drawn_together_take_what_they_take_one_by_one(distribution: str, sampling: str) -> None:
    scenario = load_scenario("divergent-trend-seasonal-backlog")
    drawn = changed(scenario, demand=changed(scenario.demand, distribution=distribution, sampling=sampling))
    together, alone, periods = np.random.default_rng(4), np.random.default_rng(4), range(drawn.horizon)
    customers = Customers(drawn)
    for period in periods:
        found = customers.shared(together, period, np.ones(7), is_calm=True)
        expected = [
            demand.draw_batch(alone, mean, 7)
            for demand, mean in zip(drawn.demands, drawn.mean_demand(period, period + 1)[:, 0].tolist(), strict=True)
        ]
        np.testing.assert_array_equal(found, expected)
    assert together.random() == alone.random()


def test_a_demand_with_a_way_of_its_own_is_asked_for_each_link() -> None:
    scenario = load_scenario("divergent-stationary-backlog")
    own = Odd(**{name: getattr(scenario.demand, name) for name in Demand.model_fields})
    customers = Customers(scenario.model_copy(update={"demand": own}))
    found = customers.shared(np.random.default_rng(0), 0, np.ones(3), is_calm=True)
    np.testing.assert_array_equal(found, np.tile(np.arange(3.0), (len(scenario.network.market_links), 1)))


@pytest.mark.parametrize("goodwill", [None, Goodwill()])
@pytest.mark.parametrize("track", ["blind", "informed"])
def test_large_batches_with_independent_streams_equal_single_environments(
    tmp_path: Path, track: str, goodwill: Goodwill | None
) -> None:
    scenario = changed(load_scenario(write(tmp_path, 60, 6)), goodwill=goodwill)
    assert are_blocks_faster(compile_scenario(scenario), 3)
    envs = InventoryVectorEnv(scenario, 3, track=track, streams="independent")
    singles = [InventoryEnv(scenario, track=track) for _ in range(3)]
    observations, _ = envs.reset(seed=4)
    np.testing.assert_array_equal(observations, [single.reset(seed=4 + i)[0] for i, single in enumerate(singles)])
    for period in range(5):
        orders = np.random.default_rng(period).uniform(-5, 60, (3, len(scenario.network.supply_links)))
        observations, rewards, _, _, infos = envs.step(orders)
        for i, single in enumerate(singles):
            observation, reward, _, _, info = single.step(orders[i])
            np.testing.assert_array_equal(observations[i], observation)
            assert rewards[i] == reward
            assert {key: infos[key][i] for key in info} == info


def test_observations_and_actions_may_be_overwritten_where_blocks_are_played(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, 60, 6))
    assert are_blocks_faster(compile_scenario(scenario), 3)
    kept, careless = (InventoryVectorEnv(scenario, 3) for _ in range(2))
    kept.reset(seed=1)
    careless.reset(seed=1)[0][:] = -1.0
    for _ in range(5):
        orders = np.full((3, kept.single_action_space.shape[0]), 12.5)
        given = orders.copy(order="F")
        expected, found = kept.step(orders), careless.step(given)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
        given[:] = found[0][:] = -1.0
        found[1][:] = -1.0


def test_small_networks_large_batches_and_lead_times_that_change_are_played_by_columns(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, 60, 6))
    assert not are_blocks_faster(compile_scenario(scenario), 10_000)
    assert not are_blocks_faster(compile_scenario(load_scenario("serial-stationary-backlog")), 3)
    links = [changed(link, lead_time=1 + i % 2) for i, link in enumerate(scenario.network.supply_links)]
    network = changed(scenario.network, supply_links=tuple(links))
    assert not are_blocks_faster(compile_scenario(changed(scenario, network=network)), 3)
