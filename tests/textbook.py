"""Textbook policies of the shipped suite `classic`, played on many episodes at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.simulate.compiled import compile_scenario
from arena.simulate.customers import Customers
from arena.simulate.dynamics import step
from arena.simulate.states import BatchState, initial_state
from arena.world.scenario import Scenario

Policy = Callable[[BatchState], NDArray[np.float64]]
"""From the state before a period, orders of shape (episodes, supply links)."""


@dataclass(frozen=True)
class Played:
    """Mean cost of an episode and its standard error, money."""

    mean: float
    error: float


def play_many(scenario: Scenario, policy: Policy, episodes: int, seed: int) -> Played:
    """Play episodes of a scenario by one policy; all their demand comes from one seed."""
    compiled = compile_scenario(scenario)
    customers, generator = Customers(scenario), np.random.default_rng(seed)
    state = initial_state(compiled, episodes, np.zeros(1))
    cost = np.zeros(episodes)
    for period in range(scenario.horizon):
        demand = np.array(customers.shared(generator, period, np.ones(episodes), is_calm=True)).T
        state, flows = step(compiled, state, policy(state), demand)
        cost -= flows.reward
    return Played(float(cost.mean()), float(cost.std(ddof=1) / np.sqrt(episodes)))


def order_up_to(level: float, reorder_point: float = np.inf, *, customers_wait: bool = True) -> Policy:
    """The (s, S) policy of a single stage, by its inventory position; a base-stock policy without s."""

    def policy(state: BatchState) -> NDArray[np.float64]:
        now = state.on_hand + state.in_transit - (state.unfilled if customers_wait else 0.0)
        return np.where(now <= reorder_point, np.maximum(0.0, level - now), 0.0)

    return policy


def echelon_base_stock(levels: list[float]) -> Policy:
    """Order-up-to levels of the echelons of a line, from the customers' stage upwards (Clark and Scarf 1960)."""

    def policy(state: BatchState) -> NDArray[np.float64]:
        due = state.owed.copy()
        stages = state.on_hand + state.in_transit
        echelon = np.cumsum(stages, axis=1) - state.unfilled
        return np.maximum(0.0, np.array(levels) - echelon - due)

    return policy


def sterman_rule(state: BatchState) -> NDArray[np.float64]:
    """The benchmark of the beer game: 4 in the first five weeks, then up to 32, 32, 32 and 24 cases.

    Source: Sterman 1989, Modeling managerial behavior, Management Science 35, table 2: expected demand stays 4, the
    desired stock is 28, 28, 28 and 20, and all that was ordered counts in full (θ = 0, α = β = 1). The slips of the
    first five weeks are 4: one lies on the board, and players write 4 in the first four weeks.
    """
    if state.period < 5:
        return np.full(state.in_transit.shape, 4.0)
    asked = np.concatenate([state.unfilled, state.owed[:, :3]], axis=1)
    unseen = np.concatenate([state.unseen, np.zeros((len(asked), 1))], axis=1)
    inventory_position = state.on_hand - asked + unseen + state.owed + state.in_transit
    return np.maximum(0.0, np.array([32.0, 32.0, 32.0, 24.0]) - inventory_position)


def planned(orders: NDArray[np.float64]) -> Policy:
    """Orders that are known for every period, shape (periods, supply links)."""
    return lambda state: np.tile(orders[state.period], (len(state.on_hand), 1))
