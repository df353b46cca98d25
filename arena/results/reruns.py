"""Episodes that are played again, as auditing asks for them and as a player gives them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from arena.contract.seeds import SeedPlan
from arena.results.attempts import Precedent
from arena.results.record import EpisodeRecord, PlayedEpisode
from arena.world.scenario import Scenario


@dataclass(frozen=True)
class Rerun:
    """A stored episode that is to be played again.

    Attributes:
        record: as stored.
        scenario: that was played.
        seeds: the plan that its seed comes from.
        precedent: orders of attempts that broke off; None if there are none.
    """

    record: EpisodeRecord
    scenario: Scenario
    seeds: SeedPlan
    precedent: Precedent | None


class Replayed(NamedTuple):
    """What came of playing an episode again.

    Attributes:
        place: position of the episode among those that were asked for.
        played: the episode; None if the arena failed to play it.
        failure: why it failed; empty unless it did.
    """

    place: int
    played: PlayedEpisode | None
    failure: str = ""
