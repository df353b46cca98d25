from pathlib import Path

import numpy as np
import pytest
from board_folders import VN2_PAIRS, vn2_sales, write_table, write_vn2
from hypothesis import given, strategies as st

from arena import InvalidInput, Simulator, TrackView, parts_of, realised_history
from arena_boards.options import BACKTEST_WEEKS, Vn2Options
from arena_boards.vn2 import build_vn2, read_vn2


def actuals(weeks: range | list[str] = range(1, 9)) -> str:
    rows = [f"{store},{product},{week},{store}" for store, product in VN2_PAIRS for week in weeks]
    return "\n".join(["Store,Product,week,actual_demand", *rows]) + "\n"


def cost_by_hand(demand: np.ndarray, stock: np.ndarray, pipeline: np.ndarray, orders: np.ndarray) -> float:
    """Cost of eight weeks: .2 per unit left and 1 per unit short, an order before week w being there in week w + 2."""
    arriving = np.vstack([pipeline.T, orders])
    cost = 0.0
    for week in range(8):
        stock = stock + arriving[week]
        cost += float((0.2 * np.maximum(stock - demand[week], 0) + np.maximum(demand[week] - stock, 0)).sum())
        stock = np.maximum(stock - demand[week], 0)
    return cost


@given(seed=st.integers(0, 2**32))
def test_a_window_costs_what_the_rules_say(seed: int, tmp_path_factory) -> None:
    folder = write_vn2(tmp_path_factory.mktemp("vn2"))
    (scenario,), _ = build_vn2(Vn2Options(data=folder, weeks="56", complete=False))
    orders = np.random.default_rng(seed).integers(0, 12, size=(8, 3)).astype(float)
    simulator = Simulator(scenario)
    simulator.start(0)
    for week in range(8):
        simulator.step(orders[week])
    sales = np.array(vn2_sales(), dtype=float)
    mean = sales[:, 4:56].mean(axis=1)
    stock = np.ceil(mean)
    pipeline = np.stack([np.zeros(3), np.round(np.maximum(0, 2 * mean - stock))], axis=1)
    by_hand = cost_by_hand(sales[:, 56:64].T, stock, pipeline, orders)
    assert -float(simulator.ledger().reward.sum()) == pytest.approx(by_hand, abs=1e-9)


def test_a_window_tells_the_weeks_before_it_and_nothing_after(tmp_path: Path) -> None:
    (scenario,), cells = build_vn2(Vn2Options(data=write_vn2(tmp_path), weeks="60", complete=False))
    assert cells == {"vn2-week-060-2022-06-06": "backtest"}
    # The second pair was out of stock in week 66, so its demand in the window is not known.
    history = realised_history(scenario, 0)
    briefing = TrackView(scenario, "blind").brief(seed=1, history=history)
    sales = np.array(vn2_sales())
    assert briefing.history.T.tolist() == sales[[0, 2], :60].tolist()
    assert briefing.history_in_stock.shape == (60, 2)
    assert (briefing.horizon, briefing.visible_demand, briefing.fulfilment) == (8, "demand", "lost_sales")
    assert parts_of(scenario) == ("initial_pipeline",)
    assert scenario.demands[0].series is not None
    assert scenario.demands[0].series.values == tuple(map(float, sales[0, 60:68]))


def test_out_of_stock_weeks_are_told_by_flags(tmp_path: Path) -> None:
    (scenario,), _ = build_vn2(Vn2Options(data=write_vn2(tmp_path), weeks="52", complete=False))
    briefing = TrackView(scenario, "blind").brief(seed=1, history=realised_history(scenario, 0))
    assert np.argwhere(briefing.history_in_stock == 0).tolist() == [[5, 1]]


def test_the_network_tells_which_pairs_share_a_store_or_a_product(tmp_path: Path) -> None:
    (scenario,), _ = build_vn2(Vn2Options(data=write_vn2(tmp_path), weeks="52", complete=False))
    network = TrackView(scenario, "blind").brief(seed=1, history=realised_history(scenario, 0)).network
    markets = [link.market for link in network.market_links]
    supplies = [link.supplier for link in network.supply_links]
    assert (
        [link.buyer for link in network.supply_links] == [link.retailer for link in network.market_links] == [0, 1, 2]
    )
    assert markets[0] == markets[1] != markets[2]  # stores 1, 1, 2
    assert supplies[0] == supplies[2] != supplies[1]  # products 10, 20, 10
    assert all(node.name is None for node in network.nodes)


def test_the_competition_begins_with_the_stated_state(tmp_path: Path) -> None:
    (scenario,), cells = build_vn2(Vn2Options(data=write_vn2(tmp_path, actuals=actuals()), complete=False))
    assert cells == {"vn2-competition": "competition"}
    assert (scenario.history, len(scenario.network.market_links)) == (70, 3)
    assert [demand.series.values for demand in scenario.demands if demand.series] == [
        (1.0,) * 8,
        (1.0,) * 8,
        (2.0,) * 8,
    ]
    state = read_vn2(tmp_path, complete=False).start
    assert [node.initial_stock for node in scenario.network.nodes[:3]] == state.stock.tolist()
    assert [link.initial_pipeline for link in scenario.network.supply_links] == list(
        map(tuple, state.pipeline.tolist())
    )


def test_weeks_of_actual_demand_may_be_dated(tmp_path: Path) -> None:
    mondays = [
        "2022-08-15",
        "2022-08-22",
        "2022-08-29",
        "2022-09-05",
        "2022-09-12",
        "2022-09-19",
        "2022-09-26",
        "2022-10-03",
    ]
    dated = read_vn2(write_vn2(tmp_path / "dated", actuals=actuals(mondays)), complete=False).actuals
    numbered = read_vn2(write_vn2(tmp_path / "numbered", actuals=actuals()), complete=False).actuals
    assert dated is not None
    assert numbered is not None
    assert dated.tolist() == numbered.tolist()


def test_without_actual_demand_there_is_no_competition(tmp_path: Path) -> None:
    folder = write_vn2(tmp_path)
    with pytest.raises(InvalidInput, match=r"the competition's demand is in actuals\.csv"):
        build_vn2(Vn2Options(data=folder, weeks="competition", complete=False))
    with pytest.raises(InvalidInput, match="windows of 8 weeks begin with week 52 to 62 from 0, got 93"):
        build_vn2(Vn2Options(data=folder, complete=False))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"master": "Store,Product\n1,10\n1,20\n"}, r"has the 3 pairs of sales\.csv"),
        ({"master": "Store,Product\n1,10\n1,20\n1,20\n"}, r"has the 3 pairs of sales\.csv, each once"),
        ({"initial_state": "Store,Product,End Inventory\n"}, r"In Transit W\+1"),
        ({"sales": "Store;Product;2021-04-12\n1;10;3\n"}, r"one column of this name"),
        ({"in_stock": "Store,Product,2021-04-12\n1,10,True\n1,20,True\n2,10,True\n"}, r"have no flag"),
        ({"actuals": actuals(range(1, 8))}, r"3 rows are missing"),
        ({"actuals": actuals(range(1, 10))}, r"has one row for each pair"),
        ({"actuals": actuals(["2022-08-16"] * 8)}, r"has one row for each pair"),
    ],
)
def test_tables_that_do_not_fit_each_other_are_refused(tmp_path: Path, changes: dict, match: str) -> None:
    read_vn2(write_vn2(tmp_path / "right"), complete=False)
    with pytest.raises(InvalidInput, match=match):
        read_vn2(write_vn2(tmp_path / "wrong", **changes), complete=False)


def test_counts_of_the_competition_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="VN2 has 599"):
        read_vn2(write_vn2(tmp_path))


def test_a_state_that_breaks_the_stated_rule_is_refused(reference: Path, tmp_path: Path) -> None:
    for file in (reference / "vn2").glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "initial_state.csv").read_text(encoding="utf-8")
    (tmp_path / "initial_state.csv").write_text(text.replace("0,126,0,0,0,3,", "0,126,0,0,0,4,"), encoding="utf-8")
    with pytest.raises(InvalidInput, match="store 0, product 126: follows from the latest 52 weeks"):
        read_vn2(tmp_path)


def test_the_fifteen_windows_of_the_competition_s_history(reference: Path) -> None:
    scenarios, _ = build_vn2(Vn2Options(data=reference / "vn2"))
    assert [int(scenario.name.split("-")[2]) for scenario in scenarios] == list(BACKTEST_WEEKS)
    pairs = [489, 554, 561, 559, 569, 573, 535, 533, 559, 563, 558, 548, 555, 578, 586]
    assert [len(scenario.network.market_links) for scenario in scenarios] == pairs
    assert [scenario.history for scenario in scenarios] == list(BACKTEST_WEEKS)


@given(data=st.data())
def test_cut_doubled_and_foreign_tables_give_one_clear_error(data: st.DataObject, tmp_path_factory) -> None:
    folder = write_vn2(tmp_path_factory.mktemp("fuzz"), actuals=actuals())
    file = folder / data.draw(
        st.sampled_from(["sales.csv", "in_stock.csv", "master.csv", "initial_state.csv", "actuals.csv"])
    )
    content = file.read_bytes()
    start, stop = sorted((data.draw(st.integers(0, len(content))), data.draw(st.integers(0, len(content)))))
    foreign = data.draw(st.one_of(st.binary(max_size=40), st.just(content[start:stop] * 2), st.just(b'"')))
    file.write_bytes(content[:start] + foreign + content[stop:])
    try:
        read_vn2(folder, complete=False)
    except InvalidInput as error:
        assert error.faults  # noqa: PT017 - any other exception fails the test


def test_every_table_is_needed(tmp_path: Path) -> None:
    for name in ("sales", "in_stock", "master", "initial_state"):
        folder = write_vn2(tmp_path / name)
        (folder / f"{name}.csv").unlink()
        with pytest.raises(InvalidInput, match="there is no such file"):
            read_vn2(folder, complete=False)
    write_table(tmp_path / "empty" / "sales.csv", [], [])
    with pytest.raises(InvalidInput, match="the first line names the columns"):
        read_vn2(tmp_path / "empty", complete=False)
