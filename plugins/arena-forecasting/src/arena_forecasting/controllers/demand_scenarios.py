"""``demand-scenarios``: orders by simulated value on futures of demand and lead times, for one stock point or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from arena import Briefing, Observation, presumed_demand
from arena_forecasting.arrays import BoolArray, FloatArray
from arena_forecasting.config import DemandScenariosConfig
from arena_forecasting.forecasts.mixture import DemandForecast
from arena_forecasting.fulfilment import waiting_shares
from arena_forecasting.lead_times import told_apart
from arena_forecasting.planning.drawing import draw_futures, protection_intervals
from arena_forecasting.planning.planner import choose_orders, rule_table
from arena_forecasting.planning.simulation import Start
from arena_forecasting.stock_points import StockPoint, costs_of, read_stock_points, within_capacities
from arena_forecasting.supply import SupplyLedger

_CHUNK = 32
"""Stock points that are planned at once; more would not fit a processor's cache."""
_HISTORY = 120
"""Latest periods of a history that are learnt from."""
_NO_HISTORY_DOUBT = 4.0
_SECONDS_PER_ITEM = 0.004
_SHARE_OF_TIME = 0.4
"""Share of the time for a decision that the plan is sized for, by a rough count of the work, never by the clock."""
_LEAST_NAMED_ORDER = 8.0
"""Least order, units, that is moved to tell orders apart."""


class DemandScenarios:
    """A controller of stock points that are independent of one another; see the package's documentation.

    Args:
        config: settings.
    """

    def __init__(self, config: DemandScenariosConfig) -> None:
        self.config = config

    def begin(self, briefing: Briefing) -> None:
        """Read the world, and learn from the history.

        Raises:
            ValueError: if stock points depend on each other.
        """
        self._briefing, self._network = briefing, briefing.network
        self._points = read_stock_points(briefing)
        self._generator = np.random.default_rng(briefing.seed)
        self._compared: dict[int, FloatArray] = {}
        self._supply = SupplyLedger(briefing)
        history = briefing.history[-_HISTORY:]
        flags = briefing.history_in_stock[-_HISTORY:]
        self._forecast, self._is_whole = self._first_forecast(history)
        self._seen = np.zeros(len(self._network.market_links))
        for units, in_stock in zip(history, flags if len(flags) else np.ones_like(history), strict=True):
            self._learn(units, in_stock <= 0)
        self._waiting_shares = waiting_shares(briefing)
        self._waiting = np.array([link.initial_backlog for link in self._network.market_links])
        seconds = _SECONDS_PER_ITEM * len(self._points)
        effort = min(1.0, _SHARE_OF_TIME * briefing.time_budget / max(seconds, 1e-9))
        self._paths = max(16, int(self.config.paths * effort))

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period.

        Args:
            observation: what is seen before the decision.

        Returns:
            Units, (supply links,), whole where demand is.
        """
        self._observe(observation)
        orders = np.zeros(len(self._network.supply_links))
        if self._points:
            left = self._briefing.horizon - observation.period
            longest = max(link.lead_time + link.order_delay for link in self._network.supply_links)
            periods = min(left, self.config.horizon + longest)
            beyond = int(np.ceil(protection_intervals([self._supply.beliefs])).max())
            futures = self._forecast.joint_futures(self._paths, periods + beyond, self._generator)
            futures[:, left:] = 0.0
            for places in self._chunks():
                self._plan(places, futures[:, :, places].transpose(2, 0, 1), observation, periods, orders)
        orders = within_capacities(self._network, orders)
        self._supply.place(observation.period, orders)
        return orders

    def _first_forecast(self, history: FloatArray) -> tuple[DemandForecast, bool]:
        """Return a forecast before anything is seen, and whether demand comes in whole units."""
        told = self._per_point(history)
        fallback = self.config.prior_mean or self.config.fallback_mean
        if self.config.prior_mean is None:
            presumed = presumed_demand(self._network, fallback=fallback, lead_time="retailer")
        else:
            presumed = np.full(len(self._network.market_links), fallback)
        level = self._per_point(presumed[None])[0]
        doubt = np.full(len(self._points), _NO_HISTORY_DOUBT)
        is_whole = bool((np.rint(history) == history).all())
        grain = np.ones(len(self._points))
        if len(told):
            first = told[: max(5, len(told) // 10)].mean(axis=0)
            level = np.where(first > 0, first, np.maximum(told.mean(axis=0), 0.05))
            doubt[:] = 1.0
            if not is_whole:
                grain = 0.01 * np.maximum(level, 1e-9)
        return DemandForecast(level, grain, doubt, forgetting=self.config.forgetting), is_whole

    def _per_point(self, units: FloatArray) -> FloatArray:
        """Sum the columns of market links by stock point, (periods, stock points)."""
        if not self._points:
            return np.zeros((len(units), 0))
        return np.stack([units[:, list(point.markets)].sum(axis=1) for point in self._points], axis=1)

    def _learn(self, units: FloatArray, sold_out: BoolArray) -> None:
        if not self._points:
            return
        self._seen += units
        values = self._per_point(units[None])[0]
        censored = self._per_point(sold_out[None].astype(np.float64))[0] > 0
        self._forecast.update(values, censored)

    def _observe(self, observation: Observation) -> None:
        self._supply.observe(observation)
        if observation.period == 0:
            return
        in_stock = observation.in_stock if observation.sales_shown else np.ones(len(observation.last_demand))
        self._learn(observation.last_demand, in_stock <= 0)
        if not observation.sales_shown:
            self._waiting = self._waiting_shares * observation.last_unfilled

    def _chunks(self) -> Iterator[list[int]]:
        """Positions of stock points with equally many links, some at a time."""
        by_links: dict[int, list[int]] = {}
        for place, point in enumerate(self._points):
            by_links.setdefault(len(point.links), []).append(place)
        for places in by_links.values():
            for start in range(0, len(places), _CHUNK):
                yield places[start : start + _CHUNK]

    def _plan(
        self,
        places: Sequence[int],
        demand: FloatArray,
        observation: Observation,
        periods: int,
        orders: FloatArray,
    ) -> None:
        """Plan some stock points, and write down their orders."""
        points = [self._points[place] for place in places]
        period = observation.period
        beliefs = [[self._supply.beliefs[link] for link in point.links] for point in points]
        initial = np.array(
            [[self._supply.initial_arrivals(link, period, periods) for link in point.links] for point in points]
        )
        ends = period + periods >= self._briefing.horizon
        futures = draw_futures(demand, initial, beliefs, period, periods, self._generator, ends=ends)
        costs = costs_of(self._briefing, tuple(points), self._shares())
        start = Start(
            on_hand=np.array([observation.on_hand[point.node] for point in points]),
            waiting=np.array([self._waiting[list(point.markets)].sum() for point in points]),
        )
        table = rule_table(len(points[0].links), has_fixed=bool(costs.fixed.any()))
        before = self._compared.get(places[0])
        chosen, self._compared[places[0]] = choose_orders(
            futures, costs, start, table, is_whole=self._is_whole, before=before
        )
        for point, units in zip(points, chosen, strict=True):
            for link, quantity in zip(point.links, units.tolist(), strict=True):
                orders[link] = self._named(link, quantity, period)

    def _named(self, link: int, quantity: float, period: int) -> float:
        """Move a quantity a little, so that the arrival of any of the open orders can be told by its units."""
        described = self._network.supply_links[link]
        is_free = described.lot_size <= 1.0 and described.minimum_order <= 1.0
        if not (self.config.names_orders and self._supply.hides_orders[link] and self._is_whole and is_free):
            return quantity
        if quantity < _LEAST_NAMED_ORDER:
            return quantity
        return told_apart(quantity, self._supply.beliefs[link].sums_of_open_orders(period), 0.15 * quantity)

    def _shares(self) -> FloatArray:
        """Share of every market link in what its stock point has sold, (market links,)."""
        shares = np.ones(len(self._seen))
        for point in self._points:
            own = self._seen[list(point.markets)] + 1e-9
            shares[list(point.markets)] = own / own.sum()
        return shares

    @property
    def points(self) -> tuple[StockPoint, ...]:
        """The stock points that are planned."""
        return self._points
