"""In process: for the built-in baselines, for training and for tests. Replies are checked as everywhere else.

Nothing stands between the controller and the arena here, and no deadline is kept: Python code cannot be interrupted
from within. Standard output and error stay the process's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from arena.entry.submission import make_factory
from arena.errors import ContractViolation, InfrastructureFailure, PluginError, describe_exception
from arena.jail.isolation import Isolation
from arena.llm.seat import SeatAnswer, seat_answer, seat_llm
from arena.play.seats.base import ask_report, failure_code, numeric_array
from arena.play.seats.use import Peaks

if TYPE_CHECKING:
    from arena.contract.controller import Controller, ControllerReport
    from arena.contract.language_model import LlmQuestion
    from arena.contract.messages import Briefing, Observation
    from arena.entry.submission import Submission
    from arena.llm.seat import LlmLine

_T = TypeVar("_T")

_REPORT_CODES: Final = frozenset({"bad_dtype", "non_finite", "out_of_bounds"})
"""Codes of `ControllerReport`, which the controller makes in its own code."""


class TrustedHost:
    """Seats controllers in this process."""

    isolation: Isolation = "trusted"

    def open(self, submission: Submission, model: LlmLine | None = None) -> TrustedSeat:
        """Make a seat; the controller is imported by its `setup`.

        Raises:
            PluginError: Its plugin is a stranger's, and nobody trusts it.
        """
        if submission.untrusted:
            who = f"{submission.distribution}, which gives {submission.controller}"
            raise PluginError(f"nobody trusts {who}: it is never imported into this process; trust it, or isolate it")
        return TrustedSeat(submission, model)

    def prove(self) -> None:
        """Do nothing: there is nothing to lock."""

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class TrustedSeat:
    """A controller called directly. See `arena.play.seats.Seat`."""

    stderr_tail: Final = ""
    peaks: Final = Peaks()

    def __init__(self, submission: Submission, model: LlmLine | None = None) -> None:
        self._submission = submission
        self._model = model
        self._failure: InfrastructureFailure | None = None
        self._controller: Controller | None = None

    def setup(self) -> None:
        """Import and construct the controller."""
        if self._controller is None:
            controller = _guarded(lambda: make_factory(self._submission)())
            if self._model is not None:
                _guarded(lambda: seat_llm(controller, self._exchange))
            self._controller = controller

    def begin(self, briefing: Briefing) -> None:
        """Call the controller's `begin`."""
        self.setup()
        controller = self._seated()
        self._played(lambda: controller.begin(briefing))

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Call the controller's `order`; its arrays are copied, so that nothing it keeps can change them later."""
        controller = self._seated()
        reply = self._played(lambda: controller.order(observation))
        try:
            return numeric_array(reply)
        except ContractViolation:
            raise
        except (Exception, SystemExit) as error:
            # The reply's own code ran: `__array__` and its like.
            raise ContractViolation(failure_code(error), describe_exception(error)) from error

    def close(self) -> ControllerReport:
        """Call the controller's `report` and `close`, as far as it has them."""
        controller = self._seated()
        report = _guarded(lambda: ask_report(controller), own_codes=_REPORT_CODES)
        close = getattr(controller, "close", None)
        if close is not None:
            _guarded(close)
        self.release()
        return report

    def release(self) -> None:
        """Forget the controller."""
        self._controller = None

    def _exchange(self, question: LlmQuestion) -> SeatAnswer:
        assert self._model is not None  # Only then was this given to the controller.
        try:
            return seat_answer(self._model.ask(question))
        except InfrastructureFailure as failure:
            self._failure = failure
            raise

    def _played(self, call: Callable[[], _T]) -> _T:
        """Run a controller's code; when its language model was gone, that is not the controller's failure."""
        try:
            return _guarded(call)
        finally:
            if self._failure is not None:
                raise self._failure

    def _seated(self) -> Controller:
        if self._controller is None:
            raise RuntimeError("the seat is empty: call begin first, and nothing after close or release")
        return self._controller


def _guarded(call: Callable[[], _T], own_codes: Collection[str] = ()) -> _T:
    """Run a controller's code. KeyboardInterrupt is the user's and passes through; all else is the controller's.

    Args:
        call: The code.
        own_codes: Codes of violations that keep their code though the controller's code raised them.
    """
    try:
        return call()
    except (Exception, SystemExit) as error:
        if isinstance(error, ContractViolation) and error.code in own_codes:
            raise
        raise ContractViolation(failure_code(error), describe_exception(error)) from error
