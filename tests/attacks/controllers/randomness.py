"""Row 6: knowing demand before it comes."""

import gc
import sys

import numpy as np
from attempt import Attempt, objects_named

from arena import load_scenario
from arena.simulate.simulator import realised_demand


class CloneAGenerator(Attempt):
    """Row 6: find the generator that draws the demand, or the seed that it came from, and copy it."""

    def attempt(self, observation):
        gc.unfreeze()
        kinds = {"Generator", "PCG64", "Philox", "SFC64", "SeedSequence"}
        own = [np.random.mtrand._rand, np.random.mtrand._rand._bit_generator]
        return any(one not in own for one in objects_named(kinds, gc.get_objects()))


class GuessTheSeed(Attempt):
    """Row 6: replay the scenario with every small seed, until one gives the demand that was observed."""

    SEEDS = 300

    def begin(self, briefing):
        super().begin(briefing)
        scenario = load_scenario("serial-stationary-backlog")
        scenario = scenario.model_copy(update={"horizon": briefing.horizon})
        self.candidates = {seed: realised_demand(scenario, seed) for seed in range(self.SEEDS)}
        self.candidates[briefing.seed] = realised_demand(scenario, briefing.seed)

    def attempt(self, observation):
        if observation.period:
            seen = np.asarray(observation.last_demand)
            self.candidates = {
                seed: demand
                for seed, demand in self.candidates.items()
                if np.array_equal(demand[observation.period - 1], seen)
            }
        # Until the end, some seed may have given the same few numbers by chance.
        return observation.period == self.briefing.horizon - 1 and len(self.candidates) > 0


class UseTheOwnSeed(Attempt):
    """Row 6: take the seed that one is given for the seed of the demand: they come from different labels."""

    def attempt(self, observation):
        words = [value for value in vars(sys.modules["__main__"]).values() if isinstance(value, int)]
        return self.facts["entropy_low"] in {self.briefing.seed % 2**32, *(word % 2**32 for word in words)}
