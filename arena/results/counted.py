"""Records that count for standings: of their scenarios and seeds, one content for every name."""

from __future__ import annotations

from collections.abc import Mapping

from arena.results.record import EpisodeRecord
from arena.results.store import Store

__all__ = ["select_counted"]


def select_counted(
    store: Store,
    scenarios: Mapping[str, str],
    *,
    contract: str,
    seed_plan: str,
    seeds: int | None = None,
    current: Mapping[str, str] | None = None,
) -> list[EpisodeRecord]:
    """Return the records that count, under the present names of their scenarios.

    Submissions that were removed are left out.

    Args:
        store: open.
        scenarios: present names of the scenarios, by digest.
        contract: digest of the rules.
        seed_plan: `public`, or the commitment to hidden seeds.
        seeds: seeds per scenario; None for all that the store holds.
        current: digests of the content that counts, by submission; of one that is not named, the content that was
            played last counts.

    Raises:
        StoreError: the store cannot be read.
    """
    removed = store.removals.digests()
    # A scenario is known by its content; whoever renamed it since need not play it again.
    found = [
        record.model_copy(update={"scenario": scenarios[record.scenario_digest]})
        for record in store.records(contract_digest=contract, seed_plan=seed_plan)
        if record.scenario_digest in scenarios
        and (seeds is None or record.seed_index < seeds)
        and record.submission_digest not in removed
    ]
    newest = {one.submission: one.submission_digest for one in sorted(found, key=lambda one: one.finished_at)}
    counted = newest | dict(current or {})
    return [one for one in found if one.submission_digest == counted[one.submission]]
