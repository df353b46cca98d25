"""Submissions, briefings and observations as plain values that can be sent, and back again.

Floats survive bit for bit, arrays come back as float64 and read-only. Only the arena's own classes are ever built, by
name from a closed list; the values come from the host, whom a child trusts.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from arena.contract import messages
from arena.contract.messages import Briefing, Observation
from arena.entry.submission import Manifest, Submission
from arena.plugins import PluginEntry, list_entry_points, load_entry
from arena.world.demand import Goodwill
from arena.world.network import Network
from arena.world.nodes_and_links import MarketLink, Node, SupplyLink
from arena.world.scenario import Scenario


class PlainBriefing(NamedTuple):
    """A briefing as plain values.

    Attributes:
        kind: name of its class.
        fields: its fields; arrays as nested lists.
    """

    kind: str
    fields: dict[str, Any]


class PlainObservation(NamedTuple):
    """An observation as plain values.

    Attributes:
        kind: name of its class.
        fields: values of its fields in the order of the class; arrays as nested lists.
    """

    kind: str
    fields: list[Any]


_BRIEFINGS: dict[str, type[Briefing]] = {
    kind.__name__: kind for kind in (messages.Briefing, messages.InformedBriefing, messages.OracleBriefing)
}
_OBSERVATIONS: dict[str, type[Observation]] = {
    kind.__name__: kind for kind in (messages.Observation, messages.InformedObservation, messages.LocalObservation)
}
_SCHEMAS: dict[str, type[Briefing] | type[Observation]] = {**_BRIEFINGS, **_OBSERVATIONS}
_MODELS = (Goodwill, Network, Scenario)
_TUPLES = ("distributions", "stream")  # names, and words of 64 bits, which no float can hold
_FIELDS = {name: tuple(field.name for field in dataclasses.fields(kind)) for name, kind in _SCHEMAS.items()}


def describe_submission(submission: Submission) -> dict[str, Any]:
    """What a child needs to build the controller: names, configuration and places, never code."""
    return {
        "name": submission.name,
        "manifest": submission.manifest.model_dump(mode="json"),
        "path": str(submission.path.absolute()),
        "digest": submission.digest,
        "folder": None if submission.folder is None else str(submission.folder.absolute()),
        "controller": submission.controller,
        "track": submission.track,
        "config": submission.config,
        "plugin": submission.plugin,
        "distribution": submission.distribution,
        "version": submission.version,
        "entry_point": _entry_points().get(submission.plugin),
    }


def rebuild_submission(description: dict[str, Any]) -> Submission:
    """Undo `describe_submission`, importing the plugin that gives the controller and no other.

    Raises:
        PluginError: The plugin cannot be loaded.
    """
    fields = dict(description)
    entry_point = fields.pop("entry_point")
    # Without its entry point at hand, `make_factory` looks for the plugin among all installed packages.
    spec = None
    if entry_point is not None:
        entry = PluginEntry(fields["plugin"], entry_point, fields["distribution"], fields["version"])
        given = {registered.spec.name: registered.spec for registered in load_entry(entry)}
        spec = given.get(fields["controller"])
    fields["manifest"] = Manifest.model_validate(fields["manifest"])
    fields["path"] = Path(fields["path"])
    fields["folder"] = None if fields["folder"] is None else Path(fields["folder"])
    return Submission(**fields, spec=spec)


@cache
def _entry_points() -> dict[str, str]:
    """What the plugins' entry points name. Read once per host: in every child it would cost as much as the fork."""
    return {entry.name: entry.value for entry in list_entry_points()}


def describe_briefing(briefing: Briefing) -> PlainBriefing:
    """Return a briefing as plain values."""
    kind = type(briefing).__name__
    return PlainBriefing(kind, {name: _plain(getattr(briefing, name)) for name in _FIELDS[kind]})


def rebuild_briefing(kind: str, fields: dict[str, Any]) -> Briefing:
    """Undo `describe_briefing`."""
    values = {name: _array_or_scalar(value) for name, value in fields.items() if name not in _TUPLES}
    values |= {name: tuple(fields[name]) for name in _TUPLES if fields.get(name) is not None}
    values["network"] = _network(fields["network"])
    for name in ("history", "history_in_stock"):  # no rows, as lists have it, would lose the number of columns
        values[name] = values[name].reshape(len(fields[name]), len(values["network"].market_links))
        values[name].flags.writeable = False
    if fields.get("goodwill") is not None:
        values["goodwill"] = Goodwill.model_validate(fields["goodwill"])
    if fields.get("scenario") is not None:
        values["scenario"] = Scenario.model_validate(fields["scenario"])
    return _BRIEFINGS[kind](**values)


def describe_observation(observation: Observation) -> PlainObservation:
    """Return an observation as plain values."""
    kind = type(observation).__name__
    values = (getattr(observation, name) for name in _FIELDS[kind])
    return PlainObservation(kind, [value.tolist() if isinstance(value, np.ndarray) else value for value in values])


def rebuild_observation(kind: str, fields: list[Any]) -> Observation:
    """Undo `describe_observation`."""
    return _OBSERVATIONS[kind](**dict(zip(_FIELDS[kind], map(_array_or_scalar, fields), strict=True)))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, _MODELS) else value


def _array_or_scalar(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    array = np.array(value, dtype=np.float64)
    array.flags.writeable = False
    return array


def _network(data: dict[str, Any]) -> Network:
    # Not validated as a whole again: the host has done so, and one node's neighbourhood need not be a whole network.
    return Network.model_construct(
        name=data["name"],
        description=data["description"],
        nodes=tuple(Node.model_validate(node) for node in data["nodes"]),
        supply_links=tuple(SupplyLink.model_validate(link) for link in data["supply_links"]),
        market_links=tuple(MarketLink.model_validate(link) for link in data["market_links"]),
    )
