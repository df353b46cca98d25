"""Worth of goods that nobody buys, against the simulator: the best of all ways to move a single unit."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from one_stage_world import keeper

from arena import Network, Scenario, Simulator, TrackView
from arena_heuristics.ending import Ending
from arena_heuristics.ordering import last_useful_periods

HORIZON = 5


def line(values, lead_times, discount: float, delay: int) -> Scenario:
    """Raw 4 → factory 3 → 2 → retailer 1 → market 0, where nobody buys; all stocks are empty."""
    prices = {1: 0.0, 2: 0.0, 3: 0.3}  # what managed nodes pay each other cancels
    nodes = [
        {"id": node, "initial_stock": 0, "holding_cost": cost, "terminal_value": value}
        for node, cost, value in zip((1, 2, 3), (0.03, 0.02, 0.01), values, strict=True)
    ]
    nodes[2] |= {"capacity": 10, "operating_cost": 0.05, "yield": 0.8}
    links = [
        {
            "supplier": node + 1,
            "buyer": node,
            "lead_time": lead_time,
            "price": prices[node],
            "pipeline_holding_cost": 0.01,
        }
        for node, lead_time in zip((1, 2, 3), lead_times, strict=True)
    ]
    links[2] |= {"order_delay": delay}
    market = {"retailer": 1, "market": 0, "price": 2.0, "shortage_penalty": 0.1, "mean_demand": 0}
    network = {"nodes": [{"id": 0}, *nodes, {"id": 4}], "supply_links": links, "market_links": [market]}
    written = {"horizon": HORIZON, "discount": discount, "demand": {"noise_scale": 0.0}}
    return Scenario(name="line", network=Network.model_validate(network), **written)


def profit(scenario: Scenario, bought: int, onward: tuple[int, ...]) -> float:
    """Profit of buying a unit in a period, and passing on all of it in later ones, by link from raw material down."""
    simulator, total = Simulator(scenario), 0.0
    simulator.start(0)
    while not simulator.finished:
        orders = np.zeros(3)
        orders[2] = float(simulator.period == bought)
        orders[1] = 0.8 * (simulator.period == onward[0])
        orders[0] = 0.8 * (simulator.period == onward[1])
        total += simulator.step(orders)
    return total


@settings(max_examples=25)
@given(
    st.tuples(*[st.floats(-1, 2)] * 3),
    st.tuples(*[st.integers(0, 2)] * 3),
    st.sampled_from([1.0, 0.9]),
    st.integers(0, 1),
    st.integers(0, HORIZON - 1),
)
def test_the_gain_of_an_order_is_that_of_the_best_way_to_move_it(values, lead_times, discount, delay, bought) -> None:
    scenario = line(values, lead_times, discount, delay)
    stock = keeper(scenario)
    briefing = TrackView(scenario, "informed").brief(seed=1)
    last_useful = last_useful_periods(scenario.network, HORIZON, stock.plan)
    ending = Ending(briefing, stock.materials, stock.plan, last_useful)
    if not ending.is_weighed:
        return
    place = [ending._links.tolist().index(2)]
    gain = ending.gains(bought)[place]
    if bought + delay >= HORIZON:
        assert gain == [-np.inf]
        return
    never = HORIZON
    best = max(profit(scenario, bought, ways) for ways in itertools.product(range(bought, never + 1), repeat=2))
    assert gain * discount ** (bought + delay) == pytest.approx([best], rel=1e-9, abs=1e-9)
