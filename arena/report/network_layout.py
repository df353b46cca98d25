"""Where the nodes of a network stand in a drawing: layers from left (raw material) to right (markets).

A layer is a step on the longest way to a market, so that every link leads to the right. Within a layer the order is
improved by sweeps of the barycentre heuristic (Sugiyama, Tagawa and Toda, Methods for visual understanding of
hierarchical system structures, IEEE Transactions on Systems, Man and Cybernetics 11, 1981), in which a link that passes
a layer takes a place of its own there. Nothing is drawn at random: the same network always gets the same drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import networkx

from arena.world.network import Network

Kind = Literal["raw_material", "factory", "distributor", "retailer", "market"]
"""What a node is in a drawing: its role, where a distributor that sells to customers is a retailer."""

MOST_DRAWN: Final = 60
"""Nodes that are drawn one by one, at most."""
TALLEST: Final = 14
"""Nodes in one layer that are drawn one by one, at most."""

COLUMN_WIDTH: Final = 184.0
ROW_HEIGHT: Final = 92.0
BOX_WIDTH: Final = 88.0
BOX_HEIGHT: Final = 44.0
_MARGIN: Final = 12.0
_HEADING: Final = 34.0
_SWEEPS: Final = 12

_NAMES: Final[Mapping[Kind, tuple[str, str]]] = {
    "raw_material": ("raw material", "raw materials"),
    "factory": ("factory", "factories"),
    "distributor": ("distributor", "distributors"),
    "retailer": ("retailer", "retailers"),
    "market": ("market", "markets"),
}
_KINDS: Final = tuple(_NAMES)


@dataclass(frozen=True)
class Vertex:
    """A box of the drawing: a node, or all nodes of a kind in a layer.

    Attributes:
        kind: what its nodes are.
        nodes: ids of its nodes, ascending.
        label: its name; for several nodes their number and kind.
        x: horizontal middle, pixels.
        y: vertical middle, pixels.
    """

    kind: Kind
    nodes: tuple[int, ...]
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """A line of the drawing: all links from one box to another.

    Attributes:
        start: position of the box that ships.
        end: position of the box that receives.
        supply_links: positions of its supply links.
        market_links: positions of its market links.
        path: the line as path data of SVG, from start to end.
    """

    start: int
    end: int
    supply_links: tuple[int, ...]
    market_links: tuple[int, ...]
    path: str


@dataclass(frozen=True)
class Layout:
    """A drawing of a network.

    Attributes:
        width: pixels.
        height: pixels.
        headings: horizontal middle and text of each layer's heading.
        vertices: the boxes.
        edges: the lines.
        grouped: whether a box may stand for several nodes.
        inner_links: links between nodes of the same box, which are not drawn.
    """

    width: float
    height: float
    headings: tuple[tuple[float, str], ...]
    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    grouped: bool
    inner_links: int


def kind_of(network: Network, node: int) -> Kind:
    """Return what a node is in a drawing."""
    role = network.role(node)
    return "retailer" if role == "distributor" and network.markets_of(node) else role


def kind_name(kind: Kind, number: int = 1) -> str:
    """Return the word for nodes of a kind."""
    return _NAMES[kind][number != 1]


def lay_out(network: Network) -> Layout:
    """Return the drawing of a network.

    A network of more than `MOST_DRAWN` nodes, or with more than `TALLEST` in one layer, is drawn by groups: the nodes
    of one kind in one layer are one box, and where that is too much as well, all nodes of one kind.
    """
    layers = _layers(network)
    kinds = {node.id: kind_of(network, node.id) for node in network.nodes}
    single = {node.id: (layers[node.id], kinds[node.id], node.id) for node in network.nodes}
    if _fits(single):
        return _draw(network, single, kinds)
    by_layer = {node: (layers[node], kind, -1) for node, kind in kinds.items()}
    if _fits(by_layer):
        return _draw(network, by_layer, kinds)
    return _draw(network, {node: (_KINDS.index(kind), kind, -1) for node, kind in kinds.items()}, kinds)


_Key = tuple[int, Kind, int]
"""Layer, kind, and id of a single node or -1: what the nodes of one box have in common."""


def _fits(keys: Mapping[int, _Key]) -> bool:
    boxes = set(keys.values())
    by_layer = [layer for layer, _, _ in boxes]
    return len(boxes) <= MOST_DRAWN and max(map(by_layer.count, set(by_layer))) <= TALLEST


def _layers(network: Network) -> dict[int, int]:
    """Return the layer of every node, 0 on the left: steps on the longest way to a market, sources all on the left."""
    generations = list(networkx.topological_generations(network.graph.reverse()))
    last = len(generations) - 1
    layers = {node: last - steps for steps, generation in enumerate(generations) for node in generation}
    return {**layers, **dict.fromkeys(network.raw_materials, 0)}


def _draw(network: Network, keys: Mapping[int, _Key], kinds: Mapping[int, Kind]) -> Layout:
    # Of the boxes of a layer those whose nodes come first in the file are first, before the sweeps.
    boxes: dict[_Key, list[int]] = {}
    for node in network.nodes:
        boxes.setdefault(keys[node.id], []).append(node.id)
    place = {key: position for position, key in enumerate(boxes)}
    used = sorted({layer for layer, _, _ in boxes})
    layer_of = [used.index(layer) for layer, _, _ in boxes]
    links: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    inner = 0
    ends = [(link.supplier, link.buyer, 0) for link in network.supply_links]
    ends += [(link.retailer, link.market, 1) for link in network.market_links]
    for number, (supplier, buyer, sort) in enumerate(ends):
        pair = place[keys[supplier]], place[keys[buyer]]
        if pair[0] == pair[1]:
            inner += 1
            continue
        position = number - sort * len(network.supply_links)
        links.setdefault(pair, ([], []))[sort].append(position)
    rows, passing = _rows(layer_of, list(links))
    tallest = max(len(layer) for layer in rows)
    where: dict[int, tuple[float, float]] = {}
    for column, layer in enumerate(rows):
        top = _HEADING + _MARGIN + ROW_HEIGHT * (tallest - len(layer)) / 2
        for row, item in enumerate(layer):
            x = _MARGIN + BOX_WIDTH / 2 + COLUMN_WIDTH * column
            where[item] = (x, top + ROW_HEIGHT * row + BOX_HEIGHT / 2)
    vertices = tuple(
        Vertex(kind, tuple(sorted(nodes)), _label(network, kind, nodes), *where[place[layer, kind, node]])
        for (layer, kind, node), nodes in boxes.items()
    )
    edges = tuple(
        Edge(*pair, tuple(supply), tuple(markets), _path([where[item] for item in (pair[0], *passing[pair], pair[1])]))
        for pair, (supply, markets) in links.items()
    )
    return Layout(
        width=2 * _MARGIN + BOX_WIDTH + COLUMN_WIDTH * (len(rows) - 1),
        height=_HEADING + 2 * _MARGIN + ROW_HEIGHT * tallest,
        headings=tuple(_headings(vertices)),
        vertices=vertices,
        edges=edges,
        grouped=any(len(vertex.nodes) > 1 for vertex in vertices),
        inner_links=inner,
    )


def _label(network: Network, kind: Kind, nodes: Sequence[int]) -> str:
    if len(nodes) > 1:
        return f"{len(nodes):,} {kind_name(kind, len(nodes))}"
    return network.node(nodes[0]).name or f"{kind_name(kind)} {nodes[0]}"


def _headings(vertices: Sequence[Vertex]) -> list[tuple[float, str]]:
    by_place: dict[float, dict[Kind, int]] = {}
    for vertex in vertices:
        counts = by_place.setdefault(vertex.x, {})
        counts[vertex.kind] = counts.get(vertex.kind, 0) + len(vertex.nodes)
    return [
        (x, ", ".join(kind_name(kind, counts[kind]) for kind in _KINDS if kind in counts))
        for x, counts in sorted(by_place.items())
    ]


def _rows(
    layer_of: Sequence[int], links: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], dict[tuple[int, int], list[int]]]:
    """Return the items of each layer from top to bottom, and the items by which each link passes layers.

    Args:
        layer_of: layer of every box.
        links: pairs of boxes.
    """
    layers: list[list[int]] = [[] for _ in range(max(layer_of) + 1)]
    for box, layer in enumerate(layer_of):
        layers[layer].append(box)
    graph: networkx.Graph[int] = networkx.Graph()
    graph.add_nodes_from(range(len(layer_of)))
    passing: dict[tuple[int, int], list[int]] = {}
    items = len(layer_of)
    for start, end in links:
        chain = []
        for layer in range(layer_of[start] + 1, layer_of[end]):
            layers[layer].append(items)
            chain.append(items)
            items += 1
        passing[start, end] = chain
        networkx.add_path(graph, [start, *chain, end])
    best, fewest = layers, _crossings(layers, graph)
    current = layers
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        current = _sweep(current, graph, forward=sweep % 2 == 0)
        crossings = _crossings(current, graph)
        if crossings < fewest:
            best, fewest = current, crossings
    return best, passing


def _sweep(layers: Sequence[Sequence[int]], graph: networkx.Graph[int], *, forward: bool) -> list[list[int]]:
    """Sort every layer by the mean place of the neighbours in the layer that was sorted before it."""
    order = range(len(layers)) if forward else range(len(layers) - 1, -1, -1)
    result = [list(layer) for layer in layers]
    before: dict[int, float] = {}
    for number in order:
        places = {item: row - (len(result[number]) - 1) / 2 for row, item in enumerate(result[number])}

        def middle(item: int, known: dict[int, float] = before, own: dict[int, float] = places) -> float:
            near = [known[other] for other in graph[item] if other in known]
            return sum(near) / len(near) if near else own[item]

        result[number].sort(key=middle)
        before = {item: row - (len(result[number]) - 1) / 2 for row, item in enumerate(result[number])}
    return result


def _crossings(layers: Sequence[Sequence[int]], graph: networkx.Graph[int]) -> int:
    total = 0
    for left, right in pairwise(layers):
        places = {item: row for row, item in enumerate(right)}
        ends = [(row, places[other]) for row, item in enumerate(left) for other in graph[item] if other in places]
        total += sum(
            (one[0] - other[0]) * (one[1] - other[1]) < 0
            for position, one in enumerate(ends)
            for other in ends[:position]
        )
    return total


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return a smooth line from the right side of the first box to the left side of the last."""
    # A line of groups by kind may lead back to the left; it then begins and ends on the other sides.
    side = 1.0 if points[-1][0] >= points[0][0] else -1.0
    half = side * (BOX_WIDTH / 2 + 2)
    flat = [(points[0][0] + half, points[0][1])]
    for x, y in points[1:-1]:
        # A link that passes a layer runs level beside its boxes.
        flat += [(x - half, y), (x + half, y)]
    flat.append((points[-1][0] - half - 4 * side, points[-1][1]))
    parts = [f"M{flat[0][0]:g} {flat[0][1]:g}"]
    for (x0, y0), (x1, y1) in pairwise(flat):
        bend = (x0 + x1) / 2
        parts.append(f"C{bend:g} {y0:g} {bend:g} {y1:g} {x1:g} {y1:g}")
    return "".join(parts)
