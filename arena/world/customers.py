"""The demand of every market link of a scenario: whose it is, which recorded market it plays, and from which window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from arena.errors import FieldFault, closest, printable
from arena.schemas import Count, FrozenSchema
from arena.world.data.demand_data import DemandData
from arena.world.data.text_table import in_yaml
from arena.world.demand import Demand, Series
from arena.world.network import Network

_SHOWN = 5  # names in a message


class Window(FrozenSchema):
    """Which periods of data or series are played: the k-th seed plays the k-th window.

    Window k begins with period ``start + k * stride`` of them, and is played as if they had been cut out.
    """

    start: Count = Field(default=0, description="first period of the first window")
    length: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="periods of a window: those of the horizon, which is the default"
    )
    stride: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="periods from one window's beginning to the next; absent: the length"
    )
    count: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="number of windows; absent: as many as fit"
    )


class WrittenDemand(Protocol):
    """What of a scenario its customers' demand follows from; see `arena.world.scenario.Scenario`."""

    @property
    def network(self) -> Network:
        """The network, whose market links may have demands of their own."""

    @property
    def demand(self) -> Demand:
        """The demand of all other market links."""

    @property
    def horizon(self) -> int:
        """Periods played."""

    @property
    def history(self) -> int:
        """Periods told of before the first one."""

    @property
    def window(self) -> Window | None:
        """Which periods of data and series are played."""

    @property
    def demands(self) -> tuple[Demand, ...]:
        """The demand of every market link, as `resolve_demands` gives it."""


def demand_of(scenario: WrittenDemand, link: int) -> Demand:
    """The demand of a market link as it is written: its own, or that of the scenario."""
    own = scenario.network.market_links[link].demand
    return scenario.demand if own is None else own


def where_of(scenario: WrittenDemand, link: int) -> str:
    """Where the demand of a market link is written, for messages."""
    own = scenario.network.market_links[link].demand
    return "demand" if own is None else f"network.market_links[{link}].demand"


def groups_of(scenario: WrittenDemand) -> list[tuple[Demand, list[int]]]:
    """Demands as they are written, each with the market links that it holds for, in their order."""
    links = scenario.network.market_links
    shared = [i for i, link in enumerate(links) if link.demand is None]
    own = [(link.demand, [i]) for i, link in enumerate(links) if link.demand is not None]
    return [(scenario.demand, shared), *own] if shared else own


# --- recorded markets -----------------------------------------------------------------------------------------------


def names_of(network: Network, link: int) -> list[str]:
    """Names by which recorded demand may mean a market link: its own, that of its market, and the market's id."""
    market_link = network.market_links[link]
    candidates = (market_link.name, network.node(market_link.market).name)
    return [*filter(None, candidates), str(market_link.market)]


def columns_of(demand: Demand, network: Network, links: Sequence[int]) -> dict[int, int]:
    """The recorded market of every market link that has one, by position; nothing is guessed."""
    data = demand.data
    assert data is not None
    if demand.by == "order":
        return dict(zip(links, range(len(data.markets)), strict=False))
    positions = {name: position for position, name in enumerate(data.markets)}
    found = {}
    for link in links:
        known = [name for name in names_of(network, link) if name in positions]
        if known:
            found[link] = positions[known[0]]
    return found


def matched_data(demand: Demand, network: Network, links: Sequence[int]) -> DemandData:
    """Recorded demand in the order of the market links, under the links' positions instead of names."""
    data = demand.data
    assert data is not None
    found = columns_of(demand, network, links)
    columns = [found[link] for link in links]
    flags = data.in_stock
    changes = {
        "markets": tuple(map(str, links)),
        "values": tuple(data.values[column] for column in columns),
        "in_stock": None if flags is None else tuple(flags[column] for column in columns),
        "start": "0",
        "frequency": "period",
    }
    return data.model_copy(update=changes)


def data_faults(scenario: WrittenDemand) -> Iterator[FieldFault]:
    """Faults of recorded demand that does not fit the market links: names, and periods that are not there."""
    network = scenario.network
    for demand, links in groups_of(scenario):
        if demand.data is None:
            continue
        where, markets = where_of(scenario, links[0]), demand.data.markets
        if demand.by == "order":
            if len(markets) != len(links):
                rule = f"by: order needs as many recorded markets as market links, {len(links)}, and there are"
                yield FieldFault(f"{where}.data", len(markets), rule, "name the markets to read")
            continue
        columns = columns_of(demand, network, links)
        uses = Counter(columns.values())
        unmatched = [link for link in links if link not in columns]
        without = [shown_link(network, link) for link in unmatched]
        unused = [name for position, name in enumerate(markets) if position not in uses]
        if without or unused:
            told = [f"market links without data: {_listed(without)}"] if without else []
            told += [f"data without a market link: {_listed(unused)}"] if unused else []
            rule = "every market link has recorded demand by its name, or the name or id of its market; "
            fix = _name_hint(network, unmatched, unused, [markets[column] for column in columns.values()])
            if len(markets) == len(links):
                fix += ", or write by: order, by which the first market is that of the first market link"
            yield FieldFault(f"{where}.data", f"markets {_listed(markets)}", rule + "; ".join(told), fix)
        doubled = sorted(markets[column] for column, times in uses.items() if times > 1)
        if doubled and not (without or unused):
            rule = f"several market links would have the same recorded demand: {_listed(doubled)}"
            yield FieldFault(f"{where}.data", f"markets {_listed(markets)}", rule, "give the market links names")


def _name_hint(network: Network, unmatched: Sequence[int], unused: Sequence[str], used: Sequence[str]) -> str:
    """The nearest names of links and data that do not meet; the markets to read if only data are left over."""
    for link in unmatched:
        for name in names_of(network, link)[:-1]:  # The last is the market's id, and a number is no misspelling.
            near = closest(name, unused)
            if near is not None:
                return f'name them alike ("{printable(name)}" and "{printable(near)}")'
    if unused and used and not unmatched:
        return f"name market links so, or read no other data: markets: [{', '.join(map(in_yaml, used))}]"
    return "name them alike"


def shown_link(network: Network, link: int) -> str:
    """A market link for messages: its place in the file and what it joins."""
    market_link = network.market_links[link]
    return (
        f"network.market_links[{link}] ({network.label(market_link.retailer)} to {network.label(market_link.market)})"
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


# --- windows --------------------------------------------------------------------------------------------------------


def recorded_periods(scenario: WrittenDemand) -> int | None:
    """Periods of the shortest series or data of the scenario; None if it has neither."""
    lengths = []
    for demand, _ in groups_of(scenario):
        if demand.data is not None:
            lengths.append(demand.data.periods)
        elif demand.series is not None:
            lengths.append(len(demand.series.values))
    return min(lengths, default=None)


def window_start(scenario: WrittenDemand) -> int:
    """Period of series and data that the scenario's first window begins with."""
    return 0 if scenario.window is None else scenario.window.start


def count_windows(scenario: WrittenDemand) -> int:
    """Number of windows; 1 without any, since every seed then plays the same periods."""
    window, periods = scenario.window, recorded_periods(scenario)
    if window is None or periods is None:
        return 1
    if window.count is not None:
        return window.count
    return max(1, (periods - window.start - scenario.horizon) // stride_of(scenario) + 1)


def stride_of(scenario: WrittenDemand) -> int:
    """Periods from one window's beginning to that of the next."""
    window = scenario.window
    return scenario.horizon if window is None or window.stride is None else window.stride


def window_faults(scenario: WrittenDemand) -> Iterator[FieldFault]:
    """Faults of windows and histories that reach beyond what was recorded, or have nothing to cut."""
    window, periods = scenario.window, recorded_periods(scenario)
    if periods is None:
        if window is not None:
            rule = "a window is cut out of data or of a series, and this scenario has neither"
            yield FieldFault("window", "given", rule, "remove it, or write demand: {data: …}")
        return
    if window is not None and window.length not in (None, scenario.horizon):
        rule = f"a window is played from its first period to its last, and the horizon is {scenario.horizon}"
        yield FieldFault("window.length", window.length, rule, f"write horizon: {window.length}")
    start = window_start(scenario)
    if scenario.history > start:
        rule = f"the history lies in the recorded periods before the first window, which begins with period {start}"
        yield FieldFault("history", scenario.history, rule, f"write window: {{start: {scenario.history}}}")
    last = start + (count_windows(scenario) - 1) * stride_of(scenario)
    stop = last + scenario.horizon
    for demand, links in groups_of(scenario):
        data, where = demand.data, where_of(scenario, links[0])
        if data is not None and (last >= data.periods or (data.past_end == "error" and stop > data.periods)):
            rule = f"periods {start} to {stop - 1} are played, and {data.periods} were recorded"
            fix = "play fewer periods or windows, or write past_end: repeat, by which the last value repeats"
            yield FieldFault(f"{where}.data", f"{data.periods} periods", rule, fix)
        elif window is not None and demand.series is not None and stop > len(demand.series.values):
            rule = f"windows lie in the series: periods {start} to {stop - 1} are played of {periods}"
            yield FieldFault("window", f"{periods} periods", rule, "play fewer periods or windows")


# --- what is played -------------------------------------------------------------------------------------------------


def resolve_demands(scenario: WrittenDemand) -> tuple[Demand, ...]:
    """The demand of every market link with all that holds for it: level, and what is played of data or series.

    Each stands for itself: it has a base or a series, which begins with the first period played. Where a series was cut
    out, its last value repeats past the end of the window.
    """
    found: list[Demand | None] = [None] * len(scenario.network.market_links)
    by_level: dict[tuple[int, float | None], Demand] = {}
    for demand, links in groups_of(scenario):
        if demand.data is not None:
            columns = columns_of(demand, scenario.network, links)
            for link in links:
                found[link] = _recorded(demand.data, columns[link], window_start(scenario), scenario.horizon)
            continue
        if demand.series is not None and scenario.window is not None:
            start = window_start(scenario)
            levels = tuple(demand.series.levels(start + scenario.horizon, start).tolist())
            demand = demand.model_copy(update={"series": _series(levels, demand.series.name)})
        for link in links:
            level = _level(demand, scenario.network.market_links[link].mean_demand)
            key = (id(demand), level)
            if key not in by_level:
                leveled = demand.base_mean is None and level is not None
                by_level[key] = demand.model_copy(update={"base_mean": level}) if leveled else demand
            found[link] = by_level[key]
    return tuple(demand for demand in found if demand is not None)


def _level(demand: Demand, mean_demand: float | None) -> float | None:
    if demand.base_mean is not None or demand.series is not None:
        return demand.base_mean
    return demand.own_mean if mean_demand is None else mean_demand


def _series(levels: tuple[float, ...], name: str) -> Series:
    return Series.model_construct(values=levels, scale_to_mean=None, name=name)  # checked already


def _recorded(data: DemandData, column: int, start: int, length: int) -> Demand:
    values = data.values[column][start : start + length]
    return Demand.model_construct(series=_series(values, ""), noise_scale=0.0, sampling="inverse_cdf")


def history_means(scenario: WrittenDemand) -> NDArray[np.float64]:
    """Mean demand of the periods before the first one, without sentiment, shape (market links, history)."""
    count, network = scenario.history, scenario.network
    means = np.empty((len(network.market_links), count))
    start = window_start(scenario)
    for demand, links in groups_of(scenario):
        if demand.data is not None:
            columns = columns_of(demand, network, links)
            for link in links:
                means[link] = demand.data.values[columns[link]][start - count : start]
            continue
        if demand.series is not None and scenario.window is not None:
            levels = tuple(demand.series.levels(start, start - count).tolist())
            earlier = demand.model_copy(update={"series": _series(levels or (0.0,), "")})
            means[links] = _moved(earlier, count)
            continue
        for link in links:
            means[link] = scenario.demands[link].mean_path(np.zeros(1), 0, first=-count)[0]
    floor = np.array([demand.smallest_mean for demand in scenario.demands])
    raised: NDArray[np.float64] = np.maximum(floor[:, None], means)
    return raised


def _moved(demand: Demand, count: int) -> NDArray[np.float64]:
    """The path of a series whose first value is that of period ``-count``, effects as they go on backwards."""
    assert demand.series is not None
    base = demand.model_copy(update={"series": None, "base_mean": 1.0})
    path: NDArray[np.float64] = demand.series.levels(count) * base.mean_path(np.zeros(1), 0, first=-count)[0]
    return path


def history_flags(scenario: WrittenDemand) -> NDArray[np.float64]:
    """Whether the shelf held goods in the periods before the first one: 1 or 0, shape (history, market links)."""
    count, network = scenario.history, scenario.network
    flags = np.ones((count, len(network.market_links)))
    start = window_start(scenario)
    for demand, links in groups_of(scenario):
        if demand.data is not None and demand.data.in_stock is not None:
            columns = columns_of(demand, network, links)
            for link in links:
                flags[:, link] = demand.data.in_stock[columns[link]][start - count : start]
    return flags
