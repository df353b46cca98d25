"""Tables in text files: encoding, separator, header and rows, read without guessing.

One reader for all tables of demand. A table whose author can choose its notation is told the option to write; one that
has a fixed notation (a `series` of one column) is told how to save it.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from arena.errors import ABSENT, LISTED_NAMES, Fault, InvalidInput, printable

NAME_WIDTH: Final = 40
"""Characters of a header that a message shows."""

_WORDS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}
_OPTIONS: Final = {",": '","', ";": '";"', "\t": "tab", "|": '"|"', " ": '" "'}
_PLAIN_YAML: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
# A web page that is called .xls or .csv is what some programs export; JSON begins with a mapping, or a list of them.
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<(?:!doctype|html|table|\?xml)\b|\{\s*\"|\[\s*[\[{])", re.IGNORECASE
)
_SEPARATOR_NOTE: Final = re.compile(r"\"?sep=(.)\"?", re.IGNORECASE)
_OPENING_ROWS: Final = 30
_OPENING_BYTES: Final = 100_000
_UTF8: Final = ("utf8", "utf8sig", "u8")


@dataclass(frozen=True)
class Notation:
    """How a table is written.

    Attributes:
        separator: character between columns.
        encoding: encoding of the text.
        has_header: whether the first line names the columns.
        can_choose: whether the author may write these options; messages name them then.
        largest: largest file, bytes.
        most_columns: most columns.
    """

    separator: str = ","
    encoding: str = "utf-8"
    has_header: bool = True
    can_choose: bool = False
    largest: int = 16 * 1024 * 1024
    most_columns: int = 1_000

    @property
    def is_utf8(self) -> bool:
        """Whether the text is UTF-8."""
        return re.sub("[-_ ]", "", self.encoding).casefold() in _UTF8


class Row(NamedTuple):
    """A row with the number of its line."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A table whose header has been read.

    Attributes:
        source: the file, for faults.
        names: its headers, stripped; without a header the numbers of the columns, from "1" on.
        rows: the rows, read as they are asked for, once; blank lines are left out.
        word: what messages call a row: `line`, or `row` in files that have no lines.
        has_header: whether the first line names the columns.
        opening: gives the first rows once more, the header among them, without any check; for messages.
    """

    source: str
    names: list[str]
    rows: Iterator[Row]
    word: str = "line"
    has_header: bool = True
    opening: Callable[[], Iterable[Row]] = tuple


def refuse(source: str, field: str, value: object, rule: str, fix: str) -> NoReturn:
    """Raise one fault.

    Raises:
        InvalidInput: always.
    """
    raise InvalidInput([Fault(source, field, value, rule, fix)]) from None


def listed(names: Iterable[str]) -> str:
    """Return names in quotes, at most twenty."""
    known = [f'"{printable(name, NAME_WIDTH)}"' for name in names if name]
    rest = len(known) - LISTED_NAMES
    return ", ".join(known[:LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def in_yaml(text: str) -> str:
    """Return a text as it is written in a YAML file."""
    return text if _PLAIN_YAML.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def read_content(path: Path, largest: int, fix: str = "give a smaller CSV file") -> bytes:
    """Return the bytes of a table.

    Raises:
        InvalidInput: it is no regular file, too large, cannot be read, or is a workbook or compressed.
    """
    source = str(path)
    try:
        if not path.is_file() or path.stat().st_size > largest:
            refuse(source, "", ABSENT, f"a demand table is a regular file of at most {largest} bytes", fix)
        content = path.read_bytes()
    except OSError as error:
        refuse(source, "", ABSENT, f"cannot be read: {error.strerror or error}", "check the path and its permissions")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        rule = "is a workbook (Excel or the like), not a CSV table"
        refuse(source, "", ABSENT, rule, 'save the table as "CSV UTF-8"')
    if _MARKUP.match(content):
        rule = "is a web page, JSON or the like, not a CSV table"
        refuse(source, "", ABSENT, rule, 'open it in a spreadsheet program, and save the table as "CSV UTF-8"')
    if content.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"(\xb5/\xfd")):
        refuse(source, "", ABSENT, "is a compressed file, not a CSV table", "unpack it")
    return content


def open_table(path: Path, notation: Notation, content: bytes | None = None) -> Table:
    """Read the header of a table; its rows are read as they are asked for.

    Args:
        path: the file.
        notation: how it is written.
        content: the bytes of the file, if they have been read.

    Raises:
        InvalidInput: with one fault, that the file is not such a table; some only show while rows are read.
    """
    source = str(path)
    if content is None:
        content = read_content(path, notation.largest)
    _check_encoding(source, content, notation)
    encoding = "utf-8-sig" if notation.is_utf8 else notation.encoding
    text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    try:
        first = next(
            (line for line in io.TextIOWrapper(io.BytesIO(content), encoding=encoding) if line.strip("\r\n")), ""
        )
    except UnicodeError:
        _refuse_encoding(source, content, notation)
    _check_note(source, first, notation)
    _check_separator(source, first, notation)
    reader = csv.reader(text, delimiter=notation.separator, skipinitialspace=notation.separator != " ")
    filled = _filled(source, reader, content, notation)
    header = next(filled, None)
    if header is None or not any(name.strip() for name in header.cells):
        rule = "is empty" if header is None else "the first line of a demand table names its columns, this one is blank"
        refuse(source, "", ABSENT, rule, "begin with a line of names, such as date,units; then a row per period")
    if len(header.cells) > notation.most_columns:
        rule = f"a demand table has at most {notation.most_columns} columns"
        refuse(source, "line 1", len(header.cells), rule, "keep the one that is needed")
    if notation.has_header:
        names = [name.strip() for name in header.cells]
        if notation.can_choose:  # A comma at the end of every line begins no column.
            while not names[-1]:
                names.pop()

        def opening() -> Iterator[Row]:
            start = io.TextIOWrapper(io.BytesIO(content[:_OPENING_BYTES]), encoding=encoding, errors="replace")
            again = csv.reader(start, delimiter=notation.separator, skipinitialspace=notation.separator != " ")
            return itertools.islice(_filled(source, again, content, notation), _OPENING_ROWS)

        return Table(source, names, _checked(source, names, filled), opening=opening)
    names = [str(place) for place in range(1, len(header.cells) + 1)]

    def rows() -> Iterator[Row]:
        yield header
        yield from _checked(source, names, filled, has_header=False)

    return Table(source, names, rows(), has_header=False)


def _check_encoding(source: str, content: bytes, notation: Notation) -> None:
    """Refuse what is UTF-16 or no text at all where UTF-8 is read, and the other way round."""
    looks_wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:1_000]
    if looks_wide and not re.match("utf[-_]?(16|32)", notation.encoding, re.IGNORECASE):
        fix = 'save the table as "CSV UTF-8"'
        if notation.can_choose:
            fix += ", or write encoding: utf-16"
        refuse(source, "", ABSENT, "is UTF-16 text or no text at all; a demand table is UTF-8", fix)
    if not looks_wide and content and re.match("utf[-_]?(16|32)", notation.encoding, re.IGNORECASE):
        fix = "remove encoding, or write the one that is meant"
        refuse(source, "encoding", notation.encoding, "the file shows no sign of this encoding", fix)


def _refuse_encoding(source: str, content: bytes, notation: Notation) -> NoReturn:
    """Refuse what cannot be decoded, with the line."""
    line = 1
    try:
        content.decode(notation.encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    fix = 'save the table as "CSV UTF-8"'
    if notation.is_utf8:
        if notation.can_choose:
            fix += ", or write encoding: latin-1 (or cp1252, or the one of the program that wrote it)"
        refuse(source, f"line {line}", ABSENT, "is not UTF-8 text (Latin-1 or the like)", fix)
    refuse(
        source, f"line {line}", ABSENT, f"is not text in the encoding {notation.encoding}", f"{fix} and remove encoding"
    )


def _check_note(source: str, first: str, notation: Notation) -> None:
    """Refuse a first line that names the separator, as spreadsheet programs read and write it."""
    note = _SEPARATOR_NOTE.fullmatch(first.strip("\r\n"))
    if note is None:
        return
    fix = "remove line 1"
    if notation.can_choose and note[1] != notation.separator and note[1] in _OPTIONS:
        fix += f" and write separator: {_OPTIONS[note[1]]}"
    rule = "is a note for spreadsheet programs, and the first line of a demand table names its columns"
    refuse(source, "line 1", first.strip(), rule, fix)


def _check_separator(source: str, first: str, notation: Notation) -> None:
    """Refuse a first line in which another separator stands more often than the one that is expected."""
    mine = notation.separator
    for other in (",", ";", "\t", "|"):
        if other == mine or first.count(other) <= first.count(mine):
            continue
        rule = f"columns are separated by {_WORDS[mine]}, here they are by {_WORDS[other]}"
        if not notation.can_choose:
            if other == ",":
                continue
            fix = "save the table with commas between columns and a point in decimal numbers"
        else:
            rule = f"columns here are separated by {_WORDS[other]}, and {_WORDS[mine]} are expected"
            fix = f"write separator: {_OPTIONS[other]}"
        refuse(source, "line 1", ABSENT, rule, fix)


def _filled(source: str, reader: Any, content: bytes, notation: Notation) -> Iterator[Row]:
    """Yield rows that are not blank lines; the reader is one of csv, whose type is not public."""
    line = 1
    try:
        for cells in reader:
            if cells:
                yield Row(line, cells)
            line = reader.line_num + 1  # A row of several lines is called by its first one.
    except csv.Error as error:
        refuse(source, f"line {reader.line_num}", ABSENT, f"is not a CSV table: {error}", "check quotes and line ends")
    except UnicodeError:
        _refuse_encoding(source, content, notation)


def _checked(source: str, names: list[str], rows: Iterable[Row], *, has_header: bool = True) -> Iterator[Row]:
    """Yield rows, and refuse one with more cells than there are columns."""
    width = len(names)
    for row in rows:
        if len(row.cells) > width and any(cell.strip() for cell in row.cells[width:]):
            first = "header" if has_header else "first line"
            rule = f"the {first} has {width} columns, and this row has {len(row.cells)} cells"
            fix = "write numbers with a decimal point and without thousands separators, and quote text with commas"
            refuse(source, f"line {row.line}", ",".join(row.cells), rule, fix)
        yield row
