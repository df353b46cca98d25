"""The ledger: everything that happened in an episode, as read-only arrays. All KPIs are functions of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ledger:
    """What happened, period by period. The leading axis of every array is the period, unless stated otherwise.

    Units are product units or money; money is discounted to period 0, and zero during a warm-up. "End" means after
    customers were served, and after buyers where these come later.
    """

    requested: NDArray[np.float64]
    """Orders as requested by the controller, (periods, supply links), units, before the period's shipping."""
    filled: NDArray[np.float64]
    """Units shipped on each supply link in the period, (periods, supply links)."""
    received: NDArray[np.float64]
    """Units delivered over each supply link in the period, (periods, supply links)."""
    in_transit: NDArray[np.float64]
    """Units under way on each supply link at the end of the period, (periods, supply links)."""
    owed: NDArray[np.float64]
    """Units the supplier owes on each link at the end (zero unless upstream shortage is owed), (periods, links)."""
    on_hand: NDArray[np.float64]
    """Units on hand at the end, (periods, managed nodes); components of a bill of materials are added up."""
    component_stock: NDArray[np.float64]
    """Units on hand of each component at the end, (periods, components)."""
    scrapped: NDArray[np.float64]
    """Units delivered above the storage capacity and lost, (periods, managed nodes)."""
    demand: NDArray[np.float64]
    """Customers' demand of the period, (periods, market links), units."""
    carried_backlog: NDArray[np.float64]
    """Backlog carried into the period, (periods, market links), units; zero in lost-sales mode."""
    sold: NDArray[np.float64]
    """Units sold, late deliveries included, (periods, market links)."""
    unfilled: NDArray[np.float64]
    """Units owed to customers (backlog) or lost (lost sales) at the end, (periods, market links)."""
    sentiment: NDArray[np.float64]
    """Customers' sentiment during the period, (periods,); 1 without goodwill."""
    revenue: NDArray[np.float64]
    """Money earned from customers and from managed buyers, (periods, managed nodes)."""
    procurement_cost: NDArray[np.float64]
    """Money paid for filled orders, (periods, managed nodes)."""
    holding_cost: NDArray[np.float64]
    """Money for units on hand and inbound in transit at the end, (periods, managed nodes)."""
    operating_cost: NDArray[np.float64]
    """Money for factories' throughput, (periods, managed nodes)."""
    shortage_penalty: NDArray[np.float64]
    """Money for unfilled units at the end, (periods, managed nodes)."""
    fixed_ordering_cost: NDArray[np.float64]
    """Money for periods in which a link shipped anything, (periods, managed nodes)."""
    node_profit: NDArray[np.float64]
    """Revenue less the five costs, and what stock is worth at the end, (periods, managed nodes)."""
    reward: NDArray[np.float64]
    """Profit of the whole network, (periods,)."""
    initial_on_hand: NDArray[np.float64]
    """Units on hand before the first period, (managed nodes,)."""
    terminal_value: NDArray[np.float64]
    """Money that stock is worth after the last period, (periods, managed nodes): zero before it."""
    lost: NDArray[np.float64]
    """Units that left each supply link because they can no longer arrive, (periods, supply links)."""
    lead_times: NDArray[np.int64]
    """Lead times of the orders of each period, (periods, links whose lead time varies); -1: the order never arrives."""

    def __post_init__(self) -> None:
        """Make every array read-only."""
        for each in fields(self):
            getattr(self, each.name).flags.writeable = False

    def since(self, period: int) -> Ledger:
        """The ledger without its first periods.

        Args:
            period: the first one that is kept, from 0.
        """
        if period == 0:
            return self
        kept = {each.name: getattr(self, each.name)[period:] for each in fields(self)}
        return Ledger(**{**kept, "initial_on_hand": self.initial_on_hand})

    @property
    def periods(self) -> int:
        """Number of periods played."""
        return len(self.reward)
