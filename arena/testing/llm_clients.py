"""The conformance kit of clients of language models: real HTTP to a scripted server on loopback.

The server speaks chat completions, as `arena.LlmEndpoint` describes them; see `arena.testing.chat_server`, which tests
of a client's own rules may use too. Nothing leaves the machine, and no key of anybody is used.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Final
from unittest import mock

from arena.contract.language_model import (
    FailureKind,
    LlmAnswer,
    LlmClient,
    LlmClientSpec,
    LlmFailure,
    LlmLimits,
    LlmMessage,
    LlmQuestion,
    LlmUnavailable,
)
from arena.declarations import check_llm_client
from arena.errors import printable
from arena.plugins import load_llm_client
from arena.testing.chat_server import (
    MODEL,
    Behaviour,
    ChatHandler,
    ChatServer,
    body,
    break_off,
    dribble,
    hang_up,
    late,
    say,
    serving,
    status,
)
from arena.testing.check import Check, CheckFailed, everybody, make_checks

LLM_CLIENT_CHECKS: Final[Mapping[str, str]] = {
    "declared": "is declared by the rules of the contract",
    "answers": "returns the text of an answer, with its model and tokens as the endpoint says",
    "asks": "sends the messages, the model and the sampling of its endpoint, and not what the endpoint leaves open",
    "sends-its-key": "sends the key that it is given, and none from the environment where it is given none",
    "hides-its-key": "shows the key in no error and in no description of itself",
    "probes": "finds the endpoint by a probe that asks no question",
    "unavailable": "raises LlmUnavailable where nobody answers its probe, or the key is not accepted",
    "failures": "tells why a question has no answer by the kind of its LlmFailure",
    "times-out": "gives up an attempt after the run's timeout, be the reply late or slow",
    "retries": "asks again after an error that may pass, as often as the run allows and not more often",
    "stays": "follows no redirect to another address",
    "threads": "answers several threads at a time, each its own question",
    "closes": "closes its connections",
}
"""The checks of a client of language models: description by name."""

LARGEST_REPLY: Final = 4 * 1024 * 1024
"""Bytes of a reply that every client refuses as too large."""

_KEY: Final = "sk-canary-0123456789abcdef"
_OTHERS: Final = "of-somebody-else"
_ENVIRONMENT: Final = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
_QUICK: Final = LlmLimits(timeout=5.0, retries=0)
_QUESTION: Final = LlmQuestion((LlmMessage("system", "be brief"), LlmMessage("user", "how many units — 5 or 7?")))
_SCHEMA: Final = {"type": "object", "properties": {"canary_units": {"type": "number"}}, "additionalProperties": False}
_METHODS: Final = ("probe", "ask", "close")
_THREADS: Final = 4
_CLOSING_SECONDS: Final = 5.0

_FAILURES: Final[tuple[tuple[str, Behaviour, FailureKind], ...]] = (
    ("status 429", status(429), "rate_limited"),
    ("status 500", status(500), "server_error"),
    ("status 503", status(503), "server_error"),
    ("status 400", status(400), "bad_request"),
    ("a connection that is reset", hang_up, "disconnected"),
    ("a reply that breaks off", break_off, "disconnected"),
    ("a reply of HTML", body(b"<html>"), "bad_reply"),
    ("a reply without a choice", body(b'{"choices": []}'), "bad_reply"),
    ("a content that is no text", say(["a", "list"]), "bad_reply"),
    ("a refusal", say(None, refusal="I must not"), "refused"),
    ("a filtered answer", say("", finish="content_filter"), "refused"),
    ("an answer that was cut off", say("five or", finish="length"), "cut_off"),
    (f"a reply of more than {LARGEST_REPLY} bytes", body(b" " * (LARGEST_REPLY + 1)), "too_large"),
)
_PASSING: Final = status(503, ("Retry-After", "0"))


def llm_client_checks(client: LlmClientSpec | str) -> tuple[Check, ...]:
    """Return the checks of a client of language models, one for every name in `LLM_CLIENT_CHECKS`.

    Each starts a server of its own on loopback when it is called, and none needs another.

    Args:
        client: A specification, or the name of an installed client.

    Returns:
        The checks. They raise `CheckFailed`; `PluginError` where the declaration breaks a rule, and `UnknownName` for
        a name that no plugin gives.
    """
    return make_checks(LLM_CLIENT_CHECKS, lambda name: _examine(client, name))


def _examine(client: LlmClientSpec | str, name: str) -> None:
    spec = load_llm_client(client, trust=everybody()) if isinstance(client, str) else client
    check_llm_client(spec)
    if name == "declared":
        return
    with serving() as server:
        examination = _Examination(spec, server, name)
        examination.rules[name]()


class _Examination:
    """One check of one client."""

    def __init__(self, spec: LlmClientSpec, server: ChatServer, check: str) -> None:
        self.rules: Mapping[str, Callable[[], None]] = {
            "answers": self._answers,
            "asks": self._asks,
            "sends-its-key": self._sends_its_key,
            "hides-its-key": self._hides_its_key,
            "probes": self._probes,
            "unavailable": self._unavailable,
            "failures": self._failures,
            "times-out": self._times_out,
            "retries": self._retries,
            "stays": self._stays,
            "threads": self._threads,
            "closes": self._closes,
        }
        self._spec = spec
        self._server = server
        self._check = check

    def _answers(self) -> None:
        self._server.script = lambda number: say("five — or seven")
        with self._connected() as client:
            answer = self._ask(client)
        found = (answer.text, answer.model, answer.prompt_tokens, answer.completion_tokens)
        expected = ("five — or seven", "test-model-2", 11, 7)
        self._require(found == expected, f"gave text, model and tokens {found}, and the endpoint said {expected}")
        self._server.script = lambda number: say(None)
        with self._connected() as client:
            text = self._ask(client).text
        self._require(text == "", f"gave {text!r} for an answer without text; an empty answer is an answer")

    def _asks(self) -> None:
        with self._connected(temperature=0.5, seed=7, max_tokens=50, structured="plain") as client:
            self._ask(client, LlmQuestion(_QUESTION.messages, json.dumps(_SCHEMA)))
        request = self._server.requests[-1]
        sent = {name: request.get(name) for name in ("model", "temperature", "seed", "messages")}
        messages = [{"role": message.role, "content": message.content} for message in _QUESTION.messages]
        expected = {"model": MODEL, "temperature": 0.5, "seed": 7, "messages": messages}
        self._require(sent == expected, f"sent {sent}, and was to send {expected}")
        most = request.get("max_completion_tokens", request.get("max_tokens"))
        self._require(most == 50, f"asked for at most {most} tokens, and max_tokens of the endpoint is 50")
        self._require("canary_units" not in json.dumps(request), 'sent the schema, though structured is "plain"')
        with self._connected(temperature=None, structured="schema") as client:
            self._ask(client, LlmQuestion(_QUESTION.messages, json.dumps(_SCHEMA)))
        request = self._server.requests[-1]
        self._require("canary_units" in json.dumps(request), 'left the schema out, though structured is "schema"')
        chosen = sorted({"temperature", "seed"} & set(request))
        self._require(not chosen, f"sent {', '.join(chosen)}, which the endpoint leaves open")

    def _sends_its_key(self) -> None:
        self._server.key = _KEY
        with self._connected(_KEY) as client:
            self._ask(client)
        self._server.key = None
        with mock.patch.dict(os.environ, dict.fromkeys(_ENVIRONMENT, _OTHERS)), self._connected() as client:
            self._ask(client)
        told = [name for name, value in self._server.headers[-1].items() if _OTHERS in value]
        self._require(not told, f"was given no key and sent one from the environment, in {', '.join(told)}")

    def _hides_its_key(self) -> None:
        self._server.key = "sk-another"
        with self._connected(_KEY) as client:
            shown = {"its repr": repr(client), "its str": str(client)}
            for what, action in (("ask", lambda: client.ask(_QUESTION)), ("probe", client.probe)):
                shown[f"the error of {what}"] = self._unavailable_error(what, action)
        self._server.key = None
        for told, behaviour in (("a reset", hang_up), ("a broken reply", break_off), ("HTML", body(b"<html>"))):
            self._server.script = lambda number, chosen=behaviour: chosen  # type: ignore[misc]
            with self._connected(_KEY) as client:
                shown[f"the failure after {told}"] = str(self._fail(client, told))
        leaks = [what for what, text in shown.items() if _KEY in text]
        self._require(not leaks, f"the key stands in {', '.join(leaks)}; take it out")

    def _probes(self) -> None:
        self._server.key = _KEY
        with self._connected(_KEY) as client:
            try:
                client.probe()
            except Exception as error:
                raise self._failed(f"probe raised {_told(error)}, though the endpoint is there") from error
        self._require(self._server.probes > 0, "probe did not ask the endpoint, and cannot know that it is there")
        asked = len(self._server.requests)
        self._require(asked == 0, f"probe asked {asked} questions, which cost money; list the models instead")

    def _unavailable(self) -> None:
        self._server.key = "sk-another"
        with self._connected(_KEY) as client:
            self._unavailable_error("ask with a key that is not accepted", lambda: client.ask(_QUESTION))
            self._unavailable_error("probe with a key that is not accepted", client.probe)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))  # Bound and not listening: nobody else takes the port meanwhile.
            url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
            with self._connected(base_url=url) as client:
                self._unavailable_error("probe of an address where nobody answers", client.probe)

    def _failures(self) -> None:
        for what, behaviour, kind in _FAILURES:
            self._server.script = lambda number, chosen=behaviour: chosen  # type: ignore[misc]
            with self._connected() as client:
                failure = self._fail(client, what)
            self._require(failure.kind == kind, f'{what} was told as "{failure.kind}", and is "{kind}"')

    def _times_out(self) -> None:
        for what, behaviour in (("a late reply", late(3.0, say("too late"))), ("a slow reply", dribble)):
            self._server.script = lambda number, chosen=behaviour: chosen  # type: ignore[misc]
            with self._connected(limits=_QUICK.model_copy(update={"timeout": 0.5})) as client:
                failure = self._fail(client, what)
            self._require(failure.kind == "timeout", f'{what} was told as "{failure.kind}", and is "timeout"')

    def _retries(self) -> None:
        self._server.script = lambda number: say("later") if number else _PASSING
        with self._connected(limits=_QUICK.model_copy(update={"retries": 1})) as client:
            text = self._ask(client).text
        self._require(text == "later", f"gave {text!r} after an error that passed, and the endpoint said 'later'")
        self._server.script = lambda number: _PASSING
        for retries in (0, 1):
            before = len(self._server.requests)
            with self._connected(limits=_QUICK.model_copy(update={"retries": retries})) as client:
                self._fail(client, "status 503")
            asked = len(self._server.requests) - before
            rule = f"{retries} retries are {retries + 1} attempts"
            self._require(asked == retries + 1, f"asked {asked} times an endpoint that stays busy; {rule}")

    def _stays(self) -> None:
        with serving() as elsewhere:
            target = f"{elsewhere.url}/chat/completions"
            self._server.script = lambda number: status(307, ("Location", target))
            with self._connected(_KEY) as client:
                self._fail(client, "a redirect")
            asked = len(elsewhere.requests) + elsewhere.probes
        self._require(asked == 0, "asked another address, which the organiser has not allowed")

    def _threads(self) -> None:
        def echo(handler: ChatHandler, number: int) -> None:
            say(self._server.requests[number]["messages"][-1]["content"])(handler)

        self._server.script = lambda number: late(0.05, lambda handler: echo(handler, number))
        texts = [f"question {number}" for number in range(2 * _THREADS)]
        with self._connected() as client, ThreadPoolExecutor(_THREADS) as pool:
            questions = [LlmQuestion((LlmMessage("user", text),)) for text in texts]
            answers = list(pool.map(lambda question: self._ask(client, question).text, questions))
        mixed = [(text, answer) for text, answer in zip(texts, answers, strict=True) if text != answer]
        self._require(not mixed, f"gave one thread the answer of another: {mixed[:1]}")

    def _closes(self) -> None:
        client = self._connect()
        self._ask(client)
        self._close(client)
        deadline = time.monotonic() + _CLOSING_SECONDS
        while self._server.connections and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self._server.connections
        self._require(left == 0, f"left {left} connections open {_CLOSING_SECONDS:g} s after close()")

    @contextmanager
    def _connected(self, key: str | None = None, *, limits: LlmLimits = _QUICK, **endpoint: Any) -> Iterator[LlmClient]:
        client = self._connect(key, limits=limits, **endpoint)
        try:
            yield client
        except BaseException:
            with suppress(Exception):  # The first error is the one to tell.
                client.close()
            raise
        self._close(client)

    def _connect(self, key: str | None = None, *, limits: LlmLimits = _QUICK, **endpoint: Any) -> LlmClient:
        described = self._server.describe(**endpoint, key_variable=None if key is None else "ARENA_TESTING_KEY")
        try:
            client = self._spec.connect(described, key, limits)
        except Exception as error:
            fix = "an endpoint is first asked by probe or ask"
            raise self._failed(f"connect raised {_told(error)}; {fix}") from error
        absent = [name for name in _METHODS if not callable(getattr(client, name, None))]
        rule = f"connect returned a {type(client).__name__} without {' and '.join(absent)}"
        self._require(not absent, f"{rule}; a client has the methods of arena.LlmClient: {', '.join(_METHODS)}")
        return client

    def _close(self, client: LlmClient) -> None:
        try:
            client.close()
        except Exception as error:
            raise self._failed(f"close raised {_told(error)}") from error

    def _ask(self, client: LlmClient, question: LlmQuestion = _QUESTION) -> LlmAnswer:
        """Ask a question that the endpoint answers."""
        try:
            answer: object = client.ask(question)
        except Exception as error:
            raise self._failed(f"ask raised {_told(error)}, though the endpoint answers") from error
        if not isinstance(answer, LlmAnswer):
            raise self._failed(f"ask returned a {type(answer).__name__}; it must return arena.LlmAnswer")
        return answer

    def _fail(self, client: LlmClient, what: str) -> LlmFailure:
        """Ask a question that has no answer."""
        try:
            answer = client.ask(_QUESTION)
        except LlmFailure as failure:
            return failure
        except Exception as error:
            raise self._failed(f"ask raised {_told(error)} after {what}; it must raise arena.LlmFailure") from error
        raise self._failed(f"ask returned {answer!r} after {what}; it must raise arena.LlmFailure")

    def _unavailable_error(self, what: str, action: Callable[[], object]) -> str:
        """Return the text of the `LlmUnavailable` that an action must raise."""
        try:
            action()
        except LlmUnavailable as error:
            return f"{error} {error.args}"
        except Exception as error:
            raise self._failed(f"{what} raised {_told(error)}; it must raise arena.LlmUnavailable") from error
        raise self._failed(f"{what} raised nothing; it must raise arena.LlmUnavailable")

    def _require(self, is_kept: bool, message: str) -> None:
        if not is_kept:
            raise self._failed(message)

    def _failed(self, message: str) -> CheckFailed:
        return CheckFailed(f"client {self._spec.name}, {self._check}: {printable(message, 1000)}")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__} ({error})"
