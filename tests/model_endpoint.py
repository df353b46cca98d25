"""The chat server of `arena.testing`, which answers as the tests of the tuners want it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from arena import LlmLimits
from arena.testing import chat_server
from arena.testing.chat_server import ChatServer, body, break_off, dribble, hang_up, late, say, status

__all__ = [
    "GOOD",
    "KEY",
    "KEY_VARIABLE",
    "QUICK",
    "Endpoint",
    "body",
    "break_off",
    "dribble",
    "hang_up",
    "late",
    "say",
    "serving",
    "status",
]

KEY = "sk-test-0123456789abcdef"
KEY_VARIABLE = "ARENA_TEST_KEY"
QUICK = LlmLimits(timeout=5.0, retries=0)
GOOD = {
    "demand_multiplier": 1.1,
    "safety_z": 0.5,
    "order_cap_fraction": 0.3,
    "retail_multiplier": 0.9,
    "distribution_multiplier": 0.7,
    "factory_multiplier": 0.5,
}

Endpoint = ChatServer


@contextlib.contextmanager
def serving() -> Iterator[ChatServer]:
    """A server that gives good parameters while the block runs."""
    with chat_server.serving() as server:
        server.script = lambda number: say(json.dumps(GOOD))
        yield server
