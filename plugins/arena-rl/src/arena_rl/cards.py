"""Training cards of the policies that a package ships: read from files, without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from arena import TrainingCard
from arena_rl.config import LearnedConfig

SHIPPED: Final = Path(__file__).parent / "weights"
"""Folder of the policies that this package ships."""

ENDING: Final = ".card.json"
"""End of the name of a card's file, behind the stem of the policy's files."""


def shipped_cards(config: LearnedConfig, folder: Path = SHIPPED) -> list[TrainingCard]:
    """Return the cards of the policies of a configuration.

    Args:
        config: names the policies.
        folder: where a package has the first; the substitute is always one of this package.

    Raises:
        OSError: The weights beside a card are not there.
        ValueError: A card breaks a rule.
    """
    found = list(_cards_of(config.policy, folder))
    return found if config.otherwise is None else [*found, *_cards_of(config.otherwise, SHIPPED)]


def _cards_of(name: str, folder: Path) -> Iterator[TrainingCard]:
    for path in sorted(folder.glob(f"{name}*{ENDING}")):
        stem = path.name.removesuffix(ENDING)
        if stem == name or stem.startswith(f"{name}."):
            content = json.loads(path.read_text(encoding="utf-8"))
            weights = path.with_name(f"{stem}.safetensors").read_bytes()
            # Of the weights that play, not of those that once lay beside the card.
            yield TrainingCard.model_validate({**content, "digest": hashlib.sha256(weights).hexdigest()})
