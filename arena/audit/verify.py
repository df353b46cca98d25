"""Verification: a folder of results recomputed from its logged orders, without any controller.

Everything comes from the folder, and from the reveal where the seeds were hidden: the commitment, the drawn scenarios,
every episode's seed, demand and indicators, the table of episodes, and the standings. What cannot be checked is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from arena.audit.copies import Copies
from arena.audit.differences import Difference, Mismatch
from arena.audit.fingerprints import check_published, digest_differences, explain_digests, published_difference
from arena.audit.outcome import Unchecked, Verification
from arena.audit.page import PageCheck, Render, check_page
from arena.audit.playing import Replays, Sample, play_again
from arena.audit.recompute import (
    deadline_mismatch,
    kept_twice,
    recompute,
    repetition_mismatch,
    simulator_of,
    window_mismatch,
)
from arena.audit.rounds import RoundAudit
from arena.audit.suites import suite_differences
from arena.audit.tables import Tables, read_lines
from arena.audit.transcripts import TranscriptAudit
from arena.audit.worlds import WorldAudit, seeds_contract
from arena.contract.seeds import HiddenSeeds, PublicSeeds, Reveal
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import ABSENT, Fault, InvalidInput, StoreError
from arena.progress import Progress, Silent
from arena.results.fingerprint import Digests
from arena.results.folder import EPISODES_NAME, STANDINGS_NAME, STORE_NAME
from arena.results.reading import read_standings, refuse_stale
from arena.results.record import EpisodeRecord
from arena.results.rounds import Round
from arena.results.rows import Standings
from arena.results.sealing import compute_digests
from arena.results.store import Store, refuse_other_age
from arena.results.stored import EpisodeStatus, StoredEpisode
from arena.simulate.simulator import Simulator
from arena.world.scenario import Scenario
from arena.world.suite import Suite

_SHOWN: Final = 12


def verify(
    folder: str | Path,
    *,
    reveal: Reveal | None = None,
    suite: str | Path | Suite | None = None,
    replays: Replays | None = None,
    digest: str | None = None,
    contest_round: Round | None = None,
    sample: Sample | None = None,
    render: Render | None = None,
    progress: Progress[bool] | None = None,
) -> Verification:
    """Recompute a folder of results.

    Args:
        folder: as an evaluation wrote it.
        reveal: of the secret behind hidden seeds; without it, their rows are checked as far as stored demand goes.
        suite: the suite that was played, or its name or file; the folder's scenarios are then held against it. Without
            it, they are what the folder says.
        replays: plays episodes again that asked a language model, from the folder's transcript; None to leave that out.
        digest: results digest or full digest that was published, or at least twelve characters of its beginning.
        contest_round: the round that was published; None for the one that the folder keeps, if any.
        sample: episodes to play again from their submissions; None to leave that out.
        render: writes the page, to hold the one in the folder against; None to leave that out.
        progress: who is told how it goes.

    Raises:
        InvalidInput: a table is missing or of another layout, the suite cannot be loaded, a reveal is given where no
            seed was hidden, or no row at all can be checked.
        StoreAgeError: the store is of a newer arena, or has episodes that `arena results upgrade` would complete.
        StoreError: the store is missing or damaged.
    """
    folder = Path(folder)
    published = None if digest is None else check_published(digest)
    refuse_other_age(folder / STORE_NAME)
    standings, lines = read_standings(folder), read_lines(folder)
    if sample is not None and standings.commitment is not None and reveal is None:
        fix = "name it: --reveal FILE"
        raise InvalidInput([Fault("--play", "", ABSENT, "hidden seeds are known from the reveal of their secret", fix)])
    watcher = progress or Silent()
    with Store(folder / STORE_NAME, read_only=True) as store:
        models = TranscriptAudit(folder, store, replays)
        refuse_stale(folder, standings, store)
        audit = _Audit(store, reveal, models)
        worlds = audit.worlds
        worlds.check_commitment(standings)
        rounds = RoundAudit(store, standings, contest_round, models.entries)
        named = worlds.load_suite(suite, standings)
        worlds.check_scenarios()
        audit.differences += worlds.differences
        audit.differences += models.entry_differences()
        watcher.started(len(audit.rows))
        try:
            for one in audit.rows:
                found = len(audit.differences)
                audit.check_row(one)
                watcher.advanced(len(audit.differences) > found)
        finally:
            watcher.finished()
        tables = Tables(standings, lines, audit.records_of(standings), audit.removals)
        counted = tables.counted
        with_run = standings.digests is not None and standings.digests.run is not None
        digests = compute_digests(standings, store, counted, with_run=with_run)
        audit.check_trusted(standings)
        page = PageCheck() if render is None else check_page(folder, standings, counted, store, render)
        if sample is not None:
            audit.play_again(sample, counted, watcher)
    audit.differences += tables.line_differences()
    audit.check_pairing(standings, counted)
    if named is not None:
        audit.differences += suite_differences(named, standings, counted, revealed=worlds.is_revealed(standings))
    oracles = Counter(standings.oracles.values())
    scored_by = [*(name for name, _ in oracles.most_common()), None]
    if named is not None or rounds.scored_by:
        scored_by = rounds.scored_by if named is None else [named.scored_by]
    audit.differences += rounds.differences(counted, audit.removals)
    audit.notices += rounds.notices(counted)
    # Standings of earlier arenas take seeds for units of such worlds, too.
    exact = worlds.draw_nothing(counted) if standings.unit == "scenario" else None
    wrong = tables.standings_difference(scored_by, exact)
    audit.differences += [] if wrong is None else [wrong]
    audit.check_digests(standings.digests, digests, published)
    audit.note_missing(standings)
    audit.add_page(page)
    audit.notices += audit.copies.notices(counted)
    result = audit.result(standings, len(lines), tuple(oracles), digests, published, rounds.round)
    if not result.checked and not result.differences:
        reasons = "; ".join(f"{one.number} {one.what}: {one.why}" for one in result.unchecked)
        raise InvalidInput([Fault(str(folder), "", ABSENT, "holds no row that can be checked", reasons)])
    return result


class _Audit:
    """The checks of one store, and what came of them."""

    def __init__(self, store: Store, reveal: Reveal | None, models: TranscriptAudit) -> None:
        self.store = store
        self._models = models
        self.rows: Sequence[StoredEpisode] = store.episodes()
        self.worlds = WorldAudit(store, self.rows, reveal)
        self.differences: list[Difference] = []
        self.notices: list[str] = []
        self.copies = Copies()
        self._play_seed: int | None = None
        self._interrupted = False
        self._statuses = store.keys()
        self._limits = store.limits.get()
        self._precedents = store.attempts.get()
        self.removals = store.removals.all()
        self._removed = store.removals.digests()
        self._contract = contract_digest()
        self._reveal = reveal
        self._simulator: Simulator | None = None
        self._records: list[EpisodeRecord] = []
        self._unchecked: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[str] = Counter()

    def check_row(self, one: StoredEpisode) -> None:
        """Compute a row again."""
        record = one.record
        expected = record
        try:
            mismatch, expected = self._row(one)
        except StoreError as error:
            mismatch = Mismatch("orders and demand", "cannot be read", str(error))
        if mismatch is not None:
            name = self.worlds.names.get(record.scenario_digest, record.scenario)
            self.differences.append(Difference(STORE_NAME, record.submission, name, record.seed_index, *mismatch))
        self._records.append(expected)

    def _row(self, one: StoredEpisode) -> tuple[Mismatch | None, EpisodeRecord]:
        record, (contract, _, digest, plan, _) = one.record, one.key
        status = self._statuses.get(one.key, EpisodeStatus(record.isolation, record.outcome))
        twice = next(kept_twice(one, status), None)
        if twice is not None:
            return twice, record
        if one.key in self.store.rebasing.left_behind and contract == self._contract:
            return Mismatch("left_behind", "a row under these rules", "rows of earlier rules only"), record
        if one.key in self.store.rebasing.left_behind:
            why = f"they could not be upgraded to this arena's rules: {self.store.rebasing.left_behind[one.key]}"
            self._unchecked["rows", why] += 1
            return None, record
        if contract != self._contract:
            versions = f"the arena that wrote them (version {record.arena_version})"
            why = f"they follow the contract {contract[:_SHOWN]}…, this arena's is {self._contract[:_SHOWN]}…"
            self._unchecked["rows", f"{why}; verify them with {versions}"] += 1
            return None, record
        if record.seeds_contract is not None and record.seeds_contract not in earlier_digests():
            wanted = "empty, or the digest of an earlier contract of these rules"
            return Mismatch("seeds_contract", record.seeds_contract, wanted), record
        scenario = self.worlds.scenario(digest)
        if scenario is None:
            why = f"the store holds no content of scenario {record.scenario}, or one of another digest"
            self._unchecked["rows", f"{why}; give the suite that was played with --suite"] += 1
            return None, record
        seeds = self.worlds.seeds(plan, seeds_contract(record))
        if seeds is None:
            why = f"no reveal of the commitment {plan[:_SHOWN]}… was given; the demand was taken as stored"
            self._unchecked["seeds", why] += 1
        mismatch = deadline_mismatch(record, self._limits) or window_mismatch(record, scenario)
        if mismatch is not None:
            return mismatch, record
        self._simulator = simulator_of(scenario, record.seed_index, self._simulator)
        series = self.store.arrays(one.key)
        self.copies.add(one.key, series.requested)
        done = recompute(record, series, self._simulator, seeds)
        kind = "lost" if record.outcome == "infrastructure" else "replayed" if seeds is None else "recomputed"
        self._counts[kind] += 1
        found = done.mismatch or repetition_mismatch(record, series.requested, self._precedents.get(one.key))
        return found or self._models.row_mismatch(one, scenario, seeds), done.record

    def play_again(self, sample: Sample, records: Sequence[EpisodeRecord], watcher: Progress[bool]) -> None:
        """Play a sample of the episodes that count again."""
        again = play_again(sample, self.store, records, self._known_of, watcher)
        self.differences += again.differences
        self._play_seed, self._counts["played"], self._interrupted = again.seed, again.played, again.interrupted
        for why, number in again.unplayed.items():
            self._unchecked["episodes", f"not played again: {why}"] += number

    def _known_of(self, record: EpisodeRecord) -> tuple[Scenario, PublicSeeds | HiddenSeeds] | None:
        scenario = self.worlds.scenario(record.scenario_digest)
        seeds = self.worlds.seeds(record.commitment or "public", seeds_contract(record))
        return None if scenario is None or seeds is None else (scenario, seeds)

    def check_digests(self, kept: Digests | None, found: Digests, published: str | None) -> None:
        """Hold the digests of the rows against those of the standings, and against one that was published."""
        differences = [] if kept is None else list(digest_differences(kept, found))
        other = None if published is None else published_difference(published, found)
        differences += [] if other is None else [other]
        self.differences += differences
        self.notices += explain_digests(differences)

    def check_trusted(self, standings: Standings) -> None:
        """Hold the trusted packages of the standings against those that the store notes."""
        stored, there = (tuple(map(str, one)) for one in (standings.trusted, self.store.trusted.get()))
        if stored != there:
            self.differences.append(Difference(STANDINGS_NAME, "", "", None, "trusted", stored, there))

    def add_page(self, page: PageCheck) -> None:
        """Take note of what came of the look at the page."""
        self.differences += [] if page.difference is None else [page.difference]
        if page.unchecked is not None:
            self._unchecked[page.unchecked.what, page.unchecked.why] += page.unchecked.number

    def check_pairing(self, standings: Standings, records: Sequence[EpisodeRecord]) -> None:
        """See whether all records that are ranked together met the same demand."""
        found = sorted({seeds_contract(record) for record in records})
        if standings.commitment is not None and len(found) > 1:
            mismatch = Mismatch("seeds_contract", found, "one: hidden seeds of other rules bring other demand")
            self.differences.append(Difference(EPISODES_NAME, "", "", None, *mismatch))

    def records_of(self, standings: Standings) -> Iterator[EpisodeRecord]:
        """Yield the records that standings may be about, as they should be, under their scenarios' present names."""
        for record in self._records:
            if record.submission_digest in self._removed:
                continue
            if (record.contract_digest, record.commitment) == (standings.contract_digest, standings.commitment):
                name = self.worlds.names.get(record.scenario_digest, record.scenario)
                yield record.model_copy(update={"scenario": name})

    def note_missing(self, standings: Standings) -> None:
        """Take note of episodes of the plan that are not there."""
        for row in (*standings.rows, *standings.reference):
            missing = row.expected_episodes - row.episodes - row.infrastructure_failures
            if missing:
                self._unchecked["episodes", f"{row.submission} has not played them, and has no rank"] += missing

    def result(
        self,
        standings: Standings,
        lines: int,
        oracles: tuple[str, ...],
        digests: Digests,
        published: str | None,
        contest_round: Round | None,
    ) -> Verification:
        """Return what came of the checks."""
        if self._models.not_replayed:
            why = "their orders follow from answers of a language model; name their submissions with --replay"
            self._unchecked["episodes", why] += self._models.not_replayed
        unchecked = self.worlds.unchecked + self._unchecked
        return Verification(
            rows=len(self.rows),
            recomputed=self._counts["recomputed"],
            replayed=self._counts["replayed"],
            lost=self._counts["lost"],
            drawn=self.worlds.drawn,
            lines=lines,
            commitment=None if self._reveal is None else self._reveal.commitment,
            oracles=oracles,
            model_calls=self._models.calls,
            model_replays=self._models.replayed,
            removals=self.removals,
            trusted=standings.trusted,
            digests=digests,
            digests_kept=standings.digests is not None,
            published=published is not None,
            round_digest=None if contest_round is None else contest_round.digest,
            played=self._counts["played"],
            play_seed=self._play_seed,
            interrupted=self._interrupted,
            differences=tuple(self.differences),
            unchecked=tuple(Unchecked(number, what, why) for (what, why), number in unchecked.items()),
            notices=tuple(self.notices),
        )
