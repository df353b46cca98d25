"""What a blind controller believes about demand: a mixture of two hypotheses, weighed by how well each foretold it.

- Structure (`structure`): level × trend × season × lasting shock, each effect perhaps absent, with one shape for
  all market links.
- Level (`steady_level`): a level that wanders at an unknown pace, on every market link by itself. It stands for
  intermittent series and for changes of no known form.

Both learn from demand relative to the sentiment at which it was drawn, both know neither level nor dispersion, and both
are exact or close to it; nothing about any scenario is built in. The believed sentiment itself is in `goodwill`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtr

from arena import Briefing, Goodwill, Observation, presumed_demand
from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.demand_paths import DemandPaths, by_importance, centred_normals
from arena_optimization.beliefs.goodwill import GoodwillBelief
from arena_optimization.beliefs.seen_demand import SeenDemand
from arena_optimization.beliefs.steady_level import LevelBank
from arena_optimization.beliefs.structure import StructureParticles
from arena_optimization.config import BeliefConfig

_JOINT_FILTERS = 128
"""Combinations of the market links' filters that stand for all of them, where there are several market links."""


_FIRST_MOVE_SEEN = 2
"""Sentiment is 1 in period 0 and moves for the first time in period 1, which the observation of period 2 shows."""


class BayesianBelief:
    """Learns from one observation per period and foretells demand.

    Learning and foretelling use separate random streams of the seed: what is asked for does not change what is learnt,
    and the same question in the same period has the same answer.
    """

    def __init__(self, briefing: Briefing, config: BeliefConfig, seed: int) -> None:
        """Begin with the prior.

        Args:
            briefing: The episode. Of the network only its structure and stocks are used, and the history that is told.
            config: The prior.
            seed: Of the particles and the paths.
        """
        self._config = config
        self._seed = seed
        presumed = presumed_demand(briefing.network, fallback=config.fallback_level, lead_time="retailer")
        levels = presumed * config.level_factor
        self._seen = SeenDemand(briefing, presumed)
        history = self._seen.history[-config.history :] if config.history else self._seen.history[:0]
        self._before = len(history)
        self._markets = len(levels)
        self._level = LevelBank(config.level, config.level_shape, levels)
        self._structure = StructureParticles(
            config.structure,
            briefing.horizon + self._before,
            config.level_shape,
            levels,
            np.random.default_rng([seed, 0]),
        )
        self._goodwill = GoodwillBelief(config.goodwill)
        self._period = 0
        for demand in history:
            self._level.observe(demand, 1.0)
            self._structure.observe(demand, 1.0)

    def observe(self, observation: Observation) -> None:
        """Take in what is seen before a decision; once per period, from period 0 on.

        Args:
            observation: Its last demand was drawn at its sentiment; there is none in period 0.
        """
        self._goodwill.observe(observation)
        self._period = observation.period
        if observation.period > 0:
            demand = self._seen.of(observation)
            self._level.observe(demand, observation.sentiment)
            self._structure.observe(demand, observation.sentiment)

    @property
    def goodwill(self) -> Goodwill | None:
        """Believed sentiment dynamics; None while the sentiment has never moved."""
        return self._goodwill.dynamics

    @property
    def possible_loss(self) -> float:
        """Share of later demand that a shortage may cost while sentiment cannot have shown whether it moves."""
        return self._config.goodwill.possible_loss if self._period < _FIRST_MOVE_SEEN else 0.0

    @property
    def structure_probability(self) -> float:
        """Posterior probability of the hypothesis "structure"."""
        share = self._config.structure_share
        odds = np.log(share / (1.0 - share)) + self._structure.log_evidence - self._level.log_evidence
        return float(1.0 / (1.0 + np.exp(-np.clip(odds, -700.0, 700.0))))

    def draw(self, horizon: int, count: int) -> DemandPaths:
        """Possible demand of the coming periods: equally probable paths that together stand for the belief.

        Args:
            horizon: Number of periods, at least 1.
            count: Number of paths, at least 1.
        """
        markets, cells = self._markets, self._markets * horizon
        generator = np.random.default_rng([self._seed, 1, self._period])
        normals = centred_normals(1 + markets + 2 * cells, count, generator) * self._config.spread
        place, levels, noise, steps = np.split(normals, np.cumsum([1, markets, cells]), axis=1)
        noise = by_importance(noise.reshape(count, horizon, markets))
        steps = by_importance(steps.reshape(count, horizon, markets))
        chosen = self._choose(ndtr(place[:, 0]), horizon, generator)
        level = gammaincinv(chosen.shape, np.clip(ndtr(levels), 1e-9, 1.0 - 1e-9)) / chosen.rate
        # The level keeps its median while it wanders: its mean rises. The filter's own law keeps the mean, but then
        # nearly all paths of a lumpy series fade away, and the plan is not ready when it revives.
        wandering = np.exp(np.cumsum(chosen.step[:, :, None] * steps, axis=2))
        return DemandPaths(
            base=level[:, :, None] * chosen.path[:, None, :] * wandering,
            normals=noise,
            dispersion=chosen.dispersion[:, :, None],
        )

    def _choose(self, places: FloatArray, horizon: int, generator: np.random.Generator) -> _Chosen:
        """A particle or a combination of filters for every path, where the paths lie in the order of total demand."""
        structure, bank, probability = self._structure, self._level, self.structure_probability
        now = self._before + self._period
        shape, rate = structure.levels()
        paths = structure.shapes(now, now + horizon)
        filters, filter_weights = bank.joint(_JOINT_FILTERS, generator)
        links = np.arange(self._markets)
        totals = np.concatenate(
            [np.sum(shape / rate, axis=1) * paths.sum(axis=1), bank.means[filters, links].sum(axis=1) * horizon]
        )
        weights = np.concatenate([probability * np.exp(structure.log_weights), (1.0 - probability) * filter_weights])
        order = np.argsort(totals, kind="stable")
        cumulative = np.cumsum(weights[order])
        picked = order[np.minimum(np.searchsorted(cumulative / cumulative[-1], places), len(order) - 1)]
        structured = (picked < len(paths))[:, None]
        particle = np.where(structured[:, 0], picked, 0)
        filter_ = filters[np.where(structured[:, 0], 0, picked - len(paths))]
        return _Chosen(
            shape=np.where(structured, shape[particle], bank.shape[filter_, links]),
            rate=np.where(structured, rate[particle], bank.rate[filter_, links]),
            step=np.where(structured, 0.0, bank.step[filter_, links]),
            dispersion=np.where(structured, structure.dispersion[particle, None], bank.dispersion[filter_]),
            path=np.where(structured, paths[particle], 1.0),
        )


@dataclass(frozen=True)
class _Chosen:
    """What one path each is drawn from.

    Attributes:
        shape: Of the gamma belief about the level, (paths, market links).
        rate: Likewise.
        step: Standard deviation of a period's change of the log level, (paths, market links).
        dispersion: Variance / mean, (paths, market links).
        path: Mean demand relative to the level, (paths, horizon).
    """

    shape: FloatArray
    rate: FloatArray
    step: FloatArray
    dispersion: FloatArray
    path: FloatArray
