"""What a shortage and a unit of stock cost at every node, and the quantile of demand that balances them.

Newsvendor: with b the cost of a unit short and h that of a unit left, stock up to the quantile b / (b + h) of demand,
the critical ratio (Arrow, Harris and Marschak 1951, Econometrica 19).
"""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from functools import cache
from statistics import NormalDist

import numpy as np

from arena import Network
from arena_heuristics.ordering import FloatArray, Material

# A ratio of 0 or 1 has no finite quantile. Without holding cost 7 deviations of safety stock are as good as any number;
# without shortage cost the target should vanish unless demand is certain, hence the much longer tail.
_HIGHEST_RATIO = 1.0 - 1e-12
_LOWEST_RATIO = 1e-300
_RATIO_WITHOUT_COSTS = 0.5

_DIGITS = 50
_ROOT_OF_TWO_PI = Decimal("2.5066282746310005024157652848110452530069867406099383")
_FURTHEST_REFINED = 8.0  # further out the series would lose its digits, and no ratio but 0 lies there


def shortage_cost(network: Network, node: int, least: float) -> float:
    """Cost of a unit short at a node (b), in money per unit.

    Args:
        network: The network.
        node: Id of a managed node.
        least: Lower bound for nodes without a market.

    Returns:
        At a retailer the largest shortage penalty of its market links; elsewhere the margin, highest selling price −
        lowest buying price, at least ``least``. With a bill of materials a unit is bought as its components, each at
        its lowest price.
    """
    if node in network.retailers:
        return max(network.market_links[link].shortage_penalty for link in network.markets_of(node))
    selling = max(network.supply_links[link].price for link in network.outbound(node))
    inbound = [network.supply_links[link] for link in network.inbound(node)]
    bill = network.node(node).bill_of_materials
    if bill:
        buying = sum(
            component.units * min(link.price for link in inbound if link.supplier in component.suppliers)
            for component in bill
        )
    else:
        buying = min(link.price for link in inbound)
    return max(selling - buying, least)


def holding_cost(network: Network, node: int) -> float:
    """Cost of a unit on hand at a node (h), in money per unit and period; 0 where the network gives none."""
    return network.node(node).holding_cost or 0.0


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


@cache
def standard_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution (z), correctly rounded and kept finite at 0 and 1.

    The library's value may be off by some units in the last place, and an (s, S) rule compares positions with levels
    that can be equal but for that place. One Newton step with the distribution function summed to 50 digits,
    Φ(z) = ½ + φ(z)·(z + z³/3 + z⁵/15 + …), rounds it correctly.

    Args:
        probability: From 0 to 1.

    Returns:
        z with Φ(z) = probability.

    >>> round(standard_quantile(0.95), 6)
    1.644854
    >>> standard_quantile(1.0) < 7.1
    True
    """
    probability = min(max(probability, _LOWEST_RATIO), _HIGHEST_RATIO)
    estimate = NormalDist().inv_cdf(probability)
    if abs(estimate) > _FURTHEST_REFINED:
        return estimate
    with localcontext(prec=_DIGITS):
        z = Decimal(estimate)
        term = series = z
        divisor = 1
        while abs(term) > Decimal(10) ** -_DIGITS:
            divisor += 2
            term *= z * z / divisor
            series += term
        density = (-z * z / 2).exp() / _ROOT_OF_TWO_PI
        excess = Decimal("0.5") + density * series - Decimal(probability)
        return float(z - excess / density)


def ratio_quantile(shortage: float, holding: float) -> float:
    """Quantile of the critical ratio of two costs.

    Args:
        shortage: Cost of a unit short, b.
        holding: Cost of a unit left, h.

    Returns:
        z with Φ(z) = b / (b + h); 0 if neither costs anything.

    >>> round(ratio_quantile(0.5, 0.5), 6)
    0.0
    """
    total = shortage + holding
    return standard_quantile(shortage / total if total > 0 else _RATIO_WITHOUT_COSTS)


def per_material(materials: Iterable[Material], value_of_node: dict[int, float]) -> FloatArray:
    """Repeat a value per node for every material that the node orders, (materials,)."""
    return np.array([value_of_node[material.node] for material in materials])
