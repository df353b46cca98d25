"""The checks of clients of language models: each is seen to pass, and to fail on a client that breaks its rule."""

from __future__ import annotations

import dataclasses
import http.client
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from plain_client import PlainClient

from arena import (
    LlmAnswer,
    LlmClientSpec,
    LlmEndpoint,
    LlmFailure,
    LlmLimits,
    LlmMessage,
    LlmQuestion,
    LlmUnavailable,
    PluginError,
)
from arena.errors import UnknownName
from arena.testing import LLM_CLIENT_CHECKS, Check, CheckFailed, llm_client_checks
from arena.testing.chat_server import serving


def a_spec(client: Any = PlainClient, **changes: Any) -> LlmClientSpec:
    return LlmClientSpec(**{"name": "under-test", "connect": client, "summary": "a client under test"} | changes)


def checks(spec: LlmClientSpec | str) -> dict[str, Check]:
    return {check.name: check for check in llm_client_checks(spec)}


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """Close what the clients under test leave open."""
    yield
    while PlainClient.made:
        PlainClient.made.pop().disconnect()


class Nameless(PlainClient):
    def read(self, content: bytes) -> LlmAnswer:
        return LlmAnswer(super().read(content).text)


class Text(PlainClient):
    def ask(self, question: LlmQuestion) -> Any:
        return super().ask(question).text


class SamplesItsOwnWay(PlainClient):
    def request(self, question: LlmQuestion) -> dict[str, Any]:
        return super().request(question) | {"temperature": 1.0}


class FillsIn(PlainClient):
    def request(self, question: LlmQuestion) -> dict[str, Any]:
        return {"temperature": 0.7, **super().request(question)}


class SendsNoSchema(PlainClient):
    def request(self, question: LlmQuestion) -> dict[str, Any]:
        return {name: value for name, value in super().request(question).items() if name != "response_format"}


class SaysNothing(PlainClient):
    def read(self, content: bytes) -> LlmAnswer:
        answer = super().read(content)
        return dataclasses.replace(answer, text=answer.text or "(no answer)")


class AlwaysSendsTheSchema(PlainClient):
    def __init__(self, endpoint: LlmEndpoint, key: str | None, limits: LlmLimits) -> None:
        super().__init__(endpoint.model_copy(update={"structured": "schema"}), key, limits)


class TakesAnyKey(PlainClient):
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key or os.environ.get('OPENAI_API_KEY')}"}


class SendsNoKey(PlainClient):
    def headers(self) -> dict[str, str]:
        return {}


class RepeatsTheEndpoint(PlainClient):
    def refuse_key(self, status: int, text: str) -> None:
        if status == 401:
            raise LlmUnavailable(f"the key is not accepted: {text}")


class ShowsItself(PlainClient):
    def __repr__(self) -> str:
        return f"ShowsItself({self.key})"


class AsksToProbe(PlainClient):
    def probe(self) -> None:
        super().probe()
        self.exchange("POST", "/chat/completions", b"{}")


class NeverProbes(PlainClient):
    def probe(self) -> None:
        pass


class KeyIsOneFailureOfMany(PlainClient):
    def refuse_key(self, status: int, text: str) -> None:
        if status == 401:
            raise LlmFailure("bad_request", "status 401")


class AllIsOne(PlainClient):
    def kind(self, status: int) -> Any:
        return "server_error"


class RaisesOthers(PlainClient):
    def attempt(self, question: LlmQuestion) -> LlmAnswer:
        try:
            return super().attempt(question)
        except LlmFailure as failure:
            raise RuntimeError("oh") from failure


class Patient(PlainClient):
    def is_late(self, deadline: float) -> bool:
        return False


class AsksForever(PlainClient):
    def attempts(self) -> int:
        return self.limits.retries + 2


class AsksOnce(PlainClient):
    def attempts(self) -> int:
        return 1


class Follows(PlainClient):
    def exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self.connection()
        connection.request(method, urlsplit(self.endpoint.base_url).path + path, body, self.headers())
        response = connection.getresponse()
        content = response.read()
        if response.status == 307:
            target = urlsplit(response.headers["Location"])
            other = http.client.HTTPConnection(target.netloc)
            other.request(method, target.path, body, self.headers())
            answer = other.getresponse()
            content = answer.read()
            other.close()
            return answer.status, content
        return response.status, content


class OneAnswerForAll(PlainClient):
    """Keeps the question in the client while it waits."""

    def ask(self, question: LlmQuestion) -> LlmAnswer:
        self.question = question
        time.sleep(0.05)
        return super().ask(self.question)


class StaysConnected(PlainClient):
    def close(self) -> None:
        pass


class AsksWhenItIsMade(PlainClient):
    def __init__(self, endpoint: LlmEndpoint, key: str | None, limits: LlmLimits) -> None:
        super().__init__(endpoint, key, limits)
        raise LlmUnavailable("nobody there yet")


BREAKERS = [
    ("answers", Nameless, r"gave text, model and tokens \('five — or seven', '', 0, 0\)"),
    ("answers", Text, "ask returned a str; it must return arena.LlmAnswer"),
    ("answers", AsksWhenItIsMade, "connect raised LlmUnavailable .*; an endpoint is first asked by probe or ask"),
    ("asks", SamplesItsOwnWay, "'temperature': 1.0.*, and was to send .*'temperature': 0.5"),
    ("answers", SaysNothing, "for an answer without text; an empty answer is an answer"),
    ("asks", FillsIn, "sent temperature, which the endpoint leaves open"),
    ("asks", SendsNoSchema, 'left the schema out, though structured is "schema"'),
    ("asks", AlwaysSendsTheSchema, 'sent the schema, though structured is "plain"'),
    ("sends-its-key", TakesAnyKey, "was given no key and sent one from the environment, in authorization"),
    ("sends-its-key", SendsNoKey, "ask raised LlmUnavailable .*though the endpoint answers"),
    ("hides-its-key", RepeatsTheEndpoint, "the key stands in the error of ask; take it out"),
    ("hides-its-key", ShowsItself, "the key stands in its repr, its str; take it out"),
    ("probes", AsksToProbe, "probe asked 1 questions, which cost money; list the models instead"),
    ("probes", NeverProbes, "probe did not ask the endpoint"),
    ("unavailable", NeverProbes, "probe with a key that is not accepted raised nothing"),
    ("unavailable", KeyIsOneFailureOfMany, "ask with a key that is not accepted raised LlmFailure"),
    ("failures", AllIsOne, 'status 429 was told as "server_error", and is "rate_limited"'),
    ("failures", RaisesOthers, r"ask raised RuntimeError \(oh\) after status 429; it must raise arena.LlmFailure"),
    ("times-out", Patient, 'a slow reply was told as "disconnected", and is "timeout"'),
    ("retries", AsksForever, "asked 2 times an endpoint that stays busy; 0 retries are 1 attempts"),
    ("retries", AsksOnce, "ask raised LlmFailure .*though the endpoint answers"),
    ("stays", Follows, "ask returned LlmAnswer.* after a redirect; it must raise arena.LlmFailure"),
    ("threads", OneAnswerForAll, "gave one thread the answer of another"),
    ("closes", StaysConnected, r"left 1 connections open 5 s after close\(\)"),
]


@pytest.mark.parametrize("check", llm_client_checks(a_spec()), ids=str)
def test_a_client_that_conforms_passes_every_check(check: Check) -> None:
    check()


def test_every_check_is_seen_to_fail() -> None:
    assert list(checks("no-such-client")) == list(LLM_CLIENT_CHECKS)
    assert {name for name, _, _ in BREAKERS} == set(LLM_CLIENT_CHECKS) - {"declared"}


@pytest.mark.parametrize(("name", "client", "message"), BREAKERS)
def test_a_client_that_breaks_a_rule_fails_its_check(name: str, client: type[PlainClient], message: str) -> None:
    with pytest.raises(CheckFailed, match=f"client under-test, {name}: .*(?:{message})"):
        checks(a_spec(client))[name]()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Under Test"}, "its name must be a slug"),
        ({"connect": None}, "connect a function"),
        ({"summary": "two\nlines"}, "summary must be one line of text"),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        checks(a_spec(**changes))["declared"]()
    checks(a_spec())["declared"]()


def test_an_unknown_client_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown client of language models"):
        checks("no-such-client")["declared"]()


def test_the_server_keeps_what_it_was_sent() -> None:
    with serving() as server:
        client = PlainClient(server.describe(seed=3), None, LlmLimits())
        assert client.ask(LlmQuestion((LlmMessage("user", "units?"),))).text == "hello"
        client.close()
    (request,) = server.requests
    assert (request["seed"], request["messages"]) == (3, [{"role": "user", "content": "units?"}])


@pytest.mark.parametrize("name", [name for name in LLM_CLIENT_CHECKS if name != "declared"])
@pytest.mark.parametrize("method", ["probe", "ask", "close"])
def test_a_client_without_a_method_fails_every_check_in_words(name: str, method: str) -> None:
    class Lacks(PlainClient):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            setattr(self, method, None)

    message = f"client under-test, {name}: connect returned a Lacks without {method}; a client has the methods of arena"
    with pytest.raises(CheckFailed, match=message):
        checks(a_spec(Lacks))[name]()


def test_a_close_that_raises_is_told_where_nothing_else_is() -> None:
    class Clings(PlainClient):
        def close(self) -> None:
            super().close()
            raise OSError("busy")

    with pytest.raises(CheckFailed, match=r"answers: close raised OSError \(busy\)"):
        checks(a_spec(Clings))["answers"]()

    class Both(Clings):
        def ask(self, question: LlmQuestion) -> LlmAnswer:
            raise LookupError("no answer")

    with pytest.raises(CheckFailed, match=r"answers: ask raised LookupError \(no answer\)"):
        checks(a_spec(Both))["answers"]()
