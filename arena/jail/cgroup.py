"""A control group for a zygote and its seats, wherever the system lets this user make one.

It bounds together what limits of single processes do not: the number of processes, root's included, the memory of a
whole family and of its files in memory, and the processor time that all its threads take from others. Where a group
can be made is the subject of `arena.jail.group_places`.

**Processor.** A family may use one core's worth of time, on whichever cores. That costs no controller an episode: the
seats of a family are asked one after the other, limits on CPU time are summed over all threads, and the clock allows
`wall_time_factor`, at least 1, times as much. On one core a controller uses its CPU time up before the clock runs out,
with many threads as with one. The group also counts as one process among others, however many threads are in it, so a
family gets no more than its share of a busy core.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from arena.jail import delegation
from arena.jail.group_places import CONTROLLERS, Controller, GroupPlace, find_group_places, lines_of

_PERIOD: Final = 100_000
"""Microseconds over which processor time is counted: the kernel's own default."""
_CORES: Final = 1.05
"""Cores' worth of time for a family: one for the seat that is asked, and a little for the warden beside it."""

_REMOVALS = 20
_REMOVAL_SECONDS = 0.05
_PREFIX = "arena-"


def limit_files(controller: Controller, version: int, limits: Mapping[Controller, float]) -> dict[str, str]:
    """Return the files that set a limit of a group, with their contents, in the order in which they are written.

    Args:
        controller: what is bounded.
        version: version of the hierarchy, 1 or 2.
        limits: `pids` in processes and threads, `memory` in bytes, `cpu` in cores.
    """
    limit = limits[controller]
    if controller == "pids":
        return {"pids.max": str(int(limit))}
    if controller == "memory":
        return {"memory.max" if version == 2 else "memory.limit_in_bytes": str(int(limit))}
    quota = int(limit * _PERIOD)
    if version == 2:
        return {"cpu.max": f"{quota} {_PERIOD}"}
    return {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(quota)}


class ControlGroup:
    """A control group in each hierarchy that allowed it.

    Args:
        folders: Its folders, which exist.
        bounded: What is bounded in them: `pids`, `memory`, `cpu`.
    """

    def __init__(self, folders: Iterable[Path], bounded: Iterable[str] = ()) -> None:
        self.folders = tuple(folders)
        self.bounded = frozenset(bounded)

    @classmethod
    def make(cls, *, processes: int, memory: int, cores: float = _CORES) -> Self:
        """Make one as far as the system lets this user.

        A group of version 2 that was delegated to this user is prepared for it first, see `arena.jail.delegation`.

        Args:
            processes: Most processes and threads.
            memory: Most memory, bytes.
            cores: Most processor time, in cores.
        """
        delegation.prepare()
        limits: dict[Controller, float] = {"pids": processes, "memory": memory, "cpu": cores}
        wanted = set(CONTROLLERS)
        made: list[Path] = []
        bounded: list[str] = []
        for place in find_group_places(lines_of("mountinfo"), lines_of("cgroup")):
            if not wanted & place.controllers:
                continue
            _remove_abandoned(place.folder)
            with contextlib.suppress(OSError):
                made.append(_make_folder(place))
                for controller in sorted(wanted & place.controllers):
                    with contextlib.suppress(OSError):
                        for name, content in limit_files(controller, place.version, limits).items():
                            (made[-1] / name).write_text(content, encoding="ascii")
                        wanted.discard(controller)
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


def _make_folder(place: GroupPlace) -> Path:
    folder = place.folder / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir()
    return folder


def _remove_abandoned(parent: Path) -> None:
    """Remove the groups of arenas that were killed. One that has a process cannot be removed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            owner = int(folder.name.split("-")[1])
            if not Path(f"/proc/{owner}").exists():
                folder.rmdir()
