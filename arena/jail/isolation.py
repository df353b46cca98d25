"""Isolation levels: their names, and which is the stronger."""

from __future__ import annotations

from typing import Final, Literal, get_args

Isolation = Literal["trusted", "process", "strict", "sandbox"]
"""Isolation levels, weakest first. Recorded in every result, never degraded silently."""

ISOLATION_ORDER: Final[tuple[Isolation, ...]] = get_args(Isolation)
"""Isolation levels, weakest first."""

LOCKED_ISOLATION: Final = frozenset({"strict", "sandbox"})
"""Levels at which a controller is locked in: what it learnt in an episode binds it when the episode is played again."""

PROGRAMS_ISOLATION: Final = "sandbox"
"""The level that can contain the programs that a jailed process starts."""


def strength(isolation: Isolation) -> int:
    """Return a level's place among `ISOLATION_ORDER`: the stronger, the higher."""
    return ISOLATION_ORDER.index(isolation)
