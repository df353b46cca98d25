"""Where a control group can be made: in the hierarchies of version 1 and version 2, as this process finds them.

Nothing is made in a group that belongs to somebody else. In version 1 that is every group below the top of what this
process sees, unless it belongs to this ordinary user. In version 2 a group can bound its children in what is named in
its file ``cgroup.subtree_control``; the nearest such group above this process is used. See cgroups(7).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

Controller = Literal["cpu", "memory", "pids"]
"""Controllers of the kernel that bound what a family uses: processor time, memory, number of processes and threads."""

CONTROLLERS: Final[tuple[Controller, ...]] = get_args(Controller)


class GroupPlace(NamedTuple):
    """A group in which groups can be made.

    Attributes:
        folder: its folder.
        version: version of its hierarchy, 1 or 2.
        controllers: what can be bounded in groups made there.
    """

    folder: Path
    version: int
    controllers: frozenset[Controller]


def lines_of(name: str) -> list[str]:
    """Return the lines of a file about this process in /proc; none where the system has no such file."""
    try:
        return Path("/proc/self", name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def find_group_places(mounts: Iterable[str], groups: Iterable[str]) -> Iterator[GroupPlace]:
    """Find where a group can be made.

    Args:
        mounts: lines of this process's ``mountinfo``.
        groups: lines of its ``cgroup``: number, controllers (none in version 2) and group of each hierarchy.
    """
    own = _own_groups(groups)
    for mount in _mounts(mounts):
        if mount.kind == "cgroup2" and "" in own:
            yield from _bounding(mount.folder, mount.place_of(own[""]))
        elif mount.kind == "cgroup":
            for controller in CONTROLLERS:
                if controller in own and controller in mount.options:
                    place = mount.place_of(own[controller])
                    if own[controller] == mount.root or _belongs_to_this_user(place):
                        yield GroupPlace(place, 1, frozenset({controller}))


def find_own_group(mounts: Iterable[str], groups: Iterable[str]) -> tuple[Path, Path] | None:
    """Return the mount of version 2 and the folder of this process's group in it; None where there is none."""
    own = _own_groups(groups)
    for mount in _mounts(mounts):
        if mount.kind == "cgroup2" and "" in own:
            return mount.folder, mount.place_of(own[""])
    return None


class _Mount(NamedTuple):
    kind: str
    root: str
    folder: Path
    options: frozenset[str]

    def place_of(self, group: str) -> Path:
        """Return the folder of a group; the top of the mount if the group is outside of what is mounted."""
        below = Path(group)
        return self.folder / below.relative_to(self.root) if below.is_relative_to(self.root) else self.folder


def _mounts(lines: Iterable[str]) -> Iterator[_Mount]:
    for line in lines:
        front, _, back = line.partition(" - ")
        root, mount = front.split(" ")[3:5]
        kind, _, options = back.split(" ", 2)
        yield _Mount(kind, root, Path(mount), frozenset(options.split(" ")[-1].split(",")))


def _own_groups(lines: Iterable[str]) -> dict[str, str]:
    own: dict[str, str] = {}
    for line in lines:
        _, controllers, group = line.split(":", 2)
        own |= dict.fromkeys(controllers.split(","), group)
    return own


def _belongs_to_this_user(folder: Path) -> bool:
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    try:
        return user != 0 and folder.stat().st_uid == user
    except OSError:
        return False


def _bounding(mount: Path, folder: Path) -> Iterator[GroupPlace]:
    """Find the nearest group above this process's own, itself included, whose children can be bounded (version 2)."""
    while folder.is_relative_to(mount):
        with contextlib.suppress(OSError):
            enabled = (folder / "cgroup.subtree_control").read_text(encoding="ascii").split()
            if controllers := frozenset(one for one in CONTROLLERS if one in enabled):
                yield GroupPlace(folder, 2, controllers)
                return
        folder = folder.parent
