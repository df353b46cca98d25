"""Messages: the briefing of a controller before an episode, and its observation before each decision.

A track is a schema of them. A controller receives values of these classes and nothing else; `arena.contract.tracks`
builds them from the simulator's state. Arrays are float64 and read-only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from arena.simulate.compiled import CompiledScenario, compile_scenario
from arena.simulate.simulator import Simulator
from arena.simulate.streams import restored_generator
from arena.world.demand import Goodwill
from arena.world.network import Network
from arena.world.nodes_and_links import Fulfilment
from arena.world.scenario import Scenario, UpstreamShortage, VisibleArrivals, VisibleDemand

Track = Literal["blind", "informed", "oracle", "decentralised"]

#: All tracks, in the order in which they are listed.
TRACKS: tuple[Track, ...] = get_args(Track)

#: Seconds a controller is told it has for a decision where no contest says otherwise.
DEFAULT_TIME_BUDGET = 1.0


def _nothing(*shape: int) -> NDArray[np.float64]:
    array = np.empty(shape)
    array.flags.writeable = False
    return array


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
    | `warm_up` | number | periods | whole episode | first periods, which are played and not counted |
    | `visible_arrivals` | text | – | whole episode | `by_order`, or `total`: varying lead times hide ages |
    | `history` | (periods before, market links) | units | before the first period | demand, oldest first; see below |
    | `history_in_stock` | (periods before, market links) | – | before the first period | 1: in stock; 0: sold out |
    | `visible_demand` | text | – | whole episode | `demand`, or `sales`: what was lost is not seen |

    On the decentralised track, ``network`` is the node with its own links, its neighbours being bare ids, and
    ``order_bound`` has one entry per inbound link. The history is that of its own market links.

    A history has as many periods as the scenario tells of, none by default. Where a market was sold out, more may have
    been demanded than the history has.

    Where the lead time of a supply link varies, its ``lead_time`` in ``network`` is the promised one and
    ``longest_lead_time`` the longest that can occur. Its distribution is not told.
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
    warm_up: int = 0
    visible_arrivals: VisibleArrivals = "by_order"
    history: NDArray[np.float64] = field(default_factory=lambda: _nothing(0, 0))
    history_in_stock: NDArray[np.float64] = field(default_factory=lambda: _nothing(0, 0))
    visible_demand: VisibleDemand = "demand"


@dataclass(frozen=True, kw_only=True)
class InformedBriefing(Briefing):
    """The briefing of the informed track: also how demand moves around its mean.

    Everything of `Briefing`, and:

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `noise_scale` | number | – | whole episode | the largest of `noise_scales`, which is all of them in most worlds |
    | `goodwill` | `Goodwill` or None | – | whole episode | how sentiment moves; None without goodwill |
    | `distributions` | names, (market links,) | – | whole episode | distribution of demand, before the noise scale |
    | `noise_scales` | (market links,) | – | whole episode | factor on demand's deviation from its mean; 0: none |
    | `autoregressions` | (market links,) | – | whole episode | correlation of deviates of successive periods; 0: none |
    | `correlation` | (market links, market links) or None | – | each period | of deviates of a period; None: none |

    In ``network``, a supply link whose lead time varies has its ``lead_time_distribution``, if the scenario has one.

    Distributions are `poisson`, `normal`, `uniform`, `negative_binomial`, `gamma` and `empirical` (see `arena.Demand`);
    later versions may have more. A controller that does not know one still has its mean and standard deviation, from
    the forecast of `InformedObservation`. Demand is drawn from the distribution, its deviation from the mean is
    multiplied by its noise scale, and a negative result counts as 0. Autoregression and correlation are those of the
    normal deviates behind demand, see `arena.Demand`. A series or data that is played exactly has noise scale 0.
    """

    noise_scale: float
    goodwill: Goodwill | None
    distributions: tuple[str, ...]
    noise_scales: NDArray[np.float64] = field(default_factory=lambda: _nothing(0))
    autoregressions: NDArray[np.float64] = field(default_factory=lambda: _nothing(0))
    correlation: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class OracleBriefing(InformedBriefing):
    """The briefing of the oracle track: also the demand to come, and the episode itself.

    Everything of `InformedBriefing`, and:

    | field | shape | unit | when | meaning |
    |---|---|---|---|---|
    | `realised_demand` | (periods, market links) | units | each period | None under goodwill: it depends on orders |
    | `scenario` | `Scenario` or None | – | whole episode | without names; None if briefed without the stream |
    | `stream` | 64-bit words or None | – | at the start | the episode's random stream, see `stream_words` |
    | `realised_lead_times` | (periods, links) or None | periods | each order | of links that vary; −1: it is lost |
    """

    realised_demand: NDArray[np.float64] | None
    scenario: Scenario | None = None
    stream: tuple[int, ...] | None = None
    realised_lead_times: NDArray[np.int64] | None = None

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

        Demand of period t on market link j at sentiment s is ``scenario.demands[j].quantile(uniforms()[t, j], mean)``
        with the mean ``scenario.mean_demand(t, t + 1, s)[j, 0]``. Correlation and autoregression are in the uniforms.

        Returns:
            Numbers from 0 to below 1, shape (periods, market links).

        Raises:
            ValueError: If the briefing was made without the episode's stream, or demand of some market link is sampled
                directly.
        """
        scenario = self._replayable()[0]
        if any(demand.sampling != "inverse_cdf" for demand in scenario.demands):
            raise ValueError("directly sampled demand has no uniforms; play the episode with simulator() instead")
        uniforms = self.generator().random((scenario.horizon, len(scenario.network.market_links)))
        if scenario.dependence is not None:
            uniforms = scenario.dependence.table(uniforms)
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
    | `last_demand` | (market links,) | units | last period | demand, or sales; 0 before the first period |
    | `last_unfilled` | (market links,) | units | end of last period | the backlog, or the sales lost in that period |
    | `on_hand` | (managed nodes,) | units | now | stock on hand |
    | `component_stock` | (components,) | units | now | stock of each line of a bill of materials, part of `on_hand` |
    | `pipeline` | (slots,) | units | now | on the way, by link, oldest order first: `Network.pipeline_offsets` |
    | `in_transit` | (supply links,) | units | now | on the way, per link |
    | `owed` | (supply links,) | units | now | owed by the supplier; 0 unless upstream shortage is `owed` |
    | `sentiment` | number | – | last period | customers' sentiment; 1 without goodwill |
    | `owed_shown` | bool | – | whole episode | whether `vector` has `owed` |
    | `unseen` | (delays,) | units | now | orders that suppliers have not seen: `Network.delay_offsets` |
    | `received` | (supply links,) | units | last period | deliveries; 0 before the first period |
    | `arrived` | (ages,) | units | last period | the same by age, if lead times vary: `Network.arrival_offsets` |
    | `in_stock` | (market links,) | – | end of last period | 1: its shelf was not empty; 0: it was |
    | `sales_shown` | bool | – | whole episode | whether demand is what was sold, and `vector` ends with `in_stock` |

    Where the briefing's `visible_demand` is `sales`, ``last_demand`` is what was sold and ``last_unfilled`` is 0.

    On a link with a fixed lead time the first slot of the pipeline arrives in the coming period. Where lead times vary,
    slots tell when an order was placed, and not when it arrives. An order that is lost stays in its slot until no order
    of its age can arrive. With visible arrivals `total`, the slots and ``arrived`` of such links are 0.
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
    unseen: NDArray[np.float64] = field(default_factory=lambda: _nothing(0), repr=False)
    received: NDArray[np.float64] = field(default_factory=lambda: _nothing(0), repr=False)
    arrived: NDArray[np.float64] = field(default_factory=lambda: _nothing(0), repr=False)
    in_stock: NDArray[np.float64] = field(default_factory=lambda: _nothing(0))
    sales_shown: bool = field(default=False, repr=False)

    @cached_property
    def vector(self) -> NDArray[np.float64]:
        """The observation as one flat vector, read-only.

        Last demand, last unfilled (market links each), on hand (managed nodes), pipeline, period, sentiment: the
        published layout. Where the scenario has them, component stock, what is owed, and orders that suppliers have not
        seen follow; where lead times vary, what was received, and by age; with visible sales, what is in stock.
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
        parts.append(self.unseen)
        if self.arrived.size:
            parts += (self.received, self.arrived)
        if self.sales_shown:
            parts.append(self.in_stock)
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
    | `forecast_deviation` | (market links, periods ahead) | units | from now on | its standard deviation, likewise |

    There are horizon − period + longest lead time periods ahead: an order placed in the last period would matter that
    long if the world went on.

    Mean and standard deviation are those of the distribution. The noise scale is part of ``forecast_deviation``. What
    the lower bound of demand (0) does to both is not: it raises the mean and lowers the deviation where the
    distribution reaches below 0. Deviations of different periods and market links are independent, unless the briefing
    tells of autoregression or correlation; the forecast then still is that of every period by itself.
    """

    forecast: NDArray[np.float64]
    forecast_deviation: NDArray[np.float64]


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
