"""The keeper of an evaluation: what its controllers read is in memory before the first of them plays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from arena.jail.isolation import Isolation

if TYPE_CHECKING:
    from arena.jail.own_copy import Keeper

LOCKED: Final = ("strict", "sandbox")
"""Levels at which a controller reads files that another one could only have read."""


@contextlib.contextmanager
def keeper_for(level: Isolation) -> Iterator[Keeper | None]:
    """Have a keeper of all that controllers read at a level, for as long as the block lasts.

    Raises:
        InfrastructureFailure: It does not start.
    """
    if level not in LOCKED:
        yield None
        return
    from arena.jail.bubblewrap import find_bubblewrap
    from arena.jail.own_copy import Keeper
    from arena.play.seats.process import controller_places

    with contextlib.closing(Keeper(controller_places(), find_bubblewrap() if level == "sandbox" else None)) as keeper:
        yield keeper
