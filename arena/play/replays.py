"""Replays: episodes of a folder of results played again, to be compared with what is stored.

Submissions that asked a language model are played from the folder's transcript, without an endpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from arena.contract.seeds import SeedPlan
from arena.entry.submission import Submission, snapshots
from arena.errors import ABSENT, Fault, InvalidInput, StoreError
from arena.jail.isolation import Isolation
from arena.jail.limits import Limits
from arena.llm.call import Gateway
from arena.llm.gateway import ReplayGateway
from arena.llm.transcript import read_transcript
from arena.play.interrupts import count_interrupts
from arena.play.match import play
from arena.play.pool import play_here, play_in_workers
from arena.play.seats import Host, make_host, require_level
from arena.play.work import BrokenOff, Job, Lost, WorkItem, key_of_item
from arena.results.attempts import Precedent
from arena.results.folder import STORE_NAME, TRANSCRIPT_NAME
from arena.results.record import EpisodeKey, EpisodeRecord, PlayedEpisode, key_of
from arena.results.reruns import Replayed, Rerun
from arena.results.store import Store
from arena.world.scenario import Scenario


class EpisodeReplays:
    """A player of the episodes of one folder, for `arena.audit.verify.verify`. Use it as a context manager.

    Args:
        folder: of results; its limits are taken.
        submissions: whose episodes can be played again; one that asks a language model is left alone.
        isolation: level at which they are; None for the level that each was recorded at.
        workers: processes that play; 0 to play in this process, one episode after the other.
    """

    def __init__(
        self, folder: Path, submissions: Sequence[Submission], isolation: str | None = None, workers: int = 0
    ) -> None:
        self._by_digest = {one.digest: one for one in submissions if self._takes(one)}
        self._isolation = isolation
        self._workers = workers
        self._limits = _limits_of(folder)
        self._gateway: Gateway | None = None
        self._hosts: dict[str, Host] = {}
        self._cleaning = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Copy the submissions, as an evaluation does, and return the player."""
        copies = self._cleaning.enter_context(snapshots([*self._by_digest.values()]))
        self._by_digest = {one.digest: one for one in copies}
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes that episodes were played in."""
        self._cleaning.close()

    def _takes(self, submission: Submission) -> bool:
        return submission.endpoint is None

    @property
    def contents(self) -> Mapping[str, str]:
        """Names of the submissions that are at hand, by the digest of their content."""
        return {digest: one.name for digest, one in self._by_digest.items()}

    def knows(self, record: EpisodeRecord) -> bool:
        """Tell whether the submission of a record is at hand."""
        return record.submission_digest in self._by_digest

    def play(
        self, record: EpisodeRecord, scenario: Scenario, seeds: SeedPlan, precedent: Precedent | None
    ) -> PlayedEpisode:
        """Play the episode of a record again; see `arena.audit.playing.Replays`.

        Raises:
            ArenaError: the isolation level does not work on this machine.
        """
        level = self._isolation or record.isolation
        if level not in self._hosts:
            self._hosts[level] = make_host(require_level(level), self._limits)
            self._cleaning.callback(self._hosts[level].close)
        submission = dataclasses.replace(self._by_digest[record.submission_digest], name=record.submission)
        seed = seeds.episode(record.scenario_digest, record.seed_index)
        return play(
            submission,
            scenario,
            seed,
            self._hosts[level],
            self._limits,
            commitment=record.commitment,
            gateway=self._gateway,
            precedent=precedent,
        )

    def play_all(self, episodes: Sequence[Rerun]) -> Iterator[Replayed]:
        """Play episodes again in worker processes, and yield each as it ends; see `arena.audit.playing.Replays`.

        The first Ctrl-C lets what is being played come to its end and leaves the rest out, a second one raises
        KeyboardInterrupt.

        Raises:
            ArenaError: the isolation level does not work on this machine, or workers cannot be started.
        """
        kinds: dict[tuple[str, str | None], list[tuple[int, Rerun]]] = {}
        for place, one in enumerate(episodes):
            level = self._isolation or one.record.isolation
            kinds.setdefault((level, one.record.commitment), []).append((place, one))
        with count_interrupts() as interrupts:
            for (level, _), chosen in kinds.items():
                batch = _Batch(chosen, self._by_digest, require_level(level), self._limits)
                with contextlib.closing(
                    play_in_workers(batch.job, batch.items, self._workers, interrupts.stop, self._gateway)
                    if self._workers
                    else play_here(batch.job, batch.items, interrupts.stop, self._gateway)
                ) as results:
                    for result in results:
                        if isinstance(result, Lost):
                            name = batch.job.submissions[result.item.submission].name
                            yield Replayed(
                                batch.places[key_of_item(batch.job, result.item), name], None, result.message
                            )
                        elif not isinstance(result, BrokenOff):
                            record = result.record
                            yield Replayed(batch.places[key_of(record), record.submission], result)


class _Batch:
    """Episodes of one level and one seed plan, as the work of a pool.

    Attributes:
        job: what the workers share.
        items: the episodes.
        places: position of each among those that were asked for, by its key and the name of its submission.
    """

    def __init__(
        self,
        episodes: Sequence[tuple[int, Rerun]],
        submissions: Mapping[str, Submission],
        isolation: Isolation,
        limits: Limits,
    ) -> None:
        first = episodes[0][1].record
        playing: dict[tuple[str, str], Submission] = {}
        scenarios: dict[str, Scenario] = {}
        for _, one in episodes:
            record = one.record
            named = dataclasses.replace(submissions[record.submission_digest], name=record.submission)
            playing.setdefault((record.submission_digest, record.submission), named)
            scenarios.setdefault(record.scenario_digest, one.scenario)
        self.job = Job(tuple(playing.values()), tuple(scenarios.values()), isolation, limits, first.commitment)
        self.items: list[WorkItem] = []
        self.places: dict[tuple[EpisodeKey, str], int] = {}
        entrants, rows = list(playing), list(scenarios)
        for place, one in episodes:
            record = one.record
            seed = one.seeds.episode(record.scenario_digest, record.seed_index)
            entrant = (record.submission_digest, record.submission)
            item = WorkItem(entrants.index(entrant), rows.index(record.scenario_digest), seed, one.precedent)
            self.items.append(item)
            self.places[key_of_item(self.job, item), record.submission] = place


class TranscriptReplays(EpisodeReplays):
    """A player of episodes that asked a language model, from the transcript of their folder.

    Args:
        folder: of results, with the transcript.
        submissions: whose episodes can be played again; one that asks no language model is left alone.
        isolation: level at which they are.

    Raises:
        InvalidInput: the transcript cannot be read, or none of the submissions asks a language model.
    """

    def __init__(self, folder: Path, submissions: Sequence[Submission], isolation: str) -> None:
        super().__init__(folder, submissions, isolation)
        if not self._by_digest:
            rule = "none of these submissions asks a language model"
            raise InvalidInput([Fault("--replay", "", ABSENT, rule, "name those that do")])
        path = folder / TRANSCRIPT_NAME
        self._gateway = ReplayGateway(read_transcript(path) if path.exists() else {}, str(path))

    def _takes(self, submission: Submission) -> bool:
        return submission.endpoint is not None


def _limits_of(folder: Path) -> Limits:
    """Return the limits that the episodes of a folder were played with; the defaults where none were recorded."""
    try:
        with Store(folder / STORE_NAME, read_only=True) as store:
            return store.limits.get() or Limits()
    except StoreError:
        return Limits()  # Whoever verifies the folder hears why.
