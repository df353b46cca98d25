"""Many episodes of one scenario played again at once, from their orders and their demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.simulate.arrivals import arrivals_of
from arena.simulate.columns import NUMPY
from arena.simulate.compiled import MONEY_PARTS, CompiledScenario
from arena.simulate.dynamics import DemandSource, advance
from arena.simulate.states import initial_columns


@dataclass(frozen=True)
class NodeHistory:
    """Stock and money by node of a batch of episodes; every array has the shape (batch, periods, managed nodes).

    The numbers are those of `arena.simulate.ledger.Ledger`, which one episode at a time gives.

    Attributes:
        on_hand: Units on hand at the end of the period.
        in_transit: Units under way to the node at the end of the period, over all its supply links.
        money: The parts of `arena.simulate.compiled.MONEY_PARTS` by name, discounted to period 0.
        terminal_value: Money that stock is worth after the last period; zero before it.
        profit: Revenue less the five costs, and that value.
    """

    on_hand: NDArray[np.float64]
    in_transit: NDArray[np.float64]
    money: dict[str, NDArray[np.float64]]
    terminal_value: NDArray[np.float64]
    profit: NDArray[np.float64]


def replay_batch(
    compiled: CompiledScenario,
    requested: NDArray[np.float64],
    demand: NDArray[np.float64],
    lead_times: NDArray[np.int64] | None = None,
) -> NodeHistory:
    """Play episodes of one scenario again.

    Args:
        compiled: the scenario.
        requested: orders, units, finite, shape (batch, periods, supply links); negative ones count as zero.
        demand: demand that the episodes met, units, shape (batch, periods, market links).
        lead_times: those of the episodes, shape (batch, periods, links whose lead time varies); needed where there are
            such links.

    Raises:
        ValueError: the shapes do not fit each other or the scenario.
    """
    batch, periods, links = requested.shape
    if (links, demand.shape) != (compiled.links, (batch, periods, compiled.markets)):
        raise ValueError(f"orders of shape {requested.shape} and demand of shape {demand.shape} are of no episode")
    columns = initial_columns(compiled, lambda value: np.full(batch, value))
    varying = compiled.network.varying_links
    if varying and (lead_times is None or lead_times.shape != (batch, periods, len(varying))):
        raise ValueError(f"lead times of {len(varying)} links are needed for each of {batch} episodes")
    arrivals = None if lead_times is None else arrivals_of(compiled.network, lead_times, demand)
    rows = np.empty((periods, compiled.flow_rows, batch))
    requests = np.ascontiguousarray(np.where(requested > 0.0, requested, 0.0).transpose(1, 2, 0))
    wanted = np.ascontiguousarray(demand.transpose(1, 2, 0))
    for period in range(periods):
        given = list(wanted[period])
        arriving = () if arrivals is None else arrivals.in_period(period)
        source: DemandSource = lambda _, given=given: given  # type: ignore[misc]  # noqa: E731
        columns, moved = advance(compiled, columns, list(requests[period]), source, NUMPY, None, arriving)
        rows[period] = moved.rows
    flows = np.ascontiguousarray(rows.transpose(2, 0, 1))
    nodes = len(compiled.network.managed)
    stock = flows[:, :, 2 * links : 2 * links + len(compiled.stock_points)]
    in_transit = np.zeros((nodes, batch, periods))
    buyers = [compiled.network.managed_index(link.buyer) for link in compiled.network.supply_links]
    np.add.at(in_transit, buyers, flows[:, :, links : 2 * links].transpose(2, 0, 1))
    weights = np.array([compiled.period_weight(period) for period in range(periods)])[None, :, None]
    parts = compiled.money(flows.reshape(batch * periods, compiled.flow_rows))
    money = {name: amounts.reshape(batch, periods, nodes) * weights for name, amounts in parts.items()}
    costs = [money[name] for name in MONEY_PARTS if name != "revenue"]
    terminal = np.zeros((batch, periods, nodes))
    if compiled.has_terminal_values and periods == compiled.horizon:
        terminal[:, -1] = compiled.terminal_values(flows[:, -1])
    return NodeHistory(
        on_hand=compiled.stock_by_node(stock),
        in_transit=in_transit.transpose(1, 2, 0),
        money=money,
        terminal_value=terminal,
        profit=money["revenue"] - np.sum(costs, axis=0) + terminal,
    )
