"""Made-up panels and worlds of independent items, for the tests of the forecasts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena import Scenario
from arena_forecasting.panel.observed import Panel, panel_of

FloatArray = NDArray[np.float64]


def season_of(period: int, height: float, generator: np.random.Generator) -> FloatArray:
    """Factors with a mean of 1, one per phase."""
    factors = np.exp(height * generator.standard_normal(period))
    return factors / factors.mean()


def random_panel(
    seed: int,
    *,
    items: int = 60,
    periods: int = 110,
    season: FloatArray | None = None,
    dispersion: float = 0.4,
    unknown: float = 0.1,
) -> tuple[Panel, FloatArray]:
    """Negative binomial demand around constant means and a shared season; a share of it is unknown.

    Returns:
        The panel, and the mean of each item, (items,).
    """
    generator = np.random.default_rng(seed)
    means = np.exp(generator.normal(0.7, 0.9, items))
    factors = np.ones(1) if season is None else season
    rate = factors[np.arange(periods) % len(factors)][:, None] * means
    demand = generator.poisson(rate * generator.gamma(1 / dispersion, dispersion, rate.shape)).astype(np.float64)
    return panel_of(demand, generator.random(demand.shape) >= unknown), means


def world(demand: FloatArray, history: int, **changes: Any) -> Scenario:
    """A world of a retailer per item, each supplied from one warehouse without limits.

    Args:
        demand: Units, (history and periods played, items).
        history: Periods that are told before the first one.
        changes: ``lead_time``, ``price``, ``purchase``, ``penalty``, ``holding``, ``stock``, ``in_stock`` of all items,
            and fields of the scenario.
    """
    items = demand.shape[1]
    names = [f"item {item}" for item in range(items)]
    own = {
        "lead_time": 2,
        "price": 0.0,
        "purchase": 0.0,
        "penalty": 1.0,
        "holding": 0.2,
        "stock": 3.0,
        "in_stock": None,
    }
    own |= {name: changes.pop(name) for name in tuple(changes) if name in own}
    data: dict[str, Any] = {"markets": names, "start": "0", "frequency": "period", "values": demand.T.tolist()}
    if own["in_stock"] is not None:
        data["in_stock"] = own["in_stock"].T.tolist()
    retailers = [item + 2 for item in range(items)]
    network = {
        "nodes": [{"id": 0}, {"id": 1}]
        + [{"id": node, "initial_stock": own["stock"], "holding_cost": own["holding"]} for node in retailers],
        "supply_links": [
            {
                "supplier": 1,
                "buyer": node,
                "lead_time": own["lead_time"],
                "price": own["purchase"],
                "pipeline_holding_cost": 0.0,
            }
            for node in retailers
        ],
        "market_links": [
            {"name": name, "retailer": node, "market": 0, "price": own["price"], "shortage_penalty": own["penalty"]}
            for name, node in zip(names, retailers, strict=True)
        ],
    }
    fields = {
        "name": "panel",
        "network": network,
        "demand": {"data": data},
        "fulfilment": "lost_sales",
        "horizon": len(demand) - history,
        "history": history,
        "window": {"start": history},
    }
    return Scenario.model_validate(fields | changes)
