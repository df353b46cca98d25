"""One forecast for all items of a world, and the orders that its futures ask for."""

from __future__ import annotations

import numpy as np

from arena import Briefing, Observation, presumed_demand
from arena_forecasting.config import DemandGlobalConfig
from arena_forecasting.panel.boosting import BoostedCorrection
from arena_forecasting.panel.futures import PanelForecast
from arena_forecasting.panel.observed import FloatArray, Panel, mean_beyond, panel_of
from arena_forecasting.panel.ordering import Position, needs, position_of, quantile_by_item, remaining_needs
from arena_forecasting.panel.stock import StockPoints, stock_points

_FALLBACK = 20.0  # units per period where neither a history nor a starting stock tells anything
_END = 12  # periods after an arrival within which the end of the episode is looked at


class DemandGlobal:
    """Orders for many independent items by a forecast that is made for all of them together.

    Before a decision, joint futures are drawn to the arrival of the order (`arena_forecasting.panel.futures`), stock is
    rolled forward on each, and the order is the quantile of what is missing at the critical ratio of its costs. Only
    ratios of costs count, so that money may be in any unit.

    Args:
        config: Settings.
    """

    def __init__(self, config: DemandGlobalConfig) -> None:
        self.config = config

    def begin(self, briefing: Briefing) -> None:
        """Read the world and its history, and train the boosted model where it is asked for.

        Raises:
            InvalidInput: If stock points depend on one another.
            ModuleNotFoundError: If the boosted model is asked for and LightGBM is not installed.
        """
        self._briefing = briefing
        self._points: StockPoints = stock_points(briefing)
        history = briefing.history
        if len(history) == 0:
            presumed = presumed_demand(briefing.network, fallback=_FALLBACK, lead_time="retailer")
            self._panel: Panel = panel_of(presumed[None], np.ones((1, len(presumed)), dtype=bool))
        else:
            self._panel = panel_of(history, briefing.history_in_stock > 0)
        self._expected: FloatArray | None = None
        self._correction: BoostedCorrection | None = None
        settings = self.config.boosting
        if settings is not None and BoostedCorrection.fits(self._panel, settings):
            ahead = int(self._points.lead_times.max()) + 1
            forecast = PanelForecast(self._panel, self.config.panel)
            self._correction = BoostedCorrection(forecast, self._panel, ahead, settings)

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of one period.

        Returns:
            Whole units or lots, (supply links,).
        """
        if observation.period > 0:
            self._see(observation)
        points, network = self._points, self._briefing.network
        forecast = PanelForecast(self._panel, self.config.panel)
        left = self._briefing.horizon - observation.period
        useful = points.lead_times < left
        orders = np.zeros(len(network.supply_links))
        periods = self._periods(left)
        means = forecast.means(self._panel, periods)
        if self._correction is not None:
            means = means * self._correction.factors(forecast, self._panel, periods)
        self._expected = means[0]
        self._deviation = np.sqrt(means[0] + forecast.dispersions * means[0] ** 2)
        if not useful.any():
            return orders
        generator = np.random.default_rng((self._briefing.seed, observation.period))
        futures = forecast.draw(means, self.config.paths, generator)
        wanted = self._wanted(futures, position_of(observation, points, self._briefing), left)
        orders[points.links] = np.where(useful, _in_lots(wanted, points), 0.0)
        return orders

    def _periods(self, left: int) -> int:
        """Periods of the futures: to the arrival, and to the end of the episode where what is left costs money."""
        longest = int(self._points.lead_times.max()) + 1
        if (self._points.loss > 0).any() and left <= longest + _END:
            return max(1, left)
        return max(1, min(longest, left))

    def _wanted(self, futures: FloatArray, position: Position, left: int) -> FloatArray:
        """Units to order, (items,), not rounded."""
        points = self._points
        is_last = points.lead_times == left - 1
        ratios = np.where(is_last, points.last_ratios(), points.critical_ratios(self.config.surplus_weight))
        wanted = quantile_by_item(needs(futures, position, points.lead_times, points.waits), ratios)
        if futures.shape[1] == left:
            rest = remaining_needs(futures, position, points.waits, points.lead_times)
            most = quantile_by_item(rest, points.last_ratios())
            wanted = np.where((points.loss > 0) & ~is_last, np.minimum(wanted, most), wanted)
        return wanted

    def _see(self, observation: Observation) -> None:
        """Append the last period; demand behind an empty shelf is what it is on average if it exceeds the sales."""
        demand = observation.last_demand
        if observation.sales_shown and self._expected is not None:
            beyond = mean_beyond(demand, self._expected, np.maximum(self._deviation, 1e-6))
            demand = np.where(observation.in_stock > 0, demand, beyond)
        self._panel = self._panel.followed_by(demand, np.ones(len(demand), dtype=bool))


def _in_lots(wanted: FloatArray, points: StockPoints) -> FloatArray:
    """Nearest whole lots; less than half of the smallest order is no order."""
    lots = points.lots * np.round(np.maximum(wanted, 0.0) / points.lots)
    return np.asarray(np.where(lots >= points.smallest / 2, lots, 0.0), dtype=np.float64)
