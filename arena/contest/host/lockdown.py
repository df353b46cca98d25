"""What is taken from a process before it may import a controller.

At the level `process` that is: its descriptors, its environment, its place in the process tree and the largest
memory, files and number of processes. Stronger levels take more, in the same place and before the same moment.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

SEAT_DESCRIPTOR = 3
"""Where a locked child finds its socket. Standard input is empty, standard output and error go to the host."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None


@dataclass(frozen=True)
class Policy:
    """What a controller's process may use.

    Attributes:
        memory: Address space beyond that of the bare child, bytes. Kept on Linux only: macOS refuses such a limit.
        file_size: Largest file, bytes.
        open_files: Descriptors.
        processes: Processes and threads of the user. The kernel ignores it for root.
    """

    memory: int
    file_size: int
    open_files: int
    processes: int


def fixed_environment(directory: Path) -> dict[str, str]:
    """The environment of every controller: nothing of the arena's own, equal numbers everywhere.

    One thread per library keeps episodes that run side by side from taking each other's time; a fixed hash seed makes
    sets of strings come in the same order in every episode.

    Args:
        directory: Home and place for temporary files.
    """
    return {
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "MKL_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": os.defpath,
        "PYTHONHASHSEED": "0",
        "TMPDIR": str(directory),
        "TZ": "UTC",
    }


def adopt_orphans() -> None:
    """Make this process the parent of every orphan among its descendants, so that none escapes it (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def lock_down(policy: Policy, *, parent: int, connection: int, output: int, directory: Path) -> None:
    """Take from this process all that the controller must not have. Called once, before the controller is imported.

    Args:
        policy: What remains allowed.
        parent: Process id of the process that forked this one; its death ends this one.
        connection: Descriptor of the socket to the host; it becomes `SEAT_DESCRIPTOR`.
        output: Descriptor that receives standard output and error.
        directory: Empty directory to work in.

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
    _set_resource_limits(policy)
    _tidy_interpreter()


def _die_with(parent: int) -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the kernel was told to watch it.
    if os.getppid() != parent:
        os._exit(1)


def _keep_descriptors(connection: int, output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    # Moved out of the way first: the targets 0 to 3 may be in use as sources.
    sources = [os.dup2(source, 64 + place) for place, source in enumerate((nothing, output, output, connection))]
    for target, source in enumerate(sources):
        os.dup2(source, target)
    os.closerange(SEAT_DESCRIPTOR + 1, os.sysconf("SC_OPEN_MAX"))


def _set_resource_limits(policy: Policy) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: policy.file_size,
        resource.RLIMIT_NOFILE: policy.open_files,
        resource.RLIMIT_NPROC: policy.processes,
    }
    if _LINUX:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + policy.memory
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


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
