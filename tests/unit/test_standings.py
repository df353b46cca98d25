"""Standings as functions of records: every number against its definition, worked out by hand or a second way."""

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, strategies as st
from records import make_record, play

from arena.results.record import EpisodeRecord
from arena.results.rows import Rank
from arena.results.scores import Scoring
from arena.results.standings import ScenarioRow, StandingRow, Standings, compute_standings

SCENARIOS = ("north", "south")
FIRST, SECOND = (Rank(first=place, last=place) for place in (1, 2))


def compute(
    records: list[EpisodeRecord],
    seeds: int,
    scenarios: tuple[str, ...] = SCENARIOS,
    **options: Any,
) -> Standings:
    return compute_standings(records, suite="test", scenarios=scenarios, seeds=seeds, **options)


def row(standings: Standings, name: str) -> StandingRow:
    return next(one for one in (*standings.rows, *standings.reference) if one.submission == name)


def scenario_row(standings: Standings, name: str, scenario: str) -> ScenarioRow:
    return next(one for one in standings.by_scenario if (one.submission, one.scenario) == (name, scenario))


def places(standings: Standings) -> dict[str, str]:
    """The ranks, as they are printed."""
    return {one.submission: str(one.rank) for one in standings.rows}


def noise(key: int, size: int, scale: float = 1.0) -> list[float]:
    return list(np.random.default_rng(key).normal(0, scale, size))


class TestMeans:
    def test_the_mean_profit_is_the_mean_of_scenario_means(self) -> None:
        alpha = row(compute(play("alpha", {"north": [10, 20], "south": [100, 200]}), 2), "alpha")
        assert alpha.mean_profit == pytest.approx((15 + 150) / 2, abs=1e-12)
        assert (alpha.episodes, alpha.expected_episodes, alpha.complete) == (4, 4, True)

    def test_standard_errors(self) -> None:
        standings = compute(play("alpha", {"north": [10, 20, 30], "south": [5, 5, 5]}), 3)
        assert scenario_row(standings, "alpha", "north").standard_error == pytest.approx(10 / np.sqrt(3), rel=1e-12)
        assert scenario_row(standings, "alpha", "south").standard_error == 0
        assert row(standings, "alpha").standard_error == pytest.approx(10 / np.sqrt(3) / 2, rel=1e-12)

    @pytest.mark.parametrize(("seeds", "worst"), [(40, 2), (59, 2), (60, 3), (100, 5)])
    def test_the_value_at_risk_is_the_mean_of_the_worst_twentieth(self, seeds: int, worst: int) -> None:
        profits = [float(value) for value in np.random.default_rng(1).permutation(seeds)]
        standings = compute(play("alpha", {"north": profits}), seeds, ("north",))
        assert row(standings, "alpha").cvar_5 == pytest.approx(np.mean(range(worst)), abs=1e-12)

    @pytest.mark.parametrize("seeds", [3, 10, 39])
    def test_below_forty_seeds_there_is_no_value_at_risk(self, seeds: int) -> None:
        standings = compute(play("alpha", {"north": noise(1, seeds)}), seeds, ("north",))
        assert row(standings, "alpha").cvar_5 is None
        assert scenario_row(standings, "alpha", "north").cvar_5 is None

    def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end(self) -> None:
        profits = [1000, 1, 2, 3, 4, -1000, 5, 6]
        alpha = row(compute(play("alpha", {"north": profits}), 8, ("north",)), "alpha")
        assert alpha.interquartile_mean == pytest.approx((2 + 3 + 4 + 5) / 4, abs=1e-12)

    def test_rates_and_times(self) -> None:
        records = [
            make_record("alpha", "north", 0, fill_rate=0.5, service_level=0.2, decision_time=3.0, decisions=30),
            make_record("alpha", "south", 0, fill_rate=1.0, service_level=0.4, decision_time=1.0, decisions=10),
        ]
        alpha = row(compute(records, 1), "alpha")
        assert alpha.fill_rate == pytest.approx(0.75, abs=1e-12)
        assert alpha.service_level == pytest.approx(0.3, abs=1e-12)
        assert alpha.decision_time == pytest.approx(0.1, abs=1e-12)
        assert alpha.planning_time == pytest.approx(0.25, abs=1e-12)
        assert alpha.clipped_orders == 2

    def test_two_records_of_one_episode_are_refused(self) -> None:
        records = play("alpha", {"north": [1, 2], "south": [3, 4]})
        assert row(compute(records, 2), "alpha").complete
        with pytest.raises(ValueError, match="two records of one episode: alpha, south, seed index 1"):
            compute([*records, records[-1]], 2)

    def test_other_scenarios_and_higher_seeds_are_ignored(self) -> None:
        records = play("alpha", {"north": [1, 2, 900], "south": [3, 4, 900], "west": [900, 900]})
        assert compute(records, 2) == compute([one for one in records if one.profit < 900], 2)

    def test_nothing_played(self) -> None:
        standings = compute([], 10)
        assert (standings.rows, standings.reference, standings.by_scenario) == ((), (), ())


class TestScores:
    PROFITS: Final = {"north": [50.0, 70.0], "south": [90.0, 30.0]}
    ORACLE: Final = {"north": [100.0, 100.0], "south": [100.0, 300.0]}

    def test_without_an_oracle_there_is_no_score(self) -> None:
        standings = compute(play("alpha", self.PROFITS), 2)
        alpha = row(standings, "alpha")
        assert (alpha.score, alpha.score_interval, alpha.optimality_gap) == (None, None, None)
        assert standings.ranked_by == "mean_profit"
        assert standings.oracles == {}

    def test_the_score_is_the_mean_of_scenario_ratios_of_means(self) -> None:
        standings = compute(play("alpha", self.PROFITS) + play("best", self.ORACLE, "oracle"), 2)
        alpha = row(standings, "alpha")
        assert scenario_row(standings, "alpha", "north").score == pytest.approx(0.6, rel=1e-12)
        assert scenario_row(standings, "alpha", "south").score == pytest.approx(0.3, rel=1e-12)
        assert alpha.score == pytest.approx(0.45, rel=1e-12)
        assert alpha.optimality_gap == pytest.approx(0.55, rel=1e-12)
        assert alpha.interquartile_mean == pytest.approx((90 / 200 + 50 / 100) / 2, rel=1e-12)
        assert standings.ranked_by == "score"

    def test_the_oracle_is_a_reference_and_never_ranked(self) -> None:
        standings = compute(play("alpha", self.PROFITS) + play("best", self.ORACLE, "oracle"), 2)
        assert [one.submission for one in standings.rows] == ["alpha"]
        assert [(one.submission, one.rank, one.score) for one in standings.reference] == [("best", None, 1.0)]
        assert row(standings, "alpha").best_other is None

    def test_an_oracle_with_a_missing_seed_scores_nothing(self) -> None:
        oracle = play("best", self.ORACLE, "oracle")
        for records in (oracle[:-1], [*oracle[:-1], oracle[-1].model_copy(update={"outcome": "infrastructure"})]):
            standings = compute(play("alpha", self.PROFITS) + records, 2)
            assert scenario_row(standings, "alpha", "north").score == pytest.approx(0.6, rel=1e-12)
            assert scenario_row(standings, "alpha", "south").score is None
            assert row(standings, "alpha").score is None
            assert standings.ranked_by == "mean_profit"

    def test_the_better_of_two_oracles_counts_per_scenario(self) -> None:
        other = {"north": [200.0, 200.0], "south": [10.0, 10.0]}
        records = play("alpha", self.PROFITS) + play("best", self.ORACLE, "oracle") + play("more", other, "oracle")
        standings = compute(records, 2)
        assert standings.oracles == {"north": "more", "south": "best"}
        assert row(standings, "alpha").score == pytest.approx((60 / 200 + 60 / 200) / 2, rel=1e-12)

    def test_an_oracle_that_loses_money_gives_no_score_but_a_gap(self) -> None:
        oracle = play("best", {"north": [-10.0, -10.0]}, "oracle")
        alpha = row(compute(play("alpha", {"north": [-15.0, -15.0]}) + oracle, 2, ("north",)), "alpha")
        assert alpha.score is None
        assert alpha.optimality_gap == pytest.approx(0.5, rel=1e-12)

    def test_an_incomplete_submission_is_scored_on_the_seeds_it_has(self) -> None:
        records = play("alpha", self.PROFITS)[:-1] + play("best", self.ORACLE, "oracle")
        alpha = row(compute(records, 2), "alpha")
        assert alpha.score == pytest.approx((0.6 + 90 / 100) / 2, rel=1e-12)
        assert (alpha.rank, alpha.complete, alpha.score_interval) == (None, False, None)


class TestIntervals:
    def test_the_interval_is_that_of_resampled_means(self) -> None:
        profits = np.random.default_rng(3).normal(500, 50, 40)
        interval = row(compute(play("alpha", {"north": profits}), 40, ("north",)), "alpha").profit_interval
        assert interval is not None
        drawn = np.random.default_rng(99).choice(profits, size=(20_000, 40)).mean(axis=1)
        # Another method on the same data: its ends lie within some per cent of the width.
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert interval.low == pytest.approx(low, abs=0.1 * (high - low))
        assert interval.high == pytest.approx(high, abs=0.1 * (high - low))

    def test_public_seeds_are_shared_by_all_scenarios_and_hidden_ones_by_none(self) -> None:
        """The same luck in both scenarios counts twice on public seeds: the error is larger by the square root of 2."""
        luck = noise(6, 30, 10)
        records = play("alpha", {"north": luck, "south": luck})
        shared, separate = (row(compute(records, 30, commitment=one), "alpha") for one in (None, "c" * 64))
        assert shared.standard_error is not None
        assert separate.standard_error is not None
        assert shared.standard_error == pytest.approx(np.std(luck, ddof=1) / np.sqrt(30), rel=1e-12)
        assert shared.standard_error == pytest.approx(np.sqrt(2) * separate.standard_error, rel=1e-12)
        assert shared.profit_interval is not None
        assert separate.profit_interval is not None
        width, narrower = (one.high - one.low for one in (shared.profit_interval, separate.profit_interval))
        assert width > 1.3 * narrower

    def test_luck_that_cancels_between_scenarios_leaves_no_error_on_public_seeds(self) -> None:
        luck = noise(7, 10)
        alpha = row(compute(play("alpha", {"north": luck, "south": [3 - one for one in luck]}), 10), "alpha")
        assert alpha.standard_error == pytest.approx(0, abs=1e-12)

    def test_one_episode_played_ten_times_has_no_interval(self) -> None:
        records = play("alpha", {"north": [7.25] * 10, "south": noise(8, 10)})
        standings = compute(records, 10)
        assert scenario_row(standings, "alpha", "north").profit_interval is None
        assert scenario_row(standings, "alpha", "south").profit_interval is not None
        assert row(standings, "alpha").profit_interval is not None
        assert row(compute(play("alpha", {"north": [7.25] * 10}), 10, ("north",)), "alpha").profit_interval is None

    def test_a_right_skewed_sample_has_the_longer_end_above(self) -> None:
        profits = np.random.default_rng(4).exponential(size=10)
        interval = row(compute(play("alpha", {"north": profits}), 10, ("north",)), "alpha").profit_interval
        assert interval is not None
        assert interval.high - profits.mean() > 1.2 * (profits.mean() - interval.low)

    def test_the_score_of_a_fixed_share_of_the_oracle_has_no_error(self) -> None:
        oracle = [100.0, 900.0, 300.0, 500.0]
        records = play("best", {"north": oracle}, "oracle") + play("alpha", {"north": [0.5 * one for one in oracle]})
        alpha = row(compute(records, 4, ("north",)), "alpha")
        assert alpha.score == pytest.approx(0.5, rel=1e-12)
        assert alpha.score_interval is None
        assert alpha.profit_interval is not None
        assert alpha.profit_interval.high - alpha.profit_interval.low > 100

    def test_one_seed_has_no_interval(self) -> None:
        alpha = row(compute(play("alpha", {"north": [1.0], "south": [2.0]}), 1), "alpha")
        assert (alpha.profit_interval, alpha.standard_error) == (None, None)

    def test_an_interval_does_not_move_when_another_joins(self) -> None:
        alpha = play("alpha", {"north": noise(1, 10), "south": noise(2, 10)})
        other = play("aaa", {"north": noise(3, 10), "south": noise(4, 10)})
        first = row(compute(alpha, 10), "alpha").profit_interval
        second = row(compute(alpha + other, 10), "alpha").profit_interval
        assert first is not None
        assert second is not None
        assert first.low == pytest.approx(second.low, rel=1e-9)
        assert first.high == pytest.approx(second.high, rel=1e-9)


class TestRanks:
    def test_pairing_tells_apart_what_noise_common_to_both_hides(self) -> None:
        luck = noise(5, 10, 100)
        records = play("alpha", {"north": luck}) + play("beta", {"north": [one + 1 for one in luck]})
        standings = compute(records, 10, ("north",))
        assert places(standings) == {"beta": "1", "alpha": "2"}
        intervals = [one.profit_interval for one in standings.rows]
        assert all(one is not None and one.low < 0 < one.high for one in intervals)

    def test_a_rank_is_the_set_of_places_that_are_open(self) -> None:
        # alpha and beta cannot be told apart, nor beta and gamma; alpha is above gamma, and all are above delta.
        luck = np.array(noise(11, 10, 100))
        small = np.array(noise(12, 10, 1.0))
        profits = {"alpha": luck + 0.6, "beta": luck + small - small.mean(), "gamma": luck - 0.3, "delta": luck - 50}
        records = [one for name, values in profits.items() for one in play(name, {"north": values})]
        assert places(compute(records, 10, ("north",))) == {"alpha": "1–2", "beta": "1–3", "gamma": "2–3", "delta": "4"}

    def test_on_hidden_seeds_a_controller_may_be_better_here_and_worse_there(self) -> None:
        """What differs by scenario is no noise: it does not widen the comparison of the means over all scenarios."""
        luck = {place: np.array(noise(key, 10)) for key, place in enumerate(SCENARIOS)}
        records = play("alpha", {"north": luck["north"] + 100, "south": luck["south"] - 99.9})
        records += play("beta", {"north": noise(13, 10), "south": noise(14, 10)})
        assert places(compute(records, 10, commitment="c" * 64)) == {"alpha": "1–2", "beta": "1–2"}
        records = play("alpha", {"north": luck["north"] + 100, "south": luck["south"] - 98})
        records += play("beta", {"north": noise(13, 10), "south": noise(14, 10)})
        assert places(compute(records, 10, commitment="c" * 64)) == {"alpha": "1", "beta": "2"}

    @pytest.mark.parametrize("seeds", [1, 2, 5])
    def test_few_seeds_leave_every_place_open(self, seeds: int) -> None:
        records = play("alpha", {"north": noise(1, seeds)}) + play("beta", {"north": [9 + x for x in noise(2, seeds)]})
        assert places(compute(records, seeds, ("north",))) == {"beta": "1–2", "alpha": "1–2"}

    def test_what_does_not_vary_is_told_apart_without_a_test(self) -> None:
        records = play("alpha", {"north": [5.0] * 2}) + play("beta", {"north": [5.0] * 2})
        records += play("gamma", {"north": [4.9] * 2})
        assert places(compute(records, 2, ("north",))) == {"alpha": "1–2", "beta": "1–2", "gamma": "3"}

    def test_places_within_a_track(self) -> None:
        records = play("alpha", {"north": [9.0, 9.0]}, "informed") + play("beta", {"north": [7.0, 7.0]})
        records += play("gamma", {"north": [5.0, 5.0]})
        standings = compute(records, 2, ("north",))
        assert [(one.submission, str(one.rank), str(one.track_rank)) for one in standings.rows] == [
            ("alpha", "1", "1"),
            ("beta", "2", "1"),
            ("gamma", "3", "2"),
        ]

    @pytest.mark.parametrize("commitment", [None, "c" * 64])
    def test_equal_submissions_are_rarely_told_apart_however_many_they_are(self, commitment: str | None) -> None:
        """Each against the head without correction tells some of ten apart in four tables of five."""
        told = 0
        for key in range(60):
            values = np.random.default_rng(key).normal(size=(10, 2, 10))
            records = [
                one
                for number, (north, south) in enumerate(values)
                for one in play(f"s{number}", {"north": north, "south": south})
            ]
            told += any(rank != "1–10" for rank in places(compute(records, 10, commitment=commitment)).values())
        assert told <= 9  # of 60 at 5 %: more happens once in 1 500 times

    def test_the_probability_of_improvement_is_paired_and_counts_equals_half(self) -> None:
        records = play("alpha", {"north": [9.0, 1.0, 9.0, 9.0]}) + play("beta", {"north": [5.0, 5.0, 9.0, 5.0]})
        standings = compute(records, 4, ("north",))
        assert row(standings, "alpha").probability_of_improvement == pytest.approx(2.5 / 4, abs=1e-12)
        assert row(standings, "beta").probability_of_improvement == pytest.approx(1.5 / 4, abs=1e-12)
        assert (row(standings, "alpha").best_other, row(standings, "beta").best_other) == ("beta", "alpha")

    @given(st.permutations(range(12)))
    def test_the_order_of_the_records_changes_nothing(self, order: list[int]) -> None:
        records = play("alpha", {"north": noise(1, 3), "south": noise(2, 3)})
        records += play("beta", {"north": noise(3, 3), "south": noise(4, 3)})
        assert compute([records[place] for place in order], 3) == compute(records, 3)

    @given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=10), st.integers(0, 1000))
    def test_ranks_are_places_in_the_order_of_the_means(self, means: list[float], key: int) -> None:
        records = [
            record
            for number, mean in enumerate(means)
            for record in play(f"s{number}", {"north": [mean + one for one in noise(key + number, 5, 10)]})
        ]
        rows = compute(records, 5, ("north",)).rows
        assert [one.mean_profit for one in rows] == sorted((one.mean_profit for one in rows), reverse=True)
        for place, one in enumerate(rows, start=1):
            assert one.rank is not None
            assert one.rank.first <= place <= one.rank.last


class TestFailures:
    def test_a_forfeit_counts_with_its_profit(self) -> None:
        records = play("alpha", {"north": [100.0, 100.0]})
        records[1] = make_record("alpha", "north", 1, -40.0, outcome="timeout")
        alpha = row(compute(records, 2, ("north",)), "alpha")
        assert (alpha.forfeits, alpha.infrastructure_failures, alpha.episodes) == (1, 0, 2)
        assert alpha.mean_profit == pytest.approx(30.0, abs=1e-12)
        assert (alpha.complete, str(alpha.rank)) == (True, "1")

    def test_failing_on_bad_luck_lowers_the_mean(self) -> None:
        honest = play("honest", {"north": [100.0, -50.0, 80.0]})
        quitter = play("quitter", {"north": [100.0, -50.0, 80.0]})
        quitter[1] = make_record("quitter", "north", 1, -60.0, outcome="exited")
        rows = compute(honest + quitter, 3, ("north",)).rows
        assert [one.submission for one in rows] == ["honest", "quitter"]

    def test_an_episode_lost_by_the_arena_is_counted_and_not_scored(self) -> None:
        lost = {"outcome": "infrastructure", "profit": float("nan"), "decisions": 0, "decision_time": 0.0}
        records = [*play("alpha", {"north": [10.0]}), make_record("alpha", "north", 1, **lost)]
        records += play("beta", {"north": [5.0, 5.0]})
        standings = compute(records, 2, ("north",))
        alpha = row(standings, "alpha")
        assert (alpha.infrastructure_failures, alpha.forfeits, alpha.episodes, alpha.complete) == (1, 0, 1, False)
        assert alpha.mean_profit == pytest.approx(10.0, abs=1e-12)
        assert alpha.rank is None
        assert places(standings) == {"beta": "1", "alpha": "None"}

    def test_a_submission_that_only_failed_stays_in_the_table(self) -> None:
        lost = {"outcome": "infrastructure", "profit": float("nan"), "decisions": 0}
        standings = compute([make_record("alpha", "north", index, **lost) for index in range(2)], 2, ("north",))
        alpha = row(standings, "alpha")
        assert (alpha.mean_profit, alpha.decision_time, alpha.episodes) == (None, None, 0)
        assert scenario_row(standings, "alpha", "north").infrastructure_failures == 2

    def test_official_needs_a_round_a_sandbox_throughout_and_every_episode(self) -> None:
        sandboxed = play("alpha", {"north": [1.0, 2.0]}, isolation="sandbox")
        strict = [sandboxed[0], sandboxed[1].model_copy(update={"isolation": "strict"})]
        mixed = [sandboxed[0], sandboxed[1].model_copy(update={"isolation": "process"})]
        expected = [(sandboxed, "sandbox", True), (strict, "strict", False), (mixed, "process", False)]
        for records, weakest, official in [*expected, (sandboxed[:1], "sandbox", False)]:
            for commitment, round_digest in (("c" * 64, "d" * 64), ("c" * 64, None), (None, None)):
                standings = compute(records, 2, ("north",), commitment=commitment, round_digest=round_digest)
                alpha = row(standings, "alpha")
                # Practice is not official, be its seeds hidden or public.
                assert (alpha.isolation, alpha.official) == (weakest, official and round_digest is not None)
                assert standings.round_digest == round_digest

    @pytest.mark.parametrize(("fallbacks", "ranked"), [(0, True), (30, True), (31, False), (60, False)])
    def test_a_submission_that_its_stand_in_played_has_no_rank(self, fallbacks: int, ranked: bool) -> None:
        """Half of its 60 decisions is enough to be ranked."""
        counts = {"decisions": 30, "isolation": "sandbox"}
        records = [
            make_record("alpha", "north", 0, 9.0, fallbacks=min(30, fallbacks), **counts),
            make_record("alpha", "north", 1, 9.0, fallbacks=max(0, fallbacks - 30), **counts),
            *(make_record("beta", "north", index, 1.0, **counts) for index in range(2)),
        ]
        standings = compute(records, 2, ("north",), commitment="c" * 64, round_digest="d" * 64)
        alpha = row(standings, "alpha")
        assert (alpha.rank, alpha.track_rank, row(standings, "beta").rank) == (
            (FIRST, FIRST, SECOND) if ranked else (None, None, FIRST)
        )
        expected = "" if ranked else f"its stand-in took {fallbacks} of 60 decisions"
        assert (alpha.unranked_because, alpha.official, alpha.complete) == (expected, ranked, True)
        assert (alpha.fallbacks, alpha.fallback_share) == (fallbacks, pytest.approx(fallbacks / 60))

    def test_a_forfeit_neither_hides_a_stand_in_nor_makes_one(self) -> None:
        """It reports no fallbacks, so its decisions are left out."""
        forfeit = make_record("alpha", "north", 0, 0.0, outcome="timeout", decisions=30)
        played = make_record("alpha", "north", 1, 9.0, fallbacks=16, decisions=30)
        alpha = row(compute([forfeit, played], 2, ("north",)), "alpha")
        assert alpha.unranked_because == "its stand-in took 16 of 30 decisions"

    @pytest.mark.parametrize(("failures", "scored"), [(3, True), (4, False)])
    def test_a_language_model_that_never_answered_scores_nothing(self, failures: int, scored: bool) -> None:
        records = [
            make_record("alpha", "north", 0, 8.9, llm_calls=2, llm_failures=min(2, failures)),
            make_record("alpha", "north", 1, 9.1, llm_calls=2, llm_failures=failures - 2),
            *(make_record("oracle", "north", index, 10.0, track="oracle") for index in range(2)),
        ]
        alpha = row(compute(records, 2, ("north",)), "alpha")
        assert (alpha.rank, alpha.score, alpha.score_interval is None) == (
            (FIRST, pytest.approx(0.9), False) if scored else (None, None, True)
        )
        assert alpha.unranked_because == ("" if scored else "its language model answered none of 4 questions")
        standings = compute(records, 2, ("north",))
        north = scenario_row(standings, "alpha", "north")
        assert (north.score is None, north.score_interval is None) == (not scored, not scored)
        # Without a score these are money.
        assert alpha.interquartile_mean == pytest.approx(0.9 if scored else 9.0)

    @pytest.mark.parametrize(("failures", "known"), [(1, True), (2, False)])
    def test_a_language_model_that_never_answered_is_worth_nothing_known(self, failures: int, known: bool) -> None:
        asked = {"llm_calls": 1, "llm_failures": 1}
        records = [make_record("alpha", "north", index, 9.0, **asked) for index in range(2)]
        if failures == 1:
            records[0] = records[0].model_copy(update={"llm_failures": 0})
        records += [make_record("fitted", "north", index, 8.0) for index in range(2)]
        standings = compute_standings(
            records, suite="test", scenarios=("north",), seeds=2, fitted_rules={"alpha": "fitted"}
        )
        [asking] = standings.language_models
        assert (asking.worth is not None) == known

    def test_repetitions_are_added_up(self) -> None:
        records = [make_record("alpha", "north", index, repetitions=index) for index in range(3)]
        assert row(compute(records, 3, ("north",)), "alpha").repetitions == 3


class TestDivisor:
    def standings(self, named: list[float] | None, scored_by: str | None, track: str = "oracle") -> Standings:
        """A suite of one scenario: a better oracle, one that the suite may name, and a contender."""
        records = play("best", {"north": [120.0, 120.0]}, "oracle") + play("alpha", {"north": [50.0, 60.0]})
        if named is not None:
            records += play("named", {"north": named}, track)
        return compute_standings(
            records, suite="test", scenarios=("north",), seeds=2, scoring=Scoring(scored_by=scored_by)
        )

    def test_scores_are_shares_of_the_oracle_that_the_suite_names(self) -> None:
        standings = self.standings([100.0, 100.0], "named")
        assert standings.oracles == {"north": "named"}
        assert row(standings, "alpha").score == pytest.approx(0.55, rel=1e-12)
        assert row(standings, "best").score == pytest.approx(1.2, rel=1e-12)

    @pytest.mark.parametrize(
        ("named", "scored_by", "track"),
        [
            pytest.param([100.0, 100.0], None, "oracle", id="no-name"),
            pytest.param(None, "named", "oracle", id="has-not-played"),
            pytest.param([100.0], "named", "oracle", id="lacks-a-seed"),
            pytest.param([100.0, 100.0], "named", "informed", id="no-oracle"),
        ],
    )
    def test_else_of_the_best_oracle(self, named: list[float] | None, scored_by: str | None, track: str) -> None:
        standings = self.standings(named, scored_by, track)
        assert standings.oracles == {"north": "best"}
        assert row(standings, "alpha").score == pytest.approx(55 / 120, rel=1e-12)

    def test_the_rule_holds_scenario_by_scenario(self) -> None:
        records = play("best", {"north": [120.0, 120.0], "south": [30.0, 30.0]}, "oracle")
        records += play("named", {"north": [100.0, 100.0], "south": [20.0]}, "oracle")
        records += play("alpha", {"north": [50.0, 60.0], "south": [15.0, 15.0]})
        standings = compute_standings(
            records, suite="test", scenarios=SCENARIOS, seeds=2, scoring=Scoring(scored_by="named")
        )
        assert standings.oracles == {"north": "named", "south": "best"}
        assert row(standings, "alpha").score == pytest.approx((0.55 + 0.5) / 2, rel=1e-12)


class TestReports:
    ORACLE: Final = {"north": [100.0, 300.0], "south": [50.0, 70.0]}

    def certified(self, bounds: dict[str, list[float | None]], **changes: Any) -> list[EpisodeRecord]:
        """Records of an oracle whose bounds are given by scenario, in the order of the seeds."""
        records = play("best", self.ORACLE, "oracle", **changes)
        return [
            one.model_copy(update={"profit_bound": bounds[one.scenario][one.seed_index]})
            for one in records
            if one.seed_index < len(bounds[one.scenario])
        ]

    def test_fallbacks_are_summed(self) -> None:
        records = play("alpha", {"north": [1.0, 2.0], "south": [3.0, 4.0]})
        records = [one.model_copy(update={"fallbacks": 2 + number}) for number, one in enumerate(records)]
        standings = compute(records, 2)
        assert scenario_row(standings, "alpha", "north").fallbacks == 2 + 3
        assert scenario_row(standings, "alpha", "south").fallbacks == 4 + 5
        assert row(standings, "alpha").fallbacks == 14

    def test_an_oracle_with_every_bound_is_a_bound(self) -> None:
        standings = compute(self.certified({"north": [110.0, 330.0], "south": [60.0, 80.0]}), 2)
        north, south, best = (
            *(scenario_row(standings, "best", one) for one in SCENARIOS),
            row(standings, "best"),
        )
        assert (north.kind, south.kind, best.kind) == ("bound", "bound", "bound")
        assert north.mean_bound == pytest.approx(220.0, rel=1e-12)
        assert south.mean_bound == pytest.approx(70.0, rel=1e-12)
        assert best.mean_bound == pytest.approx(145.0, rel=1e-12)

    @pytest.mark.parametrize(("profit", "kind"), [(330.0, "bound"), (331.0, "reference")])
    def test_a_bound_that_somebody_exceeds_is_none(self, profit: float, kind: str) -> None:
        better = play("alpha", {"north": [1.0, profit], "south": [3.0, 4.0]})
        standings = compute(better + self.certified({"north": [110.0, 330.0], "south": [60.0, 80.0]}), 2)
        assert scenario_row(standings, "best", "north").kind == kind
        assert scenario_row(standings, "best", "south").kind == "bound"
        assert row(standings, "best").kind == kind

    def test_one_missing_bound_makes_a_reference_of_scenario_and_suite(self) -> None:
        standings = compute(self.certified({"north": [110.0, 330.0], "south": [60.0, None]}), 2)
        assert scenario_row(standings, "best", "north").kind == "bound"
        south, best = scenario_row(standings, "best", "south"), row(standings, "best")
        assert (south.kind, south.mean_bound) == ("reference", None)
        assert (best.kind, best.mean_bound) == ("reference", None)

    def test_an_oracle_that_reports_nothing_is_a_reference(self) -> None:
        standings = compute(play("best", self.ORACLE, "oracle"), 2)
        assert {one.kind for one in (*standings.by_scenario, *standings.reference)} == {"reference"}

    def test_a_ranked_submission_is_neither(self) -> None:
        records = play("alpha", self.ORACLE) + self.certified({"north": [110.0, 330.0], "south": [60.0, 80.0]})
        standings = compute(records, 2)
        alpha = row(standings, "alpha")
        assert (alpha.kind, alpha.mean_bound, alpha.rank) == (None, None, FIRST)
        assert {one.kind for one in standings.by_scenario if one.submission == "alpha"} == {None}

    def test_a_scenario_that_was_not_played_is_not_bounded(self) -> None:
        """Neither one without an episode, nor one whose every episode was lost to the arena."""
        north_only = [one for one in self.certified({"north": [110.0, 330.0], "south": []}) if one.scenario == "north"]
        lost = [
            make_record("best", "south", index, float("nan"), track="oracle", outcome="infrastructure", decisions=0)
            for index in range(2)
        ]
        for records in (north_only, north_only + lost):
            standings = compute(records, 2)
            assert scenario_row(standings, "best", "north").kind == "bound"
            assert (row(standings, "best").kind, row(standings, "best").mean_bound) == ("reference", None)
        assert scenario_row(standings, "best", "south").kind == "reference"

    def test_an_episode_lost_by_the_arena_does_not_unmake_a_bound(self) -> None:
        records = self.certified({"north": [110.0, 330.0], "south": [60.0, None]})
        records[-1] = records[-1].model_copy(update={"outcome": "infrastructure", "profit": float("nan")})
        best = row(compute(records, 2), "best")
        assert best.kind == "bound"
        assert best.mean_bound == pytest.approx((220 + 60) / 2, rel=1e-12)

    def test_scores_are_divided_by_profit_and_never_by_a_bound(self) -> None:
        alpha = play("alpha", {"north": [50.0, 150.0], "south": [30.0, 30.0]})
        with_bounds = compute(alpha + self.certified({"north": [900.0, 900.0], "south": [900.0, 900.0]}), 2)
        without = compute(alpha + play("best", self.ORACLE, "oracle"), 2)
        assert row(with_bounds, "alpha") == row(without, "alpha")
        assert row(with_bounds, "alpha").score == pytest.approx(0.5, rel=1e-12)
        assert with_bounds.oracles == without.oracles

    def test_bounds_too_large_to_be_added_bound_nothing(self) -> None:
        best = row(compute(self.certified({"north": [1.7e308, 1.7e308], "south": [1.0, 1.0]}), 2), "best")
        assert (best.kind, best.mean_bound) == ("reference", None)

    @given(
        st.lists(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=4), min_size=1, max_size=3).filter(
            lambda bounds: len({len(one) for one in bounds}) == 1
        )
    )
    def test_there_is_a_mean_bound_exactly_where_the_word_is_bound(self, bounds: list[list[float | None]]) -> None:
        names = tuple(f"scenario-{number}" for number in range(len(bounds)))
        records = [
            make_record("best", name, index, 1.0, track="oracle", profit_bound=bound)
            for name, series in zip(names, bounds, strict=True)
            for index, bound in enumerate(series)
        ]
        standings = compute(records, len(bounds[0]), names)
        for one in (*standings.by_scenario, *standings.reference):
            assert (one.kind == "bound") == (one.mean_bound is not None)
        kinds = {one.kind for one in standings.by_scenario}
        assert row(standings, "best").kind == ("bound" if kinds == {"bound"} else "reference")


def test_standings_survive_json() -> None:
    records = play("alpha", {"north": noise(1, 4), "south": noise(2, 4)}, fallbacks=3)
    records += play("best", {"north": noise(3, 4), "south": noise(4, 4)}, "oracle", profit_bound=1 / 3)
    standings = compute(records, 4)
    assert Standings.model_validate_json(standings.model_dump_json()) == standings
