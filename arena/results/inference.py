"""Inference for one table: on a number of seeds that was fixed beforehand, or valid whenever the run is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.ranking import Decisions, better_than
from arena.results.sequential import better_than_at_any_stop, estimate_at_any_stop
from arena.results.statistics import Estimate, estimate

Matrix = NDArray[np.float64]


class Inference(NamedTuple):
    """How a table estimates and decides.

    Attributes:
        estimate: a mean from independent units, (strata, units); see `arena.results.statistics`.
        better_than: which submissions are better than which, of units (strata, units, submissions).
    """

    estimate: Callable[[Matrix], Estimate | None]
    better_than: Callable[[Matrix], Decisions]


FIXED_SEEDS: Final = Inference(estimate, better_than)
ANY_STOP: Final = Inference(estimate_at_any_stop, better_than_at_any_stop)
