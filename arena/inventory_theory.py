"""Textbook inventory formulas that controllers share: newsvendor levels, unit costs and demand presumed from stocks.

The newsvendor part works on numbers, and where it says so on columns of numpy or torch. The other functions read a
network's prices, costs and stocks; money and units are the network's.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from arena.simulate.columns import Column, operations_of

if TYPE_CHECKING:
    from arena.world.network import Network

# A ratio of 0 or 1 has no finite quantile. Without holding cost 7 deviations of safety stock are as good as any number;
# without shortage cost the target should vanish unless demand is certain, hence the much longer tail.
_HIGHEST_PROBABILITY: Final = 1.0 - 1e-12
_LOWEST_PROBABILITY: Final = 1e-300
_RATIO_WITHOUT_COSTS: Final = 0.5

_DIGITS: Final = 50
_ROOT_OF_TWO_PI: Final = Decimal("2.5066282746310005024157652848110452530069867406099383")
_FURTHEST_REFINED: Final = 8.0  # further out the series would lose its digits, and no ratio but 0 lies there


# --- newsvendor ----------------------------------------------------------------------------------------------------


def critical_ratio(shortage_cost: float, holding_cost: float) -> float:
    """Critical ratio of the newsvendor problem, R = b / (b + h): the optimal probability that demand is covered.

    Args:
        shortage_cost: cost of a unit short (b), money per unit.
        holding_cost: cost of a unit left over (h), money per unit.

    Returns:
        Probability (R), from 0 to 1; 0.5 if neither costs anything.

    Source: Arrow, Harris and Marschak (1951), Econometrica 19, 250-272.

    >>> critical_ratio(0.75, 0.25)
    0.75
    """
    total = shortage_cost + holding_cost
    return shortage_cost / total if total > 0 else _RATIO_WITHOUT_COSTS


@cache
def standard_normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution (z), correctly rounded, and finite at 0 and 1.

    The standard library's value may be off by some units in the last place, and a rule that compares positions with
    levels can decide by that place. One Newton step with the distribution function summed to 50 digits,
    Φ(z) = ½ + φ(z)·(z + z³/3 + z⁵/15 + …), rounds it correctly.

    Args:
        probability: from 0 to 1; 0 counts as 1e-300, and 1 as 1 - 1e-12.

    Returns:
        z with Φ(z) = probability, from -37.1 to 7.1.

    >>> round(standard_normal_quantile(0.95), 6)
    1.644854
    >>> standard_normal_quantile(1.0) < 7.1
    True
    """
    probability = min(max(probability, _LOWEST_PROBABILITY), _HIGHEST_PROBABILITY)
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


def newsvendor_quantile(shortage_cost: float, holding_cost: float) -> float:
    """Standard normal quantile (z) of the critical ratio: safety stock in standard deviations of demand.

    Args:
        shortage_cost: cost of a unit short (b), money per unit.
        holding_cost: cost of a unit left over (h), money per unit.

    Returns:
        z with Φ(z) = b / (b + h); 0 if neither costs anything.

    >>> newsvendor_quantile(0.5, 0.5)
    0.0
    """
    return standard_normal_quantile(critical_ratio(shortage_cost, holding_cost))


def order_up_to_level(mean: Column, deviation: Column, quantile: Column) -> Column:
    """Order-up-to level for normal demand over the protection interval, S = max(0, μ + z·σ).

    Args:
        mean: mean demand over the protection interval, lead time and review period (μ), units: a float, or an array of
            numpy or torch.
        deviation: its standard deviation (σ), units.
        quantile: standard normal quantile of the critical ratio (z).

    Returns:
        Level (S), units, of the kind of ``mean``; 0 where no demand is expected.

    Source: Zipkin (2000), Foundations of Inventory Management, section 6.4.

    >>> order_up_to_level(40.0, 5.0, 2.0)
    50.0
    >>> order_up_to_level(0.0, 5.0, 2.0)
    0.0
    """
    operations = operations_of(mean)
    level = operations.at_least(mean + quantile * deviation, 0.0)
    return operations.where(mean > 0, level, level * 0.0)


# --- unit costs ----------------------------------------------------------------------------------------------------


def holding_cost(network: Network, node: int) -> float:
    """Cost of a unit on hand at a node (h), money per unit and period; 0 where the network gives none."""
    return network.node(node).holding_cost or 0.0


def shortage_cost(network: Network, node: int, least: float) -> float:
    """Cost of a unit short at a node (b) by the node's own prices, as the published rules weigh it.

    It counts what the node is paid and pays, internal prices included; `contribution_margins` counts what a sale earns
    the whole network.

    Args:
        network: the network.
        node: id of a managed node.
        least: lower bound for nodes without a market, money per unit.

    Returns:
        Money per unit. At a retailer the largest shortage penalty of its market links; elsewhere highest selling price
        − lowest buying price, at least ``least``. With a bill of materials a unit is bought as its components, each at
        its lowest price.

    Source: gym-invmgmt (arXiv 2605.11355), its newsvendor rule.
    """
    if node in network.retailers:
        return max(network.market_links[link].shortage_penalty for link in network.markets_of(node))
    selling = max(network.supply_links[link].price for link in network.outbound(node))
    points = [network.stock_points[point] for point in network.points_of(node)]
    buying = sum(point.units * min(network.supply_links[link].price for link in point.arrivals) for point in points)
    return max(selling - buying, least)


def contribution_margins(network: Network) -> NDArray[np.float64]:
    """Contribution margin per unit sold, by market link: price less the cheapest cost of making the unit available.

    The cost is that of raw material and operations on the cheapest way through the network, yield losses included.
    Internal prices are left out, since what one node pays another is no cost of the network, and so are holding costs
    in stock and in transit.

    Args:
        network: the network.

    Returns:
        Money per unit, at least 0, shape (market links,).
    """
    cost: dict[int, float] = {}  # of a unit that a managed node ships
    for node_id in network.upstream_first:
        node, bought = network.node(node_id), 0.0
        for position in network.points_of(node_id):
            point = network.stock_points[position]
            links = [network.supply_links[link] for link in point.arrivals]
            bought += point.units * min(cost.get(link.supplier, link.price) for link in links)
        cost[node_id] = (bought + (node.operating_cost or 0.0)) / node.yield_
    return np.array([max(0.0, link.price - cost[link.retailer]) for link in network.market_links])


def lost_goodwill_price(loss: float, value: NDArray[np.float64], units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Price of a unit unfilled under goodwill: the later earnings that its period's shortage costs.

    A short period takes a share of all later demand; the loss is charged to the units of the period alike.

    Args:
        loss: share of later demand that a short period costs, see `Goodwill.shortage_loss`, perhaps weighted.
        value: earnings of every period, money, shape (periods,).
        units: demand of every period, shape (periods,); less than 1 counts as 1.

    Returns:
        Money per unit, shape (periods,): loss × Σ of later values / units; 0 in the last period.

    >>> lost_goodwill_price(0.1, np.array([20.0, 40.0, 60.0]), np.array([10.0, 20.0, 30.0])).tolist()
    [1.0, 0.3, 0.0]
    """
    later = np.cumsum(value[::-1])[::-1] - value
    return np.asarray(loss * later / np.maximum(units, 1.0), dtype=np.float64)


# --- prior demand --------------------------------------------------------------------------------------------------


def presumed_demand(
    network: Network, *, fallback: float, lead_time: Literal["network", "retailer"] = "network"
) -> NDArray[np.float64]:
    """Mean demand of every market link presumed before any is seen: what the retailer's initial stock seems made for.

    Initial stock, divided equally between the retailer's market links, is taken to cover a lead time and one period.

    Args:
        network: the network.
        fallback: units per period where a retailer starts without stock.
        lead_time: the longest of all supply links of the network, as the published rules have it, or the longest of the
            retailer's own.

    Returns:
        Units per period, shape (market links,).
    """
    means = []
    for link in network.market_links:
        inbound = network.inbound(link.retailer) if lead_time == "retailer" else range(len(network.supply_links))
        periods = max((network.lead_times[position] for position in inbound), default=0) + 1
        stock = (network.node(link.retailer).initial_stock or 0.0) / len(network.markets_of(link.retailer))
        means.append(stock / periods or fallback)
    return np.array(means)
