import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board_folders import favorita_rows, m5_rows, rossmann_rows, write_table
from hypothesis import HealthCheck, given, settings, strategies as st

from arena import InvalidInput, Scenario
from arena_boards.bayesm import build_bayesm, read_orange_juice
from arena_boards.favorita import build_favorita, read_favorita
from arena_boards.m5 import build_m5, read_m5
from arena_boards.options import DailyOptions, FavoritaOptions, PanelOptions
from arena_boards.panel import Panel, build_panel, usual_start
from arena_boards.rossmann import build_rossmann, read_rossmann

SMALL: dict[str, Any] = {"complete": False, "windows": 2, "horizon": 7, "lead_time": 2}


def m5_folder(folder: Path, **sizes: int) -> Path:
    return write_table(folder / "sales_train_evaluation.csv", *m5_rows(**sizes)).parent


def rossmann_folder(folder: Path, **sizes: int) -> Path:
    return write_table(folder / "train.csv", *rossmann_rows(**sizes)).parent


def favorita_folder(folder: Path, **sizes: int) -> Path:
    pytest.importorskip("pyarrow", reason="Favorita is read with pyarrow")
    return write_table(folder / "train.csv", *favorita_rows(**sizes)).parent


def juice_folder(folder: Path, **changes: Any) -> Path:
    """A small orangeJuice.rda: two stores, two brands, weeks 40 to 79, one row missing."""
    rdata = pytest.importorskip("rdata", reason="bayesm is read with rdata")
    pandas = pytest.importorskip("pandas", reason="rdata needs pandas")
    rows = [
        (store, brand, week, float(np.log(32.0 * (store + brand + week % 5))))
        for store in (2, 5)
        for brand in (1, 3)
        for week in range(40, 80)
        if (store, brand, week) != (5, 3, 50)
    ]
    frame = pandas.DataFrame(rows, columns=["store", "brand", "week", "logmove"])
    for name, values in changes.items():
        frame[name] = values
    folder.mkdir(parents=True, exist_ok=True)
    rdata.write_rda(folder / "orangeJuice.rda", {"orangeJuice": {"yx": frame}})
    return folder


Maker = Callable[..., Path]
READERS: dict[str, tuple[Maker, Callable[[Path], Panel], str]] = {
    "m5": (m5_folder, lambda folder: read_m5(folder, 3, before=7, complete=False), "sales_train_evaluation.csv"),
    "rossmann": (rossmann_folder, lambda folder: read_rossmann(folder, complete=False), "train.csv"),
    "favorita": (favorita_folder, lambda folder: read_favorita(folder, 9, before=7, complete=False), "train.csv"),
    "bayesm": (juice_folder, lambda folder: read_orange_juice(folder, complete=False), "orangeJuice.rda"),
}


# --- every reader -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_a_missing_folder_or_file_is_named(name: str, tmp_path: Path) -> None:
    make, read, file = READERS[name]
    make(tmp_path / "right")
    with pytest.raises(InvalidInput, match=file.replace(".", r"\.")):
        read(tmp_path)
    with pytest.raises(InvalidInput, match="is not a folder"):
        read(tmp_path / "nowhere")
    assert len(read(tmp_path / "right").names) >= 2


@pytest.mark.parametrize("name", READERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_doubled_and_foreign_files_give_one_clear_error(name: str, data: st.DataObject, tmp_path: Path) -> None:
    make, read, file = READERS[name]
    pristine = tmp_path / "pristine"
    if not pristine.exists():
        make(pristine)
    folder = tmp_path / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    content = (pristine / file).read_bytes()
    start, stop = sorted((data.draw(st.integers(0, len(content))), data.draw(st.integers(0, len(content)))))
    foreign = data.draw(st.one_of(st.binary(max_size=40), st.just(content[start:stop] * 2), st.just(b'"')))
    (folder / file).write_bytes(content[:start] + foreign + content[stop:])
    try:
        panel = read(folder)
    except InvalidInput as error:
        assert error.faults  # noqa: PT017 - any other exception fails the test
    else:
        assert np.isfinite(panel.units).all()
        assert (panel.units >= 0).all()


@pytest.mark.parametrize("name", ["m5", "rossmann", "favorita"])
def test_doubled_rows_are_refused(name: str, tmp_path: Path) -> None:
    make, read, file = READERS[name]
    table = make(tmp_path) / file
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join([*lines, lines[-1]]), encoding="utf-8")
    with pytest.raises(InvalidInput, match="one row for each"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("m5", r"rows: M5 has 30,490, got 6"),
        ("rossmann", r"rows: Rossmann has 1,017,209"),
        ("favorita", r"rows: Favorita has 125,497,040"),
        ("bayesm", r"rows: bayesm's orangeJuice has 106,139, got 159"),
    ],
)
def test_stated_counts_are_checked(name: str, match: str, tmp_path: Path) -> None:
    make, *_ = READERS[name]
    whole = {
        "m5": lambda: read_m5(make(tmp_path), 3, before=7),
        "rossmann": lambda: read_rossmann(make(tmp_path)),
        "favorita": lambda: read_favorita(make(tmp_path), 2, before=7),
        "bayesm": lambda: read_orange_juice(make(tmp_path)),
    }
    with pytest.raises(InvalidInput, match=match):
        whole[name]()


# --- each source --------------------------------------------------------------------------------------------------


def test_m5_keeps_the_series_of_most_units_before_the_windows(tmp_path: Path) -> None:
    header, rows = m5_rows()
    for row in rows[:2]:  # A series that sells in the last days alone is not chosen for it.
        row[6:-7] = [0] * (len(row) - 13)
        row[-7:] = [1000] * 7
    write_table(tmp_path / "sales_train_evaluation.csv", header, rows)
    panel = read_m5(tmp_path, 3, before=7, complete=False)
    assert panel.names == ("FOODS_1_001 in CA_2", "FOODS_1_002 in CA_1", "FOODS_1_002 in CA_2")
    assert panel.units.tolist() == [list(map(float, rows[row][6:])) for row in (3, 4, 5)]
    assert panel.sites == ("CA_2", "CA_1", "CA_2")


def test_m5_reads_validation_days_where_there_is_no_evaluation(tmp_path: Path) -> None:
    write_table(tmp_path / "sales_train_validation.csv", *m5_rows(days=30))
    assert read_m5(tmp_path, 9, before=7, complete=False).units.shape == (6, 30)


def test_rossmann_tells_missing_rows_as_out_of_stock_and_closed_days_as_no_demand(tmp_path: Path) -> None:
    panel = read_rossmann(rossmann_folder(tmp_path), complete=False)
    assert panel.names == ("store 1", "store 2", "store 3")
    assert panel.in_stock is not None
    last = (datetime.date(2015, 7, 31) - datetime.date(2013, 1, 1)).days
    assert not panel.in_stock[:, : last - 59].any()
    assert np.flatnonzero(~panel.in_stock[1, last - 59 :]).tolist() == [59 - back for back in (34, 33, 32, 31, 30)]
    sunday = last - 5  # 2015-07-26
    assert panel.units[:, sunday].tolist() == [0, 0, 0]
    assert panel.in_stock[:, sunday].all()
    assert panel.units[:, last].tolist() == [1000, 2000, 3000]


def test_favorita_fills_days_without_a_row_and_counts_returns_as_nothing(tmp_path: Path) -> None:
    panel = read_favorita(favorita_folder(tmp_path), 2, before=7, complete=False)
    assert panel.names == ("item 100 in store 1", "item 200 in store 1")
    assert (panel.first, panel.periods) == ("2017-01-01", 40)
    by_hand = np.zeros((2, 40))
    for day in range(40):
        for row, (store, item) in enumerate(((1, 100), (1, 200))):
            units = (day * store + item // 100) % 4
            by_hand[row, day] = 0 if day == 3 else units * item // 100
    assert panel.units.tolist() == by_hand.tolist()


def test_favorita_reads_chosen_stores(tmp_path: Path) -> None:
    folder = favorita_folder(tmp_path)
    assert read_favorita(folder, 9, before=7, stores=frozenset({7}), complete=False).names == ("item 100 in store 7",)
    with pytest.raises(InvalidInput, match='has no rows of them, got "8"'):
        read_favorita(folder, 9, before=7, stores=frozenset({8}), complete=False)


def test_favorita_wants_rows_in_the_order_of_their_days(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Favorita is read with pyarrow")
    header, rows = favorita_rows()
    write_table(tmp_path / "train.csv", header, [rows[-1], *rows[:-1], rows[-1]])
    with pytest.raises(InvalidInput, match="rows stand in the order of their days"):
        read_favorita(tmp_path, 2, before=7, complete=False)


def test_orange_juice_is_counted_in_quarts_and_missing_weeks_are_out_of_stock(tmp_path: Path) -> None:
    panel = read_orange_juice(juice_folder(tmp_path), complete=False)
    assert panel.names == ("brand 1 in store 2", "brand 3 in store 2", "brand 1 in store 5", "brand 3 in store 5")
    assert panel.units[0].tolist() == [3 + week % 5 for week in range(40, 80)]
    assert panel.in_stock is not None
    assert np.argwhere(~panel.in_stock).tolist() == [[3, 10]]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"logmove": float("nan")}, "are finite numbers"),
        ({"logmove": 99.0}, "logarithms of ounces"),
        ({"week": 40}, "one row for each store, brand and week"),
        ({"store": 1.5}, "are whole numbers"),
    ],
)
def test_orange_juice_of_other_numbers_is_refused(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    read_orange_juice(juice_folder(tmp_path / "right"), complete=False)
    with pytest.raises(InvalidInput, match=match):
        read_orange_juice(juice_folder(tmp_path / "wrong", **changes), complete=False)


def test_another_file_of_r_is_refused(tmp_path: Path) -> None:
    rdata = pytest.importorskip("rdata", reason="bayesm is read with rdata")
    rdata.write_rda(tmp_path / "orangeJuice.rda", {"cheese": {"VOLUME": [1.0, 2.0]}})
    with pytest.raises(InvalidInput, match=r"holds a data frame orangeJuice\$yx with the columns store, brand"):
        read_orange_juice(tmp_path)


# --- windows ------------------------------------------------------------------------------------------------------


BUILDERS: dict[str, tuple[Maker, Callable[[Path], tuple[tuple[Scenario, ...], dict[str, str]]]]] = {
    "m5": (m5_folder, lambda folder: build_m5(DailyOptions(data=folder, items=3, **SMALL))),
    "rossmann": (rossmann_folder, lambda folder: build_rossmann(DailyOptions(data=folder, **SMALL))),
    "favorita": (favorita_folder, lambda folder: build_favorita(FavoritaOptions(data=folder, stores="1", **SMALL))),
    "bayesm": (juice_folder, lambda folder: build_bayesm(PanelOptions(data=folder, **SMALL))),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_last_windows_are_played(name: str, tmp_path: Path) -> None:
    make, build = BUILDERS[name]
    scenarios, cells = build(make(tmp_path))
    assert len(scenarios) == 2
    assert cells == {scenario.name: name for scenario in scenarios}
    assert scenarios[1].history == scenarios[0].history + 7
    assert all(scenario.horizon == 7 for scenario in scenarios)
    assert all(scenario.demand.data is not None for scenario in scenarios)


def a_panel(units: list[list[float]], in_stock: list[list[bool]] | None = None) -> Panel:
    names = tuple(f"series {row}" for row in range(len(units)))
    flags = None if in_stock is None else np.array(in_stock)
    return Panel("test", names, ("site",) * len(names), names, "0", "period", np.array(units), flags)


def test_a_window_plays_the_observed_series_of_most_units_before_it() -> None:
    units = [[9.0] * 4 + [0.0] * 2, [1.0] * 6, [5.0] * 6, [1.0] * 4 + [999.0] * 2]
    flags = [[True] * 6, [True] * 6, [True] * 5 + [False], [True] * 6]
    options = PanelOptions(data=Path(), items=3, windows=1, horizon=2, lead_time=1)
    ((scenario,), _) = build_panel("test", a_panel(units, flags), options, 4)
    assert scenario.demand.data is not None
    # Of series 0, 2 and 1 the second was out of stock in the window; series 3 sold most, but in the window itself.
    assert scenario.demand.data.markets == ("series 0", "series 1")
    assert (scenario.history, scenario.name) == (4, "test-from-0004")


def test_too_few_periods_and_no_observed_series_are_refused() -> None:
    options = PanelOptions(data=Path(), windows=2, horizon=2, history=3)
    with pytest.raises(InvalidInput, match='2 windows of 2 periods and 3 before them need 7 periods, got "6 periods"'):
        build_panel("test", a_panel([[1.0] * 6]), options, 4)
    assert len(build_panel("test", a_panel([[1.0] * 7]), options, 4)[0]) == 2
    with pytest.raises(InvalidInput, match="no series was in stock in all periods 3 to 4"):
        build_panel("test", a_panel([[1.0] * 7], [[True] * 4 + [False] * 3]), options, 4)


@given(
    units=st.lists(st.integers(0, 30), min_size=52, max_size=52),
    later=st.lists(st.integers(0, 30), min_size=8, max_size=8),
    lead_time=st.integers(0, 5),
)
def test_a_start_depends_on_the_past_alone_and_covers_the_lead_time(
    units: list[int], later: list[int], lead_time: int
) -> None:
    panel = a_panel([[*map(float, units), *map(float, later)]])
    start = usual_start(panel, 52, lead_time, 52)
    assert start.pipeline.shape == (1, lead_time)
    again = usual_start(a_panel([list(map(float, units))]), 52, lead_time, 52)
    assert (start.stock.tolist(), start.pipeline.tolist()) == (again.stock.tolist(), again.pipeline.tolist())
    mean = sum(units) / 52
    supplied = float(start.stock[0])
    for period in range(1, lead_time):
        supplied += float(start.pipeline[0, period])
        assert supplied >= (period + 1) * mean - 0.5 - 1e-9
    if lead_time == 2:
        assert start.pipeline[0].tolist() == [0, round(max(0, 2 * mean - np.ceil(mean)))]


@pytest.mark.parametrize(
    ("model", "values", "match"),
    [
        (FavoritaOptions, {"stores": "one"}, "must be numbers of stores"),
        (PanelOptions, {"holding_cost": 0, "shortage_cost": 0}, "must not both be 0"),
        (PanelOptions, {"lag": 1}, "Extra inputs"),
        (PanelOptions, {"items": 0}, "greater than or equal to 1"),
    ],
)
def test_options_outside_their_range_are_refused(model: type[PanelOptions], values: dict, match: str) -> None:
    assert model(data="here").complete
    with pytest.raises(ValueError, match=match):
        model(data="here", **values)
