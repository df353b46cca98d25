"""Base stock by local information: one controller per node, or the same rule with the view of the whole network.

**The rule**, for every material that a node orders: order up to mean + z·deviation of the demand over the protection
interval. The demand is smoothed exponentially (`arena_heuristics.exponential_smoothing.SmoothedDemand`), z is the
quantile of the critical ratio b / (b + h) by the node's own prices and costs (`arena.shortage_cost`). Near the end of
the episode the interval is cut where nothing more can be shipped in time, and a link that would deliver too late gets
no order, unless the node's terminal value pays for it (`arena_heuristics.ending`, by the node's own books). A capacity
limits what of the demand can be served.

**What a node knows** is all that differs between the views:

============ ================================ ==================================================================
             decentralised (local information) full view (track blind)
============ ================================ ==================================================================
demand       new orders of its buyers, and     what customers demand, in units of the node's material
             demand of its own customers
position     its own                           its echelon's: its own and those of all nodes that it supplies
interval     its lead time + 1                 its lead time + the longest way to a market + 1
history      of its customers, if it has no    of all customers
             buyers besides
the end      when its nearest buyer can no     when the nearest market can no longer be reached
             longer be reached
============ ================================ ==================================================================

Position and interval go with the demand: who forecasts customers must count all stock on the way to them, and for equal
information both positions give the same policy in a serial system (Axsäter and Rosling 1993, Management Science 39).
A policy by echelon stock needs centralised demand information, one by installation stock does not; the difference of
their results is the value of that information (Chen 1998, Management Science 44), here called the price of
decentralisation.

Order delays are part of lead times. Where lead times vary, the promised ones are planned with.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from arena import Briefing, LocalObservation, Network, Observation, order_up_to_level
from arena_heuristics.config import LocalBaseStockConfig
from arena_heuristics.ending import Ending
from arena_heuristics.exponential_smoothing import SmoothedDemand
from arena_heuristics.local_node import LocalNode, NodeState
from arena_heuristics.ordering import (
    FloatArray,
    list_materials,
    longest_lead_times_to_market,
    shortest_lead_times_to_market,
)
from arena_heuristics.sales import SeenSales
from arena_heuristics.supply import SupplyPlan, plan_supply

BoolArray = npt.NDArray[np.bool_]


class Seen(NamedTuple):
    """What the rule is applied to in a period; units, one entry per material."""

    demand: FloatArray
    """Of the last period."""
    positions: FloatArray
    """Before the orders of the period."""


class View(Protocol):
    """What the rule knows of an episode.

    Attributes:
        nodes: The nodes that it orders for.
        priors: Demand per period presumed before any is seen, per material.
        intervals: Protection interval of every material, periods.
        last_uses: Last period in which a unit of every material can still be used.
        last_arrivals: Last period in which a delivery to a node is of use, per node.
    """

    nodes: tuple[LocalNode, ...]
    priors: FloatArray
    intervals: FloatArray
    last_uses: FloatArray
    last_arrivals: tuple[int, ...]

    def see(self, demand: FloatArray, states: Sequence[NodeState]) -> Seen:
        """Tell demand and positions per material from the customers' demand; to be called once in every period."""

    def before(self, history: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Demand per material before the first period, (periods before, materials), and of which it is known."""


class LocalView:
    """Every node sees itself only. See `View`."""

    def __init__(self, briefing: Briefing, nodes: tuple[LocalNode, ...]) -> None:
        ends = tuple(briefing.horizon - 1 - node.handover for node in nodes)
        self.nodes = nodes
        self.priors = np.concatenate([node.priors() for node in nodes])
        self.intervals = np.concatenate([node.lead_times + 1 for node in nodes])
        self.last_uses = np.repeat(np.array(ends, dtype=np.float64), [len(node.materials) for node in nodes])
        self.last_arrivals = ends
        network = briefing.network
        self._sellers = [(node, list(network.markets_of(node.node)), not network.outbound(node.node)) for node in nodes]

    def see(self, demand: FloatArray, states: Sequence[NodeState]) -> Seen:
        """Ask every node for its own."""
        asked = [node.new_demand(state) for node, state in zip(self.nodes, states, strict=True)]
        return Seen(np.concatenate(asked), _positions(self.nodes, states))

    def before(self, history: FloatArray) -> tuple[FloatArray, BoolArray]:
        """A node that only sells knows its demand from the history; of the orders of others nothing is told."""
        columns, known = [], []
        for node, markets, only_sells in self._sellers:
            for material in node.materials:
                columns.append(material.units * history[:, markets].sum(axis=1))
                known.append(only_sells)
        return np.array(columns).T, np.array(known)


class EchelonView:
    """Every node sees all that is downstream of it, and the customers. See `View`.

    A retailer's customers are presumed, before any demand is seen, to want what its own stock covers; further up that
    is passed on like any demand.
    """

    def __init__(self, briefing: Briefing, nodes: tuple[LocalNode, ...], plan: SupplyPlan) -> None:
        network = briefing.network
        self.nodes = nodes
        self._contents = contents(network, nodes)
        self._needs = np.zeros((len(self._contents), len(network.market_links)))
        presumed = presumed_by_nodes(network, nodes)
        longest = longest_lead_times_to_market(network, plan=plan)
        shortest = shortest_lead_times_to_market(network, plan=plan)
        first = 0
        for node in nodes:
            own = slice(first, first + len(node.materials))
            units = np.array([material.units for material in node.materials])
            markets = list(network.markets_of(node.node))
            self._needs[:, markets] = (self._contents[:, own] * units).sum(axis=1)[:, np.newaxis]
            first += len(node.materials)
        self.priors = (self._needs * presumed).sum(axis=1)
        self.intervals = np.concatenate([node.lead_times + longest[node.node] + 1 for node in nodes])
        self.last_uses = np.full(len(self.priors), briefing.horizon - 1.0)
        self.last_arrivals = tuple(briefing.horizon - 1 - shortest[node.node] for node in nodes)

    def see(self, demand: FloatArray, states: Sequence[NodeState]) -> Seen:
        """Pass the customers' demand up, and add up the positions downstream."""
        asked = (self._needs * demand).sum(axis=1)
        return Seen(asked, (self._contents * _positions(self.nodes, states)).sum(axis=1))

    def before(self, history: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Pass the customers' demand up, as in every period."""
        rows = [(self._needs * demand).sum(axis=1) for demand in history]
        return np.array(rows), np.ones(len(self._needs), dtype=np.bool_)


class LocalBaseStock:
    """The controller: one node's on the decentralised track, all nodes' on the blind one.

    Args:
        config: Its settings.
    """

    def __init__(self, config: LocalBaseStockConfig) -> None:
        self.config = config

    def begin(self, briefing: Briefing) -> None:
        """Precompute everything that stays fixed over the episode.

        Args:
            briefing: Of one node, or of a whole network.
        """
        network, config = briefing.network, self.config
        managed = network.managed if briefing.node is None else (briefing.node,)
        plan = plan_supply(network, config.lead_time_weight)
        materials = list_materials(network, config.lead_time_weight, plan)
        nodes = tuple(
            LocalNode(briefing, node, [material for material in materials if material.node == node], plan)
            for node in managed
        )
        self._is_local = briefing.node is not None or config.information == "local"
        self._view: View = LocalView(briefing, nodes) if self._is_local else EchelonView(briefing, nodes, plan)
        self._quantiles = np.concatenate(
            [node.quantiles(briefing, config.critical_ratio, config.least_shortage_cost) for node in nodes]
        )
        self._largest = np.concatenate([node.largest for node in nodes])
        self._demand = SmoothedDemand(
            self._view.priors, level_weight=config.level_weight, error_weight=config.error_weight
        )
        self._sales = SeenSales(briefing, presumed_by_nodes(network, nodes))
        if len(self._sales.history):
            self._demand.begin_with(*self._view.before(self._sales.history))
        self._network = network
        self._order_bound = briefing.order_bound
        self._ending = self._find_ending(briefing, plan)
        self._last_orders = np.zeros(len(network.supply_links))

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period.

        Args:
            observation: What is seen before the decision.

        Returns:
            Units, (inbound links,) of the node, or (supply links,) of the network; finite and not negative.
        """
        view, period = self._view, observation.period
        customers = self._sales.demand(observation) if period > 0 else observation.last_demand
        states = [self._state(node, observation, customers) for node in view.nodes]
        seen = view.see(customers, states)
        if period > 0:
            self._demand.observe(seen.demand)
        ending, quantiles, may_order = self._ending, self._quantiles, None
        periods = np.clip(view.last_uses + 1 - period, 0.0, view.intervals)
        if ending.is_weighed:
            periods = np.where(ending.pays(period), view.intervals, periods)
            may_order = ending.may_order(period, len(self._network.supply_links))
            quantiles = quantiles if self.config.critical_ratio is not None else ending.quantiles(period, quantiles)
        demand = self._demand.over(periods, self._largest)
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, quantiles)
        shortfalls = level - seen.positions
        orders = np.zeros(len(self._network.supply_links))
        first = 0
        for node, last_arrival in zip(view.nodes, view.last_arrivals, strict=True):
            own = shortfalls[first : first + len(node.materials)]
            in_time = period + node.link_lead_times <= last_arrival
            if may_order is not None:
                in_time = np.where(node.values_stock, may_order[node.links], in_time)
            orders[node.links] = node.split(own, in_time)
            first += len(node.materials)
        if isinstance(observation, LocalObservation):
            return orders[view.nodes[0].links]
        self._last_orders = np.minimum(orders, self._order_bound)
        for link, delay in enumerate(self._network.order_delays):
            if delay:  # Suppliers now see what comes first in the queue.
                self._last_orders[link] = observation.unseen[self._network.delay_offsets[link]]
        return orders

    def _find_ending(self, briefing: Briefing, plan: SupplyPlan) -> Ending:
        """The end of the episode by the books of every node: its own prices, and its own terminal value."""
        last_useful = np.full(len(briefing.network.supply_links), -1, dtype=np.int64)
        for node, last_arrival in zip(self._view.nodes, self._view.last_arrivals, strict=True):
            last_useful[node.links] = last_arrival - node.link_lead_times
        materials = [material for node in self._view.nodes for material in node.materials]
        return Ending(briefing, materials, plan, last_useful, own_books=True)

    def _unseen(self, observation: Observation, links: Sequence[int], delays: Sequence[int]) -> FloatArray:
        """Orders that suppliers have not seen, per link of the message."""
        starts = np.cumsum([0, *delays])
        return np.array([observation.unseen[starts[link] : starts[link] + delays[link]].sum() for link in links])

    def _state(self, node: LocalNode, observation: Observation, customers: FloatArray) -> NodeState:
        """What one node sees; in a view of the whole network, the part that the decentralised track would show it.

        In an echelon's view what a node has not seen of its buyers' orders is taken off, as it counts at the buyers.
        """
        delays = self._network.order_delays
        if isinstance(observation, LocalObservation):
            own_delays = [delays[link] for link in node.links]
            return NodeState(
                on_hand=float(observation.on_hand[0]),
                component_stock=observation.component_stock,
                in_transit=observation.in_transit,
                owed=observation.owed,
                owed_to_buyers=observation.owed_to_buyers,
                orders=observation.incoming_orders,
                demand=customers,
                unfilled=observation.last_unfilled,
                unseen=self._unseen(observation, range(len(node.links)), own_delays) if any(own_delays) else None,
            )
        network = self._network
        outbound, markets = list(network.outbound(node.node)), list(network.markets_of(node.node))
        components = [i for i, (factory, _) in enumerate(network.components) if factory == node.node]
        owed_to_buyers = observation.owed[outbound]
        if any(delays) and not self._is_local:
            owed_to_buyers = owed_to_buyers + self._unseen(observation, outbound, delays)
        return NodeState(
            on_hand=float(observation.on_hand[network.managed_index(node.node)]),
            component_stock=observation.component_stock[components],
            in_transit=observation.in_transit[node.links],
            owed=observation.owed[node.links],
            owed_to_buyers=owed_to_buyers,
            orders=self._last_orders[outbound],
            demand=customers[markets],
            unfilled=observation.last_unfilled[markets],
            unseen=self._unseen(observation, node.links, delays) if any(delays) else None,
        )


def presumed_by_nodes(network: Network, nodes: Sequence[LocalNode]) -> FloatArray:
    """Demand presumed on every market link before any is seen: what its retailer's stock covers, (market links,)."""
    presumed = np.zeros(len(network.market_links))
    for node in nodes:
        units = np.array([material.units for material in node.materials])
        markets = list(network.markets_of(node.node))
        presumed[markets] = (node.priors() / units).min() / max(len(markets), 1)
    return presumed


def contents(network: Network, nodes: Sequence[LocalNode]) -> FloatArray:
    """Count the units of every material in a unit of every material.

    A unit of a material at a node was shipped by its suppliers, in the shares of the split, and each of them used up
    its own materials for it.

    Args:
        network: The network.
        nodes: Its managed nodes, in the order of `Network.managed`.

    Returns:
        Entry [i, j]: units of material i in one of material j; 1 on the diagonal. Materials by node, then by line of
        its bill. A row times the positions of all materials is the position of the row's echelon.
    """
    places: dict[int, list[int]] = {}
    for node in nodes:
        start = sum(map(len, places.values()))
        places[node.node] = list(range(start, start + len(node.materials)))
    by_id = {node.node: node for node in nodes}
    found = np.eye(sum(map(len, places.values())))
    for at in network.upstream_first:
        for place, material in zip(places[at], by_id[at].materials, strict=True):
            for link, share in zip(material.links, material.shares, strict=True):
                supplier = network.supply_links[link].supplier
                if supplier in by_id:
                    for used, units in zip(places[supplier], by_id[supplier].consumption.tolist(), strict=True):
                        found[:, place] += share * units * found[:, used]
    return found


def _positions(nodes: Sequence[LocalNode], states: Sequence[NodeState]) -> FloatArray:
    return np.concatenate([node.positions(state) for node, state in zip(nodes, states, strict=True)])
