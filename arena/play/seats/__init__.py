"""Hosts: where a controller runs while the arena plays against it, one class for each isolation level.

========== ===========================================================================================
trusted    In this process; nothing is in between.
process    A child and its limits.
strict     The same child, without files, network, other processes and most of the kernel (Linux).
sandbox    The same again, in a world of its own made by bubblewrap (Linux).
========== ===========================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.errors import ArenaError, unknown_name
from arena.jail.isolation import ISOLATION_ORDER, Isolation
from arena.jail.kernel import conceal_memory
from arena.jail.levels import find_missing_part
from arena.jail.limits import Limits
from arena.jail.promises import find_broken_promise
from arena.play.seats.base import Host, InfrastructureFailure, Seat

if TYPE_CHECKING:
    from arena.jail.own_copy import Kept
    from arena.play.seats.process import ProcessHost
    from arena.play.seats.trusted import TrustedHost

__all__ = [
    "Host",
    "InfrastructureFailure",
    "Isolation",
    "Seat",
    "available",
    "conceal_memory",
    "make_host",
    "refusal_of",
    "require_level",
    "strongest",
]

_TRIALS = 2


def available() -> tuple[Isolation, ...]:
    """Isolation levels that work on this machine, weakest first.

    Each is tried: a process is made at that level, and does what it must not be able to do. A level of which a promise
    is kept by nobody here (see `arena.jail.promises`) does not work. Asking again costs nothing.
    """
    return tuple(level for level in ISOLATION_ORDER if not refusal_of(level))


def strongest() -> Isolation:
    """The strongest isolation level that works on this machine; weaker ones are not even tried."""
    return next(level for level in reversed(ISOLATION_ORDER) if not refusal_of(level))


def require_level(isolation: str) -> Isolation:
    """Make sure that an isolation level works on this machine. It is never replaced by a weaker one.

    Raises:
        UnknownName: There is no such level.
        ArenaError: It does not work; with the reason and the way to get it.
    """
    level = _named(isolation)
    if reason := refusal_of(level):
        raise ArenaError(
            f'isolation level "{level}" does not work here: {reason}; the strongest that works is "{strongest()}"'
        )
    return level


def make_host(isolation: str, limits: Limits | None = None, kept: Kept | None = None) -> Host:
    """Make a host; close it when done.

    Args:
        isolation: A level that works on this machine.
        limits: Deadlines and caps; the defaults when None.
        kept: What is kept in memory of the files that seats read, for all hosts of an evaluation; None if nothing is.

    Raises:
        UnknownName: There is no such level.
        ArenaError: The level does not work on this machine. It is never replaced by a weaker one.
    """
    level = _named(isolation)
    limits = limits or Limits()
    if level in _tried:
        return _make(require_level(level), limits, kept)
    host = _try(level, limits, kept)
    # The failure itself is told by `require_level`, in the same words as ever after.
    return _make(require_level(level), limits, kept) if host is None else host


def _named(isolation: str) -> Isolation:
    for level in ISOLATION_ORDER:
        if level == isolation:
            return level
    raise unknown_name("isolation level", isolation, ISOLATION_ORDER)


_tried: dict[Isolation, str] = {}
"""Levels that this process has tried, and why they do not work; empty if they do."""


def refusal_of(level: Isolation) -> str:
    """Return why a level does not work here, and how to change that; empty if it works."""
    if level not in _tried and (host := _try(level, Limits())) is not None:
        host.close()
    return _tried[level]


def _try(level: Isolation, limits: Limits, kept: Kept | None = None) -> Host | None:
    """Try a level and remember what came of it.

    Returns:
        A host of the level, which has just made its first process; None if the level does not work.
    """
    host = None
    reason = find_missing_part(level)
    # Once more, since a process that was killed meanwhile says nothing about the level.
    for _ in range(0 if reason else _TRIALS):
        host = _make(level, limits, kept)
        try:
            host.prove()
        except InfrastructureFailure as failure:
            host.close()
            host, reason = None, str(failure)
        else:
            reason = find_broken_promise(level)
            break
    if reason and host is not None:
        host.close()
        host = None
    _tried[level] = reason
    return host


def _make(level: Isolation, limits: Limits, kept: Kept | None = None) -> TrustedHost | ProcessHost:
    # Imported here: a trusted match needs none of the machinery of processes.
    if level == "trusted":
        from arena.play.seats.trusted import TrustedHost

        return TrustedHost()
    from arena.jail.bubblewrap import find_bubblewrap
    from arena.play.seats.process import ProcessHost

    return ProcessHost(limits, level, find_bubblewrap(), kept)
