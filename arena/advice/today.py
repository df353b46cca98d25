"""The scenario of today: a world that begins with the stock as it is, after the sales that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.advice.calendar import Calendar
from arena.advice.forecast import Forecast, forecast_demand
from arena.advice.source import StateSource
from arena.advice.state import StockState
from arena.advice.variations import Variation, with_lead_time, with_scaled_demand
from arena.documents import WORLD_SIZE, load_document
from arena.errors import ABSENT, Fault, InvalidInput
from arena.simulate.prepared import prepare
from arena.simulate.simulator import Simulator
from arena.world.customers import Window, columns_of, demand_of, groups_of
from arena.world.data.demand_data import DemandData
from arena.world.demand import Demand, Series
from arena.world.kinds import require_kind
from arena.world.library import build_scenario
from arena.world.network import Network
from arena.world.scenario import LONGEST_HISTORY, Scenario
from arena.world.suite import load_scenario


@dataclass(frozen=True)
class Recorded:
    """Recorded demand of all market links.

    Attributes:
        units: shape (periods, market links), oldest period first.
        in_stock: whether the shelf held goods, of that shape; None if no table says so.
        calendar: periods after the last recorded one.
        last: name of the last recorded period.
    """

    units: NDArray[np.float64]
    in_stock: NDArray[np.bool_] | None
    calendar: Calendar
    last: str


@dataclass(frozen=True)
class World:
    """A world as its file says, before the stock of today is known.

    Attributes:
        scenario: what is played.
        recorded: demand up to now; None where none is recorded.
        calendar: periods from today on.
        source: the file, for faults and messages.
    """

    scenario: Scenario
    recorded: Recorded | None
    calendar: Calendar
    source: str

    def varied(self, variation: Variation) -> World:
        """Return the world of a what-if: all demand scaled, before today and after, and all lead times longer.

        Raises:
            InvalidInput: a lead time that varies would have to be longer.
        """
        scenario = with_lead_time(self.scenario, variation.lead_time, self.source)
        recorded = self.recorded
        if variation.demand != 1.0:
            if recorded is None:
                scenario = with_scaled_demand(scenario, variation.demand)
            else:
                recorded = replace(recorded, units=recorded.units * variation.demand)
        return replace(self, scenario=scenario, recorded=recorded)


@dataclass(frozen=True)
class Today:
    """A world on the morning of today.

    Attributes:
        scenario: begins today, with the stock of today; a match of it, told the same history, has the same first
            decision.
        world: what it was made from.
        state: stock and open orders.
        forecast: of the demand to come.
        history: demand before today that controllers are told, shape (history, market links); None where the scenario
            draws it.
        in_stock: whether shelves held goods then, of that shape: 1 or 0; None with `history`.
    """

    scenario: Scenario
    world: World
    state: StockState
    forecast: Forecast
    history: NDArray[np.float64] | None = None
    in_stock: NDArray[np.float64] | None = None

    def simulator(self) -> Simulator:
        """Return a simulator of the scenario, with the stock of every component and what suppliers owe."""
        own = prepare(self.scenario).compiled
        compiled = replace(own, initial_stock=self.state.on_hand, initial_owed=self.state.owed)
        return Simulator(self.scenario, compiled)


def load_world(reference: str | Path, history: Path | None, state: StateSource, today: str | None = None) -> World:
    """Load a world, with the sales that are known today.

    Args:
        reference: a scenario's file, or the name of a shipped scenario.
        history: a newer table of sales, read as the scenario says its own is; None for that one.
        state: says today's date, perhaps.
        today: the date, in place of the state's; None for that, or the period after the last recorded one.

    Raises:
        UnknownName: there is no such scenario.
        InvalidInput: the world or the table has faults; demand is recorded on some market links and not on others, or
            up to different periods; or today is not the period after the last recorded one.
    """
    scenario = load_scenario(reference) if history is None else _with_history(Path(reference), history)
    recorded = _recorded(scenario, str(reference))
    stated = today or state.today
    if recorded is not None:
        _check_today(recorded, stated, str(history or reference))
        return World(scenario, recorded, recorded.calendar, str(reference))
    calendar = Calendar()
    if state.frequency is not None:
        unit = f"{state.frequency} days" if isinstance(state.frequency, int) else state.frequency
        calendar = Calendar(stated or "", unit)
        _check_start(calendar, str(reference))
    elif stated is not None:
        rule = "no demand is recorded, and the length of a period is not known"
        raise InvalidInput([Fault("today", "", stated, rule, "write frequency: day (or week, month) beside today")])
    return World(scenario, None, calendar, str(reference))


def _with_history(path: Path, history: Path) -> Scenario:
    """Return a scenario whose recorded demand is read from another table of the same form."""
    document = load_document(path, WORLD_SIZE)
    require_kind(document, "scenario", str(path))
    demand = document.get("demand")
    data = demand.get("data") if isinstance(demand, Mapping) else None
    if not isinstance(data, Mapping) or "file" not in data:
        rule = "the scenario names no table of demand, so that it is not known how a newer one is read"
        fix = "write demand: {data: {file: …, layout: …}} into it: see the how-to on your own data"
        raise InvalidInput([Fault(str(path), "demand.data.file", ABSENT, rule, fix)])
    newer: dict[str, Any] = {**data, "file": str(history.absolute())}
    if not history.is_file():
        fix = "check the path, which is relative to the working folder"
        rule = "is a folder, and a table is a file" if history.is_dir() else "there is no such file"
        raise InvalidInput([Fault(str(history), "", ABSENT, rule, fix)])
    # Windows cut the table that the backtest plays; today begins after the last period of any table.
    kept = {key: value for key, value in document.items() if key not in ("window", "history")}
    played = {**kept, "demand": {**dict(demand or {}), "data": {**newer, "past_end": "repeat"}}}
    scenario = build_scenario(played, str(path), base=path.parent)
    told = document.get("history", 0)
    if type(told) is not int or not 0 <= told <= LONGEST_HISTORY:
        rule = f"must be a whole number from 0 to {LONGEST_HISTORY:,}"
        raise InvalidInput([Fault(str(path), "history", told, rule, "write how many periods of the past are told")])
    return scenario.model_copy(update={"history": told})


def _recorded(scenario: Scenario, source: str) -> Recorded | None:
    """Return recorded demand; None if no market link has any."""
    network = scenario.network
    groups = [(demand, links) for demand, links in groups_of(scenario) if demand.data is not None]
    if not groups:
        return None
    without = [i for i in range(len(network.market_links)) if demand_of(scenario, i).data is None]
    if without:
        names = ", ".join(network.label(network.market_links[i].retailer) for i in without[:5])
        rule = f"demand is recorded on some market links, and not on those of {names}"
        raise InvalidInput([Fault(source, "demand.data", ABSENT, rule, "record it on all of them, or on none")])
    first = groups[0][0].data
    assert first is not None
    length = first.periods
    units = np.empty((length, len(network.market_links)))
    flags = np.ones(units.shape, dtype=np.bool_)
    is_flagged = False
    for demand, links in groups:
        data = demand.data
        assert data is not None
        if (data.start, data.frequency, data.periods) != (first.start, first.frequency, length):
            rule = f"tables end with {_last(first)} and with {_last(data)}, or have periods of different lengths"
            raise InvalidInput([Fault(source, "demand.data", ABSENT, rule, "record all demand up to the same period")])
        columns = columns_of(demand, network, links)
        for link in links:
            units[:, link] = data.values[columns[link]]
            if data.in_stock is not None:
                flags[:, link] = data.in_stock[columns[link]]
                is_flagged = True
    calendar = Calendar(first.labels(length, 1)[0], first.frequency)
    return Recorded(units, flags if is_flagged else None, calendar, _last(first))


def _last(data: DemandData) -> str:
    return data.labels(data.periods - 1, 1)[0]


def _check_today(recorded: Recorded, stated: str | None, source: str) -> None:
    if stated is None or stated == recorded.calendar.today:
        return
    rule = f"sales are recorded up to {recorded.last}, and today would be the period after it, "
    rule += recorded.calendar.today
    fix = "give the newest table by --history, or leave today out"
    raise InvalidInput([Fault(source, "today", stated, rule, fix)])


def _check_start(calendar: Calendar, source: str) -> None:
    try:
        fits = calendar.label(0) == calendar.today
    except ValueError:
        fits = False
    if not fits:
        rule = f"is not the first day of a period of a {calendar.frequency}"
        fix = "write 2024-01 for months, and 2024-01-31 for days and weeks"
        raise InvalidInput([Fault(source, "today", calendar.today, rule, fix)])


def begin_today(world: World, state: StockState) -> Today:
    """Return the world as it is today.

    Recorded demand is what controllers are told of the past. What is to come is not recorded: it is normal demand
    around the plain forecast, which is what the informed track is told.

    Args:
        world: the world.
        state: its stock.
    """
    scenario = world.scenario.window_at(0)
    network = _stocked(scenario.network, state)
    if world.recorded is None:
        played = scenario.model_copy(update={"network": network})
        mean = played.mean_demand(0, played.mean_path.shape[1])
        words = "the mean demand that the world states"
        return Today(played, world, state, Forecast(mean.T, played.deviation(mean)[:, 0], words))
    recorded = world.recorded
    ahead = scenario.horizon + network.longest_lead_time
    forecast = forecast_demand(recorded.units, recorded.in_stock, recorded.calendar.frequency, ahead)
    told = min(len(recorded.units), scenario.history or LONGEST_HISTORY, LONGEST_HISTORY)
    past = recorded.units[len(recorded.units) - told :]
    links = tuple(
        link.model_copy(update={"demand": _expected(past[:, place], forecast, place)})
        for place, link in enumerate(network.market_links)
    )
    changes = {
        "network": network.model_copy(update={"market_links": links}),
        "demand": Demand(),
        "history": told,
        "window": Window(start=told, count=1),
        "correlation": None,
    }
    flags = np.ones(past.shape) if recorded.in_stock is None else recorded.in_stock[-told:].astype(np.float64)
    return Today(scenario.model_copy(update=changes), world, state, forecast, past, flags)


def _expected(past: NDArray[np.float64], forecast: Forecast, link: int) -> Demand:
    """Return the demand of a market link: what was, and normal demand around what is expected."""
    levels = (*past.tolist(), *forecast.mean[:, link].tolist())
    # Both are of numbers that were checked: recorded ones, and means of them.
    return Demand(
        series=Series.model_construct(values=levels, scale_to_mean=None, name=""),
        distribution="normal",
        standard_deviation=float(forecast.deviation[link]),
    )


def _stocked(network: Network, state: StockState) -> Network:
    """Return the network with the stock of today in place of its own."""
    stocks: dict[int, float] = {}
    for point, units in zip(network.stock_points, state.on_hand, strict=True):
        stocks[point.node_id] = max(units, stocks.get(point.node_id, 0.0))
    changes = {
        "nodes": tuple(
            node.model_copy(update={"initial_stock": stocks[node.id]}) if node.id in stocks else node
            for node in network.nodes
        ),
        "supply_links": tuple(
            link.model_copy(update={"initial_pipeline": pipeline, "initial_orders": orders})
            for link, pipeline, orders in zip(network.supply_links, state.pipeline, state.unseen, strict=True)
        ),
        "market_links": tuple(
            link.model_copy(update={"initial_backlog": units})
            for link, units in zip(network.market_links, state.backlog, strict=True)
        ),
    }
    return network.model_copy(update=changes)
