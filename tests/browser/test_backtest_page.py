"""The page of a backtest in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DESK, PHONE, TABLET
from planner import write_company


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of the real command, on a world with a hostile name."""
    folder = tmp_path_factory.mktemp("backtest")
    scenario = write_company(folder)
    network = folder / "network.yaml"
    hostile = "</script><b>depot"
    network.write_text(
        network.read_text().replace("name: depot", f'name: "{hostile}"').replace(": depot,", f': "{hostile}",')
    )
    command = [sys.executable, "-m", "arena", "backtest", str(scenario), "--isolation", "trusted"]
    names = [one for name in ("newsvendor", "ss") for one in ("--submissions", name)]
    subprocess.run([*command, *names, "--output", str(folder / "results")], check=True, capture_output=True)
    return folder / "results" / "backtest.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESK, TABLET, PHONE])
def test_it_is_quiet_narrow_enough_and_can_be_read_by_all(look, page, width, dark):
    with look(page, width=width, dark=dark) as opened:
        assert opened.page.title() == "corner: backtest"
        assert opened.overflow <= 0
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_it_opens_on_stock_and_money_and_a_node_can_be_chosen(look, page):
    with look(page) as opened:
        data = json.loads(opened.page.inner_text("#data") or opened.page.text_content("#data"))
        shown = opened.page.locator("#stock-chart svg[role=img] g[stroke-width='1.8'] path")
        lines = len(data["policies"]) * len(data["windows"])
        assert shown.count() == lines
        before = opened.page.inner_html("#stock-chart")
        assert opened.page.locator("#node option").all_inner_texts() == data["nodes"]
        opened.page.select_option("#node", index=2)
        assert opened.page.inner_html("#stock-chart") != before
        assert opened.page.locator("#parts-chart rect").count() >= len(data["policies"])
        assert opened.page.locator("b:has-text('depot')").count() == 0  # a hostile name stays text


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("labels", ["days", "numbers", "months"])
def test_the_axis_of_time_names_periods(look, page, tmp_path, width, labels):
    with look(page) as opened:
        data = json.loads(opened.page.text_content("#data"))
    names = data["labels"]
    if labels != "days":
        names = [str(6 + one) if labels == "numbers" else f"20{24 + one // 12}-{one % 12 + 1:02}" for one in range(14)]
    text = page.read_text(encoding="utf-8").replace(
        json.dumps(data["labels"], separators=(",", ":")), json.dumps(names)
    )
    changed = tmp_path / "backtest.html"
    changed.write_text(text, encoding="utf-8")
    with look(changed, width=width) as opened:
        assert json.loads(opened.page.text_content("#data"))["labels"] == names
        ticks = opened.page.evaluate(
            """[...document.querySelectorAll("#stock-chart svg[role=img] text")]
            .filter((one) => one.parentElement.getAttribute("transform") === "translate(0.5,9.5)")
            .map((one) => one.textContent)"""
        )
        assert len(ticks) > 1
        known = {one[5:] for one in names} | {names[0][5:] + names[0][:4]} if labels == "days" else set(names)
        assert set(ticks) <= known
        assert ticks[0] in (names[0], names[0][5:] + names[0][:4])


def test_without_scripts_the_tables_are_there(look, page):
    with look(page, scripts=False) as opened:
        text = opened.page.inner_text("body")
        assert all(word in text for word in ("newsvendor", "ss", "holding cost", "profit", "east"))
        assert not opened.page.is_visible("#drawn")


def test_the_page_can_be_light_or_dark_and_its_tips_write_numbers_as_tables_do(look, page):
    with look(page) as opened:
        before = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        opened.page.locator("#theme").click()
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert opened.serious() == []
        data = json.loads(opened.page.text_content("#data"))
        policy = data["policies"][0]
        opened.page.locator("#parts-chart svg[role=img] rect").first.hover()
        tip = opened.page.locator("#parts-chart").text_content()
        assert f"{policy['money']['procurement_cost']:,.1f}" in tip
        opened.page.emulate_media(media="print")
        assert opened.page.locator("#theme").is_hidden()


def test_without_scripts_there_is_no_button(look, page):
    with look(page, scripts=False) as opened:
        assert not opened.page.is_visible("#theme")
