"""Worlds that look alike: equal messages, and equal orders.

An episode is played in several worlds that share their past. Up to the *fork*, half of the horizon, customers demand
the same in all of them, whatever their seeds and means; from then on each goes its own way. Nothing that a controller
is told before the difference can be seen may differ by one byte, and nothing that it orders by one bit:

- **another future**: another seed, another index, other names of scenario and network, and another way that chance
  takes. On every track but the oracle's. The forecasts of the informed track stay equal for the whole episode, as long
  as the customers' sentiment does: they are means and deviations, and know nothing of what is drawn.
- **other means** (tracks without a forecast): base mean, trend, season, shock, distribution and noise of customers'
  demand, from the first period on. What a blind controller believes before it has seen a demand, and after, cannot
  follow them. The history is told, and the same.
- **other lost sales** (where controllers see sales alone): customers who leave without anything are more. What is seen
  stays equal for the whole episode.
- **another name** (the oracle's track, which knows the future): other names, and another index of the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from arena.contract.messages import Track
from arena.contract.seeds import EpisodeSeed
from arena.results.record import PlayedEpisode
from arena.simulate.customers import Customers
from arena.simulate.simulator import Simulator, realised_history
from arena.simulate.streams import episode_generator
from arena.testing.recorder import Message
from arena.world.demand import Demand, Seasonal, Shock, Trend
from arena.world.scenario import Scenario

_PAST_SEED: Final = 20_260_727
_CONTROLLER_SEED: Final = 1_234_567_891
_ARENAS_FAULT: Final = "this is a fault of the arena, please report it"

_FORECASTS: Final = {"forecast": "the forecast", "forecast_deviation": "the deviation of the forecast"}
"""Fields of informed observations that know means and deviations, but nothing of what is drawn."""

_BEFORE_PERIODS: Final = 2
"""Messages to a seat before its first observation: setup and briefing."""


class World(NamedTuple):
    """An episode played in one of the worlds.

    Attributes:
        episode: the episode.
        messages: what every seat was told, in the order of the seats.
    """

    episode: PlayedEpisode
    messages: list[list[Message]]


PlayWorld = Callable[[Scenario, EpisodeSeed], World]
"""Plays an episode of a scenario under given seeds."""


class SharedPast(Demand):
    """A demand that begins with given numbers, and goes on by its own stream. For one episode of one market link."""

    _given: tuple[float, ...] = PrivateAttr(default=())
    _drawn: int = PrivateAttr(default=0)

    @classmethod
    def of(cls, demand: Demand, given: Sequence[float]) -> SharedPast:
        """A demand with a past.

        Args:
            demand: how it goes on.
            given: demands of the history and of the first periods, units.
        """
        shared = cls.model_construct(**{name: getattr(demand, name) for name in Demand.model_fields})
        shared._given = tuple(given)
        return shared

    def draw(self, generator: np.random.Generator, mean: float) -> float:
        """One period's demand; what is given takes nothing from the stream."""
        given = self._next()
        return super().draw(generator, mean) if given is None else given

    def quantile(self, uniform: Any, mean: Any) -> Any:
        """One period's demand where demands depend on each other; for arrays as with any demand."""
        given = self._next() if isinstance(mean, float) else None
        return super().quantile(uniform, mean) if given is None else given

    def _next(self) -> float | None:
        place = self._drawn
        self._drawn += 1
        return self._given[place] if place < len(self._given) else None


def fork(scenario: Scenario) -> int:
    """The first period whose demand may differ between the worlds."""
    return scenario.horizon // 2


def examine_information(scenario: Scenario, track: Track, play: PlayWorld) -> Iterator[str]:
    """Play a scenario in worlds that look alike, and tell what differed though it must not.

    Args:
        scenario: what is played.
        track: on which track.
        play: plays it.
    """
    if track == "oracle":
        first = play(scenario, _seed(0, 0))
        # Where seeds play windows, another index is another episode.
        renamed = play(_renamed(scenario), _seed(0, 1 if scenario.window is None else 0))
        yield from _differences("another name", first, renamed, scenario.horizon)
        return
    scenario = scenario.window_at(0)
    past = _past(scenario)
    alike = fork(scenario) + 1
    first = play(_world(scenario, None, past), _seed(0, 0))
    other = play(_renamed(_world(scenario, None, past)), _seed(1, 1))
    yield from _differences("another future", first, other, alike)
    if track == "informed":
        yield from _forecast_differences(first, other)
    else:
        moved = play(_world(_with_other_links(scenario), _other_means(scenario), past), _seed(2, 2))
        yield from _differences("other means", first, moved, alike)
    if scenario.visible_demand == "sales":
        unseen = play(_world(scenario, None, _with_more_lost(scenario, first, past)), _seed(0, 0))
        yield from _differences("other lost sales", first, unseen, scenario.horizon)


def _seed(world: int, index: int) -> EpisodeSeed:
    """The world's own stream; the controller's seed is the same in all."""
    return EpisodeSeed(index=index, entropy=2**100 + world, controller_seed=_CONTROLLER_SEED, public=False)


def _past(scenario: Scenario) -> NDArray[np.float64]:
    """Demand of the history and up to the fork as customers of this scenario might have it, (periods, market links)."""
    generator, customers = episode_generator(_PAST_SEED), Customers(scenario)
    periods = [customers.single(generator, period, 1.0) for period in range(fork(scenario))]
    played = np.array(periods).reshape(-1, len(scenario.demands))
    return np.concatenate((realised_history(scenario, _PAST_SEED), played))


def _with_more_lost(scenario: Scenario, played: World, past: NDArray[np.float64]) -> NDArray[np.float64]:
    """Demand of the history and of an episode in which more was lost than in the one that was played."""
    simulator = Simulator(scenario)
    simulator.replay(played.episode.demand)
    for orders in played.episode.requested:
        simulator.step(orders)
    ledger = simulator.ledger()
    more = np.where(ledger.unfilled > 0, ledger.demand + ledger.unfilled + 1.0, ledger.demand)
    return np.concatenate((past[: scenario.history], more))


def _world(scenario: Scenario, demand: Demand | None, past: NDArray[np.float64]) -> Scenario:
    """The scenario with a past, and another demand after it, unless that is None."""
    links = tuple(
        link.model_copy(update={"demand": SharedPast.of(own if demand is None else demand, given)})
        for link, own, given in zip(scenario.network.market_links, scenario.demands, past.T.tolist(), strict=True)
    )
    network = scenario.network.model_copy(update={"market_links": links})
    changes = {"network": network, "window": None, "demand": scenario.demand if demand is None else demand}
    return scenario.model_copy(update=changes)


def _renamed(scenario: Scenario) -> Scenario:
    network = scenario.network
    changes: dict[str, Any] = {"name": "another", "description": "Another network."}
    changes["supply_links"] = _with_names(network.supply_links, "way")
    demands = (scenario.demand, *(link.demand for link in network.market_links))
    if all(demand is None or demand.data is None for demand in demands):  # recorded markets are found by these names
        changes["nodes"] = _with_names(network.nodes, "place")
        changes["market_links"] = _with_names(network.market_links, "shop")
    told = {"name": "another-world", "published_id": "Z|another", "note": "Another note."}
    return scenario.model_copy(update={**told, "network": network.model_copy(update=changes)})


def _with_names(entries: Sequence[Any], word: str) -> tuple[Any, ...]:
    return tuple(each.model_copy(update={"name": f"{word} {position}"}) for position, each in enumerate(entries))


def _with_other_links(scenario: Scenario) -> Scenario:
    links = tuple(link.model_copy(update={"mean_demand": 77.0}) for link in scenario.network.market_links)
    network = scenario.network.model_copy(update={"market_links": links})
    return scenario.model_copy(update={"network": network})


def _other_means(scenario: Scenario) -> Demand:
    return Demand(
        base_mean=1.0 + 3.0 * float(scenario.mean_path[:, 0].max()),
        trend=Trend(slope=0.2),
        seasonal=Seasonal(amplitude=0.9, frequency=1.0),
        shock=Shock(time=0, magnitude=1.7),
        distribution="uniform",
        noise_scale=0.7,
    )


def _differences(world: str, one: World, other: World, periods: int) -> Iterator[str]:
    """Tell the first difference of the first periods, as time goes: what differed first is what is to blame.

    Before the difference between the worlds can be seen, unequal messages are the arena's fault, and unequal orders
    after equal messages the controller's. Once orders differ, all that follows may.
    """
    for step in range(_BEFORE_PERIODS + periods):
        for seat, (mine, theirs) in enumerate(zip(one.messages, other.messages, strict=True)):
            # A seat that failed has no more messages, and the periods that follow have no orders.
            for told, also in zip(mine[step : step + 1], theirs[step : step + 1], strict=False):
                if told.frame != also.frame:
                    fields = [name for name in told.fields if told.fields[name] != also.fields.get(name)]
                    of_seat = f" of seat {seat}" if len(one.messages) > 1 else ""
                    yield f"{world}: the {told.name}{of_seat} differs in {', '.join(fields)}; {_ARENAS_FAULT}"
                    return
        period = step - _BEFORE_PERIODS
        if period >= 0:
            links = np.flatnonzero(one.episode.requested[period] != other.episode.requested[period])
            if links.size:
                yield (
                    f"{world}: orders differ first in period {period} on supply link {links[0]}, after equal messages; "
                    "decide by what you are told, and draw random numbers from briefing.seed only"
                )
                return


def _forecast_differences(one: World, other: World) -> Iterator[str]:
    for mine, theirs in zip(one.messages, other.messages, strict=True):
        for told, also in zip(mine[_BEFORE_PERIODS:], theirs[_BEFORE_PERIODS:], strict=False):
            if told.fields["sentiment"] != also.fields["sentiment"]:
                continue
            for name, words in _FORECASTS.items():
                if told.fields[name] != also.fields[name]:
                    yield f"another future: {words} in the {told.name} follows what is drawn; {_ARENAS_FAULT}"
                    return
