"""What a model is asked: a versioned template, filled with what the track allows, in few tokens.

Version 1. Nothing in it names scenario, seed, submission or arena, and nothing comes from a submission's own text: it
is made of numbers of the briefing and of the observations, of this module's sentences, and of the model's own last
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena import Briefing, InformedBriefing, InformedObservation, LlmMessage, Network, Observation, SupplyLink
from arena_llm.parameters import BOUNDS, DEFAULT_VALUES, NAMES, Parameters

_SYSTEM = """\
You tune an inventory ordering rule for a supply network. Maximise total profit over the horizon: sales minus \
purchases, holding, operation and shortage penalties. Stock that is left at the end is worth nothing.
Every period each node orders tier * max(mean * demand_multiplier + safety_z * deviation - position, 0) units, at most \
order_cap_fraction * bound, split between its suppliers by price and lead time. mean and deviation are those of demand \
over its longest inbound lead time + 1 periods, {estimate}; position = on hand + in transit - backlog; tier is \
retail_multiplier at retailers, factory_multiplier at factories, distribution_multiplier elsewhere.
Parameters, with [lowest, highest] and (default): {bounds}.
Answer with one JSON object that has exactly these six keys and a number within bounds for each, and nothing else."""

_ESTIMATES = {"blind": "from the demand of the last five periods", "informed": "from a forecast of its mean"}
_LONGEST_QUOTE = 2_000


def open_question(briefing: Briefing) -> list[LlmMessage]:
    """The question at the beginning of an episode.

    Args:
        briefing: of the episode.
    """
    informed = isinstance(briefing, InformedBriefing)
    system = _SYSTEM.format(estimate=_ESTIMATES["informed" if informed else "blind"], bounds=_bounds())
    return [LlmMessage("system", system), LlmMessage("user", describe_briefing(briefing))]


def describe_briefing(briefing: Briefing) -> str:
    """The network and the rules of the episode, a line each."""
    network = briefing.network
    waiting = "unfilled customers wait (backlog)" if briefing.fulfilment == "backlog" else "unfilled sales are lost"
    lines = [f"{briefing.horizon} periods; {waiting}; order bound {briefing.order_bound.max():g}."]
    if briefing.upstream_shortage == "owed":
        lines.append("What a supplier cannot ship is owed.")
    if briefing.discount < 1:
        lines.append(f"Profit is discounted by {briefing.discount:g} a period.")
    if isinstance(briefing, InformedBriefing):
        lines.append(f"Demand deviates from its mean by {briefing.noise_scale:g} times a Poisson deviation.")
        if briefing.goodwill is not None:
            goodwill = briefing.goodwill
            lines.append(
                f"Goodwill: demand is multiplied by {goodwill.growth:g} after every full service and by "
                f"{goodwill.decay:g} after a shortage, within {goodwill.floor:g} to {goodwill.cap:g}."
            )
    lines += [_describe_node(network, node) for node in network.managed]
    lines += [
        f"supply {link.supplier}->{link.buyer}: lead time {link.lead_time}, price {link.price:g}, "
        f"pipeline holding {link.pipeline_holding_cost:g}" + _fixed_cost(link)
        for link in network.supply_links
    ]
    lines += [
        f"market {link.retailer}->{link.market}: price {link.price:g}, shortage penalty {link.shortage_penalty:g}"
        for link in network.market_links
    ]
    return "\n".join(lines)


def _fixed_cost(link: SupplyLink) -> str:
    return f", fixed cost of an order {link.fixed_ordering_cost:g}" if link.fixed_ordering_cost else ""


def _describe_node(network: Network, number: int) -> str:
    node = network.node(number)
    role = "retailer" if number in network.retailers else "distributor" if node.capacity is None else "factory"
    text = f"{role} {number}: on hand {node.initial_stock or 0:g}, holding {node.holding_cost or 0:g}"
    if node.capacity is not None:
        text += f", capacity {node.capacity:g}, operating {node.operating_cost or 0:g}, yield {node.yield_:g}"
    if node.bill_of_materials:
        parts = ("/".join(map(str, part.suppliers)) + f" x{part.units:g}" for part in node.bill_of_materials)
        text += ", made of " + " + ".join(parts)
    return text


@dataclass(frozen=True)
class Past:
    """What is remembered of a period, for the next revision.

    Attributes:
        demand: by market link, units.
        unfilled: by market link, units.
    """

    demand: tuple[float, ...]
    unfilled: tuple[float, ...]


def revise_question(
    briefing: Briefing, observation: Observation, past: Sequence[Past], current: Parameters
) -> list[LlmMessage]:
    """The question when parameters may be revised.

    Args:
        briefing: of the episode.
        observation: before the decision of the period.
        past: the periods since the last question, oldest first.
        current: the parameters in force.
    """
    lines = [f"Period {observation.period} of {briefing.horizon} begins; the horizon ends after the last."]
    lines.append("Parameters in force: " + ", ".join(f"{name} {getattr(current, name):g}" for name in NAMES) + ".")
    for index, link in enumerate(briefing.network.market_links):
        demand = " ".join(f"{one.demand[index]:g}" for one in past)
        unfilled = " ".join(f"{one.unfilled[index]:g}" for one in past)
        lines.append(f"market {link.market}, last {len(past)} periods: demand {demand}; unfilled {unfilled}")
    on_hand = zip(briefing.network.managed, observation.on_hand, strict=True)
    lines.append("on hand: " + ", ".join(f"{node}: {units:.0f}" for node, units in on_hand))
    links = zip(briefing.network.supply_links, observation.in_transit, strict=True)
    lines.append("in transit: " + ", ".join(f"{link.supplier}->{link.buyer}: {units:.0f}" for link, units in links))
    if observation.sentiment != 1.0:
        lines.append(f"customers' sentiment {observation.sentiment:.2f} multiplies demand")
    if isinstance(observation, InformedObservation):
        ahead = observation.forecast[:, : briefing.horizon - observation.period]
        for index, link in enumerate(briefing.network.market_links):
            lines.append(f"market {link.market}, forecast: " + " ".join(f"{mean:.0f}" for mean in ahead[index]))
    question = open_question(briefing)
    return [*question[:-1], LlmMessage("user", question[-1].content + "\n\n" + "\n".join(lines))]


def repair_question(question: Sequence[LlmMessage], answer: str, complaint: str) -> list[LlmMessage]:
    """The one further question after an answer that cannot be used.

    Args:
        question: what was asked.
        answer: what came; may be empty.
        complaint: what is wrong with it.
    """
    told = f"That cannot be used: {complaint}. Answer with the JSON object alone."
    quoted = answer[:_LONGEST_QUOTE] or "(no answer)"
    return [*question, LlmMessage("assistant", quoted), LlmMessage("user", told)]


def _bounds() -> str:
    rows = zip(NAMES, BOUNDS, DEFAULT_VALUES, strict=True)
    return ", ".join(f"{name} [{low:g}, {high:g}] ({default:g})" for name, (low, high), default in rows)
