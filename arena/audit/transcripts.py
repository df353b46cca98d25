"""Verification of what language models were asked: a folder's transcript, and episodes replayed from it.

Every line is held against its digests, and the calls of an episode against what its row says of them. Where the
submissions are given, their episodes are played again from the transcript alone, without any endpoint, and have to
order the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from arena.audit.differences import Difference, Mismatch, same
from arena.audit.playing import Replays, differing_orders, has_lost_precedent
from arena.contract.language_model import LlmQuestion
from arena.contract.seeds import SeedPlan
from arena.errors import InfrastructureFailure
from arena.llm.call import CallKey
from arena.llm.session import count_use, use_columns
from arena.llm.transcript import TranscriptEntry, digest_text, read_transcript
from arena.results.folder import TRANSCRIPT_NAME
from arena.results.record import EpisodeRecord
from arena.results.store import Store
from arena.results.stored import StoredEpisode
from arena.world.scenario import Scenario


def entry_mismatch(entry: TranscriptEntry) -> Mismatch | None:
    """Return what in an entry is not what its digests say; None if they hold."""
    try:
        digest = LlmQuestion(entry.messages, entry.answer_schema).digest_sampled(entry.sampling)
    except ValueError as error:
        return Mismatch("messages", f"{len(entry.messages)} messages", f"a question: {error}")
    if digest != entry.digest:
        return Mismatch("digest", entry.digest, digest)
    reply = digest_text(entry.reply) if entry.outcome == "ok" else ""
    return None if reply == entry.reply_digest else Mismatch("reply_digest", entry.reply_digest, reply)


class TranscriptAudit:
    """The checks of one folder.

    Args:
        folder: of results.
        store: its store, open.
        replays: plays episodes again; None to leave that out.

    Raises:
        InvalidInput: the transcript cannot be read.
    """

    def __init__(self, folder: Path, store: Store, replays: Replays | None) -> None:
        path = folder / TRANSCRIPT_NAME
        self.calls = 0
        self.replayed = 0
        self.not_replayed = 0
        self._store = store
        self._entries = read_transcript(path) if path.exists() else {}
        self._replays = replays

    def entry_differences(self) -> Iterator[Difference]:
        """Yield the lines of the transcript that are not what their digests say."""
        for entry in self._entries.values():
            self.calls += 1
            found = entry_mismatch(entry)
            if found is not None:
                yield Difference(TRANSCRIPT_NAME, entry.submission, "", entry.seed_index, *found)

    @property
    def entries(self) -> Mapping[CallKey, TranscriptEntry]:
        """The transcript; empty without one."""
        return self._entries

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
        if self._replays is None or scenario is None or seeds is None or not self._replays.knows(record):
            self.not_replayed += 1
            return None
        return self._replay_mismatch(one, scenario, seeds)

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
        expected = use_columns(count_use(None, [(entry.digest, entry.as_outcome()) for entry in entries]))
        if not record.llm_digest:
            del expected["llm_digest"]  # of before it was kept
        del expected["llm_cost"]  # follows from the prices of the manifest, which only a replay knows
        return _first_difference(record, expected)

    def _replay_mismatch(self, one: StoredEpisode, scenario: Scenario, seeds: SeedPlan) -> Mismatch | None:
        assert self._replays is not None
        record = one.record
        precedent = self._store.attempts.get(one.key).get(one.key)
        if has_lost_precedent(record, precedent):
            self.not_replayed += 1
            return None
        try:
            again = self._replays.play(record, scenario, seeds, precedent)
        except InfrastructureFailure as error:
            return Mismatch("requested", "as stored", f"cannot be replayed: {error}")
        self.replayed += 1
        found = differing_orders(self._store.arrays(one.key).requested, again.requested)
        if found is not None:
            return found
        columns = ("outcome", "fallbacks", "parse_failures", "repairs", "llm_calls", "llm_cost")
        return _first_difference(record, {name: getattr(again.record, name) for name in columns})


def _first_difference(record: EpisodeRecord, expected: dict[str, object]) -> Mismatch | None:
    for name, value in expected.items():
        if not same(getattr(record, name), value):
            return Mismatch(name, getattr(record, name), value)
    return None
