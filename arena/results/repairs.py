"""Repairs: episodes whose series are damaged leave the store, so that they are played again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.database import KEY_COLUMNS, MATCHES_KEY, Database
from arena.results.record import EpisodeKey
from arena.results.series import unpack


class Damage(NamedTuple):
    """An episode whose orders or demand cannot be read or are of another network.

    Attributes:
        key: the episode.
        requested: its orders, if these at least can be used: units, shape (periods, supply links).
    """

    key: EpisodeKey
    requested: NDArray[np.float64] | None


class Repairs:
    """The damaged series of one store.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def damaged(self, widths: Mapping[str, tuple[int, int]]) -> list[Damage]:
        """Return the episodes whose series cannot be read, or are not as wide as the network of their scenario.

        Args:
            widths: numbers of supply links and of market links by digest of a scenario, as far as its content is known.

        Raises:
            StoreError: the file cannot be read.
        """
        columns = f"{KEY_COLUMNS}, periods, supply_links, market_links, requested, demand"
        found = []
        with self._database.explained():
            for *parts, periods, supply_links, market_links, requested, demand in self._database.execute(
                f"SELECT {columns} FROM episodes"
            ):
                key = EpisodeKey(*parts)
                orders = _read(requested, (periods, supply_links))
                if widths.get(key.scenario_digest, (supply_links, market_links)) != (supply_links, market_links):
                    found.append(Damage(key, None))  # Orders of another network bind nobody.
                elif orders is None or _read(demand, (periods, market_links)) is None:
                    found.append(Damage(key, orders))
        return found

    def drop(self, keys: list[EpisodeKey]) -> int:
        """Take episodes out of the store, and attempts whose orders cannot be read, in one transaction.

        Args:
            keys: the episodes.

        Returns:
            Attempts that were taken out.

        Raises:
            StoreError: it could not be committed; then the store is as before.
        """
        with self._database.transaction():
            for key in keys:
                self._database.execute(f"DELETE FROM episodes WHERE {MATCHES_KEY}", key)
                self._database.execute(f"DELETE FROM left_behind WHERE {MATCHES_KEY}", key)
            statement = f"SELECT {KEY_COLUMNS}, periods, supply_links, requested FROM attempts"
            broken = [
                EpisodeKey(*parts)
                for *parts, periods, links, requested in self._database.execute(statement).fetchall()
                if _read(requested, (periods, links)) is None
            ]
            for key in broken:
                self._database.execute(f"DELETE FROM attempts WHERE {MATCHES_KEY}", key)
        return len(broken)


def _read(blob: bytes, shape: tuple[int, int]) -> NDArray[np.float64] | None:
    try:
        return unpack(blob, shape)
    except ValueError:
        return None
