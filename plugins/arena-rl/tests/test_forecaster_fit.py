"""The forecaster that a blind policy brings along: fitted to demand alone, repeatable, and left alone afterwards."""

import numpy as np
import torch
from hypothesis import given, strategies as st
from learning import actor_shape, episodes_of, scenario_on

from arena import load_network
from arena.training_worlds import ScenarioMix, WeightedFamily, broad_effects
from arena_rl.episodes.worlds import World, draw_batches, validate
from arena_rl.learners.forecaster_fit import fit, fit_most_profitable
from arena_rl.learners.learner import PpoSettings
from arena_rl.learners.reward_learner import RewardLearner
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.forecaster import Forecaster, poisson_deviance

MIX = ScenarioMix(families=[WeightedFamily(family=broad_effects())])


def fitted(seed: int, gradients: int, caution: float = 0.5) -> tuple[Forecaster, list[float]]:
    torch.manual_seed(0)
    forecaster = Forecaster(30, 32, 20.0)
    scenario = scenario_on(load_network("serial"))
    losses = fit(forecaster, scenario, MIX, seed=seed, caution=caution, gradients=gradients)
    return forecaster, losses


@given(
    truth=st.lists(st.floats(0.5, 100), min_size=2, max_size=9),
    caution=st.floats(0.5, 0.95),
    error=st.floats(-0.4, 0.4),
)
def test_the_deviance_is_least_at_the_truth_whatever_the_caution(truth, caution, error):
    true = torch.tensor(truth, dtype=torch.float64)
    best = poisson_deviance(true, true, caution=caution)
    assert abs(float(best)) < 1e-12
    # The mean's lower bound moves the minimum by 0.02 units at most.
    assert poisson_deviance(true * (1 + error), true, caution=caution) >= best - 1e-3


def test_what_is_too_small_weighs_more_by_caution():
    """At .8 four times, of forecasts alike in deviance otherwise."""
    truth = torch.tensor([20.0])
    small, large = torch.tensor([19.0]), torch.tensor([21.0])
    for caution in (0.5, 0.8):
        ratio = poisson_deviance(small, truth, caution=caution) / poisson_deviance(large, truth, caution=caution)
        plain = poisson_deviance(small, truth) / poisson_deviance(large, truth)
        torch.testing.assert_close(ratio, plain * caution / (1 - caution), rtol=1e-5, atol=0)


def test_a_cautious_fit_foresees_more():
    plain, _ = fitted(1, 60)
    cautious, _ = fitted(1, 60, caution=0.9)
    generator = torch.Generator().manual_seed(3)
    demand = torch.poisson(torch.full((64, 1, 8), 20.0), generator=generator)
    past_sentiment = torch.ones(64, 8)
    means = [
        each(each.history_features(demand, past_sentiment, past_sentiment[:, 0])).mean() for each in (plain, cautious)
    ]
    assert means[1] > 1.1 * means[0]


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


def test_of_several_cautions_that_stays_which_earns_most():
    world, network = World(network="serial", mix=MIX), load_network("serial")
    scenario = scenario_on(network)
    trials = draw_batches((world,), np.random.default_rng(4), batches=8, episodes=256, informed=False)
    structure = episodes_of(scenario, 1, informed=False).briefing.structure

    def policy() -> ActorPolicy:
        torch.manual_seed(0)
        return ActorPolicy(actor_shape("residual", informed=False), network, structure)

    earned, fits = {}, {}
    for caution in (0.3, 0.9):
        one = policy()
        fit(one.forecaster, scenario, MIX, seed=4, caution=caution, gradients=40)
        earned[caution], fits[caution] = validate(one, trials, 4), one.forecaster
    best = max(earned, key=earned.__getitem__)
    for cautions in ((0.3, 0.9), (0.9, 0.3)):
        chosen = policy()
        assert fit_most_profitable(chosen, scenario, world, seed=4, cautions=cautions, gradients=40) == best
        for mine, yours in zip(chosen.forecaster.parameters(), fits[best].parameters(), strict=True):
            torch.testing.assert_close(mine, yours, rtol=0, atol=0)


def test_a_blind_learner_fits_once_and_then_keeps_the_forecaster(monkeypatch):
    fits = []

    def fit_nothing(*_given: object, seed: int, caution: float, gradients: int) -> None:
        fits.append((seed, caution))

    monkeypatch.setattr("arena_rl.learners.forecaster_fit.fit", fit_nothing)
    briefing = episodes_of(scenario_on(load_network("serial")), 1, informed=False).briefing
    torch.manual_seed(1)
    policy = ActorPolicy(actor_shape("mlp", informed=False), briefing.compiled.network, briefing.structure)
    settings = PpoSettings(environments=4, batch=60, epochs=1, caution=0.8)
    learner = RewardLearner(settings, policy, World(network="serial", mix=MIX), steps=240, seed=7)
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    learner.update()
    learner.update()
    assert fits == [(7, 0.8)]
    after = policy.state_dict()
    assert not torch.equal(after["actor.out.weight"], before["actor.out.weight"])
    forecasters = [name for name in before if name.startswith("forecaster.")]
    assert forecasters
    for name in forecasters:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)
