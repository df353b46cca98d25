"""Many recorded series of one length, and the world of a window of them: one independent stock point per series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena import DemandData, Network, Scenario, Window
from arena_boards.faults import refuse
from arena_boards.options import PanelOptions

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Recorded units of many series.

    Attributes:
        source: name of the data, for messages.
        names: names of the series, each once.
        sites: place of sale of each series, such as a store.
        articles: article of each series.
        first: first period: an ISO date, or a whole number.
        frequency: `day`, `week` or `period`.
        units: recorded units, shape (series, periods).
        in_stock: whether the shelf was full, of that shape; None: not known.
    """

    source: str
    names: tuple[str, ...]
    sites: tuple[str, ...]
    articles: tuple[str, ...]
    first: str
    frequency: str
    units: FloatArray
    in_stock: NDArray[np.bool_] | None = None

    @property
    def periods(self) -> int:
        """Number of recorded periods."""
        return int(self.units.shape[1])

    def take(self, rows: Sequence[int]) -> Panel:
        """Return the panel of some series, in that order."""
        places = list(rows)
        return Panel(
            source=self.source,
            names=tuple(self.names[place] for place in places),
            sites=tuple(self.sites[place] for place in places),
            articles=tuple(self.articles[place] for place in places),
            first=self.first,
            frequency=self.frequency,
            units=self.units[places],
            in_stock=None if self.in_stock is None else self.in_stock[places],
        )

    def is_observed(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Tell which series were in stock in all periods of a window, shape (series,)."""
        if self.in_stock is None:
            return np.ones(len(self.names), dtype=np.bool_)
        return np.asarray(self.in_stock[:, start:stop].all(axis=1))


@dataclass(frozen=True)
class Terms:
    """Terms of trade of an episode, the same for every series.

    Attributes:
        horizon: periods played.
        lead_time: periods between an order and its arrival; it is there before the demand of that period.
        holding_cost: money per unit left at the end of a period.
        shortage_cost: money per unit of lost sales.
    """

    horizon: int
    lead_time: int
    holding_cost: float
    shortage_cost: float


@dataclass(frozen=True)
class Start:
    """State before the first period.

    Attributes:
        stock: units on hand, shape (series,).
        pipeline: units on their way by period of arrival, shape (series, lead time).
    """

    stock: FloatArray
    pipeline: FloatArray


def make_episode(name: str, panel: Panel, window: int, terms: Terms, start: Start, history: int) -> Scenario:
    """Return the world of one window.

    Every series is a stock point of its own, with unlimited supply, whole units, lost sales and no purchase cost. The
    network tells which series belong together: series of one site sell to one market node, and series of one article
    are supplied by one raw material. Raw materials have no capacity, so that stock points are independent.

    Args:
        name: name of the scenario.
        panel: the series that are played, in the order of stock points, supply links and market links.
        window: first period played.
        terms: terms of trade.
        start: state before the window.
        history: periods told before the window.
    """
    count = len(panel.names)
    sites = {site: count + place for place, site in enumerate(dict.fromkeys(panel.sites))}
    articles = {each: count + len(sites) + place for place, each in enumerate(dict.fromkeys(panel.articles))}
    stock, pipeline = start.stock.tolist(), start.pipeline.tolist()
    network = Network.model_validate(
        {
            "nodes": [
                *(
                    {"id": i, "name": panel.names[i], "initial_stock": stock[i], "holding_cost": terms.holding_cost}
                    for i in range(count)
                ),
                *({"id": number, "name": f"customers of {site}"} for site, number in sites.items()),
                *({"id": number, "name": f"supply of {each}"} for each, number in articles.items()),
            ],
            "supply_links": [
                {
                    "supplier": articles[panel.articles[i]],
                    "buyer": i,
                    "lead_time": terms.lead_time,
                    "price": 0.0,
                    "pipeline_holding_cost": 0.0,
                    "lot_size": 1.0,
                    "initial_pipeline": tuple(pipeline[i]),
                }
                for i in range(count)
            ],
            "market_links": [
                {
                    "retailer": i,
                    "market": sites[panel.sites[i]],
                    "price": 0.0,
                    "shortage_penalty": terms.shortage_cost,
                }
                for i in range(count)
            ],
        }
    )
    stop = window + terms.horizon
    told = slice(window - history, stop)
    flags = panel.in_stock
    data = DemandData(
        markets=panel.names,
        start="0",
        frequency="period",
        values=tuple(map(tuple, panel.units[:, told].tolist())),
        in_stock=None if flags is None else tuple(map(tuple, flags[:, told].tolist())),
    )
    return Scenario(
        name=name,
        network=network,
        demand={"data": data, "by": "order"},
        fulfilment="lost_sales",
        horizon=terms.horizon,
        history=history,
        window=Window(start=history, count=1),
    )


def usual_start(panel: Panel, window: int, lead_time: int, recent: int) -> Start:
    """Return a start that depends on recorded units before the window alone: that of VN2, for any lead time.

    With m the mean of the latest periods, stock is m rounded up, nothing arrives in the first period, and in each later
    one as much as brings all that has been supplied until then to m per period, rounded to a whole unit. For a lead
    time of two periods that is VN2's own start: round(max(0, 2 m − stock)) in the second one.

    Args:
        panel: the series.
        window: first period played.
        lead_time: periods.
        recent: latest periods whose mean counts; out-of-stock ones count as recorded.
    """
    mean = panel.units[:, max(0, window - recent) : window].mean(axis=1)
    stock = np.ceil(mean)
    pipeline = np.zeros((len(stock), lead_time))
    supplied = stock.copy()
    for period in range(1, lead_time):
        pipeline[:, period] = np.round(np.maximum(0.0, (period + 1) * mean - supplied))
        supplied += pipeline[:, period]
    return Start(stock, pipeline)


def build_panel(
    board: str, panel: Panel, options: PanelOptions, recent: int
) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the last windows of a panel.

    Of every window the series with most units before it are played, and of these only the ones that were in stock in
    all of its periods: what customers wanted of the others is not known.

    Args:
        board: name of the suite.
        panel: all series.
        options: of the suite.
        recent: latest periods whose mean gives the start.

    Returns:
        The scenarios, and the cell of each by its name: there is one cell, of the name of the board.

    Raises:
        InvalidInput: the recorded periods do not suffice, or no series is left.
    """
    stride = options.stride or options.horizon
    first = panel.periods - options.horizon - (options.windows - 1) * stride
    least = 1 if options.history is None else options.history
    if first < least:
        needed = panel.periods - first + least
        rule = f"{options.windows} windows of {options.horizon} periods and {least} before them need {needed} periods"
        refuse(panel.source, "windows", f"{panel.periods} periods", rule, "write fewer windows or a shorter horizon")
    terms = Terms(options.horizon, options.lead_time, options.holding_cost, options.shortage_cost)
    scenarios = []
    for window in range(first, first + options.windows * stride, stride):
        # Stable, so that of equal totals the first series of the file stands first.
        by_units = np.argsort(-panel.units[:, :window].sum(axis=1), kind="stable")[: options.items]
        observed = panel.is_observed(window, window + options.horizon)
        chosen = panel.take([int(place) for place in np.sort(by_units) if observed[place]])
        if not chosen.names:
            rule = f"no series was in stock in all periods {window} to {window + options.horizon - 1}"
            refuse(panel.source, "windows", window, rule, "write a shorter horizon, or more items")
        history = window if options.history is None else options.history
        start = usual_start(chosen, window, options.lead_time, recent)
        width = max(4, math.ceil(math.log10(panel.periods + 1)))
        scenarios.append(make_episode(f"{board}-from-{window:0{width}d}", chosen, window, terms, start, history))
    return tuple(scenarios), {scenario.name: board for scenario in scenarios}
