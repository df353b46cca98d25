"""The contract's digest, and a pin on the behaviour it stands for."""

import numpy as np
import pytest

from arena import Simulator, load_scenario
from arena.contract.kpi import Kpis
from arena.contract.version import RULES, contract, contract_digest, earlier_digests


def test_the_digest_is_a_sha256():
    assert len(contract_digest()) == 64
    assert contract()["rules"] == RULES


@pytest.mark.parametrize(
    ("name", "profit"),
    [
        ("divergent-trend-seasonal-shock-goodwill-backlog", -230.66500000000002),
        ("divergent-trend-seasonal-shock-goodwill-backlog-inverse-cdf", -213.81999999999996),
        ("serial-m5-backlog", 259.29758835758844),
        ("assembly-trend-seasonal-lost-sales", 600.3750000000001),
    ],
)
def test_behaviour_moves_only_with_the_rules_number(name, profit):
    """If this fails, episodes end with other numbers: raise RULES, and then these."""
    assert RULES == 3
    simulator = Simulator(load_scenario(name))
    simulator.start(42)
    while not simulator.finished:
        simulator.step(10.0 + np.arange(simulator.compiled.links) * 1.5 + simulator.period % 3)
    assert float(simulator.ledger().reward.sum()) == pytest.approx(profit, abs=1e-9)


def test_the_first_contract_of_these_rules_is_recognised_however_many_indicators_are_added():
    first = "e77397106530562c4b9a9fe8166d94f85fd9d451c9349ae54b347b59faa757f2"
    assert RULES == 3
    assert first in {contract_digest(), *earlier_digests()}
    assert contract_digest() not in earlier_digests()
    for indicators in earlier_digests().values():
        assert list(indicators) == list(Kpis.model_fields)[: len(indicators)]
