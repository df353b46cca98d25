"""The parts that isolation is made of, as they are on this machine: what is there, what is missing, how to get it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from arena.errors import InfrastructureFailure
from arena.jail import landlock, seccomp
from arena.jail.bubblewrap import find_bubblewrap
from arena.jail.cgroup import ControlGroup
from arena.jail.group_places import CONTROLLERS
from arena.jail.kernel import LINUX
from arena.jail.limits import MEBIBYTE, Limits
from arena.jail.own_copy import Keeper, notes_every_reading
from arena.jail.places import find_places
from arena.jail.promises import GET_GROUPS

State = Literal["there", "partly", "missing"]

_SCOPES_SINCE: Final = 6
"""Version of Landlock that keeps signals and abstract sockets inside (Linux 6.12)."""
_TRUNCATION_SINCE: Final = 3
_NEW_USER: Final = 0x1000_0000
"""CLONE_NEWUSER."""


class Part(NamedTuple):
    """One part.

    Attributes:
        name: of the part.
        state: whether it is there.
        found: what was found, in words.
        fix: how to get what is missing; empty if nothing is.
    """

    name: str
    state: State
    found: str
    fix: str = ""


def examine() -> tuple[Part, ...]:
    """Look at every part. Only processes of this one's own are made for it, and end at once."""
    return (
        _system(),
        *((_landlock(), _seccomp(), _users(), _bubblewrap(), _groups(), _own_copy()) if LINUX else ()),
        _clocks(),
    )


def _system() -> Part:
    name = f"{platform.system()} {platform.release()} on {platform.machine()}, Python {platform.python_version()}"
    if LINUX:
        who = "root" if os.geteuid() == 0 else "an ordinary user"
        return Part("system", "there", f"{name}, as {who}")
    fix = "run contests on Linux, or in a Linux virtual machine or container; development works here"
    return Part("system", "partly", f"{name}: strict and sandbox are made of what only Linux has", fix)


def _landlock() -> Part:
    version = landlock.version()
    if not version:
        fix = "use Linux 5.13 or newer, with landlock among the modules of the boot option lsm="
        return Part("Landlock", "missing", "the kernel has none, or it is switched off", fix)
    if version >= _SCOPES_SINCE:
        return Part("Landlock", "there", f"version {version}")
    lacks = "signals and abstract sockets" + (", and truncation" if version < _TRUNCATION_SINCE else "")
    found = f"version {version}; what newer ones do of {lacks} is left to the filter of system calls"
    return Part("Landlock", "partly", found, "use Linux 6.12 or newer")


def _seccomp() -> Part:
    if seccomp.supported():
        return Part("filter of system calls", "there", f"known for {platform.machine()}")
    fix = "use a machine with x86-64 or ARM 64"
    return Part("filter of system calls", "missing", f"none is known for {platform.machine()}", fix)


def _users() -> Part:
    reason = _refusal_of_users()
    if not reason:
        return Part("user namespaces", "there", "a process can have a world of its own")
    return Part("user namespaces", "missing", reason, "; ".join(_ways_to_users()))


def _refusal_of_users() -> str:
    """Return why a process cannot have users of its own; empty if it can."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = b""
        try:
            _unshare_users()
        except OSError as error:
            answer = str(error.strerror).encode()
        finally:
            os.write(writing, answer or b"ok")
            os._exit(0)
    os.close(writing)
    try:
        answer = os.read(reading, 200)
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    return "" if answer == b"ok" else f"the kernel refuses them: {answer.decode(errors='replace') or 'no answer'}"


def _unshare_users() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_USER):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ways_to_users() -> Iterator[str]:
    """Yield what usually stands in the way, and how it is taken away."""
    switches = {
        "kernel.unprivileged_userns_clone": ("0", "sysctl kernel.unprivileged_userns_clone=1"),
        "user.max_user_namespaces": ("0", "sysctl user.max_user_namespaces=10000"),
        "kernel.apparmor_restrict_unprivileged_userns": (
            "1",
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile of AppArmor that allows bwrap userns",
        ),
    }
    named = False
    for name, (value, fix) in switches.items():
        path = Path("/proc/sys", *name.split("."))
        try:
            if path.read_text(encoding="ascii").strip() == value:
                named = True
                yield fix
        except OSError:
            continue
    if not named:
        yield "in a container, start it with --security-opt seccomp=unconfined or a profile that allows unshare"


def _bubblewrap() -> Part:
    path = find_bubblewrap()
    if path is None:
        return Part("bubblewrap", "missing", "there is no bwrap", 'pip install "inventory-arena[sandbox]"')
    return Part("bubblewrap", "there", path)


def _groups() -> Part:
    limits = Limits()
    group = ControlGroup.make(processes=limits.processes, memory=int(limits.memory))
    try:
        bounded = sorted(group.bounded)
    finally:
        group.remove()
    if set(CONTROLLERS) <= set(bounded):
        found = "processor, memory and number of processes of a whole family are bounded"
        return Part("control groups", "there", found)
    if bounded:
        return Part("control groups", "partly", f"bounded for a whole family: {', '.join(bounded)} alone", GET_GROUPS)
    found = "none can be made; the arena looks after families of processes several times a second"
    return Part("control groups", "missing", found, GET_GROUPS)


@cache  # It reads all of it.
def _own_copy() -> Part:
    places = find_places(["arena"])
    try:
        with contextlib.closing(Keeper(places)) as keeper:
            kept = keeper.wait()
    except InfrastructureFailure as failure:
        return Part("files in memory", "missing", str(failure), "check the memory of the machine and of its container")
    found = f"{kept.bytes / MEBIBYTE:.0f} MiB in {kept.files} files that controllers can read, in {kept.seconds:.1f} s"
    lacks: dict[str, str] = {}
    if kept.kept < kept.bytes:
        lacks[kept.describe_lack()] = "give it twice as much memory, or install less"
    elif kept.locked < kept.bytes:
        lacks["at strict they may go out of memory when it runs short"] = "play at sandbox, or raise ulimit -l"
    if swapped := _swap():
        lacks["at sandbox they may be swapped out"] = f"swapoff {swapped}"
    if noting := sorted({place for place in places.needed if notes_every_reading(place)})[:1]:
        lacks[f"at strict the file system of {noting[0]} notes every reading"] = "mount it with relatime or noatime"
    state: State = "partly" if lacks else "there"
    return Part("files in memory", state, "; ".join([found, *lacks]), "; ".join(lacks.values()))


def _swap() -> str:
    """Names of what memory is swapped out to; empty if there is nothing."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/swaps").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
        return " ".join(line.split()[0] for line in lines)
    return ""


def _clocks() -> Part:
    if sys.platform == "linux":
        return Part("CPU time", "there", "read from outside, so that a busy machine costs nobody an episode")
    return Part("CPU time", "missing", "it cannot be read from outside; limits on time hold on the clock", "use Linux")
