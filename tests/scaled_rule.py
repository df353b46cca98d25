"""Own code of submissions in tests: a rule of thumb with a factor, which may run out of ideas in a period."""

CODE = """
import numpy as np

class Controller:
    def __init__(self, factor=1.0, last=100):
        self.factor, self.last = factor, last

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        if observation.period == self.last:
            raise ValueError("out of ideas")
        return np.full(self.links, self.factor * (15.0 + observation.last_demand.sum() / 4))
"""
