"""The training cards in a submission's own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arena.contract.training_card import TrainingCard, check_cards
from arena.documents import parse_document
from arena.entry.folder import CARDS_NAME, FolderFile

__all__ = ["read_cards"]


def read_cards(files: Sequence[FolderFile], folder: Path) -> tuple[TrainingCard, ...]:
    """Return the cards among the files of a submission; none if it has no file of cards.

    Args:
        files: of the submission.
        folder: where they are, for faults.

    Raises:
        InvalidInput: the file of cards has faults.
    """
    content = next((file.content for file in files if file.name == CARDS_NAME), None)
    if content is None:
        return ()
    source = str(folder / CARDS_NAME)
    document = parse_document(content, source)
    return check_cards(document["cards"] if set(document) == {"cards"} else [document], source)
