"""The ordering rule whose six parameters are set: the published one, of a bounded tuner.

Order of a material = clip(tier × max(mean × demand_multiplier + safety_z × deviation − position, 0), 0,
order_cap_fraction × bound), split between suppliers as every rule of arena-heuristics does it. Mean and deviation are
those of demand over the lead time and the coming period, estimated as there: from the last five periods on the blind
track, from the forecast on the informed one. The tier is `retail_multiplier` at a node that sells to a market,
`factory_multiplier` at another one with a capacity, and `distribution_multiplier` elsewhere.

Where stock has a terminal value, an order that cannot be sold in time is placed only if that value pays for it
(`arena_heuristics.ending`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from arena import Briefing, Network, Observation
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.demand import Moments
from arena_heuristics.ending import Ending
from arena_heuristics.estimates import estimate_for
from arena_heuristics.ordering import last_useful_periods
from arena_heuristics.stock_keeper import StockKeeper
from arena_llm.parameters import NAMES, Parameters

FloatArray = npt.NDArray[np.float64]

LEAD_TIME_WEIGHT: Final = 0.1
"""Price units that one period of lead time counts for when an order is split between suppliers, as published."""


def tier_of(network: Network, node: int) -> int:
    """Position in `NAMES` of the multiplier that holds for a node's orders."""
    if node in network.retailers:
        return NAMES.index("retail_multiplier")
    is_factory = network.node(node).capacity is not None
    return NAMES.index("factory_multiplier" if is_factory else "distribution_multiplier")


def material_orders(
    values: FloatArray, tiers: npt.NDArray[np.int64], bounds: FloatArray, demand: Moments, positions: FloatArray
) -> FloatArray:
    """The rule, for one episode or for a batch of them.

    Args:
        values: parameters in the order of `NAMES`, shape (..., 6).
        tiers: of every material, its multiplier's position in `NAMES`, (materials,).
        bounds: largest order of every material, units, (materials,).
        demand: over the lead time and the coming period, units, (..., materials).
        positions: inventory positions, units, (..., materials).

    Returns:
        Units to order, (..., materials).
    """
    target = demand.mean * values[..., 0:1] + values[..., 1:2] * demand.deviation
    wanted = values[..., tiers] * np.maximum(target - positions, 0.0)
    return np.asarray(np.minimum(wanted, values[..., 2:3] * bounds), dtype=np.float64)


class OrderingRule:
    """The rule in one episode. Parameters come with every order, so that they can change in between.

    Args:
        briefing: of the episode; its type says whether forecasts will come.
    """

    def __init__(self, briefing: Briefing) -> None:
        self._stock = StockKeeper(briefing, lead_time_weight=LEAD_TIME_WEIGHT, alternative_paths="auto")
        self._demand = estimate_for(briefing, self._stock.needs, NewsvendorConfig())
        network = briefing.network
        self._tiers = np.array([tier_of(network, material.node) for material in self._stock.materials])
        last_useful = last_useful_periods(network, briefing.horizon, self._stock.plan)
        self._ending = Ending(briefing, self._stock.materials, self._stock.plan, last_useful)
        self._bounds = np.array([briefing.order_bound[list(one.links)].min() for one in self._stock.materials])

    def orders(self, observation: Observation, parameters: Parameters) -> FloatArray:
        """Decide the orders of a period; called once per period.

        Args:
            observation: what is seen before the decision.
            parameters: in force in this period.

        Returns:
            Units, (supply links,), finite and not negative.
        """
        self._demand.observe(observation)
        values = np.array([getattr(parameters, name) for name in NAMES])
        demand = self._stock.protection.demand(self._demand.over)
        wanted = material_orders(values, self._tiers, self._bounds, demand, self._stock.positions(observation))
        orders = self._stock.orders(wanted)
        if not self._ending.is_weighed:
            return orders
        return np.where(self._ending.may_order(observation.period, len(orders)), orders, 0.0)
