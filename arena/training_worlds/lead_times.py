"""Supply that varies: ranges from which lead times, order delays and goods on the way of a training world are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from arena.schemas import Count, FrozenSchema
from arena.training_worlds.demand import Probability
from arena.world.lead_times import LONGEST_LEAD_TIME, LeadTimeDistribution
from arena.world.network import Network
from arena.world.nodes_and_links import SupplyLink


class SupplyRanges(FrozenSchema):
    """Ranges of what makes supply uncertain or slow to react; by default lead times vary on half of the links."""

    varying: Probability = Field(default=0.5, description="probability that a supply link's lead time varies")
    late: tuple[Count, Count] = Field(
        default=(1, 4), description="range of the number of periods by which it may exceed the promised lead time"
    )
    lost: tuple[Probability, Probability] = Field(
        default=(0.0, 0.0), description="range of the share of a link's orders that never arrive"
    )
    crossing: Probability = Field(
        default=0.0, description="probability that on such a link a later order may arrive before an earlier one"
    )
    order_delay: tuple[Count, Count] = Field(
        default=(0, 0), description="range of the number of periods until a supplier sees an order"
    )
    started: Probability = Field(
        default=0.0, description="probability that a network begins with goods on the way, on all its links"
    )

    def draw_on(self, generator: np.random.Generator, network: Network, flows: dict[int, float]) -> Network:
        """The network with supply drawn from the ranges.

        Args:
            generator: what it is drawn with.
            network: with fixed lead times; what is promised stays.
            flows: units per period that reach the market through each managed node, by id.
        """
        begins = bool(generator.random() < self.started)
        links = []
        for link in network.supply_links:
            changed = self._drawn(generator, link)
            if begins:
                share = flows[link.buyer] / len(network.inbound(link.buyer))
                changed = changed.model_copy(update={"initial_pipeline": (round(share, 1),) * link.lead_time})
            links.append(changed)
        return Network(**{name: getattr(network, name) for name in Network.model_fields} | {"supply_links": links})

    def _drawn(self, generator: np.random.Generator, link: SupplyLink) -> SupplyLink:
        changes: dict[str, Any] = {
            "order_delay": int(generator.integers(self.order_delay[0], self.order_delay[1], endpoint=True))
        }
        late = int(generator.integers(self.late[0], self.late[1], endpoint=True))
        lost = float(generator.uniform(*self.lost))
        varies, crosses = generator.random(2) < (self.varying, self.crossing)
        if varies:
            values = range(link.lead_time, min(link.lead_time + late, LONGEST_LEAD_TIME) + 1)
            shares = generator.dirichlet(np.ones(len(values))) * (1.0 - lost)
            changes["lead_time_distribution"] = LeadTimeDistribution(
                values=(*values, "lost") if lost else tuple(values),
                probabilities=(*shares.tolist(), lost) if lost else tuple(shares.tolist()),
                may_cross=bool(crosses),
            )
        return link.model_copy(update=changes)


def with_other_probabilities(network: Network, seed: int) -> Network:
    """The network with other probabilities of its random lead times; what is possible and promised stays.

    Args:
        network: any.
        seed: what they are drawn with, evenly from all probabilities that sum to 1.
    """
    generator = np.random.default_rng(seed)
    links = []
    for link in network.supply_links:
        law = link.lead_time_distribution
        if law is not None:
            shares = tuple(generator.dirichlet(np.ones(len(law.values))).tolist())
            link = link.model_copy(update={"lead_time_distribution": law.model_copy(update={"probabilities": shares})})
        links.append(link)
    return network.model_copy(update={"supply_links": tuple(links)})
