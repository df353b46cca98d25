"""The largest shipments that can be of use: bounds of flows, and the big-M of programs with integer decisions.

A fixed cost, a minimum order or a storage capacity is stated with a binary and a large number M. The solver takes a
binary of 1e-6 for zero, so with M = 1e6 a unit flows for nothing, and the relaxation is worth nothing. The M of this
module is what a plan can use at most.

Claim: of the optimal plans, one ships on no link and in no period more than `useful_shipments` says.

1. *Waste.* Let every stock be used first in, first out. The units of a shipment that never leave the stock that they
   come to (neither sold nor shipped on nor part of what is) are its waste. Shipping less by some of the waste changes
   no other shipment and no sale: stock there falls by what was never drawn, and what is scrapped can only fall. On a
   link from a raw material that costs no more, since no price and no holding cost is negative. So an optimal plan has
   shipments from raw materials whose waste is less than what lots and the minimum order force, ``w = minimum order +
   lot``; summed over the periods that are left, at most ``w`` each.
2. *Moving stock.* On a link between two stocks waste may pay, as storing is dearer here than there. What moves so is
   stock that was there at the beginning or is on its way, or waste of purchases and of shipments before, at most ``w``
   of each link and period upstream: for a purchased unit that is wasted in the end, its whole way can be undone, unless
   a shipment on the way is at its minimum order or consists of lots of which it is only a part.
3. *Need.* So what a node can use from a period on is what its customers can still buy (where they wait, also what they
   wanted before), plus what its own buyers can be sent from the next period on.
4. Nothing is shipped that cannot be there: stock, and all that has arrived by then.

Point 2 takes whole lots back along a way. Lots of several sizes in a row may not have a common multiple. Then compare
with the plan that keeps the ways of all units sold and what rounding adds to them: it leaves the stocks and roundings
of point 2 where they are, which costs at most their holding cost to the end, and buys nothing else. What is bought
beyond that costs less than it saves, so that what is moved is at most (1 + largest holding cost x periods / least
price of a raw material, discounted) times that of point 2. Where a raw material is free, or a yield or a bill of
materials lies on a way with several lots, the bound is the bound of orders, lowered by point 4 alone.

With parts of worlds beyond the first schema: what was ordered before the first period is shipped, of use or not, and is
added to 1 to 3. Where stock is worth something after the last period, waste may pay, and where there are also lots of
several sizes the comparison is not made: there point 4 alone holds. A shipment that never arrives is waste.

With several paths of demand the bound is that of a path that wants in every period what the most demanding of them
wants. There it is a rule of the rolling controllers and no theorem.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arena import Briefing, Network
from arena_optimization.arrays import FloatArray
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.path_rules import NEVER, PathRules, raised
from arena_optimization.programs.rolling_rules import cut_rules
from arena_optimization.programs.sales_limits import tightened
from arena_optimization.programs.start import Start

_RELATIVE, _ABSOLUTE = 1e-6, 1e-4
"""Slack of the bounds, so that rounding cuts nothing off."""
_SWITCHED = ("ordering", "only_then", "stock_left", "nothing_later", "shared_stock_left", "placing")
"""Rows "quantity - M x binary <= constant" of the program of a path."""
_LIFTED = "all_owed"
"""Rows "quantity - M x (number of binaries - their sum) <= constant"."""


@dataclass(frozen=True)
class ShipmentLimits:
    """What bounds the shipments of an episode, whatever is left of it.

    Attributes:
        network: The network.
        backlog: Whether unfilled customers wait.
        most: Units that can be ordered on every supply link, (supply links,).
        discount: Factor on a period's profit per period elapsed.
        rules: Of an episode with parts beyond the first schema; None: fixed lead times, and nothing ordered before.
    """

    network: Network
    backlog: bool
    most: FloatArray
    discount: float = 1.0
    rules: PathRules | None = None

    def arriving(self, link: int, units: FloatArray) -> FloatArray:
        """Units that arrive on a link in every period, from those that are shipped, (horizon,)."""
        arrived, horizon = np.zeros(len(units)), len(units)
        if self.rules is None:
            lead_time = self.network.supply_links[link].lead_time
            arrived[lead_time:] = units[: max(0, horizon - lead_time)]
        else:
            arrival = self.rules.arrivals[link]
            comes = arrival != NEVER
            np.add.at(arrived, arrival[comes], units[comes])
        return arrived

    def on_arrival(self, link: int, need: FloatArray) -> FloatArray:
        """The largest need on arrival of the shipments of a period or later ones, from the need by period, (horizon,).

        The need falls by period. Where orders cross, a later one may meet the need of an earlier period.
        """
        later, horizon = np.zeros(len(need)), len(need)
        if self.rules is None:
            lead_time = self.network.supply_links[link].lead_time
            later[: max(0, horizon - lead_time)] = need[lead_time:]
            return later
        arrival = self.rules.arrivals[link]
        comes = arrival != NEVER
        later[comes] = need[arrival[comes]]
        return np.maximum.accumulate(later[::-1])[::-1]

    def ships_deliveries(self, node_id: int) -> bool:
        """Whether a node ships what arrives in the same period."""
        return self.network.node(node_id).priority is not None

    def ordered_before(self, link: int) -> float:
        """Units ordered on a link before the first period."""
        return 0.0 if self.rules is None else float(self.rules.orders_before[link].sum())

    def at(self, start: Start, horizon: int) -> ShipmentLimits:
        """The limits of a shorter program with other orders on their way to suppliers.

        Args:
            start: What it starts from.
            horizon: Number of its periods.
        """
        if self.rules is None:
            return self
        seen = start.seen.copy()
        seen[:, 0] += start.owed
        return replace(self, rules=cut_rules(self.rules, seen, horizon))

    def tighten(self, form: PathForm, start: Start, demand: FloatArray) -> PathForm:
        """A program's form with the bounds of this module as bounds of its flows and in the rows of its binaries.

        Args:
            form: The program of one path.
            start: What it starts from.
            demand: Units, (market links, horizon): the most of all paths that it is solved for.
        """
        most, there = _useful(self, start, demand)
        if "short" in form.columns.kind:
            wanted = demand
            if self.backlog:
                wanted = start.backlog[:, None] + np.cumsum(demand, axis=1)
            form = tightened(form, wanted, there + self._arriving(start, most))
        labels = form.columns
        flows, scrapped, left = form.flows, labels.where("scrapped"), labels.where("left")
        upper = form.upper.copy()
        excess = np.zeros(len(labels))
        for ordered in (flows, labels.where("asked")):
            upper[ordered] = np.minimum(upper[ordered], most[labels.item[ordered], labels.period[ordered]])
            excess[ordered] = upper[ordered]
        excess[left] = there[labels.item[left], labels.period[left]]
        excess[scrapped] = self._arriving(start, most)[labels.item[scrapped], labels.period[scrapped]]
        upper[scrapped] = np.minimum(upper[scrapped], excess[scrapped])
        self._bound_owed(form, upper, excess)
        return _with_big_m(replace(form, upper=upper), excess)

    def _bound_owed(self, form: PathForm, upper: FloatArray, excess: FloatArray) -> None:
        """The most that a plan orders and leaves owed: what ships later, and what the last order is raised by."""
        if self.rules is None or not self.rules.owing:
            return
        labels = form.columns
        shipped = np.zeros((len(self.network.supply_links), form.horizon))
        flows = form.flows
        shipped[labels.item[flows], labels.period[flows]] = upper[flows]
        from_here_on = np.cumsum(shipped[:, ::-1], axis=1)[:, ::-1]
        for kind in ("added", "owed"):
            here = labels.where(kind)
            links, periods = labels.item[here], labels.period[here]
            forced = np.array([raised(self.network, link, 0.0) + self.ordered_before(link) for link in links])
            most = from_here_on[links, periods] + forced * (1.0 + _RELATIVE) + _ABSOLUTE
            upper[here] = excess[here] = np.minimum(upper[here], most)

    def _arriving(self, start: Start, most: FloatArray) -> FloatArray:
        """The most that can come to every stock point in a period, and so be too much, (stock points, horizon)."""
        horizon = most.shape[1]
        arriving = start.due[:, :horizon].copy()
        for place, point in enumerate(self.network.stock_points):
            for link in point.arrivals:
                arriving[place] += self.arriving(link, most[link])
            capacity = self.network.node(point.node_id).storage_capacity
            if capacity is not None:
                arriving[place, 0] += max(0.0, start.on_hand[place] - capacity)
        return arriving * (1.0 + _RELATIVE) + _ABSOLUTE


def largest_shipments(briefing: Briefing) -> FloatArray:
    """The most that can be shipped on every supply link in a period, (supply links,), units.

    An order is at most the order bound, then raised to the minimum order and to whole lots. Where upstream shortage is
    owed, all earlier orders may follow at once.
    """
    most = [
        max(bound, link.minimum_order) + link.lot_size
        for bound, link in zip(briefing.order_bound.tolist(), briefing.network.supply_links, strict=True)
    ]
    return np.array(most) * (briefing.horizon if briefing.upstream_shortage == "owed" else 1)


def useful_shipments(limits: ShipmentLimits, start: Start, demand: FloatArray) -> FloatArray:
    """The largest shipment of every link and period that some optimal plan can need; see the module's text.

    Args:
        limits: Network, fulfilment and the bound of orders.
        start: What the plan starts from.
        demand: Units, (market links, horizon).

    Returns:
        Units, (supply links, horizon), with a slack for rounding.
    """
    return _useful(limits, start, demand)[0]


def _useful(limits: ShipmentLimits, start: Start, demand: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The largest useful shipments, and the most that can then be in stock when a period begins, with slack."""
    network, horizon = limits.network, demand.shape[1]
    links = network.supply_links
    most = np.repeat(limits.most[:, None], horizon, axis=1)
    for i, link in enumerate(links):
        capacity = network.node(link.supplier).capacity
        if capacity is not None:
            most[i] = np.minimum(most[i], capacity)
    forced = np.array([link.minimum_order + link.lot_size for link in links])
    if limits.rules is not None:
        forced[list(limits.rules.owing)] *= horizon  # what several orders were raised by may ship at once
    worth_moving = _worth_moving(limits, horizon)
    if np.isfinite(worth_moving):
        most = np.minimum(most, _needed(limits, start, demand, forced, worth_moving))
    if limits.rules is not None:
        for i, delay in enumerate(limits.rules.delays):
            most[i, :delay] = _ordered_before(limits.rules, i)[:delay]
    most, there = _available(limits, start, most)
    return most * (1.0 + _RELATIVE) + _ABSOLUTE, there * (1.0 + _RELATIVE) + horizon * _ABSOLUTE


def _needed(
    limits: ShipmentLimits, start: Start, demand: FloatArray, forced: FloatArray, worth_moving: float
) -> FloatArray:
    """Points 1 to 3, (supply links, horizon)."""
    network, horizon = limits.network, demand.shape[1]
    if limits.backlog:
        wanted = np.repeat((start.backlog + demand.sum(axis=1))[:, None], horizon, axis=1)
    else:
        wanted = np.cumsum(demand[:, ::-1], axis=1)[:, ::-1]
    movable = _movable(limits, start, forced, horizon)
    left = np.arange(horizon, 0, -1)
    owing = () if limits.rules is None else limits.rules.owing
    single, from_here_on = np.zeros((2, len(forced), horizon))
    for node_id in reversed(network.upstream_first):
        sent_on = np.zeros(horizon)
        for link in network.outbound(node_id):
            # What arrives in a period can be shipped on in the next one.
            if limits.ships_deliveries(node_id):
                sent_on += from_here_on[link]
            else:
                sent_on[:-1] += from_here_on[link, 1:]
        for place in network.points_of(node_id):
            point = network.stock_points[place]
            need = point.consumption * sent_on
            for market, seller in enumerate(network.selling_points):
                if seller == place:
                    need = need + wanted[market]
            for link in point.arrivals:
                later = limits.on_arrival(link, need)
                later += worth_moving * movable.get(network.supply_links[link].supplier, 0.0)
                # What is owed follows even where it is of no use any more.
                ships = (later > 0.0) | (link in owing)
                single[link] = np.where(ships, later + forced[link], 0.0)
                from_here_on[link] = np.minimum(
                    np.cumsum(single[link, ::-1])[::-1], np.where(ships, later + left * forced[link], 0.0)
                )
                # What was ordered before the first period is shipped, of use or not.
                single[link] += limits.ordered_before(link)
                from_here_on[link] += limits.ordered_before(link)
    return single


def _movable(limits: ShipmentLimits, start: Start, forced: FloatArray, horizon: int) -> dict[int, float]:
    """Point 2: units that may leave a managed node to be stored elsewhere, in all."""
    found: dict[int, float] = {}
    network = limits.network
    for node_id in network.upstream_first:
        total = 0.0
        for place in network.points_of(node_id):
            point = network.stock_points[place]
            stored = start.on_hand[place] + start.due[place].sum()
            for link in point.arrivals:
                stored += (
                    horizon * forced[link]
                    + limits.ordered_before(link)
                    + found.get(network.supply_links[link].supplier, 0.0)
                )
            # A unit put together may get rid of any one of its components.
            total += stored / point.consumption
        found[node_id] = total
    return found


def _available(limits: ShipmentLimits, start: Start, most: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Point 4: shipments lowered to what can be there, and that, (supply links or stock points, horizon)."""
    network, horizon = limits.network, most.shape[1]
    most, stocks = most.copy(), np.zeros((len(network.stock_points), horizon))
    for node_id in network.upstream_first:
        for place in network.points_of(node_id):
            point = network.stock_points[place]
            # Nothing that arrives in a period is shipped in it.
            due = np.cumsum(start.due[place, :horizon])
            at_once = limits.ships_deliveries(node_id)
            there = start.on_hand[place] + (due if at_once else np.concatenate([[0.0], due[:-1]]))
            for link in point.arrivals:
                arrived = np.cumsum(limits.arriving(link, most[link]))
                if at_once:
                    there += arrived
                else:
                    there[1:] += arrived[:-1]
            stocks[place] = there
            for link in network.outbound(node_id):
                most[link] = np.minimum(most[link], there / point.consumption)
    return most, stocks


def _worth_moving(limits: ShipmentLimits, horizon: int) -> float:
    """Factor on what point 2 lets move: 1, more with lots of several sizes in a row, infinite where that is open."""
    network = limits.network
    if any((node.terminal_value or 0.0) > 0.0 for node in network.nodes) or any(
        (part.terminal_value or 0.0) > 0.0 for node in network.nodes for part in node.bill_of_materials
    ):
        return np.inf  # stock that is never drawn is worth something
    if not _has_lots_of_several_sizes(network):
        return 1.0
    if limits.rules is not None:
        return np.inf
    price = min(link.price for link in network.supply_links if network.role(link.supplier) == "raw_material")
    price *= limits.discount ** (horizon - 1)
    if price <= 0.0 or any(point.consumption != 1.0 for point in network.stock_points if point.ships):
        return np.inf
    return 1.0 + max(node.holding_cost or 0.0 for node in network.nodes) * horizon / price


def _ordered_before(rules: PathRules, link: int) -> FloatArray:
    """The most that can be shipped of what was ordered before the first period, (periods,)."""
    before = rules.orders_before[link]
    return np.cumsum(before) if rules.owes else before


def _has_lots_of_several_sizes(network: Network) -> bool:
    """Whether a way through the network has lots twice that are not the same quantity of the same units."""
    lots_into: dict[int, set[float]] = {}
    for node_id in network.upstream_first:
        inbound = [network.supply_links[link] for link in network.inbound(node_id)]
        seen = {link.lot_size for link in inbound if link.lot_size > 0}
        for link in inbound:
            before = lots_into.get(link.supplier, set())
            if link.lot_size > 0 and before - {link.lot_size}:
                return True
            seen |= before
        converts = any(network.stock_points[place].consumption != 1.0 for place in network.points_of(node_id))
        # NaN equals no lot: after a yield or a bill of materials every further lot is another quantity.
        lots_into[node_id] = {float("nan")} if converts and seen else seen
    return False


def _with_big_m(form: PathForm, excess: FloatArray) -> PathForm:
    """The form with other coefficients of the binaries in the rows that a large number switches off.

    Args:
        form: The program of one path.
        excess: By column of a flow, of what is scrapped or of what is left: the most that it can be, (columns,).
    """
    matrix, right = form.matrix.copy(), form.row_constant.copy()
    is_binary = np.isin(form.columns.kind, ["ordered", "full", "enough_left", "placed"])
    for row in np.flatnonzero(np.isin(form.rows.kind, [*_SWITCHED, _LIFTED])):
        entries = np.arange(matrix.indptr[row], matrix.indptr[row + 1])
        columns = matrix.indices[entries]
        binary = is_binary[columns]
        quantity = ~binary
        if quantity.sum() > 1:  # what is left of a stock, and what other links take of it: all that was there
            quantity &= form.columns.kind[columns] == "left"
        # Flow - M x ordered <= 0, up to the scale of the row.
        largest = matrix.data[entries[quantity]][0] * excess[columns[quantity]][0]
        if form.rows.kind[row] == _LIFTED:
            # In this order nothing of a small constant is lost to the large numbers that stood here.
            right[row] = right[row] - matrix.data[entries[binary]].sum() + largest * binary.sum()
            matrix.data[entries[binary]] = largest
        else:
            matrix.data[entries[binary]] = -largest
    return replace(form, matrix=matrix, row_constant=right)
