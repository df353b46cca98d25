"""The advice as a file: a row per order line, with the warnings of its nodes, as CSV or as a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from arena.advice.result import Advice, AdviceWarning, OrderLine
from arena.errors import ABSENT, Fault, InvalidInput
from arena.results.files import WORKBOOK, Kind, Wanted, find_obstacles, read_head, replacing
from arena.results.writers import CsvWriter, SheetWriter, open_workbook, require_xlsxwriter

ORDER_COLUMNS: Final = ("today", *(name for name in OrderLine.model_fields), "warnings")
"""Columns of the table of orders."""
WARNING_COLUMNS: Final = ("what_if", "kind", "node", "controllers", "text")
"""Columns of the sheet of warnings."""


def _wrote_table(path: Path) -> bool:
    try:
        header = next(csv.reader(io.StringIO(read_head(path), newline="")), [])
    except csv.Error:
        return False
    return tuple(header) == ORDER_COLUMNS


ADVICE_TABLE: Final = Kind("table of orders", _wrote_table)
"""A file of orders as CSV."""
_KINDS: Final = {".csv": ADVICE_TABLE, ".xlsx": WORKBOOK}


def refuse_output(path: Path) -> None:
    """Refuse a file of orders that could not be written, before anybody is asked.

    Args:
        path: the file.

    Raises:
        ArenaError: it is a workbook and xlsxwriter is not installed.
        InvalidInput: the ending is another, or something else is in the way.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        rule = f"a file of orders ends with {' or '.join(_KINDS)}"
        raise InvalidInput([Fault(str(path), "", ABSENT, rule, "write --output orders.csv")])
    if kind is WORKBOOK:
        require_xlsxwriter()
    faults = find_obstacles([Wanted(path, kind)], "choose another place")
    if not faults and not path.resolve().parent.is_dir():
        faults = [
            Fault(str(path), "", ABSENT, "lies in a folder that is not there", "make the folder, or name another")
        ]
    if faults:
        raise InvalidInput(faults)


def write_advice(advice: Advice, path: Path) -> Path:
    """Write the orders; the ending of the file names the format. An earlier file of orders is replaced, and no other.

    A workbook has a sheet of orders and one of warnings.

    Args:
        advice: the orders.
        path: file that ends with `.csv` or `.xlsx`.

    Raises:
        ArenaError: the file cannot be written, or it is a workbook and xlsxwriter is not installed.
        InvalidInput: the ending is another, or something else is in the way.
    """
    refuse_output(path)
    by_node: dict[tuple[str, str], list[AdviceWarning]] = {}
    for one in advice.warnings:
        by_node.setdefault((one.what_if, one.node), []).append(one)
    rows = [_row(advice, line, by_node) for line in advice.lines]
    if path.suffix.lower() == ".csv":
        with replacing(path, ADVICE_TABLE) as file:
            writer = CsvWriter(file, ORDER_COLUMNS)
            writer.write_rows(rows)
            writer.close()
        return path
    with replacing(path, WORKBOOK) as file:
        workbook = open_workbook(file, path.resolve().parent)
        SheetWriter(workbook.add_worksheet("orders"), ORDER_COLUMNS).write_rows(rows)
        told = [[one.what_if, one.kind, one.node, ", ".join(one.controllers), one.text] for one in advice.warnings]
        SheetWriter(workbook.add_worksheet("warnings"), WARNING_COLUMNS).write_rows(told)
        workbook.close()
    return path


def _row(advice: Advice, line: OrderLine, warnings: Mapping[tuple[str, str], Sequence[AdviceWarning]]) -> list[Any]:
    """Return the cells of a line.

    With it stand the warnings of its buyer, of a supplier that cannot ship all of it, and of its controller.
    """
    own = [one for one in warnings.get((line.what_if, line.buyer), ()) if one.kind != "capacity"]
    is_short = line.ships is not None and line.ships < line.order
    supplier = warnings.get((line.what_if, line.supplier), ()) if is_short else ()
    asked = [one for one in supplier if one.kind == "capacity"]
    told = [
        one.text
        for one in (*own, *asked, *warnings.get((line.what_if, ""), ()))
        if not one.controllers or line.controller in one.controllers
    ]
    return [advice.today, *line.model_dump().values(), " | ".join(told)]
