"""The client of OpenAI-compatible endpoints. It runs in the arena's own process, the only one that holds the key.

Retries with growing pauses are the openai package's: after a failed connection, 408, 409, 429 (it waits as long as the
endpoint asks for) and 5xx. A reply is read piece by piece, so that neither its size nor its pace is the endpoint's to
choose; one that breaks off is asked for again within the same number of retries.
"""

from __future__ import annotations

import json
import time
from typing import Any, Final

import openai

from arena import ModelAnswer, ModelEndpoint, ModelFailure, ModelQuestion, ModelUnavailable

LARGEST_REPLY: Final = 1024 * 1024
"""Bytes of a reply that are read."""

_PROBE_SECONDS: Final = 15.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
_NO_KEY: Final = "none"
_REFUSING: Final = (openai.AuthenticationError, openai.PermissionDeniedError)


class _BrokenOff(Exception):  # noqa: N818 - never leaves this module
    """A reply that ended before its end, or came too slowly."""

    def __init__(self, failure: ModelFailure) -> None:
        super().__init__()
        self.failure = failure


class OpenAIClient:
    """Asks one endpoint. Used by several threads at a time.

    Args:
        endpoint: who is asked.
        key: its key; None for an endpoint that wants none.
    """

    def __init__(self, endpoint: ModelEndpoint, key: str | None) -> None:
        self._endpoint = endpoint
        self._takes_schema = endpoint.structured != "plain"
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            # Without a key the package would look for one in the environment, and send it here.
            api_key=key or _NO_KEY,
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
            # These would come from the environment too.
            default_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},  # type: ignore[dict-item]
            # The allow-list is about addresses; an address that points elsewhere is not on it.
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )

    def probe(self) -> None:
        """List the endpoint's models, which costs nothing, to see that it is there and takes the key.

        Raises:
            ModelUnavailable: it is not, or does not.
        """
        try:
            self._client.with_options(timeout=_PROBE_SECONDS, max_retries=0).models.with_raw_response.list()
        except _REFUSING as error:
            raise self._key_refused(error) from error
        except openai.APIConnectionError as error:
            where = self._endpoint.base_url
            raise ModelUnavailable(f"{where} does not answer ({type(error).__name__}); see to it") from error
        except openai.APIStatusError:
            return  # It is there; not every endpoint has such a list.

    def ask(self, question: ModelQuestion) -> ModelAnswer:
        """Ask for one chat completion.

        Raises:
            ModelFailure: there is none.
            ModelUnavailable: the key is not accepted.
        """
        retries = self._endpoint.retries
        for attempt in range(retries + 1):
            try:
                return _read_reply(self._send(question, retries - attempt))
            except _BrokenOff as broken:
                if attempt == retries:
                    raise broken.failure from broken.__cause__
                time.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
        raise AssertionError("every attempt returns or raises")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, question: ModelQuestion, retries: int) -> bytes:
        """Send a question and return the body of the reply."""
        structured = self._takes_schema and bool(question.schema)
        try:
            return self._exchange(question, structured, retries)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if not structured or self._endpoint.structured == "schema":
                raise ModelFailure("bad_request", f"status {error.status_code}") from error
        self._takes_schema = False
        return self._send(question, retries)

    def _exchange(self, question: ModelQuestion, structured: bool, retries: int) -> bytes:
        arguments: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [{"role": one.role, "content": one.content} for one in question.messages],
            "max_completion_tokens": self._endpoint.max_tokens,
        }
        if self._endpoint.temperature is not None:
            arguments["temperature"] = self._endpoint.temperature
        if self._endpoint.seed is not None:
            arguments["seed"] = self._endpoint.seed
        if structured:
            schema = {"name": "answer", "strict": True, "schema": json.loads(question.schema)}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        completions = self._client.with_options(max_retries=retries).chat.completions
        try:
            with completions.with_streaming_response.create(**arguments) as response:
                return self._read(response.iter_bytes())
        except _REFUSING as error:
            raise self._key_refused(error) from error
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            raise
        except openai.RateLimitError as error:
            raise ModelFailure("rate_limited", f"status {error.status_code}") from error
        except openai.APIStatusError as error:
            kind = "server_error" if error.status_code >= 500 else "bad_request"
            raise ModelFailure(kind, f"status {error.status_code}") from error  # type: ignore[arg-type]
        except openai.APITimeoutError as error:
            raise ModelFailure("timeout", f"no reply within {self._endpoint.timeout:g} s") from error
        except openai.APIConnectionError as error:
            raise ModelFailure("disconnected", f"the connection failed ({type(error).__name__})") from error

    def _key_refused(self, error: openai.APIStatusError) -> ModelUnavailable:
        told = f"{self._endpoint.base_url} does not accept the key (status {error.status_code})"
        return ModelUnavailable(f"{told}; check the variable {self._endpoint.key_variable or 'of a key'}")

    def _read(self, pieces: Any) -> bytes:
        """Read a reply to its end, or as far as size and time allow."""
        deadline = time.monotonic() + self._endpoint.timeout
        body = b""
        try:
            for piece in pieces:
                body += piece
                if len(body) > LARGEST_REPLY:
                    raise ModelFailure("too_large", f"a reply of more than {LARGEST_REPLY} bytes")
                if time.monotonic() > deadline:
                    message = f"the reply took more than {self._endpoint.timeout:g} s"
                    raise _BrokenOff(ModelFailure("timeout", message))
        except (ModelFailure, _BrokenOff):
            raise
        except Exception as error:  # of whatever library the openai package speaks HTTP with
            late = "timeout" in type(error).__name__.lower()
            failure = ModelFailure(
                "timeout" if late else "disconnected", f"the reply broke off ({type(error).__name__})"
            )
            raise _BrokenOff(failure) from error
        return body


def _read_reply(body: bytes) -> ModelAnswer:
    """Read a chat completion.

    Raises:
        ModelFailure: ``bad_reply`` for anything else, ``refused`` when the model declined.
    """
    try:
        reply = json.loads(body)
        choice = reply["choices"][0]
        message = choice["message"]
        content, refusal, finish = message.get("content"), message.get("refusal"), choice.get("finish_reason")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise ModelFailure("bad_reply", f"the reply is no chat completion ({type(error).__name__})") from error
    model = reply.get("model")
    told: dict[str, Any] = {
        "model": model if isinstance(model, str) else "",
        "prompt_tokens": _tokens(reply, "prompt_tokens"),
        "completion_tokens": _tokens(reply, "completion_tokens"),
    }
    if refusal or finish == "content_filter":
        raise ModelFailure("refused", "the model declined", **told)
    if content is not None and not isinstance(content, str):
        raise ModelFailure("bad_reply", "the content of the reply is no text", **told)
    return ModelAnswer(content or "", **told)


def _tokens(reply: dict[str, Any], name: str) -> int:
    usage = reply.get("usage")
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31 else 0
