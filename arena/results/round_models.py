"""What a round commits to of language models: who asks which model where, and how much everybody may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import Field

from arena.contract.language_model import LlmEndpoint, LlmLimits
from arena.schemas import FrozenSchema, Slug


class RoundEndpoint(FrozenSchema):
    """The language model that one participant asks."""

    submission: Slug = Field(description="name of the participant")
    base_url: str = Field(max_length=500, description="address of the API")
    model: str = Field(max_length=200, description="the model that is asked for")
    client: Slug = Field(description="client that speaks to it")


class RoundModels(FrozenSchema):
    """The language models of a round."""

    limits: LlmLimits = Field(description="limits of questions, the same for every participant")
    endpoints: tuple[RoundEndpoint, ...] = Field(description="participants that ask a language model, and which one")


class ModelDeparture(NamedTuple):
    """Something about language models that is not as a round says.

    Attributes:
        what: which part, as in `language_models.limits.calls`.
        name: the participant that it is about; empty for all.
        found: how it is.
        committed: how the round says it is.
    """

    what: str
    name: str
    found: object
    committed: object


def commit_models(endpoints: Mapping[str, LlmEndpoint], limits: LlmLimits | None) -> RoundModels:
    """Return what a round commits to of language models.

    Args:
        endpoints: by name, the endpoint of each participant that asks one.
        limits: of the run; None for the defaults.
    """
    return RoundModels(
        limits=limits or LlmLimits(),
        endpoints=tuple(
            RoundEndpoint(submission=name, base_url=one.base_url, model=one.model, client=one.client)
            for name, one in sorted(endpoints.items())
        ),
    )


def limit_departures_of_models(committed: RoundModels, limits: Mapping[str, object]) -> Iterator[ModelDeparture]:
    """Yield the limits of questions that differ from those of a round.

    Args:
        committed: of the round.
        limits: by name; one that is absent is not looked at.
    """
    for name, value in committed.limits.model_dump().items():
        if name in limits and limits[name] != value:
            yield ModelDeparture(f"language_models.limits.{name}", "", limits[name], value)


def endpoint_departures(committed: RoundModels, endpoints: Mapping[str, LlmEndpoint]) -> Iterator[ModelDeparture]:
    """Yield the participants whose language model is another one than a round says.

    Args:
        committed: of the round.
        endpoints: by name, the endpoint of each participant that asks one.
    """
    known = {one.submission: one for one in committed.endpoints}
    given = {one.submission: one for one in commit_models(endpoints, None).endpoints}
    for name in sorted(known.keys() | given.keys()):
        before, now = known.get(name), given.get(name)
        for column in ("base_url", "model", "client"):
            found, wanted = (getattr(one, column, "none") for one in (now, before))
            if found != wanted:
                yield ModelDeparture(f"language_models.{column}", name, found, wanted)
