"""Policies: the same in training and in play, whatever the numbering, alone or in company."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from learning import MIX, episodes_of, first_situation, scenario_on, small_dense, small_graph

from arena import Simulator, TrackView, load_network
from arena.training_worlds import RandomNetworks
from arena_rl.controller import ChosenPolicy, LearnedController
from arena_rl.episodes.batches import make_batch, play

NETWORKS = ("divergent", "serial", "diamond", "assembly", "tree", "w")


class Recording:
    """A policy that keeps the orders it gave."""

    def __init__(self, policy) -> None:
        self.policy = policy
        self.forecasts: list[torch.Tensor] = []
        self.orders: list[list[torch.Tensor]] = []

    def order_batches(self, briefings, observations):
        orders = self.policy.order_batches(briefings, observations)
        self.forecasts = self.policy.forecasts
        self.orders.append(orders)
        return orders


@pytest.mark.parametrize(("kind", "informed"), [("dense", True), ("dense", False), ("graph", True), ("graph", False)])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("backlog", [True, False])
def test_a_policy_plays_in_a_match_as_in_training(name, informed, kind, backlog):
    """Where demand equals its mean, training and the simulator play the same episode: the same orders and profit."""
    scenario = scenario_on(load_network(name), seed=5, backlog=backlog, goodwill=True)
    demand = MIX.draw_demand(np.random.default_rng(6), 60).model_copy(update={"noise_scale": 0.0})
    scenario = scenario.model_copy(update={"demand": demand})
    episodes = make_batch(scenario, [demand], informed=informed)
    policy = Recording(small_graph(informed=informed) if kind == "graph" else small_dense(episodes))
    with torch.no_grad():
        expected = float(play(policy, [episodes], torch.Generator().manual_seed(1)).profits[0][0])
    track = "informed" if informed else "blind"
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    simulator.start(1)
    controller = LearnedController(lambda _: ChosenPolicy(policy.policy))
    controller.begin(view.brief(seed=0))
    profit = 0.0
    for played in policy.orders:
        orders = controller.order(view.observe(simulator.state))
        expected_orders = episodes.briefing.playable(played[0], simulator.period)[0].numpy()
        np.testing.assert_allclose(orders, expected_orders, rtol=2e-3, atol=2e-2)
        profit += simulator.step(orders)
    assert profit == pytest.approx(expected, rel=2e-3, abs=0.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_networks_side_by_side_are_as_alone(seed):
    generator = np.random.default_rng(seed)
    batches = [
        episodes_of(scenario_on(RandomNetworks().draw(generator), seed + k), 3, informed=True, seed=seed + k)
        for k in range(3)
    ]
    policy = small_graph()
    observations = [first_situation(batch) for batch in batches]
    together = policy.order_batches([batch.briefing for batch in batches], observations)
    for batch, observation, orders in zip(batches, observations, together, strict=True):
        alone = policy(batch.briefing, observation)
        torch.testing.assert_close(orders, alone, rtol=1e-4, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_links_and_nodes_changes_nothing(seed):
    """A graph policy reads a network, not how its file is written."""
    generator = np.random.default_rng(seed)
    network = RandomNetworks(inner_factory=0.3).draw(generator)
    shuffle = generator.permutation(len(network.supply_links))
    other = network.model_copy(update={"supply_links": tuple(network.supply_links[i] for i in shuffle)})
    policy = small_graph()
    found = []
    for each in (network, type(network).model_validate(other.model_dump(by_alias=True))):
        batch = episodes_of(scenario_on(each, seed), 2, informed=True, seed=seed)
        found.append(policy(batch.briefing, first_situation(batch)))
    torch.testing.assert_close(found[1], found[0][:, list(shuffle)], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("informed", [True, False])
@pytest.mark.parametrize("horizon", [1, 15, 90])
def test_a_graph_policy_plays_lots_fixed_costs_owed_shortage_and_any_horizon(horizon, informed):
    network = load_network("assembly")
    links = tuple(
        link.model_copy(update={"fixed_ordering_cost": 5.0, "lot_size": 10.0, "minimum_order": 20.0})
        for link in network.supply_links
    )
    scenario = scenario_on(network.model_copy(update={"supply_links": links}), backlog=True, goodwill=True)
    scenario = scenario.model_copy(update={"horizon": horizon, "upstream_shortage": "owed"})
    view, simulator = TrackView(scenario, "informed" if informed else "blind"), Simulator(scenario)
    policy = small_graph(informed=informed)
    controller = LearnedController(lambda _: ChosenPolicy(policy))
    controller.begin(view.brief(seed=0))
    simulator.start(1)
    orders = []
    while not simulator.finished:
        orders.append(controller.order(view.observe(simulator.state)))
        simulator.step(orders[-1])
    assert len(orders) == horizon
    assert np.isfinite(orders).all()
    assert np.max(orders) > 0 or horizon == 1


def test_the_decentralised_track_is_refused():
    scenario = scenario_on(load_network("serial"))
    view = TrackView(scenario, "decentralised", scenario.network.managed[0])
    controller = LearnedController(lambda _: ChosenPolicy(small_graph()))
    with pytest.raises(ValueError, match="is told only of itself, and this policy orders for all"):
        controller.begin(view.brief(seed=0))


def test_blind_policies_are_shown_nothing_of_demand_to_come():
    scenario = scenario_on(load_network("serial"), backlog=True, goodwill=True)
    batch = episodes_of(scenario, 2, informed=False)
    observation = first_situation(batch)
    assert observation.forecast is None
    assert batch.briefing.noise_scale is None
    assert batch.briefing.goodwill is None


@pytest.mark.parametrize("goodwill", [True, False])
def test_gradients_reach_every_weight_and_are_finite(goodwill):
    scenario = scenario_on(load_network("w"), seed=2, backlog=True, goodwill=goodwill)
    policy = small_graph()
    play(policy, [episodes_of(scenario, 4, informed=True)], torch.Generator().manual_seed(1)).profits[
        0
    ].sum().backward()
    for name, weight in policy.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0 or name == "skip.bias", name


def test_a_step_along_the_gradient_earns_more():
    scenario = scenario_on(load_network("serial"), seed=2, backlog=True, goodwill=False)
    batch = episodes_of(scenario, 64, informed=True)
    policy = small_dense(batch)

    def profit() -> torch.Tensor:
        return play(policy, [batch], torch.Generator().manual_seed(1)).profits[0].mean()

    before = profit()
    before.backward()
    with torch.no_grad():
        norm = torch.sqrt(sum((weight.grad**2).sum() for weight in policy.parameters()))
        for weight in policy.parameters():
            weight += 0.02 * weight.grad / norm
    assert float(profit().detach()) > float(before.detach())


def test_a_dense_blind_policy_learns_to_forecast():
    scenario = scenario_on(load_network("serial"), seed=2, backlog=True, goodwill=False)
    batch = episodes_of(scenario, 64, informed=False)
    policy = small_dense(batch)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    surprises = []
    for _ in range(15):
        forecast_deviance = play(policy, [batch], torch.Generator().manual_seed(1)).forecast_deviance
        optimizer.zero_grad()
        forecast_deviance.backward()
        optimizer.step()
        surprises.append(float(forecast_deviance.detach()))
    assert surprises[-1] < surprises[0] - 0.01


def test_raw_material_that_cannot_be_sold_is_not_ordered():
    """A network of lead times 0, 4 and 4: raw material bought with fewer than eleven periods to go is never sold."""
    scenario = scenario_on(load_network("serial"))
    briefing = episodes_of(scenario, 1, informed=True).briefing
    asked = torch.full((1, 3), 5.0)
    raw = [source.node < 0 for source in briefing.compiled.sources].index(True)
    assert briefing.playable(asked, 19)[0, raw] == 5
    assert briefing.playable(asked, 20)[0, raw] == 0
    assert briefing.playable(asked, 29)[0].sum() == 10
    assert briefing.playable(1e9 * asked, 0).max() == pytest.approx(scenario.order_bound)


def test_batches_of_different_horizons_are_refused():
    short = scenario_on(load_network("serial")).model_copy(update={"horizon": 10})
    batches = [episodes_of(scenario_on(load_network("serial")), 2, informed=True), episodes_of(short, 2, informed=True)]
    with pytest.raises(ValueError, match=r"end together; their horizons are \[10, 30\]"):
        play(small_graph(), batches, torch.Generator())
