"""Writing the files of a start: all of them into a new folder, or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.errors import ABSENT, ArenaError, Fault, InvalidInput

if TYPE_CHECKING:
    import jinja2


def require_absent(folder: Path) -> None:
    """Refuse a folder that exists; nothing is overwritten.

    Raises:
        InvalidInput: something of that name exists.
    """
    if os.path.lexists(folder):
        raise InvalidInput([Fault(str(folder), "", ABSENT, "exists already", "choose another name or remove it")])


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write files into a new folder; if one cannot be written, none is left behind.

    Args:
        folder: the folder that is made.
        contents: text by path below the folder.

    Raises:
        InvalidInput: the folder exists already.
        ArenaError: the files cannot be written.
    """
    require_absent(folder)
    made = False
    try:
        folder.mkdir(parents=True)
        made = True
        for target, text in contents.items():
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        fix = "check the folder, its permissions and the disk, or choose another: --in FOLDER"
        raise ArenaError(f"{folder}: cannot be written ({error.strerror}); {fix}") from error


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the text of one of our own templates; what needs escaping is escaped by the caller.

    Args:
        template: path below this package.
        values: variables of the template, all that it uses.
    """
    source = files("arena.scaffold").joinpath(template).read_text(encoding="utf-8")
    return _environment().from_string(source).render(values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
