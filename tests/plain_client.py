"""A client of language models in the standard library's HTTP, for the tests of the conformance kit.

It keeps every rule; each of its parts can be replaced by one that breaks a rule.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any, ClassVar
from urllib.parse import urlsplit

from arena import LlmAnswer, LlmEndpoint, LlmFailure, LlmLimits, LlmQuestion, LlmUnavailable

LARGEST = 1024 * 1024
PASSING = ("rate_limited", "server_error", "disconnected")


class PlainClient:
    """Asks one endpoint, on a connection per thread that is kept until the client is closed."""

    made: ClassVar[list[PlainClient]] = []

    def __init__(self, endpoint: LlmEndpoint, key: str | None, limits: LlmLimits) -> None:
        self.made.append(self)
        self.endpoint = endpoint
        self.key = key
        self.limits = limits
        self.local = threading.local()
        self.lock = threading.Lock()
        self.connections: list[http.client.HTTPConnection] = []

    def probe(self) -> None:
        try:
            status, _ = self.exchange("GET", "/models", None)
        except LlmFailure as failure:
            raise LlmUnavailable(f"nobody answers: {failure}") from failure
        self.refuse_key(status, "")

    def ask(self, question: LlmQuestion) -> LlmAnswer:
        for attempt in range(self.attempts()):
            try:
                return self.attempt(question)
            except LlmFailure as failure:
                if failure.kind not in PASSING or attempt + 1 == self.attempts():
                    raise
        raise AssertionError("every attempt returns or raises")

    def close(self) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        for connection in self.connections:
            connection.close()

    def attempts(self) -> int:
        return self.limits.retries + 1

    def attempt(self, question: LlmQuestion) -> LlmAnswer:
        status, content = self.exchange("POST", "/chat/completions", json.dumps(self.request(question)).encode())
        self.refuse_key(status, content.decode(errors="replace"))
        if status != 200:
            raise LlmFailure(self.kind(status), f"status {status}")
        return self.read(content)

    def request(self, question: LlmQuestion) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in question.messages],
            "max_tokens": self.endpoint.max_tokens,
        }
        for name in ("temperature", "seed"):
            if getattr(self.endpoint, name) is not None:
                request[name] = getattr(self.endpoint, name)
        if question.schema and self.endpoint.structured != "plain":
            request["response_format"] = {"type": "json_schema", "json_schema": json.loads(question.schema)}
        return request

    def headers(self) -> dict[str, str]:
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    def refuse_key(self, status: int, text: str) -> None:
        if status in (401, 403):
            raise LlmUnavailable("the key is not accepted")

    def kind(self, status: int) -> Any:
        return "rate_limited" if status == 429 else "server_error" if status >= 500 else "bad_request"

    def connection(self) -> http.client.HTTPConnection:
        if getattr(self.local, "connection", None) is None:
            address = urlsplit(self.endpoint.base_url)
            self.local.connection = http.client.HTTPConnection(address.netloc, timeout=self.limits.timeout)
            with self.lock:
                self.connections.append(self.local.connection)
        return self.local.connection  # type: ignore[no-any-return]

    def exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        deadline = time.monotonic() + self.limits.timeout
        connection = self.connection()
        try:
            connection.request(method, urlsplit(self.endpoint.base_url).path + path, body, self.headers())
            with connection.getresponse() as response:
                content = b""
                while piece := response.read1(65_536):
                    content += piece
                    if len(content) > LARGEST:
                        raise LlmFailure("too_large", "more than a mebibyte")
                    if self.is_late(deadline):
                        raise LlmFailure("timeout", "the reply is slow")
                if response.length:
                    raise LlmFailure("disconnected", "the reply broke off")
        except TimeoutError as error:
            connection.close()
            raise LlmFailure("timeout", "no reply in time") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise LlmFailure("disconnected", type(error).__name__) from error
        except LlmFailure:
            connection.close()
            raise
        return response.status, content

    def is_late(self, deadline: float) -> bool:
        return time.monotonic() > deadline

    def read(self, content: bytes) -> LlmAnswer:
        try:
            reply = json.loads(content)
            choice = reply["choices"][0]
            text, refusal = choice["message"].get("content"), choice["message"].get("refusal")
            finish = choice["finish_reason"]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise LlmFailure("bad_reply", "no chat completion") from error
        if refusal or finish == "content_filter":
            raise LlmFailure("refused", "declined")
        if finish == "length":
            raise LlmFailure("cut_off", "too long")
        if text is not None and not isinstance(text, str):
            raise LlmFailure("bad_reply", "no text")
        usage = reply["usage"]
        return LlmAnswer(text or "", reply["model"], usage["prompt_tokens"], usage["completion_tokens"])
