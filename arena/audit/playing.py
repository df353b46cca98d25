"""Episodes of a folder played again, by a player that is handed in: auditing has none of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from arena.audit.differences import Difference, Mismatch, same
from arena.contract.seeds import SeedPlan
from arena.errors import Fault, InvalidInput
from arena.progress import Progress
from arena.results.attempts import Precedent
from arena.results.folder import STORE_NAME
from arena.results.record import EpisodeRecord, PlayedEpisode, key_of
from arena.results.reruns import Replayed, Rerun
from arena.results.store import Store
from arena.world.scenario import Scenario

INTERRUPTED = "it was interrupted; --play-seed chooses the same episodes again"
"""Why episodes of a sample were not played again after Ctrl-C."""

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

    def play_all(self, episodes: Sequence[Rerun]) -> Iterator[Replayed]:
        """Play episodes again, several at a time where the player can, and yield each as it ends, in any order.

        It may stop early, as after Ctrl-C; what it has not played is then not yielded.
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


class PlayedAgain(NamedTuple):
    """What came of a sample.

    Attributes:
        differences: between episodes as stored and as played again, in the order of their keys.
        played: episodes that were played again.
        seed: by which they were chosen; None if all that could be were.
        unplayed: numbers of episodes that could not be played, by reason.
        interrupted: whether it ended before all were played.
    """

    differences: list[Difference]
    played: int
    seed: int | None
    unplayed: Counter[str]
    interrupted: bool


def play_again(
    sample: Sample,
    store: Store,
    records: Sequence[EpisodeRecord],
    known: Callable[[EpisodeRecord], tuple[Scenario, SeedPlan] | None],
    watcher: Progress[bool],
) -> PlayedAgain:
    """Play a sample of episodes again and compare them with what is stored.

    Args:
        sample: the sample.
        store: with the stored orders.
        records: those that count.
        known: tells the scenario and the seeds of a record; None if either is not known.
        watcher: who is told how it goes.
    """
    chosen = sample.choose(records)
    unplayed: Counter[str] = Counter()
    episodes = [*_playable(chosen, store, known, unplayed)]
    found: dict[int, Mismatch] = {}
    seen = 0
    watcher.started(len(chosen), len(chosen) - len(episodes))
    try:
        for place, again, failure in sample.replays.play_all(episodes):
            seen += 1
            if again is None:
                unplayed[f"the arena failed: {failure}"] += 1
            else:
                mismatch = _mismatch(store, episodes[place].record, again)
                found |= {} if mismatch is None else {place: mismatch}
            watcher.advanced(place in found)
    finally:
        watcher.finished()
    if seen < len(episodes):
        unplayed[INTERRUPTED] += len(episodes) - seen
    differences = sample.differing_contents(records)
    for place in sorted(found):
        record = episodes[place].record
        where = (record.submission, record.scenario, record.seed_index)
        differences.append(Difference(STORE_NAME, *where, *found[place]))
    seed = sample.seed if len(chosen) == sample.number else None
    return PlayedAgain(differences, len(chosen) - unplayed.total(), seed, unplayed, seen < len(episodes))


def _playable(
    chosen: Sequence[EpisodeRecord],
    store: Store,
    known: Callable[[EpisodeRecord], tuple[Scenario, SeedPlan] | None],
    unplayed: Counter[str],
) -> Iterator[Rerun]:
    for record in chosen:
        key, told = key_of(record), known(record)
        precedent = store.attempts.get(key).get(key)
        if told is None:
            unplayed["their scenario or their seed is not known; see --suite and --reveal"] += 1
        elif has_lost_precedent(record, precedent):
            unplayed["they repeated orders of an attempt that the store does not hold"] += 1
        elif told[0].window is not None and record.seed_index >= told[0].windows:
            unplayed["their scenario has no window for their seed"] += 1
        else:
            yield Rerun(record, *told, precedent)


def _mismatch(store: Store, record: EpisodeRecord, again: PlayedEpisode) -> Mismatch | None:
    """Return the first value of an episode that differs when it is played again."""
    found = differing_orders(store.arrays(key_of(record)).requested, again.requested)
    if found is not None:
        return found
    for name in _REPORTED:
        stored, value = getattr(record, name), getattr(again.record, name)
        if not same(stored, value):
            return Mismatch(name, stored, value)
    return None
