"""People's data of demand: the recorded demand that comes of a table."""

from arena.world.data.demand_data import DemandData

__all__ = ["DemandData"]
