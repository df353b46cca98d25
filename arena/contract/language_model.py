"""Language models in a contest: what a controller may ask one, what comes back, and how a plugin offers a client.

A controller never speaks to an endpoint itself. A submission with the capability ``llm`` names an endpoint in its
config, under ``endpoint``; the arena seats the controller with a `Llm`, and whatever it asks goes through the
arena's gateway, which holds the key, keeps the budgets and writes the transcript.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Protocol, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from arena.errors import ArenaError, FaultList, FieldFault
from arena.schemas import FrozenSchema, Slug

Role = Literal["system", "user", "assistant"]
"""Who speaks in a message."""

FailureKind = Literal[
    "timeout",
    "rate_limited",
    "server_error",
    "disconnected",
    "refused",
    "cut_off",
    "too_large",
    "bad_reply",
    "bad_request",
    "budget",
    "no_model",
]
"""Why a question has no answer.

``timeout``, ``rate_limited``, ``server_error``, ``disconnected``: as the endpoint had it after the last attempt;
``refused``: the model declines; ``cut_off``: the answer reached ``max_tokens`` before its end; ``too_large`` and
``bad_reply``: the reply has no acceptable size, or is not a chat completion; ``bad_request``: the endpoint does not
accept the question; ``budget``: the episode has used up the calls or tokens that the organiser allows;
``no_model``: the seat has no language model, as in ``arena check``.
"""

FAILURE_KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)

MOST_MESSAGES: Final = 32
"""Messages of one question."""

LONGEST_QUESTION: Final = 64 * 1024
"""Characters of all messages of one question together, and of its schema."""

LONGEST_ANSWER: Final = 64 * 1024
"""Characters of an answer."""


def _check_base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address, as in https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment; a key is named by key_variable")
    return url.rstrip("/")


class LlmLimits(FrozenSchema):
    """Limits of questions to language models. The organiser of a run sets them; each submission has them for itself."""

    timeout: float = Field(default=60.0, gt=0, le=600, description="seconds of one attempt, reply included")
    retries: int = Field(default=2, ge=0, le=10, description="further attempts, with growing pauses in between")
    episode_calls: int = Field(default=20, ge=1, le=10_000, description="questions that an episode may ask")
    episode_tokens: int = Field(
        default=50_000,
        ge=1,
        le=10_000_000,
        description="tokens that an episode may use; the question that reaches the limit is still answered",
    )
    calls: int | None = Field(
        default=None,
        ge=0,
        description="questions a submission may ask in a folder of results, over all runs into it; null: any number",
    )
    tokens: int | None = Field(
        default=None,
        ge=0,
        description="tokens a submission may use in a folder of results, over all runs into it; null: any number",
    )
    failures_in_a_row: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="questions without an answer, one after the other, after which the endpoint is given up for the "
        "submission that asked them",
    )


_ORGANISERS: Final = {
    "timeout": "--llm-timeout",
    "retries": "--llm-retries",
    "calls_per_episode": "--llm-episode-calls",
    "tokens_per_episode": "--llm-episode-tokens",
}
"""Fields that an endpoint had in manifests before they were limits of the run, with the option that sets each now."""


class TokenPrices(FrozenSchema):
    """What an endpoint charges."""

    prompt: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(description="money per million tokens asked")
    completion: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        description="money per million tokens answered"
    )


class LlmEndpoint(FrozenSchema):
    """An endpoint as a manifest names it, under ``config: endpoint``. It holds no key, only the name of a variable."""

    base_url: Annotated[str, Field(max_length=500), AfterValidator(_check_base_url)] = Field(
        description="address of the API, up to and including /v1; the arena's allow-list has to hold it"
    )
    model: str = Field(min_length=1, max_length=200, description="the model that is asked for")
    key_variable: str | None = Field(
        default=None,
        max_length=100,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable that holds the key; null: the endpoint wants none",
    )
    client: Slug = Field(default="openai", description="installed client that speaks to it")
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="null: the endpoint's own")
    seed: int | None = Field(default=None, ge=0, lt=2**31, description="sent along where given")
    max_tokens: int = Field(default=400, ge=1, le=16_384, description="largest answer, tokens")
    structured: Literal["auto", "schema", "plain"] = Field(
        default="auto",
        description="schema: answers are held to the JSON schema of the question; plain: the schema is left out; auto: "
        "schema, unless the endpoint refuses it",
    )
    prices: TokenPrices | None = Field(default=None, description="for the cost in the results; null: none is stated")

    @model_validator(mode="before")
    @classmethod
    def _leaves_limits_to_the_organiser(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            faults = [
                FieldFault(
                    name,
                    given[name],
                    "is a limit of the run, which its organiser sets for every submission alike",
                    f"remove it; an organiser writes arena evaluate {option}",
                )
                for name, option in _ORGANISERS.items()
                if name in given
            ]
            if faults:
                raise FaultList(faults)
        return given

    @property
    def sampling(self) -> dict[str, Any]:
        """What an answer depends on beside the question: the model, and how it samples."""
        return self.model_dump(include={"model", "temperature", "seed", "max_tokens", "structured"})


@dataclass(frozen=True)
class LlmMessage:
    """One message of a question.

    Attributes:
        role: who speaks.
        content: what is said.
    """

    role: Role
    content: str


@dataclass(frozen=True)
class LlmQuestion:
    """What a controller asks.

    Attributes:
        messages: at least one.
        schema: JSON schema of the answer, as JSON text; empty for free text.

    Raises:
        ValueError: no message or too many, an unknown role, text that is too long or cannot be sent, or a schema that
            is no JSON object.
    """

    messages: tuple[LlmMessage, ...]
    schema: str = ""

    def __post_init__(self) -> None:
        """Check the sizes and the types."""
        if not 1 <= len(self.messages) <= MOST_MESSAGES:
            raise ValueError(f"a question has 1 to {MOST_MESSAGES} messages, got {len(self.messages)}")
        for message in self.messages:
            if message.role not in get_args(Role) or not isinstance(message.content, str):
                raise ValueError(f"a message has one of the roles {', '.join(get_args(Role))} and a text")
        length = sum(len(message.content) for message in self.messages) + len(self.schema)
        if length > LONGEST_QUESTION:
            raise ValueError(f"a question has at most {LONGEST_QUESTION} characters with its schema, got {length}")
        try:
            "".join(message.content for message in self.messages).encode()
            parsed = json.loads(self.schema) if self.schema else {}
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a question is text, and its schema JSON: {error}") from error
        if not isinstance(parsed, dict):
            raise ValueError("the schema of an answer is a JSON object")

    def digest(self, endpoint: LlmEndpoint) -> str:
        """SHA-256 (hex) of everything that an answer depends on: the question, the model and how it samples."""
        return self.digest_sampled(endpoint.sampling)

    def digest_sampled(self, sampling: Mapping[str, Any]) -> str:
        """SHA-256 (hex) of the question and an endpoint's `sampling`."""
        content = {
            "messages": [[message.role, message.content] for message in self.messages],
            "schema": json.loads(self.schema) if self.schema else None,
            "sampling": sampling,
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class LlmAnswer:
    """What an endpoint answered.

    Attributes:
        text: the answer, unparsed.
        model: the model that answered, as the endpoint says.
        prompt_tokens: tokens asked, as the endpoint says; 0 if it does not.
        completion_tokens: tokens answered.
        refused: by request parameter, the endpoint's reason for refusing it; the answer was given without them.
    """

    text: str
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)


class LlmFailure(ArenaError):  # noqa: N818 - named after what it reports
    """A question that has no answer; an episode goes on without.

    Attributes:
        kind: why.
        message: in words; what a controller is told holds nothing of the endpoint's text.
        prompt_tokens: tokens that were used up all the same, where the endpoint says so.
        completion_tokens: likewise.
        model: the model that answered, where one did.
        refused: by request parameter, the endpoint's reason for refusing it; the last attempt was made without them.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        model: str = "",
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        """Take what is known."""
        self.kind: FailureKind = kind
        self.message = message
        self.model = model
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens
        self.refused: Mapping[str, str] = {}
        super().__init__(kind, message)

    def __str__(self) -> str:
        """Return the message, led by the kind."""
        return f"{self.kind}: {self.message}"


class LlmUnavailable(ArenaError):  # noqa: N818 - named after what it reports
    """There is no endpoint, or it does not accept the key: nothing that asks it can be scored."""


class Llm(Protocol):
    """What a controller with the capability ``llm`` is given before ``begin``, by ``use_language_model(model)``."""

    def ask(self, messages: Sequence[LlmMessage], schema: Mapping[str, Any] | None = None) -> LlmAnswer:
        """Ask, and wait for the answer. The wait is not charged to the controller's deadlines.

        Args:
            messages: the question.
            schema: JSON schema of the answer; None for free text.

        Raises:
            LlmFailure: there is no answer.
            ValueError: the question is none, see `LlmQuestion`.
        """


class LlmClient(Protocol):
    """Speaks to one endpoint; made in the arena's own process, by a plugin. Used by several threads at a time."""

    def probe(self) -> None:
        """See whether the endpoint is there and takes the key, at no cost.

        Raises:
            LlmUnavailable: it is not, or does not.
        """

    def ask(self, question: LlmQuestion) -> LlmAnswer:
        """Send a question, within the timeout and the retries of the run's limits, and wait for the answer.

        Raises:
            LlmFailure: there is no answer.
            LlmUnavailable: the key is not accepted.
        """

    def close(self) -> None:
        """Free the connections."""


@dataclass(frozen=True)
class LlmClientSpec:
    """Declaration of a client by a plugin.

    Attributes:
        name: lower-case name by which endpoints refer to it.
        connect: makes a client from an endpoint, its key (None without one) and the limits of the run, of which
            timeout and retries are the client's to keep. Heavy imports belong inside it.
        summary: one sentence.
    """

    name: str
    connect: Callable[[LlmEndpoint, str | None, LlmLimits], LlmClient]
    summary: str
