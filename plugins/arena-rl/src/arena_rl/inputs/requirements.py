"""Net requirements: the order that brings stock to what customers will ask until it can be sold, and no further.

The rule of material requirements planning, time-phased. What a stock point orders now arrives after its lead time, and
reaches a customer after the quickest way from there. Until then demand takes what it has on hand, under way, and owed;
the order is what will be missing. It reacts to errors of its own past, as an order-up-to rule does, and in contrast to
the published newsvendor rule looks at the demand of the time at which its stock is sold, not of the coming periods.
Source: J. Orlicky (1975), Material requirements planning; the order-up-to level is the demand over the risk period.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from arena_rl.inputs.echelon_positions import Reach
from arena_rl.inputs.observations import Setting, Situation, as_float
from arena_rl.inputs.ordering_rules import Newsvendor, Trade


class NetRequirements:
    """Net requirements of every supply link, for batches of episodes.

    Args:
        trade: of the network.
        newsvendor: whose inventory positions count: the node's own, not those downstream of it.
        reach: of the network.
    """

    def __init__(self, trade: Trade, newsvendor: Newsvendor, reach: Reach) -> None:
        self._trade, self._newsvendor = trade, newsvendor
        point_of = reach.buyer_points
        # A unit on hand leaves a node in the coming period, and is sold when its way is gone: demand before that is
        # for others to meet. What an order brings is sold after its lead time at the earliest.
        ways = [reach.time_to_market[point_of[material.links[0]]] for material in trade.materials]
        first = [max(0, way - 1) for way in ways]
        last = [material.lead_time + way for material, way in zip(trade.materials, ways, strict=True)]
        self.periods: int = max(last) + 1
        """Periods of forecast that are read."""
        covered = np.zeros((self.periods, len(trade.materials)))
        for material, (begin, end) in enumerate(zip(first, last, strict=True)):
            covered[begin : end + 1, material] = 1.0
        covers = as_float(covered)
        # (market links × periods, materials)
        self._gross = torch.einsum("pm,kp->mkp", trade.shared_needs, covers).flatten(0, 1)

    def orders(self, setting: Setting, situation: Situation, foreseen: Tensor) -> Tensor:
        """What is missing per supply link; negative where there is too much, units, (episodes, supply links).

        Args:
            setting: of the episodes.
            situation: what is seen.
            foreseen: mean demand of the coming periods, 0 after the end, units, (episodes, market links, `periods`).
        """
        missing = foreseen.flatten(1) @ self._gross - self._newsvendor.positions(setting, situation)
        return missing[:, self._trade.material_of_link] * self._trade.share_of_link
