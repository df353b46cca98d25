"""Rules of the program of one path as the rolling programs plan with them: what a briefing tells, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arena import Briefing, Network, contribution_margins
from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.path_rules import (
    NEVER,
    PathRules,
    first_rules,
    holding_cost,
    terminal_value,
    uses_later_parts,
    waiting_shares,
)


def rolling_rules(briefing: Briefing, network: Network, horizon: int) -> PathRules | None:
    """The rules of a rolling program; None for an episode of the first schema.

    Args:
        briefing: The episode.
        network: Its network, or a part of it that is independent of the others.
        horizon: Number of periods of the longest program.
    """
    if not uses_later_parts(briefing):
        return None
    draws = network.varying_links
    asks, own_points = _own_parts(network)
    owes = briefing.upstream_shortage == "owed"
    for position, link in enumerate(network.supply_links):
        if link.order_delay or (owes and link.shortage_penalty):
            asks.add(position)
    first = first_rules(network, horizon, backlog=True)
    arrivals, under_way = first.arrivals.copy(), first.under_way.copy()
    # What is drawn is filled in path by path; what it costs on its way is weighed by `way_worth`.
    arrivals[list(draws)], under_way[list(draws)] = NEVER, 0
    return replace(
        first,
        shares=waiting_shares(replace_network(briefing, network)),
        arrivals=arrivals,
        under_way=under_way,
        delays=network.order_delays,
        owes=owes,
        asks=frozenset(asks),
        draws=draws,
        own_points=frozenset(own_points),
    )


def replace_network(briefing: Briefing, network: Network) -> Briefing:
    """The briefing of the same episode on a part of its network."""
    return briefing if network is briefing.network else replace(briefing, network=network)


def _own_parts(network: Network) -> tuple[set[int], set[int]]:
    """Links whose shipments differ by path, and stock points whose stock does so apart from sales.

    Stock differs where lead times are drawn, and where a node serves customers and then ships what is left; and so
    downstream.
    """
    links: set[int] = set()
    points = {network.receiving_points[link] for link in network.varying_links}
    for node_id in network.upstream_first:
        own = network.points_of(node_id)
        points |= {point for point in own if links & set(network.stock_points[point].arrivals)}
        sells_and_ships = bool(network.markets_of(node_id)) and network.node(node_id).priority is not None
        if sells_and_ships or points & set(own):
            links |= set(network.outbound(node_id))
            points |= set(own) if network.outbound(node_id) else set()
    return links, points


def cut_rules(rules: PathRules, seen: FloatArray, horizon: int) -> PathRules:
    """The rules of a shorter program that starts with orders on their way to suppliers.

    Args:
        rules: Those of the longest program.
        seen: Units ordered before, by the period in which the supplier sees them, (supply links, periods).
        horizon: Number of periods.
    """
    arrivals = rules.arrivals[:, :horizon].copy()
    # Drawn shipments may arrive at once, which bounds what can be of use from above.
    arrivals[list(rules.draws)] = np.arange(horizon)
    arrivals[arrivals >= horizon] = NEVER
    return replace(rules, arrivals=arrivals, under_way=rules.under_way[:, :horizon], orders_before=seen[:, :horizon])


def way_worth(form: PathForm, network: Network, survival: FloatArray, weights: FloatArray, end: float) -> FloatArray:
    """Profit per unit shipped of what drawn shipments cost and are worth on their way, on average, (columns,), money.

    Args:
        form: The program of one path.
        network: The network that it was stated for.
        survival: Probability that a shipment is under way at the end of so many periods after it was shipped,
            (drawn links, ages).
        weights: Factors on the periods' profits, (horizon,).
        end: Factor on the value of stock after the last period.
    """
    worth = np.zeros(len(form.columns))
    horizon = form.horizon
    flows = form.flows.reshape(-1, horizon)
    for place, link in enumerate(network.varying_links):
        cost = network.supply_links[link].pipeline_holding_cost
        value = end * terminal_value(network, network.receiving_points[link])
        ages = survival[place, :horizon]
        for k in range(horizon):
            left = ages[: horizon - k]
            worth[flows[link, k]] = -cost * float(left @ weights[k : k + len(left)])
            if len(left) == horizon - k:
                worth[flows[link, k]] += value * float(left[-1])
    return worth


def price_of_missing(form: PathForm, network: Network, rules: PathRules) -> FloatArray:
    """Addition to the profit that makes a path ship what it is asked for, as far as it can, (columns,), money.

    Keeping a unit back saves its transformation and its dearer storage, at most until the end. The price is that, and
    at most half of what the sale of a unit brings, so that asking for more than every path has still pays.
    """
    extra = np.zeros(len(form.columns))
    most = 0.5 * max(float(np.mean(contribution_margins(network))), 0.0)
    missing = form.columns.where("missing")
    for column in missing:
        link = int(form.columns.item[column])
        supply = network.supply_links[link]
        if not network.points_of(supply.supplier):
            continue
        supplier, left = network.node(supply.supplier), form.horizon - int(form.columns.period[column])
        dearer = holding_cost(network, network.receiving_points[link]) - (supplier.holding_cost or 0.0)
        saved = (supplier.operating_cost or 0.0) / supplier.yield_ + left * max(0.0, dearer)
        saved += supply.pipeline_holding_cost * min(left, supply.slots)
        extra[column] = -(min(saved, most) + _LEAST)
    return extra


_LEAST = 1e-6
"""Money per unit by which shipping is better than not, all else equal."""


def seen_orders(network: Network, unseen: FloatArray, horizon: int) -> FloatArray:
    """Orders on their way to suppliers, by the period in which they see them, (supply links, horizon), units.

    Args:
        network: The network.
        unseen: Flat array of an observation.
        horizon: Number of periods.
    """
    seen = np.zeros((len(network.supply_links), horizon))
    offsets = network.delay_offsets
    for link in range(len(seen)):
        units = unseen[offsets[link] : offsets[link + 1]][:horizon]
        seen[link, : len(units)] = units
    return seen


def decision_periods(form: PathForm, delays: tuple[int, ...]) -> IntArray:
    """Period in which every column is decided: an order is placed earlier than it is seen, (columns,)."""
    decided = form.columns.period.copy()
    asked = form.columns.where("asked")
    decided[asked] -= np.array(delays, dtype=np.int64)[form.columns.item[asked]]
    return decided
