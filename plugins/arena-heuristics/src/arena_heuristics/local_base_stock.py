"""Base stock by local information: one controller per node, or the same rule with the view of the whole network.

**The rule**, for every material that a node orders: order up to mean + z·deviation of the demand over the protection
interval. The demand is smoothed exponentially (`arena_heuristics.exponential_smoothing.SmoothedDemand`), z is the
quantile of the critical ratio b / (b + h) by the node's own prices and costs (`arena.shortage_cost`). Near the end of
the episode the interval is cut where nothing more can be shipped in time, and a link that would deliver too late gets
no order. A capacity limits what of the demand can be served.

**What a node knows** is all that differs between the views:

============ ================================ ==================================================================
             decentralised (local information) full view (track blind)
============ ================================ ==================================================================
demand       new orders of its buyers, and     what customers demand, in units of the node's material
             demand of its own customers
position     its own                           its echelon's: its own and those of all nodes that it supplies
interval     its lead time + 1                 its lead time + the longest way to a market + 1
the end      when its nearest buyer can no     when the nearest market can no longer be reached
             longer be reached
============ ================================ ==================================================================

Position and interval go with the demand: who forecasts customers must count all stock on the way to them, and for equal
information both positions give the same policy in a serial system (Axsäter and Rosling 1993, Management Science 39).
A policy by echelon stock needs centralised demand information, one by installation stock does not; the difference of
their results is the value of that information (Chen 1998, Management Science 44), here called the price of
decentralisation.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from arena import Briefing, LocalObservation, Network, Observation, order_up_to_level
from arena_heuristics.config import LocalBaseStockConfig
from arena_heuristics.exponential_smoothing import SmoothedDemand
from arena_heuristics.local_node import LocalNode, NodeState
from arena_heuristics.ordering import (
    FloatArray,
    list_materials,
    longest_lead_times_to_market,
    shortest_lead_times_to_market,
)


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

    def see(self, observation: Observation, states: Sequence[NodeState]) -> Seen:
        """Read demand and positions off an observation; to be called once in every period."""


class LocalView:
    """Every node sees itself only. See `View`."""

    def __init__(self, briefing: Briefing, nodes: tuple[LocalNode, ...]) -> None:
        ends = tuple(briefing.horizon - 1 - node.handover for node in nodes)
        self.nodes = nodes
        self.priors = np.concatenate([node.priors() for node in nodes])
        self.intervals = np.concatenate([node.lead_times + 1 for node in nodes])
        self.last_uses = np.repeat(np.array(ends, dtype=np.float64), [len(node.materials) for node in nodes])
        self.last_arrivals = ends

    def see(self, observation: Observation, states: Sequence[NodeState]) -> Seen:
        """Ask every node for its own."""
        demand = [node.new_demand(state) for node, state in zip(self.nodes, states, strict=True)]
        return Seen(np.concatenate(demand), _positions(self.nodes, states))


class EchelonView:
    """Every node sees all that is downstream of it, and the customers. See `View`.

    A retailer's customers are presumed, before any demand is seen, to want what its own stock covers; further up that
    is passed on like any demand.
    """

    def __init__(self, briefing: Briefing, nodes: tuple[LocalNode, ...]) -> None:
        network = briefing.network
        self.nodes = nodes
        self._contents = contents(network, nodes)
        self._needs = np.zeros((len(self._contents), len(network.market_links)))
        presumed = np.zeros(len(network.market_links))
        longest = longest_lead_times_to_market(network)
        shortest = shortest_lead_times_to_market(network)
        first = 0
        for node in nodes:
            own = slice(first, first + len(node.materials))
            units = np.array([material.units for material in node.materials])
            markets = list(network.markets_of(node.node))
            self._needs[:, markets] = (self._contents[:, own] * units).sum(axis=1)[:, np.newaxis]
            presumed[markets] = (node.priors() / units).min() / max(len(markets), 1)
            first += len(node.materials)
        self.priors = (self._needs * presumed).sum(axis=1)
        self.intervals = np.concatenate([node.lead_times + longest[node.node] + 1 for node in nodes])
        self.last_uses = np.full(len(self.priors), briefing.horizon - 1.0)
        self.last_arrivals = tuple(briefing.horizon - 1 - shortest[node.node] for node in nodes)

    def see(self, observation: Observation, states: Sequence[NodeState]) -> Seen:
        """Pass the customers' demand up, and add up the positions downstream."""
        demand = (self._needs * observation.last_demand).sum(axis=1)
        return Seen(demand, (self._contents * _positions(self.nodes, states)).sum(axis=1))


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
        materials = list_materials(network, config.lead_time_weight)
        nodes = tuple(
            LocalNode(briefing, node, [material for material in materials if material.node == node]) for node in managed
        )
        is_local = briefing.node is not None or config.information == "local"
        self._view: View = LocalView(briefing, nodes) if is_local else EchelonView(briefing, nodes)
        self._quantiles = np.concatenate(
            [node.quantiles(briefing, config.critical_ratio, config.least_shortage_cost) for node in nodes]
        )
        self._largest = np.concatenate([node.largest for node in nodes])
        self._demand = SmoothedDemand(
            self._view.priors, level_weight=config.level_weight, error_weight=config.error_weight
        )
        self._network = network
        self._order_bound = briefing.order_bound
        self._last_orders = np.zeros(len(network.supply_links))

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period.

        Args:
            observation: What is seen before the decision.

        Returns:
            Units, (inbound links,) of the node, or (supply links,) of the network; finite and not negative.
        """
        view, period = self._view, observation.period
        states = [self._state(node, observation) for node in view.nodes]
        seen = view.see(observation, states)
        if period > 0:
            self._demand.observe(seen.demand)
        periods = np.clip(view.last_uses + 1 - period, 0.0, view.intervals)
        demand = self._demand.over(periods, self._largest)
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, self._quantiles)
        shortfalls = level - seen.positions
        orders = np.zeros(len(self._network.supply_links))
        first = 0
        for node, last_arrival in zip(view.nodes, view.last_arrivals, strict=True):
            own = shortfalls[first : first + len(node.materials)]
            orders[node.links] = node.split(own, last_arrival, period)
            first += len(node.materials)
        if isinstance(observation, LocalObservation):
            return orders[view.nodes[0].links]
        self._last_orders = np.minimum(orders, self._order_bound)
        return orders

    def _state(self, node: LocalNode, observation: Observation) -> NodeState:
        """What one node sees; in a view of the whole network, the part that the decentralised track would show it."""
        if isinstance(observation, LocalObservation):
            return NodeState(
                on_hand=float(observation.on_hand[0]),
                component_stock=observation.component_stock,
                in_transit=observation.in_transit,
                owed=observation.owed,
                owed_to_buyers=observation.owed_to_buyers,
                orders=observation.incoming_orders,
                demand=observation.last_demand,
                unfilled=observation.last_unfilled,
            )
        network = self._network
        outbound, markets = list(network.outbound(node.node)), list(network.markets_of(node.node))
        components = [i for i, (factory, _) in enumerate(network.components) if factory == node.node]
        return NodeState(
            on_hand=float(observation.on_hand[network.managed_index(node.node)]),
            component_stock=observation.component_stock[components],
            in_transit=observation.in_transit[node.links],
            owed=observation.owed[node.links],
            owed_to_buyers=observation.owed[outbound],
            orders=self._last_orders[outbound],
            demand=observation.last_demand[markets],
            unfilled=observation.last_unfilled[markets],
        )


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
