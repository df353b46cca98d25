"""Limits that the episodes of a store were played with: the same for all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

from arena.errors import ABSENT, Fault, InvalidInput, StoreError, show_value
from arena.jail.limits import Limits
from arena.results.database import Database

_NAME: Final = "limits"
_OF_RECORDS: Final = {"first_decision": "first_deadline", "decision": "deadline"}
"""Limits that every record tells, by the field of its decision times."""


class RecordedLimits:
    """The limits of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> Limits | None:
        """Return the limits; None for a store in which none were recorded.

        Raises:
            StoreError: they cannot be read.
        """
        with self._database.explained():
            kept = self._database.note(_NAME)
        if kept is None:
            return None
        try:
            return Limits(**json.loads(kept))
        except (ValueError, TypeError, InvalidInput) as error:
            fix = "restore a copy of the store, or move it away"
            raise StoreError(f"{self._database.path}: its limits cannot be read ({error}); {fix}") from error

    def enter(self, limits: Limits, folder: Path) -> None:
        """Record the limits of an evaluation, which are those of all earlier ones.

        A store of before limits were recorded is known by the limits on decisions of the episode that it got last.

        Args:
            limits: the limits.
            folder: of the store, for the message.

        Raises:
            InvalidInput: the store has episodes that were played with other limits.
            StoreError: they cannot be read or written.
        """
        recorded = self.get()
        there = self._of_last_record() if recorded is None else dataclasses.asdict(recorded)
        asked = dataclasses.asdict(limits)
        differences = [
            f"{name} is {show_value(value)} there, asked was {show_value(asked[name])}"
            for name, value in there.items()
            if value != asked[name]
        ]
        if differences:
            rule = f"holds episodes that were played with other limits: {'; '.join(differences)}"
            fix = "write --limits with a file that has those of the folder, or choose another folder: --output DIR"
            raise InvalidInput([Fault(str(folder), "", ABSENT, rule, fix)])
        if recorded is None:
            with self._database.explained():
                self._database.keep_note(_NAME, json.dumps(asked))

    def _of_last_record(self) -> dict[str, Any]:
        """Return what the newest record tells of its limits; nothing for an empty store and for an old record."""
        with self._database.explained():
            row = self._database.execute("SELECT record FROM episodes ORDER BY rowid DESC LIMIT 1").fetchone()
        try:
            times = json.loads(row[0])["decision_times"]
            return {name: float(times[told]) for name, told in _OF_RECORDS.items()}
        except (ValueError, TypeError, KeyError, RecursionError):
            return {}  # There is no record, or none that tells.
