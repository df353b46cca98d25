"""A controller's process: it answers the host's requests until it is told to end, or killed."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from arena.contest.host import translate
from arena.contest.host.base import MESSAGE_CAP, ask_report, describe_exception, failure_code, numeric_array
from arena.contest.host.wire import (
    NO_PERIOD,
    REQUEST_CAP,
    BeginRequest,
    ClosedReply,
    CloseRequest,
    DoneReply,
    FailureReply,
    FrameReader,
    OrderReply,
    OrderRequest,
    Reply,
    Request,
    SetupRequest,
    pack,
    unpack_request,
)
from arena.contest.submission import make_factory
from arena.errors import ContractViolation

if TYPE_CHECKING:
    from arena.contract.controller import Controller

_CHUNK = 65_536


def serve(connection: socket.socket) -> NoReturn:
    """Greet the host, answer requests until the connection ends, and leave without running anybody's exit handlers.

    Args:
        connection: Blocking socket to the host.
    """
    player = _Player()
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

    def __init__(self) -> None:
        self._controller: Controller | None = None

    def answer(self, request: Request) -> Reply:
        """Do what is asked. Whatever the controller raises becomes a reply; its traceback goes to standard error."""
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
            self._controller = make_factory(translate.rebuild_submission(request.submission))()
            return DoneReply(request.nonce, request.period)
        controller = self._controller
        if controller is None:
            raise RuntimeError("a request came before setup")
        if isinstance(request, OrderRequest):
            orders = numeric_array(controller.order(translate.rebuild_observation(request.kind, request.fields)))
            return OrderReply(request.nonce, request.period, list(orders.shape), orders.ravel().tolist())
        if isinstance(request, BeginRequest):
            briefing = translate.rebuild_briefing(request.kind, request.briefing)
            # Global generators were copied by the fork: without this every episode would see the same stream.
            random.seed(briefing.seed)
            np.random.seed(briefing.seed % 2**32)
            controller.begin(briefing)
            return DoneReply(request.nonce, request.period)
        report = ask_report(controller)
        close = getattr(controller, "close", None)
        if close is not None:
            close()
        return ClosedReply(request.nonce, request.period, report.fallbacks, report.profit_bound)


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
