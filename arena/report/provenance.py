"""The provenance of results: rules, seeds, versions, digests, notes on scenarios and the attacks that were tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arena.report.attacks import Attack, known_attacks
from arena.report.html import DASH

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord
    from arena.results.rows import Standings

__all__ = ["describe_provenance", "group_notes", "hold_attacks"]


def describe_provenance(standings: Standings, records: Sequence[EpisodeRecord]) -> list[tuple[str, str]]:
    """Return the provenance of results as pairs of a heading and its values."""

    def all_of(field: str) -> str:
        return ", ".join(sorted({str(getattr(record, field)) for record in records})) or DASH

    finished = sorted(record.finished_at for record in records)
    return [
        ("contract", all_of("contract_digest")),
        ("seeds", f"{standings.seed_plan.partition(':')[0]}, {standings.seeds} per scenario"),
        ("commitment to the seeds", standings.commitment or "none: the seeds are public"),
        ("round", standings.round_digest or "none: nobody committed to these results beforehand"),
        ("isolation", all_of("isolation")),
        ("arena", all_of("arena_version")),
        ("Python", all_of("python_version")),
        ("numpy", all_of("numpy_version")),
        ("episodes", str(len(records))),
        *(("trusted package", f"{one.name} {one.version}, digest {one.digest}") for one in standings.trusted),
        *(() if (of := standings.digests) is None else (("results digest", of.results), ("full digest", of.full))),
        ("played", f"{finished[0]} … {finished[-1]}" if finished else DASH),
    ]


def group_notes(scenarios: Sequence[str], notes: Mapping[str, str]) -> list[tuple[list[str], str]]:
    """Return every note with the scenarios that have it, both in the order of the suite."""
    grouped: dict[str, list[str]] = {}
    for scenario in scenarios:
        if note := notes.get(scenario):
            grouped.setdefault(note, []).append(scenario)
    return [(named, note) for note, named in grouped.items()]


def hold_attacks(records: Sequence[EpisodeRecord]) -> list[tuple[Attack, bool]]:
    """Return the known attacks, and whether each verdict held at every isolation level that was played at."""
    levels = {record.isolation for record in records}
    return [(attack, all(attack.holds_at(level) for level in levels)) for attack in known_attacks()] if levels else []
