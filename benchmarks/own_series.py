"""Random worlds of one stock point on which controllers are tuned: own series, own costs, own lead-time laws.

Series have a level, and may have a trend, a season, changes of level or noise at random times, a life cycle, demand
that comes now and then, and noise that is Poisson, normal or log-normal. Nothing is taken from any board but the shape
of its game: five samples before the first period, lost sales, hidden arrivals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PERIODS = 48
SAMPLES = 5


def own_series(generator: np.random.Generator, periods: int) -> np.ndarray:
    """Draw a series of whole units, (periods,)."""
    level = float(np.exp(generator.uniform(np.log(3.0), np.log(400.0))))
    time = np.arange(periods)
    mean = np.full(periods, level)
    kind = generator.choice(["flat", "walk", "trend", "season", "changes", "cycle", "intermittent", "ar", "both"])
    if kind == "walk":
        mean = level * np.exp(np.cumsum(generator.normal(0.0, generator.uniform(0.03, 0.25), periods)))
    if kind in ("trend", "both"):
        mean = mean * np.maximum(1.0 + generator.uniform(-1.0, 2.5) * time / periods, 0.02)
    if kind in ("season", "both"):
        length = float(np.exp(generator.uniform(np.log(3.0), np.log(40.0))))
        phase = generator.uniform(0.0, 2.0 * np.pi)
        mean = mean * (1.0 + generator.uniform(0.15, 0.8) * np.sin(2.0 * np.pi * time / length + phase))
    if kind == "changes":
        for start in np.sort(generator.integers(3, periods, generator.integers(1, 4))):
            mean[start:] = level * np.exp(generator.normal(0.0, 0.7))
    if kind == "cycle":
        peak, width = generator.uniform(0, periods), generator.uniform(5.0, 30.0)
        mean = level * (0.05 + np.exp(-0.5 * ((time - peak) / width) ** 2))
        mean *= np.exp(np.cumsum(generator.normal(0.0, 0.1, periods)))
    noise = generator.choice(["poisson", "normal", "lognormal", "heavy"])
    spread = generator.uniform(0.05, 0.6)
    if noise == "poisson":
        units = generator.poisson(np.minimum(mean, 1e6)).astype(float)
    elif noise == "normal":
        spreads = np.where(time < generator.integers(0, 2 * periods), spread, generator.uniform(0.05, 0.6))
        units = mean + spreads * (level if generator.random() < 0.5 else mean) * generator.standard_normal(periods)
    elif noise == "lognormal":
        units = mean * np.exp(spread * generator.standard_normal(periods) - spread**2 / 2)
    else:
        units = mean * np.exp(0.7 * spread * generator.standard_t(4, periods))
    if kind == "ar":
        coefficient, state = generator.uniform(-0.5, 0.95), 0.0
        deviations = np.empty(periods)
        for period in range(periods):
            state = coefficient * state + np.sqrt(1 - coefficient**2) * generator.standard_normal()
            deviations[period] = state
        units = units * np.exp(0.5 * spread * deviations)
    if kind == "intermittent":
        units = units * (generator.random(periods) < generator.uniform(0.2, 0.8))
    return np.maximum(np.rint(np.minimum(units, 50.0 * level)), 0.0)


def own_lead_times(generator: np.random.Generator, periods: int) -> tuple[str, int, list[int | None]]:
    """Draw a cell, a promised lead time and the lead times of all orders."""
    which = generator.integers(3)
    if which < 2:
        fixed = int(generator.integers(0, 2) if which == 0 else generator.integers(3, 5))
        return ("short" if which == 0 else "long"), fixed, [fixed] * periods
    promised = int(generator.integers(1, 4))
    law = generator.dirichlet([1.0, 1.0, 1.0, 1.0, 1.0])
    values: list[int | None] = [max(0, promised - 1), promised, promised + 1, min(4, promised + 2), None]
    places = generator.choice(5, size=periods, p=0.7 * law + 0.3 * np.array([0.25, 0.3, 0.25, 0.0, 0.2]))
    lead_times = [None if values[place] is None else min(4, values[place]) for place in places.tolist()]
    lead_times[0] = promised
    return "varying", promised, lead_times


def own_instances(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Draw worlds; equal numbers give equal worlds.

    Args:
        count: number of worlds.
        first: number of the first one.
    """
    instances: list[dict[str, Any]] = []
    number = first
    while len(instances) < count:
        generator = np.random.default_rng([20260, number])
        units = own_series(generator, PERIODS + SAMPLES)
        cell, promised, lead_times = own_lead_times(generator, PERIODS)
        price = float(generator.choice([1.0, 4.0, 19.0]))
        number += 1
        if units[:SAMPLES].sum() == 0 or units[SAMPLES:].sum() < 20:
            continue
        instances.append(
            {
                "id": f"own/{number}",
                "cell": f"{cell}-price-{price:g}",
                "promised_lead_time": promised,
                "price": price,
                "holding_cost": 1.0,
                "history": units[:SAMPLES].tolist(),
                "demand": units[SAMPLES:].tolist(),
                "lead_times": lead_times,
            }
        )
    return instances
