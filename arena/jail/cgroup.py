"""A control group for a zygote and its seats, where one can be made: usually by root alone.

It bounds together what limits of single processes do not: how many processes there are, root's included, and the memory
of a whole family and of what it wrote to a file system in memory. Version 2 and the separate hierarchies of version 1
are both used as they are found. A group of version 1 into which somebody else has put this process is theirs: nothing
is made in there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self

_LIMITS: Final = {"pids": ("pids.max", "pids.max"), "memory": ("memory.max", "memory.limit_in_bytes")}
"""Files of the limits, in version 2 and in version 1."""

_REMOVALS = 20
_REMOVAL_SECONDS = 0.05
_PREFIX = "arena-"


class ControlGroup:
    """A control group in each hierarchy that allowed it.

    Args:
        folders: Its folders, which exist.
        bounded: What is bounded in them: `pids`, `memory`.
    """

    def __init__(self, folders: Iterable[Path], bounded: Iterable[str] = ()) -> None:
        self.folders = tuple(folders)
        self.bounded = frozenset(bounded)

    @classmethod
    def make(cls, *, processes: int, memory: int) -> Self:
        """Make one as far as the system lets this user.

        Args:
            processes: Most processes and threads.
            memory: Most memory, bytes.
        """
        limits = {"pids": processes, "memory": memory}
        made: list[Path] = []
        bounded: list[str] = []
        for parent, version, controllers in _places(_lines("mountinfo"), _lines("cgroup")):
            wanted = controllers & limits.keys()
            if not wanted:
                continue
            _remove_abandoned(parent)
            folder = parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
            with contextlib.suppress(OSError):
                folder.mkdir()
                made.append(folder)
                for controller in wanted:
                    limit = str(limits.pop(controller))
                    (folder / _LIMITS[controller][version - 1]).write_text(limit, encoding="ascii")
                    bounded.append(controller)
        return cls(made, bounded)

    def add(self, process: int) -> None:
        """Move a process into the group, as far as that is allowed; what it starts later is born there."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                (folder / "cgroup.procs").write_text(str(process), encoding="ascii")

    def remove(self) -> None:
        """Remove the group, once its processes are gone."""
        for folder in self.folders:
            for _ in range(_REMOVALS):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    # The kernel takes a moment to forget the last process.
                    time.sleep(_REMOVAL_SECONDS)
                else:
                    break
        self.folders = ()


def _lines(name: str) -> list[str]:
    try:
        return Path("/proc/self", name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _places(mounts: Iterable[str], groups: Iterable[str]) -> Iterator[tuple[Path, int, set[str]]]:
    """Where a group can be made: the folder, the version of the hierarchy, and what can be bounded there.

    Args:
        mounts: Lines of this process's ``mountinfo``.
        groups: Lines of its ``cgroup``: number, controllers and group of each hierarchy. Version 2 has no controllers.
    """
    own: dict[str, str] = {}
    for line in groups:
        _, controllers, group = line.split(":", 2)
        own |= dict.fromkeys(controllers.split(","), group)
    for line in mounts:
        front, _, back = line.partition(" - ")
        root, mount = front.split(" ")[3:5]
        kind, _, options = back.split(" ", 2)
        if kind == "cgroup2" and "" in own:
            below = Path(own[""])
            yield from _delegating(Path(mount), below.relative_to(root) if below.is_relative_to(root) else Path())
        elif kind == "cgroup":
            for controller in _LIMITS.keys() & own.keys() & set(options.split(" ")[-1].split(",")):
                if own[controller] == root:
                    yield Path(mount), 1, {controller}


def _delegating(mount: Path, group: Path) -> Iterator[tuple[Path, int, set[str]]]:
    """The nearest group above this process's own, itself included, whose children can be bounded (version 2)."""
    folder = mount / group
    while folder.is_relative_to(mount):
        with contextlib.suppress(OSError):
            enabled = (folder / "cgroup.subtree_control").read_text(encoding="ascii").split()
            if controllers := _LIMITS.keys() & set(enabled):
                yield folder, 2, controllers
                return
        folder = folder.parent


def _remove_abandoned(parent: Path) -> None:
    """Remove the groups of arenas that were killed. One that has a process cannot be removed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            owner = int(folder.name.split("-")[1])
            if not Path(f"/proc/{owner}").exists():
                folder.rmdir()
