"""The sentiments that an episode can reach, as a layered graph, with the demand of each.

A node is a period and a sentiment. From it one arc leads to where a fully served period takes sentiment, another to
where a short one does. Sentiments that differ by rounding only share a node, so the graph grows with the number of
short periods and not with their order, until cap or floor are met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from arena import Goodwill, OracleBriefing, next_sentiment
from arena_optimization.arrays import FloatArray, IntArray

_SAME = 1e-12
"""Relative difference up to which sentiments count as one, if their demand is the same."""


class IndistinctSentiments(ValueError):  # noqa: N818 - named after what it reports
    """Two sentiments that rounding cannot tell apart have different demand, so that no graph is surely right."""


@dataclass(frozen=True)
class SentimentGraph:
    """Nodes by period, and the arcs that leave them.

    Attributes:
        sentiments: Sentiment of every node, (nodes,).
        first: Position of each period's first node, and the number of nodes at last, (periods + 1,).
        demand: Demand at every node, (nodes, market links), units.
        served: Node that full service leads to, (nodes,); -1 in the last period.
        short: Node that a shortage leads to, (nodes,); -1 in the last period.
        most_owed: Largest backlog that a period can leave unfilled at every node, (nodes, market links), units:
            all demand since the last full service on the way that wants most, and those who waited from the beginning.
    """

    sentiments: FloatArray
    first: IntArray
    demand: FloatArray
    served: IntArray
    short: IntArray
    most_owed: FloatArray


@dataclass(frozen=True)
class _Node:
    """A range of sentiments that rounding cannot tell apart, and their demand."""

    low: float
    high: float
    demand: tuple[float, ...]


class _Arc(NamedTuple):
    """From a node of a period to one of the next; nodes are counted within their periods."""

    period: int
    tail: int
    short: bool
    head: int


def sentiment_graph(briefing: OracleBriefing) -> SentimentGraph:
    """Find the sentiments of an episode and their demand.

    Args:
        briefing: An episode with goodwill whose demand is sampled by inverse CDF.

    Raises:
        ValueError: If demand is sampled directly: then it is no function of period and sentiment.
        IndistinctSentiments: If rounding leaves open which demand a sentiment has.
    """
    scenario, goodwill, uniforms = briefing.scenario, briefing.goodwill, briefing.uniforms()
    assert scenario is not None
    assert goodwill is not None

    def demand(period: int, sentiment: float) -> tuple[float, ...]:
        means = scenario.mean_demand(period, period + 1, sentiment)[:, 0].tolist()
        each = zip(scenario.demands, uniforms[period].tolist(), means, strict=True)
        return tuple(one.quantile(uniform, mean) for one, uniform, mean in each)

    # With a noise scale above 1 demand need not rise with the mean, so equal ends would say nothing of what is between.
    same = _SAME if (scenario.noise_scales <= 1.0).all() else 0.0
    layers = [[_Node(1.0, 1.0, demand(0, 1.0))]]
    arcs: list[_Arc] = []
    for period in range(1, scenario.horizon):
        reached = sorted(
            (*_moved(node, goodwill, short), position, short)
            for position, node in enumerate(layers[-1])
            for short in (False, True)
        )
        layer: list[_Node] = []
        origins: list[list[tuple[int, bool]]] = []
        for low, high, position, short in reached:
            wanted = demand(period, low)
            differs = high > low and not _equal(wanted, demand(period, high))
            last = layer[-1] if layer else None
            if last is not None and not differs and high - last.low <= same * high and _equal(wanted, last.demand):
                layer[-1] = _Node(last.low, max(last.high, high), last.demand)
                origins[-1].append((position, short))
            else:
                layer.append(_Node(low, high, wanted))
                origins.append([(position, short)])
            if differs:
                raise IndistinctSentiments(
                    f"two sentiments of period {period} that rounding cannot tell apart have different demand "
                    f"({low!r} and {high!r}): no certificate is possible for this episode; play it without a bound"
                )
        arcs += [_Arc(period - 1, tail, short, head) for head, tails in enumerate(origins) for tail, short in tails]
        layers.append(layer)
    waiting = [link.initial_backlog for link in scenario.network.market_links]
    return _as_arrays(layers, arcs, waiting)


def _moved(node: _Node, goodwill: Goodwill, short: bool) -> tuple[float, float]:
    """Range of sentiments after a period; the step never falls as sentiment grows, rounding included."""
    return next_sentiment(goodwill, node.low, short), next_sentiment(goodwill, node.high, short)


def _equal(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= 1e-9 * max(1.0, abs(a)) for a, b in zip(one, other, strict=True))


def _as_arrays(layers: list[list[_Node]], arcs: list[_Arc], waiting: list[float]) -> SentimentGraph:
    first = np.concatenate([[0], np.cumsum([len(layer) for layer in layers])]).astype(np.int64)
    nodes = [node for layer in layers for node in layer]
    demand = np.array([node.demand for node in nodes])
    successors = np.full((2, len(nodes)), -1, dtype=np.int64)
    carried = np.zeros_like(demand)
    most_owed = demand.copy()
    most_owed[0] += waiting
    for period, tail, short, head in arcs:  # in the order of the periods, so that most_owed is complete at the tail
        source, target = first[period] + tail, first[period + 1] + head
        successors[int(short), source] = target
        if short:
            np.maximum(carried[target], most_owed[source], out=carried[target])
            most_owed[target] = demand[target] + carried[target]
    middle = np.array([(node.low + node.high) / 2 for node in nodes])
    return SentimentGraph(middle, first, demand, successors[0], successors[1], most_owed)
