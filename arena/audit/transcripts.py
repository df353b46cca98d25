"""Verification of what language models were asked: a folder's transcript, and episodes replayed from it.

Every line is held against its digests, and the calls of an episode against what its row says of them. Where the
submissions are given, their episodes are played again from the transcript alone, without any endpoint, and have to
order the same, bit for bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from arena.audit.differences import Difference, Mismatch, same
from arena.contract.seeds import SeedPlan
from arena.entry.submission import Submission
from arena.errors import ABSENT, Fault, InfrastructureFailure, InvalidInput
from arena.jail.limits import Limits
from arena.llm import TRANSCRIPT_NAME, ReplayGateway, TranscriptEntry, read_transcript
from arena.llm.call import CallKey
from arena.llm.session import count_use, use_columns
from arena.llm.transcript import entry_mismatch
from arena.play.match import play
from arena.play.seats import Host, make_host
from arena.results.record import EpisodeRecord
from arena.results.store import Store, StoredEpisode
from arena.world.scenario import Scenario


class LlmAudit:
    """The checks of one folder. Use it as a context manager.

    Args:
        folder: of results.
        store: its store, open.
        submissions: whose episodes are played again; one that asks no language model is left alone.
        isolation: level at which they are.

    Raises:
        InvalidInput: the transcript cannot be read, or submissions to replay are given that ask no language model.
    """

    def __init__(self, folder: Path, store: Store, submissions: Sequence[Submission], isolation: str) -> None:
        path = folder / TRANSCRIPT_NAME
        self.calls = 0
        self.replayed = 0
        self.not_replayed = 0
        self._store = store
        self._entries = read_transcript(path) if path.exists() else {}
        self._by_digest = {one.digest: one for one in submissions if one.endpoint is not None}
        if submissions and not self._by_digest:
            rule = "none of these submissions asks a language model"
            raise InvalidInput([Fault("--replay", "", ABSENT, rule, "name those that do")])
        self._gateway = ReplayGateway(self._entries, str(path))
        self._isolation = isolation
        self._host: Host | None = None
        self._cleaning = contextlib.ExitStack()

    def __enter__(self) -> LlmAudit:
        """Return the audit."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes that episodes were played in."""
        self._cleaning.close()

    def entry_differences(self) -> Iterator[Difference]:
        """Yield the lines of the transcript that are not what their digests say."""
        for entry in self._entries.values():
            self.calls += 1
            found = entry_mismatch(entry)
            if found is not None:
                yield Difference(TRANSCRIPT_NAME, entry.submission, "", entry.seed_index, *found)

    def row_mismatch(self, one: StoredEpisode, scenario: Scenario | None, seeds: SeedPlan | None) -> Mismatch | None:
        """Hold a row against the transcript, and play it again if its submission is given.

        Args:
            one: the row.
            scenario: that was played; None if it is not known.
            seeds: the plan that its seed comes from; None if it is not known.
        """
        record = one.record
        if record.outcome == "infrastructure":
            return None
        found = self._use_mismatch(one)
        if found is not None or not record.llm_calls:
            return found
        submission = self._by_digest.get(record.submission_digest)
        if submission is None or scenario is None or seeds is None:
            self.not_replayed += 1
            return None
        return self._replay_mismatch(one, dataclasses.replace(submission, name=record.submission), scenario, seeds)

    def _use_mismatch(self, one: StoredEpisode) -> Mismatch | None:
        record = one.record
        entries: list[TranscriptEntry] = []
        for position in range(record.llm_calls):
            plan = record.commitment or "public"
            key = CallKey(record.submission, record.scenario_digest, plan, record.seed_index, position)
            if key not in self._entries:
                wanted = f"a line of {TRANSCRIPT_NAME} for question {position + 1}"
                return Mismatch("llm_calls", record.llm_calls, wanted)
            entries.append(self._entries[key])
        expected = use_columns(count_use(None, [entry.as_outcome() for entry in entries]))
        del expected["llm_cost"]  # follows from the prices of the manifest, which only a replay knows
        return _first_difference(record, expected)

    def _replay_mismatch(
        self, one: StoredEpisode, submission: Submission, scenario: Scenario, seeds: SeedPlan
    ) -> Mismatch | None:
        if self._host is None:
            self._host = make_host(self._isolation)
            self._cleaning.callback(self._host.close)
        record = one.record
        seed = seeds.episode(record.scenario_digest, record.seed_index)
        precedent = self._store.precedents(one.key).get(one.key)
        if record.repetitions and precedent is None and record.outcome != "ok":
            # It had to repeat orders that are not in the store, so nobody can tell where it began to differ.
            self.not_replayed += 1
            return None
        try:
            again = play(
                submission,
                scenario,
                seed,
                self._host,
                Limits(),
                commitment=record.commitment,
                gateway=self._gateway,
                precedent=precedent,
            )
        except InfrastructureFailure as error:
            return Mismatch("requested", "as stored", f"cannot be replayed: {error}")
        self.replayed += 1
        requested = self._store.arrays(one.key).requested
        if not np.array_equal(requested, again.requested):
            period, link = np.argwhere(requested != again.requested)[0].tolist()
            cell = f"requested[{period}][{link}]"
            return Mismatch(cell, float(requested[period, link]), float(again.requested[period, link]))
        columns = ("outcome", "fallbacks", "parse_failures", "repairs", "llm_calls", "llm_cost")
        return _first_difference(record, {name: getattr(again.record, name) for name in columns})


def _first_difference(record: EpisodeRecord, expected: dict[str, object]) -> Mismatch | None:
    for name, value in expected.items():
        if not same(getattr(record, name), value):
            return Mismatch(name, getattr(record, name), value)
    return None
