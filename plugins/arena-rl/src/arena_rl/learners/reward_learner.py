"""Learners that see rewards only, by Stable-Baselines3: one update is one episode in every environment, and learning.

Every update begins with new episodes and seeds all random streams by its number, so that the state of a training is
weights, optimisers, running statistics (and the memory of SAC), and a training that goes on repeats what it would have
done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor, nn

from arena_rl.episodes.environment import PolicyEnvironment
from arena_rl.learners.forecaster_fit import choose
from arena_rl.learners.learner import Bpo, FromRewards, Pdppo, Sac
from arena_rl.learners.policy_gradient import BPO, PDPPO, SharedActorPolicy
from arena_rl.learners.state import get_optimizer, put_optimizer
from arena_rl.policies.actor import CLIP, ActorPolicy
from arena_rl.policies.actor_shapes import MlpShape
from arena_rl.training.recipes import World

_MOMENTS = ("mean", "var", "count")
_EARLIER_INPUTS = 100_000.0  # inputs that an earlier training counts for in the running statistics
_MEMORY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class RewardLearner:
    """Improves a policy by playing in the arena's vector environment.

    Args:
        settings: of the recipe.
        policy: what is improved.
        world: where its episodes come from; of one network.
        steps: environment steps of the whole training.
        seed: of everything that is drawn.
        goes_on: whether the policy has learnt before: then its normalisation is where this training's begins, and a
            blind one can forecast.
    """

    def __init__(
        self,
        settings: FromRewards,
        policy: ActorPolicy,
        world: World,
        *,
        steps: int,
        seed: int,
        goes_on: bool = False,
    ) -> None:
        self.policy = policy
        self.packages: Sequence[str] = ("gymnasium", "stable-baselines3")
        self.done = 0
        self._seed = seed
        self._world, self._cautions, self._goes_on = world, settings.cautions, goes_on
        scenario = world.draw(np.random.default_rng(0), backlog=True, goodwill=False)
        # Stocks as the network has them: the mix scales them itself.
        self._scenario = scenario = scenario.model_copy(update={"network": policy.network})
        environment = PolicyEnvironment(
            policy, scenario, world.mix, settings.environments, keeps_decisions=isinstance(settings, Pdppo)
        )
        self.env = VecNormalize(environment, gamma=settings.gamma, clip_obs=CLIP, clip_reward=CLIP)
        if goes_on:
            seen = self._statistics["inputs"]
            seen.mean, seen.var = policy.mean.double().numpy().copy(), policy.deviation.double().numpy() ** 2
            seen.count = _EARLIER_INPUTS
        self.steps_per_update = settings.environments * scenario.horizon
        self.updates = max(1, round(steps / self.steps_per_update))
        set_random_seed(seed)
        self.model = self._soft(settings) if isinstance(settings, Sac) else self._proximal(settings, scenario.horizon)
        self.model.set_logger(Logger(None, []))

    def _proximal(self, settings: FromRewards, horizon: int) -> PPO:
        assert not isinstance(settings, Sac)
        method: type[PPO] = PPO
        more: dict[str, Any] = {}
        if isinstance(settings, Bpo):
            method = BPO
        elif isinstance(settings, Pdppo):
            method, more = PDPPO, {"advantage": settings.advantage}
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

    def _soft(self, settings: Sac) -> SAC:
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
        # Of one structure with ours, which takes them over: training the one trains the other.
        assert isinstance(model.actor.mu, nn.Linear)
        self.policy.actor.body, self.policy.actor.out = model.actor.latent_pi, model.actor.mu
        return model

    def update(self) -> float:
        """Play an episode in every environment, and learn; a blind policy first learns to forecast.

        Returns:
            The last loss; NaN where nothing was learnt yet.
        """
        if self.done == 0 and not self._goes_on and self.policy.forecaster is not None:
            choose(self.policy, self._scenario, self._world, seed=self._seed, cautions=self._cautions)
        seed = int(np.random.SeedSequence([self._seed, self.done]).generate_state(1)[0])
        set_random_seed(seed)
        self.model.action_space.seed(seed)
        self.env.seed(seed)
        self.model.set_env(self.env)  # forces new episodes
        self.model.learn(self.steps_per_update, reset_num_timesteps=False, log_interval=None)  # type: ignore[arg-type]
        self.done += 1
        self._share_normalisation()
        told = self.model.logger.name_to_value
        return float(told.get("train/loss", told.get("train/critic_loss", np.nan)))

    def _share_normalisation(self) -> None:
        seen = self._statistics["inputs"]
        self.policy.mean.copy_(torch.from_numpy(seen.mean))
        self.policy.deviation.copy_(torch.from_numpy(np.sqrt(seen.var + self.env.epsilon)))

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

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next update depends on: tensors, and what JSON can hold."""
        tensors: dict[str, Tensor] = {}
        for name, module in self._modules().items():
            tensors |= {f"{name}.{key}": value.clone() for key, value in module.state_dict().items()}
        for name, optimizer in self._optimizers().items():
            tensors |= get_optimizer(f"optimizer.{name}", optimizer)
        for name, seen in self._statistics.items():
            for part in _MOMENTS:
                tensors[f"statistics.{name}.{part}"] = torch.as_tensor(getattr(seen, part), dtype=torch.float64)
        about: dict[str, Any] = {"steps": self.model.num_timesteps}
        if isinstance(self.model, SAC):
            assert self.model.log_ent_coef is not None
            tensors["log_entropy"] = self.model.log_ent_coef.detach().clone()
            memory = self.model.replay_buffer
            assert memory is not None
            filled = len(memory.rewards) if memory.full else memory.pos
            about |= {"position": memory.pos, "full": memory.full}
            tensors |= {f"memory.{name}": torch.from_numpy(getattr(memory, name)[:filled]) for name in _MEMORY}
        return tensors, about

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go to a state that `state` gave."""
        for name, module in self._modules().items():
            start = f"{name}."
            module.load_state_dict({k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)})
        for name, optimizer in self._optimizers().items():
            put_optimizer(f"optimizer.{name}", optimizer, tensors)
        for name, seen in self._statistics.items():
            for part in _MOMENTS:
                setattr(seen, part, tensors[f"statistics.{name}.{part}"].numpy().copy())
        self.model.num_timesteps = about["steps"]
        if isinstance(self.model, SAC):
            assert self.model.log_ent_coef is not None
            with torch.no_grad():
                self.model.log_ent_coef.copy_(tensors["log_entropy"])
            memory = self.model.replay_buffer
            assert memory is not None
            memory.pos, memory.full = about["position"], about["full"]
            for name in _MEMORY:
                kept = tensors[f"memory.{name}"].numpy()
                getattr(memory, name)[: len(kept)] = kept
