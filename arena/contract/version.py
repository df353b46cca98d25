"""The version of the rules: a digest that stands in every result and goes into every hidden seed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from arena.contract import messages
from arena.contract.kpi import Kpis
from arena.contract.messages import TRACKS
from arena.contract.seeds import PUBLIC_SEEDS
from arena.simulate.ledger import Ledger
from arena.world.scenario import Scenario

#: To be raised whenever an episode could end with other numbers than before: dynamics, demand, KPIs, order rules.
RULES = 3

_FIRST_INDICATORS: Final = 18
_FIRST_ARRAYS: Final = 22
"""Indicators and arrays of the ledger when `RULES` got its number. Set both to what there is when it is raised."""


@cache
def contract() -> dict[str, Any]:
    """The contract in short: what the digest is taken of."""
    return _contract(tuple(Kpis.model_fields), _arrays())


@cache
def contract_digest() -> str:
    """SHA-256 (hex) of :func:`contract`. Results of different digests are never ranked together."""
    return _digest(contract())


@cache
def earlier_digests() -> Mapping[str, tuple[str, ...]]:
    """Digests of these very rules before indicators were added, each with the indicators that there were.

    Indicators, and the arrays of the ledger that they are measured on, are added at the end. So an earlier contract is
    this one with fewer of them, and its digest is proof that nothing else was different.
    """
    indicators, arrays = tuple(Kpis.model_fields), _arrays()
    found = {
        _digest(_contract(indicators[:number], arrays[:many])): indicators[:number]
        for number in range(_FIRST_INDICATORS, len(indicators) + 1)
        for many in range(_FIRST_ARRAYS, len(arrays) + 1)
    }
    found.pop(contract_digest(), None)
    return MappingProxyType(found)


def _arrays() -> tuple[str, ...]:
    return tuple(each.name for each in dataclasses.fields(Ledger))


def _contract(indicators: tuple[str, ...], arrays: tuple[str, ...]) -> dict[str, Any]:
    schemas = (
        messages.Briefing,
        messages.InformedBriefing,
        messages.OracleBriefing,
        messages.Observation,
        messages.InformedObservation,
        messages.LocalObservation,
    )
    return {
        "rules": RULES,
        "tracks": list(TRACKS),
        "schemas": {schema.__name__: [each.name for each in dataclasses.fields(schema)] for schema in schemas},
        "kpis": list(indicators),
        "ledger": list(arrays),
        "scenario": sorted(Scenario.model_fields),
        "public_seeds": list(PUBLIC_SEEDS),
    }


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
