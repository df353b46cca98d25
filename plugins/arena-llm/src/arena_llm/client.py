"""The client of OpenAI-compatible endpoints. It runs in the arena's own process, the only one that holds the key.

Retries with growing pauses are the openai package's: after a failed connection, 408, 409, 429 (it waits as long as the
endpoint asks for) and 5xx. A reply is read piece by piece, so that neither its size nor its pace is the endpoint's to
choose; one that breaks off is asked for again within the same number of retries.

A parameter that the endpoint refuses (see `arena_llm.request`) is left out, and the question asked again without it.
Once such a question has been accepted, later ones are asked without it at once.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import openai

from arena import LlmAnswer, LlmEndpoint, LlmFailure, LlmLimits, LlmQuestion, LlmUnavailable
from arena_llm.request import error_text, find_refused, make_request

LARGEST_REPLY: Final = 1024 * 1024
"""Bytes of a reply that are read."""

_PROBE_SECONDS: Final = 15.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
_NO_KEY: Final = "none"
_KEY_REFUSED: Final = (openai.AuthenticationError, openai.PermissionDeniedError)


_NOT_ACCEPTED: Final = (openai.BadRequestError, openai.UnprocessableEntityError)


class _BrokenOff(Exception):  # noqa: N818 - never leaves this module
    """A reply that ended before its end, or came too slowly."""

    def __init__(self, failure: LlmFailure) -> None:
        super().__init__()
        self.failure = failure


class OpenAIClient:
    """Asks one endpoint. Used by several threads at a time.

    Args:
        endpoint: who is asked.
        key: its key; None for an endpoint that wants none.
        limits: of the run; timeout and retries are kept here.
    """

    def __init__(self, endpoint: LlmEndpoint, key: str | None, limits: LlmLimits) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._lock = threading.Lock()
        self._refused: Mapping[str, str] = {}
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            # Without a key the package would look for one in the environment, and send it here.
            api_key=key or _NO_KEY,
            timeout=limits.timeout,
            max_retries=limits.retries,
            # These would come from the environment too.
            default_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},  # type: ignore[dict-item]
            # The allow-list is about addresses; an address that points elsewhere is not on it.
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )

    def probe(self) -> None:
        """List the endpoint's models, which costs nothing, to see that it is there and takes the key.

        Raises:
            LlmUnavailable: it is not, or does not.
        """
        try:
            self._client.with_options(timeout=_PROBE_SECONDS, max_retries=0).models.with_raw_response.list()
        except _KEY_REFUSED as error:
            raise self._key_refused(error) from error
        except openai.APIConnectionError as error:
            where = self._endpoint.base_url
            raise LlmUnavailable(f"{where} does not answer ({type(error).__name__}); see to it") from error
        except openai.APIStatusError:
            return  # It is there; not every endpoint has such a list.

    def ask(self, question: LlmQuestion) -> LlmAnswer:
        """Ask for one chat completion.

        Raises:
            LlmFailure: there is none.
            LlmUnavailable: the key is not accepted.
        """
        with self._lock:
            refused = dict(self._refused)
        try:
            answer = self._ask(question, refused)
        except LlmFailure as failure:
            failure.refused = refused
            raise
        return dataclasses.replace(answer, refused=refused)

    def _ask(self, question: LlmQuestion, refused: dict[str, str]) -> LlmAnswer:
        retries = self._limits.retries
        for attempt in range(retries + 1):
            try:
                return _read_reply(self._send(question, retries - attempt, refused), self._endpoint.max_tokens)
            except _BrokenOff as broken:
                if attempt == retries:
                    raise broken.failure from broken.__cause__
                time.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
        raise AssertionError("every attempt returns or raises")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, question: LlmQuestion, retries: int, refused: dict[str, str]) -> bytes:
        """Send a question and return the body of the reply.

        Args:
            question: that is asked.
            retries: further attempts that are left.
            refused: parameters to leave out, with the endpoint's reasons; gets those that it refuses now.
        """
        while True:
            request = make_request(self._endpoint, question, refused)
            try:
                body = self._exchange(request, retries)
            except _NOT_ACCEPTED as error:
                found = find_refused(error.body, request, self._endpoint)
                if not found:
                    raise LlmFailure("bad_request", _reason(error)) from error
                # Each round leaves out more, so there is a last one.
                refused.update(dict.fromkeys(found, _reason(error)))
                continue
            with self._lock:
                self._refused = {**self._refused, **refused}
            return body

    def _exchange(self, request: Mapping[str, Any], retries: int) -> bytes:
        completions = self._client.with_options(max_retries=retries).chat.completions
        try:
            with completions.with_streaming_response.create(**request) as response:
                return self._read(response.iter_bytes())
        except _KEY_REFUSED as error:
            raise self._key_refused(error) from error
        except _NOT_ACCEPTED:
            raise
        except openai.RateLimitError as error:
            raise LlmFailure("rate_limited", _reason(error)) from error
        except openai.APIStatusError as error:
            raise LlmFailure("server_error" if error.status_code >= 500 else "bad_request", _reason(error)) from error
        except openai.APITimeoutError as error:
            raise LlmFailure("timeout", f"no reply within {self._limits.timeout:g} s") from error
        except openai.APIConnectionError as error:
            raise LlmFailure("disconnected", f"the connection failed ({type(error).__name__})") from error

    def _key_refused(self, error: openai.APIStatusError) -> LlmUnavailable:
        told = f"{self._endpoint.base_url} does not accept the key (status {error.status_code})"
        return LlmUnavailable(f"{told}; check the variable {self._endpoint.key_variable or 'of a key'}")

    def _read(self, pieces: Any) -> bytes:
        """Read a reply to its end, or as far as size and time allow."""
        deadline = time.monotonic() + self._limits.timeout
        body = b""
        try:
            for piece in pieces:
                body += piece
                if len(body) > LARGEST_REPLY:
                    raise LlmFailure("too_large", f"a reply of more than {LARGEST_REPLY} bytes")
                if time.monotonic() > deadline:
                    message = f"the reply took more than {self._limits.timeout:g} s"
                    raise _BrokenOff(LlmFailure("timeout", message))
        except (LlmFailure, _BrokenOff):
            raise
        except Exception as error:  # of whatever library the openai package speaks HTTP with
            late = "timeout" in type(error).__name__.lower()
            failure = LlmFailure("timeout" if late else "disconnected", f"the reply broke off ({type(error).__name__})")
            raise _BrokenOff(failure) from error
        return body


def _reason(error: openai.APIStatusError) -> str:
    """Status and reason of an error. The gateway takes keys out of it, and cuts it only then."""
    text = error_text(error.body)
    return f"status {error.status_code}" + (f": {text}" if text else "")


def _read_reply(body: bytes, max_tokens: int) -> LlmAnswer:
    """Read a chat completion.

    Args:
        body: of the reply.
        max_tokens: largest answer that was asked for.

    Raises:
        LlmFailure: ``refused`` when the model declined, ``cut_off`` when it did not come to the end of its answer,
            ``bad_reply`` for anything that is not a chat completion.
    """
    try:
        reply = json.loads(body)
        choice = reply["choices"][0]
        message = choice["message"]
        content, refusal, finish = message.get("content"), message.get("refusal"), choice.get("finish_reason")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise LlmFailure("bad_reply", f"the reply is no chat completion ({type(error).__name__})") from error
    model = reply.get("model")
    told: dict[str, Any] = {
        "model": model if isinstance(model, str) else "",
        "prompt_tokens": _tokens(reply, "prompt_tokens"),
        "completion_tokens": _tokens(reply, "completion_tokens"),
    }
    if refusal or finish == "content_filter":
        raise LlmFailure("refused", "the model declined", **told)
    if finish == "length":
        # A reasoning model may spend all its tokens on thinking, and leave none for the answer.
        fix = "raise max_tokens of the endpoint in the manifest"
        raise LlmFailure("cut_off", f"the answer was cut off at {max_tokens} tokens; {fix}", **told)
    if content is not None and not isinstance(content, str):
        raise LlmFailure("bad_reply", "the content of the reply is no text", **told)
    return LlmAnswer(content or "", **told)


def _tokens(reply: dict[str, Any], name: str) -> int:
    usage = reply.get("usage")
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31 else 0
