"""Every shipped scenario, and so every shipped network, can be played and keeps its books."""

import numpy as np
import pytest

from arena import Simulator, load_scenario, measure
from arena.world.library import network_names
from arena.world.suite import scenario_names


def test_every_shipped_network_is_played_by_a_shipped_scenario():
    played = {load_scenario(name).network.name for name in scenario_names()}
    assert played - {""} == set(network_names())  # textbook problems write theirs out, without a name


@pytest.mark.parametrize("name", scenario_names())
def test_a_shipped_scenario_conserves_stock_and_balances_its_books(name):
    scenario = load_scenario(name)
    network, simulator = scenario.network, Simulator(scenario)
    orders = np.random.default_rng(7)
    simulator.start(7)
    while not simulator.finished:
        simulator.step(orders.uniform(0, 40, simulator.compiled.links))
    ledger = simulator.ledger()
    measure(ledger, scenario)  # raises where profit is not revenue less costs
    for position, node_id in enumerate(network.managed):
        node = network.node(node_id)
        consumed = sum(component.units for component in node.bill_of_materials) or 1.0
        before = np.concatenate([[ledger.initial_on_hand[position]], ledger.on_hand[:-1, position]])
        received = ledger.received[:, list(network.inbound(node_id))].sum(axis=1)
        shipped = ledger.filled[:, list(network.outbound(node_id))].sum(axis=1) * consumed / node.yield_
        sold = ledger.sold[:, list(network.markets_of(node_id))].sum(axis=1)
        after = before + received - shipped - sold - ledger.scrapped[:, position]
        np.testing.assert_allclose(ledger.on_hand[:, position], after, atol=1e-9)
