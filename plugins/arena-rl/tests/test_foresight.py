"""The forecaster that a blind policy brings along: fitted to demand alone, repeatable, and left alone afterwards."""

import torch
from learning import actor_shape, episodes_of, scenario_on

from arena import load_network
from arena.randomise import ScenarioMix, WeightedFamily, broad_effects
from arena_rl.actor import ActorPolicy
from arena_rl.forecaster import Forecaster
from arena_rl.foresight import fit
from arena_rl.learner_settings import Ppo
from arena_rl.recipes import World
from arena_rl.reward_learner import RewardLearner

MIX = ScenarioMix(families=[WeightedFamily(family=broad_effects())])


def fitted(seed: int, gradients: int) -> tuple[Forecaster, list[float]]:
    torch.manual_seed(0)
    forecaster = Forecaster(30, 32, 20.0)
    losses = fit(forecaster, scenario_on(load_network("serial")), MIX, seed=seed, gradients=gradients)
    return forecaster, losses


def test_a_fit_foresees_more_than_the_mean_of_the_last_five_demands():
    """Which is what it begins with."""
    forecaster, _ = fitted(1, 100)
    _, before = fitted(2, 1)
    # On the same episodes, which it was not fitted to.
    after = fit(forecaster, scenario_on(load_network("serial")), MIX, seed=2, gradients=1)
    assert after[0] < before[0] - 0.03


def test_a_fit_is_repeated_by_its_seed_and_by_no_other():
    one, first = fitted(1, 4)
    two, again = fitted(1, 4)
    _, other = fitted(2, 4)
    assert first == again
    assert first != other
    for mine, yours in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=0)


def test_a_blind_learner_fits_once_and_then_keeps_the_forecaster(monkeypatch):
    fits = []
    monkeypatch.setattr("arena_rl.reward_learner.fit", lambda *given, **named: fits.append(named["seed"]))
    setting = episodes_of(scenario_on(load_network("serial")), 1, informed=False).setting
    torch.manual_seed(1)
    policy = ActorPolicy(actor_shape("mlp", informed=False), setting.plant.network, setting.reach)
    settings = Ppo(environments=4, batch=60, epochs=1)
    learner = RewardLearner(settings, policy, World(network="serial", mix=MIX), steps=240, seed=7)
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    learner.update()
    learner.update()
    assert fits == [7]
    after = policy.state_dict()
    assert not torch.equal(after["actor.out.weight"], before["actor.out.weight"])
    forecasters = [name for name in before if name.startswith("forecaster.")]
    assert forecasters
    for name in forecasters:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)
