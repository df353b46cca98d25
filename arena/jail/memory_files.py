"""Temporary files in memory, for a process that can write to no folder.

They have no name, are gone when they are closed, and are bounded in size by `RLIMIT_FSIZE` and in number by
`RLIMIT_NOFILE`. See memfd_create(2).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, Any


def keep_temporary_files_in_memory(directory: Path) -> None:
    """Have `tempfile.TemporaryFile`, and what uses it, make files in memory from now on in this process.

    Other functions of `tempfile` raise `PermissionError` when they would make a file or a folder, and not before:
    libraries ask for the place when they are imported.

    Args:
        directory: Place that `tempfile.gettempdir` names; nothing can be made there.
    """
    tempfile.tempdir = str(directory)
    tempfile.TemporaryFile = memory_file  # type: ignore[assignment]


def memory_file(
    mode: str = "w+b",
    buffering: int = -1,
    encoding: str | None = None,
    newline: str | None = None,
    suffix: str | None = None,
    prefix: str | None = None,
    dir: str | None = None,
    *,
    errors: str | None = None,
) -> IO[Any]:
    """Open a file in memory, as `tempfile.TemporaryFile` opens one on a disk; parts of a name mean nothing.

    Raises:
        OSError: The kernel refused.
    """
    descriptor = os.memfd_create("temporary")
    try:
        return os.fdopen(descriptor, mode, buffering, encoding=encoding, newline=newline, errors=errors)
    except BaseException:
        os.close(descriptor)
        raise
