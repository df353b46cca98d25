"""`arena report` and `arena export`: results that are there already, shown again or handed on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.streams import kept

if TYPE_CHECKING:
    pass

Folder = Annotated[Path, typer.Argument(help="Folder of results, as arena evaluate wrote it.")]


class ExportFormat(StrEnum):
    """File formats of `arena export`."""

    CSV = "csv"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("report")(report)
    app.command("export")(export)


def report(folder: Folder) -> None:
    """Write report.html anew from a folder of results and print its path."""
    from arena.report.page import write_report
    from arena.results.folder import REPORT_NAME
    from arena.results.reading import read_results
    from arena.world.suite import shipped_scenarios

    results = read_results(folder)
    notes = {scenario.name: scenario.note for scenario in shipped_scenarios().values() if scenario.note}
    page = write_report(results.table, results.records, folder / REPORT_NAME, notes=notes)
    with kept(f"the page is written: {page}"):
        print(page)


def export(
    folder: Folder,
    file_format: Annotated[ExportFormat, typer.Option("--format", help="File format.")] = ExportFormat.CSV,
    output: Annotated[
        Path | None, typer.Option(help="File for the episodes; the orders and demands of every period go beside it.")
    ] = None,
) -> None:
    """Write all episodes of a folder of results, and the orders and demands of every period, as tables.

    An earlier export in the same format is replaced, and no other file.
    """
    from arena.results.export import export as write
    from arena.results.folder import STORE_NAME

    exported = write(folder / STORE_NAME, output or folder / f"export.{file_format.value}", file_format.value)
    with kept(f"the tables are written: {', '.join(map(str, exported))}"):
        for path in exported:
            print(path)
