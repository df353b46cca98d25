"""An own copy of what seats read, in memory, for one evaluation.

Where files come from a disk, whoever reads one first leaves it in memory, and who reads it next sees by the clock that
it was there. So before the first seat of an evaluation a keeper (`arena.jail.keeper`) has everything in memory, and it
stays there until the last has ended. In a sandbox it is a copy, in a file system in memory that the keeper alone has
and from which sandboxes are made: it has no times of reading, and does not remember names that somebody looked for in
vain. At `strict` it is the pages of the files on the disk, which the keeper maps and locks as far as it may.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from arena.errors import InfrastructureFailure, printable
from arena.jail import keeper
from arena.jail.limits import MEBIBYTE
from arena.jail.places import Places

_SHARE: Final = 2
"""A keeper takes at most half of the memory that is free."""
_END_SECONDS: Final = 10.0
_NAMESPACES: Final = ("user", "mnt")


class Kept(NamedTuple):
    """What a keeper keeps, as the hosts of an evaluation see it.

    Attributes:
        places: What seats see, wherever it is.
        process: The keeper's process id.
        world: Number of the world of mounts that the copies are in; 0 if the files are where they always were.
        directory: Folder of the copies there; each file has its true path below it.
        files: How many files there are.
        bytes: How large they are together.
        kept: Bytes of them that are in memory.
        locked: Bytes of these that no lack of memory puts out of it.
        seconds: How long it took.
    """

    places: Places
    process: int
    world: int
    directory: str
    files: int
    bytes: int
    kept: int
    locked: int
    seconds: float

    @property
    def copied(self) -> bool:
        """Whether there are copies, which sandboxes are made from."""
        return self.world != 0

    def describe_lack(self) -> str:
        """Say how much is not in memory, and shows by the clock who has read it; empty if all is."""
        if self.kept == self.bytes:
            return ""
        lacking = (self.bytes - self.kept) / MEBIBYTE
        return f"{lacking:.0f} of {self.bytes / MEBIBYTE:.0f} MiB that controllers can read are not kept in memory"


def source_of(place: str, kept: Kept | None) -> str:
    """Return where a sandbox takes a file or folder from."""
    return place if kept is None else kept.directory + os.path.realpath(place)


class Keeper:
    """A keeper at work. It begins at once, and is to be closed.

    Args:
        places: What seats see; something must be needed.
        bubblewrap: Path of bubblewrap, to make copies for sandboxes; None to keep the files where they are.

    Raises:
        InfrastructureFailure: It did not start.
    """

    def __init__(self, places: Places, bubblewrap: str | None = None) -> None:
        self._places = places
        self._most = available_memory() // _SHARE
        self._copies = bubblewrap is not None
        # A folder to put the file system on; it stays empty outside.
        self._directory = tempfile.mkdtemp(prefix="arena-copy-")
        command = [sys.executable, "-I", "-S", str(Path(keeper.__file__))]
        if bubblewrap is not None:
            world = ["--die-with-parent", "--unshare-user", "--dev-bind", "/", "/", "--size", str(max(self._most, 1))]
            command = [bubblewrap, *world, "--tmpfs", self._directory, "--", *command]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}, cwd="/"
            )
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(self._order()).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            self.close()
            raise InfrastructureFailure(f"what controllers read cannot be kept in memory: {error}") from error

    def wait(self) -> Kept:
        """Wait until everything is kept, and return what is.

        Raises:
            InfrastructureFailure: It failed.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer: keeper.Answer = json.loads(line)
            world = Path(f"/proc/{answer['process']}/ns/mnt").stat().st_ino if answer["copied"] else 0
        except (ValueError, OSError) as error:
            raise InfrastructureFailure(f"what controllers read cannot be kept in memory: {self._why()}") from error
        return Kept(
            self._places,
            answer["process"],
            world,
            self._directory if world else "",
            answer["files"],
            answer["bytes"],
            answer["kept"],
            answer["locked"],
            answer["seconds"],
        )

    def close(self) -> None:
        """End the keeper; what is kept goes with the last sandbox that was made of it. Again does nothing."""
        process = getattr(self, "_process", None)
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError):
                    stream.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with contextlib.suppress(OSError):
            Path(self._directory).rmdir()

    def _order(self) -> keeper.Order:
        return {
            "target": self._directory if self._copies else "",
            "needed": [*self._places.needed, *(self._places.interpreter if self._copies else ())],
            "readable": [*self._places.readable, *self._places.interpreter],
            "most": self._most,
        }

    def _why(self) -> str:
        self._process.kill()
        assert self._process.stderr is not None
        return printable(self._process.stderr.read().decode("utf-8", "replace"), 500) or "the keeper ended"


def entrance(kept: Kept) -> Callable[[], None]:
    """Return what a process that is about to make a sandbox calls to find the copies. It must have one thread.

    Raises:
        InfrastructureFailure: The keeper is gone.
    """
    try:
        descriptors = [os.open(f"/proc/{kept.process}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in _NAMESPACES]
    except OSError as error:
        raise InfrastructureFailure(f"what controllers read is not kept in memory any more: {error}") from error
    if os.fstat(descriptors[-1]).st_ino != kept.world:
        raise InfrastructureFailure("what controllers read is not kept in memory any more")
    library = ctypes.CDLL(None, use_errno=True)

    def enter() -> None:
        for descriptor in descriptors:
            if library.setns(descriptor, 0):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))

    return enter


def available_memory() -> int:
    """Bytes of memory that are free for this process: of the machine, and of its control group if that has a limit."""
    free = [_read_number("/proc/meminfo", "MemAvailable:") * 1024]
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                group = Path("/sys/fs/cgroup", path.lstrip("/"))
                free.append(_read_number(group / "memory.max") - _read_number(group / "memory.current"))
            elif "memory" in controllers.split(","):
                group = Path("/sys/fs/cgroup/memory", path.lstrip("/"))
                used = _read_number(group / "memory.usage_in_bytes")
                free.append(_read_number(group / "memory.limit_in_bytes") - used)
    return max(0, min((one for one in free if one > 0), default=0))


def notes_every_reading(place: str) -> bool:
    """Whether a file system keeps the time of each reading, and not only of one a day."""
    flags = os.statvfs(place).f_flag
    return not flags & (os.ST_NOATIME | os.ST_RELATIME | os.ST_RDONLY)


def _read_number(path: str | Path, name: str = "") -> int:
    """The number in a file, or behind a name in it; 0 where there is none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path(path).read_text(encoding="ascii")
        return int(text.partition(name)[2].split()[0] if name else text)
    return 0
