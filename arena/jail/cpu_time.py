"""CPU time of a controller: of its process with all threads, and of every process that it started.

It is read from outside, by the process that plays against the controller, and never reported by the controller's own
code. Linux keeps a clock for every process (clock_getcpuclockid(3)): one system call, exact to the nanosecond, all
threads included, those that have ended too. Where a controller can start processes, /proc names the family: children,
their children, and orphans, which come to the warden (see `arena.jail.warden`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from arena.jail import watch

_PROCESS_CLOCK: Final = 2
"""Kind of clock that counts CPU time in nanoseconds, in the lowest bits of a clock's number (CPUCLOCK_SCHED)."""
_REAPED_FIELDS: Final = slice(13, 15)
_THREADS_FIELD: Final = 17
_START_FIELD: Final = 19
"""Fields of /proc/PID/stat behind the name of the program: user and system time of reaped children, number of threads,
and the moment at which the process started."""
_LONGEST_LINE: Final = 4096


class CpuMeter(Protocol):
    """CPU time that a controller has used since it was asked for something."""

    def start(self) -> None:
        """Begin to count."""

    def restart(self) -> float:
        """Return the CPU seconds since `start`, and begin to count anew at the same moment."""

    def spent(self) -> float:
        """Return the CPU seconds since `start`, summed over all threads and processes; it never falls."""

    def spent_alone(self) -> float:
        """Return the CPU seconds since `start` of the controller's first process alone, which is quicker."""

    def close(self) -> None:
        """Release what it holds. Calling it again does nothing."""


class ProcessMeter:
    """CPU time of one process that cannot start others.

    Args:
        process: its process id, as this process sees it.
    """

    def __init__(self, process: int) -> None:
        self._clock = _clock_of(process)
        self._before = 0.0
        self._spent = 0.0

    def start(self) -> None:
        """Begin to count."""
        self._spent = 0.0
        with contextlib.suppress(OSError):
            self._before = time.clock_gettime(self._clock)

    def restart(self) -> float:
        """Return the CPU seconds since `start`, and begin to count anew at the same moment."""
        spent = self.spent()
        self._before, self._spent = self._before + spent, 0.0
        return spent

    def spent(self) -> float:
        """Return the CPU seconds since `start`; of a process that is gone, those that were seen last."""
        with contextlib.suppress(OSError):
            self._spent = time.clock_gettime(self._clock) - self._before
        return self._spent

    def spent_alone(self) -> float:
        """Return the same: there is no other process."""
        return self.spent()

    def close(self) -> None:
        """Do nothing: it holds nothing."""


class _Process(NamedTuple):
    """One process at one moment, seconds: its own CPU time, and that of the children that it has waited for."""

    own: float
    reaped: float


class FamilyMeter:
    """CPU time of a process and of all that came of it.

    A process that ends takes its time with it unless its parent waits for it, and then the parent's count of reaped
    children has it. So the time of ended processes is the larger of the two: of what was seen of them, and of what
    their parents counted. A process that nobody waits for and that lives less than the time from one look to the next
    may be missed.

    Args:
        process: process id of the controller, as this process sees it.
        warden: process id of its warden, to which orphans come.
        zygote: process id of the zygote, the child of the warden that is no orphan.
    """

    def __init__(self, process: int, warden: int, zygote: int) -> None:
        self._process = process
        self._warden = warden
        self._zygote = zygote
        self._alone = ProcessMeter(process)
        self._files: tuple[int, ...] = ()
        with contextlib.suppress(OSError):
            for name in (f"{process}/stat", f"{process}/task/{process}/children", f"{warden}/task/{warden}/children"):
                self._files += (os.open(f"/proc/{name}", os.O_RDONLY | os.O_CLOEXEC),)
        self._before: dict[tuple[int, int], _Process] = {}
        self._now: dict[tuple[int, int], _Process] = {}
        self._used: dict[tuple[int, int], float] = {}
        self._spent = 0.0

    def start(self) -> None:
        """Begin to count."""
        self._alone.start()
        self._before = self._look()
        self._used = {}
        self._spent = 0.0

    def restart(self) -> float:
        """Return the CPU seconds since `start`, and begin to count anew at the same moment."""
        spent = self.spent()
        self._alone.restart()
        self._before, self._used, self._spent = self._now, {}, 0.0
        return spent

    def spent(self) -> float:
        """Return the CPU seconds since `start`."""
        now = self._now = self._look()
        nothing = _Process(0.0, 0.0)
        reaped = 0.0
        for identity, process in now.items():
            before = self._before.get(identity, nothing)
            self._used[identity] = process.own - before.own
            reaped += process.reaped - before.reaped
        ended = 0.0
        for identity in (self._before.keys() | self._used.keys()) - now.keys():
            ended += self._used.get(identity, 0.0)
            # What it had used before the start came to its parent, too.
            before = self._before.get(identity, nothing)
            reaped -= before.own + before.reaped
        running = sum(self._used[identity] for identity in now)
        self._spent = max(self._spent, running + max(ended, reaped))
        return self._spent

    def spent_alone(self) -> float:
        """Return the CPU seconds since `start` of the controller's process itself."""
        return self._alone.spent()

    def close(self) -> None:
        """Close the files that are kept open."""
        files, self._files = self._files, ()
        for file in files:
            os.close(file)

    def _look(self) -> dict[tuple[int, int], _Process]:
        """Read the times of every process of the family, by process id and moment of its start."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return self._look_at_one()
        found: dict[tuple[int, int], _Process] = {}
        waiting = [self._process, *(watch.children(self._warden) - {self._zygote})]
        seen: set[int] = set()
        while waiting:
            process = waiting.pop()
            if process in seen:
                continue
            seen.add(process)
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = _fields(Path(f"/proc/{process}/stat").read_bytes())
                found[process, int(fields[_START_FIELD])] = _read(process, fields)
                waiting.extend(watch.children(process))
        return found

    def _look_at_one(self) -> dict[tuple[int, int], _Process]:
        """Do the same for a controller without threads and without other processes, several times as fast.

        Raises:
            ValueError: it has some, or may have.
        """
        status, children, orphans = self._files
        fields = _fields(os.pread(status, _LONGEST_LINE, 0))
        # Other threads may have children of their own.
        if fields[_THREADS_FIELD] != b"1" or os.pread(children, 1, 0):
            raise ValueError("the controller has threads or processes")
        if os.pread(orphans, _LONGEST_LINE, 0).split() != [b"%d" % self._zygote]:
            raise ValueError("there are orphans")
        return {(self._process, int(fields[_START_FIELD])): _read(self._process, fields)}


class Located(NamedTuple):
    """Where a seat's processes are, in this process's numbers.

    Attributes:
        process: process id of the controller.
        zygote: of the zygote that forked it.
        warden: of the warden.
    """

    process: int
    zygote: int
    warden: int


def locate(seat: int, root: int) -> Located | None:
    """Find a seat below the process that was started as its warden.

    Args:
        seat: process id of the seat, as its warden sees it: in a sandbox not as this process does.
        root: process id of the warden, or of the program that made its sandbox.

    Returns:
        The processes; None where the system does not tell, as on any but Linux.
    """
    if not sys.platform.startswith("linux"):
        return None
    for warden in (root, *watch.children(root)):
        for zygote in watch.children(warden):
            for process in watch.children(zygote):
                if _innermost(process) == seat:
                    return Located(process, zygote, warden)
    return None


def address_space(process: int) -> tuple[int, int]:
    """Return the address space of a process, bytes: now, and at most so far; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace").splitlines()
        sizes = {name: value for name, _, value in (line.partition(":") for line in lines) if name.startswith("Vm")}
        return int(sizes["VmSize"].split()[0]) * 1024, int(sizes["VmPeak"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return 0, 0


def _fields(status: bytes) -> list[bytes]:
    """Return the fields of a line of /proc/PID/stat that follow the name of the program, which may be anything."""
    return status.rpartition(b")")[2].split()


def _read(process: int, fields: list[bytes]) -> _Process:
    reaped = sum(map(int, fields[_REAPED_FIELDS])) / _TICKS
    return _Process(time.clock_gettime(_clock_of(process)), reaped)


def _innermost(process: int) -> int:
    """Return a process's id in its own world; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return 0


def _clock_of(process: int) -> int:
    """Return the number of the clock of a process's CPU time, as the kernel makes it of the process id."""
    return (~process << 3) | _PROCESS_CLOCK


_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
"""Units of the times in /proc, per second."""
