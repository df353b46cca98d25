"""Columns of the tables of episodes and of periods, derived from the fields of a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from arena.contract.kpi import Kpis
from arena.results.record import EpisodeRecord
from arena.simulate.compiled import MONEY_PARTS

KPI_COLUMNS: Final = tuple(Kpis.model_fields)
"""KPIs of an episode by their names in the contract, in its order."""

_NOT_IN_TABLES: Final = frozenset({"stderr_tail"})
_SUMMARISED: Final = {"decision_times": "slowest_decision_time"}
"""Fields that a table has one number of, with the column of that number."""


def _episode_columns() -> Iterator[str]:
    """Yield who played what and how, then the indicators, then what else the record holds."""
    for name in EpisodeRecord.model_fields:
        if name in KPI_COLUMNS or name in _NOT_IN_TABLES:
            continue
        if name == "scenario":
            yield "suite"
        yield _SUMMARISED.get(name, name)
        if name == "isolation":
            yield from KPI_COLUMNS


EPISODE_COLUMNS: Final = tuple(_episode_columns())
"""Columns of a table of episodes."""

_PERIOD: Final = ("submission", "submission_digest", "scenario", "seed_index", "commitment", "period")
"""Columns that name a period of an episode."""

PERIOD_COLUMNS: Final = (
    *_PERIOD,
    "quantity",
    "link",
    "link_name",
    "origin",
    "destination",
    "units",
)
"""Columns of a table of periods. `quantity` is one of:

- `requested_order`: `link` is a position among the network's supply links;
- `realised_demand`: `link` is a position among its market links;
- `lead_time`, where lead times vary: that of the period's order on a supply link; -1: the order never arrives.

`link_name` is the link's name, empty where it has none; `origin` and `destination` are its ends by their names, or else
their ids. All three are empty where the content of the scenario is not stored."""

NODE_COLUMNS: Final = (
    *_PERIOD,
    "node",
    "on_hand",
    "in_transit",
    *MONEY_PARTS,
    "profit",
    "terminal_value",
)
"""Columns of a table of nodes, a row per episode, period and managed node: units on hand and under way to the node at
the end of the period, and the money of the period. What stock is worth at the end is a part of `profit`. See
`arena.simulate.ledger.Ledger`."""


def _columns_of(kind: type, *further: str) -> frozenset[str]:
    fields = EpisodeRecord.model_fields.items()
    return frozenset(name for name, field in fields if kind in (field.annotation, *get_args(field.annotation))) | {
        *further
    }


FLOAT_COLUMNS: Final = _columns_of(
    float, "slowest_decision_time", "units", "on_hand", "in_transit", *MONEY_PARTS, "profit"
)
"""Columns of floats; a cell may be empty."""

INTEGER_COLUMNS: Final = _columns_of(int, "period", "link")
"""Columns of integers; a cell may be empty. All other columns hold text."""
