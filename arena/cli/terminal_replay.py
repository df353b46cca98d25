"""The replay of an episode in the terminal: a table of nodes for each period and controller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arena.audit.replaying import ReplayedEpisode
from arena.cli.layout import least_width
from arena.errors import printable
from arena.report.html import number
from arena.report.network_layout import lay_out
from arena.report.replay_data import Array, Column, Row, by_node, columns_for, rows_for

MOST_ROWS: Final = 60
"""Rows of a table, at most; those of the nodes that move the least money are left out first."""
WIDE: Final = 110
"""Characters of a line from which on all columns are shown."""

_NARROW: Final = ("on_hand", "in_transit", "requested", "demand", "unfilled", "node_profit")
_WIDE: Final = (*_NARROW[:3], "received", "shipped", "owed", "demand", "sold", *_NARROW[4:])
_LEFT_OUT_FIRST: Final = ("demand", "in_transit", "requested")
"""Columns that a line without room for all of them leaves out, one after the other."""
_LARGEST_LABEL: Final = 24


@dataclass(frozen=True)
class PeriodTable:
    """What one controller's nodes did in one period.

    Attributes:
        title: the controller, and its profit in the period and so far.
        columns: headings; the first is of names, all others of numbers.
        rows: cells as text, the whole network first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def as_plain(episodes: Sequence[ReplayedEpisode]) -> dict[str, Any]:
    """Return every number of the tables as plain values for JSON, unrounded.

    Args:
        episodes: one, or two of the same scenario and seed.
    """
    first = episodes[0]
    network = first.scenario.network
    columns = columns_for(first.scenario, [one.ledger for one in episodes])
    return {
        "scenario": first.record.scenario,
        "seed_index": first.record.seed_index,
        "periods": first.ledger.periods,
        "warm_up": first.scenario.warm_up,
        "columns": {column.key: column.about for column in columns},
        "nodes": [network.label(node) for node in network.managed],
        "episodes": [
            {
                "submission": one.record.submission,
                "outcome": one.record.outcome,
                "profit": one.record.profit,
                # A list of periods, each with a number per node.
                "values": {column.key: by_node(one.ledger, network, column.key).tolist() for column in columns},
            }
            for one in episodes
        ],
    }


class TerminalReplay:
    """The tables of one or two episodes, period by period.

    Args:
        episodes: one, or two of the same scenario and seed.
        width: characters of a line; below `WIDE` fewer columns are shown.

    Attributes:
        periods: number of periods.
        remark: what is left out; empty if nothing is.
    """

    def __init__(self, episodes: Sequence[ReplayedEpisode], width: int) -> None:
        first = episodes[0]
        network = first.scenario.network
        ledgers = [one.ledger for one in episodes]
        self.periods = first.ledger.periods
        self._episodes = episodes
        chosen = _WIDE if width >= WIDE else _NARROW
        self._columns = [column for column in columns_for(first.scenario, ledgers) if column.key in chosen]
        rows = rows_for(network, lay_out(network), ledgers)
        if len(rows) > MOST_ROWS:
            moved = sum(one.revenue.sum(axis=0) + one.procurement_cost.sum(axis=0) for one in ledgers)
            most = sorted(range(1, len(rows)), key=lambda row: -float(moved[list(rows[row].nodes)].sum()))
            kept = {0, *most[: MOST_ROWS - 1]}
            rows = [row for place, row in enumerate(rows) if place in kept]
        self._rows = rows
        listed = sum(len(row.nodes) == 1 for row in rows[1:])
        left_out = len(network.managed) - listed
        self.remark = f"{left_out:,} of {len(network.managed):,} nodes are not listed" if left_out > 0 else ""
        self._values = [
            {column.key: _of_rows(by_node(one, network, column.key), rows) for column in self._columns}
            for one in ledgers
        ]
        self._so_far = [values["node_profit"].cumsum(axis=0) for values in self._values]
        for key in _LEFT_OUT_FIRST:
            if self._narrowest() > width:
                self._columns = [column for column in self._columns if column.key != key]

    def _narrowest(self) -> int:
        """Return the characters of a line in which no word and no number is broken."""
        ends = [_ends([values[column.key] for values in self._values]) for column in self._columns]
        longest = [
            (
                *(_cell(column, both[end]) for column, both in zip(self._columns, ends, strict=True)),
                number(_ends(self._so_far)[end], 2),
            )
            for end in (0, 1)
        ]
        rows = [(printable(row.label, _LARGEST_LABEL), *cells) for row in self._rows for cells in longest]
        return least_width(self._headings, rows, right=self._headings[1:])

    @property
    def _headings(self) -> tuple[str, ...]:
        return ("node", *(column.label for column in self._columns), "so far")

    def title(self, period: int) -> str:
        """Return the heading of a period."""
        first = self._episodes[0]
        place = f"{printable(first.record.scenario)}, seed {first.record.seed_index}"
        warm_up = ", warm-up" if period < first.scenario.warm_up else ""
        return f"{place}: period {period} of 0 to {self.periods - 1}{warm_up}"

    def tables(self, period: int) -> Iterator[PeriodTable]:
        """Yield the table of each controller.

        Args:
            period: from 0.
        """
        for episode, values, so_far_by_period in zip(self._episodes, self._values, self._so_far, strict=True):
            profit, so_far = values["node_profit"], so_far_by_period[period]
            rows = tuple(
                (
                    printable(row.label, _LARGEST_LABEL),
                    *(_cell(column, float(values[column.key][period, place])) for column in self._columns),
                    number(float(so_far[place]), 2),
                )
                for place, row in enumerate(self._rows)
            )
            money = f"profit {number(float(profit[period, 0]), 2)}, so far {number(float(so_far[0]), 2)}"
            yield PeriodTable(f"{printable(episode.record.submission)}: {money}", self._headings, rows)


def _of_rows(values: Array, rows: Sequence[Row]) -> Array:
    """Return sums over the nodes of each row, shape (periods, rows)."""
    return np.stack([values[:, list(row.nodes)].sum(axis=1) for row in rows], axis=1)


def _ends(tables: Sequence[Array]) -> tuple[float, float]:
    """Return the smallest and the largest number of tables, which are the longest ones."""
    return min(float(one.min()) for one in tables), max(float(one.max()) for one in tables)


def _cell(column: Column, value: float) -> str:
    return number(value, 2 if column.sort == "money" else 1)
