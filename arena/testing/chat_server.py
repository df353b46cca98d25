"""A chat-completions server on loopback that answers as a test tells it to, for tests of clients of language models."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from arena.contract.language_model import LlmEndpoint

MODEL = "test-model"
"""Model that the server's endpoint asks for; it answers as ``test-model-2``."""

Behaviour = Callable[["ChatHandler"], None]
"""Answers one request."""


class ChatHandler(BaseHTTPRequestHandler):
    """Writes every request down and does what the server's script says."""

    protocol_version = "HTTP/1.1"
    server: ChatServer

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def finish(self) -> None:
        """Count the connection as closed."""
        with self.server.lock:
            self.server.connections -= 1
        with contextlib.suppress(OSError):  # The client may be gone.
            super().finish()

    def do_GET(self) -> None:
        """List the models."""
        self.server.probes += 1
        if self.server.accepts(self):
            self.reply(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        """Answer a question by the script."""
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            number = len(self.server.requests)
            self.server.requests.append(content)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.server.accepts(self):
            self.server.script(number)(self)

    def reply(self, status: int, content: Any, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a reply of JSON."""
        self.write(status, json.dumps(content).encode(), headers)

    def write(
        self, status: int, body: bytes, headers: Sequence[tuple[str, str]] = (), announced: int | None = None
    ) -> None:
        """Send a reply of any bytes, and announce their number or another."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        """End the connection the hard way: a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


class ChatServer(ThreadingHTTPServer):
    """A server of chat completions; see `serving`.

    Attributes:
        requests: body of every question, in order.
        headers: headers of every question, names in lower case.
        probes: number of requests that are no questions.
        connections: connections that are open.
        key: key that is accepted; None accepts any and none.
        script: the behaviour for each question by its number, from 0; by default it says "hello".
        lock: held while a request is written down.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ChatHandler)
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.probes = 0
        self.connections = 0
        self.key: str | None = None
        self.script: Callable[[int], Behaviour] = lambda number: say("hello")

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def accepts(self, handler: ChatHandler) -> bool:
        """Tell whether a request has the key; one without is answered as endpoints do, with the key that was given."""
        given = handler.headers.get("Authorization")
        if self.key is None or given == f"Bearer {self.key}":
            return True
        message = f"Incorrect API key provided: {given}"
        handler.reply(401, {"error": {"message": message, "type": "invalid_request_error"}})
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hung up is no error of the test."""

    def describe(self, **fields: Any) -> LlmEndpoint:
        """Return the endpoint that a manifest would name, with other fields than the defaults."""
        return LlmEndpoint(**{"base_url": self.url, "model": MODEL, **fields})


def say(content: Any, *, model: str = "test-model-2", finish: str = "stop", **fields: Any) -> Behaviour:
    """Answer with a chat completion of this text: 11 tokens asked, 7 answered."""
    message = {"role": "assistant", "content": content, **fields}
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    return lambda handler: handler.reply(200, completion)


def status(code: int, /, *headers: tuple[str, str], message: str = "no", **fields: Any) -> Behaviour:
    """Answer with an error."""
    return lambda handler: handler.reply(code, {"error": {"message": message, **fields}}, headers)


def body(content: bytes) -> Behaviour:
    """Answer with these bytes."""
    return lambda handler: handler.write(200, content)


def hang_up(handler: ChatHandler) -> None:
    """End the connection without an answer."""
    handler.hang_up()


def break_off(handler: ChatHandler) -> None:
    """Begin a reply, and hang up in the middle of it."""
    handler.write(200, b'{"id": "chatcmpl-1", ', announced=4096)
    handler.wfile.flush()
    handler.hang_up()


def late(seconds: float, then: Behaviour) -> Behaviour:
    """Wait before something else."""

    def behave(handler: ChatHandler) -> None:
        time.sleep(seconds)
        then(handler)

    return behave


def dribble(handler: ChatHandler) -> None:
    """Send a reply so slowly that every piece is in time and the whole is not; hang up after five seconds."""
    handler.write(200, b"{", announced=10_000)
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)
    handler.hang_up()


@contextlib.contextmanager
def serving() -> Iterator[ChatServer]:
    """A server that answers while the block runs."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
