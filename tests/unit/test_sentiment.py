"""Goodwill's step, worked out by hand, on floats and on columns of numpy and torch."""

import numpy as np
import pytest

from arena import Goodwill, next_sentiment
from arena.simulate.compiled import GoodwillColumns

GOODWILL = Goodwill(growth=1.25, decay=0.5, cap=2.0, floor=0.4)
BEFORE = [1.0, 1.0, 1.8, 0.6]
SHORT = [False, True, False, True]
AFTER = [1.25, 0.5, 2.0, 0.4]  # free rise, free fall, cap, floor


@pytest.mark.parametrize(("before", "short", "after"), list(zip(BEFORE, SHORT, AFTER, strict=True)))
def test_a_float_moves_within_cap_and_floor(before: float, short: bool, after: float) -> None:
    assert next_sentiment(GOODWILL, before, short) == after


def test_a_column_of_numpy_moves_as_its_floats() -> None:
    assert next_sentiment(GOODWILL, np.array(BEFORE), np.array(SHORT)).tolist() == AFTER


def test_one_service_pattern_moves_a_whole_column() -> None:
    assert next_sentiment(GOODWILL, np.array([1.0, 1.8]), False).tolist() == [1.25, 2.0]


def test_single_precision_stays_single() -> None:
    moved = next_sentiment(GOODWILL, np.float32(1.1), False)
    assert moved == np.float32(1.1) * np.float32(1.25)
    assert isinstance(moved, np.float32)


def test_every_episode_of_a_batch_may_have_its_own_goodwill() -> None:
    goodwill = GoodwillColumns(
        growth=np.array([1.5, 1.25]), decay=np.array([0.5, 0.5]), cap=np.array([1.25, 2.0]), floor=np.array([0.1, 0.1])
    )
    assert next_sentiment(goodwill, np.array([1.0, 1.0]), np.array([False, False])).tolist() == [1.25, 1.25]


def test_a_share_weighs_both_branches() -> None:
    moved = next_sentiment(GOODWILL, np.array([1.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.5]), is_share=True)
    assert moved.tolist() == [1.25, 0.5, 0.875]


def test_text_is_no_sentiment() -> None:
    with pytest.raises(TypeError, match="array"):
        next_sentiment(GOODWILL, "1.0", False)


@pytest.mark.torch
def test_a_column_of_torch_moves_as_its_floats_and_is_differentiable() -> None:
    import torch

    before = torch.tensor(BEFORE, dtype=torch.float64, requires_grad=True)
    moved = next_sentiment(GOODWILL, before, torch.tensor(SHORT))
    assert moved.tolist() == AFTER
    moved.sum().backward()
    assert before.grad.tolist() == [1.25, 0.5, 0.0, 0.0]


def test_what_a_shortage_costs_of_later_demand() -> None:
    # A short period in place of a served one multiplies all later sentiments by 0.5 / 1.25.
    assert GOODWILL.shortage_loss == pytest.approx(0.6, abs=1e-12)
