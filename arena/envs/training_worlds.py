"""Episodes of one batch that differ in demand and rules: what a mix draws for them, as columns over the batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.envs.layout import EnvTrack, MeanPaths
from arena.simulate.arrivals import lead_time_table
from arena.simulate.columns import Column
from arena.simulate.compiled import CompiledScenario, GoodwillColumns
from arena.simulate.customers import draw_history
from arena.simulate.states import Columns
from arena.training_worlds import EffectsFamily, EpisodeDraw, ScenarioMix, mean_paths, smallest_means
from arena.world.customers import shown_link
from arena.world.demand import Goodwill
from arena.world.scenario import Scenario

_KEPT = ("discount", "upstream_shortage", "visible_demand", "visible_arrivals", "warm_up")

#: Sentiment dynamics under which sentiment stays 1.
_INDIFFERENT = (1.0, 1.0, np.inf, 0.0)


def check_mix(mix: ScenarioMix, scenario: Scenario) -> None:
    """Refuse a mix that does not fit a scenario: in its horizon, its levels of demand, or its initial stocks.

    Raises:
        ValueError: With what does not fit.
    """
    if mix.horizon != (scenario.horizon, scenario.horizon):
        raise ValueError(
            f"the episodes of a batch end together, after the {scenario.horizon} periods of the scenario, and the mix "
            f"draws horizons from {list(mix.horizon)}: set its horizon to [{scenario.horizon}, {scenario.horizon}]"
        )
    if scenario.visible_demand == "sales" and (mix.backlog or mix.goodwill):
        raise ValueError("with visible_demand: sales a mix draws lost sales without goodwill: set both to 0")
    without = [i for i, link in enumerate(scenario.network.market_links) if link.mean_demand is None]
    if without and any(
        isinstance(each.family, EffectsFamily) and each.family.base_mean is None for each in mix.families
    ):
        raise ValueError(
            "the mix takes the level of demand from the market links, and "
            f"{shown_link(scenario.network, without[0])} has no mean_demand: "
            "give the family a base_mean, or the link a mean_demand"
        )
    fullest = mix.model_copy(update={"initial_stock": (mix.initial_stock[1],) * 2})
    network = scenario.network
    fullest.draw_episode(np.random.default_rng(0), network.longest_lead_time).on(network, **_kept(scenario))


def _kept(scenario: Scenario) -> dict[str, Any]:
    """Fields of a scenario that no mix draws."""
    return {name: getattr(scenario, name) for name in _KEPT}


class DrawnEpisodes:
    """A batch of episodes, each of a scenario of its own on the network of one scenario.

    Args:
        scenario: gives the network and whatever is not drawn.
        compiled: the scenario compiled.
        mix: what is drawn from.
        generator: what is drawn with.
        count: number of episodes.
    """

    def __init__(
        self,
        scenario: Scenario,
        compiled: CompiledScenario,
        mix: ScenarioMix,
        generator: np.random.Generator,
        count: int,
    ) -> None:
        longest = scenario.network.longest_lead_time
        self.draws: Sequence[EpisodeDraw] = [mix.draw_episode(generator, longest) for _ in range(count)]
        self._scenario = scenario
        demands = [draw.demand for draw in self.draws]
        paths = np.ascontiguousarray(np.moveaxis(mean_paths(scenario, demands), 0, 2))
        self.means = MeanPaths(paths, smallest_means(scenario, demands).T[:, None, :])
        self._history = mix.history
        self._remembering = np.random.default_rng(generator.integers(2**63, size=4)) if mix.history else generator
        self.noise_scale = np.array([demand.noise_scale for demand in demands])
        self._waits = np.array([float(draw.backlog) for draw in self.draws])
        links = scenario.network.market_links
        has_own = [link.fulfilment is not None or link.waiting_share is not None for link in links]
        self._own_shares = [share if own else None for share, own in zip(compiled.carried_shares, has_own, strict=True)]
        moods = np.array([_numbers(draw.goodwill) for draw in self.draws]).T
        #: The compiled under rules by episode. Whether customers wait is `played`'s business.
        self.compiled = dataclasses.replace(
            compiled, carried_shares=(1.0,) * compiled.markets, goodwill=GoodwillColumns(*moods)
        )
        self._factors = np.array([draw.stock_factor for draw in self.draws])

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenario of every episode."""
        kept = _kept(self._scenario)
        return tuple(draw.on(self._scenario.network, **kept) for draw in self.draws)

    @cached_property
    def histories(self) -> NDArray[np.float64]:
        """Demand before every episode, units, shape (episodes, history, market links)."""
        # All mixes draw independent demand, whose history depends on nothing that is played.
        return np.stack([draw_history(each, self._remembering, lambda: np.empty(0)) for each in self.scenarios])

    @property
    def has_lead_times(self) -> bool:
        """Whether random lead times of some episode have probabilities of their own."""
        return any(draw.lead_time_seed is not None for draw in self.draws)

    def lead_times(self, streams: Sequence[np.random.Generator]) -> NDArray[np.int64]:
        """Lead times of the episodes, each from a stream of its own: see `arena.draw_lead_times`."""
        network, horizon = self._scenario.network, self._scenario.horizon
        tables = [
            lead_time_table(draw.supply(network), horizon, stream)
            for draw, stream in zip(self.draws, streams, strict=True)
        ]
        return np.stack(tables, axis=2)

    def on_hand(self, compiled: CompiledScenario) -> list[Column]:
        """Initial stock per stock point, units, a column each."""
        return [stock * self._factors for stock in compiled.initial_stock]

    def played(self, columns: Columns) -> Columns:
        """The state as the dynamics take it: where sales are lost, nobody waits for what was not sold."""
        shares = (self._waits if own is None else own for own in self._own_shares)
        unfilled = [column * share for column, share in zip(columns.unfilled, shares, strict=True)]
        return dataclasses.replace(columns, unfilled=unfilled)

    def demand(self, generator: np.random.Generator, period: int, sentiment: Column) -> list[Column]:
        """Demand of a period per market link, units, drawn from one stream; all mixes draw Poisson demand."""
        found = []
        for means, smallest in zip(self.means.path[:, period], self.means.smallest[:, 0], strict=True):
            mean = np.maximum(smallest, means * sentiment)
            found.append(np.maximum(0.0, mean + self.noise_scale * (generator.poisson(mean) - mean)))
        return found

    def independent_demand(
        self, generators: Sequence[np.random.Generator], period: int, sentiment: Column
    ) -> list[Column]:
        """The same, each episode from a stream of its own, as a single environment draws it."""
        found = []
        for means, smallest in zip(self.means.path[:, period], self.means.smallest[:, 0], strict=True):
            mean = np.maximum(smallest, means * sentiment).tolist()
            each = zip(self.draws, generators, mean, strict=True)
            found.append(np.array([draw.demand.draw(stream, level) for draw, stream, level in each]))
        return found

    def briefing(self, track: EnvTrack) -> dict[str, Any]:
        """What the briefing of a track tells of the drawn rules, an array (episodes,) each."""
        told: dict[str, Any] = {"backlog": self._waits > 0}
        if self._history:
            told["history"] = self.histories
            told["history_in_stock"] = np.ones_like(self.histories)
        if track == "informed":
            told["noise_scale"] = self.noise_scale.copy()
            goodwill = self.compiled.goodwill
            assert isinstance(goodwill, GoodwillColumns)
            told["goodwill"] = np.array([draw.goodwill is not None for draw in self.draws])
            told |= {name: np.array(getattr(goodwill, name)) for name in ("growth", "decay", "cap", "floor")}
        return told


def _numbers(goodwill: Goodwill | None) -> tuple[float, float, float, float]:
    if goodwill is None:
        return _INDIFFERENT
    return goodwill.growth, goodwill.decay, goodwill.cap, goodwill.floor
