"""Watches where code of this process writes: an audit hook, and a working folder of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES: Final = {
    "os.mkdir": (0,),
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "os.link": (1,),
    "os.truncate": (0,),
}
"""Arguments of audit events that are paths and are changed, by event."""

_watching: Final[list[set[str]]] = []
_hooked: Final[list[bool]] = []


@contextmanager
def watched(allowed: Path) -> Iterator[set[str]]:
    """Watch this process while the block runs, in an empty working folder and with temporary files of its own.

    Temporary files, caches of libraries (below ``~/.cache`` or ``XDG_CACHE_HOME``), compiled Python and devices are not
    told. Files that a library writes in C code are told only where they are left in the working folder.

    Args:
        allowed: folder whose content may change.

    Yields:
        A set that gets the absolute path of everything else that is changed; complete after the block.
    """
    if not _hooked:  # A hook stays for the life of the process; without a watcher it does nothing.
        sys.addaudithook(_hear)
        _hooked.append(True)
    found: set[str] = set()
    heard: set[str] = set()
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as work:
        temporary = mock.patch.object(tempfile, "tempdir", scratch)
        with temporary, mock.patch.dict(os.environ, {"TMPDIR": scratch}):
            os.chdir(work)
            _watching.append(heard)
            try:
                yield found
            finally:
                _watching.remove(heard)
                os.chdir(before)
        heard |= {str(path) for path in Path(work).rglob("*")}
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        fine = [place.resolve() for place in (allowed, Path(scratch), cache, Path("/dev"), Path("/proc"))]
        for path in map(Path, heard):
            is_fine = any(path.resolve().is_relative_to(place) for place in fine)
            if not is_fine and "__pycache__" not in path.parts:
                found.add(str(path.relative_to(work)) if path.is_relative_to(work) else str(path))


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        path, _, flags = arguments
        changed = [path] if isinstance(flags, int) and flags & _WRITING else []
    else:
        changed = [arguments[place] for place in _CHANGES.get(event, ())]
    for path in changed:
        if isinstance(path, str | bytes | os.PathLike):  # A number is a file that is open already.
            for heard in _watching:
                heard.add(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - a Path would resolve nothing less
