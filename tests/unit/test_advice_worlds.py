"""The advice on worlds beyond the plain one: components, delays, lead times that vary, single nodes, parallel links."""

from pathlib import Path

import numpy as np
import pytest
from planner import write_company

from arena.advice.advise import advise, read_today
from arena.advice.controllers import load_controllers
from arena.contract.seeds import PublicSeeds
from arena.errors import InvalidInput
from arena.jail.limits import Limits
from arena.play.match import play
from arena.play.seats.trusted import TrustedHost

ASSEMBLY = "assembly-trend-seasonal-backlog"
COMPONENTS = "node,on_hand,supplier\n1,40,\n2,30,3\n2,50,4\n3,100,\n4,90,\n"


def state(folder: Path, text: str) -> Path:
    path = folder / "state.csv"
    path.write_text(text, encoding="utf-8")
    return path


def world(folder: Path, **changes: str) -> Path:
    """The small company with parts of its network replaced, of a demand that is stated."""
    scenario = write_company(folder)
    text = (folder / "network.yaml").read_text()
    for before, after in changes.values():
        assert before in text
        text = text.replace(before, after)
    (folder / "network.yaml").write_text(text)
    plain = scenario.read_text()
    scenario.write_text(plain[: plain.index("window")] + "demand: {base_mean: 3}\n")
    return scenario


# --- components -------------------------------------------------------------------------------------------------------


def test_the_stock_of_each_component_is_kept_apart(tmp_path: Path) -> None:
    today = read_today(ASSEMBLY, state(tmp_path, COMPONENTS))
    simulator = today.simulator()
    simulator.start(1)
    assert simulator.state.component_stock.tolist() == [30, 50]
    assert simulator.state.on_hand.tolist() == [40, 80, 100, 90]
    found = advise(ASSEMBLY, tmp_path / "state.csv", "newsvendor")
    assert [line.on_hand for line in found.lines] == [40, 30, 50, 100, 90]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2,30,\n2,50,4\n", "2 of whose components the stock is kept apart, and the row names none; write one of 3, 4"),
        ("2,30,3\n", "missing: 2"),
        ("2,30,3\n2,50,3\n", "2 has stock on two rows"),
        ("2,30,5\n2,50,4\n", "does not deliver to 2"),
    ],
)
def test_stock_of_components_is_told_apart(tmp_path: Path, rows: str, message: str) -> None:
    text = COMPONENTS.replace("2,30,3\n2,50,4\n", rows)
    with pytest.raises(InvalidInput) as caught:
        read_today(ASSEMBLY, state(tmp_path, text))
    assert message in caught.value.faults[0].describe()


# --- delays and lead times --------------------------------------------------------------------------------------------


def test_an_order_that_its_supplier_has_not_seen_waits_before_the_pipeline(tmp_path: Path) -> None:
    scenario = world(tmp_path, delay=("buyer: depot, lead_time: 3", "buyer: depot, lead_time: 2, order_delay: 2"))
    path = tmp_path / "state.yaml"
    path.write_text("tables: [{file: state.csv, node: node, on_hand: on_hand, supplier: supplier, on_order: on_order, ")
    path.write_text(path.read_text() + "arrival: arrival, date_format: number}]\n")
    rows = "node,on_hand,supplier,on_order,arrival\ndepot,9,mill,5,1\ndepot,,mill,7,3\neast,1,,,\nwest,1,,,\n"
    state(tmp_path, rows)
    today = read_today(scenario, path)
    assert today.state.pipeline[0] == (0, 5)
    assert today.state.unseen[0] == (0, 7)
    found = advise(scenario, path, "newsvendor")
    assert (found.lines[0].arrives_in, found.lines[0].on_order, found.lines[0].ships) == (4, 12, None)
    (submission,) = load_controllers(["newsvendor"])
    seed = PublicSeeds().episode(today.scenario.digest, 0)
    episode = play(submission, today.scenario, seed, TrustedHost(), Limits())
    np.testing.assert_array_equal(episode.requested[0], [line.requested for line in found.lines])


def test_lead_times_that_vary_are_advised_and_not_lengthened(tmp_path: Path) -> None:
    law = "lead_time: 3, lead_time_distribution: {values: [2, 3, 4], probabilities: [0.25, 0.5, 0.25]}"
    scenario = world(tmp_path, law=("buyer: depot, lead_time: 3", f"buyer: depot, {law}"))
    state(tmp_path, "node,on_hand\ndepot,9\neast,1\nwest,1\n")
    found = advise(scenario, tmp_path / "state.csv", "newsvendor")
    assert found.lines[0].arrives_in == 3
    with pytest.raises(InvalidInput, match="the lead time from mill to depot varies"):
        advise(scenario, tmp_path / "state.csv", "newsvendor", lead_time=[1])


def test_parallel_links_are_told_apart_by_their_names(tmp_path: Path) -> None:
    link = "  - {supplier: mill, buyer: depot, lead_time: 3, price: 1, pipeline_holding_cost: 0, lot_size: 12}\n"
    fast = link.replace("lead_time: 3, price: 1", "name: express, lead_time: 1, price: 2")
    slow = link.replace("lead_time", "name: freight, lead_time")
    scenario = world(tmp_path, links=(link, fast + slow))
    rows = "node,on_hand,supplier,on_order,arrival\ndepot,9,{},12,0\neast,1,,,\nwest,1,,,\n"
    path = tmp_path / "state.yaml"
    path.write_text(
        "tables: [{file: state.csv, node: node, on_hand: on_hand, supplier: supplier, on_order: on_order, "
        "arrival: arrival, date_format: number}]\n"
    )
    state(tmp_path, rows.format("mill"))
    with pytest.raises(
        InvalidInput, match='delivers on several links, got "mill"; write the name of the link: express'
    ):
        read_today(scenario, path)
    state(tmp_path, rows.format("freight"))
    assert read_today(scenario, path).state.pipeline[:2] == ((0,), (12, 0, 0))


# --- one node at a time -----------------------------------------------------------------------------------------------


def test_single_nodes_order_by_what_they_see(tmp_path: Path) -> None:
    scenario = world(tmp_path)
    scenario.write_text(scenario.read_text() + "decentralised: true\n")
    state(tmp_path, "node,on_hand,backlog\ndepot,9,\neast,1,2\nwest,1,\n")
    found = advise(scenario, tmp_path / "state.csv", "local-base-stock:decentralised")
    assert {line.track for line in found.lines} == {"decentralised"}
    today = read_today(scenario, tmp_path / "state.csv")
    (submission,) = load_controllers(["local-base-stock:decentralised"])
    seed = PublicSeeds().episode(today.scenario.digest, 0)
    episode = play(submission, today.scenario, seed, TrustedHost(), Limits())
    np.testing.assert_array_equal(episode.requested[0], [line.requested for line in found.lines])
    recorded = write_company(tmp_path)
    state(tmp_path, "node,on_hand,backlog\ndepot,9,\neast,1,2\nwest,1,\n")
    assert advise(recorded, tmp_path / "state.csv", "local-base-stock:decentralised").lines  # each sees its own history


# --- flags of stock ---------------------------------------------------------------------------------------------------


def test_controllers_are_told_where_shelves_were_empty(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    lines = (tmp_path / "sales.csv").read_text().splitlines()
    flags = [lines[0], *(f"{line.partition(',')[0]},{int(number != 42)},1" for number, line in enumerate(lines[1:], 1))]
    (tmp_path / "flags.csv").write_text("\n".join(flags) + "\n")
    scenario.write_text(scenario.read_text().replace("frequency: day}", "frequency: day, in_stock: flags.csv}"))
    today = read_today(scenario, tmp_path / "state.csv")
    assert today.in_stock is not None
    assert today.in_stock[-1].tolist() == [0, 1]
    folder = tmp_path / "flagged"
    folder.mkdir()
    (folder / "submission.yaml").write_text("name: flagged\ncontroller: flagged.py:Flagged\ntrack: blind\n")
    (folder / "flagged.py").write_text(
        "class Flagged:\n    def begin(self, briefing):\n        self.seen = briefing.history_in_stock\n"
        "    def order(self, observation):\n        return [0.0, *(10.0 * (1 - self.seen[-1]))]\n"
    )
    found = advise(scenario, tmp_path / "state.csv", folder, isolation="process")
    assert [line.requested for line in found.lines] == [0, 10, 0]
