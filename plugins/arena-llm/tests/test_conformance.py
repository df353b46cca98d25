"""The client, and the controller that asks nobody, keep every rule of the contract."""

import pytest

from arena.testing import controller_checks, llm_client_checks


@pytest.mark.parametrize("check", llm_client_checks("openai"), ids=str)
def test_the_client_conforms(check):
    check()


@pytest.mark.parametrize("check", controller_checks("tuned-base-stock"), ids=str)
def test_the_controller_conforms(check):
    check()
