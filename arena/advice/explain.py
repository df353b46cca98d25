"""Orders explained: position, what is needed until they arrive, what they are for, and what to be warned of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arena.advice.asking import FirstDecision, round_to_lots
from arena.advice.needs import needs_by_point
from arena.advice.result import WAITING, AdviceWarning, OrderLine, WarningKind
from arena.advice.state import shown_link
from arena.advice.today import Today
from arena.contract.messages import Track
from arena.jail.isolation import Isolation
from arena.simulate.simulator import Simulator

SLACK = 1e-6
"""Units below which a difference is none; sums of forecasts are not exact."""


def shown(units: float) -> str:
    """Return units with three digits, or all digits before the decimal point.

    >>> shown(30.769), shown(11290.4), shown(48.0)
    ('30.8', '11,290', '48')
    """
    return f"{units:,.0f}" if abs(units) >= 100 else f"{units:,.3g}"


class Outlook:
    """What lies ahead of every stock, whatever is ordered today.

    Args:
        today: the world of today.
        what_if: what is varied in it, for its lines and warnings.
    """

    def __init__(self, today: Today, what_if: str = "") -> None:
        self._today, self._what_if = today, what_if
        scenario, state = today.scenario, today.state
        self._network = network = scenario.network
        self._label = today.world.calendar.label
        self._simulator = today.simulator()
        self._needs = needs_by_point(network, today.forecast.mean)
        self._cumulated = np.vstack([np.zeros(self._needs.shape[1]), np.cumsum(self._needs, axis=0)])
        points = range(len(network.stock_points))
        self._backlog = [0.0] * len(points)
        self._waits = [False] * len(points)
        for market, point in enumerate(network.selling_points):
            self._backlog[point] += state.backlog[market]
            self._waits[point] = self._waits[point] or scenario.carried_shares[market] > 0
        for link, units in zip(network.supply_links, state.owed, strict=True):
            for point in network.points_of(link.supplier) if units else ():
                self._backlog[point] += units * network.stock_points[point].consumption
                self._waits[point] = True
        self._on_order = [
            sum(
                sum(state.pipeline[link]) + sum(state.unseen[link]) + state.owed[link]
                for link in network.stock_points[point].arrivals
            )
            for point in points
        ]
        self._position = [state.on_hand[point] + self._on_order[point] - self._backlog[point] for point in points]
        self._delays = [link.lead_time + link.order_delay for link in network.supply_links]

    def _levels(self, point: int, periods: int) -> NDArray[np.float64]:
        """Expected stock after each of the first periods without an order of today; below 0: what is short."""
        state, links = self._today.state, self._network.supply_links
        arriving = np.zeros(periods)
        for link in self._network.stock_points[point].arrivals:
            on_way = [*state.pipeline[link], *state.unseen[link]]
            assert len(state.pipeline[link]) == links[link].slots
            count = min(periods, len(on_way))
            arriving[:count] += on_way[:count]
        start = state.on_hand[point] - self._backlog[point]
        levels: NDArray[np.float64] = start + np.cumsum(arriving) - self._cumulated[1 : periods + 1, point]
        return levels

    # --- lines ----------------------------------------------------------------------------------------------------

    def lines(
        self, controller: str, track: Track, isolation: Isolation, decision: FirstDecision
    ) -> tuple[list[OrderLine], list[AdviceWarning]]:
        """Return a line for every supply link, and the warnings of a controller's orders.

        Args:
            controller: name of its submission.
            track: its track.
            isolation: where it ran.
            decision: its orders.
        """
        network, state = self._network, self._today.state
        orders = round_to_lots(self._simulator.compiled, decision.requested)
        ships = self._shipped(decision.requested)
        together = np.zeros(len(network.stock_points))
        np.add.at(together, list(network.receiving_points), orders)
        lines = []
        for place, link in enumerate(network.supply_links):
            point, delay = network.receiving_points[place], self._delays[place]
            first, last = self._covered(point, delay, float(together[point])) if orders[place] > 0 else (None, None)
            lines.append(
                OrderLine(
                    controller=controller,
                    track=track,
                    isolation=isolation,
                    what_if=self._what_if,
                    link=shown_link(network, place),
                    supplier=network.label(link.supplier),
                    buyer=network.label(link.buyer),
                    order=float(orders[place]),
                    requested=float(decision.requested[place]),
                    ships=None if link.order_delay else max(0.0, float(ships[place]) - state.owed[place]),
                    lot_size=link.lot_size,
                    on_hand=state.on_hand[point],
                    on_order=self._on_order[point],
                    backlog=self._backlog[point],
                    position=self._position[point],
                    needed=float(self._cumulated[min(delay, len(self._needs)), point]),
                    arrives=self._label(delay),
                    arrives_in=delay,
                    covers_from=None if first is None else self._label(first),
                    covers_until=None if last is None else self._label(last),
                    purpose=self._purpose(point, delay, float(orders[place]), first, last),
                )
            )
        warnings = list(self._warnings_of(controller, decision, orders, ships, together))
        if track != "informed" and not self._today.scenario.history:
            text = f"{controller}: is told of no demand, past or to come, and orders by what it assumes; "
            text += "the informed track is told the forecast, as newsvendor:informed is"
            warnings.append(self._warning("no_history", "", text, (controller,)))
        return lines, warnings

    def _shipped(self, requested: NDArray[np.float64]) -> NDArray[np.float64]:
        """Units that suppliers ship today, as the simulator says: within stock, capacity and lots."""
        simulator: Simulator = self._today.simulator()
        scenario = self._today.scenario
        varying = self._network.varying_links
        lead_times = np.array([[self._network.supply_links[i].lead_time for i in varying]] * scenario.horizon)
        demand = self._today.forecast.mean[: scenario.horizon]
        simulator.replay(np.maximum(demand, 0.0), lead_times.astype(np.int64) if varying else None)
        simulator.step(requested)
        assert simulator.last is not None
        return np.array(simulator.last.filled, dtype=np.float64)

    def _covered(self, point: int, delay: int, units: float) -> tuple[int | None, int | None]:
        """Return the first and the last period whose demand an order serves; None for one beyond the forecast."""
        ahead = len(self._needs)
        if delay >= ahead:
            return None, None
        left = self._left(point, delay)
        needs = np.cumsum(self._needs[delay:, point])
        uncovered = np.flatnonzero(needs > max(left, 0.0) + SLACK)
        if not len(uncovered):
            return None, None
        if left + units <= SLACK:
            return None, None
        served = np.flatnonzero(needs <= left + units + SLACK)
        first = delay + int(uncovered[0])
        last = delay + int(served[-1]) if len(served) else first
        return first, None if last == ahead - 1 else max(first, last)

    def _left(self, point: int, delay: int) -> float:
        """Units that are left when an order arrives; below 0 what customers then wait for."""
        left = self._position[point] - float(self._cumulated[min(delay, len(self._needs)), point])
        return left if self._waits[point] else max(left, 0.0)

    def _purpose(self, point: int, delay: int, units: float, first: int | None, last: int | None) -> str:
        if first is None and units > 0 and self._left(point, delay) < -SLACK:
            return WAITING
        if first is None:
            lasting = np.flatnonzero(self._cumulated[1:, point] > self._position[point] + SLACK)
            if not len(lasting):
                return f"nothing is needed up to {self._label(len(self._needs) - 1)}"
            if lasting[0] == 0:
                return "no order, and the stock does not last for today"
            return f"no order: the stock lasts to {self._label(int(lasting[0]) - 1)}"
        backlog = f"{WAITING}, and " if self._left(point, delay) < -SLACK else ""
        if last is None:
            return f"{backlog}demand from {self._label(first)} on"
        until = "" if last == first else f" to {self._label(last)}"
        return f"{backlog}demand of {self._label(first)}{until}"

    # --- warnings -------------------------------------------------------------------------------------------------

    def warnings(self) -> Iterator[AdviceWarning]:
        """Yield what is so whatever is ordered: stock-outs before anything can arrive, and stock without a use."""
        network, label = self._network, self._label
        yield from self._too_late()
        for place, point in enumerate(network.stock_points):
            node = network.label(point.node_id)
            soonest = min((self._delays[link] for link in point.arrivals), default=0)
            levels = self._levels(place, min(soonest, len(self._needs)))
            short = np.flatnonzero(levels < -SLACK)
            if len(short):
                period = int(short[0])
                text = f"{node}: short from {label(period)} on by up to {shown(float(-levels.min()))} units; "
                text += f"an order of today arrives {self._today.world.calendar.when(soonest)}"
                yield self._warning("stock_out", node, text)
            horizon = min(self._today.scenario.horizon, len(self._needs))
            total, held = float(self._cumulated[horizon, place]), self._position[place]
            if held > total + SLACK:
                text = f"{node}: {shown(held - total)} of {shown(held)} units are not needed up to "
                text += label(horizon - 1)
                yield self._warning("never_sold", node, text)
            most = network.node(point.node_id).storage_capacity
            stock = sum(self._today.state.on_hand[one] for one in network.points_of(point.node_id))
            if most is not None and stock > most + SLACK and place == network.points_of(point.node_id)[0]:
                text = f"{node}: has {shown(stock)} units on hand, and room for {shown(most)}"
                yield self._warning("storage", node, text)

    def _too_late(self) -> Iterator[AdviceWarning]:
        """Yield a warning of supply links whose orders of today reach no customer within the scenario's horizon."""
        network, horizon = self._network, self._today.scenario.horizon
        ahead: dict[int, float] = {}
        for node in reversed(network.upstream_first):
            onward = [self._delays[one] + ahead[network.supply_links[one].buyer] for one in network.outbound(node)]
            ahead[node] = 0 if network.markets_of(node) else min(onward, default=np.inf)
        periods = [delay + ahead[link.buyer] for delay, link in zip(self._delays, network.supply_links, strict=True)]
        late = [place for place, count in enumerate(periods) if horizon <= count < np.inf]
        if late:
            longest = max(periods[place] for place in late)
            more = f" and {len(late) - 1} more" if len(late) > 1 else ""
            text = (
                f"{shown_link(network, late[0])}{more}: what is ordered today reaches customers after the scenario's "
            )
            text += f"horizon of {horizon}, so that rules that plan to its end order too little; "
            text += f"write a horizon of more than {longest:g}"
            yield self._warning("horizon", "", text)

    def _warnings_of(
        self,
        controller: str,
        decision: FirstDecision,
        orders: NDArray[np.float64],
        ships: NDArray[np.float64],
        together: NDArray[np.float64],
    ) -> Iterator[AdviceWarning]:
        network, who = self._network, (controller,)
        for supplier in dict.fromkeys(link.supplier for link in network.supply_links):
            links = [place for place in network.outbound(supplier) if not network.supply_links[place].order_delay]
            owed = sum(self._today.state.owed[place] for place in links)
            asked, given = float(orders[links].sum()) + owed, float(ships[links].sum())
            if asked <= given + SLACK:
                continue
            node = network.label(supplier)
            before = f", with {shown(owed)} owed from before" if owed else ""
            rest = "the rest follows" if self._today.scenario.upstream_shortage == "owed" else "order the rest again"
            text = f"{node}: asked for {shown(asked)}{before}, and can ship {shown(given)} today "
            text += f"({self._why(supplier)}); {rest}"
            yield self._warning("capacity", node, text, who)
        for place, point in enumerate(network.stock_points):
            node, units = network.label(point.node_id), float(together[place])
            horizon = min(self._today.scenario.horizon, len(self._needs))
            unused = self._position[place] + units - float(self._cumulated[horizon, place])
            if units > SLACK and unused > SLACK and self._position[place] <= float(self._cumulated[horizon, place]):
                text = f"{node}: {shown(min(unused, units))} of {shown(units)} ordered units are not needed up to "
                text += self._label(horizon - 1)
                yield self._warning("never_sold", node, text, who)
            most, delay = (
                network.node(point.node_id).storage_capacity,
                max((self._delays[link] for link in point.arrivals), default=0),
            )
            if most is not None and units > SLACK:
                room = most - max(0.0, self._left(place, delay))
                if units > room + SLACK:
                    text = f"{node}: {shown(units)} units arrive, and there is room for {shown(max(room, 0.0))}"
                    yield self._warning("storage", node, text, who)
        if decision.clipped:
            count = "1 order was" if decision.clipped == 1 else f"{decision.clipped} orders were"
            text = f"{controller}: {count} brought within the bounds of 0 and the largest order"
            yield self._warning("clipped", "", text, who)
        if decision.fell_back:
            text = f"{controller}: reports that its fallback decided, and not its method"
            yield self._warning("fallback", "", text, who)

    def _why(self, supplier: int) -> str:
        """Return why a supplier can ship no more: its capacity, or the stock that is used up before."""
        network = self._network
        capacity = network.node(supplier).capacity
        points = network.points_of(supplier)
        stocks = [self._today.state.on_hand[point] for point in points]
        able = [units / network.stock_points[point].consumption for units, point in zip(stocks, points, strict=True)]
        if capacity is not None and capacity <= min(able, default=capacity):
            return f"its capacity is {shown(capacity)}"
        return f"it has {shown(min(stocks))} on hand" if len(stocks) == 1 else "it lacks a component"

    def _warning(self, kind: WarningKind, node: str, text: str, controllers: tuple[str, ...] = ()) -> AdviceWarning:
        return AdviceWarning(kind=kind, node=node, controllers=controllers, what_if=self._what_if, text=text)
