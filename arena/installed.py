"""Installed packages that declare plugins, read from their metadata and files; nothing here imports any of them.

The records of an installer (``RECORD``, ``direct_url.json``) are believed: whoever can write them can also install a
start-up file that runs in every Python, and no check of ours would come first.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points
from itertools import groupby
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from arena.errors import PluginError, printable, show_value

__all__ = [
    "GROUP",
    "PluginEntry",
    "digest_installed",
    "find_doubt",
    "find_startup_code",
    "list_entry_points",
    "normalised",
    "plugin_packages",
    "refuse_doubled_entries",
    "sorted_entries",
]

GROUP: Final = "arena"
"""Entry-point group in which plugins announce themselves."""

_LONGEST_NAME: Final = 100
"""Characters of the name and the version of a package that are shown."""
_CORE: Final = "inventory-arena"
_CODE: Final = (".py", ".pyc", ".pyd", ".so")
_STARTUP: Final = ("sitecustomize", "usercustomize")
_DESCRIBED_BY: Final = ("METADATA", "entry_points.txt")
_LIBRARY_GROUPS: Final = ("gymnasium.envs", "networkx.backend_info", "networkx.backends", "pydantic")
_SCRIPTS: Final = ("bin", "Scripts")


@dataclass(frozen=True)
class PluginEntry:
    """One entry point, as its package's metadata state it; nothing has been imported.

    Attributes:
        name: Name of the entry point, which is the name of the plugin.
        value: Module (or `module:object`) that the entry point names.
        distribution: Installed package that declares it.
        version: Version of that package.
    """

    name: str
    value: str
    distribution: str
    version: str

    @property
    def package(self) -> str:
        """Top-level package of the module, by its import name."""
        return self.value.partition(":")[0].partition(".")[0].strip()


def list_entry_points(group: str = GROUP) -> tuple[PluginEntry, ...]:
    """Read the entry points of installed packages without importing any of them.

    Args:
        group: Entry-point group.

    Returns:
        The entries in the order of name, then distribution.
    """
    return tuple(entry for entry, _ in sorted_entries(group))


def plugin_packages() -> tuple[str, ...]:
    """Return the names of the installed plugins' packages, sorted; nothing is imported."""
    return tuple(sorted({entry.package for entry in list_entry_points()}))


def sorted_entries(group: str) -> list[tuple[PluginEntry, EntryPoint]]:
    """Return the entries of a group, each with its entry point, in the order of name, then distribution."""
    found = []
    for entry_point in entry_points(group=group):
        package = entry_point.dist
        # Both stand in messages and tables, and whoever made the package wrote them.
        name = printable((package and package.name) or "unknown package", _LONGEST_NAME)
        version = printable((package and package.version) or "", _LONGEST_NAME)
        found.append((PluginEntry(entry_point.name, entry_point.value, name, version), entry_point))
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].distribution))


def refuse_doubled_entries(entries: Iterable[PluginEntry]) -> None:
    """Refuse a name that two packages declare, since no silent choice between them could be fair.

    Args:
        entries: Entries in the order of their names.

    Raises:
        PluginError: Naming both.
    """
    for name, group in groupby(entries, key=lambda entry: entry.name):
        same = list(group)
        if len(same) > 1:
            owners = " and ".join(f"{entry.distribution} ({printable(entry.value, _LONGEST_NAME)})" for entry in same)
            raise PluginError(f"plugin {show_value(name)} is declared twice, by {owners}; uninstall one of them")


def normalised(name: str) -> str:
    """Return the name of a distribution as indexes compare it.

    >>> normalised("Arena_Heuristics")
    'arena-heuristics'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def find_doubt(package: Distribution, module: str) -> str:
    """Return why a package is not taken for the one of the arena that its name says; empty if it is.

    The module must be a file of the package: one that its RECORD lists, with the bytes that it lists for all code
    beside it; or one inside the folder of an editable installation. A package from an index is doubted if the arena
    itself was not installed from one: then nobody but the index says whose name it is.

    Args:
        package: An installed package.
        module: Top-level module of its entry point.
    """
    where = _place(package)
    origin = _origin(module)
    if origin is None:
        return f"its module {module} is not installed"
    folder = _editable_folder(package)
    if folder is not None:
        if folder not in origin.parents:
            return f"its module {module} is {origin}, outside of {folder}, from where it was installed"
        return ""
    recorded = {Path(os.path.realpath(file.locate())): file for file in package.files or ()}
    if origin not in recorded:
        return f"its module {module} is {origin}, which is no file of the package at {where}"
    for path, file in recorded.items():
        if origin.parent in path.parents and path.suffix in _CODE and file.hash is not None:
            kind, value = file.hash.mode, file.hash.value
            if kind == "sha256" and _recorded_digest(path) != value:
                return f"its file {path} is not the one that was installed"
    if package.read_text("direct_url.json") is None and _core_is_direct():
        return f"it came from a package index (it is at {where}), and the arena itself did not"
    return ""


def find_startup_code(package: Distribution) -> str:
    """Return the way by which a package runs code in the arena's process without being imported by it; empty for none.

    Such are a start-up file, which runs in every Python that starts, and entry points of libraries that the arena
    imports. The files by which installers make a package editable are left out.

    Args:
        package: An installed package.
    """
    for entry_point in package.entry_points:
        if entry_point.group in _LIBRARY_GROUPS:
            return f"its entry point of {entry_point.group}"
    if _editable_folder(package) is not None:
        return ""
    starting, paths = "", ""
    for file in package.files or ():
        # A module may be a file, a folder, bytecode or compiled code.
        is_module = file.name.split(".")[0] in _STARTUP or any(part in _STARTUP for part in file.parts[:-1])
        if is_module and file.suffix in _CODE:
            starting = file.as_posix()
        if is_module and file.suffix in _CODE and file.parts[0].split(".")[0] in _STARTUP:
            return f"its start-up file {file.as_posix()}"
        if file.suffix == ".pth" and len(file.parts) == 1:
            try:
                lines = Path(file.locate()).read_text(encoding="utf-8-sig", errors="replace").splitlines()
            except OSError:
                continue
            if any(line.startswith(("import ", "import\t")) for line in lines):
                return f"its start-up file {file.name}"
            paths = file.name if any(line.strip() and not line.startswith("#") for line in lines) else paths
    # A folder that a path file adds is one in which Python looks for start-up files.
    return f"its start-up file {starting}, and {paths}, which leads to it" if starting and paths else ""


def digest_installed(package: Distribution, modules: Iterable[str]) -> str:
    """Return the sha256, in hexadecimal, of names and bytes of all files of an installed package.

    They are the files of its RECORD and all files in the folders of its modules, so that those of an editable
    installation count too. Left out are programs, the installer's own notes, and bytecode that Python made and checks
    against the source by time; bytecode that came with the package, or that would be run whatever the source says, is
    in. The same wheel has the same digest on every machine.

    Args:
        package: The package.
        modules: Top-level modules of its plugins.
    """
    files: dict[str, Path] = {}
    shipped: set[str] = set()
    for file in package.files or ():
        installer = any(part.endswith((".dist-info", ".egg-info")) for part in file.parts[:-1])
        program = file.parts[0] == ".." and file.parts[-2] in _SCRIPTS
        pointer = file.suffix == ".pth" and _editable_folder(package) is not None
        if not (installer or program or pointer):
            files[file.as_posix()] = Path(file.locate())
            # Installers list bytecode that they made without a hash: what has one came with the package.
            shipped |= {file.as_posix()} if file.hash is not None else set()
    for module in sorted(set(modules)):
        origin = _origin(module)
        if origin is not None:
            files |= _files_of(origin)
    contents = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.is_file() and (name in shipped or _is_content(path))
    }
    for name in _DESCRIBED_BY:
        contents[f"metadata/{name}"] = hashlib.sha256((package.read_text(name) or "").encode()).hexdigest()
    canonical = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _files_of(origin: Path) -> Iterator[tuple[str, Path]]:
    """Return name and path of all files of a top-level module, as RECORD would name them; links are followed once."""
    if origin.name != "__init__.py":
        yield origin.name, origin
        for cached in origin.parent.glob(f"__pycache__/{glob.escape(origin.stem)}.*.pyc"):
            yield f"__pycache__/{cached.name}", cached
        return
    root = origin.parent.parent
    seen: set[str] = set()
    for folder, folders, names in os.walk(origin.parent, followlinks=True):
        folders[:] = [name for name in folders if os.path.realpath(Path(folder, name)) not in seen]
        seen.add(os.path.realpath(folder))
        for name in names:
            path = Path(folder, name)
            yield path.relative_to(root).as_posix(), path


def _is_content(path: Path) -> bool:
    """Tell whether a file counts; bytecode in a cache does unless it is of the kind that is checked by time."""
    if path.parent.name != "__pycache__":
        return True
    with path.open("rb") as file:
        return path.suffix == ".pyc" and file.read(8)[4:] != bytes(4)


def _origin(module: str) -> Path | None:
    """Return the first file of a top-level module, links resolved, without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.origin is None else Path(os.path.realpath(spec.origin))


def _place(package: Distribution) -> Path:
    return Path(os.path.realpath(str(package.locate_file(""))))


def _editable_folder(package: Distribution) -> Path | None:
    """Return the folder of an editable installation, links resolved; None for any other."""
    try:
        direct = json.loads(package.read_text("direct_url.json") or "{}")
        if direct.get("dir_info", {}).get("editable") is not True:
            return None
        url = urlsplit(direct["url"])
    except (ValueError, KeyError, AttributeError):
        return None
    return Path(os.path.realpath(url2pathname(url.path))) if url.scheme == "file" else None


def _recorded_digest(path: Path) -> str:
    """Return the sha256 of a file as RECORD writes it; empty for a file that cannot be read."""
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _core_is_direct() -> bool:
    """Tell whether the arena itself was installed from a place that was named, and not looked up in an index."""
    try:
        return distribution(_CORE).read_text("direct_url.json") is not None
    except PackageNotFoundError:
        return True  # It runs from a checkout.
