"""What a folder was played on: its scenarios held against their digests and draws, and its seeds taken again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from arena.audit.differences import Difference, Mismatch, first_mismatch
from arena.contract.seeds import MOST_SEEDS, HiddenSeeds, PublicSeeds, Reveal, hidden_seeds
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import ABSENT, Fault, InvalidInput
from arena.results.folder import STANDINGS_NAME, STORE_NAME
from arena.results.record import EpisodeRecord
from arena.results.rows import Standings
from arena.results.store import Store
from arena.results.stored import StoredEpisode
from arena.world.contest_draws import Drawing, draw_scenario, public_key
from arena.world.randomness import draws_nothing
from arena.world.scenario import Scenario
from arena.world.suite import Suite, load_suite, shipped_scenarios


class WorldAudit:
    """The scenarios and seeds of one folder.

    Args:
        store: of the folder, open.
        rows: its rows.
        reveal: of the secret behind hidden seeds; None without one.

    Attributes:
        names: present names of the stored scenarios, by digest.
        commitment: commitment of the reveal, if it is that of a run in this folder; None otherwise.
        drawn: scenarios that were drawn again.
        differences: what differs.
        unchecked: what was not checked, by kind and reason.
    """

    def __init__(self, store: Store, rows: Sequence[StoredEpisode], reveal: Reveal | None) -> None:
        self.rows = rows
        self.differences: list[Difference] = []
        self.unchecked: Counter[tuple[str, str]] = Counter()
        self.drawn = 0
        self.commitment: str | None = None
        self._reveal = reveal
        self._contract = contract_digest()
        self._contents = store.scenarios()
        self.names = {digest: kept.scenario.name for digest, kept in self._contents.items()}
        self._scenarios: dict[str, Scenario] = {}
        self._known = {scenario.digest: scenario for scenario in shipped_scenarios().values()}

    def check_commitment(self, standings: Standings) -> None:
        """See whether the reveal is that of a run in this folder.

        Raises:
            InvalidInput: there is a reveal, and all results are of public seeds.
        """
        if self._reveal is None:
            return
        commitments = {row.record.commitment for row in self.rows} | {standings.commitment}
        if self._reveal.commitment in commitments:
            self.commitment = self._reveal.commitment
        elif commitments == {None}:
            rule = "these results are of public seeds, which need no reveal"
            raise InvalidInput([Fault("--reveal", "", ABSENT, rule, "remove --reveal")])
        else:
            stored = standings.commitment or next(filter(None, (row.record.commitment for row in self.rows)))
            where = STANDINGS_NAME if standings.commitment else STORE_NAME
            self.differences.append(Difference(where, "", "", None, "commitment", stored, self._reveal.commitment))

    def is_revealed(self, standings: Standings) -> bool:
        """Tell whether the secret behind the standings is known, or there is none."""
        return standings.commitment is None or standings.commitment == self.commitment

    def load_suite(self, reference: str | Path | Suite | None, standings: Standings) -> Suite | None:
        """Load the suite that was played, its drawn scenarios by the key of the standings' seeds if that is known."""
        if reference is None:
            return None
        if isinstance(reference, Suite):
            self._known |= {scenario.digest: scenario for scenario in reference.scenarios}
            return reference
        plan = standings.commitment or "public"
        rows = [row.record for row in self.rows if row.key[::3] == (self._contract, plan)]
        seeds = self.seeds(plan, seeds_contract(rows[0]) if rows else self._contract)
        suite = load_suite(reference, None if seeds is None else seeds.draw_key)
        self._known |= {scenario.digest: scenario for scenario in suite.scenarios}
        return suite

    def check_scenarios(self) -> None:
        """See whether scenarios have the content that their digest says, and drawn ones the numbers of their key."""
        for digest, (scenario, drawing) in self._contents.items():
            if scenario.digest != digest:
                self._differs(scenario.name, Mismatch("scenario_digest", digest, scenario.digest))
                continue
            self._scenarios[digest] = scenario
            if drawing is not None:
                self._check_drawing(scenario, drawing)

    def _check_drawing(self, scenario: Scenario, drawing: Drawing) -> None:
        plans = {
            row.key.seed_plan: seeds_contract(row.record)
            for row in self.rows
            if row.key.scenario_digest == scenario.digest
        }
        if drawing.public_seed is not None:
            key = public_key(drawing.public_seed)
        elif self._reveal is not None and self.commitment in plans:
            if plans[self.commitment] not in {self._contract, *earlier_digests()}:
                return  # Its rows are under other rules, and counted as not checked.
            key = hidden_seeds(self._reveal, MOST_SEEDS, plans[self.commitment]).draw_key
        else:
            if plans:
                why = "their numbers were drawn from the secret; give its reveal with --reveal"
                self.unchecked["drawn scenarios", why] += 1
            return
        try:
            expected = draw_scenario(drawing, key)
        except InvalidInput as error:
            self._differs(scenario.name, Mismatch("drawing", "cannot be drawn", str(error)))
            return
        self.drawn += 1
        if expected.digest != scenario.digest:
            renamed = expected.model_copy(update={"name": scenario.name})
            found = first_mismatch(scenario.model_dump(by_alias=True), renamed.model_dump(by_alias=True))
            self._differs(scenario.name, found or Mismatch("scenario_digest", scenario.digest, expected.digest))

    def _differs(self, scenario: str, mismatch: Mismatch) -> None:
        self.differences.append(Difference(STORE_NAME, "", scenario, None, *mismatch))

    def scenario(self, digest: str) -> Scenario | None:
        """Return the scenario of a digest; None if its content is not known, or another one."""
        if digest in self._contents:
            return self._scenarios.get(digest)
        # Older stores hold no scenarios. One that has this digest is the one that was played, wherever it is from.
        return self._known.get(digest)

    def draw_nothing(self, records: Sequence[EpisodeRecord]) -> bool | None:
        """Tell whether no seed changes anything in the worlds of some records; None if some are not known."""
        found = [self.scenario(digest) for digest in {record.scenario_digest for record in records}]
        known = [scenario for scenario in found if scenario is not None]
        return all(map(draws_nothing, known)) if known and len(known) == len(found) else None

    def seeds(self, plan: str, digest: str) -> PublicSeeds | HiddenSeeds | None:
        """Return the seeds of a plan under the rules of a digest; None if they are not known."""
        if plan == "public":
            return PublicSeeds()
        if self._reveal is None or plan != self.commitment:
            return None
        return hidden_seeds(self._reveal, MOST_SEEDS, digest)


def seeds_contract(record: EpisodeRecord) -> str:
    """Return the digest of the rules that a record's seed was taken under."""
    return record.seeds_contract or record.contract_digest
