"""`arena new`: a submission, a plugin or a world of one's own data to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli import table_options
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.scaffold import Kind

Name = Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and hyphens.")]
Place = Annotated[Path, typer.Option("--in", help="Folder in which the new folder is made.", file_okay=False)]

_NEXT = {
    "submission": "next: arena check {folder}",
    "plugin": "next: pip install -e {folder} && arena check {folder}/submissions",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    new = typer.Typer(no_args_is_help=True, help="Start a submission, a plugin or a world from a working example.")
    new.command("submission")(submission)
    new.command("plugin")(plugin)
    new.command("world")(world)
    app.add_typer(new, name="new")


def submission(name: Name, place: Place = Path()) -> None:
    """Write a folder with a manifest and a controller of its own; it passes `arena check` as it is."""
    _write("submission", name, place)


def plugin(name: Name, place: Place = Path()) -> None:
    """Write a Python package that offers a controller to every arena it is installed beside."""
    _write("plugin", name, place)


def world(
    name: Name,
    sales: Annotated[Path, typer.Option(help="CSV or Parquet file of recorded demand.")],
    place: Place = Path(),
    warehouse: Annotated[bool, typer.Option("--warehouse", help="Put a warehouse between supplier and shops.")] = False,
    horizon: Annotated[int | None, typer.Option(min=1, help="Periods of a window; a fifth of all at most.")] = None,
    windows: Annotated[
        int | None, typer.Option(min=1, help="Windows; as many as fit in the last fifth, at most 10.")
    ] = None,
    history: Annotated[int | None, typer.Option(min=0, help="Periods that are told before each window.")] = None,
    layout: table_options.Layout = None,
    date: table_options.Date = None,
    market: table_options.Market = None,
    joined_by: table_options.JoinedBy = None,
    value: table_options.Value = None,
    only: table_options.Only = None,
    first_date_column: table_options.FirstDateColumn = None,
    last_date_column: table_options.LastDateColumn = None,
    date_prefix: table_options.DatePrefix = None,
    date_format: table_options.DateFormat = None,
    frequency: table_options.Frequency = None,
    separator: table_options.Separator = None,
    decimal: table_options.Decimal = None,
    encoding: table_options.Encoding = None,
    header: table_options.Header = None,
    missing: table_options.Missing = None,
    negative: table_options.Negative = None,
    past_end: table_options.PastEnd = None,
    in_stock: table_options.InStock = None,
    in_stock_value: table_options.InStockValue = None,
) -> None:
    """Write a network and a scenario for your own recorded demand: a shop per series, and a backtest on the last fifth.

    They play as they are. What the table does not tell (costs, lead times, stock) has made-up values, and is listed.
    The options that describe the table are those of `arena data describe`.
    """
    given = table_options.fields_given(locals())
    from arena.errors import printable
    from arena.scaffold.world import new_world
    from arena.scaffold.world.windows import choose_windows

    source, data, reading = table_options.read_table(sales, given)
    chosen = choose_windows(data, horizon, windows, history)
    made = new_world(name, place, source, data, chosen, warehouse=warehouse)
    with kept(f"the files are written in {made.folder}"):
        print(printable(reading.sentence, table_options.SENTENCE_WIDTH))
        first, last = data.labels(chosen.start, 1)[0], data.labels(data.periods - 1, 1)[0]
        print(f"backtest, from {first} to {last}: windows {chosen.number}, periods in each {chosen.length}")
        print("it plays as it is; the values below these lines are made up, write your own:")
        for file, line, text in made.marks:
            print(f"  {file}:{line}  {text}")
        print(f"next: arena evaluate SUBMISSIONS --scenario {made.scenario} --seeds {_seeds(chosen.number)}")


def _seeds(windows: int) -> str:
    """Options by which every window is played."""
    from arena.contract.seeds import PUBLIC_SEEDS

    if windows <= len(PUBLIC_SEEDS):
        return f"public:{windows}"
    return f"hidden:{windows} --secret FILE (arena seeds new FILE makes one)"


def _write(kind: Kind, name: str, place: Path) -> None:
    from arena.scaffold import scaffold

    folder = scaffold(kind, name, place)
    with kept(f"the files are written in {folder}"):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            print(path)
        print(_NEXT[kind].format(folder=folder))
