"""The version of the rules: a digest that stands in every result and goes into every hidden seed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cache
from typing import Any

from arena.contract import tracks
from arena.contract.kpi import Kpis
from arena.contract.seeds import PUBLIC_SEEDS
from arena.contract.tracks import TRACKS
from arena.simulate.ledger import Ledger
from arena.world.scenario import Scenario

#: To be raised whenever an episode could end with other numbers than before: dynamics, demand, KPIs, order rules.
RULES = 3


@cache
def contract() -> dict[str, Any]:
    """The contract in short: what the digest is taken of."""
    schemas = (
        tracks.Briefing,
        tracks.InformedBriefing,
        tracks.OracleBriefing,
        tracks.Observation,
        tracks.InformedObservation,
        tracks.LocalObservation,
    )
    return {
        "rules": RULES,
        "tracks": list(TRACKS),
        "schemas": {schema.__name__: [each.name for each in dataclasses.fields(schema)] for schema in schemas},
        "kpis": list(Kpis.model_fields),
        "ledger": [each.name for each in dataclasses.fields(Ledger)],
        "scenario": sorted(Scenario.model_fields),
        "public_seeds": list(PUBLIC_SEEDS),
    }


@cache
def contract_digest() -> str:
    """SHA-256 (hex) of :func:`contract`. Results of different digests are never ranked together."""
    return hashlib.sha256(json.dumps(contract(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()
