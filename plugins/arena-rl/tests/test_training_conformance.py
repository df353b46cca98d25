"""A training keeps every rule of the contract; all recipes are run by the same code."""

import pytest

from arena.testing import training_checks


@pytest.mark.parametrize("check", training_checks("hdpo-informed", network="serial", steps=6_000), ids=str)
def test_a_training_conforms(check):
    check()
