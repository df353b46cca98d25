"""`arena data describe`: people's data of demand, as the arena reads them."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from arena.cli import table_options
from arena.cli.console import Json, print_json, print_table
from arena.cli.layout import Drawing
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.cli.layout import Cell
    from arena.world.data import DataSource, DemandData, Reading

_PLOT_WIDTH: Final = 48
"""Widest plot, in characters; a narrow terminal has narrower ones."""
_DOCUMENTS: Final = (".yaml", ".yml")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    data = typer.Typer(no_args_is_help=True, help="Look at recorded demand: your own CSV or Parquet data.")
    data.callback()(lambda: None)  # With one command only, its name would be left out.
    data.command("describe")(describe)
    app.add_typer(data, name="data")


def describe(
    file: Annotated[Path, typer.Argument(help="A scenario's file with demand: {data: …}, or a CSV or Parquet file.")],
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
    markets: Annotated[int, typer.Option(min=1, help="Markets that are shown, at most.")] = 20,
    output: Annotated[Path | None, typer.Option(help="Also draw a plot per market: FILE.html, .svg or .png.")] = None,
    as_json: Json = False,
) -> None:
    """Read recorded demand and say what was read: markets, periods, gaps, mean, zeros, and a small plot per market.

    Options are the fields of `demand: {data: …}` in a scenario's file, which needs none of them.
    """
    given = table_options.fields_given(locals())
    if file.suffix.lower() in _DOCUMENTS:
        from arena.world.data import read_data

        data, reading = read_data(_of_scenario(file, given), file.parent)
    else:
        _, data, reading = table_options.read_table(file, given)
    if output is not None:
        from arena.report.demand import write_picture

        write_picture(data, reading, output, markets)
    with kept(f"the picture is drawn: {output}" if output is not None else ""):
        _show(data, reading, markets, as_json)
        if output is not None and not as_json:
            print(f"drawn: {output}")


def _of_scenario(file: Path, given: dict[str, Any]) -> DataSource:
    """Return the table that a scenario's file names.

    Raises:
        InvalidInput: it names none, or options are given besides.
    """
    from arena.documents import WORLD_SIZE, load_document
    from arena.errors import ABSENT, Fault, InvalidInput
    from arena.world.data import parse_data_source
    from arena.world.kinds import require_kind

    document = load_document(file, WORLD_SIZE)
    require_kind(document, "scenario", str(file))
    demand = document.get("demand")
    data = demand.get("data") if isinstance(demand, dict) else None
    if not isinstance(data, dict | str):
        rule = "the scenario has no recorded demand"
        fix = "write demand: {data: {file: …, layout: …}}, or give the CSV or Parquet file itself"
        raise InvalidInput([Fault(str(file), "demand.data", ABSENT, rule, fix)])
    if given:
        options = ", ".join(table_options.option_for(name) for name in given)
        rule = f"the scenario says how its data are read, and {options} is given besides"
        raise InvalidInput([Fault(str(file), "demand.data", ABSENT, rule, "write it into the file, or leave it out")])
    return parse_data_source(data, str(file), "demand.data")


def _show(data: DemandData, reading: Reading, most: int, as_json: bool) -> None:
    """Print what was read and a row per market."""
    from arena.errors import printable
    from arena.report.demand import sparkline

    units, flags = data.array, data.in_stock_array
    shown = range(min(most, len(data.markets)))
    means, largest = units.mean(axis=0), units.max(axis=0)
    zeros = (units == 0).mean(axis=0)
    censored = None if flags is None else 1 - flags.mean(axis=0)
    if as_json:
        fields = {name: str(one) if isinstance(one, Path) else one for name, one in vars(reading).items()}
        rows = [
            {
                "market": data.markets[place],
                "mean": float(means[place]),
                "largest": float(largest[place]),
                "zeros": float(zeros[place]),
                "censored": None if censored is None else float(censored[place]),
            }
            for place in shown
        ]
        print_json({"reading": fields, "markets": rows, "left_out": len(data.markets) - len(rows)})
        return
    print(printable(reading.sentence, table_options.SENTENCE_WIDTH))
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    is_plain = not encoding.startswith("utf")
    table: list[list[Cell]] = []
    for place in shown:
        cells: list[Cell] = [
            data.markets[place],
            f"{means[place]:,.4g}",
            f"{largest[place]:,.4g}",
            f"{100 * zeros[place]:.3g} %",
        ]
        if censored is not None:
            cells.append(f"{100 * censored[place]:.3g} %")
        plot = partial(sparkline, units[:, place].tolist(), is_plain=is_plain)
        table.append([*cells, Drawing(plot, min(_PLOT_WIDTH, data.periods))])
    columns = ["market", "mean", "largest", "zeros", *([] if censored is None else ["out of stock"]), "demand"]
    print_table(columns, table, right=("mean", "largest", "zeros", "out of stock"))
    left_out = len(data.markets) - len(shown)
    if left_out:
        print(f"… and {left_out:,} more; --markets {len(data.markets)} shows all")
