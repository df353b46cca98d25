"""Numbers in the cells of a table: how they are written, and the rules that a quantity keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from arena.schemas import LARGEST

_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_COMMA_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][-+]?[0-9]+)?")
_PLAIN: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?")
_PLAIN_WITH_COMMA: Final = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,20})?")
_FIRST_CHARACTERS: Final = frozenset("+-.,0123456789nNiI")
_NOT_FINITE: Final = re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_NO_VALUE: Final = re.compile(r"n/?a|n\.a\.|#[A-Z0-9/]+[!?]?|null|none|[-\u2013\u2014?.*]+", re.IGNORECASE)
# Groups of three digits with commas, points, spaces or the like between them.
_GROUPS: Final = "[0-9]{1,3}([, \u00a0\u2009\u202f'\u2019_])[0-9]{3}(?:\\1[0-9]{3})*(?:[.,][0-9]*)?"
# A decimal comma, or groups.
_OTHER_NOTATION: Final = re.compile(f"[-+]?(?:[0-9]+(?:\\.[0-9]{{3}})*,[0-9]+|{_GROUPS})")
_OTHER_COMMA_NOTATION: Final = re.compile(
    f"[-+]?(?:[0-9]+(?:,[0-9]{{3}})*\\.[0-9]+(?:\\.[0-9]+)*(?:,[0-9]*)?|{_GROUPS})"
)
_DECIMAL_COMMA: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]{3})*,(?![0-9]{3}$)[0-9]+")


class Rule(NamedTuple):
    """A rule of a cell with a quantity.

    Attributes:
        test: whether a cell keeps it; it is asked only of cells that keep the rules before it.
        rule: the rule in words.
        fix: how to mend a cell that breaks it.
    """

    test: Callable[[str], object]
    rule: str
    fix: str


EMPTY: Final = Rule(lambda cell: cell, "must not be empty", "write 0 where nothing was asked for, else an estimate")
_ABSENT: Final = "leave the cell empty and write missing: zero or missing: previous"
_FINITE: Final = Rule(lambda cell: not _NOT_FINITE.fullmatch(cell), "must be a finite number", "write the quantity")
_NOTATION: Final = Rule(
    lambda cell: not _OTHER_NOTATION.fullmatch(cell),
    "must have no thousands separators, and a point before decimals",
    "write 1250 for 1,250 and 12.5 for 12,5",
)
_IS_NUMBER: Final = Rule(_NUMBER.fullmatch, "must be a number", "write the quantity alone")
_NOT_NEGATIVE: Final = Rule(
    lambda cell: float(cell) >= 0, "must be 0 or more", "write 0 for a return, or take it off the period of its sale"
)
_NOT_LARGE: Final = Rule(
    lambda cell: abs(float(cell)) <= LARGEST, f"must be {LARGEST:.0f} or less", "count in larger units"
)

SERIES_RULES: Final = (EMPTY, _FINITE, _NOTATION, _IS_NUMBER, _NOT_NEGATIVE, _NOT_LARGE)
"""Rules of a cell where nothing can be chosen: a decimal point, and no cell left empty."""


def is_number(cell: str) -> bool:
    """Tell whether a cell holds a number in any notation, finite or not."""
    # The first character settles most cells, ten times faster.
    return cell[:1] in _FIRST_CHARACTERS and any(
        pattern.fullmatch(cell) for pattern in (_NUMBER, _NOT_FINITE, _OTHER_NOTATION)
    )


def is_plain(cell: str, decimal: str) -> bool:
    """Tell whether a cell is a few digits with or without decimals, which keep all rules: most cells of most tables."""
    return (_PLAIN if decimal == "." else _PLAIN_WITH_COMMA).fullmatch(cell) is not None


def read_number(cell: str, decimal: str) -> float:
    """Return the value of a cell that keeps the rules of its notation."""
    return float(cell.replace(",", ".") if decimal == "," else cell)


def quantity_rules(decimal: str, negative: str, cells: Sequence[str], *, absent: str = _ABSENT) -> tuple[Rule, ...]:
    """Return the rules of cells of a table whose notation its author has written.

    Args:
        decimal: the character before decimals.
        negative: `error` or `zero`.
        cells: the cells, each once; the advice depends on how they are written.
        absent: what to do with a cell that has no value.
    """
    finite = _FINITE._replace(fix=absent)
    if decimal == ",":
        number = Rule(_COMMA_NUMBER.fullmatch, "must be a number", _IS_NUMBER.fix)
        notation = Rule(
            lambda cell: _COMMA_NUMBER.fullmatch(cell) or not _OTHER_COMMA_NOTATION.fullmatch(cell),
            "must have no thousands separators, and a comma before decimals, as decimal says",
            'write 1250 for 1.250; if points stand before decimals, write decimal: "."',
        )
    else:
        number = _IS_NUMBER
        notation = _notation_with_point(cells)
    # A dash, n/a and the errors of spreadsheets stand for no value, each in the words of its program.
    marked = Rule(lambda cell: not _NO_VALUE.fullmatch(cell), "is a mark for no value, not a number", finite.fix)
    rules = [finite, marked, notation, number]
    if negative == "error":
        rule = "must be 0 or more, and this is a return"
        fix = "write negative: zero to take it as 0, or take returns off the period of their sale"
        rules.append(Rule(lambda cell: read_number(cell, decimal) >= 0, rule, fix))
    rules.append(_NOT_LARGE._replace(test=lambda cell: abs(read_number(cell, decimal)) <= LARGEST))
    return tuple(rules)


def _notation_with_point(cells: Sequence[str]) -> Rule:
    if any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells):
        return _NOTATION._replace(
            rule="must have a point before decimals, and this has a comma", fix='write decimal: ","'
        )
    return _NOTATION._replace(
        rule="must have no thousands separators",
        fix='save the numbers without them (1250 for 1,250); if the comma stands before decimals, write decimal: ","',
    )
