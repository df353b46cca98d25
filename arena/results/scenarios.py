"""The content of the scenarios that a store's episodes were played on, kept for verification without other files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from arena.errors import StoreError
from arena.results.database import Database
from arena.results.stored import StoredScenario
from arena.world.contest_draws import Drawing
from arena.world.scenario import Scenario


class KeptScenarios:
    """The scenarios of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, scenarios: Iterable[Scenario], drawings: Mapping[str, Drawing]) -> None:
        """Commit the content of scenarios that are to be played; one that is there already takes the name given now.

        Args:
            scenarios: the scenarios.
            drawings: by a scenario's name, what it was drawn from; what is known of one that is not named is kept.

        Raises:
            StoreError: they could not be committed.
        """
        statement = (
            "INSERT INTO scenarios VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE "
            "SET content = excluded.content, drawing = coalesce(excluded.drawing, drawing)"
        )
        for scenario in scenarios:
            drawing = drawings.get(scenario.name)
            origin = None if drawing is None else drawing.model_dump_json(by_alias=True)
            with self._database.explained():
                self._database.execute(statement, (scenario.digest, scenario.model_dump_json(by_alias=True), origin))

    def all(self) -> dict[str, StoredScenario]:
        """Return the content of scenarios by digest; a store of version 2 has none.

        Raises:
            StoreError: a scenario cannot be read.
        """
        with self._database.explained():
            if not self._database.keeps_scenarios:
                return {}
            rows = self._database.execute("SELECT digest, content, drawing FROM scenarios").fetchall()
        return {digest: self._parse(digest, content, drawing) for digest, content, drawing in rows}

    def _parse(self, digest: str, content: str, drawing: str | None) -> StoredScenario:
        try:
            origin = None if drawing is None else Drawing.model_validate_json(drawing)
            return StoredScenario(Scenario.model_validate_json(content), origin)
        except ValidationError as error:
            cause = str(error).splitlines()[0]
            rule = f"the scenario with digest {digest} cannot be read ({cause})"
            raise StoreError(f"{self._database.path}: {rule}; restore a copy of the store") from error
