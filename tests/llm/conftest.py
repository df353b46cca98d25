"""The rooms of language models, with the client of `arena-llm` and an endpoint on loopback (tox -e llm)."""

from collections.abc import Iterator

import pytest
from model_endpoint import Endpoint, serving
from unhurried import load_profile

load_profile()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as server:
        yield server
