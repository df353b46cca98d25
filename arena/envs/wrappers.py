"""Action wrappers: orders scaled to [-1, 1] around demand, and orders in whole units.

Each comes for the single environment and for the vector environment, and they can be put on one another::

    env = CentredOrders(IntegerOrders(env), demand_scale=20)   # learned in [-1, 1], ordered in whole units
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorActionWrapper, VectorEnv
from gymnasium.vector.utils import batch_space

from arena.envs.single import InventoryEnv
from arena.envs.vector import InventoryVectorEnv
from arena.errors import ContractViolation
from arena.world.network import Network
from arena.world.scenario import Scenario

DemandScale = float | Sequence[float]

# Gymnasium made the class generic in 1.4; earlier releases refuse type arguments when the module is imported.
if TYPE_CHECKING:
    _VectorOrders = VectorActionWrapper[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
else:
    _VectorOrders = VectorActionWrapper


def centre_orders(network: Network, demand_scale: DemandScale) -> np.ndarray:
    """The orders that follow demand in a steady state, units per period, shape (supply links,).

    Every node passes on what it ships and sells: a retailer its markets' demand, a supplier what its buyers order. A
    factory needs ``units / yield`` of each component for a unit of output. What a node needs is ordered in equal
    parts from its suppliers (of that component). Only the network is looked at, which every track shows.

    Args:
        network: with its links.
        demand_scale: demand per market link that the orders follow, units per period: one number, or one per market
            link.

    Raises:
        ValueError: If the demand scale is not positive, or neither one number nor one per market link.

    Example:
        >>> from arena import load_network
        >>> centre_orders(load_network("w"), [20, 10]).tolist()
        [20.0, 10.0, 15.0, 15.0, 15.0, 15.0]
    """
    markets = len(network.market_links)
    demand = np.asarray(demand_scale, dtype=np.float64)
    if demand.shape not in ((), (markets,)) or not (np.isfinite(demand).all() and (demand > 0).all()):
        raise ValueError(
            "demand_scale is positive units per period, one number or one per market link "
            f"(here {markets}), got {demand_scale!r}"
        )
    demand = np.broadcast_to(demand, (markets,))
    orders = np.zeros(len(network.supply_links))
    for node_id in reversed(network.upstream_first):
        output = orders[list(network.outbound(node_id))].sum() + demand[list(network.markets_of(node_id))].sum()
        for point in (network.stock_points[position] for position in network.points_of(node_id)):
            links = list(point.arrivals)
            orders[links] = output * point.units / network.node(node_id).yield_ / len(links)
    return orders


class _Scaling:
    """The map from [-1, 1] to orders, for actions whose last axis is the supply links."""

    def __init__(self, scenario: Scenario, demand_scale: DemandScale, largest_multiple: float) -> None:
        if not (math.isfinite(largest_multiple) and largest_multiple > 1):
            raise ValueError(f"largest_multiple is a number above 1, got {largest_multiple!r}")
        self.centre = centre_orders(scenario.network, demand_scale)
        self.centre.flags.writeable = False
        self.slope_above = largest_multiple - 1.0

    def orders(self, actions: Any, shape: tuple[int, ...]) -> np.ndarray:
        scaled = _numbers(actions, shape)
        return self.centre * (1.0 + np.where(scaled > 0.0, self.slope_above * scaled, scaled))


def _numbers(actions: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Actions as float64; the shape is held here, before numpy would stretch a smaller one over the links."""
    array = np.asarray(actions)
    if array.dtype.kind not in "fiu":
        raise ContractViolation("bad_dtype", f"actions are integers or floats, got {array.dtype.name}")
    if array.shape != shape:
        raise ContractViolation("bad_shape", f"actions have shape {shape}, one per supply link, got {array.shape}")
    return array.astype(np.float64)


def _scenario_of(env: gymnasium.Env[Any, Any]) -> Scenario:
    base = env.unwrapped
    if not isinstance(base, InventoryEnv):
        raise TypeError(f"the wrapper goes on an InventoryEnv, got {type(base).__name__}")
    return base.scenario


def _vector_scenario_of(env: VectorEnv[Any, Any, Any]) -> Scenario:
    base = env.unwrapped
    if not isinstance(base, InventoryVectorEnv):
        raise TypeError(
            f"the wrapper goes on an InventoryVectorEnv, got {type(base).__name__}; for Gymnasium's own vector "
            "environments give make_vec the single wrapper: wrappers=[…]"
        )
    return base.scenario


class CentredOrders(gymnasium.ActionWrapper[np.ndarray, np.ndarray, np.ndarray], RecordConstructorArgs):
    """Orders scaled to [-1, 1], centred on demand: what continuous policies are initialised for.

    With ``centre`` the order of a link that follows demand (:func:`centre_orders`)::

        order = centre · (1 + action)                             for action ≤ 0
        order = centre · (1 + (largest_multiple − 1) · action)    for action > 0

    so -1 orders nothing, 0 follows demand and 1 orders ``largest_multiple`` times that. Actions outside [-1, 1] go on
    along the same lines; the environment clips and counts orders that are negative or too large.

    Args:
        env: an :class:`~arena.envs.single.InventoryEnv`, wrapped or not.
        demand_scale: units per period that a market link is expected to want, one number or one per market link. It is
            given by you, because the blind track does not know the mean of demand.
        largest_multiple: of the centre, ordered at action 1; above 1. The default leaves room for trend and shock.

    Raises:
        TypeError: If it is another environment.
        ValueError: If the demand scale is not positive or the multiple not above 1.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], demand_scale: DemandScale, largest_multiple: float = 4.0) -> None:
        RecordConstructorArgs.__init__(self, demand_scale=demand_scale, largest_multiple=largest_multiple)
        gymnasium.ActionWrapper.__init__(self, env)
        self._scaling = _Scaling(_scenario_of(env), demand_scale, largest_multiple)
        self._shape = self._scaling.centre.shape
        self.action_space = spaces.Box(-1.0, 1.0, self._shape, np.float32)

    @property
    def centre(self) -> np.ndarray:
        """The order of each link that follows demand, units, (supply links,)."""
        return self._scaling.centre

    def action(self, action: np.ndarray) -> np.ndarray:
        """Orders in units from an action in [-1, 1], both (supply links,).

        Raises:
            ContractViolation: If shape or dtype are wrong.
        """
        return self._scaling.orders(action, self._shape)


class VectorCentredOrders(_VectorOrders):
    """:class:`CentredOrders` for the vector environment; actions of shape (num_envs, supply links).

    Args:
        env: an :class:`~arena.envs.vector.InventoryVectorEnv`, wrapped or not.
        demand_scale: as there.
        largest_multiple: as there.

    Raises:
        TypeError: If it is another environment.
        ValueError: If the demand scale is not positive or the multiple not above 1.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], demand_scale: DemandScale, largest_multiple: float = 4.0) -> None:
        super().__init__(env)
        self._scaling = _Scaling(_vector_scenario_of(env), demand_scale, largest_multiple)
        links = self._scaling.centre.shape
        self._shape = (env.num_envs, *links)
        self.single_action_space = spaces.Box(-1.0, 1.0, links, np.float32)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    @property
    def centre(self) -> np.ndarray:
        """The order of each link that follows demand, units, (supply links,)."""
        return self._scaling.centre

    def actions(self, actions: np.ndarray) -> np.ndarray:
        """Orders in units from actions in [-1, 1], both (num_envs, supply links).

        Raises:
            ContractViolation: If shape or dtype are wrong.
        """
        return self._scaling.orders(actions, self._shape)


def _whole(actions: Any, shape: tuple[int, ...]) -> np.ndarray:
    rounded: np.ndarray = np.rint(_numbers(actions, shape))
    return rounded


def _whole_units(scenario: Scenario, largest: int | None) -> spaces.Box | spaces.MultiDiscrete:
    links = len(scenario.network.supply_links)
    bound = math.floor(scenario.order_bound)
    if largest is None:
        return spaces.Box(0, bound, (links,), np.int64)
    if largest != int(largest) or not 1 <= largest <= bound:
        raise ValueError(
            f"largest is a whole number of units from 1 to the scenario's largest order, {bound}, got {largest!r}"
        )
    return spaces.MultiDiscrete([int(largest) + 1] * links)


class IntegerOrders(gymnasium.ActionWrapper[np.ndarray, np.ndarray, np.ndarray], RecordConstructorArgs):
    """Orders in whole units: what is given is rounded to the nearest unit, halves to the even one.

    Args:
        env: an :class:`~arena.envs.single.InventoryEnv`, wrapped or not.
        largest: if given, the action space is MultiDiscrete with the choices 0 … ``largest`` per supply link, for
            algorithms with a finite number of choices. Otherwise it is a Box of int64 up to the largest order.

    Raises:
        TypeError: If it is another environment.
        ValueError: If ``largest`` is no whole number between 1 and the largest order.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], largest: int | None = None) -> None:
        RecordConstructorArgs.__init__(self, largest=largest)
        gymnasium.ActionWrapper.__init__(self, env)
        self.action_space = _whole_units(_scenario_of(env), largest)
        self._shape = (len(_scenario_of(env).network.supply_links),)

    def action(self, action: np.ndarray) -> np.ndarray:
        """Whole units, float64, from orders of any real dtype, both (supply links,).

        Raises:
            ContractViolation: If shape or dtype are wrong.
        """
        return _whole(action, self._shape)


class VectorIntegerOrders(_VectorOrders):
    """:class:`IntegerOrders` for the vector environment; actions of shape (num_envs, supply links).

    Args:
        env: an :class:`~arena.envs.vector.InventoryVectorEnv`, wrapped or not.
        largest: as there.

    Raises:
        TypeError: If it is another environment.
        ValueError: If ``largest`` is no whole number between 1 and the largest order.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], largest: int | None = None) -> None:
        super().__init__(env)
        scenario = _vector_scenario_of(env)
        self._shape = (env.num_envs, len(scenario.network.supply_links))
        self.single_action_space = _whole_units(scenario, largest)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def actions(self, actions: np.ndarray) -> np.ndarray:
        """Whole units, float64, from orders of any real dtype, both (num_envs, supply links).

        Raises:
            ContractViolation: If shape or dtype are wrong.
        """
        return _whole(actions, self._shape)
