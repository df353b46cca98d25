"""One thread for torch, as in play: more would only wait for each other beside other tests. No test by the clock."""

import os

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

# On a busy machine a deadline or a "too slow" check fails tests that are right.
settings.register_profile("ci", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
