"""Lessons: episodes that teacher or pupil plays, with what the teacher would order in every state on the way.

Demand is a function of its mean and of uniform numbers drawn beforehand, so that the teacher knows what will be wanted.
Under goodwill the mean depends on what is played; the teacher foresees it as if everybody were served from now on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import poisson
from torch import Tensor

from arena import Goodwill
from arena_imitation.expert import Expert
from arena_rl.episodes.batches import Episodes, Run
from arena_rl.policies.actor import ActorPolicy


@dataclass(frozen=True)
class Lessons:
    """Decisions; all orders are over the scale of an action, the mean demand to come.

    Attributes:
        inputs: what the pupil reads, not normalised, (decisions, inputs).
        missing: net requirements, to which the pupil's actions are added, (decisions, supply links).
        taught: what the teacher would order, (decisions, supply links).
        counts: whether an order can be played at all, (decisions, supply links), 0 or 1.
    """

    inputs: Tensor
    missing: Tensor
    taught: Tensor
    counts: Tensor

    @property
    def columns(self) -> dict[str, Tensor]:
        """Everything by name."""
        return {"inputs": self.inputs, "missing": self.missing, "taught": self.taught, "counts": self.counts}

    def __len__(self) -> int:
        """Number of decisions."""
        return len(self.inputs)


def joined(parts: list[Lessons], most: int) -> Lessons:
    """The latest decisions of several lessons."""
    names = Lessons.__dataclass_fields__
    return Lessons(**{name: torch.cat([part.columns[name] for part in parts])[-most:] for name in names})


class _Fate:
    """What will be wanted, period by period, at a given mean."""

    def __init__(self, episodes: Episodes, generator: np.random.Generator) -> None:
        shape = (episodes.count, episodes.setting.compiled.markets, episodes.setting.horizon)
        self._uniforms = generator.uniform(size=shape)
        self._noise = episodes.noise_scale.double().numpy()[:, None]
        self._smallest = episodes.smallest_mean.double().numpy()[:, None]
        self._path = episodes.mean_path.double().numpy()

    def draw(self, period: int, mean: Tensor) -> Tensor:
        """See `arena_rl.episodes.batches.DrawDemand`."""
        return torch.from_numpy(self._at(period, mean.double().numpy())).float()

    def ahead(self, period: int, sentiment: np.ndarray, goodwill: Goodwill | None) -> np.ndarray:
        """Demand from a period to the end if everybody is served, units, (episodes, market links, periods left)."""
        found = []
        for later in range(period, self._uniforms.shape[2]):
            found.append(self._at(later, np.maximum(self._smallest, self._path[:, :, later] * sentiment[:, None])))
            if goodwill is not None:
                sentiment = np.minimum(goodwill.cap, sentiment * goodwill.growth)
        return np.stack(found, axis=2)

    def _at(self, period: int, mean: np.ndarray) -> np.ndarray:
        raw = np.where(mean > 0, poisson.ppf(self._uniforms[:, :, period], np.maximum(mean, 1e-12)), 0.0)
        return np.asarray(np.maximum(mean + self._noise * (raw - mean), 0.0))


def give(
    policy: ActorPolicy, episodes: Episodes, expert: Expert, generator: np.random.Generator, *, pupil_plays: bool
) -> Lessons:
    """Play a batch of episodes to the end.

    Args:
        policy: the pupil.
        episodes: what is played.
        expert: the teacher, for this network and rule of fulfilment.
        generator: of the demand.
        pupil_plays: whether the pupil's orders are played, or the teacher's.
    """
    setting, fate = episodes.setting, _Fate(episodes, generator)
    run = Run(episodes, fate.draw)
    goodwill = setting.compiled.goodwill
    assert goodwill is None or isinstance(goodwill, Goodwill)
    loss = 0.0 if goodwill is None else 1.0 - goodwill.decay / goodwill.growth
    parts = []
    everything = torch.full((1, setting.compiled.links), setting.order_bound)
    with torch.no_grad():
        for period in range(setting.horizon):
            situation = run.situation(period)
            demand = fate.ahead(period, situation.sentiment.double().numpy(), goodwill)
            taught = torch.from_numpy(expert.orders(situation, demand, loss=loss)).float()
            seen = policy.foreseen(setting, situation)
            inputs = policy.frame(setting, seen)
            scale = policy.reader.scale(seen, setting.horizon)
            missing = policy.reader.requirements(setting, seen) / scale
            counts = (setting.playable(everything, period) > 0).float().expand_as(taught)
            parts.append(Lessons(inputs, missing, taught / scale, counts))
            orders = policy.orders(setting, seen, policy.actions(inputs)) if pupil_plays else taught
            run.advance(period, orders)
    return joined(parts, setting.horizon * episodes.count)


def lesson_loss(actions: Tensor, lessons: Lessons, *, bound: float, caution: float) -> Tensor:
    """Asymmetric squared error of the pupil's actions; its minimum is an expectile of those that the teacher's are.

    Where the teacher orders nothing, so does any action that is small enough. Source of expectiles: Newey and Powell
    (1987), Econometrica 55.

    Args:
        actions: of the pupil, (decisions, supply links).
        lessons: the same decisions.
        bound: largest size of an action.
        caution: weight of an order too small against one too large, between 0 and 1.
    """
    short = (lessons.taught - lessons.missing).clamp(-bound, bound) - actions
    short = torch.where(lessons.taught > 0, short, short.clamp(max=0.0))
    weights = torch.where(short > 0, caution, 1.0 - caution) * lessons.counts
    return (weights * short**2).sum() / lessons.counts.sum().clamp(min=1.0)
