"""The replay of an episode in a browser: what it shows is the ledger, whatever is pressed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from large_networks import tree
from pages import DESK, PHONE, TABLET
from records import make_record

from arena import Simulator, load_scenario, measure
from arena.audit.replaying import ReplayedEpisode
from arena.report.replay import write_replay
from arena.report.replay_data import COSTS, by_node
from arena.world.library import build_scenario
from arena.world.scenario import Scenario

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

MONEY = frozenset(("revenue", *COSTS, "terminal_value", "node_profit", "so_far"))
"""Columns that are shown with two digits; the others have one."""

HOSTILE = "<img src=x onerror=console.log(1)></script><script>console.log(2)</script>"

VARYING = {
    "lead_time_distribution": {"values": [1, 3, "lost"], "probabilities": [0.5, 0.4, 0.1], "may_cross": True},
}


def replayed(scenario: Scenario, name: str, units: float, **changes: object) -> ReplayedEpisode:
    simulator = Simulator(scenario)
    simulator.start(42)
    orders = np.random.default_rng(5).uniform(0, 2 * units, (scenario.horizon, len(scenario.network.supply_links)))
    for row in orders:
        simulator.step(row)
    ledger = simulator.ledger()
    kpis = measure(ledger, scenario).model_dump()
    return ReplayedEpisode(make_record(name, scenario.name, **{**kpis, **changes}), scenario, ledger)


def lossy() -> Scenario:
    """A network whose orders are lost on the way and overtake each other, with a backlog and a node of hostile name."""
    network = load_scenario("serial-stationary-backlog").network.model_dump(by_alias=True, exclude_defaults=True)
    network["supply_links"] = [{**link, **VARYING, "lead_time": 1} for link in network["supply_links"]]
    network["nodes"] = [
        {**node, **({"initial_stock": 15.0} if "initial_stock" in node else {})} for node in network["nodes"]
    ]
    network["nodes"][1]["name"] = HOSTILE
    return build_scenario({"name": "lossy", "network": network, "horizon": 16, "warm_up": 2}, "test")


@pytest.fixture(scope="module")
def episodes() -> list[ReplayedEpisode]:
    scenario = lossy()
    found = [replayed(scenario, "steady", 20.0), replayed(scenario, HOSTILE, 9.0)]
    assert found[0].ledger.lost.any()
    assert found[0].ledger.unfilled.any()
    return found


@pytest.fixture(scope="module")
def page(episodes, tmp_path_factory) -> Path:
    return write_replay(episodes, tmp_path_factory.mktemp("replay") / "pair.html")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    scenario = build_scenario({"name": "large", "network": tree(1_203), "horizon": 12}, "test")
    return write_replay([replayed(scenario, "steady", 10.0)], tmp_path_factory.mktemp("large") / "large.html")


def told(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def cells(opened) -> dict[tuple[int, str, str], float]:
    """Numbers of the tables of nodes by run, position of the row, and column."""
    found = opened.page.evaluate(
        """() => [...document.querySelectorAll(".run")].flatMap((run, number) =>
             [...run.querySelectorAll("tr[data-row] td[data-column]")].map((cell) =>
               [number, cell.parentElement.dataset.row, cell.dataset.column, cell.textContent]))"""
    )
    return {(run, row, column): told(text) for run, row, column, text in found}


def test_every_period_under_the_slider_is_the_ledger(look, page, episodes):
    network = episodes[0].scenario.network
    with look(page) as opened:
        slider = opened.page.locator("#period")
        for period in range(episodes[0].ledger.periods):
            slider.fill(str(period))
            shown = cells(opened)
            columns = {column for _, _, column in shown}
            assert {"on_hand", "in_transit", "requested", "unfilled", "lost", "node_profit", "so_far"} <= columns
            for (run, row, column), value in shown.items():
                ledger = episodes[run].ledger
                key = "node_profit" if column == "so_far" else column
                found = by_node(ledger, network, key)
                found = found[: period + 1].sum(axis=0) if column == "so_far" else found[period]
                expected = found.sum() if row == "0" else found[int(row) - 1]
                digits = 2 if column in MONEY else 1
                # Half of the last digit shown, and rounding of sums.
                assert abs(value - expected) <= 0.5 * 10**-digits + 1e-9, (period, run, row, column)
            for run, episode in enumerate(episodes):
                section = opened.page.locator(".run").nth(run)
                so_far = told(section.locator('[data-told="so-far"]').inner_text())
                assert abs(so_far - episode.ledger.reward[: period + 1].sum()) <= 0.005 + 1e-6
        assert abs(so_far - episodes[-1].record.profit) <= 0.005 + 1e-6
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_boxes_and_lines_move_with_the_period(look, page, episodes):
    ledger = episodes[0].ledger
    with look(page) as opened:
        section = opened.page.locator(".run").first
        boxes = section.locator("[data-vertex].managed .level")
        heights = []
        for period in (0, 7, 15):
            opened.page.locator("#period").fill(str(period))
            heights.append([float(box.get_attribute("height")) for box in boxes.all()])
            radii = section.locator(".token").evaluate_all("all => all.map((one) => Number(one.getAttribute('r')))")
            assert (max(radii) > 0) == bool(ledger.in_transit[period].any())
        assert heights[0] != heights[1] != heights[2]
        fullest = np.max([one.ledger.on_hand.max(axis=0) for one in episodes], axis=0)
        drawn = opened.page.locator(".run").first.locator("[data-vertex].managed .figure").all_inner_texts()
        assert len(drawn) == 3
        # Boxes stand in the order of the file, nodes in that of their ids.
        expected = sorted(42 * ledger.on_hand[15] / np.maximum(fullest, 1e-9))
        assert sorted(heights[-1]) == pytest.approx(expected, abs=1e-6)


def test_keys_and_the_play_button_move_through_time(look, page):
    with look(page) as opened:
        now = opened.page.locator("#now")
        assert now.inner_text() == "period 0 of 0 to 15, warm-up"
        opened.page.keyboard.press("ArrowRight")
        opened.page.keyboard.press("ArrowRight")
        assert now.inner_text() == "period 2 of 0 to 15"
        opened.page.keyboard.press("ArrowLeft")
        assert now.inner_text() == "period 1 of 0 to 15, warm-up"
        opened.page.keyboard.press("End")
        assert now.inner_text() == "period 15 of 0 to 15"
        opened.page.keyboard.press("Home")
        opened.page.locator("#forward").click()
        opened.page.locator("#back").click()
        opened.page.locator("#back").click()
        assert now.inner_text() == "period 0 of 0 to 15, warm-up"
        slider = opened.page.locator("#period")
        slider.focus()
        opened.page.keyboard.press("ArrowRight")
        assert now.inner_text() == "period 1 of 0 to 15, warm-up"
        play = opened.page.locator("#play")
        opened.page.locator("#speed").select_option("67")
        play.click()
        assert play.get_attribute("aria-pressed") == "true"
        # Not by a function of the page: its policy forbids to make one of text.
        expect(now).to_have_text("period 15 of 0 to 15")
        assert (play.inner_text(), play.get_attribute("aria-pressed")) == ("Play", "false")
        opened.page.locator("#speed").select_option("1000")
        play.click()
        assert now.inner_text().startswith("period 0 ")
        play.click()
        assert play.inner_text() == "Play"


FOLLOW = """() => new Promise((resolve) => {
  const seen = [];
  const period = () => document.getElementById("now").textContent;
  const periods = new Set();
  const frame = () => {
    periods.add(period());
    if (periods.size > 2) return resolve(seen);
    const all = [...document.querySelectorAll(".run:first-of-type .token")];
    seen.push([period(), all.map((one) => ["cx", "cy", "r"].map((name) => Number(one.getAttribute(name))))]);
    requestAnimationFrame(frame);
  };
  frame();
})"""
"""Places and sizes of the units on their way, frame by frame, until two periods have passed."""


def tokens(opened) -> list[list[float]]:
    found: list[list[float]] = (
        opened.page.locator(".run")
        .first.locator(".token")
        .evaluate_all("all => all.map((one) => ['cx', 'cy', 'r'].map((name) => Number(one.getAttribute(name))))")
    )
    return found


@pytest.mark.parametrize("still", [False, True], ids=["moving", "reduced motion"])
def test_units_on_their_way_move_between_periods_while_it_plays(look, page, still):
    with look(page) as opened:
        opened.page.emulate_media(reduced_motion="reduce" if still else "no-preference")
        opened.page.locator("#period").fill("7")
        at_rest = {(x, y) for x, y, _ in tokens(opened)}
        opened.page.locator("#speed").select_option("1000")
        opened.page.locator("#play").click()
        seen = opened.page.evaluate(FOLLOW)
        opened.page.locator("#play").click()
        between = {(x, y) for _, moving in seen for x, y, size in moving if size > 0} - at_rest
        assert (not between) if still else len(between) > 10
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_after_a_step_units_are_where_they_are_without_it(look, page):
    with look(page) as opened:
        slider = opened.page.locator("#period")
        places = {}
        for period in (9, 5, 8):
            slider.fill(str(period))
            places[period] = tokens(opened)
        opened.page.locator("#forward").click()
        expect(slider).to_have_value("9")
        moving = tokens(opened)
        opened.page.wait_for_timeout(600)
        assert tokens(opened) == places[9]
        opened.page.locator("#back").click()
        opened.page.wait_for_timeout(600)
        assert tokens(opened) == places[8]
        assert len(moving) == len(places[9])


def test_charts_follow_the_node_that_is_chosen(look, page):
    with look(page) as opened:
        assert opened.page.locator("#charts figure").count() == 6
        assert opened.page.locator("#charts figure").first.locator("path").count() >= 2
        opened.page.locator("#row").select_option("1")
        label = opened.page.locator("#row option").nth(1).inner_text()
        assert opened.page.locator("#charted").inner_text() == label
        opened.page.locator(".run").first.locator("[data-vertex].managed").last.click()
        assert opened.page.locator("#row").input_value() != "1"
        assert opened.page.locator(".vertex.chosen").count() == 2
        assert opened.is_quiet()


def test_two_controllers_stand_side_by_side_and_names_stay_text(look, page):
    with look(page) as opened:
        first, second = (opened.page.locator(".run").nth(run).bounding_box() for run in (0, 1))
        assert abs(first["y"] - second["y"]) < 1
        assert first["x"] + first["width"] <= second["x"]
        assert opened.page.locator("img").count() == 0
        assert opened.page.locator(".run h2").nth(1).inner_text() == HOSTILE
        assert HOSTILE in opened.page.locator("#row").inner_text()
        assert opened.is_quiet()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESK, TABLET, PHONE])
def test_it_fits_and_can_be_read_by_all(look, page, width, dark):
    with look(page, width=width, dark=dark) as opened:
        opened.page.locator("#period").fill("9")
        assert opened.overflow <= 0
        assert opened.serious() == []
        before = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        opened.page.locator("#theme").click()
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_on_paper_nothing_is_cut_off(look, page):
    with look(page, width=1040, dark=True) as opened:
        opened.page.locator("#period").fill("9")
        opened.page.emulate_media(media="print")
        assert opened.overflow <= 0
        assert opened.page.locator("#play").is_hidden()
        assert opened.page.locator("#now").is_visible()
        # A region that scrolls on the screen would be cut off on paper.
        cut = opened.page.evaluate(
            "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1).length"
        )
        assert cut == 0
        colours = opened.page.evaluate("getComputedStyle(document.body).color")
        assert colours == "rgb(0, 0, 0)"
        assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_large_network_is_drawn_by_groups_and_found_by_name(look, large):
    with look(large, width=PHONE) as opened:
        assert opened.overflow <= 0
        assert opened.page.locator("[data-vertex]").count() == 5
        assert opened.page.locator('[data-table="units"] tbody tr').count() == 100
        opened.page.locator(".tools input").fill("599")
        labels = opened.page.locator('[data-table="units"] tbody tr th').all_inner_texts()
        assert labels == ["whole network", "599 retailer"]
        assert opened.serious() == []
        assert opened.is_quiet()


def test_without_scripts_the_network_and_the_periods_are_there(look, page, episodes):
    with look(page, scripts=False) as opened:
        text = opened.page.inner_text("body")
        assert "Without JavaScript" in text
        assert opened.page.locator(".totals tbody tr").count() == 2 * 16
        last = opened.page.locator(".totals").first.locator("tbody tr").last.locator("td").last.inner_text()
        assert abs(told(last) - episodes[0].record.profit) <= 0.005 + 1e-6
        assert opened.page.locator("#play").is_hidden()
        assert opened.page.locator("[data-vertex]").count() == 10
