"""What stands for the language model where the controller runs: in its own process, or in the arena's (`trusted`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from arena.contract.language_model import (
    FAILURE_KINDS,
    FailureKind,
    LlmAnswer,
    LlmFailure,
    LlmMessage,
    LlmQuestion,
)
from arena.errors import printable

if TYPE_CHECKING:
    from arena.contract.controller import Controller
    from arena.llm.call import LlmOutcome


class SeatAnswer(NamedTuple):
    """The part of an outcome that a controller is told; it crosses the wire.

    Attributes:
        outcome: ``ok``, or why there is no answer.
        text: the answer; without one the arena's words, never the endpoint's.
        model: the model that answered, as the endpoint named it.
        prompt_tokens: tokens asked.
        completion_tokens: tokens answered.
    """

    outcome: str
    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int


Exchange = Callable[[LlmQuestion], SeatAnswer]
"""Takes a question to whoever answers it."""


class LlmLine(Protocol):
    """Who answers an episode's questions; see `arena.llm.session.LlmSession`."""

    def ask(self, question: LlmQuestion) -> LlmOutcome:
        """Answer the next question of the episode.

        Raises:
            InfrastructureFailure: It cannot be answered.
        """


class SeatedLlm:
    """The `arena.Llm` of a controller.

    Args:
        exchange: takes a question to whoever answers it.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def ask(self, messages: Sequence[LlmMessage], schema: Mapping[str, Any] | None = None) -> LlmAnswer:
        """Ask, and wait for the answer.

        Raises:
            LlmFailure: There is none.
            ValueError: The question is none.
        """
        text = "" if schema is None else json.dumps(schema, sort_keys=True, allow_nan=False)
        answer = self._exchange(LlmQuestion(tuple(messages), text))
        if answer.outcome == "ok":
            return LlmAnswer(answer.text, answer.model, answer.prompt_tokens, answer.completion_tokens)
        kind: FailureKind = next((kind for kind in FAILURE_KINDS if kind == answer.outcome), "bad_reply")
        raise LlmFailure(
            kind,
            answer.text,
            model=answer.model,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )


def seat_answer(outcome: LlmOutcome) -> SeatAnswer:
    """Return the part of an outcome that a controller is told: the answer, or the kind of failure."""
    text = outcome.text if outcome.outcome == "ok" else f"no answer ({outcome.outcome})"
    return SeatAnswer(outcome.outcome, text, outcome.model, outcome.prompt_tokens, outcome.completion_tokens)


def seat_llm(controller: Controller, exchange: Exchange) -> None:
    """Give a controller its language model. Runs the controller's code, so it belongs where the controller runs.

    Raises:
        TypeError: The controller takes none.
    """
    use = getattr(controller, "use_language_model", None)
    if use is None:
        kind = printable(type(controller).__name__)
        raise TypeError(f"{kind} has no method use_language_model(model), which the capability llm asks for")
    use(SeatedLlm(exchange))
