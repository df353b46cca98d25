"""Pairings: the other submissions of the folder that one is compared with, as its manifest said when it was entered.

A folder of results is extended call by call, and a later call need not name the submissions of an earlier one. So the
store keeps what their manifests said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from arena.errors import StoreError
from arena.results.database import Database

_NAME: Final = "pairings"


class Pairing(NamedTuple):
    """The submissions that another one is compared with.

    Attributes:
        full_view: plays the same rule with the full view; None if the manifest names none.
        fitted_rule: plays the same rule with parameters fitted offline; None if the manifest names none.
    """

    full_view: str | None = None
    fitted_rule: str | None = None


_KEPT: Final = TypeAdapter(dict[str, Pairing])


class Pairings:
    """The pairings of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, manifests: Mapping[str, Pairing], shown: Mapping[str, Pairing]) -> dict[str, Pairing]:
        """Keep what the manifests of submissions say, in the place of what they said before.

        Args:
            manifests: by the names of the submissions that are entered now.
            shown: those that the standings of the folder show, for submissions of before any were kept.

        Returns:
            The pairings of all submissions that were ever entered.

        Raises:
            StoreError: what was kept cannot be read, or this could not be committed; then the store is as before.
        """
        kept = self._read()
        known = {**shown, **kept, **manifests}
        if known != kept:
            with self._database.transaction():
                self._database.keep_note(_NAME, _KEPT.dump_json(known).decode())
        return known

    def _read(self) -> dict[str, Pairing]:
        with self._database.explained():
            kept = self._database.note(_NAME)
        try:
            return {} if kept is None else _KEPT.validate_json(kept)
        except ValidationError as error:
            rule = "what submissions are compared with cannot be read"
            raise StoreError(f"{self._database.path}: {rule}; restore a copy of the store") from error
