"""One episode's share of the gateway: its own counting of questions, and what it used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from arena.contract.language_model import LlmEndpoint, LlmQuestion, LlmUnavailable, TokenPrices
from arena.errors import InfrastructureFailure
from arena.llm.call import CallKey, Gateway, LlmCall, LlmOutcome
from arena.llm.transcript import digest_calls
from arena.schemas import FrozenSchema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.contract.seeds import EpisodeSeed
    from arena.entry.submission import Submission
    from arena.world.scenario import Scenario

_MILLION = 1_000_000


class LlmUse(FrozenSchema):
    """What an episode asked of a language model, as the gateway counted it."""

    calls: int = Field(
        default=0,
        ge=0,
        description="questions that went to the endpoint, or to the transcript for it; not those that a limit stopped",
    )
    failures: int = Field(default=0, ge=0, description="of these, questions without an answer, whatever the reason")
    prompt_tokens: int = Field(default=0, ge=0, description="tokens asked")
    completion_tokens: int = Field(default=0, ge=0, description="tokens answered")
    seconds: float = Field(default=0.0, ge=0, description="duration of the calls, when they were first made")
    cost: float | None = Field(default=None, description="by the prices of the manifest; None without prices")
    models: str = Field(default="", description="the models that answered, as the endpoint named them")
    digest: str = Field(default="", description="of the questions and what came of them; empty without any")


def count_use(prices: TokenPrices | None, calls: Iterable[tuple[str, LlmOutcome]]) -> LlmUse:
    """Add up what calls used.

    Args:
        prices: of their endpoint; None: the cost is not known.
        calls: in their order, each as the digest of its question and what came of it.
    """
    asked = list(calls)
    made = [outcome for _, outcome in asked]
    prompt = sum(outcome.prompt_tokens for outcome in made)
    completion = sum(outcome.completion_tokens for outcome in made)
    return LlmUse(
        calls=len(made),
        failures=sum(outcome.outcome != "ok" for outcome in made),
        prompt_tokens=prompt,
        completion_tokens=completion,
        seconds=sum(outcome.seconds for outcome in made),
        cost=None if prices is None else (prompt * prices.prompt + completion * prices.completion) / _MILLION,
        models=", ".join(sorted({outcome.model for outcome in made if outcome.model})),
        digest=digest_calls(asked),
    )


def use_columns(use: LlmUse) -> dict[str, Any]:
    """The columns of an episode's record that say what it used."""
    return {
        "llm_calls": use.calls,
        "llm_failures": use.failures,
        "prompt_tokens": use.prompt_tokens,
        "completion_tokens": use.completion_tokens,
        "llm_seconds": use.seconds,
        "llm_cost": use.cost,
        "llm_model": use.models,
        "llm_digest": use.digest,
    }


class LlmSession:
    """The language model of one episode's controllers.

    Args:
        gateway: who answers; None: nobody does, and every question fails with ``no_model``.
        submission: who asks.
        scenario: what is played.
        seed: the episode's seed.
        commitment: commitment to the hidden seeds; None for public seeds.

    Raises:
        ValueError: the submission names no endpoint.
    """

    def __init__(
        self,
        gateway: Gateway | None,
        submission: Submission,
        scenario: Scenario,
        seed: EpisodeSeed,
        commitment: str | None,
    ) -> None:
        if submission.endpoint is None:
            raise ValueError(f"submission {submission.name!r} names no endpoint")
        self._gateway = gateway
        self._endpoint: LlmEndpoint = submission.endpoint
        self._episode = (submission.name, scenario.digest, commitment or "public", seed.index)
        self._calls: list[tuple[str, LlmOutcome]] = []
        self._stopped: LlmOutcome | None = None

    @property
    def use(self) -> LlmUse:
        """What the episode has used so far."""
        return count_use(self._endpoint.prices, self._calls)

    def ask(self, question: LlmQuestion) -> LlmOutcome:
        """Ask the next question of the episode.

        Raises:
            InfrastructureFailure: it cannot be answered, and the episode cannot be scored.
        """
        if self._gateway is None:
            return LlmOutcome("no_model", message="this seat has no language model")
        if self._stopped is not None:
            # A limit once reached holds to the end of the episode. Asking on costs the gateway nothing.
            return self._stopped
        key = CallKey(*self._episode, position=len(self._calls))
        try:
            outcome = self._gateway.call(LlmCall(key, self._endpoint, question))
        except LlmUnavailable as error:
            raise InfrastructureFailure(str(error)) from error
        if outcome.outcome == "budget":
            self._stopped = outcome
        else:
            self._calls.append((question.digest(self._endpoint), outcome))
        return outcome
