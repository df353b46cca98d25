"""Costs and critical ratios of the materials that the rules order; the formulas are the arena's own."""

from collections.abc import Iterable

import numpy as np

from arena import Network, holding_cost, newsvendor_quantile as ratio_quantile, shortage_cost
from arena_heuristics.ordering import FloatArray, Material

__all__ = ["echelon_holding_cost", "holding_cost", "per_material", "ratio_quantile", "shortage_cost"]


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
