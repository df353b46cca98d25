"""What a machine has, or lets its users do, that attacks need: tried here without the arena and without an attack.

An attack that the table calls open must work where the machine has what it needs. Else either the controller has
rotted, and proves nothing about the levels that block it, or the table is wrong.
"""

import mmap
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

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
