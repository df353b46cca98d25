"""Names of nodes in the place of their ids, in a network as it is read from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from arena.errors import FaultList, FieldFault, suggest

_ENDS: Final = {"supply_links": ("supplier", "buyer"), "market_links": ("retailer", "market")}


def with_ids(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping of a network with an id for every node, and ids in the place of names.

    A node without an id gets its position in the file, from 0. What is not a mapping stays as it is: the schema refuses
    it where it stands.

    Args:
        network: as read from a file or given by a caller, possibly with faults.

    Raises:
        FaultList: Links or bills of materials refer to names that no node has, or that several nodes have.
    """
    nodes = network.get("nodes")
    if not _is_list(nodes):
        return dict(network)
    numbered = [
        {**node, "id": position} if isinstance(node, Mapping) and node.get("id") is None else node
        for position, node in enumerate(nodes)
    ]
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
        self._doubled: set[str] = set()
        for node in nodes:
            is_mapping = isinstance(node, Mapping)
            name = node.get("name") if is_mapping else getattr(node, "name", None)
            if isinstance(name, str):
                if name in self._ids:
                    self._doubled.add(name)
                self._ids[name] = node["id"] if is_mapping else node.id

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
        if end in self._doubled:
            rule = "a link refers to a node by its id, or by a name that one node has; several nodes have this name"
            self.faults.append(FieldFault(field, end, rule, "give each node a name of its own, or write the id"))
        elif end not in self._ids:
            self.faults.append(FieldFault(field, end, "no node has this name", suggest(end, self._ids)))
        return self._ids.get(end, end)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
