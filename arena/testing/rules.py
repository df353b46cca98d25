"""The rules that every controller keeps, and how each is judged by episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.entry.submission import Submission
from arena.results.standings import BOUND_TOLERANCE
from arena.testing.bench import Bench
from arena.testing.result import Finding

_MOST_CLIPPED: Final = 0.5
_MOST_FALLBACKS: Final = 0.5


class Rule(NamedTuple):
    """A rule of the contract.

    Attributes:
        description: the rule in one sentence, after the name of a controller.
        judge: yields what breaks it on one track.
        warns: whether a breach is allowed, but rarely meant.
        needs: the rule without which this one cannot be judged; empty if there is none.
    """

    description: str
    judge: Callable[[Bench, Submission], Iterator[Finding]]
    warns: bool = False
    needs: str = ""


def _plays(bench: Bench, submission: Submission) -> Iterator[Finding]:
    for scenario, episode, _ in bench.plays(submission):
        record = episode.record
        if record.outcome != "ok":
            period = "" if record.failure_period is None else f"in period {record.failure_period}: "
            text = f"{period}{record.outcome}: {record.failure_message}"
            yield Finding("plays", submission.track, scenario.name, text, record.stderr_tail)


def _bounds(bench: Bench, submission: Submission) -> Iterator[Finding]:
    """Look at all scenarios together: single ones may well ask for too much."""
    episodes = [play.episode for play in bench.plays(submission)]
    clipped = sum(episode.record.clipped_orders for episode in episodes)
    orders = sum(episode.requested.size for episode in episodes)
    if clipped > _MOST_CLIPPED * orders:
        text = f"{clipped} of {orders} orders were below 0 or above the order bound and were clipped"
        yield Finding("bounds", submission.track, "all scenarios", text)


def _reports(bench: Bench, submission: Submission) -> Iterator[Finding]:
    """Find bounds that the controller itself refutes; a report that cannot be read forfeits the episode."""
    for scenario, episode, _ in bench.plays(submission):
        profit, bound = episode.record.profit, episode.record.profit_bound
        if bound is not None and profit - bound > BOUND_TOLERANCE * max(1.0, abs(profit), abs(bound)):
            text = f"profit_bound is {bound:.6g}, but the controller itself made {profit:.6g}; it bounds nothing"
            yield Finding("reports", submission.track, scenario.name, text)


def _fallbacks(bench: Bench, submission: Submission) -> Iterator[Finding]:
    plays = bench.plays(submission)
    fallbacks = sum(play.episode.record.fallbacks for play in plays)
    is_by_node = submission.track == "decentralised"
    decisions = sum(
        (len(play.scenario.network.managed) if is_by_node else 1) * play.episode.record.decisions for play in plays
    )
    if fallbacks > _MOST_FALLBACKS * decisions:
        text = f"{fallbacks} of {decisions} decisions were answered by the controller's fallback"
        yield Finding("fallbacks", submission.track, "all scenarios", text)


def _deterministic(bench: Bench, submission: Submission) -> Iterator[Finding]:
    for scenario, _, second, third in bench.repetitions(submission):
        difference = _first_difference(second.requested, third.requested)
        # Orders that follow from episodes before are no matter of chance: the next rule tells.
        if difference is not None and not bench.carries_over(submission, scenario):
            text = f"two episodes with equal seeds differ {difference}; draw random numbers from briefing.seed only"
            yield Finding("deterministic", submission.track, scenario.name, text)


def _independent(bench: Bench, submission: Submission) -> Iterator[Finding]:
    for scenario, *episodes in bench.repetitions(submission):
        first, second, third = (episode.requested for episode in episodes)
        difference = _first_difference(first, second) or _first_difference(second, third)
        if difference is not None:
            text = f"orders changed {difference} after other episodes; keep nothing outside the controller object"
            yield Finding("independent", submission.track, scenario.name, f"{text}, such as in its class or module")


def _information(bench: Bench, submission: Submission) -> Iterator[Finding]:
    for scenario, _, _ in bench.repeatable(submission):
        apart = bench.carries_over(submission, scenario)
        for text in bench.information_differences(submission, scenario, apart=apart):
            yield Finding("information", submission.track, scenario.name, text)


def _respects_input(bench: Bench, submission: Submission) -> Iterator[Finding]:
    for scenario, _, changes in bench.plays(submission):
        for text in changes:
            yield Finding("respects-input", submission.track, scenario.name, text)


def _first_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> str | None:
    """Return where two series of orders, shape (periods, supply links), differ first; None if nowhere."""
    places = np.argwhere(one != other)
    return None if not len(places) else f"first in period {places[0][0]} on supply link {places[0][1]}"


RULES: Final[Mapping[str, Rule]] = {
    "plays": Rule(
        "answers every decision with finite real orders, one per supply link, within the deadlines",
        _plays,
    ),
    "bounds": Rule("keeps most orders between 0 and the order bound", _bounds, warns=True),
    "reports": Rule("claims no profit bound that its own profit exceeds", _reports),
    "fallbacks": Rule("rarely decides by its fallback", _fallbacks, warns=True),
    "deterministic": Rule("gives equal orders in two episodes with equal seeds", _deterministic),
    "independent": Rule(
        "gives the same orders after other episodes as before them", _independent, needs="deterministic"
    ),
    "information": Rule(
        "gives equal orders in worlds that look alike, whatever their future, their means and their names",
        _information,
        needs="deterministic",
    ),
    "respects-input": Rule("leaves briefings and observations as they were given", _respects_input),
}
"""The rules by name, in the order in which they are judged."""
