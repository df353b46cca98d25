"""The tuner: a language model sets the rule's parameters, once an episode or every few periods. It never orders.

A question has at most two rounds. An answer that cannot be used (see `arena_llm.parameters.read_answer`), a refusal
and a reply that is not a chat completion are told to the model once, with what is wrong. After that, the episode goes
on with the published defaults, or with the parameters in force when a revision failed. It does so at once when the
endpoint does not answer, when the organiser's limit is reached, and when the answer was cut off: asked again, it would
be cut off at the same number of tokens.
All of it is counted in the report: answers of no use, those of them that were mended, and decisions that were made with
parameters which a failed question left in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from arena import Briefing, ControllerReport, Llm, LlmFailure, LlmMessage, Observation
from arena_llm.config import AdaptiveConfig, TunerConfig
from arena_llm.parameters import Parameters, UnusableAnswer, answer_schema, default_parameters, read_answer
from arena_llm.prompt import Past, open_question, past_of, repair_question, revise_question
from arena_llm.rule import FloatArray, OrderingRule

_MENDABLE: Final = {
    "refused": "there was a refusal in its place",
    "too_large": "it was far too long",
    "bad_reply": "it was no chat completion",
}
"""Failures that the model itself is the cause of, and what it is told."""


class Tuner:
    """A controller of the track blind or informed; seated with a language model.

    Args:
        config: `AdaptiveConfig` asks again every `revise_every` periods, `TunerConfig` never.
    """

    def __init__(self, config: TunerConfig) -> None:
        self._revise_every = config.revise_every if isinstance(config, AdaptiveConfig) else 0
        self._version = config.prompt
        self._model: Llm | None = None
        self._briefing: Briefing
        self._rule: OrderingRule
        self._parameters = default_parameters()
        self._is_fallback = False
        self._past: list[Past] = []
        self._fallbacks = 0
        self._parse_failures = 0
        self._repairs = 0

    def use_language_model(self, model: Llm) -> None:
        """Take the model that is asked.

        Args:
            model: the arena's.
        """
        self._model = model

    def begin(self, briefing: Briefing) -> None:
        """Ask for the parameters.

        Args:
            briefing: of the episode.

        Raises:
            ValueError: the manifest asks for version 1 of the prompt, which does not tell of a part of this world.
            RuntimeError: no language model was given: to play on with the defaults would pretend that one answered.
        """
        if self._model is None:
            raise RuntimeError("this controller asks a language model; write capabilities: [llm] in the manifest")
        self._briefing = briefing
        self._rule = OrderingRule(briefing)
        self._tune(open_question(briefing, self._version))

    def order(self, observation: Observation) -> FloatArray:
        """Order by the rule, with the parameters revised before if it is time.

        Args:
            observation: what is seen before the decision.

        Returns:
            Units, (supply links,).
        """
        if observation.period and self._revise_every:
            self._past.append(past_of(observation))
            if observation.period % self._revise_every == 0:
                asked = revise_question(self._briefing, observation, self._past, self._parameters, self._version)
                self._tune(asked)
                self._past = []
        self._fallbacks += self._is_fallback
        return self._rule.orders(observation, self._parameters)

    def report(self) -> ControllerReport:
        """Tell what became of the questions."""
        return ControllerReport(self._fallbacks, None, self._parse_failures, self._repairs)

    def _tune(self, question: Sequence[LlmMessage]) -> None:
        """Ask, once more if need be, and set the parameters if there is an answer."""
        found, answer, complaint = self._ask(question)
        if complaint:
            found, *_ = self._ask(repair_question(question, answer, complaint))
            self._repairs += found is not None
        self._is_fallback = found is None
        if found is not None:
            self._parameters = found

    def _ask(self, question: Sequence[LlmMessage]) -> tuple[Parameters | None, str, str]:
        """Ask one question.

        Returns:
            The parameters, or None; the answer as it came; and what the model can be told is wrong with it, empty if
            nothing is or nobody is there to be told.
        """
        assert self._model is not None  # `begin` has seen to that.
        try:
            answer = self._model.ask(question, answer_schema())
        except LlmFailure as failure:
            complaint = _MENDABLE.get(failure.kind, "")
            self._parse_failures += bool(complaint)
            return None, "", complaint
        try:
            return read_answer(answer.text), answer.text, ""
        except UnusableAnswer as error:
            self._parse_failures += 1
            return None, answer.text, str(error)
