"""Speed of training against the published package, side by side in one run on one thread.

Run it with the published package installed::

    pip install gym-invmgmt==0.2.1 './plugins/arena-heuristics' './plugins/arena-rl[train]'
    python benchmarks/training.py                         # rollout and differentiable simulation
    python benchmarks/training.py --steps 200000          # whole trainings too

*Rollout*: Stable-Baselines3's PPO with a perceptron of 256 and 128 collects experience, from one published environment
as its recipe has it, and from ours with randomised episodes, rich inputs and scaled orders. Rounds are interleaved; the
table shows the median steps per second and the median, lowest and highest ratio of the rounds.

*Whole training*: both sides learn stationary demand with backlog in turns, a chunk of steps each, by the same method
and with orders scaled to demand: ours on top of net requirements, by the shipped settings, theirs on top of demand, by
the published ones. After each chunk both are validated on 20 episodes of their own environment, off the clock. What is
compared is the training time after which the validation profit first reached 95 % of the final one.

*Differentiable simulation*: forward steps of the dynamics on torch tensors that record gradients, batch 1024.

Aims: rollout at least 15 times, training at least 5 times as fast; a million differentiable steps per second.
"""

# ruff: noqa: E402 - the libraries behind numpy read the number of threads when they are loaded, so it is set first

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from arena import compile_scenario, initial_state, load_network, load_scenario, step
from arena.training_worlds import EffectsFamily, ScenarioMix, WeightedFamily
from arena_rl.episodes.worlds import World
from arena_rl.inputs.echelon_positions import SupplyStructure
from arena_rl.inputs.ordering_rules import OrderedMaterials
from arena_rl.learners.learner import PpoSettings
from arena_rl.learners.reward_learner import RewardLearner
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.actor_networks import MlpShape

PERIODS = 30
DEMAND = 20.0
VALIDATIONS = 20

#: Our network and the published package's name of the same.
NETWORKS = {"divergent": "network", "serial": "serial"}


class FollowingDemand(gymnasium.ActionWrapper):
    """Orders of the published environment scaled to its mean demand; an action of 0 follows demand."""

    def __init__(self, environment: gymnasium.Env, flows: np.ndarray) -> None:
        super().__init__(environment)
        self.flows = flows
        self.action_space = gymnasium.spaces.Box(-3.0, 3.0, flows.shape, np.float32)

    def action(self, action: np.ndarray) -> np.ndarray:
        """Orders in units."""
        return DEMAND * np.maximum(self.flows + action, 0.0)


def published_learner(network: str) -> PPO:
    try:
        from gym_invmgmt import CoreEnv
    except ImportError:
        sys.exit("the published package is not installed, and nothing can be compared: pip install gym-invmgmt==0.2.1")
    demand = {"type": "stationary", "base_mu": DEMAND, "use_goodwill": False}
    ordered = OrderedMaterials(load_network(network))
    flows = (ordered.share_of_link * ordered.shared_needs.sum(1)[ordered.material_of_link]).numpy()

    def make() -> gymnasium.Env:
        return FollowingDemand(CoreEnv(scenario=NETWORKS[network], demand_config=demand, num_periods=PERIODS), flows)

    environment = VecNormalize(DummyVecEnv([make]), gamma=0.995)
    model = PPO(
        "MlpPolicy",
        environment,
        n_steps=2048,
        batch_size=512,
        n_epochs=10,
        gamma=0.995,
        ent_coef=0.005,
        target_kl=0.03,
        policy_kwargs={"net_arch": [256, 128], "log_std_init": -1.0},
        device="cpu",
        seed=1,
    )
    model.set_logger(Logger(None, []))
    return model


def our_learner(network: str, settings: PpoSettings) -> RewardLearner:
    family = EffectsFamily(base_mean=(DEMAND, DEMAND), trend=0, seasonal=0, shock=0, noise_scale=(1, 1))
    mix = ScenarioMix(families=[WeightedFamily(family=family)], goodwill=0, backlog=1)
    compiled = compile_scenario(load_scenario(f"{network}-stationary-backlog"))
    torch.manual_seed(1)
    policy = ActorPolicy(MlpShape(informed=True), compiled.network, SupplyStructure(compiled))
    return RewardLearner(settings, policy, World(network=network, mix=mix), steps=10**6, seed=1)


# --- rollout ----------------------------------------------------------------------------------------------------------


def collector(model: PPO) -> Callable[[], float]:
    """Collects one rollout of the model and returns seconds per step."""
    _, callback = model._setup_learn(10**9)

    def run() -> float:
        start = time.perf_counter()
        model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
        return (time.perf_counter() - start) / (model.n_steps * model.n_envs)

    return run


def compare_rollouts(network: str, repeats: int) -> None:
    theirs, ours = collector(published_learner(network)), collector(our_learner(network, PpoSettings()).model)
    theirs(), ours()
    rounds = [(theirs(), ours()) for _ in range(repeats)]
    ratios = [one / other for one, other in rounds]
    speeds = [1 / statistics.median(each) for each in zip(*rounds, strict=True)]
    median, low, high = statistics.median(ratios), min(ratios), max(ratios)
    shown = f"{speeds[0]:>12,.0f} {speeds[1]:>12,.0f} {median:>8.1f}x {low:>8.1f}x {high:>8.1f}x"
    print(f"{network:<10} {'rollout, steps/s':<22} {shown}")


# --- whole training ---------------------------------------------------------------------------------------------------


def profit(model: PPO) -> float:
    """Mean profit of deterministic episodes of the model's own environment, money."""
    environment = model.env
    environment.training, total, episodes = False, 0.0, 0
    environment.seed(12_345)
    inputs = environment.reset()
    while episodes < VALIDATIONS:
        actions, _ = model.predict(inputs, deterministic=True)
        inputs, _, ends, _ = environment.step(actions)
        rewards = environment.get_original_reward()
        total += float(rewards.mean())
        episodes += model.n_envs if ends[0] else 0
    environment.training = True
    return total / (episodes / model.n_envs)


def time_to_learn(curve: list[tuple[float, float]]) -> float:
    """Seconds until 95 % of the final profit."""
    final = curve[-1][1]
    return next(seconds for seconds, value in curve if value >= final - 0.05 * abs(final))


def compare_trainings(network: str, steps: int, chunks: int) -> None:
    published, ours = published_learner(network), our_learner(network, PpoSettings())
    curves: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    spent = [0.0, 0.0]

    def their_chunk() -> None:
        published.set_env(published.env)
        published.learn(steps // chunks, reset_num_timesteps=False, log_interval=None)

    def our_chunk() -> None:
        for _ in range(max(1, round(steps / chunks / ours.steps_per_update))):
            ours.update()

    for _ in range(chunks):
        for side, (run, model) in enumerate(((their_chunk, published), (our_chunk, ours.model))):
            start = time.perf_counter()
            run()
            spent[side] += time.perf_counter() - start
            curves[side].append((spent[side], profit(model)))
    seconds = [time_to_learn(curve) for curve in curves]
    shown = f"{seconds[0]:>12,.1f} {seconds[1]:>12,.1f} {seconds[0] / seconds[1]:>8.1f}x"
    finals = " and ".join(f"{curve[-1][1]:,.0f}" for curve in curves)
    print(f"{network:<10} {'training, seconds':<22} {shown}   final profits {finals}")


# --- differentiable simulation ----------------------------------------------------------------------------------------


def simulate(network: str, repeats: int, batch: int) -> None:
    compiled = compile_scenario(load_scenario(f"{network}-stationary-backlog"))
    demand = torch.poisson(torch.full((PERIODS, batch, compiled.markets), DEMAND))
    orders = torch.full((batch, compiled.links), DEMAND, requires_grad=True)

    def run() -> float:
        start = time.perf_counter()
        state, total = initial_state(compiled, batch, torch.zeros(1)), torch.zeros(batch)
        for period in range(PERIODS):
            state, flows = step(compiled, state, orders, demand[period])
            total = total + flows.reward
        assert total.requires_grad
        return PERIODS * batch / (time.perf_counter() - start)

    run()
    speeds = [run() for _ in range(repeats)]
    print(f"{network:<10} {'differentiable steps/s':<22} {'':>12} {statistics.median(speeds):>12,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="interleaved rounds (default 7)")
    parser.add_argument("--steps", type=int, default=0, help="length of the whole trainings (default 0: none)")
    parser.add_argument("--chunks", type=int, default=20, help="validations of a whole training (default 20)")
    parser.add_argument("--batch", type=int, default=1024, help="episodes of the differentiable simulation")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'network':<10} {'what':<22} {'published':>12} {'arena':>12} {'ratio':>9} {'lowest':>9} {'highest':>9}")
    for network in NETWORKS:
        compare_rollouts(network, chosen.repeats)
        if chosen.steps:
            compare_trainings(network, chosen.steps, chosen.chunks)
        simulate(network, chosen.repeats, chosen.batch)


if __name__ == "__main__":
    main()
