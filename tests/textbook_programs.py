"""Programs that find the textbook policies of the shipped suite `classic`, and what these cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import lil_array
from scipy.stats import poisson

from arena.simulate.states import BatchState


def best_reorder_levels(mean: float, lead_time: int, holding: float, shortage: float, fixed: float) -> list[float]:
    """Reorder point, order-up-to level and cost per period of Poisson demand: the best of all (s, S) by renewal.

    Source: Zheng and Federgruen 1991, Finding optimal (s, S) policies is about as simple as evaluating a single policy,
    equations 3 to 5; here every pair is evaluated.
    """
    units = np.arange(400)
    before = poisson.pmf(units, mean * (lead_time + 1))
    levels = np.arange(-20, 120)
    gaps = levels[:, None] - units[None, :]
    expected = np.where(gaps > 0, holding * gaps, -shortage * gaps) @ before
    one = poisson.pmf(units, mean)
    renewals = np.zeros(len(levels))  # expected number of periods at a distance below S
    renewals[0] = 1.0 / (1.0 - one[0])
    for distance in range(1, len(levels)):
        renewals[distance] = renewals[:distance] @ one[distance:0:-1] / (1.0 - one[0])
    best = [0.0, 0.0, np.inf]
    for top in range(len(levels)):
        weights = renewals[: top + 1]
        totals = np.cumsum(weights * expected[top::-1][: top + 1])
        costs = (fixed + totals) / np.cumsum(weights)
        distance = int(np.argmin(costs))
        if costs[distance] < best[2]:
            best = [float(levels[top - distance] - 1), float(levels[top]), float(costs[distance])]
    return best


@dataclass(frozen=True)
class LostSales:
    """Optimal order by stock after arrival and by the units on the way, oldest first, and the cost per period."""

    cost: float
    orders: NDArray[np.int64]

    def policy(self, state: BatchState) -> NDArray[np.float64]:
        """Orders of these states."""
        units = np.concatenate([state.on_hand + state.pipeline[:, :1], state.pipeline[:, 1:]], axis=1)
        places = tuple(np.minimum(units.T, np.array(self.orders.shape)[:, None] - 1).round().astype(int))
        return self.orders[places][:, None].astype(float)


def solve_lost_sales(mean: float, lead_time: int, holding: float, penalty: float, stock: int, most: int) -> LostSales:
    """Relative value iteration of lost sales with Poisson demand (Zipkin 2008).

    Args:
        mean: of demand, units per period.
        lead_time: periods, 1 or more; an order is placed before the demand of its period.
        holding: money per unit at the end of a period.
        penalty: money per unit lost.
        stock: most units on hand after an arrival; more are cut, which must not matter.
        most: largest order, units.
    """
    units = np.arange(stock + 1)
    demand = np.arange(60)
    chances = poisson.pmf(demand, mean)
    left = np.maximum(0, units[:, None] - demand[None, :])
    lost = np.maximum(0, demand[None, :] - units[:, None])
    now = (holding * left + penalty * lost) @ chances
    remaining = np.zeros((stock + 1, stock + 1))  # chance of each stock after demand
    for amount in units:
        np.add.at(remaining[amount], left[amount], chances)
    slots = (most + 1,) * (lead_time - 1)
    values = np.zeros((stock + 1, *slots))
    spread = now.reshape(-1, *(1,) * (lead_time - 1))
    low, high, orders = 0.0, np.inf, np.zeros_like(values, dtype=np.int64)
    while high - low > 1e-5:
        # What is left and the oldest order make the next stock; then the newest order is chosen.
        if lead_time == 1:
            later = np.stack([values[np.minimum(units + order, stock)] for order in range(most + 1)], axis=-1)
        else:
            later = np.stack([values[np.minimum(units + oldest, stock)] for oldest in range(most + 1)], axis=1)
        later = np.tensordot(remaining, later, axes=1)
        orders = later.argmin(axis=-1)
        after = spread + later.min(axis=-1)
        change = after - values
        low, high = float(change.min()), float(change.max())
        values = after - after.flat[0]
    return LostSales((low + high) / 2, orders)


@dataclass(frozen=True)
class DualSourcing:
    """Level up to which the fast source is ordered, and the slow order, by stock and by the units on the way."""

    cost: float
    lowest: int
    fast: NDArray[np.int64]
    slow: NDArray[np.int64]

    def policy(self, state: BatchState) -> NDArray[np.float64]:
        """Orders of these states: fast, slow."""
        stock = (state.on_hand - state.unfilled + state.pipeline[:, :1])[:, 0]
        places = (stock - self.lowest).round().astype(int), state.pipeline[:, 1].round().astype(int)
        raised = self.fast[places]
        return np.stack([raised - places[0], self.slow[raised, places[1]]], axis=1).astype(float)


def solve_dual_sourcing(
    chances: NDArray[np.float64], holding: float, shortage: float, fast: float, slow: float
) -> DualSourcing:
    """Relative value iteration of a source at once and one after two periods, prices included."""
    lowest, highest, most = -25, 20, 8
    stock, demand = np.arange(lowest, highest + 1), np.arange(len(chances))
    gaps = stock[:, None] - demand
    expected = np.where(gaps > 0, holding * gaps, -shortage * gaps) @ chances
    values = np.zeros((len(stock), most + 1))
    low, high = 0.0, np.inf
    while high - low > 1e-6:
        whole = np.empty((len(stock), most + 1, most + 1))
        for coming in range(most + 1):
            places = np.clip(gaps + coming - lowest, 0, len(stock) - 1)
            whole[:, coming] = np.tensordot(chances, values[places], axes=(0, 1))
        whole += slow * np.arange(most + 1) + expected[:, None, None]
        raised = whole.min(axis=2) + fast * stock[:, None]
        # The cheapest level at or above the stock.
        best = np.empty(raised.shape, dtype=np.int64)
        best[-1] = len(stock) - 1
        for place in range(len(stock) - 2, -1, -1):
            stays = raised[place] <= np.take_along_axis(raised, best[place + 1][None], 0)[0]
            best[place] = np.where(stays, place, best[place + 1])
        after = np.take_along_axis(raised, best, 0) - fast * stock[:, None]
        change = (after - values)[10:-10]
        low, high = float(change.min()), float(change.max())
        values = after - after[-lowest, 0]
    return DualSourcing((low + high) / 2, lowest, best, whole.argmin(axis=2))


def solve_beer_game(customers: list[float], fixed_weeks: int) -> tuple[float, NDArray[np.float64]]:
    """Least cost of the beer game for who knows its customers, and orders (weeks, stages) that cost so much.

    A linear program in orders, shipments, stock and backlog, in which a stage may also withhold goods: its optimum is a
    lower bound, and proven where the arena counts as much for its orders.

    Args:
        customers: their demand, cases per week.
        fixed_weeks: first weeks whose orders are 4.
    """
    stages, weeks = 4, len(customers)
    ordered, shipped, stock, backlog = range(4)
    shape = (4, stages, weeks)

    def at(kind: int, stage: int, week: int) -> int:
        return int(np.ravel_multi_index((kind, stage, week), shape))

    matrix = lil_array((3 * stages * weeks, int(np.prod(shape))))
    right = np.zeros(matrix.shape[0])
    row = 0
    for stage in range(stages):
        for week in range(weeks):
            # Stock: of before and what arrives, less what is shipped; all are 4 before the first week.
            matrix[row, at(stock, stage, week)] = 1
            if week:
                matrix[row, at(stock, stage, week - 1)] = -1
            right[row] += 0 if week else 12
            if week >= 2:
                matrix[row, at(shipped, stage, week - 2)] = -1
            right[row] += 0 if week >= 2 else 4
            # Backlog: of before and what is asked for, less what is shipped; sales of the retailer are what remains.
            matrix[row + 1, at(backlog, stage, week)] = 1
            if week:
                matrix[row + 1, at(backlog, stage, week - 1)] = -1
            if stage == 0:
                matrix[[row], :] -= matrix[[row + 1], :]
                matrix[[row + 1], :] *= 0
                right[row] -= customers[week]
            else:
                matrix[row, at(shipped, stage - 1, week)] = 1
                matrix[row + 1, at(shipped, stage - 1, week)] = 1
                if week:
                    matrix[row + 1, at(ordered, stage - 1, week - 1)] = -1
                right[row + 1] += 0 if week else 4
            if stage == stages - 1:
                matrix[row + 2, at(shipped, stage, week)] = 1
                matrix[row + 2, at(ordered, stage, week)] = -1
            row += 3
    costs = np.zeros(shape)
    costs[stock], costs[backlog] = 0.5, 1.0
    bounds = np.zeros((*shape, 2))
    bounds[..., 1] = np.inf
    bounds[ordered, :, :fixed_weeks] = 4
    found = linprog(costs.ravel(), A_eq=matrix.tocsr(), b_eq=right, bounds=bounds.reshape(-1, 2))
    return float(found.fun), found.x.reshape(shape)[ordered].T


@dataclass(frozen=True)
class Assembly:
    """Two components, one of them slow, and what is assembled of them: echelon levels, and the cost per period."""

    cost: float
    shop: int
    fast: int
    slow: int
    fast_lead_time: int

    def policy(self, state: BatchState) -> NDArray[np.float64]:
        """Orders of the product, the slow and the fast component, in that order of links; stocks in the same order.

        The fast component is ordered up to its level, but not beyond the slow ones that are there when it comes.
        """
        stock, coming = state.on_hand, state.in_transit
        product = stock[:, 0] + coming[:, 0] - state.unfilled[:, 0]
        slots = state.pipeline[:, 1:]  # of the product there is one, and then come those of the slow component
        in_time = product + stock[:, 1] + slots[:, : self.fast_lead_time + 1].sum(axis=1)
        levels = [
            self.shop - product - state.owed[:, 0],
            self.slow - (product + stock[:, 1] + coming[:, 1]),
            np.minimum(self.fast, in_time) - (product + stock[:, 2] + coming[:, 2]),
        ]
        return np.maximum(0.0, np.stack(levels, axis=1))


def solve_assembly(
    mean: float, lead_times: tuple[int, int, int], holding: tuple[float, float, float], shortage: float
) -> Assembly:
    """Optimal echelon levels of an assembly system with Poisson demand.

    It is a line in which the slow component comes first (Rosling 1989, Optimal inventory policies for assembly systems
    under random demands, Operations Research 37), and that line is solved stage by stage (Clark and Scarf 1960).

    Args:
        mean: of demand, units per period.
        lead_times: of the product, the slow and the fast component, periods, as they are written in a scenario.
        holding: of the same, money per unit; on the way to the shop the product costs what its components cost.
        shortage: money per unit that customers wait for at the end of a period.
    """
    product, slow, fast = lead_times
    rates = (holding[0] - holding[1] - holding[2], holding[2], holding[1])  # echelon rates: product, fast, slow
    charged = (product + 1, fast + 1, slow + 1)  # periods of demand until the echelon's stock is counted
    passed = (0, fast + 1, slow - fast)  # periods of demand until the next stage ships
    units, levels = np.arange(250), np.arange(-250, 150)
    left = levels[:, None] - units
    cost, best = np.zeros(len(levels)), []
    for stage, rate in enumerate(rates):
        if stage == 0:
            waiting = np.maximum(0, -left) @ poisson.pmf(units, mean * (product + 1))
            cost = (shortage + holding[0]) * waiting
        else:
            reached = np.clip(np.minimum(left, best[-1]) - levels[0], 0, None)
            cost = cost[reached] @ poisson.pmf(units, mean * passed[stage])
        cost = cost + rate * (levels - mean * charged[stage])
        best.append(int(levels[100:][np.argmin(cost[100:])]))
    return Assembly(float(cost[100:].min()), *best, fast)
