"""What the tests of the tuners share."""

import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from model_endpoint import Endpoint, serving

from arena import ModelMessage, ModelQuestion

# No judgement by the clock, as in the tests of the core.
settings.register_profile("ci", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as server:
        yield server


@pytest.fixture
def question() -> ModelQuestion:
    schema = json.dumps({"type": "object", "properties": {}, "additionalProperties": False})
    return ModelQuestion((ModelMessage("system", "be brief"), ModelMessage("user", "six numbers?")), schema)
