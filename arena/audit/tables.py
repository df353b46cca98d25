"""The two tables of a folder of results, `episodes.csv` and `standings.json`, held against the rows of its store."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from arena.audit.differences import Difference, Mismatch, first_mismatch
from arena.contract.version import earlier_digests
from arena.errors import ABSENT, Fault, InvalidInput
from arena.results.columns import EPISODE_COLUMNS, KPI_COLUMNS
from arena.results.export import episode_row
from arena.results.folder import EPISODES_NAME, STANDINGS_NAME, STORE_NAME
from arena.results.reading import read_text
from arena.results.record import EpisodeRecord
from arena.results.rows import Removal, Standings
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.results.writers import safe_text

Line = Mapping[str, str]
"""One line of the table of episodes, by column."""

_ADDED: Final = frozenset({"slowest_decision_time", "repetitions", "seeds_contract", "llm_digest"})
"""Columns that tables of older arenas lack, beside indicators that were added since."""
_SURPLUS: Final = "cells beyond the columns"
_KEY: Final = ("submission_digest", "scenario_digest", "seed_index")


def read_lines(folder: Path) -> list[Line]:
    """Read the table of episodes of a folder of results.

    Raises:
        InvalidInput: the file is missing, is no table, or has other columns.
    """
    path = folder / EPISODES_NAME
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restkey=_SURPLUS, restval="")
    try:
        if _is_layout(tuple(reader.fieldnames or ())):
            return list(reader)
    except csv.Error as error:
        rule = f"is no table: {error}"
    else:
        rule = "holds no table of episodes of this arena's layout"
    hint = "use the arena that wrote it, or run arena evaluate into another folder"
    raise InvalidInput([Fault(str(path), f"line {reader.line_num}", ABSENT, rule, hint)])


def _is_layout(columns: tuple[str, ...]) -> bool:
    """Tell whether columns are those of this arena's tables, or of older ones under these rules."""
    added = _ADDED | {name for known in earlier_digests().values() for name in KPI_COLUMNS[len(known) :]}
    absent = set(EPISODE_COLUMNS) - set(columns)
    return absent <= added and columns == tuple(column for column in EPISODE_COLUMNS if column not in absent)


class Tables:
    """The tables of one folder, and the records that they are about.

    Args:
        standings: as stored.
        lines: of the table of episodes, as stored.
        records: of the standings' rules and seed plan, as they should be, under the scenarios' present names, without
            those of removed submissions.
        removals: marks of removed submissions.
    """

    def __init__(
        self,
        standings: Standings,
        lines: Sequence[Line],
        records: Iterable[EpisodeRecord],
        removals: Sequence[Removal] = (),
    ) -> None:
        """Find the record of every line."""
        self._removals = tuple(removals)
        self.standings = standings
        self.lines = lines
        self._records = {_key(record): record for record in records}
        self._counts: dict[tuple[str, ...], int] = {}
        for line in lines:
            key = _line_key(line)
            self._counts[key] = self._counts.get(key, 0) + 1
        # An evaluation ends with every seed of the plan in its tables, so the last one tells how many there are.
        self._seeds = 1 + max((record.seed_index for record in self.counted), default=-1)

    @property
    def counted(self) -> list[EpisodeRecord]:
        """Records that the table of episodes names, once each."""
        return [self._records[key] for key in self._counts if key in self._records]

    def line_differences(self) -> Iterator[Difference]:
        """Yield what differs in the table of episodes: a line, or one too many or too few."""
        seen: set[tuple[str, ...]] = set()
        for line in self.lines:
            key = _line_key(line)
            record = self._records.get(key)
            found = self._line_mismatch(line, record, doubled=key in seen)
            seen.add(key)
            if found is not None:
                index = line["seed_index"]
                yield Difference(
                    EPISODES_NAME,
                    line["submission"],
                    line["scenario"],
                    int(index) if index.isdecimal() and len(index) < 10 else None,
                    *found,
                )
        yield from self._absent()

    def _line_mismatch(self, line: Line, record: EpisodeRecord | None, *, doubled: bool) -> Mismatch | None:
        if record is None:
            return Mismatch("episode", "a line", f"none: {STORE_NAME} holds no such episode that counts")
        if doubled:
            return Mismatch("episode", f"{self._counts[_line_key(line)]} lines", "one line")
        if _SURPLUS in line:
            return Mismatch(_SURPLUS, line[_SURPLUS], "none")
        if record.scenario not in self.standings.scenarios:
            return Mismatch("scenario", line["scenario"], f"a scenario of {STANDINGS_NAME}")
        for column, expected in zip(EPISODE_COLUMNS, _cells(record, self.standings.suite), strict=True):
            if line.get(column, expected) != expected:
                return Mismatch(column, line[column], expected)
        return None

    def _absent(self) -> Iterator[Difference]:
        """Yield the episodes that the standings are about and the table leaves out.

        Of a submission that was changed and entered again, one content counts: the one that the table names.
        """
        scenarios = {line["scenario_digest"] for line in self.lines}
        contents: dict[str, set[str]] = {}
        for line in self.lines:
            contents.setdefault(line["submission"], set()).add(line["submission_digest"])
        for name, digests in contents.items():
            if len(digests) > 1:
                yield Difference(EPISODES_NAME, name, "", None, "submission_digest", sorted(digests), "one content")
        for key, record in self._records.items():
            counts = record.submission_digest in contents.get(safe_text(record.submission), {record.submission_digest})
            planned = record.scenario_digest in scenarios and record.seed_index < max(self._seeds, self.standings.seeds)
            if counts and planned and key not in self._counts:
                wanted = f"a line: {STORE_NAME} holds this episode"
                yield Difference(
                    EPISODES_NAME, record.submission, record.scenario, record.seed_index, "episode", "absent", wanted
                )

    def standings_difference(
        self, scored_by: Sequence[str | None], draws_nothing: bool | None = None
    ) -> Difference | None:
        """Compute the standings again and return the first value that differs.

        Args:
            scored_by: oracles that scores may be measured against, at least one. The first with which every
                scenario has the oracle that is stored is taken, or else the very first.
            draws_nothing: whether no seed changes anything in any scenario; None for what the standings say.
        """
        stored = self.standings
        if stored.seeds != self._seeds:
            return Difference(STANDINGS_NAME, "", "", None, "seeds", stored.seeds, self._seeds)
        expected = recompute_standings(stored, self.counted, scored_by, self._removals, draws_nothing)
        # The digests are held against the rows themselves: see `arena.audit.fingerprints`.
        expected = expected.model_copy(update={"digests": stored.digests})
        found = first_mismatch(stored.model_dump(), expected.model_dump())
        if found is None:
            return None
        row = _row_of(stored.model_dump(), found.column)
        return Difference(STANDINGS_NAME, row.get("submission", ""), row.get("scenario", ""), None, *found)


def recompute_standings(
    stored: Standings,
    records: Sequence[EpisodeRecord],
    scored_by: Sequence[str | None],
    removals: Sequence[Removal],
    draws_nothing: bool | None = None,
) -> Standings:
    """Compute standings again from what they are about.

    Args:
        stored: the standings; their suite, scenarios, seeds, score rule and comparisons are taken.
        records: their records.
        scored_by: oracles that scores may be measured against, at least one. The first with which every
            scenario has the oracle that is stored is taken, or else the very first.
        removals: marks of removed submissions.
        draws_nothing: whether no seed changes anything in any scenario; None for what the standings say.
    """
    found: Standings | None = None
    for name in scored_by:
        computed = compute_standings(
            records,
            suite=stored.suite,
            scenarios=stored.scenarios,
            seeds=stored.seeds,
            seed_plan=f"hidden:{stored.seeds}" if stored.commitment else "public",
            commitment=stored.commitment,
            stopping=stored.stopping,
            scoring=Scoring(stored.score_rule, name, stored.accept_fallbacks, stored.native),
            # Who is compared with whom stands in the manifests; verified is what came of it.
            full_views={one.submission: one.full_view for one in stored.prices},
            fitted_rules={one.submission: one.fitted_rule for one in stored.language_models if one.fitted_rule},
            removals=removals,
            refused=stored.refused,
            not_playing=stored.not_playing,
            trusted=stored.trusted,
            round_digest=stored.round_digest,
            draws_nothing=stored.unit == "scenario" if draws_nothing is None else draws_nothing,
        )
        if computed.oracles == stored.oracles:
            return computed
        found = found or computed
    if found is None:
        raise ValueError("nobody was named that scores may be measured against; name None for the best oracle")
    return found


def _key(record: EpisodeRecord) -> tuple[str, ...]:
    return tuple(str(getattr(record, column)) for column in _KEY)


def _line_key(line: Line) -> tuple[str, ...]:
    return tuple(line[column] for column in _KEY)


def _cells(record: EpisodeRecord, suite: str) -> Iterator[str]:
    """The line of a record, as `arena.results.export` writes it."""
    for value in episode_row(record, suite):
        yield "" if value is None else safe_text(value) if isinstance(value, str) else repr(value)


def _row_of(standings: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The row that a path such as `rows[3].score` leads into; nothing if it leads into none."""
    table, _, rest = path.partition("[")
    position = rest.partition("]")[0]
    rows = standings.get(table)
    if isinstance(rows, Sequence) and position.isdecimal() and int(position) < len(rows):
        row = rows[int(position)]
        return row if isinstance(row, Mapping) else {}
    return {}
