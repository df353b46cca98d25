"""What no limit of the kernel holds for every user: how many threads a controller has, and how much it writes.

A limit on processes counts all of a user's, and none of root's; a limit on files counts the bytes of one. So the warden
looks at its seats several times a second, and ends the one that has too much.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from arena.jail.limits import MEBIBYTE, Limits
from arena.jail.trees import measure_tree

MILLISECONDS: Final = 50
"""Time from one look to the next."""

WITHIN_LIMITS: Final = 0
TOO_MANY_TASKS: Final = 1
TOO_MUCH_ON_DISK: Final = 2
TOO_MANY_FILES: Final = 3


def blindness() -> str:
    """Return why this system does not let processes be looked at; empty if it does."""
    own = os.getpid()
    if not threads(own):
        return "the system does not tell the threads of a process"
    if not (Path(f"/proc/{own}/task/{own}/children")).exists():
        return "the kernel does not tell the children of a process (CONFIG_PROC_CHILDREN)"
    return ""


def exceeded(seat: int, orphans: Iterable[int], directory: Path, limits: Limits) -> int:
    """Look at what a controller uses.

    Args:
        seat: Its process.
        orphans: Processes that it or another seat of the same zygote started and left.
        directory: Where it writes.
        limits: What it may use.

    Returns:
        `WITHIN_LIMITS`, or the number of what it exceeds.
    """
    if _count_tasks([seat, *orphans], limits.tasks) > limits.tasks:
        return TOO_MANY_TASKS
    files, size = measure_tree(directory, limits.files)
    if files > limits.files:
        return TOO_MANY_FILES
    # What was deleted while it was open is in no folder any more, but occupies space; it was written all the same.
    return TOO_MUCH_ON_DISK if max(size, _written(seat)) > limits.disk else WITHIN_LIMITS


def describe(number: int, limits: Limits) -> str:
    """What was exceeded, in words; empty for `WITHIN_LIMITS`."""
    words = {
        TOO_MANY_TASKS: f"it had more than {limits.tasks} threads and processes",
        TOO_MUCH_ON_DISK: f"it wrote more than {limits.disk / MEBIBYTE:g} MiB to files",
        TOO_MANY_FILES: f"it made more than {limits.files} files and folders, or some that cannot be looked into",
    }
    return words.get(number, "")


def children(process: int) -> set[int]:
    """Process ids of a process's children; empty where the kernel does not tell."""
    found: set[int] = set()
    for thread in threads(process):
        with contextlib.suppress(OSError):
            found |= {int(word) for word in (thread / "children").read_text(encoding="ascii").split()}
    return found


def family(processes: Iterable[int]) -> set[int]:
    """Process ids of processes and of all that they started, as far as the kernel tells."""
    waiting = set(processes)
    seen: set[int] = set()
    while waiting:
        process = waiting.pop()
        seen.add(process)
        waiting |= children(process) - seen
    return seen


def _count_tasks(processes: Iterable[int], most: int) -> int:
    """Count the threads of processes and of their descendants; beyond a bound it stops."""
    waiting = set(processes)
    seen: set[int] = set()
    tasks = 0
    while waiting and tasks <= most:
        process = waiting.pop()
        seen.add(process)
        tasks += len(threads(process))
        waiting |= children(process) - seen
    return tasks


def threads(process: int) -> list[Path]:
    """Folders in /proc of a process's threads; empty where the kernel does not tell."""
    try:
        return list(Path(f"/proc/{process}/task").iterdir())
    except OSError:
        return []


def _written(process: int) -> int:
    """Bytes that a process has written to disks so far; 0 where the kernel does not tell."""
    try:
        lines = Path(f"/proc/{process}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["write_bytes"])
