"""Costs and critical ratios of the materials that the rules order; the formulas are the arena's own."""

from collections.abc import Iterable

import numpy as np

from arena import Network, holding_cost, newsvendor_quantile, shortage_cost, standard_normal_quantile
from arena import newsvendor_quantile as ratio_quantile
from arena_heuristics.config import CriticalRatioConfig
from arena_heuristics.ordering import FloatArray, Material, StockKeeper

__all__ = [
    "critical_quantiles",
    "echelon_holding_cost",
    "holding_cost",
    "per_material",
    "ratio_quantile",
    "shortage_cost",
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
    quantiles = {
        node: newsvendor_quantile(shortage_cost(network, node, config.least_shortage_cost), holding)
        for node, holding in holding_costs.items()
    }
    return per_material(stock.materials, quantiles)
