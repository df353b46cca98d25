"""The weekly panel of the R package bayesm, orange juice by store and brand, from its `.rda` file.

`orangeJuice.rda`: 913 series of 83 stores and 11 brands, 106 139 rows of weeks 40 to 160, from Dominick's Finer Foods.
Sales are logarithms of ounces, which are whole quarts (32 ounces); a week without a row is told as out of stock.
Prices and promotions are in the file too; no track of arena tells such things, and they are not read. The package's
other sets of sales have no dates (cheese) or are of one chain with many weeks missing (tuna). Source: P. Rossi, bayesm;
A. Montgomery, Marketing Science 16 (1997).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from arena import ArenaError, Scenario
from arena_boards.faults import refuse, require_count, require_file
from arena_boards.options import PanelOptions
from arena_boards.panel import FloatArray, Panel, build_panel

STORES: Final = 83
BRANDS: Final = 11
ROWS: Final = 106_139
WEEKS: Final = (40, 160)
RECENT: Final = 13
"""Latest weeks whose mean sales give the start."""

_ORIGIN: Final = "the data of the R package bayesm (Debian: apt-get download r-cran-bayesm; dpkg -x)"
_QUART: Final = 32
_LARGEST_FILE: Final = 64 * 1024 * 1024
_LARGEST_LOG: Final = 20.0
_MOST_WEEKS: Final = 10_000


def read_orange_juice(folder: Path, *, complete: bool = True) -> Panel:
    """Read the weekly quarts of every store and brand.

    Args:
        folder: the folder with `orangeJuice.rda`.
        complete: whether the counts have to be the stated ones.

    Raises:
        ArenaError: rdata is not installed.
        InvalidInput: the file is missing, cut, or another one.
    """
    path = folder / "orangeJuice.rda"
    names = ("store", "brand", "week", "logmove")
    store, brand, week, log = _columns(path, ("orangeJuice", "yx"), names)
    weeks = _whole(path, "week", week, most=_MOST_WEEKS)
    stores, brands = _whole(path, "store", store), _whole(path, "brand", brand)
    if not (np.abs(log) <= _LARGEST_LOG).all():
        refuse(path, "logmove", "", f"logarithms of ounces are at most {_LARGEST_LOG}", f"get the file anew: {_ORIGIN}")
    pairs, place = np.unique(np.stack([stores, brands], axis=1), axis=0, return_inverse=True)
    first = int(weeks.min())
    span = int(weeks.max()) - first + 1
    flat = place.ravel() * span + weeks - first
    if len(np.unique(flat)) < len(flat):
        refuse(path, "week", "", "has one row for each store, brand and week", f"get the file anew: {_ORIGIN}")
    if complete:
        for field, found, stated in (
            ("rows", len(weeks), ROWS),
            ("stores", len(np.unique(stores)), STORES),
            ("series", len(pairs), STORES * BRANDS),
            ("first week", first, WEEKS[0]),
            ("last week", first + span - 1, WEEKS[1]),
        ):
            require_count(path, field, found, (stated,), "bayesm's orangeJuice")
    units = np.zeros((len(pairs), span))
    in_stock = np.zeros(units.shape, dtype=np.bool_)
    units.flat[flat] = np.round(np.exp(log) / _QUART)
    in_stock.flat[flat] = True
    store_names = tuple(f"store {number}" for number in pairs[:, 0].tolist())
    brand_names = tuple(f"brand {number}" for number in pairs[:, 1].tolist())
    return Panel(
        source=str(path),
        names=tuple(f"{article} in {site}" for site, article in zip(store_names, brand_names, strict=True)),
        sites=store_names,
        articles=brand_names,
        first=str(first),
        frequency="period",
        units=units,
        in_stock=in_stock,
    )


def _columns(path: Path, within: tuple[str, ...], names: tuple[str, ...]) -> tuple[FloatArray, ...]:
    """Return columns of a data frame in an `.rda` file.

    Raises:
        ArenaError: rdata is not installed.
        InvalidInput: the file, the data frame or a column is not there, or is not of finite numbers.
    """
    require_file(path, _ORIGIN)
    try:
        import rdata
    except ImportError:
        raise ArenaError('.rda files are read with rdata: pip install "arena-boards[bayesm]"') from None
    if path.stat().st_size > _LARGEST_FILE:
        refuse(path, "", path.stat().st_size, f"is larger than {_LARGEST_FILE} bytes", f"give {_ORIGIN}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame: Any = rdata.read_rda(path)
    # A file that is cut or of another kind fails in the parser or its unpackers in many ways, all of one meaning.
    except Exception as error:
        rule = f"is not a file of R: {type(error).__name__}"
        refuse(path, "", path.name, rule, f"get the file anew: {_ORIGIN}")
    for key in within:
        frame = frame.get(key) if isinstance(frame, dict) else None
    if frame is None or not all(name in getattr(frame, "columns", ()) for name in names):
        rule = f"holds a data frame {'$'.join(within)} with the columns {', '.join(names)}"
        refuse(path, "", path.name, rule, f"give {_ORIGIN}")
    try:
        columns = tuple(np.asarray(frame[name], dtype=np.float64) for name in names)
    except (TypeError, ValueError):
        refuse(path, "", path.name, f"the columns {', '.join(names)} are numbers", f"give {_ORIGIN}")
    if not len(columns[0]) or not all(np.isfinite(column).all() for column in columns):
        refuse(path, "", path.name, f"the columns {', '.join(names)} are finite numbers", f"give {_ORIGIN}")
    return columns


def _whole(path: Path, name: str, values: FloatArray, most: float = 1e9) -> Any:
    """Return whole numbers of 0 or more.

    Raises:
        InvalidInput: some are not.
    """
    if not ((values >= 0) & (values <= most) & (values == np.floor(values))).all():
        refuse(path, name, "", f"are whole numbers from 0 to {most:g}", f"get the file anew: {_ORIGIN}")
    return values.astype(np.int64)


def build_bayesm(options: PanelOptions) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the last windows of the panel; see `build_panel`."""
    panel = read_orange_juice(options.data, complete=options.complete)
    return build_panel("bayesm", panel, options, RECENT)
