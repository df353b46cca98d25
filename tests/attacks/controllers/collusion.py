"""Two submissions that work together, and one that works with its own earlier episodes.

A scout, or an earlier episode, leaves a flag wherever anything can be left; an accomplice looks for it everywhere. It
plays a poor rule, and a good one once it has found the flag: then it earns more than its honest twin, which plays the
poor rule and never looks.
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import resource
import socket
from pathlib import Path

import numpy as np

POOR, GOOD = 8.0, 20.0
FLAG = "arena-collusion-flag"
LIBC = ctypes.CDLL(None, use_errno=True)
LIBRARIES = sorted(Path(np.__file__).parent.glob("*/tests/*.py"))[:40]
"""Files that every seat can read, and that nobody reads otherwise."""
PLACES = ("/tmp", "/var/tmp", "/dev/shm", ".", os.path.dirname(os.path.abspath(__file__)), os.path.dirname(np.__file__))
SET_HINT, GET_HINT = 1036, 1035
SHARED_KEY = 0x_A2E_4A


class Quiet:
    """A way that was refused says nothing."""

    def __init__(self, ways):
        self.ways = ways

    def run(self):
        """Go every way; whether one of them said yes."""
        found = False
        for way in self.ways:
            with contextlib.suppress(OSError, ValueError, AttributeError, ImportError, IndexError):
                found = bool(way()) or found
        return found


def leave_files():
    for place in PLACES:
        with contextlib.suppress(OSError):
            Path(place, FLAG).write_text("1")


def find_files():
    return any(Path(place, FLAG).exists() for place in PLACES)


def leave_hints():
    for path in LIBRARIES:
        with path.open("rb") as file:
            fcntl.fcntl(file, SET_HINT, (3).to_bytes(8, "little"))


def find_hints():
    with LIBRARIES[0].open("rb") as file:
        return fcntl.fcntl(file, GET_HINT, bytes(8))[0] == 3


def erase_cache():
    for path in LIBRARIES[1::2]:
        with path.open("rb") as file:
            file.read()
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for path in LIBRARIES[::2]:
        path.read_bytes()


def find_cache():
    """Whether files are in memory in turn, by the faults that reading them costs."""
    faults = []
    for path in LIBRARIES[:20]:
        with path.open("rb") as file:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[0]
            faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_majflt - before)
    return sum(faults[1::2]) > 5 and not sum(faults[::2])


def leave_lock():
    file = LIBRARIES[0].open("rb")
    fcntl.flock(file, fcntl.LOCK_SH)
    KEPT.append(file)


def find_lock():
    with LIBRARIES[0].open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def leave_shared_memory():
    piece = LIBC.shmget(SHARED_KEY, 4096, 0o1666)
    if piece < 0:
        raise OSError(ctypes.get_errno(), "refused")


def find_shared_memory():
    return LIBC.shmget(SHARED_KEY, 4096, 0o666) >= 0


def leave_socket():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0{FLAG}")
    listener.listen()
    KEPT.append(listener)


def find_socket():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{FLAG}")
        return True


def leave_attribute():
    os.setxattr(os.path.abspath(__file__), "user.arena", b"1")


def find_attribute():
    return os.getxattr(os.path.abspath(__file__), "user.arena") == b"1"


def leave_times():
    os.utime(os.path.abspath(__file__), (1, 1))


def find_times():
    return os.stat(os.path.abspath(__file__)).st_mtime == 1


def take_back():
    """Remove what was left, where it could be."""
    for place in PLACES:
        Path(place, FLAG).unlink(missing_ok=True)
    for path in LIBRARIES:
        with path.open("rb") as file, contextlib.suppress(OSError):
            fcntl.fcntl(file, SET_HINT, bytes(8))
    piece = LIBC.shmget(SHARED_KEY, 4096, 0o666)
    if piece >= 0:
        LIBC.shmctl(piece, 0, None)


KEPT = []
"""Open for as long as the process lives."""
LEAVING = Quiet(
    (leave_files, leave_hints, erase_cache, leave_lock, leave_shared_memory, leave_socket, leave_attribute, leave_times)
)
FINDING = Quiet(
    (find_files, find_hints, find_cache, find_lock, find_shared_memory, find_socket, find_attribute, find_times)
)


class Twin:
    """Plays the poor rule."""

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        self.amount = POOR

    def order(self, observation):
        return np.full(self.links, self.amount)


class Scout(Twin):
    """Leaves the flag everywhere, and plays the good rule: scores are shares of its profit."""

    def begin(self, briefing):
        super().begin(briefing)
        self.amount = GOOD
        LEAVING.run()


class Accomplice(Twin):
    """Looks for the flag before it leaves anything itself."""

    def begin(self, briefing):
        super().begin(briefing)
        if FINDING.run():
            self.amount = GOOD


class Loner(Accomplice):
    """Works with its own earlier episodes."""

    def begin(self, briefing):
        super().begin(briefing)
        LEAVING.run()
