"""Two ordering rules for batches of episodes, to which policies add: the published newsvendor, and net requirements.

Materials, shares of suppliers and critical ratios are those of `arena_heuristics`: a material is what one stock point
orders, in the order of the compiled scenario's stock points, and suppliers share an order by
1 / (1 + price + 0.1 × lead time).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from arena import CompiledScenario, Network, holding_cost, newsvendor_quantile, order_up_to_level, shortage_cost
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.ordering import Convention, list_materials, material_needs, unit_contents
from arena_rl.inputs.echelon_positions import SupplyStructure
from arena_rl.inputs.observations import BatchBriefing, BatchObservation, as_float

_PUBLISHED = NewsvendorConfig()


class OrderedMaterials:
    """Materials of a network: the quantities that demand needs of them, and their suppliers.

    Args:
        network: the network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.materials = list_materials(network, _PUBLISHED.lead_time_weight)
        self.material_of_link = torch.zeros(len(network.supply_links), dtype=torch.long)
        self.share_of_link = torch.zeros(len(network.supply_links))
        for index, material in enumerate(self.materials):
            self.material_of_link[list(material.links)] = index
            self.share_of_link[list(material.links)] = torch.tensor(material.shares)

    def _needs(self, convention: Convention) -> Tensor:
        contents = unit_contents(self.network, self.materials, convention)
        return as_float(material_needs(self.network, self.materials, contents))

    @cached_property
    def shared_needs(self) -> Tensor:
        """Units of a material per unit of demand, with a share for each supplier, (materials, market links)."""
        return self._needs("shared")

    @cached_property
    def newsvendor_needs(self) -> Tensor:
        """Units of a material that the newsvendor rule covers per unit of demand, (materials, market links)."""
        return self._needs("whole") if len(self.network.market_links) == 1 else self.shared_needs

    @cached_property
    def critical_quantiles(self) -> Tensor:
        """Standard normal quantile of each material's critical ratio, (materials,)."""
        network, least = self.network, _PUBLISHED.least_shortage_cost
        nodes = [material.node for material in self.materials]
        return as_float(
            [newsvendor_quantile(shortage_cost(network, node, least), holding_cost(network, node)) for node in nodes]
        )

    def per_link(self, quantities: Tensor) -> Tensor:
        """Split quantities of materials, (episodes, materials), between their suppliers, (episodes, supply links)."""
        return quantities[:, self.material_of_link] * self.share_of_link


class NewsvendorRule:
    """The published newsvendor rule for a batch of episodes; no demand after the last period is covered.

    Args:
        ordered: materials of the network.
        compiled: the compiled network.
    """

    def __init__(self, ordered: OrderedMaterials, compiled: CompiledScenario) -> None:
        self.ordered = ordered
        materials, links = ordered.materials, compiled.links
        offsets = compiled.network.pipeline_offsets
        # Position = on hand + in transit + owed by suppliers − owed to buyers − backlog of the node's own customers.
        pipeline = np.zeros((offsets[-1], len(materials)))
        owed = np.zeros((links, len(materials)))
        backlog = np.zeros((compiled.markets, len(materials)))
        for index, material in enumerate(materials):
            for link in material.links:
                pipeline[offsets[link] : offsets[link + 1], index] = 1.0
                owed[link, index] += 1.0
            for link in compiled.network.outbound(material.node):
                owed[link, index] -= material.units
            for market in compiled.network.markets_of(material.node):
                backlog[market, index] = -material.units
        self._weights = as_float(np.concatenate((np.eye(len(materials)), pipeline, owed, backlog)))
        self._lead_times = torch.tensor([material.lead_time for material in materials])

    def inventory_positions(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Inventory position of every material, units, (episodes, materials)."""
        backlog = briefing.backlog(observation)
        state = torch.cat((observation.on_hand, observation.pipeline, observation.owed, backlog), dim=1)
        return state @ self._weights

    def lead_time_demand(self, briefing: BatchBriefing, observation: BatchObservation) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the demand over lead time and coming period, by the forecast.

        The noise scale counts as on the published informed track; where the track does not show it, it is 1 (Poisson).

        Returns:
            Mean and deviation, units, (episodes, materials) each.
        """
        needs = self.ordered.newsvendor_needs
        forecast = observation.forecast
        assert forecast is not None
        noise_scale = torch.ones(len(forecast)) if briefing.noise_scale is None else briefing.noise_scale
        path = nn.functional.pad(forecast, (0, max(0, int(self._lead_times.max()) + 1 - forecast.shape[2])))
        variance = torch.where(path > 0, path * noise_scale[:, None, None] ** 2, 1.0)
        means = path.cumsum(2)[:, :, self._lead_times]
        variances = variance.cumsum(2)[:, :, self._lead_times]
        return (means * needs.T).sum(1), (variances * needs.T**2).sum(1).sqrt()

    def orders(self, briefing: BatchBriefing, observation: BatchObservation) -> Tensor:
        """Orders of the rule, units, (episodes, supply links)."""
        mean, deviation = self.lead_time_demand(briefing, observation)
        level = order_up_to_level(mean, deviation, self.ordered.critical_quantiles)
        return self.ordered.per_link((level - self.inventory_positions(briefing, observation)).clamp(min=0.0))


class NetRequirements:
    """Net requirements: the order that raises supply to the demand until that supply can be sold, and no further.

    The rule of material requirements planning, time-phased. An order of a stock point arrives after its lead time, and
    reaches a customer after the quickest way from there. Until then demand consumes the stock on hand, in transit and
    owed; the order is the part of demand that remains. Like an order-up-to rule it corrects errors of its own past; in
    contrast to the published newsvendor rule it reads the demand of the time at which its stock is sold, not that of
    the coming periods. Source: J. Orlicky (1975), Material requirements planning; the order-up-to level is the demand
    over the risk period.

    Args:
        newsvendor: gives inventory positions of the nodes themselves, without stock downstream.
        structure: of the network.
    """

    def __init__(self, newsvendor: NewsvendorRule, structure: SupplyStructure) -> None:
        self._newsvendor = newsvendor
        ordered = newsvendor.ordered
        point_of = structure.compiled.network.receiving_points
        # A unit on hand leaves a node in the coming period and is sold after its way to the market: stock downstream
        # meets the demand before that. Units of an order are sold after its lead time at the earliest.
        delays = [structure.time_to_market[point_of[material.links[0]]] for material in ordered.materials]
        first = [max(0, delay - 1) for delay in delays]
        last = [material.lead_time + delay for material, delay in zip(ordered.materials, delays, strict=True)]
        self.periods: int = max(last) + 1
        """Number of periods of forecast that the rule reads."""
        covered = np.zeros((self.periods, len(ordered.materials)))
        for material, (begin, end) in enumerate(zip(first, last, strict=True)):
            covered[begin : end + 1, material] = 1.0
        needs = torch.einsum("pm,kp->mkp", ordered.shared_needs, as_float(covered))
        self._gross = needs.flatten(0, 1)  # (market links × periods, materials)

    def orders(self, briefing: BatchBriefing, observation: BatchObservation, forecast: Tensor) -> Tensor:
        """Net requirement of every supply link, negative for excess stock.

        Args:
            briefing: of the batch.
            observation: of the period.
            forecast: mean demand of the coming periods, 0 after the end, units, (episodes, market links, `periods`).

        Returns:
            Units, (episodes, supply links).
        """
        positions = self._newsvendor.inventory_positions(briefing, observation)
        return self._newsvendor.ordered.per_link(forecast.flatten(1) @ self._gross - positions)
