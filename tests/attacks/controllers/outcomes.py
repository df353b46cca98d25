"""Row 29: failing where failing pays, if failed episodes were dropped."""

import numpy as np


class FailOnBadLuck:
    """Row 29: give up as soon as demand is below what was hoped for."""

    def __init__(self, give_up=True, **facts):
        self.give_up = give_up

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        if self.give_up and observation.period and np.sum(observation.last_demand) < 20:
            raise RuntimeError("bad luck")
        return np.full(self.links, 20.0)


class Persevere(FailOnBadLuck):
    """Row 29: the same, without giving up."""

    def __init__(self, **facts):
        super().__init__(give_up=False)
