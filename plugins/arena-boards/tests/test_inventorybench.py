import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from board_folders import an_instance, write_instances, write_layout
from hypothesis import given, strategies as st

from arena import InvalidInput, Scenario, Simulator, TrackView, parse_as, realised_history
from arena_boards.inventorybench import (
    LONGEST,
    Instance,
    build_inventorybench,
    make_scenario,
    read_instances,
    redraw,
)
from arena_boards.options import InventoryBenchOptions

STOCHASTIC = "real_trajectory/lead_time_stochastic/100"
CELLS = [f"{family}-lead-time-{lead}" for family in ("real", "synthetic") for lead in ("0", "4", "stochastic")]


def instance(name: str = STOCHASTIC, **changes: object) -> Instance:
    return parse_as(Instance, an_instance(name, **changes), "test")


def board_reward(one: Instance, orders: list[float]) -> float:
    """Reward under the board's own rules, in whole numbers and a dictionary of arrivals."""
    arrivals: dict[int, float] = {}
    on_hand = reward = 0.0
    for period, order in enumerate(orders):
        lead_time = one.lead_times[period]
        if lead_time is not None:
            arrivals[period + lead_time] = arrivals.get(period + lead_time, 0.0) + order
        on_hand += arrivals.pop(period, 0.0)
        sold = min(one.demand[period], on_hand)
        on_hand -= sold
        reward += one.price * sold - one.holding_cost * on_hand
    return reward


def arena_reward(scenario: Scenario, orders: list[float]) -> float:
    simulator = Simulator(scenario)
    simulator.start(0)
    for order in orders:
        simulator.step(np.array([order]))
    return float(simulator.ledger().reward.sum())


@given(
    name=st.sampled_from(
        [STOCHASTIC, "synthetic_trajectory/lead_time_4/p01/v1/r1_low", "real_trajectory/lead_time_0/5"]
    ),
    orders=st.lists(st.integers(0, 60), min_size=50, max_size=50),
    price=st.sampled_from([1.0, 4.0, 19.0]),
)
def test_an_instance_pays_what_the_board_pays(name: str, orders: list[int], price: float) -> None:
    one = instance(name, price=price)
    played = [float(order) for order in orders[: len(one.demand)]]
    scenario = make_scenario(one, one.lead_times)
    assert arena_reward(scenario, played) == pytest.approx(board_reward(one, played), abs=1e-9)


def test_every_instance_of_the_board_pays_what_it_pays_there(reference: Path) -> None:
    instances = {one.name: one for one in read_instances(reference / "inventorybench")}
    scenarios, cells = build_inventorybench(InventoryBenchOptions(data=reference / "inventorybench"))
    assert Counter(cells.values()) == {cell: 106 if cell.startswith("real") else 125 for cell in CELLS}
    for scenario in scenarios:
        one = instances[scenario.name]
        mean = sum(one.history) // 5
        orders = [float((mean * (1 + period % 3)) // 2) for period in range(len(one.demand))]
        assert arena_reward(scenario, orders) == pytest.approx(board_reward(one, orders), abs=1e-9)


def test_reading_plays_the_baseline_of_every_instance(reference: Path) -> None:
    # The reader refuses an instance on which the authors' rule earns another reward; here none is.
    instances = read_instances(reference / "inventorybench")
    assert len(instances) == sum(one.or_baseline_reward is not None for one in instances) == 693


def test_a_wrong_baseline_reward_is_refused(tmp_path: Path) -> None:
    from arena_boards.baseline_reward import baseline_reward

    right = baseline_reward(instance())
    folder = write_instances(tmp_path / "right", an_instance(STOCHASTIC, or_baseline_reward=right))
    assert len(read_instances(folder, complete=False)) == 1
    folder = write_instances(tmp_path / "wrong", an_instance(STOCHASTIC, or_baseline_reward=right + 1))
    with pytest.raises(InvalidInput, match="authors' baseline earns"):
        read_instances(folder, complete=False)


def test_a_controller_is_told_what_the_board_tells() -> None:
    briefings = []
    for name in (STOCHASTIC, "real_trajectory/lead_time_0/100"):
        one = instance(name)
        scenario = make_scenario(one, one.lead_times)
        briefing = TrackView(scenario, "blind").brief(seed=1, history=realised_history(scenario, 0))
        assert briefing.history[:, 0].tolist() == [10, 12, 9, 11, 10]
        assert (briefing.visible_arrivals, briefing.visible_demand) == ("total", "demand")
        (link,) = briefing.network.supply_links
        assert (link.lead_time, link.longest_lead_time) == (one.promised_lead_time, LONGEST)
        assert link.lead_time_series is None
        assert (link.lot_size, link.price) == (1.0, 0.0)
        (market,) = briefing.network.market_links
        assert (market.price, market.shortage_penalty, market.demand) == (4.0, 0.0, None)
        briefings.append(briefing)
    # Nothing but the promise tells a cell of fixed lead times from one of stochastic ones.
    told = [briefing.network.supply_links[0].model_copy(update={"lead_time": 0}) for briefing in briefings]
    assert told[0] == told[1]


def test_redrawn_lead_times_depend_on_the_seed_and_the_id_alone() -> None:
    one, other = instance(), instance("real_trajectory/lead_time_stochastic/101")
    assert redraw(one, 1) == redraw(instance(STOCHASTIC, demand=[5] * 47), 1)
    assert len({redraw(one, 1), redraw(one, 2), redraw(other, 1), one.lead_times}) == 4
    fixed = instance("real_trajectory/lead_time_4/100")
    assert redraw(fixed, 1) == fixed.lead_times


def test_redrawn_lead_times_follow_the_stated_law() -> None:
    drawn = Counter(each for number in range(400) for each in redraw(instance(f"{STOCHASTIC}{number}"), 3))
    assert set(drawn) == {1, 2, 3, None}
    # 18 800 draws: the standard error of a share of 1/4 is .0032.
    assert all(abs(count / drawn.total() - 0.25) < 0.016 for count in drawn.values())


def test_redrawing_changes_the_worlds_of_stochastic_instances_only(tmp_path: Path) -> None:
    names = (STOCHASTIC, "real_trajectory/lead_time_4/100")
    folder = write_instances(tmp_path, *map(an_instance, names))
    given_, redrawn = (
        build_inventorybench(InventoryBenchOptions(data=folder, complete=False, lead_times=way))[0]
        for way in ("given", "redrawn:7")
    )
    assert given_[0].digest != redrawn[0].digest
    assert given_[1].digest == redrawn[1].digest


@pytest.mark.parametrize(
    ("part", "count"),
    [("all", 3), ("real", 2), ("synthetic", 1), ("real-lead-time-4", 1), ("synthetic-lead-time-stochastic", 0)],
)
def test_a_slice_is_a_family_or_a_cell(tmp_path: Path, part: str, count: int) -> None:
    names = (STOCHASTIC, "real_trajectory/lead_time_4/1", "synthetic_trajectory/lead_time_0/p01/v1/r1_low")
    options = InventoryBenchOptions(
        data=write_instances(tmp_path, *map(an_instance, names)), slice=part, complete=False
    )
    if count:
        assert len(build_inventorybench(options)[0]) == count
        return
    with pytest.raises(InvalidInput, match="no instance of the folder is in it"):
        build_inventorybench(options)


def test_both_layouts_give_equal_worlds(tmp_path: Path) -> None:
    names = (STOCHASTIC, "synthetic_trajectory/lead_time_4/p01_stationary_iid/v1_normal_100_25/r1_med")
    lines = write_instances(tmp_path / "lines", *map(an_instance, names))
    for name in names:
        write_layout(tmp_path / "repository", an_instance(name))
    worlds = [
        {one.name: one.digest for one in build_inventorybench(InventoryBenchOptions(data=folder, complete=False))[0]}
        for folder in (lines, tmp_path / "repository", tmp_path / "repository" / "benchmark")
    ]
    assert worlds[0] == worlds[1] == worlds[2]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"history": [1, 2, 3]}, r"history: the board has 5 in real-lead-time-stochastic, got 3"),
        ({"demand": [1] * 46}, r"demand: the board has 47"),
        ({"lead_times": [4] * 47}, r"lead times of real-lead-time-stochastic are"),
        ({"lead_times": [None] * 47}, r"some order arrives"),
        ({"demand": [0] * 47}, r"something is demanded"),
        ({"demand": [-1] * 47}, r"demand is 0 or more"),
        ({"promised_lead_time": 3}, r"promised_lead_time: the board has 2"),
        ({"id": "../../etc/passwd"}, r"is a folder of the board"),
        ({"surprise": 1}, r"surprise"),
        ({"price": -1.0}, r"price"),
    ],
)
def test_an_instance_that_breaks_a_rule_of_the_board_is_refused(tmp_path: Path, changes: dict, match: str) -> None:
    assert read_instances(write_instances(tmp_path / "right", an_instance()), complete=False)
    with pytest.raises(InvalidInput, match=match):
        read_instances(write_instances(tmp_path / "wrong", {**an_instance(), **changes}), complete=False)


def test_counts_are_checked_unless_a_part_is_asked_for(tmp_path: Path) -> None:
    folder = write_instances(tmp_path, an_instance())
    with pytest.raises(InvalidInput, match="200 real and 240 synthetic instances"):
        read_instances(folder)
    assert len(read_instances(folder, complete=False)) == 1


def test_a_doubled_instance_and_a_wrong_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="stands twice"):
        read_instances(write_instances(tmp_path / "twice", an_instance(), an_instance()), complete=False)
    with pytest.raises(InvalidInput, match="is not a folder"):
        read_instances(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"holds neither instances\.jsonl nor real_trajectory"):
        read_instances(tmp_path)


@given(data=st.data())
def test_cut_doubled_and_foreign_lines_give_one_clear_error(data: st.DataObject, tmp_path_factory) -> None:
    text = "".join(json.dumps(an_instance(name)) + "\n" for name in (STOCHASTIC, "real_trajectory/lead_time_0/1"))
    content = text.encode()
    start, stop = sorted((data.draw(st.integers(0, len(content))), data.draw(st.integers(0, len(content)))))
    changed = content[:start] + data.draw(st.binary(max_size=40)) + content[stop:]
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "instances.jsonl").write_bytes(changed)
    try:
        found = read_instances(folder, complete=False)
    except InvalidInput as error:
        assert error.faults  # noqa: PT017 - any other exception fails the test
    else:
        assert found


@given(data=st.data())
def test_cut_doubled_and_foreign_tables_give_one_clear_error(data: st.DataObject, tmp_path_factory) -> None:
    folder = write_layout(tmp_path_factory.mktemp("fuzz"), an_instance())
    table = data.draw(st.sampled_from(["train.csv", "test.csv"]))
    file = folder / "benchmark" / STOCHASTIC / table
    content = file.read_bytes()
    start, stop = sorted((data.draw(st.integers(0, len(content))), data.draw(st.integers(0, len(content)))))
    file.write_bytes(content[:start] + data.draw(st.binary(max_size=40)) + content[stop:])
    try:
        found = read_instances(folder, complete=False)
    except InvalidInput as error:
        assert error.faults  # noqa: PT017 - any other exception fails the test
    else:
        assert len(found) == 1
