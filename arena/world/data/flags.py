"""Flags of a second table: in which periods was the shelf full."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.errors import ABSENT, Fault, InvalidInput
from arena.world.data.cells import read_cells
from arena.world.data.dates import DateFault, Grid, as_fault, locate, read_dates
from arena.world.data.demand_data import label_of
from arena.world.data.source import DataSource
from arena.world.data.table_files import find_file, open_file
from arena.world.data.text_table import refuse

_FLAGS: Final = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def read_flags(
    source: DataSource, base: Path | None, markets: tuple[str, ...], grid: Grid, filled: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """Read the flags of all markets and periods.

    Args:
        source: the table of demand, which names that of the flags.
        base: folder that relative paths start from.
        markets: the markets of the demand.
        grid: the periods of the demand.
        filled: values of the demand that were absent and filled, shape (markets, periods); where the flag is absent as
            well, the market counts as in stock, as the author's rule says what was wanted.

    Returns:
        Whether the market was in stock, shape (markets, periods); None if the source names no flags.

    Raises:
        InvalidInput: with one fault for each cause for which the flags do not fit the demand.
    """
    own = source.flags()
    if own is None:
        return None
    path = find_file(own, base)
    options = set(type(own).model_fields)
    try:
        return _read(own.model_copy(update={"markets": markets}), path, markets, grid, filled)
    except InvalidInput as error:
        # An option of the flags' table stands below in_stock.
        told = [one._replace(field=f"in_stock.{one.field}") if one.field in options else one for one in error.faults]
        raise type(error)(told) from None


def _read(
    own: DataSource, path: Path, markets: tuple[str, ...], grid: Grid, filled: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    cells = read_cells(open_file(own, path), own)
    name = cells.table.source
    dates = read_dates(cells.dates.texts, own.date_format, are_headers=own.layout == "rows")
    periods = locate(dates, grid) if not isinstance(dates, DateFault) else dates
    if isinstance(periods, DateFault):
        raise InvalidInput([as_fault(periods, name, cells.date_places, cells.dates.texts)])
    texts = cells.texts.texts
    known = np.array([_FLAGS.get(text.casefold(), -1) if text else -2 for text in texts], dtype=np.int64)
    flags = known[np.frombuffer(cells.text_numbers, dtype=np.int64)]
    if (flags == -1).any():
        first = int(np.argmax(flags == -1))
        rule = "a flag is 1 or true where the market was in stock, and 0 or false where it was not"
        count = int((flags == -1).sum())
        if count > 1:
            rule += f" ({count} of {len(flags)} cells are not)"
        text = texts[cells.text_numbers[first]]
        refuse(name, cells.place(first), text, rule, "write flags, or name the column that has them")
    period = np.array(periods, dtype=np.int64)[np.frombuffer(cells.date_numbers, dtype=np.int64)]
    market = np.frombuffer(cells.market_numbers, dtype=np.int64)
    is_inside = (period >= 0) & (period < grid.length) & (flags >= 0)
    flat = (market * grid.length + period)[is_inside]
    counts = np.bincount(flat, minlength=filled.size)
    if (counts > 1).any():
        place = int(np.argmax(counts > 1))
        rule = "two flags are of one market and period"
        value = f"{markets[place // grid.length]}, {label_of(grid.start, grid.frequency, place % grid.length)}"
        refuse(name, "", value, rule, "keep one of them")
    read = np.full(filled.size, -2, dtype=np.int64)
    read[flat] = flags[is_inside]
    read[(read == -2) & filled.ravel()] = 1
    absent = read == -2
    if absent.any():
        place = int(np.argmax(absent))
        label = label_of(grid.start, grid.frequency, place % grid.length)
        rule = f"{int(absent.sum())} of {filled.size} values of the demand have no flag, the first is that of "
        rule += f"{markets[place // grid.length]} in {label}"
        fix = "give a flag for every period of the demand, 1 where nothing is known of an empty shelf"
        raise InvalidInput([Fault(name, "", ABSENT, rule, fix)])
    result: NDArray[np.bool_] = read.reshape(filled.shape) == 1
    return result
