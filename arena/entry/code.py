"""Code that several manifests share: the folder that a manifest names by `code`, and how far it may reach.

A manifest without a folder of its own may name one beside itself (``code: my-rule``) or beside its folder
(``code: ../my-rule``). What stands there is read by the rules of a submission's own folder and is part of the digest.
Whoever sends a manifest decides what the arena reads; hence the bounds: no absolute path, no second ``..``, nothing
hidden and no symbolic link on the way, and the folder must hold the file that `controller` names.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path, PurePosixPath
from typing import Final

from arena.entry.folder import MANIFEST_NAME, FolderFile, read_folder
from arena.errors import Fault, InvalidInput

_LONGEST: Final = 256
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_CODE: Final = re.compile(rf"(?:\.\./)?{_NAME}(?:/{_NAME})*")
_RULE: Final = (
    "must name a folder beside the manifest, or beside its folder by one leading ..: relative, of letters, digits, "
    '"_", "-" and ".", nothing hidden; as in my-rule or ../my-rule'
)


def check_code(code: str) -> str:
    """Return a manifest's `code` in one spelling.

    Raises:
        ValueError: it could lead outside of what a manifest may name.
    """
    plain = str(PurePosixPath(code))  # "./my-rule/" and "my-rule" are one folder.
    if len(code) > _LONGEST or not _CODE.fullmatch(plain):
        raise ValueError(_RULE)
    return plain


def find_code(manifest: Path, code: str) -> Path:
    """Return the folder that a manifest names.

    Args:
        manifest: path of the manifest.
        code: its `code`, checked.

    Raises:
        InvalidInput: there is no such folder, or the way to it leads through a symbolic link.
    """
    parts = PurePosixPath(code).parts
    place = manifest.parent
    if parts[0] == "..":
        place, parts = manifest.parent.resolve().parent, parts[1:]
    for part in parts:
        place = place / part
        try:
            mode = place.lstat().st_mode
        except OSError as error:
            is_missing = isinstance(error, FileNotFoundError)
            rule = f"there is no folder {place}" if is_missing else f"{place} cannot be read: {error.strerror}"
            fix = "name a folder beside the manifest, or beside its folder by ../"
            raise InvalidInput([Fault(str(manifest), "code", code, rule, fix)]) from error
        if not stat.S_ISDIR(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "no folder"
            fix = "name the folder that holds the code itself"
            raise InvalidInput([Fault(str(manifest), "code", code, f"{place} is {kind}", fix)])
    return place


def read_code(folder: Path) -> tuple[FolderFile, ...]:
    """Read the files of a folder that a manifest names by `code`: all but a manifest that the folder has itself.

    Raises:
        InvalidInput: as `arena.entry.folder.read_folder`.
    """
    return tuple(file for file in read_folder(folder) if file.name != MANIFEST_NAME)
