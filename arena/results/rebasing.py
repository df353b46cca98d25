"""Rebasing: episodes of earlier contracts of these rules, put under the present one, and those that stay."""

from __future__ import annotations

from collections.abc import Mapping

from arena.contract.version import contract_digest, earlier_digests
from arena.results.ages import as_json
from arena.results.database import KEY_COLUMNS, MATCHES_KEY, Database
from arena.results.record import EpisodeKey, EpisodeRecord


class Rebasing:
    """The rebased episodes of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left_behind: Mapping[EpisodeKey, str] | None = None

    @property
    def left_behind(self) -> Mapping[EpisodeKey, str]:
        """The episodes that the last upgrade could not bring to the present rules, each with the reason."""
        if self._left_behind is None:
            rows = []
            with self._database.explained():
                if self._database.keeps_marks:
                    rows = self._database.execute(f"SELECT {KEY_COLUMNS}, reason FROM left_behind").fetchall()
            self._left_behind = {EpisodeKey(*parts): reason for *parts, reason in rows}
        return self._left_behind

    def apply(self, records: Mapping[EpisodeKey, EpisodeRecord], left_behind: Mapping[EpisodeKey, str]) -> None:
        """Put records in the place of older ones of the same episodes, in one transaction.

        Attempts that broke off go with their episodes, and so do those at episodes that were never finished.

        Args:
            records: records under the present rules, by the keys of those they replace.
            left_behind: why other episodes stay under earlier rules, by their keys; replaces what was said before.

        Raises:
            StoreError: the change could not be committed; then the store is as before.
        """
        # Hidden seeds depend on the rules: an unfinished episode is still the same one if others of its plan moved.
        plans = {(key.contract_digest, key.seed_plan) for key in records}
        plans |= {(digest, "public") for digest in earlier_digests()}
        with self._database.transaction():
            for old, record in records.items():
                assignment = f"UPDATE episodes SET contract_digest = ?, record = ? WHERE {MATCHES_KEY}"
                self._database.execute(assignment, (record.contract_digest, as_json(record), *old))
            for row in self._database.execute(f"SELECT {KEY_COLUMNS} FROM attempts").fetchall():
                old = EpisodeKey(*row)
                if (old.contract_digest, old.seed_plan) in plans and old not in left_behind:
                    moving = f"UPDATE OR IGNORE attempts SET contract_digest = ? WHERE {MATCHES_KEY}"
                    self._database.execute(moving, (contract_digest(), *old))
            self._database.execute("DELETE FROM left_behind")
            for key, reason in left_behind.items():
                self._database.execute("INSERT INTO left_behind VALUES (?, ?, ?, ?, ?, ?)", (*key, reason))
        self._left_behind = None
