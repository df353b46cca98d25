"""Intervals cover the mean as often as they say, and ranks err as rarely: simulated, briefly or at length (slow)."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from inference import FIELDS, against_head, coverage, errors, holm, power, published
from scipy import stats

from arena.results.ranking import better_than, rank_of
from arena.results.statistics import estimate, skew

LENGTHS = [pytest.param(1000, id="brief"), pytest.param(10_000, id="long", marks=pytest.mark.slow)]


def spread(share: float, replications: int) -> float:
    """Three standard deviations of a simulated share."""
    return 3 * float(np.sqrt(share * (1 - share) / replications))


class TestIntervals:
    @pytest.mark.parametrize("replications", LENGTHS)
    @pytest.mark.parametrize("shared", [True, False], ids=["shared seeds", "separate seeds"])
    @pytest.mark.parametrize("seeds", [10, 30, 100])
    def test_normal_profits_are_covered(self, seeds: int, shared: bool, replications: int) -> None:
        slack = spread(0.95, replications)
        assert 0.94 - slack < coverage("normal", seeds, shared, replications) < 0.965 + slack

    @pytest.mark.parametrize("replications", LENGTHS)
    @pytest.mark.parametrize("shared", [True, False], ids=["shared seeds", "separate seeds"])
    @pytest.mark.parametrize("law", ["exponential", "lognormal"])
    @pytest.mark.parametrize(("seeds", "least"), [(10, 0.90), (30, 0.91), (100, 0.92)])
    def test_skewed_profits_are_covered(
        self, seeds: int, least: float, law: str, shared: bool, replications: int
    ) -> None:
        slack = 0.0 if replications == 10_000 else spread(least, replications)
        assert coverage(law, seeds, shared, replications) >= least - slack

    def test_rare_collapses_are_not_covered_and_the_page_says_so(self) -> None:
        """Ten episodes of which none collapsed look like those of a controller that never does."""
        assert coverage("collapse 1 in 20", 10, True, 1000) < 0.7

    @pytest.mark.slow
    @pytest.mark.parametrize("shared", [True, False], ids=["shared seeds", "separate seeds"])
    @pytest.mark.parametrize("seeds", [10, 30, 100])
    def test_published_profits_are_covered(
        self, seeds: int, shared: bool, reference: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Over the published controllers. Alone, one of ten distinct seeds drawn ten times may be far from its mean."""
        monkeypatch.setenv("ARENA_REFERENCE", str(reference))
        held = [coverage(profits, seeds, shared, 10_000) for profits in published().values()]
        print(np.round(held, 3))
        assert 0.94 <= np.mean(held) <= 0.965

    @given(
        st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).filter(lambda values: np.ptp(values) > 1e-3),
        st.floats(1e-3, 1e3),
        st.floats(-1e6, 1e6),
    )
    def test_an_interval_moves_with_the_unit_of_money(self, values: list[float], factor: float, shift: float) -> None:
        units = np.array([values])
        here, there = estimate(units), estimate(factor * units + shift)
        assert here is not None
        assert there is not None
        if here.interval is None or there.interval is None:
            return
        width = here.interval.high - here.interval.low
        size = max(1.0, abs(shift), factor * float(np.abs(units).max()), factor * width)
        assert there.interval.low == pytest.approx(factor * here.interval.low + shift, abs=1e-6 * size)
        assert there.interval.high == pytest.approx(factor * here.interval.high + shift, abs=1e-6 * size)
        assert there.interval.low <= there.value <= there.interval.high

    def test_without_skewness_it_is_that_of_student(self) -> None:
        values = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
        found = estimate(values[None])
        assert found is not None
        assert found.interval is not None
        low, high = stats.t.interval(0.95, 4, loc=0, scale=values.std(ddof=1) / np.sqrt(5))
        assert (found.interval.low, found.interval.high) == pytest.approx((low, high), rel=1e-9)

    def test_two_strata_have_the_degrees_of_freedom_of_welch(self) -> None:
        first, second = np.array([1.0, -1.0, 2.0, -2.0]), np.array([0.5, -0.5, 1.0, -1.0])
        found = estimate(np.stack([first, -second]))
        assert found is not None
        assert found.interval is not None
        expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
        assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high), rel=1e-9)

    @given(st.floats(-50, 50), st.floats(-3, 3))
    def test_the_transformation_is_increasing(self, statistic: float, skewness: float) -> None:
        here, there = skew(np.array([statistic, statistic + 0.1]), np.array(skewness))
        assert here < there


class TestRanks:
    @pytest.mark.parametrize("field", ["exchangeable, normal", "exchangeable, lognormal", "equal in mean, normal"])
    @pytest.mark.parametrize(("submissions", "replications"), [(2, 400), (10, 200)])
    def test_equals_are_rarely_told_apart(self, field: str, submissions: int, replications: int) -> None:
        assert errors(field, submissions, 10, replications) <= 0.05 + spread(0.05, replications)

    @pytest.mark.slow
    @pytest.mark.parametrize("field", ["exchangeable, normal", "exchangeable, lognormal", "equal in mean, normal"])
    @pytest.mark.parametrize(("submissions", "units"), [(2, 10), (2, 30), (2, 100), (10, 10), (10, 30), (42, 10)])
    def test_the_error_is_below_six_and_a_half_per_cent(self, field: str, submissions: int, units: int) -> None:
        replications = 2000
        told = round(errors(field, submissions, units, replications) * replications)
        limit = float(stats.beta.ppf(0.95, told + 1, replications - told))
        print(f"{field}, {submissions} submissions, {units} units: {told / replications:.3f}, at most {limit:.3f}")
        assert limit <= 0.065

    def test_without_correction_equals_are_told_apart(self) -> None:
        """The test above can fail: the rule that was there before fails it."""
        assert errors("exchangeable, normal", 10, 10, 100, against_head) > 0.5

    def test_what_differs_is_found_as_often_as_by_holm(self) -> None:
        assert power(2.0, 2, 10, 200) > 0.9
        here, there = power(2.0, 10, 10, 150), power(2.0, 10, 10, 150, holm)
        assert here > there - 0.1

    @given(st.integers(2, 6), st.integers(1, 12), st.integers(1, 3), st.integers(0, 10_000))
    def test_decisions_are_an_order_of_the_means(self, many: int, units: int, strata: int, key: int) -> None:
        chance = np.random.default_rng(key)
        values = chance.normal(size=(strata, units, many)) + chance.normal(size=many) * 5
        decided = better_than(values)
        means = values.mean(axis=1).sum(axis=0)
        assert not (decided & (means[:, None] <= means)).any()
        ranks = [rank_of(place, decided, list(range(many))) for place in range(many)]
        for place, rank in enumerate(ranks):
            own = 1 + int((means > means[place]).sum())
            assert 1 <= rank.first <= own <= rank.last <= many

    @given(st.permutations(range(5)), st.integers(0, 100))
    def test_the_order_of_submissions_changes_nothing(self, order: list[int], key: int) -> None:
        values = np.random.default_rng(key).normal(size=(1, 10, 5)) + np.arange(5)
        there = better_than(values[:, :, order])
        assert (there == better_than(values)[np.ix_(order, order)]).all()

    def test_all_fields_have_equal_means(self) -> None:
        for name, field in FIELDS.items():
            values = field(np.random.default_rng(1), 40_000, 4)
            assert np.ptp(values.mean(axis=0)) < 0.06, name
