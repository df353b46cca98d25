"""A host that keeps what it passes on: every message to a controller, as the bytes that go over the wire."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.contract.messages import Briefing, Observation
from arena.entry.submission import Submission
from arena.llm.seat import LlmLine
from arena.play.seats import Host, Seat, translate
from arena.play.seats.use import Peaks
from arena.play.seats.wire import NO_PERIOD, BeginRequest, OrderRequest, SetupRequest, pack

_NONCE = 0
"""In a contest this is a random number, the same for nobody and of no meaning."""


@dataclass(frozen=True)
class Message:
    """One message to a controller.

    Attributes:
        name: what it is: "setup", "briefing", or "observation of period 3".
        fields: what is in it, as plain values.
        frame: the bytes that a controller's process gets for it, but for the nonce.
    """

    name: str
    fields: Mapping[str, Any]
    frame: bytes


class RecordingHost:
    """A host that passes everything on to another and keeps the messages.

    Attributes:
        messages: of every seat that was opened, in this order; those of one seat in the order in which they were sent.
    """

    def __init__(self, host: Host) -> None:
        self.isolation = host.isolation
        self.messages: list[list[Message]] = []
        self._host = host

    def open(self, submission: Submission, model: LlmLine | None = None) -> Seat:
        """Open a seat, and keep what it is told. What sets it up is its first message."""
        told = describe_setup(submission)
        self.messages.append([told])
        return RecordingSeat(self._host.open(submission, model), self.messages[-1])

    def close(self) -> None:
        """Close the other host."""
        self._host.close()


class RecordingSeat:
    """A seat that passes everything on to another; see `arena.play.seats.Seat`."""

    def __init__(self, seat: Seat, messages: list[Message]) -> None:
        self._seat = seat
        self._messages = messages

    @property
    def stderr_tail(self) -> str:
        """End of what the controller wrote."""
        return self._seat.stderr_tail

    @property
    def peaks(self) -> Peaks:
        """The most that the controller has used of each limit."""
        return self._seat.peaks

    def setup(self) -> None:
        """Import and construct the controller."""
        self._seat.setup()

    def begin(self, briefing: Briefing) -> None:
        """Keep the briefing and give it."""
        self._messages.append(describe_briefing(briefing))
        self._seat.begin(briefing)

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Keep the observation and ask for orders."""
        self._messages.append(describe_observation(observation))
        return self._seat.order(observation)

    def close(self) -> ControllerReport:
        """Take the report and end the episode."""
        return self._seat.close()

    def release(self) -> None:
        """Free the seat."""
        self._seat.release()


def describe_setup(submission: Submission) -> Message:
    """The message by which a controller is made."""
    fields = translate.describe_submission(submission)
    return Message("setup", fields, pack(SetupRequest(_NONCE, NO_PERIOD, fields, submission.endpoint is not None)))


def describe_briefing(briefing: Briefing) -> Message:
    """The message by which an episode begins."""
    kind, fields = translate.describe_briefing(briefing)
    return Message("briefing", fields, pack(BeginRequest(_NONCE, NO_PERIOD, kind, fields)))


def describe_observation(observation: Observation) -> Message:
    """The message before a decision."""
    kind, values = translate.describe_observation(observation)
    names = [field.name for field in dataclasses.fields(observation)]
    frame = pack(OrderRequest(_NONCE, observation.period, kind, values))
    return Message(f"observation of period {observation.period}", dict(zip(names, values, strict=True)), frame)
