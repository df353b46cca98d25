"""Hypothesis strategies of worlds so small that every plan of whole units can be tried, with every part of a world.

One to four managed nodes, two or three periods, demand of a few units; every part of `arena.world.parts`, data,
histories and windows are drawn independently of each other::

    from tiny_worlds import all_profits, tiny_worlds, whole_plans
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from arena import Scenario, compile_scenario
from arena.simulate.batch import replay_batch
from arena.world.parts import PARTS, parts_of

ALL_PARTS = frozenset(PARTS)
_RAWS = (90, 91)
_FIRST_MARKET = 50


@st.composite
def tiny_worlds(
    draw: st.DrawFn, *, largest: int = 4, longest: int = 3, goodwill: bool = False, whole: bool = False
) -> Scenario:
    """Small worlds with any combination of parts.

    Args:
        draw: of Hypothesis.
        largest: most managed nodes.
        longest: most periods.
        goodwill: whether demand follows sentiment; then it is sampled by inverse CDF.
        whole: whether orders are lots of one unit, so that the plans of whole units are all plans.
    """
    horizon = draw(st.integers(1, longest))
    owes = draw(st.booleans())
    fulfilment = draw(st.sampled_from(["backlog", "lost_sales"]))
    nodes, links = draw(_network(largest, owes, horizon, whole))
    sales, demand, more = draw(_customers(nodes, links, horizon, fulfilment, goodwill))
    network = {"name": "tiny", "nodes": nodes, "supply_links": links, "market_links": sales}
    return Scenario.model_validate(
        {
            "name": "tiny",
            "horizon": horizon,
            "network": network,
            "demand": demand,
            "fulfilment": fulfilment,
            "goodwill": {"growth": 1.25, "decay": 0.5, "cap": 2.0, "floor": 0.25} if goodwill else None,
            "upstream_shortage": "owed" if owes else "lost",
            "discount": draw(st.sampled_from([1.0, 0.9])),
            "warm_up": draw(st.sampled_from([0, 0, horizon - 1])),
            "visible_arrivals": draw(st.sampled_from(["by_order", "total"])),
            **more,
        }
    )


@st.composite
def _network(
    draw: st.DrawFn, largest: int, owes: bool, horizon: int, whole: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Nodes and supply links: the first managed node is fed by a raw material, each other one by one before it."""
    count = draw(st.integers(1, largest))
    parents = [None, *(draw(st.integers(0, node - 1)) for node in range(1, count))]
    nodes: list[dict[str, Any]] = []
    pairs = []
    assembles = count > 1 and draw(st.integers(0, 4)) == 0
    for raw in _RAWS[: 2 if assembles else 1]:
        nodes.append({"id": raw, "capacity": draw(st.sampled_from([None, None, 2.0]))})
        pairs.append((raw, 0))
    for node, parent in enumerate(parents):
        ships = node in parents
        own: dict[str, Any] = {
            "id": node,
            "initial_stock": float(draw(st.integers(0, 3))),
            "holding_cost": draw(st.sampled_from([0.0, 0.1, 0.3])),
            "terminal_value": draw(st.sampled_from([None] * 9 + [0.4, 2.5, -0.5])),
        }
        if parent is not None:
            pairs.append((parent, node))
        if assembles and node == 0:
            first = {"suppliers": [_RAWS[0]], "units": 1.0, "holding_cost": 0.2, "terminal_value": 0.1}
            own["bill_of_materials"] = [first, {"suppliers": [_RAWS[1]], "units": 2.0}]
        if "bill_of_materials" in own or draw(st.integers(0, 3)) == 0:
            own |= {"capacity": draw(st.sampled_from([2.0, 5.0])), "operating_cost": draw(st.sampled_from([0.1, 3.0]))}
            own["yield"] = 1.0 if whole else draw(st.sampled_from([1.0, 0.5]))
        elif draw(st.integers(0, 4)) == 0:
            own["storage_capacity"] = own["initial_stock"] + draw(st.integers(0, 3))
        if parents.count(node) > 1:
            own["allocation"] = draw(st.sampled_from(["first_come", "proportional"]))
        own["_sells"] = "bill_of_materials" not in own and (not ships or draw(st.booleans()))
        if own["_sells"] and ships:
            own["priority"] = draw(st.sampled_from([None, "links", "markets"]))
        nodes.append(own)
    if draw(st.integers(0, 4)) == 0:
        pairs.append(pairs[-1])
    by_id = {node["id"]: node for node in nodes}
    links = [
        draw(_supply_link(by_id[supplier], buyer, i, owes, horizon, whole)) for i, (supplier, buyer) in enumerate(pairs)
    ]
    return nodes, links


@st.composite
def _supply_link(
    draw: st.DrawFn, supplier: dict[str, Any], buyer: int, place: int, owes: bool, horizon: int, whole: bool
) -> dict[str, Any]:
    is_raw = supplier["id"] in _RAWS
    shortest = int(supplier.get("priority") is not None)
    link: dict[str, Any] = {
        "name": f"link {place}",
        "supplier": supplier["id"],
        "buyer": buyer,
        "lead_time": draw(st.integers(shortest, max(shortest, 1))),
        "price": draw(st.sampled_from([0.5, 1.0])),
        "pipeline_holding_cost": draw(st.sampled_from([0.0, 0.05])),
        "order_delay": draw(st.sampled_from([0, 0, 0, 1])),
    }
    if draw(st.integers(0, 2)) == 0:
        link["minimum_order"] = float(draw(st.integers(2, 4)))
    if whole or draw(st.integers(0, 3)) == 0:
        link["lot_size"] = 1.0 if whole else draw(st.sampled_from([1.0, 2.0, 1.5]))
    if draw(st.integers(0, 4)) == 0:
        link["fixed_ordering_cost"] = draw(st.sampled_from([0.5, 2.0]))
    if owes and not is_raw:
        link["shortage_penalty"] = draw(st.sampled_from([0.0, 0.2]))
    kind = draw(st.sampled_from(["fixed", "fixed", "random", "series"]))
    values: list[Any] = [shortest, shortest + 1, "lost"]
    if kind == "random":
        shares = {"values": values, "probabilities": [0.5, 0.3, 0.2], "may_cross": draw(st.booleans())}
        link["lead_time_distribution"] = shares
    elif kind == "series":
        played = [draw(st.sampled_from(values)) for _ in range(horizon)]
        link["lead_time_series"] = {"values": [*played, shortest], "may_cross": draw(st.booleans())}
    slots = link["lead_time"] if kind == "fixed" else shortest + 1
    if kind == "series":
        slots = max(value for value in [*played, shortest] if value != "lost")
    if slots and draw(st.integers(0, 2)) == 0:
        link["initial_pipeline"] = [float(draw(st.integers(0, 2)))]
    if link["order_delay"] and draw(st.booleans()):
        link["initial_orders"] = [float(draw(st.integers(1, 4)))]
    return link


@st.composite
def _demand(draw: st.DrawFn, horizon: int, *, further: bool) -> dict[str, Any]:
    """Demand of a few units: as it is written, or drawn, of every distribution."""
    written = [float(draw(st.integers(0, 4))) for _ in range(horizon)]
    given: dict[str, Any] = {"series": {"values": [*written, 1.0]}, "noise_scale": 0.0, "sampling": "inverse_cdf"}
    kind = draw(st.sampled_from(["written", "poisson", "normal", "negative_binomial", "gamma", "empirical"]))
    if kind == "written":
        return given
    given = {"base_mean": draw(st.sampled_from([0.05, 1.0, 3.0])), "distribution": kind, "sampling": "inverse_cdf"}
    given |= {
        "negative_binomial": {"dispersion": 0.5},
        "gamma": {"shape": 2.0},
        "empirical": {"values": [0.0, 1.0, 4.0], "weights": [1.0, 2.0, 1.0]},
    }.get(kind, {})
    if further:
        given["autoregression"] = draw(st.sampled_from([0.0, 0.6, -0.4]))
    return given


@st.composite
def _customers(
    draw: st.DrawFn,
    nodes: list[dict[str, Any]],
    links: list[dict[str, Any]],
    horizon: int,
    fulfilment: str,
    goodwill: bool,
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Market links, the demand that holds where a link has none of its own, and fields of the scenario."""
    sales: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    for node in [node for node in nodes if node.pop("_sells", False)]:
        for _ in range(draw(st.sampled_from([1, 1, 2]))):
            sale: dict[str, Any] = {
                "retailer": node["id"],
                "market": _FIRST_MARKET + len(sales),
                "price": draw(st.sampled_from([2.0, 3.0, 5.0])),
                "shortage_penalty": draw(st.sampled_from([0.0, 0.5])),
                "demand": draw(st.none() | _demand(horizon, further=True)),
            }
            kind = draw(st.sampled_from(["scenario", "scenario", "fulfilment", "share"]))
            if kind == "fulfilment":
                sale["fulfilment"] = draw(st.sampled_from(["backlog", "lost_sales"]))
            elif kind == "share":
                sale["waiting_share"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
            if draw(st.integers(0, 3)) == 0:
                sale["initial_backlog"] = 2.0
            sales.append(sale)
            nodes.append({"id": sale["market"]})
    demand = draw(_demand(horizon, further=True))
    if not goodwill and draw(st.integers(0, 4)) == 0:
        rows = [[float(draw(st.integers(0, 4))) for _ in range(horizon + 3)] for _ in sales]
        names = [str(sale["market"]) for sale in sales]
        data = {"markets": names, "start": "0", "frequency": "period", "values": rows}
        demand = {"data": data, "by": "order"}
        for sale in sales:
            sale["demand"] = None
        if draw(st.booleans()):
            more["window"] = {"start": 1, "length": horizon, "stride": 1, "count": 2}
            more["history"] = draw(st.integers(0, 1))
    elif all("series" not in one for one in [demand, *(sale["demand"] or {} for sale in sales)]):
        more["history"] = draw(st.integers(0, 2))
    has_data = "data" in demand
    if not has_data and draw(st.integers(0, 2)) == 0:
        more["correlation"] = {"common": draw(st.sampled_from([0.5, 1.0]))}
    waits = any(
        sale.get("waiting_share", {"backlog": 1.0, "lost_sales": 0.0}[sale.get("fulfilment", fulfilment)])
        for sale in sales
    )
    backlog = any(sale.get("initial_backlog") for sale in sales)
    if not waits and not backlog and not goodwill:
        more["visible_demand"] = draw(st.sampled_from(["demand", "sales"]))
    return sales, demand, more


def whole_plans(
    shape: tuple[int, int], most: int, largest: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Plans of whole units: all of them where they are at most ``most``, else so many random ones.

    Args:
        shape: periods and supply links.
        most: most plans.
        largest: largest order, units.
        generator: of the random ones.

    Returns:
        Units, (plans, periods, supply links).
    """
    places, units = shape[0] * shape[1], int(largest) + 1
    if units**places <= most:
        return np.array(list(product(range(units), repeat=places)), dtype=np.float64).reshape(-1, *shape)
    plans = generator.integers(0, units, (most, *shape)).astype(np.float64)
    plans *= generator.random((most, *shape)) < generator.random((most, 1, 1))  # from few orders to many
    return plans


def all_profits(
    scenario: Scenario,
    plans: NDArray[np.float64],
    demand: NDArray[np.float64],
    lead_times: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Profit of every plan in one episode with exogenous demand, (plans,), money.

    Args:
        scenario: the world.
        plans: units, (plans, periods, supply links).
        demand: of the episode, (periods, market links), units.
        lead_times: of the episode; None where none varies.
    """
    count = len(plans)

    def repeated(values: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(values[None], count, axis=0)

    history = replay_batch(
        compile_scenario(scenario),
        np.minimum(plans, scenario.order_bound),
        repeated(demand),
        repeated(lead_times) if lead_times is not None and lead_times.size else None,
    )
    return np.asarray(history.profit.sum(axis=(1, 2)))


def unplayed(scenario: Scenario, plays: Sequence[str]) -> set[str]:
    """The parts of a world that are not among those that a controller plays."""
    return set(parts_of(scenario)) - set(plays)
