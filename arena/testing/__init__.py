"""Conformance kits: the rules of the contract as checks that authors run in their own tests.

One case per check, each with a name and a sentence that says what is examined::

    import pytest
    from arena.testing import controller_checks

    @pytest.mark.parametrize("check", controller_checks("my-controller", {"memory": 3}), ids=str)
    def test_conformance(check):
        check()

so that ``pytest -k deterministic`` examines one rule alone, and a rule that is not kept yet can be marked::

    CHECKS = [
        pytest.param(check, marks=pytest.mark.xfail(strict=True)) if check.name == "independent" else check
        for check in controller_checks("my-controller")
    ]

`training_checks` and `llm_client_checks` are the same for trainings and for clients of language models;
`check_controller` examines all rules of a controller at once, and ``arena check`` those of a submission.

A kit runs what it examines in the process of the test, and imports all installed plugins to find a name: run kits on
what you would run as yourself. `check_submission` isolates, as a contest does.

The kits run what scores: real matches of a few periods, real HTTP on loopback. They raise `CheckFailed` or another
`arena.ArenaError` and never assert, so they find as much under ``python -O``.
"""

from __future__ import annotations

from arena.results.timing import DecisionTimes
from arena.testing.check import Check, CheckFailed, ConformanceWarning
from arena.testing.controllers import (
    CONTROLLER_CHECKS,
    check_controller,
    check_information,
    check_submission,
    controller_checks,
)
from arena.testing.llm_clients import LLM_CLIENT_CHECKS, llm_client_checks
from arena.testing.result import ConformanceError, ConformanceResult, Finding
from arena.testing.trainings import TRAINING_CHECKS, training_checks
from arena.testing.worlds import HORIZON, NETWORKS, short_scenarios

__all__ = [
    "CONTROLLER_CHECKS",
    "HORIZON",
    "LLM_CLIENT_CHECKS",
    "NETWORKS",
    "TRAINING_CHECKS",
    "Check",
    "CheckFailed",
    "ConformanceError",
    "ConformanceResult",
    "ConformanceWarning",
    "DecisionTimes",
    "Finding",
    "check_controller",
    "check_information",
    "check_submission",
    "controller_checks",
    "llm_client_checks",
    "short_scenarios",
    "training_checks",
]
