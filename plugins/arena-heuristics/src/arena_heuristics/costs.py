"""Costs and critical ratios of the materials that the rules order; the formulas are the arena's own."""

from collections.abc import Iterable

import numpy as np

from arena import (
    Network,
    contribution_margins,
    holding_cost,
    newsvendor_quantile,
    shortage_cost,
    standard_normal_quantile,
)
from arena_heuristics.config import CriticalRatioConfig, EchelonBaseStockConfig
from arena_heuristics.ordering import FloatArray, Material, StockKeeper

__all__ = [
    "critical_quantiles",
    "echelon_holding_cost",
    "echelon_quantiles",
    "holding_cost",
    "per_material",
    "shortage_cost",
    "underage_costs",
]


def echelon_holding_cost(network: Network, node: int, least: float) -> float:
    """Cost of a unit in a node's echelon: what holding it here adds to holding it further down.

    Args:
        network: The network.
        node: Id of a managed node.
        least: Lower bound.

    Returns:
        max(least, h − Σ h of the direct managed successors), in money per unit and period.
    """
    successors = {network.supply_links[link].buyer for link in network.outbound(node)}
    return max(least, holding_cost(network, node) - sum(holding_cost(network, buyer) for buyer in sorted(successors)))


def underage_costs(network: Network) -> dict[int, float]:
    """Cost of a unit short at every managed node: what it costs at the customers in the end.

    At a retailer it is the contribution margin of the sale plus the penalty, of the dearest market link. At a node
    upstream it is that of the dearest buyer, per unit that goes into one unit of the buyer's output. The margin counts
    for customers who wait too, because those who still wait at the end of an episode were lost.

    Args:
        network: The network.

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
        costs[node] = max(at_customers + downstream)
    return costs


def per_material(materials: Iterable[Material], value_of_node: dict[int, float]) -> FloatArray:
    """Repeat a value per node for every material that the node orders, (materials,)."""
    return np.array([value_of_node[material.node] for material in materials])


def critical_quantiles(config: CriticalRatioConfig, stock: StockKeeper, holding_costs: dict[int, float]) -> FloatArray:
    """Quantile z of every material's critical ratio.

    Args:
        config: May fix the ratio; gives the least shortage cost.
        stock: The materials and their network.
        holding_costs: Cost of a unit left, per managed node.

    Returns:
        (materials,).
    """
    network: Network = stock.network
    if config.critical_ratio is not None:
        return np.full(len(stock.materials), standard_normal_quantile(config.critical_ratio))
    if config.formulas == "textbook":
        shortage = underage_costs(network)
    else:
        shortage = {node: shortage_cost(network, node, config.least_shortage_cost) for node in holding_costs}
    quantiles = {node: newsvendor_quantile(shortage[node], holding) for node, holding in holding_costs.items()}
    return per_material(stock.materials, quantiles)


def echelon_quantiles(config: EchelonBaseStockConfig, stock: StockKeeper) -> FloatArray:
    """Quantile z of every material's echelon: the mean of Shang and Song's two bounds.

    Args:
        config: May fix the ratio; gives the least holding cost of an echelon.
        stock: The materials and their network.

    Returns:
        (materials,).

    Source: Shang and Song (2003), Management Science 49, 618-638.
    """
    network: Network = stock.network
    if config.critical_ratio is not None:
        return np.full(len(stock.materials), standard_normal_quantile(config.critical_ratio))
    shortage = underage_costs(network)
    dearest: dict[int, float] = {}
    quantiles = {}
    for node in reversed(network.upstream_first):
        buyers = [network.supply_links[link].buyer for link in network.outbound(node)]
        suppliers = [network.supply_links[link].supplier for link in network.inbound(node)]
        own = holding_cost(network, node)
        above = min(holding_cost(network, supplier) for supplier in suppliers)
        dearest[node] = max([own, *(dearest[buyer] for buyer in buyers)])
        bounds = [
            newsvendor_quantile(shortage[node] + above, max(holding - above, config.least_holding_cost))
            for holding in (dearest[node], own)
        ]
        quantiles[node] = sum(bounds) / 2.0
    return per_material(stock.materials, quantiles)
