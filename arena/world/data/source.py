"""The options by which a table of demand is read, as an author writes them under `demand: {data: …}`."""

from __future__ import annotations

import codecs
import datetime
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from arena.errors import ABSENT, Fault, FaultList, FieldFault, InvalidInput
from arena.schemas import FrozenSchema, parse_as
from arena.world.data.demand_data import MOST_MARKETS, PastEnd
from arena.world.data.text_table import in_yaml

NUMBERED: Final = "number"
"""The date format of periods that are numbered and not dated."""

_LONGEST_NAME: Final = 500
LONGEST_PERIOD: Final = 9_999
"""Longest period, days."""
_HAS_YEAR: Final = re.compile(r"%[-#]?[YyGcxDF]")


def _as_name(value: object) -> object:
    """Take a whole number for the name of a column: in a YAML file the header 2013 is a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_names(value: object) -> object:
    return (value,) if isinstance(value, (str, int)) and not isinstance(value, bool) else value


def _as_flags(value: object) -> object:
    return {"file": value} if isinstance(value, str) else value


def _as_frequency(value: object) -> object:
    is_days = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST_PERIOD
    if is_days or value is None or value in ("day", "week", "month"):
        return value
    rule = f"is day, week, month, or a number of days from 1 to {LONGEST_PERIOD}"
    raise FaultList([FieldFault("", value, rule, "write frequency: day, or frequency: 14 for two weeks")])


Frequency = Annotated[Literal["day", "week", "month"] | int, BeforeValidator(_as_frequency)]
"""Length of a period."""
Name = Annotated[str, BeforeValidator(_as_name), Field(min_length=1, max_length=_LONGEST_NAME)]
"""A header of a table, or with `header: none` the number of a column, counted from 1."""

Layout = Literal["long", "wide", "rows"]
"""How a table is laid out: a row per date and market, a column per market, or a row per market."""


class FlagSource(FrozenSchema):
    """A table of flags: in which periods was each market in stock. Options that are absent are those of the demand."""

    file: str = Field(
        min_length=1, max_length=1_000, description="CSV or Parquet file, relative to the scenario's file"
    )
    layout: Layout | None = Field(default=None, description="as in the table of demand")
    date: Name | None = Field(default=None, description="column of dates")
    market: Annotated[tuple[Name, ...], BeforeValidator(_as_names)] | None = Field(
        default=None, min_length=1, max_length=20, description="column or columns that name the market"
    )
    value: Name | None = Field(default=None, description="column of flags (long): 1 or true in stock, 0 or false not")
    first_date_column: Name | None = Field(default=None, description="first column of a date (rows)")
    last_date_column: Name | None = Field(default=None, description="last column of a date (rows)")
    date_prefix: str | None = Field(default=None, min_length=1, max_length=100, description="prefix of dates (rows)")
    date_format: str | None = Field(default=None, max_length=100, description="strptime text, or `number`")
    separator: str | None = Field(default=None, description="what stands between columns")
    encoding: str | None = Field(default=None, max_length=40, description="encoding of the text")
    header: Literal["first_line", "none"] | None = Field(default=None, description="whether the first line has names")


class DataSource(FrozenSchema):
    """A table of demand and how to read it. Columns are named by the author; nothing is guessed."""

    file: str = Field(
        min_length=1,
        max_length=1_000,
        description="CSV or Parquet file, its path relative to the scenario's file",
    )
    layout: Layout = Field(
        description="long: a row per date and market; wide: a row per date, a column per market; rows: a row per "
        "market, a column per date"
    )
    date: Name | None = Field(
        default=None,
        description="column of dates; needed by long and wide (wide with date_format number: absent where rows are the "
        "periods, one after the other)",
    )
    market: Annotated[tuple[Name, ...], BeforeValidator(_as_names)] | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="column that names the market, or several; needed by rows, and by long unless all rows are of one "
        "market",
    )
    joined_by: str = Field(
        default="/", max_length=10, description="text between the parts of a market's name from several columns"
    )
    value: Name | None = Field(default=None, description="column of units; needed by long")
    markets: tuple[Name, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_MARKETS,
        description="markets to read, in this order (wide: the headers of their columns); absent: all",
    )
    first_date_column: Name | None = Field(
        default=None, description="rows: first column of a date; it and all columns up to last_date_column are read"
    )
    last_date_column: Name | None = Field(default=None, description="rows: last column of a date; absent: the last one")
    date_prefix: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="rows: text with which the headers of date columns begin; the date is what follows it",
    )
    date_format: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="how dates are written, in the letters of strptime, such as %d.%m.%Y; number: periods are whole "
        "numbers; absent: ISO, such as 2024-01-31, 2024-W05 or 2024-01",
    )
    frequency: Frequency | None = Field(
        default=None,
        description="length of a period: day, week, month, or a number of days; absent: found from the dates, or "
        "refused where they leave a doubt",
    )
    separator: str = Field(default=",", description='character between columns: ",", ";", "|" or tab')
    decimal: Literal[".", ","] = Field(default=".", description="character before decimals")
    encoding: str = Field(default="utf-8", max_length=40, description="encoding of the text, such as latin-1 or utf-16")
    header: Literal["first_line", "none"] = Field(
        default="first_line",
        description='none: the first line holds data, and columns are named "1", "2", … from the left',
    )
    missing: Literal["error", "zero", "previous"] = Field(
        default="error",
        description="periods without a value: refused, taken as 0, or as the value of the period before",
    )
    negative: Literal["error", "zero"] = Field(
        default="error", description="values below 0, such as returns: refused, or taken as 0"
    )
    past_end: PastEnd = Field(
        default="error", description="periods played after the last recorded one: refused, or as the last one"
    )
    in_stock: Annotated[FlagSource | None, BeforeValidator(_as_flags)] = Field(
        default=None,
        description="second table with flags, 1 or true where the market was in stock and 0 or false where it was not: "
        "a file of the same layout, or a mapping of `file` and the options that differ",
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        faults = [*_layout_faults(self), *_text_faults(self)]
        if self.markets is not None and len(set(self.markets)) < len(self.markets):
            doubled = next(name for place, name in enumerate(self.markets) if name in self.markets[:place])
            faults.append(FieldFault("markets", doubled, "is named twice", "name every market once"))
        if self.date_format == NUMBERED and self.frequency is not None:
            rule = "periods that are numbered have no length"
            faults.append(FieldFault("frequency", self.frequency, rule, "remove it, or write the format of the dates"))
        if not faults:
            try:
                self.flags()
            except InvalidInput as error:
                told = [(f"in_stock.{one.field}", one.value, one.rule, one.suggestion) for one in error.faults]
                faults += [FieldFault(*one) for one in told]
        if faults:
            raise FaultList(faults)
        return self

    def flags(self) -> DataSource | None:
        """The table of flags with the options that it takes from the table of demand; None if there is none."""
        if self.in_stock is None:
            return None
        own = {name: value for name, value in self.in_stock if value is not None}
        if "layout" in own:  # Columns of another layout mean other things.
            taken = {}
        else:
            names = ("layout", "date", "market", "value", "first_date_column", "last_date_column", "date_prefix")
            taken = {name: getattr(self, name) for name in names}
        for name in ("joined_by", "markets", "date_format", "frequency", "separator", "encoding", "header"):
            taken[name] = getattr(self, name)
        return parse_as(DataSource, {**taken, **own, "missing": "zero"}, "")


_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "long": ("date", "value"),
    "wide": ("date",),
    "rows": ("market",),
}
_FOREIGN: Final[Mapping[str, tuple[str, ...]]] = {
    "long": ("first_date_column", "last_date_column", "date_prefix"),
    "wide": ("market", "value", "first_date_column", "last_date_column", "date_prefix"),
    "rows": ("date", "value"),
}
_EXAMPLES: Final = {"date": "date: day", "value": "value: units", "market": "market: store"}


def _layout_faults(source: DataSource) -> list[FieldFault]:
    """The faults of columns that the layout needs or does not know."""
    faults = []
    is_numbered = source.layout == "wide" and source.date_format == NUMBERED
    for name in _NEEDED[source.layout]:
        if getattr(source, name) is None and not is_numbered:
            rule = f"layout {source.layout} needs this column"
            faults.append(FieldFault(name, ABSENT, rule, f"write its header, such as {_EXAMPLES[name]}"))
    for name in _FOREIGN[source.layout]:
        value = getattr(source, name)
        if value is not None:
            layouts = " and ".join(layout for layout in _FOREIGN if name not in _FOREIGN[layout])
            fix = f"remove it, or write the layout that fits ({layouts})"
            faults.append(
                FieldFault(name, value, f"is an option of layout {layouts}, and this is {source.layout}", fix)
            )
    if source.layout == "rows" and source.first_date_column is None and source.date_prefix is None:
        rule = "layout rows needs to know which columns are dates"
        fix = "write first_date_column: HEADER (all columns from there on), or date_prefix: d_ for d_1, d_2, …"
        faults.append(FieldFault("first_date_column", ABSENT, rule, fix))
    return faults


def _text_faults(source: DataSource) -> list[FieldFault]:
    """The faults of separator, encoding and date format."""
    faults = []
    if source.separator not in (",", ";", "|", "\t", "tab", " "):
        rule = "is one character between columns"
        faults.append(FieldFault("separator", source.separator, rule, 'write ",", ";", "|" or tab'))
    elif source.separator == source.decimal:
        rule = "separates columns and decimals at once"
        faults.append(FieldFault("separator", source.separator, rule, 'write separator: ";" or decimal: "."'))
    if not _is_text_encoding(source.encoding):
        rule = "is not an encoding of text"
        faults.append(FieldFault("encoding", source.encoding, rule, "write utf-8, latin-1, cp1252 or utf-16"))
    if source.date_format is not None:
        faults += _format_faults(source.date_format)
    return faults


def _is_text_encoding(name: str) -> bool:
    try:
        return "\n".encode(name).decode(name) == "\n" and codecs.lookup(name) is not None
    except (LookupError, ValueError):
        return False


def _format_faults(date_format: str) -> list[FieldFault]:
    """The fault of a date format by which periods could not be told apart, if it has one."""
    if date_format == NUMBERED:
        return []
    fix = 'write it in the letters of strptime, such as "%d.%m.%Y" for 31.01.2024 or "%m/%d/%y" for 1/31/24'
    if "%" not in date_format:
        return [FieldFault("date_format", date_format, "is not a format of dates", fix)]
    if not _HAS_YEAR.search(date_format):
        rule = "has no year (%Y or %y), so that periods of two years could not be told apart"
        return [FieldFault("date_format", date_format, rule, fix)]
    samples = [datetime.datetime(2021, month, 17) for month in (1, 2, 11)]
    try:
        read = {datetime.datetime.strptime(sample.strftime(date_format), date_format) for sample in samples}
    except (ValueError, re.error):
        return [FieldFault("date_format", date_format, "is not a format of dates", fix)]
    if len(read) < len(samples):
        rule = "does not tell the months of a year apart"
        if not re.search("%[-#]?[mbBjUWVcxDF]", date_format):
            fix = "write date_format: number if the periods are years"
        if re.search("%[UWV]", date_format):
            rule = "has a week without a day of the week, from which no date follows"
            fix = "leave date_format out for 2024-W05, or write dates"
        return [FieldFault("date_format", date_format, rule, fix)]
    return []


def parse_data_source(given: Mapping[str, Any] | str, source: str, field: str = "") -> DataSource:
    """Check the options that an author wrote.

    Args:
        given: the mapping, as read from a document or from the command line; a path alone is refused.
        source: the document, for faults.
        field: path of the mapping in the document, such as `demand.data`; it leads the fields in faults.

    Raises:
        InvalidInput: with every fault.
    """
    if isinstance(given, str):
        rule = "recorded demand needs to be told how its table is read"
        fix = f"write data: {{file: {in_yaml(given)}, layout: …}}, with the options of arena data describe"
        raise InvalidInput([Fault(source, field, given, rule, fix)])
    try:
        return parse_as(DataSource, given, source)
    except InvalidInput as error:
        told = [
            Fault(one.source, ".".join(filter(None, (field, one.field))), one.value, one.rule, one.suggestion)
            for one in error.faults
        ]
    raise InvalidInput(told)
