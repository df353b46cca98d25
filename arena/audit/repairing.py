"""The repair of a folder of results: episodes with damaged series leave its store, and are played again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from arena.errors import StoreError
from arena.results.attempts import Precedent
from arena.results.folder import STORE_NAME
from arena.results.store import Store, refuse_other_age


@dataclass(frozen=True)
class Repaired:
    """What came of a repair.

    Attributes:
        dropped: episodes that left the store, by submission.
        attempts: attempts that broke off, and whose orders could not be read, that left it too.
    """

    dropped: dict[str, int]
    attempts: int


def repair(folder: str | Path) -> Repaired:
    """Take the episodes out of a folder's store whose orders or demand cannot be read, or are of another network.

    The next `arena evaluate` of their submissions plays them again, with the same seeds. An episode is played once: so
    its orders, if only its demand is damaged, are those of an attempt, which the episode has to repeat. The tables stay
    as they are until then.

    Args:
        folder: as an evaluation wrote it.

    Raises:
        StoreAgeError: the store is older or newer than this arena.
        StoreError: the store is missing, cannot be read at all, or is being written by another process.
    """
    path = Path(folder) / STORE_NAME
    if not path.is_file():
        raise StoreError(f"{path}: there is no such store; name a folder that arena evaluate wrote")
    refuse_other_age(path)
    with Store(path) as store:
        networks = {digest: stored.scenario.network for digest, stored in store.scenarios().items()}
        widths = {digest: (len(one.supply_links), len(one.market_links)) for digest, one in networks.items()}
        damaged = store.repairs.damaged(widths)
        dropped: Counter[str] = Counter()
        for key, requested in damaged:
            record = store.record(key)
            dropped[record.submission] += 1
            if requested is not None and record.decisions:
                orders = requested[: record.decisions]
                store.attempts.put(key, Precedent(record.repetitions + 1, orders, record.isolation))
        attempts = store.repairs.drop([one.key for one in damaged])
    return Repaired(dict(sorted(dropped.items())), attempts)
