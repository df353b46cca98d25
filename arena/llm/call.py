"""A question on its way to a language model, and what came of it; both cross the pipe of a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from arena.contract.language_model import FailureKind, LlmEndpoint, LlmQuestion


class CallKey(NamedTuple):
    """Which question of which episode a call is; a question is asked once under its key, however often it is played.

    Attributes:
        submission: name of the submission.
        scenario_digest: content of the scenario.
        seed_plan: `public`, or the commitment to the hidden seeds.
        seed_index: position of the seed in its plan.
        position: which question of the episode, from 0.
    """

    submission: str
    scenario_digest: str
    seed_plan: str
    seed_index: int
    position: int


@dataclass(frozen=True)
class LlmCall:
    """One call.

    Attributes:
        key: which question of which episode. It stays in the arena; an endpoint is sent the question alone.
        endpoint: who is asked.
        question: what is asked.
    """

    key: CallKey
    endpoint: LlmEndpoint
    question: LlmQuestion


@dataclass(frozen=True)
class LlmOutcome:
    """What came of a call, now or when it was first made.

    Attributes:
        outcome: ``ok``, or why there is no answer.
        text: the answer; empty without one.
        message: what went wrong, in words; empty when nothing did.
        model: the model that answered, as the endpoint said.
        prompt_tokens: tokens asked.
        completion_tokens: tokens answered.
        seconds: how long the call took, attempts and pauses included, when it was first made.
        refused: by request parameter, the endpoint's reason for refusing it; it was asked without them.
    """

    outcome: Literal["ok"] | FailureKind
    text: str = ""
    message: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    refused: Mapping[str, str] = field(default_factory=dict)


class Gateway(Protocol):
    """Answers calls; from several threads at a time."""

    def call(self, call: LlmCall) -> LlmOutcome:
        """Answer a call; with ``budget`` if the episode has reached a limit of the run, and then to its end.

        Raises:
            LlmUnavailable: it cannot be answered, and the episode cannot be scored.
        """
