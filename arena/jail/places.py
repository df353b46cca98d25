"""What of the file system a jailed process has to see: the interpreter, the libraries, and the packages named to it.

Folders that merely are on the search path, such as a checkout or the folder that a command was started in, are left
out, but for the packages in them that are named. Those are found by name, not by listing the folder around them.

Of the system's folders of libraries a controller needs what the loader of the C library finds there, and no compiler,
no program and nobody's documentation: what it cannot reach need not be kept for it (see `arena.jail.own_copy`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/usr/share/zoneinfo")
_PROGRAMS = ("/bin", "/usr/bin", "/usr/local/bin")
_INSTALLED = ("site-packages", "dist-packages")
_LOADER_CACHE = Path("/etc/ld.so.cache")
_LOADERS = ("/lib/ld-*.so*", "/lib64/ld-*.so*", "/lib/*/ld-*.so*")
_LOCALES = ("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8")


@dataclass(frozen=True)
class Places:
    """Where a jailed process finds what it needs.

    Attributes:
        readable: Files and folders, no one inside another, all of which exist.
        interpreter: Files of the interpreter that are needed to start it, and never after.
        search_path: Folders of installed packages.
        packages: First file of packages that are not in one of these folders, by their name.
        needed: Files and folders inside the readable ones that suffice for whoever starts no programs. Without those
            of other Pythons and without what the system's loader does not find.
    """

    readable: tuple[str, ...]
    interpreter: tuple[str, ...]
    search_path: tuple[str, ...]
    packages: dict[str, str]
    needed: tuple[str, ...] = ()


def find_places(names: Iterable[str], data: Iterable[Path] = (), *, programs: bool = False) -> Places:
    """Find them for this interpreter.

    Args:
        names: Packages that may be imported, wherever they are.
        data: Folders that may be read, too.
        programs: Whether the system's programs and this interpreter are to be readable too.
    """
    search_path = tuple(entry for entry in sys.path if Path(entry).name in _INSTALLED and Path(entry).is_dir())
    readable = [*_LIBRARIES, *_SYSTEM_FILES, *_standard_library(), *search_path]
    interpreter = _interpreter()
    if programs:
        readable += [*_PROGRAMS, *interpreter]
    mapped = tuple(_mapped_libraries())
    packages = dict(_packages(names, [*readable, *mapped]))
    own = [str(place.parent if place.name == "__init__.py" else place) for place in map(Path, packages.values())]
    own += map(str, data)
    readable = list(_outermost([*readable, *mapped, *own]))
    needed: tuple[str, ...] = ()
    if not programs:
        folders = set(map(Path, readable))
        loaded = [place for place in _found_by_the_loader() if _is_inside(Path(place), folders)]
        needed = _outermost([*_SYSTEM_FILES, *_modules(search_path), *search_path, *mapped, *loaded, *own])
    return Places(tuple(readable), interpreter, search_path, packages, needed)


def _standard_library() -> Iterator[str]:
    yield sysconfig.get_path("stdlib")
    yield sysconfig.get_path("platstdlib")
    yield str(Path(sys.base_prefix, "lib"))


def _modules(search_path: Iterable[str]) -> Iterator[str]:
    """The standard library: its modules without what is installed beside them, unless that is on the path."""
    for folder in {Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib"))}:
        with contextlib.suppress(OSError):
            yield from (str(entry) for entry in folder.iterdir() if entry.name not in _INSTALLED)
    yield from map(str, Path(sys.base_prefix, "lib").glob("*.so*"))


def _found_by_the_loader() -> Iterator[str]:
    """Libraries that a program finds by their name alone, the loader itself, and the locale of all controllers."""
    with contextlib.suppress(OSError):
        # Paths stand in its table of strings, each ended by a zero.
        for found in re.findall(rb"/[^\0]+\.so[^\0]*(?=\0)", _LOADER_CACHE.read_bytes()):
            yield os.fsdecode(found)
    for pattern in _LOADERS:
        yield from map(str, Path("/").glob(pattern[1:]))
    yield from _LOCALES


def _interpreter() -> tuple[str, ...]:
    executable = Path(sys.executable)
    settings = executable.parent.parent / "pyvenv.cfg"
    return tuple(str(place) for place in (executable, executable.resolve(), settings) if os.access(place, os.F_OK))


def _mapped_libraries() -> Iterator[str]:
    """Shared libraries of this process, wherever they are: those of the zygote will be the same."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            path = line[line.find("/") :] if "/" in line else ""
            if ".so" in path:
                yield path


def _packages(names: Iterable[str], readable: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and first file of those packages that are not readable anyway."""
    folders = set(map(Path, readable))
    for name in names:
        first = None
        with contextlib.suppress(ImportError, ValueError):  # A broken package is its user's trouble.
            spec = importlib.util.find_spec(name)
            first = None if spec is None else spec.origin
        if first is not None and first.endswith(".py") and not _is_inside(Path(first), folders):
            yield name, first


def _outermost(places: Iterable[str]) -> tuple[str, ...]:
    """Those of the places that exist for this user, without those inside another, sorted."""
    kept: dict[Path, None] = {}
    for place in sorted({Path(place).absolute() for place in places}):
        if os.access(place, os.F_OK) and not _is_inside(place, kept):
            kept[place] = None
    return tuple(map(str, kept))


def _is_inside(place: Path, folders: Container[Path]) -> bool:
    return any(parent in folders for parent in place.parents)
