"""Stock and money by node of many episodes replayed at once are, number for number, those of the single simulator."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from strategies import order_sequences, scenarios

from arena import load_scenario
from arena.simulate.batch import replay_batch
from arena.simulate.compiled import MONEY_PARTS, compile_scenario
from arena.simulate.simulator import Simulator


def played(scenario, orders, seed):
    simulator = Simulator(scenario)
    simulator.start(seed)
    for row in orders:
        simulator.step(row)
    return simulator.ledger()


@given(scenarios(), st.data())
def test_a_batch_is_its_single_episodes(scenario, data):
    ledgers = [
        played(scenario, data.draw(order_sequences(scenario)), data.draw(st.integers(0, 2**32)))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    history = replay_batch(
        compile_scenario(scenario),
        np.stack([one.requested for one in ledgers]),
        np.stack([one.demand for one in ledgers]),
    )
    buyers = [scenario.network.managed_index(link.buyer) for link in scenario.network.supply_links]
    for number, ledger in enumerate(ledgers):
        np.testing.assert_array_equal(history.on_hand[number], ledger.on_hand)
        np.testing.assert_array_equal(history.profit[number], ledger.node_profit)
        for name in MONEY_PARTS:
            np.testing.assert_array_equal(history.money[name][number], getattr(ledger, name), err_msg=name)
        inbound = np.zeros_like(ledger.on_hand)
        for link, buyer in enumerate(buyers):
            inbound[:, buyer] += ledger.in_transit[:, link]
        np.testing.assert_array_equal(history.in_transit[number], inbound)


def test_series_of_another_network_are_refused():
    compiled = compile_scenario(load_scenario("serial-stationary-backlog"))
    fitting = replay_batch(compiled, np.zeros((2, 30, 3)), np.zeros((2, 30, 1)))
    assert fitting.on_hand.shape == (2, 30, 3)
    for requested, demand in (((2, 30, 4), (2, 30, 1)), ((2, 30, 3), (2, 30, 2)), ((2, 30, 3), (1, 30, 1))):
        with pytest.raises(ValueError, match="are of no episode"):
            replay_batch(compiled, np.zeros(requested), np.zeros(demand))
