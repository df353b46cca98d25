"""Whether an episode seed changes anything in a world."""

from __future__ import annotations

from arena.world.scenario import Scenario


def draws_nothing(scenario: Scenario) -> bool:
    """Tell whether all seeds of a scenario play the same episode.

    So it is where demand is recorded or equals its mean, lead times are fixed or given by period, and there is one
    window at most.

    Args:
        scenario: a validated scenario.
    """
    network = scenario.network
    drawn = [
        link
        for link in network.supply_links
        if link.lead_time_distribution is not None and link.lead_time_series is None
    ]
    noisy = [demand for demand in scenario.demands if demand.data is None and demand.noise_scale > 0]
    return not drawn and not noisy and scenario.windows == 1
