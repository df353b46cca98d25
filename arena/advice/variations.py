"""What-ifs: all demand larger or smaller, and all lead times longer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from arena.errors import ABSENT, Fault, InvalidInput
from arena.world.demand import Demand
from arena.world.scenario import Scenario

LARGEST_FACTOR: Final = 10.0
"""Largest factor of a what-if on demand."""
LONGEST_DELAY: Final = 100
"""Most periods that a what-if adds to lead times."""
_PERCENT: Final = re.compile(r"([-+−]?)([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%")


class Variation(NamedTuple):
    """A what-if.

    Attributes:
        demand: factor on all demand, before today and after.
        lead_time: periods that all lead times are longer.
    """

    demand: float = 1.0
    lead_time: int = 0

    @property
    def label(self) -> str:
        """The what-if as a heading; empty where nothing is varied.

        >>> Variation(1.1, 1).label
        'demand +10 %, lead time +1'
        """
        parts = [f"demand {100 * (self.demand - 1):+.3g} %"] if self.demand != 1.0 else []
        parts += [f"lead time +{self.lead_time}"] if self.lead_time else []
        return ", ".join(parts)


def refuse_impossible(factors: Sequence[float]) -> None:
    """Refuse factors on demand that no demand can have.

    Raises:
        InvalidInput: one is not a number from 0 to `LARGEST_FACTOR`.
    """
    wrong = [one for one in factors if not 0 <= one <= LARGEST_FACTOR]
    if wrong:
        rule = f"a what-if multiplies all demand by a number from 0 to {LARGEST_FACTOR:g}"
        raise InvalidInput([Fault("demand", "", wrong[0], rule, "write 1.1 for 10 % more")])


def parse_share(text: str, option: str) -> float:
    """Return the factor that a share such as `+10%` means.

    Args:
        text: the share.
        option: the option that it is given by, for the fault.

    Raises:
        InvalidInput: it is not a percentage from -100 % to +900 %.

    >>> round(parse_share("+10%", "--demand"), 3), round(parse_share("-25 %", "--demand"), 3)
    (1.1, 0.75)
    """
    found = _PERCENT.fullmatch(text.strip())
    share = 0.0 if found is None else float(found[2]) * (-1 if found[1] in ("-", "−") else 1)
    if found is None or not -100 <= share <= 900:
        rule = "is a percentage by which all demand changes, from -100% to +900%"
        raise InvalidInput([Fault(option, "", text, rule, "write for example +10% or -20%")])
    return 1.0 + share / 100


def with_lead_time(scenario: Scenario, more: int, source: str) -> Scenario:
    """Return a scenario whose lead times are all so many periods longer.

    Raises:
        InvalidInput: a lead time varies, or would be too long.
    """
    if not more:
        return scenario
    if not 0 < more <= LONGEST_DELAY:
        rule = f"is a number of periods from 0 to {LONGEST_DELAY}"
        raise InvalidInput([Fault("--lead-time", "", more, rule, "write for example +1")])
    network = scenario.network
    if network.varying_links:
        link = network.supply_links[network.varying_links[0]]
        rule = f"the lead time from {network.label(link.supplier)} to {network.label(link.buyer)} varies, "
        rule += "and a what-if makes fixed ones longer"
        raise InvalidInput([Fault(source, "--lead-time", ABSENT, rule, "leave the option out")])
    links = tuple(link.model_copy(update={"lead_time": link.lead_time + more}) for link in network.supply_links)
    return scenario.model_copy(update={"network": network.model_copy(update={"supply_links": links})})


def with_scaled_demand(scenario: Scenario, factor: float) -> Scenario:
    """Return a scenario in which all demand that it states is so many times as large."""
    network = scenario.network
    links = tuple(
        link.model_copy(
            update={
                "mean_demand": None if link.mean_demand is None else link.mean_demand * factor,
                "demand": None if link.demand is None else _scaled(link.demand, factor),
            }
        )
        for link in network.market_links
    )
    changes = {
        "network": network.model_copy(update={"market_links": links}),
        "demand": _scaled(scenario.demand, factor),
    }
    return scenario.model_copy(update=changes)


def _scaled(demand: Demand, factor: float) -> Demand:
    changes: dict[str, Any] = {
        name: value * factor
        for name in ("base_mean", "standard_deviation", "half_width")
        if (value := getattr(demand, name)) is not None
    }
    if demand.series is not None:
        series, mean = demand.series, demand.series.scale_to_mean
        scaled: dict[str, Any] = {"values": tuple(value * factor for value in series.values)}
        if mean is not None:
            scaled = {"scale_to_mean": mean * factor}
        changes["series"] = series.model_copy(update=scaled)
    if demand.values is not None:
        changes["values"] = tuple(value * factor for value in demand.values)
    return demand.model_copy(update=changes)
