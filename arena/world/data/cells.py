"""The cells of a table as market, date and value, whatever its layout."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from arena.errors import ABSENT, Fault, UnknownName, printable, suggest
from arena.world.data.demand_data import LONGEST_NAME, MOST_MARKETS, MOST_PERIODS, MOST_VALUES
from arena.world.data.numbers import is_number
from arena.world.data.periods import is_a_date
from arena.world.data.source import DataSource
from arena.world.data.text_table import NAME_WIDTH, Table, in_yaml, listed, refuse


class Names:
    """Texts numbered in the order in which they come, each once."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(self.texts)}

    def number(self, text: str) -> int:
        """Return the number of a text; a new one gets the next."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def find(self, text: str) -> int | None:
        """Return the number of a text, None if it has none."""
        return self._numbers.get(text)


@dataclass
class Cells:
    """Cells with a value, or where one could stand: numbers of market, date and text, and the line of each.

    Attributes:
        table: the table that they were read from.
        markets: names of the markets.
        dates: texts of the dates.
        date_places: place of the first cell of each date, for messages.
        texts: texts of the values, stripped.
        column: header of the values' column (long); None where the headers are those of markets or dates.
    """

    table: Table
    markets: Names
    column: str | None = None
    dates: Names = field(default_factory=Names)
    date_places: list[str] = field(default_factory=list)
    texts: Names = field(default_factory=Names)
    market_numbers: array[int] = field(default_factory=lambda: array("q"))
    date_numbers: array[int] = field(default_factory=lambda: array("q"))
    text_numbers: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))

    def date(self, text: str, line: int, header: str) -> int:
        """Return the number of a date, and keep the place where it first stood."""
        number = self.dates.number(text)
        if number == len(self.date_places):
            place = f"{self.table.word} {line}, {header}"
            if number >= MOST_PERIODS:
                rule = f"recorded demand has at most {MOST_PERIODS:,} periods"
                refuse(self.table.source, place, ABSENT, rule, "keep the periods that are needed")
            self.date_places.append(place)
        return number

    def add(self, market: int, date: int, text: str, line: int) -> None:
        """Add a cell."""
        self.market_numbers.append(market)
        self.date_numbers.append(date)
        self.text_numbers.append(self.texts.number(text))
        self.lines.append(line)

    def check_size(self) -> None:
        """Refuse more markets or values than can be recorded."""
        fix = "choose markets by their names in markets: [ … ]"
        for count, most, what in (
            (len(self.lines), MOST_VALUES, "values"),
            (len(self.markets.texts), MOST_MARKETS, "markets"),
        ):
            if count > most:
                refuse(self.table.source, "", ABSENT, f"recorded demand has at most {most:,} {what}", fix)

    def place(self, cell: int) -> str:
        """Return where a cell stands, for messages."""
        market = self.markets.texts[self.market_numbers[cell]]
        header = self.column or (market if self.is_wide else self.dates.texts[self.date_numbers[cell]])
        return f"{self.table.word} {self.lines[cell]}, {header}"

    is_wide: bool = False


def read_cells(table: Table, source: DataSource) -> Cells:
    """Read the cells of a table by its layout.

    Raises:
        InvalidInput: with one fault for each cause for which its columns, markets or rows cannot be found.
    """
    cells = {"long": _read_long, "wide": _read_wide, "rows": _read_rows}[source.layout](table, source)
    if not cells.lines:
        refuse(table.source, "", ABSENT, "has a header and no rows", "add rows below the header")
    cells.check_size()
    _check_quotes(cells)
    long_name = next((name for name in cells.markets.texts if len(name) > LONGEST_NAME), None)
    if long_name is not None:
        rule = f"the name of a market has at most {LONGEST_NAME} characters"
        refuse(table.source, "market", long_name, rule, "name another column, or shorten the names")
    return cells


def _check_quotes(cells: Cells) -> None:
    """Refuse a name, a date or a value that goes on in the next line, as it does behind an open quotation mark."""
    for texts, numbers in (
        (cells.texts, cells.text_numbers),
        (cells.dates, cells.date_numbers),
        (cells.markets, cells.market_numbers),
    ):
        number = next((number for number, text in enumerate(texts.texts) if "\n" in text or "\r" in text), None)
        if number is None or cells.table.word != "line" or number not in numbers:
            continue
        line = cells.lines[numbers.index(number)]
        rule = "a cell goes on in the next line: a quotation mark opens in it and does not close"
        refuse(cells.table.source, f"line {line}", texts.texts[number], rule, "check the quotation marks of this line")


class _Joined:
    """Names of markets from the cells of one or several columns; two that come out the same are refused."""

    def __init__(self, table: Table, source: DataSource, places: Sequence[int]) -> None:
        self._table, self._source, self._places = table, source, places
        self._parts: dict[str, tuple[str, ...]] = {}

    def of(self, row: Sequence[str], line: int) -> str:
        """Return the name of the market of a row."""
        parts = tuple(row[place].strip() if place < len(row) else "" for place in self._places)
        name = self._source.joined_by.join(parts)
        if self._parts.setdefault(name, parts) != parts:
            one, other = (
                " and ".join(f'"{printable(part, NAME_WIDTH)}"' for part in each) for each in (self._parts[name], parts)
            )
            rule = f"two markets would have one name, that of {one} and that of {other}"
            refuse(self._table.source, f"{self._table.word} {line}", name, rule, 'write joined_by: " | " or the like')
        return name


def _read_long(table: Table, source: DataSource) -> Cells:
    wanted = {"date": source.date or "", "value": source.value or ""}
    if source.market is None:
        places = find_columns(table, [*wanted.items()])
        name = source.value or ""
        if source.markets is not None:
            if len(source.markets) > 1:
                rule = f"names {listed(source.markets)}, and without the option market all rows are of one market"
                others = _others(table, places)
                fix = f"write market: COLUMN, one or more of {listed(others)}" if others else "leave markets out"
                refuse(table.source, "markets", ABSENT, rule, fix)
            name = source.markets[0]
        cells, id_places = Cells(table, Names([name]), source.value), []
    else:
        places = find_columns(table, [*wanted.items(), *(("market", name) for name in source.market)])
        cells, id_places = Cells(table, Names(source.markets or ()), source.value), places[2:]
    date_place, value_place = places[:2]
    chosen = source.markets is not None
    seen: set[str] = set()
    names = _Joined(table, source, id_places)
    for line, row in _rows(table):
        market = 0
        if id_places:
            name = names.of(row, line)
            found = cells.markets.find(name) if chosen else cells.markets.number(name)
            seen.add(name)
            if found is None:
                continue
            market = found
        text = row[date_place].strip() if date_place < len(row) else ""
        value = row[value_place].strip() if value_place < len(row) else ""
        cells.add(market, cells.date(text, line, table.names[date_place]), value, line)
        if len(cells.lines) > MOST_VALUES:
            cells.check_size()
    if id_places:
        _check_markets(table, source, seen)
    return cells


def _read_wide(table: Table, source: DataSource) -> Cells:
    date_place = None if source.date is None else find_columns(table, [("date", source.date)])[0]
    if source.markets is None:
        places = [place for place in range(len(table.names)) if place != date_place]
        unnamed = [place + 1 for place in places if not table.names[place]]
        if unnamed:
            rule = f"column {unnamed[0]} has no name, and every column but the dates is a market"
            refuse(table.source, "line 1", ABSENT, rule, _select([table.names[place] for place in places]))
        if not places:
            rule = "has no column beside the dates"
            refuse(table.source, "line 1", ABSENT, rule, "check separator, or add a column per market")
        find_columns(table, [("markets", table.names[place]) for place in places])
    else:
        places = find_columns(table, [("markets", name) for name in source.markets])
    names = [table.names[place] for place in places]
    cells = Cells(table, Names(names), is_wide=True)
    for number, (line, row) in enumerate(_rows(table)):
        if date_place is None:
            date = cells.date(str(number), line, "")
        else:
            text = row[date_place].strip() if date_place < len(row) else ""
            date = cells.date(text, line, table.names[date_place])
        for market, place in enumerate(places):
            cells.add(market, date, row[place].strip() if place < len(row) else "", line)
        if len(cells.lines) > MOST_VALUES:
            cells.check_size()
    return cells


def _read_rows(table: Table, source: DataSource) -> Cells:
    ids = source.market or ()
    id_places = find_columns(table, [("market", name) for name in ids])
    places, texts = _date_columns(table, source, id_places)
    chosen = source.markets is not None
    cells = Cells(table, Names(source.markets or ()))
    dates = [cells.date(text, 1, table.names[place]) for place, text in zip(places, texts, strict=True)]
    seen: dict[str, int] = {}
    names = _Joined(table, source, id_places)
    for line, row in _rows(table):
        name = names.of(row, line)
        if name in seen and (not chosen or cells.markets.find(name) is not None):
            columns = " and ".join(f'"{one}"' for one in ids)
            rule = f"two rows are of one market: {table.word}s {seen[name]} and {line} have the same {columns}"
            refuse(
                table.source,
                f"{table.word} {line}",
                name,
                rule,
                tell_apart(table, [*ids, *(table.names[one] for one in places)], ids),
            )
        seen[name] = line
        market = cells.markets.find(name) if chosen else cells.markets.number(name)
        if market is None:
            continue
        for date, place in zip(dates, places, strict=True):
            cells.add(market, date, row[place].strip() if place < len(row) else "", line)
        if len(cells.lines) > MOST_VALUES:
            cells.check_size()
    _check_markets(table, source, seen)
    return cells


def _date_columns(table: Table, source: DataSource, id_places: Sequence[int]) -> tuple[list[int], list[str]]:
    """Return the columns of dates, and the dates in their headers."""
    first, last = 0, len(table.names) - 1
    if source.first_date_column is not None:
        (first,) = find_columns(table, [("first_date_column", source.first_date_column)])
    if source.last_date_column is not None:
        (last,) = find_columns(table, [("last_date_column", source.last_date_column)])
    if first > last:
        rule = f'stands before first_date_column, "{table.names[first]}"'
        refuse(table.source, "last_date_column", table.names[last], rule, "exchange the two")
    prefix = source.date_prefix or ""
    places = [place for place in range(first, last + 1) if table.names[place].startswith(prefix)]
    if source.first_date_column is None:
        places = [place for place in places if place not in id_places]
    if not places:
        fix = f"columns are {listed(table.names)}"
        refuse(table.source, "date_prefix", prefix, "no column begins with it", fix)
    texts = [table.names[place][len(prefix) :] for place in places]
    doubled = (
        next((text for number, text in enumerate(texts) if text in texts[:number]), None)
        if len(set(texts)) < len(texts)
        else None
    )
    if doubled is not None:
        rule = "two columns have this date"
        refuse(table.source, f"{table.word} 1", prefix + doubled, rule, "keep one of them")
    return places, texts


def find_columns(table: Table, wanted: Sequence[tuple[str, str]]) -> list[int]:
    """Return the places of columns.

    Args:
        table: the table.
        wanted: option and header of every column.

    Raises:
        UnknownName: with a fault for every column that is not there.
        InvalidInput: a header stands twice, or the first line holds data.
    """
    by_name: dict[str, list[int]] = {}
    for place, name in enumerate(table.names):
        by_name.setdefault(name, []).append(place)
    unknown = [(option, name) for option, name in wanted if name.strip() not in by_name]
    if table.has_header:
        given = [name for name in table.names if name]
        data = [name for name in given if is_number(name) or is_a_date(name)]
        if data and (len(unknown) == len(wanted) or (len(data) == len(given) and len(given) > 1)):
            rule = "the first line of a demand table names its columns, and this one holds data"
            fix = 'write header: none and name columns by their numbers ("1", "2", …), or add a line of names'
            refuse(table.source, "line 1", data[0], rule, fix)
    if unknown and table.has_header:
        _check_later_header(table, {name.strip() for _, name in wanted})
    if unknown:
        names = [name for name in table.names if name]
        rule = "there is no such column"
        if not table.has_header:
            rule = f'with header: none columns are named "1" to "{len(names)}"'
        raise UnknownName([Fault(table.source, option, name, rule, suggest(name, names)) for option, name in unknown])
    for option, name in wanted:
        if len(by_name[name.strip()]) > 1:
            rule = f"{len(by_name[name.strip()])} columns have this name"
            refuse(table.source, option, name, rule, "give each column of the table a name of its own")
    places = [by_name[name.strip()][0] for _, name in wanted]
    for number, (option, name) in enumerate(wanted):
        if places[number] in places[:number]:
            other = wanted[places.index(places[number])][0]
            refuse(table.source, option, name, f"is the column of {other}, too", "name another column")
    return places


def _check_later_header(table: Table, wanted: set[str]) -> None:
    """Refuse a table whose names of columns stand below a title or a line of merged cells."""
    for line, row in table.opening():
        if wanted <= {cell.strip() for cell in row}:
            rule = "these names of columns stand in a later line than the first, which names the columns"
            fix = "remove the line above it" if line == 2 else f"remove the {line - 1} lines above it"
            refuse(table.source, f"{table.word} {line}", ABSENT, rule, fix)


def _rows(table: Table) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that hold anything; the first one shows whether it is a header after all."""
    first = True
    for line, row in table.rows:
        if not any(cell.strip() for cell in row):
            continue
        if first and not table.has_header:
            texts = [cell.strip() for cell in row if cell.strip()]
            if not any(is_number(text) or is_a_date(text) for text in texts):
                rule = "with header: none the first line holds data, and this one holds names"
                refuse(table.source, f"{table.word} {line}", ",".join(texts), rule, "remove header: none")
        first = False
        yield line, row


def _check_markets(table: Table, source: DataSource, seen: Sequence[str] | set[str] | dict[str, int]) -> None:
    """Refuse chosen markets that the table does not have, and rows without a market."""
    if source.markets is None:
        if any(not name.replace(source.joined_by, "").strip() for name in seen):
            columns = listed(source.market or ())
            refuse(
                table.source,
                "market",
                ABSENT,
                f"a row has no market in {columns}",
                "write its market, or remove the row",
            )
        return
    absent = [name for name in source.markets if name not in seen]
    if absent:
        rule = "is not in the table"
        if len(absent) > 1:
            rule += f" ({len(absent)} of {len(source.markets)} markets are not)"
        raise UnknownName([Fault(table.source, "markets", absent[0], rule, suggest(absent[0], sorted(seen)))])


def _others(table: Table, places: Sequence[int]) -> list[str]:
    return [name for place, name in enumerate(table.names) if place not in places and name]


def _select(names: Sequence[str]) -> str:
    shown = ", ".join(in_yaml(name) for name in names if name)
    return f"write which columns are markets, such as markets: [{shown}]"


def tell_apart(table: Table, used: Sequence[str | None], ids: Sequence[str]) -> str:
    """Return the advice for two rows of one market.

    Args:
        table: the table.
        used: columns that mean something already.
        ids: columns that name the market.
    """
    others = [name for name in table.names if name and name not in used]
    fix = "keep one of them, or add them up"
    if others:
        example = in_yaml(others[0])
        if ids:
            example = f"[{', '.join(in_yaml(name) for name in (*ids, others[0]))}]"
        fix += f"; if another column tells them apart ({listed(others)}), write market: {example} or the like"
    return fix
