"""What makes a set of nodes and links a supply network: the rules that no single field can state.

Kept apart from the schema so that :class:`arena.world.network.Network` reads as data, and every rule here as a rule.
"""

from __future__ import annotations

from collections import Counter

from arena.errors import FieldFault
from arena.world.names import doubled_name
from arena.world.nodes_and_links import Node, SupplyLink
from arena.world.supply_graph import SupplyGraph

_STOCK_FIELDS = (
    "initial_stock",
    "holding_cost",
    "capacity",
    "operating_cost",
    "storage_capacity",
    "bill_of_materials",
    "priority",
    "terminal_value",
)


def network_faults(network: SupplyGraph) -> list[FieldFault]:
    """Every fault of a network whose fields are valid one by one.

    Faults of the graph (cycles, reachability) are only looked for once ids and links are sound: on a graph with
    unknown nodes they would be echoes of the first mistake.
    """
    faults = _id_faults(network) + _name_faults(network) + _link_faults(network)
    if faults:
        return faults
    faults = _graph_faults(network)
    if faults:
        return faults
    for position, node in enumerate(network.nodes):
        faults += _node_faults(network, node, f"nodes[{position}]")
    return faults + _supply_link_faults(network)


def _id_faults(network: SupplyGraph) -> list[FieldFault]:
    seen: dict[int, int] = {}
    faults = []
    for position, node in enumerate(network.nodes):
        if node.id in seen:
            first = f"nodes[{seen[node.id]}] has the same id"
            faults.append(
                FieldFault(f"nodes[{position}].id", node.id, "ids are unique", f"{first}; give one another id")
            )
        seen.setdefault(node.id, position)
    return faults


def _name_faults(network: SupplyGraph) -> list[FieldFault]:
    named = {
        "nodes": [node.name for node in network.nodes],
        "supply_links": [link.name for link in network.supply_links],
        "market_links": [link.name for link in network.market_links],
    }
    faults = []
    for kind, names in named.items():
        seen: dict[str, int] = {}
        for position, name in enumerate(names):
            if name in seen:
                faults.append(doubled_name(kind, position, name, seen[name]))
            elif name is not None:
                seen[name] = position
    return faults


def _link_faults(network: SupplyGraph) -> list[FieldFault]:
    known = {node.id for node in network.nodes}
    ends = [
        (f"supply_links[{i}]", ("supplier", link.supplier), ("buyer", link.buyer))
        for i, link in enumerate(network.supply_links)
    ] + [
        (f"market_links[{i}]", ("retailer", link.retailer), ("market", link.market))
        for i, link in enumerate(network.market_links)
    ]
    faults = []
    count: Counter[tuple[int, int]] = Counter()
    names = [link.name for link in network.supply_links] + [link.name for link in network.market_links]
    supply_links = len(network.supply_links)
    unnamed = Counter((tail[1], head[1]) for (_, tail, head), name in zip(ends, names, strict=True) if name is None)
    for position, (field, tail, head) in enumerate(ends):
        for name, node_id in (tail, head):
            if node_id not in known:
                fix = "add the node or name one of " + ", ".join(map(network.label, sorted(known)[:20]))
                faults.append(FieldFault(f"{field}.{name}", node_id, "links join nodes of the network", fix))
        pair = (tail[1], head[1])
        shown = f"{network.label(pair[0])} -> {network.label(pair[1])}"
        if pair[0] == pair[1]:
            faults.append(FieldFault(field, shown, "a link joins two different nodes", "remove it"))
        count[pair] += 1
        if count[pair] == 2 and (unnamed[pair] or position >= supply_links):
            rule = "there is at most one link between two nodes without a name"
            fix = "merge the two links, remove one, or give each a name, such as air and sea"
            if position >= supply_links:
                rule, fix = "there is at most one link between two nodes", "merge the two links or remove one"
            faults.append(FieldFault(field, shown, rule, fix))
    sellers = {link.supplier for link in network.supply_links} | {link.retailer for link in network.market_links}
    buyers = {link.buyer for link in network.supply_links}
    for i, link in enumerate(network.supply_links):
        if link.buyer in known and link.buyer not in sellers:
            rule = "a node that buys on a supply link also ships or sells; one that only receives is a market"
            fix = "move this link to market_links or give the node an outgoing link"
            faults.append(FieldFault(f"supply_links[{i}].buyer", _value(network, link.buyer), rule, fix))
    for i, market_link in enumerate(network.market_links):
        if market_link.market in sellers:
            rule = "a market is the end of the network: nothing leaves it"
            fix = "use a supply link, or a node of its own as market"
            faults.append(FieldFault(f"market_links[{i}].market", _value(network, market_link.market), rule, fix))
        if market_link.retailer in known and market_link.retailer not in buyers:
            rule = "a retailer holds stock that it buys on a supply link"
            fix = f"add a supply link with buyer {network.label(market_link.retailer)}"
            retailer = _value(network, market_link.retailer)
            faults.append(FieldFault(f"market_links[{i}].retailer", retailer, rule, fix))
    return faults


def _graph_faults(network: SupplyGraph) -> list[FieldFault]:
    import networkx

    graph = network.graph
    alone = [node for node in graph if graph.degree(node) == 0]
    faults = [
        FieldFault(
            f"nodes[{position}]",
            _value(network, node.id),
            "every node is reachable: at least one link joins it to the network",
            "add a link or remove the node",
        )
        for position, node in enumerate(network.nodes)
        if node.id in alone
    ]
    if not networkx.is_directed_acyclic_graph(graph):
        cycle = networkx.find_cycle(graph)
        path = " -> ".join(network.label(edge[0]) for edge in [*cycle, cycle[0]])
        faults.append(FieldFault("supply_links", path, "goods flow one way: no cycles", "remove one link of the cycle"))
    parts = [sorted(part) for part in networkx.weakly_connected_components(graph) if not part <= set(alone)]
    if len(parts) > 1:
        smaller = [_value(network, node) for node in min(parts, key=len)]
        rule = "every node is reachable: the network is one connected whole"
        fix = "join these nodes to the others or make them a network of their own"
        faults.append(FieldFault("nodes", smaller, rule, fix))
    return faults


def _node_faults(network: SupplyGraph, node: Node, field: str) -> list[FieldFault]:
    role = network.role(node.id)
    faults = []
    if role in ("market", "raw_material"):
        word = role.replace("_", " ")
        for name in _STOCK_FIELDS:
            value = getattr(node, name)
            if value not in (None, ()) and not (name == "capacity" and role == "raw_material"):
                shown = [component.model_dump() for component in value] if name == "bill_of_materials" else value
                rule = f"node {node.label} is a {word}: it holds no stock and has no costs"
                rule += " or capacity" if role == "market" else ""
                faults.append(FieldFault(f"{field}.{name}", shown, rule, "remove the field or add the missing link"))
        if node.yield_ != 1.0:
            rule = f"node {node.label} is a {word} and transforms nothing"
            faults.append(FieldFault(f"{field}.yield", node.yield_, rule, "remove the field"))
        return faults
    needed = ["initial_stock", "holding_cost"] + (["operating_cost"] if role == "factory" else [])
    for name in needed:
        if getattr(node, name) is None:
            rule = f"node {node.label} is a {role}: it needs this field"
            faults.append(FieldFault(f"{field}.{name}", None, rule, f"add {name}"))
    if role == "distributor":
        unwanted = {
            "operating_cost": node.operating_cost is not None,
            "yield": node.yield_ != 1.0,
            "bill_of_materials": bool(node.bill_of_materials),
        }
        values = {"operating_cost": node.operating_cost, "yield": node.yield_, "bill_of_materials": "given"}
        for name, given in unwanted.items():
            if given:
                rule = f"node {node.label} has no capacity, so it is a distributor; only factories have this field"
                faults.append(FieldFault(f"{field}.{name}", values[name], rule, "add a capacity or remove the field"))
    elif node.bill_of_materials:
        faults += _bill_faults(network, node, f"{field}.bill_of_materials")
    if node.storage_capacity is not None and node.initial_stock is not None:
        total = node.initial_stock * max(1, len(node.bill_of_materials))
        if total > node.storage_capacity:
            rule = f"the initial stock ({total:g} units in all) fits the storage capacity"
            faults.append(
                FieldFault(f"{field}.storage_capacity", node.storage_capacity, rule, f"give at least {total:g}")
            )
    return faults


def _bill_faults(network: SupplyGraph, node: Node, field: str) -> list[FieldFault]:
    suppliers = [network.supply_links[i].supplier for i in network.inbound(node.id)]
    listed = Counter(supplier for component in node.bill_of_materials for supplier in component.suppliers)
    faults = []
    for supplier, times in listed.items():
        if supplier not in suppliers:
            rule = f"components come from suppliers of node {node.label}"
            fix = "name some of " + ", ".join(map(network.label, sorted(suppliers)))
            faults.append(FieldFault(field, _value(network, supplier), rule, fix))
        if times > 1:
            rule = "a supplier delivers one component"
            faults.append(FieldFault(field, _value(network, supplier), rule, "name the supplier once"))
    for supplier in sorted(set(suppliers) - set(listed)):
        rule = f"every supplier of node {node.label} delivers a component"
        fix = f"add supplier {network.label(supplier)} to a component"
        faults.append(FieldFault(field, _value(network, supplier), rule, fix))
    if network.markets_of(node.id):
        rule = "a factory with a bill of materials sells through a retailer"
        faults.append(
            FieldFault(field, _value(network, node.id), rule, "put a distributor between the factory and its market")
        )
    return faults


def _supply_link_faults(network: SupplyGraph) -> list[FieldFault]:
    faults = []
    for position, link in enumerate(network.supply_links):
        field = f"supply_links[{position}]"
        supplier = network.node(link.supplier)
        if link.shortage_penalty and network.role(link.supplier) == "raw_material":
            rule = f"node {supplier.label} is a raw material, which has no costs"
            faults.append(FieldFault(f"{field}.shortage_penalty", link.shortage_penalty, rule, "remove the field"))
        if supplier.priority is not None and _shortest(link) == 0:
            rule = (
                f"node {supplier.label} has a priority, so it ships after the deliveries of a period; its lead times "
                "are 1 or more"
            )
            faults.append(FieldFault(f"{field}.lead_time", 0, rule, "write 1, or remove the priority"))
    for position, node in enumerate(network.nodes):
        if node.priority is not None and not network.outbound(node.id):
            rule = "a priority is for a node that ships on a supply link; here customers are served alone"
            faults.append(FieldFault(f"nodes[{position}].priority", node.priority, rule, "remove the field"))
        if node.allocation == "proportional" and len(network.outbound(node.id)) < 2:
            rule = "an allocation is for a node that ships on two supply links or more"
            faults.append(FieldFault(f"nodes[{position}].allocation", node.allocation, rule, "remove the field"))
    return faults


def _value(network: SupplyGraph, node_id: int) -> int | str:
    """A node as the value of a fault: its name, or else its id as it is written."""
    known = network.label(node_id)
    return node_id if known == str(node_id) else known


def _shortest(link: SupplyLink) -> int:
    """Smallest lead time that can occur on a link, periods."""
    values = [
        value
        for known in (link.lead_time_distribution, link.lead_time_series)
        if known is not None
        for value in known.values
        if value != "lost"
    ]
    return min(values, default=link.lead_time)
