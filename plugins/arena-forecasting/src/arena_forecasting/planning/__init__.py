"""Orders chosen by simulated value on futures of demand and lead times."""
