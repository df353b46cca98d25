"""Episodes of a folder played again, by a player that is handed in: auditing has none of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from arena.audit.differences import Difference, Mismatch, same
from arena.contract.seeds import SeedPlan
from arena.errors import Fault, InfrastructureFailure, InvalidInput
from arena.results.attempts import Precedent
from arena.results.folder import STORE_NAME
from arena.results.record import EpisodeRecord, PlayedEpisode, key_of
from arena.results.store import Store
from arena.world.scenario import Scenario

_REPORTED = ("outcome", "clipped_orders", "fallbacks", "profit_bound")
"""What is compared beside the orders."""


class Replays(Protocol):
    """A player of stored episodes, such as those of `arena.play.replays`."""

    @property
    def contents(self) -> Mapping[str, str]:
        """Names of the submissions that are at hand, by the digest of their content."""

    def knows(self, record: EpisodeRecord) -> bool:
        """Tell whether the submission of a record is at hand."""

    def play(
        self, record: EpisodeRecord, scenario: Scenario, seeds: SeedPlan, precedent: Precedent | None
    ) -> PlayedEpisode:
        """Play the episode of a record again.

        Args:
            record: as stored; its submission is known.
            scenario: that was played.
            seeds: the plan that its seed comes from.
            precedent: orders of attempts that broke off; None if there are none.

        Raises:
            InfrastructureFailure: it cannot be played, as when a transcript lacks an answer.
        """


@dataclass(frozen=True)
class Sample:
    """Episodes that are to be played again.

    Attributes:
        replays: who plays them.
        number: how many; all of the submissions at hand if there are no more.
        seed: by which they are chosen.
    """

    replays: Replays
    number: int
    seed: int

    def choose(self, records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
        """Return the episodes to play, in the order of their keys.

        Args:
            records: those that count.

        Raises:
            InvalidInput: none of them is of a submission at hand.
        """
        known = sorted((one for one in records if self._can_play(one)), key=key_of)
        if not known:
            rule = "none of these submissions has an episode here that can be played again"
            names = ", ".join(sorted(self.replays.contents.values()))
            fix = "name submissions as they played, and those that ask language models with --replay"
            raise InvalidInput([Fault("--submissions", "", names, rule, fix)])
        if self.number >= len(known):
            return known
        return sorted(random.Random(self.seed).sample(known, self.number), key=key_of)

    def _can_play(self, record: EpisodeRecord) -> bool:
        return record.outcome != "infrastructure" and not record.llm_calls and self.replays.knows(record)

    def differing_contents(self, records: Sequence[EpisodeRecord]) -> list[Difference]:
        """Return the submissions at hand that have another content than the one that played under their name."""
        recorded = {record.submission: record.submission_digest for record in records}
        return [
            Difference(STORE_NAME, name, "", None, "submission_digest", recorded[name], digest)
            for digest, name in sorted(self.replays.contents.items(), key=lambda one: one[1])
            if recorded.get(name, digest) != digest
        ]


def differing_orders(stored: NDArray[np.float64], again: NDArray[np.float64]) -> Mismatch | None:
    """Return the first order that differs between an episode as stored and as played again; None if all are equal."""
    if stored.shape != again.shape:
        return Mismatch("requested.shape", stored.shape, again.shape)
    if np.array_equal(stored, again):
        return None
    period, link = np.argwhere(stored != again)[0].tolist()
    return Mismatch(f"requested[{period}][{link}]", float(stored[period, link]), float(again[period, link]))


def has_lost_precedent(record: EpisodeRecord, precedent: Precedent | None) -> bool:
    """Tell whether an episode had to repeat orders that are not stored: nobody knows where it began to differ."""
    return bool(record.repetitions) and precedent is None and record.outcome != "ok"


def play_again(
    replays: Replays,
    store: Store,
    record: EpisodeRecord,
    scenario: Scenario,
    seeds: SeedPlan,
    unplayed: Counter[str],
) -> Mismatch | None:
    """Play an episode again and return the first value that differs.

    Args:
        replays: who plays.
        store: with the stored orders.
        record: as stored.
        scenario: that was played.
        seeds: the plan that its seed comes from.
        unplayed: takes the reasons why an episode could not be played.
    """
    key = key_of(record)
    precedent = store.precedents(key).get(key)
    if has_lost_precedent(record, precedent):
        unplayed["they repeated orders of an attempt that the store does not hold"] += 1
        return None
    if scenario.window is not None and record.seed_index >= scenario.windows:
        unplayed["their scenario has no window for their seed"] += 1
        return None
    try:
        again = replays.play(record, scenario, seeds, precedent)
    except InfrastructureFailure as error:
        unplayed[f"the arena failed: {error}"] += 1
        return None
    found = differing_orders(store.arrays(key).requested, again.requested)
    if found is not None:
        return found
    for name in _REPORTED:
        stored, value = getattr(record, name), getattr(again.record, name)
        if not same(stored, value):
            return Mismatch(name, stored, value)
    return None
