"""Parts that the first schema did not have, each with the law that makes it what it is."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from later_strategies import later_scenarios, lead_time_distributions
from strategies import Episode, changed, episodes, order_sequences, play, seeds

from arena.contract.kpi import measure
from arena.simulate.arrivals import draw_lead_times
from arena.simulate.batch import replay_batch
from arena.simulate.compiled import compile_scenario
from arena.simulate.dynamics import step
from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator
from arena.simulate.states import initial_state
from arena.simulate.streams import episode_generator
from arena.world.lead_times import LOST, without_crossing

ROUNDING = 1e-7


def flat_lead_times(scenario, ledger):
    """Lead time of every link's orders by period, fixed ones included, shape (periods, links)."""
    network = scenario.network
    table = np.tile(np.array(network.lead_times), (ledger.periods, 1))
    table[:, list(network.varying_links)] = ledger.lead_times
    return table


@given(episodes(later_scenarios()))
def test_orders_arrive_once_and_when_their_lead_time_says(episode):
    network, ledger = episode.scenario.network, play(episode)
    lead_times = flat_lead_times(episode.scenario, ledger)
    for i, link in enumerate(network.supply_links):
        expected = np.zeros(ledger.periods + link.slots + 1)
        for period, units in enumerate(link.initial_pipeline):
            expected[period] += units
        for period in range(ledger.periods):
            if lead_times[period, i] != LOST:
                expected[period + lead_times[period, i]] += ledger.filled[period, i]
        np.testing.assert_allclose(ledger.received[:, i], expected[: ledger.periods], atol=ROUNDING)


@given(episodes(later_scenarios()))
def test_goods_on_the_way_are_conserved(episode):
    network, ledger = episode.scenario.network, play(episode)
    start = np.array([sum(link.initial_pipeline) for link in network.supply_links])
    moved = (ledger.filled - ledger.received - ledger.lost).cumsum(axis=0)
    np.testing.assert_allclose(ledger.in_transit, start + moved, rtol=1e-9, atol=ROUNDING)
    fixed = [i for i in range(len(network.supply_links)) if i not in network.varying_links]
    assert (ledger.lost[:, fixed] == 0).all()
    assert (ledger.in_transit >= -ROUNDING).all()


@given(episodes(later_scenarios()))
def test_stock_is_conserved(episode):
    network, ledger = episode.scenario.network, play(episode)
    for position, node_id in enumerate(network.managed):
        node = network.node(node_id)
        shipped = ledger.filled[:, list(network.outbound(node_id))].sum(axis=1)
        used = shipped * sum(part.units for part in node.bill_of_materials) if node.bill_of_materials else shipped
        change = (
            ledger.received[:, list(network.inbound(node_id))].sum(axis=1)
            - used / node.yield_
            - ledger.sold[:, list(network.markets_of(node_id))].sum(axis=1)
            - ledger.scrapped[:, position]
        )
        expected = ledger.initial_on_hand[position] + change.cumsum()
        np.testing.assert_allclose(ledger.on_hand[:, position], expected, rtol=1e-9, atol=1e-6)
    assert (ledger.on_hand >= 0).all()


@given(episodes(later_scenarios()), st.data())
def test_controllers_meet_the_same_lead_times_and_demand(episode, data):
    other = replace(episode, orders=data.draw(order_sequences(episode.scenario)))
    first, second = play(episode), play(other)
    np.testing.assert_array_equal(first.lead_times, second.lead_times)
    np.testing.assert_array_equal(first.lead_times, draw_lead_times(episode.scenario, episode_generator(episode.seed)))
    if episode.scenario.goodwill is None:
        np.testing.assert_array_equal(first.demand, second.demand)


@given(episodes(later_scenarios()))
def test_lead_times_do_not_move_demand(episode):
    network = episode.scenario.network
    assume(episode.scenario.goodwill is None)
    links = tuple(
        changed(link, lead_time_distribution=None, lead_time_series=None, initial_pipeline=())
        for link in network.supply_links
    )
    fixed = replace(episode, scenario=changed(episode.scenario, network=changed(network, supply_links=links)))
    np.testing.assert_array_equal(play(episode).demand, play(fixed).demand)


@given(lead_time_distributions(), seeds, st.integers(1, 40))
def test_orders_that_may_not_cross_arrive_in_their_order(law, seed, periods):
    drawn = law.lead_times(episode_generator(seed).random(periods))
    kept = without_crossing(drawn)
    np.testing.assert_array_equal(kept == LOST, drawn == LOST)
    here = np.flatnonzero(kept != LOST)
    arrivals = here + kept[here]
    assert (np.diff(arrivals) >= 0).all()
    assert (kept[here] >= drawn[here]).all()
    assert kept.max(initial=0) <= law.longest


def test_lead_times_are_drawn_by_their_probabilities():
    from arena.world.lead_times import LeadTimeDistribution

    law = LeadTimeDistribution(values=(1, 3, "lost"), probabilities=(0.5, 0.3, 0.2), may_cross=True)
    drawn = law.lead_times(np.random.default_rng(1).random(20_000))
    shares = [(drawn == value).mean() for value in (1, 3, LOST)]
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.015)


@given(episodes(later_scenarios()))
def test_suppliers_see_orders_after_their_delay(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, link in enumerate(network.supply_links):
        supplier = network.node(link.supplier)
        if network.role(link.supplier) != "raw_material" or supplier.capacity is not None:
            continue
        orders = np.maximum(ledger.requested[:, i], 0.0)
        if link.minimum_order or link.lot_size:
            continue
        before = np.zeros(link.order_delay)
        before[: len(link.initial_orders)] = link.initial_orders
        seen = np.concatenate([before, orders])[: ledger.periods]
        np.testing.assert_allclose(ledger.filled[:, i], seen, atol=ROUNDING)


@given(episodes(later_scenarios()))
def test_raw_material_keeps_its_capacity(episode):
    network, ledger = episode.scenario.network, play(episode)
    for node_id in network.raw_materials:
        capacity = network.node(node_id).capacity
        if capacity is not None:
            shipped = ledger.filled[:, list(network.outbound(node_id))].sum(axis=1)
            assert (shipped <= capacity + ROUNDING).all()


@given(episodes(later_scenarios()))
def test_a_supplier_that_shares_gives_everybody_the_same_share(episode):
    network = episode.scenario.network
    assume(episode.scenario.upstream_shortage == "lost")
    simulator = Simulator(episode.scenario)
    simulator.start(episode.seed)
    for orders in episode.orders:
        simulator.step(orders)
        moved = simulator.last
        for node in network.nodes:
            links = network.outbound(node.id)
            lots = any(network.supply_links[i].lot_size for i in links)
            if node.allocation == "proportional" and not lots:
                asked = np.array([moved.seen[i] for i in links])
                given_ = np.array([moved.filled[i] for i in links])
                shares = given_[asked > 1e-3] / asked[asked > 1e-3]
                if shares.size:
                    np.testing.assert_allclose(shares, shares[0], rtol=1e-6, atol=1e-9)


@given(episodes(later_scenarios()))
def test_priority_says_who_goes_short(episode):
    """At a node that serves customers first, a buyer gets something only after all customers were served."""
    network = episode.scenario.network
    simulator = Simulator(episode.scenario)
    simulator.start(episode.seed)
    for orders in episode.orders:
        owed_before = list(simulator.columns.owed)
        simulator.step(orders)
        moved, after = simulator.last, simulator.columns
        for node in network.nodes:
            links, markets = network.outbound(node.id), network.markets_of(node.id)
            if node.priority == "markets" and any(after.unfilled[m] > ROUNDING for m in markets):
                assert all(moved.filled[i] <= ROUNDING for i in links)
            if node.priority == "links" and node.capacity is None:
                lots = any(network.supply_links[i].lot_size for i in links)
                short = any(moved.filled[i] < moved.seen[i] + owed_before[i] - ROUNDING for i in links)
                if short and not lots:
                    assert all(moved.sold[m] <= ROUNDING for m in markets)


@given(episodes(later_scenarios()))
def test_warm_up_is_played_and_not_counted(episode):
    scenario = episode.scenario
    ledger = play(episode)
    whole = play(replace(episode, scenario=changed(scenario, warm_up=0)))
    first = scenario.warm_up
    np.testing.assert_array_equal(ledger.on_hand, whole.on_hand)
    np.testing.assert_array_equal(ledger.reward[:first], 0.0)
    np.testing.assert_array_equal(ledger.reward[first:], whole.reward[first:])
    kpis = measure(ledger, scenario)
    np.testing.assert_allclose(kpis.profit, whole.reward[first:].sum(), rtol=1e-9, atol=ROUNDING)
    np.testing.assert_allclose(kpis.average_inventory, whole.on_hand[first:].mean(), rtol=1e-9, atol=ROUNDING)


@given(episodes(later_scenarios()))
def test_stock_is_worth_its_terminal_value_after_the_last_period(episode):
    scenario, network = episode.scenario, episode.scenario.network
    ledger = play(episode)
    assert (ledger.terminal_value[:-1] == 0).all()
    for position, node_id in enumerate(network.managed):
        node = network.node(node_id)
        if node.bill_of_materials:
            continue
        units = ledger.on_hand[-1, position] + ledger.in_transit[-1, list(network.inbound(node_id))].sum()
        expected = (node.terminal_value or 0.0) * units * scenario.discount**scenario.horizon
        np.testing.assert_allclose(ledger.terminal_value[-1, position], expected, rtol=1e-9, atol=ROUNDING)
    np.testing.assert_allclose(ledger.reward.sum(), ledger.node_profit.sum(), rtol=1e-9, atol=1e-6)


@given(episodes(later_scenarios()))
def test_unfilled_customers_wait_by_their_share(episode):
    network, ledger = episode.scenario.network, play(episode)
    for i, (link, share) in enumerate(zip(network.market_links, episode.scenario.carried_shares, strict=True)):
        before = np.concatenate([[link.initial_backlog], ledger.unfilled[:-1, i]])
        due = ledger.demand[:, i] + share * before
        np.testing.assert_allclose(ledger.sold[:, i] + ledger.unfilled[:, i], due, rtol=1e-9, atol=ROUNDING)
        np.testing.assert_allclose(ledger.carried_backlog[:, i], share * before, rtol=1e-9, atol=ROUNDING)


@given(episodes(later_scenarios()))
def test_owed_units_cost_their_supplier(episode):
    network, ledger = episode.scenario.network, play(episode)
    compiled = compile_scenario(episode.scenario)
    weights = np.array([compiled.period_weight(period) for period in range(ledger.periods)])
    for position, node_id in enumerate(network.managed):
        owed = sum(ledger.owed[:, i] * network.supply_links[i].shortage_penalty for i in network.outbound(node_id))
        customers = sum(
            ledger.unfilled[:, i] * network.market_links[i].shortage_penalty for i in network.markets_of(node_id)
        )
        expected = (owed + customers) * weights
        np.testing.assert_allclose(ledger.shortage_penalty[:, position], expected, rtol=1e-9, atol=ROUNDING)


@st.composite
def batches(draw):
    """A few episodes of one scenario."""
    scenario = draw(later_scenarios())
    return [Episode(scenario, draw(seeds), draw(order_sequences(scenario))) for _ in range(draw(st.integers(1, 3)))]


@given(batches())
def test_a_batch_equals_its_singles(batch):
    scenario = batch[0].scenario
    compiled = compile_scenario(scenario)
    singles = [play(episode) for episode in batch]
    lead_times = np.stack([single.lead_times for single in singles])
    state = initial_state(compiled, len(batch), np.zeros(1))
    for period in range(scenario.horizon):
        orders = np.stack([episode.orders[period] for episode in batch])
        demand = np.stack([single.demand[period] for single in singles])
        state, flows = step(compiled, state, orders, demand, lead_times=lead_times)
        found = {name: getattr(flows, name) for name in ("filled", "received", "lost", "sold", "node_profit", "reward")}
        found |= {"on_hand": compiled.stock_by_node(state.on_hand), "in_transit": state.in_transit, "owed": state.owed}
        found["unfilled"] = state.unfilled
        for name, values in found.items():
            expected = np.stack([getattr(single, name)[period] for single in singles])
            np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9, err_msg=f"{name} at {period}")


@given(batches())
def test_replayed_together_they_are_what_they_were(batch):
    singles = [play(episode) for episode in batch]
    history = replay_batch(
        compile_scenario(batch[0].scenario),
        np.stack([one.requested for one in singles]),
        np.stack([one.demand for one in singles]),
        np.stack([one.lead_times for one in singles]),
    )
    for number, ledger in enumerate(singles):
        np.testing.assert_array_equal(history.on_hand[number], ledger.on_hand)
        np.testing.assert_array_equal(history.profit[number], ledger.node_profit)
        np.testing.assert_array_equal(history.terminal_value[number], ledger.terminal_value)


@given(episodes(later_scenarios()))
def test_an_episode_is_replayed_from_its_record(episode):
    ledger = play(episode)
    simulator = Simulator(episode.scenario)
    simulator.replay(ledger.demand, ledger.lead_times)
    for orders in ledger.requested:
        simulator.step(orders)
    again = simulator.ledger()
    for each in fields(Ledger):
        np.testing.assert_array_equal(getattr(ledger, each.name), getattr(again, each.name), err_msg=each.name)


def test_lead_times_that_vary_are_asked_for():
    from arena import load_scenario

    scenario = load_scenario("serial-stationary-backlog")
    first, *others = scenario.network.supply_links
    law = {"values": (1, 2), "probabilities": (0.5, 0.5)}
    network = changed(scenario.network, supply_links=(changed(first, lead_time_distribution=law), *others))
    compiled = compile_scenario(changed(scenario, network=network))
    state = initial_state(compiled, 2, np.zeros(1))
    with pytest.raises(ValueError, match="lead times vary in this network: give lead_times"):
        step(compiled, state, np.zeros((2, 3)), np.zeros((2, 1)))
    with pytest.raises(ValueError, match=r"shape \(batch, periods, links whose lead time varies\)"):
        step(compiled, state, np.zeros((2, 3)), np.zeros((2, 1)), lead_times=np.zeros((2, 30)))
    step(compiled, state, np.zeros((2, 3)), np.zeros((2, 1)), lead_times=np.ones((2, 30, 1), dtype=int))
