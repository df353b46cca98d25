"""The host's side of a zygote and its warden: starting them, asking for seats, and saying why they died."""

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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from arena.errors import InfrastructureFailure, printable
from arena.jail import numbers, watch
from arena.jail.bubblewrap import LIBRARIES_ROOM, MOST_ROOMS, ROOMS, SEATS, WORLD, describe_processor, sandboxed
from arena.jail.cgroup import ControlGroup
from arena.jail.cpu_time import CpuMeter, FamilyMeter, Located, ProcessMeter, locate
from arena.jail.limits import Limits
from arena.jail.lockdown import Policy, fixed_environment
from arena.jail.own_copy import Kept, entrance
from arena.jail.places import Places
from arena.jail.trees import remove_tree
from arena.jail.warden import ANSWER, COMMAND, END, LOOK, PREPARE, SPAWN, UNCLEAN, Verdict
from arena.jail.zygote import receive

_START_SECONDS = 120.0
_ANSWER_SECONDS = 30.0
_PRELOAD_SECONDS = 120.0
"""For the import of all libraries of a zygote; torch from a cold disk takes ten."""
_CAUSE_CAP = 1_000
_LONGEST_LIST = 1_000_000

_FAMILY_PROCESSES = 1024
_FAMILY_MEMORY = 4
_COPIES_SPACE = 2
"""Bounds of all seats of a zygote together: processes; memory, and in a sandbox the copies of their submissions, as
multiples of what one seat may have or write."""

# The few packages outside of the folders of installed ones are found by name, where the host found them. Nothing else
# of the host's search path is given to the zygote: what is preloaded is installed, and never a file that lies around.
_BOOTSTRAP = """\
import importlib.util, json, sys
settings = json.loads(sys.argv[1])
class Packages:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in settings["packages"]:
            return importlib.util.spec_from_file_location(name, settings["packages"][name])
sys.meta_path.insert(0, Packages)
sys.path += [entry for entry in settings["search_path"] if entry not in sys.path]
from arena.jail.warden import main
main(sys.argv[1])
"""


class PreloadFailure(InfrastructureFailure):
    """Libraries that were named cannot be imported beforehand; trying again does not help.

    Attributes:
        failures: the libraries, each with the reason.
    """

    def __init__(self, failures: Iterable[tuple[str, str]]) -> None:
        """Take them, at least one."""
        self.failures = tuple(failures)
        super().__init__(self.failures)

    def __str__(self) -> str:
        """Return them on one line."""
        told = "; ".join(f"{library}: {reason}" for library, reason in self.failures)
        return f"libraries cannot be preloaded: {told}"


class Program(NamedTuple):
    """The program of a jail: what runs in every process once it is locked.

    Attributes:
        serve: `module:function`, called with the socket to the host and, if there is one, the folder that may be read;
            it does not return. The module is imported before anything is locked.
        libraries: modules that the program imports on first use; imported once, in the locks of the zygote.
    """

    serve: str
    libraries: tuple[str, ...] = ()


class Launcher:
    """One zygote with its warden, as their host sees them.

    Args:
        program: What runs in the processes.
        policy: What the controllers' processes may use.
        preload: Libraries to import before the first seat.
        places: Where the interpreter and the libraries are.
        bubblewrap: Path of bubblewrap, to start the zygote in a sandbox; None for none.
        kept: Copies of the places, to make the sandbox of; None to make it of the places themselves.

    Raises:
        PreloadFailure: A library cannot be imported.
        InfrastructureFailure: The zygote did not start.
    """

    def __init__(
        self,
        program: Program,
        policy: Policy,
        preload: Sequence[str],
        places: Places,
        bubblewrap: str | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.seats: set[int] = set()
        self.owner = os.getpid()
        self._sandboxed = bubblewrap is not None
        self._numbered = self._sandboxed and numbers.can_be_given()
        # Where no process can be started, there is only one to be measured.
        self._is_alone = policy.locked and not policy.programs
        self._directory = None if self._sandboxed else Path(tempfile.mkdtemp(prefix="arena-"))
        self._group: ControlGroup | None = None
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the zygote
        self._control, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as processor:
            given = [theirs.fileno()]
            command = self._command(theirs.fileno(), program, policy, preload, places)
            environment = _environment(self._directory or LIBRARIES_ROOM)
            if bubblewrap is not None:
                disk = policy.limits.disk
                processor.write(describe_processor())
                processor.seek(0)
                given.append(processor.fileno())
                command = sandboxed(
                    command,
                    bubblewrap,
                    places=places,
                    environment=environment,
                    space=_COPIES_SPACE * disk,
                    room=disk,
                    kept=kept,
                    processor=processor.fileno(),
                    numbered=self._numbered,
                    programs=policy.programs,
                )
                environment = {}
            try:
                self._process = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=self._directory or "/",
                    stdin=subprocess.DEVNULL,
                    stdout=self._messages,
                    stderr=self._messages,
                    pass_fds=given,
                    start_new_session=True,
                    # Everything else of the sandbox is made after it, by bubblewrap.
                    preexec_fn=None if kept is None else entrance(kept),
                )
            except OSError as error:
                self._control.close()
                self._messages.close()
                self._remove_directory()
                raise InfrastructureFailure(f"the process that starts controllers did not start: {error}") from error
        self._control.settimeout(_START_SECONDS)
        self._answer("did not start")
        if policy.locked:
            self._join_control_group(policy.limits)
        self._control.settimeout(_START_SECONDS + _PRELOAD_SECONDS)
        self._prepare()
        self._control.settimeout(_ANSWER_SECONDS)

    @property
    def _seats_at(self) -> Path:
        """Where the zygote keeps its seats, as it sees it."""
        return self._directory or SEATS

    def _command(
        self, control: int, program: Program, policy: Policy, preload: Sequence[str], places: Places
    ) -> list[str]:
        settings = {
            "control": control,
            # Another world's process ids mean nothing in a sandbox: there the kernel watches the parent.
            "parent": 0 if self._sandboxed else self.owner,
            "root": str(WORLD) if self._sandboxed else "",
            "directory": str(self._seats_at),
            "rooms": [str(ROOMS / str(number)) for number in range(MOST_ROOMS)] if self._sandboxed else [],
            "serve": program.serve,
            "libraries": program.libraries,
            "preload": list(preload),
            "preload_seconds": _PRELOAD_SECONDS,
            "policy": dataclasses.asdict(policy),
            "numbers": self._numbered,
            "packages": places.packages,
            "search_path": places.search_path,
        }
        # No user site, no script directory on the path, no caches written; not -I, which would also ignore the fixed
        # hash seed of the environment that is given here.
        return [sys.executable, "-s", "-P", "-B", "-c", _BOOTSTRAP, json.dumps(settings)]

    @property
    def alive(self) -> bool:
        """Whether this zygote can still be asked for seats by this process."""
        return self._control.fileno() >= 0 and self.owner == os.getpid() and self._process.poll() is None

    def spawn(self, connection: int, output: int, folder: int | None = None) -> int:
        """Fork a seat.

        Args:
            connection: Descriptor of the seat's end of the socket.
            output: Descriptor for its standard output and error.
            folder: Descriptor of the submission's folder; None if it has none.

        Returns:
            Its process id; in a sandbox, as it is seen from inside.

        Raises:
            InfrastructureFailure: The zygote is dead, or the folder could not be made or copied.
        """
        descriptors = [connection, output] + ([] if folder is None else [folder])
        try:
            socket.send_fds(self._control, [COMMAND.pack(SPAWN, 0)], descriptors)
        except OSError as error:
            raise self._dead("died") from error
        seat = self._answer("died").status
        if seat < 0:
            raise InfrastructureFailure(f"a folder for a controller could not be made: {os.strerror(-seat)}")
        self.seats.add(seat)
        return seat

    def locate(self, seat: int) -> Located | None:
        """Find a seat's processes, in this process's numbers; None where the system does not tell."""
        return locate(seat, self._process.pid)

    def measure(self, located: Located) -> CpuMeter:
        """Return a meter of the CPU time of a seat."""
        if self._is_alone:
            return ProcessMeter(located.process)
        return FamilyMeter(located.process, located.warden, located.zygote)

    def end(self, seat: int, *, looks: bool = False) -> Verdict:
        """Kill a seat and all that came of it, and wait until it is gone.

        Args:
            seat: its process.
            looks: whether it is looked at first for what it uses too much of.

        Returns:
            How it ended: its exit code, or the negative number of the signal that ended it; and what the warden ended
            it for, a number of `arena.jail.watch`.

        Raises:
            InfrastructureFailure: The zygote is dead, or something that the controller started would not die. That does
                not happen in a sandbox, which is ended then.
        """
        try:
            self._control.sendall(COMMAND.pack(LOOK if looks else END, seat))
        except OSError as error:
            raise self._dead("died") from error
        verdict = self._answer("died")
        self.seats.discard(seat)
        if verdict.status == UNCLEAN:
            failure = self._dead("could not end all processes of a controller")
            if not self._sandboxed:
                raise failure
            # They ended with their world: nothing is left, and being hard to kill is not the arena's failure.
            return verdict._replace(status=-signal.SIGKILL)
        return verdict._replace(status=os.waitstatus_to_exitcode(verdict.status))

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
        if not self._sandboxed:
            for seat in self.seats:
                # Only after a violent death: the seats died with the zygote, their own children perhaps did not.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(seat, signal.SIGKILL)
        self.seats.clear()
        self._remove_directory()
        if self._group is not None:
            self._group.remove()

    def _prepare(self) -> None:
        """Have the zygote made, and the libraries imported in it."""
        try:
            self._control.sendall(COMMAND.pack(PREPARE, 0))
        except OSError as error:
            raise self._dead("did not start") from error
        length = self._answer("did not start").status
        if length:
            failures = json.loads(self._receive(min(length, _LONGEST_LIST), "did not start"))
            self.close()
            raise PreloadFailure((printable(name), printable(reason, _CAUSE_CAP)) for name, reason in failures)

    def _join_control_group(self, limits: Limits) -> None:
        self._group = ControlGroup.make(processes=_FAMILY_PROCESSES, memory=_FAMILY_MEMORY * limits.memory)
        # In a sandbox this is bubblewrap, which waits, and the warden is its child. There is no zygote yet.
        for process in (self._process.pid, *watch.children(self._process.pid)):
            self._group.add(process)

    def _remove_directory(self) -> None:
        if self._directory is not None:
            remove_tree(self._directory)

    def _answer(self, what: str) -> Verdict:
        return Verdict(*ANSWER.unpack(self._receive(ANSWER.size, what)))

    def _receive(self, length: int, what: str) -> bytes:
        try:
            return receive(self._control, length)
        except (OSError, EOFError) as error:
            raise self._dead(what) from error

    def _dead(self, what: str) -> InfrastructureFailure:
        """Bury the zygote and say why."""
        if self.owner != os.getpid():
            return InfrastructureFailure("a process host cannot be used by a fork of the process that made it")
        self._process.kill()
        self._messages.seek(0)
        cause = printable(self._messages.read().decode("utf-8", "replace")[-_CAUSE_CAP:].strip(), _CAUSE_CAP)
        self.close()
        return InfrastructureFailure(f"the process that starts controllers {what}{': ' if cause else ''}{cause}")


def _environment(directory: Path) -> dict[str, str]:
    environment = fixed_environment(directory)
    if "LD_LIBRARY_PATH" in os.environ:
        # Some Pythons do not start without it.
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
