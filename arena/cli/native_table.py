"""The native score of a suite as a table on the terminal: by cell, beside published results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.cli.console import print_table

if TYPE_CHECKING:
    from arena.results.rows import NativeResult, Standings

_DASH = "–"


def print_native(standings: Standings) -> None:
    """Print every submission's native score with its interval, and by cell; published results stand at the end."""
    from arena.errors import printable

    native = standings.native
    everybody = [row for row in (*standings.rows, *standings.reference) if row.native_score is not None]
    if native is None or not everybody:
        return
    over = {"seed": "seeds", "episode": "episodes", "scenario": "scenarios"}[standings.unit]
    print(f"\n{printable(native.name)}: {native.describe()}; 95 % intervals are over {over}")
    cells = native.cell_names
    rows = [
        (
            row.submission,
            _value(row.native_score),
            _range(row.native_score),
            *(_with_error(row.native_cells.get(cell)) for cell in cells),
        )
        for row in everybody
    ]
    rows += [
        (
            f"published: {one.name}",
            _DASH if one.score is None else _number(one.score),
            "",
            *(_number(one.cells[cell]) if cell in one.cells else _DASH for cell in cells),
        )
        for one in native.published
    ]
    figures = ("native score", "95 % interval", *cells)
    print_table(("submission", *figures), rows, right=figures)


def _number(value: float) -> str:
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _value(result: NativeResult | None) -> str:
    return _DASH if result is None else _number(result.value)


def _range(result: NativeResult | None) -> str:
    if result is None or result.interval is None:
        return _DASH
    return f"{_number(result.interval.low)} … {_number(result.interval.high)}"


def _with_error(result: NativeResult | None) -> str:
    if result is None or result.interval is None:
        return _value(result)
    return f"{_number(result.value)} ± {_number((result.interval.high - result.interval.low) / 2)}"
