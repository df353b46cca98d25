"""Tables as lines of text at a given width: unfolded if they fit, folded in their columns, or a block per row.

Numbers are never broken, and nothing is ever cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Cell", "Drawing", "Layout", "fold", "lay_out", "least_width", "natural_width"]

_WIDE_GAP: Final = 3
_NARROW_GAP: Final = 2
_LEAST_TEXT: Final = 12
"""Columns of text are not folded to fewer characters than this."""
_INDENT: Final = 4
_LEAST_WIDTH: Final = 20
_JOINTS: Final = "-_/.,:"
"""Characters after which a long word is broken rather than elsewhere."""


@dataclass(frozen=True)
class Drawing:
    """A cell that is drawn at the width of its column, such as a bar.

    Attributes:
        draw: returns the text for a width, in characters.
        most: widest that it is drawn.
        least: narrowest that it is drawn.
    """

    draw: Callable[[int], str]
    most: int
    least: int = 8


Cell: TypeAlias = str | Drawing


@dataclass(frozen=True)
class Layout:
    """A table as lines.

    Attributes:
        heading: lines of headings, with the rule below; empty if every row is a block.
        body: lines of rows.
    """

    heading: tuple[str, ...]
    body: tuple[str, ...]


def lay_out(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    right: Sequence[str] = (),
    width: int | None = None,
    optional: Sequence[str] = (),
    title: int = 1,
    rule: str = "─",
) -> Layout:
    """Return a table as lines no wider than `width`.

    The first of these that fits is chosen: the table unfolded; headings folded at spaces; cells folded, too, of which
    those aligned to the right only at spaces; a block per row, in which the headings stand before the values.

    Args:
        columns: headings.
        rows: cells on one line each; a sequence per row.
        right: headings of columns that are aligned to the right.
        width: most characters per line, at least 20; None for as many as the table needs.
        optional: headings of columns that a table too wide leaves out if all rows say the same; this value is given in
            a line below the table.
        title: number of leading columns that head the block of a row.
        rule: character of the line below the headings.
    """
    limit = None if width is None else max(width, _LEAST_WIDTH)
    table = _Table(tuple(columns), tuple(map(tuple, rows)), frozenset(right))
    widths = table.natural()
    if limit is None or _total(widths, _WIDE_GAP) <= limit:
        return table.lines(widths, _WIDE_GAP, rule)
    table, below = table.without_constants(optional)
    folded = tuple(fold(below, limit)) if below else ()
    widths = table.natural()
    if _total(widths, _WIDE_GAP) <= limit:
        laid = table.lines(widths, _WIDE_GAP, rule)
    elif _total(table.least(), _NARROW_GAP) <= limit:
        widths = _shrink(widths, table.unfolded(), limit, _NARROW_GAP)
        widths = table.tightened(_shrink(widths, table.least(), limit, _NARROW_GAP), limit)
        laid = table.lines(widths, _NARROW_GAP, rule)
    else:
        laid = Layout((), tuple(table.blocks(limit, title)))
    return Layout(laid.heading, (*laid.body, *folded))


def natural_width(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
    """Return the characters per line of a table of which nothing is folded.

    Args:
        columns: headings.
        rows: cells; a sequence per row.
    """
    return _total(_Table(tuple(columns), tuple(map(tuple, rows)), frozenset()).natural(), _WIDE_GAP)


def least_width(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[str] = ()) -> int:
    """Return the characters per line below which a table is no longer shown as one, but as a block per row.

    Args:
        columns: headings.
        rows: cells; a sequence per row.
        right: headings of columns that are aligned to the right.
    """
    return _total(_Table(tuple(columns), tuple(map(tuple, rows)), frozenset(right)).least(), _NARROW_GAP)


def fold(text: str, width: int, indent: int = 0) -> list[str]:
    """Return text as lines of at most `width` columns of a terminal, broken at spaces where possible.

    Args:
        text: one line; several spaces in a row become one.
        width: most columns per line.
        indent: spaces before every line but the first.
    """
    from rich.cells import cell_len

    lines: list[str] = []
    line, room = "", width
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) <= room:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
            room = width - indent
        line = word
        while cell_len(line) > room:
            place = _break(line, room)
            lines.append(line[:place])
            line, room = line[place:], width - indent
    lines.append(line)
    return [lines[0], *(" " * indent + one for one in lines[1:])]


def _break(word: str, room: int) -> int:
    """Return where a word is broken: after the last joint in the second half of the room, else where the room ends."""
    from rich.cells import cell_len

    end = 1
    while end < len(word) and cell_len(word[: end + 1]) <= room:
        end += 1
    joints = [place for place in range(max(1, end // 2), end + 1) if word[place - 1] in _JOINTS]
    return joints[-1] if joints else end


@dataclass(frozen=True)
class _Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: frozenset[str]

    def natural(self) -> list[int]:
        """Return the widths at which nothing is folded."""
        from rich.cells import cell_len

        return [max(cell_len(self.columns[place]), *self._lengths(place)) for place in range(len(self.columns))]

    def unfolded(self) -> list[int]:
        """Return the widths at which headings alone are folded."""
        return [max(_longest_word(self.columns[place]), *self._lengths(place)) for place in range(len(self.columns))]

    def least(self) -> list[int]:
        """Return the smallest widths at which a table can still be read."""
        widths = []
        for place, column in enumerate(self.columns):
            cells = [row[place] for row in self.rows]
            needed = [cell.least if isinstance(cell, Drawing) else _longest_word(cell) for cell in cells]
            most = max(needed, default=0)
            texts = column not in self.right and not any(isinstance(cell, Drawing) for cell in cells)
            widths.append(max(_longest_word(column), min(most, _LEAST_TEXT) if texts else most))
        return widths

    def _lengths(self, place: int) -> list[int]:
        from rich.cells import cell_len

        cells = [row[place] for row in self.rows]
        return [0, *(cell.most if isinstance(cell, Drawing) else cell_len(cell) for cell in cells)]

    def without_constants(self, optional: Sequence[str]) -> tuple[_Table, str]:
        """Return the table without optional columns in which all rows agree, and a line that says in what."""
        dropped = {
            place: str(self.rows[0][place])
            for place, column in enumerate(self.columns)
            if column in optional and self.rows and len({row[place] for row in self.rows}) == 1
        }
        kept = [place for place in range(len(self.columns)) if place not in dropped]
        columns = tuple(self.columns[place] for place in kept)
        rows = tuple(tuple(row[place] for place in kept) for row in self.rows)
        below = ", ".join(f"{self.columns[place]} {value}" for place, value in dropped.items())
        return _Table(columns, rows, self.right), f"all rows: {below}" if below else ""

    def tightened(self, widths: Sequence[int], limit: int) -> list[int]:
        """Return widths without the room that folded columns do not use; columns of text get it."""
        from rich.cells import cell_len

        tight = []
        for place, (column, width) in enumerate(zip(self.columns, widths, strict=True)):
            cells = [row[place] for row in self.rows]
            texts = [column, *(cell for cell in cells if isinstance(cell, str))]
            drawn = [width for cell in cells if isinstance(cell, Drawing)]
            tight.append(max([*drawn, *(cell_len(line) for text in texts for line in _cell_lines(text, width))]))
        natural = self.natural()
        for place, column in enumerate(self.columns):
            spare = limit - _total(tight, _NARROW_GAP)
            if column not in self.right:
                tight[place] += max(0, min(spare, natural[place] - tight[place]))
        return tight

    def lines(self, widths: Sequence[int], gap: int, rule: str) -> Layout:
        """Return the table at these widths; headings stand at the bottom of their lines, cells at the top."""
        heads = [fold(column, width) for column, width in zip(self.columns, widths, strict=True)]
        height = max(map(len, heads), default=1)
        heads = [[""] * (height - len(head)) + head for head in heads]
        heading = self._side_by_side(heads, widths, gap)
        body: list[str] = []
        for row in self.rows:
            cells = [
                [cell.draw(width)] if isinstance(cell, Drawing) else _cell_lines(cell, width)
                for cell, width in zip(row, widths, strict=True)
            ]
            body += self._side_by_side(cells, widths, gap)
        return Layout((*heading, rule * _total(widths, gap)), tuple(body))

    def _side_by_side(self, cells: Sequence[Sequence[str]], widths: Sequence[int], gap: int) -> list[str]:
        from rich.cells import cell_len

        lines = []
        for number in range(max(map(len, cells), default=1)):
            parts = []
            for column, cell, width in zip(self.columns, cells, widths, strict=True):
                text = cell[number] if number < len(cell) else ""
                padding = " " * (width - cell_len(text))
                parts.append(padding + text if column in self.right else text + padding)
            lines.append((" " * gap).join(parts).rstrip())
        return lines

    def blocks(self, width: int, title: int) -> list[str]:
        """Return a block of lines per row: the title, then headings with their values."""
        lines: list[str] = []
        for row in self.rows:
            texts = [cell.draw(cell.least) if isinstance(cell, Drawing) else cell for cell in row]
            lines += fold(" ".join(text for text in texts[:title] if text), width, _INDENT)
            pairs = zip(self.columns[title:], texts[title:], strict=True)
            said = [f"{column}: {text}" if column else text for column, text in pairs if text]
            lines += _flow(said, width)
        return lines


def _flow(parts: Sequence[str], width: int) -> list[str]:
    """Return parts joined by semicolons, indented, and broken between parts where possible."""
    from rich.cells import cell_len

    room = width - _INDENT
    lines: list[str] = []
    for number, part in enumerate(parts):
        text = part if number == len(parts) - 1 else f"{part};"
        if lines and cell_len(lines[-1]) + 1 + cell_len(text) <= room:
            lines[-1] += f" {text}"
        else:
            lines += fold(text, room, 2)
    return [" " * _INDENT + line for line in lines]


def _cell_lines(text: str, width: int) -> list[str]:
    """Return a cell as lines, as it is if it fits, since its spaces may mean something."""
    from rich.cells import cell_len

    return [text] if cell_len(text) <= width else fold(text, width)


def _shrink(widths: Sequence[int], floors: Sequence[int], limit: int, gap: int) -> list[int]:
    """Take from the columns that are widest above their floors until all fit, or all stand at their floors."""
    shrunk = list(widths)
    while _total(shrunk, gap) > limit:
        slack = [width - floor for width, floor in zip(shrunk, floors, strict=True)]
        if max(slack, default=0) <= 0:
            break
        shrunk[slack.index(max(slack))] -= 1
    return shrunk


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * max(0, len(widths) - 1)


def _longest_word(text: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, text.split()), default=0)
