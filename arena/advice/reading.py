"""State tables as rows of texts and numbers: each cause for which a table cannot be read is told once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from arena.advice.source import COLUMNS, StateSource, StateTable
from arena.errors import ABSENT, Fault, InvalidInput, UnknownName, closest, suggest
from arena.world.data.cells import find_columns
from arena.world.data.numbers import Rule, is_plain, quantity_rules, read_number
from arena.world.data.parquet import MAGIC
from arena.world.data.table_files import find_file
from arena.world.data.text_table import Notation, Table, open_table, read_content, refuse

LARGEST_FILE: Final = 64 * 1024 * 1024
"""Largest state table, bytes."""
MOST_ROWS: Final = 1_000_000
"""Most rows of all state tables together."""

_QUANTITIES: Final = ("on_hand", "backlog", "on_order", "owed")
_WORDS: Final = {
    "a demand table": "a state table",
    "begin with a line of names, such as date,units; then a row per period": "begin with a line of names, such as "
    "node,on_hand; then a row per node",
    'write header: none and name columns by their numbers ("1", "2", …), or add a line of names': "add a line of names",
}
"""Words of the reader of demand tables that are others here."""


class Place(NamedTuple):
    """Where a row stands: the file, and the number of the line."""

    source: str
    line: int

    def __str__(self) -> str:
        """Return the line, for messages."""
        return f"line {self.line}"


@dataclass(frozen=True)
class StateRow:
    """What a row says; None where its cell is empty, or its table has no such column.

    Attributes:
        place: where it stands.
        table: the table.
        node: name or id of a node.
        on_hand: units on hand.
        backlog: units that customers wait for.
        supplier: name or id of the delivering node, or name of a supply link.
        on_order: units on order.
        arrival: date of their arrival, as it is written.
        owed: units that the supplier owes.
    """

    place: Place
    table: StateTable
    node: str
    on_hand: float | None = None
    backlog: float | None = None
    supplier: str | None = None
    on_order: float | None = None
    arrival: str | None = None
    owed: float | None = None


class Causes:
    """Collects faults of rows: one for each cause, with the first row that shows it and how many do."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], Fault] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, place: Place, column: str, value: object, rule: str, fix: str, cause: str = "") -> None:
        """Note a fault.

        Args:
            place: of the row.
            column: header of the column; empty for the whole row.
            value: the offending value.
            rule: what it breaks.
            fix: how to mend it.
            cause: what makes faults one cause; empty for the rule.
        """
        key = (place.source, cause or rule)
        field = f"{place}, {column}" if column else str(place)
        self._first.setdefault(key, Fault(place.source, field, value, rule, fix))
        self._counts[key] = self._counts.get(key, 0) + 1

    def faults(self) -> list[Fault]:
        """Return the faults in the order in which they were found."""
        return [
            fault._replace(rule=f"{fault.rule} ({self._counts[key]} rows)") if self._counts[key] > 1 else fault
            for key, fault in self._first.items()
        ]


def read_rows(source: StateSource, base: Path | None, *, is_plain_csv: bool) -> list[StateRow]:
    """Read the rows of all tables.

    Args:
        source: the tables and how they are read.
        base: folder that paths start from; None: the working folder.
        is_plain_csv: whether the headers are those of `COLUMNS`, and every column must be one of them.

    Raises:
        InvalidInput: with a fault for each cause for which a table cannot be read.
    """
    rows: list[StateRow] = []
    faults: list[Fault] = []
    for table in source.tables:
        try:
            rows += _read_table(table, base, is_plain_csv=is_plain_csv)
        except InvalidInput as error:
            told = [_in_other_words(fault, is_plain_csv=is_plain_csv) for fault in error.faults]
            # What stands on one line by its class stays so.
            if len(source.tables) == 1:
                raise type(error)(told) from None
            faults += told
    if faults:
        raise InvalidInput(faults)
    return rows


def _in_other_words(fault: Fault, *, is_plain_csv: bool) -> Fault:
    rule, fix = fault.rule, fault.suggestion
    for words, others in _WORDS.items():
        rule, fix = rule.replace(words, others), fix.replace(words, others)
    options = ("write separator: ", "write encoding: ", "write decimal: ", "write date_format: ")
    if is_plain_csv and any(option in fix for option in options):
        fix += "; options stand in a YAML file that names the table: see the how-to on tomorrow's order"
    return fault._replace(rule=rule, suggestion=fix)


def _read_table(table: StateTable, base: Path | None, *, is_plain_csv: bool) -> list[StateRow]:
    options = table.as_data_source()
    path = find_file(options, base)
    content = read_content(path, LARGEST_FILE, "keep the rows of one day")
    if content.startswith(MAGIC):
        refuse(str(path), "", ABSENT, "is a Parquet file, and a state table is CSV text", "save it as CSV")
    notation = Notation(
        separator="\t" if options.separator == "tab" else options.separator,
        encoding=options.encoding,
        can_choose=True,
        largest=LARGEST_FILE,
    )
    read = open_table(path, notation, content)
    places = _known_columns(read) if is_plain_csv else _named_columns(read, table)
    cells = [(row.line, [cell.strip() for cell in row.cells]) for row in read.rows]
    filled = [(line, row) for line, row in cells if any(row)]
    if not filled:
        refuse(str(path), "", ABSENT, "has a header and no rows", "add a row per node")
    if len(filled) > MOST_ROWS:
        refuse(str(path), "", ABSENT, f"has more than {MOST_ROWS:,} rows", "keep the rows of one day")

    def column(name: str) -> list[str]:
        place = places.get(name)
        return ["" if place is None or place >= len(row) else row[place] for _, row in filled]

    lines = [Place(str(path), line) for line, _ in filled]
    causes = Causes()
    numbers = {
        name: _quantities(column(name), lines, read.names[places[name]], options.decimal, causes)
        if name in places
        else [None] * len(filled)
        for name in _QUANTITIES
    }
    nodes, suppliers, arrivals = column("node"), column("supplier"), column("arrival")
    for place, node in zip(lines, nodes, strict=True):
        if not node:
            causes.add(place, read.names[places["node"]], ABSENT, "has no node", "write its name, or remove the row")
    if faults := causes.faults():
        raise InvalidInput(faults)
    return [
        StateRow(
            place=place,
            table=table,
            node=nodes[number],
            on_hand=numbers["on_hand"][number],
            backlog=numbers["backlog"][number],
            supplier=suppliers[number] or None,
            on_order=numbers["on_order"][number],
            arrival=arrivals[number] or None,
            owed=numbers["owed"][number],
        )
        for number, place in enumerate(lines)
    ]


def _known_columns(table: Table) -> dict[str, int]:
    """Return the places of the columns of a CSV file without a mapping, all of which are known by their headers.

    Raises:
        InvalidInput: a column is unknown or stands twice, or the nodes are missing.
    """
    names = [name for name in table.names if name]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown and not any(name in COLUMNS for name in names):
        rule = f"a state table without a mapping has the columns {', '.join(COLUMNS)}; none of them is here"
        fix = "rename the columns, or write a YAML file that names them: see the how-to on tomorrow's order"
        refuse(table.source, "line 1", ", ".join(names), rule, fix)
    if unknown:
        free = [name for name in COLUMNS if name not in names]
        rule = "is not a column of a state table"
        fix = "remove it, or write a YAML file that names the columns to read"
        told = {name: fix if closest(name, free) is None else suggest(name, free) for name in unknown}
        raise UnknownName([Fault(table.source, "line 1", name, rule, hint) for name, hint in told.items()])
    if "node" not in names:
        refuse(table.source, "line 1", ABSENT, "has no column node", "add it: the name or the id of each node")
    found = [name for name in COLUMNS if name in names]
    if not any(name in names for name in _QUANTITIES):
        rule = f"has none of the columns {', '.join(_QUANTITIES)}"
        refuse(table.source, "line 1", ABSENT, rule, "add on_hand: the units on hand")
    places = find_columns(table, [(name, name) for name in found])
    return dict(zip(found, places, strict=True))


def _named_columns(table: Table, wanted: StateTable) -> dict[str, int]:
    columns: Mapping[str, str] = wanted.columns
    return dict(zip(columns, find_columns(table, list(columns.items())), strict=True))


def _quantities(
    texts: Sequence[str], places: Iterable[Place], header: str, decimal: str, causes: Causes
) -> list[float | None]:
    """Return the numbers of a column; None for empty cells. What is wrong goes to the causes."""
    rules = _rules(decimal, texts)
    found: list[float | None] = []
    for place, text in zip(places, texts, strict=True):
        broken = None
        if text and not is_plain(text, decimal):
            broken = next((rule for rule in rules if not rule.test(text)), None)
        if broken is not None:
            causes.add(place, header, text, broken.rule, broken.fix)
        found.append(None if broken is not None or not text else read_number(text, decimal))
    return found


def _rules(decimal: str, texts: Sequence[str]) -> tuple[Rule, ...]:
    *others, last = quantity_rules(decimal, "zero", texts, absent="write the quantity, or leave the cell empty")
    negative = Rule(
        lambda cell: read_number(cell, decimal) >= 0,
        "must be 0 or more",
        "write 0 for stock that is booked below nothing, and what customers wait for as backlog",
    )
    return (*others, negative, last)
