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
