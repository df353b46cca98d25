"""Policies that are trained by their rewards, for one network: inputs, running normalisation, actor, orders.

An action is one number per supply link. Of all kinds but the residual, order = max(net requirement + m·action, 0): m is
the mean demand to come, and an action of 0 orders what will be missing, without safety stock
(`arena_rl.inputs.requirements`). Of the residual, order = newsvendor × (1 + action). A blind policy is an informed one
that makes its own forecast. Normalisation of the training is part of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from arena import Network
from arena_rl.inputs.actor_features import ActorInputs
from arena_rl.inputs.echelon_positions import Reach
from arena_rl.inputs.observations import Setting, Situation
from arena_rl.policies.actor_networks import make_body
from arena_rl.policies.actor_shapes import ActorShape, GnnShape, MlpShape, ResidualShape, TransformerShape
from arena_rl.policies.forecaster import Forecaster, coming

CLIP: Final = 10.0
"""Normalised inputs are clipped at plus and minus this."""
_LARGEST = 3.0  # action that orders three times the mean demand more than what will be missing
_MEMORY = 30  # periods that the forecaster remembers and foresees
_FORECASTER_WIDTH = 64
_UNIT = 20.0  # units of demand per period
_RESIDUAL_COST = 0.001  # money per squared δ, as published


class Actor(nn.Module):
    """From normalised inputs, (episodes, inputs), to raw actions, (episodes, supply links)."""

    def __init__(self, shape: ActorShape, inputs: ActorInputs) -> None:
        super().__init__()
        self.body, width = make_body(shape, inputs)
        self.per_link = isinstance(shape, ResidualShape)
        self.out = nn.Linear(width, 1 if self.per_link else inputs.reach.compiled.links)
        nn.init.orthogonal_(self.out.weight, 0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Raw actions."""
        actions: Tensor = self.out(self.body(inputs))
        return actions.squeeze(2) if self.per_link else actions


class ActorPolicy(nn.Module):
    """Plays the mean action.

    Args:
        shape: kind and size.
        network: the network it is made for.
        reach: of that network.
    """

    def __init__(self, shape: ActorShape, network: Network, reach: Reach) -> None:
        super().__init__()
        self.shape = shape
        self.network = network
        self.forecasts: list[Tensor] = []
        """See `arena_rl.episodes.batches.Policy`; always empty."""
        self.reader = ActorInputs(reach, informed=shape.informed)
        self.forecaster = None if shape.informed else Forecaster(_MEMORY, _FORECASTER_WIDTH, _UNIT)
        """Fitted before the training begins, see `arena_rl.learners.forecaster_fit`."""
        self.actor = Actor(shape, self.reader)
        self.input_size = shape.frames * self._frame_size
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(self.input_size))
        self.register_buffer("deviation", torch.ones(self.input_size))
        self._frames: list[Frames] = []

    @property
    def bound(self) -> float:
        """Largest size of an action."""
        return self.shape.bound if isinstance(self.shape, ResidualShape) else _LARGEST

    @property
    def _frame_size(self) -> int:
        compiled = self.reader.reach.compiled
        if isinstance(self.shape, ResidualShape):
            return compiled.links * self.reader.row_size
        if isinstance(self.shape, GnnShape | TransformerShape):
            return len(compiled.stock_points) * self.reader.token_size
        return self.reader.everything_size

    def foreseen(self, setting: Setting, situation: Situation) -> Situation:
        """The same with a forecast: on the blind track the policy's own."""
        if self.forecaster is None:
            return situation
        means = self.forecaster(self.forecaster.remembered(situation.demand, situation.moods, situation.sentiment))
        return replace(situation, forecast=coming(means, situation.sentiment, setting.horizon - situation.period))

    def frame(self, setting: Setting, situation: Situation) -> Tensor:
        """What is read of one period, not normalised, (episodes, frame size); the situation has a forecast."""
        if isinstance(self.shape, ResidualShape):
            return self.reader.link_rows(setting, situation)
        if isinstance(self.shape, GnnShape | TransformerShape):
            return self.reader.tokens(setting, situation)
        return self.reader.everything(setting, situation)

    def actions(self, inputs: Tensor) -> Tensor:
        """Actions, (episodes, supply links).

        Args:
            inputs: of as many frames as the shape says, not normalised, (episodes, input_size).
        """
        raw: Tensor = self.actor(((inputs - self.mean) / self.deviation).clamp(-CLIP, CLIP))
        if isinstance(self.shape, MlpShape) and self.shape.squashed:
            return self.bound * torch.tanh(raw)
        return raw.clamp(-self.bound, self.bound)

    def orders(self, setting: Setting, situation: Situation, actions: Tensor) -> Tensor:
        """Orders that actions stand for, units, (episodes, supply links), not clipped; with a forecast as well."""
        if isinstance(self.shape, ResidualShape):
            return self.reader.newsvendor.orders(setting, situation) * (1 + actions)
        scale = self.reader.scale(situation, setting.horizon)
        return (self.reader.requirements(setting, situation) + scale * actions).clamp(min=0.0)

    def cost(self, actions: Tensor) -> Tensor:
        """What is taken off the reward of a period in training, money, (episodes,)."""
        if isinstance(self.shape, ResidualShape):
            return _RESIDUAL_COST * (actions**2).sum(1)
        return torch.zeros(len(actions))

    def forward(self, setting: Setting, situation: Situation) -> Tensor:
        """Orders of one batch, units, (episodes, links), not clipped; to be called period by period."""
        return self.together([setting], [situation])[0]

    def together(self, settings: Sequence[Setting], situations: Sequence[Situation]) -> list[Tensor]:
        """Orders of several batches of its network, units, (episodes, links) each, not clipped.

        With more than one frame it remembers: batches are known by their place, and forgotten in period 0.
        """
        if situations[0].period == 0 or len(self._frames) != len(situations):
            self._frames = [Frames(self.shape.frames) for _ in situations]
        orders = []
        for frames, setting, situation in zip(self._frames, settings, situations, strict=True):
            seen = self.foreseen(setting, situation)
            inputs = frames.with_latest(self.frame(setting, seen))
            orders.append(self.orders(setting, seen, self.actions(inputs)))
        return orders


class Frames:
    """The latest frames of a batch, newest first; before there are enough, the first stands for those before it.

    Args:
        count: number of frames.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[Tensor] = []

    def with_latest(self, frame: Tensor) -> Tensor:
        """All frames, (episodes, count × frame size), after one more."""
        self._kept = [frame, *(self._kept or [frame] * self._count)][: self._count]
        return torch.cat(self._kept, dim=1)
