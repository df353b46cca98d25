"""What a replay shows of an episode: units and money by node and period, as columns.

Every number is one of the ledger, or a sum of numbers of the ledger over links or nodes. Nothing is rounded here; who
shows a number rounds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.audit.replaying import ReplayedEpisode
from arena.report.network_layout import Layout, kind_name, kind_of
from arena.simulate.ledger import Ledger
from arena.world.network import Network
from arena.world.scenario import Scenario

MOST_NODE_PERIODS: Final = 40_000
"""Nodes × periods × controllers of which a page holds every number, at most; beyond, some nodes and all sums."""

MOST_SLOTS: Final = 2_000
"""Places on lines at which units under way are drawn, at most."""
MOST_SLOT_PERIODS: Final = 200_000
"""The same, × periods."""

Array = NDArray[np.float64]


class Column(NamedTuple):
    """A column of the table of nodes.

    Attributes:
        key: its name in the data.
        label: its heading.
        sort: units, or money.
        about: what it is, in a sentence without a full stop.
    """

    key: str
    label: str
    sort: Literal["units", "money"]
    about: str


_UNFILLED: Final = {
    "backlog": ("backlog", "customers who wait at the end"),
    "lost_sales": ("lost sales", "customers who left without their units"),
    "mixed": ("unfilled", "customers who wait or left without their units"),
}

_COLUMNS: Final = (
    Column("on_hand", "on hand", "units", "stock at the end of the period"),
    Column("in_transit", "on the way", "units", "units under way to the node at the end"),
    Column("requested", "ordered", "units", "orders of the node, as it asked"),
    Column("received", "received", "units", "units delivered to the node"),
    Column("shipped", "shipped", "units", "units shipped to other nodes"),
    Column("owed", "owed", "units", "units that the node owes to other nodes at the end"),
    Column("demand", "demand", "units", "demand of customers in the period"),
    Column("sold", "sold", "units", "units sold to customers, late deliveries included"),
    Column("unfilled", "unfilled", "units", ""),
    Column("scrapped", "scrapped", "units", "units above the storage capacity, which are lost"),
    Column("lost", "lost on the way", "units", "units on the way to the node that can no longer arrive"),
    Column("revenue", "revenue", "money", "earned from customers and from nodes that buy"),
    Column("procurement_cost", "procurement", "money", "paid for filled orders"),
    Column("holding_cost", "holding", "money", "for stock on hand and on the way"),
    Column("operating_cost", "operating", "money", "for throughput"),
    Column("shortage_penalty", "shortage", "money", "for unfilled units"),
    Column("fixed_ordering_cost", "fixed ordering", "money", "for periods in which a link shipped anything"),
    Column("terminal_value", "stock at the end", "money", "what stock is worth after the last period"),
    Column("node_profit", "profit", "money", "revenue less the costs, and stock at the end"),
)
_ALWAYS: Final = frozenset(
    ("on_hand", "in_transit", "requested", "received", "demand", "sold", "unfilled", "revenue", "node_profit")
)
COSTS: Final = ("procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost")


@dataclass(frozen=True)
class Row:
    """A row of the table of nodes.

    Attributes:
        label: name of the node, or what several are together.
        kind: of the node, in words; empty for the whole network.
        nodes: positions among the network's managed nodes.
    """

    label: str
    kind: str
    nodes: tuple[int, ...]


def columns_for(scenario: Scenario, ledgers: Iterable[Ledger]) -> list[Column]:
    """Return the columns in which something happened, beside those that every episode has.

    Args:
        scenario: that was played.
        ledgers: of its episodes.
    """
    played = list(ledgers)
    links = scenario.network.market_links
    shares = {
        link.waiting_share
        if link.waiting_share is not None
        else {"backlog": 1.0, "lost_sales": 0.0}[link.fulfilment or scenario.fulfilment]
        for link in links
    }
    label, about = _UNFILLED["backlog" if shares == {1.0} else "lost_sales" if shares == {0.0} else "mixed"]
    kept = [
        column
        for column in _COLUMNS
        if column.key in _ALWAYS or any(by_node(one, scenario.network, column.key).any() for one in played)
    ]
    return [one._replace(label=label, about=about) if one.key == "unfilled" else one for one in kept]


def by_node(ledger: Ledger, network: Network, key: str) -> Array:
    """Return a column by managed node.

    Args:
        ledger: of an episode.
        network: that was played.
        key: of the column.

    Returns:
        Units or money, shape (periods, managed nodes).
    """
    if key in ("in_transit", "requested", "received", "lost"):
        values = np.maximum(ledger.requested, 0.0) if key == "requested" else getattr(ledger, key)
        return _summed(values, [link.buyer for link in network.supply_links], network)
    if key in ("shipped", "owed"):
        values = ledger.filled if key == "shipped" else ledger.owed
        return _summed(values, [link.supplier for link in network.supply_links], network)
    if key in ("demand", "sold", "unfilled"):
        return _summed(getattr(ledger, key), [link.retailer for link in network.market_links], network)
    found: Array = getattr(ledger, key)
    return found


def _summed(by_link: Array, ends: Sequence[int], network: Network) -> Array:
    """Return sums over the links of each managed node; links of raw material are left out."""
    managed = {node: position for position, node in enumerate(network.managed)}
    chosen = [link for link, node in enumerate(ends) if node in managed]
    result = np.zeros((len(managed), len(by_link)))
    np.add.at(result, [managed[ends[link]] for link in chosen], by_link[:, chosen].T)
    return result.T


def rows_for(network: Network, layout: Layout, ledgers: Sequence[Ledger]) -> list[Row]:
    """Return the rows of the table of nodes: the whole network, groups where the drawing has such, and nodes.

    Of an episode with too many nodes and periods for a page those nodes are left out that move the least money.

    Args:
        network: that was played.
        layout: its drawing.
        ledgers: of the episodes.
    """
    position = {node: place for place, node in enumerate(network.managed)}
    rows = [Row("whole network", "", tuple(range(len(position))))]
    if layout.grouped:
        rows += [
            Row(vertex.label, kind_name(vertex.kind, len(vertex.nodes)), tuple(position[one] for one in vertex.nodes))
            for vertex in layout.vertices
            if vertex.nodes[0] in position and len(vertex.nodes) > 1
        ]
    room = max(1, MOST_NODE_PERIODS // max(1, ledgers[0].periods * len(ledgers)))
    kept = set(position)
    if len(position) > room:
        moved = np.sum([getattr(one, key).sum(axis=0) for one in ledgers for key in ("revenue", *COSTS)], axis=0)
        kept = {network.managed[place] for place in np.argsort(-moved, kind="stable")[:room]}
        # The drawing shows the numbers of a box that is a single node.
        kept |= {vertex.nodes[0] for vertex in layout.vertices if len(vertex.nodes) == 1}
    return rows + [
        Row(network.label(node), kind_name(kind_of(network, node)), (place,))
        for node, place in position.items()
        if node in kept
    ]


def draws_slots(scenario: Scenario, layout: Layout) -> bool:
    """Tell whether a drawing shows where on their way units are; if not, a line's width alone says how many."""
    slots = scenario.network.pipeline_offsets[-1]
    return not layout.grouped and slots <= MOST_SLOTS and slots * scenario.horizon <= MOST_SLOT_PERIODS


def page_data(episodes: Sequence[ReplayedEpisode], layout: Layout) -> dict[str, Any]:
    """Return the data of a page as plain values.

    A series that is zero throughout is the number 0; every other one is a list with a number per period.

    Args:
        episodes: one, or two of the same scenario and seed.
        layout: drawing of the network.
    """
    scenario = episodes[0].scenario
    network = scenario.network
    ledgers = [one.ledger for one in episodes]
    columns = columns_for(scenario, ledgers)
    rows = rows_for(network, layout, ledgers)
    places = {row.nodes: number for number, row in reversed(list(enumerate(rows)))}
    position = {node: place for place, node in enumerate(network.managed)}
    vertices = []
    for vertex in layout.vertices:
        managed = vertex.nodes[0] in position
        at = places[tuple(position[one] for one in vertex.nodes)] if managed else None
        vertices.append({"kind": vertex.kind, "label": vertex.label, "row": at})
    return {
        "periods": ledgers[0].periods,
        "warmUp": scenario.warm_up,
        "columns": [column._asdict() for column in columns],
        "rows": [
            {"label": row.label, "kind": row.kind, "single": len(row.nodes) == 1 and number > 0}
            for number, row in enumerate(rows)
        ],
        "vertices": vertices,
        "edges": [{"supply": bool(edge.supply_links)} for edge in layout.edges],
        "runs": [_run(one, layout, columns, rows) for one in episodes],
    }


def _run(episode: ReplayedEpisode, layout: Layout, columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, Any]:
    ledger, network, record = episode.ledger, episode.scenario.network, episode.record
    series = {}
    for column in columns:
        values = by_node(ledger, network, column.key)
        series[column.key] = [_plain(values[:, list(row.nodes)].sum(axis=1)) for row in rows]
    slots = episode.pipeline() if draws_slots(episode.scenario, layout) else None
    offsets = network.pipeline_offsets
    edges = []
    for edge in layout.edges:
        links, markets = list(edge.supply_links), list(edge.market_links)
        told: dict[str, Any] = {}
        if links:
            told = {
                key: _plain(getattr(ledger, key)[:, links].sum(axis=1)) for key in ("requested", "filled", "in_transit")
            }
        if slots is not None and links:
            # Each slot with the share of the way that its units have behind them: the oldest of n is about to arrive.
            told["slots"] = [
                [round((count - slot) / (count + 1), 4), _plain(slots[:, offsets[link] + slot])]
                for link in links
                for count in [offsets[link + 1] - offsets[link]]
                for slot in range(count)
            ]
        if markets:
            told["sold"] = _plain(ledger.sold[:, markets].sum(axis=1))
        edges.append(told)
    return {
        "name": record.submission,
        "profit": record.profit,
        "columns": series,
        "edges": edges,
        "ends": [_end(ledger, network, vertex.nodes, vertex.kind) for vertex in layout.vertices],
    }


def _end(ledger: Ledger, network: Network, nodes: Sequence[int], kind: str) -> Mapping[str, Any] | None:
    """Return the series of a box that is no managed node; None for those that are."""
    within = set(nodes)
    if kind == "market":
        links = [place for place, link in enumerate(network.market_links) if link.market in within]
        return {key: _plain(getattr(ledger, key)[:, links].sum(axis=1)) for key in ("demand", "sold", "unfilled")}
    if kind == "raw_material":
        links = [place for place, link in enumerate(network.supply_links) if link.supplier in within]
        return {"shipped": _plain(ledger.filled[:, links].sum(axis=1))}
    return None


def _plain(series: Array) -> list[float] | int:
    return [_number(value) for value in series.tolist()] if series.any() else 0


def _number(value: float) -> float:
    """Return whole numbers as such, which JSON writes shorter; their value is the same."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
