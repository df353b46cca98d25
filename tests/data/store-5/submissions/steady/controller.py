import numpy as np


class Controller:
    def __init__(self, last=100):
        self.last = last

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        if observation.period == self.last:
            raise ValueError("out of ideas")
        return np.full(self.links, 15.0 + observation.last_demand.sum() / 4)
