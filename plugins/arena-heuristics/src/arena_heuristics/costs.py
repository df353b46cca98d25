"""Costs and critical ratios of the materials that the rules order; the formulas are the arena's own."""

from collections.abc import Iterable

import numpy as np

from arena import (
    Briefing,
    Network,
    contribution_margins,
    holding_cost,
    newsvendor_quantile,
    shortage_cost,
    standard_normal_quantile,
)
from arena_heuristics.config import CriticalRatioConfig, EchelonBaseStockConfig
from arena_heuristics.ordering import FloatArray, Material
from arena_heuristics.stock_keeper import StockKeeper

__all__ = [
    "critical_quantiles",
    "echelon_holding_cost",
    "echelon_holding_costs",
    "echelon_quantiles",
    "holding_cost",
    "holding_costs",
    "material_holding_cost",
    "owed_penalty",
    "per_material",
    "shortage_cost",
    "underage_costs",
]


def echelon_holding_cost(network: Network, node: int, least: float, own: float | None = None) -> float:
    """Cost of a unit in a node's echelon: what holding it here adds to holding it further down.

    Args:
        network: The network.
        node: Id of a managed node.
        least: Lower bound.
        own: Cost of holding a unit here (h); None: the node's.

    Returns:
        max(least, h − Σ h of the direct managed successors), in money per unit and period.
    """
    successors = {network.supply_links[link].buyer for link in network.outbound(node)}
    held = holding_cost(network, node) if own is None else own
    return max(least, held - sum(holding_cost(network, buyer) for buyer in sorted(successors)))


def underage_costs(network: Network, briefing: Briefing | None = None) -> dict[int, float]:
    """Cost of a unit short at every managed node: what it costs at the customers in the end.

    At a retailer it is the contribution margin of the sale plus the penalty, of the dearest market link. At a node
    upstream it is that of the dearest buyer, per unit that goes into one unit of the buyer's output. The margin counts
    for customers who wait too, because those who still wait at the end of an episode were lost. The penalty for what a
    node owes comes on top of what it costs at the customers.

    Args:
        network: The network.
        briefing: Says whether shortages are owed; None: they are not.

    Returns:
        Money per unit of the node's output, by node id.

    Source: Snyder and Shen (2019), Fundamentals of Supply Chain Theory, section 4.3.
    """
    margins = contribution_margins(network).tolist()
    costs: dict[int, float] = {}
    for node in reversed(network.upstream_first):
        at_customers = [margins[i] + network.market_links[i].shortage_penalty for i in network.markets_of(node)]
        downstream = [
            costs[network.supply_links[link].buyer] / network.stock_points[network.receiving_points[link]].consumption
            for link in network.outbound(node)
        ]
        costs[node] = max(at_customers + downstream) + (0.0 if briefing is None else owed_penalty(briefing, node))
    return costs


def owed_penalty(briefing: Briefing, node: int) -> float:
    """Largest cost of a unit that a node owes its buyers, money per period; 0 where shortages are not owed."""
    if briefing.upstream_shortage != "owed":
        return 0.0
    network = briefing.network
    return max((network.supply_links[link].shortage_penalty for link in network.outbound(node)), default=0.0)


def per_material(materials: Iterable[Material], value_of_node: dict[int, float]) -> FloatArray:
    """Repeat a value per node for every material that the node orders, (materials,)."""
    return np.array([value_of_node[material.node] for material in materials])


def material_holding_cost(network: Network, material: Material) -> float:
    """Cost of a unit of a material on hand: the component's own, if it has one, else its node's."""
    if material.component is not None:
        factory, line = network.components[material.component]
        own = network.node(factory).bill_of_materials[line].holding_cost
        if own is not None:
            return own
    return holding_cost(network, material.node)


def holding_costs(stock: StockKeeper) -> FloatArray:
    """Cost of a unit of every material on hand, money per unit and period, (materials,)."""
    return np.array([material_holding_cost(stock.network, material) for material in stock.materials])


def echelon_holding_costs(stock: StockKeeper, least: float) -> FloatArray:
    """`echelon_holding_cost` of every material, (materials,)."""
    network = stock.network
    return np.array(
        [
            echelon_holding_cost(network, material.node, least, material_holding_cost(network, material))
            for material in stock.materials
        ]
    )


def critical_quantiles(
    config: CriticalRatioConfig, stock: StockKeeper, overage_costs: FloatArray, briefing: Briefing
) -> FloatArray:
    """Quantile z of every material's critical ratio.

    Args:
        config: May fix the ratio; gives the least shortage cost.
        stock: The materials and their network.
        overage_costs: Cost of a unit left, (materials,).
        briefing: Of the episode.

    Returns:
        (materials,).
    """
    network: Network = stock.network
    if config.critical_ratio is not None:
        return np.full(len(stock.materials), standard_normal_quantile(config.critical_ratio))
    if config.formulas == "textbook":
        shortage = underage_costs(network, briefing)
    else:
        shortage = {
            node: shortage_cost(network, node, config.least_shortage_cost) + owed_penalty(briefing, node)
            for node in network.managed
        }
    return np.array(
        [
            newsvendor_quantile(shortage[material.node], cost)
            for material, cost in zip(stock.materials, overage_costs.tolist(), strict=True)
        ]
    )


def echelon_quantiles(config: EchelonBaseStockConfig, stock: StockKeeper, briefing: Briefing) -> FloatArray:
    """Quantile z of every material's echelon: the mean of Shang and Song's two bounds.

    Args:
        config: May fix the ratio; gives the least holding cost of an echelon.
        stock: The materials and their network.
        briefing: Of the episode.

    Returns:
        (materials,).

    Source: Shang and Song (2003), Management Science 49, 618-638.
    """
    network: Network = stock.network
    if config.critical_ratio is not None:
        return np.full(len(stock.materials), standard_normal_quantile(config.critical_ratio))
    shortage = underage_costs(network, briefing)
    dearest: dict[int, float] = {}
    for node in reversed(network.upstream_first):
        buyers = [network.supply_links[link].buyer for link in network.outbound(node)]
        dearest[node] = max([holding_cost(network, node), *(dearest[buyer] for buyer in buyers)])
    quantiles = []
    for material in stock.materials:
        node, own = material.node, material_holding_cost(network, material)
        suppliers = [network.supply_links[link].supplier for link in network.inbound(node)]
        above = min(holding_cost(network, supplier) for supplier in suppliers)
        bounds = [
            newsvendor_quantile(shortage[node] + above, max(holding - above, config.least_holding_cost))
            for holding in (max(dearest[node], own), own)
        ]
        quantiles.append(sum(bounds) / 2.0)
    return np.array(quantiles)
