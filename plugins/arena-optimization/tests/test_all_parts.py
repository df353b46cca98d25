"""Rolling programs in worlds with any part: they play them, and where the optimum is known they reach it."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from commands import invoke
from hypothesis import assume, given, settings, strategies as st
from later_strategies import later_scenarios
from strategies import further_scenarios, networks, scenarios

from arena import (
    OracleBriefing,
    Scenario,
    Simulator,
    Track,
    TrackView,
    draw_lead_times,
    realised_demand,
    realised_history,
)
from arena_heuristics import arena_controllers as heuristics
from arena_optimization import arena_controllers
from arena_optimization.config import OracleConfig
from arena_optimization.controllers.oracle import best_plan

SPECS = {spec.name: spec for spec in (*arena_controllers(), *heuristics())}
ROLLING = ("dlp", "mssp", "stochastic-program")
REPOSITORY = Path(__file__).resolve().parents[3]


def orders_of(scenario: Scenario, name: str, track: Track, seed: int, **config: Any) -> tuple[list[np.ndarray], float]:
    """Orders and profit of an episode."""
    spec, view, simulator = SPECS[name], TrackView(scenario, track), Simulator(scenario)
    controller = spec.factory(spec.config(**config))
    controller.begin(view.brief(seed=1, time_budget=60.0, history=realised_history(scenario, seed)))
    simulator.start(seed)
    orders, profit = [], 0.0
    while not simulator.finished:
        orders.append(controller.order(view.observe(simulator.state)))
        profit += simulator.step(np.clip(orders[-1], 0.0, scenario.order_bound))
    return orders, profit


def mean_profit(scenario: Scenario, name: str, track: Track, seeds: int = 3, **config: Any) -> float:
    return float(np.mean([orders_of(scenario, name, track, seed, **config)[1] for seed in range(seeds)]))


def best_profit(scenario: Scenario) -> float:
    view = TrackView(scenario, "oracle")
    told = view.brief(seed=1, entropy=1)
    assert isinstance(told, OracleBriefing)
    briefing = view.brief(
        seed=1,
        entropy=1,
        realised_demand=realised_demand(scenario, 1),
        realised_lead_times=draw_lead_times(scenario, told.generator()),
    )
    assert isinstance(briefing, OracleBriefing)
    plan = best_plan(briefing, OracleConfig())
    assert plan.played is not None
    return plan.played.profit


def store(link: dict[str, Any] | None = None, node: dict[str, Any] | None = None, **more: Any) -> Scenario:
    """A store with a demand of four a period that buys at 1 and sells at 3."""
    market = more.pop("market", {})
    supply = {"supplier": 2, "buyer": 1, "lead_time": 1, "price": 1.0, "pipeline_holding_cost": 0.01, **(link or {})}
    nodes = [{"id": 0}, {"id": 1, "initial_stock": 4.0, "holding_cost": 0.1, **(node or {})}, {"id": 2}]
    sale = {"retailer": 1, "market": 0, "price": 3.0, "shortage_penalty": 0.5, "mean_demand": 4.0, **market}
    network = {"name": "store", "nodes": nodes, "supply_links": [supply], "market_links": [sale]}
    rules = {"name": "store", "horizon": 10, "demand": {"noise_scale": 0.0}}
    return Scenario.model_validate({**rules, "network": network, **more})


def chain(link: dict[str, Any] | None = None, node: dict[str, Any] | None = None, **more: Any) -> Scenario:
    """Raw material 4, warehouse 3, stores 1 and 2 that each sell four and two a period."""

    def supply(supplier: int, buyer: int, price: float, **own: Any) -> dict[str, Any]:
        usual = {"supplier": supplier, "buyer": buyer, "lead_time": 1, "price": price, "pipeline_holding_cost": 0.01}
        return {**usual, **own}

    nodes = [
        {"id": 0},
        {"id": 1, "initial_stock": 5.0, "holding_cost": 0.2},
        {"id": 2, "initial_stock": 3.0, "holding_cost": 0.2},
        {"id": 3, "initial_stock": 7.0, "holding_cost": 0.1, **(node or {})},
        {"id": 4},
    ]
    links = [supply(3, 1, 0.8, **(link or {})), supply(3, 2, 0.8, **(link or {})), supply(4, 3, 0.5)]
    sales = [
        {"retailer": store, "market": 0, "price": 3.0, "shortage_penalty": 0.5, "mean_demand": mean}
        for store, mean in ((1, 4.0), (2, 2.0))
    ]
    network = {"name": "chain", "nodes": nodes, "supply_links": links, "market_links": sales}
    rules = {"name": "chain", "horizon": 10, "demand": {"noise_scale": 0.0}}
    return Scenario.model_validate({**rules, "network": network, **more})


# --- what is declared ---------------------------------------------------------------------------------------------


def test_all_controllers_declare_the_same_parts_and_the_page_names_them() -> None:
    [declared] = {spec.plays for spec in arena_controllers()}
    assert declared is not None
    page = (REPOSITORY / "docs" / "optimization.md").read_text()
    table = page[
        page.index("### Worlds with later parts, rolling") : page.index("## What the stochastic program knows")
    ]
    named = [name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([a-z_]+)`", row)]
    assert sorted(named) == sorted(declared)


# --- without noise: the optimum -----------------------------------------------------------------------------------

KNOWN = {
    "order delay": store({"order_delay": 2, "initial_orders": [3.0, 5.0]}),
    "waiting share": store(market={"waiting_share": 0.5}, node={"initial_stock": 0.0}),
    "fulfilment by market": store(market={"fulfilment": "lost_sales"}, node={"initial_stock": 0.0}),
    "terminal value": store(node={"terminal_value": 0.9}),
    "disposal": store(node={"terminal_value": -0.5, "initial_stock": 60.0}),
    "discounted terminal value": store(node={"terminal_value": 0.9}, discount=0.95),
    "warm-up": store(warm_up=3),
    "certain lead time by law": store(
        {"lead_time_distribution": {"values": [2], "probabilities": [1.0]}}, node={"initial_stock": 9.0}
    ),
    "delay behind a warehouse": chain({"order_delay": 1, "initial_orders": [4.0]}),
    "proportional": chain(node={"allocation": "proportional"}),
    "priority": chain(node={"priority": "links"}),
    "owed penalty": chain({"shortage_penalty": 0.2, "order_delay": 1}, upstream_shortage="owed"),
}


@pytest.mark.parametrize("part", KNOWN)
def test_without_noise_the_program_earns_what_the_oracle_earns(part: str) -> None:
    scenario = KNOWN[part]
    best = best_profit(scenario)
    assert orders_of(scenario, "stochastic-program", "informed", 1)[1] == pytest.approx(best, rel=2e-3)
    if part not in ("terminal value", "discounted terminal value"):  # the shorter plans are not yet at the end
        assert orders_of(scenario, "dlp", "informed", 1)[1] == pytest.approx(best, rel=2e-2)


# --- any world ----------------------------------------------------------------------------------------------------

LATER = later_scenarios(
    scenarios(networks(2, 3, extensions=("minimum_order", "lot_size", "fixed_ordering_cost")), longest=4)
)


@settings(max_examples=12, deadline=None)
@given(
    scenario=st.one_of(LATER, further_scenarios(longest=4)),
    name=st.sampled_from(ROLLING),
    track=st.sampled_from(("blind", "informed")),
    seed=st.integers(0, 9),
)
def test_every_world_is_played_alike_twice(scenario: Scenario, name: str, track: Track, seed: int) -> None:
    network = scenario.network
    assume(not any(node.storage_capacity is not None and node.bill_of_materials for node in network.nodes))
    first, second = (orders_of(scenario, name, track, seed)[0] for _ in range(2))
    for orders in first:
        assert np.isfinite(orders).all()
        assert (orders >= 0).all()
    assert [orders.tolist() for orders in first] == [orders.tolist() for orders in second]


# --- beside a heuristic, on the same episodes ---------------------------------------------------------------------

NOISY: dict[str, Any] = {"horizon": 20, "demand": {"sampling": "inverse_cdf"}}
LOST = {"values": [1, 2, "lost"], "probabilities": [0.3, 0.4, 0.3], "may_cross": True}
STOCK = {"initial_stock": 20.0}


@pytest.mark.parametrize(
    "scenario",
    [
        store({"lead_time_distribution": LOST}, STOCK, **NOISY),
        store({"lead_time_distribution": LOST}, STOCK, **NOISY, visible_arrivals="total"),
        store({"lead_time_distribution": {**LOST, "may_cross": False}}, STOCK, **NOISY),
        store({"order_delay": 2, "initial_orders": [4.0, 4.0]}, **NOISY),
        store(**{**NOISY, "demand": {"distribution": "gamma", "shape": 1.0}}),
    ],
    ids=["lost", "lost, total", "lost, not crossing", "delay", "gamma"],
)
def test_the_program_earns_more_than_the_newsvendor_rule(scenario: Scenario) -> None:
    program, rule = (mean_profit(scenario, name, "informed") for name in ("stochastic-program", "newsvendor"))
    assert program > rule


def test_losses_are_learnt_where_nothing_is_told() -> None:
    series = {"lead_time_series": {"values": ["lost", 1, 1, "lost", 1], "may_cross": True, "past_end": "repeat"}}
    scenario = store({**series, "lead_time": 1}, {"initial_stock": 8.0}, horizon=30)
    rule = orders_of(scenario, "newsvendor", "blind", 1)[1]
    for name in ("dlp", "stochastic-program"):
        assert orders_of(scenario, name, "blind", 1)[1] > rule


def test_a_history_tells_what_the_stock_does_not() -> None:
    noisy = {**NOISY, "node": {"initial_stock": 0.0}, "market": {"mean_demand": 60.0}}
    for name in ("dlp", "stochastic-program"):
        told = mean_profit(store(**noisy, history=30), name, "blind", 2)
        assert told > mean_profit(store(**noisy), name, "blind", 2)


def test_sales_at_an_empty_shelf_are_corrected() -> None:
    """Taken for demand, the sales of a store that begins empty would keep its orders down."""
    rules = {**NOISY, "fulfilment": "lost_sales", "visible_demand": "sales", "node": {"initial_stock": 0.0}}
    scenario = store(**rules, market={"mean_demand": 40.0})
    assert mean_profit(scenario, "stochastic-program", "blind", 2) > mean_profit(scenario, "newsvendor", "blind", 2)


# --- behind the command -------------------------------------------------------------------------------------------


def test_the_command_plays_a_world_with_lost_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scenario = store({"lead_time_distribution": LOST, "order_delay": 1}, STOCK, **{**NOISY, "horizon": 5}, history=3)
    written = scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    Path("world.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    submissions = [str(REPOSITORY / "submissions" / f"{name}.yaml") for name in ("dlp", "mssp-informed")]
    done = invoke(["evaluate", *submissions, "--scenario", "world.yaml", "--isolation", "trusted", "--workers", "0"])
    assert done.exit_code == 0, done.stderr
    with (tmp_path / "results" / "episodes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["submission"] for row in rows} == {"dlp", "mssp-informed"}
    assert all(row["outcome"] == "ok" for row in rows)
