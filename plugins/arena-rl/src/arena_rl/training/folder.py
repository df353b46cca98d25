"""The folder of a training: made in words, and never one in which files would be lost that no training wrote."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from arena import ArenaError
from arena_rl.policies.policy_files import PolicyFile

_CURVE: Final = ("steps", "loss", "validation")


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


def refuse_strangers(labels: Iterable[tuple[Path, str]]) -> None:
    """Refuse to train where files would be replaced that no training wrote.

    Args:
        labels: folder and label of every policy that is to be trained.

    Raises:
        ArenaError: With all such files.
    """
    checks: dict[str, Callable[[Path], bool]] = {
        "{label}.safetensors": _is_safetensors,
        "{label}.json": _is_policy,
        "{label}.card.md": _is_card,
        "curve.csv": _is_curve,
    }
    strange = [
        str(path)
        for folder, label in labels
        for name, wrote in checks.items()
        if _is_there(path := folder / name.format(label=label)) and not _holds(wrote, path)
    ]
    if strange:
        rule = "not written by a training, and never replaced"
        fix = "move them away, or choose another folder: --out FOLDER"
        raise ArenaError(f"{rule}: {', '.join(strange)}; {fix}")


def _is_there(path: Path) -> bool:
    try:
        return path.is_symlink() or (path.exists() and (not path.is_file() or path.stat().st_size > 0))
    except OSError:
        return False  # It cannot be written either, and writing it tells why.


def _holds(wrote: Callable[[Path], bool], path: Path) -> bool:
    try:
        return path.is_file() and wrote(path)
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


def _is_curve(path: Path) -> bool:
    return tuple(next(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))), ())) == _CURVE
