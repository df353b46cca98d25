"""The scored simulator as environments of the learning ecosystem.

Importing this module registers the environments with Gymnasium (see :mod:`arena.envs.registration`), so that
``gymnasium.make("arena.envs:Arena/Divergent-v0")`` needs no other import. The PettingZoo environment is in
:mod:`arena.envs.parallel`, which needs PettingZoo.
"""

from arena.envs.registration import register
from arena.envs.single import InventoryEnv
from arena.envs.vector import InventoryVectorEnv
from arena.envs.wrappers import CentredOrders, IntegerOrders, VectorCentredOrders, VectorIntegerOrders

__all__ = [
    "CentredOrders",
    "IntegerOrders",
    "InventoryEnv",
    "InventoryVectorEnv",
    "VectorCentredOrders",
    "VectorIntegerOrders",
    "register",
]

register()
