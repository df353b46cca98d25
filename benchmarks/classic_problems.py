"""Problems with a known optimum besides the suite `classic`: random ones, and the twelve of a finite horizon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson
from textbook import Policy, order_up_to

from arena import Observation, Scenario

Regret = Callable[[Observation, NDArray[np.float64]], float]
"""From what is seen and what is ordered: the expected loss against the optimal order, money."""


class Problem(NamedTuple):
    """A scenario with a proven optimum.

    Attributes:
        scenario: the scenario.
        optimum: least cost per period of an endless horizon, or None.
        regret: see `Regret`; the mean regret of a policy's decisions is its gap to the optimum.
        optimal: the optimal policy where no regret is known.
        ends: whether the regret is that of the finite episode, else of an endless one.
    """

    scenario: Scenario
    optimum: float | None = None
    regret: Regret | None = None
    optimal: Policy | None = None
    ends: bool = False


def store(name: str, *, mean: float, lead_time: int, horizon: int, stock: float, **more: Any) -> Scenario:
    """One store with Poisson demand."""
    link = {"supplier": 2, "buyer": 1, "lead_time": lead_time, "price": more.get("cost", 0.0)}
    link["pipeline_holding_cost"] = more.get("pipeline", 0.0)
    link["fixed_ordering_cost"] = more.get("fixed", 0.0)
    market = {"retailer": 1, "market": 0, "price": more.get("price", 0.0), "shortage_penalty": more.get("penalty", 0.0)}
    return Scenario.model_validate(
        {
            "name": name,
            "horizon": horizon,
            "warm_up": more.get("warm_up", 0),
            "fulfilment": more.get("fulfilment", "lost_sales"),
            "demand": {"base_mean": mean},
            "network": {
                "nodes": [{"id": 0}, {"id": 1, "initial_stock": stock, "holding_cost": more["holding"]}, {"id": 2}],
                "supply_links": [link],
                "market_links": [market],
            },
        }
    )


def own_problems() -> Iterator[Problem]:
    """Random lost-sales problems of an endless horizon; constants are chosen on these and on no scored row."""
    generator = np.random.default_rng(2024)
    for number in range(8):
        lead_time = int(generator.integers(1, 4))
        mean = float(np.round(generator.uniform(1.0, 8.0), 1))
        penalty = float(np.round(np.exp(generator.uniform(np.log(2), np.log(60))), 1))
        name = f"own-{number}-lead-{lead_time}-mean-{mean}-penalty-{penalty}"
        scenario = store(
            name, mean=mean, lead_time=lead_time, horizon=1100, warm_up=100, stock=2 * mean, holding=1, penalty=penalty
        )
        yield Problem(scenario, *endless_lost_sales(mean, lead_time, 1, penalty))


def _order_values(
    values: NDArray[np.float64], remaining: NDArray[np.float64], lead_time: int, most: int
) -> NDArray[np.float64]:
    """Expected later cost by stock after arrival, orders under way (oldest first) and the order placed."""
    units = np.arange(len(remaining))
    if lead_time == 1:
        later = np.stack([values[np.minimum(units + order, units[-1])] for order in range(most + 1)], axis=-1)
    else:
        later = np.stack([values[np.minimum(units + oldest, units[-1])] for oldest in range(most + 1)], axis=1)
    return np.tensordot(remaining, later, axes=1)


def _lost_sales(
    mean: float, lead_time: int, holding: float, shortage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Expected cost of a period by stock after arrival, its transitions, and the largest order that is looked at."""
    spread = np.sqrt((lead_time + 1) * mean)
    stock, most = int((lead_time + 1) * mean + 4 * spread), int(mean + 2.5 * np.sqrt(mean) + 2)
    units, demand = np.arange(stock + 1), np.arange(int(mean + 10 * np.sqrt(mean)) + 5)
    chances = poisson.pmf(demand, mean)
    left, lost = np.maximum(0, units[:, None] - demand), np.maximum(0, demand - units[:, None])
    remaining = np.zeros((stock + 1, stock + 1))
    for amount in units:
        np.add.at(remaining[amount], left[amount], chances)
    now = ((holding * left + shortage * lost) @ chances).reshape(-1, *(1,) * (lead_time - 1))
    return now, remaining, most


def _regret_of(tables: Sequence[NDArray[np.float64]]) -> Regret:
    """Regret by tables of order values, one of each period or one for all."""

    def regret(seen: Observation, orders: NDArray[np.float64]) -> float:
        table = tables[min(seen.period, len(tables) - 1)]
        units = [seen.on_hand[0] + seen.pipeline[0], *seen.pipeline[1:], orders[0]]
        place = tuple(min(round(float(unit)), size - 1) for unit, size in zip(units, table.shape, strict=True))
        return float(table[place] - table[place[:-1]].min())

    return regret


def endless_lost_sales(mean: float, lead_time: int, holding: float, penalty: float) -> tuple[float, Regret]:
    """Least cost per period of lost sales with Poisson demand, and the regret of orders, by value iteration."""
    now, remaining, most = _lost_sales(mean, lead_time, holding, penalty)
    values = np.zeros((len(remaining), *(most + 1,) * (lead_time - 1)))
    low, high = 0.0, np.inf
    while high - low > 1e-5:
        later = _order_values(values, remaining, lead_time, most)
        after = now + later.min(axis=-1)
        change = after - values
        low, high = float(change.min()), float(change.max())
        values = after - after.flat[0]
    return (low + high) / 2, _regret_of([later])


def finite_lost_sales(
    mean: float, lead_time: int, *, holding: float, shortage: float, cost: float, pipeline: float, horizon: int
) -> Regret:
    """Regret of lost sales with Poisson demand to the end, after which stock is worth nothing; backward recursion.

    Args:
        mean: of demand, units per period.
        lead_time: periods, 1 to 3.
        holding: money per unit at the end of a period.
        shortage: money per unit lost, the price of its sale included.
        cost: money per unit ordered.
        pipeline: money per unit on its way at the end of a period.
        horizon: periods.
    """
    now, remaining, most = _lost_sales(mean, lead_time, holding, shortage)
    values, tables = np.zeros((len(remaining), *(most + 1,) * (lead_time - 1))), []
    for period in reversed(range(horizon)):
        each = cost + pipeline * min(lead_time, horizon - period)
        later = _order_values(values, remaining, lead_time, most) + each * np.arange(most + 1)
        tables.append(later.astype(np.float32 if later.size > 10**6 else np.float64))
        values = now + later.min(axis=-1)
    return _regret_of(tables[::-1])


def endless_backlog(
    mean: float, lead_time: int, holding: float, shortage: float, fixed: float = 0.0
) -> tuple[float, Regret]:
    """Least cost per period of backlog with Poisson demand and a fixed cost, and the regret of orders.

    Value iteration over the inventory position: costs are those at the end of the period in which an order arrives.
    """
    lowest, highest = int(-6 * mean - 40), int((lead_time + 1) * mean + 8 * np.sqrt((lead_time + 1) * mean) + 40)
    positions, demand = np.arange(lowest, highest + 1), np.arange(int((lead_time + 1) * mean * 2) + 60)
    net = positions[:, None] - demand
    now = np.where(net > 0, holding * net, -shortage * net) @ poisson.pmf(demand, mean * (lead_time + 1))
    one = poisson.pmf(demand, mean)
    places = np.clip(net - lowest, 0, len(positions) - 1)
    values, low, high = np.zeros(len(positions)), 0.0, np.inf
    while high - low > 1e-6:
        raised = now + values[places] @ one
        best = np.minimum.accumulate(raised[::-1])[::-1]
        after = np.minimum(raised, fixed + best)
        change = (after - values)[int(3 * mean) + 20 :]
        low, high = float(change.min()), float(change.max())
        values = after - after[-lowest]
    after = np.minimum(raised, fixed + best)

    def regret(seen: Observation, orders: NDArray[np.float64]) -> float:
        place = round(float(seen.on_hand[0] + seen.in_transit[0] - seen.last_unfilled[0])) - lowest
        order = round(float(orders[0]))
        return float(raised[place + order] + fixed * (order > 0) - after[place])

    return (low + high) / 2, regret


def twelve() -> Iterator[Problem]:
    """Those of the twelve that are one store with lost sales: 60 periods, stock left at the end is worth nothing."""
    for lead_time, margin, scale in [(1, 9, 1), (2, 4, 1), (2, 9, 1), (2, 39, 1), (3, 9, 1), (2, 39, 40)]:
        name = f"lost-lead-{lead_time}-margin-{margin}-money-{scale}"
        money = {"holding": float(scale), "price": float(margin * scale)}
        regret = finite_lost_sales(5, lead_time, holding=scale, shortage=margin * scale, cost=0, pipeline=0, horizon=60)
        scenario = store(name, mean=5, lead_time=lead_time, horizon=60, stock=10, **money)
        yield Problem(scenario, regret=regret, ends=True)
    costs = {"holding": 0.03, "cost": 1.5, "pipeline": 0.01}  # the retailer of the published network `serial`
    yield Problem(
        store("lost-published-costs", mean=20, lead_time=2, horizon=60, stock=40, price=2.0, penalty=0.1, **costs),
        regret=finite_lost_sales(20, 2, shortage=2.1, horizon=60, **costs),
        ends=True,
    )
    for scale in (1, 40):
        level, cost = float(poisson.ppf(9 / 10, 5 * 5)), {"holding": float(scale), "penalty": 9.0 * scale}
        yield Problem(
            store(
                f"backlog-lead-4-money-{scale}", mean=5, lead_time=4, horizon=60, stock=25, fulfilment="backlog", **cost
            ),
            optimal=until(order_up_to(level), 56),
        )


def until(policy: Policy, end: int) -> Policy:
    """A policy that orders nothing from a period on."""
    return lambda state: policy(state) * (state.period < end)
