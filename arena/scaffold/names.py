"""Names of new submissions and plugins: refused where the files written under them could not work."""

from __future__ import annotations

import contextlib
import keyword
import sys
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final, Literal

from arena.entry.providers import find_controllers
from arena.entry.strangers import Strangers
from arena.errors import ArenaError, Fault, InvalidInput
from arena.plugins import list_entry_points
from arena.schemas import SLUG_RULE, is_slug
from arena.trust import PROVIDERS

Kind = Literal["submission", "plugin"]
"""Kinds of what can be started: a folder submission, or a plugin package."""

_IMPORTED: Final = frozenset({"Briefing", "Observation"})
"""Names that the controller written for a start imports."""

_GIVEN: Final = "an installed plugin, or one of the arena's own,"
_FIX: Final = "choose another name, as in my-controller"


def class_name_of(name: str) -> str:
    """Return the name of the class that is written for a slug."""
    return "".join(part.capitalize() for part in name.split("-"))


def package_of(name: str) -> str:
    """Return the name of the package that is written for a slug."""
    return name.replace("-", "_")


def check_name(kind: Kind, name: str) -> None:
    """Refuse a name under which a start would not work.

    Args:
        kind: what is to be started.
        name: its name.

    Raises:
        InvalidInput: it is no slug with a letter first; the class or package that is named after it would have the
            name of a keyword or of an import; or, of a plugin, a module, a distribution, a plugin or a controller of
            that name is there already.
    """
    if not is_slug(name) or not name[0].isalpha():  # It becomes the name of a package and of a class.
        raise InvalidInput([Fault("", "NAME", name, f"{SLUG_RULE}, a letter first", "as in my-controller")])
    rule = _of_class(name) or (_of_package(name) if kind == "plugin" else None)
    if rule is not None:
        raise InvalidInput([Fault("", "NAME", name, rule, _FIX)])


def _of_class(name: str) -> str | None:
    class_name = class_name_of(name)
    if keyword.iskeyword(class_name):
        return f"its class would be called {class_name}, which is a keyword of Python"
    if class_name in _IMPORTED:
        return f"its class would be called {class_name}, as is what it imports from arena"
    return None


def _of_package(name: str) -> str | None:
    package = package_of(name)
    if keyword.iskeyword(package):
        return f"its package would be called {package}, which is a keyword of Python"
    if package in sys.stdlib_module_names:
        return f"its package would be called {package}, as is a module of Python's standard library, which comes first"
    with contextlib.suppress(PackageNotFoundError):
        found = distribution(name).metadata["Name"]
        return f"its distribution would replace the installed one of that name, {found}"
    if _is_module(package):
        return f"its package would be called {package}, as is an installed module"
    if any(entry.name == name for entry in list_entry_points()):
        return "an installed plugin has this name"
    controllers = set(PROVIDERS)
    # What is wrong with another plugin is no reason not to start one.
    with contextlib.suppress(ArenaError), Strangers() as strangers:
        plugins = find_controllers(None, strangers)
        controllers |= {*plugins.controllers, *plugins.described}
    return f"{_GIVEN} gives a controller of this name" if name in controllers else None


def _is_module(package: str) -> bool:
    """Tell whether there is a module to import; a mere folder of that name on the path is none."""
    for finder in sys.meta_path:
        found = finder.find_spec(package, None)
        if found is not None:
            return found.loader is not None and found.origin is not None
    return False
