"""Forfeited episodes as the page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from arena.errors import printable
from arena.report.html import MESSAGE_WIDTH

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord
    from arena.results.rows import Standings

__all__ = ["LISTED_FORFEITS", "list_forfeits"]

LISTED_FORFEITS: Final = 30
"""Forfeits that the page shows of one submission; the others are counted."""


def list_forfeits(standings: Standings, records: Sequence[EpisodeRecord]) -> list[tuple[str, int, list[EpisodeRecord]]]:
    """Return by submission the count of forfeits and the first of them, messages made printable.

    A controller may write down what it observed, so what it wrote about hidden seeds is left out.
    """
    lost: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        if record.outcome not in ("ok", "infrastructure"):
            lost.setdefault(record.submission, []).append(record)
    listed = []
    for row in (*standings.rows, *standings.reference):
        if not (of_row := lost.get(row.submission)):
            continue
        of_row.sort(key=lambda record: (record.scenario, record.seed_index))
        shown = [
            record.model_copy(
                update={
                    "failure_message": printable(record.failure_message, MESSAGE_WIDTH),
                    "stderr_tail": "" if standings.commitment else _printable_lines(record.stderr_tail),
                }
            )
            for record in of_row[:LISTED_FORFEITS]
        ]
        listed.append((row.submission, len(of_row), shown))
    return listed


def _printable_lines(text: str) -> str:
    return "\n".join(printable(line, MESSAGE_WIDTH) for line in text.splitlines())
