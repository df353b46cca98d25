"""Errors of the readers: one fault with offender, rule and fix."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from arena import Fault, InvalidInput


def refuse(source: Path | str, field: str, value: object, rule: str, fix: str) -> NoReturn:
    """Raise one fault.

    Args:
        source: file or folder that is at fault.
        field: place in it, such as `line 3, Store`; may be empty.
        value: value that is at fault; empty: the file or folder as a whole.
        rule: rule that it breaks.
        fix: action that mends it.

    Raises:
        InvalidInput: always.
    """
    shown = Path(source).name if value == "" else value
    raise InvalidInput([Fault(str(source), field, shown, rule, fix)]) from None


def require_folder(folder: Path) -> None:
    """Refuse a path that does not lead to a folder.

    Raises:
        InvalidInput: there is no folder there.
    """
    try:
        is_there = folder.is_dir()
    except (OSError, ValueError):  # A name that the system cannot look up leads nowhere.
        is_there = False
    if not is_there:
        refuse(folder, "data", str(folder), "is not a folder", "name the folder that holds the board's files")


def require_file(path: Path, origin: str) -> Path:
    """Return a path that leads to a file.

    Args:
        path: the file.
        origin: description of where it comes from, for the message.

    Raises:
        InvalidInput: there is no such file.
    """
    require_folder(path.parent)
    if not path.is_file():
        refuse(path, "", path.name, "there is no such file", f"put it there: {origin}")
    return path


def require_count(source: Path | str, field: str, found: int, allowed: tuple[int, ...], board: str) -> None:
    """Refuse a count that differs from the stated ones of a source.

    Args:
        source: file or folder that was counted.
        field: name of what was counted.
        found: the count.
        allowed: stated counts.
        board: name of the source of the data.

    Raises:
        InvalidInput: the count is none of them.
    """
    if found not in allowed:
        stated = " or ".join(f"{count:,}" for count in allowed)
        rule = f"{board} has {stated}"
        refuse(source, field, found, rule, "get the whole data, or write complete: false for a part of it")
