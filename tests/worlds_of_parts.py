"""A small world for every part beyond the first schema (`arena.world.parts`), which uses that part and few others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from arena import Network, Scenario, load_network
from arena.world.parts import Part


def _world(network: str = "serial", edit: Callable[[dict[str, Any]], None] | None = None, **written: Any) -> Scenario:
    fields = load_network(network).model_dump(by_alias=True)
    for kind in ("nodes", "supply_links", "market_links"):
        fields[kind] = [dict(row) for row in fields[kind]]
    if edit is not None:
        edit(fields)
    return Scenario(name="world", network=Network.model_validate(fields), horizon=12, **written)


def _of(kind: str, place: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda fields: fields[kind][place].update(values)


def _node(number: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda fields: next(one for one in fields["nodes"] if one["id"] == number).update(values)


def _by_air(fields: dict[str, Any]) -> None:
    sea = fields["supply_links"][0]
    fields["supply_links"] = [*fields["supply_links"], {**sea, "name": "air", "lead_time": 1}]
    sea["name"] = "sea"


def _busiest(network: Network) -> int:
    return max(network.managed, key=lambda node: len(network.outbound(node)))


def _component_cost(fields: dict[str, Any]) -> None:
    for node in fields["nodes"]:
        if node["bill_of_materials"]:
            node["bill_of_materials"] = [{**line, "holding_cost": 0.5} for line in node["bill_of_materials"]]


_LAW: Final = {"values": [1, 4], "probabilities": [0.5, 0.5]}
_INVERSE: Final = {"sampling": "inverse_cdf"}

WORLDS: Final[Mapping[Part, Callable[[], Scenario]]] = {
    "market_demand": lambda: _world(edit=_of("market_links", 0, demand={"base_mean": 9})),
    "distributions": lambda: _world(demand={"distribution": "gamma", "shape": 2.0}),
    "autoregression": lambda: _world(demand={"autoregression": 0.5, **_INVERSE}),
    "correlation": lambda: _world("w", demand=_INVERSE, correlation={"common": 0.5}),
    "visible_sales": lambda: _world(fulfilment="lost_sales", visible_demand="sales"),
    "varying_lead_times": lambda: _world(edit=_of("supply_links", 0, lead_time_distribution=_LAW)),
    "hidden_arrivals": lambda: _world(
        edit=_of("supply_links", 0, lead_time_distribution=_LAW), visible_arrivals="total"
    ),
    "order_delays": lambda: _world(edit=_of("supply_links", 0, order_delay=1)),
    "parallel_links": lambda: _world(edit=_by_air),
    "raw_capacities": lambda: _world(edit=_node(load_network("serial").raw_materials[0], capacity=40)),
    "allocation": lambda: _world(
        "divergent", edit=_node(_busiest(load_network("divergent")), allocation="proportional")
    ),
    "priority": lambda: _world(edit=_node(2, priority="links")),
    "owed_penalties": lambda: _world(edit=_of("supply_links", 0, shortage_penalty=1.0), upstream_shortage="owed"),
    "initial_pipeline": lambda: _world(edit=_of("supply_links", 0, initial_pipeline=[3.0])),
    "initial_backlog": lambda: _world(edit=_of("market_links", 0, initial_backlog=3.0)),
    "market_fulfilment": lambda: _world(edit=_of("market_links", 0, waiting_share=0.5)),
    "component_holding_costs": lambda: _world("assembly", edit=_component_cost),
    "terminal_values": lambda: _world(edit=_node(1, terminal_value=0.5)),
    "warm_up": lambda: _world(warm_up=3),
}
