"""The learner that sees rewards only, by Stable-Baselines3: PPO, its relatives, and soft actor-critic.

An update is one episode in every environment, and learning from it. It begins with new episodes and seeds all random
streams by its number, so that the state of a training is weights, optimisers, running statistics (and the memory of
SAC), and a resumed training takes the same course as an undisturbed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor, nn

from arena_rl.episodes.environment import PolicyEnvironment
from arena_rl.episodes.worlds import World
from arena_rl.learners.forecaster_fit import fit_most_profitable
from arena_rl.learners.learner import (
    BpoSettings,
    LearnerState,
    OnPolicySettings,
    PdppoSettings,
    PpoSettings,
    RewardSettings,
    SacSettings,
    optimizer_tensors,
    restore_optimizer,
    with_prefix,
)
from arena_rl.learners.policy_gradient import BPO, PDPPO, SharedActorPolicy
from arena_rl.policies.actor import CLIP, ActorPolicy
from arena_rl.policies.actor_networks import MlpShape

_MOMENTS = ("mean", "var", "count")
_EARLIER_OBSERVATIONS = 100_000.0  # weight of an earlier training in the running statistics
_MEMORY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class RewardLearner:
    """Improves a policy by playing in the arena's vector environment.

    Args:
        settings: of the recipe.
        policy: the policy that is improved.
        world: source of its episodes; of one network.
        steps: environment steps of the whole training.
        seed: of all random numbers.
        pretrained: whether the policy has learnt before: its normalisation is then the start of this training's, and
            its forecaster is not fitted.
    """

    def __init__(
        self,
        settings: RewardSettings,
        policy: ActorPolicy,
        world: World,
        *,
        steps: int,
        seed: int,
        pretrained: bool = False,
    ) -> None:
        self.policy = policy
        self.packages: Sequence[str] = ("gymnasium", "stable-baselines3")
        self.updates_done = 0
        self._seed = seed
        self._world, self._cautions, self._pretrained = world, settings.cautions, pretrained
        # With the network's own initial stocks, since the environment scales them itself.
        self._scenario = scenario = world.first_scenario().model_copy(update={"network": policy.network})
        environment = PolicyEnvironment(
            policy, scenario, world.mix, settings.environments, keep_post_decision=isinstance(settings, PdppoSettings)
        )
        self.env = VecNormalize(environment, gamma=settings.gamma, clip_obs=CLIP, clip_reward=CLIP)
        if pretrained:
            statistics = self._statistics["inputs"]
            statistics.mean = policy.mean.double().numpy().copy()
            statistics.var = policy.deviation.double().numpy() ** 2
            statistics.count = _EARLIER_OBSERVATIONS
        self.steps_per_update = settings.environments * scenario.horizon
        self.updates = max(1, round(steps / self.steps_per_update))
        set_random_seed(seed)
        self.model = (
            self._soft_actor_critic(settings)
            if isinstance(settings, SacSettings)
            else self._proximal(settings, scenario.horizon)
        )
        self.model.set_logger(Logger(None, []))

    def _proximal(self, settings: OnPolicySettings, horizon: int) -> PPO:
        method: type[PPO]
        more: dict[str, Any] = {}
        match settings:
            case PpoSettings():
                method = PPO
            case BpoSettings():
                method = BPO
            case PdppoSettings():
                method, more = PDPPO, {"advantage": settings.advantage}
            case _:
                assert_never(settings)
        return method(
            SharedActorPolicy,
            self.env,
            learning_rate=settings.learning_rate,
            n_steps=horizon,
            batch_size=settings.batch,
            n_epochs=settings.epochs,
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda,
            clip_range=settings.clip,
            ent_coef=settings.entropy,
            vf_coef=settings.value,
            max_grad_norm=settings.gradient_norm,
            target_kl=settings.target_kl,
            policy_kwargs={
                "actor_policy": lambda: self.policy,
                "log_std_init": settings.log_deviation,
                "ortho_init": False,  # the networks begin as they were made
            },
            device="cpu",
            **more,
        )

    def _soft_actor_critic(self, settings: SacSettings) -> SAC:
        shape = self.policy.shape
        if not (isinstance(shape, MlpShape) and shape.squashed):
            raise ValueError(f"soft actor-critic trains a policy of kind 'mlp' with squashed: true, not {shape.kind!r}")
        model = SAC(
            "MlpPolicy",
            self.env,
            learning_rate=settings.learning_rate,
            buffer_size=settings.memory,
            learning_starts=settings.first_steps,
            batch_size=settings.batch,
            tau=settings.tau,
            gamma=settings.gamma,
            ent_coef=f"auto_{settings.entropy}",
            train_freq=1,
            gradient_steps=settings.gradients,
            policy_kwargs={"net_arch": list(shape.hidden)},
            device="cpu",
        )
        # Our actor has the same structure and takes these layers over: training the one trains the other.
        assert isinstance(model.actor.mu, nn.Linear)
        self.policy.actor.body, self.policy.actor.out = model.actor.latent_pi, model.actor.mu
        return model

    def update(self) -> float:
        """Play an episode in every environment, and learn; before the first, fit the forecaster of a blind policy.

        Returns:
            The last loss; NaN before SAC has begun to learn.
        """
        if self.updates_done == 0 and not self._pretrained and self.policy.forecaster is not None:
            fit_most_profitable(self.policy, self._scenario, self._world, seed=self._seed, cautions=self._cautions)
        seed = int(np.random.SeedSequence([self._seed, self.updates_done]).generate_state(1)[0])
        set_random_seed(seed)
        self.model.action_space.seed(seed)
        self.env.seed(seed)
        self.model.set_env(self.env)  # forces new episodes
        self.model.learn(self.steps_per_update, reset_num_timesteps=False, log_interval=None)  # type: ignore[arg-type]
        self.updates_done += 1
        self._share_normalisation()
        logged = self.model.logger.name_to_value
        return float(logged.get("train/loss", logged.get("train/critic_loss", np.nan)))

    def _share_normalisation(self) -> None:
        statistics = self._statistics["inputs"]
        self.policy.mean.copy_(torch.from_numpy(statistics.mean))
        self.policy.deviation.copy_(torch.from_numpy(np.sqrt(statistics.var + self.env.epsilon)))

    @property
    def _statistics(self) -> dict[str, RunningMeanStd]:
        inputs = self.env.obs_rms
        assert isinstance(inputs, RunningMeanStd)
        return {"inputs": inputs, "returns": self.env.ret_rms}

    # --- state ------------------------------------------------------------------------------------------------------

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        if isinstance(self.model, SAC):
            found = {"actor": self.model.actor.optimizer, "critic": self.model.critic.optimizer}
            if self.model.ent_coef_optimizer is not None:
                found["entropy"] = self.model.ent_coef_optimizer
            return found
        found = {"policy": self.model.policy.optimizer}
        if isinstance(self.model, PDPPO):
            found["second"] = self.model.second_optimizer
        return found

    def _modules(self) -> dict[str, nn.Module]:
        found: dict[str, nn.Module] = {"policy": self.policy, "model": self.model.policy}
        if isinstance(self.model, PDPPO):
            found["second_critic"] = self.model.second_critic
        return found

    def state(self) -> LearnerState:
        """State on which the next update depends."""
        tensors: dict[str, Tensor] = {}
        for name, module in self._modules().items():
            tensors |= {f"{name}.{key}": value.clone() for key, value in module.state_dict().items()}
        for name, optimizer in self._optimizers().items():
            tensors |= optimizer_tensors(f"optimizer.{name}", optimizer)
        for name, statistics in self._statistics.items():
            for part in _MOMENTS:
                tensors[f"statistics.{name}.{part}"] = torch.as_tensor(getattr(statistics, part), dtype=torch.float64)
        values: dict[str, Any] = {"steps": self.model.num_timesteps}
        if isinstance(self.model, SAC):
            assert self.model.log_ent_coef is not None
            tensors["log_entropy"] = self.model.log_ent_coef.detach().clone()
            memory = self.model.replay_buffer
            assert memory is not None
            filled = len(memory.rewards) if memory.full else memory.pos
            values |= {"position": memory.pos, "full": memory.full}
            tensors |= {f"memory.{name}": torch.from_numpy(getattr(memory, name)[:filled]) for name in _MEMORY}
        return LearnerState(tensors, values)

    def restore(self, state: LearnerState) -> None:
        """Continue from a state that `state` gave."""
        tensors, values = state
        for name, module in self._modules().items():
            module.load_state_dict(with_prefix(f"{name}.", tensors))
        for name, optimizer in self._optimizers().items():
            restore_optimizer(f"optimizer.{name}", optimizer, tensors)
        for name, statistics in self._statistics.items():
            for part in _MOMENTS:
                setattr(statistics, part, tensors[f"statistics.{name}.{part}"].numpy().copy())
        self.model.num_timesteps = values["steps"]
        if isinstance(self.model, SAC):
            assert self.model.log_ent_coef is not None
            with torch.no_grad():
                self.model.log_ent_coef.copy_(tensors["log_entropy"])
            memory = self.model.replay_buffer
            assert memory is not None
            memory.pos, memory.full = values["position"], values["full"]
            for name in _MEMORY:
                kept = tensors[f"memory.{name}"].numpy()
                getattr(memory, name)[: len(kept)] = kept
