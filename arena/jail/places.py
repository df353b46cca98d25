"""What of the file system a jailed process has to see: the interpreter, the libraries, and the packages named to it.

Folders that merely are on the search path, such as a checkout or the folder that a command was started in, are left
out, but for the packages in them that are named. Those are found by name, not by listing the folder around them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/usr/share/zoneinfo")
_PROGRAMS = ("/bin", "/usr/bin", "/usr/local/bin")
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Places:
    """Where a jailed process finds what it needs.

    Attributes:
        readable: Files and folders, no one inside another, all of which exist.
        interpreter: Files of the interpreter that are needed to start it, and never after.
        search_path: Folders of installed packages.
        packages: First file of packages that are not in one of these folders, by their name.
    """

    readable: tuple[str, ...]
    interpreter: tuple[str, ...]
    search_path: tuple[str, ...]
    packages: dict[str, str]


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
    readable += _mapped_libraries()
    packages = dict(_packages(names, readable))
    for first in packages.values():
        place = Path(first)
        readable.append(str(place.parent if place.name == "__init__.py" else place))
    readable += map(str, data)
    return Places(_outermost(readable), interpreter, search_path, packages)


def _standard_library() -> Iterator[str]:
    yield sysconfig.get_path("stdlib")
    yield sysconfig.get_path("platstdlib")
    yield str(Path(sys.base_prefix, "lib"))


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
    folders = [Path(place) for place in readable]
    for name in names:
        first = None
        with contextlib.suppress(ImportError, ValueError):  # A broken package is its user's trouble.
            spec = importlib.util.find_spec(name)
            first = None if spec is None else spec.origin
        if first is not None and first.endswith(".py") and not _is_inside(Path(first), folders):
            yield name, first


def _outermost(places: Iterable[str]) -> tuple[str, ...]:
    """Those of the places that exist for this user, without those inside another, sorted."""
    kept: list[Path] = []
    for place in sorted({Path(place).absolute() for place in places}):
        if os.access(place, os.F_OK) and not _is_inside(place, kept):
            kept.append(place)
    return tuple(map(str, kept))


def _is_inside(place: Path, folders: Iterable[Path]) -> bool:
    return any(folder in place.parents for folder in folders)
