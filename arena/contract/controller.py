"""What a controller is, and how a plugin declares one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from arena.contract.messages import Briefing, Observation, Track
from arena.errors import ContractViolation, show_value
from arena.world.parts import Part

Capability = Literal["subprocess", "llm"]
"""What a controller may need beyond computing; a manifest asks for it."""

_COUNTS: Final = {
    "fallbacks": "how many decisions the fallback answered",
    "parse_failures": "how many answers could not be used",
    "repairs": "how many answers were mended",
}

LARGEST_COUNT: Final = 2**31 - 1
"""Largest number of fallbacks that a report can hold; no episode has as many decisions."""


@runtime_checkable
class Controller(Protocol):
    """Decides what to order. An instance lives for one episode (on the decentralised track: for one node of it).

    A controller may also have two methods without arguments, either or both, called once each after the last decision
    and in this order: ``report()``, which returns a `ControllerReport`, and ``close()``. They share the time allowed
    for closing, and one that raises forfeits the episode.

    One whose manifest asks for the capability ``llm`` also has ``use_language_model(model)``, which is given an
    `arena.Llm` once, before ``begin``.
    """

    def begin(self, briefing: Briefing) -> None:
        """Take note of the episode; called once, before the first decision.

        Args:
            briefing: what the track tells about the episode.
        """

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Decide the orders of one period.

        Args:
            observation: what the track shows before the period.

        Returns:
            Requested units per supply link, shape (supply links,); on the decentralised track per inbound link of the
            node. Finite numbers; what lies outside [0, order bound] is clipped and counted.
        """


@dataclass(frozen=True)
class ControllerReport:
    """What a controller says of the episode that it has played: numbers, which stand in the results.

    Integers and floats of numpy are taken and become Python's own; booleans are no numbers here.

    Attributes:
        fallbacks: decisions that were answered by the controller's stated fallback and not by its method, because a
            solve was infeasible, unbounded or out of time, say; from 0 to the number of decisions. Self-reported, and
            no fault: what is hidden would be one.
        profit_bound: certified upper bound of the profit that anyone can make in this episode, money, finite; None
            without one. On the oracle track only: no other knows enough to certify a bound, and one that is given
            there forfeits the episode.
        parse_failures: answers of a language model that the controller could not use: not what it had asked for.
        repairs: of these, how many the model mended when it was told what is wrong.

    Raises:
        ContractViolation: ``bad_dtype`` for what is no integer, or no real number; ``non_finite`` for a bound that is
            NaN or infinite; ``out_of_bounds`` for a negative or impossibly large count.

    >>> ControllerReport(fallbacks=2)
    ControllerReport(fallbacks=2, profit_bound=None, parse_failures=0, repairs=0)
    """

    fallbacks: int = 0
    profit_bound: float | None = None
    parse_failures: int = 0
    repairs: int = 0

    def __post_init__(self) -> None:
        """Check the numbers, and keep them as Python's own types."""
        for name, meaning in _COUNTS.items():
            object.__setattr__(self, name, _count(getattr(self, name), name, meaning))
        if self.profit_bound is not None:
            object.__setattr__(self, "profit_bound", _bound(self.profit_bound))


def _count(value: object, name: str, meaning: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        rule = f"{name} of a report must be an integer: {meaning}"
        raise ContractViolation("bad_dtype", f"{rule}, got {show_value(value)}")
    if not 0 <= value <= LARGEST_COUNT:
        most = "the number of decisions" if name == "fallbacks" else str(LARGEST_COUNT)
        rule = f"{name} of a report must be 0 or more, and at most {most}"
        raise ContractViolation("out_of_bounds", f"{rule}, got {show_value(value)}")
    return int(value)


def _bound(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        rule = "profit_bound of a report must be a real number, or None without a bound"
        raise ContractViolation("bad_dtype", f"{rule}, got {show_value(value)}")
    try:
        bound = float(value)
    except OverflowError:
        bound = math.inf
    if not math.isfinite(bound):
        rule = "profit_bound of a report must be finite, or None without a bound"
        raise ContractViolation("non_finite", f"{rule}, got {show_value(value)}")
    return bound


Config = TypeVar("Config", bound=BaseModel)


@dataclass(frozen=True)
class ControllerSpec(Generic[Config]):
    """Declaration of a controller by a plugin, generic in its configuration.

    A type checker holds the factory to the configuration model that stands beside it, and no cast is needed. Where the
    model does not matter, as in the hook's return type, write ``ControllerSpec[Any]``; a specification that is made in
    such a place itself, and not assigned to a name first, is not compared.

    Attributes:
        name: lower-case name by which manifests refer to it.
        config: frozen pydantic model with ``extra="forbid"``; manifests are validated by it.
        tracks: the tracks it can play.
        factory: makes a controller from a validated config; called once per episode (and per node on the
            decentralised track). Heavy imports belong inside it.
        summary: one sentence for ``arena list``.
        preload: libraries that a host imports once before all episodes, such as ``numpy``: those of
            `arena.contract.preloading.PRELOADABLE`, or modules of theirs.
        capabilities: what it cannot do without; a manifest that names it has to ask for them.
        plays: parts of worlds beyond the first schema that it plays, of `arena.world.parts.PARTS`. On scenarios with
            others it is refused by name. None: it plays whatever it is told of, which its author vouches for.
        independent_only: whether it plays only worlds whose stock points are independent of one another, because it
            plans one after another; see `arena.world.independence`.
    """

    name: str
    config: type[Config]
    tracks: tuple[Track, ...]
    factory: Callable[[Config], Controller]
    summary: str
    preload: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    plays: tuple[Part, ...] | None = None
    independent_only: bool = False
