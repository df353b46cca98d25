"""What a controller is, and how a plugin declares one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel

from arena.contract.tracks import Briefing, Observation, Track


@runtime_checkable
class Controller(Protocol):
    """Decides what to order. An instance lives for one episode (on the decentralised track: for one node of it).

    A controller may also have a method ``close()`` without arguments, called after the last decision.
    """

    def begin(self, briefing: Briefing) -> None:
        """Take note of the episode; called once, before the first decision.

        Args:
            briefing: what the track tells about the episode.
        """

    def order(self, observation: Observation) -> np.ndarray:
        """Decide the orders of one period.

        Args:
            observation: what the track shows before the period.

        Returns:
            Requested units per supply link, shape (supply links,); on the decentralised track per inbound link of the
            node. Finite numbers; what lies outside [0, order bound] is clipped and counted.
        """


@dataclass(frozen=True)
class ControllerSpec:
    """Declaration of a controller by a plugin.

    Attributes:
        name: lower-case name by which manifests refer to it.
        config: frozen pydantic model with ``extra="forbid"``; manifests are validated by it.
        tracks: the tracks it can play.
        factory: makes a controller from a validated config; called once per episode (and per node on the
            decentralised track). Heavy imports belong inside it.
        summary: one sentence for ``arena list``.
        preload: trusted libraries that a host may import before the controller's process starts, such as ``numpy``.
    """

    name: str
    config: type[BaseModel]
    tracks: tuple[Track, ...]
    factory: Callable[[Any], Controller]
    summary: str
    preload: tuple[str, ...] = ()
