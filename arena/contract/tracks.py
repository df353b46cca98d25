"""Tracks: what a controller is told before an episode (briefing) and before each decision (observation).

A track is a schema. A controller receives values of that schema and nothing else; they are built here, from the
simulator's state, by the arena. Arrays are float64 and read-only.

=============== =============================================== ====================================================
track           briefing                                        observation
=============== =============================================== ====================================================
blind           :class:`Briefing`                               :class:`Observation`
informed        :class:`InformedBriefing`                       :class:`InformedObservation`
oracle          :class:`OracleBriefing`                         :class:`InformedObservation`
decentralised   :class:`Briefing` with ``node``                 :class:`LocalObservation`, one controller per node
=============== =============================================== ====================================================

On the decentralised track nothing of a message, its size included, depends on what the node cannot see: on other nodes
and their costs, stocks and capacities, on links between them, on other markets, and on how much of a network there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from arena.simulate.compiled import CompiledScenario, compile_scenario
from arena.simulate.simulator import Simulator, State, restored_generator, stream_words
from arena.world.demand import Goodwill
from arena.world.network import Network, Node
from arena.world.scenario import LARGEST_QUANTITY, Fulfilment, Scenario, UpstreamShortage

Track = Literal["blind", "informed", "oracle", "decentralised"]

#: All tracks, in the order in which they are listed.
TRACKS: tuple[Track, ...] = get_args(Track)

#: Seconds a controller is told it has for a decision where no contest says otherwise.
DEFAULT_TIME_BUDGET = 1.0


@dataclass(frozen=True, kw_only=True)
class Briefing:
    """What every track tells once per episode. It names neither scenario nor seed nor any mean of demand."""

    track: Track
    """The track that is played."""
    network: Network
    """The network with all costs, lead times and capacities, without names and mean demands. On the decentralised
    track: the node with its own links; neighbours are bare ids."""
    horizon: int
    """Number of periods."""
    fulfilment: Fulfilment
    """``backlog``: unfilled customers wait; ``lost_sales``: they leave."""
    upstream_shortage: UpstreamShortage
    """``lost``: what a supplier cannot ship is forgotten; ``owed``: it follows later."""
    discount: float
    """Factor on a period's profit per period elapsed."""
    order_bound: NDArray[np.float64]
    """Largest order, units, (supply links,); (inbound links,) on the decentralised track. See `largest_order`."""
    time_budget: float
    """Seconds for each decision."""
    seed: int
    """The controller's own seed; unrelated to the demand of hidden seeds."""
    node: int | None = None
    """On the decentralised track, the id of the node that this controller manages."""


@dataclass(frozen=True, kw_only=True)
class InformedBriefing(Briefing):
    """What the informed track tells: also how demand moves around its mean."""

    noise_scale: float
    """Factor on the deviation of demand from its mean; 0: demand equals the forecast."""
    goodwill: Goodwill | None
    """Sentiment dynamics, if any."""


@dataclass(frozen=True, kw_only=True)
class OracleBriefing(InformedBriefing):
    """What the oracle track tells: also the demand of the whole episode, and the episode itself, to be replayed."""

    realised_demand: NDArray[np.float64] | None
    """Units, (periods, market links); None under goodwill, where demand depends on what is played."""
    scenario: Scenario | None = None
    """What is played, without its names and notes, but with the mean demands; None if briefed without the stream."""
    stream: tuple[int, ...] | None = None
    """The episode's random stream at its start, as 64-bit words (see ``arena.simulate.simulator.stream_words``)."""

    def generator(self) -> np.random.Generator:
        """The episode's random stream at its start; every call makes a new one.

        Raises:
            ValueError: If the briefing was made without the episode's stream.
        """
        return restored_generator(self._replayable()[1])

    def simulator(self) -> Simulator:
        """A new simulator at the start of this very episode.

        Under equal orders its demand is the episode's own, also under goodwill. Simulators are independent: a
        clairvoyant may play as many as it likes before and during the episode.

        Raises:
            ValueError: If the briefing was made without the episode's stream.
        """
        simulator = Simulator(self._replayable()[0], self._compiled)
        simulator.start(self.generator())
        return simulator

    def uniforms(self) -> NDArray[np.float64]:
        """The uniforms behind the episode's demand, where demand is sampled by inverse CDF.

        Demand of period t on market link j at sentiment s is ``scenario.demand.quantile(uniforms()[t, j], mean)`` with
        the mean ``scenario.mean_demand(t, t + 1, s)[j, 0]``.

        Returns:
            Numbers from 0 to below 1, shape (periods, market links).

        Raises:
            ValueError: If the briefing was made without the episode's stream, or demand is sampled directly.
        """
        scenario = self._replayable()[0]
        if scenario.demand.sampling != "inverse_cdf":
            raise ValueError("directly sampled demand has no uniforms; play the episode with simulator() instead")
        uniforms = self.generator().random((scenario.horizon, len(scenario.network.market_links)))
        uniforms.flags.writeable = False
        return uniforms

    def _replayable(self) -> tuple[Scenario, tuple[int, ...]]:
        if self.scenario is None or self.stream is None:
            raise ValueError(
                "this oracle was briefed without the episode's stream, so it cannot replay the episode; "
                "give brief() the episode's seed as entropy"
            )
        return self.scenario, self.stream

    @cached_property
    def _compiled(self) -> CompiledScenario:
        return compile_scenario(self._replayable()[0])


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What every track shows before the decision of a period; units throughout."""

    period: int
    """The period about to be played, from 0."""
    last_demand: NDArray[np.float64]
    """Demand of the last period, (market links,); zero before the first."""
    last_unfilled: NDArray[np.float64]
    """Unfilled units at the end of the last period, (market links,): the backlog, or the sales lost."""
    on_hand: NDArray[np.float64]
    """Units on hand, (managed nodes,)."""
    component_stock: NDArray[np.float64]
    """Units on hand of each component of a bill of materials, (components,); part of ``on_hand`` already."""
    pipeline: NDArray[np.float64]
    """Units under way, flat: each supply link's slots by arrival, see ``Network.pipeline_offsets``."""
    in_transit: NDArray[np.float64]
    """Units under way, (supply links,)."""
    owed: NDArray[np.float64]
    """Units the supplier still owes, (supply links,); zero unless upstream shortage is owed."""
    sentiment: float
    """Customers' sentiment in the last period; 1 without goodwill."""
    owed_shown: bool = field(default=False, repr=False)
    """Whether :attr:`vector` ends with ``owed``."""

    @cached_property
    def vector(self) -> NDArray[np.float64]:
        """The observation as one flat vector, read-only.

        Last demand, last unfilled (market links each), on hand (managed nodes), pipeline, period, sentiment: the
        published layout. Where the scenario has them, component stock and what is owed follow.
        """
        parts: list[NDArray[np.float64] | tuple[float, float]] = [
            self.last_demand,
            self.last_unfilled,
            self.on_hand,
            self.pipeline,
            (float(self.period), self.sentiment),
            self.component_stock,
        ]
        if self.owed_shown:
            parts.append(self.owed)
        vector: NDArray[np.float64] = np.concatenate(parts)
        vector.flags.writeable = False
        return vector


@dataclass(frozen=True, kw_only=True)
class InformedObservation(Observation):
    """What the informed and oracle tracks show: also the forecast."""

    forecast: NDArray[np.float64]
    """Mean demand per market link of this and all later periods, at the sentiment of the observation, shape
    (market links, horizon - period + longest lead time): an order placed in the last period would matter that long
    if the world went on."""


@dataclass(frozen=True, kw_only=True)
class LocalObservation(Observation):
    """What the decentralised track shows: the node's own part, and the orders placed on it.

    Arrays per supply link have one entry per inbound link of the node, those per market link one per market link of it,
    and ``on_hand`` has one entry. ``sentiment`` is told where it shows, at a node that sells to a market; elsewhere it
    is 1.
    """

    incoming_orders: NDArray[np.float64]
    """Orders requested from the node in the last period, (outbound supply links of the node,)."""
    owed_to_buyers: NDArray[np.float64]
    """Units that the node still owes, (outbound supply links of the node,); zero unless upstream shortage is owed."""


def largest_order(scenario: Scenario, track: Track) -> float:
    """The largest order on one supply link that is played, units; more is clipped.

    It is `Scenario.order_bound`, which follows from the stocks and capacities of the whole network. On the
    decentralised track that would tell every node of the others' (and so would what was clipped), so there
    :data:`~arena.world.scenario.LARGEST_QUANTITY` holds for all.
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
        offsets = network.pipeline_offsets
        self._slots = [slot for i in self.links for slot in range(offsets[i], offsets[i + 1])]

    def brief(
        self,
        *,
        seed: int,
        time_budget: float = DEFAULT_TIME_BUDGET,
        realised_demand: NDArray[np.float64] | None = None,
        entropy: int | None = None,
    ) -> Briefing:
        """The briefing of an episode.

        Args:
            seed: the controller's own seed.
            time_budget: seconds per decision.
            realised_demand: the episode's demand, for the oracle track (None under goodwill).
            entropy: the episode's seed, for the oracle track: what it needs to replay the episode is made from it.
                Without it, the oracle cannot.

        Raises:
            ValueError: If realised demand or entropy is given on a track that must not know it.
        """
        scenario = self.scenario
        if realised_demand is not None and self.track != "oracle":
            raise ValueError(f"the {self.track} track must not know the realised demand")
        if entropy is not None and self.track != "oracle":
            raise ValueError(f"the {self.track} track must not know the episode's entropy")
        network = scenario.network
        bound = np.full(len(self.links), self.largest_order)
        bound.flags.writeable = False
        common: dict[str, Any] = {
            "track": self.track,
            "network": network.anonymous() if self.node is None else local_network(network, self.node),
            "horizon": scenario.horizon,
            "fulfilment": scenario.fulfilment,
            "upstream_shortage": scenario.upstream_shortage,
            "discount": scenario.discount,
            "order_bound": bound,
            "time_budget": time_budget,
            "seed": seed,
            "node": self.node,
        }
        if self.track in ("blind", "decentralised"):
            return Briefing(**common)
        common |= {"noise_scale": scenario.demand.noise_scale, "goodwill": scenario.goodwill}
        if self.track == "informed":
            return InformedBriefing(**common)
        common["realised_demand"] = realised_demand
        if entropy is not None:
            common |= {"scenario": scenario.anonymous(), "stream": stream_words(entropy)}
        return OracleBriefing(**common)

    def observe(self, state: State) -> Observation:
        """The observation of a state.

        Args:
            state: the world before the coming period.
        """
        if self.node is not None:
            return LocalObservation(
                period=state.period,
                last_demand=_part(state.demand, self._markets),
                last_unfilled=_part(state.unfilled, self._markets),
                on_hand=_part(state.on_hand, self._position),
                component_stock=_part(state.component_stock, self._components),
                pipeline=_part(state.pipeline, self._slots),
                in_transit=_part(state.in_transit, self._inbound),
                owed=_part(state.owed, self._inbound),
                sentiment=state.sentiment if self._markets else 1.0,
                owed_shown=self._owed_shown,
                incoming_orders=_part(state.requested, self._outbound),
                owed_to_buyers=_part(state.owed, self._outbound),
            )
        shown: dict[str, Any] = {
            "period": state.period,
            "last_demand": state.demand,
            "last_unfilled": state.unfilled,
            "on_hand": state.on_hand,
            "component_stock": state.component_stock,
            "pipeline": state.pipeline,
            "in_transit": state.in_transit,
            "owed": state.owed,
            "sentiment": state.sentiment,
            "owed_shown": self._owed_shown,
        }
        if self.track == "blind":
            return Observation(**shown)
        end = self.scenario.mean_path.shape[1]
        forecast = self.scenario.mean_demand(state.period, end, state.sentiment)
        forecast.flags.writeable = False
        return InformedObservation(**shown, forecast=forecast)


def _part(values: NDArray[np.float64], positions: list[int]) -> NDArray[np.float64]:
    part = values[positions]
    part.flags.writeable = False
    return part


def local_network(network: Network, node: int) -> Network:
    """What one node may know of a network: itself, its own links, and its neighbours as bare ids.

    It is no whole network (neighbours have neither suppliers nor customers), so it is not validated as one.
    """
    supply = tuple(link for link in network.supply_links if node in (link.supplier, link.buyer))
    markets = tuple(
        link.model_copy(update={"mean_demand": None}) for link in network.market_links if link.retailer == node
    )
    neighbours = (
        {link.supplier for link in supply} | {link.buyer for link in supply} | {link.market for link in markets}
    )
    nodes = (network.node(node), *(Node(id=other) for other in sorted(neighbours - {node})))
    return Network.model_construct(name="", description="", nodes=nodes, supply_links=supply, market_links=markets)


def brief(
    scenario: Scenario,
    track: Track,
    *,
    seed: int,
    time_budget: float = DEFAULT_TIME_BUDGET,
    realised_demand: NDArray[np.float64] | None = None,
    entropy: int | None = None,
    node: int | None = None,
) -> Briefing:
    """The briefing of one episode; see :meth:`TrackView.brief`, which is cheaper for many."""
    view = TrackView(scenario, track, node)
    return view.brief(seed=seed, time_budget=time_budget, realised_demand=realised_demand, entropy=entropy)


def observe(scenario: Scenario, track: Track, state: State, *, node: int | None = None) -> Observation:
    """The observation of one state; see :meth:`TrackView.observe`, which is cheaper for many."""
    return TrackView(scenario, track, node).observe(state)
