"""The arena's side: locked processes in which strangers' plugins are imported, one for each, and what comes back.

They are processes as controllers have them, forked from a zygote at the strongest isolation level that works here,
with the same limits on memory, files and threads. Answers are plain values; each is checked again, since the process
may have answered without the code that checks there.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from arena.declarations import CONTROLLERS, check_promises
from arena.entry.strangers.messages import (
    TEXT_CAP,
    Answer,
    Configure,
    Configured,
    Describe,
    Described,
    Failed,
    Faulty,
    Malformed,
    Question,
    Ready,
    receive_answer,
    send,
)
from arena.errors import (
    ABSENT,
    ArenaError,
    Fault,
    InfrastructureFailure,
    InvalidInput,
    PluginError,
    printable,
    show_value,
)
from arena.jail import watch
from arena.jail.bubblewrap import find_bubblewrap
from arena.jail.isolation import ISOLATION_ORDER, Isolation
from arena.jail.kernel import conceal_memory
from arena.jail.launcher import Launcher, Program
from arena.jail.levels import find_missing_part
from arena.jail.limits import Limits
from arena.jail.lockdown import policy_for
from arena.jail.places import find_places
from arena.plugins import GROUP, DescribedController, PluginEntry, list_entry_points, reserved_by
from arena.world.library import shipped

SECONDS: Final = 30.0
"""Time for a plugin's import and declarations, and for each configuration, on the clock."""

_START_SECONDS: Final = 30.0
_TRIALS: Final = 2
_PROGRAM: Final = Program("arena.entry.strangers.child:serve")


class _Process(NamedTuple):
    """A plugin's process, and the arena's end of its socket."""

    number: int
    connection: socket.socket


class _Picture:
    """Stands for a value of a stranger's process in a fault: its text, and nothing that acts."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        """Return the text."""
        return self.text


class Strangers:
    """Processes that answer for strangers' plugins; nothing is started before the first question. Close it when done.

    Args:
        group: Entry-point group.
        limits: Limits of every process but those on time; the defaults when None.
        seconds: Time for each answer, on the clock.
    """

    def __init__(self, group: str = GROUP, limits: Limits | None = None, seconds: float = SECONDS) -> None:
        self._group = group
        self._limits = limits or Limits()
        self._seconds = seconds
        self._launcher: Launcher | None = None
        self._processes: dict[PluginEntry, _Process] = {}
        self.isolation: Isolation | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def describe(self, entry: PluginEntry) -> tuple[DescribedController, ...]:
        """Have a plugin imported in a process of its own, and return the controllers that it declares.

        Args:
            entry: Its entry point.

        Raises:
            PluginError: It cannot be imported there, breaks a rule, or does not answer in time.
            InfrastructureFailure: The arena could not make a process.
            ArenaError: This system cannot.
        """
        question = Describe(entry.name, entry.value, entry.distribution, entry.version, self._group)
        answer = self._ask(entry, question)
        if not isinstance(answer, Described):
            raise self._failure(entry, answer)
        reserved = reserved_by(entry.distribution, CONTROLLERS)
        controllers = []
        for one in answer.controllers:
            described = DescribedController(
                name=one.name,
                summary=printable(one.summary, TEXT_CAP),
                tracks=tuple(one.tracks),
                preload=tuple(one.preload),
                capabilities=tuple(one.capabilities),
                plays=None if one.plays is None else tuple(one.plays),
                independent_only=one.independent_only,
                entry=entry,
            )
            check_promises(described)
            if (owner := reserved(one.name)) is not None:
                raise PluginError(f"its controller {show_value(one.name)} has a name of {owner}")
            controllers.append(described)
        if len({one.name for one in controllers}) < len(controllers):
            raise PluginError("it gives a controller twice; give each controller its own name")
        return tuple(controllers)

    def configure(self, controller: DescribedController, config: Mapping[str, Any], source: str) -> dict[str, Any]:
        """Have a plugin validate the configuration of one of its controllers.

        Args:
            controller: The controller, as `describe` gave it.
            config: The configuration, as a manifest has it.
            source: Origin of the configuration, for faults.

        Returns:
            JSON values, defaults applied.

        Raises:
            InvalidInput: With every fault; paths are those within the configuration.
            InfrastructureFailure: The arena could not make a process.
        """
        try:
            if controller.entry not in self._processes:
                self.describe(controller.entry)
            try:
                answer = self._ask(controller.entry, Configure(controller.name, dict(config)))
            except (TypeError, ValueError, RecursionError) as error:
                rule = f"a configuration has values of JSON only, with finite numbers: {printable(str(error))}"
                raise InvalidInput([Fault(source, "", ABSENT, rule)]) from error
            if isinstance(answer, Configured):
                return answer.config
            if not isinstance(answer, Faulty):
                raise self._failure(controller.entry, answer)
        except PluginError as error:
            rule = f'plugin "{controller.entry.name}" of {controller.entry.distribution} could not check it: {error}'
            raise InvalidInput([Fault(source, "", ABSENT, rule)]) from error
        raise InvalidInput(
            Fault(
                source,
                fault.field,
                ABSENT if fault.shown is None else _Picture(printable(fault.shown)),
                fault.rule,
                fault.suggestion,
            )
            for fault in answer.faults
        )

    def close(self) -> None:
        """End all processes. Calling it again does nothing."""
        for process in self._processes.values():
            process.connection.close()
        self._processes.clear()
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            launcher.close()

    def _ask(self, entry: PluginEntry, question: Question) -> Answer:
        process = self._processes.get(entry) or self._start(entry)
        try:
            process.connection.settimeout(self._seconds)
            send(process.connection, question)
            return receive_answer(process.connection, self._seconds)
        except TimeoutError:
            cause = f"it did not answer within {self._seconds:g} seconds"
        except Malformed as error:
            cause = f"its process answered with what is no message of this protocol: {error}"
        except (EOFError, OSError):
            cause = ""
        ended = self._end(entry)
        raise PluginError(cause or f"its process {ended} while the plugin was imported or asked")

    def _end(self, entry: PluginEntry) -> str:
        """End a plugin's process, and say how it ended."""
        process = self._processes.pop(entry)
        process.connection.close()
        if self._launcher is None or process.number not in self._launcher.seats:
            return "ended"
        verdict = self._launcher.end(process.number)
        if cause := watch.describe(verdict.cause, self._limits):
            return f"was ended, because {cause}"
        status = verdict.status
        return f"was ended by signal {-status}" if status < 0 else f"left with exit code {status}"

    def _failure(self, entry: PluginEntry, answer: Answer) -> PluginError:
        if isinstance(answer, Failed):
            return PluginError(printable(answer.message, TEXT_CAP))
        self._end(entry)
        return PluginError("its process gave an answer of the wrong kind")

    def _start(self, entry: PluginEntry) -> _Process:
        if self._launcher is not None and self._launcher.alive:
            process = self._spawn(self._launcher)
        else:
            self.close()
            self._launcher, process = self._launch()
        self._processes[entry] = process
        return process

    def _launch(self) -> tuple[Launcher, _Process]:
        """Start a zygote at the strongest level that works, and its first process; no plugin has been imported."""
        reasons = []
        for level in reversed(ISOLATION_ORDER):
            reason = find_missing_part(level)
            # Once more, since a process that was killed meanwhile says nothing about the level.
            for _ in range(0 if reason or level == "trusted" else _TRIALS):
                launcher = None
                try:
                    launcher = self._launcher_at(level)
                    process = self._spawn(launcher)
                except InfrastructureFailure as failure:
                    reason = str(failure)
                    if launcher is not None:
                        launcher.close()
                else:
                    self.isolation = level
                    return launcher, process
            if reason:
                reasons.append(f"{level}: {reason}")
        raise ArenaError(
            f"plugins of strangers cannot be looked at here ({'; '.join(reasons)}); uninstall them, or trust them"
        )

    def _launcher_at(self, level: Isolation) -> Launcher:
        if level != "process":
            conceal_memory()
        packages = sorted({entry.package for entry in list_entry_points(self._group)})
        places = find_places(["arena", *packages], [shipped("networks").parent])
        policy = policy_for(level, self._limits, places)
        return Launcher(_PROGRAM, policy, (), places, find_bubblewrap() if level == "sandbox" else None)

    def _spawn(self, launcher: Launcher) -> _Process:
        """Fork a process, and wait for the greeting that it sends when it is locked."""
        ours, theirs = socket.socketpair()
        try:
            with contextlib.ExitStack() as handed_over:
                handed_over.callback(theirs.close)
                # Whatever a plugin prints is dropped: its failures come as answers.
                output = os.open(os.devnull, os.O_WRONLY)
                handed_over.callback(os.close, output)
                number = launcher.spawn(theirs.fileno(), output)
            if not isinstance(receive_answer(ours, _START_SECONDS), Ready):
                raise InfrastructureFailure("the process for a plugin did not greet")
        except (EOFError, OSError, Malformed) as error:
            ours.close()
            raise InfrastructureFailure("the process for a plugin could not be locked down") from error
        except BaseException:
            ours.close()
            raise
        return _Process(number, ours)
