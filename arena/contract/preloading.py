"""Libraries that a host may import before any controller, once for all episodes.

Importing them costs seconds, and an episode milliseconds. So a host imports them once and copies the process for each
episode. That is done for libraries that an organiser has installed and that are known to import without starting
threads, programs or connections; whatever else a controller needs it imports itself, in every episode.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from arena.errors import closest

PRELOADABLE: Final = (
    "highspy",  # HiGHS: solves linear and integer programs in the controller's own process
    "networkx",  # graph algorithms; the arena itself uses it for networks
    "numpy",  # arrays: every observation and every order is one
    "pyomo",  # states mathematical programs; its import takes longest of all
    "safetensors",  # reads weights without running code
    "scipy",  # distributions, sparse matrices, optimisation
    "torch",  # neural networks
)
"""The libraries, sorted. Whoever adds one plays `tests/unit/test_preloading.py` with it installed."""

_LONGEST: Final = 128
# A public name: modules with a leading underscore are private, and `__main__` is a program.
_MODULE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


class BrokenRule(NamedTuple):
    """A rule that a name breaks, and what to write instead."""

    rule: str
    fix: str


def check_preload(name: str) -> BrokenRule | None:
    """Check the name of a module that is to be imported beforehand.

    A module of a listed library is as good as the library: it comes from the same installed package, and is imported
    in the same locks.

    Args:
        name: Such as ``numpy`` or ``scipy.optimize``.

    Returns:
        The rule that it breaks and what to write instead; None if it breaks none.

    >>> check_preload("scipy.optimize") is None
    True
    >>> check_preload("antigravity")[1]
    'remove it; a controller imports whatever else is installed by itself'
    >>> check_preload("scippy.optimize")[1]
    'did you mean "scipy.optimize"?'
    """
    library, dot, part = name.partition(".")
    if library in PRELOADABLE and len(name) <= _LONGEST and _MODULE.fullmatch(name):
        return None
    rule = f"must be a library that may be preloaded, or a public module of one: {', '.join(PRELOADABLE)}"
    near = None if library in PRELOADABLE else closest(library, PRELOADABLE)
    if near is not None and check_preload(meant := near + dot + part) is None:
        return BrokenRule(rule, f'did you mean "{meant}"?')
    return BrokenRule(rule, "remove it; a controller imports whatever else is installed by itself")
