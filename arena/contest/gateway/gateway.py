"""Gateways: live, which asks endpoints and writes down what they say, and replay, which plays from what was written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arena.contest.gateway.call import CallKey, ModelCall, ModelOutcome
from arena.contest.gateway.transcript import Transcript, TranscriptEntry, make_entry
from arena.contract.language_model import (
    LONGEST_ANSWER,
    ModelClient,
    ModelEndpoint,
    ModelFailure,
    ModelUnavailable,
)
from arena.errors import printable

MOST_FAILURES_IN_A_ROW = 20
"""Calls without an answer, one after the other, after which an endpoint is taken to be gone: what is played then is not
scored. With one call in five failing at random that many in a row do not come in a lifetime of runs."""

_GONE = frozenset({"timeout", "rate_limited", "server_error", "disconnected"})
_REDACTED = "[key]"
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class RunBudget:
    """What all calls of a folder of results may use, those of earlier runs into it included.

    Attributes:
        calls: calls; None for no bound.
        tokens: tokens; None for no bound. Calls that are under way when it is reached still end.
    """

    calls: int | None = None
    tokens: int | None = None


class LiveGateway:
    """Answers from the transcript where it can, and asks an endpoint where it must.

    Args:
        transcript: of the folder of results.
        connect: makes the client of an endpoint of the allow-list.
        keys: every key, so that none is ever written down, whatever an endpoint answers.
        budget: of the run.
        clock: seconds.
    """

    def __init__(
        self,
        transcript: Transcript,
        connect: Callable[[ModelEndpoint], ModelClient],
        *,
        keys: tuple[str, ...] = (),
        budget: RunBudget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transcript = transcript
        self._connect = connect
        self._keys = tuple(key for key in keys if key)
        self._budget = budget or RunBudget()
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: dict[ModelEndpoint, ModelClient] = {}
        self._turns: dict[CallKey, threading.Lock] = {}
        self._calls = len(transcript)
        self._tokens = transcript.tokens
        self._failed_in_a_row = 0

    def call(self, call: ModelCall) -> ModelOutcome:
        """Answer a call; the endpoint is asked only if the transcript holds no answer to it."""
        # A worker that died may have left this very call under way; who asks again waits for it.
        with self._turn(call.key):
            known = self._transcript.find(call)
            return self._make(call) if known is None else known

    def _make(self, call: ModelCall) -> ModelOutcome:
        client = self._begin(call.endpoint)
        started = self._clock()
        outcome = self._redacted(_ask(client, call))
        outcome = _timed(outcome, self._clock() - started)
        self._transcript.add(make_entry(call, outcome))
        with self._lock:
            self._tokens += outcome.prompt_tokens + outcome.completion_tokens
            self._failed_in_a_row = self._failed_in_a_row + 1 if outcome.outcome in _GONE else 0
        return outcome

    def close(self) -> None:
        """Close the clients and the transcript."""
        for client in self._clients.values():
            client.close()
        self._transcript.close()

    def _turn(self, key: CallKey) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(key, threading.Lock())

    def _begin(self, endpoint: ModelEndpoint) -> ModelClient:
        """Count a call that is about to be made, and return who makes it."""
        with self._lock:
            if self._failed_in_a_row >= MOST_FAILURES_IN_A_ROW:
                raise ModelUnavailable(
                    f"{endpoint.base_url} has not answered {MOST_FAILURES_IN_A_ROW} times in a row; "
                    "see to it and run the same command again"
                )
            calls, tokens = self._budget.calls, self._budget.tokens
            spent = (calls is not None and self._calls >= calls) or (tokens is not None and self._tokens >= tokens)
            if spent:
                raise ModelUnavailable(
                    f"the budget of the run is used up ({self._calls} calls, {self._tokens} tokens); "
                    "raise --llm-calls or --llm-tokens and run the same command again"
                )
            self._calls += 1
            if endpoint not in self._clients:
                self._clients[endpoint] = self._connect(endpoint)
            return self._clients[endpoint]

    def _redacted(self, outcome: ModelOutcome) -> ModelOutcome:
        """Take every key out of what an endpoint said: it was told the key and may repeat it."""
        return ModelOutcome(
            outcome=outcome.outcome,
            text=self._without_keys(outcome.text),
            message=printable(self._without_keys(outcome.message), _LONGEST_MESSAGE),
            model=printable(self._without_keys(outcome.model)),
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
        )

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            text = text.replace(key, _REDACTED)
        return text


def _ask(client: ModelClient, call: ModelCall) -> ModelOutcome:
    try:
        answer = client.ask(call.question)
    except ModelFailure as failure:
        return ModelOutcome(
            failure.kind,
            message=failure.message,
            model=failure.model,
            prompt_tokens=failure.prompt_tokens,
            completion_tokens=failure.completion_tokens,
        )
    too_large = len(answer.text) > LONGEST_ANSWER
    return ModelOutcome(
        "too_large" if too_large else "ok",
        text="" if too_large else _sendable(answer.text),
        message=f"the answer has {len(answer.text)} characters, at most {LONGEST_ANSWER} are taken"
        if too_large
        else "",
        model=answer.model,
        prompt_tokens=max(0, answer.prompt_tokens),
        completion_tokens=max(0, answer.completion_tokens),
    )


def _sendable(text: str) -> str:
    """Text that can be written down: JSON may hold lone surrogates, UTF-8 may not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _timed(outcome: ModelOutcome, seconds: float) -> ModelOutcome:
    return ModelOutcome(**{**outcome.__dict__, "seconds": round(seconds, 6)})


class ReplayGateway:
    """Answers from a transcript, and from nothing else.

    Args:
        entries: the transcript that is played from.
        source: what messages call it.
        copy: transcript of the folder of results, which gets the entries that were used; None for none.
    """

    def __init__(self, entries: Mapping[CallKey, TranscriptEntry], source: str, copy: Transcript | None = None) -> None:
        self._entries = entries
        self._source = source
        self._copy = copy

    def call(self, call: ModelCall) -> ModelOutcome:
        """Answer a call as it was answered when the transcript was written.

        Raises:
            ModelUnavailable: the transcript has no such call, or another question in its place.
        """
        entry = self._entries.get(call.key)
        which = f"question {call.key.position + 1} of {call.key.submission}, seed index {call.key.seed_index}"
        if entry is None:
            raise ModelUnavailable(f"{self._source}: holds no {which}; play it with --llm live")
        if entry.digest != call.question.digest(call.endpoint):
            raise ModelUnavailable(
                f"{self._source}: {which} is another one than is asked now; use the versions that wrote it, "
                "or --llm live"
            )
        if self._copy is not None and self._copy.find(call) is None:
            self._copy.add(entry)
        return entry.as_outcome()

    def close(self) -> None:
        """Close the copy."""
        if self._copy is not None:
            self._copy.close()
