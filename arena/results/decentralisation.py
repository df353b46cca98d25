"""The price of decentralisation: what one controller per node earns less than the same rule with the full view.

Both meet the same demand, so the difference is taken seed by seed. The literature calls it the value of centralised
demand information: the relative difference of the results of a policy that needs it and of one that makes do with local
information (Chen 1998, Management Science 44, S221). A larger number is worse for the local rule, and a negative one
says that it earned more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.intervals import percentile_interval
from arena.results.rows import PriceOfDecentralisation, ScenarioPrice

Matrix = NDArray[np.float64]


class Profits(NamedTuple):
    """What a submission earned on a suite.

    Attributes:
        means: mean profit by scenario, (scenarios,).
        draws: the same in every bootstrap resample of the seeds, (scenarios, resamples); NaN where there are none. Two
            submissions are compared on the same draws.
    """

    means: Matrix
    draws: Matrix


def price_of_decentralisation(
    submission: str, full_view: str, local: Profits | None, full: Profits | None, scenarios: Sequence[str]
) -> PriceOfDecentralisation:
    """Compute the price that a decentralised submission pays.

    Args:
        submission: its name.
        full_view: name of the submission that plays the same rule with the full view.
        local: what the first earned; None unless it has played every scenario and seed.
        full: what the second earned, likewise.
        scenarios: slugs of the scenarios.
    """
    if local is None or full is None:
        return PriceOfDecentralisation(submission=submission, full_view=full_view)
    by_scenario = [
        ScenarioPrice(
            scenario=scenario,
            **_price(local.means[place], full.means[place], local.draws[place], full.draws[place]),
        )
        for place, scenario in enumerate(scenarios)
    ]
    means = (local.means.mean(), full.means.mean())
    return PriceOfDecentralisation(
        submission=submission,
        full_view=full_view,
        **_price(*means, local.draws.mean(axis=0), full.draws.mean(axis=0)),
        by_scenario=tuple(by_scenario),
    )


def _price(local: float, full: float, local_draws: Matrix, full_draws: Matrix) -> dict[str, object]:
    """Return the fields of a price: of two mean profits and of their resamples, (resamples,)."""
    price, prices = full - local, full_draws - local_draws
    comparable = full > 0
    # A resample without profit has no share; the interval is None then, like that of any number that is none.
    shares = prices / np.where(full_draws > 0, full_draws, np.nan)
    return {
        "profit": float(local),
        "full_view_profit": float(full),
        "price": float(price),
        "price_interval": percentile_interval(prices),
        "share": float(price / full) if comparable else None,
        "share_interval": percentile_interval(shares) if comparable else None,
    }
