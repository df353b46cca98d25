"""The upgrade of a folder of results: episodes of earlier contracts of these rules, brought to the present one.

The digest of the contract names the indicators and the fields of messages, so it changes when one is added, and results
of different digests are never ranked together. An episode of before is put under the present digest if two things are
proven. That these are the same rules, and the contract was only extended: its digest is that of this contract without
the latest additions (`arena.contract.version.earlier_digests`). And that these rules measure it alike: its orders,
played again into the stored scenario under the stored demand, give every indicator that it has. Its new indicators come
from the same replay. Everything else stays under its digest. What its controllers were told is what the earlier
contract told.

Hidden seeds are derived from a secret and the digest of the rules. So a record keeps the digest that its seed was
derived under (`EpisodeRecord.seeds_contract`), by which its demand can still be verified, and all episodes of one
commitment keep to one such digest: their demand could not be compared otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arena.audit.outcome import Unchecked
from arena.audit.recompute import kept_twice, recompute, simulator_of, window_mismatch
from arena.audit.rewriting import Rewritten, TablesToRewrite
from arena.contract.seeds import PublicSeeds
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import StoreError
from arena.progress import Progress, Silent
from arena.results.folder import STORE_NAME
from arena.results.record import EpisodeKey, EpisodeRecord
from arena.results.store import Store
from arena.results.stored import EpisodeStatus, StoredEpisode
from arena.simulate.simulator import Simulator
from arena.world.scenario import Scenario
from arena.world.suite import shipped_scenarios

_SHOWN = 12


@dataclass(frozen=True)
class Upgrade:
    """What came of an upgrade.

    Attributes:
        episodes: episodes of the store that are under the present rules now.
        upgraded: how many of them were put there by this upgrade.
        left_behind: episodes that stay under the digest that they have, by reason.
        tables: what was written anew; None if the folder has no tables, or none of their episodes could be upgraded.
    """

    episodes: int
    upgraded: int
    left_behind: tuple[Unchecked, ...]
    tables: Rewritten | None


def upgrade(folder: str | Path, *, progress: Progress[bool] | None = None) -> Upgrade:
    """Bring a folder of results to the present rules.

    The store changes in one transaction. Whatever ends the upgrade before that leaves it as it was, and afterwards the
    same call writes the tables.

    Args:
        folder: as an evaluation wrote it.
        progress: who is told how it goes.

    Raises:
        InvalidInput: a table is of another layout or names episodes that the store does not hold, or a file is in the
            way that the arena did not write.
        StoreAgeError: the store is of a newer arena.
        StoreError: the store is missing, damaged, or being written by another process.
        ArenaError: a file cannot be written.
    """
    folder = Path(folder)
    path = folder / STORE_NAME
    if not path.is_file():
        raise StoreError(f"{path}: there is no such store; name a folder that arena evaluate wrote")
    with Store(path, read_only=True) as store:
        store.refuse_newer()
    tables = TablesToRewrite(folder)
    watcher = progress or Silent()
    with Store(path) as store:
        tables.refuse_to_cut(store)
        replay = _Replay(store)
        outdated = store.outdated()
        watcher.started(len(outdated))
        try:
            for one in outdated:
                replay.add(one)
                watcher.advanced(one.key in replay.left_behind)
        finally:
            watcher.finished()
        store.rebasing.apply(replay.records, replay.left_behind)
        reasons = Counter(replay.left_behind.values())
        contracts = Counter(key.contract_digest for key, _ in store.keys().items())
        for digest in sorted(contracts.keys() - earlier_digests().keys() - {contract_digest()}):
            differs = "which differs from this arena's in more than additions"
            reasons[f"they follow the contract {digest[:_SHOWN]}…, {differs}"] += contracts[digest]
        return Upgrade(
            episodes=contracts[contract_digest()],
            upgraded=len(replay.records),
            left_behind=tuple(Unchecked(number, "episodes", why) for why, number in reasons.items()),
            tables=tables.write(store),
        )


class _Replay:
    """Episodes of before, played again from their orders and demand."""

    def __init__(self, store: Store) -> None:
        self.records: dict[EpisodeKey, EpisodeRecord] = {}
        self.left_behind: dict[EpisodeKey, str] = {}
        self._store = store
        self._statuses = store.keys()
        known = {scenario.digest: scenario for scenario in shipped_scenarios().values()}
        stored = {digest: one.scenario for digest, one in store.scenarios().items()}
        self._scenarios: Mapping[str, Scenario] = known | stored
        self._simulator: Simulator | None = None
        # The rules that the hidden seeds of a commitment were derived under: one digest for all of its episodes.
        self._origins = {
            record.commitment: record.seeds_contract or record.contract_digest
            for record in store.records(contract_digest=contract_digest())
            if record.commitment is not None
        }

    def add(self, one: StoredEpisode) -> None:
        """Play an episode again, and sort it among those that are put under the present rules or stay."""
        try:
            reason = self._add(one)
        except StoreError as error:
            reason = str(error)
        if reason:
            self.left_behind[one.key] = reason

    def _add(self, one: StoredEpisode) -> str:
        """Add an episode to the records, or return why it stays."""
        key, record = one.key, one.record
        new = key._replace(contract_digest=contract_digest())
        if new in self._statuses:
            return "they were played again under the present rules, and those episodes count"
        twice = next(kept_twice(one, self._statuses.get(key, EpisodeStatus(record.isolation, record.outcome))), None)
        if twice is not None:
            return f"the store keeps {twice.column} twice and differently"
        scenario = self._scenarios.get(key.scenario_digest)
        if scenario is None or scenario.digest != key.scenario_digest:
            return f"the store holds no content of scenario {record.scenario}"
        origin = record.seeds_contract or key.contract_digest
        if record.commitment is not None and self._origins.setdefault(record.commitment, origin) != origin:
            return "their hidden seeds were derived under other rules than those of episodes with the same commitment"
        mismatch = window_mismatch(record, scenario)
        if mismatch is not None:
            return f"{mismatch.column} is {mismatch.stored!r} in the store, and scenario {record.scenario} has windows"
        self._simulator = simulator_of(scenario, record.seed_index, self._simulator)
        seeds = PublicSeeds() if record.commitment is None else None
        known = earlier_digests()[key.contract_digest]
        done = recompute(record, self._store.arrays(key), self._simulator, seeds, known)
        if done.mismatch is not None:
            column, stored, recomputed = done.mismatch
            return f"{column} is {stored!r} in the store, recomputed {recomputed!r}"
        changes = {"contract_digest": contract_digest(), "seeds_contract": origin}
        self.records[key] = done.record.model_copy(update=changes)
        return ""
