"""The work of an evaluation: which episodes are still to be played, and what each attempt at them has to repeat."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from arena.contract.seeds import EpisodeSeed, SeedPlan
from arena.entry.submission import Submission
from arena.errors import ArenaError
from arena.jail.isolation import LOCKED_ISOLATION, Isolation, strength
from arena.jail.limits import Limits
from arena.jail.own_copy import Kept
from arena.results.attempts import Precedent, read_journals, remove_journals
from arena.results.record import EpisodeKey, episode_key
from arena.results.store import Store
from arena.results.stored import EpisodeStatus
from arena.world.scenario import Scenario
from arena.world.scoring import ScoreRule


@dataclass(frozen=True)
class Job:
    """What all workers of a pool share.

    Attributes:
        submissions: the submissions, referred to by position.
        scenarios: the scenarios, referred to by position.
        isolation: isolation level of the matches.
        limits: deadlines and caps of the matches.
        commitment: commitment to the hidden seeds, for the records; None for public seeds.
        key_variables: environment variables that hold keys, which no worker inherits.
        journals: folder in which workers note the orders of what they play; None to note them in memory only.
        kept: what is kept in memory of the files that controllers read; None if nothing is.
    """

    submissions: tuple[Submission, ...]
    scenarios: tuple[Scenario, ...]
    isolation: Isolation
    limits: Limits
    commitment: str | None
    key_variables: tuple[str, ...] = ()
    journals: Path | None = None
    kept: Kept | None = None


@dataclass(frozen=True)
class WorkItem:
    """One episode to play. It carries its own seed and nothing from which another could be derived.

    Attributes:
        submission: position in the job's submissions.
        scenario: position in the job's scenarios.
        seed: the episode's seed.
        precedent: orders of earlier attempts at it, which have to be repeated; None if there are none.
    """

    submission: int
    scenario: int
    seed: EpisodeSeed
    precedent: Precedent | None = field(default=None, compare=False)


@dataclass(frozen=True)
class BrokenOff:
    """An attempt that broke off and is followed by another; its orders are to be committed before that begins.

    Attributes:
        item: the episode, with the orders of all attempts at it.
    """

    item: WorkItem


@dataclass(frozen=True)
class Lost:
    """An episode that the arena failed to play.

    Attributes:
        item: the episode, with the orders of all attempts at it.
        message: why its last attempt failed.
    """

    item: WorkItem
    message: str


def key_of_item(job: Job, item: WorkItem) -> EpisodeKey:
    """Return the key under which an episode is stored."""
    submission, scenario = job.submissions[item.submission], job.scenarios[item.scenario]
    return episode_key(submission.digest, scenario.digest, job.commitment, item.seed.index)


def open_journals(store: Store, folder: Path) -> Path:
    """Return an empty folder for the journals of an evaluation.

    Attempts whose journals were left by an evaluation that was killed go into the store: they bind later ones.

    Args:
        store: open for writing.
        folder: where the journals are; made if missing.

    Raises:
        ArenaError: the folder cannot be made, or a link is in its place.
        StoreError: attempts could not be committed.
    """
    for entry in read_journals(folder):
        if not _is_played(store.status(entry.key), entry.isolation):
            store.attempts.put(entry.key, entry.precedent)
    if folder.is_symlink():
        raise ArenaError(f"{folder}: is a link, and the arena keeps notes in a folder there; move it away")
    remove_journals(folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ArenaError(f"{folder}: the folder cannot be made ({error.strerror}); choose another --output") from error
    return folder


def _is_played(status: EpisodeStatus | None, isolation: Isolation) -> bool:
    """Whether an episode counts as played, at a level or a stronger one; a weaker level never replaces a stronger."""
    if status is None or status.outcome == "infrastructure":
        return False
    return strength(status.isolation) >= strength(isolation)


def missing(job: Job, seeds: SeedPlan, store: Store) -> list[WorkItem]:
    """Return what is still to be played, shuffled: an episode's place in the order tells a controller nothing.

    Args:
        job: what to play with.
        seeds: the seeds.
        store: holds what was played.

    Raises:
        StoreError: the store cannot be read.
    """
    stored, precedents = store.keys(), store.attempts.get()
    items: list[WorkItem] = []
    for place in range(len(job.scenarios)):
        for index in range(seeds.count):
            seed = seeds.episode(job.scenarios[place].digest, index)
            for number in range(len(job.submissions)):
                item = WorkItem(number, place, seed)
                key = key_of_item(job, item)
                status, precedent = stored.get(key), precedents.get(key)
                if _is_played(status, job.isolation):
                    continue
                if status is not None and status.isolation in LOCKED_ISOLATION:
                    precedent = _with_earlier_level(store, key, status, precedent)
                items.append(replace(item, precedent=precedent))
    random.SystemRandom().shuffle(items)
    return items


def split_references(job: Job, items: Sequence[WorkItem], rule: ScoreRule) -> tuple[list[WorkItem], list[WorkItem]]:
    """Split items into those of submissions that scores are measured against, and those of all others.

    Args:
        job: what the items are of.
        items: in any order, which stays.
        rule: how the suite scores.
    """
    parts: tuple[list[WorkItem], list[WorkItem]] = [], []
    for item in items:
        submission = job.submissions[item.submission]
        parts[submission.track != "oracle" and submission.name != rule.reference].append(item)
    return parts


def _with_earlier_level(
    store: Store, key: EpisodeKey, status: EpisodeStatus, precedent: Precedent | None
) -> Precedent | None:
    """Return what an episode has to repeat that was played officially and is played again at a stronger level."""
    if status.outcome == "infrastructure":
        return precedent
    record, requested = store.record(key), store.arrays(key).requested
    if not record.decisions:
        return precedent
    return Precedent(record.repetitions + 1, requested[: record.decisions], status.isolation).merged(precedent)
