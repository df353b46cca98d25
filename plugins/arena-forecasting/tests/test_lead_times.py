"""The belief about lead times, and what is inferred from totals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from arena_forecasting.lead_times import LeadTimeBelief, told_apart


def played(belief: LeadTimeBelief, lead_times: list[int | None], units: list[float]) -> None:
    """Ship an order per period, and tell of totals."""
    for period, quantity in enumerate(units):
        belief.ship(period, quantity)
        arrived = sum(
            units[each]
            for each in range(period + 1)
            if lead_times[each] is not None and each + lead_times[each] == period
        )
        belief.receive(period, arrived)


def distinct(periods: int) -> list[float]:
    return [float(2**place) for place in range(periods)]


def test_the_promise_is_believed_first() -> None:
    belief = LeadTimeBelief(2, 4, varies=True)
    assert belief.law.argmax() == 2
    assert belief.law[2] > 0.6
    assert belief.law.sum() == pytest.approx(1.0, abs=1e-12)


def test_lost_orders_and_the_law_are_learnt_from_totals() -> None:
    generator = np.random.default_rng(3)
    lead_times = [[1, 2, 3, None][place] for place in generator.integers(4, size=60)]
    belief = LeadTimeBelief(2, 4, varies=True, shows_orders=False)
    played(belief, lead_times, [100.0 + 7.0 * (place * place % 23) + place for place in range(60)])
    assert 0.12 < belief.law[-1] < 0.42  # a quarter is lost
    assert belief.law[[1, 2, 3]].min() > 0.1
    assert belief.law[[0, 4]].max() < 0.05


def test_a_lead_time_that_is_kept_becomes_almost_certain() -> None:
    belief = LeadTimeBelief(4, 4, varies=True, shows_orders=False)
    played(belief, [4] * 40, [10.0] * 40)
    assert belief.law[4] > 0.95
    assert sorted(belief.open_orders) == [36, 37, 38, 39]


def test_a_fixed_lead_time_is_not_learnt() -> None:
    belief = LeadTimeBelief(3, 3, varies=False)
    played(belief, [3] * 10, [5.0] * 10)
    assert belief.law.tolist() == [0, 0, 0, 1, 0]
    assert sorted(belief.open_orders) == [7, 8, 9]


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0, 1, 2, 3, None]), min_size=1, max_size=20))
def test_distinct_sums_name_the_orders(lead_times: list[int | None]) -> None:
    belief = LeadTimeBelief(1, 3, varies=True, shows_orders=False)
    played(belief, lead_times, distinct(len(lead_times)))
    last = len(lead_times) - 1
    expected = {
        each
        for each, lead_time in enumerate(lead_times)
        if last - each < 3 and (lead_time is None or each + lead_time > last)
    }
    assert set(belief.open_orders) == expected


def test_arrivals_by_age_are_taken_as_they_are() -> None:
    belief = LeadTimeBelief(1, 3, varies=True, shows_orders=True)
    belief.ship(0, 5.0)
    belief.receive(0, 0.0, {0: 0.0})
    belief.ship(1, 5.0)
    belief.receive(1, 5.0, {0: 5.0, 1: 0.0})
    assert set(belief.open_orders) == {0}


def test_units_that_nobody_ordered_are_explained_as_well_as_can_be() -> None:
    belief = LeadTimeBelief(1, 3, varies=True, shows_orders=False)
    belief.ship(0, 10.0)
    belief.receive(0, 0.0)
    belief.receive(1, 9.0)
    assert belief.open_orders == {}


@settings(max_examples=100)
@given(st.lists(st.integers(20, 400), min_size=0, max_size=4, unique=True), st.integers(20, 400))
def test_told_apart_orders_have_distinct_sums(others: list[int], wanted: int) -> None:
    subsets = ((np.arange(2 ** len(others))[:, None] >> np.arange(len(others))) & 1) @ np.array(others, dtype=float)
    moved = told_apart(float(wanted), subsets, 3.0)
    assert abs(moved - wanted) <= 3.0
    differences = np.abs(subsets[:, None] - subsets[None, :])
    clear = [
        wanted + change for change in (0, 1, -1, 2, -2, 3, -3) if (np.abs(differences - (wanted + change)) >= 0.5).all()
    ]
    assert moved == (clear[0] if clear else wanted)
