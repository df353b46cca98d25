"""The transcript: every question to a language model and what came of it, one line of JSON each, beside the results.

A line is written before its answer is given to anybody, with one call of the system: whatever kills the arena, an
answer that a controller has seen is there. A last line that was cut short is taken away when the file is next opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, ValidationError

from arena.contract.language_model import FailureKind, LlmLimits, LlmMessage
from arena.errors import ABSENT, ArenaError, Fault, InvalidInput
from arena.llm.call import CallKey, LlmCall, LlmOutcome
from arena.schemas import FrozenSchema

LARGEST_TRANSCRIPT: Final = 1024**3
"""Bytes of a transcript that are read."""

Tokens = Annotated[int, Field(ge=0)]


class Used(NamedTuple):
    """A number of calls and their tokens."""

    calls: int = 0
    tokens: int = 0

    def plus(self, outcome: LlmOutcome) -> Used:
        """Return the sum with one call more."""
        return Used(self.calls + 1, self.tokens + outcome.prompt_tokens + outcome.completion_tokens)


class TranscriptEntry(FrozenSchema):
    """One line of a transcript: a question, and what came of it."""

    submission: str = Field(description="name of the submission that asked")
    scenario_digest: str = Field(description="content of the scenario that was played")
    seed_plan: str = Field(description="public, or the commitment to the hidden seeds")
    seed_index: int = Field(ge=0, description="position of the seed in its plan")
    position: int = Field(ge=0, description="which question of the episode, from 0")
    digest: str = Field(description="sha256 of question, model and sampling")
    sampling: dict[str, str | int | float | None] = Field(
        description="the model that was asked for, and how it samples"
    )
    messages: tuple[LlmMessage, ...] = Field(description="the question")
    answer_schema: str = Field(default="", description="JSON schema that the answer was asked to keep; empty for none")
    outcome: Literal["ok"] | FailureKind = Field(description="ok, or why there is no answer")
    reply: str = Field(default="", description="the answer; empty without one")
    reply_digest: str = Field(default="", description="sha256 of the answer; empty without one")
    message: str = Field(default="", description="what went wrong; empty when nothing did")
    base_url: str = Field(
        default="", description="address that was asked; empty in a transcript of before it was written down"
    )
    model: str = Field(default="", description="the model that answered, as the endpoint said")
    prompt_tokens: Tokens = Field(default=0, description="tokens asked")
    completion_tokens: Tokens = Field(default=0, description="tokens answered")
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="duration of the call")
    refused: dict[str, str] = Field(
        default_factory=dict,
        description="by parameter of the request, the endpoint's reason for refusing it; it was asked without them, a "
        "refused max_completion_tokens having been sent as max_tokens",
    )
    limits: dict[str, int | float | None] = Field(
        default_factory=dict, description="limits of the run; empty in a transcript of before they were written down"
    )
    finished_at: str = Field(description="when it ended, UTC, ISO 8601")

    @property
    def key(self) -> CallKey:
        """Which question of which episode."""
        return CallKey(self.submission, self.scenario_digest, self.seed_plan, self.seed_index, self.position)

    def as_outcome(self) -> LlmOutcome:
        """Return what came of the call."""
        return LlmOutcome(
            outcome=self.outcome,
            text=self.reply,
            message=self.message,
            model=self.model,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            seconds=self.seconds,
            refused=self.refused,
        )


def make_entry(call: LlmCall, outcome: LlmOutcome, limits: LlmLimits) -> TranscriptEntry:
    """Write down a call that has just ended."""
    return TranscriptEntry(
        **call.key._asdict(),
        digest=call.question.digest(call.endpoint),
        sampling=call.endpoint.sampling,
        base_url=call.endpoint.base_url,
        messages=call.question.messages,
        answer_schema=call.question.schema,
        outcome=outcome.outcome,
        reply=outcome.text,
        reply_digest=digest_text(outcome.text) if outcome.outcome == "ok" else "",
        message=outcome.message,
        model=outcome.model,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        seconds=outcome.seconds,
        refused=dict(outcome.refused),
        limits=limits.model_dump(),
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def digest_calls(calls: Iterable[tuple[str, LlmOutcome]]) -> str:
    """Return the sha256, hexadecimal, of the questions of an episode and what came of them; empty without any.

    Args:
        calls: in their order, each as the digest of its question and what came of it. Left out are times.
    """
    lines = [
        json.dumps(
            [digest, one.outcome, one.text, one.model, one.prompt_tokens, one.completion_tokens], ensure_ascii=True
        )
        for digest, one in calls
    ]
    return digest_text("\n".join(lines)) if lines else ""


def digest_text(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_transcript(path: Path) -> dict[CallKey, TranscriptEntry]:
    """Read a transcript; of two lines under one key the later one counts.

    Raises:
        InvalidInput: it is missing, too large, or a line of it, but for a last one that was cut short, is no entry.
    """
    try:
        if path.stat().st_size > LARGEST_TRANSCRIPT:
            rule = f"has more than {LARGEST_TRANSCRIPT} bytes"
            raise InvalidInput([Fault(str(path), "", ABSENT, rule, "play into another folder")])
        content = path.read_bytes()
    except OSError as error:
        fix = "name the transcripts.jsonl of a folder of results that was played with --llm live"
        raise InvalidInput([Fault(str(path), "", ABSENT, f"cannot be read ({error.strerror})", fix)]) from error
    whole = content[: content.rfind(b"\n") + 1]
    entries: dict[CallKey, TranscriptEntry] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            entry = TranscriptEntry.model_validate_json(line)
        except (ValidationError, RecursionError) as error:
            cause = str(error).splitlines()[0]
            rule, fix = f"is no entry of a transcript: {cause}", "restore a copy of the file"
            raise InvalidInput([Fault(str(path), f"line {number}", ABSENT, rule, fix)]) from error
        entries[entry.key] = entry
    return entries


def used_before(key: CallKey, entries: Mapping[CallKey, TranscriptEntry]) -> Used:
    """Calls and tokens of an episode before one of its questions."""
    earlier = [entries.get(key._replace(position=position)) for position in range(key.position)]
    tokens = sum(entry.prompt_tokens + entry.completion_tokens for entry in earlier if entry is not None)
    return Used(key.position, tokens)


class Transcript:
    """An open transcript: what it holds, and a place to write more. Used by several threads."""

    def __init__(self, path: Path) -> None:
        """Open a transcript, or begin one.

        Raises:
            InvalidInput: it cannot be read.
            ArenaError: it cannot be written.
        """
        self.path = path
        self._lock = threading.Lock()
        self._entries = read_transcript(path) if path.exists() else {}
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            content = path.read_bytes() if self._entries or path.stat().st_size else b""
            os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)
        except OSError as error:
            raise self._unwritable(error) from error

    @property
    def used(self) -> dict[str, Used]:
        """Calls and tokens of every submission that it holds a call of."""
        used: defaultdict[str, Used] = defaultdict(Used)
        with self._lock:
            for entry in self._entries.values():
                if entry.outcome != "budget":
                    used[entry.submission] = used[entry.submission].plus(entry.as_outcome())
        return dict(used)

    def used_before(self, key: CallKey) -> Used:
        """Calls and tokens of an episode before one of its questions."""
        with self._lock:
            return used_before(key, self._entries)

    def find(self, call: LlmCall) -> LlmOutcome | None:
        """Return what came of this very call when it was first made; None if it never was."""
        with self._lock:
            entry = self._entries.get(call.key)
        if entry is None or entry.digest != call.question.digest(call.endpoint):
            return None
        return entry.as_outcome()

    def add(self, entry: TranscriptEntry) -> None:
        """Write an entry down; when this returns, no death of the process loses it.

        Raises:
            ArenaError: it cannot be written; a part of a line may stand at the end, which the next opening removes.
        """
        line = entry.model_dump_json().encode() + b"\n"
        with self._lock:
            try:
                written = os.write(self._descriptor, line)
            except OSError as error:
                raise self._unwritable(error) from error
            if written < len(line):
                raise ArenaError(f"{self.path}: the disk is full; free some space and run the same command again")
            self._entries[entry.key] = entry

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _unwritable(self, error: OSError) -> ArenaError:
        fix = "check the folder, its permissions and the disk"
        return ArenaError(f"{self.path}: the transcript cannot be written ({error.strerror}); {fix}")
