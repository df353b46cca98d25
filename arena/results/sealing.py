"""Sealing: the digests of standings and of the rows that they are about, put into the standings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from arena.results.fingerprint import Digests, digest_run
from arena.results.record import EpisodeRecord, key_of
from arena.results.rows import Standings
from arena.results.store import Store


def seal(standings: Standings, store: Store, records: Iterable[EpisodeRecord]) -> Standings:
    """Return standings with their digests.

    Args:
        standings: of the records.
        store: that holds their rows, open.
        records: those that the standings are about.

    Raises:
        StoreError: the store cannot be read.
    """
    return standings.model_copy(update={"digests": compute_digests(standings, store, records, with_run=True)})


def compute_digests(standings: Standings, store: Store, records: Iterable[EpisodeRecord], *, with_run: bool) -> Digests:
    """Compute the digests of standings and of the rows that they are about.

    Args:
        standings: of the records.
        store: that holds their rows, open.
        records: those that the standings are about.
        with_run: whether what is about all rows together is covered; it was not by earlier arenas.

    Raises:
        StoreError: the store cannot be read.
    """
    limits = store.limits.get() if with_run else None
    told = None if limits is None else dataclasses.asdict(limits)
    run = digest_run(json.loads(standings.model_dump_json(exclude_defaults=True)), told) if with_run else None
    return store.digests.compute({key_of(record) for record in records}, run)
