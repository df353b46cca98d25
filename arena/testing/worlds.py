"""Worlds that the conformance kit plays: short scenarios on a few networks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from arena.world.demand import Demand, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.independence import find_dependence
from arena.world.library import load_network
from arena.world.network import Network
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario

NETWORKS: Final = ("serial", "divergent", "tree")
"""Networks that the kit plays unless told otherwise: one chain, several suppliers, several retailers."""

HORIZON: Final = 6
"""Periods of the kit's own scenarios."""


def stores(number: int) -> Network:
    """Return a network of stores whose stocks are independent: the world of who plans one stock point at a time.

    They buy from one source that has enough for all.

    Args:
        number: how many stores, at least 1. Store k, counted from 0, has lead time k.
    """
    source, rest = 2 * number, {"pipeline_holding_cost": 0.01}
    pairs = [(2 * place, 2 * place + 1) for place in range(number)]
    written = {
        "name": "store" if number == 1 else f"{number} stores",
        "nodes": [
            *({"id": market} for market, _ in pairs),
            *({"id": store, "initial_stock": 40.0, "holding_cost": 0.05} for _, store in pairs),
            {"id": source},
        ],
        "supply_links": [
            {"supplier": source, "buyer": store, "lead_time": lead_time, "price": 1.0, **rest}
            for lead_time, (_, store) in enumerate(pairs)
        ],
        "market_links": [
            {"retailer": store, "market": market, "price": 2.5, "shortage_penalty": 0.5} for market, store in pairs
        ],
    }
    return Network.model_validate(written)


def short_scenarios(network: Network) -> tuple[Scenario, ...]:
    """Return the kit's scenarios on one network: ordinary, no demand at all, and far more than can be served.

    Both fulfilment modes and goodwill occur among them; each is `HORIZON` periods long.
    """
    ordinary = Demand(base_mean=20, trend=Trend(), seasonal=Seasonal(), shock=Shock(time=3))
    silent = Demand(series=Series(values=(0.0,)))
    scarce = Demand(base_mean=200)

    # A network's name is free text; a scenario's is not.
    slug = re.sub(r"[^a-z0-9]+", "-", network.name.lower()).strip("-") or "network"

    def scenario(name: str, demand: Demand, **fields: Any) -> Scenario:
        return Scenario(name=f"{slug[:60]}-{name}", network=network, demand=demand, horizon=HORIZON, **fields)

    return (
        scenario("short-backlog", ordinary, fulfilment="backlog"),
        scenario("short-goodwill-lost-sales", ordinary, fulfilment="lost_sales", goodwill=Goodwill()),
        scenario("no-demand-backlog", silent, fulfilment="backlog"),
        scenario("stock-outs-backlog", scarce, fulfilment="backlog"),
        scenario("stock-outs-lost-sales", scarce, fulfilment="lost_sales"),
    )


def choose_scenarios(
    networks: Sequence[Network | str] | None, scenarios: Sequence[Scenario | str] | None, *, independent: bool
) -> tuple[Scenario, ...]:
    """Return what the kit plays.

    Args:
        networks: networks to play short scenarios on; None for the kit's own.
        scenarios: what is played in place of those.
        independent: whether the controller plays only worlds whose stock points are independent of one another. Then
            the kit's own are one store and three stores, without those in which the stores share something.

    Raises:
        UnknownName: no such network or scenario.
    """
    if scenarios is not None:
        return tuple(load_scenario(one) if isinstance(one, str) else one for one in scenarios)
    if networks is None:
        networks = (stores(1), stores(3)) if independent else NETWORKS
    loaded = [load_network(one) if isinstance(one, str) else one for one in networks]
    short = [scenario for network in loaded for scenario in short_scenarios(network)]
    return tuple(scenario for scenario in short if not (independent and find_dependence(scenario)))
