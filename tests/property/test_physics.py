"""Physics: whatever is ordered in whatever world, goods and money are conserved and no limit is broken.

The laws are checked on the ledger, by accounts written here from the contract, link by link; nothing of the simulator's
own bookkeeping (its linear maps of money, its stock points) is used.
"""

import numpy as np
from hypothesis import given
from strategies import episodes, play

from arena.simulate.ledger import Ledger
from arena.world.network import Network

#: Units and money below this are rounding: quantities stay below 1e5 and are added up a few hundred times.
ROUNDING = 1e-7


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=ROUNDING)


def consumed(network: Network, ledger: Ledger, node_id: int) -> np.ndarray:
    """Units that left a node's stock through its supply links, (periods,)."""
    node = network.node(node_id)
    units = sum(component.units for component in node.bill_of_materials) or 1.0
    shipped = sum((ledger.filled[:, i] for i in network.outbound(node_id)), np.zeros(ledger.periods))
    return shipped * units / node.yield_


@given(episodes())
def test_stock_is_conserved_at_every_node(episode):
    network, ledger = episode.scenario.network, play(episode)
    before = np.vstack([ledger.initial_on_hand, ledger.on_hand[:-1]])
    for position, node_id in enumerate(network.managed):
        received = ledger.received[:, list(network.inbound(node_id))].sum(axis=1)
        sold = ledger.sold[:, list(network.markets_of(node_id))].sum(axis=1)
        left = consumed(network, ledger, node_id) + sold + ledger.scrapped[:, position]
        close(ledger.on_hand[:, position], before[:, position] + received - left)


@given(episodes())
def test_an_episode_starts_with_the_initial_stock(episode):
    network, ledger = episode.scenario.network, play(episode)
    for position, node_id in enumerate(network.managed):
        node = network.node(node_id)
        close(ledger.initial_on_hand[position], node.initial_stock * max(1, len(node.bill_of_materials)))


@given(episodes())
def test_nothing_is_negative(episode):
    ledger = play(episode)
    stocks = ("on_hand", "component_stock", "owed", "unfilled", "carried_backlog")
    flows = ("filled", "received", "scrapped", "demand", "sold")
    for name in (*stocks, *flows, "sentiment"):
        assert (getattr(ledger, name) >= 0).all(), name
    assert (ledger.in_transit >= -ROUNDING).all()  # kept by adding and subtracting


@given(episodes())
def test_no_factory_ships_more_than_its_capacity(episode):
    network, ledger = episode.scenario.network, play(episode)
    for node_id in network.factories:
        shipped = ledger.filled[:, list(network.outbound(node_id))].sum(axis=1)
        assert (shipped <= network.node(node_id).capacity + ROUNDING).all()


@given(episodes())
def test_no_node_ships_what_it_did_not_have_when_the_period_began(episode):
    network, ledger = episode.scenario.network, play(episode)
    before = np.vstack([ledger.initial_on_hand, ledger.on_hand[:-1]])
    for position, node_id in enumerate(network.managed):
        assert (consumed(network, ledger, node_id) <= before[:, position] + ROUNDING).all()


@given(episodes())
def test_nothing_is_shipped_that_was_never_ordered(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.supply_links):
        asked = np.maximum(ledger.requested[:, i], 0.0)
        asked = np.where(asked > 0, np.maximum(asked, link.minimum_order), 0.0)
        asked += np.where(asked > 0, link.lot_size, 0.0)  # at most one lot is added by rounding up
        assert (ledger.filled[:, i].cumsum() <= asked.cumsum() + ROUNDING).all()


@given(episodes())
def test_raw_material_is_never_short(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.supply_links):
        if network.role(link.supplier) == "raw_material":
            assert (ledger.filled[:, i] >= ledger.requested[:, i]).all()
            assert (ledger.owed[:, i] == 0).all()


@given(episodes())
def test_what_was_filled_arrives_after_the_lead_time(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, lead_time in enumerate(network.lead_times):
        arrived = np.concatenate([np.zeros(lead_time), ledger.filled[:, i]])[: ledger.periods]
        assert (ledger.received[:, i] == arrived).all()


@given(episodes())
def test_in_transit_is_what_was_filled_and_has_not_arrived(episode):
    ledger = play(episode)
    close(ledger.in_transit, ledger.filled.cumsum(axis=0) - ledger.received.cumsum(axis=0))


@given(episodes())
def test_customers_are_served_as_far_as_stock_goes(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.market_links):
        due = ledger.demand[:, i] + ledger.carried_backlog[:, i]
        close(ledger.sold[:, i] + ledger.unfilled[:, i], due)
        left = ledger.on_hand[:, network.managed_index(link.retailer)]
        assert (np.minimum(left, ledger.unfilled[:, i]) <= ROUNDING).all()


@given(episodes())
def test_backlog_is_carried_until_it_is_served_and_lost_sales_vanish(episode):
    ledger = play(episode)
    if episode.scenario.fulfilment == "lost_sales":
        assert (ledger.carried_backlog == 0).all()
        return
    assert (ledger.carried_backlog[0] == 0).all()
    assert (ledger.carried_backlog[1:] == ledger.unfilled[:-1]).all()
    close(ledger.demand.sum(axis=0), ledger.sold.sum(axis=0) + ledger.unfilled[-1])


@given(episodes())
def test_sentiment_falls_after_a_shortage_and_grows_otherwise(episode):
    goodwill, ledger = episode.scenario.goodwill, play(episode)
    sentiment = 1.0
    for period, found in enumerate(ledger.sentiment):
        if goodwill is not None and period > 0:
            if (ledger.unfilled[period - 1] > 0).any():
                sentiment = max(goodwill.floor, sentiment * goodwill.decay)
            else:
                sentiment = min(goodwill.cap, sentiment * goodwill.growth)
        assert abs(found - sentiment) <= 1e-12


@given(episodes())
def test_money_follows_from_flows(episode):
    scenario, ledger = episode.scenario, play(episode)
    network, nothing = scenario.network, np.zeros(ledger.periods)
    discount = scenario.discount ** np.arange(ledger.periods)

    def total(terms):
        return sum(terms, nothing) * discount

    for position, node_id in enumerate(network.managed):
        node = network.node(node_id)
        inbound = [(i, network.supply_links[i]) for i in network.inbound(node_id)]
        outbound = [(i, network.supply_links[i]) for i in network.outbound(node_id)]
        sales = [(i, network.market_links[i]) for i in network.markets_of(node_id)]
        throughput = [ledger.filled[:, i] for i, _ in outbound] + [ledger.sold[:, i] for i, _ in sales]
        unit_cost = (node.operating_cost or 0.0) / node.yield_
        revenue = total(
            [link.price * ledger.filled[:, i] for i, link in outbound]
            + [link.price * ledger.sold[:, i] for i, link in sales]
        )
        holding = total(
            [node.holding_cost * ledger.on_hand[:, position]]
            + [link.pipeline_holding_cost * ledger.in_transit[:, i] for i, link in inbound]
        )
        close(ledger.revenue[:, position], revenue)
        close(ledger.procurement_cost[:, position], total(link.price * ledger.filled[:, i] for i, link in inbound))
        close(ledger.holding_cost[:, position], holding)
        close(ledger.operating_cost[:, position], total(unit_cost * units for units in throughput))
        shortage = total(link.shortage_penalty * ledger.unfilled[:, i] for i, link in sales)
        close(ledger.shortage_penalty[:, position], shortage)
        fixed = total(link.fixed_ordering_cost * (ledger.filled[:, i] > 0) for i, link in inbound)
        close(ledger.fixed_ordering_cost[:, position], fixed)


@given(episodes())
def test_profit_is_the_sum_of_its_parts_and_of_its_nodes(episode):
    ledger = play(episode)
    costs = ledger.procurement_cost + ledger.holding_cost + ledger.operating_cost
    costs = costs + ledger.shortage_penalty + ledger.fixed_ordering_cost
    close(ledger.node_profit, ledger.revenue - costs)
    close(ledger.reward, ledger.node_profit.sum(axis=1))


@given(episodes())
def test_internal_transfers_cancel(episode):
    """The network's profit knows only customers' money, raw material and the cost of keeping and moving."""
    scenario, ledger = episode.scenario, play(episode)
    network = scenario.network
    discount = scenario.discount ** np.arange(ledger.periods)
    income = sum(link.price * ledger.sold[:, i] for i, link in enumerate(network.market_links))
    paid = sum(
        link.price * ledger.filled[:, i]
        for i, link in enumerate(network.supply_links)
        if network.role(link.supplier) == "raw_material"
    )
    other = ledger.holding_cost + ledger.operating_cost + ledger.shortage_penalty + ledger.fixed_ordering_cost
    close(ledger.reward, (income - paid) * discount - other.sum(axis=1))
