"""Randomised scenarios to train on: families of demand, mixes of rules, random networks.

Everything here gives plain :class:`~arena.world.scenario.Scenario`, :class:`~arena.world.demand.Demand` and
:class:`~arena.world.network.Network` objects, so that any learner can train on them, ours or a third party's::

    import numpy as np
    from arena import load_network
    from arena.training_worlds import ScenarioMix, broad_effects

    mix = ScenarioMix(families=[{"weight": 1, "family": broad_effects()}])
    scenario = mix.draw(np.random.default_rng(7), load_network("divergent"))
"""

from arena.training_worlds.demand import (
    DemandFamily,
    EffectsFamily,
    SeriesFamily,
    broad_effects,
    broad_series,
    launches,
    published_effects,
    published_series,
)
from arena.training_worlds.lead_times import SupplyRanges
from arena.training_worlds.networks import RandomNetworks
from arena.training_worlds.scenarios import (
    EpisodeDraw,
    GoodwillRanges,
    ScenarioMix,
    WeightedFamily,
    mean_paths,
    smallest_means,
)

__all__ = [
    "DemandFamily",
    "EffectsFamily",
    "EpisodeDraw",
    "GoodwillRanges",
    "RandomNetworks",
    "ScenarioMix",
    "SeriesFamily",
    "SupplyRanges",
    "WeightedFamily",
    "broad_effects",
    "broad_series",
    "launches",
    "mean_paths",
    "published_effects",
    "published_series",
    "smallest_means",
]
