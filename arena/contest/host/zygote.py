"""The zygote: a process that has imported the trusted libraries once, and forks a fresh child for every seat.

Starting a Python with numpy takes a tenth of a second, a fork of one a few milliseconds. The zygote is started by
`exec`, with an environment of its own and before any episode: it has never held a secret, nor any controller's code.
It is single-threaded and does what its host says, one command at a time, until the host's end of the socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from arena.contest.host import child
from arena.contest.host.lockdown import SEAT_DESCRIPTOR, Policy, adopt_orphans, lock_down

COMMAND = struct.Struct("<cI")
"""What the host says: `SPAWN` with two descriptors (socket, output), or `END` with a process id."""
ANSWER = struct.Struct("<i")
"""What the zygote answers: 0 when ready, a process id to `SPAWN`, a wait status or `UNCLEAN` to `END`."""

SPAWN = b"S"
END = b"E"
UNCLEAN = -1
"""Something that the controller started could not be killed."""

_LAZY_PARTS = ("numpy.random", "networkx")
"""Libraries of the arena's own that it imports on first use: in a child, that would be in every episode."""

_SWEEP_SECONDS = 5.0
_PARENT_CHECK_MILLISECONDS = 1000


def main(configuration: str) -> None:
    """Run as a zygote.

    Args:
        configuration: JSON object with `control` (descriptor), `parent` (process id), `directory`, `preload` (module
            names) and `policy`.
    """
    settings = json.loads(configuration)
    adopt_orphans()
    for name in (*_LAZY_PARTS, *settings["preload"]):
        # A library that is missing or broken fails again in the controller that wanted it, and is told there.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # What is alive now never dies: kept out of every child's collections, its memory pages stay shared.
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=settings["control"])
    directory = Path(settings["directory"])
    try:
        _Zygote(control, settings["parent"], directory, Policy(**settings["policy"])).run()
    finally:
        remove_tree(directory)


class _Zygote:
    def __init__(self, control: socket.socket, parent: int, directory: Path, policy: Policy) -> None:
        self._control = control
        self._parent = parent
        self._directory = directory
        self._policy = policy
        self._seats: dict[int, Path] = {}
        self._spawned = 0

    def run(self) -> None:
        """Obey the host until it is gone; then end every seat."""
        self._control.sendall(ANSWER.pack(0))
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        # The host's death shows as the end of the stream, unless a fork of the host holds a copy of its descriptor.
        while os.getppid() == self._parent:
            if not waiting.poll(_PARENT_CHECK_MILLISECONDS):
                continue
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, 2)
            if len(message) < COMMAND.size:
                break
            action, argument = COMMAND.unpack(message)
            answer = self._spawn(descriptors) if action == SPAWN else self._end(argument)
            self._control.sendall(ANSWER.pack(answer))
        for seat in list(self._seats):
            self._end(seat)

    def _spawn(self, descriptors: Sequence[int]) -> int:
        connection, output = descriptors
        self._spawned += 1
        directory = self._directory / str(self._spawned)
        directory.mkdir(mode=0o700)
        parent = os.getpid()
        seat = os.fork()
        if seat == 0:
            self._become_seat(parent, connection, output, directory)
        for descriptor in descriptors:
            os.close(descriptor)
        self._seats[seat] = directory
        return seat

    def _become_seat(self, parent: int, connection: int, output: int, directory: Path) -> None:
        """Turn this fork into a controller's process; never returns."""
        try:
            # Its number will belong to the seat's socket, which must not be closed along with this object.
            self._control.detach()
            lock_down(self._policy, parent=parent, connection=connection, output=output, directory=directory)
            child.serve(socket.socket(fileno=SEAT_DESCRIPTOR))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _end(self, seat: int) -> int:
        """Kill a seat and all that came of it.

        Returns:
            Its wait status. A process that was already ending keeps the status it had chosen.
        """
        directory = self._seats.pop(seat)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(seat, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(seat, signal.SIGKILL)
        _, status = os.waitpid(seat, 0)
        clean = self._sweep()
        remove_tree(directory)
        return status if clean else UNCLEAN

    def _sweep(self) -> bool:
        """Kill the orphans that this process inherited, and theirs, until there are none.

        All are stopped before the first is killed: a family that forks faster than it is killed would never end.
        """
        deadline = time.monotonic() + _SWEEP_SECONDS
        while _children(os.getpid()) - self._seats.keys():
            stopped: set[int] = set()
            while running := self._strangers() - stopped:
                _signal(running, signal.SIGSTOP)
                stopped |= running
                if time.monotonic() > deadline:
                    return False
            _signal(stopped, signal.SIGKILL)
            for orphan in stopped:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(orphan, os.WNOHANG)
        return True

    def _strangers(self) -> set[int]:
        """Every descendant that is no seat and descends from none."""
        found: set[int] = set()
        waiting = _children(os.getpid()) - self._seats.keys()
        while waiting:
            process = waiting.pop()
            found.add(process)
            waiting |= _children(process) - found
        return found


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _children(process: int) -> set[int]:
    """Process ids of a process's children; empty where the kernel does not tell."""
    found: set[int] = set()
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            found |= {int(word) for word in (thread / "children").read_text(encoding="ascii").split()}
    except OSError:
        pass
    return found


def remove_tree(directory: Path) -> None:
    """Delete a directory that hostile code has written to, as far as the system allows."""
    try:
        shutil.rmtree(directory, ignore_errors=True)
    except RecursionError:
        # Nested deeper than Python can follow; the system's own tool does not recurse.
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["rm", "-rf", "--", str(directory)], check=False, timeout=20, stderr=subprocess.DEVNULL)
