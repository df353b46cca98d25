"""People's data of demand: the options of a table, its reader, and the recorded demand that comes of it."""

from arena.world.data.demand_data import DemandData
from arena.world.data.reading import Reading, read_data
from arena.world.data.source import DataSource, parse_data_source

__all__ = ["DataSource", "DemandData", "Reading", "parse_data_source", "read_data"]
