"""Customers' demand, period by period: of one episode, and of a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from arena.simulate.columns import Column
from arena.simulate.streams import spawned_generator
from arena.world.demand import Demand
from arena.world.scenario import Scenario

_HISTORY_STREAM: Final = 0x68697374  # keeps what was before period 0 apart from what is played
_WINDOW_STREAM: Final = 0x77696E64  # keeps the choice of windows apart from both


class Customers:
    """The demand of a scenario's customers.

    Args:
        scenario: what is played.
        paths: mean demand at sentiment 1, shape (market links, periods), or (market links, periods, episodes) where the
            episodes of a batch differ in it; None for the scenario's own.
    """

    def __init__(self, scenario: Scenario, paths: NDArray[np.float64] | None = None) -> None:
        path = scenario.mean_path if paths is None else paths
        self._demands = scenario.demands
        self._draws: list[Callable[[np.random.Generator, float], float]] = [_drawing(each) for each in self._demands]
        self._smallest: list[float] = scenario.smallest_means.tolist()
        self._is_one_path = path.ndim == 2
        self._means: list[Any] = (
            [tuple(column) for column in path.T.tolist()] if path.ndim == 2 else list(path.transpose(1, 0, 2))
        )
        self._dependence = scenario.dependence
        self._before: list[Any] = []

    def begin(self) -> None:
        """Begin a new episode, or a batch of them."""
        self._before = []

    def single(self, generator: np.random.Generator, period: int, sentiment: float) -> list[float]:
        """Demand of one episode in a period, units per market link.

        Args:
            generator: the episode's stream; one draw per market link is taken from it, in their order.
            period: about to be played; periods follow each other from 0.
            sentiment: of the period.
        """
        means = self._means[period]
        if self._dependence is None:
            return [
                draw(generator, max(smallest, mean * sentiment))
                for draw, smallest, mean in zip(self._draws, self._smallest, means, strict=True)
            ]
        uniforms, self._before = self._dependence.step(generator.random(len(means)).tolist(), self._before)
        return [
            demand.quantile(float(uniform), max(smallest, mean * sentiment))
            for demand, uniform, smallest, mean in zip(self._demands, uniforms, self._smallest, means, strict=True)
        ]

    def shared(
        self, generator: np.random.Generator, period: int, sentiment: Column, *, is_calm: bool
    ) -> NDArray[np.float64]:
        """Demand of a batch in a period from one stream, units, shape (market links, episodes).

        Args:
            generator: of the whole batch; it draws for all episodes of a market link, then for those of the next one.
            period: as in :meth:`single`.
            sentiment: per episode.
            is_calm: whether sentiment is always 1, so that episodes of one path share a mean, drawn from faster.
        """
        count, means = len(sentiment), self._means[period]
        if is_calm and self._is_one_path and self._dependence is None:
            drawn = [
                demand.draw_batch(generator, max(smallest, means[first]), links * count).reshape(links, count)
                for demand, smallest, first, links in self._alike
            ]
            return drawn[0] if len(drawn) == 1 else np.concatenate(drawn)
        uniforms: list[Any] | None = None
        if self._dependence is not None:
            fresh = [generator.random(count) for _ in self._demands]
            uniforms, self._before = self._dependence.step(fresh, self._before)
        found = []
        for j, (demand, smallest, mean) in enumerate(zip(self._demands, self._smallest, means, strict=True)):
            if uniforms is not None:
                found.append(demand.quantile(np.asarray(uniforms[j]), np.maximum(smallest, mean * sentiment)))
            else:
                found.append(demand.draw_batch(generator, np.maximum(smallest, mean * sentiment)))
        return np.array(found)

    @cached_property
    def _alike(self) -> list[tuple[Demand, float, int, int]]:
        """Market links that are drawn with one call: demand, its floor, the first link, and how many follow each other.

        Those of one demand and one path, drawn together, take from a stream what they take one after the other.
        """
        paths = list(zip(*self._means, strict=True))

        def kind(link: int) -> tuple[Any, ...]:
            demand = self._demands[link]
            is_published = type(demand) is Demand and demand.sampling == "direct"
            return (id(demand), paths[link]) if is_published else (link,)

        groups, first = [], 0
        for _, each in groupby(range(len(self._demands)), kind):
            links = len(list(each))
            groups.append((self._demands[first], self._smallest[first], first, links))
            first += links
        return groups

    def independent(
        self, generators: Sequence[np.random.Generator], period: int, sentiment: Column
    ) -> list[NDArray[np.float64]]:
        """The same, each episode from a stream of its own, as :meth:`single` draws it, bit for bit."""
        means = [
            np.maximum(low, mean * sentiment) for low, mean in zip(self._smallest, self._means[period], strict=True)
        ]
        if self._dependence is not None:
            fresh = np.array([stream.random(len(means)) for stream in generators])
            uniforms, self._before = self._dependence.step(list(np.ascontiguousarray(fresh.T)), self._before)
            return [
                demand.quantile(np.asarray(uniform), mean)
                for demand, uniform, mean in zip(self._demands, uniforms, means, strict=True)
            ]
        return [
            np.array([draw(stream, level) for stream, level in zip(generators, mean.tolist(), strict=True)])
            for draw, mean in zip(self._draws, means, strict=True)
        ]


def _drawing(demand: Demand) -> Callable[[np.random.Generator, float], float]:
    """`Demand.draw`, for what is published without its choices: it is called for every market link and period."""
    if type(demand) is not Demand or demand.sampling != "direct" or demand.distribution != "poisson":
        return demand.draw
    noise_scale = demand.noise_scale

    def draw(generator: np.random.Generator, mean: float) -> float:
        return max(0.0, mean + noise_scale * (generator.poisson(mean) - mean))

    return draw


def history_generator(entropy: SupportsIndex) -> np.random.Generator:
    """The random stream of what was before period 0: a child of the episode's, so that what is played does not move.

    Args:
        entropy: the episode's seed.
    """
    return spawned_generator(entropy, _HISTORY_STREAM)


def window_generator(entropy: SupportsIndex) -> np.random.Generator:
    """The random stream from which environments choose windows.

    Args:
        entropy: the seed of the environment.
    """
    return spawned_generator(entropy, _WINDOW_STREAM)


def draw_history(
    scenario: Scenario, generator: np.random.Generator, first: Callable[[], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Demand of the periods before period 0, at sentiment 1.

    Autoregressive demand is drawn backwards from the first period played, which a stationary Gaussian series allows:
    it is its own reversal (exactly so where market links are independent or have one coefficient).

    Args:
        scenario: what is played.
        generator: the stream of histories.
        first: gives the uniforms that the first period played will take, one per market link; called where they matter.

    Returns:
        Units, shape (history, market links), oldest period first, read-only.
    """
    means, demands = scenario.history_path.T.tolist(), scenario.demands
    dependence = scenario.dependence
    if dependence is None:
        rows = [[demand.draw(generator, mean) for demand, mean in zip(demands, row, strict=True)] for row in means]
    else:
        before = dependence.step(first().tolist(), dependence.begin())[1] if means else []
        reversed_uniforms = []
        for _ in means:
            dependent, before = dependence.step(generator.random(len(demands)).tolist(), before)
            reversed_uniforms.append(dependent)
        rows = [
            [demand.quantile(float(u), mean) for demand, u, mean in zip(demands, uniforms, row, strict=True)]
            for uniforms, row in zip(reversed(reversed_uniforms), means, strict=True)
        ]
    history = np.array(rows, dtype=np.float64).reshape(scenario.history, len(demands))
    history.flags.writeable = False
    return history
