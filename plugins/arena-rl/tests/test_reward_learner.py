"""Learners that see rewards only: their losses by hand, and that what is exported is what was trained."""

import numpy as np
import pytest
import torch
from learning import actor_shape, episodes_of, scenario_on, untrained_actor

from arena import Simulator, TrackView, compile_scenario, initial_state, load_network, step
from arena.training_worlds import ScenarioMix, WeightedFamily, published_effects
from arena_rl.controller import ChosenPolicy, LearnedController
from arena_rl.episodes.batches import EpisodeRun, demand_sampler
from arena_rl.episodes.environment import PolicyEnvironment, post_decision
from arena_rl.episodes.worlds import World
from arena_rl.learners.learner import BpoSettings, PdppoSettings, PpoSettings, SacSettings
from arena_rl.learners.policy_gradient import bounded_ratio_loss, post_decision_advantages
from arena_rl.learners.reward_learner import RewardLearner
from arena_rl.policies.actor import ActorPolicy

MIX = ScenarioMix(families=[WeightedFamily(family=published_effects())], initial_stock=(0.5, 1.5))
WORLD = World(network="serial", mix=MIX)
ON_POLICY = {"environments": 8, "batch": 120, "epochs": 2}
SETTINGS = {
    "ppo": PpoSettings(**ON_POLICY),
    "pdppo": PdppoSettings(**ON_POLICY),
    "surprise": PdppoSettings(**ON_POLICY, advantage="surprise"),
    "bpo": BpoSettings(**ON_POLICY),
    "sac": SacSettings(environments=8, batch=16, memory=1000, first_steps=100, gradients=1),
}


def learner_of(name: str, kind: str = "mlp", seed: int = 1) -> RewardLearner:
    briefing = episodes_of(scenario_on(load_network("serial")), 1, informed=True).briefing
    torch.manual_seed(seed)
    policy = ActorPolicy(
        actor_shape("squashed" if name == "sac" else kind, True), briefing.compiled.network, briefing.structure
    )
    return RewardLearner(SETTINGS[name], policy, WORLD, steps=2_400, seed=seed)


# --- losses -----------------------------------------------------------------------------------------------------------


def test_the_bounded_ratio_loss_by_hand():
    ratio = torch.tensor([1.0, 1.3, 0.7, 1.0], requires_grad=True)
    loss = bounded_ratio_loss(ratio, torch.tensor([2.0, 1.0, -1.0, 0.0]), 0.2)
    # 2·|1 − 1.2| + 1·|1.3 − 1.2| + 1·|0.7 − 0.8| + 0, over 4
    assert loss.item() == pytest.approx((0.4 + 0.1 + 0.1) / 4)
    loss.backward()
    # Towards the bound from below, and back to it from above: there PPO's loss is flat.
    np.testing.assert_allclose(ratio.grad, [-0.5, 0.25, -0.25, 0.0], atol=1e-6)


def test_post_decision_advantages_by_hand():
    rewards, values = np.array([[1.0], [2.0]]), np.array([[4.0], [3.0]])
    post_decision_values, advantages = np.array([[3.5], [1.0]]), np.array([[0.5], [-1.0]])
    found = post_decision_advantages(rewards, values, post_decision_values, advantages, gamma=0.5, kind="maximum")
    # Returns are 4.5 and 2; the second critic's advantages 1 and 1.
    np.testing.assert_allclose(found, [[1.0], [1.0]])
    found = post_decision_advantages(rewards, values, post_decision_values, advantages, gamma=0.5, kind="surprise")
    # Surprises: 1 + 0.5·3 − 3.5 = −1, and 2 − 1 = 1 in the last period.
    np.testing.assert_allclose(found, [[1.5], [-2.0]])


@pytest.mark.parametrize("name", ["serial", "divergent", "assembly"])
@pytest.mark.parametrize("backlog", [True, False])
def test_the_post_decision_state_and_demand_give_the_next_state(name, backlog):
    """Stock after demand is what was left of the post-decision stock, sold or still there."""
    scenario = scenario_on(load_network(name), seed=3, backlog=backlog, goodwill=False)
    batch = episodes_of(scenario, 4, informed=True)
    compiled = compile_scenario(scenario)
    generator = torch.Generator().manual_seed(1)
    state = initial_state(compiled, 4, batch.mean_path)
    observation = EpisodeRun(batch, demand_sampler(batch, generator)).observe(0)
    for period in range(12):
        orders = 40 * torch.rand((4, compiled.links), generator=generator)
        demand = 40 * torch.rand((4, compiled.markets), generator=generator)
        fields = {n: getattr(state, n) for n in ("on_hand", "pipeline", "unfilled", "owed", "sentiment")}
        found = post_decision(
            batch.briefing, type(observation)(**{**vars(observation), **fields, "period": period}), orders
        )
        before = state
        state, flows = step(compiled, state, orders, demand)
        torch.testing.assert_close(found.pipeline, state.pipeline)
        for market, point in enumerate(compiled.sellers):
            served = (before.unfilled if backlog else 0 * before.unfilled)[:, market] - found.unfilled[:, market]
            left = found.on_hand[:, point] - (flows.sold[:, market] - served)
            torch.testing.assert_close(left, state.on_hand[:, point], rtol=1e-5, atol=1e-3)


# --- what is trained is what is exported ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("ppo", "mlp"), ("ppo", "gnn"), ("ppo", "frames"), ("ppo", "residual"), ("sac", "mlp")]
)
def test_the_policy_plays_the_deterministic_action_of_the_trained_model(name, kind):
    learner = learner_of(name, kind)
    for _ in range(2):
        learner.update()
    learner.env.training = False
    learner.env.seed(5)
    normal = learner.env.reset()
    inputs = torch.from_numpy(learner.env.get_original_obs())
    assert np.abs(normal).max() <= 10
    expected, _ = learner.model.predict(normal, deterministic=True)
    with torch.no_grad():
        found = learner.policy.actions(inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert np.abs(expected).max() <= learner.policy.bound + 1e-6


@pytest.mark.parametrize("name", SETTINGS)
def test_every_learner_moves_its_policy_the_same_way_twice(name):
    one, other = learner_of(name), learner_of(name)
    before = {key: value.clone() for key, value in one.policy.state_dict().items()}
    for _ in range(2):
        assert np.isfinite(one.update())
        other.update()
    for key, value in one.policy.state_dict().items():
        torch.testing.assert_close(value, other.policy.state_dict()[key], rtol=0, atol=0)
        assert not torch.equal(value, before[key]), key
    different = learner_of(name)
    different.update()
    assert not torch.equal(different.policy.actor.out.weight, one.policy.actor.out.weight)


def test_both_critics_of_post_decision_learning_learn():
    learner = learner_of("pdppo")
    before = [weight.clone() for weight in learner.model.second_critic.parameters()]
    learner.update()
    assert all(not torch.equal(a, b) for a, b in zip(before, learner.model.second_critic.parameters(), strict=True))


def test_soft_actor_critic_wants_a_squashed_perceptron():
    briefing = episodes_of(scenario_on(load_network("serial")), 1, informed=True).briefing
    policy = ActorPolicy(actor_shape("mlp", True), briefing.compiled.network, briefing.structure)
    with pytest.raises(ValueError, match="squashed: true, not 'mlp'"):
        RewardLearner(SETTINGS["sac"], policy, WORLD, steps=1_000, seed=1)


# --- the environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("informed", [True, False])
@pytest.mark.parametrize("kind", ["mlp", "frames", "residual"])
@pytest.mark.parametrize("network", ["serial", "divergent"])
def test_training_sees_and_earns_what_play_does(kind, network, informed):
    """The policy alone, in the scenarios that the environment drew, reads and orders what it did in training."""
    scenario = scenario_on(load_network(network), seed=2)
    mix = MIX.model_copy(update={"initial_stock": (1.0, 1.0)})
    certain = [WeightedFamily(family=published_effects().model_copy(update={"noise_scale": (0.0, 0.0)}))]
    mix = mix.model_copy(update={"families": tuple(certain)})
    policy = untrained_actor(kind, episodes_of(scenario, 1, informed=informed))
    environment = PolicyEnvironment(policy, scenario, mix, 3)
    environment.seed(3)
    inputs = environment.reset()
    drawn = environment.envs.drawn_scenarios
    earned = np.zeros(3)
    for period in range(30):
        actions = policy.actions(torch.from_numpy(inputs)).numpy()
        environment.step_async(actions)
        inputs, rewards, ends, _ = environment.step_wait()
        assert ends.tolist() == [period == 29] * 3
        earned += rewards + policy.action_cost(torch.from_numpy(actions)).numpy()
    for each, profit in zip(drawn, earned, strict=True):
        view, simulator = TrackView(each, "informed" if informed else "blind"), Simulator(each)
        simulator.start(1)
        controller = LearnedController(lambda _: ChosenPolicy(policy))
        controller.begin(view.brief(seed=0))
        total = 0.0
        while not simulator.finished:
            total += simulator.step(controller.order(view.observe(simulator.state)))
        assert total == pytest.approx(profit, rel=2e-3, abs=0.5)
