"""Broken tables of demand: each has one message with cause and fix, and a sibling that is mended and read."""

import codecs
import gzip
from typing import Any, NamedTuple

import pytest

from arena.errors import InvalidInput
from arena.world.data import parse_data_source, read_data

LONG = {"layout": "long", "date": "day", "market": "shop", "value": "units"}
WIDE = {"layout": "wide", "date": "day"}
ROWS = {"layout": "rows", "market": "shop", "first_date_column": "2024-01-01"}
M5 = {"layout": "rows", "market": ["item", "shop"], "date_prefix": "d_", "date_format": "number"}

GOOD_LONG = "day,shop,units\n2024-01-01,a,5\n2024-01-02,a,6\n2024-01-03,a,7\n"
GOOD_WIDE = "day,a,b\n2024-01-01,5,1\n2024-01-02,6,2\n2024-01-03,7,3\n"
GOOD_ROWS = "shop,2024-01-01,2024-01-02,2024-01-03\na,5,6,7\nb,1,2,3\n"
GOOD_FLAGS = "day,shop,units\n2024-01-01,a,1\n2024-01-02,a,0\n2024-01-03,a,true\n"


class Case(NamedTuple):
    """A broken table, its options, its message, and what is changed to mend it: content, options or both."""

    name: str
    content: str | bytes
    options: dict[str, Any]
    message: str
    mended: str | bytes | None = None
    options_to_write: dict[str, Any] = {}  # noqa: RUF012 - a default that nobody changes
    flags: str | None = None
    mended_flags: str | None = None


def swap(text, old, new):
    assert old in text
    return text.replace(old, new)


TEXT = [
    Case(
        "semicolons",
        swap(GOOD_LONG, ",", ";"),
        LONG,
        r'line 1: columns here are separated by semicolons, and commas are expected; write separator: ";"',
        options_to_write={"separator": ";"},
    ),
    Case(
        "commas where semicolons are written",
        GOOD_LONG,
        LONG | {"separator": ";"},
        r'line 1: columns here are separated by commas, and semicolons are expected; write separator: ","',
        options_to_write={"separator": ","},
    ),
    Case(
        "tabs",
        swap(GOOD_LONG, ",", "\t"),
        LONG,
        r"by tabs, .*; write separator: tab",
        options_to_write={"separator": "tab"},
    ),
    Case("bars", swap(GOOD_WIDE, ",", "|"), WIDE, r'write separator: "\|"', options_to_write={"separator": "|"}),
    Case(
        "Latin-1",
        swap(GOOD_LONG, ",a,", ",Málaga,").encode("latin-1"),
        LONG,
        r"line 2: is not UTF-8 text .*; "
        r"save .*, or write encoding: latin-1",
        options_to_write={"encoding": "latin-1"},
    ),
    Case(
        "UTF-16",
        GOOD_LONG.encode("utf-16"),
        LONG,
        r'is UTF-16 text .*; save the table as "CSV UTF-8", or write encoding: utf-16',
        options_to_write={"encoding": "utf-16"},
    ),
    Case(
        "UTF-8 where UTF-16 is written",
        GOOD_LONG,
        LONG | {"encoding": "utf-16"},
        r'encoding: the file shows no sign of this encoding, got "utf-16"; remove encoding',
        options_to_write={"encoding": "utf-8"},
    ),
    Case("workbook", b"PK\x03\x04 and the rest", LONG, r'is a workbook .*; save the table as "CSV UTF-8"', GOOD_LONG),
    Case("compressed", gzip.compress(GOOD_LONG.encode()), LONG, r"is a compressed file.*; unpack it", GOOD_LONG),
    Case("no bytes", "", LONG, r"is empty; begin with a line of names", GOOD_LONG),
    Case("header only", "day,shop,units\n", LONG, r"has a header and no rows; add rows below", GOOD_LONG),
    Case("blank header", ",,\n2024-01-01,a,5\n", LONG, r"names its columns, this one is blank; begin", GOOD_LONG),
    Case(
        "too many cells",
        swap(GOOD_LONG, ",6\n", ",6,5\n"),
        LONG,
        r"line 3: the header has 3 columns, and this row has 4 cells, got .*; write numbers with a decimal point",
        GOOD_LONG,
    ),
    Case(
        "open quote",
        GOOD_LONG + '2024-01-04,a,"5\n' + "5" * 140_000,
        LONG,
        r"is not a CSV table: .*check quotes",
        GOOD_LONG,
    ),
    Case(
        "open quote of a short cell",
        swap(GOOD_LONG, "02,a,6", '02,a,"6'),
        LONG,
        r'line 3: a cell goes on in the next line: a quotation mark opens in it and does not close, got "6\\n',
        GOOD_LONG,
    ),
    Case(
        "note of a spreadsheet program",
        "sep=;\n" + swap(GOOD_LONG, ",", ";"),
        LONG,
        r'line 1: is a note for spreadsheet programs, .*; remove line 1 and write separator: ";"',
        swap(GOOD_LONG, ",", ";"),
        {"separator": ";"},
    ),
    Case(
        "web page",
        "<html><table><tr><td>day</td></tr></table></html>",
        LONG,
        r"is a web page, JSON .*; open",
        GOOD_LONG,
    ),
    Case("JSON", '[{"day": "2024-01-01", "units": 3}]', LONG, r"is a web page, JSON or the like, not a CSV", GOOD_LONG),
]

COLUMNS = [
    Case(
        "title above the header",
        "Sales of 2024\n\n" + GOOD_LONG,
        LONG,
        r"line 3: these names of columns stand in a later line than the first, .*; remove the 2 lines above it",
        GOOD_LONG,
    ),
    Case(
        "merged cells above the header",
        ",North,\n" + GOOD_WIDE,
        WIDE,
        r"line 2: these names of columns stand in a later line than the first, .*; remove the line above it",
        GOOD_WIDE,
    ),
    Case(
        "two markets that get one name",
        "item,shop,d_1,d_2\nx/y,z,5,6\nx,y/z,7,8\n",
        M5,
        r'line 3: two markets would have one name, that of "x/y" and "z" and that of "x" and .*; write joined_by',
        options_to_write={"joined_by": " | "},
    ),
    Case(
        "two markets that get one name and share no date",
        "day,item,shop,units\n2024-01-01,x/y,z,5\n2024-01-02,x/y,z,5\n2024-01-01,x,y/z,5\n2024-01-02,x,y/z,5\n",
        LONG | {"market": ["item", "shop"]},
        r"line 4: two markets would have one name",
        options_to_write={"joined_by": " | "},
    ),
    Case(
        "markets named and no other column",
        "day,units\n2024-01-01,5\n2024-01-02,6\n",
        {"layout": "long", "date": "day", "value": "units", "markets": ["a", "b"]},
        r"and without the option market all rows are of one market; leave markets out",
        options_to_write={"markets": ["a"]},
    ),
    Case(
        "no header",
        GOOD_LONG.split("\n", 1)[1],
        LONG,
        r'line 1: the first line .* holds data, got "2024-01-01"; write header: none and name columns by their numbers',
        options_to_write={"header": "none", "date": 1, "market": 2, "value": 3},
    ),
    Case(
        "header where none is written",
        GOOD_LONG,
        LONG | {"header": "none", "date": 1, "market": 2, "value": 3},
        r'line 1: with header: none the first line holds data, .*got "day,shop,units"; remove header: none',
        options_to_write=LONG | {"header": "first_line"},
    ),
    Case(
        "column that is not there",
        GOOD_LONG,
        LONG | {"value": "unit"},
        r'value: there is no such column, got "unit"; did you mean "units"\?',
        options_to_write={"value": "units"},
    ),
    Case(
        "number that is no column",
        GOOD_LONG.split("\n", 1)[1],
        LONG | {"header": "none", "date": 1, "market": 2, "value": 4},
        r'value: with header: none columns are named "1" to "3", got "4"',
        options_to_write={"value": 3},
    ),
    Case(
        "doubled header",
        "day,units,units\n2024-01-01,5,6\n2024-01-02,5,6\n",
        {"layout": "long", "date": "day", "value": "units"},
        r"value: 2 columns have this name, got \"units\"; give each column of the table a name of its own",
        "day,units,returns\n2024-01-01,5,6\n2024-01-02,5,6\n",
    ),
    Case(
        "one column for two things",
        GOOD_LONG,
        LONG | {"value": "shop"},
        r'market: is the column of value, too, got "shop"; name another column',
        options_to_write={"value": "units"},
    ),
    Case(
        "column of text in a wide table",
        "day,a,note\n2024-01-01,5,full\n2024-01-02,6,full\n",
        WIDE,
        r'markets: every column but the dates is a market, and "note" has no numbers; .*markets: \[a\]',
        options_to_write={"markets": ["a"]},
    ),
    Case(
        "column of text with a gap",
        "day,a,note\n2024-01-01,5,full\n2024-01-02,6,\n",
        WIDE,
        r'markets: every column but the dates is a market, and "note" has no numbers; .*markets: \[a\]',
        options_to_write={"markets": ["a"]},
    ),
    Case(
        "column without a name",
        swap(GOOD_WIDE, "day,a,b", "day,,b"),
        WIDE,
        r"line 1: column 2 has no name, .*; write which columns are markets, such as markets: \[b\]",
        options_to_write={"markets": ["b"]},
    ),
    Case(
        "dates alone", "day\n2024-01-01\n", WIDE, r"line 1: has no column beside the dates; check separator", GOOD_WIDE
    ),
    Case(
        "prefix of no column",
        "item,shop,d_1,d_2\nx,a,5,6\n",
        M5 | {"date_prefix": "day_"},
        r'date_prefix: no column begins with it, got "day_"; columns are "item", "shop", "d_1", "d_2"',
        options_to_write={"date_prefix": "d_"},
    ),
    Case(
        "columns the wrong way round",
        GOOD_ROWS,
        ROWS | {"first_date_column": "2024-01-02", "last_date_column": "2024-01-01"},
        r'last_date_column: stands before first_date_column, "2024-01-02", .*; exchange the two',
        options_to_write={"first_date_column": "2024-01-01", "last_date_column": "2024-01-02"},
    ),
    Case(
        "market not in the table",
        GOOD_LONG,
        LONG | {"markets": ["A", "c"]},
        r'markets: is not in the table \(2 of 2 markets are not\), got "A"; did you mean "a"\?',
        options_to_write={"markets": ["a"]},
    ),
    Case(
        "several markets and no column of them",
        GOOD_LONG,
        {"layout": "long", "date": "day", "value": "units", "markets": ["a", "b"]},
        r'markets: names "a", "b", and without .*; write market: COLUMN, one or more of "shop"',
        options_to_write={"market": "shop", "markets": ["a"]},
    ),
    Case(
        "row without a market",
        swap(GOOD_LONG, "02,a", "02,"),
        LONG,
        r'market: a row has no market in "shop"; write its market, or remove the row',
        GOOD_LONG,
    ),
    Case(
        "endless name",
        swap(GOOD_LONG, ",a,", f",{'a' * 201},"),
        LONG,
        r'market: the name of a market has at most 200 characters, got "a+…"; name another column',
        swap(GOOD_LONG, ",a,", f",{'a' * 200},"),
    ),
]

CELLS = [
    Case(
        "decimal commas",
        'day,shop,units\n2024-01-01,a,"12,5"\n2024-01-02,a,"1,25"\n',
        LONG,
        r'line 2, units: must have a point before decimals, .* \(2 of 2 cells .*got "12,5"; write decimal: ","',
        mended="day,shop,units\n2024-01-01,a,12.5\n2024-01-02,a,1.25\n",
    ),
    Case(
        "decimal commas between semicolons",
        "day;shop;units\n2024-01-01;a;12,5\n2024-01-02;a;1,25\n",
        LONG | {"separator": ";"},
        r'must have a point before decimals, .*got "12,5"; write decimal: ","',
        options_to_write={"decimal": ","},
    ),
    Case(
        "decimal points where commas are written",
        "day;shop;units\n2024-01-01;a;12.5\n2024-01-02;a;1.25\n",
        LONG | {"separator": ";", "decimal": ","},
        r'a comma before decimals, as decimal says .*got "12.5"; .*write decimal: "."',
        options_to_write={"decimal": "."},
    ),
    Case(
        "thousands separators",
        'day,shop,units\n2024-01-01,a,"1,250"\n2024-01-02,a,"1,300"\n',
        LONG,
        r'must have no thousands separators \(2 of 2 .*got "1,250"; save the numbers without them',
        "day,shop,units\n2024-01-01,a,1250\n2024-01-02,a,1300\n",
    ),
    Case(
        "words",
        swap(GOOD_LONG, ",6", ",closed"),
        LONG,
        r'line 3, units: must be a number, got "closed"; write',
        GOOD_LONG,
    ),
    Case(
        "not a number",
        swap(GOOD_LONG, ",6", ",NaN"),
        LONG,
        r"line 3, units: must be a finite number, .*; leave the cell empty and write missing: zero",
        swap(GOOD_LONG, ",6", ","),
        {"missing": "zero"},
    ),
    Case(
        "mark for no value",
        swap(GOOD_LONG, ",6", ",#N/A"),
        LONG,
        r'line 3, units: is a mark for no value, not a number, got "#N/A"; leave the cell empty',
        swap(GOOD_LONG, ",6", ","),
        {"missing": "zero"},
    ),
    Case("dash", swap(GOOD_LONG, ",6", ",-"), LONG, r"line 3, units: is a mark for no value", GOOD_LONG),
    Case(
        "returns",
        swap(GOOD_LONG, ",6", ",-6"),
        LONG,
        r'line 3, units: must be 0 or more, and this is a return, got "-6"; write negative: zero',
        options_to_write={"negative": "zero"},
    ),
    Case(
        "too large", swap(GOOD_LONG, ",6", ",6e9"), LONG, r"must be 1000000000 or less, .*; count in larger", GOOD_LONG
    ),
    Case(
        "empty cell",
        swap(GOOD_WIDE, ",6,", ",,"),
        WIDE,
        r"missing: 1 of 6 values are missing, the first is that of a in 2024-01-02; write missing: zero .* previous",
        options_to_write={"missing": "previous"},
    ),
    Case(
        "nothing before the first",
        swap(GOOD_WIDE, ",5,", ",,"),
        WIDE | {"missing": "previous"},
        r'missing: previous fills from the period before, and data of "a" begin later .*; write missing: zero',
        options_to_write={"missing": "zero"},
    ),
]

DATES = [
    Case(
        "row of sums",
        GOOD_WIDE + "Total,18,6\n",
        WIDE,
        r'line 5, day: is not a date, got "Total"; remove the row if it is a sum or a note',
        GOOD_WIDE,
    ),
    Case(
        "dates in two ways",
        "day,shop,units\n2024-01-01,a,5\n02.01.2024,a,6\n03.01.2024,a,7\n",
        LONG,
        r"line 3, day: dates are written in several ways: 2024-01-01 is an ISO date, and this is not \(2 of 3",
        GOOD_LONG,
    ),
    Case(
        "leap day of another year",
        swap(GOOD_LONG, "2024-01-03", "2023-02-29"),
        LONG,
        r'line 4, day: is no day, week or month of the calendar, got "2023-02-29"; mend it',
        GOOD_LONG,
    ),
    Case(
        "quarters",
        "day,shop,units\n2024-Q1,a,5\n2024-Q2,a,6\n",
        LONG,
        r"number the periods and write date_format: number: quarters are no length of a period",
        "day,shop,units\n1,a,5\n2,a,6\n",
        {"date_format": "number"},
    ),
    Case(
        "first days of quarters",
        "day,shop,units\n2024-01-01,a,5\n2024-04-01,a,6\n2024-07-01,a,6\n",
        LONG,
        r"frequency: .* in doubt: 91 days \(2 ×\); number the periods and write date_format: number",
        "day,shop,units\n1,a,5\n2,a,6\n3,a,6\n",
        {"date_format": "number"},
    ),
    Case(
        "years",
        "day,shop,units\n2022,a,5\n2023,a,6\n",
        LONG | {"date_format": "%Y"},
        r"date_format: does not tell the months of a year apart, .*; write date_format: number if",
        options_to_write={"date_format": "number"},
    ),
    Case(
        "last working days of months",
        "day,a\n2024-01-31,5\n2024-02-29,6\n2024-03-29,7\n",
        WIDE,
        r"frequency: the steps between dates leave the frequency in doubt: 29 days \(2 ×\); write frequency",
        "day,a\n2024-01-31,5\n2024-02-29,6\n2024-03-31,7\n",
    ),
    Case(
        "dates of two millennia",
        "day,a\n0001-01-01,5\n9999-12-31,6\n",
        WIDE,
        r"frequency: .* in doubt: 3652058 days",
        "day,a\n9999-12-30,5\n9999-12-31,6\n",
    ),
    Case(
        "months in another language",
        "day,shop,units\n1 Mar 2024,a,5\n2 Mrz 2024,a,6\n",
        LONG | {"date_format": "%d %b %Y"},
        r"line 3, day: does not match .*; names of months and days are the English ones",
        "day,shop,units\n1 Mar 2024,a,5\n2 Mar 2024,a,6\n",
    ),
    Case(
        "headers with a prefix",
        "item,shop,d_1,d_2\nx,a,5,6\n",
        {"layout": "rows", "market": ["item", "shop"], "first_date_column": "d_1", "date_format": "number"},
        r"line 1, d_1: is not a date, .*; write date_prefix: d_ and date_format: number",
        options_to_write={"date_prefix": "d_"},
    ),
    Case(
        "dates with the day first",
        "day,shop,units\n31.01.2024,a,5\n01.02.2024,a,6\n",
        LONG,
        r'line 2, day: is not an ISO date .*\(2 of 2 dates\), got "31.01.2024"; write date_format: "%d.%m.%Y"',
        options_to_write={"date_format": "%d.%m.%Y"},
    ),
    Case(
        "dates with the month first",
        "day,shop,units\n1/31/24,a,5\n2/1/24,a,6\n",
        LONG,
        r'got "1/31/24"; write date_format: "%m/%d/%y"',
        options_to_write={"date_format": "%m/%d/%y"},
    ),
    Case(
        "dates that could be both",
        "day,shop,units\n01/02/2024,a,5\n02/02/2024,a,6\n",
        LONG,
        r'write date_format: "%d/%m/%Y" if the day comes first, or "%m/%d/%Y" if the month does',
        options_to_write={"date_format": "%d/%m/%Y"},
    ),
    Case(
        "another format than written",
        GOOD_LONG,
        LONG | {"date_format": "%d.%m.%Y"},
        r'line 2, day: does not match date_format: "%d.%m.%Y" \(3 of 3 dates\), got "2024-01-01"; write the format',
        options_to_write={"date_format": None},
    ),
    Case(
        "day that does not exist",
        swap(GOOD_LONG, "01-03", "02-30"),
        LONG,
        r'line 4, day: is no day, week or month of the calendar, got "2024-02-30"; mend it',
        GOOD_LONG,
    ),
    Case(
        "numbers of periods",
        "day,shop,units\n1,a,5\n2,a,6\n",
        LONG,
        r"write date_format: number if these are numbers of periods",
        options_to_write={"date_format": "number"},
    ),
    Case(
        "day numbers of a spreadsheet",
        "day,shop,units\n45292,a,5\n45293,a,6\n",
        LONG,
        r"these look like the day numbers of a spreadsheet: format the cells as dates",
        GOOD_LONG,
    ),
    Case(
        "dates where numbers are written",
        GOOD_LONG,
        LONG | {"date_format": "number"},
        r"does not match date_format: number, a whole number \(3 of 3 dates\)",
        options_to_write={"date_format": None},
    ),
    Case(
        "hours",
        swap(GOOD_LONG, "01-02", "01-02 09:30"),
        LONG,
        r'line 3, day: has a time of the day, .*got "2024-01-02 09:30"; add the values of a day up',
        swap(GOOD_LONG, "01-02", "01-02 00:00:00"),
    ),
    Case(
        "row without a date",
        swap(GOOD_LONG, "2024-01-02", ""),
        LONG,
        r"line 3, day: has no date; write the date",
        GOOD_LONG,
    ),
    Case(
        "days and months",
        swap(GOOD_LONG, "2024-01-02", "2024-01"),
        LONG,
        r'line 3, day: names a month, and 2024-01-01 names a day, got "2024-01"; write all dates in one way',
        GOOD_LONG,
    ),
    Case(
        "doubled dates",
        swap(GOOD_LONG, "01-02", "01-01"),
        LONG,
        r'line 3: lines 2 and 3 have the same date and market, got "2024-01-01, a"; keep one of them, or add them up$',
        GOOD_LONG,
    ),
    Case(
        "doubled dates for want of a market",
        "day,shop,item,units\n2024-01-01,a,x,5\n2024-01-01,a,y,6\n2024-01-02,a,x,7\n2024-01-02,a,y,8\n",
        LONG,
        r'lines 2 and 3 have .* \(2 rows are doubled\), .*tells them apart \("item"\), write market: \[shop, item\]',
        options_to_write={"market": ["shop", "item"]},
    ),
    Case(
        "doubled dates of a wide table",
        swap(GOOD_WIDE, "01-02", "01-01"),
        WIDE,
        r"line 3: a wide table has one row per date, and lines 2 and 3 have the same date, .*; keep one",
        GOOD_WIDE,
    ),
    Case(
        "market in two rows",
        swap(GOOD_ROWS, "b,", "a,"),
        ROWS,
        r'line 3: two rows are of one market: lines 2 and 3 have the same "shop", got "a"; keep one',
        GOOD_ROWS,
    ),
    Case(
        "date in two columns",
        swap(GOOD_ROWS, "01-02", "01-03"),
        ROWS,
        r'line 1: two columns have this date, got "2024-01-03"; keep one of them',
        GOOD_ROWS,
    ),
    Case(
        "date written in two ways",
        swap(GOOD_ROWS, "2024-01-02", "20240103"),
        ROWS,
        r"line 1: two columns are of one period, 20240103 and 2024-01-03; keep one of them",
        GOOD_ROWS,
    ),
    Case(
        "column of text among the dates",
        swap(GOOD_ROWS, ",2024-01-02", ",total"),
        ROWS,
        r'line 1, total: is not a date, got "total"; write last_date_column: HEADER to leave out a sum or a note',
        GOOD_ROWS,
    ),
    Case(
        "missing days",
        "day,a\n2024-01-01,5\n2024-01-02,6\n2024-01-04,7\n2024-01-05,7\n2024-01-07,8\n",
        WIDE,
        r"missing: 2 of 7 periods are missing, the first is 2024-01-03; write missing: zero if nothing was asked for",
        options_to_write={"missing": "zero"},
    ),
    Case(
        "market that begins later",
        GOOD_LONG + "2024-01-02,b,1\n2024-01-03,b,1\n",
        LONG,
        r"missing: 1 of 6 values are missing, the first is that of b in 2024-01-01; write",
        options_to_write={"missing": "zero"},
    ),
    Case(
        "frequency in doubt",
        "day,a\n2024-01-01,5\n2024-01-08,6\n2024-01-15,7\n2024-01-21,7\n",
        WIDE,
        r"frequency: the steps between dates leave .* in doubt: 7 days \(2 ×\), 6 days \(1 ×\); write frequency",
        swap("day,a\n2024-01-01,5\n2024-01-08,6\n2024-01-15,7\n2024-01-21,7\n", "01-21", "01-22"),
    ),
    Case(
        "weeks and a stray day",
        "day,a\n2024-01-01,5\n2024-01-08,6\n2024-01-15,7\n2024-01-16,1\n2024-01-22,7\n",
        WIDE,
        r"frequency: the steps between dates leave .* in doubt: 7 days \(2 ×\), a day \(1 ×\), 6 days \(1 ×\)",
        "day,a\n2024-01-01,5\n2024-01-08,6\n2024-01-15,8\n2024-01-22,7\n",
    ),
    Case(
        "hours in a format",
        "day,shop,units\n01.02.2024 00:00,a,5\n02.02.2024 09:30,a,6\n",
        LONG | {"date_format": "%d.%m.%Y %H:%M"},
        r'line 3, day: has a time of the day, .*got "02.02.2024 09:30"; add the values of a day up',
        "day,shop,units\n01.02.2024 00:00,a,5\n02.02.2024 00:00,a,6\n",
    ),
    Case(
        "one date",
        "day,a\n2024-01-01,5\n",
        WIDE,
        r"frequency: there is one date only, from which no frequency follows; write frequency",
        options_to_write={"frequency": "day"},
    ),
    Case(
        "date between two weeks",
        "day,a\n2024-01-01,5\n2024-01-08,6\n2024-01-14,7\n2024-01-22,7\n",
        WIDE | {"frequency": "week"},
        r'line 4, day: is not a whole number of periods of 7 days after 2024-01-01, got "2024-01-14"; write the freq',
        "day,a\n2024-01-01,5\n2024-01-08,6\n2024-01-15,7\n2024-01-22,7\n",
    ),
    Case(
        "days where months are written",
        GOOD_WIDE,
        WIDE | {"frequency": "month"},
        r"months are dated by the same day of each, or by the last one, .*; date every month in one way, or write",
        options_to_write={"frequency": "day"},
    ),
    Case(
        "mistyped year",
        swap(GOOD_LONG, "2024-01-03", "9024-01-03"),
        LONG | {"frequency": "day"},
        r"from 2024-01-01 to .* there are 2,556,\d+ periods; .*; check the first and the last date",
        GOOD_LONG,
    ),
]

FLAGS = [
    Case(
        "flags that are words",
        GOOD_LONG,
        LONG | {"in_stock": "flags.csv"},
        r'flags.csv:\n  line 3, units: a flag is 1 or true .*got "yes"; write flags, or name the column that has them',
        flags=swap(GOOD_FLAGS, ",0", ",yes"),
        mended_flags=GOOD_FLAGS,
    ),
    Case(
        "flags that are missing",
        GOOD_LONG,
        LONG | {"in_stock": "flags.csv"},
        r"1 of 3 values of the demand have no flag, the first is that of a in 2024-01-02; give a flag",
        flags=swap(GOOD_FLAGS, "2024-01-02,a,0\n", ""),
        mended_flags=GOOD_FLAGS,
    ),
    Case(
        "flags of another market",
        GOOD_LONG,
        LONG | {"in_stock": "flags.csv"},
        r'in_stock.markets: is not in the table, got "a"',
        flags=swap(GOOD_FLAGS, ",a,", ",z,"),
        mended_flags=GOOD_FLAGS,
    ),
    Case(
        "flags in another column",
        GOOD_LONG,
        LONG | {"in_stock": "flags.csv"},
        r'in_stock.value: there is no such column, got "units"; choose from "day", "shop", "full"',
        options_to_write={"in_stock": {"file": "flags.csv", "value": "full"}},
        flags=swap(GOOD_FLAGS, "units", "full"),
    ),
    Case(
        "doubled flags",
        GOOD_LONG,
        LONG | {"in_stock": "flags.csv"},
        r'two flags are of one market and period, got "a, 2024-01-01"; keep one of them',
        flags=GOOD_FLAGS + "2024-01-01,a,0\n",
        mended_flags=GOOD_FLAGS,
    ),
    Case(
        "flags on other days",
        swap(swap(GOOD_LONG, "01-02", "01-08"), "01-03", "01-15"),
        LONG | {"in_stock": "flags.csv"},
        r"line 3, day: is not the first day of a period of the demand, 7 days long from 2024-01-01 on, .*; date the",
        flags=GOOD_FLAGS,
        mended_flags=swap(swap(GOOD_FLAGS, "01-02", "01-08"), "01-03", "01-15"),
    ),
    Case(
        "no file of flags",
        GOOD_LONG,
        LONG | {"in_stock": "flag.csv"},
        r"flag.csv:\n  there is no such file; check the path, which is relative to the folder of the scenario's file",
        options_to_write={"in_stock": "flags.csv"},
        flags=GOOD_FLAGS,
    ),
]

CASES = [*TEXT, *COLUMNS, *CELLS, *DATES, *FLAGS]


@pytest.fixture
def read(tmp_path):
    def read(content, options, flags=None):
        (tmp_path / "sales.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        if flags is not None:
            (tmp_path / "flags.csv").write_text(flags, encoding="utf-8")
        return read_data(parse_data_source({"file": "sales.csv", **options}, "mine.yaml", "demand.data"), tmp_path)

    return read


def test_the_table_of_broken_inputs_is_as_long_as_promised():
    assert len({case.name for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_table_has_one_message(read, case):
    with pytest.raises(InvalidInput, match=case.message) as caught:
        read(case.content, case.options, case.flags)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].suggestion


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_mended_table_is_read(read, case):
    content = case.content if case.mended is None else case.mended
    flags = case.flags if case.mended_flags is None else case.mended_flags
    data, reading = read(content, case.options | case.options_to_write, flags)
    assert data.array.shape == (data.periods, len(data.markets)) == (reading.periods, reading.markets)
    assert (data.in_stock is None) == (reading.censored is None) == ("in_stock" not in case.options)


def test_two_causes_have_two_messages(read):
    content = "day,shop,units\n2024-01-01,a,5\n2024-01-02,a,-1\n2024-01-04,a,x\n2024-01-05,a,y\n"
    with pytest.raises(InvalidInput) as caught:
        read(content, LONG)
    assert [fault.field for fault in caught.value.faults] == ["line 4, units", "line 3, units", "missing"]


def test_a_byte_order_mark_is_no_part_of_a_name(read):
    data, _ = read(codecs.BOM_UTF8 + GOOD_LONG.encode(), LONG)
    assert data.values == ((5, 6, 7),)


OPTIONS = [
    ({}, r"demand.data.layout: is required; add it: long: a row per date and market"),
    ({"layout": "tall"}, r"demand.data.layout: must be one of 'long', 'wide' or 'rows', got \"tall\""),
    ({"layout": "long", "value": "units"}, r"demand.data.date: layout long needs this column; write .*date: day"),
    (
        {"layout": "wide", "date": "day", "value": "units"},
        r"demand.data.value: is an option of layout long, and this is",
    ),
    (
        {"layout": "rows", "market": "id"},
        r"first_date_column: layout rows needs to know which columns are dates; write",
    ),
    (
        LONG | {"date_format": "dd.mm.yyyy"},
        r"demand.data.date_format: is not a format of dates, .*; write it in the lett",
    ),
    (LONG | {"date_format": "%d.%m."}, r"demand.data.date_format: has no year"),
    (LONG | {"date_format": "%Y-W%W"}, r"demand.data.date_format: has a week without a day of the week"),
    (LONG | {"date_format": "%Y"}, r"demand.data.date_format: does not tell the months of a year apart"),
    (LONG | {"date_format": "%Y-%Q"}, r"demand.data.date_format: is not a format of dates"),
    (LONG | {"separator": ";;"}, r"demand.data.separator: is one character between columns"),
    (LONG | {"decimal": ","}, r"demand.data.separator: separates columns and decimals at once"),
    (LONG | {"encoding": "latin1000"}, r"demand.data.encoding: is not an encoding of text"),
    (LONG | {"encoding": "base64"}, r"demand.data.encoding: is not an encoding of text"),
    (LONG | {"markets": ["a", "a"]}, r"demand.data.markets: is named twice, got \"a\""),
    (
        LONG | {"frequency": "hour"},
        r"demand.data.frequency: is day, week, month, or a number of days from 1 to 9999, got",
    ),
    (
        LONG | {"frequency": 7, "date_format": "number"},
        r"demand.data.frequency: periods that are numbered have no length",
    ),
    (
        LONG | {"in_stock": {"file": "f.csv", "layout": "rows"}},
        r"demand.data.in_stock.market: layout rows needs this col",
    ),
    (LONG | {"missing": "drop"}, r"demand.data.missing: must be one of 'error', 'zero' or 'previous', got \"drop\""),
    (LONG | {"past-end": "repeat"}, r"demand.data.past-end: is not a field here.*did you mean \"past_end\""),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=[message[:60] for _, message in OPTIONS])
def test_what_is_wrong_with_the_options_is_said(options, message):
    assert parse_data_source({"file": "sales.csv", **LONG}, "mine.yaml", "demand.data").market == ("shop",)
    with pytest.raises(InvalidInput, match=message):
        parse_data_source({"file": "sales.csv", **options}, "mine.yaml", "demand.data")


LIMITS = [
    (
        "cells.MOST_VALUES",
        5,
        r"recorded demand has at most 5 values; choose markets by their names in markets: \[ … \]",
    ),
    ("cells.MOST_MARKETS", 1, r"recorded demand has at most 1 markets; choose markets by their names"),
    ("cells.MOST_PERIODS", 2, r"line 4, day: recorded demand has at most 2 periods; keep the periods that are needed"),
    ("table_files.MOST_COLUMNS", 2, r"line 1: a demand table has at most 2 columns, got 3"),
    ("table_files.LARGEST_FILE", 20, r"a regular file of at most 20 bytes; keep the columns and rows that are needed"),
]


@pytest.mark.parametrize(("name", "limit", "message"), LIMITS, ids=[name for name, _, _ in LIMITS])
def test_what_is_too_large_is_refused_with_the_limit(read, monkeypatch, name, limit, message):
    assert read(GOOD_WIDE, WIDE)[0].array.shape == (3, 2)
    monkeypatch.setattr(f"arena.world.data.{name}", limit)
    with pytest.raises(InvalidInput, match=message) as caught:
        read(GOOD_WIDE, WIDE)
    assert len(caught.value.faults) == 1
