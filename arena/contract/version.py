"""The version of the rules: a digest that stands in every result and goes into every hidden seed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from arena.contract import messages
from arena.contract.kpi import Kpis
from arena.contract.messages import TRACKS
from arena.contract.seeds import PUBLIC_SEEDS
from arena.simulate.ledger import Ledger
from arena.world.scenario import Scenario

#: To be raised whenever an episode could end with other numbers than before: dynamics, demand, KPIs, order rules.
RULES = 3


class Addition(NamedTuple):
    """Names that a version added to the contract, by which no episode under the same orders ends with other numbers.

    Attributes:
        scenario: fields of `Scenario`; where they have their defaults, they change nothing.
        indicators: at the end of `Kpis`.
        arrays: at the end of `Ledger`.
        fields: of messages, `Class.field` each; messages that inherit the class have the field, too.
    """

    indicators: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()


ADDITIONS: Final[tuple[Addition, ...]] = (
    Addition(
        indicators=(
            "stage_bullwhip_retailers",
            "stage_bullwhip_distributors",
            "stage_bullwhip_factories",
            "stockout_free_periods",
            "network_turns",
        )
    ),
    Addition(fields=("InformedBriefing.distributions", "InformedObservation.forecast_deviation")),
    Addition(
        scenario=("correlation", "history", "visible_arrivals", "visible_demand", "warm_up", "window"),
        indicators=("terminal_value",),
        arrays=("terminal_value", "lost", "lead_times"),
        fields=(
            "Briefing.warm_up",
            "Briefing.visible_arrivals",
            "Briefing.history",
            "Briefing.history_in_stock",
            "Briefing.visible_demand",
            "InformedBriefing.noise_scales",
            "InformedBriefing.autoregressions",
            "InformedBriefing.correlation",
            "OracleBriefing.realised_lead_times",
            "Observation.unseen",
            "Observation.received",
            "Observation.arrived",
            "Observation.in_stock",
            "Observation.sales_shown",
        ),
    ),
    Addition(
        indicators=(
            "full_revenue",
            "stage_fill_rate_retailers",
            "stage_fill_rate_distributors",
            "stage_fill_rate_factories",
            "stage_service_level_retailers",
            "stage_service_level_distributors",
            "stage_service_level_factories",
        )
    ),
)
"""Additions since `RULES` got its number, oldest first. Empty it when the number is raised."""

_MESSAGES: Final = (
    messages.Briefing,
    messages.InformedBriefing,
    messages.OracleBriefing,
    messages.Observation,
    messages.InformedObservation,
    messages.LocalObservation,
)


@cache
def contract() -> dict[str, Any]:
    """The contract in short: what the digest is taken of."""
    return contract_before(())


@cache
def contract_digest() -> str:
    """SHA-256 (hex) of :func:`contract`. Results of different digests are never ranked together."""
    return _digest(contract())


@cache
def earlier_digests() -> Mapping[str, tuple[str, ...]]:
    """Digests of the earlier contracts of these very rules, each with the indicators that it had.

    An earlier contract is this one without its latest additions, and its digest is proof that nothing else was
    different. Only contracts that a version had are recognised, not every combination of additions.
    """
    contracts = [contract_before(ADDITIONS[first:]) for first in range(len(ADDITIONS))]
    return MappingProxyType({_digest(earlier): tuple(earlier["kpis"]) for earlier in contracts})


def contract_before(additions: Sequence[Addition]) -> dict[str, Any]:
    """Return the contract as it was without some additions.

    Args:
        additions: what is left out.

    Raises:
        ValueError: An addition names something that the contract does not have.
    """
    indicators, arrays = list(Kpis.model_fields), [each.name for each in dataclasses.fields(Ledger)]
    schemas = {schema.__name__: [each.name for each in dataclasses.fields(schema)] for schema in _MESSAGES}
    scenario = sorted(Scenario.model_fields)
    for addition in additions:
        _leave_out(addition.scenario, scenario, "fields of Scenario")
        _leave_out(addition.indicators, indicators, "indicators")
        _leave_out(addition.arrays, arrays, "arrays of the ledger")
        for field in addition.fields:
            owner, _, name = field.partition(".")
            heirs = [schema.__name__ for schema in _MESSAGES if owner in {base.__name__ for base in schema.__mro__}]
            for schema in heirs or [owner]:
                _leave_out([name], schemas.get(schema, []), f"fields of {schema}")
    return {
        "rules": RULES,
        "tracks": list(TRACKS),
        "schemas": schemas,
        "kpis": indicators,
        "ledger": arrays,
        "scenario": scenario,
        "public_seeds": list(PUBLIC_SEEDS),
    }


def _leave_out(names: Sequence[str], present: list[str], kind: str) -> None:
    for name in names:
        if name not in present:
            raise ValueError(f"ADDITIONS names {name!r}, which is not among the {kind}; name what was added")
        present.remove(name)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
