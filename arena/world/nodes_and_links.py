"""The parts of a supply network, each checked for itself: nodes, supply links and market links."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import SMALLEST, Count, Finite, Fraction01, FrozenSchema, NonNegative, Positive
from arena.world.demand import Demand
from arena.world.lead_times import LeadTime, LeadTimeDistribution, LeadTimeSeries

NodeId = Count
"""The number of a node: whole, 0 or more."""

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text for people on one line, unique among its kind."""

Allocation = Literal["first_come", "proportional"]
Priority = Literal["links", "markets"]
Fulfilment = Literal["backlog", "lost_sales"]


class Component(FrozenSchema):
    """One line of a bill of materials."""

    suppliers: tuple[NodeId, ...] = Field(min_length=1, description="ids of the nodes that deliver this component")
    units: Positive = Field(default=1.0, description="units of the component in one unit of output")
    holding_cost: NonNegative | None = Field(
        default=None, description="money per unit on hand at the end of a period; absent: the factory's holding_cost"
    )
    terminal_value: Finite | None = Field(
        default=None, description="money per unit after the last period; absent: the factory's terminal_value"
    )


class Node(FrozenSchema):
    """A place in the network. Markets carry an id and a name only, raw materials a capacity besides.

    Operating cost is per unit that a factory consumes: a unit shipped or sold costs ``operating_cost / yield``.

    A node ships to its buyers from the stock with which it begins the period. What arrives in the period is there for
    its customers and for the next period. With a ``priority`` the deliveries of the period come first instead, and then
    buyers and customers are served in the order that it states.
    """

    id: NodeId = Field(description="the node's number, unique in the network; absent: its position in the file, from 0")
    name: Name | None = Field(default=None, description="text for people, unique among nodes; links may refer to it")
    initial_stock: NonNegative | None = Field(default=None, description="units on hand before the first period")
    holding_cost: NonNegative | None = Field(default=None, description="money per unit on hand at the end of a period")
    capacity: NonNegative | None = Field(
        default=None, description="units a factory, or a raw material, ships per period over all links"
    )
    operating_cost: NonNegative | None = Field(
        default=None,
        description="money per unit that a factory consumes: a unit shipped or sold costs operating_cost / yield",
    )
    yield_: Fraction01 = Field(default=1.0, alias="yield", description="units shipped per unit consumed, in (0, 1]")
    storage_capacity: NonNegative | None = Field(default=None, description="most units kept; what exceeds is scrapped")
    bill_of_materials: tuple[Component, ...] = Field(
        default=(), description="what one unit of output consumes; empty: everything delivered is one pooled stock"
    )
    allocation: Allocation = Field(
        default="first_come",
        description="how a stock too small for all buyers is shared: first_come: in the order of the links; "
        "proportional: in proportion to what each asks for",
    )
    priority: Priority | None = Field(
        default=None,
        description="who is served first, after the deliveries of the period, at a node that ships on supply links; "
        "absent: buyers, from the stock with which the period begins",
    )
    terminal_value: Finite | None = Field(
        default=None,
        description="money per unit on hand, and on the way to the node, after the last period; negative: disposal",
    )

    @property
    def label(self) -> str:
        """The node's name in tables and messages for people: its name, or else its id."""
        return self.name or str(self.id)

    @property
    def values_stock(self) -> bool:
        """Whether stock is worth or costs something after the last period."""
        return bool(self.terminal_value) or any(component.terminal_value for component in self.bill_of_materials)


class SupplyLink(FrozenSchema):
    """A link on which the buyer orders.

    An order is placed before the demand of its period is seen, and what arrives in a period serves its demand: with a
    lead time of 0 that of the same period. Where a textbook orders after it saw the demand, the same link has a lead
    time of one more. A positive order, however small, buys the whole minimum order or lot; 0 buys nothing.
    """

    name: Name | None = Field(
        default=None,
        description="text for people, unique among supply links; needed where two links join the same nodes",
    )
    supplier: NodeId = Field(description="id or name of the node that ships")
    buyer: NodeId = Field(description="id or name of the node that orders and receives")
    lead_time: LeadTime = Field(
        description="whole periods between order and arrival; 0 arrives in the same period, before its demand. Orders "
        "are placed before the demand of the period is seen; where a textbook orders after, its lead time is one more. "
        "Where lead times vary, this is the promised one"
    )
    price: NonNegative = Field(description="money per unit filled, paid by the buyer to the supplier")
    pipeline_holding_cost: NonNegative = Field(description="money per unit in transit at the end of a period")
    fixed_ordering_cost: NonNegative = Field(default=0.0, description="money per period in which anything is filled")
    minimum_order: NonNegative = Field(
        default=0.0, description="a positive order, however small, is raised to this many units"
    )
    lot_size: NonNegative = Field(
        default=0.0, description="positive orders are rounded up to whole lots; 0: any quantity"
    )
    lead_time_distribution: LeadTimeDistribution | None = Field(
        default=None, description="random lead times: what is drawn, and what the informed track is told"
    )
    lead_time_series: LeadTimeSeries | None = Field(
        default=None, description="lead times by the period of shipping; they are played in place of draws"
    )
    longest_lead_time: LeadTime | None = Field(
        default=None,
        description="largest lead time that an order can have; written by the arena into briefings that do not tell "
        "distribution and series, and not in files",
    )
    order_delay: LeadTime = Field(
        default=0, description="periods until the supplier sees an order; the lead time begins when it ships"
    )
    initial_pipeline: tuple[NonNegative, ...] = Field(
        default=(), description="units on the way before the first period, by the period of their arrival, from 0"
    )
    initial_orders: tuple[NonNegative, ...] = Field(
        default=(),
        description="units ordered before the first period, by the period in which the supplier sees them, from 0",
    )
    shortage_penalty: NonNegative = Field(
        default=0.0, description="money per unit that the supplier owes the buyer at the end of a period, paid by it"
    )

    @property
    def varies(self) -> bool:
        """Whether the lead time may differ from the promised one."""
        laws = (self.lead_time_distribution, self.lead_time_series, self.longest_lead_time)
        return any(law is not None for law in laws)

    @property
    def slots(self) -> int:
        """Number of periods that an order can be on the way: its lead time, or the longest where lead times vary."""
        if not self.varies:
            return self.lead_time
        known = (self.lead_time_distribution, self.lead_time_series)
        return max([each.longest for each in known if each is not None] + [self.longest_lead_time or 0])

    @model_validator(mode="after")
    def _beginnings_fit(self) -> SupplyLink:
        faults = []
        for name, periods, kind in (
            ("initial_pipeline", self.slots, "lead time"),
            ("initial_orders", self.order_delay, "order delay"),
        ):
            given = getattr(self, name)
            if len(given) > periods:
                rule = f"has at most one quantity per period of the {kind}, which is {periods}"
                faults.append(FieldFault(name, len(given), rule, "leave the last ones out, or write zeros and a sum"))
        if faults:
            raise FaultList(faults)
        return self

    @field_validator("lot_size")
    @classmethod
    def _lots_can_be_counted(cls, size: float) -> float:
        if 0 < size < SMALLEST:
            raise ValueError(f"must be 0 (any quantity) or at least {SMALLEST:g}")
        return size


class MarketLink(FrozenSchema):
    """A link on which a retailer meets customers' demand."""

    name: Name | None = Field(default=None, description="text for people, unique among market links")
    retailer: NodeId = Field(description="id or name of the managed node that sells")
    market: NodeId = Field(description="id or name of the market")
    price: NonNegative = Field(description="money per unit sold")
    shortage_penalty: NonNegative = Field(description="money per unit unfilled at the end of a period")
    mean_demand: NonNegative | None = Field(
        default=None, description="mean units per period before effects, unless the demand gives its own"
    )
    demand: Demand | None = Field(default=None, description="its own demand; absent: the scenario's")
    fulfilment: Fulfilment | None = Field(
        default=None, description="what happens to unfilled demand on this link; absent: as the scenario says"
    )
    waiting_share: Annotated[NonNegative, Field(le=1)] | None = Field(
        default=None, description="share of the unfilled units that wait for the next period; the others are lost"
    )
    initial_backlog: NonNegative = Field(
        default=0.0, description="units that customers wait for before the first period"
    )

    @model_validator(mode="after")
    def _one_rule(self) -> MarketLink:
        if self.fulfilment is not None and self.waiting_share is not None:
            rule = "a market link has a fulfilment or a waiting_share, not both"
            fix = "remove one; a share of 1 is backlog, 0 is lost_sales"
            raise FaultList([FieldFault("waiting_share", self.waiting_share, rule, fix)])
        return self
