"""Net requirements against the simulator: with demand known for certain they meet it, and leave nothing over."""

import numpy as np
import pytest
import torch
from learning import actor_shape, episodes_of, scenario_on

from arena import Demand, Ledger, Scenario, Simulator, TrackView, load_network
from arena_rl.controller import ChosenPolicy, LearnedController
from arena_rl.episodes.batches import EpisodeRun, demand_sampler
from arena_rl.policies.actor import ActorPolicy

SEASONS = {"trend": {"slope": 0.02}, "seasonal": {"amplitude": 0.4, "frequency": 0.3}}


def played_without_safety(network: str, *, horizon: int = 60, **demand: object) -> Ledger:
    """An episode without noise, played by a policy whose actions are 0."""
    scenario = Scenario(
        name="certain",
        network=load_network(network),
        demand=Demand.model_validate({"base_mean": 12.0, "noise_scale": 0.0, **demand}),
        fulfilment="backlog",
        horizon=horizon,
    )
    briefing = episodes_of(scenario, 1, informed=True).briefing
    policy = ActorPolicy(actor_shape("mlp", informed=True), scenario.network, briefing.structure)
    torch.nn.init.zeros_(policy.actor.out.weight)
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    simulator.start(1)
    controller = LearnedController(lambda _: ChosenPolicy(policy))
    controller.begin(view.brief(seed=0))
    while not simulator.finished:
        simulator.step(controller.order(view.observe(simulator.state)))
    return simulator.ledger()


@pytest.mark.parametrize("network", ["serial", "divergent", "diamond", "tree", "w"])
def test_certain_demand_is_met_once_orders_can_arrive(network):
    ledger = played_without_safety(network)
    wait = load_network(network).longest_lead_time + 5
    assert ledger.unfilled[wait:].max() <= 1e-4
    assert ledger.demand[wait:].sum() > 0


def test_nothing_is_left_over_where_one_supplier_serves_one_buyer():
    """The retailer sells what arrives in the same period; the others keep what they ship in the next one."""
    ledger = played_without_safety("serial")
    np.testing.assert_allclose(ledger.on_hand[30], [0.0, 12.0, 12.0], atol=1e-3)
    np.testing.assert_allclose(ledger.on_hand[-1], 0.0, atol=1e-3)


def test_the_demand_that_counts_is_that_of_the_time_of_sale():
    """Orders ahead of a trend with seasons, each as large as the demand that its own units will meet."""
    ledger = played_without_safety("serial", **SEASONS)
    retailer, wait = 0, 20
    assert np.ptp(ledger.demand[wait:]) > 10.0
    np.testing.assert_allclose(ledger.on_hand[wait:, retailer], 0.0, atol=1e-3)
    assert ledger.unfilled[wait:].max() <= 1e-3


def test_excess_stock_is_a_negative_requirement():
    batch = episodes_of(scenario_on(load_network("serial")), 2, informed=True)
    policy = ActorPolicy(actor_shape("mlp", informed=True), batch.briefing.compiled.network, batch.briefing.structure)
    observation = EpisodeRun(batch, demand_sampler(batch, torch.Generator().manual_seed(1))).observe(0)
    found = policy.features.net_requirements(batch.briefing, observation)
    more = type(observation)(**{**vars(observation), "on_hand": observation.on_hand + 1000.0})
    torch.testing.assert_close(
        policy.features.net_requirements(batch.briefing, more), found - 1000.0, rtol=1e-5, atol=1e-2
    )
