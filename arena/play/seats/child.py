"""A controller's process: it answers the host's requests until it is told to end, or killed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import socket
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from arena.entry.submission import make_factory
from arena.errors import MESSAGE_CAP, ContractViolation, describe_exception
from arena.llm.seat import SeatAnswer, seat_llm
from arena.play.seats import translate
from arena.play.seats.base import ask_report, failure_code, numeric_array
from arena.play.seats.wire import (
    NO_PERIOD,
    REQUEST_CAP,
    AnswerRequest,
    BeginRequest,
    ClosedReply,
    CloseRequest,
    DoneReply,
    FailureReply,
    FrameReader,
    OrderReply,
    OrderRequest,
    QuestionReply,
    Reply,
    Request,
    SetupRequest,
    pack,
    unpack_request,
)

if TYPE_CHECKING:
    from arena.contract.controller import Controller
    from arena.contract.language_model import LlmQuestion

_CHUNK = 65_536


def serve(connection: socket.socket, folder: Path | None = None) -> NoReturn:
    """Greet the host, answer requests until the connection ends, and leave without running anybody's exit handlers.

    Args:
        connection: Blocking socket to the host.
        folder: Where the submission's folder is, if not where the host says.
    """
    player = _Player(folder, connection)
    connection.sendall(pack(DoneReply(0, NO_PERIOD)))
    while True:
        request = unpack_request(_receive(connection))
        reply = player.answer(request)
        if not isinstance(reply, OrderReply):
            _flush()
        connection.sendall(pack(reply))
        if isinstance(request, CloseRequest) or isinstance(reply, FailureReply):
            os._exit(0)


class _Player:
    """The controller and its answers."""

    def __init__(self, folder: Path | None, connection: socket.socket) -> None:
        self._folder = folder
        self._connection = connection
        self._running: Request | None = None
        self._controller: Controller | None = None

    def answer(self, request: Request) -> Reply:
        """Do what is asked. Whatever the controller raises becomes a reply; its traceback goes to standard error."""
        self._running = request
        try:
            return self._obey(request)
        except ContractViolation as error:
            # Only `numeric_array`, `ask_report` and the controller raise it here, and the host believes none of their
            # codes: one that this process may not give makes the reply invalid.
            return _failure(request, error.code, error.message)
        except BaseException as error:
            with contextlib.suppress(BaseException):
                traceback.print_exception(error)
            return _failure(request, failure_code(error), describe_exception(error))

    def _obey(self, request: Request) -> Reply:
        if isinstance(request, SetupRequest):
            submission = translate.rebuild_submission(request.submission)
            if self._folder is not None:
                submission = dataclasses.replace(submission, folder=self._folder)
            _seed_generators(0)
            factory = make_factory(submission)
            _seed_generators(0)  # Those of the libraries that were imported only now.
            made = factory()
            if request.language_model:
                seat_llm(made, self._exchange)
            self._controller = made
            return DoneReply(request.nonce, request.period)
        controller = self._controller
        if controller is None:
            raise RuntimeError("a request came before setup")
        if isinstance(request, AnswerRequest):
            raise RuntimeError("an answer came without a question")
        if isinstance(request, OrderRequest):
            orders = numeric_array(controller.order(translate.rebuild_observation(request.kind, request.fields)))
            return OrderReply(request.nonce, request.period, list(orders.shape), orders.ravel().tolist())
        if isinstance(request, BeginRequest):
            briefing = translate.rebuild_briefing(request.kind, request.briefing)
            _seed_generators(briefing.seed)
            controller.begin(briefing)
            return DoneReply(request.nonce, request.period)
        report = ask_report(controller)
        close = getattr(controller, "close", None)
        if close is not None:
            close()
        return ClosedReply(
            request.nonce,
            request.period,
            report.fallbacks,
            report.profit_bound,
            report.parse_failures,
            report.repairs,
        )

    def _exchange(self, question: LlmQuestion) -> SeatAnswer:
        """Take a question to the host, in the middle of whatever it has asked for, and wait for the answer."""
        running = self._running
        assert running is not None  # The controller's code runs only while a request is answered.
        messages: list[tuple[str, str]] = [(message.role, message.content) for message in question.messages]
        self._connection.sendall(pack(QuestionReply(running.nonce, running.period, messages, question.schema)))
        answer = unpack_request(_receive(self._connection))
        if not isinstance(answer, AnswerRequest):
            raise RuntimeError("the host did not answer the question")
        return SeatAnswer(answer.outcome, answer.text, answer.model, answer.prompt_tokens, answer.completion_tokens)


def _seed_generators(seed: int) -> None:
    """Seed the global generators of the libraries that are loaded.

    They were copied by the fork: without this every episode would see the stream of its zygote, and another worker's
    zygote another one.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed % 2**63)


def _failure(request: Request, code: str, message: str) -> FailureReply:
    return FailureReply(request.nonce, request.period, code, message[: 2 * MESSAGE_CAP])  # type: ignore[arg-type]


def _receive(connection: socket.socket) -> bytes:
    """Read one request; the end of the stream ends the process."""
    reader = FrameReader(REQUEST_CAP)
    while True:
        chunk = connection.recv(_CHUNK)
        if not chunk:
            os._exit(0)
        payload = reader.feed(chunk)
        if payload is not None:
            return payload


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
