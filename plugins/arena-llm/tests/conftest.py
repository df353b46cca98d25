"""What the tests of the tuners share."""

import json
from collections.abc import Iterator

import pytest
from model_endpoint import Endpoint, serving
from unhurried import load_profile

from arena import LlmMessage, LlmQuestion

load_profile()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as server:
        yield server


@pytest.fixture
def question() -> LlmQuestion:
    schema = json.dumps({"type": "object", "properties": {}, "additionalProperties": False})
    return LlmQuestion((LlmMessage("system", "be brief"), LlmMessage("user", "six numbers?")), schema)
