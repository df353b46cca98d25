"""Sealing: the digests of standings and of the rows that they are about, put into the standings."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping

from arena.jail.isolation import Isolation, strength
from arena.results.fingerprint import Digests, digest_run
from arena.results.record import EpisodeKey, EpisodeRecord, key_of
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
    keys = {key_of(record): record.isolation for record in records}
    run = None
    if with_run:
        limits = store.limits.get()
        facts = json.loads(standings.model_dump_json(exclude_defaults=True))
        run = digest_run(facts, None if limits is None else dataclasses.asdict(limits), _attempts(store, keys))
    return store.digests.compute(keys, run)


def _attempts(store: Store, keys: Mapping[EpisodeKey, Isolation]) -> list[list[object]]:
    """Return the attempts that broke off at some episodes, in the order of their keys: the orders by their digest."""
    return [
        [*key, one.attempts, one.isolation, [*one.requested.shape], hashlib.sha256(one.requested.tobytes()).hexdigest()]
        for key, one in sorted(store.attempts.get().items())
        # One at a stronger level came after an episode that was finished at a weaker one, and says nothing about it.
        if key in keys and strength(one.isolation) <= strength(keys[key])
    ]
