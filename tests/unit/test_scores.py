"""Score rules: every value by hand, denominators that mean nothing, and the refusal of such scenarios before anybody
else plays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError
from records import play

from arena.contract.seeds import PublicSeeds
from arena.entry.loading import load_submissions
from arena.errors import InvalidInput
from arena.play.evaluate import evaluate
from arena.results.record import EpisodeRecord
from arena.results.rows import StandingRow, Standings
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.world.scoring import ScoreRule, default_rule, find_misfits
from arena.world.suite import Suite, load_suite, shipped_scenarios

CODE = """
import numpy as np

class Constant:
    def __init__(self, amount):
        self.amount = amount

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, self.amount)
"""
GAP = ScoreRule(rule="gap_closed", reference="plain")
COST = ScoreRule(rule="cost_ratio")


def score(records: list[EpisodeRecord], scenarios: tuple[str, ...] = ("north",), **scoring: Any) -> Standings:
    seeds = 1 + max(record.seed_index for record in records)
    return compute_standings(records, suite="test", scenarios=scenarios, seeds=seeds, scoring=Scoring(**scoring))


def row(standings: Standings, name: str) -> StandingRow:
    return next(one for one in (*standings.rows, *standings.reference) if one.submission == name)


def unscored(standings: Standings) -> dict[str, str]:
    return {one.scenario: one.reason for one in standings.unscored}


def quiet(records: list[EpisodeRecord], **changes: Any) -> list[EpisodeRecord]:
    return [record.model_copy(update=changes) for record in records]


class TestRules:
    def test_the_ratio_of_costs(self) -> None:
        records = play("best", {"north": [-100.0, -140.0]}, "oracle") + play("alpha", {"north": [-200.0, -280.0]})
        standings = score(records, rule=COST)
        assert row(standings, "alpha").score == pytest.approx(0.5, rel=1e-12)
        assert row(standings, "best").score == pytest.approx(1, rel=1e-12)
        assert standings.ranked_by == "score"
        # A cost that is always twice the oracle's is known exactly, however much the seeds differ.
        assert row(standings, "alpha").score_interval is None

    def test_a_stated_optimum_needs_no_oracle(self) -> None:
        records = play("alpha", {"north": [-200.0, -300.0]})
        standings = score(records, rule=ScoreRule(rule="cost_ratio", optimal_costs={"north": 125.0}))
        assert row(standings, "alpha").score == pytest.approx(0.5, rel=1e-12)
        assert row(standings, "alpha").score_interval is not None

    def test_the_closed_part_of_a_gap(self) -> None:
        records = play("best", {"north": [100.0, 120.0]}, "oracle") + play("plain", {"north": [50.0, 70.0]})
        records += play("alpha", {"north": [80.0, 90.0]}) + play("worse", {"north": [40.0, 60.0]})
        standings = score(records, rule=GAP)
        assert [row(standings, name).score for name in ("best", "alpha", "plain", "worse")] == pytest.approx(
            [1, 0.5, 0, -0.2], abs=1e-12
        )

    def test_without_the_reference_rule_there_is_no_score(self) -> None:
        records = play("best", {"north": [100.0, 120.0]}, "oracle") + play("alpha", {"north": [80.0, 90.0]})
        standings = score(records, rule=GAP)
        assert row(standings, "alpha").score is None
        assert standings.ranked_by == "mean_profit"

    @given(loss=st.floats(1, 1e12), rule=st.sampled_from([GAP, COST]))
    def test_no_scenario_drowns_a_suite(self, loss: float, rule: ScoreRule) -> None:
        profits = {"north": [-50.0, -60.0], "south": [-50.0, -70.0]}
        records = play("best", {name: [value / 2 for value in values] for name, values in profits.items()}, "oracle")
        records += play("plain", profits) + play("alpha", {**profits, "south": [-loss, -loss - 1]})
        standings = score(records, ("north", "south"), rule=rule)
        alpha = row(standings, "alpha").score
        assert alpha is not None
        assert alpha >= -0.5 - 1e-9

    def test_the_published_rule_has_no_least_score(self) -> None:
        records = play("best", {"north": [1.0, 2.0]}, "oracle") + play("alpha", {"north": [-30.0, -30.0]})
        assert row(score(quiet(records, revenue=1.0)), "alpha").score == pytest.approx(-20, rel=1e-12)

    @given(key=st.integers(0, 10_000), rule=st.sampled_from([GAP, COST, ScoreRule()]))
    def test_the_mean_of_the_values_is_the_score(self, key: int, rule: ScoreRule) -> None:
        random = np.random.default_rng(key)
        sign = -1 if rule is COST else 1
        profits = [sign * (offset + random.uniform(0, 10, 6)) for offset in (20, 30, 50)]
        names = ("plain", "alpha", "best") if sign > 0 else ("best", "alpha", "plain")
        records = [
            one
            for name, values in zip(names, profits, strict=True)
            for one in play(name, {"north": list(values)}, "oracle" if name == "best" else "blind")
        ]
        alpha = row(score(quiet(records, revenue=0.0), rule=rule), "alpha")
        best, plain, mine = (float(profits[names.index(name)].mean()) for name in ("best", "plain", "alpha"))
        expected = {"gap_closed": (mine - plain) / (best - plain), "cost_ratio": best / mine}
        assert alpha.score == pytest.approx(expected.get(rule.rule, mine / best), rel=1e-9)
        assert alpha.score_interval is not None
        assert alpha.score_interval.low < alpha.score < alpha.score_interval.high

    def test_a_single_collapse_does_not_make_a_certain_loser(self) -> None:
        """The mean is below the least score by one bad seed: what is not known of it shows in interval and rank."""
        random = np.random.default_rng(5)
        plain, best = 50 + random.normal(0, 1, 10), 60 + random.normal(0, 1, 10)
        unlucky = plain + 3 + random.normal(0, 1, 10)
        unlucky[4] -= 300
        records = play("best", {"north": list(best)}, "oracle")
        records += play("plain", {"north": list(plain)}) + play("unlucky", {"north": list(unlucky)})
        standings = score(records, rule=GAP)
        loser = row(standings, "unlucky")
        assert loser.score == -1
        assert loser.score_interval is not None
        assert str(loser.rank) == "1–2"
        ruin = play("ruin", {"north": list(plain - 300 + random.normal(0, 1, 10))})
        # Both are at the least score; of the one that always loses it is certain that the reference rule is better.
        certain = row(score(records + ruin, rule=GAP), "ruin")
        assert (certain.score, str(certain.rank)) == (-1, "2–3")

    def test_an_optimum_that_somebody_undercuts_far_is_none(self) -> None:
        records = play("alpha", {"north": [-100.0, -120.0]})
        rule = ScoreRule(rule="cost_ratio", optimal_costs={"north": 5000.0})
        reason = "alpha pays 110.00, far less than the stated optimum of 5,000.00"
        assert unscored(score(records, rule=rule))["north"] == reason

    def test_an_optimum_below_what_the_oracle_pays_is_none(self) -> None:
        records = play("best", {"north": [-90.0, -90.0]}, "oracle") + play("alpha", {"north": [-100.0, -120.0]})
        rule = ScoreRule(rule="cost_ratio", optimal_costs={"north": 0.001})
        assert "best, which knows the demand to come, pays 90.00" in unscored(score(records, rule=rule))["north"]


class TestDenominators:
    def test_a_profit_of_next_to_nothing_scores_nobody(self) -> None:
        records = play("best", {"north": [0.06, 0.06], "south": [50.0, 50.0]}, "oracle")
        records += play("alpha", {"north": [-60.0, -60.0], "south": [40.0, 40.0]})
        standings = score(quiet(records, revenue=600.0), ("north", "south"))
        assert set(unscored(standings)) == {"north"}
        reason = "the mean profit of best is 0.06, less than 2 % of the turnover of best, which is 600.00"
        assert unscored(standings)["north"] == reason
        assert row(standings, "alpha").score is None

    @pytest.mark.parametrize(("profit", "scored"), [(12.1, True), (11.9, False), (0.0, False), (-5.0, False)])
    def test_the_limit(self, profit: float, scored: bool) -> None:
        records = play("best", {"north": [profit]}, "oracle") + play("alpha", {"north": [1.0]})
        assert bool(unscored(score(quiet(records, revenue=600.0)))) != scored

    def test_costs_are_turnover_where_there_is_no_revenue(self) -> None:
        records = play("best", {"north": [-1.0]}, "oracle") + play("plain", {"north": [-2.0]})
        moved = quiet(records, revenue=0.0, holding_cost=100.0)
        assert "the mean cost of best" in unscored(score(moved, rule=COST))["north"]
        assert "best earns 1.00 more than plain" in unscored(score(moved, rule=GAP))["north"]

    def test_an_oracle_that_fell_back_scores_nobody_until_that_is_accepted(self) -> None:
        records = play("best", {"north": [100.0, 90.0]}, "oracle") + play("alpha", {"north": [80.0, 70.0]})
        records[0] = records[0].model_copy(update={"fallbacks": 3})
        assert "best answered 3 decisions by its fallback" in unscored(score(records))["north"]
        assert row(score(records), "alpha").score is None
        accepted = score(records, accept_fallbacks=True)
        assert (unscored(accepted), accepted.accept_fallbacks) == ({}, True)
        assert row(accepted, "alpha").score == pytest.approx(150 / 190, rel=1e-12)

    @pytest.mark.parametrize("failing", ["best", "plain"])
    def test_a_forfeit_behind_the_denominator_scores_nobody(self, failing: str) -> None:
        records = play("best", {"north": [100.0, 90.0]}, "oracle") + play("plain", {"north": [80.0, 70.0]})
        records = [
            one.model_copy(update={"outcome": "timeout"}) if (one.submission, one.seed_index) == (failing, 1) else one
            for one in records
        ]
        assert f"{failing} forfeited 1 of 2 episodes" in unscored(score(records, rule=GAP))["north"]


class TestSuites:
    def written(self, folder: Path, text: str) -> Suite:
        path = folder / "suite.yaml"
        path.write_text(f"name: own\nscenarios: [serial-stationary-backlog]\n{text}\n")
        return load_suite(path)

    def test_a_rule_by_its_name_or_in_full(self, tmp_path: Path) -> None:
        assert self.written(tmp_path, "score: share_of_oracle").score_rule == ScoreRule()
        assert self.written(tmp_path, "score: {rule: gap_closed, reference: plain}").score_rule == GAP

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("score: gap_closed", "name its submission"),
            ("score: {rule: share_of_oracle, reference: plain}", "remove reference"),
            ("score: best", "share_of_oracle"),
            ("score: cost_ratio", "customers pay on serial-stationary-backlog"),
            ("score: {rule: gap_closed, reference: plain, optimal_costs: {x: 1}}", "remove optimal_costs"),
        ],
    )
    def test_a_rule_that_does_not_fit_is_one_fault(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(InvalidInput, match=message) as raised:
            self.written(tmp_path, text)
        assert len(raised.value.faults) == 1

    def test_optimal_costs_are_of_scenarios_of_the_suite(self) -> None:
        rule = ScoreRule(rule="cost_ratio", optimal_costs={"nowhere": 1.0})
        (fault,) = find_misfits(rule, [without_revenue()])
        assert fault.field == "score.optimal_costs.nowhere"

    def test_a_suite_without_revenue_compares_costs_unless_it_says_otherwise(self) -> None:
        earning = shipped_scenarios()["serial-stationary-backlog"]
        assert default_rule([without_revenue()]) == COST
        assert default_rule([without_revenue(), earning]) == default_rule([earning]) == ScoreRule()

    def test_what_contradicts_itself_is_no_rule(self) -> None:
        with pytest.raises(ValidationError):
            ScoreRule(rule="gap_closed")


def without_revenue() -> Any:
    """A row of costs alone: customers pay nothing, and wait at a penalty."""
    scenario = shipped_scenarios()["serial-stationary-backlog"]
    network = scenario.network
    markets = tuple(link.model_copy(update={"price": 0.0, "shortage_penalty": 10.0}) for link in network.market_links)
    network = network.model_copy(update={"market_links": markets})
    return scenario.model_copy(update={"network": network, "name": "costs-alone"})


class TestReferencesFirst:
    def submissions(self, folder: Path) -> Any:
        """A good rule in the place of an oracle, and a poor one."""
        (folder / "code").mkdir()
        (folder / "code" / "mine.py").write_text(CODE)
        for name, track, amount in (("clairvoyant", "oracle", 20.0), ("rival", "blind", 12.0)):
            text = f"name: {name}\ncontroller: mine.py:Constant\ncode: code\ntrack: {track}\n"
            text += f"config: {{amount: {amount}}}\n"
            (folder / f"{name}.yaml").write_text(text)
        return load_submissions([folder / "clairvoyant.yaml", folder / "rival.yaml"]).require()

    def test_a_scenario_that_cannot_be_scored_is_refused_before_a_contestant_plays(self, tmp_path: Path) -> None:
        entries = self.submissions(tmp_path)
        scenarios = (without_revenue(), shipped_scenarios()["serial-stationary-backlog"])
        suite = Suite(name="mixed", description="", scenarios=scenarios)
        played: list[EpisodeRecord] = []
        with pytest.raises(InvalidInput, match="costs-alone: cannot be scored"):
            evaluate(
                entries,
                suite,
                PublicSeeds(2),
                output=tmp_path / "results",
                isolation="trusted",
                workers=0,
                progress=Listener(played),
            )
        assert {record.submission for record in played} == {"clairvoyant"}
        # The episodes are kept: the same folder goes on with the rule that fits.
        fitting = suite.model_copy(update={"score": ScoreRule(rule="gap_closed", reference="rival")})
        evaluation = evaluate(
            entries, fitting, PublicSeeds(2), output=tmp_path / "results", isolation="trusted", workers=0
        )
        assert evaluation.resumed == len(played) == 4
        scores = {one.submission: one.score for one in (*evaluation.standings.rows, *evaluation.standings.reference)}
        assert scores == {"rival": pytest.approx(0, abs=1e-12), "clairvoyant": pytest.approx(1, abs=1e-12)}

    def play(self, entries: Any, suite: Suite, folder: Path, **more: Any) -> Any:
        return evaluate(entries, suite, PublicSeeds(1), output=folder, isolation="trusted", workers=0, **more)

    def test_a_reference_rule_that_does_not_play_is_refused_at_once(self, tmp_path: Path) -> None:
        rule = ScoreRule(rule="gap_closed", reference="rivall")
        suite = Suite(name="own", description="", scenarios=(without_revenue(),), score=rule)
        with pytest.raises(InvalidInput, match='did you mean "rival"'):
            self.play(self.submissions(tmp_path), suite, tmp_path / "results")

    def test_the_rule_of_a_folder_is_not_exchanged(self, tmp_path: Path) -> None:
        entries = self.submissions(tmp_path)
        suite = Suite(name="own", description="", scenarios=(without_revenue(),))
        self.play(entries, suite, tmp_path / "results")
        other = suite.model_copy(update={"score": ScoreRule(rule="gap_closed", reference="rival")})
        with pytest.raises(InvalidInput, match="it is scored by cost_ratio, asked was gap_closed, reference rival"):
            self.play(entries, other, tmp_path / "results")

    def test_an_oracle_alone_is_not_refused(self, tmp_path: Path) -> None:
        oracle = [one for one in self.submissions(tmp_path) if one.track == "oracle"]
        scenarios = (without_revenue(), shipped_scenarios()["serial-stationary-backlog"])
        suite = Suite(name="mixed", description="", scenarios=scenarios)
        evaluation = evaluate(
            oracle, suite, PublicSeeds(1), output=tmp_path / "results", isolation="trusted", workers=0
        )
        assert [one.scenario for one in evaluation.standings.unscored] == ["costs-alone"]


class Listener:
    """Collects the records of an evaluation as they come."""

    def __init__(self, played: list[EpisodeRecord]) -> None:
        self._played = played

    def started(self, total: int, done: int) -> None:
        """Ignore it."""

    def advanced(self, step: EpisodeRecord) -> None:
        """Note it."""
        self._played.append(step)

    def finished(self) -> None:
        """Ignore it."""
