"""Results as files that other programs read: CSV and Parquet, written whole or not at all.

Numbers are written with every digit that distinguishes them. Text cells are made safe for spreadsheets: one that would
be read as a formula gets an apostrophe in front, and control characters become spaces.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from arena.errors import ArenaError, InvalidInput, suggest
from arena.results.columns import EPISODE_COLUMNS, FLOAT_COLUMNS, INTEGER_COLUMNS, PERIOD_COLUMNS
from arena.results.files import (
    EPISODES,
    EPISODES_PARQUET,
    PERIODS,
    PERIODS_PARQUET,
    Kind,
    Wanted,
    find_obstacles,
    replacing,
)
from arena.results.folder import find_own
from arena.results.record import EpisodeRecord, key_of
from arena.results.store import Store

Format = Literal["csv", "parquet"]
"""File formats of an export."""

FORMATS: Final = ("csv", "parquet")

_KINDS: Final = {"csv": (EPISODES, PERIODS), "parquet": (EPISODES_PARQUET, PERIODS_PARQUET)}

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


class Exported(NamedTuple):
    """The files of an export.

    Attributes:
        episodes: a row per episode.
        periods: a row per episode, period, quantity and link.
    """

    episodes: Path
    periods: Path


def export(store_path: Path, output: Path, file_format: Format) -> Exported:
    """Write a store's episodes, and beside them the orders and demands of every period.

    An earlier export in the same format is replaced, and no other file.

    Args:
        store_path: the store.
        output: file for the episodes; the periods go beside it, as in `episodes.csv` and `episodes-periods.csv`.
        file_format: `csv` or `parquet`.

    Raises:
        ArenaError: the format is unknown, or Parquet is wanted and pyarrow is not installed, or a file cannot be
            written.
        InvalidInput: a file that is no earlier export is in the way, or the output is of a folder of results.
        StoreError: the store cannot be read.
    """
    if file_format not in FORMATS:
        raise ArenaError(f'there is no export format "{file_format}"; {suggest(file_format, FORMATS)}')
    if file_format == "parquet":
        _require_pyarrow()
    # A folder has no name that could be extended; the check below refuses it.
    beside = output if output.is_dir() else output.with_name(f"{output.stem}-periods{output.suffix}")
    exported = Exported(output, beside)
    kinds = _KINDS[file_format]
    fix = "choose another name: --output FILE"
    paths = tuple(dict.fromkeys(exported))
    faults = find_own(paths, fix)
    told = {fault.source for fault in faults}
    faults += find_obstacles((one for one in map(Wanted, paths, kinds) if str(one.path) not in told), fix)
    if faults:
        raise InvalidInput(faults)
    with Store(store_path, read_only=True) as store:
        stored = store.episodes()
        episodes = (episode_row(one.record, one.suite) for one in stored)
        write = _write_csv if file_format == "csv" else _write_parquet
        write(exported.episodes, kinds[0], EPISODE_COLUMNS, episodes)
        write(exported.periods, kinds[1], PERIOD_COLUMNS, period_rows(store, store.records()))
    return exported


def write_episodes(records: Iterable[EpisodeRecord], suite: str, path: Path) -> None:
    """Write records of one suite as CSV, a row per episode, with `EPISODE_COLUMNS`.

    Raises:
        InvalidInput: a file that is no table of episodes is in the way.
        ArenaError: the file cannot be written; an older one is left as it was.
    """
    _write_csv(path, EPISODES, EPISODE_COLUMNS, (episode_row(record, suite) for record in records))


def safe_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula and that holds no control character.

    >>> safe_text("=1+1")
    "'=1+1"
    >>> safe_text("order-up-to")
    'order-up-to'
    """
    guarded = f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
    return "".join(" " if unicodedata.category(character)[0] == "C" else character for character in guarded)


def episode_row(record: EpisodeRecord, suite: str) -> list[Any]:
    """Return the values of a record in the order of `EPISODE_COLUMNS`; None is an empty cell."""
    times = record.decision_times
    slowest = None if times is None else times.slowest
    values = {**record.model_dump(), "suite": suite, "slowest_decision_time": slowest}
    return [values[column] for column in EPISODE_COLUMNS]


def period_rows(store: Store, records: Iterable[EpisodeRecord]) -> Iterator[list[Any]]:
    """Yield the rows of records in a table of periods, with `PERIOD_COLUMNS`.

    Args:
        store: holds their series.
        records: the records.
    """
    for record in records:
        head = [record.submission, record.submission_digest, record.scenario, record.seed_index, record.commitment]
        requested, demand = store.arrays(key_of(record))
        for period in range(len(requested)):
            for quantity, series in (("requested_order", requested), ("realised_demand", demand)):
                for link, units in enumerate(series[period].tolist()):
                    yield [*head, period, quantity, link, units]


def _write_csv(path: Path, kind: Kind, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with replacing(path, kind) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            # csv writes None as an empty cell and a float with the digits that its repr has.
            writer.writerow([safe_text(value) if isinstance(value, str) else value for value in row])
        text.flush()
        text.detach()


def _write_parquet(path: Path, kind: Kind, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    arrow, parquet = _require_pyarrow()
    kinds = {
        **dict.fromkeys(columns, arrow.string()),
        **dict.fromkeys(FLOAT_COLUMNS, arrow.float64()),
        **dict.fromkeys(INTEGER_COLUMNS, arrow.int64()),
    }
    schema = arrow.schema([(column, kinds[column]) for column in columns])
    with replacing(path, kind) as file, parquet.ParquetWriter(file, schema) as writer:
        for block in _blocks(rows):
            series = [
                arrow.array(values, type=kinds[column])
                for column, values in zip(columns, zip(*block, strict=True), strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(series, schema=schema))


def _blocks(rows: Iterable[Sequence[Any]], size: int = 50_000) -> Iterator[list[Sequence[Any]]]:
    """Yield rows in lists of at most `size`, so that an export needs little memory."""
    block: list[Sequence[Any]] = []
    for row in rows:
        block.append(row)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _require_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ArenaError("an export to Parquet needs pyarrow, which is not installed; pip install pyarrow") from error
    return pyarrow, parquet
