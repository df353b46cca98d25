"""The table of native scores: submissions by cell, beside published results."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from arena.report.html import number, write_range

if TYPE_CHECKING:
    from arena.results.rows import NativeResult, Standings

__all__ = ["NativeCell", "NativeLine", "NativeTable", "native_table"]


class NativeCell(NamedTuple):
    """One value.

    Attributes:
        text: the score.
        interval: its interval; empty without one.
        value: the number that the text stands for; None without one.
        leads: whether it is better than every published one that is no reference.
    """

    text: str
    interval: str
    value: float | None
    leads: bool


class NativeLine(NamedTuple):
    """A submission, or a published result.

    Attributes:
        name: whose it is.
        source: where it was published; empty for a submission.
        cells: over all scenarios, then by cell.
        kind: word for an oracle's results; empty for others.
    """

    name: str
    source: str
    cells: list[NativeCell]
    kind: str = ""


class NativeTable(NamedTuple):
    """The table.

    Attributes:
        name: of the score.
        rule: in words.
        over: units that intervals are over.
        columns: cells.
        lines: submissions.
        published: results of others.
        counts: scenarios of each cell.
    """

    name: str
    rule: str
    over: str
    columns: tuple[str, ...]
    lines: list[NativeLine]
    published: list[NativeLine]
    counts: list[int]


def native_table(standings: Standings) -> NativeTable | None:
    """Return the table of native scores, best first as in the standings; None for a suite without."""
    native = standings.native
    if native is None:
        return None
    known = set(standings.scenarios)
    counts: dict[str, int] = {}
    for scenario, cell in native.cells.items():
        counts[cell] = counts.get(cell, 0) + (scenario in known)
    columns = tuple(cell for cell in native.cell_names if counts[cell])
    rivals = [one for one in native.published if not one.reference]
    told = [[one.score for one in rivals], *([one.cells.get(cell) for one in rivals] for cell in columns)]
    best = [max((native.sign * value for value in values if value is not None), default=None) for values in told]
    lines = []
    for row in (*standings.rows, *standings.reference):
        results = [row.native_score, *(row.native_cells.get(cell) for cell in columns)]
        cells = [_cell(result, native.sign, top) for result, top in zip(results, best, strict=True)]
        lines.append(NativeLine(row.submission, "", cells, row.kind or ""))
    published = [
        NativeLine(
            one.name,
            one.source,
            [_plain(one.score), *(_plain(one.cells.get(cell)) for cell in columns)],
        )
        for one in native.published
    ]
    over = {"seed": "seeds", "episode": "episodes", "scenario": "scenarios"}[standings.unit]
    return NativeTable(
        native.name, native.describe(), over, columns, lines, published, [counts[cell] for cell in columns]
    )


def _cell(result: NativeResult | None, sign: float, best: float | None) -> NativeCell:
    if result is None:
        return NativeCell(number(None), "", None, False)
    leads = best is not None and sign * result.value > best
    return NativeCell(number(result.value, _digits(result.value)), _range(result), result.value, leads)


def _range(result: NativeResult) -> str:
    return write_range(result.interval, _digits(result.value))


def _plain(value: float | None) -> NativeCell:
    return NativeCell(number(value, 3 if value is None else _digits(value)), "", value, False)


def _digits(value: float) -> int:
    return 3 if abs(value) < 100 else 1
