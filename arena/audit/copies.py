"""Episodes in which two submissions of other content ordered the same, to the last digit."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from arena.results.record import EpisodeKey, EpisodeRecord, key_of

_Episode = tuple[str, str, int]


class Copies:
    """The orders of a folder's rows, by digest, as they are read one after the other."""

    def __init__(self) -> None:
        self._orders: dict[EpisodeKey, bytes] = {}

    def add(self, key: EpisodeKey, requested: NDArray[np.float64]) -> None:
        """Take note of the orders of a row; those that ordered nothing are alike without meaning anything."""
        if requested.any():
            self._orders[key] = hashlib.sha256(requested.tobytes()).digest()[:16]

    def notices(self, records: Collection[EpisodeRecord]) -> Iterator[str]:
        """Yield a sentence for all submissions that ordered the same in some episodes.

        Args:
            records: those that count.
        """
        alike: dict[tuple[_Episode, bytes], set[str]] = defaultdict(set)
        episodes: dict[str, set[_Episode]] = defaultdict(set)
        for record in records:
            key = key_of(record)
            if key in self._orders:
                episode = (key.scenario_digest, key.seed_plan, key.seed_index)
                episodes[record.submission].add(episode)
                alike[episode, self._orders[key]].add(record.submission)
        groups = Counter(frozenset(names) for names in alike.values() if len(names) > 1)
        for names, number in sorted(groups.items(), key=lambda one: (-one[1], sorted(one[0]))):
            common = len(set.intersection(*(episodes[name] for name in names)))
            yield (
                f"{' and '.join(sorted(names))} ordered the same, to the last digit, in {number:,} of {common:,} "
                "episodes, though their content differs: one rule under two names, or orders that were copied; "
                "arena verify --play tells which"
            )
