"""Levels of the items of a panel: exponential weights over demand without season, shrunk to the long mean."""

from __future__ import annotations

import numpy as np

from arena_forecasting.panel.observed import FloatArray, Panel
from arena_forecasting.panel.settings import PanelSettings


def weighted_levels(panel: Panel, factors: FloatArray, memory: float, settings: PanelSettings) -> FloatArray:
    """Level of each item after each period, units per period without season, (periods, items).

    With weights w = memory^age · v over the known periods, the level is (Σ w·demand + k·m) / (Σ w·factor + k). m is the
    long mean, likewise with long weights and itself shrunk a little to the mean of all items; k, in periods, is the
    weight of the long mean, larger for items that sell little: what they did lately says less.

    Demand over factor has the variance m/factor + d·m² where counts have the dispersion d, so a high season says more
    about an item that sells little than about one that sells much: v = (1 + d·m) / (1 + d·m·factor).

    Args:
        panel: What was seen.
        factors: Season by period, above 0, (periods,).
        memory: Weight of a period in relation to the next one, above 0 and below 1.
        settings: How much is shrunk.
    """
    recent, recent_weight = np.zeros(panel.items), np.zeros(panel.items)
    distant, distant_weight = np.zeros(panel.items), np.zeros(panel.items)
    long_memory = 1.0 - 1.0 / settings.long_memory
    common = panel.demand.sum() / max(float(panel.known.sum()), 1.0)
    long_mean = np.full(panel.items, common)
    levels = np.empty(panel.demand.shape)
    for period, (demand, known) in enumerate(zip(panel.demand, panel.known, strict=True)):
        spread = settings.season_dispersion * long_mean
        weight = (1 + spread) / (1 + spread * factors[period])
        sold, seen = weight * demand, weight * known * factors[period]
        recent, recent_weight = memory * recent + sold, memory * recent_weight + seen
        distant, distant_weight = long_memory * distant + sold, long_memory * distant_weight + seen
        long_mean = (distant + settings.common_weight * settings.common_share * common) / (
            distant_weight + settings.common_weight
        )
        shrinkage = settings.long_weight + settings.slow_weight / (long_mean + settings.slow_sales)
        levels[period] = (recent + shrinkage * long_mean) / (recent_weight + shrinkage)
    return levels


def averaged_levels(panel: Panel, factors: FloatArray, settings: PanelSettings) -> FloatArray:
    """Mean of the levels at several speeds, (periods, items); see `weighted_levels`."""
    levels = [weighted_levels(panel, factors, memory, settings) for memory in settings.memories]
    return np.asarray(np.mean(levels, axis=0), dtype=np.float64)
