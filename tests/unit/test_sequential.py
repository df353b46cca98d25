"""Runs that are stopped at will err as rarely as they say: simulated, briefly or at length (slow). Their verdicts."""

import math

import numpy as np
import pytest
from control_variate import explained, of_profits
from hypothesis import given, strategies as st
from scipy import integrate, stats
from sequential import (
    FIXED,
    TABLES,
    errors,
    errors_of_ranking,
    errors_of_scores,
    fixed_seeds,
    misses,
    seeds_until,
    upper,
)

from arena.results import sequential
from arena.results.ranking import LEVEL
from arena.results.rows import NeighbourVerdict
from arena.results.sequential import (
    FEWEST_SEEDS,
    PRIOR_SEEDS,
    SMALLEST_BATCH,
    Moments,
    better_than_at_any_stop,
    boundary,
    decide_neighbours,
    estimate_at_any_stop,
    interval_ends,
    level_of_open,
    moments_of,
    next_seeds,
    tell_apart,
)
from arena.results.statistics import skew, unskew

#: Tables in which the average over scenarios has taken most of the skewness, as in the suites.
MILD = [
    "exchangeable, normal",
    "exchangeable, exponential",
    "exchangeable, lognormal",
    "equal in mean, normal",
    "all skewed, 22 scenarios",
    "one collapses 1 in 20, 22 scenarios",
    "pairs of equals, far apart",
    "small steps",
    "steps of the margin",
    "equals, and others lower by the margin",
    "exponential, lower by the margin",
]


def three_deviations(replications: int) -> float:
    """Three standard deviations of a simulated share of 5 %."""
    return 3 * math.sqrt(0.05 * 0.95 / replications)


def bayes_factor(statistic: float, number: int) -> float:
    """The formula of the module's text."""
    square, share = statistic**2 / (number - 1), PRIOR_SEEDS / (number + PRIOR_SEEDS)
    return math.sqrt(share) * ((1 + square) / (1 + share * square)) ** (number / 2)


def normal_units(means: list[float], number: int, key: int = 1, strata: int = 3) -> np.ndarray:
    chance = np.random.default_rng(key)
    return (chance.normal(size=(strata, number, len(means))) + np.array(means)) / strata


class TestErrors:
    @pytest.mark.parametrize("table", ["exchangeable, normal", "equal in mean, normal", "exchangeable, lognormal"])
    @pytest.mark.parametrize(("submissions", "replications"), [(2, 500), (10, 150)])
    def test_equals_are_rarely_told_apart_at_any_look(self, table: str, submissions: int, replications: int) -> None:
        share = errors(table, submissions, 300, replications) / replications
        assert share <= 0.05 + three_deviations(replications)

    @pytest.mark.parametrize("table", ["pairs of equals, far apart", "equals, and others lower by the margin"])
    def test_unequal_tables_rarely_have_a_wrong_verdict(self, table: str) -> None:
        assert errors(table, 6, 200, 40) / 40 <= 0.05 + three_deviations(40)

    def test_a_fixed_sample_rule_fails_if_it_is_repeated(self) -> None:
        """The tests above can fail."""
        assert errors("exchangeable, normal", 2, 300, 40, FIXED) > 0.2 * 40
        assert errors("exchangeable, normal", 10, 300, 40, FIXED) > 0.15 * 40

    def test_the_ranks_of_a_fixed_number_of_seeds_fail_if_they_are_repeated(self) -> None:
        naive, here = errors_of_ranking(2, 150, 25)
        assert naive > here
        assert naive > 0.05 * 25

    def test_rare_collapses_are_beyond_the_limit_theorem_and_the_page_says_so(self) -> None:
        assert errors("one collapses 1 in 20", 2, 200, 200) > 0.1 * 200

    @pytest.mark.parametrize("law", ["normal", "exponential"])
    def test_the_interval_of_one_mean_is_rarely_left(self, law: str) -> None:
        drawn = {"normal": lambda chance, size: chance.normal(size=size)}
        drawn["exponential"] = lambda chance, size: 1 - chance.exponential(size=size)
        assert misses(drawn[law], 80, 150) / 150 <= 0.05 + three_deviations(150)

    @pytest.mark.slow
    @pytest.mark.parametrize("table", MILD)
    @pytest.mark.parametrize(("submissions", "replications"), [(2, 2000), (10, 2000), (42, 400)])
    @pytest.mark.timeout(3600)
    def test_the_upper_limit_of_the_error_is_below_six_per_cent(
        self, table: str, submissions: int, replications: int
    ) -> None:
        wrong = errors(table, submissions, 500, replications)
        print(
            f"{table}, {submissions} submissions: {wrong / replications:.3f}, at most {upper(wrong, replications):.3f}"
        )
        assert upper(wrong, replications) <= 0.06

    @pytest.mark.slow
    @pytest.mark.timeout(3600)
    def test_scores_are_ratios_and_err_as_rarely(self) -> None:
        assert upper(errors_of_scores(500, 1000), 1000) <= 0.06

    def test_tables_have_the_means_that_they_claim(self) -> None:
        for name, field in TABLES.items():
            drawn = field.draw(np.random.default_rng(1), 40_000, 4)
            assert np.ptp(drawn.mean(axis=0)) < 0.06, name


class TestSeeds:
    def test_a_difference_is_found_with_less_than_twice_the_seeds_of_a_test_that_knows_it(self) -> None:
        found = seeds_until("better", 2, 0.5, 60, others_far=False, budget=500)
        assert np.median(found) < 2 * fixed_seeds("better", LEVEL, 0.5)

    def test_pairs_told_apart_leave_their_level_to_the_rest(self) -> None:
        near, far = (seeds_until("better", 10, 0.4, 20, others_far=far, budget=500) for far in (False, True))
        assert np.median(far) < np.median(near)

    def test_equivalence_is_shown(self) -> None:
        found = seeds_until("equivalent", 2, 0.0, 40, others_far=False, budget=500)
        assert np.quantile(found, 0.9) < 2 * fixed_seeds("equivalent", LEVEL, 0.0)


class TestBoundary:
    @given(st.integers(20, 100_000), st.floats(1e-4, 0.5))
    def test_the_bayes_factor_there_is_one_over_the_level(self, number: int, level: float) -> None:
        assert math.log(bayes_factor(boundary(number, level), number)) == pytest.approx(-math.log(level), rel=1e-6)

    @pytest.mark.parametrize("number", [2, 5, 30, 200])
    def test_the_bayes_factor_has_mean_one_for_equal_means(self, number: int) -> None:
        def integrand(statistic: float) -> float:
            return bayes_factor(statistic, number) * float(stats.t.pdf(statistic, number - 1))

        mean = 2 * sum(integrate.quad(integrand, *ends)[0] for ends in [(0, 3), (3, 20), (20, np.inf)])
        assert mean == pytest.approx(1, rel=1e-5)

    def test_few_seeds_bound_nothing(self) -> None:
        assert boundary(1, 0.05) == math.inf
        assert boundary(3, 1e-6) == math.inf
        low, high = interval_ends(Moments(np.zeros(2), np.ones(2), np.zeros(2), 3), 1e-6)
        assert (low == -math.inf).all()
        assert (high == math.inf).all()

    @given(st.integers(FEWEST_SEEDS, 5000), st.floats(1e-5, 0.2), st.floats(-6, 6))
    def test_intervals_shrink_with_seeds(self, number: int, level: float, skewness: float) -> None:
        """On which the forecast relies."""
        here, there = (
            interval_ends(Moments(np.zeros(1), np.ones(1), np.array([skewness]), many), level)
            for many in (number, number + 1)
        )
        assert here[0] < there[0] < 0 < there[1] < here[1]

    @given(st.integers(FEWEST_SEEDS, 500), st.floats(1e-4, 0.2), st.floats(-3, 3))
    def test_skewness_only_widens(self, number: int, level: float, skewness: float) -> None:
        plain, skewed = (
            interval_ends(Moments(np.zeros(1), np.ones(1), np.array([third]), number), level)
            for third in (0.0, skewness)
        )
        assert skewed[0] <= plain[0]
        assert plain[1] <= skewed[1]
        if abs(skewness) > 0.01:
            # A long tail on the right hides values above what was seen.
            longer = skewed[1] - plain[1] if skewness > 0 else plain[0] - skewed[0]
            assert longer > 0

    @given(st.floats(-30, 30), st.floats(-2, 2))
    def test_unskew_inverts_skew(self, statistic: float, skewness: float) -> None:
        there = skew(np.array([statistic]), np.array([skewness]))
        assert unskew(there, np.array([skewness])) == pytest.approx([statistic], abs=1e-5)


class TestBetterThan:
    @given(st.integers(2, 6), st.integers(2, 60), st.integers(1, 3), st.integers(0, 10_000))
    def test_decisions_are_an_order_of_the_means(self, many: int, units: int, strata: int, key: int) -> None:
        chance = np.random.default_rng(key)
        values = chance.normal(size=(strata, units, many)) + chance.normal(size=many) * 2
        decided = better_than_at_any_stop(values)
        means = values.mean(axis=1).sum(axis=0)
        assert not (decided & (means[:, None] <= means)).any()
        assert units >= FEWEST_SEEDS or not decided.any()

    @given(st.permutations(range(5)), st.integers(0, 100))
    def test_the_order_of_submissions_changes_nothing(self, order: list[int], key: int) -> None:
        values = np.random.default_rng(key).normal(size=(2, 40, 5)) + np.arange(5) / 2
        there = better_than_at_any_stop(values[:, :, order])
        assert (there == better_than_at_any_stop(values)[np.ix_(order, order)]).all()

    @given(st.integers(0, 1000))
    def test_pairs_whose_simultaneous_interval_excludes_zero_are_told_apart(self, key: int) -> None:
        values = np.random.default_rng(key).normal(size=(60, 8)) + np.arange(8) / 4
        first, second = np.triu_indices(8, 1)
        moments = moments_of(values[:, first] - values[:, second])
        low, high = interval_ends(moments, LEVEL / first.size)
        assert not (((low > 0) | (high < 0)) & ~tell_apart(moments)).any()

    @given(st.integers(0, 1000), st.floats(0, 1), st.sampled_from([-1.0, 1.0]))
    def test_one_pair_is_told_apart_if_its_interval_excludes_zero(self, key: int, shift: float, side: float) -> None:
        moments = moments_of(side * np.random.default_rng(key).lognormal(size=(FEWEST_SEEDS, 1)) - side * (1 + shift))
        low, high = interval_ends(moments, LEVEL)
        assert tell_apart(moments)[0] == (low[0] > 0 or high[0] < 0)

    def test_the_last_open_pair_has_more_than_half_of_the_level(self) -> None:
        assert level_of_open(1, 1) == pytest.approx(LEVEL)
        assert level_of_open(45, 45) == pytest.approx(LEVEL / 45)
        assert LEVEL / 2 < level_of_open(1, 45) < 0.52 * LEVEL

    def test_a_single_submission_has_nothing_to_be_compared_with(self) -> None:
        assert not better_than_at_any_stop(np.ones((2, 50, 1))).any()
        assert decide_neighbours(np.ones((2, 50, 1)), ["one"], 0.1) == ()

    def test_the_same_difference_on_every_seed_needs_no_test(self) -> None:
        luck = np.random.default_rng(1).normal(size=(2, FEWEST_SEEDS, 1))
        values = luck + np.array([0.0, 1e-3, 1e-3])
        expected = [[False, False, False], [True, False, False], [True, False, False]]
        assert better_than_at_any_stop(values).tolist() == expected
        assert not better_than_at_any_stop(values[:, 1:]).any()

    def test_differences_that_cancel_between_scenarios_are_no_differences(self) -> None:
        luck = 1000 * np.random.default_rng(1).normal(size=(3, 50, 1))
        values = np.concatenate([luck, luck + np.array([0.1, 0.2, -0.3])[:, None, None]], axis=2)
        assert not better_than_at_any_stop(values).any()
        assert better_than_at_any_stop(values + np.array([0.0, 0.1])).any()

    def test_blocks_of_pairs_are_the_same_as_all_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = normal_units([0.5, 0.4, 0.0, -0.5, -2.0], 80)
        names = list("abcde")
        at_once = decide_neighbours(values, names, 0.3)
        monkeypatch.setattr(sequential, "_VALUES_AT_ONCE", 100)
        assert decide_neighbours(values, names, 0.3) == at_once


class TestEstimate:
    @given(st.floats(1e-3, 1e3), st.floats(-1e4, 1e4))
    def test_an_interval_moves_with_the_unit_of_money(self, factor: float, shift: float) -> None:
        units = np.random.default_rng(3).exponential(size=(2, 50))
        here, there = estimate_at_any_stop(units), estimate_at_any_stop(factor * units + shift / 2)
        assert here is not None
        assert there is not None
        assert here.interval is not None
        assert there.interval is not None
        slack = 1e-9 * (factor + abs(shift))
        assert there.interval.low == pytest.approx(factor * here.interval.low + shift, abs=slack)
        assert there.interval.high == pytest.approx(factor * here.interval.high + shift, abs=slack)
        assert there.interval.low < there.value < there.interval.high

    def test_it_is_as_wide_as_the_boundary(self) -> None:
        values = np.tile([-1.0, 1.0], 20)
        found = estimate_at_any_stop(values[None])
        assert found is not None
        assert found.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(40))
        assert found.interval is not None
        half = found.standard_error * boundary(40, LEVEL)
        assert (found.interval.low, found.interval.high) == pytest.approx((-half, half))

    def test_without_enough_or_differing_units_there_is_no_interval(self) -> None:
        values = np.random.default_rng(1).normal(size=(2, FEWEST_SEEDS))
        enough, few = estimate_at_any_stop(values), estimate_at_any_stop(values[:, 1:])
        assert enough is not None
        assert enough.interval is not None
        assert few is not None
        assert few.interval is None
        same, single = estimate_at_any_stop(np.full((1, 50), 3.3)), estimate_at_any_stop(np.ones((2, 1)))
        assert same == (pytest.approx(3.3), 0.0, None)
        assert single == (2.0, None, None)
        assert estimate_at_any_stop(np.array([[1.0, np.nan]])) is None
        assert estimate_at_any_stop(np.empty((2, 0))) is None


class TestNeighbours:
    def test_verdicts(self) -> None:
        units = normal_units([1.0, 0.0, 0.0, -0.05], 3000)
        units[..., 2] = units[..., 1] + np.random.default_rng(5).normal(size=units.shape[1]) * 0.01 - 0.001
        better, equivalent, undecided = decide_neighbours(units, ["a", "b", "c", "d"], 0.02)
        assert (better.upper, better.lower) == ("a", "b")
        assert [one.verdict for one in (better, equivalent, undecided)] == ["better", "better", "not decided"]
        assert [one.within_margin for one in (better, equivalent, undecided)] == [False, True, False]
        assert better.seeds_needed is equivalent.seeds_needed is None
        assert undecided.seeds_needed is not None
        assert undecided.seeds_needed > 3000
        assert better.interval is not None
        assert better.interval.low < 1.0 < better.interval.high

    def test_equivalent_within_the_margin_and_not_within_a_smaller_one(self) -> None:
        units = normal_units([0.0, 0.0], 1000)
        units = units[..., np.argsort(-units.sum(axis=(0, 1)))]
        (wide,), (narrow,) = decide_neighbours(units, "ab", 0.3), decide_neighbours(units, "ab", 0.01)
        assert (wide.verdict, wide.within_margin, wide.seeds_needed) == ("equivalent", True, None)
        assert (narrow.verdict, narrow.within_margin) == ("not decided", False)

    @pytest.mark.parametrize("margin", [0.05, 1e-6])
    def test_the_forecast_is_the_first_number_that_decides(self, margin: float) -> None:
        units = normal_units([0.02, 0.0], 200, key=3)
        units = units[..., np.argsort(-units.sum(axis=(0, 1)))]
        (one,) = decide_neighbours(units, ["a", "b"], margin)
        assert one.seeds_needed is not None
        moments = moments_of((units[..., :1] - units[..., 1:]).sum(axis=0))

        def decided(number: int) -> bool:
            low, high = interval_ends(moments._replace(number=number), LEVEL)
            return bool(low[0] > 0 or (low[0] > -margin and high[0] < margin))

        assert decided(one.seeds_needed)
        assert not decided(one.seeds_needed - 1)

    def test_the_forecast_of_equivalence_is_at_the_level_of_all_pairs(self) -> None:
        units = normal_units([50.0, 20.0, 0.0, 0.0], 100)
        units[..., 2:] = units[..., 2:][..., np.argsort(-units[..., 2:].sum(axis=(0, 1)))]
        last = decide_neighbours(units, "abcd", 0.2)[-1]
        moments = moments_of((units[..., 2] - units[..., 3]).sum(axis=0)[:, None])
        assert last.seeds_needed is not None
        ends = [interval_ends(moments._replace(number=last.seeds_needed - less), LEVEL / 6) for less in (0, 1)]
        assert [bool(low[0] > -0.2 and high[0] < 0.2) for low, high in ends] == [True, False]

    def test_no_number_decides_what_has_no_difference_and_no_room(self) -> None:
        signs = np.tile([1.0, -1.0], 50)
        units = np.stack([signs, -signs], axis=-1)[None]
        (never,), (late,) = decide_neighbours(units, "ab", 1e-7), decide_neighbours(units, "ab", 0.1)
        assert never.seeds_needed is None
        assert late.seeds_needed is not None

    def test_few_seeds_decide_nothing_but_are_forecast(self) -> None:
        units = normal_units([9.0, 0.0, 0.0], 10)
        units[..., 2] = units[..., 1]
        found = decide_neighbours(units, "abc", 0.1)
        assert [(one.verdict, one.interval, one.seeds_needed) for one in found] == [("not decided", None, 30)] * 2
        assert decide_neighbours(units[:, :1], "abc", 0.1)[0].seeds_needed is None

    def test_the_same_on_every_seed(self) -> None:
        luck = np.random.default_rng(1).normal(size=(2, 40, 1))
        found = decide_neighbours(luck + np.array([1.0, 0.99, 0.5, 0.5]), "abcd", 0.1)
        expected = [("better", True), ("better", False), ("equivalent", True)]
        assert [(one.verdict, one.within_margin) for one in found] == expected
        assert [one.interval for one in found] == [None, None, None]

    def test_the_order_must_be_that_of_the_table(self) -> None:
        units = normal_units([1.0, 0.0], 200)
        with pytest.raises(ValueError, match="b is better than a, which is placed above it"):
            decide_neighbours(units[..., ::-1], ["a", "b"], 0.1)
        with pytest.raises(ValueError, match="3 names for 2 submissions"):
            decide_neighbours(units, ["a", "b", "c"], 0.1)
        assert decide_neighbours(units, ["a", "b"], 0.1)[0].verdict == "better"

    def test_a_verdict_can_be_stored(self) -> None:
        (one,) = decide_neighbours(normal_units([1.0, 0.0], 200), ["a", "b"], 0.1)
        assert NeighbourVerdict.model_validate_json(one.model_dump_json()) == one


def verdict(needed: int | None, outcome: str = "not decided") -> NeighbourVerdict:
    fields = {"upper": "a", "lower": "b", "difference": 0.1, "interval": None, "within_margin": False}
    return NeighbourVerdict.model_validate({**fields, "verdict": outcome, "seeds_needed": needed})


class TestBatches:
    @given(
        st.integers(0, 20_000),
        st.integers(1, 20_000),
        st.lists(st.none() | st.integers(1, 10**9), min_size=1, max_size=5),
    )
    def test_a_batch_goes_on_within_the_budget(self, seeds: int, budget: int, needed: list[int | None]) -> None:
        after = next_seeds(seeds, budget, [verdict(one) for one in needed])
        if seeds >= budget:
            assert after == seeds
            return
        assert seeds < after <= budget
        assert after <= max(FEWEST_SEEDS, seeds + SMALLEST_BATCH, math.ceil(1.5 * seeds))
        if seeds >= FEWEST_SEEDS and None not in needed:
            assert after <= max(seeds + SMALLEST_BATCH, *(one or 0 for one in needed))

    def test_a_run_to_ten_thousand_seeds_has_few_batches(self) -> None:
        seeds, batches = 0, 0
        while (after := next_seeds(seeds, 10_000, [verdict(None)])) > seeds:
            seeds, batches = after, batches + 1
        assert seeds == 10_000
        assert batches <= 20

    def test_the_first_batch_is_the_smallest_that_can_decide(self) -> None:
        assert next_seeds(0, 500, []) == FEWEST_SEEDS
        assert next_seeds(0, 12, []) == 12

    def test_nothing_is_played_once_all_is_decided(self) -> None:
        assert next_seeds(60, 500, [verdict(None, "better"), verdict(None, "equivalent")]) == 60
        assert next_seeds(60, 500, [verdict(None, "better"), verdict(70)]) == 70
        assert next_seeds(60, 500, [verdict(61), verdict(77)]) == 77
        assert next_seeds(60, 500, [verdict(61), verdict(None)]) == 90


class TestControlVariate:
    def test_the_explained_share_is_that_of_the_regression(self) -> None:
        chance = np.random.default_rng(1)
        control, noise = chance.normal(size=(2, 4, 5000))
        assert explained(2 * control + noise, control) == pytest.approx(0.8, abs=0.02)
        assert explained(noise, control) == pytest.approx(0, abs=0.01)

    def test_pairs_are_those_of_the_table(self) -> None:
        chance = np.random.default_rng(2)
        oracle = 1000 + 100 * chance.normal(size=(3, 400))
        profit = np.stack([np.full_like(oracle, 500.0) + chance.normal(size=oracle.shape), 0.9 * oracle])
        found = of_profits(["flat", "share"], profit, oracle)
        assert list(found) == [("share", "flat")]
        assert found["share", "flat"][1] == pytest.approx(1, abs=0.01)
