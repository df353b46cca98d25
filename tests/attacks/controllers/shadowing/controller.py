"""Row 26: a submission whose files bear the names of libraries."""

import json
import sys

import numpy as np


class ShadowLibraries:
    """Row 26: bring a numpy, a json, an arena and a sitecustomize of one's own."""

    def __init__(self, **facts):
        pass

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        import arena.play.seats.wire as wire

        modules = (np, json, sys.modules["arena"], wire)
        self.found = any(hasattr(one, "SHADOW") for one in modules) or "sitecustomize_ran" in dir(sys)

    def order(self, observation):
        return np.full(self.links, 2.0 if self.found else 1.0)
