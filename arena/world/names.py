"""Names of nodes in the place of their ids, in a network as it is read from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from pydantic import BaseModel

from arena.errors import FaultList, FieldFault, suggest

_ENDS: Final = {"supply_links": ("supplier", "buyer"), "market_links": ("retailer", "market")}


def with_ids(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping of a network with an id for every node, and ids in the place of names.

    A node without an id gets its position in the file, from 0. What is not a mapping stays as it is: the schema refuses
    it where it stands. Where the nodes are no list of mappings, no end of a link is looked at.

    Args:
        network: as read from a file or given by a caller, possibly with faults.

    Raises:
        FaultList: Several nodes have one name, or links or bills of materials refer to names that no node has.
    """
    nodes = network.get("nodes")
    numbered = nodes
    if _is_list(nodes):
        numbered = [
            {**node, "id": position} if isinstance(node, Mapping) and node.get("id") is None else node
            for position, node in enumerate(nodes)
        ]
    if not _is_list(numbered) or not all(isinstance(node, Mapping | BaseModel) for node in numbered):
        # The schema tells of it; that no link can find its nodes would be an echo.
        written = {kind: network[kind] for kind in _ENDS if _is_list(network.get(kind))}
        unnamed = {kind: [_without_names(link, _ENDS[kind]) for link in links] for kind, links in written.items()}
        return {**network, **unnamed, **({"nodes": numbered} if _is_list(numbered) else {})}
    names = _Names(numbered)
    result: dict[str, Any] = {
        **network,
        "nodes": [names.in_bill(node, f"nodes[{position}]") for position, node in enumerate(numbered)],
    }
    for kind, ends in _ENDS.items():
        links = network.get(kind)
        if _is_list(links):
            result[kind] = [names.in_link(link, ends, f"{kind}[{position}]") for position, link in enumerate(links)]
    if names.faults:
        raise FaultList(names.faults)
    return result


class _Names:
    def __init__(self, nodes: Sequence[Any]) -> None:
        self.faults: list[FieldFault] = []
        self._ids: dict[str, Any] = {}
        places: dict[str, int] = {}
        for position, node in enumerate(nodes):
            is_mapping = isinstance(node, Mapping)
            name = node.get("name") if is_mapping else getattr(node, "name", None)
            if isinstance(name, str):
                if name in places:
                    self.faults.append(doubled_name("nodes", position, name, places[name]))
                places.setdefault(name, position)
                identity = node["id"] if is_mapping else node.id
                self._ids[name] = identity if isinstance(identity, int) else 0  # refused at the node, not at links too

    def in_link(self, link: Any, ends: Sequence[str], field: str) -> Any:
        if not isinstance(link, Mapping) or not any(isinstance(link.get(end), str) for end in ends):
            return link
        return {**link, **{end: self._id(link[end], f"{field}.{end}") for end in ends if end in link}}

    def in_bill(self, node: Any, field: str) -> Any:
        bill = node.get("bill_of_materials") if isinstance(node, Mapping) else None
        if not _is_list(bill):
            return node
        lines = []
        for position, line in enumerate(bill):
            if isinstance(line, Mapping) and _is_list(line.get("suppliers")):
                place = f"{field}.bill_of_materials[{position}].suppliers"
                line = {**line, "suppliers": [self._id(each, place) for each in line["suppliers"]]}
            lines.append(line)
        return {**node, "bill_of_materials": lines}

    def _id(self, end: Any, field: str) -> Any:
        if not isinstance(end, str):
            return end
        if end not in self._ids:
            self.faults.append(FieldFault(field, end, "no node has this name", suggest(end, self._ids)))
        return self._ids.get(end, end)


def doubled_name(kind: str, position: int, name: str, first: int) -> FieldFault:
    """Return the fault of a name that an earlier one of its kind has.

    Args:
        kind: field of the network, such as `supply_links`.
        position: of the second one.
        name: of both.
        first: position of the first one.
    """
    rule = f"names of {kind.replace('_', ' ')} are unique"
    fix = f"{kind}[{first}] has the same name; give one another name"
    return FieldFault(f"{kind}[{position}].name", name, rule, fix)


def _without_names(link: Any, ends: Sequence[str]) -> Any:
    if not isinstance(link, Mapping):
        return link
    return {**link, **{end: 0 for end in ends if isinstance(link.get(end), str)}}


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
