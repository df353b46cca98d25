"""A submission's folder: which files it may hold, what they contain, and how its code is loaded.

The folder is never put in front of other modules. Its main file is loaded under a private name and its other modules
are found only when nothing else on the path has their name, so that a `numpy.py` or `json.py` in it shadows nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Final

from arena.errors import ABSENT, Fault, InvalidInput, printable, suggest

LARGEST_COUNT: Final = 200
"""Files and folders that a submission's folder may hold."""

DEEPEST: Final = 8
"""Levels of folders that a submission's folder may hold."""

LARGEST_SIZE: Final = 16 * 1024 * 1024
"""Bytes of all files of a submission's folder together."""

MANIFEST_NAME: Final = "submission.yaml"
"""Name of the manifest in a submission's folder."""

CARDS_NAME: Final = "training.yaml"
"""Name of the file in which a submission's folder has its training card, or a list `cards` of several."""

IGNORED_FOLDERS: Final = frozenset(
    {"__pycache__", ".git", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"}
)
"""Folders that tools leave behind: part neither of a submission's digest nor of the copy of it that plays."""

_MOMENT: Final = 1_000_000_000 * 10**9
"""Time of every file that plays, nanoseconds since 1970: any would do, as long as it tells nothing."""

_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@dataclass(frozen=True)
class FolderFile:
    """One file of a submission.

    Attributes:
        name: path relative to the folder, with forward slashes.
        content: its bytes.
    """

    name: str
    content: bytes


def read_folder(folder: Path) -> tuple[FolderFile, ...]:
    """Read every file of a submission's folder, in the order of their names; `IGNORED_FOLDERS` are left out.

    Args:
        folder: the submission's folder.

    Raises:
        InvalidInput: with every fault at once: symbolic or hard links, pipes, sockets, devices, unreadable files, more
            than 200 files and folders, folders more than 8 deep, more than 16 MiB.
    """
    source = str(folder)
    faults: list[Fault] = []
    found: list[tuple[str, Path]] = []
    size = seen = 0
    for name, path, status in _walk(folder, "", faults):
        seen += 1
        if seen > LARGEST_COUNT:
            break  # A folder that large is not walked to its end.
        if stat.S_ISDIR(status.st_mode):
            continue
        kind = unsafe_kind(status)
        if kind is not None:
            rule = f"is {kind}; a submission is made of ordinary files"
            faults.append(Fault(source, name, ABSENT, rule, "replace it by a copy of what it stands for"))
        else:
            found.append((name, path))
            size += status.st_size
    faults += _doubled(source, [name for name, _ in found])
    if seen > LARGEST_COUNT:
        rule = f"holds more than {LARGEST_COUNT} files and folders"
        faults.append(Fault(source, "", ABSENT, rule, "keep only what the controller needs to run"))
    if size > LARGEST_SIZE:
        rule = f"holds {size / 2**20:.1f} MiB; a submission may have {LARGEST_SIZE // 2**20} MiB"
        faults.append(Fault(source, "", ABSENT, rule, "keep only what the controller needs to run"))
    if faults:
        raise InvalidInput(faults)
    files: list[FolderFile] = []
    for name, path in sorted(found):
        try:
            files.append(FolderFile(name, _read_ordinary(path)))
        except OSError as error:
            faults.append(Fault(source, name, ABSENT, f"cannot be read: {error.strerror}", "check its permissions"))
    if faults:
        raise InvalidInput(faults)
    return tuple(files)


def _doubled(source: str, names: Sequence[str]) -> Iterator[Fault]:
    """Yield a fault for every file whose name some systems take for that of another file."""
    first: dict[str, str] = {}
    for name in sorted(names):
        other = first.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            rule = f"some systems take its name for {printable(other)}, which differs by case or the like only"
            yield Fault(source, name, ABSENT, rule, "rename one of them")


def unsafe_kind(status: os.stat_result) -> str | None:
    """Return what an entry is when it is not an ordinary file with one name, in words; None when it is."""
    kind = next((label for test, label in _KINDS if test(status.st_mode)), None)
    if kind is None and not stat.S_ISREG(status.st_mode):
        kind = "not an ordinary file"
    return "a hard link" if kind is None and status.st_nlink > 1 else kind


def _walk(folder: Path, prefix: str, faults: list[Fault]) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield every entry below `folder`, following nothing."""
    if prefix.count("/") > DEEPEST:
        rule = f"nests folders more than {DEEPEST} deep"
        faults.append(Fault(str(folder), "", ABSENT, rule, "put the files nearer to the manifest"))
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        faults.append(
            Fault(str(folder), prefix, ABSENT, f"cannot be listed: {error.strerror}", "check its permissions")
        )
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder and entry.name in IGNORED_FOLDERS:
            continue
        yield name, Path(entry.path), entry.stat(follow_symlinks=False)
        if is_folder:
            yield from _walk(Path(entry.path), f"{name}/", faults)


def _read_ordinary(path: Path) -> bytes:
    """Read a file that was ordinary a moment ago, without following a link or waiting for a pipe put in its place."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(LARGEST_SIZE + 1)


def digest_files(files: Sequence[FolderFile]) -> list[tuple[str, str]]:
    """Return name and sha256 of every file but the manifest, whose values enter a submission's digest by themselves."""
    return [(file.name, hashlib.sha256(file.content).hexdigest()) for file in files if file.name != MANIFEST_NAME]


def write_files(files: Sequence[FolderFile], folder: Path) -> None:
    """Write files into an empty folder, their subfolders included, and leave out the manifest.

    Its values reach a controller as arguments. Its bytes are not part of the digest, so nothing that plays may read
    them: a rule in a comment would change what a submission does, and not its digest. For the same reason all files
    have the same times and permissions, whatever those of the originals are.
    """
    for file in files:
        if file.name == MANIFEST_NAME:
            continue
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        _level_metadata(target, 0o644)
    for inner in sorted(folder.rglob("*"), reverse=True):
        if inner.is_dir():
            _level_metadata(inner, 0o755)
    _level_metadata(folder, 0o755)


def _level_metadata(path: Path, mode: int) -> None:
    """Give a file or folder the permissions and times that all of them have, so that neither tells anything."""
    path.chmod(mode)
    os.utime(path, ns=(_MOMENT, _MOMENT))


class _SourceOnlyLoader(SourceFileLoader):
    """Compiles the source each time: cached bytecode is not part of a submission's digest and must not run for it."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the source file."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def load_class(folder: Path, controller: str, digest: str) -> type:
    """Run a submission's main file and return its controller class. Call it where the code may run, not before.

    Every call runs the file anew, and drops the modules of the folder that an earlier call left behind, so that one
    episode's module state does not reach the next and two submissions may both have a `helpers.py`.

    Args:
        folder: the submission's folder.
        controller: `file.py:ClassName`.
        digest: the submission's digest; makes the private module name.

    Raises:
        InvalidInput: the file binds no class of that name.
        Exception: whatever the file raises when it runs.
    """
    name, class_name = controller.split(":")
    path = folder / name
    leave_folders()
    # Last on the path: what Python or the arena has installed under a name always wins over the folder.
    sys.path.append(str(folder))
    _active_folders.append(folder)
    module_name = f"_arena_submission_{digest[:16]}"
    loader = _SourceOnlyLoader(module_name, str(path))
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    assert spec is not None  # It is None only without a loader.
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # Dataclasses and pickling look a class's module up there.
    write_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # A cache in the submission's folder would outlive the episode.
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = write_bytecode
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        known = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise InvalidInput(
            [Fault(str(path), "controller", class_name, "is no class of it", suggest(class_name, known))]
        )
    return found


_active_folders: Final[list[Path]] = []
"""Folders on this process's path for the controllers it runs now."""


def leave_folders() -> None:
    """Take the folders of submissions that ran in this process off the path, and forget the modules from them."""
    while _active_folders:
        folder = _active_folders.pop()
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        inside = f"{folder}{os.sep}"
        for name, module in list(sys.modules.items()):
            origin = getattr(module, "__file__", None)
            if isinstance(origin, str) and origin.startswith(inside):
                del sys.modules[name]
