"""Folders that a stranger has filled: copying one in, measuring one, deleting one."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from itertools import count
from pathlib import Path
from typing import NamedTuple

_BLOCK = 512
"""Bytes in which the system counts what a file occupies."""


def copy_tree(source: int, target: Path) -> None:
    """Copy the ordinary files of a folder and its subfolders, following no links.

    Args:
        source: Open descriptor of the folder.
        target: The copy; it must not exist yet.

    Raises:
        OSError: A file cannot be copied completely, because there is no space for example. One that cannot be opened is
            left out.
    """
    for place, _, names, folder in os.fwalk(".", dir_fd=source):
        (target / place).mkdir(mode=0o700)
        for name in names:
            try:
                # Neither a link nor a pipe that was put there a moment ago makes this wait or wander.
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except OSError:
                continue
            with os.fdopen(descriptor, "rb") as original:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    with (target / place / name).open("xb") as copy:
                        shutil.copyfileobj(original, copy)


class TreeSize(NamedTuple):
    """The size of a folder with all that is in it.

    Attributes:
        entries: number of files and folders.
        bytes: what the files occupy.
    """

    entries: int
    bytes: int


def measure_tree(directory: Path, most: int) -> TreeSize:
    """Measure what is in a folder that somebody may be writing to.

    Args:
        directory: The folder.
        most: Entries after which the rest is not looked at any more.

    Returns:
        The size; more than `most` entries also if there is a folder that cannot be looked into, and 0 for one that does
        not exist.
    """
    entries = size = 0
    try:
        # By descriptors: no name is too long, and nothing escapes by being moved meanwhile.
        for _, folders, names, descriptor in os.fwalk(directory, onerror=_unless_gone):
            entries += len(folders) + len(names)
            if entries > most:
                break
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    size += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks * _BLOCK
    except FileNotFoundError:
        pass  # The folder itself is not there: not made yet, or removed.
    except (OSError, RecursionError):
        return TreeSize(most + 1, size)
    return TreeSize(entries, size)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def remove_tree(directory: Path) -> None:
    """Delete a folder, however deep it is and whatever it forbids, as far as the system allows.

    Nothing may be writing to it any more.
    """
    with contextlib.suppress(RecursionError):
        shutil.rmtree(directory, ignore_errors=True)
    if os.path.lexists(directory):
        _remove_patiently(directory)


def _remove_patiently(directory: Path) -> None:
    """Move subfolders to the top before they are emptied: no path is ever too long, and nothing recurses."""
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=directory.parent, prefix="arena-") as place:
        top, names = Path(place), count()
        waiting = [directory]
        while waiting:
            folder = waiting.pop()
            folder.chmod(0o700)
            for entry in list(os.scandir(folder)):
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    # Only a folder that may be written to can be moved to another.
                    path.chmod(0o700)
                    waiting.append(path.rename(top / str(next(names))))
                else:
                    path.unlink()
            folder.rmdir()
