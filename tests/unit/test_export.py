"""Exports: the same rows in every format, names and money as the simulator has them, block by block."""

import csv
import gzip
import io
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, strategies as st
from records import make_record

from arena import Simulator, load_scenario
from arena.cli.results import _format_of
from arena.contract.version import contract_digest
from arena.errors import ArenaError, InvalidInput, StoreError
from arena.results import export as exporting
from arena.results.columns import EPISODE_COLUMNS, NODE_COLUMNS, PERIOD_COLUMNS
from arena.results.export import FORMATS, episode_row, export
from arena.results.record import PlayedEpisode
from arena.results.store import Store
from arena.results.tables import Texts, cells
from arena.results.writers import CsvWriter, safe_text
from arena.simulate.compiled import MONEY_PARTS

SCENARIOS = [load_scenario(name) for name in ("serial-stationary-backlog", "divergent-stationary-lost-sales")]
SEEDS = 2


def played(submission, scenario, seed, **changes):
    """An episode with random orders, and its ledger."""
    generator = np.random.default_rng([seed, len(submission)])
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        simulator.step(generator.uniform(-1, 40, simulator.compiled.links))
    ledger = simulator.ledger()
    record = make_record(
        submission,
        scenario.name,
        seed,
        scenario_digest=scenario.digest,
        **{"contract_digest": contract_digest(), "stderr_tail": "", **changes},
    )
    return PlayedEpisode(record, ledger.requested, ledger.demand), ledger


@pytest.fixture
def store(tmp_path):
    """A store of two submissions on two scenarios and two seeds, put in without order; and the ledgers by name."""
    ledgers = {}
    path = tmp_path / "results.sqlite"
    with Store(path) as writing:
        writing.put_scenarios(SCENARIOS, {})
        for seed in reversed(range(SEEDS)):
            for scenario in SCENARIOS:
                for submission in ("zeta", 'alpha, "the first"'):
                    episode, ledger = played(submission, scenario, seed)
                    ledgers[submission, scenario.name, str(seed)] = ledger, scenario
                    writing.put(episode, suite="short")
    return path, ledgers


def rows_of(path):
    text = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def sheets_of(path):
    """Cells of the sheets of a workbook, as text, by name."""
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as parts:
        names = [
            one.attrib["name"] for one in ElementTree.fromstring(parts.read("xl/workbook.xml")).find("m:sheets", space)
        ]
        found = {}
        for number, name in enumerate(names, 1):
            root = ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml"))
            found[name] = [
                ["".join(cell.itertext()) for cell in row.iterfind("m:c", space)]
                for row in root.iterfind("m:sheetData/m:row", space)
            ]
    return found


# --- content -----------------------------------------------------------------------------------------------------


def test_nodes_have_the_stock_and_the_money_of_the_simulator(store, tmp_path):
    path, ledgers = store
    exported = export(path, tmp_path / "table.csv", "csv")
    assert exported.left_out == 0
    rows = rows_of(exported.nodes)
    assert tuple(rows[0]) == NODE_COLUMNS
    found = {}
    for row in rows:
        found.setdefault((row["submission"], row["scenario"], row["seed_index"]), []).append(row)
    assert found.keys() == ledgers.keys()
    for key, lines in found.items():
        ledger, scenario = ledgers[key]
        managed = scenario.network.managed
        assert [(row["period"], row["node"]) for row in lines] == [
            (str(period), str(node)) for period in range(scenario.horizon) for node in managed
        ]
        expected = {name: getattr(ledger, name) for name in MONEY_PARTS}
        expected |= {"on_hand": ledger.on_hand, "profit": ledger.node_profit}
        for name, values in expected.items():
            # Every digit: the very numbers.
            assert [float(row[name]) for row in lines] == values.ravel().tolist(), name
        under_way = sum(float(row["in_transit"]) for row in lines)
        assert under_way == pytest.approx(ledger.in_transit.sum(), rel=1e-12)
        assert sum(float(row["profit"]) for row in lines) == pytest.approx(ledger.reward.sum(), rel=1e-9)


def test_periods_have_orders_and_demand_with_the_ends_of_links(store, tmp_path):
    path, ledgers = store
    rows = rows_of(export(path, tmp_path / "table.csv", "csv").periods)
    assert tuple(rows[0]) == PERIOD_COLUMNS
    found = iter(rows)
    for key in sorted(ledgers):
        ledger, scenario = ledgers[key]
        network = scenario.network
        for period in range(scenario.horizon):
            for quantity, links, units in (
                ("requested_order", [(one.supplier, one.buyer) for one in network.supply_links], ledger.requested),
                ("realised_demand", [(one.retailer, one.market) for one in network.market_links], ledger.demand),
            ):
                for link, (origin, destination) in enumerate(links):
                    row = next(found)
                    told = (row["submission"], row["scenario"], row["seed_index"])
                    assert told == key
                    assert (row["quantity"], row["period"], row["link"]) == (quantity, str(period), str(link))
                    assert (row["origin"], row["destination"]) == (str(origin), str(destination))
                    assert float(row["units"]) == units[period, link]
    assert next(found, None) is None


def test_every_format_has_the_same_rows(store, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the format needs pyarrow")
    pytest.importorskip("xlsxwriter", reason="the format needs xlsxwriter")
    path, _ = store
    done = {one: export(path, tmp_path / f"table.{one}", one) for one in FORMATS}
    assert [one.name for one in done["csv.gz"].files] == [
        "table.csv.gz",
        "table-periods.csv.gz",
        "table-nodes.csv.gz",
    ]
    assert [one.name for one in done["xlsx"].files] == ["table.xlsx"]
    sheets = sheets_of(done["xlsx"].episodes)
    assert list(sheets) == ["episodes", "periods", "nodes"]
    for table in ("episodes", "periods", "nodes"):
        plain = rows_of(getattr(done["csv"], table))
        assert rows_of(getattr(done["csv.gz"], table)) == plain
        columnar = parquet.read_table(getattr(done["parquet"], table)).to_pylist()
        assert len(columnar) == len(plain) == len(sheets[table]) - 1
        for one, other in zip(columnar, plain, strict=True):
            assert {name: "" if value is None else str(value) for name, value in one.items()} == other
        assert sheets[table][0] == list(plain[0])
        filled = [value for value in plain[-1].values() if value != ""]
        for one, other in zip(filter(None, sheets[table][-1]), filled, strict=True):
            assert one == other or float(one) == pytest.approx(float(other), rel=1e-15)


def test_blocks_change_nothing(store, tmp_path, monkeypatch):
    path, _ = store
    whole = export(path, tmp_path / "whole.csv", "csv")
    monkeypatch.setattr(exporting, "_BLOCK", 3)
    parts = export(path, tmp_path / "parts.csv", "csv")
    for table in ("episodes", "periods", "nodes"):
        assert getattr(parts, table).read_bytes() == getattr(whole, table).read_bytes()


def test_an_export_is_the_same_file_every_time(store, tmp_path):
    path, _ = store
    first, second = (export(path, tmp_path / f"{name}.csv.gz", "csv.gz") for name in ("first", "second"))
    assert first.nodes.read_bytes() == second.nodes.read_bytes()


def test_a_store_without_an_episode_gives_tables_without_rows(tmp_path):
    Store(tmp_path / "results.sqlite").close()
    for file_format in FORMATS:
        done = export(tmp_path / "results.sqlite", tmp_path / f"table.{file_format}", file_format)
        assert all(one.stat().st_size for one in done.files)
    assert rows_of(tmp_path / "table.csv") == rows_of(tmp_path / "table-nodes.csv") == []


# --- what cannot be replayed -------------------------------------------------------------------------------------


def test_episodes_whose_scenario_is_not_stored_have_no_nodes(tmp_path):
    known, unknown = SCENARIOS
    with Store(tmp_path / "results.sqlite") as store:
        store.put_scenarios([known], {})
        for scenario in SCENARIOS:
            store.put(played("alpha", scenario, 0)[0])
    done = export(tmp_path / "results.sqlite", tmp_path / "table.csv", "csv")
    assert done.left_out == 1
    assert {row["scenario"] for row in rows_of(done.nodes)} == {known.name}
    ends = {(row["scenario"], bool(row["origin"]), bool(row["destination"])) for row in rows_of(done.periods)}
    assert ends == {(known.name, True, True), (unknown.name, False, False)}


def test_episodes_of_other_rules_have_no_nodes(tmp_path):
    with Store(tmp_path / "results.sqlite") as store:
        store.put_scenarios(SCENARIOS, {})
        store.put(played("alpha", SCENARIOS[0], 0, contract_digest="0" * 64)[0])
        store.put(played("alpha", SCENARIOS[1], 0)[0])
    done = export(tmp_path / "results.sqlite", tmp_path / "table.csv", "csv")
    assert done.left_out == 1
    assert {row["scenario"] for row in rows_of(done.nodes)} == {SCENARIOS[1].name}
    assert {row["scenario"] for row in rows_of(done.periods)} == {one.name for one in SCENARIOS}


@pytest.mark.parametrize("links", [2, 4])
def test_series_of_another_network_are_refused(tmp_path, links):
    scenario = SCENARIOS[0]
    record = played("alpha", scenario, 0)[0].record
    with Store(tmp_path / "results.sqlite") as store:
        store.put_scenarios([scenario], {})
        store.put(PlayedEpisode(record, np.ones((30, links)), np.ones((30, 1))))
    with pytest.raises(StoreError, match="play it again"):
        export(tmp_path / "results.sqlite", tmp_path / "table.csv", "csv")
    assert not (tmp_path / "table.csv").exists()


# --- files -------------------------------------------------------------------------------------------------------


def test_a_sheet_has_a_bound_which_parquet_has_not(store, tmp_path, monkeypatch):
    path, ledgers = store
    rows = sum(ledger.requested.size + ledger.demand.size for ledger, _ in ledgers.values())
    monkeypatch.setattr(exporting, "LARGEST_SHEET", rows)
    with pytest.raises(InvalidInput, match=f"periods has {rows:,} rows.*at most {rows - 1:,}.*--format parquet"):
        export(path, tmp_path / "table.xlsx", "xlsx")
    assert not (tmp_path / "table.xlsx").exists()
    pytest.importorskip("xlsxwriter", reason="the format needs xlsxwriter")
    monkeypatch.setattr(exporting, "LARGEST_SHEET", rows + 1)
    assert export(path, tmp_path / "table.xlsx", "xlsx").episodes.exists()


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_earlier_export_is_replaced_and_a_stranger_is_not(store, tmp_path, file_format):
    if file_format == "parquet":
        pytest.importorskip("pyarrow", reason="the format needs pyarrow")
    if file_format == "xlsx":
        pytest.importorskip("xlsxwriter", reason="the format needs xlsxwriter")
    path, _ = store
    output = tmp_path / f"table.{file_format}"
    for _ in range(2):
        done = export(path, output, file_format)
    mine = done.files[-1]
    for content in (b"mine", gzip.compress(b"a,b\n1,2\n"), gzip.compress(b"submission\n")[:-9], b"PK\x03\x04"):
        mine.write_bytes(content)
        with pytest.raises(InvalidInput, match="that the arena wrote"):
            export(path, output, file_format)
        assert mine.read_bytes() == content
    with zipfile.ZipFile(mine, "w") as parts:
        parts.writestr("docProps/core.xml", "<title>Mine</title>")
    with pytest.raises(InvalidInput, match="that the arena wrote"):
        export(path, output, file_format)


def test_missing_libraries_are_named(store, tmp_path, monkeypatch):
    path, _ = store
    for library, file_format in (("pyarrow", "parquet"), ("xlsxwriter", "xlsx")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, None)
            with pytest.raises(ArenaError, match=f"needs {library}.*pip install {library}"):
                export(path, tmp_path / f"table.{file_format}", file_format)
        assert not (tmp_path / f"table.{file_format}").exists()


# --- blocks and cells --------------------------------------------------------------------------------------------


def test_blocks_of_a_store_are_its_episodes_in_order(store):
    path, ledgers = store
    with Store(path, read_only=True) as reading:
        for size in (1, 3, 100):
            found = [pair for block in reading.blocks(size) for pair in block]
            assert [one for one, _ in found] == reading.episodes()
            for one, series in found:
                ledger, _ = ledgers[one.record.submission, one.record.scenario, str(one.record.seed_index)]
                np.testing.assert_array_equal(series.requested, ledger.requested)
                np.testing.assert_array_equal(series.drawn, ledger.demand)
        assert reading.count_rows()[0] == len(found)


@pytest.mark.parametrize("damage", ["", "{", "null", '{"submission": 3}'])
def test_a_damaged_record_is_told(store, damage):
    path, _ = store
    with Store(path) as writing:
        writing._database.execute("UPDATE episodes SET record = ? WHERE seed_index = 1", (damage,))
        with pytest.raises(StoreError, match="a record cannot be read"):
            list(writing.blocks(2))


TEXT = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["=1", "a,b", 'say "x"', "a\nb", "", " =1"]))


@given(st.lists(TEXT, min_size=1, max_size=4), st.lists(TEXT, min_size=1, max_size=4), st.data())
def test_a_block_is_written_as_the_rows_that_it_stands_for(first, second, data):
    number = data.draw(st.integers(0, 5))
    most = min(len(first), len(second)) - 1
    codes = np.array(data.draw(st.lists(st.integers(0, most), min_size=number, max_size=number)), dtype=np.int32)
    floats = data.draw(st.lists(st.floats(allow_nan=False), min_size=number, max_size=number))
    block = {
        "one": Texts(first, codes),
        "two": Texts(second[: len(first)] + [None] * (len(first) - len(second)), codes),
        "units": np.array(floats, dtype=np.float64),
        "link": np.arange(number),
        "three": Texts(second, codes),
    }
    by_block, by_rows = io.BytesIO(), io.BytesIO()
    CsvWriter(by_block, list(block)).write_block(block)
    CsvWriter(by_rows, list(block)).write_rows(list(cells(block)))
    read = [list(csv.reader(io.StringIO(one.getvalue().decode(), newline=""))) for one in (by_block, by_rows)]
    assert read[0] == read[1]
    assert len(read[0]) == 1 + number


def test_every_cell_of_an_episode_is_there():
    record = make_record("=1+1", failure_message="bad\nnews")
    file = io.BytesIO()
    CsvWriter(file, EPISODE_COLUMNS).write_rows([episode_row(record, "short")])
    (row,) = csv.DictReader(io.StringIO(file.getvalue().decode(), newline=""))
    assert (row["submission"], row["failure_message"]) == ("'=1+1", safe_text("bad\nnews"))
    assert float(row["profit"]) == record.profit


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, "csv"),
        ("x.csv", "csv"),
        ("x.csv.gz", "csv.gz"),
        ("X.PARQUET", "parquet"),
        ("x.xlsx", "xlsx"),
        ("table", "csv"),
        ("x.gz", "csv"),
    ],
)
def test_the_ending_of_a_file_names_its_format(name, expected):
    assert _format_of(None if name is None else Path(name)).value == expected
