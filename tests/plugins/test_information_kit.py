"""The information check of the conformance kit: it finds every leak that is made for it, and nothing else."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel
from strategies import changed

from arena import (
    Briefing,
    ControllerSpec,
    InformedObservation,
    Network,
    Observation,
    Scenario,
    State,
    Track,
    TrackView,
    load_network,
    load_scenario,
)
from arena.contract import tracks
from arena.contract.seeds import EpisodeSeed
from arena.entry.submission import Manifest, Submission
from arena.jail.limits import Limits
from arena.play import match, table
from arena.play.seats import make_host
from arena.testing import ConformanceError, check_controller, check_information
from arena.testing.information import SharedPast, World, examine_information, fork
from arena.testing.recorder import Message, RecordingHost
from arena.world.demand import Demand

FAULT_OF_THE_ARENA = "; this is a fault of the arena, please report it"
SCENARIO = changed(load_scenario("serial-trend-seasonal-goodwill-backlog"), horizon=8)


class Nothing(BaseModel, frozen=True, extra="forbid"):
    """No settings."""


class Follows:
    """Orders what it was shown, so that whatever reaches it can be seen in its orders."""

    def begin(self, briefing: Briefing) -> None:
        self.links = len(briefing.order_bound)
        self.random = np.random.default_rng(briefing.seed)

    def order(self, observation: Observation) -> NDArray[np.float64]:
        shown = observation.vector.sum() + np.sum(getattr(observation, "forecast", 0.0))
        return np.full(self.links, 1.0 + shown / 9.0) + self.random.random(self.links)


class Peeks(Follows):
    """Looks for something in the frames that called it, and orders by that."""

    def __init__(self, look: Callable[[dict[str, Any]], float]) -> None:
        self.look = look

    def order(self, observation: Observation) -> NDArray[np.float64]:
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            attempt = frame.f_locals.get("self")
            if isinstance(attempt, match._Attempt):
                seen = {"simulator": attempt._simulator, "seed": attempt._seed, "scenario": attempt._scenario}
                return np.full(self.links, self.look(seen))
            frame = frame.f_back
        raise LookupError("nothing to be seen from here")


def spec(controller: Callable[[], Any], tracks: Sequence[Track]) -> ControllerSpec[Any]:
    return ControllerSpec("under-test", Nothing, tuple(tracks), lambda config: controller(), "A controller under test.")


def check(controller: Callable[[], Any] = Follows, *tracks: Track, scenario: Scenario = SCENARIO) -> None:
    check_information(spec(controller, tracks or ("blind",)), scenarios=[scenario])


@pytest.mark.parametrize("track", ["blind", "informed", "oracle", "decentralised"])
def test_a_controller_that_follows_what_it_is_shown_passes(track: Track) -> None:
    result = check_information(spec(Follows, [track]), networks=["serial", "tree"])
    assert result.tracks == (track,)
    assert result.checks == ("information",)
    assert result.episodes == len(result.scenarios) * (2 if track in ("informed", "oracle") else 3)


def test_the_worlds_do_differ_after_the_fork() -> None:
    told: list[list[Message]] = []

    manifest = Manifest(name="under-test", controller="under-test", track="blind")
    under_test = spec(Follows, ["blind"])
    submission = Submission("under-test", manifest, Path("x"), "", None, "under-test", "blind", {}, spec=under_test)

    def play(scenario: Scenario, seed: EpisodeSeed) -> World:
        host = RecordingHost(make_host("trusted", Limits()))
        episode = match.play(submission, scenario, seed, host, Limits())
        told.append(host.messages[0])
        return World(episode, host.messages)

    assert list(examine_information(SCENARIO, "blind", play)) == []
    first, *others = ([message.frame for message in world] for world in told)
    seen = 2 + fork(SCENARIO) + 1
    assert len(others) == 2
    for other in others:
        assert first[:seen] == other[:seen]
        assert first[seen] != other[seen]


def test_a_shared_past_is_given_and_then_goes_on_by_itself() -> None:
    past = SharedPast.of(Demand(base_mean=20.0, noise_scale=0.0), [3.0, 4.0])
    generator = np.random.default_rng(1)
    assert [past.draw(generator, 20.0) for _ in range(4)] == [3.0, 4.0, 20.0, 20.0]


# --- leaks of the arena -------------------------------------------------------------------------------------------


def leak_to_observation(monkeypatch: pytest.MonkeyPatch, change: Callable[[Observation, State], Observation]) -> None:
    observe = TrackView.observe
    monkeypatch.setattr(TrackView, "observe", lambda self, state: change(observe(self, state), state))


def test_a_leaked_seed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "controller_seed", lambda seed, submission, node: seed.entropy % 2**60)
    with pytest.raises(ConformanceError, match=f"another future: the briefing differs in seed{FAULT_OF_THE_ARENA}"):
        check()


@pytest.mark.parametrize("track", ["blind", "oracle"])
def test_a_leaked_index_is_found(monkeypatch: pytest.MonkeyPatch, track: Track) -> None:
    monkeypatch.setattr(table, "controller_seed", lambda seed, submission, node: seed.index)
    world = "another name" if track == "oracle" else "another future"
    with pytest.raises(
        ConformanceError, match=f"track {track}, .*{world}: the briefing differs in seed{FAULT_OF_THE_ARENA}"
    ):
        check(Follows, track)


@pytest.mark.parametrize("track", ["blind", "informed", "oracle"])
def test_a_leaked_name_is_found(monkeypatch: pytest.MonkeyPatch, track: Track) -> None:
    def with_names(network: Network) -> Network:
        links = tuple(changed(link, mean_demand=None) for link in network.market_links)
        return network.model_copy(update={"market_links": links})

    monkeypatch.setattr(Network, "anonymous", with_names)
    with pytest.raises(
        ConformanceError, match=f"track {track}, .*: the briefing differs in network{FAULT_OF_THE_ARENA}"
    ):
        check(Follows, track)


def test_a_leaked_mean_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_means(network: Network) -> Network:
        return network.model_copy(update={"name": "", "description": ""})

    scenario = Scenario(name="own-means", network=load_network("w"), horizon=8)
    check(scenario=scenario)
    monkeypatch.setattr(Network, "anonymous", with_means)
    with pytest.raises(ConformanceError, match=f"other means: the briefing differs in network{FAULT_OF_THE_ARENA}"):
        check(scenario=scenario)


def test_a_leaked_noise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    observe = TrackView.observe

    def noisy(self: TrackView, state: State) -> Observation:
        return dataclasses.replace(observe(self, state), sentiment=self.scenario.demand.noise_scale)

    monkeypatch.setattr(TrackView, "observe", noisy)
    said = "other means: the observation of period 0 differs in sentiment"
    with pytest.raises(ConformanceError, match=said + FAULT_OF_THE_ARENA):
        check()


def test_a_forecast_that_follows_realised_demand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def corrected(shown: Observation, state: State) -> Observation:
        assert isinstance(shown, InformedObservation)
        return dataclasses.replace(shown, forecast=shown.forecast + 0.001 * state.demand.sum())

    check(Follows, "informed")
    leak_to_observation(monkeypatch, corrected)
    said = rf"another future: the forecast in the observation of period \d follows what is drawn{FAULT_OF_THE_ARENA}"
    with pytest.raises(ConformanceError, match=said):
        check(Follows, "informed", scenario=changed(SCENARIO, goodwill=None))


def test_a_deviation_that_follows_realised_demand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def corrected(shown: Observation, state: State) -> Observation:
        assert isinstance(shown, InformedObservation)
        return dataclasses.replace(shown, forecast_deviation=shown.forecast_deviation + 0.001 * state.demand.sum())

    leak_to_observation(monkeypatch, corrected)
    said = rf"the deviation of the forecast in the observation of period \d follows what is drawn{FAULT_OF_THE_ARENA}"
    with pytest.raises(ConformanceError, match=said):
        check(Follows, "informed", scenario=changed(SCENARIO, goodwill=None))


def test_a_distribution_that_a_blind_controller_hears_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds with other means have another distribution, too."""
    brief = TrackView.brief

    def talkative(self: TrackView, **given: Any) -> Briefing:
        return dataclasses.replace(brief(self, **given), discount=len(self.scenario.demand.distribution) / 10)

    monkeypatch.setattr(TrackView, "brief", talkative)
    check(scenario=changed(SCENARIO, demand=Demand(base_mean=20.0, distribution="uniform")))
    with pytest.raises(ConformanceError, match=f"other means: the briefing differs in discount{FAULT_OF_THE_ARENA}"):
        check(scenario=changed(SCENARIO, demand=Demand(base_mean=20.0, distribution="normal")))


def test_a_forecast_that_knows_what_will_be_drawn_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    realised: dict[int, NDArray[np.float64]] = {}
    play = match.play

    def clairvoyant(submission: Any, scenario: Scenario, seed: EpisodeSeed, *rest: Any, **more: Any) -> Any:
        fresh = changed(
            scenario, demand=Demand(**{name: getattr(scenario.demand, name) for name in Demand.model_fields})
        )
        drawn = table.realised_demand(fresh, seed.entropy)
        assert drawn is not None
        realised[0] = drawn
        return play(submission, scenario, seed, *rest, **more)

    def knowing(shown: Observation, state: State) -> Observation:
        assert isinstance(shown, InformedObservation)
        return dataclasses.replace(shown, forecast=shown.forecast + realised[0][state.period :].sum())

    monkeypatch.setattr("arena.testing.bench.play", clairvoyant)
    leak_to_observation(monkeypatch, knowing)
    said = f"another future: the observation of period 0 differs in forecast{FAULT_OF_THE_ARENA}"
    with pytest.raises(ConformanceError, match=said):
        check(Follows, "informed", scenario=changed(SCENARIO, goodwill=None))


def test_a_leak_to_one_node_names_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    local = tracks.local_network

    def with_name(network: Network, node: int) -> Network:
        told = local(network, node)
        return told.model_copy(update={"name": network.name}) if node == 2 else told

    check(Follows, "decentralised")
    monkeypatch.setattr(tracks, "local_network", with_name)
    with pytest.raises(ConformanceError, match="another future: the briefing of seat 1 differs in network"):
        check(Follows, "decentralised")


# --- controllers that look elsewhere ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "world", "track"),
    [
        (lambda seen: seen["seed"].entropy % 97, "another future", "blind"),
        (lambda seen: seen["seed"].index, "another future", "informed"),
        (lambda seen: len(seen["scenario"].name), "another future", "blind"),
        (lambda seen: len(seen["scenario"].note), "another name", "oracle"),
        (lambda seen: seen["scenario"].demand.base_mean, "other means", "blind"),
        (lambda seen: seen["scenario"].demand.noise_scale, "other means", "decentralised"),
    ],
)
def test_a_controller_that_finds_the_world_is_found(
    look: Callable[[dict[str, Any]], float], world: str, track: Track
) -> None:
    said = rf"information, track {track}, .*: {world}: orders differ first in period 0 on supply link 0, after equal"
    with pytest.raises(ConformanceError, match=said):
        check(lambda: Peeks(look), track)
    # Sibling: looking around is not what is found; what is found is what was seen.
    check(lambda: Peeks(lambda seen: float(seen["simulator"].period)), track)


def test_the_whole_kit_finds_it_too() -> None:
    curious = spec(lambda: Peeks(lambda seen: seen["scenario"].demand.base_mean or 1.0), ["blind"])
    with pytest.raises(ConformanceError, match="information, track blind, serial-short-backlog: other means: orders"):
        check_controller(curious, networks=["serial"])
    assert "information" in check_controller(spec(Follows, ["blind"]), networks=["serial"]).checks
