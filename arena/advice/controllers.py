"""Controllers by their names or manifests: what `--controller` names, as submissions."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from arena.contract.messages import Track
from arena.entry.loading import load_submissions
from arena.entry.providers import find_controllers, find_offer
from arena.entry.strangers import Strangers
from arena.entry.submission import Submission
from arena.errors import Fault, InvalidInput, UnknownName, suggest
from arena.trust import PROVIDERS

OPTION: Final = "--controller"
_TRACKS: Final[tuple[Track, ...]] = ("blind", "informed", "decentralised")
"""Tracks that can be played today, the one that is taken first where none is named."""


def load_controllers(names: Sequence[str], trust: Sequence[str] = ()) -> tuple[Submission, ...]:
    """Load controllers.

    Args:
        names: each a manifest, a submission's folder, a controller of an installed plugin by its name, with its default
            settings, or `NAME:TRACK` for another track than the first of blind, informed and decentralised.
        trust: packages of strangers that this process may import.

    Returns:
        The submissions in the order of the names.

    Raises:
        UnknownName: a name is neither a controller nor a file.
        InvalidInput: with every fault of manifests; a controller is named twice, or plays on no such track.
    """
    with tempfile.TemporaryDirectory(prefix="arena-") as folder:
        places = [_place(name, number, Path(folder), trust) for number, name in enumerate(names)]
        loaded = load_submissions(places, trust=trust)
        if loaded.faults or loaded.unavailable:
            told = {str(place): name for place, name in zip(places, names, strict=True)}
            faults = [*loaded.faults, *(one.as_fault() for one in loaded.unavailable)]
            raise InvalidInput([fault._replace(source=told.get(fault.source, fault.source)) for fault in faults])
        by_path = {one.path: one for one in loaded.submissions}
        found = [by_path[place] for place in places if place in by_path]
        if len(found) != len(names) or len(loaded.submissions) != len(names):
            rule = "names one controller each: a manifest, a submission's folder, or the name of a controller"
            raise InvalidInput([Fault(OPTION, "", list(names), rule, "name each on its own")])
        return tuple(dataclasses.replace(one, path=Path(name)) for one, name in zip(found, names, strict=True))


def _place(name: str, number: int, folder: Path, trust: Sequence[str]) -> Path:
    """Return the manifest that a name means; for a plugin's controller one is written into a folder."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or "/" in name or path.exists():
        return path
    controller, _, wanted = name.partition(":")
    with Strangers() as strangers:
        plugins = find_controllers({controller}, strangers, trust)
        offer = find_offer(controller, plugins)
    if offer is None and controller not in PROVIDERS:
        known = {*PROVIDERS, *plugins.controllers, *plugins.described}
        rule = "is neither a controller of an installed plugin nor a file"
        raise UnknownName([Fault(OPTION, "", name, rule, suggest(controller, sorted(known)))])
    tracks: Sequence[Track] = _TRACKS if offer is None else offer.promises.tracks
    playable = [track for track in _TRACKS if track in tracks]
    if wanted and wanted not in tracks:
        rule = f"{controller} plays on {', '.join(tracks)}"
        raise UnknownName([Fault(OPTION, "", name, rule, suggest(wanted, tracks))])
    if not playable and not wanted:
        rule = f"{controller} plays on {', '.join(tracks)} alone, and the demand to come is not known today"
        raise InvalidInput([Fault(OPTION, "", name, rule, "name another controller")])
    capabilities = [] if offer is None else list(offer.promises.capabilities)
    if "llm" in capabilities:
        rule = f"{controller} asks a language model, which arena advise does not do"
        raise InvalidInput([Fault(OPTION, "", name, rule, "name another controller")])
    track = wanted or playable[0]
    title = f"{controller}-{wanted}" if wanted else controller
    manifest = folder / f"{number}.yaml"
    content = {"name": title, "controller": controller, "track": track, "capabilities": capabilities}
    manifest.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    return manifest
