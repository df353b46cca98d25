"""What the rolling programs may know: no scenario's name or means on the blind track, and nothing of the future."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import changed, networks, scenarios

from arena import (
    Briefing,
    Demand,
    InformedObservation,
    Observation,
    Scenario,
    Simulator,
    Track,
    TrackView,
    load_scenario,
)
from arena.jail.limits import Limits
from arena.simulate.simulator import episode_generator
from arena.testing import check_information
from arena_optimization import arena_controllers
from arena_optimization.config import (
    BeliefConfig,
    DeterministicProgramConfig,
    MultiStageProgramConfig,
    StochasticProgramConfig,
    StructureConfig,
)
from arena_optimization.controllers.published import DeterministicProgram, MultiStageProgram
from arena_optimization.controllers.rolling import passed_up
from arena_optimization.controllers.stochastic_program import StochasticProgram

NAMES = ("dlp", "mssp", "stochastic-program")
TRACKS: tuple[Track, ...] = ("blind", "informed")
BELIEF = BeliefConfig(structure=StructureConfig(particles=64, moves=1))
HORIZON = 26
FORK = 5
"""The first period whose demand differs between two worlds."""


def controller_of(name: str) -> Any:
    if name == "dlp":
        return DeterministicProgram(DeterministicProgramConfig())
    if name == "mssp":
        return MultiStageProgram(MultiStageProgramConfig(paths=4))
    return StochasticProgram(StochasticProgramConfig(paths=6, belief=BELIEF))


def as_bytes(told: Briefing | Observation) -> dict[str, bytes]:
    """All that is told, field by field."""
    values = {field.name: getattr(told, field.name) for field in dataclasses.fields(told)}
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        for name, value in values.items()
    }


def told(scenario: Scenario, track: Track, *, is_other: bool = False) -> tuple[Briefing, list[Observation]]:
    """Briefing and observations under constant orders; in the other world chance goes another way from the fork on."""
    view, simulator, stream = TrackView(scenario, track), Simulator(scenario), episode_generator(3)
    simulator.start(stream)
    observations = []
    while not simulator.finished:
        observations.append(view.observe(simulator.state))
        if is_other and simulator.period == FORK:
            assert isinstance(stream.bit_generator, np.random.PCG64)
            stream.bit_generator.advance(1_000)
        simulator.step(np.full(len(scenario.network.supply_links), 14.0))
    return view.brief(seed=9, time_budget=30.0), observations


def orders(name: str, briefing: Briefing, observations: list[Observation]) -> np.ndarray:
    controller = controller_of(name)
    controller.begin(briefing)
    found = np.array([controller.order(observation) for observation in observations])
    assert controller.report().fallbacks == 0
    return found


#: Settings that make an episode quick; what a controller may know does not depend on them.
QUICK: dict[str, dict[str, Any]] = {
    "bound": {"search_solves": 2},
    "dlp": {},
    "mssp": {"paths": 4},
    "oracle": {"search_solves": 2},
    "oracle-published": {},
    "stochastic-program": {"paths": 6, "belief": {"structure": {"particles": 64, "moves": 1}}},
}
#: So much time that none of them is cut off, which would depend on the machine.
PATIENT = Limits(first_decision=600.0, decision=600.0, bank=6_000.0)


@pytest.mark.parametrize("name", sorted(QUICK))
def test_worlds_that_look_alike_get_equal_messages_and_equal_orders(name: str) -> None:
    ends = ("serial-trend-seasonal-goodwill-backlog", "divergent-trend-seasonal-shock-lost-sales")
    chosen = [changed(load_scenario(end), horizon=HORIZON // 2) for end in ends]
    result = check_information(name, QUICK[name], scenarios=chosen, limits=PATIENT)
    [spec] = [spec for spec in arena_controllers() if spec.name == name]
    assert result.tracks == spec.tracks


def test_every_controller_of_the_package_is_looked_at() -> None:
    assert sorted(QUICK) == sorted(spec.name for spec in arena_controllers())


@pytest.mark.parametrize("name", sorted(QUICK))
@settings(max_examples=20, deadline=None)
@given(scenario=scenarios(networks(largest=4), longest=6))
def test_so_they_do_on_any_network(name: str, scenario: Scenario) -> None:
    result = check_information(name, QUICK[name], scenarios=[scenario], limits=PATIENT)
    assert result.checks == ("information",)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("track", TRACKS)
def test_what_is_seen_of_a_difference_is_used(name: str, track: Track) -> None:
    scenario = changed(load_scenario("serial-trend-seasonal-goodwill-backlog"), horizon=HORIZON)
    (briefing, seen), (other_briefing, other_seen) = told(scenario, track), told(scenario, track, is_other=True)
    past = FORK + 1
    assert as_bytes(seen[past]) != as_bytes(other_seen[past])
    first, second = orders(name, briefing, seen), orders(name, other_briefing, other_seen)
    np.testing.assert_array_equal(first[:past], second[:past])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_blind_orders_do_not_know_the_means_of_the_scenario(name: str) -> None:
    # Demand is its mean: the worlds show the same until their means part.
    base = changed(load_scenario("serial-stationary-backlog"), horizon=HORIZON)
    worlds = []
    for later in (20.0, 90.0):
        values = (20.0, 25.0, 15.0, 18.0, 22.0, *([later] * 20))
        demand = Demand.model_validate({"series": {"values": values}, "noise_scale": 0.0})
        worlds.append(changed(base, demand=demand))
    (briefing, seen), (other_briefing, other_seen) = (told(world, "blind") for world in worlds)
    assert as_bytes(briefing) == as_bytes(other_briefing)
    past = FORK + 1
    assert [as_bytes(one) for one in seen[:past]] == [as_bytes(one) for one in other_seen[:past]]
    first, second = (
        orders(name, briefing, seen[:past]),
        orders(name, other_briefing, other_seen[:past]),
    )
    np.testing.assert_array_equal(first, second)
    # Sibling: the forecast of the informed track tells them apart from the start.
    informed = [orders(name, *told(world, "informed")) for world in worlds]
    assert not np.array_equal(informed[0][:past], informed[1][:past])


@pytest.mark.parametrize("name", NAMES)
def test_informed_orders_follow_the_forecast(name: str) -> None:
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=HORIZON)
    briefing, seen = told(scenario, "informed")
    assert isinstance(seen[0], InformedObservation)
    more = dataclasses.replace(seen[0], forecast=3.0 * seen[0].forecast)
    assert orders(name, briefing, [more]).sum() > orders(name, briefing, [seen[0]]).sum() + 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_end_of_the_forecast_is_not_needed(name: str) -> None:
    # Past the last period nothing is sold: a forecast of what would follow changes no order.
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=HORIZON)
    briefing, seen = told(scenario, "informed")
    cut = [dataclasses.replace(one, forecast=one.forecast[:, : HORIZON - one.period]) for one in seen]  # type: ignore[call-arg, attr-defined]
    np.testing.assert_array_equal(orders(name, briefing, seen), orders(name, briefing, cut))


def test_the_blind_guess_is_used_before_the_first_demand_and_can_be_given() -> None:
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=HORIZON)
    briefing, seen = told(scenario, "blind")

    def expected(prior_mean: float | None, periods: int) -> np.ndarray:
        controller = DeterministicProgram(DeterministicProgramConfig(prior_mean=prior_mean))
        controller.begin(briefing)
        for observation in seen[:periods]:
            controller.order(observation)
        return controller.expected_demand()

    # The retailer's stock over the longest lead time and one period more.
    assert expected(None, 1) == pytest.approx([100.0 / 5.0])
    assert expected(33.0, 1) == pytest.approx([33.0])
    # From then on the mean of what was seen, whatever was guessed.
    assert expected(None, 4) == pytest.approx(np.mean([one.last_demand for one in seen[1:4]], axis=0))
    assert expected(33.0, 4) == pytest.approx(expected(None, 4))


@pytest.mark.parametrize("config", [DeterministicProgramConfig, MultiStageProgramConfig])
def test_a_given_guess_changes_the_first_order(config: Any) -> None:
    made = DeterministicProgram if config is DeterministicProgramConfig else MultiStageProgram
    scenario = changed(load_scenario("serial-stationary-backlog"), horizon=30)
    briefing, seen = told(scenario, "blind")
    first = []
    for prior_mean in (20.0, 60.0):
        controller = made(config(prior_mean=prior_mean))
        controller.begin(briefing)
        first.append(controller.order(seen[0]))
    assert first[1].sum() > first[0].sum()
    assert passed_up(scenario.network, np.array([60.0])).sum() > 0.0
