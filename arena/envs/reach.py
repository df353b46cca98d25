"""How large an entry of an observation can become, so that every observation lies in its space."""

from __future__ import annotations

import math

from arena.simulate.compiled import CompiledScenario
from arena.simulate.turns import Source
from arena.world.scenario import LARGEST_QUANTITY, Scenario

# Room for the rounding of sums of many floats.
_ROUNDING = 1.0 + 1e-6


def observation_bound(scenario: Scenario, compiled: CompiledScenario, order_bound: float) -> float:
    """Bound of the observation box: no entry of an observation exceeds it, whatever is ordered.

    It is 1 000 000, the bound of the published environments, where that suffices, else the next power of ten above the
    largest of: units that a node can hold or have on its way, units that a supplier can owe, units that customers can
    ask for (`Scenario.demand_ceiling`), periods and sentiment.

    Args:
        scenario: what is played.
        compiled: the scenario compiled.
        order_bound: largest order on one supply link, units.

    Returns:
        Units, a power of ten.
    """
    horizon = scenario.horizon
    ordered = [
        _largest_placed(source, order_bound) * horizon + sum(before)
        for source, before in zip(compiled.sources, compiled.initial_orders, strict=True)
    ]
    under_way = [sum(slots) for slots in compiled.initial_pipeline]
    sentiment = 1.0 if scenario.goodwill is None else scenario.goodwill.cap
    wanted = scenario.demand_ceiling + sum(compiled.initial_backlog)
    on_links = [units + before for units, before in zip(ordered, under_way, strict=True)]
    largest = max(*_held(compiled, ordered, under_way), *on_links, wanted, float(horizon), sentiment)
    return max(LARGEST_QUANTITY, 10.0 ** math.ceil(math.log10(largest * _ROUNDING)))


def _largest_placed(source: Source, order_bound: float) -> float:
    """Largest order that is placed on a link after it was raised to the minimum order and to whole lots."""
    return max(order_bound, source.minimum_order) + source.lot_size


def _held(compiled: CompiledScenario, ordered: list[float], under_way: list[float]) -> list[float]:
    """Units that every managed node, in the order of ``network.managed``, can have had by the end, all stocks together.

    Args:
        compiled: the scenario compiled.
        ordered: largest sum of the orders placed over the episode, and before, per supply link.
        under_way: units under way before the first period, per supply link.
    """
    network = compiled.network
    had = list(compiled.initial_stock)  # per stock point
    for node_id in network.upstream_first:
        for position in network.points_of(node_id):
            for link in compiled.stock_points[position].arrivals:
                stocks = compiled.sources[link].stocks
                most = min((had[stock] / consumption for stock, consumption in stocks), default=math.inf)
                had[position] += min(ordered[link], most) + under_way[link]
    return [sum(had[position] for position in network.points_of(node_id)) for node_id in network.managed]
