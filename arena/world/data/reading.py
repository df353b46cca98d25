"""What was read of a table of demand, for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arena.world.data.demand_data import DemandData
from arena.world.data.source import DataSource, Layout


@dataclass(frozen=True)
class Reading:
    """What was read of a table of demand; it takes no part in any digest.

    Attributes:
        file: the table.
        layout: how it is laid out.
        markets: number of markets.
        first: first period.
        last: last period.
        periods: number of periods.
        frequency: length of a period, as `DemandData.frequency`.
        frequency_found: whether the frequency was found from the dates, and not written.
        filled: values that were absent and filled by the rule `missing`.
        negatives: values below 0 that were set to 0.
        mean: mean of all values, units per market and period.
        zeros: share of values that are 0.
        censored: share of values whose market was out of stock; None if no flags were read.
    """

    file: Path
    layout: Layout
    markets: int
    first: str
    last: str
    periods: int
    frequency: str
    frequency_found: bool
    filled: int
    negatives: int
    mean: float
    zeros: float
    censored: float | None


def read_data(source: DataSource, base: Path | None = None) -> tuple[DemandData, Reading]:
    """Read recorded demand.

    Args:
        source: the table and how to read it.
        base: folder that relative paths start from; None: the working folder.

    Raises:
        InvalidInput: with one fault for each cause for which the table cannot be played.
    """
    raise NotImplementedError
