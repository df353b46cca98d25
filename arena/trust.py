"""Whose plugin a plugin is: the arena's own, a stranger's, or a stranger's that somebody trusts by its digest.

The arena's process imports plugins of its own packages, and of those that are trusted. All others are imported in
locked processes only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution
from typing import Final, NamedTuple

from arena.errors import Fault, InvalidInput, UnknownName, suggest
from arena.installed import PluginEntry, digest_installed, normalised, sorted_entries

PROVIDERS: Final[Mapping[str, str]] = {
    "bound": "arena-optimization",
    "clark-scarf": "arena-heuristics",
    "demand-global": "arena-forecasting",
    "demand-scenarios": "arena-forecasting",
    "dlp": "arena-optimization",
    "echelon": "arena-heuristics",
    "exp-smoothing": "arena-heuristics",
    "imitation-policy": "arena-imitation",
    "learned-policy": "arena-rl",
    "llm-adaptive": "arena-llm",
    "llm-tuner": "arena-llm",
    "local-base-stock": "arena-heuristics",
    "mssp": "arena-optimization",
    "newsvendor": "arena-heuristics",
    "oracle": "arena-optimization",
    "oracle-published": "arena-optimization",
    "ss": "arena-heuristics",
    "stochastic-program": "arena-optimization",
    "tuned-base-stock": "arena-llm",
    "vn2-benchmark": "arena-boards",
}
"""The arena's own plugin packages by controller: which one to import, or to install. No other package may give one."""

CLIENT_PROVIDERS: Final[Mapping[str, str]] = {"openai": "arena-llm"}
"""The arena's own plugin packages by client of language models, likewise."""

SUITE_PROVIDERS: Final[Mapping[str, str]] = {"inventorybench": "arena-boards", "vn2": "arena-boards"}
"""The arena's own plugin packages by suite that they build from options, likewise."""

OWN_PACKAGES: Final = frozenset(PROVIDERS.values())
"""Distributions of the arena's own plugins."""

_OPTION: Final = "--trust"
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


class TrustedPackage(NamedTuple):
    """A package whose plugins the arena's process may import, as it is installed.

    Attributes:
        name: Name of the distribution.
        version: Its version.
        digest: sha256 of its files in hexadecimal; see `arena.installed.digest_installed`.
    """

    name: str
    version: str
    digest: str

    def __str__(self) -> str:
        """Return it as `--trust` takes it, pinned to the digest."""
        return f"{self.name}={self.digest}"


def is_own(package: str) -> bool:
    """Tell whether a distribution has the name of one of the arena's own; its files may still be others."""
    return normalised(package) in OWN_PACKAGES


def resolve_trust(trust: str | Sequence[str], group: str) -> Mapping[str, TrustedPackage]:
    """Find the packages that are trusted, and hold the digests that are given against what is installed.

    Args:
        trust: `PACKAGE` or `PACKAGE=DIGEST`, or several of these; the digest is a sha256 in hexadecimal.
        group: Entry-point group of the plugins.

    Returns:
        The packages by normalised name.

    Raises:
        UnknownName: No package of this name declares a plugin.
        InvalidInput: A digest is malformed, or is not that of what is installed; with every fault.
    """
    given = [trust] if isinstance(trust, str) else list(trust)
    if not given:
        return {}
    installed: dict[str, tuple[Distribution, list[str]]] = {}
    names: dict[str, PluginEntry] = {}
    for entry, entry_point in sorted_entries(group):
        if entry_point.dist is not None:
            names[normalised(entry.distribution)] = entry
            installed.setdefault(normalised(entry.distribution), (entry_point.dist, []))[1].append(entry.package)
    found: dict[str, TrustedPackage] = {}
    faults: list[Fault] = []
    for text in given:
        name, pinned, digest = text.partition("=")
        key = normalised(name.strip())
        if key not in installed:
            hint = suggest(key, installed)
            raise UnknownName([Fault(_OPTION, "", text, "no installed package of this name declares a plugin", hint)])
        match = _DIGEST.fullmatch(digest.strip())
        if pinned and match is None:
            fix = f"write {_OPTION} {key}=DIGEST with 64 hexadecimal digits, or {_OPTION} {key}"
            faults.append(Fault(_OPTION, key, digest, "the digest is no sha256", fix))
            continue
        package, modules = installed[key]
        told = names[key]
        one = TrustedPackage(told.distribution, told.version, digest_installed(package, modules))
        if match is not None and match[1].lower() != one.digest:
            rule = f"{one.name} {one.version} as installed has the digest {one.digest}, not {match[1].lower()}"
            faults.append(
                Fault(_OPTION, "", key, rule, "install what you have looked at, or look at what is installed")
            )
            continue
        found[key] = one
    if faults:
        raise InvalidInput(faults)
    return found
