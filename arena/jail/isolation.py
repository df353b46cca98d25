"""Isolation levels: what they are called, which is the stronger, and what each of them stands for in a contest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, get_args

from arena.errors import Fault, InvalidInput

if TYPE_CHECKING:
    from arena.entry.submission import Submission

Isolation = Literal["trusted", "process", "strict", "sandbox"]
"""Isolation levels, weakest first. Recorded in every result, never degraded silently."""

ISOLATION_ORDER: Final[tuple[Isolation, ...]] = get_args(Isolation)
"""Isolation levels, weakest first."""

OFFICIAL_ISOLATION: Final = frozenset({"strict", "sandbox"})
"""Isolation levels whose results are official."""

PROGRAMS_ISOLATION: Final = "sandbox"
"""The level that can contain programs a controller starts, and grants it the capability to."""


def strength(isolation: Isolation) -> int:
    """Return a level's place among `ISOLATION_ORDER`: the stronger, the higher."""
    return ISOLATION_ORDER.index(isolation)


def refuse_ungranted(submissions: Iterable[Submission], isolation: str) -> None:
    """Refuse submissions that ask for a capability which a level does not grant, before anything is played.

    Args:
        submissions: Who wants to play.
        isolation: The level.

    Raises:
        InvalidInput: Naming every such submission.
    """
    if isolation == PROGRAMS_ISOLATION:
        return
    faults = [
        Fault(
            str(submission.path),
            "capabilities",
            "subprocess",
            f'isolation level "{isolation}" does not grant it; only "{PROGRAMS_ISOLATION}" can contain programs',
            f"use a library that solves in its own process, such as HiGHS; or --isolation {PROGRAMS_ISOLATION}",
        )
        for submission in submissions
        if "subprocess" in submission.manifest.capabilities
    ]
    if faults:
        raise InvalidInput(faults)
