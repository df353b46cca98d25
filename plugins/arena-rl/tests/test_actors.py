"""Policies that are trained by their rewards: what they read, how they order, and that play equals training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from learning import MIX, actor_shape, episodes_of, scenario_on, untrained_actor

from arena import Simulator, TrackView, load_network
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.newsvendor import Newsvendor
from arena_rl.controller import ChosenPolicy, LearnedController
from arena_rl.episodes.batches import EpisodeRun, demand_sampler, make_batch, play
from arena_rl.policies.actor import ActorPolicy, Frames
from arena_rl.policies.policy_files import PolicyFile, load_policy, save_policy, signature

KINDS = ("mlp", "squashed", "gnn", "transformer", "frames", "residual")


class Fixed(ActorPolicy):
    """An actor whose actions are given."""

    given: torch.Tensor

    def actions(self, inputs):
        return self.given.expand(len(inputs), -1)


def one_episode(network: str, *, informed: bool, goodwill: bool = True):
    """An episode whose demand equals its mean."""
    scenario = scenario_on(load_network(network), seed=5, backlog=True, goodwill=goodwill)
    demand = MIX.draw_demand(np.random.default_rng(6), 60).model_copy(update={"noise_scale": 0.0})
    scenario = type(scenario)(
        **{name: getattr(scenario, name) for name in type(scenario).model_fields if name != "demand"}, demand=demand
    )
    return scenario, make_batch(scenario, [demand], informed=informed)


@pytest.mark.parametrize("informed", [True, False])
@pytest.mark.parametrize("network", ["divergent", "serial", "assembly"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_plays_in_a_match_as_in_training(kind, network, informed):
    scenario, episodes = one_episode(network, informed=informed)
    policy = untrained_actor(kind, episodes)
    with torch.no_grad():
        expected = float(play(policy, [episodes], torch.Generator().manual_seed(1)).profits[0][0])
    view, simulator = TrackView(scenario, "informed" if informed else "blind"), Simulator(scenario)
    simulator.start(1)
    controller = LearnedController(lambda _: ChosenPolicy(policy))
    controller.begin(view.brief(seed=0))
    profit = 0.0
    while not simulator.finished:
        profit += simulator.step(controller.order(view.observe(simulator.state)))
    assert profit == pytest.approx(expected, rel=2e-3, abs=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_survives_its_files(kind, tmp_path):
    _, episodes = one_episode("serial", informed=True)
    briefing = episodes.briefing
    policy = untrained_actor(kind, episodes)
    about = PolicyFile(shape=policy.shape, network=signature(briefing.compiled.network), recipe="test")
    save_policy(tmp_path / "actor", policy, about)
    found = load_policy(tmp_path / "actor", briefing)
    inputs = torch.randn(3, policy.input_size)
    with torch.no_grad():
        torch.testing.assert_close(found.actions(inputs), policy.actions(inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_normalised_and_clipped(kind):
    _, episodes = one_episode("serial", informed=True)
    policy = untrained_actor(kind, episodes)
    inputs = torch.randn(2, policy.input_size)
    with torch.no_grad():
        plain = policy.actions(inputs)
        policy.mean += 3.0
        policy.deviation *= 2.0
        torch.testing.assert_close(policy.actions(2 * inputs + 3), plain, rtol=1e-3, atol=1e-4)
        far = policy.actions(1e9 * torch.ones_like(inputs))
        torch.testing.assert_close(policy.actions(1e6 * torch.ones_like(inputs)), far)


@pytest.mark.parametrize("informed", [True, False])
def test_an_action_is_a_share_of_demand_on_top_of_the_net_requirement(informed):
    batch = episodes_of(scenario_on(load_network("divergent")), 3, informed=informed)
    observation = first_situation(batch)
    policy = Fixed(actor_shape("mlp", informed), batch.briefing.compiled.network, batch.briefing.structure)
    with torch.no_grad():
        if policy.forecaster is not None:
            policy.forecaster.skip.bias += 1.0
        observation = policy.with_forecast(batch.briefing, observation)
    missing = policy.features.net_requirements(batch.briefing, observation)
    means = policy.features.demand_scale(observation, 30)
    for action in (0.0, 3.0, -3.0):
        policy.given = torch.full((batch.briefing.compiled.links,), action)
        orders = (missing + action * means).clamp(min=0.0)
        assert bool((orders > 0).any()) == (action > -1)
        torch.testing.assert_close(policy(batch.briefing, observation), orders)


def test_a_blind_policy_reads_a_forecast_of_its_own():
    """Here 20 units more than the mean of the last five demands, freed of the sentiment under which they came."""
    batch = episodes_of(scenario_on(load_network("serial")), 2, informed=False)
    policy = untrained_actor("mlp", batch)
    first = first_situation(batch)
    seen = replace(
        first,
        period=6,
        past_demand=torch.full((2, 1, 6), 30.0),
        past_sentiment=torch.full((2, 6), 1.5),
        sentiment=torch.tensor([1.0, 2.0]),
    )
    with torch.no_grad():
        found = policy.with_forecast(batch.briefing, seen)
        inputs, other = (
            policy.frame(batch.briefing, found),
            policy.frame(batch.briefing, policy.with_forecast(batch.briefing, first)),
        )
    assert found.forecast.shape == (2, 1, 24)
    assert found.forecast[0].mean().item() == pytest.approx(40.0, rel=0.25)
    torch.testing.assert_close(found.forecast[1] / 2, found.forecast[0], rtol=0.1, atol=0.5)
    assert not torch.equal(inputs, other)
    informed = episodes_of(scenario_on(load_network("serial")), 2, informed=True)
    assert (
        untrained_actor("mlp", informed).with_forecast(informed.briefing, first_situation(informed)).forecast
        is not None
    )


def first_situation(batch):
    return EpisodeRun(batch, demand_sampler(batch, torch.Generator().manual_seed(1))).observe(0)


@pytest.mark.parametrize("network", ["divergent", "serial"])
@pytest.mark.parametrize("backlog", [True, False])
def test_a_residual_of_nothing_is_the_published_newsvendor(network, backlog):
    """Until raw material is too late to be sold; near the end the published rule goes on covering demand after it."""
    scenario = scenario_on(load_network(network), seed=4, backlog=backlog, goodwill=True)
    briefing = episodes_of(scenario, 1, informed=True).briefing
    policy = Fixed(actor_shape("residual", informed=True), briefing.compiled.network, briefing.structure)
    policy.given = torch.zeros(briefing.compiled.links)
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    simulator.start(2)
    controller, rule = LearnedController(lambda _: ChosenPolicy(policy)), Newsvendor(NewsvendorConfig())
    controller.begin(view.brief(seed=0))
    rule.begin(view.brief(seed=0))
    everything = torch.ones((1, briefing.compiled.links))
    last = 30 - briefing.compiled.network.longest_lead_time - 1
    compared = 0
    while simulator.period < last and briefing.playable(everything, simulator.period).all():
        observation = view.observe(simulator.state)
        expected = np.minimum(rule.order(observation), scenario.order_bound)
        found = controller.order(observation)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)
        compared += int((expected > 0).sum())
        simulator.step(expected)
    assert compared > 10


@pytest.mark.parametrize("informed", [True, False])
def test_residual_orders_stay_within_half_of_the_newsvendor(informed):
    batch = episodes_of(scenario_on(load_network("divergent")), 4, informed=informed)
    policy = untrained_actor("residual", batch)
    with torch.no_grad():
        observation = policy.with_forecast(batch.briefing, first_situation(batch))
    rule = policy.features.newsvendor.orders(batch.briefing, observation)
    with torch.no_grad():
        for push, factor in ((1e4, 1.5), (-1e4, 0.5)):
            policy.actor.out.bias.fill_(push)
            torch.testing.assert_close(policy(batch.briefing, observation), factor * rule)
    assert (rule > 0).any()
    assert policy.action_cost(torch.tensor([[0.5, -0.5, 0.1]])).item() == pytest.approx(0.001 * 0.51)


def test_frames_come_newest_first_and_the_first_stands_for_those_before():
    frames = Frames(3)
    seen = [frames.with_latest(torch.full((1, 1), float(i))).tolist()[0] for i in range(4)]
    assert seen == [[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 2, 1]]


def test_frames_are_forgotten_in_the_first_period():
    batch = episodes_of(scenario_on(load_network("serial")), 2, informed=True)
    policy = untrained_actor("frames", batch)
    with torch.no_grad():
        first, again = (play(policy, [batch], torch.Generator().manual_seed(1)).profits[0] for _ in range(2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
