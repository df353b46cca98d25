"""Mixes: whole scenarios drawn for a network, and batches of episodes that share everything but their demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from arena.schemas import Count, Finite, FrozenSchema, NonNegative, Positive
from arena.training_worlds.demand import DemandFamily, PositiveRange, Probability
from arena.training_worlds.lead_times import with_other_probabilities
from arena.world.customers import Window
from arena.world.demand import SMALLEST_MEAN, Demand, Goodwill, Series
from arena.world.network import Network
from arena.world.scenario import LONGEST_HISTORY, Scenario


class WeightedFamily(FrozenSchema):
    """A family of demand and how often it is drawn."""

    weight: Positive = Field(default=1.0, description="relative to the weights of the other families")
    family: DemandFamily


class GoodwillRanges(FrozenSchema):
    """Ranges of the sentiment dynamics; by default the benchmark's values, and nothing else."""

    growth: tuple[Annotated[Finite, Field(ge=1)], Annotated[Finite, Field(ge=1)]] = (1.01, 1.01)
    decay: tuple[Annotated[Positive, Field(le=1)], Annotated[Positive, Field(le=1)]] = (0.90, 0.90)
    cap: PositiveRange = (2.0, 2.0)
    floor: PositiveRange = (0.2, 0.2)

    def draw(self, generator: np.random.Generator) -> Goodwill:
        """One set of values, each drawn on its own."""
        growth, decay, cap, floor = (
            float(generator.uniform(*bounds)) for bounds in (self.growth, self.decay, self.cap, self.floor)
        )
        return Goodwill(growth=growth, decay=decay, cap=max(cap, floor), floor=floor)


@dataclass(frozen=True)
class EpisodeDraw:
    """What a mix draws for one scenario, before it meets a network.

    Attributes:
        backlog: whether unfilled customers wait.
        goodwill: how customers remember shortage; None where they do not.
        horizon: number of periods.
        stock_factor: factor on every node's initial stock.
        demand: the demand from period 0 on.
        history: periods before the first one that controllers are told.
        earlier: mean demand of these periods where demand is a series, units; empty elsewhere.
        lead_time_seed: what probabilities of random lead times are drawn with; None for those of the network.
    """

    backlog: bool
    goodwill: Goodwill | None
    horizon: int
    stock_factor: float
    demand: Demand
    history: int = 0
    earlier: tuple[float, ...] = ()
    lead_time_seed: int | None = None

    def supply(self, network: Network) -> Network:
        """The network with the lead times of this draw."""
        return network if self.lead_time_seed is None else with_other_probabilities(network, self.lead_time_seed)

    def on(self, network: Network, **kept: Any) -> Scenario:
        """The scenario on a network: its initial stocks are scaled, every market link has the demand, the rest is kept.

        Args:
            network: the network; demands of its market links' own take no part.
            kept: fields of the scenario that are not drawn, by name; the others have their defaults.
        """
        demand, window = self.demand, None
        if self.earlier and demand.series is not None:
            values = (*self.earlier, *demand.series.values)
            demand = demand.model_copy(update={"series": demand.series.model_copy(update={"values": values})})
            window = Window(start=self.history, count=1)
        return Scenario(
            name="training",
            network=_restocked(_of_one_demand(self.supply(network)), self.stock_factor),
            demand=demand,
            goodwill=self.goodwill,
            fulfilment="backlog" if self.backlog else "lost_sales",
            horizon=self.horizon,
            history=self.history,
            window=window,
            **kept,
        )


class ScenarioMix(FrozenSchema):
    """What the scenarios of a training are drawn from.

    Raises:
        ValidationError: With the faults of the ranges.
    """

    families: tuple[WeightedFamily, ...] = Field(min_length=1, description="families of demand and their weights")
    goodwill: Probability = Field(default=0.5, description="probability that customers remember shortage")
    goodwill_ranges: GoodwillRanges = Field(default_factory=GoodwillRanges)
    backlog: Probability = Field(default=0.5, description="probability that unfilled customers wait")
    horizon: tuple[Count, Count] = Field(default=(30, 30), description="range of the number of periods")
    initial_stock: tuple[NonNegative, NonNegative] = Field(
        default=(1.0, 1.0), description="range of the factor on every node's initial stock, one factor a scenario"
    )
    history: Annotated[Count, Field(le=LONGEST_HISTORY)] = Field(
        default=0, description="periods before the first one that controllers are told"
    )
    lead_times: Probability = Field(
        default=0.0,
        description="probability that a scenario has other probabilities of random lead times than its network, drawn "
        "evenly; what is possible stays",
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What a version added is dumped where it is used, so that digests of older recipes stay.
        dumped: dict[str, Any] = written(self)
        if not self.lead_times:
            dumped.pop("lead_times", None)
        return dumped

    def draw(
        self,
        generator: np.random.Generator,
        network: Network,
        *,
        backlog: bool | None = None,
        goodwill: bool | None = None,
    ) -> Scenario:
        """One scenario on a network.

        Args:
            generator: what it is drawn with.
            network: the network; its initial stocks may be scaled, all else is kept.
            backlog: whether customers wait; None draws it.
            goodwill: whether customers remember; None draws it.
        """
        return self.draw_episode(generator, network.longest_lead_time, backlog=backlog, goodwill=goodwill).on(network)

    def draw_episode(
        self,
        generator: np.random.Generator,
        longest_lead_time: int,
        *,
        backlog: bool | None = None,
        goodwill: bool | None = None,
    ) -> EpisodeDraw:
        """What `draw` draws, without a network: cheap enough for every episode of a training.

        Args:
            generator: what it is drawn with.
            longest_lead_time: of the network, periods; a series of demand reaches as far past the horizon.
            backlog: whether customers wait; None draws it.
            goodwill: whether customers remember; None draws it.
        """
        waits = bool(generator.random() < self.backlog) if backlog is None else backlog
        remember = bool(generator.random() < self.goodwill) if goodwill is None else goodwill
        horizon = int(generator.integers(self.horizon[0], self.horizon[1], endpoint=True))
        mood = self.goodwill_ranges.draw(generator)
        factor = float(generator.uniform(*self.initial_stock))
        goodwill_drawn, before = mood if remember else None, self.history
        if not before:
            demand = self.draw_demand(generator, horizon + longest_lead_time, horizon=horizon)
            seed = self._draw_lead_time_seed(generator)
            return EpisodeDraw(waits, goodwill_drawn, horizon, factor, demand, lead_time_seed=seed)
        demand = self.draw_demand(generator, before + horizon + longest_lead_time, horizon=before + horizon)
        earlier: tuple[float, ...] = ()
        if demand.series is not None:
            levels = tuple(demand.series.levels(before + horizon).tolist())
            earlier = levels[:before]
            demand = demand.model_copy(update={"series": Series(values=levels[before:])})
        seed = self._draw_lead_time_seed(generator)
        return EpisodeDraw(waits, goodwill_drawn, horizon, factor, demand, before, earlier, seed)

    def _draw_lead_time_seed(self, generator: np.random.Generator) -> int | None:
        if not self.lead_times or generator.random() >= self.lead_times:
            return None
        return int(generator.integers(2**63))

    def draw_demand(self, generator: np.random.Generator, periods: int, *, horizon: int | None = None) -> Demand:
        """The demand of one episode.

        Args:
            generator: what it is drawn with.
            periods: number of periods for which a series needs values.
            horizon: number of them that are played, by default all; what a scaled series has its mean over.
        """
        weights = np.array([each.weight for each in self.families])
        chosen = self.families[int(generator.choice(len(weights), p=weights / weights.sum()))]
        return chosen.family.draw(generator, periods, horizon=horizon)

    def draw_demands(self, generator: np.random.Generator, scenario: Scenario, count: int) -> list[Demand]:
        """The demands of a batch of episodes that share a scenario's network and rules.

        Args:
            generator: what they are drawn with.
            scenario: gives horizon and lead times; its own demand does not matter.
            count: number of episodes.
        """
        periods = scenario.horizon + scenario.network.longest_lead_time
        return [self.draw_demand(generator, periods, horizon=scenario.horizon) for _ in range(count)]


def mean_paths(scenario: Scenario, demands: list[Demand]) -> NDArray[np.float64]:
    """Means of a batch of demands at sentiment 1, before the lower bound (`Demand.smallest_mean`).

    Args:
        scenario: gives the market links' own means, horizon and lead times.
        demands: one per episode.

    Returns:
        Units per period, shape (episodes, market links, horizon + longest lead time).
    """
    link_means = np.array([link.mean_demand or 0.0 for link in scenario.network.market_links])
    periods = scenario.horizon + scenario.network.longest_lead_time
    return np.stack([each.mean_path(link_means, periods) for each in demands])


def smallest_means(scenario: Scenario, demands: list[Demand]) -> NDArray[np.float64]:
    """Lower bounds of the means of a batch of demands.

    Args:
        scenario: gives the market links' own means.
        demands: one per episode.

    Returns:
        Units per period, shape (episodes, market links).
    """
    link_means = np.array([link.mean_demand or 0.0 for link in scenario.network.market_links])
    own = np.array([demand.base_mean is None and demand.series is None for demand in demands])
    floors = np.array([demand.smallest_mean for demand in demands])
    return np.where(own[:, None] & (link_means < SMALLEST_MEAN), 0.0, floors[:, None])


def _of_one_demand(network: Network) -> Network:
    """The network with the scenario's demand on every market link."""
    if all(link.demand is None for link in network.market_links):
        return network
    links = tuple(link.model_copy(update={"demand": None}) for link in network.market_links)
    return network.model_copy(update={"market_links": links})


def _restocked(network: Network, factor: float) -> Network:
    if factor == 1.0:
        return network
    nodes = tuple(
        node if node.initial_stock is None else node.model_copy(update={"initial_stock": node.initial_stock * factor})
        for node in network.nodes
    )
    return network.model_copy(update={"nodes": nodes})
