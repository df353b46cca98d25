"""The four rules reproduce the published results: every episode to 1e-6 in profit, every mean to the digits printed.

All eight controllers (four rules, blind and informed) play the 26 published rows with the ten public seeds through the
simulator and the tracks, as a contest does. The published rows of the multi-agent block were played centrally; so are
they here.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from arena import Controller, ControllerSpec, Kpis, Scenario, Simulator, load_suite, measure
from arena.contract.orders import check_orders
from arena.contract.seeds import PUBLIC_SEEDS
from arena.contract.tracks import TrackView
from arena_heuristics import arena_controllers

pytestmark = pytest.mark.parity

PUBLISHED_NAMES = {
    "newsvendor": "Newsvendor",
    "ss": "s,S",
    "exp-smoothing": "ExpSmoothing",
    "echelon": "EchelonApprox",
}
WITH_EPISODES = ("newsvendor", "ss")
KPI_OF_COLUMN = {
    "FillRate": "fill_rate",
    "ServiceLevel": "service_level",
    "AvgInv": "average_inventory",
    "Unfulfilled": "unfilled",
    "Revenue": "revenue",
    "HoldingCost": "holding_cost",
    "BacklogPenalty": "shortage_penalty",
    "ProcurementCost": "procurement_cost",
    "OperatingCost": "operating_cost",
    "FixedOrderingCost": "fixed_ordering_cost",
    "BullwhipRatio": "bullwhip_ratio",
}
SCENARIOS = [
    scenario
    for suite in ("core", "multi-agent")
    for scenario in load_suite(suite).scenarios
    if scenario.published_id is not None
]
SPECS = {spec.name: spec for spec in arena_controllers()}
MEANS_TOLERANCE = 1e-6  # relative; the published means are printed with eight significant digits


def play(scenario: Scenario, spec: ControllerSpec, track: str, seed: int) -> Kpis:
    view = TrackView(scenario, track)
    simulator = Simulator(scenario)
    simulator.start(seed)
    controller: Controller = spec.factory(spec.config())
    briefing = view.brief(seed=seed)
    controller.begin(briefing)
    while not simulator.finished:
        orders = controller.order(view.observe(simulator.state))
        simulator.step(check_orders(orders, briefing.order_bound, len(scenario.network.supply_links)).orders)
    return measure(simulator.ledger(), scenario)


def published_name(controller: str, track: str) -> str:
    return PUBLISHED_NAMES[controller] + ("-I" if track == "informed" else "")


@pytest.fixture(scope="module")
def episodes(reference: Path) -> Mapping[tuple[str, str, int], Mapping[str, str]]:
    with (reference / "published_episodes.csv").open(newline="") as file:
        return {(row["Controller"], row["ScenarioKey"], int(row["Seed"])): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def means(reference: Path) -> Mapping[tuple[str, str], Mapping[str, str]]:
    with (reference / "published_means.csv").open(newline="") as file:
        return {(row["controller"], row["ScenarioKey"]): row for row in csv.DictReader(file)}


def test_all_26_published_rows_are_played() -> None:
    assert len({scenario.published_id for scenario in SCENARIOS}) == 26


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("track", ["blind", "informed"])
@pytest.mark.parametrize("controller", list(PUBLISHED_NAMES))
def test_the_published_results_are_reproduced(
    scenario: Scenario,
    track: str,
    controller: str,
    episodes: Mapping[tuple[str, str, int], Mapping[str, str]],
    means: Mapping[tuple[str, str], Mapping[str, str]],
) -> None:
    name = published_name(controller, track)
    played = {seed: play(scenario, SPECS[controller], track, seed) for seed in PUBLIC_SEEDS}
    published = means[name, scenario.published_id]
    mean_profit = math.fsum(kpis.profit for kpis in played.values()) / len(played)
    mean_fill_rate = math.fsum(kpis.fill_rate for kpis in played.values()) / len(played)
    assert mean_profit == pytest.approx(float(published["profit"]), rel=MEANS_TOLERANCE)
    assert mean_fill_rate == pytest.approx(float(published["fill_rate"]), rel=MEANS_TOLERANCE)
    if controller not in WITH_EPISODES:
        return
    for seed, kpis in played.items():
        row = episodes[name, scenario.published_id, seed]
        assert kpis.profit == pytest.approx(float(row["Profit"]), rel=0, abs=1e-6), f"profit at seed {seed}"
        for column, kpi in KPI_OF_COLUMN.items():
            expected = pytest.approx(float(row[column]), rel=1e-6, abs=1e-9)
            assert getattr(kpis, kpi) == expected, f"{kpi} at seed {seed}"
