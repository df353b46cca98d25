"""Removals: submissions that were taken out of a folder of results, and the marks that stay of them.

The episodes of a removed submission stay in the store, and no longer count. Its mark is never deleted: a submission
that is entered again counts again, and its mark says both.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from arena.results.database import Database
from arena.results.rows import Removal


class Removals:
    """The marks of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Removal, ...]:
        """Return every mark, oldest first; a store older than version 6 has none."""
        columns = "submission, submission_digest, removed_at, reason, episodes, entered_again"
        with self._database.explained():
            if not self._database.keeps_marks:
                return ()
            rows = self._database.execute(f"SELECT {columns} FROM removals ORDER BY removed_at, rowid").fetchall()
        return tuple(Removal.model_validate(dict(zip(columns.split(", "), row, strict=True))) for row in rows)

    def digests(self) -> frozenset[str]:
        """Return the contents of submissions that do not count: removed, and not entered again since."""
        return frozenset(one.submission_digest for one in self.all() if one.entered_again is None)

    def put(self, submission: str, episodes: dict[str, int], reason: str) -> None:
        """Mark a submission as removed, in one transaction.

        Args:
            submission: its name.
            episodes: episodes in the store, by the digest of the content that played them.
            reason: in the organiser's words; may be empty.

        Raises:
            StoreError: the marks could not be committed; then the store is as before.
        """
        now = _now()
        with self._database.transaction():
            for digest, number in episodes.items():
                self._database.execute(
                    "INSERT OR REPLACE INTO removals VALUES (?, ?, ?, ?, ?, NULL)",
                    (submission, digest, now, reason, number),
                )

    def enter(self, submissions: Iterable[tuple[str, str]]) -> tuple[Removal, ...]:
        """Take note that submissions are entered; those that were removed count again.

        Args:
            submissions: name and digest of each.

        Returns:
            The marks of the same names or contents.

        Raises:
            StoreError: it could not be committed; then the store is as before.
        """
        entered = list(submissions)
        names, digests = {name for name, _ in entered}, {digest for _, digest in entered}
        again = sorted(digests & self.digests())
        if again:
            now = _now()
            with self._database.transaction():
                for digest in again:
                    self._database.execute(
                        "UPDATE removals SET entered_again = ? WHERE submission_digest = ? AND entered_again IS NULL",
                        (now, digest),
                    )
        return tuple(one for one in self.all() if one.submission in names or one.submission_digest in digests)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
