"""Who orders what for whom in one network, and the newsvendor rule for batches of episodes.

Constants are those of `arena_heuristics`: materials in the order of the compiled's stock points, shares of suppliers by
1 / (1 + price + 0.1 × lead time), critical ratios.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from arena import CompiledScenario, Network
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.costs import holding_cost, per_material, ratio_quantile, shortage_cost
from arena_heuristics.ordering import Convention, list_materials, material_needs, unit_contents
from arena_rl.inputs.observations import Setting, Situation, as_float

_RULE = NewsvendorConfig()


class Trade:
    """Who orders what for whom, in a network.

    Args:
        network: the network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.materials = list_materials(network, _RULE.lead_time_weight)
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
        """Units of a material in a unit of demand, less what other suppliers bring, (materials, market links)."""
        return self._needs("shared")

    @cached_property
    def needs(self) -> Tensor:
        """Units of a material that the newsvendor prepares per unit of demand, (materials, market links)."""
        return self._needs("whole") if len(self.network.market_links) == 1 else self.shared_needs

    @cached_property
    def quantiles(self) -> Tensor:
        """Standard normal quantile of each material's critical ratio, (materials,)."""
        network = self.network
        found = {
            node: ratio_quantile(shortage_cost(network, node, _RULE.least_shortage_cost), holding_cost(network, node))
            for node in network.managed
        }
        return as_float(per_material(self.materials, found))


class Newsvendor:
    """The published newsvendor rule for a batch of episodes; after the last period there is no demand to cover.

    Args:
        trade: of the network.
        compiled: the network compiled.
    """

    def __init__(self, trade: Trade, compiled: CompiledScenario) -> None:
        self.trade = trade
        materials, links = trade.materials, compiled.links
        offsets = compiled.network.pipeline_offsets
        # Position = stock + under way and owed by suppliers − what the node itself owes buyers and customers.
        slots = np.zeros((offsets[-1], len(materials)))
        owed = np.zeros((links, len(materials)))
        due = np.zeros((compiled.markets, len(materials)))
        for index, material in enumerate(materials):
            for link in material.links:
                slots[offsets[link] : offsets[link + 1], index] = 1.0
                owed[link, index] += 1.0
            for link in compiled.network.outbound(material.node):
                owed[link, index] -= material.units
            for market in compiled.network.markets_of(material.node):
                due[market, index] = -material.units
        self._weights = as_float(np.concatenate((np.eye(len(materials)), slots, owed, due)))
        self._lead_times = torch.tensor([material.lead_time for material in materials])

    def positions(self, setting: Setting, situation: Situation) -> Tensor:
        """Inventory position per material, units, (episodes, materials)."""
        due = situation.unfilled * setting.rules[:, :1]
        return torch.cat((situation.on_hand, situation.pipeline, situation.owed, due), dim=1) @ self._weights

    def moments(self, setting: Setting, situation: Situation) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the demand over lead time and coming period, units, (episodes, materials) each.

        By the forecast, as published for the informed track; noise that is not told is Poisson's.
        """
        needs = self.trade.needs
        forecast = situation.forecast
        assert forecast is not None
        noise = torch.ones(len(forecast)) if setting.noise_scale is None else setting.noise_scale
        path = nn.functional.pad(forecast, (0, max(0, int(self._lead_times.max()) + 1 - forecast.shape[2])))
        variance = torch.where(path > 0, path * noise[:, None, None] ** 2, 1.0)
        means = path.cumsum(2)[:, :, self._lead_times]
        variances = variance.cumsum(2)[:, :, self._lead_times]
        return (means * needs.T).sum(1), (variances * needs.T**2).sum(1).sqrt()

    def orders(self, setting: Setting, situation: Situation) -> Tensor:
        """Orders per supply link, units, (episodes, supply links)."""
        mean, deviation = self.moments(setting, situation)
        level = torch.where(mean > 0, (mean + self.trade.quantiles * deviation).clamp(min=0.0), 0.0)
        missing = (level - self.positions(setting, situation)).clamp(min=0.0)
        return missing[:, self.trade.material_of_link] * self.trade.share_of_link
