"""Reading a folder of results: records and standings as objects, and as data frames for analysis."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from arena.contract.version import earlier_digests
from arena.errors import ABSENT, ArenaError, Fault, InvalidInput
from arena.results.columns import EPISODE_COLUMNS, NODE_COLUMNS, PERIOD_COLUMNS
from arena.results.export import episode_row
from arena.results.folder import EPISODES_NAME, STANDINGS_NAME, STORE_NAME
from arena.results.record import EpisodeRecord, PlayedEpisode, key_of
from arena.results.rows import ScenarioRow, StandingRow, Standings
from arena.results.store import Store
from arena.results.tables import Block, Played, Tables, cells

if TYPE_CHECKING:
    import pandas

_BLOCK: Final = 450
"""Episodes that are read at a time."""


@dataclass(frozen=True)
class Results:
    """A folder of results, as `arena evaluate` left it. Make one with `read_results`.

    The methods that return data frames need pandas, which is an extra: ``pip install "inventory-arena[pandas]"``.

    Attributes:
        folder: the folder.
        table: the standings: what the records say about the submissions.
        records: the episodes that the standings are about, in the order of submission, scenario and seed index.
    """

    folder: Path
    table: Standings
    records: tuple[EpisodeRecord, ...]

    def episode(self, record: EpisodeRecord) -> PlayedEpisode:
        """Return an episode with its series: requested orders, shape (periods, supply links), and realised demand,
        shape (periods, market links), both in units.

        Args:
            record: one of `records`.

        Raises:
            StoreError: the store holds no such episode, or its series are damaged.
        """  # noqa: D205 - the shapes belong to the first sentence
        with Store(self.folder / STORE_NAME, read_only=True) as store:
            series = store.arrays(key_of(record))
            stored = store.scenarios().get(record.scenario_digest)
        markets = series.drawn.shape[1] if stored is None else len(stored.scenario.network.market_links)
        return PlayedEpisode(record, series.requested, *series.split(markets))

    def episodes(self) -> pandas.DataFrame:
        """Return a row per episode, with the columns of `episodes.csv`: who played what, the outcome, every indicator.

        Raises:
            ArenaError: pandas is not installed.
        """
        rows = (episode_row(record, self.table.suite) for record in self.records)
        return _frame(rows, EPISODE_COLUMNS)

    def periods(self) -> pandas.DataFrame:
        """Return a row per episode, period and link: units ordered on a supply link, or demanded on a market link.

        `origin` and `destination` are the ends of the link.

        `quantity` is `requested_order`, whose `link` is a position among the network's supply links, or
        `realised_demand`, whose `link` is a position among its market links.

        Raises:
            ArenaError: pandas is not installed.
            StoreError: series are damaged.
        """
        return _frame(self._rows(Tables.periods), PERIOD_COLUMNS)

    def nodes(self) -> pandas.DataFrame:
        """Return a row per episode, period and managed node: units on hand and under way to it, and its money.

        The numbers are those of the simulator for the stored orders and demand; see `arena.simulate.ledger.Ledger`.

        Raises:
            ArenaError: pandas is not installed.
            StoreError: series are damaged.
        """
        return _frame(self._rows(Tables.nodes), NODE_COLUMNS)

    def _rows(self, make: Callable[[Tables, Sequence[Played]], Block]) -> Iterator[tuple[Any, ...]]:
        with Store(self.folder / STORE_NAME, read_only=True) as store:
            tables = Tables(store.scenarios())
            for start in range(0, len(self.records), _BLOCK):
                chosen = self.records[start : start + _BLOCK]
                yield from cells(make(tables, [(record, store.arrays(key_of(record))) for record in chosen]))

    def standings(self) -> pandas.DataFrame:
        """Return a row per submission over the whole suite, ranked ones first, references last; see `StandingRow`.

        The ends of an interval are two columns, as in `score_low` and `score_high`, and so are the ends of a rank:
        `rank_first` and `rank_last`.

        Raises:
            ArenaError: pandas is not installed.
        """
        return _rows_frame((*self.table.rows, *self.table.reference), StandingRow)

    def scenarios(self) -> pandas.DataFrame:
        """Return a row per submission and scenario; see `ScenarioRow`. Intervals as in `standings`.

        Raises:
            ArenaError: pandas is not installed.
        """
        return _rows_frame(self.table.by_scenario, ScenarioRow)


def read_results(folder: str | Path) -> Results:
    """Read a folder of results.

    Args:
        folder: the `--output` of `arena evaluate`.

    Returns:
        Its standings, and the records that they are about.

    Raises:
        InvalidInput: a table is missing or of another layout.
        StoreError: the store is missing or damaged.
    """
    place = Path(folder)
    standings = read_standings(place)
    return Results(place, standings, tuple(read_records(place, standings)))


def read_records(folder: Path, standings: Standings) -> list[EpisodeRecord]:
    """Read the records behind standings: the rows of the store whose content the table of episodes names.

    Raises:
        InvalidInput: the table of episodes is missing.
        StoreError: the store is missing or damaged.
    """
    counted = {
        (row["submission_digest"], row["scenario_digest"], row["seed_index"]): row["scenario"]
        for row in csv.DictReader(io.StringIO(read_text(folder / EPISODES_NAME), newline=""))
    }
    with Store(folder / STORE_NAME, read_only=True) as store:
        refuse_stale(folder, standings, store)
        stored = store.records(
            contract_digest=standings.contract_digest, seed_plan=standings.commitment or standings.seed_plan
        )
    found = [
        (record, counted.get((record.submission_digest, record.scenario_digest, str(record.seed_index))))
        for record in stored
    ]
    return [record.model_copy(update={"scenario": scenario}) for record, scenario in found if scenario is not None]


def read_standings(folder: Path, *, to_rewrite: bool = False) -> Standings:
    """Read the standings of a folder of results.

    Args:
        folder: of results.
        to_rewrite: whether only what they are about is needed: suite, scenarios, seeds, submissions. Then standings of
            before ranks were sets are read too.

    Raises:
        InvalidInput: the file is missing or of another layout.
    """
    path = folder / STANDINGS_NAME
    text = read_text(path)
    _refuse_doubled_names(path, text)
    rule = "holds no standings of this arena's layout"
    fix = "use the arena that wrote it, or run arena evaluate into another folder"
    try:
        return Standings.model_validate_json(text)
    except ValidationError:
        older = _single_ranks_as_sets(text)
    if older is not None:
        if to_rewrite:
            return older
        rule = "is of an older arena, whose intervals and ranks followed other rules"
        fix = f"write the tables anew by: arena results upgrade {folder}"
    raise InvalidInput([Fault(str(path), "", ABSENT, rule, fix)])


def _refuse_doubled_names(path: Path, text: str) -> None:
    """Refuse an object that says something twice: of two values some readers take the first and others the last.

    Raises:
        InvalidInput: a name is there twice.
    """

    def look(pairs: list[tuple[str, object]]) -> None:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                fix = "restore a copy of the file"
                raise InvalidInput([Fault(str(path), name, ABSENT, "is there twice in one object", fix)])
            names.add(name)

    with contextlib.suppress(ValueError, RecursionError):  # What is no JSON is told by who reads it.
        json.loads(text, object_pairs_hook=look)


def _single_ranks_as_sets(text: str) -> Standings | None:
    """Return standings of before ranks were sets, without their rows; None if they are not."""
    try:
        content = json.loads(text)
        del content["resamples"]
        unit = "seed" if content["commitment"] is None else "episode"
        return Standings.model_validate({**content, "unit": unit, "rows": (), "reference": (), "by_scenario": ()})
    except (ValueError, KeyError, TypeError):
        return None


def refuse_stale(folder: Path, standings: Standings, store: Store) -> None:
    """Refuse tables that an interrupted upgrade has not written anew yet.

    Args:
        folder: of results.
        standings: of the folder.
        store: of the folder, open.

    Raises:
        InvalidInput: the tables are of an earlier contract of these rules, and the episodes under the present one.
    """
    digest = standings.contract_digest
    if digest in earlier_digests() and digest not in {key.contract_digest for key, _ in store.keys().items()}:
        rule = f"is of an earlier contract of the same rules, and {STORE_NAME} was upgraded"
        fix = f"write the tables anew by: arena results upgrade {folder}"
        raise InvalidInput([Fault(str(folder / STANDINGS_NAME), "contract_digest", digest, rule, fix)])


def read_text(path: Path) -> str:
    """Read a file of a folder of results.

    Raises:
        InvalidInput: it is missing, cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
    hint = "arena evaluate writes it; an interrupted evaluation is finished by the same command"
    raise InvalidInput([Fault(str(path), "", ABSENT, f"cannot be read: {cause}", hint)])


def _rows_frame(rows: Sequence[StandingRow | ScenarioRow], row_type: type[StandingRow | ScenarioRow]) -> Any:
    """Return rows as a data frame; a field that holds an interval or a rank becomes two columns."""
    columns = [column for name in row_type.model_fields for column, _ in _parts(name)]
    cells = []
    for row in rows:
        values = row.model_dump()
        parts = [(values[name], part) for name in row_type.model_fields for _, part in _parts(name)]
        cells.append([value if part is None or value is None else value[part] for value, part in parts])
    return _frame(cells, columns)


def _parts(name: str) -> tuple[tuple[str, str | None], ...]:
    """Return the columns of a field, each with the part of its value that it holds; None for all of it."""
    if name.endswith("_interval"):
        base = name.removesuffix("_interval")
        return (f"{base}_low", "low"), (f"{base}_high", "high")
    if name in ("rank", "track_rank"):
        return (f"{name}_first", "first"), (f"{name}_last", "last")
    return ((name, None),)


def _frame(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> Any:
    try:
        import pandas
    except ImportError as error:
        fix = 'pip install "inventory-arena[pandas]"'
        raise ArenaError(f"data frames need pandas, which is not installed; {fix}") from error
    return pandas.DataFrame.from_records(list(rows), columns=list(columns)).infer_objects()
