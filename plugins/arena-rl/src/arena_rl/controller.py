"""A trained policy as a controller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from arena import Briefing, ControllerReport, InformedObservation, Observation
from arena_rl.config import LearnedConfig
from arena_rl.inputs.observations import Setting, Situation, point_places, setting_of
from arena_rl.policies.policy_files import SHIPPED, UnfitPolicyError, shipped_policy

PolicyFor = Callable[[Setting], tuple[torch.nn.Module, bool]]
"""Gives the policy for an episode, and whether it only stands in for the one that was asked for. Raises `ValueError`
where there is none for this network or track."""


def shipped_policies(config: LearnedConfig, folder: Path = SHIPPED) -> PolicyFor:
    """The policies of a configuration.

    Args:
        config: names them.
        folder: where a package has the first; the one that stands in is always one of this package.
    """

    def policy_for(setting: Setting) -> tuple[torch.nn.Module, bool]:
        try:
            return shipped_policy(config.policy, setting, folder), False
        except UnfitPolicyError:
            if config.otherwise is None:
                raise
        return shipped_policy(config.otherwise, setting), True

    return policy_for


class LearnedController:
    """Plays a trained policy, deterministically, on one thread.

    Args:
        policy_for: gives the policy for an episode.
    """

    def __init__(self, policy_for: PolicyFor) -> None:
        self._policy_for = policy_for

    def begin(self, briefing: Briefing) -> None:
        """Find the policy for the network.

        Raises:
            ValueError: Where there is none; the message says what it can play.
        """
        torch.set_num_threads(1)
        self._setting = setting_of(briefing)
        self._policy, self._stands_in = self._policy_for(self._setting)
        self._decisions = 0
        self._points = point_places(self._setting.compiled)
        markets = self._setting.compiled.markets
        self._demand = torch.zeros((1, markets, 0))
        self._moods = torch.zeros((1, 0))

    def order(self, observation: Observation) -> np.ndarray:
        """Ask the policy.

        Args:
            observation: of the blind or informed track.

        Returns:
            Units per supply link, (links,).
        """
        if observation.period > 0:
            latest = _tensor(observation.last_demand)[:, :, None]
            self._demand = torch.cat((self._demand, latest), dim=2)
            self._moods = torch.cat((self._moods, torch.tensor([[observation.sentiment]])), dim=1)
        with torch.inference_mode():
            orders = self._policy(self._setting, self._situation(observation))
            orders = self._setting.playable(orders, observation.period)
        self._decisions += 1
        return orders[0].double().numpy()

    def report(self) -> ControllerReport:
        """Say how many decisions another policy made than the one that was asked for."""
        return ControllerReport(fallbacks=self._decisions if self._stands_in else 0)

    def _situation(self, observation: Observation) -> Situation:
        stock = np.concatenate((observation.on_hand, observation.component_stock))[self._points]
        forecast = None
        if self._setting.informed and isinstance(observation, InformedObservation):
            forecast = _tensor(observation.forecast)
            forecast[:, :, self._setting.horizon - observation.period :] = 0.0
        return Situation(
            period=observation.period,
            on_hand=_tensor(stock),
            pipeline=_tensor(observation.pipeline),
            unfilled=_tensor(observation.last_unfilled),
            owed=_tensor(observation.owed),
            sentiment=torch.tensor([observation.sentiment], dtype=torch.float32),
            demand=self._demand,
            moods=self._moods,
            forecast=forecast,
        )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32)[None])
