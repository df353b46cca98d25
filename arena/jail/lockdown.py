"""What is taken from a process before it may import a library that is not the arena's, or a controller.

At the level `process` that is nothing from a zygote, and from a controller's process: its descriptors, its environment,
its place in the process tree and the largest memory, files and number of processes. At `strict` and `sandbox` both then
lose the file system, all other processes and most of the kernel. The locks of a zygote stay in force in its children,
which add stricter ones; so a zygote keeps just what a child needs on its way there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from arena.jail import landlock, seccomp
from arena.jail.isolation import Isolation
from arena.jail.kernel import (
    LINUX,
    ask_for_the_size_of_memory,
    die_with_parent,
    forbid_new_privileges,
    renounce_privileges,
)
from arena.jail.landlock import FileRule
from arena.jail.limits import GIBIBYTE, Limits
from arena.jail.memory_files import keep_temporary_files_in_memory
from arena.jail.places import Places

SEAT_DESCRIPTOR = 3
"""Where a locked child finds its socket. Standard input is empty, standard output and error go to the host."""

_TRUNCATION_SINCE = 3
_SIGNALS_SINCE = 6
_LIBRARIES_MEMORY = 4 * GIBIBYTE
DEVICES = {
    "/dev/null": landlock.READ_FILE | landlock.WRITE_FILE,
    "/dev/zero": landlock.READ_FILE,
    "/dev/random": landlock.READ_FILE,
    "/dev/urandom": landlock.READ_FILE,
}
"""Devices of every controller, and what it may do with them."""

PROCESSOR = "/proc/cpuinfo"
"""All that is left of /proc: numerical libraries choose their code by it, and others complain without it."""


@dataclass(frozen=True)
class Policy:
    """What a controller's process may use.

    Attributes:
        limits: Its limits; those on time are the host's to keep.
        locked: Whether files, other processes and the kernel's less usual calls are taken from it too.
        readable: Files and folders that it can still read then, and all below them.
        programs: Whether it may start programs then, any that it can read.
        writes: Whether it can write to a folder of its own. Otherwise it has files in memory alone, when it is locked.
        needed: Files and folders inside the readable ones; if there are any, of those it can read these alone.
    """

    limits: Limits
    locked: bool = False
    readable: tuple[str, ...] = ()
    programs: bool = False
    writes: bool = True
    needed: tuple[str, ...] = ()

    @property
    def file_size(self) -> int:
        """Largest file that it may make, bytes.

        Where all files are in memory, they last as long as they are open or mapped. Open ones hold no more than
        `Limits.disk` together, and mapped ones are part of the address space: so all of them are bounded by the kernel.
        """
        limits = self.limits
        return limits.file_size if self.writes else min(limits.file_size, limits.disk // limits.open_files)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Undo `dataclasses.asdict`."""
        return cls(**{**plain, "limits": Limits(**plain["limits"])})


def policy_for(level: Isolation, limits: Limits, places: Places, *, programs: bool = False) -> Policy:
    """Return what an isolation level lets a controller's process use.

    At `process` it writes to the disk, and the warden looks how much; in a sandbox to file systems in memory that have
    a size; at `strict`, which needs no privileges and so can make none, to no file system at all.

    Args:
        level: `process`, `strict` or `sandbox`.
        limits: Its limits.
        places: What of the file system it may read.
        programs: Whether it may start programs.
    """
    writes = level != "strict"
    return Policy(limits, level != "process", places.readable, programs, writes, places.needed)


def fixed_environment(directory: Path) -> dict[str, str]:
    """The environment of every controller: nothing of the arena's own, equal numbers everywhere.

    One thread per library keeps episodes that run side by side from taking each other's time; a fixed hash seed makes
    sets of strings come in the same order in every episode. Without the bound on arenas each thread would reserve
    address space by the gigabyte, and the limit of memory would be met on machines with many cores only.

    Args:
        directory: Home and place for temporary files.
    """
    return {
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "MKL_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": os.defpath,
        "PYTHONHASHSEED": "0",
        "TMPDIR": str(directory),
        "TZ": "UTC",
    }


def lock_zygote(policy: Policy, *, parent: int, directory: Path) -> None:
    """Take from this process what the libraries that it is about to import must not have.

    Args:
        policy: What its children's controllers may use.
        parent: Process id of the process that forked this one; its death ends this one.
        directory: Where its children's folders are made.

    Raises:
        OSError: Something could not be taken. No library must then be imported.
    """
    _die_with(parent)
    if not policy.locked:
        return
    renounce_privileges()  # The warden may have kept one.
    values = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: policy.file_size}
    # Of memory that can be written, as the code of some libraries takes gigabytes of address space.
    _set_limits({**values, resource.RLIMIT_DATA: _LIBRARIES_MEMORY + policy.limits.memory})
    forbid_new_privileges()
    landlock.restrict(_file_rules(policy, directory, directory))
    if policy.needed:
        # On top of it: what both allow remains. One list is short, for every seat; the other is long, and set once.
        landlock.restrict(_needed_rules(policy, directory))
    ask_for_the_size_of_memory()
    if not policy.writes:
        keep_temporary_files_in_memory(directory)
    _filter_calls(policy, zygote=True)
    _try_the_locks(parent, signals=landlock.version() >= _SIGNALS_SINCE)


def lock_down(
    policy: Policy, *, parent: int, connection: int, output: int, directory: Path, folder: Path | None = None
) -> None:
    """Take from this process all that the controller must not have. Called once, before the controller is imported.

    The address space that it may take is bounded already: by its zygote, whose child it is.

    Args:
        policy: What remains allowed.
        parent: Process id of the process that forked this one; its death ends this one.
        connection: Descriptor of the socket to the host; it becomes `SEAT_DESCRIPTOR`.
        output: Descriptor that receives standard output and error.
        directory: Empty directory to work in; its content can be changed if the policy says so.
        folder: The submission's folder, to be read; None if it has none.

    Raises:
        OSError: Something could not be taken. The controller must then not be imported.
    """
    os.setsid()
    _die_with(parent)
    _keep_descriptors(connection, output)
    os.environ.clear()
    os.environ.update(fixed_environment(directory))
    os.chdir(directory)
    os.umask(0o077)
    limits = policy.limits
    _set_limits(
        {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: policy.file_size if policy.locked else limits.file_size,
            resource.RLIMIT_NOFILE: limits.open_files,
            resource.RLIMIT_NPROC: limits.processes,
        }
    )
    _tidy_interpreter()
    if policy.locked:
        forbid_new_privileges()
        landlock.restrict(_file_rules(policy, directory, folder))
        if not policy.writes:
            keep_temporary_files_in_memory(directory)
        _filter_calls(policy)
        _try_the_locks(parent)


def bound_address_space(process: int, more: int) -> None:
    """Bound the address space of another process of this user, and of its children. Does nothing but on Linux.

    Args:
        process: Its process id.
        more: Bytes that it may add to what it has now.
    """
    if LINUX:  # macOS refuses such a limit
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[0])
        _set_limits({resource.RLIMIT_AS: pages * resource.getpagesize() + more}, process)


def offer_to_the_memory_killer(process: int) -> None:
    """When memory runs out, the kernel ends that process before the arena's: a forfeit, not a failure of ours."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/oom_score_adj").write_text("1000", encoding="ascii")


def _die_with(parent: int) -> None:
    die_with_parent(signal.SIGKILL)
    # The parent may have died before the kernel was told to watch it.
    if os.getppid() != parent:
        os._exit(1)


def _keep_descriptors(connection: int, output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    wanted = [nothing, output, output, connection]
    # Moved out of the way first: the targets may be in use as sources.
    sources = [os.dup2(source, 64 + place) for place, source in enumerate(wanted)]
    for target, source in enumerate(sources):
        os.dup2(source, target)
    os.closerange(len(wanted), os.sysconf("SC_OPEN_MAX"))


def _set_limits(values: dict[int, int], process: int | None = None) -> None:
    """Set limits of this process or of another one, as far as they are lower than those that it has."""
    for kind, value in values.items():
        _, hard = resource.getrlimit(kind) if process is None else resource.prlimit(process, kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        if process is None:
            resource.setrlimit(kind, (bound, bound))
        else:
            resource.prlimit(process, kind, (bound, bound))


def _file_rules(policy: Policy, directory: Path, folder: Path | None = None) -> Iterator[FileRule]:
    reading = landlock.READ | (landlock.EXECUTE if policy.programs else 0)
    for place in policy.readable:
        yield FileRule(place, reading)
    for device, rights in DEVICES.items():
        yield FileRule(device, rights)
    yield FileRule(PROCESSOR, landlock.READ_FILE)
    if folder is not None:
        yield FileRule(str(folder), reading)
    yield FileRule(str(directory), landlock.WRITE if policy.writes else reading)


def _needed_rules(policy: Policy, directory: Path) -> Iterator[FileRule]:
    """What the readable places hold that is needed, and the list of what lies in a folder around it."""
    # A link that leads out of a sandbox leads nowhere there.
    places = [place for place in policy.needed if os.access(place, os.F_OK)]
    for place in places:
        yield FileRule(place, landlock.READ)
    for folder in {str(Path(place).parent) for place in places}:
        yield FileRule(folder, landlock.READ_DIR)
    yield from _file_rules(dataclasses.replace(policy, readable=()), directory, directory)


def _filter_calls(policy: Policy, *, zygote: bool = False) -> None:
    truncation = landlock.version() < _TRUNCATION_SINCE
    seccomp.install(
        process=os.getpid(),
        programs=policy.programs,
        truncation=truncation,
        memory_files=not policy.writes,
        zygote=zygote,
    )


def _try_the_locks(parent: int, *, signals: bool = True) -> None:
    """Do what must have become impossible.

    Args:
        parent: The parent process.
        signals: Whether signals to the parent process are among it.

    Raises:
        OSError: It is possible.
    """
    attempts: dict[str, Callable[[], object]] = {
        "the root of the file system can be read": lambda: os.close(os.open("/", os.O_RDONLY)),
        "a socket can be made": lambda: socket.socket().detach(),
    }
    if signals:
        attempts["the parent process can be signalled"] = lambda: os.kill(parent, 0)
    for what, attempt in attempts.items():
        try:
            attempt()
        except PermissionError:
            continue
        raise OSError(f"{what} although that was forbidden")


def _tidy_interpreter() -> None:
    """Leave no trace of how this process was started, and no output waiting in a buffer."""
    sys.argv[:] = ["controller"]
    sys.orig_argv[:] = ["controller"]
    # A cache written beside a submission's code would outlive the episode.
    sys.dont_write_bytecode = True
    # Written line by line, so that a process that is killed has said what it had to say.
    sys.stdout = _line_buffered(1)
    sys.stderr = _line_buffered(2)
    # How the host was started must not show in what its controllers do with signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _line_buffered(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
