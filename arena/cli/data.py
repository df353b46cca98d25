"""`arena data describe`: people's data of demand, as the arena reads them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from arena.cli.console import print_json, print_table
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.errors import Fault
    from arena.world.data import DataSource, DemandData, Reading

_PLOT_WIDTH: Final = 48
_SENTENCE_WIDTH: Final = 1_000
_ONLY: Final = "--only"
"""The option for the field `markets`; `--markets` says how many are shown."""
_DOCUMENTS: Final = (".yaml", ".yml")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    data = typer.Typer(no_args_is_help=True, help="Look at recorded demand: your own CSV or Parquet data.")
    data.callback()(lambda: None)  # With one command only, its name would be left out.
    data.command("describe")(describe)
    app.add_typer(data, name="data")


def describe(
    file: Annotated[Path, typer.Argument(help="A scenario's file with demand: {data: …}, or a CSV or Parquet file.")],
    layout: Annotated[str | None, typer.Option(help="long, wide or rows.")] = None,
    date: Annotated[str | None, typer.Option(help="Column of dates (long, wide).")] = None,
    market: Annotated[
        list[str] | None, typer.Option(help="Column that names the market; give it again for more.")
    ] = None,
    joined_by: Annotated[str | None, typer.Option(help="Text between the parts of a market's name.")] = None,
    value: Annotated[str | None, typer.Option(help="Column of units (long).")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A market to read (field markets); give it again for more.")
    ] = None,
    first_date_column: Annotated[str | None, typer.Option(help="First column of a date (rows).")] = None,
    last_date_column: Annotated[str | None, typer.Option(help="Last column of a date (rows).")] = None,
    date_prefix: Annotated[str | None, typer.Option(help="Prefix of the columns of dates (rows), such as d_.")] = None,
    date_format: Annotated[str | None, typer.Option(help="strptime text such as %d.%m.%Y, or number.")] = None,
    frequency: Annotated[str | None, typer.Option(help="day, week, month, or a number of days.")] = None,
    separator: Annotated[str | None, typer.Option(help='Between columns: ",", ";", "|" or tab.')] = None,
    decimal: Annotated[str | None, typer.Option(help='Before decimals: "." or ",".')] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as latin-1 or utf-16.")] = None,
    header: Annotated[str | None, typer.Option(help="none: the first line holds data.")] = None,
    missing: Annotated[str | None, typer.Option(help="Periods without a value: error, zero or previous.")] = None,
    negative: Annotated[str | None, typer.Option(help="Values below 0: error or zero.")] = None,
    past_end: Annotated[str | None, typer.Option(help="Periods after the last one: error or repeat.")] = None,
    in_stock: Annotated[str | None, typer.Option(help="Table of flags: 1 in stock, 0 not.")] = None,
    in_stock_value: Annotated[str | None, typer.Option(help="Column of flags in that table (long).")] = None,
    markets: Annotated[int, typer.Option(min=1, help="Markets that are shown, at most.")] = 20,
    output: Annotated[Path | None, typer.Option(help="Also draw a plot per market: FILE.html, .svg or .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Read recorded demand and say what was read: markets, periods, gaps, mean, zeros, and a small plot per market.

    Options are the fields of `demand: {data: …}` in a scenario's file, which needs none of them.
    """
    from arena.errors import InvalidInput
    from arena.world.data import parse_data_source, read_data

    given: dict[str, Any] = {
        "layout": layout,
        "date": date,
        "market": market,
        "joined_by": joined_by,
        "value": value,
        "markets": only,
        "first_date_column": first_date_column,
        "last_date_column": last_date_column,
        "date_prefix": date_prefix,
        "date_format": date_format,
        "frequency": int(frequency) if frequency and frequency.isdecimal() else frequency,
        "separator": separator,
        "decimal": decimal,
        "encoding": encoding,
        "header": header,
        "missing": missing,
        "negative": negative,
        "past_end": past_end,
        "in_stock": {"file": in_stock, "value": in_stock_value} if in_stock and in_stock_value else in_stock,
    }
    given = {name: one for name, one in given.items() if one not in (None, [])}
    if file.suffix.lower() in _DOCUMENTS:
        source = _of_scenario(file, given)
        data, reading = read_data(source, file.parent)
    else:
        try:
            source = parse_data_source({"file": str(file), **given}, str(file))
            data, reading = read_data(source)
        except InvalidInput as error:
            told = [_as_option(one) for one in error.faults]
            raise type(error)(told) from None
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
    if not isinstance(data, dict):
        rule = "the scenario has no recorded demand"
        fix = "write demand: {data: {file: …, layout: …}}, or give the CSV or Parquet file itself"
        raise InvalidInput([Fault(str(file), "demand.data", ABSENT, rule, fix)])
    if given:
        options = ", ".join(_option(name) for name in given)
        rule = f"the scenario says how its data are read, and {options} is given besides"
        raise InvalidInput([Fault(str(file), "demand.data", ABSENT, rule, "write it into the file, or leave it out")])
    return parse_data_source(data, str(file), "demand.data")


def _option(field: str) -> str:
    """Return the option for a field of the table."""
    return _ONLY if field == "markets" else f"--{field.replace('.', '-').replace('_', '-')}"


def _as_option(fault: Fault) -> Fault:
    """Return a fault in which fields are named as options: what is told to be written can be typed."""
    from arena.world.data import DataSource

    names = "|".join(DataSource.model_fields)

    def typed(found: re.Match[str]) -> str:
        option, value = _option(found[1]), found[2]
        values = [one.strip() for one in value[1:-1].split(",")] if value.startswith("[") else [value]
        return " ".join(f"{option} {one}" for one in values)

    suggestion = re.sub(rf'\b({names}): (\[[^\]]*\]|"[^"]*"|[^\s,;)]+)', typed, fault.suggestion)
    is_option = fault.field.partition(".")[0] in DataSource.model_fields
    return fault._replace(field=_option(fault.field) if is_option else fault.field, suggestion=suggestion)


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
        print_json({"reading": fields, "markets": rows})
        return
    print(printable(reading.sentence, _SENTENCE_WIDTH))
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    is_plain = not encoding.startswith("utf")
    table = []
    for place in shown:
        cells = [data.markets[place], f"{means[place]:,.4g}", f"{largest[place]:,.4g}", f"{100 * zeros[place]:.3g} %"]
        if censored is not None:
            cells.append(f"{100 * censored[place]:.3g} %")
        table.append([*cells, sparkline(units[:, place].tolist(), _PLOT_WIDTH, is_plain=is_plain)])
    columns = ["market", "mean", "largest", "zeros", *([] if censored is None else ["out of stock"]), "demand"]
    print_table(columns, table, right=("mean", "largest", "zeros", "out of stock"))
    left_out = len(data.markets) - len(shown)
    if left_out:
        print(f"… and {left_out:,} more; --markets {len(data.markets)} shows all")
