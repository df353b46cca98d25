"""A small OpenAI-compatible server on loopback that answers as a test tells it to."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from arena import LlmEndpoint, LlmLimits

KEY = "sk-test-0123456789abcdef"
KEY_VARIABLE = "ARENA_TEST_KEY"
QUICK = LlmLimits(timeout=5.0, retries=0)
GOOD = {
    "demand_multiplier": 1.1,
    "safety_z": 0.5,
    "order_cap_fraction": 0.3,
    "retail_multiplier": 0.9,
    "distribution_multiplier": 0.7,
    "factory_multiplier": 0.5,
}

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Writes every request down and does what the server's script says."""

    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_GET(self):
        self.server.probes += 1
        if self.server.accepts(self):
            self.reply(200, {"object": "list", "data": []})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            number = len(self.server.requests)
            self.server.requests.append(json.loads(body))
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.server.accepts(self):
            self.server.script(number)(self)

    def reply(self, status, content, headers=()):
        self.write(status, json.dumps(content).encode(), headers)

    def write(self, status, body, headers=(), announced=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self):
        """End the connection the hard way: a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_):
        pass


class Endpoint(ThreadingHTTPServer):
    """The server. `script` gives the behaviour for each request by its number."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.probes = 0
        self.key: str | None = None
        self.script: Callable[[int], Behaviour] = lambda number: say(json.dumps(GOOD))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def accepts(self, handler):
        if self.key is None or handler.headers.get("Authorization") == f"Bearer {self.key}":
            return True
        given = handler.headers.get("Authorization")
        handler.reply(
            401, {"error": {"message": f"Incorrect API key provided: {given}", "type": "invalid_request_error"}}
        )
        return False

    def handle_error(self, request, client_address):
        """A client that hung up is no error of the test."""

    def describe(self, **fields) -> LlmEndpoint:
        given = {"base_url": self.url, "model": "test-model"} | fields
        return LlmEndpoint(**given)


def say(content: Any, *, model: str = "test-model-2", finish: str = "stop", **fields: Any) -> Behaviour:
    """A chat completion with this text."""
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
    return lambda handler: handler.reply(code, {"error": {"message": message, **fields}}, headers)


def body(content: bytes) -> Behaviour:
    return lambda handler: handler.write(200, content)


def hang_up(handler: Handler) -> None:
    handler.hang_up()


def break_off(handler: Handler) -> None:
    """Begin a reply, and hang up in the middle of it."""
    handler.write(200, b'{"id": "chatcmpl-1", ', announced=4096)
    handler.wfile.flush()
    handler.hang_up()


def late(seconds: float, then: Behaviour) -> Behaviour:
    def behave(handler: Handler) -> None:
        time.sleep(seconds)
        then(handler)

    return behave


def dribble(handler: Handler) -> None:
    """Send a reply so slowly that every piece is in time and the whole is not."""
    handler.write(200, b"{", announced=10_000)
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


@contextlib.contextmanager
def serving() -> Iterator[Endpoint]:
    """An endpoint that answers while the block runs."""
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
