"""The learner that imitates: one update is a lesson, and gradients on all lessons so far.

Sources: behaviour cloning, D. Pomerleau (1989), ALVINN; dataset aggregation (DAgger), S. Ross, G. Gordon, J. Bagnell
(2011), arXiv 1011.0686.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from arena_imitation.expert import Expert
from arena_imitation.lessons import Lessons, concatenate, imitation_loss, play_lesson
from arena_imitation.recipes import ImitationSettings
from arena_rl.episodes.worlds import World, draw_batches
from arena_rl.learners.forecaster_fit import fit
from arena_rl.learners.learner import LearnerState, optimizer_tensors, restore_optimizer, with_prefix
from arena_rl.policies.actor import ActorPolicy

_CLIP = 1.0  # largest norm of a gradient
_NAMES = ("inputs", "missing", "taught", "counts")  # of the columns of lessons in checkpoints; old ones stay readable


class ImitationLearner:
    """Improves a policy by the oracle's example.

    Args:
        settings: of the recipe.
        policy: the pupil.
        world: source of its episodes; of one network.
        steps: environment steps of the whole training.
        seed: of all random numbers.
    """

    def __init__(
        self, settings: ImitationSettings, policy: ActorPolicy, world: World, *, steps: int, seed: int
    ) -> None:
        self.packages: Sequence[str] = ("arena-imitation", "arena-optimization", "highspy", "pyomo", "scipy")
        self.settings, self.policy = settings, policy
        self.steps_per_update = settings.batches * settings.episodes * world.mix.horizon[1]
        self.updates = max(1, round(steps / self.steps_per_update))
        self.updates_done = 0
        self._world, self._seed = world, seed
        self._optimizer = torch.optim.Adam(policy.actor.parameters(), lr=settings.learning_rate)
        self._lessons: Lessons | None = None
        self._experts: dict[bool, Expert] = {}

    def update(self) -> float:
        """Play a lesson and learn from all so far; before the first, fit the forecaster of a blind pupil.

        Returns:
            The mean loss of the gradients.

        Raises:
            UnteachableError: If the oracle cannot teach on this network.
        """
        settings = self.settings
        # Every update draws from its own seed, so that a resumed training takes the same course.
        generator = np.random.default_rng([self._seed, self.updates_done])
        batches = draw_batches(
            (self._world,),
            generator,
            batches=settings.batches,
            episodes=settings.episodes,
            informed=self.policy.shape.informed,
        )
        for briefing in (batch.briefing for batch in batches):
            if briefing.compiled.backlog not in self._experts:
                self._experts[briefing.compiled.backlog] = Expert(briefing, shortage_weight=settings.shortage_weight)
        if self.updates_done == 0 and self.policy.forecaster is not None:
            fit(self.policy.forecaster, self._world.first_scenario(), self._world.mix, seed=self._seed)
        pupil_plays = settings.kind == "dagger" and self.updates_done > 0
        played = [] if self._lessons is None else [self._lessons]
        for batch in batches:
            expert = self._experts[batch.briefing.compiled.backlog]
            played.append(play_lesson(self.policy, batch, expert, generator, pupil_plays=pupil_plays))
        lessons = self._lessons = concatenate(played, settings.memory)
        self.policy.mean.copy_(lessons.features.mean(0))
        self.policy.deviation.copy_((lessons.features.var(0) + 1e-8).sqrt())
        loss = self._learn(lessons, generator)
        self.updates_done += 1
        return loss

    def _learn(self, lessons: Lessons, generator: np.random.Generator) -> float:
        settings, losses = self.settings, []
        for number in range(settings.gradients):
            progress = (self.updates_done + number / settings.gradients) / self.updates
            for group in self._optimizer.param_groups:
                group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
            part = lessons[torch.from_numpy(generator.integers(len(lessons), size=settings.batch))]
            actions = self.policy.actions(part.features)
            loss = imitation_loss(actions, part, bound=self.policy.bound, caution=settings.caution)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.policy.actor.parameters(), _CLIP)
            self._optimizer.step()
            losses.append(float(loss.detach()))
        return sum(losses) / len(losses)

    def state(self) -> LearnerState:
        """State on which the next update depends."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= optimizer_tensors("optimizer", self._optimizer)
        if self._lessons is not None:
            columns = zip(_NAMES, self._lessons.columns, strict=True)
            tensors |= {f"lessons.{name}": column.contiguous() for name, column in columns}
        return LearnerState(tensors, {})

    def restore(self, state: LearnerState) -> None:
        """Continue from a state that `state` gave."""
        self.policy.load_state_dict(with_prefix("policy.", state.tensors))
        restore_optimizer("optimizer", self._optimizer, state.tensors)
        self._lessons = Lessons(*(state.tensors[f"lessons.{name}"] for name in _NAMES))
