"""`arena compare`: two submissions, seed by seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.console import Json, print_json, print_table
from arena.cli.results import Folder

if TYPE_CHECKING:
    from arena.results.compared import Interval
    from arena.results.head_to_head import Comparison, Difference

_DASH = "–"
_MOST_LISTED = 60


def register(app: typer.Typer) -> None:
    """Add the command of this module to the application."""
    app.command("compare")(compare)


def compare(
    folder: Folder,
    first: Annotated[str, typer.Argument(help="Name of a submission.")],
    second: Annotated[str, typer.Argument(help="Name of the submission that it is compared with.")],
    other: Annotated[Path | None, typer.Option("--with", help="Folder of the second submission, if another.")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Difference of scores that does not matter; of profits if there are no scores.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two submissions seed by seed: by scenario, over all, and in words.

    One comparison has an error of 5 %. Ranks are for comparing many.
    """
    from arena.errors import printable
    from arena.results.folder import STORE_NAME
    from arena.results.head_to_head import compare as run
    from arena.results.reading import read_results
    from arena.results.store import refuse_other_age

    for each in (folder, other):
        if each is not None:
            refuse_other_age(each / STORE_NAME)
    there = None if other is None else read_results(other)
    found = run(read_results(folder), first, second, other=there, margin=margin)
    if as_json:
        print_json({**found.model_dump(mode="json"), "in_words": found.describe()})
        return
    _print(found)
    print(f"\n{printable(found.describe(), 500)}")


def _print(found: Comparison) -> None:
    scored = found.over_all.score is not None
    native = found.over_all.native is not None
    # A board's scenarios are too many to read.
    by_cell = bool(found.by_cell) and len(found.by_scenario) > _MOST_LISTED
    parts = found.by_cell if by_cell else found.by_scenario
    rows = [_cells(one, scored, native) for one in (*parts, found.over_all)]
    figures = tuple(
        heading
        for name, shown in (("native score", native), ("score", scored), ("profit", True))
        if shown
        for heading in (f"difference of {name}", "95 % interval")
    )
    print_table(("cell" if by_cell else "scenario", *figures), rows, right=figures)
    if by_cell:
        print(f"by cell, since there are {len(found.by_scenario):,} scenarios; --json has all of them")


def _cells(one: Difference, scored: bool, native: bool) -> tuple[str, ...]:
    by_native = (_signed(one.native, 4), _range(one.native_interval, 4)) if native else ()
    score = (_signed(one.score, 4), _range(one.score_interval, 4)) if scored else ()
    name = one.cell or one.scenario or "over all"
    return (name, *by_native, *score, _signed(one.profit, 1), _range(one.profit_interval, 1))


def _signed(value: float | None, digits: int) -> str:
    return _DASH if value is None else f"{value:+,.{digits}f}"


def _range(interval: Interval | None, digits: int) -> str:
    return _DASH if interval is None else f"{interval.low:+,.{digits}f} … {interval.high:+,.{digits}f}"
