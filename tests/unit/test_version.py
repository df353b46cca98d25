"""The contract's digest, and a pin on the behaviour it stands for."""

import numpy as np
import pytest

from arena import Simulator, load_scenario
from arena.contract.kpi import Kpis
from arena.contract.version import (
    ADDITIONS,
    RULES,
    Addition,
    contract,
    contract_before,
    contract_digest,
    earlier_digests,
)


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


#: Digests of the contracts that versions under these rules had, oldest first, with the number of their indicators.
HISTORY = {
    "e77397106530562c4b9a9fe8166d94f85fd9d451c9349ae54b347b59faa757f2": 18,
    "32b14517dcaee7ff70bf0ca4b41038cfc887e4e2bbcb02b52f4cb435a1276d13": 23,
    "2a01b14d7c21bd03996ce3bebabdaf29695a6a225c31c651de20b7453ca55e47": 23,
    "7f6e3fd2aa8d21eec67cda83b87da49438a8771e423cf94fc6f8e6b2df1b824d": 24,
}


def test_every_contract_of_these_rules_is_recognised_however_much_is_added():
    """If this fails, something was added to the contract without a line in ADDITIONS, or RULES was raised."""
    assert RULES == 3
    found = {digest: len(indicators) for digest, indicators in earlier_digests().items()}
    assert list(found.items())[: len(HISTORY)] == list(HISTORY.items())
    assert contract_digest() not in earlier_digests()
    for indicators in earlier_digests().values():
        assert list(indicators) == list(Kpis.model_fields)[: len(indicators)]


def test_there_is_one_earlier_contract_for_every_addition_and_no_mixture():
    assert len(earlier_digests()) == len(ADDITIONS)


def test_a_field_is_left_out_of_the_messages_that_inherit_it_and_of_no_other():
    whole, before = contract()["schemas"], contract_before([Addition(fields=("InformedBriefing.distributions",))])
    shorter = {name for name, fields in before["schemas"].items() if fields != whole[name]}
    assert shorter == {"InformedBriefing", "OracleBriefing"}
    for name in shorter:
        assert before["schemas"][name] == [field for field in whole[name] if field != "distributions"]
    assert {key: value for key, value in before.items() if key != "schemas"} == {
        key: value for key, value in contract().items() if key != "schemas"
    }


def test_arrays_of_the_ledger_can_be_left_out():
    last = contract()["ledger"][-1]
    assert contract_before([Addition(arrays=(last,))])["ledger"] == contract()["ledger"][:-1]


@pytest.mark.parametrize(
    ("addition", "kind"),
    [
        (Addition(indicators=("profits",)), "indicators"),
        (Addition(arrays=("profits",)), "arrays of the ledger"),
        (Addition(fields=("Briefing.profits",)), "fields of Briefing"),
        (Addition(fields=("Forecast.profits",)), "fields of Forecast"),
    ],
)
def test_an_addition_that_the_contract_does_not_have_is_refused(addition, kind):
    with pytest.raises(ValueError, match=f"ADDITIONS names 'profits', which is not among the {kind}"):
        contract_before([addition])
