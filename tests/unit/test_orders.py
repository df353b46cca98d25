"""Order rules: what a reply must be, and how it is brought within bounds."""

import numpy as np
import pytest

from arena.contract.orders import check_orders
from arena.errors import ContractViolation


class _Hostile:
    def __array__(self, *_args, **_kwargs):
        raise RuntimeError("no array of mine")


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, 2.0, 3.0]),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([1, 2, 3], dtype=np.uint8),
        [1, 2, 3],
        (1.0, 2, 3),
    ],
)
def test_numbers_of_any_width_are_accepted(values):
    checked = check_orders(values, 10.0, 3)
    assert checked.orders.dtype == np.float64
    assert checked.orders.tolist() == [1.0, 2.0, 3.0]
    assert checked.clipped == 0


@pytest.mark.parametrize(
    "values",
    [None, {}, "123", ["1", "2", "3"], [True, False, True], [1j, 2, 3], [None, 1, 2], np.array([1, 2, 3], object)],
)
def test_what_is_no_number_is_refused(values):
    with pytest.raises(ContractViolation, match=r"orders are .*got") as caught:
        check_orders(values, 10.0, 3)
    assert caught.value.code == "bad_dtype"


def test_hostile_array_conversion_is_a_bad_dtype():
    with pytest.raises(ContractViolation, match="_Hostile") as caught:
        check_orders(_Hostile(), 10.0, 3)
    assert caught.value.code == "bad_dtype"


@pytest.mark.parametrize("values", [1.0, [1.0, 2.0], [[1.0, 2.0, 3.0]], np.zeros((3, 1)), np.zeros(0)])
def test_another_shape_is_refused(values):
    with pytest.raises(ContractViolation, match=r"shape \(3,\)") as caught:
        check_orders(values, 10.0, 3)
    assert caught.value.code == "bad_shape"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_orders_are_refused(bad):
    with pytest.raises(ContractViolation, match="finite") as caught:
        check_orders([0.0, bad, 0.0], 10.0, 3)
    assert caught.value.code == "non_finite"


def test_orders_outside_the_bounds_are_clipped_and_counted():
    checked = check_orders([-1.0, 5.0, 1e308], 10.0, 3)
    assert checked.orders.tolist() == [0.0, 5.0, 10.0]
    assert checked.clipped == 2


def test_negative_zero_and_subnormals_pass_uncounted():
    checked = check_orders([-0.0, 5e-324, 10.0], 10.0, 3)
    assert checked.clipped == 0
    assert not np.signbit(checked.orders[0])


def test_the_reply_is_not_aliased():
    reply = np.array([1.0, 2.0, 3.0])
    checked = check_orders(reply, 10.0, 3)
    reply[0] = 9.0
    assert checked.orders[0] == 1.0
