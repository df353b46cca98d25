"""`arena report`, `arena export` and `arena results`: results that are there already, shown, handed on or mended."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.console import Json, print_json, warn
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord
    from arena.results.rows import Standings

_LISTED = 20

Folder = Annotated[Path, typer.Argument(help="Folder of results, as arena evaluate wrote it.")]


class ExportFormat(StrEnum):
    """File formats of `arena export`."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"
    XLSX = "xlsx"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("report")(report)
    app.command("export")(export)
    results = typer.Typer(no_args_is_help=True, help="Show, upgrade and mend folders of results.")
    results.command("show")(show)
    results.command("upgrade")(upgrade)
    results.command("remove")(remove)
    results.command("repair")(repair)
    app.add_typer(results, name="results")


def show(folder: Folder, as_json: Json = False) -> None:
    """Print the standings of a folder of results once more, as arena evaluate printed them; nothing is written."""
    from arena.cli.standings_table import forfeits_as_json, print_forfeits, print_standings
    from arena.results.folder import STORE_NAME
    from arena.results.reading import read_results
    from arena.results.store import refuse_other_age

    refuse_other_age(folder / STORE_NAME)
    results = read_results(folder)
    if as_json:
        standings = results.table.model_dump(mode="json")
        print_json({"standings": standings, "forfeits": forfeits_as_json(results.table, results.records)})
    else:
        print_standings(results.table)
        print_forfeits(results.table, results.records)


def report(folder: Folder, as_json: Json = False) -> None:
    """Write report.html anew from a folder of results and print its path."""
    from arena.results.folder import STORE_NAME
    from arena.results.reading import read_results
    from arena.results.store import refuse_other_age

    refuse_other_age(folder / STORE_NAME)
    results = read_results(folder)
    page = _write_page(folder, results.table, results.records)
    with kept(f"the page is written: {page}"):
        if as_json:
            print_json({"report": str(page)})
        else:
            print(page)


def export(
    folder: Folder,
    file_format: Annotated[
        ExportFormat | None, typer.Option("--format", help="File format; that of --output's ending, or csv.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the episodes; links and nodes of every period go beside it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write all episodes of a folder of results, with orders, demand, stock and money of every period, as tables.

    An earlier export in the same format is replaced, and no other file.
    """
    from arena.results.export import export as write
    from arena.results.folder import STORE_NAME

    wanted = file_format or _format_of(output)
    exported = write(folder / STORE_NAME, output or folder / f"export.{wanted.value}", wanted.value)
    if exported.left_out:
        why = "their scenario is not stored, or they follow other rules"
        warn(f"{exported.left_out:,} episodes have no stock and money in the tables: {why}")
    with kept(f"the tables are written: {', '.join(map(str, exported.files))}"):
        if as_json:
            paths = {name: str(getattr(exported, name)) for name in ("episodes", "periods", "nodes")}
            print_json({**paths, "left_out": exported.left_out})
        else:
            for path in exported.files:
                print(path)


def _format_of(output: Path | None) -> ExportFormat:
    """Return the format that a file's ending names, the longest ending first; CSV where it names none."""
    name = "" if output is None else output.name.lower()
    endings = sorted(ExportFormat, key=lambda one: -len(one.value))
    return next((one for one in endings if name.endswith(f".{one.value}")), ExportFormat.CSV)


def upgrade(folder: Folder, as_json: Json = False) -> None:
    """Bring a folder of results to this arena's contract, after it was extended: by an indicator, for example.

    New indicators are computed from the orders and the demand that the store keeps; nothing is played. The store
    changes in one step or not at all, then episodes.csv, standings.json and report.html are written anew. Given again,
    the command goes on where it was interrupted, and does nothing to what is up to date. Episodes that cannot be
    upgraded stay as they are and are named with the reason.
    """
    from arena.audit.upgrade import upgrade as run
    from arena.cli.progress import Wording, make_progress

    done = run(folder, progress=make_progress(Wording("episodes", "left behind", bool)))
    page = None if done.tables is None else _write_page(folder, done.tables.standings, done.tables.records)
    with kept(f"the folder is upgraded: {folder}"):
        if as_json:
            left_behind = [one._asdict() for one in done.left_behind]
            told = {"episodes": done.episodes, "upgraded": done.upgraded, "left_behind": left_behind}
            print_json({**told, "report": None if page is None else str(page)})
            return
        print(f"upgraded: {done.upgraded:,} episodes; {done.episodes:,} are under this arena's rules now")
        for one in done.left_behind[:_LISTED]:
            print(f"not upgraded: {one.number:,} {one.what}: {one.why}")
        if len(done.left_behind) > _LISTED:
            print(f"… and {len(done.left_behind) - _LISTED:,} more reasons; arena verify lists all")
        print("no tables were written: none is there, or it has no episode of these rules" if page is None else page)


def remove(
    folder: Folder,
    submission: Annotated[str, typer.Argument(help="Name of the submission.")],
    reason: Annotated[str, typer.Option(help="Why, for everybody to read on the page.")] = "",
    as_json: Json = False,
) -> None:
    """Take a submission out of a folder of results.

    Its episodes no longer count, and episodes.csv, standings.json and report.html are written anew. They stay in the
    store, with a mark that says when and why; page and arena verify show it. arena evaluate takes it in again.
    """
    from arena.audit.removing import remove as run
    from arena.cli.standings_table import describe_removal
    from arena.errors import printable

    done = run(folder, submission, reason)
    page = None if done.tables is None else _write_page(folder, done.tables.standings, done.tables.records)
    with kept(f"the submission is removed from {folder}"):
        if as_json:
            marks = [mark.model_dump(mode="json") for mark in done.marks]
            print_json({"already": done.already, "marks": marks, "report": None if page is None else str(page)})
            return
        if done.already:
            dropped = reason and reason not in (mark.reason for mark in done.marks)
            rest = "; the reason given now was not kept, since a mark is never changed" if dropped else ""
            print(f"{printable(submission)} is removed already; nothing was changed{rest}")
        for mark in done.marks:
            print(describe_removal(mark))
        if page is not None:
            print(page)


def repair(folder: Folder, as_json: Json = False) -> None:
    """Drop the episodes from a folder's store whose orders or demand are damaged, so that they are played again.

    Nothing else is dropped. The next arena evaluate of their submissions plays them with the same seeds and writes the
    tables anew; until then arena verify finds them missing.
    """
    from arena.audit.repairing import repair as run
    from arena.errors import printable

    done = run(folder)
    with kept(f"the folder is repaired: {folder}"):
        if as_json:
            print_json({"dropped": done.dropped, "attempts": done.attempts})
            return
        for name, number in done.dropped.items():
            print(f"dropped: {number:,} damaged episodes of {printable(name)}; arena evaluate plays them again")
        if done.attempts:
            print(f"dropped: the orders of {done.attempts:,} attempts that broke off, which cannot be read")
        if not done.dropped and not done.attempts:
            print("no series is damaged; nothing was changed")


def _write_page(folder: Path, standings: Standings, records: Sequence[EpisodeRecord]) -> Path:
    from arena.report.page import write_report
    from arena.results.folder import REPORT_NAME

    return write_report(standings, records, folder / REPORT_NAME)
