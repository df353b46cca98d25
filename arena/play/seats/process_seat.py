"""A seat in a process of its own: spoken to in bytes only, on the clock, and killed when its time is up.

Standard output and error of the controller go through a pipe that the host empties while it waits for a reply, and of
which it keeps the end. A file would have to be limited in size, and a controller that fills it would see its `print`
fail: a pipe costs no disk and never changes what the controller does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import secrets
import select
import signal
import socket
import time
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.contract.language_model import LlmMessage, LlmQuestion
from arena.errors import MESSAGE_CAP, ContractViolation, ControllerKilled, printable
from arena.jail import watch
from arena.jail.cpu_time import address_space
from arena.llm.seat import seat_answer
from arena.play.seats import translate
from arena.play.seats.base import InfrastructureFailure, printable_lines
from arena.play.seats.stopwatch import Stopwatch
from arena.play.seats.use import Peaks, TimeUse
from arena.play.seats.wire import (
    NO_PERIOD,
    AnswerRequest,
    BeginRequest,
    ClosedReply,
    CloseRequest,
    DoneReply,
    FailureReply,
    FrameReader,
    MalformedMessage,
    OrderReply,
    OrderRequest,
    QuestionReply,
    Reply,
    Request,
    SetupRequest,
    pack,
    unpack_reply,
)

if TYPE_CHECKING:
    from arena.contract.messages import Briefing, Observation
    from arena.entry.submission import Submission
    from arena.jail.cpu_time import CpuMeter, Located
    from arena.jail.launcher import Launcher
    from arena.jail.limits import Limits
    from arena.jail.warden import Verdict
    from arena.llm.seat import LlmLine

_R = TypeVar("_R", bound=Reply)

_CHUNK = 65_536
_SPAWN_SECONDS = 120.0
"""Time for a process to be locked, in which no controller's code runs: long, for a busy machine."""
_LONGEST_POLL = 3600.0


class ProcessSeat:
    """A controller in a process of its own. See `arena.play.seats.Seat`.

    Args:
        submission: Whose controller it is; None for a seat that stays empty.
        launcher: The zygote to fork from.
        limits: Deadlines and caps.
        model: Who answers the controller's questions to a language model; None: it may ask none.

    Raises:
        InfrastructureFailure: The process could not be made or locked down.
    """

    def __init__(
        self, submission: Submission | None, launcher: Launcher, limits: Limits, model: LlmLine | None = None
    ) -> None:
        self._submission = submission
        self._model = model
        self._launcher = launcher
        self._limits = limits
        self._meter: CpuMeter | None = None
        self._located: Located | None = None
        self._bare_memory = 0
        self._stopwatch = Stopwatch(limits, None)
        self._peaks = Peaks()
        self._is_set_up = False
        self._decisions = 0
        self._tail = bytearray()
        self._reader = FrameReader(limits.frame_cap)
        self._connection, theirs = socket.socketpair()
        self._output, their_output = os.pipe()
        self._connection.setblocking(False)
        os.set_blocking(self._output, False)
        self._waiting = select.poll()
        self._waiting.register(self._connection, select.POLLIN)
        self._waiting.register(self._output, select.POLLIN)
        self._process: int | None = None
        try:
            with contextlib.ExitStack() as handed_over:
                # The end of the stream shows only when nobody else holds the other end.
                handed_over.callback(theirs.close)
                handed_over.callback(os.close, their_output)
                folder = None if submission is None else _open_folder(submission)
                if folder is not None:
                    handed_over.callback(os.close, folder)
                self._process = launcher.spawn(theirs.fileno(), their_output, folder)
            self._await_lock_down()
            self._located = launcher.locate(self._process)
            if self._located is not None:
                self._meter = launcher.measure(self._located)
                self._bare_memory, _ = address_space(self._located.process)
            self._stopwatch = Stopwatch(limits, self._meter)
        except BaseException:
            self.release()
            raise

    @property
    def peaks(self) -> Peaks:
        """The most that the controller has used of each limit so far; memory is looked at when it closes."""
        return self._peaks

    @property
    def stderr_tail(self) -> str:
        """End of what the controller wrote to standard output and error, made printable."""
        cap = self._limits.stderr_tail
        return printable_lines(bytes(self._tail[-cap:]).decode("utf-8", "replace"))[-cap:]

    def setup(self) -> None:
        """Import and construct the controller, in its own process."""
        if self._is_set_up:
            return
        if self._submission is None:
            raise RuntimeError("the seat stays empty: it was made without a submission")
        description = translate.describe_submission(self._submission)
        request = SetupRequest(_nonce(), NO_PERIOD, description, self._model is not None)
        self._timed_setup(request, "import of the controller")
        self._is_set_up = True

    def begin(self, briefing: Briefing) -> None:
        """Send the briefing."""
        self.setup()
        kind, fields = translate.describe_briefing(briefing)
        self._timed_setup(BeginRequest(_nonce(), NO_PERIOD, kind, fields), "begin")

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Send the observation and read the orders."""
        kind, fields = translate.describe_observation(observation)
        request = OrderRequest(_nonce(), observation.period, kind, fields)
        is_first = not self._decisions
        self._stopwatch.start(self._stopwatch.allowance(self._limit("order")))
        reply = self._ask(request, OrderReply, "order")
        self._decisions += 1
        used, peaks = self._stopwatch.used, self._peaks
        self._peaks = dataclasses.replace(
            peaks,
            first_decision=used if is_first else peaks.first_decision,
            decision=peaks.decision if is_first else peaks.decision.most(used),
            bank=peaks.bank.plus(used),
        )
        if math.prod(reply.shape) != len(reply.values):
            raise ContractViolation(
                "protocol_error", f"{len(reply.values)} values cannot have the shape {tuple(reply.shape)}"
            )
        return np.array(reply.values, dtype=np.float64).reshape(reply.shape)

    def close(self) -> ControllerReport:
        """Let the controller report and close, then end its process."""
        if self._located is not None:
            _, most = address_space(self._located.process)
            self._peaks = dataclasses.replace(self._peaks, memory=max(0, most - self._bare_memory))
        self._stopwatch.start(self._stopwatch.allowance(self._limits.close), banked=False)
        reply = self._ask(CloseRequest(_nonce(), NO_PERIOD), ClosedReply, "close")
        self._peaks = dataclasses.replace(self._peaks, close=self._stopwatch.used)
        # Checked here too: the process may have answered without the code that checks there.
        report = ControllerReport(reply.fallbacks, reply.profit_bound, reply.parse_failures, reply.repairs)
        # The episode is over. A process that does not end is the arena's trouble, and changes nothing of the report.
        with contextlib.suppress(InfrastructureFailure):
            self.release()
        return report

    def release(self) -> None:
        """Kill the process and all that came of it, and read what is left of its output."""
        if self._connection.fileno() < 0:
            return
        try:
            self._end_process()
        finally:
            if self._meter is not None:
                self._meter.close()
            # What remains fits into the pipe; the bound is for a daemon that outlived its family.
            for _ in range(64):
                if not self._drain():
                    break
            self._connection.close()
            os.close(self._output)

    def _await_lock_down(self) -> None:
        """Wait for the greeting of the locked process, in which no controller's code has run so far."""
        self._stopwatch.start(TimeUse(_SPAWN_SECONDS, _SPAWN_SECONDS), banked=False)
        try:
            self._receive("lock-down")
        except ContractViolation as violation:
            self._end_process()
            self._drain()
            raise InfrastructureFailure(
                f"the controller's process could not be locked down: {violation.message} {self.stderr_tail}".rstrip()
            ) from violation

    def _timed_setup(self, request: Request, doing: str) -> None:
        watch, used_before = self._stopwatch, self._peaks.setup
        watch.start(watch.allowance(self._limits.setup).less(used_before))
        self._ask(request, DoneReply, doing)
        self._peaks = dataclasses.replace(
            self._peaks, setup=used_before.plus(watch.used), bank=self._peaks.bank.plus(watch.used)
        )

    def _ask(self, request: Request, expected: type[_R], doing: str) -> _R:
        """Send a request and read its one reply, in the time that the stopwatch was started with.

        Meanwhile the controller may ask its language model. How long it waited for answers is not counted on the clock.
        """
        self._send(pack(request), doing)
        while True:
            reply = self._reply(request, doing)
            if not isinstance(reply, QuestionReply):
                break
            self._answer(request, reply, doing)
        if not self._stopwatch.stop():
            raise self._late(doing)
        if isinstance(reply, FailureReply):
            raise ContractViolation(reply.code, printable(reply.message, MESSAGE_CAP))
        if not isinstance(reply, expected):
            raise ContractViolation("protocol_error", f"the reply to {doing} is of the wrong kind")
        return reply

    def _reply(self, request: Request, doing: str) -> Reply:
        payload = self._receive(doing)
        try:
            reply = unpack_reply(payload)
        except MalformedMessage as error:
            raise ContractViolation("protocol_error", str(error)) from error
        if reply.nonce != request.nonce or reply.period != request.period:
            raise ContractViolation("protocol_error", f"the reply to {doing} answers another request")
        return reply

    def _answer(self, request: Request, reply: QuestionReply, doing: str) -> None:
        """Have a controller's question answered, and send it the answer."""
        if self._model is None:
            rule = "a language model was asked without the capability llm"
            raise ContractViolation("protocol_error", f"{rule}, during {doing}")
        try:
            messages = tuple(LlmMessage(role, content) for role, content in reply.messages)  # type: ignore[arg-type]
            question = LlmQuestion(messages, reply.schema)
        except ValueError as error:
            raise ContractViolation("protocol_error", printable(str(error), MESSAGE_CAP)) from error
        started = time.monotonic()
        outcome = seat_answer(self._model.ask(question))
        self._stopwatch.exclude(time.monotonic() - started)
        answer = AnswerRequest(request.nonce, request.period, *outcome)
        self._send(pack(answer), doing)

    def _send(self, frame: bytes, doing: str) -> None:
        rest = memoryview(frame)
        while rest:
            try:
                rest = rest[self._connection.send(rest) :]
            except BlockingIOError:
                self._waiting.modify(self._connection, select.POLLOUT)
                self._wait(doing)
                self._waiting.modify(self._connection, select.POLLIN)
            except (BrokenPipeError, ConnectionResetError):
                raise self._gone(doing) from None

    def _receive(self, doing: str) -> bytes:
        while True:
            self._wait(doing)
            try:
                chunk = self._connection.recv(_CHUNK)
                payload = self._reader.feed(chunk)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                raise self._gone(doing) from None
            except MalformedMessage as error:
                raise ContractViolation("protocol_error", str(error)) from error
            if payload is not None:
                return payload
            if not chunk:
                raise self._gone(doing)

    def _wait(self, doing: str) -> None:
        """Wait until the connection can be used, keeping the end of what the controller writes meanwhile.

        What is ready when the time on the clock is over is still used, so that a host that was itself held up blames
        nobody. CPU time is the controller's own, and is looked at whatever is ready.
        """
        watch = self._stopwatch
        while True:
            pause = watch.pause()
            ready = False
            for descriptor, _ in self._waiting.poll(math.ceil(min(pause, _LONGEST_POLL) * 1000)):
                if descriptor != self._output:
                    ready = True
                elif not self._drain():
                    self._waiting.unregister(self._output)
            if watch.has_overspent() or (not ready and watch.is_late()):
                raise self._late(doing)
            if ready:
                return

    def _limit(self, doing: str) -> float:
        """Return the limit of a request, seconds of CPU time."""
        limits = self._limits
        if doing == "order":
            return limits.decision if self._decisions else limits.first_decision
        return limits.close if doing == "close" else limits.setup

    def _late(self, doing: str) -> ContractViolation:
        """Say that the time is over, or what was used too much of: that may have been why, and came first."""
        verdict = None
        # It has forfeited, whether or not all that it started can be ended.
        with contextlib.suppress(InfrastructureFailure):
            verdict = self._end_process(looks=True)
        if verdict is not None and (cause := watch.describe(verdict.cause, self._limits)):
            return self._ended(f"was ended, because {cause}", doing)
        what = "" if doing in ("order", "close") else " for setup in all"
        told = self._stopwatch.describe(self._limit(doing), self._limits.bank, what)
        return ContractViolation("timeout", f"{doing} took too long: {told}")

    def _gone(self, doing: str) -> Exception:
        """Say how the process ended; when its zygote died too, that is the arena's failure."""
        verdict = self._end_process(looks=True)
        if verdict is None:
            return InfrastructureFailure("the process that starts controllers died while a controller was running")
        status = verdict.status
        if cause := watch.describe(verdict.cause, self._limits):
            how = f"was ended, because {cause}"
        elif status == -signal.SIGKILL:
            what = f"the controller's process was killed, or closed its connection during {doing}"
            return ControllerKilled("exited", what)
        elif status < 0:
            how = f"was ended by signal {_signal_name(-status)}"
        else:
            how = f"left with exit code {status}"
        return self._ended(how, doing)

    def _ended(self, how: str, doing: str) -> ContractViolation:
        return ContractViolation("exited", f"the controller's process {how} during {doing}")

    def _end_process(self, *, looks: bool = False) -> Verdict | None:
        """Kill the process; how it ended, or None if its zygote was buried before, and the process with it."""
        process, self._process = self._process, None
        if process is None or process not in self._launcher.seats:
            return None
        return self._launcher.end(process, looks=looks)

    def _drain(self) -> bool:
        """Take what the controller has written, keeping the end.

        Returns:
            False if there was nothing.
        """
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        self._tail += chunk
        del self._tail[: -self._limits.stderr_tail]
        return bool(chunk)


def _open_folder(submission: Submission) -> int | None:
    """Open a submission's folder, to hand it over: a child sees no other, and needs no name for this one."""
    if submission.folder is None:
        return None
    try:
        return os.open(submission.folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InfrastructureFailure(f"{submission.folder}: the submission cannot be read: {error.strerror}") from error


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return str(number)


def _nonce() -> int:
    return secrets.randbits(63)
