"""The warden: it has a zygote fork seats, looks after them, and ends them.

It is started by `exec`, with an environment of its own and before any episode, and imports nothing but the arena: no
library that a manifest names runs in it, and no controller. The zygote is its child, and so is in the end whatever
was left behind by a seat. It is single-threaded and does what the host says, one command at a time, until the
host's end of the socket closes. In a sandbox it is the first process of a world of its own, which ends with it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pkgutil
import secrets
import select
import signal
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from arena.jail import priority, watch, zygote
from arena.jail.kernel import CHANGE_ROOT, LINUX, adopt_orphans, renounce_privileges
from arena.jail.lockdown import Policy, bound_address_space, offer_to_the_memory_killer
from arena.jail.numbers import RESTORE, Numbers, forbid_worlds
from arena.jail.seat_folders import SeatFolders
from arena.jail.trees import remove_tree

COMMAND = struct.Struct("<cI")
"""What the host says: `PREPARE`; `SPAWN` with descriptors (socket, output, perhaps a folder); or `END` with a process
id."""
ANSWER = struct.Struct("<iB")
"""What the warden answers: 0 when it has started; to `PREPARE`, the length of a list in JSON that follows, of libraries
that cannot be imported and why, 0 for none; to `SPAWN` a process id, or the negative number of a system error; and to
`END` a wait status or `UNCLEAN`, and what the seat was ended for: a number of `arena.jail.watch`."""

PREPARE = b"P"
SPAWN = b"S"
END = b"E"
LOOK = b"L"
"""Look at what a seat uses, then end it: that may be why it is ended, and a busy machine may have kept the warden from
looking before."""
UNCLEAN = -1
"""Something that the controller started could not be killed."""

_OWN_SECONDS = 60.0
_SWEEP_SECONDS = 20.0  # A busy machine may need long; less than the host waits.
_ENDING_SECONDS = 2.0
_PARENT_CHECK_MILLISECONDS = 1000
_MOST_DESCRIPTORS = 3
_LONGEST_REASON = 4 * zygote.REASON_CAP


class Verdict(NamedTuple):
    """How a seat ended: its wait status or `UNCLEAN`, and what it was ended for."""

    status: int
    cause: int


def main(configuration: str) -> None:
    """Run as a warden.

    Args:
        configuration: JSON object with `control` (descriptor), `parent` (process id; 0 where it cannot be seen),
            `root` (of the zygote; empty for none of its own), `directory` (for the seats), `rooms` (file systems that
            seats write to; none for `directory`), `serve` and `libraries` of the program, `preload` (module names),
            `preload_seconds`, `policy`, and `numbers`: whether this is a world of its own, to which it gives numbers.
    """
    settings = json.loads(configuration)
    program: zygote.Serve = pkgutil.resolve_name(settings["serve"])
    policy = Policy.from_plain(settings["policy"])
    adopt_orphans()
    numbers = _take_over_the_world() if settings["numbers"] else None
    if policy.locked:
        # The zygote enters its root, and has no privilege after that.
        _renounce_all_but_numbers(numbers, *((CHANGE_ROOT,) if settings["root"] else ()))
    control = socket.socket(fileno=settings["control"])
    directory = Path(settings["directory"])
    try:
        rooms = [Path(room) for room in settings["rooms"]] or [directory]
        warden = _Warden(control, settings["parent"], settings["root"], directory, rooms, policy, program, numbers)
        warden.run(settings["libraries"], settings["preload"], settings["preload_seconds"])
    finally:
        remove_tree(directory)


def _take_over_the_world() -> Numbers:
    forbid_worlds()
    return Numbers()


def _renounce_all_but_numbers(numbers: Numbers | None, *kept: int) -> None:
    renounce_privileges(*(() if numbers is None else (RESTORE,)), *kept)


class _Unimportable(Exception):  # noqa: N818 - named after what it reports
    """A library cannot be imported, and no other after it."""


class _Warden:
    def __init__(
        self,
        control: socket.socket,
        parent: int,
        root: str,
        directory: Path,
        rooms: Sequence[Path],
        policy: Policy,
        program: zygote.Serve,
        numbers: Numbers | None,
    ) -> None:
        self._control = control
        self._parent = parent
        self._root = root
        self._directory = directory
        self._rooms = rooms
        self._policy = policy
        self._program = program
        self._numbers = numbers
        self._seats: dict[int, SeatFolders] = {}
        self._verdicts: dict[int, Verdict] = {}

    def run(self, own: Sequence[str], libraries: Sequence[str], seconds: float) -> None:
        """Obey the host until it is gone; then end every seat and the zygote."""
        self._answer(0)
        if len(self._control.recv(COMMAND.size)) < COMMAND.size:
            return
        self._start_zygote()
        try:
            for library, reason in self._import(own, _OWN_SECONDS):
                raise RuntimeError(f"{library} cannot be imported: {reason}")
            failures = self._import(libraries, seconds)
            if not failures:
                bound_address_space(self._zygote_process, self._policy.limits.memory)
            told = json.dumps(failures).encode() if failures else b""
            self._control.sendall(ANSWER.pack(len(told), watch.WITHIN_LIMITS) + told)
            if not failures:
                self._obey()
        finally:
            for seat in self._seats:
                _kill_family(seat)
            self._end_zygote()

    def _obey(self) -> None:
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        # The zygote says nothing unasked: what shows there is its end.
        waiting.register(self._zygote, select.POLLIN)
        # The host's death shows as the end of the stream, unless a fork of the host holds a copy of its descriptor.
        while os.getppid() == self._parent:
            ready = waiting.poll(watch.MILLISECONDS if self._seats else _PARENT_CHECK_MILLISECONDS)
            if not ready:
                self._watch()
                continue
            if any(descriptor == self._zygote.fileno() for descriptor, _ in ready):
                raise RuntimeError("the zygote ended")
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, _MOST_DESCRIPTORS)
            if len(message) < COMMAND.size:
                break
            action, argument = COMMAND.unpack(message)
            if action == SPAWN:
                self._answer(self._spawn(descriptors))
            else:
                self._answer(*self._verdicts.pop(argument, None) or self._end(argument, looks=action == LOOK))

    def _answer(self, number: int, cause: int = watch.WITHIN_LIMITS) -> None:
        self._control.sendall(ANSWER.pack(number, cause))

    # --- the zygote -----------------------------------------------------------------------------------------------

    def _start_zygote(self) -> None:
        """Fork the zygote and wait until it is locked.

        Raises:
            RuntimeError: It could not be locked.
        """
        self._zygote, theirs = socket.socketpair()
        parent = os.getpid()
        self._zygote_process = os.fork()
        if self._zygote_process == 0:
            self._control.close()
            self._zygote.close()
            if self._numbers is not None:
                self._numbers.close()
            zygote.serve(theirs, parent, self._policy, self._root, self._directory, self._program)
        theirs.close()
        try:
            self._hear(zygote.LOCK)
        except EOFError:
            raise RuntimeError("the zygote could not be locked") from None
        if self._policy.locked and self._root:
            _renounce_all_but_numbers(self._numbers)

    def _end_zygote(self) -> None:
        """Kill the zygote, if it has not ended, and all that is left of its seats and of imported libraries."""
        if self._zygote_process:
            os.kill(self._zygote_process, signal.SIGKILL)
            os.waitpid(self._zygote_process, 0)
            self._zygote_process = 0
        self._sweep()

    def _say(self, kind: bytes, text: str) -> None:
        self._zygote.sendall(zygote.MESSAGE.pack(kind, len(text.encode())) + text.encode())

    def _hear(self, kind: bytes) -> int:
        answered, number = zygote.MESSAGE.unpack(zygote.receive(self._zygote, zygote.MESSAGE.size))
        if answered != kind:
            raise RuntimeError("the zygote gave another answer than was asked for")
        return int(number)

    def _import(self, libraries: Sequence[str], seconds: float) -> list[tuple[str, str]]:
        """Have the zygote import libraries.

        Returns:
            Those that cannot be imported within that time, with the reasons.

        Raises:
            RuntimeError: The zygote was killed.
        """
        deadline = time.monotonic() + seconds
        failures: list[tuple[str, str]] = []
        for library in libraries:
            try:
                reason = self._import_one(library, deadline)
            except _Unimportable as last:
                failures.append((library, str(last)))
                break
            if reason:
                failures.append((library, reason))
        return failures

    def _import_one(self, library: str, deadline: float) -> str:
        """Have the zygote import a library, and return why it cannot be imported; nothing if it could."""
        self._zygote.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            self._say(zygote.IMPORT, library)
            length = min(max(self._hear(zygote.IMPORT), 0), _LONGEST_REASON)
            reason = zygote.receive(self._zygote, length).decode("utf-8", "replace")
        except TimeoutError:
            raise _Unimportable("its import takes too long") from None
        except (EOFError, ConnectionError):
            raise _Unimportable(f"its import {self._how_it_ended()}") from None
        self._zygote.settimeout(None)
        if self._policy.locked:
            self._refuse_traces()
        return reason

    def _how_it_ended(self) -> str:
        deadline = time.monotonic() + _ENDING_SECONDS
        while (ended := os.waitpid(self._zygote_process, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                return "closed descriptors that are not its own"
            time.sleep(0.01)
        self._zygote_process = 0
        code = os.waitstatus_to_exitcode(ended[1])
        if code == -signal.SIGKILL:
            # Nobody can tell by whom, so it says nothing about the library: a machine short of memory does that.
            raise RuntimeError("the zygote was killed while it imported libraries")
        return f"left the process with exit code {code}" if code >= 0 else f"ended by {signal.strsignal(-code)}"

    def _refuse_traces(self) -> None:
        """Refuse a library that leaves behind what episodes would share, or what would not be in a fork.

        Raises:
            _Unimportable: It does.
        """
        process = self._zygote_process
        # One that is just ending is still there for a moment.
        deadline = time.monotonic() + _ENDING_SECONDS
        while running := self._running():
            if time.monotonic() > deadline:
                raise _Unimportable(f"its import leaves a {running} running, which a copy of the process would lack")
            time.sleep(0.01)
        for line in Path(f"/proc/{process}/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            rights = line.split()[1]
            if rights.startswith("rw") and rights.endswith("s"):
                raise _Unimportable(f"its import leaves memory that all episodes would share: {line}")

    def _running(self) -> str:
        """Name the kind of what runs besides the zygote itself; nothing if nothing does."""
        if len(watch.threads(self._zygote_process)) > 1:
            return "thread"
        return "process" if watch.children(self._zygote_process) or self._orphans() else ""

    # --- seats ----------------------------------------------------------------------------------------------------

    def _spawn(self, descriptors: Sequence[int]) -> int:
        # A name that tells nothing: a number would tell the controller how many episodes came before.
        name = secrets.token_hex(8)
        used = [seat.room for seat in self._seats.values()]
        place = SeatFolders(self._directory / name, min(self._rooms, key=used.count), name)
        connection, output, *folders = descriptors
        try:
            # The zygote's locks are older than the submission: no folder from outside can be read in them. And in a
            # sandbox none shall be, to a seat that could look beside it.
            place.make(folders if self._policy.locked else ())
            self._forget_times()
        except OSError as error:
            place.remove()
            for descriptor in descriptors:
                os.close(descriptor)
            return -(error.errno or errno.EIO)
        try:
            text = f"{place.home}\0{place.submission}".encode()
            message = zygote.MESSAGE.pack(zygote.FORK, len(text))
            if self._numbers is not None:
                self._numbers.prepare()
            socket.send_fds(self._zygote, [message + text], [connection, output])
            seat = self._hear(zygote.FORK)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if LINUX and _parent_of(seat) != self._zygote_process:
            raise RuntimeError("the zygote named a process that is not its child")
        if self._policy.locked:
            offer_to_the_memory_killer(seat)
        self._seats[seat] = place
        if self._numbers is not None:
            self._numbers.take(seat)
        return seat

    def _forget_times(self) -> None:
        """Give the folders around those of seats new times: theirs tell when the last seat ended."""
        for folder in {self._directory, *self._rooms}:
            os.utime(folder, (0, 0))

    def _watch(self) -> None:
        """End the seats that use too much. The host is told when it asks."""
        orphans = self._orphans() if self._seats else set()
        for seat in list(self._seats):
            cause = self._exceeded(seat, orphans)
            if cause != watch.WITHIN_LIMITS:
                self._verdicts[seat] = self._end(seat)._replace(cause=cause)
            else:
                priority.keep_fair([seat, *orphans])

    def _exceeded(self, seat: int, orphans: set[int]) -> int:
        return watch.exceeded(seat, orphans, self._seats[seat].home, self._policy.limits)

    def _end(self, seat: int, *, looks: bool = False) -> Verdict:
        """Kill a seat and all that came of it. A process that was already ending keeps the status it had chosen."""
        cause = self._exceeded(seat, self._orphans()) if looks else watch.WITHIN_LIMITS
        place = self._seats.pop(seat)
        _kill_family(seat)
        self._zygote.sendall(zygote.MESSAGE.pack(zygote.REAP, seat))
        status = self._hear(zygote.REAP)
        clean = self._sweep()
        place.remove()
        if self._numbers is not None:
            self._numbers.free(seat)
        return Verdict(status if clean else UNCLEAN, cause)

    def _sweep(self) -> bool:
        """Kill the orphans that this process inherited, and theirs, until there are none.

        All are stopped before the first is killed: a family that forks faster than it is killed would never end.
        """
        deadline = time.monotonic() + _SWEEP_SECONDS
        while self._orphans():
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

    def _orphans(self) -> set[int]:
        """Processes whose parent has ended and that came to this one."""
        return watch.children(os.getpid()) - {self._zygote_process}

    def _strangers(self) -> set[int]:
        """The orphans and all that descends from them."""
        return watch.family(self._orphans())


def _kill_family(seat: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(seat, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(seat, signal.SIGKILL)


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _parent_of(process: int) -> int:
    # The name of the program, in parentheses, may be anything.
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return int(fields[1])
