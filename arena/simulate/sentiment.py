"""Goodwill's step: how customers' sentiment moves from one period to the next."""

from __future__ import annotations

from arena.simulate.columns import Column, Operations, operations_of
from arena.simulate.compiled import GoodwillColumns
from arena.world.demand import Goodwill


def next_sentiment(
    goodwill: Goodwill | GoodwillColumns,
    sentiment: Column,
    short: Column,
    *,
    is_share: bool = False,
    operations: Operations | None = None,
) -> Column:
    """Sentiment of a period, from that of the period before.

    After a shortage sentiment (s) becomes ``max(floor, decay * s)``, after full service ``min(cap, growth * s)``. It is
    1 in period 0 and moves for the first time in period 1. Neither branch falls as ``s`` grows.

    Args:
        goodwill: the dynamics.
        sentiment: of the period before, relative to 1: a float, or a column of numpy or torch over a batch.
        short: whether the period before ended with unfilled units on any market link: a boolean, or a column of them.
        is_share: whether ``short`` is a share in [0, 1] instead, by which both branches are weighed; so a surrogate of
            the indicator lets gradients through (see `arena.smooth_stock_out`).
        operations: those of the column's kind, if at hand; found from ``sentiment`` otherwise.

    Returns:
        Sentiment of the period, of the kind of ``sentiment``.

    Raises:
        TypeError: If ``sentiment`` is neither a number nor an array of a known namespace.

    Source: gym-invmgmt (arXiv 2605.11355).

    >>> goodwill = Goodwill(growth=1.25, decay=0.5, cap=2.0, floor=0.4)
    >>> next_sentiment(goodwill, 1.0, False), next_sentiment(goodwill, 1.0, True)
    (1.25, 0.5)
    >>> next_sentiment(goodwill, 1.8, False), next_sentiment(goodwill, 0.6, True)
    (2.0, 0.4)
    """
    if operations is None:
        operations = operations_of(sentiment)
    fallen = operations.at_least(sentiment * goodwill.decay, goodwill.floor)
    risen = operations.at_most(sentiment * goodwill.growth, goodwill.cap)
    if is_share:
        return fallen * short + risen * (1.0 - short)
    return operations.where(short, fallen, risen)
