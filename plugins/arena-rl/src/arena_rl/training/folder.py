"""The folder of a training: making it, and refusing one in which foreign files would be replaced."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open

from arena import ArenaError, TrainingCard
from arena_rl.policies.policy_files import PolicyFile
from arena_rl.training.curve import COLUMNS


class PolicyDestination(NamedTuple):
    """Place of a policy that is to be trained.

    Attributes:
        folder: folder of its training.
        label: stem of its files.
    """

    folder: Path
    label: str


def make_folder(folder: Path) -> None:
    """Make the folder of a training, if it is missing.

    Raises:
        ArenaError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArenaError(
            f"{folder}: the folder cannot be made ({error.strerror}); choose another: --out FOLDER"
        ) from error


def refuse_foreign_files(destinations: Iterable[PolicyDestination]) -> None:
    """Refuse to train where files would be replaced that no training wrote.

    Args:
        destinations: one per policy that is to be trained.

    Raises:
        ArenaError: With all such files.
    """
    checks: dict[str, Callable[[Path], bool]] = {
        "{label}.safetensors": _is_safetensors,
        "{label}.json": _is_policy,
        "{label}.card.md": _is_card,
        "{label}.card.json": _is_card_data,
        "curve.csv": _is_curve,
    }
    foreign = [
        str(path)
        for folder, label in destinations
        for name, is_ours in checks.items()
        if _exists(path := folder / name.format(label=label)) and not _passes(is_ours, path)
    ]
    if foreign:
        rule = "not written by a training, and never replaced"
        fix = "move them away, or choose another folder: --out FOLDER"
        raise ArenaError(f"{rule}: {', '.join(foreign)}; {fix}")


def _exists(path: Path) -> bool:
    try:
        return path.is_symlink() or (path.exists() and (not path.is_file() or path.stat().st_size > 0))
    except OSError:
        return False  # It cannot be written either, and the error of writing says why.


def _passes(is_ours: Callable[[Path], bool], path: Path) -> bool:
    try:
        return path.is_file() and is_ours(path)
    except (OSError, ValueError, SafetensorError, csv.Error):
        return False


def _is_safetensors(path: Path) -> bool:
    with safe_open(path, framework="pt") as file:
        return len(list(file.keys())) > 0


def _is_policy(path: Path) -> bool:
    PolicyFile.model_validate_json(path.read_text(encoding="utf-8"))
    return True


def _is_card(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(f"# {path.name.removesuffix('.card.md')}\n")


def _is_card_data(path: Path) -> bool:
    TrainingCard.model_validate_json(path.read_text(encoding="utf-8"))
    return True


def _is_curve(path: Path) -> bool:
    return tuple(next(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))), ())) == COLUMNS
