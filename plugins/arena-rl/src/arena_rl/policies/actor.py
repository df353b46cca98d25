"""Actors: policies for one network that are trained by their rewards.

An action is one number per supply link. Of the residual actor, order = newsvendor × (1 + action); of all others,
order = max(net requirement + m·action, 0), where m is the mean demand to come: an action of 0 orders the net
requirement, without safety stock (`arena_rl.inputs.ordering_rules`). A blind actor is an informed one with a forecast
of its own. The normalisation that the training measured is part of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from arena import Network
from arena_rl.inputs.actor_features import ActorFeatures
from arena_rl.inputs.echelon_positions import SupplyStructure
from arena_rl.inputs.observations import BatchBriefing, BatchObservation
from arena_rl.policies.actor_networks import (
    ActorShape,
    GnnShape,
    MlpShape,
    ResidualShape,
    TransformerShape,
    make_body,
)
from arena_rl.policies.forecaster import Forecaster

CLIP: Final = 10.0
"""Normalised features are clipped at plus and minus this."""
_LARGEST_ACTION = 3.0  # in periods of mean demand, on top of the net requirement
_MEMORY = 30  # periods that the forecaster reads and forecasts
_FORECASTER_WIDTH = 64
_TYPICAL_DEMAND = 20.0  # units per period
_RESIDUAL_COST = 0.001  # money per squared action, as published


class Actor(nn.Module):
    """Network from normalised features, (episodes, features), to raw actions, (episodes, supply links)."""

    def __init__(self, shape: ActorShape, features: ActorFeatures) -> None:
        super().__init__()
        self.body, width = make_body(shape, features)
        self.per_link = isinstance(shape, ResidualShape)
        self.out = nn.Linear(width, 1 if self.per_link else features.structure.compiled.links)
        nn.init.orthogonal_(self.out.weight, 0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Raw actions."""
        actions: Tensor = self.out(self.body(inputs))
        return actions.squeeze(2) if self.per_link else actions


class ActorPolicy(nn.Module):
    """Policy that plays the mean action of an actor.

    Args:
        shape: kind and size.
        network: the network that the policy is made for.
        structure: of that network.
    """

    def __init__(self, shape: ActorShape, network: Network, structure: SupplyStructure) -> None:
        super().__init__()
        self.shape = shape
        self.network = network
        self.forecasts: list[Tensor] = []
        """See `arena_rl.episodes.batches.Policy`; always empty."""
        self.features = ActorFeatures(structure, informed=shape.informed)
        self.forecaster = None if shape.informed else Forecaster(_MEMORY, _FORECASTER_WIDTH, _TYPICAL_DEMAND)
        """Fitted before the training begins, see `arena_rl.learners.forecaster_fit`."""
        self.actor = Actor(shape, self.features)
        self.input_size = shape.frames * self._frame_size
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(self.input_size))
        self.register_buffer("deviation", torch.ones(self.input_size))
        self._frames: list[Frames] = []

    @property
    def bound(self) -> float:
        """Largest absolute value of an action."""
        return self.shape.bound if isinstance(self.shape, ResidualShape) else _LARGEST_ACTION

    @property
    def _frame_size(self) -> int:
        compiled = self.features.structure.compiled
        if isinstance(self.shape, ResidualShape):
            return compiled.links * self.features.link_row_size
        if isinstance(self.shape, GnnShape | TransformerShape):
            return len(compiled.stock_points) * self.features.token_size
        return self.features.network_vector_size

    def with_forecast(self, briefing: BatchBriefing, observation: BatchObservation) -> BatchObservation:
        """Add a forecast to an observation: on the blind track the policy's own."""
        if self.forecaster is None:
            return observation
        return replace(observation, forecast=self.forecaster.forecast(observation, briefing.horizon).to_end)

    def frame(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Features of one period, not normalised.

        Args:
            briefing: of the batch.
            observation: with a forecast, see `with_forecast`.

        Returns:
            One row per episode, (episodes, frame size).
        """
        if isinstance(self.shape, ResidualShape):
            return self.features.link_rows(briefing, observation)
        if isinstance(self.shape, GnnShape | TransformerShape):
            return self.features.stock_point_tokens(briefing, observation)
        return self.features.network_vector(briefing, observation)

    def actions(self, inputs: Tensor) -> Tensor:
        """Actions for some features.

        Args:
            inputs: as many frames as the shape says, not normalised, (episodes, input_size).

        Returns:
            Actions, (episodes, supply links).
        """
        raw: Tensor = self.actor(((inputs - self.mean) / self.deviation).clamp(-CLIP, CLIP))
        if isinstance(self.shape, MlpShape) and self.shape.squashed:
            return self.bound * torch.tanh(raw)
        return raw.clamp(-self.bound, self.bound)

    def orders(self, briefing: BatchBriefing, observation: BatchObservation, actions: Tensor) -> Tensor:
        """Convert actions to orders.

        Args:
            briefing: of the batch.
            observation: with a forecast, see `with_forecast`.
            actions: (episodes, supply links).

        Returns:
            Orders before clipping, units, (episodes, supply links).
        """
        if isinstance(self.shape, ResidualShape):
            return self.features.newsvendor.orders(briefing, observation) * (1 + actions)
        scale = self.features.demand_scale(observation, briefing.horizon)
        return (self.features.net_requirements(briefing, observation) + scale * actions).clamp(min=0.0)

    def action_cost(self, actions: Tensor) -> Tensor:
        """Cost of actions that training subtracts from the reward of a period, money, (episodes,)."""
        if isinstance(self.shape, ResidualShape):
            return _RESIDUAL_COST * (actions**2).sum(1)
        return torch.zeros(len(actions))

    def forward(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Orders of one batch before clipping, units, (episodes, links); to be called period by period."""
        return self.order_batches([briefing], [observation])[0]

    def order_batches(
        self, briefings: Sequence[BatchBriefing], observations: Sequence[BatchObservation]
    ) -> list[Tensor]:
        """Orders of several batches of the policy's network; to be called period by period.

        With more than one frame the policy remembers earlier observations of a batch, by its place in the sequence;
        period 0 clears the memory.

        Returns:
            Orders before clipping per batch, units, (episodes, links) each.
        """
        if observations[0].period == 0 or len(self._frames) != len(observations):
            self._frames = [Frames(self.shape.frames) for _ in observations]
        orders = []
        for frames, briefing, seen in zip(self._frames, briefings, observations, strict=True):
            observation = self.with_forecast(briefing, seen)
            inputs = frames.with_latest(self.frame(briefing, observation))
            orders.append(self.orders(briefing, observation, self.actions(inputs)))
        return orders


class Frames:
    """Latest frames of a batch, newest first; until there are enough, the first stands for those before it.

    Args:
        count: number of frames.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[Tensor] = []

    def with_latest(self, frame: Tensor) -> Tensor:
        """Add a frame, and return all, (episodes, count × frame size)."""
        self._kept = [frame, *(self._kept or [frame] * self._count)][: self._count]
        return torch.cat(self._kept, dim=1)
