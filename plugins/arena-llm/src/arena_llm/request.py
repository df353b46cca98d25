"""Requests of chat completions, and the parameters of them that an endpoint may refuse.

Endpoints differ in the parameters that they accept: reasoning models take no temperature but their own, many endpoints
take no seed or no JSON schema, and older ones know `max_completion_tokens` by its former name, `max_tokens`. A refusal
is an error of status 400 or 422 that names the parameter, in its field `param` or in its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from arena import LlmEndpoint, LlmQuestion

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "seed": ("seed",),
    "response_format": ("response_format", "json_schema"),
    "max_completion_tokens": ("max_completion_tokens",),
}
"""Parameters that a question can be asked without, and the names that an error calls them by."""


def make_request(endpoint: LlmEndpoint, question: LlmQuestion, refused: Collection[str]) -> dict[str, Any]:
    """Return the arguments of a chat completion.

    Args:
        endpoint: that is asked.
        question: that is asked.
        refused: parameters to leave out; for `max_completion_tokens`, `max_tokens` is sent in its place.
    """
    optional: dict[str, Any] = {"max_completion_tokens": endpoint.max_tokens}
    if endpoint.temperature is not None:
        optional["temperature"] = endpoint.temperature
    if endpoint.seed is not None:
        optional["seed"] = endpoint.seed
    if question.schema and endpoint.structured != "plain":
        schema = {"name": "answer", "strict": True, "schema": json.loads(question.schema)}
        optional["response_format"] = {"type": "json_schema", "json_schema": schema}
    request = {name: value for name, value in optional.items() if name not in refused}
    if "max_completion_tokens" in refused:
        request["max_tokens"] = endpoint.max_tokens
    messages = [{"role": one.role, "content": one.content} for one in question.messages]
    return {"model": endpoint.model, "messages": messages, **request}


def find_refused(body: object, request: Mapping[str, Any], endpoint: LlmEndpoint) -> tuple[str, ...]:
    """Tell which parameters of a request an error refuses, of those that the question can be asked without.

    An error that names none of them may still be about the JSON schema, which endpoints refuse in many words.

    Args:
        body: of the error.
        request: the arguments that were sent.
        endpoint: that was asked; its manifest may demand the schema.

    Returns:
        Names of parameters; empty if the question cannot be asked otherwise.
    """
    demanded = ("response_format",) if endpoint.structured == "schema" else ()
    sent = [name for name in _NAMES if name in request and name not in demanded]
    parameter = body.get("param") if isinstance(body, Mapping) else None
    if isinstance(parameter, str) and parameter:
        named = {re.split(r"[.\[]", parameter)[0]}
    else:
        named = set(re.findall(r"\w+", error_text(body))) & {name for names in _NAMES.values() for name in names}
        if not named:
            named = {"response_format"}
    return tuple(name for name in sent if not named.isdisjoint(_NAMES[name]))


def error_text(body: object) -> str:
    """Return the reason that the body of an error gives, as text."""
    message = body.get("message") if isinstance(body, Mapping) else body
    if isinstance(message, str):
        return message
    return "" if body is None else json.dumps(body, ensure_ascii=False, default=str)
