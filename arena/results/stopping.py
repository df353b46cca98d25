"""Stopping: the rule by which the seeds of a folder are played until the table is decided.

Whoever looks at a table after every batch, and stops when it pleases, needs intervals and ranks that hold at any stop.
So a store keeps for which hidden seeds that was done, and every later table of them is computed that way.
"""

from __future__ import annotations

from pydantic import ValidationError

from arena.errors import StoreError
from arena.results.database import Database
from arena.results.rows import StoppingRule


class StoppingRules:
    """The stopping rules of one store, by seed plan.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, commitment: str, rule: StoppingRule | None) -> StoppingRule | None:
        """Keep the rule of an evaluation, in the place of an earlier one.

        Args:
            commitment: commitment to its hidden seeds.
            rule: the rule; None for a fixed number of seeds.

        Returns:
            The rule by which the table is computed: the one that is given, or else the one that was kept.

        Raises:
            StoreError: what was kept cannot be read, or this could not be committed.
        """
        name = f"stopping {commitment}"
        with self._database.explained():
            kept = self._database.note(name)
            if rule is not None and rule.model_dump_json() != kept:
                self._database.keep_note(name, rule.model_dump_json())
        if rule is not None or kept is None:
            return rule
        try:
            return StoppingRule.model_validate_json(kept)
        except ValidationError as error:
            what = "the rule by which its seeds were played until decided cannot be read"
            raise StoreError(f"{self._database.path}: {what}; restore a copy of the store") from error
