"""The options that describe a table of recorded demand: one for each field of `demand: {data: …}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from arena.errors import Fault
    from arena.world.data import DataSource, DemandData, Reading

_ONLY: Final = "--only"
"""The option for the field `markets`; `--markets` of `arena data describe` says how many are shown."""

SENTENCE_WIDTH: Final = 1_000
"""Most characters that are shown of the sentence that says what was read."""

Layout = Annotated[str | None, typer.Option(help="long, wide or rows.")]
Date = Annotated[str | None, typer.Option(help="Column of dates (long, wide).")]
Market = Annotated[list[str] | None, typer.Option(help="Column that names the market; give it again for more.")]
JoinedBy = Annotated[str | None, typer.Option(help="Text between the parts of a market's name.")]
Value = Annotated[str | None, typer.Option(help="Column of units (long).")]
Only = Annotated[list[str] | None, typer.Option(help="A market to read (field markets); give it again for more.")]
FirstDateColumn = Annotated[str | None, typer.Option(help="First column of a date (rows).")]
LastDateColumn = Annotated[str | None, typer.Option(help="Last column of a date (rows).")]
DatePrefix = Annotated[str | None, typer.Option(help="Prefix of the columns of dates (rows), such as d_.")]
DateFormat = Annotated[str | None, typer.Option(help="strptime text such as %d.%m.%Y, or number.")]
Frequency = Annotated[str | None, typer.Option(help="day, week, month, or a number of days.")]
Separator = Annotated[str | None, typer.Option(help='Between columns: ",", ";", "|" or tab.')]
Decimal = Annotated[str | None, typer.Option(help='Before decimals: "." or ",".')]
Encoding = Annotated[str | None, typer.Option(help="Such as latin-1 or utf-16.")]
Header = Annotated[str | None, typer.Option(help="none: the first line holds data.")]
Missing = Annotated[str | None, typer.Option(help="Periods without a value: error, zero or previous.")]
Negative = Annotated[str | None, typer.Option(help="Values below 0: error or zero.")]
PastEnd = Annotated[str | None, typer.Option(help="Periods after the last one: error or repeat.")]
InStock = Annotated[str | None, typer.Option(help="Table of flags: 1 in stock, 0 not.")]
InStockValue = Annotated[str | None, typer.Option(help="Column of flags in that table (long).")]


def fields_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the table that the options of a command give, by their names in a scenario's file.

    Args:
        options: values of all options of the command, by the names of its parameters; other parameters are ignored.

    Raises:
        InvalidInput: a column of flags is named, and no table of them.
    """
    from arena.errors import Fault, InvalidInput
    from arena.world.data import DataSource

    given = {name: options[name] for name in DataSource.model_fields if name in options}
    given["markets"] = options["only"]
    frequency = options["frequency"]
    given["frequency"] = int(frequency) if frequency and frequency.isdecimal() else frequency
    if options["in_stock_value"] and not options["in_stock"]:
        rule = "is a column of the table of flags, and none is named"
        raise InvalidInput([Fault("", "--in-stock-value", options["in_stock_value"], rule, "add --in-stock FILE")])
    if options["in_stock"] and options["in_stock_value"]:
        given["in_stock"] = {"file": options["in_stock"], "value": options["in_stock_value"]}
    given.pop("file", None)
    return {name: one for name, one in given.items() if one not in (None, [])}


def read_table(file: Path, given: Mapping[str, Any]) -> tuple[DataSource, DemandData, Reading]:
    """Read a table as the options of a command describe it.

    Args:
        file: the table.
        given: fields, as from `fields_given`.

    Raises:
        InvalidInput: the table cannot be read like this; fields are named as options, so that fixes can be typed.
    """
    from arena.errors import InvalidInput
    from arena.world.data import parse_data_source, read_data

    try:
        source = parse_data_source({"file": str(file), **given}, str(file))
        data, reading = read_data(source)
    except InvalidInput as error:
        told = [_as_option(one) for one in error.faults]
        raise type(error)(told) from None
    return source, data, reading


def option_for(field: str) -> str:
    """Return the option for a field of the table."""
    return _ONLY if field == "markets" else f"--{field.replace('.', '-').replace('_', '-')}"


def _as_option(fault: Fault) -> Fault:
    """Return a fault in which fields are named as options: what is told to be written can be typed."""
    from arena.world.data import DataSource

    names = "|".join(DataSource.model_fields)

    def typed(found: re.Match[str]) -> str:
        option, value = option_for(found[1]), found[2]
        values = [one.strip() for one in value[1:-1].split(",")] if value.startswith("[") else [value]
        return " ".join(f"{option} {one}" for one in values)

    suggestion = re.sub(rf'\b({names}): (\[[^\]]*\]|"[^"]*"|[^\s,;)]+)', typed, fault.suggestion)
    is_option = fault.field.partition(".")[0] in DataSource.model_fields
    return fault._replace(field=option_for(fault.field) if is_option else fault.field, suggestion=suggestion)
