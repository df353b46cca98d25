"""Controllers for the tests of the conformance kit: one that conforms, and others that break one rule each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from arena import Briefing, ControllerReport, ControllerSpec, Observation


class Quantity(BaseModel, frozen=True, extra="forbid"):
    quantity: float = Field(default=20.0, allow_inf_nan=True)


class Constant:
    """Conforms; the others break one thing each."""

    def __init__(self, quantity: float = 20.0) -> None:
        self.quantity = quantity

    def begin(self, briefing: Briefing) -> None:
        self.briefing = briefing
        self.links = len(briefing.order_bound)

    def order(self, observation: Observation) -> Any:
        return np.full(self.links, self.quantity)


class OneOrderTooMany(Constant):
    def order(self, observation: Observation) -> Any:
        return np.zeros(self.links + 1)


class Scalar(Constant):
    def order(self, observation: Observation) -> Any:
        return 20.0


class Words(Constant):
    def order(self, observation: Observation) -> Any:
        return ["twenty"] * self.links


class DividesByDemand(Constant):
    """Survives ordinary demand only."""

    def order(self, observation: Observation) -> Any:
        if observation.period > 0:
            20 / float(observation.last_demand.sum())
        return np.zeros(self.links)


class FailsOutOfStock(Constant):
    def order(self, observation: Observation) -> Any:
        if observation.last_unfilled.sum() > 150:
            raise LookupError("nothing left to sell")
        return np.zeros(self.links)


class KnowsBacklogOnly(Constant):
    def begin(self, briefing: Briefing) -> None:
        super().begin(briefing)
        if briefing.fulfilment != "backlog":
            raise ValueError("lost sales are beyond me")


class KnowsOneRetailerOnly(Constant):
    def begin(self, briefing: Briefing) -> None:
        super().begin(briefing)
        (self.market_link,) = briefing.network.market_links


class Dice(Constant):
    def order(self, observation: Observation) -> Any:
        return np.random.default_rng().uniform(0, 10, self.links)


class Remembers(Constant):
    """Keeps a count in its class, so that later episodes differ from the first."""

    episodes = 0

    def begin(self, briefing: Briefing) -> None:
        super().begin(briefing)
        Remembers.episodes = min(Remembers.episodes + 1, 5)

    def order(self, observation: Observation) -> Any:
        return np.full(self.links, float(Remembers.episodes))


class Counts(Constant):
    """Counts its decisions in its class, so that no two episodes are alike."""

    decisions = 0

    def order(self, observation: Observation) -> Any:
        Counts.decisions += 1
        return np.full(self.links, float(Counts.decisions % 1000))


class Overwrites(Constant):
    def order(self, observation: Observation) -> Any:
        observation.on_hand[0] = 0.0
        return np.zeros(self.links)


class Unlocks(Constant):
    """Removes the write protection first."""

    def order(self, observation: Observation) -> Any:
        stock = observation.on_hand
        try:
            stock.flags.writeable = True
            stock[0] += 1.0
        except ValueError:  # the array is a view: replace it
            object.__setattr__(observation, "on_hand", stock + 1.0)
        return np.zeros(self.links)


class Reports(Constant):
    """Reports what it is told to."""

    def __init__(self, fallbacks: Any = 0, profit_bound: Any = None) -> None:
        super().__init__()
        self.answer = (fallbacks, profit_bound)

    def report(self) -> ControllerReport:
        return ControllerReport(*self.answer)


class FailsToClose(Constant):
    def close(self) -> None:
        raise RuntimeError("cannot let go")


def a_spec(controller: Callable[[], Any], **changes: Any) -> ControllerSpec[Any]:
    fields: dict[str, Any] = {
        "name": "under-test",
        "config": Quantity,
        "tracks": ("blind",),
        "factory": lambda config: controller(),
        "summary": "a controller under test",
    }
    return ControllerSpec(**(fields | changes))
