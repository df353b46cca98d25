"""The advice: a line per order, and what a planner must be warned of."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from arena.contract.messages import Track
from arena.jail.isolation import Isolation
from arena.schemas import FrozenSchema

WarningKind = Literal["stock_out", "capacity", "never_sold", "storage", "clipped", "fallback", "no_history", "horizon"]


WAITING: Final = "what customers wait for"
"""What an order is for that leaves nothing for the demand to come."""


class OrderLine(FrozenSchema):
    """The order of one controller on one supply link, and what it is for."""

    controller: str = Field(description="name of the controller's submission")
    track: Track = Field(description="its track: what it was told")
    isolation: Isolation = Field(description="where it ran")
    what_if: str = Field(default="", description="what is varied; empty for the world as it is")
    link: str = Field(description="name of the supply link, or its ends")
    supplier: str = Field(description="node that delivers")
    buyer: str = Field(description="node that orders")
    order: float = Field(description="units to order, in whole lots")
    requested: float = Field(description="units that the controller asked for, before minimum orders and lots")
    ships: float | None = Field(
        description="units of the order that the supplier can ship today; None where it sees the order later"
    )
    lot_size: float = Field(description="orders are multiples of it; 0: any quantity")
    on_hand: float = Field(description="units on hand of the stock that the link delivers to")
    on_order: float = Field(
        description="units on their way to that stock, on all links, orders not yet seen, and what suppliers owe"
    )
    backlog: float = Field(description="units that customers of that stock wait for, and what it owes other nodes")
    position: float = Field(description="on hand + on order - backlog, units")
    needed: float = Field(description="forecast: mean units that are needed of the stock before the order arrives")
    arrives: str = Field(description="period in which the order arrives, by its first day")
    arrives_in: int = Field(description="periods from today to then; 0: today, before its demand")
    covers_from: str | None = Field(
        description="first period whose demand the order serves; None: none of the forecast"
    )
    covers_until: str | None = Field(description="last period that is served; None: beyond the forecast")
    purpose: str = Field(description="what the order is for, in words")


class AdviceWarning(FrozenSchema):
    """Something that the order of today cannot mend, or would do wrong."""

    kind: WarningKind
    node: str = Field(description="where it is; empty where it is of no node")
    controllers: tuple[str, ...] = Field(default=(), description="whose orders bring it about; empty: of all")
    what_if: str = Field(default="", description="what is varied; empty for the world as it is")
    text: str


class Advice(FrozenSchema):
    """Orders of today by every controller that was asked."""

    world: str = Field(description="name of the scenario")
    today: str = Field(description="first period of the advice, by its first day; `period 0` without dates")
    known_until: str | None = Field(description="last period of recorded demand; None where none is recorded")
    forecast: str = Field(description="how the forecast was made, in words")
    horizon: int = Field(description="periods that the controllers were told to plan for")
    lines: tuple[OrderLine, ...] = Field(description="by what-if, then controller, then supply link")
    warnings: tuple[AdviceWarning, ...] = ()

    @property
    def cases(self) -> tuple[tuple[str, str], ...]:
        """Controllers with their what-ifs, in the order of the lines."""
        return tuple(dict.fromkeys((line.controller, line.what_if) for line in self.lines))

    def lines_of(self, controller: str, what_if: str = "") -> tuple[OrderLine, ...]:
        """The lines of one controller, in the order of the supply links.

        Args:
            controller: name of its submission.
            what_if: what is varied.
        """
        return tuple(one for one in self.lines if (one.controller, one.what_if) == (controller, what_if))
