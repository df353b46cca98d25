"""Gateways: live, which asks endpoints and writes down what they say, and replay, which plays from what was written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from arena.contract.language_model import (
    LONGEST_ANSWER,
    LlmClient,
    LlmEndpoint,
    LlmFailure,
    LlmLimits,
    LlmUnavailable,
)
from arena.errors import printable
from arena.llm.call import CallKey, LlmCall, LlmOutcome
from arena.llm.transcript import Transcript, TranscriptEntry, Used, make_entry, used_before

_GONE = frozenset({"timeout", "rate_limited", "server_error", "disconnected", "bad_request"})
"""Failures that say that the endpoint is of no use; the others come from a model that did reply."""

_REDACTED = "[key]"
_LONGEST_MESSAGE = 300


@dataclass
class _Standing:
    """Count of one submission's calls.

    Attributes:
        used: calls and tokens, those of earlier runs into the folder included.
        failed_in_a_row: calls since the endpoint last replied.
        last: message of the last of them.
        clients: by endpoint. No other submission shares one, so that nothing that an endpoint says to one submission
            changes how another one's questions are asked.
    """

    used: Used
    failed_in_a_row: int = 0
    last: str = ""
    clients: dict[LlmEndpoint, LlmClient] = field(default_factory=dict)


class LiveGateway:
    """Answers from the transcript where it can, and asks an endpoint where it must.

    Args:
        transcript: of the folder of results.
        connect: makes the client of an endpoint of the allow-list, which keeps to timeout and retries of the limits.
        keys: every key, so that none is ever written down, whatever an endpoint answers.
        limits: of the run; every submission has them for itself. None for the defaults.
        clock: seconds.
    """

    def __init__(
        self,
        transcript: Transcript,
        connect: Callable[[LlmEndpoint, LlmLimits], LlmClient],
        *,
        keys: tuple[str, ...] = (),
        limits: LlmLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transcript = transcript
        self._connect = connect
        self._keys = tuple(key for key in keys if key)
        self._limits = limits or LlmLimits()
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[CallKey, threading.Lock] = {}
        self._standings = {name: _Standing(used) for name, used in transcript.used.items()}

    def call(self, call: LlmCall) -> LlmOutcome:
        """Answer a call; the endpoint is asked only if the transcript holds no answer to it."""
        # A worker that died may have left this very call under way; who asks again waits for it.
        with self._turn(call.key):
            known = self._transcript.find(call)
            if known is not None and known.outcome != "budget":
                return known
            reached = limit_reached(self._limits, self._transcript.used_before(call.key))
            if not reached:
                return self._make(call)
            stopped = LlmOutcome("budget", message=reached)
            if known != stopped:
                # A replay has no limits of its own; it finds here where the episode was stopped.
                self._transcript.add(make_entry(call, stopped, self._limits))
            return stopped

    def _make(self, call: LlmCall) -> LlmOutcome:
        client = self._begin(call)
        started = self._clock()
        outcome = self._redacted(_ask(client, call))
        outcome = replace(outcome, seconds=round(self._clock() - started, 6))
        self._transcript.add(make_entry(call, outcome, self._limits))
        with self._lock:
            standing = self._standings[call.key.submission]
            standing.used = Used(standing.used.calls, standing.used.tokens + _tokens(outcome))
            standing.failed_in_a_row = standing.failed_in_a_row + 1 if outcome.outcome in _GONE else 0
            standing.last = outcome.message
        return outcome

    def close(self) -> None:
        """Close the clients and the transcript."""
        for standing in self._standings.values():
            for client in standing.clients.values():
                client.close()
        self._transcript.close()

    def _turn(self, key: CallKey) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(key, threading.Lock())

    def _begin(self, call: LlmCall) -> LlmClient:
        """Count a call that is about to be made, and return who makes it."""
        name, endpoint, limits = call.key.submission, call.endpoint, self._limits
        with self._lock:
            standing = self._standings.setdefault(name, _Standing(Used()))
            if standing.failed_in_a_row >= limits.failures_in_a_row:
                raise LlmUnavailable(
                    f"{endpoint.base_url} has not answered {name} {limits.failures_in_a_row} times in a row, last: "
                    f"{standing.last}; see to it and run the same command again"
                )
            calls, tokens = standing.used
            spent = limits.calls is not None and calls >= limits.calls
            if spent or (limits.tokens is not None and tokens >= limits.tokens):
                raise LlmUnavailable(
                    f"{name} has used up its budget of the run ({calls} calls, {tokens} tokens); "
                    "raise --llm-calls or --llm-tokens and run the same command again"
                )
            if endpoint not in standing.clients:
                standing.clients[endpoint] = self._connect(endpoint, limits)
            standing.used = Used(calls + 1, tokens)
            return standing.clients[endpoint]

    def _redacted(self, outcome: LlmOutcome) -> LlmOutcome:
        """Take every key out of what an endpoint said: it was told the key and may repeat it."""
        return replace(
            outcome,
            text=self._without_keys(outcome.text),
            message=self._safe(outcome.message),
            model=printable(self._without_keys(outcome.model)),
            refused={self._safe(name): self._safe(reason) for name, reason in outcome.refused.items()},
        )

    def _safe(self, text: str) -> str:
        # The key goes first: cut in two, it would not be found.
        return printable(self._without_keys(text), _LONGEST_MESSAGE)

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            text = text.replace(key, _REDACTED)
        return text


def limit_reached(limits: LlmLimits, used: Used) -> str:
    """Say which limit of an episode is reached; empty while none is.

    Args:
        limits: of the run.
        used: by the episode so far.
    """
    if used.calls >= limits.episode_calls:
        return f"the episode has asked its {limits.episode_calls} questions (--llm-episode-calls)"
    if used.tokens >= limits.episode_tokens:
        return f"the episode has used {used.tokens} of its {limits.episode_tokens} tokens (--llm-episode-tokens)"
    return ""


def _tokens(outcome: LlmOutcome) -> int:
    return outcome.prompt_tokens + outcome.completion_tokens


def _ask(client: LlmClient, call: LlmCall) -> LlmOutcome:
    try:
        answer = client.ask(call.question)
    except LlmFailure as failure:
        return LlmOutcome(
            failure.kind,
            message=failure.message,
            model=failure.model,
            prompt_tokens=failure.prompt_tokens,
            completion_tokens=failure.completion_tokens,
            refused=failure.refused,
        )
    too_large = len(answer.text) > LONGEST_ANSWER
    return LlmOutcome(
        "too_large" if too_large else "ok",
        text="" if too_large else _sendable(answer.text),
        message=f"the answer has {len(answer.text)} characters, at most {LONGEST_ANSWER} are taken"
        if too_large
        else "",
        model=answer.model,
        prompt_tokens=max(0, answer.prompt_tokens),
        completion_tokens=max(0, answer.completion_tokens),
        refused=answer.refused,
    )


def _sendable(text: str) -> str:
    """Text that can be written down: JSON may hold lone surrogates, UTF-8 may not."""
    return text.encode("utf-8", "replace").decode("utf-8")


class ReplayGateway:
    """Answers from a transcript, and from nothing else.

    Args:
        entries: the transcript that is played from.
        source: what messages call it.
        copy: transcript of the folder of results, which gets the entries that were used; None for none.
        limits: of the run that wrote the transcript, where it was written before a transcript said at which question
            an episode was stopped; None: the transcript says so.
    """

    def __init__(
        self,
        entries: Mapping[CallKey, TranscriptEntry],
        source: str,
        copy: Transcript | None = None,
        limits: LlmLimits | None = None,
    ) -> None:
        self._entries = entries
        self._source = source
        self._copy = copy
        self._limits = limits

    def call(self, call: LlmCall) -> LlmOutcome:
        """Answer a call as it was answered when the transcript was written.

        Raises:
            LlmUnavailable: the transcript has no such call, or another question in its place.
        """
        entry = self._entries.get(call.key)
        which = f"question {call.key.position + 1} of {call.key.submission}, seed index {call.key.seed_index}"
        if entry is None and self._limits is not None:
            reached = limit_reached(self._limits, used_before(call.key, self._entries))
            if reached:
                entry = make_entry(call, LlmOutcome("budget", message=reached), self._limits)
        if entry is None:
            raise LlmUnavailable(f"{self._source}: holds no {which}; play it with --llm live")
        if entry.digest != call.question.digest(call.endpoint):
            raise LlmUnavailable(
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
