"""Nothing of a lead time, of recorded demand or of another node's past is shown before its time.

Two worlds share what has shown up to some period and differ in all that has not: every message of that time is equal,
byte for byte, on every track but the oracle's.
"""

from collections.abc import Iterator

import numpy as np
from hypothesis import assume, given, settings, strategies as st
from later_strategies import later_scenarios
from numpy.typing import NDArray
from strategies import changed, networks, seeds

from arena import Scenario, Simulator, TrackView
from arena.simulate.arrivals import draw_lead_times
from arena.simulate.simulator import realised_history
from arena.simulate.streams import episode_generator
from arena.testing.recorder import describe_briefing, describe_observation
from arena.world.data import DemandData
from arena.world.demand import Demand, Goodwill
from arena.world.lead_times import LOST


def views(scenario: Scenario) -> list[TrackView]:
    """The views of all tracks but the oracle's."""
    nodes = [TrackView(scenario, "decentralised", node) for node in scenario.network.managed]
    return [TrackView(scenario, "blind"), TrackView(scenario, "informed"), *nodes]


def frames(scenario: Scenario, simulator: Simulator, orders: NDArray[np.float64], first: int) -> Iterator[bytes]:
    """What all tracks are shown before the periods up to the first one that may differ."""
    for row in orders[:first]:
        simulator.step(row)
        yield from (describe_observation(view.observe(simulator.state)).frame for view in views(scenario))


@st.composite
def with_hidden_part(draw: st.DrawFn, scenario: Scenario, table: NDArray[np.int64], fork: int) -> NDArray[np.int64]:
    """Lead times that are those of a table as far as they have shown before a period, and any others where not."""
    other = table.copy()
    slots = [scenario.network.supply_links[position].slots for position in scenario.network.varying_links]
    for (shipped, link), lead_time in np.ndenumerate(table):
        shows = shipped + (slots[link] if lead_time == LOST else lead_time)
        later = max(0, fork - shipped)  # the first lead time that has not shown
        if shows >= fork and later <= slots[link]:
            other[shipped, link] = draw(st.just(LOST) | st.integers(later, slots[link]))
    return other


@settings(max_examples=80)
@given(later_scenarios(), seeds, st.data())
def test_nothing_of_a_lead_time_is_shown_before_goods_arrive(
    scenario: Scenario, seed: int, data: st.DataObject
) -> None:
    assume(scenario.network.varying_links)
    demand = np.full((scenario.horizon, len(scenario.network.market_links)), 6.0)
    table = draw_lead_times(scenario, episode_generator(seed))
    fork = data.draw(st.integers(0, scenario.horizon - 1))
    other = data.draw(with_hidden_part(scenario, table, fork))
    orders = np.full((scenario.horizon, len(scenario.network.supply_links)), 7.0)
    shown = []
    for lead_times in (table, other):
        simulator = Simulator(scenario)
        simulator.replay(demand, lead_times)
        shown.append([*frames(scenario, simulator, orders, fork)])
    assert shown[0] == shown[1]


def test_what_has_arrived_does_show() -> None:
    """The sibling: a lead time that differs in what has arrived changes what is shown."""
    link = {"lead_time": 1, "price": 1, "pipeline_holding_cost": 0}
    law = {"values": [1, 2], "probabilities": [0.5, 0.5], "may_cross": True}
    scenario = Scenario.model_validate(
        {
            "name": "one-shop",
            "network": {
                "nodes": [{"id": 0}, {"id": 1, "initial_stock": 9, "holding_cost": 0}, {"id": 2}],
                "supply_links": [{"supplier": 2, "buyer": 1, "lead_time_distribution": law, **link}],
                "market_links": [{"retailer": 1, "market": 0, "price": 2, "shortage_penalty": 0, "mean_demand": 5}],
            },
            "horizon": 4,
        }
    )
    orders = np.full((4, 1), 7.0)
    shown = []
    for first in (1, 2):
        simulator = Simulator(scenario)
        simulator.replay(np.full((4, 1), 5.0), np.array([[first], [1], [1], [1]]))
        shown.append([*frames(scenario, simulator, orders, 2)])
    assert shown[0][:3] == shown[1][:3], "before the first order arrives, nothing tells when it will"
    assert all(one != other for one, other in zip(shown[0][3:], shown[1][3:], strict=True))


@st.composite
def recorded(draw: st.DrawFn) -> tuple[Scenario, DemandData, int]:
    """A scenario of recorded demand, its data, and the first period of a window whose demand may differ."""
    network = draw(networks(largest=6))
    network = changed(network, market_links=tuple(changed(link, mean_demand=None) for link in network.market_links))
    horizon, history = draw(st.integers(2, 6)), draw(st.integers(0, 5))
    periods = history + horizon
    markets = len(network.market_links)
    numbers = st.lists(st.integers(0, 30), min_size=periods, max_size=periods)
    flags = st.lists(st.booleans(), min_size=periods, max_size=periods)
    data = DemandData(
        markets=tuple(f"market {place}" for place in range(markets)),
        start="2024-01-01",
        frequency="day",
        values=tuple(tuple(draw(numbers)) for _ in range(markets)),
        in_stock=draw(st.none() | st.tuples(*[flags.map(tuple)] * markets)),
        past_end="repeat",
    )
    sales = draw(st.booleans())
    scenario = Scenario(
        name="recorded",
        network=network,
        demand=Demand(data=data, by="order"),
        fulfilment="lost_sales" if sales else draw(st.sampled_from(["backlog", "lost_sales"])),
        visible_demand="sales" if sales else "demand",
        goodwill=None if sales else draw(st.none() | st.just(Goodwill())),
        horizon=horizon,
        history=history,
        window={"start": history, "count": 1},
    )
    return scenario, data, draw(st.integers(0, horizon - 1))


def with_data(scenario: Scenario, values: NDArray[np.float64], flags: NDArray[np.bool_] | None) -> Scenario:
    """The scenario with other numbers in its data; arrays (periods, market links)."""
    data = scenario.demand.data
    assert data is not None
    changes = {
        "values": tuple(map(tuple, values.T.tolist())),
        "in_stock": None if flags is None else tuple(map(tuple, flags.T.tolist())),
    }
    return changed(scenario, demand=changed(scenario.demand, data=changed(data, **changes)))


@settings(max_examples=60)
@given(recorded(), seeds)
def test_recorded_demand_is_shown_as_it_is_played(case: tuple[Scenario, DemandData, int], seed: int) -> None:
    """Demand and flags of periods to come differ, and nothing that a blind controller is told does."""
    here, data, fork = case
    first = here.history + fork
    values, flags = data.array.copy(), data.in_stock_array
    values[first:] = 31.0 - values[first:]
    if flags is not None:
        flags = flags.copy()
        flags[here.history :] = ~flags[here.history :]
    there = with_data(here, values, flags)
    assume(here.order_bound == there.order_bound)
    orders = np.full((here.horizon, len(here.network.supply_links)), 7.0)
    shown = []
    for world in (here, there):
        told = [
            describe_briefing(view.brief(seed=1, history=realised_history(world, seed))).frame
            for view in views(world)
            if view.track != "informed"
        ]
        simulator = Simulator(world)
        simulator.start(seed)
        for row in orders[:fork]:
            simulator.step(row)
            told += [
                describe_observation(view.observe(simulator.state)).frame
                for view in views(world)
                if view.track != "informed"
            ]
        shown.append(told)
    assert shown[0] == shown[1]


@settings(max_examples=60)
@given(recorded(), seeds, st.data())
def test_a_node_is_told_the_history_of_its_own_customers(
    case: tuple[Scenario, DemandData, int], seed: int, data: st.DataObject
) -> None:
    here, recorded_demand, _ = case
    assume(here.history)
    node = data.draw(st.sampled_from(here.network.managed))
    foreign = [place for place, link in enumerate(here.network.market_links) if link.retailer != node]
    values, flags = recorded_demand.array.copy(), recorded_demand.in_stock_array
    values[: here.history, foreign] += 1.0
    if flags is not None:
        flags = flags.copy()
        flags[: here.history, foreign] = ~flags[: here.history, foreign]
    there = with_data(here, values, flags)

    def told(world: Scenario, track: str = "decentralised") -> bytes:
        view = TrackView(world, track, node if track == "decentralised" else None)
        return describe_briefing(view.brief(seed=1, history=realised_history(world, seed))).frame

    assert told(here) == told(there)
    if foreign:
        assert told(here, "blind") != told(there, "blind")
    own = list(here.network.markets_of(node))
    values[0, own] += 1.0
    assert (told(with_data(here, values, flags)) != told(there)) == bool(own)
