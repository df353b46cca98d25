"""Broken state files: one message for each cause, which says what is wrong, where, and what to write."""

import re
from pathlib import Path

import pytest
from planner import STOCK, write_company

from arena.advice.advise import read_today
from arena.errors import InvalidInput

MAPPED = "tables:\n  - {file: state.csv, node: node, on_hand: on_hand, backlog: backlog, supplier: supplier"
MAPPED += ", on_order: on_order, arrival: arrival%s}\n"


def told(folder: Path, *, state: str = "state.csv", **options: str) -> list[str]:
    """The messages of a state file, one per fault."""
    with pytest.raises(InvalidInput) as caught:
        read_today(folder / "scenario.yaml", folder / state, **options)
    return [fault.describe() for fault in caught.value.faults]


def test_the_state_that_all_others_are_broken_from_is_read(tmp_path: Path) -> None:
    today = read_today(write_company(tmp_path), tmp_path / "state.csv")
    assert today.state.on_hand == (48, 9, 14)
    assert today.state.pipeline == ((0, 0, 24), (0, 8), (0,))
    assert today.state.backlog == (2, 0)
    assert today.world.calendar.label(0) == "2024-02-12"


CHANGES = {
    "unknown node": ("east,9", "eaast,9", 'is not a node of the world, got "eaast"; did you mean "east"?'),
    "missing node": (
        "west,14,0,,,\n",
        "",
        "every node that holds stock has a row with its units on hand; missing: west",
    ),
    "negative": ("west,14", "west,-14", "line 4, on_hand: must be 0 or more, got"),
    "negative order": ("mill,24", "mill,-24", "line 2, on_order: must be 0 or more, got"),
    "mark": (
        "west,14",
        "west,-",
        'line 4, on_hand: is a mark for no value, not a number, got "-"; write the quantity, or leave the cell empty',
    ),
    "text": ("west,14", "west,plenty", 'line 4, on_hand: must be a number, got "plenty"'),
    "not finite": ("west,14", "west,nan", "line 4, on_hand: must be a finite number"),
    "too large": ("west,14", "west,1e12", "line 4, on_hand: must be 1000000000 or less"),
    "decimal comma": (
        "west,14",
        'west,"14,5"',
        'must have a point before decimals, and this has a comma, got "14,5"; write decimal',
    ),
    "thousands": ("west,14", 'west,"1,400"', "must have no thousands separators"),
    "doubled node": (
        "west,14",
        "east,3,,,,\nwest,14",
        "line 4, on_hand: east has stock on two rows, the first is line 3; keep",
    ),
    "doubled order": (
        "west,14",
        "east,,,depot,4,2024-02-13\nwest,14",
        "an order of east from depot for this arrival stands on two rows",
    ),
    "doubled backlog": (
        "west,14",
        "east customers,,1,,,\nwest,14",
        "east customers has a backlog on two rows, the first is line 3",
    ),
    "arrival in the past": (
        "2024-02-13",
        "2024-02-09",
        'is in the past; the first period is 2024-02-12, got "2024-02-09"',
    ),
    "arrival too late": (
        "2024-02-13",
        "2024-02-20",
        "is 8 periods ahead; an order of today on the link depot to east arrives on 2024-02-14",
    ),
    "arrival of another form": ("2024-02-13", "13.02.2024", "is not an ISO date such as 2024-01-31"),
    "arrival that is no date": ("2024-02-13", "soon", "line 3, arrival: is not an ISO date"),
    "order without arrival": (
        ",2024-02-13",
        ",",
        "line 3, arrival: has units on order and no arrival; write when it arrives, as in 2024-02-13",
    ),
    "arrival without order": ("depot,8,", "depot,,", "line 3, on_order: has an arrival and no units on order"),
    "unknown supplier": (
        "depot,8",
        "dipot,8",
        'line 3, supplier: does not deliver to east, got "dipot"; did you mean "depot"?',
    ),
    "supplier of another": (
        "depot,8",
        "mill,8",
        'line 3, supplier: does not deliver to east, got "mill"; choose from "depot"',
    ),
    "backlog of a depot": (
        "depot,48,",
        "depot,48,3",
        "line 2, backlog: sells to no customers, so that nobody waits there",
    ),
    "backlog of who leaves": (
        "west,14,0",
        "west,14,1",
        "line 4, backlog: has a backlog, and its customers do not wait (lost_sales)",
    ),
    "stock of a supplier": (
        "west,14",
        "mill,5,,,,\nwest,14",
        'line 4, node: is a supplier that never runs out, whose stock is not kept, got "mill"',
    ),
    "stock of customers": ("west,14", "west customers,5,,,,\nwest,14", "is a market, whose stock is not kept"),
    "a row that says nothing": (
        "west,14,0",
        "west,,",
        "line 4: says nothing: it has neither stock nor backlog nor an order",
    ),
    "a row without a node": ("west,14", ",14", "line 4, node: has no node; write its name, or remove the row"),
    "unknown column": (
        "node,on_hand",
        "node,on_hnad",
        'line 1: is not a column of a state table, got "on_hnad"; did you mean "on_hand"?',
    ),
    "further column": (
        "arrival\n",
        "arrival,counted by\n",
        'is not a column of a state table, got "counted by"; remove it, or write a YAML file',
    ),
    "no column of nodes": ("node,on_hand,backlog", "on_hand,backlog", "line 1: has no column node"),
    "a column twice": ("backlog", "on_hand", "2 columns have this name"),
    "other headers": ("node,on_hand,backlog,supplier,on_order,arrival", "a,b,c,d,e,f", "none of them is here"),
    "other separator": (
        ",",
        ";",
        'separated by semicolons, and commas are expected; write separator: ";"; options stand in',
    ),
    "too many cells": ("west,14,0,,,", "west,14,0,,,,7", "the header has 6 columns, and this row has 7 cells"),
    "no rows": (STOCK.partition("\n")[2], "", "has a header and no rows"),
    "orders of customers": ("west,14", "west customers,,,west,3,2024-02-13\nwest,14", "orders from nobody"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_broken_state_has_one_message(tmp_path: Path, case: str) -> None:
    before, after, message = CHANGES[case]
    assert before in STOCK
    write_company(tmp_path, STOCK.replace(before, after))
    found = told(tmp_path)
    assert len(found) == 1, found
    assert message in found[0]


def test_a_cause_that_many_rows_show_is_told_once(tmp_path: Path) -> None:
    write_company(tmp_path, STOCK.replace("east,9", "east,x").replace("west,14", "west,y"))
    assert told(tmp_path) == ['line 3, on_hand: must be a number (2 rows), got "x"; write the quantity alone']


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    (tmp_path / "state.csv").write_bytes(b"\xef\xbb\xbf" + STOCK.replace("\n", "\r\n").encode())
    assert read_today(scenario, tmp_path / "state.csv").state.on_hand == (48, 9, 14)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; begin with a line of names, such as node,on_hand"),
        (b"\n\n", "is empty"),
        (b"PK\x03\x04", "is a workbook"),
        (b"PAR1", "is a Parquet file, and a state table is CSV text"),
        (b"\x1f\x8b", "is a compressed file"),
        ("node,on_hand\ndépôt,3\n".encode("latin-1"), "is not UTF-8 text"),
        ("node,on_hand\ndepot,3\n".encode("utf-16"), "is UTF-16 text or no text at all; a state table is UTF-8"),
        (b"depot,48\neast,9\nwest,14\n", "none of them is here"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    write_company(tmp_path)
    (tmp_path / "state.csv").write_bytes(content)
    found = told(tmp_path)
    assert len(found) == 1
    assert message in found[0]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    write_company(tmp_path)
    assert "there is no such file" in told(tmp_path, state="stat.csv")[0]


# --- mappings -----------------------------------------------------------------------------------------------------


def test_tables_of_other_names_and_notation_are_read_by_a_mapping(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    (tmp_path / "lager.csv").write_text(
        "Ort;Bestand;Zähler\ndepot;48,5;Kim\neast;9;Kim\nwest;14;Lee\n", encoding="utf-8"
    )
    (tmp_path / "bestellt.csv").write_text(
        "Nr;Von;An;Menge;Termin\n1;depot;east;8;13.02.24\n2;mill;depot;0;\n", "utf-8"
    )
    (tmp_path / "state.yaml").write_text(
        'today: 2024-02-12\ntables:\n  - {file: lager.csv, separator: ";", decimal: ",", node: Ort, on_hand: Bestand}\n'
        '  - {file: bestellt.csv, separator: ";", date_format: "%d.%m.%y", node: An, supplier: Von, on_order: Menge, '
        "arrival: Termin}\n",
        encoding="utf-8",
    )
    today = read_today(scenario, tmp_path / "state.yaml")
    assert today.state.on_hand == (48.5, 9, 14)
    assert today.state.pipeline[1] == (0, 8)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (MAPPED.replace("on_hand: on_hand", "on_hand: Stock") % "", 'on_hand: there is no such column, got "Stock"'),
        (MAPPED.replace("node: node, ", "") % "", "tables[0].node"),
        (MAPPED.replace("on_hand:", "on_hnd:") % "", "on_hnd"),
        (MAPPED.replace(", arrival: arrival", "") % "", "on_order goes with arrival"),
        (MAPPED % ", decimal: ','", "separates columns and decimals at once"),
        (MAPPED % ", date_format: day", "is not a format of dates"),
        (MAPPED % ", encoding: latin-99", "is not an encoding of text"),
        ("tables: []\n", "tables"),
        ("today: 2024-02-13\n" + MAPPED % "", "sales are recorded up to 2024-02-11"),
        (MAPPED.replace("supplier: supplier", "supplier: node") % "", "is the column of node, too"),
        ("tables:\n  - {file: state.csv, node: node}\n", "of backlog, of on_order, or of owed"),
        ("frequency: day\n" + MAPPED % "", "periods of a known length begin with a date"),
    ],
)  # fmt: skip
def test_a_broken_mapping_has_one_message(tmp_path: Path, mapping: str, message: str) -> None:
    write_company(tmp_path)
    (tmp_path / "state.yaml").write_text(mapping, encoding="utf-8")
    found = told(tmp_path, state="state.yaml")
    assert len(found) == 1, found
    assert message in found[0]


def test_numbers_of_periods_are_arrivals_too(tmp_path: Path) -> None:
    scenario = write_company(tmp_path, re.sub(r"2024-02-(\d\d)", lambda found: str(int(found[1]) - 12), STOCK))
    (tmp_path / "state.yaml").write_text(MAPPED % ", date_format: number", encoding="utf-8")
    assert read_today(scenario, tmp_path / "state.yaml").state.pipeline[0] == (0, 0, 24)


def test_a_date_given_beside_is_held_to_the_sales(tmp_path: Path) -> None:
    write_company(tmp_path)
    (found,) = told(tmp_path, today="2024-02-19")
    assert "sales are recorded up to 2024-02-11, and today would be the period after it, 2024-02-12" in found
