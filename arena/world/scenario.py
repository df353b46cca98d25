"""A scenario: a network, its customers and the rules of one episode."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Count, Fraction01, FrozenSchema
from arena.world.content import content_of
from arena.world.demand import Demand, Goodwill, level_fault
from arena.world.network import Network
from arena.world.nodes_and_links import Fulfilment, Node
from arena.world.scenario_rules import supply_faults

VisibleArrivals = Literal["by_order", "total"]
UpstreamShortage = Literal["lost", "owed"]

#: Bound of an order on the decentralised track, and of observations and orders elsewhere where it suffices; units.
LARGEST_QUANTITY = 1e6

# A controller reads its bound, so the steps are coarse: they tell it next to nothing of the demand.
_BOUNDS_WITHOUT_FACTORY = (LARGEST_QUANTITY, 1e9, 1e12)
_LARGEST_BOUND = 1e15  # whole units can be told apart up to here

_LONGEST_HORIZON = 10_000
_LARGEST_MEAN = 1e12


class Scenario(FrozenSchema):
    """Everything that is fixed before an episode starts, except the seed.

    The discount is part of every profit and reward: period t counts ``discount ** t``. The largest order is
    `order_bound`.

    Raises:
        InvalidInput: From the loaders, with every fault: a market link without a mean or with one below the smallest
            that is played, a mean path that leaves the range in which demand can be drawn, and the faults of network
            and demand.
    """

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9._-]*$", description="lower-case name, words by hyphens"
    )
    network: Network = Field(description="a shipped network's name, a path to a YAML file, or the network itself")
    demand: Demand = Field(default_factory=Demand, description="customers' demand")
    goodwill: Goodwill | None = Field(default=None, description="sentiment dynamics; {} for the defaults")
    fulfilment: Fulfilment = Field(default="backlog", description="what happens to unfilled customers' demand")
    horizon: Annotated[Count, Field(ge=1, le=_LONGEST_HORIZON)] = Field(
        default=30, description=f"periods to play, at most {_LONGEST_HORIZON:,}"
    )
    discount: Fraction01 = Field(
        default=1.0, description="factor on a period's profit per period elapsed; it is part of every reward and profit"
    )
    upstream_shortage: UpstreamShortage = Field(
        default="lost", description="whether a supplier owes what it could not ship to a managed node"
    )
    warm_up: Count = Field(
        default=0, description="first periods that are played and not counted: in no reward, profit or indicator"
    )
    visible_arrivals: VisibleArrivals = Field(
        default="by_order",
        description="on links whose lead time varies: by_order: the age of every order on the way and of what arrives "
        "is shown; total: totals alone",
    )
    decentralised: bool = Field(
        default=False, description="made for the decentralised track: one controller per managed node"
    )
    published_id: str | None = Field(default=None, max_length=200, description="the row's id in gym-invmgmt's results")
    note: str = Field(default="", max_length=1_000, description="what a reader of the results must know")

    @model_validator(mode="after")
    def _demand_can_be_drawn(self) -> Scenario:
        faults = supply_faults(self.network, self.horizon, self.warm_up, owes=self.upstream_shortage == "owed")
        if self.demand.series is None and self.demand.base_mean is None:
            for i, link in enumerate(self.network.market_links):
                if link.mean_demand is None:
                    rule = "every market link has a mean demand"
                    fix = "give mean_demand here, or base_mean or series in the scenario's demand"
                    faults.append(FieldFault(f"network.market_links[{i}].mean_demand", None, rule, fix))
                faults += level_fault(f"network.market_links[{i}].mean_demand", link.mean_demand)
        if not faults:
            largest = float(np.max(self.mean_path, initial=0.0)) * (self.goodwill.cap if self.goodwill else 1.0)
            if not largest <= _LARGEST_MEAN:
                rule = f"mean demand stays below {_LARGEST_MEAN:g} units per period up to the end of the forecast"
                faults.append(FieldFault("demand", f"{largest:g}", rule, "lower the base mean or the effects"))
            elif self.decentralised:
                faults += self.faults_by_node()
        if faults:
            raise FaultList(faults)
        return self

    @cached_property
    def mean_path(self) -> NDArray[np.float64]:
        """Mean demand at sentiment 1, before the lower bound: shape (market links, horizon + longest lead time).

        The part past the horizon exists because a forecast must look as far as an order placed in the last period
        could matter if the world went on. Read-only.
        """
        means = np.array([link.mean_demand or 0.0 for link in self.network.market_links])
        path = self.demand.mean_path(means, self.horizon + self.network.longest_lead_time)
        path.flags.writeable = False
        return path

    def mean_demand(self, first: int, stop: int, sentiment: float = 1.0) -> NDArray[np.float64]:
        """Mean demand of periods ``first`` to ``stop - 1`` at one sentiment, shape (market links, stop - first)."""
        return np.maximum(self.demand.smallest_mean, self.mean_path[:, first:stop] * sentiment)

    def faults_by_node(self) -> list[FieldFault]:
        """The fault of a demand that controllers of single nodes could not order, if it has one.

        Their order bound is the same for all, :data:`LARGEST_QUANTITY`, so that it tells them nothing of other nodes.
        """
        sentiment = 1.0 if self.goodwill is None else max(1.0, self.goodwill.cap)
        largest = float(np.max(self.mean_path.sum(axis=0))) * sentiment
        if largest <= LARGEST_QUANTITY:
            return []
        rule = f"on the decentralised track an order is at most {LARGEST_QUANTITY:g} units, and mean demand no larger"
        return [FieldFault("demand", f"{largest:g}", rule, "count in larger units, such as thousands")]

    def anonymous(self) -> Scenario:
        """The same world under the name "anonymous", without published id, note, or names inside: of equal digest."""
        network = self.network.model_copy(update={"name": "", "description": ""})
        series = self.demand.series
        if series is not None:
            series = series.model_copy(update={"name": ""})
        demand = self.demand.model_copy(update={"series": series})
        changes = {"name": "anonymous", "published_id": None, "note": "", "network": network, "demand": demand}
        return self.model_copy(update=changes)

    @cached_property
    def demand_ceiling(self) -> float:
        """Units that all customers together want at most, from period 0 to the end of the forecast.

        With goodwill at its largest sentiment; a probability below 1e-15 is left out (`Demand.total_ceiling`).
        """
        sentiment = 1.0 if self.goodwill is None else max(1.0, self.goodwill.cap)
        return self.demand.total_ceiling(np.maximum(self.demand.smallest_mean, self.mean_path * sentiment))

    @cached_property
    def order_bound(self) -> float:
        """Largest order on one supply link: largest initial stock + largest capacity x horizon, units.

        Without any factory there is no capacity to derive a bound from. Then it is 1e6; or, where customers may want
        more than that in the whole episode (:attr:`demand_ceiling`), the first of 1e9, 1e12 and 1e15 that is enough.
        On the decentralised track 1e6 holds for all, see :func:`~arena.contract.tracks.largest_order`.
        """
        nodes = self.network.nodes
        if self._has_no_factory:
            enough = (bound for bound in _BOUNDS_WITHOUT_FACTORY if bound >= self.demand_ceiling)
            return next(enough, _LARGEST_BOUND)
        largest_capacity = max(node.capacity or 0.0 for node in self._factories)
        return max(node.initial_stock or 0.0 for node in nodes) + largest_capacity * self.horizon

    @property
    def _has_no_factory(self) -> bool:
        return not self._factories

    @cached_property
    def _factories(self) -> tuple[Node, ...]:
        return tuple(map(self.network.node, self.network.factories))

    def period_weight(self, period: int) -> float:
        """Factor on the money of a period in profit: ``discount ** period``, and 0 during the warm-up."""
        return 0.0 if period < self.warm_up else self.discount**period

    @cached_property
    def carried_shares(self) -> tuple[float, ...]:
        """Share of the unfilled units that wait for the next period, per market link: 1 backlog, 0 lost sales."""
        shares = {"backlog": 1.0, "lost_sales": 0.0}
        return tuple(
            shares[link.fulfilment or self.fulfilment] if link.waiting_share is None else link.waiting_share
            for link in self.network.market_links
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that influences an episode, see `arena.world.content`."""
        data = content_of(self.model_dump(mode="json", by_alias=True))
        # Earlier results without a factory are of worlds whose bound was always 1e6.
        if self._has_no_factory and self.order_bound != LARGEST_QUANTITY:
            data["order_bound"] = self.order_bound
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
