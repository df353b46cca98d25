"""The card of a trained controller: from what it learned, and how well it did while it learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from arena.errors import printable
from arena.schemas import FrozenSchema, parse_as

__all__ = ["MOST_CARDS", "LearningPoint", "TrainingCard", "check_cards"]

MOST_CARDS: Final = 16
"""Cards of one submission, at most: one for each set of weights among which it chooses."""

MOST_POINTS: Final = 200
"""Points of a learning curve, at most."""


def _shown(text: str) -> str:
    return printable(text, len(text) or 1)


_Line = Annotated[str, Field(max_length=200), AfterValidator(_shown)]
_Text = Annotated[str, Field(max_length=2_000), AfterValidator(_shown)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=10**15)]


class LearningPoint(FrozenSchema):
    """A point of a learning curve."""

    steps: _Count
    """Environment steps so far, one period of one episode each; or generations of a search."""
    loss: _Number | None = None
    """Mean of what was minimised since the last point; None if nobody noted it."""
    score: _Number | None = None
    """Validation score, as `TrainingCard.score_meaning` says; None if it was not measured."""


class TrainingCard(FrozenSchema):
    """From what a controller learned. It is what its author says: nothing of it is checked, and no score depends on it.

    A plugin gives cards by `ControllerSpec.cards`, a submission with a folder of its own in the file `training.yaml`.
    """

    name: _Line
    """Name of what was trained, such as that of the weights."""
    network: _Line = ""
    """Network that it plays; empty for any."""
    summary: _Text = ""
    """What was trained, in a sentence."""
    recipe: _Line = ""
    """Name of the recipe, or the command that trains it again."""
    worlds: _Text = ""
    """Networks and demand that it was trained on, in words."""
    budget: _Line = ""
    """Length of the training in words, such as the number of environment steps, and the time it took."""
    steps: _Count | None = None
    """Environment steps of the training."""
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**64)
    """Seed of the training."""
    weights: _Count | None = None
    """Number of weights, or of fitted parameters."""
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """SHA-256 of the file of weights."""
    score: _Number | None = None
    """Validation score of what plays; higher is better."""
    score_meaning: _Text = ""
    """Unit of the score, and on what it was measured."""
    curve: Annotated[tuple[LearningPoint, ...], Field(max_length=MOST_POINTS)] = ()
    """Learning curve."""
    made_with: _Text = ""
    """Versions of what trained it."""
    date: _Line = ""
    """When it was trained; empty if nobody noted it."""


class _Cards(FrozenSchema):
    """A file of cards."""

    cards: Annotated[tuple[TrainingCard, ...], Field(max_length=MOST_CARDS)]


def check_cards(given: object, source: str) -> tuple[TrainingCard, ...]:
    """Return the cards that somebody gives.

    Args:
        given: cards, or the mappings that they are made of.
        source: origin, for faults.

    Raises:
        InvalidInput: it is no sequence of cards, there are too many, or one breaks a rule.
    """
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        given = [one.model_dump() if isinstance(one, TrainingCard) else one for one in given]
    return parse_as(_Cards, {"cards": given}, source).cards
