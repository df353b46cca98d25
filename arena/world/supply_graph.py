"""The graph of a supply network: what follows from its nodes and links, before any rule is held against them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, model_validator

from arena.schemas import FrozenSchema
from arena.world.names import with_ids
from arena.world.nodes_and_links import MarketLink, Node, SupplyLink

if TYPE_CHECKING:
    import networkx

Role = Literal["market", "raw_material", "factory", "distributor"]

MOST_NODES: Final = 20_000
"""Most nodes of a network."""
_MOST_LINKS = 100_000


class SupplyGraph(FrozenSchema):
    """Nodes and links, each valid for itself; see `arena.Network`, which is also valid as a whole.

    Arrays "per managed node" follow :attr:`managed`; arrays "per supply link" and "per market link" follow the order
    of the file, which is also the order in which a supplier's stock is given away.
    """

    name: str = Field(default="", max_length=100, description="how scenarios refer to the network")
    description: str = Field(default="", max_length=2_000, description="a sentence for people")
    nodes: tuple[Node, ...] = Field(
        min_length=3,
        max_length=MOST_NODES,
        description=f"all places, markets and raw materials too; at most {MOST_NODES:,}",
    )
    supply_links: tuple[SupplyLink, ...] = Field(
        min_length=1, max_length=_MOST_LINKS, description=f"links that are ordered on; at most {_MOST_LINKS:,}"
    )
    market_links: tuple[MarketLink, ...] = Field(
        min_length=1, max_length=_MOST_LINKS, description=f"links to customers; at most {_MOST_LINKS:,}"
    )

    @model_validator(mode="before")
    @classmethod
    def _names_become_ids(cls, data: Any) -> Any:
        return with_ids(data) if isinstance(data, Mapping) else data

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

    def label(self, node_id: int) -> str:
        """The node's name in tables and messages for people: its name, or else the id, also where no node has that."""
        node = self._nodes_by_id.get(node_id)
        return str(node_id) if node is None else node.label

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
        return positions_by([link.buyer for link in self.supply_links])

    @cached_property
    def _outbound(self) -> dict[int, tuple[int, ...]]:
        return positions_by([link.supplier for link in self.supply_links])

    @cached_property
    def _markets_of(self) -> dict[int, tuple[int, ...]]:
        return positions_by([link.retailer for link in self.market_links])

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
        """Lead time in periods, per supply link; the promised one where lead times vary."""
        return tuple(link.lead_time for link in self.supply_links)

    @cached_property
    def order_delays(self) -> tuple[int, ...]:
        """Periods until the supplier sees an order, per supply link."""
        return tuple(link.order_delay for link in self.supply_links)

    @cached_property
    def varying_links(self) -> tuple[int, ...]:
        """Positions of the supply links whose lead time varies."""
        return tuple(position for position, link in enumerate(self.supply_links) if link.varies)

    @cached_property
    def pipeline_offsets(self) -> tuple[int, ...]:
        """Start of every supply link's slots in the flat pipeline, and at the end the pipeline's length.

        Link ``i`` owns ``pipeline[offsets[i]:offsets[i + 1]]``: one slot per period of its (longest) lead time, the
        oldest order first. With a fixed lead time the first slot is what arrives in the coming period. Where lead times
        vary, slots tell the age alone: of n slots, slot k was ordered n - k periods ago.
        """
        return tuple(accumulate((link.slots for link in self.supply_links), initial=0))

    @cached_property
    def arrival_offsets(self) -> tuple[int, ...]:
        """Start of every supply link's slots in a flat array of arrivals by age, and at the end its length.

        Only links whose lead time varies have slots: one more than in the pipeline, oldest order first. Of n + 1 slots,
        slot k was ordered n - k periods before it arrived.
        """
        return tuple(accumulate((link.slots + 1 if link.varies else 0 for link in self.supply_links), initial=0))

    @cached_property
    def delay_offsets(self) -> tuple[int, ...]:
        """Start of every supply link's slots in the flat array of orders that suppliers have not seen, and its length.

        Link ``i`` has one slot per period of its order delay; the first one is seen in the coming period.
        """
        return tuple(accumulate(self.order_delays, initial=0))

    @cached_property
    def components(self) -> tuple[tuple[int, int], ...]:
        """(factory id, line of its bill of materials) of every stock kept by component, factories ascending."""
        return tuple(
            (factory, line) for factory in self.factories for line in range(len(self.node(factory).bill_of_materials))
        )

    # --- paths -------------------------------------------------------------------------------------------------

    @cached_property
    def upstream_first(self) -> tuple[int, ...]:
        """Ids of the managed nodes in topological order: every supplier stands before its buyers.

        Read backwards, every node stands after all that it supplies: first the nodes that supply no managed node, then
        generation by generation those that supply earlier ones only, ids ascending within a generation.
        """
        managed = set(self.managed)
        waiting_for = {
            node_id: sum(self.supply_links[link].buyer in managed for link in self.outbound(node_id))
            for node_id in self.managed
        }
        downstream_first: list[int] = []
        generation = [node_id for node_id in self.managed if not waiting_for[node_id]]
        while generation:
            downstream_first += generation
            suppliers = [self.supply_links[link].supplier for node_id in generation for link in self.inbound(node_id)]
            for supplier in suppliers:
                if supplier in managed:
                    waiting_for[supplier] -= 1
            generation = sorted({node_id for node_id in suppliers if node_id in managed and not waiting_for[node_id]})
        return tuple(reversed(downstream_first))

    @cached_property
    def longest_lead_time(self) -> int:
        """Largest total lead time over all paths from raw material to market, in periods.

        Delays of orders are part of it. Where lead times vary, the longest one counts.
        """
        import networkx

        return int(networkx.dag_longest_path_length(self.graph, weight="lead_time"))

    @cached_property
    def graph(self) -> networkx.DiGraph[int]:
        """The network as a directed graph of node ids.

        Edges carry ``lead_time``: the largest number of periods from order to arrival over the links that join the two
        nodes, 0 on market links.
        """
        import networkx

        longest: dict[tuple[int, int], int] = {}
        for link in self.supply_links:
            pair = (link.supplier, link.buyer)
            longest[pair] = max(longest.get(pair, 0), link.slots + link.order_delay)
        graph: networkx.DiGraph[int] = networkx.DiGraph()
        graph.add_nodes_from(node.id for node in self.nodes)
        graph.add_edges_from((*pair, {"lead_time": periods}) for pair, periods in longest.items())
        graph.add_edges_from((link.retailer, link.market, {"lead_time": 0}) for link in self.market_links)
        return graph


def positions_by(keys: list[int]) -> dict[int, tuple[int, ...]]:
    """Return the positions at which each key stands, ascending."""
    positions: dict[int, list[int]] = {}
    for position, key in enumerate(keys):
        positions.setdefault(key, []).append(position)
    return {key: tuple(found) for key, found in positions.items()}
