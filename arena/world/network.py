"""The supply network: nodes, supply links and market links.

Roles follow from the graph, in this order of test: a *market* has no outgoing link, a *raw material* has no incoming
link, a *factory* has a capacity, every other node is a *distributor*. A managed node (factory or distributor) with a
market link is a *retailer* as well.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TypeVar

from pydantic import model_validator

from arena.errors import FaultList
from arena.world.network_rules import network_faults
from arena.world.nodes_and_links import Component, MarketLink, Node, SupplyLink
from arena.world.stock_points import StockPoint, stock_points_of
from arena.world.supply_graph import SupplyGraph, positions_by

Named = TypeVar("Named", Node, SupplyLink, MarketLink)


class Network(SupplyGraph):
    """A multi-echelon supply network, validated as a whole.

    Arrays "per managed node" follow :attr:`managed`; arrays "per supply link" and "per market link" follow the order
    of the file, which is also the order in which a supplier's stock is given away.

    Raises:
        InvalidInput: From the loaders, with every fault of the file: duplicate ids and links, unknown nodes, cycles,
            nodes that are not connected, missing or misplaced parameters.
    """

    @model_validator(mode="after")
    def _is_a_supply_network(self) -> Network:
        faults = network_faults(self)
        if faults:
            raise FaultList(faults)
        return self

    # --- stock points ------------------------------------------------------------------------------------------

    @cached_property
    def stock_points(self) -> tuple[StockPoint, ...]:
        """Stocks that are drawn on as one, by managed node, then by line of its bill of materials."""
        return stock_points_of(self)

    @cached_property
    def _points_by_node(self) -> dict[int, tuple[int, ...]]:
        return positions_by([point.node_id for point in self.stock_points])

    def points_of(self, node_id: int) -> tuple[int, ...]:
        """Positions of the stock points of a node; empty unless it is managed."""
        return self._points_by_node.get(node_id, ())

    @cached_property
    def receiving_points(self) -> tuple[int, ...]:
        """Stock point that each supply link delivers to."""
        receiver = {link: position for position, point in enumerate(self.stock_points) for link in point.arrivals}
        return tuple(receiver[link] for link in range(len(self.supply_links)))

    @cached_property
    def selling_points(self) -> tuple[int, ...]:
        """Stock point that serves each market link."""
        return tuple(self.points_of(link.retailer)[0] for link in self.market_links)

    @cached_property
    def component_points(self) -> tuple[int, ...]:
        """Stock point of each component, in the order of :attr:`components`."""
        return tuple(place for place, point in enumerate(self.stock_points) if point.component is not None)

    def component_of(self, point: StockPoint) -> Component | None:
        """Line of the bill of materials that a stock point keeps; None for a node's only stock."""
        if point.component is None:
            return None
        factory, line = self.components[point.component]
        return self.node(factory).bill_of_materials[line]

    @cached_property
    def stock_places(self) -> tuple[int, ...]:
        """Where each stock point stands in an observation's ``on_hand`` followed by its ``component_stock``."""
        nodes = len(self.managed)
        return tuple(point.node if point.component is None else nodes + point.component for point in self.stock_points)

    def unnamed(self) -> Network:
        """The same network without its name, its description, and names of nodes and links."""
        return self._unnamed(tuple(map(without_name, self.market_links)))

    def _unnamed(self, market_links: tuple[MarketLink, ...]) -> Network:
        changes = {
            "nodes": tuple(map(without_name, self.nodes)),
            "supply_links": tuple(map(without_name, self.supply_links)),
            "market_links": market_links,
        }
        return self.model_copy(update={"name": "", "description": "", **changes})

    def with_parallel_links_named(self) -> Network:
        """The same network, with their positions for the names of links that join the same two nodes."""
        ends = Counter((link.supplier, link.buyer) for link in self.supply_links)
        if len(ends) == len(self.supply_links):
            return self
        links = tuple(
            link.model_copy(update={"name": str(position)}) if ends[link.supplier, link.buyer] > 1 else link
            for position, link in enumerate(self.supply_links)
        )
        return self.model_copy(update={"supply_links": links})

    def anonymous(self) -> Network:
        """The same network without names, description and demands: what every track may show."""
        untold = {"mean_demand": None, "demand": None, "name": None}
        return self._unnamed(tuple(link.model_copy(update=untold) for link in self.market_links))

    def without_lead_time_laws(self) -> Network:
        """The same network with promised lead times alone; of those that vary, the longest one is told besides."""
        if not self.varying_links:
            return self
        return self.model_copy(update={"supply_links": tuple(map(promised_link, self.supply_links))})

    def without_lead_time_series(self) -> Network:
        """The same network without the lead times of single periods; distributions and longest lead times are told."""
        if not self.varying_links:
            return self
        links = tuple(
            link.model_copy(update={"lead_time_series": None, "longest_lead_time": link.slots}) if link.varies else link
            for link in self.supply_links
        )
        return self.model_copy(update={"supply_links": links})


def promised_link(link: SupplyLink) -> SupplyLink:
    """A supply link without the distribution and the series of its lead time; the longest one is told."""
    if not link.varies:
        return link
    hidden = {"lead_time_distribution": None, "lead_time_series": None, "longest_lead_time": link.slots}
    return link.model_copy(update=hidden)


def without_name(each: Named) -> Named:
    """A node or link without its name."""
    return each if each.name is None else each.model_copy(update={"name": None})
