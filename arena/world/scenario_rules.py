"""Rules that join a scenario and its network, for what orders and deliveries do."""

from __future__ import annotations

from arena.errors import FieldFault
from arena.world.network import Network


def supply_faults(network: Network, horizon: int, warm_up: int, *, owes: bool) -> list[FieldFault]:
    """Every fault of warm-up, lead times and penalties.

    Args:
        network: a valid network.
        horizon: of the scenario, periods.
        warm_up: of the scenario, periods.
        owes: whether suppliers owe what they could not ship.
    """
    faults = []
    if warm_up >= horizon:
        rule = f"some period counts: the warm-up is shorter than the horizon ({horizon})"
        faults.append(FieldFault("warm_up", warm_up, rule, "write a longer horizon, which includes the warm-up"))
    for position, link in enumerate(network.supply_links):
        field = f"network.supply_links[{position}]"
        series, distribution = link.lead_time_series, link.lead_time_distribution
        if link.longest_lead_time is not None:
            rule = "stands in briefings alone, which do not tell how lead times vary"
            fix = "write lead_time_distribution or lead_time_series"
            faults.append(FieldFault(f"{field}.longest_lead_time", link.longest_lead_time, rule, fix))
        if series is not None and len(series.values) < horizon and series.past_end == "error":
            rule = f"there is a lead time for the orders of all {horizon} periods"
            fix = "add values, write a shorter horizon, or past_end: repeat to begin anew"
            faults.append(FieldFault(f"{field}.lead_time_series.values", len(series.values), rule, fix))
        if series is not None and distribution is not None and distribution.longest < series.longest:
            rule = f"the distribution that a controller is told reaches as far as the series ({series.longest} periods)"
            fix = f"add {series.longest} to its values, or remove the distribution"
            faults.append(FieldFault(f"{field}.lead_time_distribution.values", distribution.longest, rule, fix))
        if link.shortage_penalty and not owes:
            rule = "is for shortage that the supplier owes, and here what cannot be shipped is lost"
            fix = "write upstream_shortage: owed in the scenario, or remove the penalty"
            faults.append(FieldFault(f"{field}.shortage_penalty", link.shortage_penalty, rule, fix))
    return faults
