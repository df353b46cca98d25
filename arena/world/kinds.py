"""Kinds of documents that people write, told apart by their fields, for one given in the place of another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from arena.errors import ABSENT, Fault, InvalidInput

Kind = Literal["network", "scenario", "suite", "submission"]

_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "network": ("nodes", "supply_links", "market_links"),
    "scenario": ("network", "demand", "horizon", "fulfilment", "goodwill"),
    "suite": ("scenarios", "blocks", "scored_by", "score"),
    "submission": ("controller", "track"),
}
"""Fields that only one kind has, the most telling first."""

_NAMES: Final[Mapping[Kind, str]] = {
    "network": "a network",
    "scenario": "a scenario",
    "suite": "a suite",
    "submission": "the manifest of a submission",
}
_PLACES: Final[Mapping[Kind, str]] = {
    "network": "write a scenario that plays it: a file with the two lines `name: my-scenario` and `network: {path}`",
    "scenario": "give it as --scenario {path}, or list it under `scenarios:` in a suite",
    "suite": "give it as --suite {path}",
    "submission": "give it among the submissions: arena evaluate {path}",
}


def kind_of(data: Mapping[str, Any]) -> Kind | None:
    """Return the kind that a document looks like, None if it looks like none."""
    return next((kind for kind, fields in _FIELDS.items() if any(field in data for field in fields)), None)


def require_kind(data: Mapping[str, Any], wanted: Kind, source: str) -> None:
    """Refuse a document of another kind with one fault, before each of its fields is refused on its own.

    A document with fields of the kind that is wanted passes, whatever else it holds: its faults are told one by one.

    Args:
        data: the document.
        wanted: the kind that the place is for.
        source: the file, for the fault.

    Raises:
        InvalidInput: the document is of another kind.
    """
    if any(field in data for field in _FIELDS[wanted]):
        return
    found = kind_of(data)
    if found is None:
        return
    # Where a network is wanted, only the file that holds it helps.
    fix = "name a file of nodes and links" if wanted == "network" else _PLACES[found]
    rule = f"is {_NAMES[found]}, and {_NAMES[wanted]} is expected here"
    raise InvalidInput([Fault(source, "", ABSENT, rule, fix.format(path=Path(source)))])
