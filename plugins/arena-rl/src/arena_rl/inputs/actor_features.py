"""Features of the policies that are trained by their rewards; quantities are divided by the mean demand to come.

They come in three forms: one vector of the whole network (`network_vector`), one token per stock point
(`stock_point_tokens`), and one row per supply link (`link_rows`, the published features of the residual policy). The
running means and deviations of the training normalise them (`arena_rl.policies.actor`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from arena_rl.inputs.echelon_positions import PositionTime, SupplyStructure, position_map
from arena_rl.inputs.observations import RULES, BatchBriefing, BatchObservation, as_float
from arena_rl.inputs.ordering_rules import NetRequirements, NewsvendorRule, OrderedMaterials

_OFFSETS = tuple(range(-3, 12))  # periods around the time at which an order could be sold
_LAGS = 10  # latest demands that a blind policy reads
_TOKEN_PERIODS = 12  # periods of forecast that every token reads
_CLOCKS = (
    3,
    8,
    15,
    30,
)  # periods left are read from several clocks, each of which begins to run so long before the end
_TYPICAL_DEMAND = 20.0  # units per period
_SMALLEST_SENTIMENT = 0.05
_SENTIMENT_STEPS = 2
_LINK_ROW = 14
_PUBLISHED_HORIZON = 30


class ActorFeatures:
    """Computes the features of one network.

    Every observation must come with a forecast: the track's, or the policy's own.

    Args:
        structure: of the network.
        informed: whether the track shows noise scale and goodwill; if not, the latest demands are read in their place.
        horizon: periods of forecast in `network_vector`.
    """

    def __init__(self, structure: SupplyStructure, *, informed: bool, horizon: int = _PUBLISHED_HORIZON) -> None:
        compiled = structure.compiled
        self.structure, self.informed, self.horizon = structure, informed, horizon
        self.ordered = OrderedMaterials(compiled.network)
        self.newsvendor = NewsvendorRule(self.ordered, compiled)
        self._requirements = NetRequirements(self.newsvendor, structure)
        network, time_to_market = compiled.network, structure.time_to_market
        echelons: list[PositionTime] = []
        for point, stock in enumerate(compiled.stock_points):
            lead_time = max(network.lead_times[link] for link in stock.arrivals)
            delay = lead_time + time_to_market[point]
            echelons += [PositionTime(point, max(0, delay + offset)) for offset in _OFFSETS]
        positions = position_map(structure, echelons)
        self._position_weights = as_float(positions.weights)
        self._position_periods = positions.periods
        self._points = len(compiled.stock_points)
        self._point_constants = as_float(
            [
                [
                    network.node(stock.node_id).holding_cost or 0.0,
                    (network.node(stock.node_id).capacity or 0.0) / 100,
                    float(stock.node_id in network.factories),
                    float(stock.node_id in network.retailers),
                    max(network.lead_times[link] for link in stock.arrivals) / 10,
                ]
                for stock in compiled.stock_points
            ]
        )
        # Arrivals at a stock point within 1 period, within 3, and at all.
        arrivals = np.zeros((network.pipeline_offsets[-1], self._points, 3))
        for point, stock in enumerate(compiled.stock_points):
            for link in stock.arrivals:
                first, stop = network.pipeline_offsets[link], network.pipeline_offsets[link + 1]
                for place, within in enumerate((1, 3, None)):
                    arrivals[first:stop][:within, point, place] = 1.0
        self._arrivals = as_float(arrivals.reshape(len(arrivals), -1))
        self._link_constants = as_float(
            [
                [
                    float(lead_time),
                    float(link.buyer in network.retailers),
                    float(link.supplier in network.factories),
                    network.node(link.buyer).holding_cost or 0.0,
                ]
                for link, lead_time in zip(network.supply_links, network.lead_times, strict=True)
            ]
        )
        sellers = np.zeros((compiled.markets, self._points))
        for market, point in enumerate(compiled.sellers):
            sellers[market, point] = 1.0
        self._sellers = as_float(sellers)

    def demand_scale(self, observation: BatchObservation, horizon: int) -> Tensor:
        """Mean demand of all market links over the periods left, units per period, at least 1, (episodes, 1)."""
        assert observation.forecast is not None
        periods_left = max(1, horizon - observation.period)
        return observation.forecast[:, :, :periods_left].mean(2).sum(1, keepdim=True).clamp(min=1.0)

    def net_requirements(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Net requirement of every supply link, negative for excess stock, units, (episodes, supply links)."""
        forecast = self._forecast(observation, self._requirements.periods)
        return self._requirements.orders(briefing, observation, forecast)

    def _forecast(self, observation: BatchObservation, periods: int) -> Tensor:
        """Forecast of a number of periods, 0 after the end, units, (episodes, market links, periods)."""
        forecast = observation.forecast
        assert forecast is not None
        return nn.functional.pad(forecast[:, :, :periods], (0, max(0, periods - forecast.shape[2])))

    def _echelon_positions(self, briefing: BatchBriefing, observation: BatchObservation, scale: Tensor) -> Tensor:
        forecast = self._forecast(observation, self._position_periods)
        backlog = briefing.backlog(observation)
        state = torch.cat((observation.on_hand, observation.pipeline, backlog, forecast.flatten(1)), dim=1)
        return state @ self._position_weights / scale

    def _network_features(self, briefing: BatchBriefing, observation: BatchObservation, scale: Tensor) -> Tensor:
        """Features of the network as a whole, (episodes, features)."""
        count = len(observation.sentiment)
        periods_left = briefing.horizon - observation.period
        clocks = [min(periods_left, most) / most for most in _CLOCKS]
        rules = briefing.rules.expand(count, -1) if self.informed else briefing.rules[:, :1].expand(count, -1)
        parts = [
            torch.tensor(clocks).expand(count, -1),
            observation.sentiment[:, None],
            scale / _TYPICAL_DEMAND,
            rules,
        ]
        if not self.informed:
            parts += [_largest_sentiment_steps(observation), self._past_demand(observation) / scale]
        return torch.cat(parts, dim=1)

    def _past_demand(self, observation: BatchObservation) -> Tensor:
        """Latest demands, newest first, their mean and deviation, units, (episodes, market links × (lags + 2))."""
        demand = observation.past_demand[:, :, -_LAGS:].flip(2)
        known = demand.shape[2]
        level = demand.mean(2) if known else torch.zeros(demand.shape[:2])
        spread = demand.std(2) if known > 1 else torch.zeros(demand.shape[:2])
        lags = nn.functional.pad(demand, (0, _LAGS - known))
        return torch.cat((lags, level[:, :, None], spread[:, :, None]), dim=2).flatten(1)

    @property
    def _network_features_size(self) -> int:
        markets = self.structure.compiled.markets
        return len(_CLOCKS) + 2 + (RULES if self.informed else 1 + _SENTIMENT_STEPS + markets * (_LAGS + 2))

    # --- one vector of the whole network ----------------------------------------------------------------------------

    @property
    def network_vector_size(self) -> int:
        """Length of `network_vector`."""
        compiled = self.structure.compiled
        size = self._points * (1 + len(_OFFSETS)) + compiled.network.pipeline_offsets[-1] + 2 * compiled.markets
        size += compiled.links + self._network_features_size
        return size + 2 * compiled.markets * self.horizon

    def network_vector(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """All that the track shows, as one vector, (episodes, network_vector_size)."""
        scale = self.demand_scale(observation, briefing.horizon)
        parts = [
            observation.on_hand / scale,
            observation.pipeline / scale,
            observation.unfilled / scale,
            briefing.backlog(observation) / scale,
            observation.owed / scale,
            self._echelon_positions(briefing, observation, scale),
            self._network_features(briefing, observation, scale),
        ]
        forecast = self._forecast(observation, self.horizon) / scale[:, :, None]
        return torch.cat((*parts, forecast.flatten(1), forecast.cumsum(2).flatten(1)), dim=1)

    # --- tokens -----------------------------------------------------------------------------------------------------

    @property
    def token_size(self) -> int:
        """Length of a token."""
        own = len(_OFFSETS) + 5 + self._point_constants.shape[1]
        return own + self._network_features_size + self.structure.compiled.markets * _TOKEN_PERIODS

    def stock_point_tokens(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """One token per stock point: its state and the network's features, (episodes, stock points × token_size)."""
        scale = self.demand_scale(observation, briefing.horizon)
        count = len(scale)
        forecast = self._forecast(observation, _TOKEN_PERIODS).flatten(1) / scale
        common = torch.cat((self._network_features(briefing, observation, scale), forecast), dim=1)
        own = torch.cat(
            (
                observation.on_hand[:, :, None] / scale[:, :, None],
                (observation.pipeline @ self._arrivals).reshape(count, self._points, 3) / scale[:, :, None],
                (briefing.backlog(observation) @ self._sellers)[:, :, None] / scale[:, :, None],
                self._echelon_positions(briefing, observation, scale).reshape(count, self._points, -1),
                self._point_constants.expand(count, -1, -1),
            ),
            dim=2,
        )
        return torch.cat((own, common[:, None, :].expand(-1, self._points, -1)), dim=2).flatten(1)

    # --- rows of links ----------------------------------------------------------------------------------------------

    @property
    def link_row_size(self) -> int:
        """Length of the row of a supply link."""
        return _LINK_ROW

    def link_rows(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """The published features of every supply link, (episodes, supply links × link_row_size)."""
        scale = self.demand_scale(observation, briefing.horizon)
        count, material = len(scale), self.ordered.material_of_link
        position = self.newsvendor.inventory_positions(briefing, observation)
        lead_time_demand, _ = self.newsvendor.lead_time_demand(briefing, observation)
        offsets = self.structure.compiled.network.pipeline_offsets
        start = observation.pipeline.new_zeros((count, 1))
        sums = torch.cat((start, observation.pipeline.cumsum(1)), dim=1)
        in_transit = sums[:, list(offsets[1:])] - sums[:, list(offsets[:-1])]
        backlog = briefing.backlog(observation) @ self._sellers
        demand = observation.past_demand
        velocity = demand[:, :, -1] - demand[:, :, -2] if demand.shape[2] > 1 else torch.zeros(demand.shape[:2])
        quantities = torch.stack(
            (
                observation.on_hand[:, material],
                in_transit,
                position[:, material],
                lead_time_demand[:, material],
                (lead_time_demand - position)[:, material],
                self.newsvendor.orders(briefing, observation),
                backlog[:, material],
                velocity.sum(1, keepdim=True).expand(-1, len(material)),
            ),
            dim=2,
        )
        clock = torch.full((count, len(material)), observation.period / briefing.horizon)
        sentiment = observation.sentiment[:, None].expand(-1, len(material))
        rest = torch.cat((torch.stack((clock, sentiment), dim=2), self._link_constants.expand(count, -1, -1)), dim=2)
        return torch.cat((quantities / scale[:, :, None], rest), dim=2).flatten(1)


def _largest_sentiment_steps(observation: BatchObservation) -> Tensor:
    """Largest rise and fall of the sentiment from one period to the next, scaled, (episodes, 2); 0 for none.

    On the blind track they tell how fast sentiment grows and decays.
    """
    course = torch.cat((observation.past_sentiment, observation.sentiment[:, None]), dim=1)
    course = course.clamp(min=_SMALLEST_SENTIMENT)
    steps = torch.cat((torch.ones_like(course[:, :1]), course[:, 1:] / course[:, :-1]), dim=1)
    return torch.stack(((steps.max(1).values - 1) * 50, (1 - steps.min(1).values) * 5), dim=1)
