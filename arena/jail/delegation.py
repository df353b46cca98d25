"""A group of version 2 that was delegated to this user: made ready to have bounded groups in it, and put back.

In version 2 a group either holds processes or bounds its children, never both. So this process, and whatever else is in
its group, moves into a group of its own below, and what the arena can bound is then enabled for the groups beside it.
When the process that did this ends, everything goes back. See "Delegation" and "No Internal Process Constraint" in the
kernel's Documentation/admin-guide/cgroup-v2.rst.

A group counts as delegated if it belongs to this ordinary user, if systemd marked it (``Delegate=yes``), or if it is
the top of a container that may write to its groups. A group with a process that cannot be moved, and the group of an
ordinary session, are left as they are.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from pathlib import Path
from typing import Final

from arena.jail.group_places import CONTROLLERS, find_own_group, lines_of

LEAF: Final = "arena.slice"
"""Name of the group that the processes of a delegated group move into."""

_MARKS: Final = ("user.delegate", "trusted.delegate")
"""Attributes by which systemd marks groups that it delegated."""


def prepare() -> None:
    """Make the group of this process ready, if it was delegated and bounds nothing yet; undone when this process ends.

    Does nothing where that is not possible.
    """
    own = find_own_group(lines_of("mountinfo"), lines_of("cgroup"))
    if own is None or own[1].name == LEAF:
        return
    mount, group = own
    if is_delegated(mount, group) and enable(group):
        atexit.register(_restore_once, group, os.getpid())


def is_delegated(mount: Path, group: Path) -> bool:
    """Return whether a group may be rearranged by this process.

    Args:
        mount: where the hierarchy is mounted.
        group: the folder of this process's group.
    """
    # The top of the whole hierarchy has no type; the top of a container, which is a group of the machine's, has one.
    if not (group / "cgroup.type").exists() or not os.access(group / "cgroup.subtree_control", os.W_OK):
        return False
    if os.geteuid() != 0:
        return group.stat().st_uid == os.geteuid()
    return group == mount or any(_marked(group, mark) for mark in _MARKS)


def _marked(group: Path, mark: str) -> bool:
    try:
        return os.getxattr(group, mark) == b"1"
    except OSError:
        return False


def enable(group: Path) -> bool:
    """Move a group's processes into a group below it, and enable there what can be bounded.

    Returns:
        Whether something was enabled now. If not, everything is as before.
    """
    try:
        offered = _words(group / "cgroup.controllers")
        enabled = _words(group / "cgroup.subtree_control")
        wanted = [one for one in CONTROLLERS if one in offered and one not in enabled]
        if not wanted or enabled.intersection(CONTROLLERS):
            # What somebody enabled already is used as it is.
            return False
        leaf = group / LEAF
        leaf.mkdir(exist_ok=True)
        _move_all(group, leaf)
        _write(group / "cgroup.subtree_control", " ".join(f"+{one}" for one in wanted))
    except OSError:
        restore(group)
        return False
    return True


def restore(group: Path) -> None:
    """Undo `enable`, as far as nobody else uses what it enabled."""
    leaf = group / LEAF
    with contextlib.suppress(OSError):
        enabled = [one for one in CONTROLLERS if one in _words(group / "cgroup.subtree_control")]
        if enabled and not _has_groups_beside(leaf):
            _write(group / "cgroup.subtree_control", " ".join(f"-{one}" for one in enabled))
        _move_all(leaf, group)
    with contextlib.suppress(OSError):
        leaf.rmdir()


def _restore_once(group: Path, process: int) -> None:
    # A fork inherits what was registered; it is the business of the process that enabled it.
    if os.getpid() == process:
        restore(group)


def _has_groups_beside(leaf: Path) -> bool:
    return any(entry.is_dir() and entry != leaf for entry in leaf.parent.iterdir())


def _move_all(source: Path, target: Path) -> None:
    """Move every process; those that are born meanwhile too.

    Raises:
        OSError: one of them cannot be moved.
    """
    moved: set[str] = set()
    while waiting := _words(source / "cgroup.procs") - moved:
        for process in waiting:
            with contextlib.suppress(ProcessLookupError):
                _write(target / "cgroup.procs", process)
        moved |= waiting


def _words(file: Path) -> set[str]:
    return set(file.read_text(encoding="ascii").split())


def _write(file: Path, text: str) -> None:
    # One write, whatever the size: the kernel takes each for a command of its own.
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
