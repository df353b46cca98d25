"""The episode that a clairvoyant controller knows: played to its end, and its demand for every service pattern.

Under goodwill demand depends on what is played, but only through the service pattern: which periods ended with unfilled
units. Given the pattern, sentiment follows, and given sentiment, the episode's stream gives the demand. So every
pattern has one trace of demand, `demand_of`, whichever way demand is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena import Briefing, Ledger, Network, OracleBriefing, next_sentiment
from arena_optimization.arrays import BoolArray, FloatArray
from arena_optimization.programs.unplannable import refuse_unplannable


def told_in_full(briefing: Briefing) -> OracleBriefing:
    """The same briefing, as one that tells the whole episode, and one that the programs can state.

    Raises:
        ValueError: Naming what is wrong, why, and what to do.
    """
    if not isinstance(briefing, OracleBriefing):
        raise ValueError(
            f"the {briefing.track} track does not tell what a clairvoyant controller needs; play it on the oracle track"
        )
    refuse_unplannable(briefing)
    if briefing.network.varying_links and briefing.realised_lead_times is None:
        raise ValueError(
            "briefing without realised_lead_times: lead times vary here, and the oracle needs those to come; "
            "brief with realised_lead_times=..."
        )
    if briefing.goodwill is None:
        if briefing.realised_demand is None:
            raise ValueError("briefing without realised_demand: the oracle needs it; brief with realised_demand=...")
    elif briefing.scenario is None or briefing.stream is None:
        raise ValueError(
            "briefing without scenario and stream: under goodwill the oracle has to replay the episode; give brief() "
            "the episode's seed as entropy"
        )
    return briefing


@dataclass(frozen=True)
class Played:
    """An episode played to its end.

    Attributes:
        profit: Money.
        orders: What was ordered, within the bound, (periods, supply links).
        demand: The demand that it met, (periods, market links).
        short: Whether any unit was unfilled at the end of the period, (periods,).
        ledger: All that moved.
    """

    profit: float
    orders: FloatArray
    demand: FloatArray
    short: BoolArray
    ledger: Ledger


def play(briefing: OracleBriefing, orders: FloatArray) -> Played:
    """Play the episode of a briefing with given orders, (periods, supply links), clipped as in a contest."""
    simulator, orders = briefing.simulator(), np.clip(orders, 0.0, briefing.order_bound)
    for period in orders:
        simulator.step(period)
    ledger = simulator.ledger()
    short = np.any(ledger.unfilled > 0, axis=1)
    return Played(float(ledger.reward.sum()), orders, ledger.demand, short, ledger)


def placed(network: Network, shipments: FloatArray) -> FloatArray:
    """The orders behind shipments, (periods, supply links): as much earlier as suppliers see them later."""
    if not any(network.order_delays):
        return shipments
    orders = np.zeros_like(shipments)
    for link, delay in enumerate(network.order_delays):
        orders[: max(0, len(orders) - delay), link] = shipments[delay:, link]
    return orders


def demand_of(briefing: OracleBriefing, short: BoolArray) -> FloatArray:
    """The demand of the episode if the periods that end with unfilled units are exactly these.

    Args:
        briefing: An episode with goodwill.
        short: Periods, (periods,); the last one changes nothing.

    Returns:
        Units, (periods, market links).
    """
    scenario, generator = briefing.scenario, briefing.generator()
    assert scenario is not None
    # What depends on other demand is in the uniforms, and sampled by inverse CDF.
    is_dependent = scenario.dependence is not None
    uniforms = briefing.uniforms().tolist() if is_dependent else []
    sentiments = sentiments_of(briefing, short)
    demand = np.empty((scenario.horizon, len(scenario.network.market_links)))
    for period, sentiment in enumerate(sentiments):
        means = scenario.mean_demand(period, period + 1, sentiment)[:, 0].tolist()
        if is_dependent:
            each = zip(scenario.demands, uniforms[period], means, strict=True)
            demand[period] = [one.quantile(uniform, mean) for one, uniform, mean in each]
        else:
            demand[period] = [one.draw(generator, mean) for one, mean in zip(scenario.demands, means, strict=True)]
    return demand


def sentiments_of(briefing: OracleBriefing, short: BoolArray) -> list[float]:
    """The sentiment of every period of the same episode: 1, and from then on moved by the period before."""
    goodwill = briefing.goodwill
    assert goodwill is not None
    sentiments = [1.0]
    for was_short in short[:-1].tolist():
        sentiments.append(next_sentiment(goodwill, sentiments[-1], was_short))
    return sentiments
