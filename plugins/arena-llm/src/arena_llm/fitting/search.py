"""The search: CMA-ES over schedules, all candidates of a generation played together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from arena import Scenario
from arena_llm.fitting.episodes import episodes_of
from arena_llm.parameters import BOUNDS, DEFAULT_VALUES
from arena_llm.rule import FloatArray

_LOW, _HIGH = (np.array(side) for side in zip(*BOUNDS, strict=True))


@dataclass(frozen=True)
class SearchSettings:
    """How long and how wide the search is.

    Attributes:
        stages: stages of a schedule.
        generations: of the search.
        candidates: of a generation.
        episodes: that every candidate plays of every scenario in a generation.
        spread: initial standard deviation, as a share of each parameter's range.
        seed: of the search and of the demand.
    """

    stages: int
    generations: int
    candidates: int
    episodes: int
    spread: float
    seed: int


def search(
    scenarios: Sequence[Scenario],
    track: Literal["blind", "informed"],
    settings: SearchSettings,
    told: Callable[[int, float], None] = lambda generation, objective: None,
) -> tuple[FloatArray, float]:
    """Find a schedule.

    Args:
        scenarios: what is played.
        track: what is seen.
        settings: of the search.
        told: called after every generation with its number and the mean objective of its candidates.

    Returns:
        Parameters by stage, (stages, 6), rounded to four digits: the mean of the search's final distribution. And its
        objective on fresh demand.
    """
    import cma

    size = settings.candidates * settings.episodes
    batches = [episodes_of(scenario, track, size) for scenario in scenarios]
    revenues = [_revenue(scenario) for scenario in scenarios]
    generator = np.random.default_rng(settings.seed)

    def objectives(schedules: FloatArray) -> FloatArray:
        repeated = np.repeat(schedules, size // len(schedules), axis=0)
        total = np.zeros(len(schedules))
        for batch, revenue in zip(batches, revenues, strict=True):
            profit = batch.play(repeated, int(generator.integers(2**31)))
            total += profit.reshape(len(schedules), -1).mean(axis=1) / revenue
        return total / len(batches)

    start = ((np.array(DEFAULT_VALUES) - _LOW) / (_HIGH - _LOW)).tolist() * settings.stages
    options = {"bounds": [0, 1], "popsize": settings.candidates, "seed": settings.seed, "verbose": -9}
    strategy: Any = cma.CMAEvolutionStrategy(start, settings.spread, options)
    for generation in range(settings.generations):
        shares = strategy.ask()
        found = objectives(_schedules(np.array(shares)))
        strategy.tell(shares, (-found).tolist())
        told(generation, float(found.mean()))
    best = np.round(_schedules(np.array([strategy.result.xfavorite]))[0], 4)
    return best, float(objectives(best[np.newaxis])[0])


def _schedules(shares: FloatArray) -> FloatArray:
    """Schedules from points of the unit cube, (candidates, stages, 6)."""
    return np.asarray(_LOW + shares.reshape(len(shares), -1, len(_LOW)) * (_HIGH - _LOW), dtype=np.float64)


def _revenue(scenario: Scenario) -> float:
    """Revenue of the mean demand at sentiment 1, money; where nothing has a price, penalties for all of it."""
    links = scenario.network.market_links
    means = scenario.mean_demand(0, scenario.horizon).sum(axis=1)
    by_price = float(np.array([link.price for link in links]) @ means)
    return by_price or float(np.array([link.shortage_penalty for link in links]) @ means) or 1.0
