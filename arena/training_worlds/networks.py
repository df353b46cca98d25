"""Random supply networks: layered, from raw materials over factories and distributors to retailers.

Numbers are of the size that the literature's example networks have (Perez et al. 2021; Hubbs et al. 2020), drawn from
ranges that hold those examples and much else. Every network is valid by construction.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from arena.schemas import Count, FrozenSchema, NonNegative, Positive
from arena.training_worlds.demand import PositiveRange, Probability
from arena.training_worlds.lead_times import SupplyRanges
from arena.world.network import Network
from arena.world.nodes_and_links import MarketLink, Node, SupplyLink

Topology = Literal["serial", "divergent", "convergent", "tree", "meshed"]

_MARKET_GROWTH = 0.15  # chance that a retailer serves one more market


class RandomNetworks(FrozenSchema):
    """Ranges from which networks are drawn; money per unit unless said otherwise."""

    topologies: tuple[Topology, ...] = Field(
        default=("serial", "divergent", "convergent", "tree", "meshed"),
        min_length=1,
        description="serial: one node an echelon; divergent: never fewer nodes towards the market; convergent: never "
        "more; tree: as divergent, with one supplier a node; meshed: any number, up to three suppliers a node",
    )
    echelons: tuple[Count, Count] = Field(default=(2, 4), description="range of the number of managed echelons")
    managed: tuple[Count, Count] = Field(default=(2, 8), description="range of the number of managed nodes")
    retailers: Count = Field(default=3, description="most retailers")
    lead_time: tuple[Count, Count] = Field(default=(0, 12), description="range of a supply link's lead time, periods")
    raw_lead_time: tuple[Count, Count] = Field(default=(0, 3), description="the same from raw material")
    demand: PositiveRange = Field(default=(8.0, 40.0), description="range of a market link's mean, units per period")
    market_price: PositiveRange = Field(default=(1.6, 3.4), description="range of what customers pay")
    raw_price: PositiveRange = Field(default=(0.04, 0.5), description="range of the price of raw material")
    penalty: PositiveRange = Field(default=(0.05, 0.25), description="range of the penalty per unit unfilled")
    holding_cost: PositiveRange = Field(default=(0.008, 0.04), description="range; it rises towards the market")
    pipeline_holding_cost: tuple[NonNegative, NonNegative] = Field(default=(0.0, 0.016), description="range")
    operating_cost: tuple[NonNegative, NonNegative] = Field(default=(0.003, 0.03), description="range")
    capacity: PositiveRange = Field(
        default=(1.2, 5.0), description="range of a factory's capacity, times the demand that it reaches"
    )
    stock: PositiveRange = Field(default=(2.0, 20.0), description="range of initial stocks, periods of demand reached")
    inner_factory: Probability = Field(default=0.15, description="probability that a node below the first transforms")
    lossy: Probability = Field(default=0.1, description="probability that a factory's yield is below 1")
    smallest_yield: Positive = Field(default=0.8, le=1, description="smallest yield")
    supply: SupplyRanges | None = Field(
        default=None, description="ranges of lead times that vary, order delays and goods on the way; absent: none"
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What a version added is dumped where it is used, so that digests of older recipes stay.
        dumped: dict[str, Any] = written(self)
        if self.supply is None:
            dumped.pop("supply", None)
        return dumped

    def draw(self, generator: np.random.Generator) -> Network:
        """One network.

        Args:
            generator: what it is drawn with.
        """
        topology = self.topologies[int(generator.integers(len(self.topologies)))]
        layers = self._layers(generator, topology)
        suppliers = _suppliers(generator, layers, topology)
        return self._furnish(generator, layers, suppliers)

    def _layers(self, generator: np.random.Generator, topology: Topology) -> list[list[int]]:
        """Ids of the managed nodes by echelon, from the factories down; ids from 1."""
        depth = int(generator.integers(self.echelons[0], self.echelons[1], endpoint=True))
        total = max(depth, int(generator.integers(self.managed[0], self.managed[1], endpoint=True)))
        sizes = [1] * depth
        if topology != "serial":
            for _ in range(total - depth):
                sizes[int(generator.integers(depth))] += 1
        if topology in ("divergent", "tree"):
            sizes = sorted(min(size, self.retailers) for size in sizes)
        elif topology == "convergent":
            sizes.sort(reverse=True)
        sizes[-1] = min(sizes[-1], self.retailers)
        first = 1
        layers = []
        for size in sizes:
            layers.append(list(range(first, first + size)))
            first += size
        return layers

    def _furnish(
        self, generator: np.random.Generator, layers: list[list[int]], suppliers: dict[int, list[int]]
    ) -> Network:
        managed = [node for layer in layers for node in layer]
        following = len(managed) + 1
        # The first raw material serves every factory, so that the network is one whole.
        raws = [following + i for i in range(int(generator.integers(1, 3, endpoint=True)))]
        following += len(raws)
        raw_of = {node: sorted({raws[0], raws[int(generator.integers(len(raws)))]}) for node in layers[0]}
        unused = set(raws) - {raw for used in raw_of.values() for raw in used}
        for raw in unused:
            raw_of[layers[0][int(generator.integers(len(layers[0])))]].append(raw)
        markets: list[tuple[int, int]] = []
        for node in layers[-1]:
            count = 2 if generator.random() < _MARKET_GROWTH else 1
            for _ in range(count):
                markets.append((node, following))
                following += 1
        means = {pair: float(generator.uniform(*self.demand)) for pair in markets}
        reached = _reached(layers, suppliers, means)

        def drawn(bounds: tuple[float, float]) -> float:
            return float(generator.uniform(*bounds))

        nodes: list[Node] = []
        for echelon, layer in enumerate(layers):
            for node in layer:
                low, high = self.holding_cost
                height = (echelon + generator.random()) / len(layers)
                fields: dict[str, Any] = {
                    "id": node,
                    "initial_stock": round(drawn(self.stock) * reached[node], 1),
                    "holding_cost": float(low + (high - low) * height),
                }
                if echelon == 0 or generator.random() < self.inner_factory:
                    fields["capacity"] = round(drawn(self.capacity) * reached[node], 1)
                    fields["operating_cost"] = drawn(self.operating_cost)
                    if generator.random() < self.lossy:
                        fields["yield"] = drawn((self.smallest_yield, 1.0))
                nodes.append(Node(**fields))
        nodes += [Node(id=node) for node in (*raws, *(market for _, market in markets))]

        price_of = self._prices(generator, layers)
        links: list[SupplyLink] = []
        for buyer in managed:
            for supplier in raw_of.get(buyer, []):
                links.append(self._link(generator, supplier, buyer, self.raw_lead_time, drawn(self.raw_price)))
            for supplier in suppliers.get(buyer, []):
                price = price_of[buyer] * float(generator.uniform(0.85, 1.15))
                links.append(self._link(generator, supplier, buyer, self.lead_time, price))
        order = generator.permutation(len(links))
        sold = [
            MarketLink(
                retailer=retailer,
                market=market,
                price=drawn(self.market_price),
                shortage_penalty=drawn(self.penalty),
                mean_demand=means[retailer, market],
            )
            for retailer, market in markets
        ]
        network = Network(
            name="random", nodes=tuple(nodes), supply_links=tuple(links[i] for i in order), market_links=tuple(sold)
        )
        # Drawn last: without it, and but for it, networks are what they were.
        return network if self.supply is None else self.supply.draw_on(generator, network, reached)

    def _prices(self, generator: np.random.Generator, layers: list[list[int]]) -> dict[int, float]:
        """Internal price per buyer; it rises towards the market and cancels in the sum of all nodes' profits."""
        lowest, highest = self.raw_price[1], self.market_price[0]
        return {
            node: float(lowest + (highest - lowest) * (echelon + generator.random()) / len(layers))
            for echelon, layer in enumerate(layers)
            for node in layer
        }

    def _link(
        self, generator: np.random.Generator, supplier: int, buyer: int, lead_times: tuple[int, int], price: float
    ) -> SupplyLink:
        return SupplyLink(
            supplier=supplier,
            buyer=buyer,
            lead_time=int(generator.integers(lead_times[0], lead_times[1], endpoint=True)),
            price=price,
            pipeline_holding_cost=float(generator.uniform(*self.pipeline_holding_cost)),
        )


def _suppliers(generator: np.random.Generator, layers: list[list[int]], topology: Topology) -> dict[int, list[int]]:
    """Managed suppliers of every node below the first echelon; every node above the last has a buyer."""
    most = 1 if topology in ("serial", "tree") else 3
    suppliers: dict[int, list[int]] = {}
    for above, below in itertools.pairwise(layers):
        order = [below[int(i)] for i in generator.permutation(len(below))]
        for node in below:
            suppliers[node] = []
        for position, supplier in enumerate(above):  # everyone has a buyer
            suppliers[order[position % len(order)]].append(supplier)
        for node in below:
            wanted = int(generator.integers(1, min(most, len(above)), endpoint=True))
            others = [supplier for supplier in above if supplier not in suppliers[node]]
            more = max(0, wanted - len(suppliers[node]))
            chosen = generator.choice(len(others), more, replace=False) if more else ()
            suppliers[node] = sorted(suppliers[node] + [others[int(i)] for i in chosen])
    return suppliers


def _reached(
    layers: list[list[int]], suppliers: dict[int, list[int]], means: dict[tuple[int, int], float]
) -> dict[int, float]:
    """Mean demand of all markets that a node's goods can reach, units per period."""
    served: dict[int, set[tuple[int, int]]] = {node: set() for layer in layers for node in layer}
    for pair in means:
        served[pair[0]].add(pair)
    for layer in reversed(layers[1:]):
        for node in layer:
            for supplier in suppliers[node]:
                served[supplier] |= served[node]
    return {node: sum(means[pair] for pair in pairs) for node, pairs in served.items()}
