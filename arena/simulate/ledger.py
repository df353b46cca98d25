"""The ledger: everything that happened in an episode, as read-only arrays. All KPIs are functions of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Ledger:
    """What happened, period by period. The leading axis of every array is the period, unless stated otherwise.

    Units are product units or money; money is discounted to period 0. "End" means after customers were served.
    """

    requested: np.ndarray
    """Orders as requested by the controller, (periods, supply links), units, before the period's shipping."""
    filled: np.ndarray
    """Units shipped on each supply link in the period, (periods, supply links)."""
    received: np.ndarray
    """Units delivered over each supply link in the period, (periods, supply links)."""
    in_transit: np.ndarray
    """Units under way on each supply link at the end of the period, (periods, supply links)."""
    owed: np.ndarray
    """Units the supplier owes on each link at the end (zero unless upstream shortage is owed), (periods, links)."""
    on_hand: np.ndarray
    """Units on hand at the end, (periods, managed nodes); components of a bill of materials are added up."""
    component_stock: np.ndarray
    """Units on hand of each component at the end, (periods, components)."""
    scrapped: np.ndarray
    """Units delivered above the storage capacity and lost, (periods, managed nodes)."""
    demand: np.ndarray
    """Customers' demand of the period, (periods, market links), units."""
    carried_backlog: np.ndarray
    """Backlog carried into the period, (periods, market links), units; zero in lost-sales mode."""
    sold: np.ndarray
    """Units sold, late deliveries included, (periods, market links)."""
    unfilled: np.ndarray
    """Units owed to customers (backlog) or lost (lost sales) at the end, (periods, market links)."""
    sentiment: np.ndarray
    """Customers' sentiment during the period, (periods,); 1 without goodwill."""
    revenue: np.ndarray
    """Money earned from customers and from managed buyers, (periods, managed nodes)."""
    procurement_cost: np.ndarray
    """Money paid for filled orders, (periods, managed nodes)."""
    holding_cost: np.ndarray
    """Money for units on hand and inbound in transit at the end, (periods, managed nodes)."""
    operating_cost: np.ndarray
    """Money for factories' throughput, (periods, managed nodes)."""
    shortage_penalty: np.ndarray
    """Money for unfilled units at the end, (periods, managed nodes)."""
    fixed_ordering_cost: np.ndarray
    """Money for periods in which a link shipped anything, (periods, managed nodes)."""
    node_profit: np.ndarray
    """Revenue less the five costs, (periods, managed nodes)."""
    reward: np.ndarray
    """Profit of the whole network, (periods,)."""
    initial_on_hand: np.ndarray
    """Units on hand before the first period, (managed nodes,)."""

    def __post_init__(self) -> None:
        """Make every array read-only."""
        for each in fields(self):
            getattr(self, each.name).flags.writeable = False

    @property
    def periods(self) -> int:
        """Number of periods played."""
        return len(self.reward)
