"""The process that imports one stranger's plugin and answers for it, in the locks of a controller's process."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, NoReturn

from arena.contract.controller import ControllerSpec
from arena.declarations import CONTROLLERS
from arena.entry.strangers.messages import (
    TEXT_CAP,
    Answer,
    Configure,
    Configured,
    Describe,
    Described,
    Failed,
    Faulty,
    PlainController,
    PlainFault,
    Question,
    Ready,
    receive_question,
    send,
)
from arena.errors import ABSENT, Fault, InvalidInput, PluginError, describe_exception, show_value
from arena.plugins import PluginEntry, load_declared, reserved_by
from arena.schemas import parse_as


def serve(connection: socket.socket, folder: Path | None = None) -> NoReturn:
    """Greet the arena, answer until the connection ends, and leave without running anybody's exit handlers.

    Args:
        connection: Blocking socket to the arena.
        folder: Not used; a plugin has no submission's folder.
    """
    plugin = _Plugin()
    send(connection, Ready())
    with contextlib.suppress(EOFError):
        while True:
            answer = plugin.answer(receive_question(connection))
            try:
                send(connection, answer)
            except (TypeError, ValueError, RecursionError) as error:  # Values that are no JSON.
                send(connection, _failed(describe_exception(error)))
    os._exit(0)


class _Plugin:
    """The plugin and its declarations, once it was imported."""

    def __init__(self) -> None:
        self._specs: dict[str, ControllerSpec[Any]] = {}

    def answer(self, question: Question) -> Answer:
        """Do what is asked; whatever the plugin raises becomes an answer."""
        try:
            return self._describe(question) if isinstance(question, Describe) else self._configure(question)
        except PluginError as error:
            return _failed(str(error))
        except InvalidInput as error:
            return Faulty([_plain(fault) for fault in error.faults])
        except BaseException as error:
            return _failed(describe_exception(error))

    def _describe(self, asked: Describe) -> Answer:
        entry = PluginEntry(asked.name, asked.value, asked.distribution, asked.version)
        specs = load_declared(CONTROLLERS, entry, asked.group, reserved_by(asked.distribution, CONTROLLERS))
        self._specs = {spec.name: spec for spec in specs}
        return Described([_promises(spec) for spec in specs])

    def _configure(self, asked: Configure) -> Answer:
        model = self._specs[asked.controller].config
        return Configured(parse_as(model, asked.config, "").model_dump(mode="json"))


def _plain(fault: Fault) -> PlainFault:
    shown = None if fault.value is ABSENT else show_value(fault.value)
    return PlainFault(fault.field[:TEXT_CAP], shown, fault.rule[:TEXT_CAP], fault.suggestion[:TEXT_CAP])


def _failed(message: str) -> Failed:
    return Failed(message[:TEXT_CAP])


def _promises(spec: ControllerSpec[Any]) -> PlainController:
    plays = None if spec.plays is None else list(spec.plays)
    promises = (list(spec.tracks), list(spec.preload), list(spec.capabilities))
    return PlainController(spec.name, spec.summary, *promises, plays, spec.independent_only)
