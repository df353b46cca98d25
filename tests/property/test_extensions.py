"""The extensions beyond the published package, each with the law that makes it what it is."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from strategies import EXTENSIONS, Extension, changed, episodes, networks, play, scenarios

from arena.simulate.ledger import Ledger
from arena.world.network import Network

ROUNDING = 1e-7

#: Slack in counting lots, as a share of a lot; 2 000 units in lots of 0.1 leave this much room for rounding.
LOT_ROUNDING = 1e-6


def with_extensions(*extensions: Extension, upstream_shortage: Sequence[str] = ("lost",)):
    """Episodes in which only these extensions occur."""
    drawn = scenarios(networks(extensions=extensions), upstream_shortage=upstream_shortage)
    return episodes(drawn)


def placed(network: Network, ledger: Ledger) -> np.ndarray:
    """Orders as placed: requests raised to the minimum order and rounded up to whole lots, (periods, links)."""
    orders = np.maximum(ledger.requested, 0.0)
    for i, link in enumerate(network.supply_links):
        wanted = np.maximum(orders[:, i], link.minimum_order)
        if link.lot_size:
            wanted = np.ceil(wanted / link.lot_size - LOT_ROUNDING) * link.lot_size
        orders[:, i] = np.where(orders[:, i] > 0, wanted, 0.0)
    return orders


def exhausted(network: Network, ledger: Ledger, node_id: int) -> np.ndarray:
    """Whether a supplier shipped all that it could in a period: its capacity, or all of a component, (periods,)."""
    node = network.node(node_id)
    shipped = ledger.filled[:, list(network.outbound(node_id))].sum(axis=1)
    done = np.zeros(ledger.periods, dtype=bool)
    if node.capacity is not None:
        done |= shipped >= node.capacity - ROUNDING
    position = network.managed_index(node_id)
    if not node.bill_of_materials:
        before = np.concatenate([[ledger.initial_on_hand[position]], ledger.on_hand[:-1, position]])
        return done | (shipped / node.yield_ >= before - ROUNDING)
    for column, (factory, line) in enumerate(network.components):
        if factory == node_id:
            before = np.concatenate([[node.initial_stock], ledger.component_stock[:-1, column]])
            done |= shipped * node.bill_of_materials[line].units / node.yield_ >= before - ROUNDING
    return done


@given(with_extensions("bill_of_materials", "minimum_order", "storage_capacity", upstream_shortage=("lost", "owed")))
def test_a_supplier_falls_short_only_when_it_has_shipped_all_it_could(episode):
    network, ledger = episode.scenario.network, play(episode)
    claims = placed(network, ledger)
    if episode.scenario.upstream_shortage == "owed":
        claims[1:] += ledger.owed[:-1]
    for i, link in enumerate(network.supply_links):
        short = ledger.filled[:, i] < claims[:, i] - ROUNDING
        if network.role(link.supplier) == "raw_material":
            assert not short.any()
        else:
            assert (exhausted(network, ledger, link.supplier) | ~short).all()


@given(with_extensions())
def test_links_are_served_in_their_order(episode):
    """If a link of a supplier falls short, every later link of the same supplier gets nothing."""
    network, ledger = episode.scenario.network, play(episode)
    requests = np.maximum(ledger.requested, 0.0)
    for node_id in network.managed:
        outbound = network.outbound(node_id)
        for earlier, later in pairwise(outbound):
            short = ledger.filled[:, earlier] < requests[:, earlier] - ROUNDING
            assert (ledger.filled[short, later] <= ROUNDING).all()


@given(with_extensions("minimum_order"))
def test_a_positive_order_is_raised_to_the_minimum(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.supply_links):
        if network.role(link.supplier) == "raw_material":
            ordered = ledger.requested[:, i] > 0
            expected = np.where(ordered, np.maximum(ledger.requested[:, i], link.minimum_order), 0.0)
            np.testing.assert_allclose(ledger.filled[:, i], expected, atol=ROUNDING)


@given(with_extensions("lot_size", "minimum_order", upstream_shortage=("lost", "owed")))
def test_whole_lots_are_shipped(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.supply_links):
        if link.lot_size:
            shipped = ledger.filled[:, i] / link.lot_size
            np.testing.assert_allclose(shipped, np.round(shipped), rtol=0, atol=LOT_ROUNDING)


@given(with_extensions("lot_size", "minimum_order"))
def test_raw_material_comes_in_the_fewest_lots_that_cover_the_request(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.supply_links):
        if link.lot_size and network.role(link.supplier) == "raw_material":
            asked = np.maximum(ledger.requested[:, i], link.minimum_order)
            ordered = ledger.requested[:, i] > 0
            surplus = ((ledger.filled[:, i] - asked) / link.lot_size)[ordered]
            assert (surplus >= -LOT_ROUNDING).all()
            assert (surplus <= 1 + LOT_ROUNDING).all()
            assert (ledger.filled[~ordered, i] == 0).all()


@given(with_extensions("storage_capacity", "bill_of_materials"))
def test_storage_is_never_exceeded_and_only_its_excess_is_scrapped(episode):
    network, ledger = episode.scenario.network, play(episode)
    for position, node_id in enumerate(network.managed):
        capacity = network.node(node_id).storage_capacity
        scrapped = ledger.scrapped[:, position]
        if capacity is None:
            assert (scrapped == 0).all()
            continue
        assert (ledger.on_hand[:, position] <= capacity + ROUNDING).all()
        sold = ledger.sold[:, list(network.markets_of(node_id))].sum(axis=1)
        full = ledger.on_hand[:, position] + sold >= capacity - ROUNDING
        assert (full | (scrapped == 0)).all()


@given(with_extensions("storage_capacity"))
def test_ample_storage_changes_nothing(episode):
    network = episode.scenario.network

    def with_storage(capacity):
        nodes = tuple(
            changed(node, storage_capacity=capacity) if node.id in network.managed else node for node in network.nodes
        )
        return replace(episode, scenario=changed(episode.scenario, network=changed(network, nodes=nodes)))

    ample, none = play(with_storage(1e9)), play(with_storage(None))
    np.testing.assert_array_equal(ample.on_hand, none.on_hand)
    np.testing.assert_array_equal(ample.reward, none.reward)


@given(with_extensions("minimum_order", "bill_of_materials", upstream_shortage=("owed",)))
def test_owed_is_what_was_claimed_and_not_yet_shipped(episode):
    network, ledger = episode.scenario.network, play(episode)
    orders = placed(network, ledger)
    for i, link in enumerate(network.supply_links):
        if network.role(link.supplier) != "raw_material":
            expected = orders[:, i].cumsum() - ledger.filled[:, i].cumsum()
            np.testing.assert_allclose(ledger.owed[:, i], expected, rtol=1e-9, atol=ROUNDING)


@given(with_extensions(*EXTENSIONS))
def test_nothing_is_owed_where_shortage_is_lost(episode):
    assert (play(episode).owed == 0).all()


@given(with_extensions("bill_of_materials"))
def test_every_component_is_conserved(episode):
    network, ledger = episode.scenario.network, play(episode)
    assume(network.components)
    for column, (factory, line) in enumerate(network.components):
        node = network.node(factory)
        component = node.bill_of_materials[line]
        arrivals = [i for i in network.inbound(factory) if network.supply_links[i].supplier in component.suppliers]
        received = ledger.received[:, arrivals].sum(axis=1)
        shipped = ledger.filled[:, list(network.outbound(factory))].sum(axis=1)
        stock = ledger.component_stock[:, column]
        before = np.concatenate([[node.initial_stock], stock[:-1]])
        expected = before + received - shipped * component.units / node.yield_
        np.testing.assert_allclose(stock, expected, rtol=1e-9, atol=ROUNDING)


@given(with_extensions("bill_of_materials", "storage_capacity"))
def test_components_add_up_to_the_stock_of_their_factory(episode):
    network, ledger = episode.scenario.network, play(episode)
    for position, node_id in enumerate(network.managed):
        own = [column for column, (factory, _) in enumerate(network.components) if factory == node_id]
        if own:
            total = ledger.component_stock[:, own].sum(axis=1)
            np.testing.assert_allclose(ledger.on_hand[:, position], total, atol=ROUNDING)


@given(with_extensions("fixed_ordering_cost"))
def test_fixed_costs_change_money_and_nothing_else(episode):
    network = episode.scenario.network
    links = tuple(changed(link, fixed_ordering_cost=0.0) for link in network.supply_links)
    free = changed(episode.scenario, network=changed(network, supply_links=links))
    dear, cheap = play(episode), play(replace(episode, scenario=free))
    np.testing.assert_array_equal(dear.filled, cheap.filled)
    np.testing.assert_array_equal(dear.on_hand, cheap.on_hand)
    extra = dear.fixed_ordering_cost.sum(axis=1)
    np.testing.assert_allclose(dear.reward, cheap.reward - extra, rtol=1e-9, atol=ROUNDING)
