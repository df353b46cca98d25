"""The supply network: nodes, supply links and market links.

Roles follow from the graph, in this order of test: a *market* has no outgoing link, a *raw material* has no incoming
link, a *factory* has a capacity, every other node is a *distributor*. A managed node (factory or distributor) with a
market link is a *retailer* as well.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import SMALLEST, Count, Fraction01, FrozenSchema, NonNegative, Positive

if TYPE_CHECKING:
    import networkx

    from arena.world.stock_points import StockPoint

Role = Literal["market", "raw_material", "factory", "distributor"]

_MOST_NODES = 500
_MOST_LINKS = 5_000
_LONGEST_LEAD_TIME = 1_000

LeadTime = Annotated[Count, Field(le=_LONGEST_LEAD_TIME)]


class Component(FrozenSchema):
    """One line of a bill of materials."""

    suppliers: tuple[Count, ...] = Field(min_length=1, description="ids of the nodes that deliver this component")
    units: Positive = Field(default=1.0, description="units of the component in one unit of output")


class Node(FrozenSchema):
    """A place in the network. Markets and raw materials carry an id only."""

    id: Count = Field(description="the node's number, unique in the network")
    initial_stock: NonNegative | None = Field(default=None, description="units on hand before the first period")
    holding_cost: NonNegative | None = Field(default=None, description="money per unit on hand at the end of a period")
    capacity: NonNegative | None = Field(default=None, description="units a factory ships per period over all links")
    operating_cost: NonNegative | None = Field(default=None, description="money per unit of a factory's throughput")
    yield_: Fraction01 = Field(default=1.0, alias="yield", description="units shipped per unit consumed, in (0, 1]")
    storage_capacity: NonNegative | None = Field(default=None, description="most units kept; what exceeds is scrapped")
    bill_of_materials: tuple[Component, ...] = Field(
        default=(), description="what one unit of output consumes; empty: everything delivered is one pooled stock"
    )


class LeadTimeDistribution(FrozenSchema):
    """A random lead time (part of the schema; not played yet)."""

    values: tuple[LeadTime, ...] = Field(min_length=1, description="possible lead times in periods")
    probabilities: tuple[Fraction01, ...] = Field(min_length=1, description="their probabilities, summing to 1")
    may_cross: bool = Field(default=False, description="whether a later order may arrive before an earlier one")


class SupplyLink(FrozenSchema):
    """A link on which the buyer orders."""

    supplier: Count = Field(description="id of the node that ships")
    buyer: Count = Field(description="id of the node that orders and receives")
    lead_time: LeadTime = Field(description="whole periods between order and arrival; 0 arrives in the same period")
    price: NonNegative = Field(description="money per unit filled, paid by the buyer to the supplier")
    pipeline_holding_cost: NonNegative = Field(description="money per unit in transit at the end of a period")
    fixed_ordering_cost: NonNegative = Field(default=0.0, description="money per period in which anything is filled")
    minimum_order: NonNegative = Field(default=0.0, description="a positive order is raised to this many units")
    lot_size: NonNegative = Field(default=0.0, description="orders are rounded up to whole lots; 0: any quantity")
    lead_time_distribution: LeadTimeDistribution | None = Field(default=None, description="random lead time")

    @field_validator("lot_size")
    @classmethod
    def _lots_can_be_counted(cls, size: float) -> float:
        if 0 < size < SMALLEST:
            raise ValueError(f"must be 0 (any quantity) or at least {SMALLEST:g}")
        return size


class MarketLink(FrozenSchema):
    """A link on which a retailer meets customers' demand."""

    retailer: Count = Field(description="id of the managed node that sells")
    market: Count = Field(description="id of the market")
    price: NonNegative = Field(description="money per unit sold")
    shortage_penalty: NonNegative = Field(description="money per unit unfilled at the end of a period")
    mean_demand: NonNegative | None = Field(
        default=None, description="mean units per period before effects, unless the scenario gives its own"
    )


class Network(FrozenSchema):
    """A multi-echelon supply network, validated as a whole.

    Arrays "per managed node" follow :attr:`managed`; arrays "per supply link" and "per market link" follow the order
    of the file, which is also the order in which a supplier's stock is given away.

    Raises:
        InvalidInput: From the loaders, with every fault of the file: duplicate ids and links, unknown nodes, cycles,
            nodes that are not connected, missing or misplaced parameters.
    """

    name: str = Field(default="", max_length=100, description="how scenarios refer to the network")
    description: str = Field(default="", max_length=2_000, description="a sentence for people")
    nodes: tuple[Node, ...] = Field(min_length=3, max_length=_MOST_NODES)
    supply_links: tuple[SupplyLink, ...] = Field(min_length=1, max_length=_MOST_LINKS)
    market_links: tuple[MarketLink, ...] = Field(min_length=1, max_length=_MOST_LINKS)

    @model_validator(mode="after")
    def _is_a_supply_network(self) -> Network:
        from arena.world.network_rules import network_faults

        faults: list[FieldFault] = network_faults(self)
        if faults:
            raise FaultList(faults)
        return self

    # --- roles -------------------------------------------------------------------------------------------------

    @cached_property
    def markets(self) -> tuple[int, ...]:
        """Ids of the markets, ascending."""
        return self._ids("market")

    @cached_property
    def raw_materials(self) -> tuple[int, ...]:
        """Ids of the raw material nodes, ascending."""
        return self._ids("raw_material")

    @cached_property
    def factories(self) -> tuple[int, ...]:
        """Ids of the factories, ascending."""
        return self._ids("factory")

    @cached_property
    def distributors(self) -> tuple[int, ...]:
        """Ids of the managed nodes without capacity, ascending (retailers without capacity included)."""
        return self._ids("distributor")

    @cached_property
    def retailers(self) -> tuple[int, ...]:
        """Ids of the managed nodes with a market link, ascending."""
        return tuple(sorted({link.retailer for link in self.market_links}))

    @cached_property
    def managed(self) -> tuple[int, ...]:
        """Ids of the nodes that hold stock (factories and distributors), ascending."""
        return tuple(sorted(self.factories + self.distributors))

    @cached_property
    def _nodes_by_id(self) -> dict[int, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _roles(self) -> dict[int, Role]:
        sources = {link.supplier for link in self.supply_links} | {link.retailer for link in self.market_links}
        targets = {link.buyer for link in self.supply_links} | {link.market for link in self.market_links}
        roles: dict[int, Role] = {}
        for node in self.nodes:
            if node.id not in sources:
                roles[node.id] = "market"
            elif node.id not in targets:
                roles[node.id] = "raw_material"
            elif node.capacity is not None:
                roles[node.id] = "factory"
            else:
                roles[node.id] = "distributor"
        return roles

    def _ids(self, role: Role) -> tuple[int, ...]:
        return tuple(sorted(node for node, its_role in self._roles.items() if its_role == role))

    def node(self, node_id: int) -> Node:
        """The node of that id.

        Raises:
            KeyError: If the network has no such node.
        """
        return self._nodes_by_id[node_id]

    def role(self, node_id: int) -> Role:
        """The role of a node (see the module's text).

        Raises:
            KeyError: If the network has no such node.
        """
        return self._roles[node_id]

    @cached_property
    def _managed_positions(self) -> dict[int, int]:
        return {node_id: position for position, node_id in enumerate(self.managed)}

    def managed_index(self, node_id: int) -> int:
        """Position of a managed node in arrays per managed node.

        Raises:
            KeyError: If the node is not managed.
        """
        return self._managed_positions[node_id]

    # --- links -------------------------------------------------------------------------------------------------

    @cached_property
    def _inbound(self) -> dict[int, tuple[int, ...]]:
        return _positions_by([link.buyer for link in self.supply_links])

    @cached_property
    def _outbound(self) -> dict[int, tuple[int, ...]]:
        return _positions_by([link.supplier for link in self.supply_links])

    @cached_property
    def _markets_of(self) -> dict[int, tuple[int, ...]]:
        return _positions_by([link.retailer for link in self.market_links])

    def inbound(self, node_id: int) -> tuple[int, ...]:
        """Positions of the supply links on which the node orders."""
        return self._inbound.get(node_id, ())

    def outbound(self, node_id: int) -> tuple[int, ...]:
        """Positions of the supply links on which the node ships."""
        return self._outbound.get(node_id, ())

    def markets_of(self, node_id: int) -> tuple[int, ...]:
        """Positions of the market links on which the node sells."""
        return self._markets_of.get(node_id, ())

    @cached_property
    def lead_times(self) -> tuple[int, ...]:
        """Lead time in periods, per supply link."""
        return tuple(link.lead_time for link in self.supply_links)

    @cached_property
    def pipeline_offsets(self) -> tuple[int, ...]:
        """Start of every supply link's slots in the flat pipeline, and at the end the pipeline's length.

        Link ``i`` owns ``pipeline[offsets[i]:offsets[i + 1]]``: one slot per period of its lead time, the first being
        what arrives in the coming period.
        """
        offsets = [0]
        for lead_time in self.lead_times:
            offsets.append(offsets[-1] + lead_time)
        return tuple(offsets)

    @cached_property
    def components(self) -> tuple[tuple[int, int], ...]:
        """(factory id, line of its bill of materials) of every stock kept by component, factories ascending."""
        return tuple(
            (factory, line) for factory in self.factories for line in range(len(self.node(factory).bill_of_materials))
        )

    # --- stock points ------------------------------------------------------------------------------------------

    @cached_property
    def stock_points(self) -> tuple[StockPoint, ...]:
        """Stocks that are drawn on as one, by managed node, then by line of its bill of materials."""
        from arena.world.stock_points import stock_points_of

        return stock_points_of(self)

    @cached_property
    def _points_by_node(self) -> dict[int, tuple[int, ...]]:
        return _positions_by([point.node_id for point in self.stock_points])

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

    @cached_property
    def stock_places(self) -> tuple[int, ...]:
        """Where each stock point stands in an observation's ``on_hand`` followed by its ``component_stock``."""
        nodes = len(self.managed)
        return tuple(point.node if point.component is None else nodes + point.component for point in self.stock_points)

    # --- paths -------------------------------------------------------------------------------------------------

    @cached_property
    def upstream_first(self) -> tuple[int, ...]:
        """Ids of the managed nodes in topological order: every supplier stands before its buyers.

        Read backwards, every node stands after all that it supplies: first the nodes that supply no managed node, then
        generation by generation those that supply earlier ones only, ids ascending within a generation.
        """
        downstream_first: list[int] = []
        waiting = set(self.managed)
        while waiting:
            generation = [
                node_id
                for node_id in sorted(waiting)
                if not any(self.supply_links[link].buyer in waiting for link in self.outbound(node_id))
            ]
            downstream_first += generation
            waiting.difference_update(generation)
        return tuple(reversed(downstream_first))

    @cached_property
    def longest_lead_time(self) -> int:
        """Largest total lead time over all paths from raw material to market, in periods."""
        import networkx

        return int(networkx.dag_longest_path_length(self.graph, weight="lead_time"))

    @cached_property
    def graph(self) -> networkx.DiGraph[int]:
        """The network as a directed graph of node ids; edges carry ``lead_time`` (0 on market links)."""
        import networkx

        graph: networkx.DiGraph[int] = networkx.DiGraph()
        graph.add_nodes_from(node.id for node in self.nodes)
        graph.add_edges_from((link.supplier, link.buyer, {"lead_time": link.lead_time}) for link in self.supply_links)
        graph.add_edges_from((link.retailer, link.market, {"lead_time": 0}) for link in self.market_links)
        return graph

    def anonymous(self) -> Network:
        """The same network without name, description and mean demands: what every track may show."""
        links = tuple(link.model_copy(update={"mean_demand": None}) for link in self.market_links)
        return self.model_copy(update={"name": "", "description": "", "market_links": links})


def _positions_by(keys: list[int]) -> dict[int, tuple[int, ...]]:
    positions: dict[int, list[int]] = {}
    for position, key in enumerate(keys):
        positions.setdefault(key, []).append(position)
    return {key: tuple(found) for key, found in positions.items()}
