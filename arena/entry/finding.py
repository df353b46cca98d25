"""Finding submissions: manifests, submission folders and folders of submissions behind the paths that people name."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from arena.documents import load_document
from arena.entry.folder import MANIFEST_NAME, unsafe_kind
from arena.errors import ABSENT, Fault, InvalidInput, closest, printable
from arena.world.kinds import kind_of

SUFFIXES: Final = (".yaml", ".yml")
"""Endings of manifests."""

RESULTS_NAME: Final = "results.sqlite"
"""Store of a folder of results. An evaluation may have left one among submissions, where it is passed over."""

_LISTED: Final = 5
_LARGEST_LOOK: Final = 64 * 1024
_CONTROLLER: Final = re.compile(rb"""^[ \t]*["']?controller["']?[ \t]*:""", re.MULTILINE)
_HINT: Final = f"a submission is a YAML manifest or a folder with a {MANIFEST_NAME}"


@dataclass
class _Entries:
    """What stands in a folder that may be one of submissions.

    Attributes:
        submissions: manifests and submission folders.
        folders: folders without a manifest.
        documents: YAML files that are no manifests.
        faults: entries that would be submissions if they were made of ordinary files.
    """

    submissions: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    documents: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def find_submissions(paths: Sequence[Path], faults: list[Fault], unsafe: list[Fault]) -> list[Path]:
    """Return the manifests and submission folders behind the given paths, each once, in the order given.

    Args:
        paths: manifests, submission folders, or folders of submissions.
        faults: gets a fault for each path that leads to none, and for each kind of entry of a folder of submissions
            that is none.
        unsafe: gets a fault for each manifest or folder that is a link, a pipe or the like.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            for submission in _look(path, faults, unsafe):
                found.setdefault(submission.resolve(), submission)
        except OSError as error:
            hint = "check its name and permissions"
            faults.append(Fault(str(path), "", ABSENT, f"cannot be looked into: {error.strerror}", hint))
    return list(found.values())


def _look(path: Path, faults: list[Fault], unsafe: list[Fault]) -> list[Path]:
    is_document = path.is_file() and path.suffix in SUFFIXES
    if is_document and path.name == MANIFEST_NAME:
        return [path.parent]
    if is_document or (path / MANIFEST_NAME).is_file():
        return [path]
    if not path.is_dir():
        rule = "is no submission" if path.exists() else "there is no such file or folder"
        hint = f"name a YAML manifest, a folder with a {MANIFEST_NAME}, or a folder of these"
        faults.append(Fault(str(path), "", ABSENT, rule, hint))
        return []
    entries = _entries(path)
    if entries.submissions or entries.faults:
        unsafe += entries.faults
        shared = _shared_folders(entries.submissions) if entries.folders else set()
        entries.folders = [folder for folder in entries.folders if folder.name not in shared]
        faults += _strangers(path, entries)
    else:
        faults.append(_not_of_submissions(path, entries))
    return entries.submissions


def _entries(folder: Path) -> _Entries:
    """Sort the entries of a folder; hidden ones, those with two leading underscores and results are left out."""
    entries = _Entries()
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__")):
            continue
        status = entry.lstat()
        if stat.S_ISDIR(status.st_mode):
            if (entry / MANIFEST_NAME).is_file():
                entries.submissions.append(entry)
            elif not (entry / RESULTS_NAME).is_file():
                entries.folders.append(entry)
            continue
        kind = unsafe_kind(status)
        if kind is not None and (entry.suffix in SUFFIXES or entry.is_dir()):
            rule = f"is {kind}; a submission is made of ordinary files"
            entries.faults.append(Fault(str(entry), "", ABSENT, rule, "copy it"))
        elif entry.suffix in SUFFIXES:
            (entries.submissions if _looks_like_a_manifest(entry) else entries.documents).append(entry)
    return entries


def _shared_folders(submissions: Sequence[Path]) -> set[str]:
    """Return the names of the folders beside manifests that hold the code of some of them."""
    shared = set()
    for manifest in submissions:
        if manifest.suffix in SUFFIXES and manifest.is_file():
            try:
                code = load_document(manifest).get("code")
            except InvalidInput:  # It is told when the manifest is loaded.
                continue
            if isinstance(code, str):
                shared.add(next(iter(PurePosixPath(code).parts), ""))
    return shared


def _looks_like_a_manifest(path: Path) -> bool:
    """Tell whether a YAML file is meant as a manifest, be it a faulty one."""
    try:
        return kind_of(load_document(path)) == "submission"
    except InvalidInput:
        pass
    return _mentions_a_controller(path)  # One that cannot be parsed is a manifest all the same, with that fault.


def _mentions_a_controller(path: Path) -> bool:
    """Tell whether a line of a file's beginning names a controller; cheap, for files that nobody named."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _CONTROLLER.search(file.read(_LARGEST_LOOK)) is not None
    except OSError:
        return False


def _strangers(folder: Path, entries: _Entries) -> list[Fault]:
    """Return a fault for the folders, and one for the YAML files, that stand among submissions and are none."""
    faults = []
    if entries.folders:
        misnamed = next(filter(None, map(_misnamed, entries.folders)), None)
        hint = _rename(misnamed) if misnamed else f"add one, or move {_it(entries.folders)} elsewhere"
        rule = _told(entries.folders, "folder", f"no {MANIFEST_NAME}")
        faults.append(Fault(str(folder), "", ABSENT, rule, hint))
    if entries.documents:
        rule = _told(entries.documents, "YAML file", "neither controller nor track, which every manifest has")
        hint = f"add them, or move {_it(entries.documents)} elsewhere"
        faults.append(Fault(str(folder), "", ABSENT, rule, hint))
    return faults


def _not_of_submissions(folder: Path, entries: _Entries) -> Fault:
    """Return the one fault of a folder without any submission."""
    if not entries.folders and not entries.documents:
        return Fault(str(folder), "", ABSENT, "holds no submission", _HINT)
    parts = []
    if entries.documents:
        parts.append(_told(entries.documents, "YAML file", "no controller"))
    if entries.folders:
        parts.append(_told(entries.folders, "folder", f"no {MANIFEST_NAME}"))
    misnamed = next(filter(None, map(_misnamed, entries.folders)), None)
    below = next((one for one in entries.folders if _holds_submissions(one)), None)
    hint = _rename(misnamed) if misnamed else _HINT if below is None else f"name the folder that holds them: {below}/"
    return Fault(str(folder), "", ABSENT, f"is not a folder of submissions: {' and '.join(parts)}", hint)


def _holds_submissions(folder: Path) -> bool:
    try:
        return any(
            (entry / MANIFEST_NAME).is_file() or (entry.suffix in SUFFIXES and _mentions_a_controller(entry))
            for entry in folder.iterdir()
        )
    except OSError:
        return False


def _misnamed(folder: Path) -> Path | None:
    """Return the manifest of a submission folder under another name: the only one, beside code or nearly right."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return None
    manifests = [entry for entry in files if entry.suffix in SUFFIXES and _mentions_a_controller(entry)]
    if len(manifests) != 1:
        return None
    is_meant = any(entry.suffix == ".py" for entry in files) or closest(manifests[0].stem, [Path(MANIFEST_NAME).stem])
    return manifests[0] if is_meant else None


def _rename(misnamed: Path) -> str:
    return f'rename "{misnamed.parent.name}/{misnamed.name}" to {MANIFEST_NAME}'


def _told(entries: Sequence[Path], noun: str, lack: str) -> str:
    names = ", ".join(printable(entry.name, 60) for entry in entries[:_LISTED])
    rest = len(entries) - _LISTED
    names += f" and {rest} more" if rest > 0 else ""
    return f"{len(entries)} {noun}{' has' if len(entries) == 1 else 's have'} {lack} ({names})"


def _it(entries: Sequence[Path]) -> str:
    return "it" if len(entries) == 1 else "them"
