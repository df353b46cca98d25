"""The programs are the published ones: equal optima on sampled states, and the published profits where played.

Linear programs have ties. Which of several optimal plans a solver returns is not part of the program, so profits of
rolling programs may differ where one of them is played; under goodwill a unit more or less can then move sentiment.
"""

import csv
import importlib.util
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from published_programs import (
    Start,
    published_horizon_dlp,
    published_horizon_mssp,
    published_paths,
    published_sampling_generator,
    solve_published,
)

from arena import Observation, Scenario, Simulator, load_scenario, load_suite
from arena.contract.orders import check_orders
from arena.contract.seeds import PUBLIC_SEEDS
from arena.contract.tracks import TrackView
from arena.simulate.simulator import realised_demand

pytest.importorskip(
    "arena_optimization",
    reason="the programs are not installed: pip install ./plugins/arena-optimization (tox -e parity has them)",
)

from arena_optimization.config import DeterministicProgramConfig, MultiStageProgramConfig, PublishedOracleConfig
from arena_optimization.controllers.oracle import PublishedOracle
from arena_optimization.controllers.published import DeterministicProgram, MultiStageProgram
from arena_optimization.programs.extensive_form import Plan

pytestmark = pytest.mark.parity
needs_pulp = pytest.mark.skipif(
    importlib.util.find_spec("pulp") is None, reason='PuLP is not installed: pip install "pulp<4"'
)

OBJECTIVE_TOLERANCE = 1e-8  # relative
SCENARIOS = [scenario for scenario in load_suite("core").scenarios if scenario.published_id is not None]
PROGRAMS = {
    "DLP": (DeterministicProgram, DeterministicProgramConfig(prior_mean=20.0), "blind"),
    "DLP-I": (DeterministicProgram, DeterministicProgramConfig(), "informed"),
    "MSSP": (MultiStageProgram, MultiStageProgramConfig(prior_mean=20.0), "blind"),
    "MSSP-I": (MultiStageProgram, MultiStageProgramConfig(), "informed"),
}
MEANS_TOLERANCE = 5e-3  # relative
#: Rows whose mean differs by more, because a tie under goodwill moved the sentiment of an episode. What is played there
#: is optimal for the published program, as `test_what_is_played_on_a_tie_is_optimal_for_the_published_program` shows.
ROWS_WITH_TIES = {
    ("DLP", "divergent-trend-seasonal-goodwill-lost-sales"),
    ("MSSP-I", "divergent-trend-seasonal-shock-goodwill-lost-sales"),
    ("MSSP-I", "serial-trend-seasonal-goodwill-backlog"),
}


def controller(name: str):
    kind, config, track = PROGRAMS[name]
    return kind(config), track


def decisions(name: str, scenario: Scenario, seed: int) -> Iterator[tuple[Observation, Plan, np.ndarray]]:
    """Play an episode: what was seen, the plan, and the paths (or the mean path) it was made for."""
    played, track = controller(name)
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    simulator.start(seed)
    briefing = view.brief(seed=seed, time_budget=1000.0)
    made: list[tuple[Plan, np.ndarray]] = []
    played.begin(briefing)
    planner = played._planner
    plan = planner.plan

    def watched(observation: Observation, demand: np.ndarray, **options: object) -> Plan:
        made.append((plan(observation, demand, **options), demand))
        return made[-1][0]

    planner.plan = watched
    while not simulator.finished:
        observation = view.observe(simulator.state)
        orders = played.order(observation)
        yield observation, *made[-1]
        simulator.step(check_orders(orders, briefing.order_bound, len(scenario.network.supply_links)).orders)
    assert played.report().fallbacks == 0


def published_objective(scenario: Scenario, observation: Observation, demand: np.ndarray) -> float:
    backlog = observation.last_unfilled if scenario.fulfilment == "backlog" else 0 * observation.last_unfilled
    start = Start(on_hand=observation.on_hand, pipeline=observation.pipeline, backlog=backlog)
    paths = np.swapaxes(demand, 1, 2)
    return solve_published(scenario.network, scenario.fulfilment, scenario.discount, start, paths).objective


def profit(played, track: str, scenario: Scenario, seed: int) -> float:
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    simulator.start(seed)
    whole = {"entropy": seed, "realised_demand": realised_demand(scenario, seed)} if track == "oracle" else {}
    briefing = view.brief(seed=seed, time_budget=1000.0, **whole)
    played.begin(briefing)
    while not simulator.finished:
        orders = played.order(view.observe(simulator.state))
        simulator.step(check_orders(orders, briefing.order_bound, len(scenario.network.supply_links)).orders)
    return float(simulator.ledger().reward.sum())


@pytest.fixture(scope="module")
def episodes(reference: Path) -> Mapping[tuple[str, str, int], float]:
    with (reference / "published_episodes.csv").open(newline="") as file:
        return {
            (row["Controller"], row["ScenarioKey"], int(row["Seed"])): float(row["Profit"])
            for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def means(reference: Path) -> Mapping[tuple[str, str], float]:
    with (reference / "published_means.csv").open(newline="") as file:
        return {(row["controller"], row["ScenarioKey"]): float(row["profit"]) for row in csv.DictReader(file)}


@needs_pulp
@pytest.mark.parametrize("period", [0, 7, 22])
@pytest.mark.parametrize("scenario", SCENARIOS[2:16:2], ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_optima_equal_those_of_the_published_programs(name: str, scenario: Scenario, period: int) -> None:
    observation, plan, demand = next(one for one in decisions(name, scenario, 456) if one[0].period == period)
    expected = published_objective(scenario, observation, demand)
    assert plan.objective == pytest.approx(expected, rel=OBJECTIVE_TOLERANCE)
    left = scenario.horizon - period
    horizon = published_horizon_dlp if name.startswith("DLP") else published_horizon_mssp
    assert demand.shape[2] == horizon(scenario.network, left)


@pytest.mark.parametrize("seed", [42, 6066])
def test_paths_are_the_published_ones(seed: int) -> None:
    scenario = load_scenario("divergent-trend-seasonal-goodwill-backlog")
    generator = published_sampling_generator(seed)
    for observation, _, demand in decisions("MSSP-I", scenario, seed):
        means = observation.forecast[:, : demand.shape[2]]
        np.testing.assert_array_equal(np.swapaxes(demand, 1, 2), published_paths(generator, means))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_published_oracle_is_reproduced(scenario: Scenario, episodes: Mapping[tuple[str, str, int], float]) -> None:
    for seed in PUBLIC_SEEDS:
        played = profit(PublishedOracle(PublishedOracleConfig()), "oracle", scenario, seed)
        # Two M5 values differ by 1.1e-6 in absolute terms: the published solver printed rounded numbers.
        assert played == pytest.approx(episodes["Oracle", scenario.published_id, seed], rel=1e-6), f"seed {seed}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize(
    "name",
    ["DLP", "DLP-I", pytest.param("MSSP", marks=pytest.mark.slow), pytest.param("MSSP-I", marks=pytest.mark.slow)],
)
def test_mean_profits_are_the_published_ones_but_for_ties(
    name: str, scenario: Scenario, means: Mapping[tuple[str, str], float]
) -> None:
    tolerance = 2e-2 if (name, scenario.name) in ROWS_WITH_TIES else MEANS_TOLERANCE
    played = [profit(*controller(name), scenario, seed) for seed in PUBLIC_SEEDS]
    mean = math.fsum(played) / len(played)
    assert mean == pytest.approx(means[name, scenario.published_id], rel=tolerance)


#: Episodes that differ from the published profit by more than 1 % (per episode it is published for MSSP-I only), and
#: those of the row of DLP.
EPISODES_WITH_TIES = [
    ("MSSP-I", "divergent-trend-seasonal-goodwill-backlog", 1011),
    ("MSSP-I", "divergent-trend-seasonal-shock-goodwill-backlog", 6066),
    ("MSSP-I", "divergent-trend-seasonal-shock-goodwill-lost-sales", 5055),
    ("MSSP-I", "serial-trend-seasonal-goodwill-backlog", 1011),
    ("MSSP-I", "serial-trend-seasonal-goodwill-backlog", 4044),
    *(("DLP", "divergent-trend-seasonal-goodwill-lost-sales", seed) for seed in PUBLIC_SEEDS),
]


@pytest.mark.slow
@needs_pulp
@pytest.mark.parametrize(("name", "row", "seed"), EPISODES_WITH_TIES)
def test_what_is_played_on_a_tie_is_optimal_for_the_published_program(name: str, row: str, seed: int) -> None:
    scenario = load_scenario(row)
    # CBC's solution file has nine digits, which shows in the optima of mean paths.
    tolerance = 1e-7 if name == "DLP" else OBJECTIVE_TOLERANCE
    for observation, plan, demand in decisions(name, scenario, seed):
        expected = published_objective(scenario, observation, demand)
        assert plan.objective == pytest.approx(expected, rel=tolerance), f"period {observation.period}"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_episodes_equal_the_published_ones_but_for_ties(
    scenario: Scenario, episodes: Mapping[tuple[str, str, int], float]
) -> None:
    with_ties = {(row, seed) for name, row, seed in EPISODES_WITH_TIES if name == "MSSP-I"}
    for seed in PUBLIC_SEEDS:
        if (scenario.name, seed) not in with_ties:
            played = profit(*controller("MSSP-I"), scenario, seed)
            expected = episodes["MSSP-I", scenario.published_id, seed]
            assert played == pytest.approx(expected, rel=1e-2), f"seed {seed}"
