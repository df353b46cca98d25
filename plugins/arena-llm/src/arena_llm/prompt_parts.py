"""Parts of worlds beyond the first schema, in words: what version 2 of the prompt adds to version 1.

Every function returns nothing where a world has no such part, so that on other worlds both versions ask the same, to
the last byte. Only what the briefing tells is said: on the blind track that leaves out how demand is distributed, and
how deviations depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena import Briefing, InformedBriefing, MarketLink, Network, SupplyLink

_WORTHLESS = "Stock that is left at the end is worth nothing."
"""The sentence of the template that does not hold where stock has a terminal value."""

_WORTH = "Stock that is on hand, or on its way, after the last period is worth its terminal value; other stock nothing."
_FIRST_DISTRIBUTIONS = ("poisson", "normal", "uniform")


def has_terminal_values(network: Network) -> bool:
    """Whether any stock is worth or costs money after the last period."""
    return any(node.values_stock for node in network.nodes)


def end_sentence(network: Network) -> str:
    """What stock is worth after the last period."""
    return _WORTH if has_terminal_values(network) else _WORTHLESS


def node_words(network: Network, number: int) -> str:
    """Parts of a node: how it shares and serves, and its terminal value."""
    node, text = network.node(number), ""
    if node.allocation == "proportional":
        text += ", shares short stock in proportion to the orders"
    if node.priority is not None:
        first = "buyers" if node.priority == "links" else "customers"
        text += f", ships after the deliveries of the period, {first} first"
    if node.terminal_value:
        text += f", terminal value {node.terminal_value:g}"
    return text


def component_words(network: Network, number: int, line: int) -> str:
    """Costs of a component of its own."""
    part = network.node(number).bill_of_materials[line]
    told = []
    if part.holding_cost is not None:
        told.append(f"holding {part.holding_cost:g}")
    if part.terminal_value is not None:
        told.append(f"terminal value {part.terminal_value:g}")
    return f" ({', '.join(told)})" if told else ""


def link_words(link: SupplyLink) -> str:
    """Parts of a supply link: delays, lead times that vary, goods on their way, penalties."""
    text = ""
    if link.order_delay:
        text += f", seen by the supplier {link.order_delay} periods after the order"
    law = link.lead_time_distribution
    if law is not None:
        chances = (f"{value} ({chance:.0%})" for value, chance in zip(law.values, law.probabilities, strict=True))
        crossing = "orders may overtake each other" if law.may_cross else "no order overtakes another"
        text += f", promised lead time; in fact {', '.join(chances)}, {crossing}"
    elif link.varies:
        text += f", promised lead time; it varies, at most {link.slots}"
    if any(link.initial_pipeline):
        text += f", on the way at the start {_units(link.initial_pipeline)}"
    if any(link.initial_orders):
        text += f", ordered before the start {_units(link.initial_orders)}"
    if link.shortage_penalty:
        text += f", the supplier pays {link.shortage_penalty:g} per unit owed and period"
    return text


def market_words(link: MarketLink) -> str:
    """Parts of a market link: who waits."""
    text = ""
    if link.waiting_share is not None:
        text += f", {link.waiting_share:.0%} of unfilled customers wait"
    elif link.fulfilment is not None:
        text += ", unfilled customers wait" if link.fulfilment == "backlog" else ", unfilled sales are lost"
    if link.initial_backlog:
        text += f", waiting at the start {link.initial_backlog:g}"
    return text


def world_lines(briefing: Briefing) -> list[str]:
    """Parts of the world as a whole, a sentence each, and what the ordering rule does about them."""
    network, lines = briefing.network, []
    if briefing.warm_up:
        lines.append(f"The first {briefing.warm_up} periods are played and do not count.")
    lines += [
        f"raw material {raw}: capacity {network.node(raw).capacity:g}"
        for raw in network.raw_materials
        if network.node(raw).capacity is not None
    ]
    if isinstance(briefing, InformedBriefing):
        lines += _dependence(briefing)
    if briefing.visible_demand == "sales":
        lines.append("You see sales. Where the shelf was empty more may have been wanted, which the rule estimates.")
    if briefing.visible_arrivals == "total" and network.varying_links:
        lines.append("Arrivals do not show which order came.")
    if len({(link.supplier, link.buyer) for link in network.supply_links}) < len(network.supply_links):
        lines.append(
            "Of several links between the same two nodes the rule uses the one with the least price + 0.1 * periods "
            "until arrival."
        )
    if any(network.order_delays):
        lines.append("Order delays count as lead time, and orders that a supplier has not seen yet in the position.")
    if network.varying_links:
        lines.append("The rule plans with the mean and the variance of lead times where they are known.")
    if any(law.values.count("lost") for law in (link.lead_time_distribution for link in network.supply_links) if law):
        lines.append("Of what may be lost the rule counts the share that arrives, and orders as much more.")
    if has_terminal_values(network):
        lines.append("Orders that cannot be sold in time are placed only if the terminal value pays for them.")
    return lines


def tells_parts(briefing: Briefing) -> bool:
    """Whether version 2 of the prompt has anything to tell of this world that version 1 has not."""
    network = briefing.network
    components = [(node.id, line) for node in network.nodes for line in range(len(node.bill_of_materials))]
    words = [node_words(network, number) for number in network.managed]
    words += [component_words(network, number, line) for number, line in components]
    words += [link_words(link) for link in network.supply_links]
    words += [market_words(link) for link in network.market_links]
    return any(words) or bool(world_lines(briefing))


def history_lines(briefing: Briefing) -> list[str]:
    """Demand before the first period, by market link: what is not a part of a world, and is told in version 2 too."""
    lines: list[str] = []
    history = briefing.history
    for index, link in enumerate(briefing.network.market_links if len(history) else ()):
        seen = history[:, index]
        spread = float(np.std(seen, ddof=1)) if len(seen) > 1 else 0.0
        text = f"market {link.market}, {len(seen)} periods before the first: "
        text += f"mean {seen.mean():.4g}, deviation {spread:.4g}"
        empty = int((briefing.history_in_stock[:, index] == 0).sum())
        lines.append(text + (f", sold out in {empty} of them" if empty else ""))
    return lines


def _dependence(briefing: InformedBriefing) -> list[str]:
    """How the demand of every market link is distributed, and how deviations depend on each other."""
    markets = [link.market for link in briefing.network.market_links]
    lines = []
    scales = briefing.noise_scales if len(briefing.noise_scales) else np.full(len(markets), briefing.noise_scale)
    if set(briefing.distributions) - set(_FIRST_DISTRIBUTIONS) or len(set(scales.tolist())) > 1:
        lines += [
            f"market {market}: demand is {name.replace('_', ' ')}, its deviation times {scale:g}"
            for market, name, scale in zip(markets, briefing.distributions, scales.tolist(), strict=True)
        ]
    lines += [
        f"market {market}: deviations of successive periods have the correlation {phi:g}"
        for market, phi in zip(markets, briefing.autoregressions.tolist(), strict=False)
        if phi
    ]
    if briefing.correlation is not None:
        others = briefing.correlation[~np.eye(len(markets), dtype=np.bool_)]
        if np.ptp(others) == 0:
            lines.append(f"Deviations of all markets in a period have the correlation {others[0]:g}.")
        else:
            rows = ("[" + " ".join(f"{each:g}" for each in row) + "]" for row in briefing.correlation.tolist())
            lines.append(f"Deviations of markets in a period have the correlations {' '.join(rows)}.")
    return lines


def _units(units: Sequence[float]) -> str:
    return " ".join(f"{each:g}" for each in units)
