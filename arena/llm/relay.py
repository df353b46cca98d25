"""The gateway's pipe: a worker asks at one end, a thread of the arena's own process answers at the other."""

from __future__ import annotations

import contextlib
import threading
from multiprocessing.connection import Connection

from arena.contract.language_model import LlmUnavailable
from arena.errors import ArenaError
from arena.llm.call import Gateway, LlmCall, LlmOutcome


class RelayedGateway:
    """A worker's gateway.

    Args:
        connection: the worker's end of the pipe.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, call: LlmCall) -> LlmOutcome:
        """Have a call answered by the arena's own process.

        Raises:
            LlmUnavailable: it cannot be answered, or that process is gone.
        """
        try:
            self._connection.send(call)
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise LlmUnavailable("the gateway is gone") from error
        if isinstance(answer, str):
            raise LlmUnavailable(answer)
        assert isinstance(answer, LlmOutcome)
        return answer


def serve_calls(gateway: Gateway, connection: Connection) -> threading.Thread:
    """Answer a worker's calls in a thread of their own until it hangs up.

    Args:
        gateway: who answers.
        connection: this process's end of the pipe; closed in the end.
    """

    def serve() -> None:
        with contextlib.closing(connection), contextlib.suppress(EOFError, OSError):
            while True:
                call: LlmCall = connection.recv()
                try:
                    answer: LlmOutcome | str = gateway.call(call)
                except ArenaError as error:
                    answer = str(error)
                connection.send(answer)

    # A daemon: a call that is under way keeps nobody from leaving.
    thread = threading.Thread(target=serve, name="arena-gateway", daemon=True)
    thread.start()
    return thread
