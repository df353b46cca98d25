"""Hosts: where a controller runs while the arena plays against it, one class for each isolation level."""

from __future__ import annotations

import os
from typing import get_args

from arena.contest.host.base import Host, InfrastructureFailure, Isolation, Seat
from arena.contest.limits import Limits
from arena.errors import ArenaError, unknown_name

__all__ = ["Host", "InfrastructureFailure", "Isolation", "Seat", "available", "make_host"]


def available() -> tuple[Isolation, ...]:
    """Isolation levels that work on this machine, weakest first."""
    if hasattr(os, "fork"):
        return ("trusted", "process")
    return ("trusted",)


def make_host(isolation: str, limits: Limits | None = None) -> Host:
    """Make a host; close it when done.

    Args:
        isolation: One of `available`.
        limits: Deadlines and caps; the defaults when None.

    Raises:
        UnknownName: There is no such level.
        ArenaError: The level does not work on this machine. It is never replaced by a weaker one.
    """
    if isolation not in get_args(Isolation):
        raise unknown_name("isolation level", isolation, get_args(Isolation))
    if isolation not in available():
        raise ArenaError(f'isolation level "{isolation}" does not work on this machine; use {" or ".join(available())}')
    limits = limits or Limits()
    # Imported here: a trusted match needs none of the machinery of processes.
    if isolation == "trusted":
        from arena.contest.host.trusted import TrustedHost

        return TrustedHost()
    from arena.contest.host.process import ProcessHost

    return ProcessHost(limits)
