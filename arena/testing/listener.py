"""A host that listens: it passes everything on, and notes how long starts took, and changes to what it handed out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.contract.messages import Briefing, Observation
from arena.entry.submission import Submission
from arena.llm.seat import LlmLine
from arena.play.seats import Host, Seat
from arena.play.seats.use import Peaks

_T = TypeVar("_T")


class ListeningHost:
    """A host that passes everything on to another and takes notes.

    Attributes:
        slowest_start: Seconds of the slowest import, construction and `begin` of a controller together.
        peaks: The most that a controller used of each limit, among the seats that were released.
    """

    def __init__(self, host: Host) -> None:
        self.isolation = host.isolation
        self.slowest_start = 0.0
        self.peaks = Peaks()
        self._host = host
        self._changes: set[str] = set()

    def open(self, submission: Submission, model: LlmLine | None = None) -> Seat:
        """Open a seat that listens."""
        return ListeningSeat(self._host.open(submission, model), self)

    def close(self) -> None:
        """Close the other host."""
        self._host.close()

    def note_change(self, message: str) -> None:
        """Remember that something handed out was changed."""
        self._changes.add(message)

    def take_changes(self) -> set[str]:
        """Return the changes noted since the last call."""
        taken, self._changes = self._changes, set()
        return taken


class ListeningSeat:
    """A seat that passes everything on to another; see `arena.play.seats.Seat`."""

    def __init__(self, seat: Seat, host: ListeningHost) -> None:
        self._seat = seat
        self._host = host
        self._setup_seconds = 0.0

    @property
    def stderr_tail(self) -> str:
        """End of what the controller wrote."""
        return self._seat.stderr_tail

    @property
    def peaks(self) -> Peaks:
        """The most that the controller has used of each limit."""
        return self._seat.peaks

    def setup(self) -> None:
        """Import and construct the controller, timed."""
        start = time.perf_counter()
        self._seat.setup()
        self._setup_seconds = time.perf_counter() - start

    def begin(self, briefing: Briefing) -> None:
        """Give the briefing, timed, and see that it stays as it is."""
        start = time.perf_counter()
        self._watched(lambda: self._seat.begin(briefing), briefing)
        self._host.slowest_start = max(self._host.slowest_start, self._setup_seconds + time.perf_counter() - start)

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Ask for orders, and see that the observation stays as it is."""
        return self._watched(lambda: self._seat.order(observation), observation)

    def close(self) -> ControllerReport:
        """Take the report and end the episode."""
        return self._seat.close()

    def release(self) -> None:
        """Free the seat, and keep what was used."""
        self._seat.release()
        self._host.peaks = self._host.peaks.most(self._seat.peaks)

    def _watched(self, action: Callable[[], _T], given: Briefing | Observation) -> _T:
        before = _content(given)
        try:
            return action()
        finally:
            after = _content(given)
            for field in before:
                if field not in after or not np.array_equal(before[field], after[field], equal_nan=True):
                    self._host.note_change(f"{type(given).__name__}.{field} was changed; copy an array to work on it")


def _content(given: Briefing | Observation) -> dict[str, NDArray[Any]]:
    """Return copies of the numeric fields of a briefing or observation."""
    found = {field.name: getattr(given, field.name, None) for field in dataclasses.fields(given)}
    return {
        name: np.array(value)
        for name, value in found.items()
        if isinstance(value, np.ndarray | int | float) and not isinstance(value, bool)
    }
