"""The store of results: every episode with its series, the attempts that broke off, and the scenarios that were played.

Each is committed by a transaction of its own.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self, get_args

import numpy as np

from arena.contract.version import earlier_digests
from arena.errors import Outcome, StoreAgeError, StoreError
from arena.jail.isolation import ISOLATION_ORDER
from arena.results.ages import as_json, older, read_record, refuse_newer
from arena.results.columns import KPI_COLUMNS
from arena.results.damage import refuse_record, unpack_series
from arena.results.database import KEY_COLUMNS, MATCHES_KEY, Database
from arena.results.digesting import StoredDigests
from arena.results.kept_attempts import KeptAttempts
from arena.results.limits import RecordedLimits
from arena.results.pairings import Pairings
from arena.results.rebasing import Rebasing
from arena.results.record import EpisodeKey, EpisodeRecord, PlayedEpisode, key_of
from arena.results.removals import Removals
from arena.results.repairs import Repairs
from arena.results.rounds import KeptRounds
from arena.results.scenarios import KeptScenarios
from arena.results.series import pack
from arena.results.stopping import StoppingRules
from arena.results.stored import EpisodeStatus, Series, StoredEpisode, StoredScenario
from arena.results.training import KeptCards
from arena.results.trusted import TrustedPackages
from arena.world.contest_draws import Drawing
from arena.world.scenario import Scenario

_OUTCOMES: Final = get_args(Outcome)
_BY_NAME: Final = (
    "CASE WHEN json_valid(record) THEN json_extract(record, '$.submission') END, "
    "CASE WHEN json_valid(record) THEN json_extract(record, '$.scenario') END, "
    f"seed_index, {KEY_COLUMNS}"
)
"""Order of episodes by submission and scenario, as everywhere; a damaged record comes first, and is told."""


class Store:
    """An open store. Use it as a context manager, from one thread.

    Attributes:
        path: the SQLite file.
        removals: marks of submissions that were taken out.
        repairs: episodes whose series are damaged.
        pairings: with which others submissions are compared.
        rebasing: what upgrades put under the present rules, and what they left behind.
        limits: what its episodes were played with.
        stopping: by which rule its hidden seeds are played until decided.
        digests: the digests of its rows.
        rounds: the rounds that were played.
        attempts: the orders of attempts that broke off.
        trusted: strangers' packages that ran in the arena's process meanwhile.
        cards: from what its trained submissions learned.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open a store and check that it is whole; a writer makes one that does not exist.

        Args:
            path: the SQLite file; its folder must exist.
            read_only: open an existing store without touching it. Any number of readers may do so while one writes.

        Raises:
            StoreAgeError: the store is of a newer arena.
            StoreError: the file is missing, damaged, not a store, of another version, not writable, or being written
                by another process.
        """
        self.path = path
        self._database = Database(path, read_only=read_only)
        self.removals = Removals(self._database)
        self.repairs = Repairs(self._database)
        self.pairings = Pairings(self._database)
        self.rebasing = Rebasing(self._database)
        self.limits = RecordedLimits(self._database)
        self.stopping = StoppingRules(self._database)
        self.digests = StoredDigests(self._database)
        self.rounds = KeptRounds(self._database)
        self.attempts = KeptAttempts(self._database)
        self.trusted = TrustedPackages(self._database)
        self.cards = KeptCards(self._database)
        self._scenarios = KeptScenarios(self._database)

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Close file and lock; a second call does nothing. What was put in is kept whatever happens here."""
        self._database.close()

    def put(self, episode: PlayedEpisode, *, suite: str = "") -> None:
        """Commit one episode; an episode of the same key, played earlier, is replaced.

        Args:
            episode: the episode; its series are stored as little-endian 64-bit floats, compressed.
            suite: name of the suite it was played for.

        Raises:
            StoreError: it could not be committed; then the store is as before.
        """
        record = episode.record
        requested, drawn = np.asarray(episode.requested), np.asarray(episode.demand)
        if requested.ndim != 2 or drawn.ndim != 2 or len(requested) != len(drawn):
            raise ValueError(f"series of shape {requested.shape} and {drawn.shape}; both are (periods, links)")
        if episode.lead_times.size:
            drawn = np.concatenate([drawn, episode.lead_times], axis=1)
        row = (
            *key_of(record),
            record.isolation,
            record.outcome,
            suite,
            as_json(record),
            *requested.shape,
            drawn.shape[1],
            pack(requested),
            pack(drawn),
        )
        places = ", ".join("?" * len(row))
        with self._database.explained():
            self._database.execute(f"INSERT OR REPLACE INTO episodes VALUES ({places})", row)

    def outdated(self) -> list[StoredEpisode]:
        """Return the episodes under earlier contracts of these rules; indicators that they lack are NaN.

        Raises:
            StoreAgeError: a record is of a newer arena.
            StoreError: a record cannot be read.
        """
        return [one for digest in sorted(earlier_digests()) for one in self._episodes(digest, None, complete=False)]

    def require_current(self) -> None:
        """Refuse a store with episodes of another age that this arena has to do something about.

        Raises:
            StoreAgeError: it holds episodes that `arena results upgrade` would bring to the present rules, or records
                of a newer arena.
        """
        self.refuse_newer()
        for one in self.outdated():
            if one.key not in self.rebasing.left_behind:
                known = earlier_digests()[one.key.contract_digest]
                missing = [name for name in KPI_COLUMNS if name not in known]
                raise older(self.path, one.record.arena_version, missing)

    def refuse_newer(self) -> None:
        """Refuse a store whose newest record is of a newer arena.

        Raises:
            StoreAgeError: it is.
        """
        with self._database.explained():
            newest = self._database.execute("SELECT record FROM episodes ORDER BY rowid DESC LIMIT 1").fetchone()
        if newest is not None:
            with contextlib.suppress(ValueError, TypeError, RecursionError, AttributeError):
                refuse_newer(json.loads(newest[0]), self.path)

    def put_scenarios(self, scenarios: Iterable[Scenario], drawings: Mapping[str, Drawing]) -> None:
        """Commit the content of scenarios that are to be played; see `arena.results.scenarios`."""
        self._scenarios.put(scenarios, drawings)

    def scenarios(self) -> dict[str, StoredScenario]:
        """Return the content of scenarios by digest; see `arena.results.scenarios`."""
        return self._scenarios.all()

    def keys(self) -> dict[EpisodeKey, EpisodeStatus]:
        """Return every episode's key and how it was played, without reading the records.

        Raises:
            StoreError: an episode is of no isolation level or outcome that there is.
        """
        return self._statuses("1", ())

    def status(self, key: EpisodeKey) -> EpisodeStatus | None:
        """Return how an episode was played; None if it is not in the store.

        Raises:
            StoreError: it is of no isolation level or outcome that there is.
        """
        return self._statuses(MATCHES_KEY, key).get(key)

    def _statuses(self, where: str, values: tuple[object, ...]) -> dict[EpisodeKey, EpisodeStatus]:
        statement = f"SELECT {KEY_COLUMNS}, isolation, outcome FROM episodes WHERE {where}"
        with self._database.explained():
            rows = self._database.execute(statement, values).fetchall()
        found = {EpisodeKey(*row[:5]): EpisodeStatus(*row[5:]) for row in rows}
        for key, status in found.items():
            if status.isolation not in ISOLATION_ORDER or status.outcome not in _OUTCOMES:
                refuse_record(self.path, f"played at {status.isolation!r}, outcome {status.outcome!r}", key)
        return found

    def episodes(self, *, contract_digest: str | None = None, seed_plan: str | None = None) -> list[StoredEpisode]:
        """Return the episodes in the order of submission, scenario, seed index and key.

        Args:
            contract_digest: only episodes under these rules; None for all.
            seed_plan: only episodes of this plan (`public` or a commitment); None for all.

        Raises:
            StoreAgeError: a record is of a newer arena, or of an earlier contract of these rules.
            StoreError: a record cannot be read.
        """
        return self._episodes(contract_digest, seed_plan, complete=True)

    def _episodes(self, contract_digest: str | None, seed_plan: str | None, *, complete: bool) -> list[StoredEpisode]:
        conditions = {"contract_digest": contract_digest, "seed_plan": seed_plan}
        chosen = {column: value for column, value in conditions.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in chosen) or "1"
        with self._database.explained():
            rows = self._database.execute(
                f"SELECT {KEY_COLUMNS}, suite, record FROM episodes WHERE {where}", tuple(chosen.values())
            ).fetchall()
        found = []
        for *parts, suite, record in rows:
            key = EpisodeKey(*parts)
            self._check_key(key)
            found.append(StoredEpisode(key, suite, self._parse(record, key, complete=complete)))
        return sorted(
            found, key=lambda one: (one.record.submission, one.record.scenario, one.record.seed_index, one.key)
        )

    def records(self, *, contract_digest: str | None = None, seed_plan: str | None = None) -> list[EpisodeRecord]:
        """Return the records of `episodes`, in the same order."""
        return [one.record for one in self.episodes(contract_digest=contract_digest, seed_plan=seed_plan)]

    def blocks(self, size: int) -> Iterator[list[tuple[StoredEpisode, Series]]]:
        """Yield the episodes with their series, in the order of `episodes`, all as they are at one moment.

        Memory is that of a block, and eight bytes for every episode.

        Args:
            size: episodes in a block, at most.

        Raises:
            StoreAgeError: a record is of a newer arena, or of an earlier contract of these rules.
            StoreError: a record cannot be read, or series are damaged.
        """
        execute = self._database.execute
        with self._database.reading():
            rows = array("q", (row for (row,) in execute(f"SELECT rowid FROM episodes ORDER BY {_BY_NAME}")))
            columns = f"{KEY_COLUMNS}, suite, record, periods, supply_links, market_links, requested, demand"
            for start in range(0, len(rows), size):
                chosen = rows[start : start + size].tolist()
                # A list in JSON has no bound on its length, unlike the values of a statement.
                statement = f"SELECT rowid, {columns} FROM episodes WHERE rowid IN (SELECT value FROM json_each(?))"
                by_row = {row: values for row, *values in execute(statement, (json.dumps(chosen),))}
                yield [self._stored(by_row[row]) for row in chosen]

    def count_rows(self) -> tuple[int, int]:
        """Return the number of episodes, and of links in all their periods.

        Raises:
            StoreError: they cannot be counted.
        """
        statement = "SELECT count(*), coalesce(sum(periods * (supply_links + market_links)), 0) FROM episodes"
        with self._database.explained():
            episodes, links = self._database.execute(statement).fetchone()
        return episodes, links

    def _stored(self, values: list[Any]) -> tuple[StoredEpisode, Series]:
        *parts, suite, record, periods, supply_links, market_links, requested, demand = values
        key = EpisodeKey(*parts)
        self._check_key(key)
        series = self._series(periods, supply_links, market_links, requested, demand)
        return StoredEpisode(key, suite, self._parse(record, key)), series

    def record(self, key: EpisodeKey) -> EpisodeRecord:
        """Return the record of one episode.

        Raises:
            StoreError: there is no such episode, or its record cannot be read.
        """
        with self._database.explained():
            row = self._database.execute(f"SELECT record FROM episodes WHERE {MATCHES_KEY}", key).fetchone()
        if row is None:
            raise StoreError(f"{self.path}: holds no episode {tuple(key)}")
        return self._parse(row[0], key)

    def arrays(self, key: EpisodeKey) -> Series:
        """Return the series of one episode.

        Raises:
            StoreError: there is no such episode, or its series are damaged.
        """
        with self._database.explained():
            row = self._database.execute(
                f"SELECT periods, supply_links, market_links, requested, demand FROM episodes WHERE {MATCHES_KEY}", key
            ).fetchone()
        if row is None:
            raise StoreError(f"{self.path}: holds no episode {tuple(key)}")
        return self._series(*row)

    def _series(self, periods: int, supply_links: int, market_links: int, requested: bytes, demand: bytes) -> Series:
        return Series(
            unpack_series(self.path, requested, (periods, supply_links)),
            unpack_series(self.path, demand, (periods, market_links)),
        )

    def _check_key(self, key: EpisodeKey) -> None:
        if [type(part) for part in key] != [str, str, str, str, int]:
            refuse_record(self.path, "its key is of other types", key)

    def _parse(self, text: str, key: EpisodeKey, *, complete: bool = True) -> EpisodeRecord:
        try:
            return read_record(text, self.path, complete=complete and key not in self.rebasing.left_behind)
        except (ValueError, TypeError, RecursionError) as error:
            refuse_record(self.path, str(error).splitlines()[0], key)


def refuse_other_age(path: Path) -> None:
    """Refuse a store that is older or newer than this arena; whatever else is wrong with it is for its user to find.

    Args:
        path: the SQLite file; it need not exist.

    Raises:
        StoreAgeError: see `Store.require_current`, and `Store` for a newer one.
    """
    try:
        with Store(path, read_only=True) as store:
            store.require_current()
    except StoreAgeError:
        raise
    except StoreError:
        pass
