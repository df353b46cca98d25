"""The zygote: a process that has imported the trusted libraries once, and forks a fresh child for every seat.

Starting a Python with numpy takes a tenth of a second, a fork of one a few milliseconds. The zygote is forked by its
warden, locked before it imports any library that is not the arena's own, and does what the warden says until that
one's end of the socket closes. What a library does when it is imported happens in these locks, and its children add
stricter ones. The zygote has never held a secret, nor any controller's code.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from arena.errors import describe_exception, printable
from arena.jail.lockdown import SEAT_DESCRIPTOR, Policy, lock_down, lock_zygote

MESSAGE: Final = struct.Struct("<ci")
"""A message of the warden or of the zygote: its kind, and a number.

`LOCK`: nothing, in both directions. `IMPORT`: length of a module's name, which follows; answered by the length of the
reason why it cannot be imported, which follows, 0 if it was. `FORK`: the length of the paths of the seat's own folder
and of the copy of its submission, a null character between them, which follow, with the descriptors of its socket and
of its output; answered by its process id. `REAP`: the process id of a seat that is ending; answered by its wait status.
"""

LOCK, IMPORT, FORK, REAP = b"L", b"I", b"F", b"R"

REASON_CAP: Final = 500
"""Characters of the reason why a library cannot be imported."""

Serve = Callable[[socket.socket, Path | None], NoReturn]
"""A program that serves the host by a socket, and may read a folder."""

_MOST_DESCRIPTORS = 2


def serve(warden: socket.socket, parent: int, policy: Policy, root: str, directory: Path, program: Serve) -> NoReturn:
    """Obey the warden until it is gone, and leave without running anybody's exit handlers.

    Args:
        warden: Blocking socket to the warden, the only descriptor besides input, output and error.
        parent: The warden's process id.
        policy: What controllers may use.
        root: Folder that becomes its root, in which all else has the same name; empty for none.
        directory: Where the seats' folders are.
        program: What runs in a locked seat.
    """
    status = 1
    try:
        if root:
            # Its privilege goes with all others, in the locks.
            os.chroot(root)
            os.chdir(directory)
        lock_zygote(policy, parent=parent, directory=directory)
        _Zygote(warden, policy, program).run()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def receive(connection: socket.socket, length: int) -> bytes:
    """Read from a stream.

    Raises:
        EOFError: It ends before that.
        OSError: It cannot be read, or not in time.
    """
    received = b""
    while len(received) < length:
        chunk = connection.recv(length - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return received


class _Zygote:
    def __init__(self, warden: socket.socket, policy: Policy, program: Serve) -> None:
        self._warden = warden
        self._policy = policy
        self._program = program
        self._frozen = False
        self._finders = tuple(sys.meta_path)

    def run(self) -> None:
        self._warden.sendall(MESSAGE.pack(LOCK, 0))
        while True:
            header, descriptors, _, _ = socket.recv_fds(self._warden, MESSAGE.size, _MOST_DESCRIPTORS)
            if len(header) < MESSAGE.size:
                return
            kind, number = MESSAGE.unpack(header)
            if kind == IMPORT:
                reason = _import(receive(self._warden, number).decode())
                self._warden.sendall(MESSAGE.pack(IMPORT, len(reason)) + reason)
            elif kind == FORK:
                home, _, submission = receive(self._warden, number).decode().partition("\0")
                seat = self._fork(descriptors, Path(home), Path(submission))
                self._warden.sendall(MESSAGE.pack(FORK, seat))
            else:
                _, status = os.waitpid(number, 0)
                self._warden.sendall(MESSAGE.pack(REAP, status))

    def _fork(self, descriptors: Sequence[int], home: Path, submission: Path) -> int:
        if not self._frozen:
            if any(finder not in self._finders for finder in sys.meta_path):
                _import_past(self._finders, "multiprocessing")
            # What is alive now never dies: kept out of every child's collections, its memory pages stay shared.
            gc.collect()
            gc.freeze()
            self._frozen = True
        parent = os.getpid()
        seat = os.fork()
        if seat == 0:
            self._become_seat(parent, descriptors, home, submission)
        for descriptor in descriptors:
            os.close(descriptor)
        return seat

    def _become_seat(self, parent: int, descriptors: Sequence[int], home: Path, submission: Path) -> NoReturn:
        """Turn this fork into a controller's process."""
        try:
            # Its number will belong to the seat's socket, which must not be closed along with this object.
            self._warden.detach()
            connection, output = descriptors
            folder = submission if submission.is_dir() else None
            lock_down(self._policy, parent=parent, connection=connection, output=output, directory=home, folder=folder)
            self._program(socket.socket(fileno=SEAT_DESCRIPTOR), folder)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)


def _import_past(finders: Sequence[Any], name: str) -> None:
    """Import a module of the standard library by given finders alone, past those that preloaded libraries added.

    A library may act whenever a module is first imported: pyomo makes a lock between processes once somebody imports
    `multiprocessing`, which no locked process can. A module that is there already is not looked for again.
    """
    all_finders = sys.meta_path[:]
    sys.meta_path[:] = finders
    try:
        importlib.import_module(name)
    except BaseException:
        traceback.print_exc()  # A controller that needs it is told then.
    finally:
        sys.meta_path[:] = all_finders


def _import(name: str) -> bytes:
    """Import a module, and return why it cannot be imported; nothing if it could."""
    try:
        importlib.import_module(name)
    except BaseException as error:
        traceback.print_exc()
        return printable(describe_exception(error), REASON_CAP).encode("utf-8", "replace")
    return b""
