"""Tables of demand: what is read from a CSV file, and the one fault that each cause of refusal gives."""

import pytest

from arena.errors import InvalidInput, UnknownName
from arena.world.library import build_scenario, load_series


@pytest.fixture
def read(tmp_path):
    def read(content, column=None):
        path = tmp_path / "sales.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_series(path, column).values

    return read


READ = [
    ("units\n5\n6\n", None),
    ("date,units\n2024-01-01,5\n2024-01-02,6\n", None),
    ("date, units \n2024-01-01, 5 \n2024-01-02,6.0\n", " units"),
    ("\ufeffdate,units\r\n2024-01-01,5\r\n\r\n2024-01-02,6\r\n", None),
    ("date,units\r2024-01-01,5\r2024-01-02,6\r", None),
    ("date,units\n2024-01-01,5\n2024-01-02,6\n,\n , \n\n", None),
    ("day,units,\n1,5,\n2,6,\n", "units"),
    (",units\n0,5\n1,6\n", "units"),
    ('"day","units, sold"\n1,"5"\n2,"6"\n', "units, sold"),
    ("region,2013,2014\na,5,1\nb,6,1\n", "2013"),
    ("units,price\n5\n6,0.5\n", "units"),
    ("note,units,rest\nfull,5\nempty,6,,,\n", None),
]


@pytest.mark.parametrize(("content", "column"), READ, ids=range(len(READ)))
def test_a_table_is_read(read, content, column):
    assert read(content, column) == (5, 6)


REFUSED = [
    # No column named: it is taken only where there is no other.
    ("day,units\n1,5\n2,6\n", None, r'column: 2 columns hold numbers .*: "day", "units"; write .*`column: units`'),
    (
        'day,"in all, sales"\n1,5\n',
        None,
        r'`column: "in all, sales"` in demand: \{series: \{source: .*sales\.csv, column',
    ),
    ("day,units\n1,n/a\n2,\n3,6\n", None, r'2 columns hold numbers .*: "day", "units"'),
    (",units\n0,5\n1,6\n", None, r'2 columns hold numbers .*: "units" and 1 without a name'),
    ("date,\n2024-01-01,5\n", None, "the only column that holds numbers has no name"),
    ("day,units\n1,$5\n2,$6\n", None, r'the only column that holds numbers, "day", says when and not how much'),
    ("item,units\nx,many\n", None, r'no column holds numbers; add one to "item", "units"'),
    # A column that is not there, or not of numbers.
    ("date,Units\n2024-01-01,5\n", "units", r'unknown column, got "units"; did you mean "Units"'),
    ("date,units\n2024-01-01,5\n", "date", r'holds numbers, got "date"; columns with numbers: "units"'),
    ("date,units\n2024-01-01,\n", "units", r'holds numbers, got "units"; no other column does'),
    ("units,units\n5,6\n", "units", r'2 columns have this name, got "units"'),
    ("day,units,\n1,5,7\n", "", r"a column is named by its header, which is not empty"),
    # No header.
    ("5\n6\n7\n", None, r'line 1: the first line .* holds data, got "5"; add a line of names'),
    ("5\n6\n7\n", "5", r'line 1: the first line .* holds data, got "5"'),
    ("2024-01-01,5\n2024-01-02,6\n", "5", r'line 1: .* holds data, got "2024-01-01"'),
    ("region,2013,2014\na,5,6\n", None, r'line 1: .* holds data, got "2013"; .*column: "2014"'),
    ("", None, "is empty; begin with a line of names"),
    ("\n\n", None, "is empty; begin with a line of names"),
    (",,\n1,2,3\n", None, "names its columns, this one is blank"),
    ("day,units\n", None, "has a header and no rows; add a row per period"),
    # Not a table of commas in UTF-8.
    ("date;units\n2024-01-01;12,5\n", None, r"line 1: .* by semicolons; save the table with commas"),
    ("date\tunits\n2024-01-01\t5\n", None, r"line 1: .* by tabs"),
    ("day,año\n1,5\n".encode("latin-1"), None, r"line 1: is not UTF-8 text .*CSV UTF-8"),
    ("day,units\n1,5\n".encode("utf-16"), None, r"is UTF-16 text .*CSV UTF-8"),
    ("day,units\n1,5\n".encode("utf-16-le"), None, r"is UTF-16 text .*CSV UTF-8"),
    (b"PK\x03\x04 and the rest", None, r"is a workbook .*CSV UTF-8"),
    # Notations of numbers.
    ('date,units\n2024-01-01,"1,250"\n2024-01-02,"1,300"\n', None, r'2 of 2 cells .*got "1,250"; write 1250 for'),
    ('date,units\n2024-01-01,"12,5"\n', None, r"a point before decimals, got .*write .* 12\.5 for 12,5"),
    ("date,units\n2024-01-01,12,5\n", None, r"line 2: the header has 2 columns, and this row has 3 cells"),
    ("units\n1'250\n1 250\n1_250\n", None, r"3 of 3 cells break this rule"),
    # Cells without a quantity: one fault for each cause.
    ("units\n5\n\nmany\nfew\n", None, r'line 4, units: must be a number \(2 of 3 cells break this rule\), got "many"'),
    ("units\n5\n٣\n", None, r"line 3, units: must be a number"),
    ("date,units\n2024-01-01,5\n,\n2024-01-03,6\n", None, r"line 3, units: must not be empty; write 0"),
    ("units\n5\n-2\n-1\n", None, r"line 3, units: must be 0 or more \(2 of 3 .*got \"-2\"; write 0 for a return"),
    ("units\n5\nNaN\ninf\n", None, r"line 3, units: must be a finite number \(2 of 3"),
    ("units\n5\n1e10\n1e999\n", None, r"line 3, units: must be 1000000000 or less \(2 of 3"),
    # Rows that are not one per period, oldest first.
    (
        "Store,Date,Sales\n1,2015-07-31,5\n2,2015-07-31,6\n3,2015-07-31,7\n",
        "Sales",
        r'line 3: .* one row per period, and lines 2 and 3 have the same "Date", got "2015-07-31"; keep the rows',
    ),
    (
        "Store,Date,Sales\n1,2015-07-31,5\n2,2015-07-31,6\n",
        None,
        r'2 columns hold numbers .*: "Store", "Sales"; .*`column: Sales`.* line 3: .* have the same "Date"',
    ),
    ("day,units\n1,5\n2,6\n1,5\n2,6\n", "units", r'line 4: .* lines 2 and 4 have the same "day"'),
    ("date,units\n20240101,5\n20240101,6\n", "units", r'have the same "date"'),
    ("year,month,units\n2023,1,5\n2023,1,6\n", "units", r'have the same "year" and "month", got "2023, 1"'),
    (
        "sold,units\n2024-01-02,5\n2024-01-01,6\n",
        None,
        r'line 3: .*oldest first.* than line 2 by "sold", .*; sort the table',
    ),
    ("sold,units\n2/1/24,5\n1/31/24,6\n1/30/24,7\n", None, r'line 3: .*oldest first.*; sort the table by "sold"'),
    ("day,units\n3,5\n2,6\n1,7\n", "units", r'oldest first.*; sort the table by "day"'),
    ("month,year,units\n12,2023,5\n1,2023,6\n", "units", r"oldest first"),
]


@pytest.mark.parametrize(("content", "column", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_wrong_with_a_table_is_said_once(read, content, column, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        read(content, column)
    assert len(caught.value.faults) == 1


IN_ORDER = [
    "date,units\n30.01.2024,5\n31.01.2024,6\n01.02.2024,7\n",
    "date,units\n1/30/24,5\n1/31/24,6\n2/1/24,7\n",
    "date,units\n2024-01-01 09:00,5\n2024-01-01 10:00,6\n2024-01-02 09:00,7\n",
    # The clock is put back.
    "date,units\n2024-10-27 02:30+02:00,5\n2024-10-27 02:30+01:00,6\n2024-10-27T03:30+01:00,7\n",
    "date,hour,units\n2024-01-01,22,5\n2024-01-01,23,6\n2024-01-02,0,7\n",
    "week,units\n52,5\n1,6\n2,7\n",
    "year,week,units\n2023,52,5\n2024,1,6\n2024,2,7\n",
    "month,units\n2024-01,5\n2024-02,6\n2024-03,7\n",
    # When it was ordered says when; deliveries may cross.
    "ordered,delivered,units\n2024-01-01,2024-01-09,5\n2024-01-02,2024-01-04,6\n2024-01-03,2024-01-04,7\n",
    # Neither a date nor named like a period.
    "store,units\n2,5\n1,6\n1,7\n",
]


@pytest.mark.parametrize("content", IN_ORDER, ids=range(len(IN_ORDER)))
def test_one_row_per_period_is_read_in_its_order(read, content):
    assert read(content, "units") == (5, 6, 7)


def test_every_cause_is_said(read):
    with pytest.raises(InvalidInput) as caught:
        read("date,units\n2024-01-01,5\n2024-01-01,-2\n2024-01-02,\n2024-01-03,x\n")
    assert [fault.field for fault in caught.value.faults] == [
        "line 3",
        "line 4, units",
        "line 5, units",
        "line 3, units",
    ]


def test_the_columns_of_an_unknown_name_are_listed(read):
    with pytest.raises(UnknownName, match=r'unknown column, got "x"; choose from "day", "units"'):
        read("day,units,\n1,5,\n", "x")


def test_a_table_of_very_many_columns_is_refused(read):
    names = [f"c{place}" for place in range(1_001)]
    assert read(",".join(names[:1_000]) + "\n" + ",".join(["7"] * 1_000), "c999") == (7,)
    with pytest.raises(InvalidInput, match="line 1: a demand table has at most 1000 columns, got 1001"):
        read(",".join(names) + "\n" + ",".join(["7"] * 1_001), "c1000")


def test_a_scenario_is_refused_with_the_line_to_write(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sales.csv").write_text("day,units\n1,5\n2,6\n")
    data = {"name": "mine", "network": "serial", "demand": {"series": "data/sales.csv"}}
    with pytest.raises(InvalidInput, match=r"demand: \{series: \{source: data/sales\.csv, column: units\}") as caught:
        build_scenario(data, "mine.yaml", base=tmp_path)
    assert len(caught.value.faults) == 1
    written = {**data, "demand": {"series": {"source": "data/sales.csv", "column": "units"}}}
    assert build_scenario(written, "mine.yaml", base=tmp_path).demand.series.values == (5, 6)
