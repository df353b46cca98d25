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


# --- debts of suppliers -----------------------------------------------------------------------------------------------


OWED = "node,on_hand,owed\ndepot,9,\neast,1,{}\nwest,1,\n"


def owing(folder: Path, text: str, rule: str = "owed") -> Path:
    scenario = world(folder)
    scenario.write_text(scenario.read_text() + f"upstream_shortage: {rule}\n")
    state(folder, text)
    return scenario


def test_what_a_supplier_owes_is_on_order_and_ships_first(tmp_path: Path) -> None:
    scenario = owing(tmp_path, OWED.format(8))
    today = read_today(scenario, tmp_path / "state.csv")
    place = next(
        place
        for place, link in enumerate(today.scenario.network.supply_links)
        if today.scenario.network.label(link.buyer) == "east"
    )
    assert today.state.owed[place] == 8
    simulator = today.simulator()
    simulator.start(1)
    assert simulator.state.owed[place] == 8
    simulator.step(np.zeros(len(today.state.owed)))
    assert simulator.ledger().filled[0, place] == pytest.approx(8, abs=1e-9)
    assert simulator.state.owed.sum() == pytest.approx(0, abs=1e-9)
    told = {line.buyer: line for line in advise(scenario, tmp_path / "state.csv", "newsvendor").lines}
    state(tmp_path, OWED.format(0))
    untold = {line.buyer: line for line in advise(scenario, tmp_path / "state.csv", "newsvendor").lines}
    assert told["east"].on_order == 8
    assert told["east"].position == untold["east"].position + 8
    assert told["depot"].position == untold["depot"].position - 8
    assert (told["depot"].backlog, untold["depot"].backlog) == (8, 0)
    # The rule reckons with it, too: what is owed need not be ordered again.
    assert told["east"].requested == pytest.approx(max(0.0, untold["east"].requested - 8), abs=1e-6)


def test_more_debts_than_stock_are_warned_of(tmp_path: Path) -> None:
    scenario = owing(tmp_path, OWED.format(28))
    found = advise(scenario, tmp_path / "state.csv", "newsvendor")
    (warning,) = [one for one in found.warnings if one.kind == "capacity" and one.node == "depot"]
    assert "with 28 owed from before, and can ship 9 today" in warning.text
    # What goes to the east are whole lots of the debt, not of the order of today.
    assert {line.buyer: line.ships for line in found.lines}["east"] == 0


@pytest.mark.parametrize(
    ("rule", "rows", "message"),
    [
        ("lost", OWED.format(6), "suppliers of this world owe nothing"),
        ("owed", "node,on_hand,owed\ndepot,9,5\neast,1,\nwest,1,\n", "a supplier that never runs out"),
        ("owed", OWED.format(6) + "east,,4\n", "what depot owes east stands on two rows"),
        ("owed", OWED.format("-6"), "must be 0 or more"),
    ],
)
def test_debts_that_cannot_be_are_refused(tmp_path: Path, rule: str, rows: str, message: str) -> None:
    scenario = owing(tmp_path, rows, rule)
    with pytest.raises(InvalidInput) as caught:
        read_today(scenario, tmp_path / "state.csv")
    assert message in caught.value.faults[0].describe()


def test_no_debt_needs_no_world_with_debts(tmp_path: Path) -> None:
    scenario = owing(tmp_path, OWED.format(0), "lost")
    assert set(read_today(scenario, tmp_path / "state.csv").state.owed) == {0.0}


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
