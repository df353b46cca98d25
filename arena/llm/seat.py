"""What stands for the language model where the controller runs: in its own process, or in the arena's (`trusted`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

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
        exchange: Takes a question to whoever answers it; returns outcome, text, model and tokens.
    """

    def __init__(self, exchange: Callable[[LlmQuestion], tuple[str, str, str, int, int]]) -> None:
        self._exchange = exchange

    def ask(self, messages: Sequence[LlmMessage], schema: Mapping[str, Any] | None = None) -> LlmAnswer:
        """Ask, and wait for the answer.

        Raises:
            LlmFailure: There is none.
            ValueError: The question is none.
        """
        text = "" if schema is None else json.dumps(schema, sort_keys=True, allow_nan=False)
        outcome, said, model, prompt_tokens, completion_tokens = self._exchange(LlmQuestion(tuple(messages), text))
        if outcome == "ok":
            return LlmAnswer(said, model, prompt_tokens, completion_tokens)
        kind: FailureKind = next((kind for kind in FAILURE_KINDS if kind == outcome), "bad_reply")
        raise LlmFailure(kind, said, model=model, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def plain_outcome(outcome: LlmOutcome) -> tuple[str, str, str, int, int]:
    """What a controller is told of an outcome: the answer, or the kind of failure; never an endpoint's own words."""
    text = outcome.text if outcome.outcome == "ok" else f"no answer ({outcome.outcome})"
    return outcome.outcome, text, outcome.model, outcome.prompt_tokens, outcome.completion_tokens


def seat_llm(controller: Controller, exchange: Callable[[LlmQuestion], tuple[str, str, str, int, int]]) -> None:
    """Give a controller its language model. Runs the controller's code, so it belongs where the controller runs.

    Raises:
        TypeError: The controller takes none.
    """
    use = getattr(controller, "use_language_model", None)
    if use is None:
        kind = printable(type(controller).__name__)
        raise TypeError(f"{kind} has no method use_language_model(model), which the capability llm asks for")
    use(SeatedLlm(exchange))
