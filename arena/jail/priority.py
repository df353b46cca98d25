"""Priority of a controller that computes with many threads at once: all its threads together weigh as much as one.

The kernel shares a busy core among threads, so a controller with 58 of them would leave a rival one part in 59. A
control group (`arena.jail.cgroup`) prevents that where one can be made, and so do the kernel's automatic groups of
sessions outside of containers. Lowering the priority of another process of the same user works everywhere. No seat can
raise its own again, and the threads that it starts later inherit it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from arena.jail import watch

MOST_AT_FULL_PRIORITY: Final = 2
"""Threads that may compute at once before their priority is lowered; the clock allows three times the CPU time."""

_STEP: Final = 1.25
"""Ratio of the kernel's weights of two neighbouring nice values; see sched(7)."""
_LOWEST: Final = 19
_ROUNDS: Final = 5
"""A thread whose priority is not lowered yet can start another meanwhile, so the threads are listed again."""


def keep_fair(processes: Iterable[int]) -> int:
    """Lower the priority of a controller if more of its threads compute at this moment than may at full priority.

    Args:
        processes: processes of the controller; those that they started are found.

    Returns:
        The nice value that its threads have at least now; 0 if nothing was done.
    """
    family = watch.family(processes)
    if sum(len(watch.threads(process)) for process in family) <= MOST_AT_FULL_PRIORITY:
        return 0
    computing = sum(_computes(thread) for process in family for thread in watch.threads(process))
    if computing <= MOST_AT_FULL_PRIORITY:
        return 0
    nice = nice_for(computing)
    lowered: set[int] = set()
    for _ in range(_ROUNDS):
        threads = {int(thread.name) for process in family for thread in watch.threads(process)} - lowered
        if not threads:
            break
        for thread in threads:
            # One that has ended meanwhile, and one whose priority is lower already.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.setpriority(os.PRIO_PROCESS, thread, nice)
        lowered |= threads
    return nice


def nice_for(threads: int) -> int:
    """Return the smallest nice value at which so many threads weigh no more than one of nice value 0, 19 at most."""
    return min(_LOWEST, math.ceil(math.log(threads, _STEP)))


def _computes(thread: Path) -> bool:
    """Whether a thread has a processor, or waits for one."""
    try:
        # The name, in parentheses, may be anything.
        return (thread / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):
        return False
