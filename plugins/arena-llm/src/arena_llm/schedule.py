"""Which parameters of a schedule hold when."""

from __future__ import annotations


def stage_of(period: int, horizon: int, stages: int) -> int:
    """Which stage of a schedule holds in a period: the horizon is cut into equal ones.

    Args:
        period: from 0.
        horizon: periods of the episode.
        stages: of the schedule.

    >>> [stage_of(period, 30, 6) for period in (0, 4, 5, 29)]
    [0, 0, 1, 5]
    """
    return period * stages // horizon
