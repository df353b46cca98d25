"""Lessons: episodes that expert or pupil plays, with the expert's orders in every state on the way.

Demand is a function of its mean and of uniform numbers that are drawn beforehand, so that the expert knows the demand
to come. Under goodwill the mean depends on earlier orders; the expert foresees it as if all demand were served from now
on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arena import Goodwill, next_sentiment, poisson_quantiles
from arena_imitation.expert import Expert
from arena_rl.episodes.batches import EpisodeBatch, EpisodeRun
from arena_rl.policies.actor import ActorPolicy

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Lessons:
    """Decisions of the expert; orders are divided by the scale of an action, the mean demand to come.

    Attributes:
        features: features that the pupil reads, not normalised, (decisions, features).
        net_requirements: orders to which the pupil's actions are added, (decisions, supply links).
        expert_orders: orders of the expert, (decisions, supply links).
        playable: 1 where an order can be played, else 0, (decisions, supply links).
    """

    features: Tensor
    net_requirements: Tensor
    expert_orders: Tensor
    playable: Tensor

    @property
    def columns(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All columns, in the order of the attributes."""
        return self.features, self.net_requirements, self.expert_orders, self.playable

    def __getitem__(self, decisions: Tensor | slice) -> Lessons:
        """Some of the decisions."""
        return Lessons(*(column[decisions] for column in self.columns))

    def __len__(self) -> int:
        """Number of decisions."""
        return len(self.features)


def concatenate(lessons: list[Lessons], most: int) -> Lessons:
    """Concatenate lessons, and keep the latest decisions, ``most`` at most."""
    columns = zip(*(each.columns for each in lessons), strict=True)
    return Lessons(*(torch.cat(column) for column in columns))[-most:]


class _KnownDemand:
    """Demand of every period as a function of its mean."""

    def __init__(self, batch: EpisodeBatch, generator: np.random.Generator) -> None:
        shape = (batch.count, batch.briefing.compiled.markets, batch.briefing.horizon)
        self._uniforms = generator.uniform(size=shape)
        self._noise_scale = batch.noise_scale.double().numpy()[:, None]
        self._smallest_mean = batch.smallest_mean.double().numpy()[:, None]
        self._mean_path = batch.mean_path.double().numpy()

    def sample(self, period: int, mean: Tensor) -> Tensor:
        """See `arena_rl.episodes.batches.DemandSampler`."""
        return torch.from_numpy(self._at(period, mean.double().numpy())).float()

    def to_end(self, period: int, sentiment: FloatArray, goodwill: Goodwill | None) -> FloatArray:
        """Demand from a period to the end if all is served, units, (episodes, market links, periods left)."""
        found = []
        for later in range(period, self._uniforms.shape[2]):
            mean = np.maximum(self._smallest_mean, self._mean_path[:, :, later] * sentiment[:, None])
            found.append(self._at(later, mean))
            if goodwill is not None:
                sentiment = next_sentiment(goodwill, sentiment, short=False)
        return np.stack(found, axis=2)

    def _at(self, period: int, mean: FloatArray) -> FloatArray:
        raw = poisson_quantiles(self._uniforms[:, :, period], mean)
        return np.asarray(np.maximum(mean + self._noise_scale * (raw - mean), 0.0))


def play_lesson(
    pupil: ActorPolicy, batch: EpisodeBatch, expert: Expert, generator: np.random.Generator, *, pupil_plays: bool
) -> Lessons:
    """Play a batch of episodes to the end.

    Args:
        pupil: the policy that learns.
        batch: the episodes.
        expert: for this network and rule of fulfilment.
        generator: of the demand.
        pupil_plays: whether the pupil's orders are played, or the expert's.

    Returns:
        One decision per episode and period.
    """
    briefing, known = batch.briefing, _KnownDemand(batch, generator)
    run = EpisodeRun(batch, known.sample)
    goodwill = briefing.compiled.goodwill
    assert goodwill is None or isinstance(goodwill, Goodwill)
    lost_share = 0.0 if goodwill is None else goodwill.shortage_loss
    parts = []
    largest_orders = torch.full((1, briefing.compiled.links), briefing.order_bound)
    with torch.no_grad():
        for period in range(briefing.horizon):
            observation = run.observe(period)
            demand = known.to_end(period, observation.sentiment.double().numpy(), goodwill)
            expert_orders = torch.from_numpy(expert.orders(observation, demand, lost_share=lost_share)).float()
            observation = pupil.with_forecast(briefing, observation)
            features = pupil.frame(briefing, observation)
            scale = pupil.features.demand_scale(observation, briefing.horizon)
            net_requirements = pupil.features.net_requirements(briefing, observation) / scale
            playable = (briefing.playable(largest_orders, period) > 0).float().expand_as(expert_orders)
            parts.append(Lessons(features, net_requirements, expert_orders / scale, playable))
            orders = pupil.orders(briefing, observation, pupil.actions(features)) if pupil_plays else expert_orders
            run.advance(period, orders)
    return concatenate(parts, briefing.horizon * batch.count)


def imitation_loss(actions: Tensor, lessons: Lessons, *, bound: float, caution: float) -> Tensor:
    """Asymmetric squared error of the pupil's actions; its minimum is an expectile of the expert's actions.

    Where the expert orders nothing, every action that is small enough to order nothing is right. Source of expectiles:
    W. Newey and J. Powell (1987), Econometrica 55.

    Args:
        actions: of the pupil, (decisions, supply links).
        lessons: the same decisions.
        bound: largest absolute value of an action.
        caution: weight of an order too small against one too large, between 0 and 1.
    """
    short = (lessons.expert_orders - lessons.net_requirements).clamp(-bound, bound) - actions
    short = torch.where(lessons.expert_orders > 0, short, short.clamp(max=0.0))
    weights = torch.where(short > 0, caution, 1.0 - caution) * lessons.playable
    return (weights * short**2).sum() / lessons.playable.sum().clamp(min=1.0)
