"""Made-up rows of results for tests that need no match."""

from typing import Any

import numpy as np

from arena.results.record import EpisodeRecord, PlayedEpisode


def make_record(
    submission: str = "alpha", scenario: str = "north", seed_index: int = 0, profit: float = 100.0, **changes: Any
) -> EpisodeRecord:
    """A row of an ordinary public episode; every field can be changed."""
    values: dict[str, Any] = {
        "submission": submission,
        "controller": "newsvendor",
        "track": "blind",
        "scenario": scenario,
        "published_id": None,
        "seed_index": seed_index,
        "seed": str(42 + seed_index),
        "outcome": "ok",
        "isolation": "process",
        "profit": profit,
        "fill_rate": 0.9,
        "immediate_fill_rate": 0.8,
        "service_level": 0.7,
        "average_inventory": 50.0,
        "unfilled": 12.0,
        "revenue": 500.0,
        "procurement_cost": 300.0,
        "holding_cost": 60.0,
        "operating_cost": 20.0,
        "shortage_penalty": 20.0,
        "fixed_ordering_cost": 0.0,
        "bullwhip_ratio": 4.0,
        "bullwhip_retailers": 1.5,
        "bullwhip_distributors": 2.0,
        "bullwhip_factories": 3.0,
        "inventory_turns": 10.0,
        "final_sentiment": 1.0,
        "planning_time": 0.25,
        "decision_time": 0.3,
        "decisions": 30,
        "clipped_orders": 1,
        "fallbacks": 0,
        "profit_bound": None,
        "failure_period": None,
        "failure_message": "",
        "stderr_tail": "",
        "contract_digest": "c" * 64,
        "submission_digest": f"digest of {submission}",
        "scenario_digest": f"digest of {scenario}",
        "commitment": None,
        "arena_version": "0.1.0",
        "python_version": "3.11.0",
        "numpy_version": "2.0.0",
        "finished_at": "2026-01-01T00:00:00+00:00",
    }
    return EpisodeRecord.model_validate({**values, **changes})


def make_episode(periods: int = 3, supply_links: int = 2, market_links: int = 1, **changes: Any) -> PlayedEpisode:
    """A row with series of which every number is different."""
    requested = np.arange(periods * supply_links, dtype=float).reshape(periods, supply_links) / 7
    demand = 1000 + np.arange(periods * market_links, dtype=float).reshape(periods, market_links) / 3
    return PlayedEpisode(make_record(**changes), requested, demand)
