"""Progress of long work, as whoever watches it is told."""

from __future__ import annotations

from typing import Protocol, TypeVar

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


class Silent:
    """Progress that is shown to nobody."""

    def started(self, total: int, done: int = 0) -> None:
        """Do nothing."""

    def advanced(self, item: object) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""
