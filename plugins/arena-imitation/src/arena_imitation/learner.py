"""The pupil's side: one update is a lesson, and gradients on all lessons so far.

Sources: behaviour cloning, D. Pomerleau (1989), ALVINN; dataset aggregation, S. Ross, G. Gordon, J. Bagnell (2011),
arXiv 1011.0686.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arena_imitation.expert import Expert
from arena_imitation.lessons import Lessons, give, joined, lesson_loss
from arena_imitation.teaching import Imitation
from arena_rl.episodes.worlds import draw_batches
from arena_rl.learners.forecaster_fit import fit
from arena_rl.learners.state import get_optimizer, put_optimizer
from arena_rl.policies.actor import ActorPolicy
from arena_rl.training.recipes import World

_CLIP = 1.0  # largest norm of a gradient


class ImitationLearner:
    """Improves a policy by the oracle's example.

    Args:
        settings: of the recipe.
        policy: the pupil.
        world: where its episodes come from; of one network.
        steps: environment steps of the whole training.
        seed: of everything that is drawn.
    """

    def __init__(self, settings: Imitation, policy: ActorPolicy, world: World, *, steps: int, seed: int) -> None:
        self.packages: Sequence[str] = ("arena-imitation", "arena-optimization", "highspy", "pyomo", "scipy")
        self.settings, self.policy = settings, policy
        self.steps_per_update = settings.batches * settings.episodes * world.mix.horizon[1]
        self.updates = max(1, round(steps / self.steps_per_update))
        self.done = 0
        self._world, self._seed = world, seed
        self.optimizer = torch.optim.Adam(policy.actor.parameters(), lr=settings.learning_rate)
        self._lessons: Lessons | None = None
        self._experts: dict[bool, Expert] = {}

    def update(self) -> float:
        """Take a lesson and learn from all so far; a blind pupil first learns to forecast.

        Returns:
            The mean loss of the last gradients.

        Raises:
            UnteachableError: If the oracle cannot teach on this network.
        """
        settings = self.settings
        # Every update draws from its own seed, so that a training that goes on repeats what it would have done.
        generator = np.random.default_rng([self._seed, self.done])
        batches = draw_batches(
            (self._world,),
            generator,
            batches=settings.batches,
            episodes=settings.episodes,
            informed=self.policy.shape.informed,
        )
        for setting in (episodes.setting for episodes in batches):
            if setting.compiled.backlog not in self._experts:
                self._experts[setting.compiled.backlog] = Expert(setting, shortage_weight=settings.shortage_weight)
        if self.done == 0 and self.policy.forecaster is not None:
            scenario = self._world.draw(np.random.default_rng(0), backlog=True, goodwill=False)
            fit(self.policy.forecaster, scenario, self._world.mix, seed=self._seed)
        pupil_plays = settings.kind == "dagger" and self.done > 0
        taken = [] if self._lessons is None else [self._lessons]
        for episodes in batches:
            expert = self._experts[episodes.setting.compiled.backlog]
            taken.append(give(self.policy, episodes, expert, generator, pupil_plays=pupil_plays))
        lessons = self._lessons = joined(taken, settings.memory)
        self.policy.mean.copy_(lessons.inputs.mean(0))
        self.policy.deviation.copy_((lessons.inputs.var(0) + 1e-8).sqrt())
        loss = self._learn(lessons, generator)
        self.done += 1
        return loss

    def _learn(self, lessons: Lessons, generator: np.random.Generator) -> float:
        settings, losses = self.settings, []
        for number in range(settings.gradients):
            progress = (self.done + number / settings.gradients) / self.updates
            for group in self.optimizer.param_groups:
                group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
            chosen = torch.from_numpy(generator.integers(len(lessons), size=settings.batch))
            part = Lessons(**{name: column[chosen] for name, column in lessons.columns.items()})
            loss = lesson_loss(
                self.policy.actions(part.inputs), part, bound=self.policy.bound, caution=settings.caution
            )
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.policy.actor.parameters(), _CLIP)
            self.optimizer.step()
            losses.append(float(loss.detach()))
        return sum(losses) / len(losses)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next update depends on: tensors, and what JSON can hold."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= get_optimizer("optimizer", self.optimizer)
        if self._lessons is not None:
            tensors |= {f"lessons.{name}": column.contiguous() for name, column in self._lessons.columns.items()}
        return tensors, {}

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go to a state that `state` gave."""
        weights = {name.removeprefix("policy."): each for name, each in tensors.items() if name.startswith("policy.")}
        self.policy.load_state_dict(weights)
        put_optimizer("optimizer", self.optimizer, tensors)
        names = Lessons.__dataclass_fields__
        self._lessons = Lessons(**{name: tensors[f"lessons.{name}"] for name in names})
