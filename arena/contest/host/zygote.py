"""The zygote: a process that has imported the trusted libraries once, and forks a fresh child for every seat.

Starting a Python with numpy takes a tenth of a second, a fork of one a few milliseconds. The zygote is started by
`exec`, with an environment of its own and before any episode: it has never held a secret, nor any controller's code.
It is single-threaded and does what its host says, one command at a time, until the host's end of the socket closes.
In a sandbox it is the first process of a world of its own, which ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import secrets
import select
import signal
import socket
import struct
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from arena.contest.host import child, watch
from arena.contest.host.kernel import adopt_orphans, renounce_privileges
from arena.contest.host.lockdown import SEAT_DESCRIPTOR, Policy, lock_down
from arena.contest.host.trees import copy_tree, remove_tree

COMMAND = struct.Struct("<cI")
"""What the host says: `SPAWN` with descriptors (socket, output, perhaps a folder), or `END` with a process id."""
ANSWER = struct.Struct("<iB")
"""What the zygote answers: 0 when ready, a process id to `SPAWN`, a wait status or `UNCLEAN` to `END`; and, to `END`
only, what the seat was ended for: a number of `arena.contest.host.watch`."""

SPAWN = b"S"
END = b"E"
UNCLEAN = -1
"""Something that the controller started could not be killed."""

_LAZY_PARTS = ("numpy.random", "networkx")
"""Libraries of the arena's own that it imports on first use: in a child, that would be in every episode."""

_HOME = "home"
_SUBMISSION = "submission"
_SWEEP_SECONDS = 5.0
_PARENT_CHECK_MILLISECONDS = 1000
_MOST_DESCRIPTORS = 3


class Verdict(NamedTuple):
    """How a seat ended: its wait status or `UNCLEAN`, and what it was ended for."""

    status: int
    cause: int


def main(configuration: str) -> None:
    """Run as a zygote.

    Args:
        configuration: JSON object with `control` (descriptor), `parent` (process id; 0 where it cannot be seen),
            `directory` (for the seats), `sandboxed`, `preload` (module names) and `policy`.
    """
    settings = json.loads(configuration)
    policy = Policy.from_plain(settings["policy"])
    adopt_orphans()
    if policy.locked:
        renounce_privileges()
    for name in (*_LAZY_PARTS, *settings["preload"]):
        # A library that is missing or broken fails again in the controller that wanted it, and is told there.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if policy.locked:
        _refuse_shared_memory(settings["preload"])
    # What is alive now never dies: kept out of every child's collections, its memory pages stay shared.
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=settings["control"])
    directory = Path(settings["directory"])
    try:
        _Zygote(control, settings["parent"], directory, policy, settings["sandboxed"]).run()
    finally:
        remove_tree(directory)


def _refuse_shared_memory(libraries: Sequence[str]) -> None:
    """Refuse libraries that left memory behind which all episodes would write to together.

    Raises:
        RuntimeError: There is some.
    """
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        rights = line.split()[1]
        if rights.startswith("rw") and rights.endswith("s"):
            raise RuntimeError(f"memory is shared by all episodes after the import of {', '.join(libraries)}: {line}")


class _Zygote:
    def __init__(self, control: socket.socket, parent: int, directory: Path, policy: Policy, sandboxed: bool) -> None:
        self._control = control
        self._parent = parent
        self._directory = directory
        self._policy = policy
        self._sandboxed = sandboxed
        self._seats: dict[int, Path] = {}
        self._verdicts: dict[int, Verdict] = {}

    def run(self) -> None:
        """Obey the host until it is gone; then end every seat."""
        self._answer(0)
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        # The host's death shows as the end of the stream, unless a fork of the host holds a copy of its descriptor.
        while os.getppid() == self._parent:
            if not waiting.poll(watch.MILLISECONDS if self._seats else _PARENT_CHECK_MILLISECONDS):
                self._watch()
                continue
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, _MOST_DESCRIPTORS)
            if len(message) < COMMAND.size:
                break
            action, argument = COMMAND.unpack(message)
            if action == SPAWN:
                self._answer(self._spawn(descriptors))
            else:
                self._answer(*self._verdicts.pop(argument, None) or self._end(argument))
        for seat in list(self._seats):
            self._end(seat)

    def _answer(self, number: int, cause: int = watch.WITHIN_LIMITS) -> None:
        self._control.sendall(ANSWER.pack(number, cause))

    def _spawn(self, descriptors: Sequence[int]) -> int:
        # A name that tells nothing: a number would tell the controller how many episodes came before.
        directory = self._directory / secrets.token_hex(8)
        directory.mkdir(mode=0o700)
        parent = os.getpid()
        seat = os.fork()
        if seat == 0:
            self._become_seat(parent, descriptors, directory)
        for descriptor in descriptors:
            os.close(descriptor)
        self._seats[seat] = directory
        return seat

    def _become_seat(self, parent: int, descriptors: Sequence[int], directory: Path) -> None:
        """Turn this fork into a controller's process; never returns."""
        try:
            # Its number will belong to the seat's socket, which must not be closed along with this object.
            self._control.detach()
            self._seats.clear()
            self._verdicts.clear()
            connection, output, *folders = descriptors
            folder = folders[0] if folders else None
            copied: Path | None = None
            if self._sandboxed and folder is not None:
                # No folder from outside is visible here, and none shall be to a seat that could look beside it.
                copied = directory / _SUBMISSION
                copy_tree(folder, copied)
                folder = os.open(copied, os.O_RDONLY | os.O_DIRECTORY)
            home = directory / _HOME
            home.mkdir(mode=0o700)
            lock_down(self._policy, parent=parent, connection=connection, output=output, directory=home, folder=folder)
            child.serve(socket.socket(fileno=SEAT_DESCRIPTOR), copied)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _watch(self) -> None:
        """End the seats that use too much. The host is told when it asks."""
        orphans = watch.children(os.getpid()) - self._seats.keys() if self._seats else set()
        for seat, directory in list(self._seats.items()):
            cause = watch.exceeded(seat, orphans, directory / _HOME, self._policy.limits)
            if cause != watch.WITHIN_LIMITS:
                self._verdicts[seat] = self._end(seat)._replace(cause=cause)

    def _end(self, seat: int) -> Verdict:
        """Kill a seat and all that came of it. A process that was already ending keeps the status it had chosen."""
        directory = self._seats.pop(seat)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(seat, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(seat, signal.SIGKILL)
        _, status = os.waitpid(seat, 0)
        clean = self._sweep()
        remove_tree(directory)
        return Verdict(status if clean else UNCLEAN, watch.WITHIN_LIMITS)

    def _sweep(self) -> bool:
        """Kill the orphans that this process inherited, and theirs, until there are none.

        All are stopped before the first is killed: a family that forks faster than it is killed would never end.
        """
        deadline = time.monotonic() + _SWEEP_SECONDS
        while watch.children(os.getpid()) - self._seats.keys():
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
        waiting = watch.children(os.getpid()) - self._seats.keys()
        while waiting:
            process = waiting.pop()
            found.add(process)
            waiting |= watch.children(process) - found
        return found


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
