"""Numbers of processes in a sandbox: every controller's process has the same, whatever came before it.

The kernel gives them in turn, so a controller that starts threads would leave a larger number to the next one. In a
world of its own the warden may say where to go on: Linux lets the owner of a world restore processes with the numbers
that they had. It needs one capability over that world for it, which the zygote and the seats do not have.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LAST_NUMBER: Final = "/proc/sys/kernel/ns_last_pid"
"""What was given last. It means the world of the process that writes it, wherever the file was mounted."""
WORLDS: Final = "/proc/sys/user/max_user_namespaces"
"""How many worlds may be made inside this one."""

RESTORE: Final = 40
"""CAP_CHECKPOINT_RESTORE, by which numbers are given anew."""

_FIRST, _APART = 1000, 200
"""The number of the first seat, and what lies between those of seats that live at the same time."""


def can_be_given() -> bool:
    """Whether a sandbox that is made by this process can give numbers anew."""
    return os.access(LAST_NUMBER, os.W_OK)


def forbid_worlds() -> None:
    """Let nobody make a world inside this one.

    Raises:
        OSError: The kernel refused.
    """
    Path(WORLDS).write_text("0", encoding="ascii")


class Numbers:
    """Gives the processes of seats their numbers, if it can."""

    def __init__(self) -> None:
        self._descriptor = os.open(LAST_NUMBER, os.O_WRONLY | os.O_CLOEXEC)
        self._taken: dict[int, int] = {}

    def prepare(self) -> None:
        """Say which number the next process has. Between this and its fork nobody else should fork."""
        os.pwrite(self._descriptor, str(_FIRST + _APART * self._lowest() - 1).encode(), 0)

    def take(self, seat: int) -> None:
        """Note that a seat has its number now."""
        self._taken[seat] = self._lowest()

    def free(self, seat: int) -> None:
        """Note that it has ended."""
        self._taken.pop(seat, None)

    def close(self) -> None:
        """Forget how it is done, in a process that must not know."""
        os.close(self._descriptor)

    def _lowest(self) -> int:
        taken = set(self._taken.values())
        return next(place for place in range(len(taken) + 1) if place not in taken)
