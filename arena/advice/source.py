"""The state file: which tables hold the stock of today, and how they are read. Columns are named by their author."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from arena.documents import load_document
from arena.errors import ABSENT, Fault, FaultList, FieldFault, InvalidInput
from arena.schemas import FrozenSchema, parse_as
from arena.world.data.source import DataSource, Frequency, Name, parse_data_source

COLUMNS: Final = ("node", "on_hand", "backlog", "supplier", "on_order", "arrival", "owed")
"""Columns of a state table; without a mapping these are their headers too."""

_QUANTITIES: Final = ("on_hand", "backlog", "on_order", "owed")
_DOCUMENTS: Final = (".yaml", ".yml")
_NOTATION: Final = ("separator", "decimal", "encoding", "date_format")


def _as_text(value: object) -> object:
    """Take a date of YAML, or a whole number, for the text that stands in the file."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


DateText = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=100)]
"""A date as text; YAML's own dates and whole numbers are taken too."""


class StateTable(FrozenSchema):
    """A table of stock and orders: a row per node, per open order, or both.

    A row says of its node how much is on hand and how much customers wait for, and of a supply link how much is on
    order and when it arrives, and how much the supplier owes; cells that say nothing are empty. Nothing is guessed:
    columns are those that are named.
    """

    file: str = Field(min_length=1, max_length=1_000, description="CSV file, its path relative to the state file")
    node: Name = Field(description="column with the name, or the id, of the node that holds stock or awaits an order")
    on_hand: Name | None = Field(default=None, description="column of units on hand")
    backlog: Name | None = Field(default=None, description="column of units that customers wait for")
    supplier: Name | None = Field(
        default=None,
        description="column with the node that delivers, or the name of the supply link; needed where a node has "
        "several links, and for the stock of a component",
    )
    on_order: Name | None = Field(default=None, description="column of units on order")
    arrival: Name | None = Field(default=None, description="column of dates on which they are expected")
    owed: Name | None = Field(
        default=None,
        description="column of units that a node of the world has been ordered from and owes, for want of stock or "
        "capacity; in worlds with upstream_shortage: owed",
    )
    date_format: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="how dates are written, in the letters of strptime, such as %d.%m.%Y; number: whole periods from "
        "today, 0 for today; absent: ISO, such as 2024-01-31",
    )
    separator: str = Field(default=",", description='character between columns: ",", ";", "|" or tab')
    decimal: str = Field(default=".", pattern=r"^[.,]$", description="character before decimals")
    encoding: str = Field(default="utf-8", max_length=40, description="encoding of the text, such as latin-1 or utf-16")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        faults = []
        if not any(getattr(self, name) for name in _QUANTITIES):
            rule = "a state table has a column of on_hand, of backlog, of on_order, or of owed"
            faults.append(FieldFault("on_hand", ABSENT, rule, "write its header, such as on_hand: Stock"))
        for name, other in (("on_order", "arrival"), ("arrival", "on_order")):
            if getattr(self, name) and not getattr(self, other):
                rule = f"{name} goes with {other}: units on order have a date of arrival"
                faults.append(FieldFault(other, ABSENT, rule, f"write its header, such as {other}: Expected"))
        if faults:
            raise FaultList(faults)
        return self

    @property
    def columns(self) -> dict[str, str]:
        """Headers by what they hold, of the columns that are read."""
        return {name: header for name in COLUMNS if (header := getattr(self, name)) is not None}

    def as_data_source(self) -> DataSource:
        """The options of notation, checked and used as those of a table of demand are."""
        options = {name: getattr(self, name) for name in _NOTATION}
        given = {name: value for name, value in options.items() if value is not None}
        return parse_data_source({"file": self.file, "layout": "long", "date": "-", "value": "-", **given}, self.file)


class StateSource(FrozenSchema):
    """A state file: the tables with the stock of one morning."""

    tables: tuple[StateTable, ...] = Field(min_length=1, max_length=20, description="tables, read one after the other")
    today: DateText | None = Field(
        default=None,
        description="first period of the advice; with recorded demand it must be the one after the last recorded",
    )
    frequency: Frequency | None = Field(
        default=None, description="length of a period, where no demand is recorded: day, week, month, or days"
    )

    @model_validator(mode="after")
    def _frequency_has_a_beginning(self) -> Self:
        if self.frequency is not None and self.today is None:
            rule = "periods of a known length begin with a date"
            raise FaultList([FieldFault("today", ABSENT, rule, "write today: 2024-01-31")])
        return self


def load_state_source(path: Path) -> tuple[StateSource, Path | None, bool]:
    """Read a state file: a YAML file that names tables and columns, or one CSV file with the headers of `COLUMNS`.

    Args:
        path: the file.

    Returns:
        The state, the folder that its paths start from (None: the working folder), and whether it is a CSV file, whose
        columns have no mapping.

    Raises:
        InvalidInput: with every fault of the YAML file; of a CSV file its faults are found when it is read.
    """
    if path.suffix.lower() not in _DOCUMENTS:
        headers: dict[str, Any] = {name: name for name in COLUMNS}
        return StateSource(tables=(StateTable(file=str(path), **headers),)), None, True
    source = parse_as(StateSource, load_document(path), str(path))
    faults = []
    for place, table in enumerate(source.tables):
        try:
            table.as_data_source()
        except InvalidInput as error:
            faults += [Fault(str(path), f"tables[{place}].{one.field}", *one[2:]) for one in error.faults]
    if faults:
        raise InvalidInput(faults)
    return source, path.parent, False
