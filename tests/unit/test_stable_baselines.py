"""Stable-Baselines3 learns on the environments: alone, in its own vector environments, and on our batch."""

from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="training needs Stable-Baselines3 and torch")

from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from arena.envs import CentredOrders, IntegerOrders, InventoryEnv, InventoryVectorEnv, VectorCentredOrders

pytestmark = pytest.mark.torch

SERIAL = "serial-stationary-backlog"


def learner(env: gymnasium.Env | VecEnv, **arguments: Any) -> PPO:
    return PPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=1, seed=0, device="cpu", **arguments)


def weights(model: PPO) -> np.ndarray:
    return np.concatenate([each.detach().numpy().ravel() for each in model.policy.parameters()])


def centred(scenario: str = SERIAL) -> gymnasium.Env:
    return CentredOrders(InventoryEnv(scenario), demand_scale=20)


def test_its_checker_accepts_the_environment() -> None:
    check_env(centred())


@pytest.mark.parametrize("track", ["blind", "informed"])
def test_ppo_learns_on_one_environment(track: str) -> None:
    env = Monitor(CentredOrders(gymnasium.make("Arena/Serial-v0", track=track), demand_scale=20))
    model = learner(env)
    before = weights(model)
    model.learn(256)
    after = weights(model)
    assert np.isfinite(after).all()
    assert not np.array_equal(before, after)
    # Every episode of 30 periods that fits was seen to end, with the profit of all its periods.
    assert env.get_episode_lengths() == [30] * (256 // 30)
    observation, _ = env.reset(seed=1)
    action, _ = model.predict(observation)
    assert action in env.action_space


def test_ppo_learns_on_choices_of_whole_units() -> None:
    model = learner(IntegerOrders(InventoryEnv(SERIAL), largest=40))
    before = weights(model)
    model.learn(64)
    assert not np.array_equal(before, weights(model))


def test_its_own_vector_environment_sees_the_last_observation() -> None:
    envs = make_vec_env(centred, n_envs=2, seed=1)
    assert isinstance(envs, DummyVecEnv)
    envs.reset()
    for _ in range(30):
        observations, _, dones, infos = envs.step(np.zeros((2, 3), dtype=np.float32))
    assert dones.tolist() == [True, True]
    assert observations[:, -2].tolist() == [0.0, 0.0]
    assert [info["terminal_observation"][-2] for info in infos] == [30.0, 30.0]
    assert [info["TimeLimit.truncated"] for info in infos] == [True, True]


class BatchForStableBaselines(VecEnv):
    """Our vector environment behind Stable-Baselines3's interface: what a user of both writes."""

    def __init__(self, envs: gymnasium.vector.VectorEnv) -> None:
        self.envs = envs
        self.actions: np.ndarray | None = None
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> np.ndarray:
        return self.envs.reset(seed=self._seeds[0])[0]

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observations, rewards, terminations, truncations, infos = self.envs.step(self.actions)
        rows: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(truncations):
            rows[i] = {"terminal_observation": infos["final_obs"][i], "TimeLimit.truncated": True}
        return observations, rewards, terminations | truncations, rows

    def close(self) -> None:
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.envs, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **keywords: Any) -> list[Any]:
        return [getattr(self.envs, method_name)(*arguments, **keywords)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


def test_ppo_learns_on_our_batch() -> None:
    envs = BatchForStableBaselines(VectorCentredOrders(InventoryVectorEnv(SERIAL, 32), demand_scale=20))
    model = learner(envs)
    before = weights(model)
    model.learn(64 * 32)
    after = weights(model)
    assert np.isfinite(after).all()
    assert not np.array_equal(before, after)
