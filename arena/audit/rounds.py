"""A folder of results held against its round: who was to play, on what, on how many seeds, how, and until when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from arena.audit.differences import Difference
from arena.audit.models import NOT_STATED, Entries, model_differences
from arena.errors import ABSENT, Fault, InvalidInput
from arena.jail.isolation import strength
from arena.jail.limits import Limits
from arena.results.folder import STANDINGS_NAME, STORE_NAME
from arena.results.record import EpisodeRecord
from arena.results.rounds import (
    Round,
    RoundTerms,
    digest_drawing,
    limit_departures,
    participant_departures,
    seed_departure,
)
from arena.results.rows import Removal, Standings
from arena.results.sequential import next_seeds
from arena.results.store import Store
from arena.results.stored import StoredScenario


class RoundAudit:
    """The round of one folder, and what in the folder departs from it.

    Args:
        store: of the folder, open.
        standings: of the folder.
        given: the round that was published; None for the one that the folder keeps, if any.
        entries: of the folder's transcript of language models.

    Attributes:
        round: the round that the folder is held against; None for practice.

    Raises:
        InvalidInput: a round is given for results of public seeds.
    """

    def __init__(self, store: Store, standings: Standings, given: Round | None, entries: Entries) -> None:
        if given is not None and standings.commitment is None:
            rule = "these results are of public seeds, which no round is played on"
            raise InvalidInput([Fault("--round", "", ABSENT, rule, "remove --round")])
        self._standings = standings
        self._entries = entries
        self._kept = None if standings.commitment is None else store.rounds.get(standings.commitment)
        self._given = given
        self.round = given or self._kept
        self._limits: Limits | None = store.limits.get()
        self._contents = store.scenarios()

    @property
    def scored_by(self) -> list[str | None]:
        """The oracle that the round names for the scores, alone; empty without a round."""
        return [] if self.round is None else [self.round.terms.suite.scored_by]

    def differences(self, records: Sequence[EpisodeRecord], removals: Sequence[Removal]) -> Iterator[Difference]:
        """Yield what departs from the round.

        Args:
            records: those that count, as stored, under the names that scenarios have now.
            removals: marks of submissions that were taken out: a participant with a mark is not missing unnoticed.
        """
        yield from self._digest_differences()
        if self.round is None:
            return
        terms = self.round.terms
        yield from self._of_standings(terms)
        contents = {record.submission: record.submission_digest for record in records}
        marked = {(one.submission, one.submission_digest) for one in removals if one.entered_again is None}
        for one in participant_departures(terms, contents):
            if one.found != "absent" or (one.name, one.committed) not in marked:
                yield Difference(STORE_NAME, one.name, "", None, "submission_digest", one.found, one.committed)
        for departure in limit_departures(terms, self._limits):
            yield Difference(STORE_NAME, "", "", None, departure.what, departure.found, departure.committed)
        yield from _scenario_differences(terms, records, self._contents)
        yield from _row_differences(terms, records)
        yield from model_differences(terms, self._entries, records)

    def notices(self, records: Sequence[EpisodeRecord]) -> Iterator[str]:
        """Yield what is no departure by itself: episodes that are dated before the round was made."""
        standings = self._standings
        if self.round is None:
            if standings.stopping is not None:
                following = next_seeds(standings.seeds, standings.stopping.budget, standings.neighbours)
                if following > standings.seeds:
                    yield (
                        f"by its stopping rule this run goes on to {following:,} seeds per scenario, and it ends at "
                        f"{standings.seeds:,}: it was interrupted, or later batches were taken out"
                    )
            return
        if self.round.terms.language_models is None and any(record.llm_calls for record in records):
            yield NOT_STATED
        early = [record for record in records if record.finished_at < self.round.terms.created]
        if early:
            first = min(record.finished_at for record in early)
            made = self.round.terms.created
            yield f"{len(early):,} episodes are dated before the round was made ({made}), the first of them {first}"

    def _digest_differences(self) -> Iterator[Difference]:
        stored = self._standings.round_digest
        kept = None if self._kept is None else self._kept.digest
        if kept != stored:
            there = kept or "none: the store keeps no round"
            yield Difference(STANDINGS_NAME, "", "", None, "round_digest", stored or "none", there)
        if self._given is not None and self._given.digest != kept:
            found = "none: practice" if kept is None else kept
            yield Difference(STORE_NAME, "", "", None, "round_digest", found, self._given.digest)

    def _of_standings(self, terms: RoundTerms) -> Iterator[Difference]:
        standings = self._standings
        number = seed_departure(terms, standings.seeds)
        pairs: list[tuple[str, object, object]] = [
            ("commitment", standings.commitment, terms.commitment),
            ("suite", standings.suite, terms.suite.name),
            ("scenarios", standings.scenarios, tuple(one.name for one in terms.suite.scenarios)),
            ("score_rule", standings.score_rule.model_dump(), terms.suite.score_rule.model_dump()),
            ("native", standings.native, terms.suite.native),
            ("accept_fallbacks", standings.accept_fallbacks, terms.accept_fallbacks),
            ("stopping", _dumped(standings.stopping), _dumped(terms.stopping)),
        ]
        if terms.trusted is not None:
            told = [tuple(map(str, one)) for one in (standings.trusted, terms.trusted)]
            pairs.append(("trusted", told[0], told[1]))
        if number is not None:
            pairs.append(("seeds", number.found, number.committed))
        elif terms.stopping is not None and standings.stopping == terms.stopping:
            following = next_seeds(standings.seeds, terms.stopping.budget, standings.neighbours)
            if following > standings.seeds:
                wanted = f"{following}: by the stopping rule of the round another batch follows"
                pairs.append(("seeds", standings.seeds, wanted))
        for column, stored, committed in pairs:
            if stored != committed:
                yield Difference(STANDINGS_NAME, "", "", None, column, stored, committed)


def _dumped(rule: object) -> object:
    return "a fixed number of seeds" if rule is None else repr(rule)


def _scenario_differences(
    terms: RoundTerms, records: Sequence[EpisodeRecord], contents: Mapping[str, StoredScenario]
) -> Iterator[Difference]:
    """Yield scenarios that were played with another content than the round commits to."""
    committed = {one.name: one for one in terms.suite.scenarios}
    for name, digest in sorted({(record.scenario, record.scenario_digest) for record in records}):
        one = committed.get(name)
        if one is None:
            continue  # The names of the standings are compared as a whole.
        if one.digest is not None and one.digest != digest:
            yield Difference(STORE_NAME, "", name, None, "scenario_digest", digest, one.digest)
        elif one.drawing is not None:
            kept = contents.get(digest)
            drawing = None if kept is None or kept.drawing is None else digest_drawing(kept.drawing)
            if drawing != one.drawing:
                yield Difference(STORE_NAME, "", name, None, "drawing", drawing or "none", one.drawing)


def _row_differences(terms: RoundTerms, records: Sequence[EpisodeRecord]) -> Iterator[Difference]:
    """Yield the first episode of every submission at another level, and the first under other rules."""
    told: set[tuple[str, str]] = set()
    for record in records:
        level = terms.isolation
        weaker = "a weaker" if strength(record.isolation) < strength(level) else "another"
        wanted = f"{level}: it was played, or is labelled, at {weaker} level than the round says"
        rules = record.seeds_contract or record.contract_digest
        for column, stored, differs, expected in (
            ("isolation", record.isolation, record.isolation != level, wanted),
            ("contract_digest", rules, rules != terms.contract_digest, terms.contract_digest),
        ):
            if differs and (record.submission, column) not in told:
                told.add((record.submission, column))
                place = (record.submission, record.scenario, record.seed_index)
                yield Difference(STORE_NAME, *place, column, stored, expected)
