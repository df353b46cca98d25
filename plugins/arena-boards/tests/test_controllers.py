import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from board_folders import an_instance, write_vn2
from numpy.typing import NDArray

from arena import Controller, Network, Scenario, Simulator, TrackView, parse_as, realised_history
from arena_boards.baseline_reward import baseline_reward, capped_order
from arena_boards.capped_base_stock import CappedBaseStock
from arena_boards.config import CappedBaseStockConfig, SeasonalOrderUpToConfig
from arena_boards.inventorybench import Instance, build_inventorybench, make_scenario, read_instances
from arena_boards.options import BACKTEST_WEEKS, InventoryBenchOptions, Vn2Options
from arena_boards.panel import Panel, Start, Terms, make_episode
from arena_boards.seasonal_order_up_to import SeasonalOrderUpTo
from arena_boards.vn2 import build_vn2


def played(scenario: Scenario, controller: Controller) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rewards and orders of an episode on the blind track."""
    view, simulator = TrackView(scenario, "blind"), Simulator(scenario)
    simulator.start(0)
    controller.begin(view.brief(seed=1, history=realised_history(scenario, 0)))
    orders = []
    while not simulator.finished:
        orders.append(controller.order(view.observe(simulator.state)))
        simulator.step(orders[-1])
    return simulator.ledger().reward, np.array(orders)


def benchmark() -> SeasonalOrderUpTo:
    return SeasonalOrderUpTo(SeasonalOrderUpToConfig())


def baseline() -> CappedBaseStock:
    return CappedBaseStock(CappedBaseStockConfig())


# --- InventoryBench's baseline ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lead_time_0", "lead_time_4", "lead_time_stochastic"])
def test_the_baseline_earns_in_arena_what_it_earns_on_the_board(cell: str) -> None:
    one = parse_as(Instance, an_instance(f"real_trajectory/{cell}/1"), "test")
    rewards, _ = played(make_scenario(one, one.lead_times), baseline())
    assert float(rewards.sum()) == pytest.approx(baseline_reward(one), abs=1e-9)


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_the_baseline_reproduces_the_stated_rewards(reference: Path, step: int) -> None:
    stated = {one.name: one.or_baseline_reward for one in read_instances(reference / "inventorybench")}
    scenarios, _ = build_inventorybench(InventoryBenchOptions(data=reference / "inventorybench"))
    earned = {scenario.name: float(played(scenario, baseline())[0].sum()) for scenario in scenarios[::step]}
    assert len(earned) == 693 // step
    assert earned == pytest.approx({name: stated[name] for name in earned}, abs=1e-6)


def test_a_capped_order_by_hand() -> None:
    samples = [8.0, 12.0]  # mean 10, deviation √8
    z, cap = NormalDist().inv_cdf(0.8), NormalDist().inv_cdf(0.95)
    level = 3 * 10 + z * math.sqrt(3 * 8)
    assert capped_order(samples, 2, 0.8, position=25) == math.ceil(level - 25)
    assert capped_order(samples, 2, 0.8, position=0) == math.ceil(10 + cap * math.sqrt(8))
    assert capped_order(samples, 2, 0.8, position=100) == 0
    assert capped_order([7.0], 0, 0.5, position=0) == 7


# --- VN2's benchmark ----------------------------------------------------------------------------------------------


def official_order(
    units: NDArray[np.float64], in_stock: NDArray[np.bool_], week_of_year: list[int], position: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The official rule, by weeks of the calendar: units of shape (weeks, items), and the weeks of four more."""
    seen = len(units)
    weeks = np.array(week_of_year)
    means = np.array([row[flags].mean() if flags.any() else np.nan for row, flags in zip(units, in_stock, strict=True)])
    season = {week: np.nanmean(means[weeks[:seen] == week]) for week in sorted(set(week_of_year[:seen]))}
    total = float(np.mean(list(season.values())))
    factor = {week: value / total for week, value in season.items()}
    level = np.array(
        [
            np.mean([units[t, i] / factor[week_of_year[t]] for t in range(seen - 13, seen) if in_stock[t, i]])
            for i in range(units.shape[1])
        ]
    )
    target = level * sum(factor.get(week, 1.0) for week in week_of_year[seen : seen + 4])
    return np.round(np.maximum(0.0, target - position))


def test_the_benchmark_orders_as_the_official_rule(reference: Path) -> None:
    import csv
    import datetime

    scenarios, _ = build_vn2(Vn2Options(data=reference / "vn2", weeks="109"))
    _, orders = played(scenarios[0], benchmark())
    with (reference / "vn2" / "sales.csv").open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    with (reference / "vn2" / "in_stock.csv").open(encoding="utf-8", newline="") as text:
        _, *flag_rows = csv.reader(text)
    units = np.array([row[2:] for row in rows], dtype=float).T
    in_stock = np.array([[cell == "True" for cell in row[2:159]] for row in flag_rows]).T
    chosen = in_stock[109:117].all(axis=0)
    units, in_stock = units[:, chosen], in_stock[:, chosen]
    calendar = [datetime.date.fromisoformat(week).isocalendar().week for week in header[2:]]
    mean = units[57:109].mean(axis=0)
    stock = np.ceil(mean)
    arriving = [np.zeros_like(stock), np.round(np.maximum(0, 2 * mean - stock))]
    for week in range(6):
        seen = 109 + week
        position = stock + sum(arriving[week:])
        expected = official_order(units[:seen], in_stock[:seen], calendar, position)
        assert orders[week].tolist() == expected.tolist()
        arriving.append(expected)
        stock = np.maximum(0, stock + arriving[week] - units[seen])
    assert not orders[6:].any()


#: Cost of the official benchmark rule by window, euros; first weeks 93, 97, … 149.
WINDOW_COSTS = (
    *(5030.6, 5449.2, 5677.0, 5378.8, 5011.8, 5406.0, 4929.0, 5042.0),
    *(5407.0, 7286.4, 9398.4, 9196.8, 6112.6, 4879.8, 4708.4),
)


@pytest.mark.parametrize("chosen", [[0, 14], pytest.param(range(15), marks=pytest.mark.slow)])
def test_the_benchmark_s_cost_of_windows(reference: Path, chosen: Sequence[int]) -> None:
    weeks = ",".join(str(BACKTEST_WEEKS[place]) for place in chosen)
    scenarios, _ = build_vn2(Vn2Options(data=reference / "vn2", weeks=weeks))
    costs = [-float(played(scenario, benchmark())[0].sum()) for scenario in scenarios]
    assert costs == pytest.approx([WINDOW_COSTS[place] for place in chosen], abs=1e-6)


def test_a_season_of_weeks_that_were_never_seen_changes_nothing(tmp_path: Path) -> None:
    (scenario,), _ = build_vn2(Vn2Options(data=write_vn2(tmp_path), weeks="52", complete=False))
    short = scenario.model_copy(update={"history": 20})
    _, orders = played(short, benchmark())
    assert np.isfinite(orders).all()
    assert (orders == np.floor(orders)).all()


def test_the_benchmark_without_history_orders_nothing_first(tmp_path: Path) -> None:
    (scenario,), _ = build_vn2(Vn2Options(data=write_vn2(tmp_path), weeks="52", complete=False))
    blank = scenario.model_copy(update={"history": 0})
    _, orders = played(blank, benchmark())
    assert not orders[0].any()
    assert orders[3].any()


def test_where_sales_alone_are_seen_a_sold_out_week_is_missing() -> None:
    panel = Panel("test", ("a",), ("store",), ("item",), "0", "period", np.full((1, 70), 5.0))
    nothing = Start(np.zeros(1), np.zeros((1, 2)))
    scenario = make_episode("constant", panel, 60, Terms(8, 2, 0.2, 1.0), nothing, 60)
    for way in ("demand", "sales"):
        _, orders = played(scenario.model_copy(update={"visible_demand": way}), benchmark())
        # Up to 4 × 5 units; nothing is sold in the first two weeks, which tells nothing of what was wanted.
        assert orders[:, 0].tolist() == [20, 0, 0, 5, 5, 5, 0, 0]


def test_a_network_of_several_echelons_is_refused() -> None:
    network = Network.model_validate(
        {
            "nodes": [{"id": 0}, *({"id": i, "initial_stock": 0, "holding_cost": 1} for i in (1, 2)), {"id": 3}],
            "supply_links": [
                {"supplier": 0, "buyer": 1, "lead_time": 1, "price": 0, "pipeline_holding_cost": 0},
                {"supplier": 1, "buyer": 2, "lead_time": 1, "price": 0, "pipeline_holding_cost": 0},
            ],
            "market_links": [{"retailer": 2, "market": 3, "price": 1, "shortage_penalty": 0, "mean_demand": 3}],
        }
    )
    scenario = Scenario(name="two", network=network)
    for controller in (benchmark(), baseline()):
        with pytest.raises(ValueError, match="supplied with raw material alone"):
            played(scenario, controller)


def test_a_node_with_two_suppliers_orders_from_the_cheaper_one() -> None:
    network = Network.model_validate(
        {
            "nodes": [{"id": 0}, {"id": 1}, {"id": 2, "initial_stock": 0, "holding_cost": 1}, {"id": 3}],
            "supply_links": [
                {"supplier": 0, "buyer": 2, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0},
                {"supplier": 1, "buyer": 2, "lead_time": 2, "price": 0.5, "pipeline_holding_cost": 0},
            ],
            "market_links": [{"retailer": 2, "market": 3, "price": 5, "shortage_penalty": 0, "mean_demand": 9}],
        }
    )
    scenario = Scenario(name="two", network=network, history=20, fulfilment="lost_sales")
    for controller in (benchmark(), baseline()):
        _, orders = played(scenario, controller)
        assert not orders[:, 0].any()
        assert orders[:, 1].any()
