"""A scenario: a network, its customers and the rules of one episode."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Count, Fraction01, FrozenSchema
from arena.world.customers import (
    Window,
    count_windows,
    data_faults,
    demand_of,
    history_means,
    matched_data,
    resolve_demands,
    stride_of,
    where_of,
    window_faults,
)
from arena.world.demand import Demand, Goodwill
from arena.world.dependence import Correlation, Dependence
from arena.world.network import Network
from arena.world.nodes_and_links import Fulfilment, Node
from arena.world.scenario_rules import supply_faults
from arena.world.written import UNDIGESTED, digested

VisibleArrivals = Literal["by_order", "total"]
UpstreamShortage = Literal["lost", "owed"]
VisibleDemand = Literal["demand", "sales"]

#: Bound of an order on the decentralised track, and of observations and orders elsewhere where it suffices; units.
LARGEST_QUANTITY = 1e6

# A controller reads its bound, so the steps are coarse: they tell it next to nothing of the demand.
_BOUNDS_WITHOUT_FACTORY = (LARGEST_QUANTITY, 1e9, 1e12)
_LARGEST_BOUND = 1e15  # whole units can be told apart up to here

_LONGEST_HORIZON = 10_000
LONGEST_HISTORY = 10_000
"""Most periods that are told of before the first one."""
_LARGEST_MEAN = 1e12


class Scenario(FrozenSchema):
    """Everything that is fixed before an episode starts, except the seed.

    The discount is part of every profit and reward: period t counts ``discount ** t``. The largest order is
    `order_bound`.

    Raises:
        InvalidInput: From the loaders, with every fault: a market link without a mean, a mean path that leaves the
            range in which demand can be drawn, recorded demand that does not fit markets, horizon, history or windows,
            and the faults of network and demand.
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

    history: Annotated[Count, Field(le=LONGEST_HISTORY)] = Field(
        default=0, description="periods before the first one whose demand every controller is told"
    )
    window: Window | None = Field(
        default=None, description="which periods of data or series are played; seed index k plays the k-th window"
    )
    visible_demand: VisibleDemand = Field(
        default="demand",
        description="what controllers see of the last period: demand, or sales and whether the shelf was empty",
    )
    correlation: Correlation | None = Field(
        default=None, description="between the demands of market links; needs sampling: inverse_cdf"
    )

    @model_validator(mode="after")
    def _demand_can_be_drawn(self) -> Scenario:
        faults = supply_faults(self.network, self.horizon, self.warm_up, owes=self.upstream_shortage == "owed")
        for i, link in enumerate(self.network.market_links):
            demand = demand_of(self, i)
            is_leveled = demand.base_mean is not None or demand.series is not None or demand.data is not None
            if not is_leveled and link.mean_demand is None and demand.own_mean is None:
                rule = "every market link has a mean demand"
                fix = "give mean_demand here, or base_mean or series in the scenario's demand"
                faults.append(FieldFault(f"network.market_links[{i}].mean_demand", None, rule, fix))
        faults += data_faults(self)
        faults += window_faults(self)
        faults += self._dependence_faults()
        faults += self._visibility_faults()
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

    def _dependence_faults(self) -> list[FieldFault]:
        if self.correlation is None:
            return []
        matrix, markets = self.correlation.matrix, len(self.network.market_links)
        faults = []
        if matrix is not None and len(matrix) != markets:
            rule = f"a correlation matrix has a row and a column for each of the {markets} market links"
            faults.append(FieldFault("correlation.matrix", f"{len(matrix)} rows", rule, "give one per market link"))
        direct = [i for i in range(markets) if demand_of(self, i).sampling != "inverse_cdf"]
        if direct:
            where = where_of(self, direct[0])
            rule = "correlated demand is sampled by inverse CDF, from uniforms that can be correlated"
            faults.append(FieldFault(f"{where}.sampling", "direct", rule, "write sampling: inverse_cdf"))
        return faults

    def _visibility_faults(self) -> list[FieldFault]:
        if self.visible_demand == "demand":
            return []
        if any(self.carried_shares):
            rule = "where customers wait, everybody sees how many do: only lost sales can be unseen"
            fix = "write fulfilment: lost_sales (market links may have one of their own), or visible_demand: demand"
            return [FieldFault("visible_demand", self.visible_demand, rule, fix)]
        if self.goodwill is not None:
            rule = "customers' sentiment is seen, and falls where sales are lost: it would tell what is not to be seen"
            fix = "remove goodwill, or write visible_demand: demand"
            return [FieldFault("visible_demand", self.visible_demand, rule, fix)]
        return []

    @cached_property
    def demands(self) -> tuple[Demand, ...]:
        """The demand of every market link: its own or the scenario's, with its level or what it plays of a series.

        With windows, that of the first one; see :meth:`window_at`.
        """
        return resolve_demands(self)

    @property
    def data_notes(self) -> tuple[str, ...]:
        """What was read of each table of recorded demand, for people."""
        written = (self.demand, *(link.demand for link in self.network.market_links))
        return tuple(
            each.data.note for each in written if each is not None and each.data is not None and each.data.note
        )

    @cached_property
    def smallest_means(self) -> NDArray[np.float64]:
        """Lower bound of the mean per market link, shape (market links,), units per period. Read-only."""
        return _read_only(np.array([demand.smallest_mean for demand in self.demands]))

    @cached_property
    def noise_scales(self) -> NDArray[np.float64]:
        """Factor on demand's deviation from its mean, shape (market links,). Read-only."""
        return _read_only(np.array([demand.noise_scale for demand in self.demands]))

    @cached_property
    def dependence(self) -> Dependence | None:
        """How demands depend on each other and on the period before; None where they do not."""
        coefficients = [demand.autoregression for demand in self.demands]
        if self.correlation is None and not any(coefficients):
            return None
        return Dependence(len(coefficients), self.correlation, coefficients)

    @cached_property
    def windows(self) -> int:
        """Number of windows of series or data that seeds play; 1 without :attr:`window`."""
        return count_windows(self)

    def window_at(self, index: int) -> Scenario:
        """The scenario that the seed of an index plays: its own window, or this scenario where there is but one.

        Args:
            index: of the seed, from 0.

        Raises:
            ValueError: If there are windows, and not so many.
        """
        if self.window is None:
            return self
        if not 0 <= index < self.windows:
            raise ValueError(f"scenario {self.name} has {self.windows} windows, and window {index} is asked for")
        start = self.window.start + index * stride_of(self)
        if self.windows == 1:
            return self
        return self.model_copy(update={"window": Window(start=start, count=1)})

    @cached_property
    def mean_path(self) -> NDArray[np.float64]:
        """Mean demand at sentiment 1, before the lower bound: shape (market links, horizon + longest lead time).

        The part past the horizon exists because a forecast must look as far as an order placed in the last period
        could matter if the world went on. With windows, that of the first one. Read-only.
        """
        periods = self.horizon + self.network.longest_lead_time
        rows: dict[int, NDArray[np.float64]] = {}
        for demand in self.demands:
            if id(demand) not in rows:
                rows[id(demand)] = demand.mean_path(np.zeros(1), periods)[0]
        return _read_only(np.array([rows[id(demand)] for demand in self.demands]).reshape(-1, periods))

    @cached_property
    def history_path(self) -> NDArray[np.float64]:
        """Mean demand of the periods of :attr:`history`, oldest first, shape (market links, history). Read-only."""
        return _read_only(history_means(self))

    def mean_demand(self, first: int, stop: int, sentiment: float = 1.0) -> NDArray[np.float64]:
        """Mean demand of periods ``first`` to ``stop - 1`` at one sentiment, shape (market links, stop - first)."""
        return np.maximum(self.smallest_means[:, None], self.mean_path[:, first:stop] * sentiment)

    def deviation(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation of demand around means of shape (market links, …), units, of that shape."""
        if self._has_one_demand:
            return self.demands[0].deviation(means)
        return np.array([demand.deviation(row) for demand, row in zip(self.demands, means, strict=True)])

    @cached_property
    def _has_one_demand(self) -> bool:
        return len({id(demand) for demand in self.demands}) == 1

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
        """The same world under the name "anonymous", without published id, note, or names inside: of equal digest.

        Parallel links, which need names, have their positions for names.
        """
        links = tuple(
            link if link.demand is None else link.model_copy(update={"demand": _unnamed(self, link.demand, (i,))})
            for i, link in enumerate(self.network.market_links)
        )
        network = self.network.model_copy(update={"market_links": links}).unnamed().with_parallel_links_named()
        shared = [i for i, link in enumerate(links) if link.demand is None]
        demand = _unnamed(self, self.demand, shared)
        changes = {"name": "anonymous", "published_id": None, "note": "", "network": network, "demand": demand}
        return self.model_copy(update=changes)

    @cached_property
    def demand_ceiling(self) -> float:
        """Units that all customers together want at most, from period 0 to the end of the forecast.

        With goodwill at its largest sentiment; a probability below 1e-15 is left out per demand that is written
        (`Demand.total_ceiling`).
        """
        sentiment = 1.0 if self.goodwill is None else max(1.0, self.goodwill.cap)
        means = np.maximum(self.smallest_means[:, None], self.mean_path * sentiment)
        groups: dict[int, list[int]] = {}
        for link in range(len(self.demands)):
            groups.setdefault(id(demand_of(self, link)), []).append(link)
        independent = self.correlation is None
        return sum(
            self.demands[links[0]].total_ceiling(means[links], independent=independent) for links in groups.values()
        )

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
        """SHA-256 (hex) of everything that influences an episode: names, notes and aliases do not.

        What a version added takes part only where it is used, demand's sampling only where it is not the published one,
        and the order bound without a factory only where it is not 1e6: results from before there was a choice are of
        the same world, and keep its digest. Recorded demand takes part by what market links play, without its names.
        """
        data = digested(self, self.model_dump(mode="json", by_alias=True, exclude=UNDIGESTED))
        if self._has_no_factory and self.order_bound != LARGEST_QUANTITY:
            data["order_bound"] = self.order_bound
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _read_only(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.flags.writeable = False
    return array


def _unnamed(scenario: Scenario, demand: Demand, links: Sequence[int]) -> Demand:
    """A demand without the names of series and recorded markets, which then follow the order of the market links."""
    changes: dict[str, Any] = {}
    if demand.series is not None:
        changes["series"] = demand.series.model_copy(update={"name": ""})
    if demand.data is not None and links:
        played = matched_data(demand, scenario.network, links).model_copy(update={"note": ""})
        changes |= {"data": played, "by": "order"}
    return demand.model_copy(update=changes) if changes else demand
