"""Histograms of decision times: every time falls into its bucket, and episodes add up as if they had been one."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic_faults import refused

from arena.jail.limits import Limits
from arena.results.timing import EDGES, DecisionTimes, Row, duration

LIMITS = Limits()
SECONDS = st.floats(0, 1000)
SEVERAL = st.lists(SECONDS, max_size=40)


def measured(*later: float, first: tuple[float, ...] = (), limits: Limits = LIMITS) -> DecisionTimes:
    return DecisionTimes.measured(first, later, limits)


def test_edges_are_round_and_a_quarter_apart() -> None:
    assert (EDGES[0], EDGES[-1]) == (1e-6, 100.0)
    assert {1e-6, 2e-6, 5e-6, 1e-3, 0.02, 0.5, 1.0, 10.0} <= set(EDGES)
    ratios = np.array(EDGES[1:]) / np.array(EDGES[:-1])
    assert ratios.min() > 1.24
    assert ratios.max() < 1.29


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.99e-6, 0), (1e-6, 1), (1.24e-6, 1), (1.25e-6, 2), (99.0, 80), (100.0, 81), (1e6, 81)],
)
def test_an_edge_belongs_to_the_bucket_above_it(seconds: float, bucket: int) -> None:
    assert measured(seconds).counts == (0,) * bucket + (1,)


@given(SEVERAL, SEVERAL)
def test_every_decision_is_counted_once_and_the_slowest_are_kept(first: list[float], later: list[float]) -> None:
    times = DecisionTimes.measured(first, later, LIMITS)
    assert times.number == len(first) + len(later)
    assert times.counts == () or times.counts[-1] > 0
    for bucket, count in enumerate(times.counts):
        low = EDGES[bucket - 1] if bucket else 0.0
        high = EDGES[bucket] if bucket < len(EDGES) else math.inf
        assert count == sum(low <= one < high for one in (*first, *later))
    assert (times.slowest_first, times.slowest_later) == (max(first, default=0.0), max(later, default=0.0))


@given(st.lists(st.tuples(SEVERAL, SEVERAL), min_size=1, max_size=6))
def test_episodes_add_up_as_if_they_had_been_one(episodes: list[tuple[list[float], list[float]]]) -> None:
    parts = [DecisionTimes.measured(first, later, LIMITS) for first, later in episodes]
    whole = DecisionTimes.measured(
        [one for first, _ in episodes for one in first], [one for _, later in episodes for one in later], LIMITS
    )
    assert DecisionTimes.total(parts) == whole


def test_nothing_adds_up_to_nothing() -> None:
    assert DecisionTimes.total([]) is None


def test_among_different_deadlines_the_least_is_told() -> None:
    hasty = measured(0.1, limits=Limits(first_decision=2.0, decision=3.0))
    total = DecisionTimes.total([measured(0.1), hasty])
    assert total is not None
    assert (total.first_deadline, total.deadline) == (2.0, 1.0)


@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_right_to_a_bucket(seconds: list[float], share: float) -> None:
    times = measured(*seconds)
    exact = np.quantile(seconds, share, method="inverted_cdf")
    found = times.quantile(share)
    assert exact / 1.3 <= found <= exact * 1.3
    assert found <= times.slowest == max(seconds)


def test_quantiles_of_nothing_and_of_the_open_ends() -> None:
    assert measured().quantile(0.5) == 0.0
    assert measured(0.0, 0.0).quantile(0.5) == 0.0
    assert measured(400.0, 500.0).quantile(0.5) == 500.0


@given(SEVERAL)
def test_a_coarse_row_counts_what_lies_between_its_ends(seconds: list[float]) -> None:
    rows = measured(*seconds).rows()
    assert sum(row.number for row in rows) == len(seconds)
    assert all(row.number == sum(row.low <= one < row.high for one in seconds) for row in rows)
    assert all(one.high == other.low for one, other in itertools.pairwise(rows))
    assert not rows or (rows[0].number and rows[-1].number)


def test_coarse_rows_end_at_one_two_and_five() -> None:
    assert measured(0.0015, 0.004, 0.0045, 0.03).rows() == [
        Row(0.001, 0.002, 1),
        Row(0.002, 0.005, 2),
        Row(0.005, 0.01, 0),
        Row(0.01, 0.02, 0),
        Row(0.02, 0.05, 1),
    ]
    assert measured(0.0, 1e3).rows()[0] == Row(0.0, 1e-6, 1)
    assert measured(0.0, 1e3).rows()[-1] == Row(100.0, math.inf, 1)
    assert measured().rows() == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (4e-7, "0.4 µs"),
        (9.994e-4, "999 µs"),
        (9.996e-4, "1 ms"),
        (0.012345, "12.3 ms"),
        (0.99951, "1 s"),
        (1234.0, "1230 s"),
    ],
)
def test_a_time_in_words_has_three_digits_and_the_fitting_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("changes", "place", "fault"),
    [
        ({"counts": [-1]}, "counts.0", "greater_than_equal"),
        ({"counts": [10**400]}, "counts.0", "less_than_equal"),
        ({"counts": [1.5]}, "counts.0", "int_type"),
        ({"counts": [0] * 83}, "counts", "too_long"),
        ({"slowest_later": math.nan}, "slowest_later", "finite_number"),
        ({"deadline": 0.0}, "deadline", "greater_than"),
    ],
)
def test_a_damaged_histogram_is_refused(changes: dict[str, object], place: str, fault: str) -> None:
    sound = measured(0.001, first=(0.2,)).model_dump()
    assert DecisionTimes.model_validate(sound) == measured(0.001, first=(0.2,))
    with refused((place, fault)):
        DecisionTimes.model_validate({**sound, **changes})
