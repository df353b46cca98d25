"""Replays: episodes of a folder of results played again, to be compared with what is stored.

Submissions that asked a language model are played from the folder's transcript, without an endpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from arena.contract.seeds import SeedPlan
from arena.entry.submission import Submission, snapshots
from arena.errors import ABSENT, Fault, InvalidInput, StoreError
from arena.jail.limits import Limits
from arena.llm.call import Gateway
from arena.llm.gateway import ReplayGateway
from arena.llm.transcript import read_transcript
from arena.play.match import play
from arena.play.seats import Host, make_host, require_level
from arena.results.attempts import Precedent
from arena.results.folder import STORE_NAME, TRANSCRIPT_NAME
from arena.results.record import EpisodeRecord, PlayedEpisode
from arena.results.store import Store
from arena.world.scenario import Scenario


class EpisodeReplays:
    """A player of the episodes of one folder, for `arena.audit.verify.verify`. Use it as a context manager.

    Args:
        folder: of results; its limits are taken.
        submissions: whose episodes can be played again; one that asks a language model is left alone.
        isolation: level at which they are; None for the level that each was recorded at.
    """

    def __init__(self, folder: Path, submissions: Sequence[Submission], isolation: str | None = None) -> None:
        self._by_digest = {one.digest: one for one in submissions if self._takes(one)}
        self._isolation = isolation
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
