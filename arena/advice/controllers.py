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
        places = name_manifests(names, Path(folder), OPTION, trust)
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


def name_manifests(
    names: Sequence[str], folder: Path, option: str, trust: Sequence[str] = (), *, to_come: bool = False
) -> list[Path]:
    """Return a manifest or a submission's folder for each name; for a plugin's controller a manifest is written.

    Args:
        names: as for `load_controllers`.
        folder: for manifests that are written.
        option: the option that names them, for faults.
        trust: packages of strangers that this process may import.
        to_come: whether the demand to come is known, so that the track of the oracle can be played.

    Raises:
        UnknownName: a name is neither a controller nor a file.
        InvalidInput: a controller plays on no track that can be played, or asks a language model.
    """
    places = []
    for number, name in enumerate(names):
        path = Path(name)
        # An empty name is the working folder to Path.
        is_path = bool(name) and (path.suffix in (".yaml", ".yml") or "/" in name or path.exists())
        places.append(path if is_path else _written(name, folder / f"{number}.yaml", option, trust, to_come))
    return places


def _written(name: str, manifest: Path, option: str, trust: Sequence[str], to_come: bool) -> Path:
    """Write the manifest of a plugin's controller with its default settings."""
    controller, _, wanted = name.partition(":")
    with Strangers() as strangers:
        plugins = find_controllers({controller}, strangers, trust)
        offer = find_offer(controller, plugins)
    if offer is None and controller not in PROVIDERS:
        known = {*PROVIDERS, *plugins.controllers, *plugins.described}
        rule = "is neither a controller of an installed plugin nor a file"
        raise UnknownName([Fault(option, "", name, rule, suggest(controller, sorted(known)))])
    promised: Sequence[Track] = _TRACKS if offer is None else offer.promises.tracks
    if wanted and wanted not in promised:
        rule = f"{controller} plays on {', '.join(promised)}"
        raise UnknownName([Fault(option, "", name, rule, suggest(wanted, promised))])
    tracks = (*_TRACKS, "oracle") if to_come else _TRACKS
    playable = [track for track in tracks if track in promised and wanted in ("", track)]
    if not playable:
        rule = "knows the demand to come, which nobody knows today"
        raise InvalidInput([Fault(option, "", name, rule, "name a controller of another track")])
    capabilities = [] if offer is None else list(offer.promises.capabilities)
    if "llm" in capabilities:
        rule = "asks a language model, which this command does not do"
        raise InvalidInput([Fault(option, "", name, rule, "name another controller")])
    title = f"{controller}-{wanted}" if wanted else controller
    content = {"name": title, "controller": controller, "track": playable[0], "capabilities": capabilities}
    manifest.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    return manifest
