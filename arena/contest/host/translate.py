"""Submissions, briefings and observations as plain values that can be sent, and back again.

Floats survive bit for bit, arrays come back as float64 and read-only. Only the arena's own classes are ever built, by
name from a closed list; the values come from the host, whom a child trusts.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from arena.contest.submission import Manifest, Submission
from arena.contract import tracks
from arena.contract.tracks import Briefing, Observation
from arena.world.demand import Goodwill
from arena.world.network import MarketLink, Network, Node, SupplyLink

_BRIEFINGS: dict[str, type[Briefing]] = {
    kind.__name__: kind for kind in (tracks.Briefing, tracks.InformedBriefing, tracks.OracleBriefing)
}
_OBSERVATIONS: dict[str, type[Observation]] = {
    kind.__name__: kind for kind in (tracks.Observation, tracks.InformedObservation, tracks.LocalObservation)
}


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
    }


def rebuild_submission(description: dict[str, Any]) -> Submission:
    """Undo `describe_submission`, but for the plugin's declaration: `make_factory` finds it by the plugin's name."""
    return Submission(
        **{
            **description,
            "manifest": Manifest.model_validate(description["manifest"]),
            "path": Path(description["path"]),
            "folder": None if description["folder"] is None else Path(description["folder"]),
        }
    )


def describe_briefing(briefing: Briefing) -> tuple[str, dict[str, Any]]:
    """Name of the briefing's class, and its fields as plain values."""
    return type(briefing).__name__, {name: _plain(getattr(briefing, name)) for name in _field_names(type(briefing))}


def rebuild_briefing(kind: str, fields: dict[str, Any]) -> Briefing:
    """Undo `describe_briefing`."""
    values = {name: _array_or_scalar(value) for name, value in fields.items()}
    values["network"] = _network(fields["network"])
    if fields.get("goodwill") is not None:
        values["goodwill"] = Goodwill.model_validate(fields["goodwill"])
    return _BRIEFINGS[kind](**values)


def describe_observation(observation: Observation) -> tuple[str, list[Any]]:
    """Name of the observation's class, and the values of its fields in the order of the class."""
    kind = type(observation)
    return kind.__name__, [
        value.tolist() if isinstance(value := getattr(observation, name), np.ndarray) else value
        for name in _field_names(kind)
    ]


def rebuild_observation(kind: str, fields: list[Any]) -> Observation:
    """Undo `describe_observation`."""
    schema = _OBSERVATIONS[kind]
    return schema(**dict(zip(_field_names(schema), map(_array_or_scalar, fields), strict=True)))


@cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, Network | Goodwill) else value


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
