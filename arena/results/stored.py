"""Parts of a store: episodes, scenarios and series as they are read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.errors import Outcome
from arena.jail.isolation import Isolation
from arena.results.record import EpisodeKey, EpisodeRecord
from arena.world.contest_draws import Drawing
from arena.world.scenario import Scenario


@dataclass(frozen=True)
class StoredEpisode:
    """One row of the store, without its series.

    Attributes:
        key: its key.
        suite: suite it was played for first; empty if none was named.
        record: the row of results.
    """

    key: EpisodeKey
    suite: str
    record: EpisodeRecord


class StoredScenario(NamedTuple):
    """The content of a scenario, by which its episodes can be verified without the file that it came from.

    Attributes:
        scenario: the scenario, under the name it had last.
        drawing: what it was drawn from; None for one that was written out.
    """

    scenario: Scenario
    drawing: Drawing | None


class EpisodeStatus(NamedTuple):
    """What a resumed evaluation needs to know of an episode.

    Attributes:
        isolation: level it was played at.
        outcome: its outcome code.
    """

    isolation: Isolation
    outcome: Outcome


class Series(NamedTuple):
    """The series of one episode, read-only.

    Attributes:
        requested: requested orders, units, shape (periods, supply links).
        drawn: realised demand, units, by market link, and then the lead times of the period's orders, by supply link
            whose lead time varies, shape (periods, market links + such links).
    """

    requested: NDArray[np.float64]
    drawn: NDArray[np.float64]

    def split(self, market_links: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return realised demand, shape (periods, market links), and lead times, shape (periods, varying links).

        Args:
            market_links: number of market links.
        """
        demand, lead_times = self.drawn[:, :market_links], self.drawn[:, market_links:]
        return demand, np.where(np.isfinite(lead_times), lead_times, -2).astype(np.int64)
