"""Echelon positions: what they count, by hand and by the dynamics themselves."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from arena import Demand, Scenario, compile_scenario, initial_state, load_network, step
from arena.training_worlds import RandomNetworks
from arena_rl.inputs.echelon_positions import PositionTime, SupplyStructure, position_map


def reach_of(network) -> SupplyStructure:
    return SupplyStructure(compile_scenario(Scenario(name="test", network=network, demand=Demand(base_mean=10.0))))


def test_times_to_market_of_the_serial_network():
    structure = reach_of(load_network("serial"))
    # Nodes 1 (retailer), 2 and 3: the links between them take four periods, and what arrives is shipped on in the next.
    assert structure.time_to_market == (0, 5, 10)


def test_units_follow_the_bill_of_materials():
    network = load_network("assembly")
    structure = reach_of(network)
    for point, stock in enumerate(structure.compiled.stock_points):
        factory = network.node(network.managed[stock.node])
        for component in factory.bill_of_materials:
            if stock.arrivals and network.supply_links[stock.arrivals[0]].supplier in component.suppliers:
                assert structure.units_per_sale[point, 0] == pytest.approx(component.units / factory.yield_)


@given(st.integers(0, 10_000), st.integers(2, 12))
def test_a_position_is_what_can_be_sold_in_time(seed, time):
    """Where demand is so large that all is sold at once, what was sold by a period is what the position counted.

    Ordering everything on hand forward in every period moves all goods as fast as the network can, in a serial network
    without capacity limits. What the customers of the retailer got is then the position of the first stock point, its
    demand left out.
    """
    generator = np.random.default_rng(seed)
    network = RandomNetworks(topologies=("serial",), lossy=0.0, inner_factory=0.0, capacity=(1e4, 1e4)).draw(generator)
    network = network.model_copy(update={"market_links": network.market_links[:1]})
    network = network.model_copy(
        update={"nodes": tuple(n for n in network.nodes if n.id in _used(network))},
    )
    structure = reach_of(network)
    compiled = structure.compiled
    first = structure.downstream_first[-1]
    state = initial_state(compiled, 1, np.zeros(1))
    moving = generator.uniform(0, 30, state.pipeline.shape)
    in_transit = np.zeros((1, compiled.links))
    offsets = network.pipeline_offsets
    for link in range(compiled.links):
        in_transit[0, link] = moving[0, offsets[link] : offsets[link + 1]].sum()
    state = type(state)(**{**vars(state), "pipeline": moving, "in_transit": in_transit})
    found = position_map(structure, [PositionTime(first, time)])
    known = np.concatenate((state.on_hand[0], moving[0], [0.0], np.zeros(found.periods)))
    raw = [i for i, source in enumerate(compiled.sources) if source.node < 0]
    sold = 0.0
    for _ in range(time + 1):
        orders = np.full((1, compiled.links), 1e6)
        orders[0, raw] = 0.0
        state, flows = step(compiled, state, orders, np.full((1, 1), 1e7))
        sold += float(flows.sold[0, 0])
    assert sold == pytest.approx(float(known @ found.weights[:, 0]), rel=1e-9, abs=1e-6)


def _used(network) -> set[int]:
    ends = {link.supplier for link in network.supply_links} | {link.buyer for link in network.supply_links}
    return ends | {link.market for link in network.market_links} | {link.retailer for link in network.market_links}


def test_demand_and_backlog_are_subtracted():
    structure = reach_of(load_network("serial"))
    points, slots = len(structure.compiled.stock_points), structure.compiled.network.pipeline_offsets[-1]
    found = position_map(structure, [PositionTime(0, 2)])
    backlog = found.weights[points + slots, 0]
    forecast = found.weights[points + slots + 1 :, 0]
    assert backlog == -1
    np.testing.assert_array_equal(forecast, [-1, -1, -1])


def test_rivals_stand_for_each_other_at_their_customers_and_components_do_not():
    divergent = reach_of(load_network("divergent"))
    np.testing.assert_allclose(divergent.substitution, 1.0, rtol=1e-12)
    # W: two retailers, all else reaches both, so half of it is for each.
    w = reach_of(load_network("w"))
    np.testing.assert_allclose(w.substitution[:2], [[1, 0, 0.5, 0.5, 0.5], [0, 1, 0.5, 0.5, 0.5]], rtol=1e-12)
    # Assembly: the product is made of two kinds, of which each is half; neither kind stands for the other.
    assembly = reach_of(load_network("assembly"))
    sources = [source for source in assembly.compiled.sources if len(source.stocks) == 2]
    (first, _), (second, _) = sources[0].stocks
    assert assembly.substitution[first, second] == assembly.substitution[second, first] == 0
    product = assembly.compiled.network.receiving_points[sources[0].link]
    units = assembly.content[first, product]
    assert assembly.substitution[product, first] == pytest.approx(0.5 / units)


@given(st.integers(0, 10_000))
def test_supply_counts_all_that_an_echelon_position_counts(seed):
    structure = reach_of(RandomNetworks().draw(np.random.default_rng(seed)))
    assert (structure.substitution >= structure.content - 1e-9).all()
    np.testing.assert_allclose(np.diag(structure.substitution), 1.0, rtol=1e-12)


def test_a_rivals_stock_is_in_the_position_of_all_supply_alone():
    """Distributors 2 and 3 of the divergent network serve the same retailer."""
    structure = reach_of(load_network("divergent"))
    network = structure.compiled.network
    point = {network.managed[stock.node]: place for place, stock in enumerate(structure.compiled.stock_points)}
    late = 30
    own, all_supply = position_map(
        structure, [PositionTime(point[3], late)], substitutes=[PositionTime(point[3], late)]
    ).weights.T
    assert own[point[2]] == 0
    assert all_supply[point[2]] == all_supply[point[3]] == own[point[3]] == 1
