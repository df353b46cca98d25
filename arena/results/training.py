"""Training cards: from what the trained controllers among the submissions of a store learned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from arena.contract.training_card import TrainingCard
from arena.errors import StoreError
from arena.results.database import Database

_NAME = "training_cards"


class TrainedSubmission(BaseModel):
    """A submission whose controller was trained, with its cards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    submission_digest: str
    """Digest of its content."""
    cards: tuple[TrainingCard, ...]
    """What its author says of the training; a card for each set of weights among which it chooses."""


class KeptCards:
    """The training cards of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> dict[str, tuple[TrainingCard, ...]]:
        """Return the cards by digest of the submission; nothing for those without.

        Raises:
            StoreError: they cannot be read.
        """
        with self._database.explained():
            kept = self._database.note(_NAME)
        try:
            return {
                digest: tuple(TrainingCard.model_validate(one) for one in cards)
                for digest, cards in json.loads(kept or "{}").items()
            }
        except (ValueError, TypeError, AttributeError, ValidationError) as error:
            fix = "restore a copy of the store, or move it away"
            raise StoreError(f"{self._database.path}: its training cards cannot be read ({error}); {fix}") from error

    def enter(self, cards: Mapping[str, Sequence[TrainingCard]]) -> dict[str, tuple[TrainingCard, ...]]:
        """Add the cards of an evaluation that begins, and return all; those of the same content are replaced.

        Args:
            cards: by digest of the submission; none at all for what was not trained.

        Raises:
            StoreError: they cannot be read or written.
        """
        before = self.get()
        after = {digest: tuple(one) for digest, one in sorted({**before, **cards}.items()) if one}
        if after != before:
            plain = {
                digest: [card.model_dump(mode="json", exclude_defaults=True) for card in one]
                for digest, one in after.items()
            }
            with self._database.explained():
                self._database.keep_note(_NAME, json.dumps(plain))
        return after
