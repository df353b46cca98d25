"""A trained policy as a controller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arena import Briefing, ControllerReport, InformedObservation, Observation
from arena_rl.config import LearnedConfig
from arena_rl.inputs.observations import (
    BatchBriefing,
    BatchObservation,
    DemandHistory,
    batch_briefing,
)
from arena_rl.policies.policy_files import SHIPPED, UnfitPolicyError, shipped_policy


class ChosenPolicy(NamedTuple):
    """Policy that plays an episode.

    Attributes:
        policy: gives the orders.
        is_substitute: whether it plays in place of the policy that was asked for.
    """

    policy: torch.nn.Module
    is_substitute: bool = False


ChoosePolicy = Callable[[BatchBriefing], ChosenPolicy]
"""Chooses the policy for an episode; raises `ValueError` if there is none for its network or track."""


def shipped_policies(config: LearnedConfig, folder: Path = SHIPPED) -> ChoosePolicy:
    """Make the choice between the policies of a configuration.

    Args:
        config: names the policies.
        folder: where a package has the first; the substitute is always one of this package.
    """

    def choose(briefing: BatchBriefing) -> ChosenPolicy:
        try:
            return ChosenPolicy(shipped_policy(config.policy, briefing, folder))
        except UnfitPolicyError:
            if config.otherwise is None:
                raise
        return ChosenPolicy(shipped_policy(config.otherwise, briefing), is_substitute=True)

    return choose


class LearnedController:
    """Plays a trained policy, deterministically, on one thread.

    Args:
        choose_policy: chooses the policy for an episode.
    """

    def __init__(self, choose_policy: ChoosePolicy) -> None:
        self._choose_policy = choose_policy

    def begin(self, briefing: Briefing) -> None:
        """Choose the policy for the network.

        Raises:
            ValueError: If there is none; the message says which networks and track it can play.
        """
        torch.set_num_threads(1)
        self._briefing = batch_briefing(briefing)
        self._chosen = self._choose_policy(self._briefing)
        self._decisions = 0
        self._history = DemandHistory(1, self._briefing.compiled.markets)

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Orders of the policy.

        Args:
            observation: of the blind or informed track.

        Returns:
            Units per supply link, (links,).
        """
        if observation.period > 0:
            self._history.append(
                _as_batch(observation.last_demand), torch.tensor([observation.sentiment], dtype=torch.float32)
            )
        with torch.inference_mode():
            orders = self._chosen.policy(self._briefing, self._batch_observation(observation))
            orders = self._briefing.playable(orders, observation.period)
        self._decisions += 1
        return np.asarray(orders[0].double().numpy())

    def report(self) -> ControllerReport:
        """Report the decisions of a substitute as fallbacks."""
        return ControllerReport(fallbacks=self._decisions if self._chosen.is_substitute else 0)

    def _batch_observation(self, observation: Observation) -> BatchObservation:
        stock = np.concatenate((observation.on_hand, observation.component_stock))
        forecast = None
        if self._briefing.informed and isinstance(observation, InformedObservation):
            forecast = _as_batch(observation.forecast)
            forecast[:, :, self._briefing.horizon - observation.period :] = 0.0
        return BatchObservation(
            period=observation.period,
            on_hand=_as_batch(stock[list(self._briefing.compiled.network.stock_places)]),
            pipeline=_as_batch(observation.pipeline),
            unfilled=_as_batch(observation.last_unfilled),
            owed=_as_batch(observation.owed),
            sentiment=torch.tensor([observation.sentiment], dtype=torch.float32),
            past_demand=self._history.demand,
            past_sentiment=self._history.sentiment,
            forecast=forecast,
        )


def _as_batch(array: NDArray[np.float64]) -> Tensor:
    """Convert an array of one episode to a batch of one, in single precision."""
    return torch.from_numpy(np.array(array, dtype=np.float32)[None])
