"""What a host and a seat are, and the checks of replies that every host shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.errors import ContractViolation, FailureCode, InfrastructureFailure, printable
from arena.jail.isolation import Isolation
from arena.play.seats.use import Peaks
from arena.simulate.orders import order_numbers

if TYPE_CHECKING:
    from arena.contract.controller import Controller
    from arena.contract.messages import Briefing, Observation
    from arena.entry.submission import Submission
    from arena.llm.seat import LlmLine

__all__ = [
    "Host",
    "InfrastructureFailure",
    "Isolation",
    "Seat",
    "ask_report",
    "failure_code",
    "numeric_array",
    "printable_lines",
]

LARGEST_REPLY = 131_072
"""Entries of an order array that are looked at; anything larger has the wrong shape on every network."""

MOST_DIMENSIONS = 8
"""Dimensions of an order array that are told in a message; one is right."""


LONGEST_ESCAPE = len("\\U0001f4e6")
"""Characters that one unprintable character can become."""


class Seat(Protocol):
    """One controller in one episode, whatever stands between it and the arena.

    The life of a seat: `setup`, `begin`, `order` once per period, `close`, `release`. Every method but `release`
    raises `ContractViolation` when the controller fails and `InfrastructureFailure` when the arena does; after either,
    only `release` may be called.
    """

    @property
    def stderr_tail(self) -> str:
        """End of what the controller wrote to standard output and error, made printable; complete after `release`."""

    @property
    def peaks(self) -> Peaks:
        """The most that the controller has used of each limit so far; memory is looked at when it closes."""

    def setup(self) -> None:
        """Import and construct the controller. Calling it again does nothing."""

    def begin(self, briefing: Briefing) -> None:
        """Give the controller its briefing, after `setup` if that has not been done."""

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Ask for the orders of one period.

        Returns:
            A float64 array of whatever shape the controller chose: numbers, but still to be checked.
        """

    def close(self) -> ControllerReport:
        """Ask the controller for its report, tell it that the episode is over, and release the seat.

        Returns:
            What it reported, two valid numbers that nobody has checked for truth; the defaults if it has no report.
        """

    def release(self) -> None:
        """Free all that the seat holds, without another word to the controller. Calling it again does nothing."""


class Host(Protocol):
    """Seats controllers at one isolation level. Not shared between threads or processes."""

    isolation: Isolation

    def open(self, submission: Submission, model: LlmLine | None = None) -> Seat:
        """Make a place for one episode of a submission's controller, which is not imported yet.

        Args:
            submission: Whose controller it is.
            model: Who answers its questions to a language model; None: it may ask none.

        Raises:
            InfrastructureFailure: No place could be made.
        """

    def close(self) -> None:
        """Release all that the host holds. Calling it again does nothing."""


def numeric_array(reply: object) -> NDArray[np.float64]:
    """Turn what a controller returned into float64 numbers of whatever shape.

    Numpy arrays, sequences and everything else that numpy understands are taken if they hold integers or real
    floating-point numbers. Runs the reply's own code (``__array__``, ``__float__``), so it belongs where the
    controller runs.

    Returns:
        A new float64 array; values beyond the range of float64 are infinite in it.

    Raises:
        ContractViolation: ``bad_dtype`` for booleans, complex numbers, text, dates, None, other objects and ragged
            sequences; ``bad_shape`` for absurdly large arrays.
    """
    array = order_numbers(reply)
    if array.size > LARGEST_REPLY or array.ndim > MOST_DIMENSIONS:
        raise ContractViolation(
            "bad_shape", f"orders have {array.ndim} dimensions and {array.size} entries; return one per supply link"
        )
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def ask_report(controller: Controller) -> ControllerReport:
    """Ask a controller for its report. Runs the controller's code, so it belongs where the controller runs.

    Returns:
        A new report made of the numbers in the controller's; the defaults if it has no method ``report``.

    Raises:
        ContractViolation: ``bad_dtype`` for what is no `ControllerReport`; as `ControllerReport` does for one that was
            altered after it was made.
    """
    ask = getattr(controller, "report", None)
    if ask is None:
        return ControllerReport()
    reply = ask()
    if not isinstance(reply, ControllerReport):
        kind = printable(type(reply).__name__)
        raise ContractViolation("bad_dtype", f"report() must return a ControllerReport, got {kind}")
    return ControllerReport(reply.fallbacks, reply.profit_bound, reply.parse_failures, reply.repairs)


def failure_code(error: BaseException) -> FailureCode:
    """Outcome code of an exception that a controller raised."""
    if isinstance(error, MemoryError):
        return "memory"
    return "exited" if isinstance(error, SystemExit) else "exception"


def printable_lines(text: str) -> str:
    """Make text of several lines safe for a terminal: everything unprintable but line breaks is escaped."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n".join(printable(line, LONGEST_ESCAPE * len(line) + 1) for line in lines)
