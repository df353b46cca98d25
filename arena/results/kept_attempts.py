"""Attempts that broke off, as a store keeps them: their orders bind the attempt that counts."""

from __future__ import annotations

from arena.jail.isolation import ISOLATION_ORDER
from arena.results.attempts import Precedent
from arena.results.damage import refuse_record, unpack_series
from arena.results.database import KEY_COLUMNS, MATCHES_KEY, Database
from arena.results.record import EpisodeKey
from arena.results.series import pack


class KeptAttempts:
    """The attempts of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: EpisodeKey, precedent: Precedent) -> None:
        """Commit the orders of an episode's attempts that broke off; earlier ones that reach further are kept.

        Args:
            key: the episode.
            precedent: the orders.

        Raises:
            StoreError: they could not be committed; then the store is as before.
        """
        merged = precedent.merged(self.get(key).get(key))
        shape = merged.requested.shape
        row = (*key, merged.attempts, merged.isolation, *shape, pack(merged.requested))
        places = ", ".join("?" * len(row))
        with self._database.explained():
            self._database.execute(f"INSERT OR REPLACE INTO attempts VALUES ({places})", row)

    def get(self, key: EpisodeKey | None = None) -> dict[EpisodeKey, Precedent]:
        """Return, by episode, the orders of attempts that broke off; stores older than version 5 have none.

        Args:
            key: the only episode to look for; None for all.

        Raises:
            StoreError: orders are damaged.
        """
        where = "1" if key is None else MATCHES_KEY
        with self._database.explained():
            if not self._database.keeps_attempts:
                return {}
            columns = f"{KEY_COLUMNS}, attempts, isolation, periods, supply_links, requested"
            rows = self._database.execute(f"SELECT {columns} FROM attempts WHERE {where}", key or ()).fetchall()
        found, path = {}, self._database.path
        for *parts, attempts, isolation, periods, links, blob in rows:
            if isolation not in ISOLATION_ORDER:
                refuse_record(path, f"an attempt was played at {isolation!r}", EpisodeKey(*parts))
            found[EpisodeKey(*parts)] = Precedent(attempts, unpack_series(path, blob, (periods, links)), isolation)
        return found
