"""Records of other ages: of an earlier contract of these rules, and of an arena that knows more than this one.

A record bears the contract digest that it was played under, and the digest changes when the contract is extended: by an
indicator, or by a field of a message to controllers. A record of an earlier contract of these very rules is brought up
to date by `arena results upgrade`, which also computes the indicators that it lacks. Under any other rules it stays as
it is: what was not measured is NaN, and it is never ranked together with records of these rules.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from arena.contract.kpi import Kpis
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import StoreAgeError, printable
from arena.results.record import EpisodeRecord, arena_version

_WIDTH: Final = 40
_NAMED: Final = 5
"""Most indicators that a message names."""


def read_record(text: str, path: Path, *, complete: bool = True) -> EpisodeRecord:
    """Read a record as the store keeps it.

    Args:
        text: the record as JSON.
        path: of the store, for messages.
        complete: refuse a record that an upgrade would bring up to date; otherwise its missing indicators are NaN.

    Raises:
        StoreAgeError: the record is of a newer arena, or of an earlier contract of these rules.
        ValueError: it is no record.
        TypeError: it is no record.
        RecursionError: it is no record.
    """
    values = json.loads(text)
    try:
        record = EpisodeRecord.model_validate(values)
    except ValidationError:
        if not isinstance(values, dict) or not isinstance(values.get("contract_digest"), str):
            raise
        refuse_newer(values, path)
        missing = [name for name in Kpis.model_fields if name not in values]
        digest = values["contract_digest"]
        # Indicators are added at the end. A record that lacks another, or any under these rules, is damaged.
        if digest == contract_digest() or not missing or missing != list(Kpis.model_fields)[-len(missing) :]:
            raise
        if complete and digest in earlier_digests():
            raise older(path, values.get("arena_version"), missing) from None
        return EpisodeRecord.model_validate({**values, **dict.fromkeys(missing, math.nan)})
    if complete and record.contract_digest in earlier_digests():
        raise older(path, record.arena_version, [])
    return record


def as_json(record: EpisodeRecord) -> str:
    """Return a record as the store keeps it."""
    # Python writes and reads NaN and infinities; a lost number would be worse than a spelling outside JSON.
    return json.dumps(record.model_dump(), separators=(",", ":"))


def refuse_newer(values: dict[str, Any], path: Path) -> None:
    """Refuse a record with fields that this arena does not know.

    Args:
        values: of the record.
        path: of the store, for messages.

    Raises:
        StoreAgeError: there are such fields.
    """
    unknown = [name for name in values if name not in EpisodeRecord.model_fields]
    if unknown:
        version = _version(values.get("arena_version"))
        rule = f"holds records of a newer arena, version {version}"
        here = f"this one, version {arena_version()}, does not know {_listed(unknown)}"
        fix = "install that version of the arena or a later one, or choose another folder"
        if version == arena_version():
            rule = "holds records with fields that this arena does not know"
            here = f"{_listed(unknown)}, though both are of version {version}"
            fix = (
                "install a later state of that version, unless somebody has changed the store, or choose another folder"
            )
        raise StoreAgeError(f"{path}: {rule}: {here}; {fix}")


def older(path: Path, version: object, missing: list[str]) -> StoreAgeError:
    """Return the error for a store with episodes of an earlier contract of these rules.

    Args:
        path: of the store.
        version: of the arena that wrote such an episode.
        missing: indicators that it lacks.
    """
    difference = "the contract was extended since, by nothing that changes their numbers"
    if missing:
        difference = f"they lack indicators that were added since ({_listed(missing)})"
    rule = f"holds episodes of an older arena, version {_version(version)}: {difference}"
    fix = f"bring the folder up to date by: arena results upgrade {path.parent}"
    return StoreAgeError(f"{path}: {rule}; {fix}")


def _version(value: object) -> str:
    return printable(value, _WIDTH) if isinstance(value, str) and value else "unknown"


def _listed(names: list[str]) -> str:
    further = len(names) - _NAMED
    text = printable(", ".join(names[:_NAMED]), 200)
    return f"{text} and {further} more" if further > 0 else text
