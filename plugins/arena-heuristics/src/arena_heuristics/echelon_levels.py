"""Clark and Scarf's policy as a controller: exact echelon levels on serial networks."""

from typing import get_args

import numpy as np

from arena import (
    Briefing,
    InformedBriefing,
    InformedObservation,
    Network,
    Observation,
    contribution_margins,
)
from arena_heuristics.clark_scarf import DemandLaw, Distribution, SerialSystem
from arena_heuristics.config import ClarkScarfConfig, EchelonBaseStockConfig, RuleConfig
from arena_heuristics.costs import material_holding_cost, owed_penalty
from arena_heuristics.newsvendor import EchelonBaseStock
from arena_heuristics.ordering import FloatArray
from arena_heuristics.rule import InventoryRule
from arena_heuristics.stock_keeper import carried_shares


class ClarkScarf(InventoryRule[ClarkScarfConfig]):
    """Order up to the optimal echelon base-stock levels of a serial network, computed from the forecast.

    A network is serial if every managed node has one supplier and one buyer or market, and a unit is made of one unit.
    There the policy is optimal in the long run where customers wait, mean demand is constant, and there are no
    capacities, lots, minimum orders and fixed costs, of which the levels know nothing; prices and costs of transit
    change no level, because every unit passes every link once. Where customers go away, and where means change, it is
    an approximation (see `arena_heuristics.clark_scarf`). Distribution and deviation of demand are those that the track
    tells, unless they are configured; a distribution other than Poisson, normal and uniform is taken for normal. An
    order that cannot reach a customer before the episode ends is not placed. Order delays lengthen lead times, which is
    exact where the supplier never runs out.

    On other networks it is the rule `EchelonBaseStock` with ``formulas: textbook``; so it is where lead times vary,
    where deviations of demand follow one another, where a node ships after its deliveries, where there is a penalty
    for what suppliers owe, and where stock has a terminal value: the levels know nothing of these.
    """

    def prepare(self, briefing: Briefing) -> None:
        """Find the stages of the network, or prepare the rule that plays in their place.

        Raises:
            TypeError: If the briefing tells of no forecast.
        """
        if not isinstance(briefing, InformedBriefing):
            raise TypeError(f"clark-scarf computes its levels from the forecast; the {briefing.track} track has none")
        network = briefing.network
        is_beyond = (
            bool(network.varying_links)
            or bool(briefing.autoregressions.any())
            or any(node.priority is not None for node in network.nodes)
            or any(owed_penalty(briefing, node) > 0 for node in network.managed)
            or self.ending.is_weighed
        )
        stages = None if is_beyond else serial_stages(network)
        self._elsewhere: EchelonBaseStock | None = None
        if stages is None:
            shared = self.config.model_dump(include=set(RuleConfig.model_fields))
            self._elsewhere = EchelonBaseStock(EchelonBaseStockConfig(**shared, formulas="textbook"))
            self._elsewhere.begin(briefing)
            return
        self.stock.count_echelon_stock()
        material_of = {material.node: place for place, material in enumerate(self.stock.materials)}
        self._places = [material_of[node] for node in stages]
        law = demand_law(self.config, briefing)
        self._deviation_is_told = self.config.distribution is None and law.distribution != "poisson"
        self._system = SerialSystem(
            # What arrives can be sold in that period, and be shipped on in the next one.
            covers=[int(self.stock.lead_times[place]) + 1 for place in self._places],
            holding_costs=[material_holding_cost(network, self.stock.materials[place]) for place in self._places],
            backlog_cost=backlog_cost(self.config, briefing),
            law=law,
            least_holding_cost=self.config.least_holding_cost,
        )
        self._horizon = briefing.horizon

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every echelon position with its level."""
        if self._elsewhere is not None:
            return self._elsewhere.shortfalls(observation)
        assert isinstance(observation, InformedObservation)
        left = self._horizon - observation.period
        told = observation.forecast_deviation[0, :left] if self._deviation_is_told else None
        levels = self._system.levels(observation.forecast[0, :left], told)
        shortfalls = np.zeros(len(self._places))
        served = self._places[: len(levels)]
        shortfalls[served] = levels - self.stock.positions(observation)[served]
        return shortfalls

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period; see `InventoryRule.order`."""
        return super().order(observation) if self._elsewhere is None else self._elsewhere.order(observation)


def demand_law(config: ClarkScarfConfig, briefing: InformedBriefing) -> DemandLaw:
    """The law of demand on the one market link: as configured, else as told.

    A distribution that `DemandLaw` does not know counts as normal.
    """
    if config.distribution is not None:
        spread = config.half_width if config.distribution == "uniform" else config.standard_deviation
        return DemandLaw(config.distribution, briefing.noise_scale, spread)
    known = {name: name for name in get_args(Distribution)}
    return DemandLaw(known.get(briefing.distributions[0], "normal"), briefing.noise_scale)


def backlog_cost(config: ClarkScarfConfig, briefing: Briefing) -> float:
    """Cost of a customer who waits for a unit, money per period, see `ClarkScarfConfig.backlog_cost`."""
    if config.backlog_cost is not None:
        return config.backlog_cost
    penalty = briefing.network.market_links[0].shortage_penalty
    if carried_shares(briefing)[0] == 1.0 and penalty > 0:
        return penalty
    return penalty + float(contribution_margins(briefing.network)[0])


def serial_stages(network: Network) -> tuple[int, ...] | None:
    """Find the managed nodes of a serial network, from the retailer upstream.

    Args:
        network: The network.

    Returns:
        Ids of the nodes; None if the network is not serial.
    """
    one_way = all(
        len(network.inbound(node)) == 1 and len(network.outbound(node)) + len(network.markets_of(node)) == 1
        for node in network.managed
    )
    one_each = all(point.consumption == 1.0 for point in network.stock_points)
    if not (one_way and one_each and len(network.market_links) == 1):
        return None
    return tuple(reversed(network.upstream_first))
