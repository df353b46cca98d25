"""Progress of long work, as whoever watches it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item", contravariant=True)


class Progress(Protocol[Item]):
    """A watcher of an evaluation (its items are `EpisodeRecord`) or of a verification (its items are booleans).

    Called in the main process, between items.
    """

    def started(self, total: int, done: int = 0) -> None:
        """Take note that the work begins.

        Args:
            total: items in all.
            done: how many of them were done earlier.
        """

    def advanced(self, item: Item) -> None:
        """Take note of an item that is done.

        Args:
            item: the record of an episode that has been played and committed; or whether a row differs from what it
                should be.
        """

    def finished(self) -> None:
        """Take note that no more items come, be all done or not."""


class Playing(NamedTuple):
    """An episode that is being played.

    Attributes:
        submission: name of the submission.
        scenario: name of the scenario.
    """

    submission: str
    scenario: str


@runtime_checkable
class FollowsPlaying(Protocol):
    """A watcher that is also told what is being played; any `Progress` may be one."""

    def playing(self, now: Sequence[Playing]) -> None:
        """Take note of the episodes that are being played; called several times a second, also if nothing changed.

        Args:
            now: the episodes, in no particular order.
        """


class Silent:
    """Progress that is shown to nobody."""

    def started(self, total: int, done: int = 0) -> None:
        """Do nothing."""

    def advanced(self, item: object) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""
