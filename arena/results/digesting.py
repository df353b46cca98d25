"""The digests of a store's rows, read row by row in the order of their keys."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from arena.errors import StoreError
from arena.results.database import KEY_COLUMNS, Database
from arena.results.fingerprint import DigestedRow, Digests, digest_rows
from arena.results.record import EpisodeKey

_COLUMNS = f"{KEY_COLUMNS}, isolation, outcome, suite, record, periods, supply_links, market_links, requested, demand"


class StoredDigests:
    """The digests of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def compute(self, keys: Collection[EpisodeKey], run: str | None = None) -> Digests:
        """Return the digests of the rows of some keys, all under the same rules, reading one row at a time.

        Args:
            keys: a set or another collection that is quick to look into. Keys without a row are passed over.
            run: digest of what is about all of them; see `arena.results.fingerprint.digest_run`.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.reading():
            return digest_rows(self._rows(keys), run)

    def _rows(self, keys: Collection[EpisodeKey]) -> Iterator[DigestedRow]:
        for row in self._database.execute(f"SELECT {_COLUMNS} FROM episodes ORDER BY {KEY_COLUMNS}"):
            key = EpisodeKey(*row[:5])
            if key not in keys:
                continue
            isolation, outcome, suite, text, periods, supply_links, market_links, requested, demand = row[5:]
            try:
                record = dict(json.loads(text))
            except (ValueError, TypeError, RecursionError) as error:
                fix = "restore a copy of the store, or move it away"
                raise StoreError(f"{self._database.path}: a record cannot be read ({error}); {fix}") from error
            shape = (periods, supply_links, market_links)
            yield DigestedRow(key, isolation, outcome, suite, record, shape, requested, demand)
