"""The Hypothesis profile of the house, for the conftest of every folder of tests: no judgement by the clock."""

import os

from hypothesis import HealthCheck, settings


def load_profile() -> None:
    """On a busy machine a deadline or a "too slow" check fails tests that are right.

    The profile `thorough` has more than ten times the examples; the environment `slow` of tox plays it.
    """
    common = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("ci", common, max_examples=30)
    settings.register_profile("thorough", common, max_examples=400)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
