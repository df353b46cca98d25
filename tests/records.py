"""Made-up rows of results for tests that need no match."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pydantic.fields import FieldInfo

from arena.results.record import EpisodeRecord, PlayedEpisode

_CHOSEN: Mapping[str, Any] = {
    "controller": "newsvendor",
    "track": "blind",
    "outcome": "ok",
    "isolation": "process",
    "fill_rate": 0.9,
    "service_level": 0.7,
    "inventory_turns": 10.0,
    "planning_time": 0.25,
    "decision_time": 0.3,
    "decisions": 30,
    "clipped_orders": 1,
    "contract_digest": "c" * 64,
    "arena_version": "0.1.0",
    "python_version": "3.11.0",
    "numpy_version": "2.0.0",
    "finished_at": "2026-01-01T00:00:00+00:00",
}
"""Values that tests rely on, or that a record cannot do without."""


def _any_value(field: FieldInfo, position: int) -> Any:
    """A value of a field's type; floats are different in every field, so that none is taken for another."""
    kinds: dict[Any, Any] = {float: 1 + position / 8, int: 0, str: ""}
    return kinds.get(field.annotation)


def make_record(
    submission: str = "alpha", scenario: str = "north", seed_index: int = 0, profit: float = 100.0, **changes: Any
) -> EpisodeRecord:
    """A row of an ordinary public episode; every field can be changed."""
    required = {name: field for name, field in EpisodeRecord.model_fields.items() if field.is_required()}
    values = {name: _any_value(field, position) for position, (name, field) in enumerate(required.items())}
    values |= _CHOSEN
    values |= {
        "submission": submission,
        "scenario": scenario,
        "seed_index": seed_index,
        "seed": str(42 + seed_index),
        "profit": profit,
        "submission_digest": f"digest of {submission}",
        "scenario_digest": f"digest of {scenario}",
    }
    return EpisodeRecord.model_validate({**values, **changes})


def play(
    submission: str, profits: Mapping[str, Iterable[float]], track: str = "blind", **changes: Any
) -> list[EpisodeRecord]:
    """Records of one submission: profits by scenario, in the order of the seeds."""
    return [
        make_record(submission, scenario, index, profit, track=track, **changes)
        for scenario, values in profits.items()
        for index, profit in enumerate(values)
    ]


def make_episode(periods: int = 3, supply_links: int = 2, market_links: int = 1, **changes: Any) -> PlayedEpisode:
    """A row with series of which every number is different."""
    requested = np.arange(periods * supply_links, dtype=float).reshape(periods, supply_links) / 7
    demand = 1000 + np.arange(periods * market_links, dtype=float).reshape(periods, market_links) / 3
    return PlayedEpisode(make_record(**changes), requested, demand)
