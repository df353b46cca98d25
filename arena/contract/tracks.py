"""Tracks: what a controller is told before an episode (briefing) and before each decision (observation).

A track is a schema. A controller receives values of that schema and nothing else; they are built here, from the
simulator's state, by the arena. Arrays are float64 and read-only.

=============== =============================================== ====================================================
track           briefing                                        observation
=============== =============================================== ====================================================
blind           `Briefing`                               `Observation`
informed        `InformedBriefing`                       `InformedObservation`
oracle          `OracleBriefing`                         `InformedObservation`
decentralised   `Briefing` with ``node``                 `LocalObservation`, one controller per node
=============== =============================================== ====================================================

On the decentralised track nothing of a message, its size included, depends on what the node cannot see: on other nodes
and their costs, stocks and capacities, on links between them, on other markets, and on how much of a network there is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.contract.messages import (
    DEFAULT_TIME_BUDGET,
    Briefing,
    InformedBriefing,
    InformedObservation,
    LocalObservation,
    Observation,
    OracleBriefing,
    Track,
)
from arena.simulate.simulator import State
from arena.simulate.streams import stream_words
from arena.simulate.values import frozen_value
from arena.world.customers import history_flags
from arena.world.network import Network, promised_link, without_name
from arena.world.nodes_and_links import Node
from arena.world.scenario import LARGEST_QUANTITY, Scenario


def largest_order(scenario: Scenario, track: Track) -> float:
    """The largest order on one supply link that is played, units; more is clipped.

    It is `Scenario.order_bound`, which follows from the stocks and capacities of the whole network, or without a
    factory from how much customers want. On the decentralised track that would tell every node of the others' (and so
    would what was clipped), so there :data:`~arena.world.scenario.LARGEST_QUANTITY` holds for all.
    """
    return LARGEST_QUANTITY if track == "decentralised" else scenario.order_bound


class TrackView:
    """Builds the briefing and the observations of one scenario on one track.

    Args:
        scenario: what is played.
        track: whose schema is built.
        node: the managed node whose view it is; needed on the decentralised track and only there.

    Raises:
        ValueError: If ``node`` is missing, given without need, or not a managed node.
    """

    def __init__(self, scenario: Scenario, track: Track, node: int | None = None) -> None:
        if (track == "decentralised") != (node is not None):
            raise ValueError("a node is given on the decentralised track and only there")
        if node is not None and node not in scenario.network.managed:
            raise ValueError(f"node {node} is not managed; the managed nodes are {list(scenario.network.managed)}")
        self.scenario = scenario
        self.track: Track = track
        self.node = node
        network = scenario.network
        self.largest_order = largest_order(scenario, track)
        """Bound of every order, units."""
        self._owed_shown = scenario.upstream_shortage == "owed"
        self._hidden_slots, self._hides_arrivals = _hidden(scenario)
        self._sales_shown = scenario.visible_demand == "sales"
        if node is None:
            self.links: tuple[int, ...] = tuple(range(len(network.supply_links)))
            """Supply links that the controller orders on, positions in the network."""
            return
        self.links = network.inbound(node)
        self._outbound = list(network.outbound(node))
        self._inbound = list(self.links)
        self._markets = list(network.markets_of(node))
        self._position = [network.managed_index(node)]
        self._components = [i for i, (factory, _) in enumerate(network.components) if factory == node]
        self._slots = _places(self.links, network.pipeline_offsets)
        self._ages = _places(self.links, network.arrival_offsets)
        self._delays = _places(self.links, network.delay_offsets)

    def brief(
        self,
        *,
        seed: int,
        time_budget: float = DEFAULT_TIME_BUDGET,
        realised_demand: NDArray[np.float64] | None = None,
        realised_lead_times: NDArray[np.int64] | None = None,
        entropy: int | None = None,
        history: NDArray[np.float64] | None = None,
        in_stock: NDArray[np.float64] | None = None,
    ) -> Briefing:
        """The briefing of an episode.

        Args:
            seed: the controller's own seed.
            time_budget: seconds per decision.
            realised_demand: the episode's demand, for the oracle track (None under goodwill).
            realised_lead_times: the episode's lead times, for the oracle track, as of `arena.draw_lead_times`.
            entropy: the episode's seed, for the oracle track: what it needs to replay the episode is made from it.
                Without it, the oracle cannot.
            history: demand before the episode, shape (history, market links of the network), see
                :func:`~arena.simulate.simulator.realised_history`; needed where the scenario has a history.
            in_stock: whether shelves held goods then, 1 or 0, of that shape; by default as the scenario's data say.

        Raises:
            ValueError: If realised demand or entropy is given on a track that must not know it, or the history is
                missing.
        """
        scenario = self.scenario
        if realised_demand is not None and self.track != "oracle":
            raise ValueError(f"the {self.track} track must not know the realised demand")
        if realised_lead_times is not None and self.track != "oracle":
            raise ValueError(f"the {self.track} track must not know the realised lead times")
        if entropy is not None and self.track != "oracle":
            raise ValueError(f"the {self.track} track must not know the episode's entropy")
        network = scenario.network
        told = (scenario.history, len(network.market_links))
        if history is None and not scenario.history:
            history = np.empty(told)
        if history is None or history.shape != told:
            raise ValueError(f"the episode's history has shape {told}; give what realised_history() returns")
        bound = np.full(len(self.links), self.largest_order)
        bound.flags.writeable = False
        common: dict[str, Any] = {
            "track": self.track,
            "network": told_network(network, self.track, self.node),
            "horizon": scenario.horizon,
            "fulfilment": scenario.fulfilment,
            "upstream_shortage": scenario.upstream_shortage,
            "discount": scenario.discount,
            "order_bound": bound,
            "time_budget": time_budget,
            "seed": seed,
            "node": self.node,
            "warm_up": scenario.warm_up,
            "visible_arrivals": scenario.visible_arrivals,
            "history": self._of_own_markets(history),
            "history_in_stock": self._of_own_markets(history_flags(scenario) if in_stock is None else in_stock),
            "visible_demand": scenario.visible_demand,
        }
        if self.track in ("blind", "decentralised"):
            return Briefing(**common)
        common |= {
            "noise_scale": float(scenario.noise_scales.max()),
            "goodwill": scenario.goodwill,
            "distributions": tuple(demand.distribution for demand in scenario.demands),
            "noise_scales": scenario.noise_scales,
            "autoregressions": _part(np.array([demand.autoregression for demand in scenario.demands])),
            "correlation": None if scenario.correlation is None else scenario.correlation.full(told[1]),
        }
        if self.track == "informed":
            return InformedBriefing(**common)
        common |= {"realised_demand": realised_demand, "realised_lead_times": realised_lead_times}
        if entropy is not None:
            common |= {"scenario": scenario.anonymous(), "stream": stream_words(entropy)}
        return OracleBriefing(**common)

    def _of_own_markets(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The columns of the market links that the controller may know of."""
        return _part(table) if self.node is None else _part(table[:, self._markets])

    def observe(self, state: State) -> Observation:
        """The observation of a state.

        Args:
            state: the world before the coming period.
        """
        if self._sales_shown:
            nothing = _part(np.zeros_like(state.unfilled))
            state = dataclasses.replace(state, demand=state.sold, unfilled=nothing)
        pipeline, arrived = state.pipeline, state.arrived
        if self._hides_arrivals:
            pipeline, arrived = pipeline.copy(), np.zeros_like(arrived)
            pipeline[self._hidden_slots] = 0.0
            for array in (pipeline, arrived):
                array.flags.writeable = False
        if self.node is not None:
            return LocalObservation(
                period=state.period,
                last_demand=_part(state.demand, self._markets),
                last_unfilled=_part(state.unfilled, self._markets),
                on_hand=_part(state.on_hand, self._position),
                component_stock=_part(state.component_stock, self._components),
                pipeline=_part(pipeline, self._slots),
                in_transit=_part(state.in_transit, self._inbound),
                owed=_part(state.owed, self._inbound),
                sentiment=state.sentiment if self._markets else 1.0,
                owed_shown=self._owed_shown,
                unseen=_part(state.unseen, self._delays),
                received=_part(state.received, self._inbound),
                arrived=_part(arrived, self._ages),
                in_stock=_part(state.in_stock, self._markets),
                sales_shown=self._sales_shown,
                incoming_orders=_part(state.seen, self._outbound),
                owed_to_buyers=_part(state.owed, self._outbound),
            )
        shown: dict[str, Any] = {
            "period": state.period,
            "last_demand": state.demand,
            "last_unfilled": state.unfilled,
            "on_hand": state.on_hand,
            "component_stock": state.component_stock,
            "pipeline": pipeline,
            "in_transit": state.in_transit,
            "owed": state.owed,
            "sentiment": state.sentiment,
            "owed_shown": self._owed_shown,
            "unseen": state.unseen,
            "received": state.received,
            "arrived": arrived,
            "in_stock": state.in_stock,
            "sales_shown": self._sales_shown,
        }
        if self.track == "blind":
            return frozen_value(Observation, shown)
        end = self.scenario.mean_path.shape[1]
        forecast = self.scenario.mean_demand(state.period, end, state.sentiment)
        deviation = self.scenario.deviation(forecast)
        for array in (forecast, deviation):
            array.flags.writeable = False
        shown |= {"forecast": forecast, "forecast_deviation": deviation}
        return frozen_value(InformedObservation, shown)


def _part(values: NDArray[np.float64], positions: list[int] | None = None) -> NDArray[np.float64]:
    part = np.array(values) if positions is None else values[positions]
    part.flags.writeable = False
    return part


def _places(links: Sequence[int], offsets: Sequence[int]) -> list[int]:
    """Positions of the slots of some links in a flat array."""
    return [slot for i in links for slot in range(offsets[i], offsets[i + 1])]


def _hidden(scenario: Scenario) -> tuple[list[int], bool]:
    """Pipeline slots that no controller sees, and whether arrivals by age are hidden too."""
    varying = scenario.network.varying_links
    hides = scenario.visible_arrivals == "total" and bool(varying)
    return _places(varying, scenario.network.pipeline_offsets) if hides else [], hides


def told_network(network: Network, track: Track, node: int | None = None) -> Network:
    """The network as a briefing tells it: without names, mean demands, and lead times to come.

    Args:
        network: what is played.
        track: on the informed track and the oracle's, distributions of lead times are told.
        node: the managed node whose view it is, on the decentralised track.
    """
    if node is not None:
        return local_network(network, node)
    told = network.anonymous()
    return told.without_lead_time_series() if track in ("informed", "oracle") else told.without_lead_time_laws()


def local_network(network: Network, node: int) -> Network:
    """What one node may know of a network: itself, its own links, and its neighbours as bare ids.

    It is no whole network (neighbours have neither suppliers nor customers), so it is not validated as one.
    """
    supply = tuple(
        promised_link(without_name(network.supply_links[i]))
        for i in sorted({*network.inbound(node), *network.outbound(node)})
    )
    untold = {"mean_demand": None, "demand": None, "name": None}
    markets = tuple(network.market_links[i].model_copy(update=untold) for i in network.markets_of(node))
    neighbours = (
        {link.supplier for link in supply} | {link.buyer for link in supply} | {link.market for link in markets}
    )
    nodes = (without_name(network.node(node)), *(Node(id=other) for other in sorted(neighbours - {node})))
    return Network.model_construct(name="", description="", nodes=nodes, supply_links=supply, market_links=markets)


def brief(
    scenario: Scenario,
    track: Track,
    *,
    seed: int,
    time_budget: float = DEFAULT_TIME_BUDGET,
    realised_demand: NDArray[np.float64] | None = None,
    realised_lead_times: NDArray[np.int64] | None = None,
    entropy: int | None = None,
    history: NDArray[np.float64] | None = None,
    node: int | None = None,
) -> Briefing:
    """The briefing of one episode; see :meth:`TrackView.brief`, which is cheaper for many."""
    return TrackView(scenario, track, node).brief(
        seed=seed,
        time_budget=time_budget,
        realised_demand=realised_demand,
        realised_lead_times=realised_lead_times,
        entropy=entropy,
        history=history,
    )


def observe(scenario: Scenario, track: Track, state: State, *, node: int | None = None) -> Observation:
    """The observation of one state; see :meth:`TrackView.observe`, which is cheaper for many."""
    return TrackView(scenario, track, node).observe(state)
