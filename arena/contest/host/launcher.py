"""The host's side of a zygote: starting it, asking it for seats, and replacing it when it dies."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import arena
from arena.contest.folder import MANIFEST_NAME
from arena.contest.host.lockdown import Policy, fixed_environment
from arena.contest.host.zygote import ANSWER, COMMAND, END, SPAWN, UNCLEAN, remove_tree
from arena.errors import InfrastructureFailure, printable
from arena.plugins import list_entry_points

_START_SECONDS = 120.0
_ANSWER_SECONDS = 30.0
_CAUSE_CAP = 1_000

# The host's own search path is appended, never put in front: a module of the working directory must not replace one
# of the interpreter's. It is needed where arena or a plugin is used from a checkout.
_BOOTSTRAP = """\
import json, sys
settings = json.loads(sys.argv[1])
sys.path += [entry for entry in settings["path"] if entry not in sys.path]
from arena.contest.host.zygote import main
main(sys.argv[1])
"""


class Launcher:
    """One zygote, as its host sees it.

    Args:
        policy: What the controllers' processes may use.
        preload: Libraries to import before the first seat; never a plugin's modules (see `preloadable`).

    Raises:
        InfrastructureFailure: The zygote did not start.
    """

    def __init__(self, policy: Policy, preload: Iterable[str]) -> None:
        self.seats: set[int] = set()
        self.owner = os.getpid()
        self._directory = Path(tempfile.mkdtemp(prefix="arena-"))
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the zygote
        self._control, theirs = socket.socketpair()
        with theirs:
            settings = {
                "control": theirs.fileno(),
                "parent": self.owner,
                "directory": str(self._directory),
                "preload": list(preload),
                "policy": dataclasses.asdict(policy),
                "path": _search_path(),
            }
            try:
                self._process = subprocess.Popen(
                    # No user site, no script directory on the path, no caches written; not -I, which would also
                    # ignore the fixed hash seed of the environment that is given here.
                    [sys.executable, "-s", "-P", "-B", "-c", _BOOTSTRAP, json.dumps(settings)],
                    env=_environment(self._directory),
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=self._messages,
                    stderr=self._messages,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                self._control.close()
                self._messages.close()
                remove_tree(self._directory)
                raise InfrastructureFailure(f"the process that starts controllers did not start: {error}") from error
        self._control.settimeout(_START_SECONDS)
        self._answer("did not start")
        self._control.settimeout(_ANSWER_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether this zygote can still be asked for seats by this process."""
        return self._control.fileno() >= 0 and self.owner == os.getpid() and self._process.poll() is None

    def spawn(self, connection: int, output: int) -> int:
        """Fork a seat.

        Args:
            connection: Descriptor of the seat's end of the socket.
            output: Descriptor for its standard output and error.

        Returns:
            Its process id.

        Raises:
            InfrastructureFailure: The zygote is dead.
        """
        try:
            socket.send_fds(self._control, [COMMAND.pack(SPAWN, 0)], [connection, output])
        except OSError as error:
            raise self._dead("died") from error
        seat = self._answer("died")
        self.seats.add(seat)
        return seat

    def end(self, seat: int) -> int:
        """Kill a seat and all that came of it, and wait until it is gone.

        Returns:
            Its exit code, or the negative number of the signal that ended it.

        Raises:
            InfrastructureFailure: The zygote is dead, or something that the controller started would not die.
        """
        try:
            self._control.sendall(COMMAND.pack(END, seat))
        except OSError as error:
            raise self._dead("died") from error
        status = self._answer("died")
        self.seats.discard(seat)
        if status == UNCLEAN:
            raise self._dead("could not end all processes of a controller")
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End the zygote and, with it, every seat. Calling it again does nothing."""
        if self._control.fileno() < 0:
            return
        self._control.close()
        self._messages.close()
        if self.owner != os.getpid():
            # A fork of the host holds copies only; the zygote and its directory are the other process's.
            self._process.returncode = 0
            return
        try:
            # The end of the stream makes it end its seats and leave.
            self._process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for seat in self.seats:
            # Only after a violent death: the seats died with the zygote, their own children perhaps did not.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(seat, signal.SIGKILL)
        self.seats.clear()
        remove_tree(self._directory)

    def _answer(self, what: str) -> int:
        answer = b""
        try:
            while len(answer) < ANSWER.size:
                chunk = self._control.recv(ANSWER.size - len(answer))
                if not chunk:
                    raise ConnectionResetError
                answer += chunk
        except OSError as error:
            raise self._dead(what) from error
        (number,) = ANSWER.unpack(answer)
        return int(number)

    def _dead(self, what: str) -> InfrastructureFailure:
        """Bury the zygote and say why."""
        if self.owner != os.getpid():
            return InfrastructureFailure("a process host cannot be used by a fork of the process that made it")
        self._process.kill()
        self._messages.seek(0)
        cause = printable(self._messages.read().decode("utf-8", "replace")[-_CAUSE_CAP:].strip(), _CAUSE_CAP)
        self.close()
        return InfrastructureFailure(f"the process that starts controllers {what}{': ' if cause else ''}{cause}")


def preloadable(names: Iterable[str]) -> tuple[str, ...]:
    """The names, sorted, without those of plugins' own modules.

    A preloaded module is shared by all episodes; a controller's code must be imported afresh in each.
    """
    own = {entry.value.partition(":")[0].partition(".")[0] for entry in list_entry_points()}
    return tuple(sorted(name for name in set(names) if name.partition(".")[0] not in own))


def _search_path() -> list[str]:
    """This process's search path, without the folders of submissions that it may have played itself."""
    places = [Path(entry) for entry in sys.path if entry] + [Path(arena.__file__).parent.parent]
    return [str(place) for place in places if place.is_absolute() and not (place / MANIFEST_NAME).exists()]


def _environment(directory: Path) -> dict[str, str]:
    environment = fixed_environment(directory)
    if "LD_LIBRARY_PATH" in os.environ:
        # Some Pythons do not start without it.
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
