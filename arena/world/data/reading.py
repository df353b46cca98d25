"""Recorded demand read from a table: dates, values, gaps and flags put together, and what was read said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arena.errors import ABSENT, Fault, InvalidInput
from arena.world.data.cells import Cells, read_cells, tell_apart
from arena.world.data.dates import DateFault, Grid, as_fault, find_frequency, make_grid, read_dates
from arena.world.data.demand_data import MOST_PERIODS, MOST_VALUES, DemandData, label_of
from arena.world.data.flags import read_flags
from arena.world.data.numbers import Rule, is_number, is_plain, quantity_rules, read_number
from arena.world.data.source import DataSource, Layout
from arena.world.data.table_files import find_file, open_file
from arena.world.data.text_table import in_yaml, listed


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

    @property
    def sentence(self) -> str:
        """What was read, on one line."""
        length = {"period": "", "day": " of a day", "week": " of a week", "month": " of a month"}
        told = length.get(self.frequency, f" of {self.frequency}")
        if self.frequency_found and self.frequency != "period":
            told += " (found from the dates)"
        parts = [
            f"{self.markets:,} market{'' if self.markets == 1 else 's'}",
            f"{self.periods:,} period{'' if self.periods == 1 else 's'}{told} from {self.first} to {self.last}",
            f"mean {self.mean:,.4g} units a period",
            f"{_percent(self.zeros)} zeros",
            f"{self.filled:,} gap{'' if self.filled == 1 else 's'} filled",
        ]
        if self.negatives:
            parts.append(f"{self.negatives:,} negative value{'' if self.negatives == 1 else 's'} set to 0")
        parts.append("no flags of stock" if self.censored is None else f"{_percent(self.censored)} out of stock")
        return f"{self.file} ({self.layout}): {', '.join(parts)}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def read_data(source: DataSource, base: Path | None = None) -> tuple[DemandData, Reading]:
    """Read recorded demand.

    Args:
        source: the table and how to read it.
        base: folder that relative paths start from; None: the working folder.

    Returns:
        The demand, and what is to be said of how it was read.

    Raises:
        ArenaError: the table is a Parquet file, and pyarrow is not installed.
        InvalidInput: with one fault for each cause for which the table cannot be played.
    """
    path = find_file(source, base)
    cells = read_cells(open_file(source, path), source)
    markets = tuple(cells.markets.texts)
    other = _columns_without_numbers(cells) if source.layout == "wide" and source.markets is None else []
    units, is_broken, faults = _units(cells, source, other)
    grid, found, date_faults = _grid(cells, source)
    faults = [*date_faults, *faults]
    if grid is None:
        raise InvalidInput(faults)
    place = np.frombuffer(cells.market_numbers, dtype=np.int64) * grid.length
    place = place + np.array(grid.periods, dtype=np.int64)[np.frombuffer(cells.date_numbers, dtype=np.int64)]
    doubled = _doubled(cells, source, place)
    if doubled is not None:
        raise InvalidInput([doubled, *faults])
    values = np.full((len(markets), grid.length), np.nan)
    # A cell that breaks a rule has been told of; it is not missing besides.
    values.flat[place] = np.where(is_broken, 0.0, units)
    absent = np.isnan(values)
    # A column that is no market is told of once; what it lacks is not missing besides.
    values[np.isin(markets, other)] = 0.0
    faults += _fill(values, cells, source, grid)
    if faults:
        raise InvalidInput(faults)
    negatives = int((values < 0).sum())
    values = np.maximum(values, 0.0) + 0.0  # Neither a negative number nor a negative zero is left.
    flags = read_flags(source, base, markets, grid, absent)
    data = DemandData(
        markets=markets,
        start=grid.start,
        frequency=grid.frequency,
        values=tuple(map(tuple, values.tolist())),
        in_stock=None if flags is None else tuple(map(tuple, flags.tolist())),
        past_end=source.past_end,
    )
    reading = Reading(
        file=path,
        layout=source.layout,
        markets=len(markets),
        first=grid.start,
        last=label_of(grid.start, grid.frequency, grid.length - 1),
        periods=grid.length,
        frequency=grid.frequency,
        frequency_found=found,
        filled=int(absent.sum()),
        negatives=negatives,
        mean=float(values.mean()),
        zeros=float((values == 0).mean()),
        censored=None if flags is None else float(1.0 - flags.mean()),
    )
    return data, reading


def _units(
    cells: Cells, source: DataSource, other: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[Fault]]:
    """Return the units of every cell (NaN if it is empty), whether it breaks a rule, and a fault per rule."""
    texts = cells.texts.texts
    rules = quantity_rules(source.decimal, source.negative, texts)
    # Each text is looked at once, however often it stands in the table.
    broken = np.zeros(len(texts), dtype=np.int64)
    units = np.full(len(texts), np.nan)
    for number, text in enumerate(texts):
        if is_plain(text, source.decimal):
            units[number] = read_number(text, source.decimal)
        elif text:
            broken[number] = next((place for place, one in enumerate(rules, start=1) if not one.test(text)), 0)
            units[number] = 0.0 if broken[number] else read_number(text, source.decimal)
    codes = np.frombuffer(cells.text_numbers, dtype=np.int64)
    breaks = broken[codes]
    is_other = np.isin(cells.markets.texts, other)[np.frombuffer(cells.market_numbers, dtype=np.int64)]
    faults = []
    if other:
        shown = ", ".join([in_yaml(name) for name in cells.markets.texts if name not in other][:3]) or "…"
        rule = f"every column but the dates is a market, and {listed(other)} has no numbers"
        fix = f"write which columns are markets, such as markets: [{shown}]"
        faults.append(Fault(cells.table.source, "markets", ABSENT, rule, fix))
    faults += _rule_faults(cells, rules, np.where(is_other, 0, breaks))
    return units[codes], breaks > 0, faults


def _rule_faults(cells: Cells, rules: Sequence[Rule], breaks: NDArray[np.int64]) -> Iterator[Fault]:
    for number, (_, rule, fix) in enumerate(rules, start=1):
        mask = breaks == number
        count = int(mask.sum())
        if count:
            first = int(np.argmax(mask))
            words = f"{rule} ({count} of {len(breaks)} cells break this rule)" if count > 1 else rule
            text = cells.texts.texts[cells.text_numbers[first]]
            yield Fault(cells.table.source, cells.place(first), text, words, fix)


def _columns_without_numbers(cells: Cells) -> list[str]:
    """Return the markets whose column has text and no number at all."""
    codes = np.frombuffer(cells.text_numbers, dtype=np.int64)
    number = np.array([is_number(text) for text in cells.texts.texts])
    filled = np.array([text != "" for text in cells.texts.texts])
    market = np.frombuffer(cells.market_numbers, dtype=np.int64)
    size = len(cells.markets.texts)
    numbers = np.bincount(market, weights=number[codes], minlength=size)
    texts = np.bincount(market, weights=filled[codes], minlength=size)
    return [name for name, count, some in zip(cells.markets.texts, numbers, texts, strict=True) if some and not count]


def _grid(cells: Cells, source: DataSource) -> tuple[Grid | None, bool, list[Fault]]:
    """Return the periods, whether their length was found, and the faults of the dates."""

    def told(fault: DateFault) -> tuple[None, bool, list[Fault]]:
        return None, False, [as_fault(fault, cells.table.source, cells.date_places, cells.dates.texts)]

    dates = read_dates(cells.dates.texts, source.date_format, are_headers=source.layout == "rows")
    if isinstance(dates, DateFault):
        return told(dates)
    frequency: str | int | DateFault = source.frequency or "day"
    if source.frequency is None and dates.resolution != "number":
        frequency = find_frequency(dates)
    if isinstance(frequency, DateFault):
        return told(frequency)
    grid = make_grid(dates, frequency)
    if isinstance(grid, DateFault):
        return told(grid)
    markets = len(cells.markets.texts)
    if grid.length > MOST_PERIODS or grid.length * markets > MOST_VALUES:
        most = f"{MOST_PERIODS:,} periods, and {MOST_VALUES:,} values in all markets"
        last = label_of(grid.start, grid.frequency, grid.length - 1) if grid.length < MOST_VALUES else "the last date"
        rule = f"from {grid.start} to {last} there are {grid.length:,} periods; recorded demand has at most {most}"
        fix = "check the first and the last date, or choose markets by markets: [ … ]"
        return None, False, [Fault(cells.table.source, "", ABSENT, rule, fix)]
    return grid, source.frequency is None, []


def _doubled(cells: Cells, source: DataSource, place: NDArray[np.int64]) -> Fault | None:
    """Return the fault of two cells of one market and period, if there are any."""
    order = np.argsort(place, kind="stable")
    again = order[1:][place[order][1:] == place[order][:-1]]
    if not len(again):
        return None
    second = int(again.min())
    first = int(np.flatnonzero(place == place[second])[0])
    table, date = cells.table, cells.dates.texts[cells.date_numbers[second]]
    if source.layout == "rows":
        rule = f"two columns are of one period, {cells.dates.texts[cells.date_numbers[first]]} and {date}"
        return Fault(table.source, f"{table.word} 1", ABSENT, rule, "keep one of them, or write the frequency")
    both = f"{table.word}s {cells.lines[first]} and {cells.lines[second]}"
    market = cells.markets.texts[cells.market_numbers[second]]
    place_name = f"{table.word} {cells.lines[second]}"
    if source.layout == "wide":
        rows = len(again) // len(cells.markets.texts)
        rule = f"a wide table has one row per date, and {both} have the same date"
        rule += f" ({rows} rows are doubled)" if rows > 1 else ""
        return Fault(table.source, place_name, date, rule, "keep one of them, or add them up")
    rule = f"{both} have the same date" + (" and market" if source.market else "")
    rule += f" ({len(again)} rows are doubled)" if len(again) > 1 else ""
    used = (source.date, source.value, *(source.market or ()))
    value = f"{date}, {market}" if source.market else date
    return Fault(table.source, place_name, value, rule, tell_apart(table, used, source.market or ()))


def _fill(values: NDArray[np.float64], cells: Cells, source: DataSource, grid: Grid) -> list[Fault]:
    """Fill absent values by the author's rule, and return the fault of those that it does not fill."""
    absent = np.isnan(values)
    if not absent.any():
        return []
    if source.missing == "zero":
        values[absent] = 0.0
        return []
    name = cells.table.source
    if source.missing == "previous":
        last = np.where(absent, 0, np.arange(values.shape[1]))
        filled = np.take_along_axis(values, np.maximum.accumulate(last, axis=1), axis=1)
        values[absent] = filled[absent]
        early = np.isnan(values)
        if not early.any():
            return []
        markets = [cells.markets.texts[place] for place in np.flatnonzero(early.any(axis=1))]
        rule = f"previous fills from the period before, and data of {listed(markets)} begin later than"
        fix = "write missing: zero, choose markets, or give their values from there on"
        return [Fault(name, "missing", ABSENT, f"{rule} {grid.start}", fix)]
    fix = "write missing: zero if nothing was asked for then, or missing: previous"
    whole = absent.all(axis=0)
    period = int(np.argmax(absent.any(axis=0)))
    label = label_of(grid.start, grid.frequency, period)
    if (absent == whole).all():
        rule = f"{int(whole.sum())} of {grid.length} periods are missing, the first is {label}"
        return [Fault(name, "missing", ABSENT, rule, fix)]
    market = int(np.argmax(absent[:, period]))
    rule = f"{int(absent.sum())} of {absent.size} values are missing, the first is that of "
    rule += f"{cells.markets.texts[market]} in {label}"
    if whole.any():
        rule += f"; {int(whole.sum())} of {grid.length} periods are missing in every market"
    return [Fault(name, "missing", ABSENT, rule, fix)]
