"""Markets of a network beside those of recorded demand: both must be the same."""

from __future__ import annotations

from collections.abc import Sequence

from arena.errors import FieldFault, suggest
from arena.world.data.demand_data import DemandData
from arena.world.data.text_table import in_yaml, listed


def market_faults(data: DemandData, wanted: Sequence[str], field: str = "demand.data") -> list[FieldFault]:
    """Return the faults of markets without data, and of data without a market.

    Args:
        data: the recorded demand.
        wanted: names of the markets that are played by it.
        field: path of the data, for faults.
    """
    faults = []
    without = [name for name in wanted if name not in data.markets]
    if without:
        rule = "the network has this market, and there are no data of it"
        if len(without) > 1:
            rule += f" ({len(without)} of {len(wanted)} markets have none)"
        fix = f"{suggest(without[0], data.markets)}; a market link's name is that of its data"
        faults.append(FieldFault(field, without[0], rule, fix))
    known = set(wanted)
    unused = [name for name in data.markets if name not in known]
    if unused and len(without) < len(wanted):
        rule = f"there are data of {listed(unused)}, and the network has no such market"
        chosen = ", ".join(in_yaml(name) for name in wanted if name not in without)
        fix = f"name a market link so, or choose the data: markets: [{chosen}]"
        faults.append(FieldFault(field, unused[0], rule, fix))
    return faults
