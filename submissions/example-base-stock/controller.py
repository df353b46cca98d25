"""An order-up-to controller in one short file, to copy and improve.

A controller sees what its track shows it and nothing else. Everything it needs is importable from `arena`.
"""

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Observation


class BaseStock:
    """Every node orders what brings its inventory position up to the demand of its lead time plus a margin.

    Args:
        first_guess: demand per market link and period before any has been seen, units.
        smoothing: weight of the newest demand in the estimate, above 0 and at most 1.
        safety: margin, in standard deviations of Poisson demand over the lead time.
    """

    def __init__(self, first_guess: float = 20.0, smoothing: float = 0.2, safety: float = 1.0) -> None:
        self.first_guess = first_guess
        self.smoothing = smoothing
        self.safety = safety

    def begin(self, briefing: Briefing) -> None:
        """Prepare an episode. Called once, before its first period; the place for slow preparations."""
        network = briefing.network
        self.network = network
        self.horizon = briefing.horizon
        self.backlog = briefing.fulfilment == "backlog"
        self.demand = np.full(len(network.market_links), self.first_guess)

        # Links whose goods replace each other: all inbound links of a node, or, at a factory with a bill of materials,
        # those that bring the same component. Where a group has several suppliers, the cheap and the quick ones get
        # more: `share` is the part of the group's order that goes to a link.
        self.groups: list[tuple[int, list[int], float, int | None]] = []
        appeal = np.array([1 / (1 + link.price + 0.1 * link.lead_time) for link in network.supply_links])
        self.share = np.zeros(len(appeal))
        for node in network.managed:
            inbound = network.inbound(node)
            components = network.node(node).bill_of_materials
            for position, component in enumerate(components):
                links = [link for link in inbound if network.supply_links[link].supplier in component.suppliers]
                self.groups.append((node, links, component.units, network.components.index((node, position))))
            if inbound and not components:
                self.groups.append((node, list(inbound), 1.0, None))
        for _, links, units, _ in self.groups:
            self.share[links] = units * appeal[links] / appeal[links].sum()

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Return the units to request on each supply link in this period, in the order of the network's file."""
        if observation.period > 0:  # Before the first period there is no last demand, only zeros.
            self.demand += self.smoothing * (observation.last_demand - self.demand)

        network = self.network
        orders = np.zeros(len(network.supply_links))
        consumption = self.consumption()
        for node, links, units, component in self.groups:
            lead_time = max(network.supply_links[link].lead_time for link in links)
            if observation.period + lead_time >= self.horizon:
                continue  # It would arrive after the last period: paid for and never sold.

            # Inventory position: what is here and on its way here, less what is owed to customers.
            if component is None:
                stock = observation.on_hand[network.managed_index(node)]
            else:
                stock = observation.component_stock[component]
            stock += observation.in_transit[links].sum() + observation.owed[links].sum()
            if self.backlog:
                stock -= observation.last_unfilled[list(network.markets_of(node))].sum()

            # What is ordered now must last until the next order has arrived: its lead time and one period more.
            expected = consumption[node] * (lead_time + 1)
            target = expected + self.safety * np.sqrt(expected)
            orders[links] = max(target - stock / units, 0.0) * self.share[links]
        return orders

    def consumption(self) -> dict[int, float]:
        """Return the units per period that each managed node is expected to need, counted back from the markets."""
        network = self.network
        needed: dict[int, float] = {}

        def need(node: int) -> float:
            if node not in needed:
                sold = sum(self.demand[link] for link in network.markets_of(node))
                shipped = sum(
                    need(network.supply_links[link].buyer) * self.share[link] for link in network.outbound(node)
                )
                # A yield below 1 loses units between what a factory consumes and what it ships.
                needed[node] = float(sold + shipped / network.node(node).yield_)
            return needed[node]

        for node in network.managed:
            need(node)
        return needed
