"""Questions to a stranger's plugin and its answers: a length (4 bytes, little-endian) and that many bytes of JSON.

Answers are decoded by schema and capped before they are read, so that neither an unknown field nor a huge announced
length costs the arena more than the answer itself. No code crosses, and nothing is evaluated.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Annotated, Any, Final

import msgspec

from arena.contract.controller import Capability
from arena.contract.messages import Track
from arena.errors import printable
from arena.world.parts import Part

ANSWER_CAP: Final = 1024 * 1024
"""Largest answer, bytes."""
QUESTION_CAP: Final = 64 * 1024 * 1024
"""Largest question that a child reads; the arena is trusted."""
TEXT_CAP: Final = 2_000
"""Characters of a message, at most."""
_MOST_CONTROLLERS: Final = 1_000
_MOST_FAULTS: Final = 1_000
_CHUNK: Final = 65_536
_LENGTH: Final = struct.Struct("<I")

_Text = Annotated[str, msgspec.Meta(max_length=TEXT_CAP)]


class Malformed(ValueError):  # noqa: N818 - named after what it reports
    """Bytes that are no message of this protocol, or too many of them."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question or an answer."""


class Describe(Message, frozen=True, tag="describe"):
    """Import a plugin and say which controllers it gives.

    Attributes:
        name: Name of the entry point.
        value: Module (or `module:object`) of the entry point.
        distribution: Installed package.
        version: Version of that package.
        group: Entry-point group.
    """

    name: str
    value: str
    distribution: str
    version: str
    group: str


class Configure(Message, frozen=True, tag="configure"):
    """Validate the configuration of a controller of the plugin that was imported.

    Attributes:
        controller: Name of the controller.
        config: The configuration as a manifest has it.
    """

    controller: str
    config: dict[str, Any]


class Ready(Message, frozen=True, tag="ready"):
    """The process is locked and has imported no plugin."""


class PlainController(Message, frozen=True):
    """A controller's declaration without its classes; see `arena.plugins.DescribedController`."""

    name: _Text
    summary: _Text
    tracks: Annotated[list[Track], msgspec.Meta(max_length=16)]
    preload: Annotated[list[_Text], msgspec.Meta(max_length=100)]
    capabilities: Annotated[list[Capability], msgspec.Meta(max_length=16)]
    plays: Annotated[list[Part], msgspec.Meta(max_length=100)] | None = None
    independent_only: bool = False


class Described(Message, frozen=True, tag="described"):
    """The controllers of the plugin, in its own order."""

    controllers: Annotated[list[PlainController], msgspec.Meta(max_length=_MOST_CONTROLLERS)]


class Configured(Message, frozen=True, tag="configured"):
    """The configuration is valid.

    Attributes:
        config: JSON values, defaults applied.
    """

    config: dict[str, Any]


class PlainFault(Message, frozen=True):
    """A fault of a configuration.

    Attributes:
        field: Path in the configuration.
        shown: Picture of the offending value; None if there is no value to show.
        rule: The broken rule.
        suggestion: How to mend it; may be empty.
    """

    field: _Text
    shown: _Text | None
    rule: _Text
    suggestion: _Text


class Faulty(Message, frozen=True, tag="faulty"):
    """The configuration has faults."""

    faults: Annotated[list[PlainFault], msgspec.Meta(min_length=1, max_length=_MOST_FAULTS)]


class Failed(Message, frozen=True, tag="failed"):
    """The plugin cannot be imported, declares something invalid, or raised; the message is a stranger's."""

    message: _Text


Question = Describe | Configure
Answer = Ready | Described | Configured | Faulty | Failed

_questions: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def send(connection: socket.socket, message: Question | Answer) -> None:
    """Send a message.

    Raises:
        OSError: It cannot be sent, or not before the timeout of the connection.
        TypeError: It holds a value that JSON has not.
        ValueError: It holds a number that is not finite.
        RecursionError: It is nested too deeply.
    """
    # By the library of Python, which takes large integers and refuses what is not finite.
    payload = json.dumps(msgspec.to_builtins(message), allow_nan=False).encode("ascii")
    connection.sendall(_LENGTH.pack(len(payload)) + payload)


def receive_question(connection: socket.socket) -> Question:
    """Read a question, in a child.

    Raises:
        EOFError: The arena has closed the connection.
    """
    return _questions.decode(_receive(connection, QUESTION_CAP, None))


def receive_answer(connection: socket.socket, seconds: float) -> Answer:
    """Read an answer.

    Args:
        connection: Connection to the child.
        seconds: Time for the whole of it.

    Raises:
        Malformed: It is no answer, or larger than `ANSWER_CAP`.
        EOFError: The child has closed the connection.
        TimeoutError: It did not come in time.
        OSError: The connection broke.
    """
    payload = _receive(connection, ANSWER_CAP, time.monotonic() + seconds)
    try:
        return _answers.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        complaint = printable(str(error), 200)
    # The decoder's own error can quote the whole answer; it is not a context of this one.
    raise Malformed(complaint)


def _receive(connection: socket.socket, cap: int, deadline: float | None) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, deadline))
    if length > cap:
        raise Malformed(f"a message of {length} bytes was announced; the cap is {cap}")
    return _exactly(connection, length, deadline)


def _exactly(connection: socket.socket, length: int, deadline: float | None) -> bytes:
    received = bytearray()
    while len(received) < length:
        if deadline is not None:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = connection.recv(min(_CHUNK, length - len(received)))
        if not chunk:
            raise EOFError
        received += chunk
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
    return bytes(received)
