"""The client keeps every rule of the contract."""

import pytest

from arena.testing import llm_client_checks


@pytest.mark.parametrize("check", llm_client_checks("openai"), ids=str)
def test_the_client_conforms(check):
    check()
