"""Backtests: an evaluation plays a window of recorded data for every seed, and all that looks at it later does too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena import InvalidInput, Scenario
from arena.audit.verify import verify
from arena.contract.seeds import PublicSeeds, Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.play.evaluate import evaluate
from arena.play.until_decided import evaluate_until_decided
from arena.results.inference import ANY_STOP, FIXED_SEEDS
from arena.results.rows import StoppingRule
from arena.results.store import Store
from arena.world.data import DemandData
from arena.world.demand import Demand
from arena.world.library import load_network
from arena.world.suite import Suite

CODE = """
import numpy as np

class Constant:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        self.level = float(briefing.history.mean())

    def order(self, observation):
        return np.full(self.links, self.level)
"""
SERIAL = load_network("serial")
VALUES = tuple(float(20 + 7 * np.sin(i) + i / 3) for i in range(48))
DATA = DemandData(markets=("shop",), start="0", frequency="period", values=(VALUES,))
BACKTEST = Scenario(
    name="backtest",
    network=SERIAL,
    demand=Demand(data=DATA, by="order"),
    horizon=4,
    history=6,
    window={"start": 8, "stride": 4},
)
SUITE = Suite(name="one", description="", scenarios=(BACKTEST,))


@pytest.fixture
def submissions(tmp_path: Path) -> Any:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text(CODE)
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ncontroller: mine.py:Constant\ncode: code\ntrack: blind\n")
    return load_submissions([path]).require()


def play(submissions: Any, suite: Suite, seeds: Any, output: Path) -> Any:
    return evaluate(submissions, suite, seeds, output=output, isolation="trusted", workers=0)


def test_ten_seeds_play_ten_windows_and_verification_plays_them_again(tmp_path: Path, submissions: Any) -> None:
    assert BACKTEST.windows == 10
    evaluation = play(submissions, SUITE, PublicSeeds(), tmp_path / "results")
    with Store(evaluation.store, read_only=True) as store:
        keys = list(store.keys())
        for one in keys:
            orders, drawn = store.arrays(one)
            demand = drawn[:, 0]
            first = 8 + 4 * one.seed_index
            np.testing.assert_array_equal(demand, VALUES[first : first + 4])
            np.testing.assert_allclose(orders, np.mean(VALUES[first - 6 : first]), rtol=1e-12)
        assert len(keys) == 10
    assert len({record.profit for record in evaluation.records}) == 10
    assert {record.scenario_digest for record in evaluation.records} == {BACKTEST.digest}
    found = verify(tmp_path / "results")
    assert (found.recomputed, found.differences) == (10, ())
    assert evaluation.standings.rows[0].profit_interval is not None


def test_hidden_seeds_play_windows_by_their_index_too(tmp_path: Path, submissions: Any) -> None:
    secret = Secret(master="1" * 64, salt="2" * 64)
    plan = hidden_seeds(secret, 3, contract_digest())
    evaluation = play(submissions, SUITE, plan, tmp_path / "results")
    with Store(evaluation.store, read_only=True) as store:
        keys = list(store.keys())
        for one in keys:
            np.testing.assert_array_equal(store.arrays(one).drawn[0, 0], VALUES[8 + 4 * one.seed_index])
    assert verify(tmp_path / "results", reveal=reveal_secret(secret)).recomputed == 3


def test_more_seeds_than_windows_are_refused_by_name(tmp_path: Path, submissions: Any) -> None:
    short = BACKTEST.model_copy(update={"window": BACKTEST.window.model_copy(update={"count": 6})})
    suite = SUITE.model_copy(update={"scenarios": (short,)})
    with pytest.raises(InvalidInput, match=r"scenario backtest:\s+window: has fewer windows .* 10, .*--seeds public:6"):
        play(submissions, suite, PublicSeeds(), tmp_path / "results")
    assert play(submissions, suite, PublicSeeds(6), tmp_path / "results").played == 6
    plan = hidden_seeds(Secret(master="1" * 64, salt="2" * 64), 4, contract_digest())
    with pytest.raises(InvalidInput, match=r"scenario backtest:\s+window: has fewer windows than there are seeds, 40"):
        evaluate_until_decided(submissions, suite, plan, StoppingRule(budget=40), output=tmp_path / "other")


def test_episodes_that_are_all_the_same_have_no_interval(tmp_path: Path, submissions: Any) -> None:
    same = BACKTEST.model_copy(update={"window": None, "history": 0, "name": "same"})
    same = same.model_copy(update={"demand": Demand(base_mean=20.0, noise_scale=0.0), "history": 1})
    suite = SUITE.model_copy(update={"scenarios": (same,)})
    evaluation = play(submissions, suite, PublicSeeds(), tmp_path / "results")
    row = evaluation.standings.rows[0]
    assert len({record.profit for record in evaluation.records}) == 1
    assert row.profit_interval is None
    assert evaluation.standings.by_scenario[0].profit_interval is None
    for inference in (FIXED_SEEDS, ANY_STOP):
        found = inference.estimate(np.full((1, 200), 13.7))
        assert found is not None
        assert found.interval is None
