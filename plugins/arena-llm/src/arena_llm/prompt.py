"""What a model is asked: a versioned template, filled with what the track allows, in few tokens.

Version 2 tells of the parts of a world beyond the first schema, and of a history (`arena_llm.prompt_parts`). On worlds
that have neither it is version 1, to the last byte, so that transcripts of version 1 are replayed with both. Version 1
is kept for transcripts of worlds with a history, and refuses worlds of whose parts it would not tell.

Nothing in it names scenario, seed, submission or arena, and nothing comes from a submission's own text: it
is made of numbers of the briefing and of the observations, of this module's sentences, and of the model's own last
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from arena import Briefing, InformedBriefing, InformedObservation, LlmMessage, Network, Observation, SupplyLink
from arena_llm.parameters import BOUNDS, DEFAULT_VALUES, NAMES, Parameters
from arena_llm.prompt_parts import (
    component_words,
    end_sentence,
    history_lines,
    link_words,
    market_words,
    node_words,
    tells_parts,
    world_lines,
)

LATEST_VERSION: Final = 2
"""Version of the prompt that is asked unless a manifest says otherwise."""

_SYSTEM = """\
You tune an inventory ordering rule for a supply network. Maximise total profit over the horizon: sales minus \
purchases, holding, operation and shortage penalties. {end}
Every period each node orders tier * max(mean * demand_multiplier + safety_z * deviation - position, 0) units, at most \
order_cap_fraction * bound, split between its suppliers by price and lead time. mean and deviation are those of demand \
over its longest inbound lead time + 1 periods, {estimate}; position = on hand + in transit - backlog; tier is \
retail_multiplier at retailers, factory_multiplier at factories, distribution_multiplier elsewhere.
Parameters, with [lowest, highest] and (default): {bounds}.
Answer with one JSON object that has exactly these six keys and a number within bounds for each, and nothing else."""

_ESTIMATES = {"blind": "from the demand of the last five periods", "informed": "from a forecast of its mean"}
_LONGEST_QUOTE = 2_000


def open_question(briefing: Briefing, version: int = LATEST_VERSION) -> list[LlmMessage]:
    """The question at the beginning of an episode.

    Args:
        briefing: of the episode.
        version: of the prompt.

    Raises:
        ValueError: version 1 is asked for, and would not tell of a part of this world.
    """
    if version == 1 and tells_parts(briefing):
        raise ValueError(
            "prompt: 1 does not tell of the parts that this world has beyond the first schema; write prompt: 2, or "
            "leave it out"
        )
    informed = isinstance(briefing, InformedBriefing)
    estimate = _ESTIMATES["informed" if informed else "blind"]
    system = _SYSTEM.format(end=end_sentence(briefing.network), estimate=estimate, bounds=_bounds())
    return [LlmMessage("system", system), LlmMessage("user", describe_briefing(briefing, version))]


def describe_briefing(briefing: Briefing, version: int = LATEST_VERSION) -> str:
    """The network and the rules of the episode, a line each.

    Args:
        briefing: of the episode.
        version: of the prompt.
    """
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
    lines += world_lines(briefing)
    lines += [_describe_node(network, node) for node in network.managed]
    lines += [
        f"supply {link.supplier}->{link.buyer}: lead time {link.lead_time}, price {link.price:g}, "
        f"pipeline holding {link.pipeline_holding_cost:g}" + _fixed_cost(link) + link_words(link)
        for link in network.supply_links
    ]
    lines += [
        f"market {link.retailer}->{link.market}: price {link.price:g}, shortage penalty {link.shortage_penalty:g}"
        + market_words(link)
        for link in network.market_links
    ]
    if version > 1:
        lines += history_lines(briefing)
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
        parts = (
            "/".join(map(str, part.suppliers)) + f" x{part.units:g}" + component_words(network, number, line)
            for line, part in enumerate(node.bill_of_materials)
        )
        text += ", made of " + " + ".join(parts)
    return text + node_words(network, number)


@dataclass(frozen=True)
class Past:
    """What is remembered of a period, for the next revision.

    Attributes:
        demand: by market link, units; where sales are seen, what was sold.
        unfilled: by market link, units; where sales are seen, 0.
        in_stock: by market link, whether the shelf was not empty at the end; empty where demand is seen.
    """

    demand: tuple[float, ...]
    unfilled: tuple[float, ...]
    in_stock: tuple[bool, ...] = ()


def past_of(observation: Observation) -> Past:
    """What an observation tells of the period before."""
    in_stock = tuple(bool(each) for each in observation.in_stock) if observation.sales_shown else ()
    return Past(tuple(observation.last_demand.tolist()), tuple(observation.last_unfilled.tolist()), in_stock)


def revise_question(
    briefing: Briefing,
    observation: Observation,
    past: Sequence[Past],
    current: Parameters,
    version: int = LATEST_VERSION,
) -> list[LlmMessage]:
    """The question when parameters may be revised.

    Args:
        briefing: of the episode.
        observation: before the decision of the period.
        past: the periods since the last question, oldest first.
        current: the parameters in force.
        version: of the prompt.
    """
    lines = [f"Period {observation.period} of {briefing.horizon} begins; the horizon ends after the last."]
    lines.append("Parameters in force: " + ", ".join(f"{name} {getattr(current, name):g}" for name in NAMES) + ".")
    for index, link in enumerate(briefing.network.market_links):
        demand = " ".join(f"{one.demand[index]:g}" for one in past)
        unfilled = " ".join(f"{one.unfilled[index]:g}" for one in past)
        told = f"demand {demand}; unfilled {unfilled}"
        if observation.sales_shown:
            empty = " ".join("no" if one.in_stock[index] else "yes" for one in past)
            told = f"sold {demand}; shelf empty at the end {empty}"
        lines.append(f"market {link.market}, last {len(past)} periods: {told}")
    on_hand = zip(briefing.network.managed, observation.on_hand, strict=True)
    lines.append("on hand: " + ", ".join(f"{node}: {units:.0f}" for node, units in on_hand))
    links = zip(briefing.network.supply_links, observation.in_transit, strict=True)
    lines.append("in transit: " + ", ".join(f"{link.supplier}->{link.buyer}: {units:.0f}" for link, units in links))
    if any(briefing.network.order_delays):
        lines.append("not seen by the supplier yet: " + _unseen(briefing.network, observation))
    if observation.sentiment != 1.0:
        lines.append(f"customers' sentiment {observation.sentiment:.2f} multiplies demand")
    if isinstance(observation, InformedObservation):
        ahead = observation.forecast[:, : briefing.horizon - observation.period]
        for index, link in enumerate(briefing.network.market_links):
            lines.append(f"market {link.market}, forecast: " + " ".join(f"{mean:.0f}" for mean in ahead[index]))
    question = open_question(briefing, version)
    return [*question[:-1], LlmMessage("user", question[-1].content + "\n\n" + "\n".join(lines))]


def _unseen(network: Network, observation: Observation) -> str:
    starts = network.delay_offsets
    units = [observation.unseen[starts[link] : starts[link + 1]].sum() for link in range(len(network.supply_links))]
    links = zip(network.supply_links, units, strict=True)
    return ", ".join(f"{link.supplier}->{link.buyer}: {each:.0f}" for link, each in links)


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
