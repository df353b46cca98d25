"""The stock of today in a world: rows of the state tables matched to nodes and links, nothing guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena.advice.calendar import Calendar
from arena.advice.reading import Causes, Place, StateRow
from arena.errors import ABSENT, Fault, InvalidInput, suggest
from arena.world.network import Network
from arena.world.scenario import Scenario

_SHOWN = 5


@dataclass(frozen=True)
class StockState:
    """Stock, open orders and waiting customers before the first period.

    Attributes:
        on_hand: units per stock point, in the order of `Network.stock_points`.
        pipeline: units on their way per supply link, by the period of their arrival, from 0 for today.
        unseen: units ordered per supply link that its supplier has not seen, by the period in which it does.
        backlog: units that customers wait for, per market link.
        owed: units that suppliers owe, per supply link.
    """

    on_hand: tuple[float, ...]
    pipeline: tuple[tuple[float, ...], ...]
    unseen: tuple[tuple[float, ...], ...]
    backlog: tuple[float, ...]
    owed: tuple[float, ...]


def match_state(rows: Sequence[StateRow], scenario: Scenario, calendar: Calendar, source: str) -> StockState:
    """Match the rows of state tables to a world.

    Args:
        rows: at least one.
        scenario: the world.
        calendar: its periods from today on.
        source: the state file, for faults of the whole.

    Raises:
        InvalidInput: with a fault for each cause: unknown and missing nodes, what stands twice, arrivals in the past or
            later than a new order would arrive.
    """
    return _Matching(scenario, calendar, source).match(rows)


class _Matching:
    """One matching; arguments as for `match_state`."""

    def __init__(self, scenario: Scenario, calendar: Calendar, source: str) -> None:
        network = scenario.network
        self._network, self._scenario, self._calendar, self._source = network, scenario, calendar, source
        self._ids = {str(node.id): node.id for node in network.nodes}
        self._ids |= {node.name: node.id for node in network.nodes if node.name is not None}
        self._causes = Causes()
        self._on_hand: dict[int, float] = {}
        self._backlog: dict[int, float] = {}
        self._orders: dict[tuple[int, int], float] = {}
        self._owed: dict[int, float] = {}
        self._first: dict[tuple[str, int, int], Place] = {}
        self._unread: set[int] = set()
        self._has_unknown = False

    def match(self, rows: Sequence[StateRow]) -> StockState:
        for row in rows:
            node = self._ids.get(row.node)
            if node is None:
                known = [self._network.label(each) for each in self._network.managed]
                header = row.table.node
                self._has_unknown = True
                self._causes.add(row.place, header, row.node, "is not a node of the world", suggest(row.node, known))
            elif all(one is None for one in (row.on_hand, row.on_order, row.backlog, row.arrival, row.owed)):
                rule = "says nothing: it has neither stock nor backlog nor an order"
                self._unread.add(node)
                self._causes.add(row.place, "", row.node, rule, "write the units (0 for none), or remove the row")
            else:
                self._take(row, node)
        faults = self._causes.faults()
        faults += self._missing()
        if faults:
            raise InvalidInput(faults)
        links = self._network.supply_links
        pipeline = [[0.0] * link.slots for link in links]
        unseen = [[0.0] * link.order_delay for link in links]
        for (link, period), units in self._orders.items():
            slots = links[link].slots
            row_of = pipeline[link] if period < slots else unseen[link]
            row_of[period if period < slots else period - slots] = units
        return StockState(
            on_hand=tuple(self._on_hand[point] for point in range(len(self._network.stock_points))),
            pipeline=tuple(map(tuple, pipeline)),
            unseen=tuple(map(tuple, unseen)),
            backlog=tuple(self._backlog.get(link, 0.0) for link in range(len(self._network.market_links))),
            owed=tuple(self._owed.get(link, 0.0) for link in range(len(links))),
        )

    def _take(self, row: StateRow, node: int) -> None:
        if row.on_hand is not None:
            self._take_stock(row, node, row.on_hand)
        if row.backlog is not None:
            self._take_backlog(row, node, row.backlog)
        if row.on_order is not None or row.arrival is not None:
            self._take_order(row, node)
        if row.owed:
            self._take_owed(row, node, row.owed)

    # --- stock ----------------------------------------------------------------------------------------------------

    def _take_stock(self, row: StateRow, node: int, units: float) -> None:
        network, header = self._network, row.table.on_hand or ""
        if node not in network.managed:
            kind = "a market" if network.role(node) == "market" else "a supplier that never runs out"
            rule = f"is {kind}, whose stock is not kept"
            self._causes.add(row.place, row.table.node, row.node, rule, "remove the row")
            return
        points = network.points_of(node)
        point = points[0]
        if len(points) > 1:
            link = self._link_of(row, node, "of whose components the stock is kept apart")
            if link is None:
                self._unread.add(node)
                return
            point = network.receiving_points[link]
        if self._is_doubled("stock", point, 0, row, header, f"{row.node} has stock on two rows"):
            return
        self._on_hand[point] = units

    def _missing(self) -> list[Fault]:
        network = self._network
        absent = [
            network.label(point.node_id)
            for place, point in enumerate(network.stock_points)
            if place not in self._on_hand and point.node_id not in self._unread
        ]
        if not absent or self._has_unknown:  # A node that is missing may be the one that is misspelled.
            return []
        more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
        rule = "every node that holds stock has a row with its units on hand; missing: "
        rule += ", ".join(absent[:_SHOWN]) + more
        fix = "add the rows, with 0 where the shelf is empty"
        return [Fault(self._source, "on_hand", ABSENT, rule, fix)]

    # --- backlog --------------------------------------------------------------------------------------------------

    def _take_backlog(self, row: StateRow, node: int, units: float) -> None:
        network, header = self._network, row.table.backlog or ""
        markets = (
            [place for place, link in enumerate(network.market_links) if link.market == node]
            if network.role(node) == "market"
            else list(network.markets_of(node))
            if node in network.managed
            else []
        )
        if len(markets) != 1:
            if not units:
                return
            rule = "sells to no customers, so that nobody waits there"
            fix = "write 0: what other nodes wait for is not kept"
            if markets:
                names = ", ".join(network.label(network.market_links[one].market) for one in markets[:_SHOWN])
                rule, fix = "sells to several markets", f"write the backlog in the row of each market: {names}"
            self._causes.add(row.place, header, row.node, rule, fix)
            return
        (market,) = markets
        if units and not self._scenario.carried_shares[market]:
            rule = "has a backlog, and its customers do not wait (lost_sales)"
            fix = "write 0, or fulfilment: backlog in the scenario"
            self._causes.add(row.place, header, row.node, rule, fix)
            return
        if self._is_doubled("backlog", market, 0, row, header, f"{row.node} has a backlog on two rows"):
            return
        self._backlog[market] = units

    # --- orders ---------------------------------------------------------------------------------------------------

    def _take_order(self, row: StateRow, node: int) -> None:
        table, place = row.table, row.place
        if row.on_order is None:
            fix = "write the units, or remove the arrival"
            self._causes.add(place, table.on_order or "", ABSENT, "has an arrival and no units on order", fix)
            return
        if not row.on_order:
            return
        if row.arrival is None:
            fix = f"write when it arrives, as in {self._calendar.label(1).removeprefix('period ')}"
            self._causes.add(place, table.arrival or "", ABSENT, "has units on order and no arrival", fix)
            return
        link = self._link_of(row, node, "has several suppliers")
        if link is None:
            return
        period = self._calendar.period_of(row.arrival, table.date_format)
        header = table.arrival or ""
        if not isinstance(period, int):
            self._causes.add(place, header, row.arrival, *period)
            return
        if period < 0:
            rule = f"is in the past; the first period is {self._calendar.label(0)}"
            fix = "write the date that is expected now, or count what has arrived as on hand"
            self._causes.add(place, header, row.arrival, rule, fix)
            return
        supply = self._network.supply_links[link]
        last = supply.slots + supply.order_delay - 1
        if period > last:
            self._causes.add(place, header, row.arrival, *self._too_late(link, period, last))
            return
        name = f"an order of {row.node} from {self._network.label(supply.supplier)}"
        if not self._is_doubled("order", link, period, row, header, f"{name} for this arrival stands on two rows"):
            self._orders[link, period] = row.on_order

    def _take_owed(self, row: StateRow, node: int, units: float) -> None:
        header = row.table.owed or ""
        if self._scenario.upstream_shortage != "owed":
            rule = "is owed by a supplier, and suppliers of this world owe nothing: what they cannot ship is lost"
            fix = "write 0, or upstream_shortage: owed in the scenario"
            self._causes.add(row.place, header, units, rule, fix)
            return
        link = self._link_of(row, node, "has several suppliers")
        if link is None:
            return
        supply = self._network.supply_links[link]
        if supply.supplier not in self._network.managed and self._network.node(supply.supplier).capacity is None:
            rule = f"is owed by {self._network.label(supply.supplier)}, a supplier that never runs out"
            fix = "write it as an order, with the date of its arrival"
            self._causes.add(row.place, header, units, rule, fix)
            return
        name = f"what {self._network.label(supply.supplier)} owes {row.node}"
        if not self._is_doubled("owed", link, 0, row, header, f"{name} stands on two rows"):
            self._owed[link] = units

    def _too_late(self, link: int, period: int, last: int) -> tuple[str, str]:
        supply, label = self._network.supply_links[link], self._calendar.label
        ends = f"{self._network.label(supply.supplier)} to {self._network.label(supply.buyer)}"
        if last < 0:
            rule = f"goods of today's order arrive today on the link {ends}: nothing is on its way there"
            return rule, "count it as on hand, or give the link a lead_time in the network"
        rule = f"is {period} periods ahead; an order of today on the link {ends} arrives "
        rule += f"{self._calendar.when(last + 1)}, and one of before by {label(last)}"
        return rule, "check the date, or write the true lead_time in the network"

    def _link_of(self, row: StateRow, node: int, why: str) -> int | None:
        """Return the supply link that a row means; the fault goes to the causes where it means none, or several."""
        network, table, place = self._network, row.table, row.place
        inbound = network.inbound(node) if node in network.managed else ()
        header = table.supplier or ""
        if not inbound:
            self._causes.add(place, table.node, row.node, "orders from nobody", "write the node that awaits the order")
            return None
        names = [network.label(network.supply_links[link].supplier) for link in inbound]
        if row.supplier is None:
            if len(inbound) == 1:
                return inbound[0]
            rule = f"{network.label(node)} {why}, and the row names none"
            fix = f"write one of {', '.join(names[:_SHOWN])} in a column that the state names as supplier"
            self._causes.add(place, header, ABSENT, rule, fix)
            return None
        by_name = [link for link in inbound if network.supply_links[link].name == row.supplier]
        by_node = [link for link in inbound if network.supply_links[link].supplier == self._ids.get(row.supplier)]
        found = by_name or by_node
        if len(found) == 1:
            return found[0]
        if found:
            links = ", ".join(str(network.supply_links[link].name) for link in found)
            rule, fix = "delivers on several links", f"write the name of the link: {links}"
        else:
            rule, fix = f"does not deliver to {network.label(node)}", suggest(row.supplier, names)
        self._causes.add(place, header, row.supplier, rule, fix)
        return None

    def _is_doubled(self, kind: str, place: int, period: int, row: StateRow, header: str, rule: str) -> bool:
        first = self._first.setdefault((kind, place, period), row.place)
        if first is row.place:
            return False
        where = f"{first}" if first.source == row.place.source else f"{first} of {first.source}"
        fix = "keep one of them, or add them up"
        self._causes.add(row.place, header, ABSENT, f"{rule}, the first is {where}", fix, f"doubled {kind}")
        return True


def shown_link(network: Network, link: int) -> str:
    """Return a supply link as people read it: its name, or its ends."""
    supply = network.supply_links[link]
    return supply.name or f"{network.label(supply.supplier)} → {network.label(supply.buyer)}"
