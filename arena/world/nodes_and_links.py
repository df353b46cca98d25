"""The parts of a supply network, each checked for itself: nodes, supply links and market links."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from arena.schemas import SMALLEST, Count, Fraction01, FrozenSchema, NonNegative, Positive
from arena.world.demand import Demand

NodeId = Count
"""The number of a node: whole, 0 or more."""

LONGEST_LEAD_TIME = 1_000
"""Largest lead time of a supply link, periods."""

LeadTime = Annotated[Count, Field(le=LONGEST_LEAD_TIME)]
"""A number of periods: whole, 0 or more, at most `LONGEST_LEAD_TIME`."""


class Component(FrozenSchema):
    """One line of a bill of materials."""

    suppliers: tuple[NodeId, ...] = Field(min_length=1, description="ids of the nodes that deliver this component")
    units: Positive = Field(default=1.0, description="units of the component in one unit of output")


class Node(FrozenSchema):
    """A place in the network. Markets and raw materials carry an id only.

    Operating cost is per unit that a factory consumes: a unit shipped or sold costs ``operating_cost / yield``.
    """

    id: NodeId = Field(description="the node's number, unique in the network")
    initial_stock: NonNegative | None = Field(default=None, description="units on hand before the first period")
    holding_cost: NonNegative | None = Field(default=None, description="money per unit on hand at the end of a period")
    capacity: NonNegative | None = Field(default=None, description="units a factory ships per period over all links")
    operating_cost: NonNegative | None = Field(
        default=None,
        description="money per unit that a factory consumes: a unit shipped or sold costs operating_cost / yield",
    )
    yield_: Fraction01 = Field(default=1.0, alias="yield", description="units shipped per unit consumed, in (0, 1]")
    storage_capacity: NonNegative | None = Field(default=None, description="most units kept; what exceeds is scrapped")
    bill_of_materials: tuple[Component, ...] = Field(
        default=(), description="what one unit of output consumes; empty: everything delivered is one pooled stock"
    )


class LeadTimeDistribution(FrozenSchema):
    """A random lead time (part of the schema; not played yet)."""

    values: tuple[LeadTime, ...] = Field(min_length=1, description="possible lead times in periods")
    probabilities: tuple[Fraction01, ...] = Field(min_length=1, description="their probabilities, summing to 1")
    may_cross: bool = Field(default=False, description="whether a later order may arrive before an earlier one")


class SupplyLink(FrozenSchema):
    """A link on which the buyer orders.

    An order is placed before the demand of its period is seen, and what arrives in a period serves its demand: with a
    lead time of 0 that of the same period. Where a textbook orders after it saw the demand, the same link has a lead
    time of one more. A positive order, however small, buys the whole minimum order or lot; 0 buys nothing.
    """

    supplier: NodeId = Field(description="id of the node that ships")
    buyer: NodeId = Field(description="id of the node that orders and receives")
    lead_time: LeadTime = Field(
        description="whole periods between order and arrival; 0 arrives in the same period, before its demand. Orders "
        "are placed before the demand of the period is seen; where a textbook orders after, its lead time is one more"
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
    lead_time_distribution: LeadTimeDistribution | None = Field(default=None, description="random lead time")

    @field_validator("lot_size")
    @classmethod
    def _lots_can_be_counted(cls, size: float) -> float:
        if 0 < size < SMALLEST:
            raise ValueError(f"must be 0 (any quantity) or at least {SMALLEST:g}")
        return size


class MarketLink(FrozenSchema):
    """A link on which a retailer meets customers' demand."""

    retailer: NodeId = Field(description="id of the managed node that sells")
    market: NodeId = Field(description="id of the market")
    price: NonNegative = Field(description="money per unit sold")
    shortage_penalty: NonNegative = Field(description="money per unit unfilled at the end of a period")
    mean_demand: NonNegative | None = Field(
        default=None, description="mean units per period before effects, unless the demand gives its own"
    )
    demand: Demand | None = Field(default=None, description="its own demand; absent: the scenario's")
