"""What the policies that are trained by their rewards read: all quantities over the mean demand to come.

Three forms of it: one vector of everything (`everything`), one token per stock point (`tokens`), one row per supply
link (`link_rows`, the published features of the residual policy). All are (episodes, anything); running means and
deviations of the training bring them to the same size (`arena_rl.policies.actor`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from arena_rl.inputs.echelon_positions import Reach, positions
from arena_rl.inputs.observations import RULES, Setting, Situation, as_float
from arena_rl.inputs.ordering_rules import Newsvendor, Trade
from arena_rl.inputs.requirements import NetRequirements

_OFFSETS = tuple(range(-3, 12))  # periods around the time at which an order could be sold
_LAGS = 10  # latest demands that a blind policy reads
_AHEAD = 12  # periods of forecast that every token reads
_LEFT = (3, 8, 15, 30)  # periods to go are told by several clocks
_UNIT = 20.0  # units of demand per period
_SMALLEST_MOOD = 0.05
_SHOWN = 2
_LINK_ROW = 14
_PUBLISHED_HORIZON = 30


class ActorInputs:
    """Computes inputs for one network.

    Args:
        reach: of the network.
        informed: whether the track shows noise scale and goodwill; otherwise the latest demands are read in their
            place. Every situation comes with a forecast: the track's, or the policy's own.
        horizon: periods of forecast that the vector of everything holds.
    """

    def __init__(self, reach: Reach, *, informed: bool, horizon: int = _PUBLISHED_HORIZON) -> None:
        compiled = reach.compiled
        self.reach, self.informed, self.horizon = reach, informed, horizon
        self.trade = Trade(compiled.network)
        self.newsvendor = Newsvendor(self.trade, compiled)
        self._requirements = NetRequirements(self.trade, self.newsvendor, reach)
        network, ways = compiled.network, reach.time_to_market
        wanted: list[tuple[int, int]] = []
        for point, stock in enumerate(compiled.stock_points):
            lead_time = max(network.lead_times[link] for link in stock.arrivals)
            wanted += [(point, max(0, lead_time + ways[point] + offset)) for offset in _OFFSETS]
        wanted_positions = positions(reach, wanted)
        self._position_weights = as_float(wanted_positions.weights)
        self._position_periods = wanted_positions.periods
        self._points = len(compiled.stock_points)
        self._constants = as_float(
            [
                [
                    network.node(network.managed[stock.node]).holding_cost or 0.0,
                    (network.node(network.managed[stock.node]).capacity or 0.0) / 100,
                    float(network.managed[stock.node] in network.factories),
                    float(network.managed[stock.node] in network.retailers),
                    max(network.lead_times[link] for link in stock.arrivals) / 10,
                ]
                for stock in compiled.stock_points
            ]
        )
        slots = np.zeros((network.pipeline_offsets[-1], self._points, 3))
        for point, stock in enumerate(compiled.stock_points):
            for link in stock.arrivals:
                first, stop = network.pipeline_offsets[link], network.pipeline_offsets[link + 1]
                for place, until in enumerate((1, 3, None)):
                    slots[first:stop][:until, point, place] = 1.0
        self._arriving = as_float(slots.reshape(len(slots), -1))
        self._of_links = as_float(
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
        selling = np.zeros((compiled.markets, self._points))
        for market, point in enumerate(compiled.sellers):
            selling[market, point] = 1.0
        self._selling = as_float(selling)

    def scale(self, situation: Situation, horizon: int) -> Tensor:
        """Mean demand of all market links in all periods left, units per period, at least 1, (episodes, 1)."""
        assert situation.forecast is not None
        left = max(1, horizon - situation.period)
        return situation.forecast[:, :, :left].mean(2).sum(1, keepdim=True).clamp(min=1.0)

    def requirements(self, setting: Setting, situation: Situation) -> Tensor:
        """Net requirement of every supply link, negative for excess, units, (episodes, supply links)."""
        foreseen = self._foreseen(situation, self._requirements.periods)
        return self._requirements.orders(setting, situation, foreseen)

    def _foreseen(self, situation: Situation, periods: int) -> Tensor:
        """Forecast of so many periods, (episodes, market links, periods)."""
        forecast = situation.forecast
        assert forecast is not None
        return nn.functional.pad(forecast[:, :, :periods], (0, max(0, periods - forecast.shape[2])))

    def _positions(self, setting: Setting, situation: Situation, scale: Tensor) -> Tensor:
        due = situation.unfilled * setting.rules[:, :1]
        foreseen = self._foreseen(situation, self._position_periods)
        state = torch.cat((situation.on_hand, situation.pipeline, due, foreseen.flatten(1)), dim=1)
        return state @ self._position_weights / scale

    def _general(self, setting: Setting, situation: Situation, scale: Tensor) -> Tensor:
        """What concerns the whole network, (episodes, some)."""
        count = len(situation.sentiment)
        left = setting.horizon - situation.period
        clocks = [min(left, most) / most for most in _LEFT]
        rules = setting.rules.expand(count, -1) if self.informed else setting.rules[:, :1].expand(count, -1)
        parts = [
            torch.tensor(clocks).expand(count, -1),
            situation.sentiment[:, None],
            scale / _UNIT,
            rules,
        ]
        if not self.informed:
            parts += [_shown(situation), self._memory(situation) / scale]
        return torch.cat(parts, dim=1)

    def _memory(self, situation: Situation) -> Tensor:
        """Latest demands, newest first, their mean and deviation, (episodes, market links × (lags + 2))."""
        demand = situation.demand[:, :, -_LAGS:].flip(2)
        known = demand.shape[2]
        level = demand.mean(2) if known else torch.zeros(demand.shape[:2])
        spread = demand.std(2) if known > 1 else torch.zeros(demand.shape[:2])
        lags = nn.functional.pad(demand, (0, _LAGS - known))
        return torch.cat((lags, level[:, :, None], spread[:, :, None]), dim=2).flatten(1)

    @property
    def _general_size(self) -> int:
        markets = self.reach.compiled.markets
        return len(_LEFT) + 2 + (RULES if self.informed else 1 + _SHOWN + markets * (_LAGS + 2))

    # --- everything ---------------------------------------------------------------------------------------------

    @property
    def everything_size(self) -> int:
        """Length of the vector of everything."""
        compiled = self.reach.compiled
        size = self._points * (1 + len(_OFFSETS)) + compiled.network.pipeline_offsets[-1] + 2 * compiled.markets
        size += compiled.links + self._general_size
        return size + 2 * compiled.markets * self.horizon

    def everything(self, setting: Setting, situation: Situation) -> Tensor:
        """All that is seen, as one vector, (episodes, everything_size)."""
        scale = self.scale(situation, setting.horizon)
        parts = [
            situation.on_hand / scale,
            situation.pipeline / scale,
            situation.unfilled / scale,
            situation.unfilled * setting.rules[:, :1] / scale,
            situation.owed / scale,
            self._positions(setting, situation, scale),
            self._general(setting, situation, scale),
        ]
        path = self._foreseen(situation, self.horizon) / scale[:, :, None]
        return torch.cat((*parts, path.flatten(1), path.cumsum(2).flatten(1)), dim=1)

    # --- tokens -------------------------------------------------------------------------------------------------

    @property
    def token_size(self) -> int:
        """Length of a token."""
        return len(_OFFSETS) + 5 + self._constants.shape[1] + self._general_size + self.reach.compiled.markets * _AHEAD

    def tokens(self, setting: Setting, situation: Situation) -> Tensor:
        """One token per stock point, its own state and what concerns all, (episodes, stock points × token_size)."""
        scale = self.scale(situation, setting.horizon)
        count = len(scale)
        path = self._foreseen(situation, _AHEAD).flatten(1) / scale
        common = torch.cat((self._general(setting, situation, scale), path), dim=1)
        own = torch.cat(
            (
                situation.on_hand[:, :, None] / scale[:, :, None],
                (situation.pipeline @ self._arriving).reshape(count, self._points, 3) / scale[:, :, None],
                ((situation.unfilled * setting.rules[:, :1]) @ self._selling)[:, :, None] / scale[:, :, None],
                self._positions(setting, situation, scale).reshape(count, self._points, -1),
                self._constants.expand(count, -1, -1),
            ),
            dim=2,
        )
        return torch.cat((own, common[:, None, :].expand(-1, self._points, -1)), dim=2).flatten(1)

    # --- rows of links ------------------------------------------------------------------------------------------

    @property
    def row_size(self) -> int:
        """Length of the row of a supply link."""
        return _LINK_ROW

    def link_rows(self, setting: Setting, situation: Situation) -> Tensor:
        """The published features of every supply link, (episodes, supply links × 14)."""
        scale = self.scale(situation, setting.horizon)
        count, material = len(scale), self.trade.material_of_link
        position = self.newsvendor.positions(setting, situation)
        mean, _ = self.newsvendor.moments(setting, situation)
        order = self.newsvendor.orders(setting, situation)
        offsets = self.reach.compiled.network.pipeline_offsets
        ends = situation.pipeline.new_zeros((count, 1))
        sums = torch.cat((ends, situation.pipeline.cumsum(1)), dim=1)
        moving = sums[:, list(offsets[1:])] - sums[:, list(offsets[:-1])]
        due = (situation.unfilled * setting.rules[:, :1]) @ self._selling
        demand = situation.demand
        velocity = demand[:, :, -1] - demand[:, :, -2] if demand.shape[2] > 1 else torch.zeros(demand.shape[:2])
        over = torch.stack(
            (
                situation.on_hand[:, material],
                moving,
                position[:, material],
                mean[:, material],
                (mean - position)[:, material],
                order,
                due[:, material],
                velocity.sum(1, keepdim=True).expand(-1, len(material)),
            ),
            dim=2,
        )
        clock = torch.full((count, len(material)), situation.period / setting.horizon)
        mood = situation.sentiment[:, None].expand(-1, len(material))
        rest = torch.cat(
            (torch.stack((clock, mood), dim=2), self._of_links.expand(count, -1, -1)),
            dim=2,
        )
        return torch.cat((over / scale[:, :, None], rest), dim=2).flatten(1)


def _shown(situation: Situation) -> Tensor:
    """What the sentiment has shown of its dynamics: largest and smallest step so far, (episodes, 2); 0 for none."""
    course = torch.cat((situation.moods, situation.sentiment[:, None]), dim=1).clamp(min=_SMALLEST_MOOD)
    steps = torch.cat((torch.ones_like(course[:, :1]), course[:, 1:] / course[:, :-1]), dim=1)
    return torch.stack(((steps.max(1).values - 1) * 50, (1 - steps.min(1).values) * 5), dim=1)
