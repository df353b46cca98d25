"""Recorded demand: what is read of each layout, how periods are found, and what the result promises."""

import contextlib
import os
import sys
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from arena.errors import ArenaError, InvalidInput, UnknownName
from arena.world.data import DataSource, DemandData, parse_data_source, read_data

CASES = Path(os.environ.get("ARENA_REFERENCE", "")).parent / "cases" / "data"
VALUES = ((5.0, 6.5, 0.0), (1.0, 2.0, 3.0))


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        (tmp_path / "sales.csv").write_text(content, encoding="utf-8")
        return read_data(parse_data_source({"file": "sales.csv", **options}, "mine.yaml"), tmp_path)

    return read


LAYOUTS = {
    "long": (
        # Not in order, with columns that nobody asked for.
        "note,day,units,shop\nx,2024-01-02,6.5,a\n,2024-01-01,5,a\nx,2024-01-03,0,a\n"
        ",2024-01-03,3,b\n\n,2024-01-02,2,b\n,2024-01-01,1,b\n",
        {"layout": "long", "date": "day", "market": "shop", "value": "units"},
    ),
    "long with semicolons, decimal commas and the day first": (
        "day;shop;units\n02.01.2024;a;6,5\n01.01.2024;a;5\n03.01.2024;a;0,0\n"
        "01.01.2024;b;1\n02.01.2024;b;2\n03.01.2024;b;3\n",
        {"layout": "long", "date": "day", "market": "shop", "value": "units", "separator": ";", "decimal": ","}
        | {"date_format": "%d.%m.%Y"},
    ),
    "long without a header": (
        "2024-01-01,a,5\n2024-01-02,a,6.5\n2024-01-03,a,0\n2024-01-01,b,1\n2024-01-02,b,2\n2024-01-03,b,3\n",
        {"layout": "long", "header": "none", "date": 1, "market": 2, "value": 3},
    ),
    "wide": (
        "day,a,b,\n2024-01-01,5,1,\n2024-01-02,6.5,2,\n2024-01-03,0,3,\n",
        {"layout": "wide", "date": "day"},
    ),
    "wide with columns to leave out": (
        "b,total,a,day\n1,6,5,2024-01-01\n2,8.5,6.5,2024-01-02\n3,3,0,2024-01-03\n",
        {"layout": "wide", "date": "day", "markets": ["a", "b"]},
    ),
    "rows": (
        "shop,2024-01-01,2024-01-02,2024-01-03\na,5,6.5,0\nb,1,2,3\n",
        {"layout": "rows", "market": "shop", "first_date_column": "2024-01-01"},
    ),
    "rows among other columns": (
        "shop,town,2024-01-01,2024-01-02,2024-01-03,total\na,x,5,6.5,0,11.5\nb,y,1,2,3,6\n",
        {"layout": "rows", "market": "shop", "first_date_column": "2024-01-01", "last_date_column": "2024-01-03"},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_demand(read, name):
    content, options = LAYOUTS[name]
    data, reading = read(content, **options)
    assert data == DemandData(markets=("a", "b"), start="2024-01-01", frequency="day", values=VALUES)
    assert (reading.markets, reading.periods, reading.first, reading.last) == (2, 3, "2024-01-01", "2024-01-03")
    assert (reading.filled, reading.negatives, reading.censored, reading.frequency_found) == (0, 0, None, True)
    assert reading.mean == pytest.approx(17.5 / 6, abs=1e-12)
    assert reading.zeros == pytest.approx(1 / 6, abs=1e-12)
    assert reading.sentence.endswith("mean 2.917 units a period, 16.7 % zeros, 0 gaps filled, no flags of stock")


def test_rows_as_in_m5(read):
    content = "id,item_id,store_id,d_1,d_2,d_10\n1,HOBBIES_1,CA_1,5,6,7\n2,HOBBIES_1,CA_2,1,2,3\n"
    options = {"layout": "rows", "market": ["item_id", "store_id"], "date_prefix": "d_", "date_format": "number"}
    data, reading = read(content, missing="zero", **options)
    assert data.markets == ("HOBBIES_1/CA_1", "HOBBIES_1/CA_2")
    assert (data.start, data.frequency, data.periods) == ("1", "period", 10)
    assert data.array[:, 0].tolist() == [5, 6, *[0] * 7, 7]
    assert reading.filled == 14
    chosen, _ = read(
        content, missing="zero", markets=["HOBBIES_1-CA_2"], joined_by="-", last_date_column="d_2", **options
    )
    assert chosen.values == ((1, 2),)


def test_a_market_of_several_columns_in_a_long_table(read):
    content = "day,shop,item,units\n2024-01-01,a,x,1\n2024-01-01,a,y,2\n2024-01-02,a,y,4\n2024-01-02,a,x,3\n"
    options = {"layout": "long", "date": "day", "market": ["item", "shop"], "value": "units"}
    data, _ = read(content, **options)
    assert (data.markets, data.values) == (("x/a", "y/a"), ((1, 3), (2, 4)))
    chosen, _ = read(content, joined_by=" at ", markets=["y at a", "x at a"], **options)
    assert (chosen.markets, chosen.values) == (("y at a", "x at a"), ((2, 4), (1, 3)))


def test_rows_of_a_wide_table_may_be_the_periods_themselves(read):
    data, _ = read("5\n6.5\n0\n", layout="wide", header="none", date_format="number")
    assert (data.markets, data.start, data.frequency, data.values) == (("1",), "0", "period", ((5, 6.5, 0),))


FREQUENCIES = [
    ("2024-01-01 2024-01-02 2024-01-03", None, None, "day", "2024-01-03"),
    ("20240101 20240102 20240103", None, None, "day", "2024-01-03"),
    ("2024-01-01T00:00:00Z 2024-01-02T00:00:00Z", None, None, "day", "2024-01-02"),
    ("2024-01-03 2024-01-10 2024-01-17", None, None, "week", "2024-01-17"),
    ("2023-W52 2024-W01 2024-W02", None, None, "week", "2024-01-08"),
    ("2024-01-01 2024-01-15 2024-01-29", None, None, "14 days", "2024-01-29"),
    ("2023-11 2023-12 2024-01", None, None, "month", "2024-01"),
    ("2023-11-15 2023-12-15 2024-01-15", None, None, "month", "2024-01"),
    ("2023-12-31 2024-01-31 2024-02-29 2024-03-31", None, None, "month", "2024-03"),
    ("Nov-23 Dec-23 Jan-24", "%b-%y", None, "month", "2024-01"),
    ("31/12/23 01/01/24", "%d/%m/%y", None, "day", "2024-01-01"),
    ("2024-01-01 2024-01-29 2024-02-26", None, None, "28 days", "2024-02-26"),
    ("2024-01-01 2024-02-01", None, "month", "month", "2024-02"),
    ("2024-01-01 2024-02-01", None, 31, "31 days", "2024-02-01"),
    ("2024-01-01", None, "week", "week", "2024-01-01"),
    ("7 8 9", "number", None, "period", "9"),
]


@pytest.mark.parametrize(("dates", "date_format", "written", "frequency", "last"), FREQUENCIES)
def test_the_frequency_of_dates(read, dates, date_format, written, frequency, last):
    rows = [f"{date},5\n" for date in dates.split()]
    options = {"layout": "wide", "date": "day", "date_format": date_format, "frequency": written}
    data, reading = read("day,a\n" + "".join(reversed(rows)), **options)
    assert (data.frequency, data.labels()[-1], data.periods) == (frequency, last, len(rows))
    assert reading.frequency_found == (written is None)


def test_two_first_days_of_months_may_be_months_or_thirty_one_days(read):
    with pytest.raises(InvalidInput, match=r"in doubt: 31 days \(1 ×\); write frequency: day, week, month"):
        read("day,a\n2024-01-01,5\n2024-02-01,6\n", layout="wide", date="day")


def test_gaps_are_filled_as_written(read):
    content = "day,a,b\n2024-01-01,5,1\n2024-01-02,,2\n2024-01-04,7,3\n"
    options = {"layout": "wide", "date": "day"}
    zero, reading = read(content, missing="zero", **options)
    assert zero.values == ((5, 0, 0, 7), (1, 2, 0, 3))
    assert reading.filled == 3
    previous, _ = read(content, missing="previous", **options)
    assert previous.values == ((5, 5, 5, 7), (1, 2, 2, 3))
    with pytest.raises(
        InvalidInput, match="3 of 8 values are missing, the first is that of a in 2024-01-02; 1 of 4 per"
    ):
        read(content, **options)


def test_returns_are_set_to_nothing_as_written(read):
    data, reading = read("day,a\n2024-01-01,-5\n2024-01-02,6\n", layout="wide", date="day", negative="zero")
    assert data.values == ((0, 6),)
    assert np.signbit(data.array).sum() == 0
    assert reading.negatives == 1
    assert "1 negative value set to 0" in reading.sentence


def test_flags_mark_what_was_out_of_stock(read, tmp_path):
    (tmp_path / "flags.csv").write_text("shop;01.01.2024;02.01.2024;03.01.2024\nb;TRUE;1;1.0\na;1;0;false\n")
    flags = {"file": "flags.csv", "layout": "rows", "market": "shop", "first_date_column": "01.01.2024"}
    flags |= {"separator": ";", "date_format": "%d.%m.%Y"}
    content, options = LAYOUTS["long"]
    data, reading = read(content, in_stock=flags, **options)
    assert data.in_stock == ((True, False, False), (True, True, True))
    assert reading.censored == pytest.approx(2 / 6, abs=1e-12)
    assert "33.3 % out of stock" in reading.sentence
    assert data.in_stock_array.shape == (3, 2)
    with pytest.raises(ValueError, match="read-only"):
        data.in_stock_array[0, 0] = False


def test_flags_may_be_a_column_of_the_same_table(read):
    content = "day,units,open\n2024-01-01,5,1\n2024-01-03,0,0\n"
    options = {"layout": "long", "date": "day", "value": "units", "missing": "zero", "markets": ["shop"]}
    data, _ = read(content, in_stock={"file": "sales.csv", "value": "open"}, frequency="day", **options)
    assert data.markets == ("shop",)
    # The gap was filled by the author's rule, which says what was wanted.
    assert data.in_stock == ((True, True, False),)


def test_parquet_gives_the_same_demand(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    from pyarrow import parquet

    days = [date(2024, 1, day) for day in (1, 2, 3)]
    long = pyarrow.table(
        {"day": days * 2, "shop": ["a"] * 3 + ["b"] * 3, "units": [5, 6.5, 0, 1, 2, 3], "x": [None] * 6}
    )
    parquet.write_table(long, tmp_path / "long.parquet")
    moments = [datetime(2024, 1, day) for day in (1, 2, 3)]
    parquet.write_table(pyarrow.table({"day": moments, "a": [5, 6.5, 0], "b": [1, 2, 3]}), tmp_path / "wide.pq")
    expected = DemandData(markets=("a", "b"), start="2024-01-01", frequency="day", values=VALUES)
    source = DataSource(file="long.parquet", layout="long", date="day", market="shop", value="units")
    assert read_data(source, tmp_path)[0] == expected
    assert read_data(DataSource(file="wide.pq", layout="wide", date="day"), tmp_path)[0] == expected
    with pytest.raises(InvalidInput, match=r'row 1, day: does not match date_format: "%d.%m.%Y" .*got "2024-01-01"'):
        read_data(source.model_copy(update={"date_format": "%d.%m.%Y"}), tmp_path)
    (tmp_path / "long.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InvalidInput, match="is not a whole Parquet file"):
        read_data(source, tmp_path)
    (tmp_path / "long.parquet").write_text("day,shop,units\n")
    with pytest.raises(InvalidInput, match="is not a Parquet file, whatever its name says"):
        read_data(source, tmp_path)


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "sales.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ArenaError, match=r'pip install "inventory-arena\[data\]"'):
        read_data(DataSource(file="sales.parquet", layout="wide", date="day"), tmp_path)


def test_reading_text_imports_no_pyarrow(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    content, options = LAYOUTS["wide"]
    assert read(content, **options)[0].values == VALUES


# --- recorded demand itself -------------------------------------------------------------------------------------------

DATA = DemandData(
    markets=("a", "b"),
    start="2024-01-29",
    frequency="week",
    values=VALUES,
    in_stock=((True, False, False), (True, True, True)),
)


def test_arrays_and_labels():
    assert DATA.array.tolist() == [[5, 1], [6.5, 2], [0, 3]]
    assert DATA.labels() == ("2024-01-29", "2024-02-05", "2024-02-12")
    assert DATA.labels(1, 3) == ("2024-02-05", "2024-02-12", "2024-02-19")
    assert DATA.index_of("b") == 1
    with pytest.raises(UnknownName, match=r'unknown market in the recorded demand, got "B"; did you mean "b"'):
        DATA.index_of("B")
    with pytest.raises(ValueError, match="read-only"):
        DATA.array[0, 0] = 1


def test_a_window_is_data_of_its_own():
    cut = DATA.cut(1, 2)
    assert cut == DemandData(
        markets=("a", "b"),
        start="2024-02-05",
        frequency="week",
        values=((6.5, 0), (2, 3)),
        in_stock=((False, False), (True, True)),
    )
    with pytest.raises(InvalidInput, match=r"periods 1 to 3 are asked for, .*3 recorded periods.*past_end: repeat"):
        DATA.cut(1, 3)
    repeated = DATA.model_copy(update={"past_end": "repeat"}).cut(1, 4)
    assert repeated.values == ((6.5, 0, 0, 0), (2, 3, 3, 3))
    assert repeated.in_stock == ((False, False, True, True), (True, True, True, True))
    for first, length in ((-1, 2), (3, 1), (0, 0)):
        with pytest.raises(InvalidInput, match="must lie in the 3 recorded periods"):
            DATA.model_copy(update={"past_end": "repeat"}).cut(first, length)


UNFIT = [
    ({"markets": ("a", "a")}, r"markets: is used twice"),
    ({"markets": ("a",)}, r"values: has a row per market, 1 here|in_stock"),
    ({"values": ((1, 2), (1,)), "in_stock": None}, r"every market has equally many periods"),
    ({"values": ((1, -2), (1, 2)), "in_stock": None}, r"values.0.1"),
    ({"in_stock": ((True,), (True,))}, r"in_stock: has a flag per market and period"),
    ({"start": "2024-01"}, r"start: with frequency week the first period is an ISO date"),
    ({"start": "2024-01-29", "frequency": "month"}, r"start: with frequency month the first period is an ISO month"),
    ({"frequency": "hour"}, r"frequency"),
]


@pytest.mark.parametrize(("change", "message"), UNFIT)
def test_recorded_demand_fits_together(change, message):
    fields = {name: getattr(DATA, name) for name in DemandData.model_fields}
    assert DemandData(**fields) == DATA
    with pytest.raises(ValueError, match=message):
        DemandData(**(fields | change))


@given(
    values=st.integers(1, 5).flatmap(
        lambda periods: st.lists(
            st.lists(st.floats(0, 1e9), min_size=periods, max_size=periods), min_size=1, max_size=3
        )
    ),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_and_the_layout_change_nothing(tmp_path_factory, values, order):
    folder = tmp_path_factory.mktemp("layouts")
    names = [f"m{place}" for place in range(len(values))]
    days = [f"2024-02-{day:02d}" for day in range(1, len(values[0]) + 1)]
    rows = [
        f"{day},{name},{value!r}\n"
        for name, row in zip(names, values, strict=True)
        for day, value in zip(days, row, strict=True)
    ]
    order.shuffle(rows)
    (folder / "long.csv").write_text("day,name,units\n" + "".join(rows))
    lines = [",".join([name, *map(repr, row)]) for name, row in zip(names, values, strict=True)]
    (folder / "rows.csv").write_text("\n".join([",".join(["name", *days]), *lines]))
    long = {"layout": "long", "date": "day", "market": "name", "value": "units", "markets": names}
    expected = DemandData(markets=names, start=days[0], frequency="day", values=values)
    for name, options in (
        ("long", long),
        ("rows", {"layout": "rows", "market": "name", "first_date_column": days[0]}),
    ):
        data, reading = read_data(DataSource(file=f"{name}.csv", frequency="day", **options), folder)
        assert data == expected
        assert DemandData.model_validate_json(data.model_dump_json()) == data
        assert reading.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-12)


@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.lists(
                st.sampled_from(
                    ["day", "a", "2024-01-01", "2024-01-02", "1", "-2", "1,5", "", '"', "NaN", "x", "1e999"]
                ),
                max_size=4,
            ).map(",".join),
            max_size=6,
        ).map(lambda lines: "\n".join(["day,a", *lines]).encode()),
    ),
    layout=st.sampled_from(
        [
            {"layout": "long", "date": "day", "value": "a"},
            {"layout": "long", "date": 1, "market": 3, "value": 2, "header": "none"},
            {"layout": "wide", "date": "day"},
            {"layout": "rows", "market": "day", "first_date_column": "a"},
        ]
    ),
    rules=st.fixed_dictionaries(
        {},
        optional={
            "missing": st.sampled_from(["zero", "previous"]),
            "negative": st.just("zero"),
            "frequency": st.sampled_from(["day", "month", 3]),
            "encoding": st.sampled_from(["latin-1", "utf-16"]),
            "separator": st.sampled_from([";", "tab"]),
        },
    ),
)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, content, layout, rules):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "sales.csv").write_bytes(content)
    with contextlib.suppress(InvalidInput):
        data, _ = read_data(DataSource(file="sales.csv", **layout, **rules), folder)
        assert data.array.min() >= 0


# --- files that failed before -----------------------------------------------------------------------------------------

needs_cases = pytest.mark.skipif(
    "ARENA_REFERENCE" not in os.environ or not CASES.is_dir(), reason="the cases are not here: ARENA_REFERENCE"
)
LONG = {"layout": "long", "date": "date", "value": "units"}
NUMBERED = {"layout": "long", "date": "day", "value": "units", "date_format": "number"}
ROSSMANN = {"layout": "long", "date": "Date", "value": "Sales"}
FAVORITA = {"layout": "long", "date": "date", "value": "unit_sales", "market": ["store_nbr", "item_nbr"]}
FAILED = [
    ("rossmann", ROSSMANN, r'same date \(62 rows .*\("Store", .*write market: Store', {"market": "Store"}),
    (
        "noheader",
        NUMBERED,
        r'holds data, got "5"; write header: none',
        {"header": "none", "layout": "wide", "date": None, "value": None},
    ),
    ("semicolon", LONG, r'write separator: ";"', {"separator": ";", "decimal": ","}),
    ("thousands", LONG, r'no thousands separators .*got "1,250"', None),
    ("latin1", NUMBERED | {"date": "día", "value": "unités"}, r"is not UTF-8 text", {"encoding": "latin-1"}),
    ("utf16", NUMBERED, r"is UTF-16 text", {"encoding": "utf-16"}),
    ("headonly", NUMBERED, r"has a header and no rows", None),
    ("trailing", NUMBERED | {"value": "unit"}, r'did you mean "units"', {"value": "units"}),
    (
        "favorita",
        FAVORITA,
        r"(?s)this is a return.*write negative: zero.*16 of 20 values are missing.*write missing: zero",
        {"negative": "zero", "missing": "zero"},
    ),
]


@needs_cases
@pytest.mark.parametrize(("name", "options", "message", "to_write"), FAILED, ids=[case[0] for case in FAILED])
def test_a_file_that_failed_before(name, options, message, to_write):
    with pytest.raises(InvalidInput, match=message) as caught:
        read_data(parse_data_source({"file": f"{name}.csv", **options}, "mine.yaml"), CASES)
    assert len(caught.value.faults) == (2 if name == "favorita" else 1)
    if to_write is not None:
        data, _ = read_data(parse_data_source({"file": f"{name}.csv", **options, **to_write}, "mine.yaml"), CASES)
        assert data.periods > 1


@needs_cases
def test_stores_that_lie_interleaved_and_newest_first():
    data, _ = read_data(DataSource(file="rossmann.csv", market="Store", **ROSSMANN), CASES)
    assert (data.markets, data.start, data.periods) == (("1", "2", "3"), "2015-07-01", 31)
    assert data.array[-1].tolist() == [4131, 4231, 4331]
