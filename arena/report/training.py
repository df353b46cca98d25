"""The training cards of the page of standings: one for each set of weights, with the submissions that play it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from arena.report.html import DASH, number

if TYPE_CHECKING:
    from arena.contract.training_card import LearningPoint, TrainingCard
    from arena.results.rows import Standings

__all__ = ["CardLine", "card_lines", "draw_curve"]

_WIDTH: Final = 120
_HEIGHT: Final = 34
_EDGE: Final = 4
_DIGITS: Final = 4


@dataclass(frozen=True)
class CardLine:
    """A card as the template prints it.

    Attributes:
        card: the card.
        submissions: names of those that play it.
        steps: environment steps.
        weights: number of weights.
        score: validation score of what plays.
        best: the best score on the learning curve, with its steps; empty if it is the last one, or unknown.
        curve: drawing of the learning curve; empty if there is none.
    """

    card: TrainingCard
    submissions: tuple[str, ...]
    steps: str
    weights: str
    score: str
    best: str
    curve: Markup


def card_lines(standings: Standings) -> list[CardLine]:
    """Return the cards of all submissions, each card once, in the order of the standings."""
    players: dict[str, list[str]] = {}
    cards: dict[str, TrainingCard] = {}
    for trained in standings.training:
        for card in trained.cards:
            content = card.model_dump_json()
            cards[content] = card
            players.setdefault(content, []).append(trained.submission)
    return [_line(card, players[content]) for content, card in cards.items()]


def _line(card: TrainingCard, submissions: Sequence[str]) -> CardLine:
    scored = [point for point in card.curve if point.score is not None]
    top = max(scored, key=lambda point: point.score or 0.0, default=None)
    later = top is not None and top.score is not None and (card.score is None or top.score > card.score)
    return CardLine(
        card=card,
        submissions=tuple(dict.fromkeys(submissions)),
        steps=_count(card.steps),
        weights=_count(card.weights),
        score=number(card.score, _DIGITS),
        best=f"best {number(top.score, _DIGITS)} at {top.steps:,}" if later and top is not None else "",
        curve=draw_curve(scored),
    )


def _count(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def draw_curve(points: Sequence[LearningPoint]) -> Markup:
    """Draw a learning curve small: score over steps, both from their smallest to their largest value.

    Args:
        points: with scores, in the order of their steps.

    Returns:
        An `svg` element; nothing for fewer than two points.
    """
    if len(points) < 2:
        return Markup()
    scores = [float(point.score or 0.0) for point in points]
    low, high = min(scores), max(scores)
    first, last = points[0].steps, points[-1].steps
    places = " ".join(
        f"{_place(point.steps, first, last, _WIDTH):.1f},{_HEIGHT - _place(score, low, high, _HEIGHT):.1f}"
        for point, score in zip(points, scores, strict=True)
    )
    words = (
        f"validation score {number(scores[0], _DIGITS)} after {first:,} steps, {number(scores[-1], _DIGITS)} after "
        f"{last:,}, between {number(low, _DIGITS)} and {number(high, _DIGITS)}"
    )
    return Markup(
        f'<svg class="learning" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(words)}</title><polyline points="{places}"/></svg>'
    )


def _place(value: float, low: float, high: float, length: int) -> float:
    share = 0.5 if high <= low else min(1.0, max(0.0, (value - low) / (high - low)))
    return _EDGE + share * (length - 2 * _EDGE)
