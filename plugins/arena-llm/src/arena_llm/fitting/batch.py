"""Many episodes of the rule at once, each with parameters of its own, in the vector environment."""

from __future__ import annotations

from collections import deque
from typing import Literal

import gymnasium
import numpy as np

from arena import Observation, Scenario, TrackView, describe_part, parts_of
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.demand import Moments, prior_means
from arena_heuristics.stock_keeper import StockKeeper
from arena_llm.rule import LEAD_TIME_WEIGHT, FloatArray, material_orders, tier_of
from arena_llm.schedule import stage_of

_CONFIG = NewsvendorConfig()


class BatchOfEpisodes:
    """Plays one scenario many times at once.

    What `StockKeeper` computes of an observation is linear in it, so its matrix is read off by asking it about unit
    vectors: the batch has no second definition of a position. The estimates of demand repeat those of
    `arena_heuristics.demand` over a batch; a test holds both together, episode by episode.

    Args:
        scenario: what is played; see `obstacle_to_a_batch`.
        track: what is seen.
        episodes: how many.
        streams: ``shared``: one generator for the batch; ``independent``: episode i plays the seed + i.

    Raises:
        ValueError: the scenario has something that the batch does not play.
    """

    def __init__(
        self,
        scenario: Scenario,
        track: Literal["blind", "informed"],
        episodes: int,
        streams: Literal["shared", "independent"] = "shared",
    ) -> None:
        obstacle = obstacle_to_a_batch(scenario)
        if obstacle is not None:
            raise ValueError(f"the batch plays no scenario with {obstacle}; SimulatedEpisodes plays it")
        briefing = TrackView(scenario, track).brief(seed=0, time_budget=1.0)
        network = briefing.network
        stock = StockKeeper(briefing, lead_time_weight=LEAD_TIME_WEIGHT, alternative_paths="auto")
        self.scenario = scenario
        self._episodes = episodes
        self._markets = len(network.market_links)
        self._noise_variance = scenario.demand.noise_scale**2
        self._is_informed = track == "informed"
        self._needs = stock.needs
        self._lead_times = stock.lead_times
        self._priors = prior_means(network, _CONFIG)
        self._tiers = np.array([tier_of(network, material.node) for material in stock.materials])
        self._bounds = np.array([briefing.order_bound[list(one.links)].min() for one in stock.materials])
        self._positions = _position_matrix(stock)
        self._shares = np.zeros((len(stock.materials), len(network.supply_links)))
        for index, material in enumerate(stock.materials):
            self._shares[index, list(material.links)] = material.shares
        self._environment = gymnasium.make_vec(
            "arena.envs:Arena/Scenario-v0",
            num_envs=episodes,
            vectorization_mode="vector_entry_point",
            scenario=scenario,
            track=track,
            streams=streams,
            autoreset_mode="Disabled",
        )

    def play(self, schedules: FloatArray, seed: int) -> FloatArray:
        """Play all episodes to their end.

        Args:
            schedules: parameters of every episode and stage, shape (episodes, stages, 6).
            seed: of the random stream.

        Returns:
            Profit of every episode, money, (episodes,).
        """
        observations, _ = self._environment.reset(seed=seed)
        profit = np.zeros(self._episodes)
        recent: deque[FloatArray] = deque(maxlen=_CONFIG.window)
        horizon, stages = self.scenario.horizon, schedules.shape[1]
        for period in range(horizon):
            if period:
                recent.append(np.array(observations[:, : self._markets]))
            demand = self._forecast(observations) if self._is_informed else self._remembered(recent)
            values = schedules[:, stage_of(period, horizon, stages)]
            positions = observations[:, : len(self._positions)] @ self._positions
            wanted = material_orders(values, self._tiers, self._bounds, demand, positions)
            observations, rewards, *_ = self._environment.step(wanted @ self._shares)
            profit += rewards
        return profit

    def _forecast(self, observations: FloatArray) -> Moments:
        """See `arena_heuristics.demand.ForecastDemand`; (episodes, materials)."""
        longest = int(self._lead_times.max()) + 1
        width = self.scenario.mean_path.size
        path = np.ascontiguousarray(observations[:, -width:]).reshape(self._episodes, self._markets, -1)[:, :, :longest]
        means = np.cumsum(path, axis=2)[:, :, self._lead_times]
        variances = np.cumsum(np.where(path > 0, path * self._noise_variance, 1.0), axis=2)[:, :, self._lead_times]
        return Moments((means * self._needs.T).sum(axis=1), np.sqrt((variances * self._needs.T**2).sum(axis=1)))

    def _remembered(self, recent: deque[FloatArray]) -> Moments:
        """See `arena_heuristics.demand.RememberedDemand`; (episodes, materials)."""
        periods = self._lead_times + 1
        if len(recent) < _CONFIG.fewest_periods:
            links = np.mean(recent, axis=0) if recent else np.tile(self._priors, (self._episodes, 1))
            mean, deviation = links @ self._needs.T, np.sqrt(links @ self._needs.T**2)
        else:
            sample = np.array(recent) @ self._needs.T
            mean, deviation = sample.mean(axis=0), sample.std(axis=0, ddof=1)
        return Moments(mean * periods, np.maximum(deviation, 1.0) * np.sqrt(periods))


def obstacle_to_a_batch(scenario: Scenario) -> str | None:
    """What keeps a scenario from being played as a batch: what its estimates and its map of positions leave out."""
    network = scenario.network
    if network.components:
        return "a bill of materials"
    if any(link.lot_size or link.minimum_order for link in network.supply_links):
        return "lots or minimum orders"
    if scenario.upstream_shortage == "owed":
        return "owed shortages"
    if scenario.history:
        return "a history"
    if scenario.windows > 1:
        return "windows"
    return ", ".join(map(describe_part, parts_of(scenario))) or None


def _position_matrix(stock: StockKeeper) -> FloatArray:
    """The map from the head of an observation's vector to positions, (entries up to the pipeline's end, materials)."""
    network = stock.network
    markets, links = len(network.market_links), len(network.supply_links)
    offsets = network.pipeline_offsets
    nodes = len(network.managed)

    def positions(unfilled: FloatArray, on_hand: FloatArray, in_transit: FloatArray) -> FloatArray:
        return stock.positions(
            Observation(
                period=1,
                last_demand=np.zeros(markets),
                last_unfilled=unfilled,
                on_hand=on_hand,
                component_stock=np.zeros(0),
                pipeline=np.zeros(offsets[-1]),
                in_transit=in_transit,
                owed=np.zeros(links),
                sentiment=1.0,
            )
        )

    no_unfilled, no_stock, nothing = np.zeros(markets), np.zeros(nodes), np.zeros(links)
    rows = [np.zeros(len(stock.materials))] * markets
    rows += [positions(unit, no_stock, nothing) for unit in np.eye(markets)]
    rows += [positions(no_unfilled, unit, nothing) for unit in np.eye(nodes)]
    for link, unit in enumerate(np.eye(links)):
        rows += [positions(no_unfilled, no_stock, unit)] * (offsets[link + 1] - offsets[link])
    return np.array(rows)
