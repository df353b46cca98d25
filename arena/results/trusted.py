"""Trusted packages: strangers' packages that the arena's process imported while the episodes of a store were played."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError

from arena.errors import StoreError
from arena.results.database import Database

_NAME = "trusted"


class TrustedPackageRow(BaseModel):
    """A stranger's package that ran in the arena's process, as it was installed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Name of the package."""
    version: str
    """Its version."""
    digest: str
    """SHA-256 of its files, as `--trust` takes it; empty if its plugin came from Python code and is not installed."""


class TrustedPackages:
    """The trusted packages of one store, over all evaluations into it.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> tuple[TrustedPackageRow, ...]:
        """Return the packages, sorted; a package that changed between two evaluations is there twice.

        Raises:
            StoreError: they cannot be read.
        """
        with self._database.explained():
            kept = self._database.note(_NAME)
        try:
            return tuple(TrustedPackageRow.model_validate(one) for one in json.loads(kept or "[]"))
        except (ValueError, TypeError, ValidationError) as error:
            fix = "restore a copy of the store, or move it away"
            raise StoreError(f"{self._database.path}: its trusted packages cannot be read ({error}); {fix}") from error

    def enter(self, packages: Iterable[TrustedPackageRow]) -> tuple[TrustedPackageRow, ...]:
        """Add the packages of an evaluation that begins, and return all.

        Raises:
            StoreError: they cannot be read or written.
        """
        before = self.get()
        after = tuple(sorted({*before, *packages}, key=lambda one: (one.name, one.version, one.digest)))
        if after != before:
            with self._database.explained():
                self._database.keep_note(_NAME, json.dumps([one.model_dump() for one in after]))
        return after
