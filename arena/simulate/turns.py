"""Turns: which supply links are served at the same moment of a period, and what each draws on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena.world.network import Network
from arena.world.nodes_and_links import Priority


@dataclass(frozen=True, slots=True)
class Source:
    """What a supply link draws on."""

    link: int  # position of the supply link
    node: int  # position of the supplying managed node, -1 for raw material
    shipper: int  # managed nodes by position, then raw materials with a capacity; -1 for those without
    stocks: tuple[tuple[int, float], ...]  # (stock point, units consumed per unit shipped)
    capacity: float | None  # units per period over all links of the supplier
    minimum_order: float
    lot_size: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A part of the supply links whose buyers are served at the same moment of a period.

    Attributes:
        first_come: those that are served in the order of the links.
        shared: those of suppliers that share in proportion to what is asked for, together by supplier.
        points: stock points of the suppliers.
    """

    first_come: tuple[Source, ...] = ()
    shared: tuple[tuple[Source, ...], ...] = ()
    points: tuple[int, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """All links of the turn."""
        return self.first_come + tuple(source for sources in self.shared for source in sources)


def turn_of(network: Network, sources: Sequence[Source], priority: Priority | None) -> Turn:
    """The links of the suppliers of one priority.

    Args:
        network: what is played.
        sources: of all supply links.
        priority: of the suppliers; None for those without one.
    """
    first_come: list[Source] = []
    shared: dict[int, list[Source]] = {}
    for source in sources:
        supplier = network.node(network.supply_links[source.link].supplier)
        if supplier.priority != priority:
            continue
        if supplier.allocation == "proportional" and source.shipper >= 0:
            shared.setdefault(supplier.id, []).append(source)
        else:
            first_come.append(source)
    suppliers = {network.supply_links[source.link].supplier for source in first_come} | shared.keys()
    points = tuple(point for supplier in sorted(suppliers) for point in network.points_of(supplier))
    return Turn(tuple(first_come), tuple(map(tuple, shared.values())), points)
