"""Verdicts on neighbours in the table, of a run that was played until decided: in words, and as lines of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena.errors import printable
from arena.report.html import DASH, number, write_range
from arena.results.rows import NeighbourVerdict, Standings


@dataclass(frozen=True)
class VerdictLine:
    """One pair of neighbours, ready to be shown.

    Attributes:
        upper: the submission that is placed higher.
        lower: the next one.
        difference: what the upper one has more.
        interval: of the difference.
        verdict: in words.
        needed: seeds per scenario that would decide; empty if it is decided.
    """

    upper: str
    lower: str
    difference: str
    interval: str
    verdict: str
    needed: str


def count_decided(verdicts: Sequence[NeighbourVerdict]) -> str:
    """Return how many pairs of neighbours are decided, and what the others need, as part of a sentence."""
    if not verdicts:
        return "there are no two submissions to be told apart"
    undecided = [one for one in verdicts if one.verdict == "not decided"]
    counted = f"{len(verdicts) - len(undecided):,} of {len(verdicts):,} pairs of neighbours are decided"
    if not undecided:
        return counted
    known = [one.seeds_needed for one in undecided if one.seeds_needed is not None]
    never = len(undecided) - len(known)
    parts = [f"about {max(known):,} seeds per scenario would decide {len(known):,} more"] if known else []
    parts += [f"for {never:,} there is no forecast"] if never else []
    return f"{counted}; {', '.join(parts)}"


def verdict_lines(standings: Standings) -> list[VerdictLine]:
    """Return the pairs of neighbours, from the top of the table; none without a stopping rule."""
    rule, by_score = standings.stopping, standings.ranked_by == "score"
    if rule is None:
        return []
    margin = rule.margin_of(standings.ranked_by)
    digits = 4 if by_score else 1
    return [_line(one, margin, digits) for one in standings.neighbours]


def describe_rule(standings: Standings) -> str:
    """Return how the seeds of a run were played until decided, as a sentence without a full stop; empty for others."""
    rule = standings.stopping
    if rule is None:
        return ""
    margin = rule.margin_of(standings.ranked_by)
    measure = "score" if standings.ranked_by == "score" else "profit per episode"
    apart = f"told apart, or equivalent within {margin:g} of {measure}" if margin else "told apart"
    return f"played in batches until neighbours are {apart}, or for {rule.budget:,} seeds per scenario"


def _line(one: NeighbourVerdict, margin: float, digits: int) -> VerdictLine:
    if one.verdict == "equivalent":
        verdict = f"equivalent within {margin:g}" if one.within_margin else "equal on every seed"
    else:
        verdict = f"{one.verdict}, by less than {margin:g}" if one.within_margin else one.verdict
    needed = DASH if one.seeds_needed is None else f"{one.seeds_needed:,}"
    return VerdictLine(
        upper=printable(one.upper),
        lower=printable(one.lower),
        difference=number(one.difference, digits),
        interval=write_range(one.interval, digits) or DASH,
        verdict=verdict,
        needed=needed if one.verdict == "not decided" else "",
    )
