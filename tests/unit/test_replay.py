"""A replay's data are the ledger's numbers; its page and its file are safe whatever a submission is called."""

import itertools
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st
from large_networks import tree
from later_strategies import later_scenarios
from replayed_episodes import HOSTILE, replayed, steady
from strategies import Episode, episodes, scenarios

from arena.cli.terminal_replay import TerminalReplay
from arena.errors import InvalidInput
from arena.report import replay_data
from arena.report.network_layout import lay_out
from arena.report.replay import REPLAY, render_replay, replay_address, write_replay
from arena.report.replay_data import COSTS, by_node, page_data
from arena.world.library import build_scenario

TOLERANCE = 1e-9
"""Of sums, relative to the money or the units that were moved."""


def values(series: object, periods: int) -> np.ndarray:
    return np.zeros(periods) if series == 0 else np.array(series, dtype=float)


@given(episodes(st.one_of(scenarios(), later_scenarios())))
def test_the_data_are_the_numbers_of_the_ledger(episode: Episode) -> None:
    shown = replayed(episode)
    ledger, network = shown.ledger, shown.scenario.network
    layout = lay_out(network)
    data = json.loads(json.dumps(page_data([shown], layout), allow_nan=False))
    (run,) = data["runs"]
    periods = ledger.periods
    keys = {column["key"] for column in data["columns"]}
    labels = [row["label"] for row in data["rows"]]
    assert labels[0] == "whole network"
    first = len(labels) - len(network.managed)
    assert labels[first:] == [network.label(node) for node in network.managed]
    for key in keys:
        # Digit for digit: nothing is rounded on the way.
        for place in range(len(network.managed)):
            found = values(run["columns"][key][first + place], periods)
            assert np.array_equal(found, by_node(ledger, network, key)[:, place])
    for key in ("on_hand", "revenue", *COSTS, "terminal_value", "node_profit", "scrapped"):
        assert key in keys or not getattr(ledger, key).any()
        assert np.array_equal(by_node(ledger, network, key), getattr(ledger, key))
    # Raw material that has a capacity owes too, and is no row.
    owing = [place for place, link in enumerate(network.supply_links) if link.supplier in network.managed]
    for key, by_link in (
        ("demand", ledger.demand),
        ("sold", ledger.sold),
        ("unfilled", ledger.unfilled),
        ("received", ledger.received),
        ("in_transit", ledger.in_transit),
        ("lost", ledger.lost),
        ("owed", ledger.owed[:, owing]),
    ):
        total = values(run["columns"][key][0], periods) if key in keys else np.zeros(periods)
        assert total == pytest.approx(by_link.sum(axis=1), rel=TOLERANCE, abs=TOLERANCE), key
    moved = sum(float(np.abs(getattr(ledger, key)).sum()) for key in ("revenue", *COSTS, "terminal_value"))
    profit = values(run["columns"]["node_profit"][0], periods).sum()
    assert profit == pytest.approx(shown.record.profit, abs=TOLERANCE * max(1.0, moved))


@given(episodes(st.one_of(scenarios(), later_scenarios())))
def test_what_is_under_way_is_drawn_where_it_is(episode: Episode) -> None:
    shown = replayed(episode)
    pipeline, offsets = shown.pipeline(), shown.scenario.network.pipeline_offsets
    for link in range(len(shown.scenario.network.supply_links)):
        under = pipeline[:, offsets[link] : offsets[link + 1]].sum(axis=1)
        assert under == pytest.approx(shown.ledger.in_transit[:, link], rel=TOLERANCE, abs=1e-7)
    data = page_data([shown], lay_out(shown.scenario.network))
    for edge in data["runs"][0]["edges"]:
        for share, _ in edge.get("slots", []):
            assert 0 < share < 1


def test_units_move_towards_the_buyer_period_by_period() -> None:
    shown = steady()
    (first, *_) = (edge for edge in page_data([shown], lay_out(shown.scenario.network))["runs"][0]["edges"])
    slots = sorted((share, values(series, shown.ledger.periods)) for share, series in first["slots"])
    for (_, behind), (_, ahead) in itertools.pairwise(slots):
        assert np.array_equal(behind[:-1], ahead[1:])
    assert len(slots) > 1
    assert slots[0][1].any()


@pytest.mark.parametrize("network", ["divergent", "tree", "assembly", "w"])
def test_boxes_show_their_nodes_and_ends_their_customers(network: str) -> None:
    scenario = build_scenario({"name": "north", "network": network}, "test")
    shown = replayed(Episode(scenario, 3, np.full((30, len(scenario.network.supply_links)), 7.0)))
    layout = lay_out(shown.scenario.network)
    data = page_data([shown], layout)
    for box, told, end in zip(layout.vertices, data["vertices"], data["runs"][0]["ends"], strict=True):
        if told["row"] is not None:
            assert data["rows"][told["row"]]["label"] == shown.scenario.network.label(box.nodes[0])
            assert end is None
        elif told["kind"] == "market":
            links = [i for i, one in enumerate(shown.scenario.network.market_links) if one.market in box.nodes]
            assert np.array_equal(values(end["demand"], 30), shown.ledger.demand[:, links].sum(axis=1))
        else:
            assert set(end) == {"shipped"}


def test_a_large_network_is_listed_and_summed_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = build_scenario({"name": "large", "network": tree(1_203), "horizon": 8}, "test")
    network = scenario.network
    shown = replayed(Episode(scenario, 1, np.full((8, len(network.supply_links)), 10.0)))
    page = render_replay([shown])
    assert "The network has 1,203 nodes. It is drawn by groups" in page
    assert len(page.encode()) < 8_000_000
    layout = lay_out(network)
    data = page_data([shown], layout)
    assert sum(row["single"] for row in data["rows"]) == len(network.managed)
    box = next(one for one in data["vertices"] if one["kind"] == "retailer")
    places = [network.managed_index(node) for node in network.retailers]
    stock = values(data["runs"][0]["columns"]["on_hand"][box["row"]], 8)
    assert stock == pytest.approx(shown.ledger.on_hand[:, places].sum(axis=1), rel=TOLERANCE)
    assert "slots" not in data["runs"][0]["edges"][0]
    monkeypatch.setattr(replay_data, "MOST_NODE_PERIODS", 800)
    fewer = page_data([shown], layout)
    assert 90 <= sum(row["single"] for row in fewer["rows"]) <= 102
    # What is left out of the list is part of every sum.
    for key in ("on_hand", "node_profit"):
        assert fewer["runs"][0]["columns"][key][0] == data["runs"][0]["columns"][key][0]
    assert "which move the least money, are not listed" in render_replay([shown])


def test_too_many_places_on_lines_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = steady()
    assert "where they are on their way: a line" not in render_replay([shown])
    monkeypatch.setattr(replay_data, "MOST_SLOT_PERIODS", 10)
    assert "where they are on their way: a line" in render_replay([shown])
    edges = page_data([shown], lay_out(shown.scenario.network))["runs"][0]["edges"]
    assert not any("slots" in edge for edge in edges)


def test_the_same_episodes_give_the_same_page_and_names_stay_text() -> None:
    one, other = steady(), steady(units=15.0, submission=HOSTILE)
    page = render_replay([one, other])
    assert page == render_replay([one, other])
    assert HOSTILE not in page
    assert "<img" not in page
    assert page.count("<script") == 4
    assert "&lt;/script&gt;" in page
    assert re.search(r"https?://(?!www\.w3\.org)", page.split("<script")[0]) is None
    assert "answer to how they are served" not in page


def test_demand_that_depends_on_service_is_said() -> None:
    name = "divergent-trend-seasonal-shock-goodwill-lost-sales"
    assert "not the same demand" in render_replay([steady(name), steady(name, units=0.0)])


def test_a_forfeit_shows_what_was_made_beside_what_counts() -> None:
    made = steady().record.profit
    assert made > 0
    page = render_replay([steady(outcome="timeout", failure_period=7, profit=0.0)])
    assert "forfeit: timeout in period 7" in page
    assert f"its orders made {made:,.2f}" in page


def test_addresses_are_safe_and_differ() -> None:
    names = ["a", "A", "../../a", HOSTILE, "a/b", "a_b", "x" * 300, "é", ""]
    found = {replay_address(one, other, 3, third) for one in names for other in names for third in [None, *names]}
    assert len(found) == len(names) ** 2 * (len(names) + 1)
    assert all(re.fullmatch(r"replay/[a-z0-9_.-]+\.html", one) and len(one) < 240 for one in found)
    assert not any(part in ("", ".", "..") for one in found for part in one.split("/"))
    assert replay_address("a", "s", 1) != replay_address("a", "s", 11)


def test_only_a_replay_is_replaced(tmp_path) -> None:
    path = tmp_path / "new" / "one.html"
    write_replay([steady()], path)
    assert REPLAY.wrote(path)
    write_replay([steady(units=3.0)], path)
    other = tmp_path / "report.html"
    other.write_text("<!doctype html><title>mine: replay</title>", encoding="utf-8")
    with pytest.raises(InvalidInput, match="is not a replay of an episode that the arena wrote"):
        write_replay([steady()], other)
    assert other.read_text(encoding="utf-8").endswith("mine: replay</title>")
    (tmp_path / "results.sqlite").touch()
    with pytest.raises(InvalidInput, match="is a file of a folder of results"):
        write_replay([steady()], tmp_path / "episodes.csv")


@pytest.mark.parametrize("width", [60, 80])
def test_no_word_is_broken_on_a_narrow_terminal(width: int) -> None:
    (table,) = TerminalReplay([steady()], width).tables(0)
    cells = zip(table.columns, *table.rows, strict=True)
    longest = [max(len(word) for cell in column for word in cell.split()) for column in cells]
    assert sum(longest) + 3 * (len(longest) - 1) <= width  # three characters lie between columns
    assert {"on hand", "profit", "so far"} <= set(table.columns)


def test_the_terminal_shows_the_same_numbers() -> None:
    shown = steady()
    wide, narrow = TerminalReplay([shown], 160), TerminalReplay([shown], 80)
    assert wide.remark == ""
    for period in range(wide.periods):
        (table,) = wide.tables(period)
        assert table.columns[:2] == ("node", "on hand")
        for place, row in enumerate(table.rows[1:]):
            told = float(row[1].replace(",", ""))
            # The table has one decimal.
            assert math.isclose(told, shown.ledger.on_hand[period, place], abs_tol=0.05 + 1e-9)
        so_far = float(table.rows[0][-1].replace(",", "").replace("−", "-"))
        assert math.isclose(so_far, shown.ledger.reward[: period + 1].sum(), abs_tol=0.005 + 1e-6)
    (short,) = narrow.tables(0)
    assert len(short.columns) < len(table.columns)
