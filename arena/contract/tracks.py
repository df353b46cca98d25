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
from arena.world.network import Network
from arena.world.nodes_and_links import Node
from arena.world.scenario import LARGEST_QUANTITY, Fulfilment, Scenario, UpstreamShortage

Track = Literal["blind", "informed", "oracle", "decentralised"]

#: All tracks, in the order in which they are listed.
TRACKS: tuple[Track, ...] = get_args(Track)

#: Seconds a controller is told it has for a decision where no contest says otherwise.
DEFAULT_TIME_BUDGET = 1.0


@dataclass(frozen=True, kw_only=True)
class Briefing:
    """The facts of an episode that every track tells, once, before its first period.

    It names neither scenario nor seed nor any mean of demand. Arrays are float64 and read-only.

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `track` | text | – | whole episode | the track that is played |
    | `network` | `Network` | – | whole episode | costs, lead times and capacities, without names and mean demands |
    | `horizon` | number | periods | whole episode | length of the episode |
    | `fulfilment` | text | – | whole episode | `backlog`: unfilled customers wait; `lost_sales`: they leave |
    | `upstream_shortage` | text | – | whole episode | `lost`: what cannot be shipped is forgotten; `owed`: it follows |
    | `discount` | number | – | per period | factor on a period's profit, per period elapsed |
    | `order_bound` | (supply links,) | units | per period | largest order; more is clipped, see `largest_order` |
    | `time_budget` | number | seconds | per decision | time for each decision |
    | `seed` | number | – | whole episode | the controller's own seed, unrelated to hidden demand |
    | `node` | number or None | – | whole episode | the managed node, on the decentralised track alone |

    On the decentralised track, ``network`` is the node with its own links, its neighbours being bare ids, and
    ``order_bound`` has one entry per inbound link.
    """

    track: Track
    network: Network
    horizon: int
    fulfilment: Fulfilment
    upstream_shortage: UpstreamShortage
    discount: float
    order_bound: NDArray[np.float64]
    time_budget: float
    seed: int
    node: int | None = None


@dataclass(frozen=True, kw_only=True)
class InformedBriefing(Briefing):
    """The briefing of the informed track: also how demand moves around its mean.

    Everything of `Briefing`, and:

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `noise_scale` | number | – | whole episode | factor on demand's deviation from its mean; 0: none |
    | `goodwill` | `Goodwill` or None | – | whole episode | how sentiment moves; None without goodwill |
    """

    noise_scale: float
    goodwill: Goodwill | None


@dataclass(frozen=True, kw_only=True)
class OracleBriefing(InformedBriefing):
    """The briefing of the oracle track: also the demand to come, and the episode itself.

    Everything of `InformedBriefing`, and:

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `realised_demand` | (periods, market links) | units | each period | None under goodwill: it depends on orders |
    | `scenario` | `Scenario` or None | – | whole episode | without names; None if briefed without the stream |
    | `stream` | 64-bit words or None | – | at the start | the episode's random stream, see `stream_words` |
    """

    realised_demand: NDArray[np.float64] | None
    scenario: Scenario | None = None
    stream: tuple[int, ...] | None = None

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
    """The state of the world that every track shows before the decision of a period.

    Arrays are float64 and read-only.

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `period` | number | periods | now | the period about to be played, from 0 |
    | `last_demand` | (market links,) | units | last period | demand; 0 before the first period |
    | `last_unfilled` | (market links,) | units | end of last period | the backlog, or the sales lost in that period |
    | `on_hand` | (managed nodes,) | units | now | stock on hand |
    | `component_stock` | (components,) | units | now | stock of each line of a bill of materials, part of `on_hand` |
    | `pipeline` | (slots,) | units | now | on the way, by link and arrival: `Network.pipeline_offsets` |
    | `in_transit` | (supply links,) | units | now | on the way, per link |
    | `owed` | (supply links,) | units | now | owed by the supplier; 0 unless upstream shortage is `owed` |
    | `sentiment` | number | – | last period | customers' sentiment; 1 without goodwill |
    | `owed_shown` | bool | – | whole episode | whether `vector` ends with `owed` |
    """

    period: int
    last_demand: NDArray[np.float64]
    last_unfilled: NDArray[np.float64]
    on_hand: NDArray[np.float64]
    component_stock: NDArray[np.float64]
    pipeline: NDArray[np.float64]
    in_transit: NDArray[np.float64]
    owed: NDArray[np.float64]
    sentiment: float
    owed_shown: bool = field(default=False, repr=False)

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
    """The observation of the informed and oracle tracks: also the forecast.

    Everything of `Observation`, and:

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `forecast` | (market links, periods ahead) | units | from now on | mean demand, at the present sentiment |

    There are horizon − period + longest lead time periods ahead: an order placed in the last period would matter that
    long if the world went on.
    """

    forecast: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LocalObservation(Observation):
    """The observation of the decentralised track: one node's own part.

    Everything of `Observation`, and:

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `incoming_orders` | (outbound links,) | units | last period | orders requested from the node |
    | `owed_to_buyers` | (outbound links,) | units | now | owed by the node; 0 unless upstream shortage is `owed` |

    Arrays per supply link have one entry per inbound link of the node, those per market link one per market link of
    it, and ``on_hand`` has one entry. ``sentiment`` is that of the customers at a node that sells to a market, and 1
    elsewhere.
    """

    incoming_orders: NDArray[np.float64]
    owed_to_buyers: NDArray[np.float64]


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
