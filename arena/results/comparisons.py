"""Comparisons of two submissions that play the same rule: with the full view, or with parameters fitted offline.

Both meet the same demand, so differences are taken seed by seed. The *price of decentralisation* is what one controller
per node earns less than the same rule with the full view. The literature calls it the value of centralised
demand information: the relative difference of the results of a policy that needs it and of one that makes do with local
information (Chen 1998, Management Science 44, S221). A larger number is worse for the local rule, and a negative one
says that it earned more. The *worth* of a language model is what it earns more than the fitted parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.compared import Interval, LlmRow, PriceOfDecentralisation, ScenarioPrice
from arena.results.statistics import Estimate

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord

Matrix = NDArray[np.float64]


class Profits(NamedTuple):
    """What a submission earned on a suite.

    Attributes:
        episodes: profits, (scenarios, seeds). Two submissions met the same demand in the same place.
        units: makes independent units of such an array; see `arena.results.statistics`.
        estimate: estimates a mean from such units.
    """

    episodes: Matrix
    units: Callable[[Matrix], Matrix]
    estimate: Callable[[Matrix], Estimate | None]


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
            **_price(local.episodes[place][None], full.episodes[place][None], local.estimate),
        )
        for place, scenario in enumerate(scenarios)
    ]
    return PriceOfDecentralisation(
        submission=submission,
        full_view=full_view,
        **_price(local.units(local.episodes), full.units(full.episodes), local.estimate),
        by_scenario=tuple(by_scenario),
    )


def _price(local: Matrix, full: Matrix, estimate: Callable[[Matrix], Estimate | None]) -> dict[str, object]:
    """Return the fields of a price, of the units of both profits, (strata, units)."""
    profit, full_profit = (float(units.mean(axis=-1).sum()) for units in (local, full))
    price = full_profit - profit
    comparable = full_profit > 0
    # As a score, the share is a ratio of means; its value on a unit is linear in both profits.
    ratio = price / full_profit if comparable else np.nan
    shares = ratio / len(full) + (full - local - ratio * full) / full_profit if comparable else None
    return {
        "profit": profit,
        "full_view_profit": full_profit,
        "price": price,
        "price_interval": _interval(estimate(full - local)),
        "share": float(ratio) if comparable else None,
        "share_interval": None if shares is None else _interval(estimate(shares)),
    }


def _interval(one: Estimate | None) -> Interval | None:
    return None if one is None else one.interval


def language_model_row(
    submission: str,
    records: Sequence[EpisodeRecord],
    fitted_rule: str | None,
    profits: Mapping[str, Profits | None],
) -> LlmRow | None:
    """Add up what a submission asked of language models; None if it asked nothing.

    Args:
        submission: its name.
        records: its episodes on the suite, those that the arena failed to play left out.
        fitted_rule: the submission that plays the same rule with fitted parameters; None if the manifest names none.
        profits: of both, where they have played every scenario and seed.
    """
    if not any(record.llm_calls for record in records):
        return None
    answered = any(record.llm_calls > record.llm_failures for record in records)
    worth, interval = _worth(profits.get(submission), profits.get(fitted_rule or "")) if answered else (None, None)
    costs = [record.llm_cost for record in records if record.llm_calls]
    models = {model for record in records for model in record.llm_model.split(", ") if model}
    return LlmRow(
        submission=submission,
        models=", ".join(sorted(models)),
        calls=sum(record.llm_calls for record in records),
        failures=sum(record.llm_failures for record in records),
        parse_failures=sum(record.parse_failures for record in records),
        repairs=sum(record.repairs for record in records),
        fallbacks=sum(record.fallbacks for record in records),
        fallback_episodes=sum(record.fallbacks > 0 for record in records),
        prompt_tokens=sum(record.prompt_tokens for record in records),
        completion_tokens=sum(record.completion_tokens for record in records),
        seconds=sum(record.llm_seconds for record in records),
        cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        fitted_rule=fitted_rule,
        worth=worth,
        worth_interval=interval,
    )


def _worth(mine: Profits | None, fitted: Profits | None) -> tuple[float | None, Interval | None]:
    """Mean profit over that of the fitted rule, and its interval; paired by seed."""
    if mine is None or fitted is None:
        return None, None
    worth = mine.estimate(mine.units(mine.episodes - fitted.episodes))
    return (None, None) if worth is None else (worth.value, worth.interval)
