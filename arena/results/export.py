"""Results as files that other programs read: CSV, Parquet and workbooks, written whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from arena.errors import ArenaError, Fault, InvalidInput, suggest
from arena.results.columns import EPISODE_COLUMNS, NODE_COLUMNS, PERIOD_COLUMNS
from arena.results.files import (
    EPISODES,
    EPISODES_GZIP,
    EPISODES_PARQUET,
    NODES,
    NODES_GZIP,
    NODES_PARQUET,
    PERIODS,
    PERIODS_GZIP,
    PERIODS_PARQUET,
    WORKBOOK,
    Kind,
    Wanted,
    find_obstacles,
    replacing,
)
from arena.results.folder import find_own
from arena.results.record import EpisodeRecord
from arena.results.store import Store
from arena.results.tables import Tables
from arena.results.writers import (
    LARGEST_SHEET,
    CsvWriter,
    ParquetWriter,
    SheetWriter,
    TableWriter,
    open_workbook,
    require_pyarrow,
)

Format = Literal["csv", "csv.gz", "parquet", "xlsx"]
"""File formats of an export."""

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_KINDS: Final[dict[Format, tuple[Kind, ...]]] = {
    "csv": (EPISODES, PERIODS, NODES),
    "csv.gz": (EPISODES_GZIP, PERIODS_GZIP, NODES_GZIP),
    "parquet": (EPISODES_PARQUET, PERIODS_PARQUET, NODES_PARQUET),
    "xlsx": (WORKBOOK, WORKBOOK, WORKBOOK),
}
_COLUMNS: Final = {"episodes": EPISODE_COLUMNS, "periods": PERIOD_COLUMNS, "nodes": NODE_COLUMNS}
"""Tables of an export with their columns, in the order of `Exported`."""
_REPEATING: Final = {
    "episodes": (),
    "periods": (
        "submission",
        "submission_digest",
        "scenario",
        "commitment",
        "quantity",
        "link_name",
        "origin",
        "destination",
    ),
    "nodes": ("submission", "submission_digest", "scenario", "commitment", "node"),
}
_BLOCK: Final = 450
"""Episodes that are read, replayed and written at a time."""


class Exported(NamedTuple):
    """The files of an export; all three are the same for a workbook.

    Attributes:
        episodes: a row per episode.
        periods: a row per episode, period, quantity and link.
        nodes: a row per episode, period and managed node, with stock and money.
        left_out: number of episodes without rows in the table of nodes; see `arena.results.tables.Tables`.
    """

    episodes: Path
    periods: Path
    nodes: Path
    left_out: int

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, each once."""
        return tuple(dict.fromkeys((self.episodes, self.periods, self.nodes)))


def export(store_path: Path, output: Path, file_format: Format) -> Exported:
    """Write a store's episodes, and beside them the links and the nodes of every period.

    An earlier export in the same format is replaced, and no other file. Memory does not grow with the store.

    Args:
        store_path: the store.
        output: file for the episodes; the others go beside it, as in `episodes.csv`, `episodes-periods.csv` and
            `episodes-nodes.csv`. A workbook is one file with three sheets.
        file_format: `csv`, `csv.gz`, `parquet` or `xlsx`.

    Raises:
        ArenaError: the format is unknown, or its library is not installed, or a file cannot be written.
        InvalidInput: a file that is no earlier export is in the way, or the output is of a folder of results, or a
            table has more rows than a sheet of a workbook can have.
        StoreError: the store cannot be read.
    """
    if file_format not in FORMATS:
        raise ArenaError(f'there is no export format "{file_format}"; {suggest(file_format, FORMATS)}')
    if file_format == "parquet":
        require_pyarrow()
    paths = _paths(output, file_format)
    kinds = _KINDS[file_format]
    fix = "choose another name: --output FILE"
    faults = find_own(tuple(dict.fromkeys(paths)), fix)
    told = {fault.source for fault in faults}
    wanted = dict.fromkeys(map(Wanted, paths, kinds))
    faults += find_obstacles((one for one in wanted if str(one.path) not in told), fix)
    if faults:
        raise InvalidInput(faults)
    with Store(store_path, read_only=True) as store:
        if file_format == "xlsx":
            _refuse_too_many_rows(store, output)
        tables = Tables(store.scenarios())
        with _writers(paths, kinds, file_format) as writers:
            episodes, periods, nodes = writers
            for block in store.blocks(_BLOCK):
                episodes.write_rows([episode_row(one.record, one.suite) for one, _ in block])
                played = [(one.record, series) for one, series in block]
                periods.write_block(tables.periods(played))
                nodes.write_block(tables.nodes(played))
    return Exported(*paths, tables.left_out)


def write_episodes(records: Iterable[EpisodeRecord], suite: str, path: Path) -> None:
    """Write records of one suite as CSV, a row per episode, with `EPISODE_COLUMNS`.

    Raises:
        InvalidInput: a file that is no table of episodes is in the way.
        ArenaError: the file cannot be written; an older one is left as it was.
    """
    with replacing(path, EPISODES) as file:
        writer = CsvWriter(file, EPISODE_COLUMNS)
        writer.write_rows([episode_row(record, suite) for record in records])
        writer.close()


def episode_row(record: EpisodeRecord, suite: str) -> list[Any]:
    """Return the values of a record in the order of `EPISODE_COLUMNS`; None is an empty cell."""
    times = record.decision_times
    slowest = None if times is None else times.slowest
    values = {**record.model_dump(), "suite": suite, "slowest_decision_time": slowest}
    return [values[column] for column in EPISODE_COLUMNS]


def _paths(output: Path, file_format: Format) -> tuple[Path, Path, Path]:
    # A folder has no name that could be extended; the checks of files refuse it.
    if file_format == "xlsx" or output.is_dir():
        return output, output, output
    ending = f".{file_format}" if output.name.endswith(f".{file_format}") else output.suffix
    stem = output.name.removesuffix(ending)
    periods, nodes = (output.with_name(f"{stem}-{table}{ending}") for table in ("periods", "nodes"))
    return output, periods, nodes


@contextlib.contextmanager
def _writers(
    paths: Sequence[Path], kinds: Sequence[Kind], file_format: Format
) -> Iterator[tuple[TableWriter, TableWriter, TableWriter]]:
    """Open a writer for every table; the files take their places when all are written."""
    with contextlib.ExitStack() as stack:
        if file_format == "xlsx":
            file = stack.enter_context(replacing(paths[0], kinds[0]))
            workbook = open_workbook(file, paths[0].resolve().parent)
            sheets = [SheetWriter(workbook.add_worksheet(name), columns) for name, columns in _COLUMNS.items()]
            yield sheets[0], sheets[1], sheets[2]
            workbook.close()
            return
        writers: list[TableWriter] = []
        for path, kind, (name, columns) in zip(paths, kinds, _COLUMNS.items(), strict=True):
            file = stack.enter_context(replacing(path, kind))
            if file_format == "parquet":
                writers.append(ParquetWriter(file, columns, _REPEATING[name]))
            else:
                writers.append(CsvWriter(file, columns, compressed=file_format == "csv.gz"))
            stack.callback(writers[-1].abandon)
        yield writers[0], writers[1], writers[2]
        for writer in writers:
            writer.close()


def _refuse_too_many_rows(store: Store, output: Path) -> None:
    # A managed node has a supply link of its own: there are no more rows of nodes than of links.
    for name, rows in zip(("episodes", "periods"), store.count_rows(), strict=True):
        if rows >= LARGEST_SHEET:
            rule = f"the table of {name} has {rows:,} rows; a sheet of a workbook has at most {LARGEST_SHEET - 1:,}"
            fix = "write --format parquet, which has no such bound"
            raise InvalidInput([Fault(str(output), "--format", "xlsx", rule, fix)])
