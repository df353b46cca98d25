"""Fingerprints: digests over rows of results, by which any later edit of a folder shows.

There are two, over the same rows in the order of their keys, so that neither the number of workers nor an interruption
changes them:

- `results` covers all that playing again would give again: who played what, at which level, the outcome, every
  indicator and report, orders and demand. Left out are measured times and what else depends on the machine and the
  moment: `VARYING`. Two runs of the same round have the same digest, unless a submission depends on time.
- `full` covers everything as it is stored, dates and versions included. It belongs to one run.

The `results` digest is the SHA-256 of one line per row. A line is ASCII JSON without spaces, keys sorted, that ends
with a line feed: `{"demand":…,"isolation":…,"key":[…],"outcome":…,"record":{…},"requested":…}`, the record without
`VARYING`, and a series as its shape and the SHA-256 of its values (little-endian 64-bit floats, row by row). For `full`
every line is followed by another one with the rest: `{"record":{…},"suite":…}`; and after all rows one line
`{"run":…}`, the SHA-256 of a line with the limits, the attempts that broke off, and the fields of the standings that no
row tells: `RUN_FACTS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from arena.results.record import EpisodeKey
from arena.results.series import unpack

VARYING: Final = frozenset(
    {
        "planning_time",
        "decision_time",
        "decision_times",
        "llm_seconds",
        "finished_at",
        "repetitions",
        "failure_message",
        "stderr_tail",
        "arena_version",
        "python_version",
        "numpy_version",
    }
)
"""Fields of a record that another run of the same episode may fill differently: measured times and the date; accidents
of the machine (`repetitions`); free text, which may hold times or paths; versions."""

RUN_FACTS: Final = (
    "suite",
    "commitment",
    "scenarios",
    "stopping",
    "score_rule",
    "native",
    "accept_fallbacks",
    "removals",
    "refused",
    "not_playing",
    "trusted",
    "round_digest",
)
"""Fields of standings that are about all rows together, and that no row tells."""

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class SubmissionDigests(BaseModel):
    """The digests of one submission's rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    submission_digest: str
    """Digest of its content."""
    episodes: int
    """Number of its rows."""
    results: str
    """As `Digests.results`, over its rows alone."""
    full: str
    """As `Digests.full`, over its rows alone."""


class Digests(BaseModel):
    """The digests of the rows that standings are about, SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: int
    """Number of rows."""
    results: str
    """Over what was played and what came of it, without times, dates, versions and free text. Equal for two runs of the
    same episodes by submissions that do not depend on time."""
    full: str
    """Over everything as it is stored, and `run`."""
    run: str | None = None
    """Over what is about all rows together: limits, trusted and refused submissions, removals, stopping rule, round and
    the rest of `RUN_FACTS`. None where an earlier arena computed the digests; then `full` covers rows only."""
    submissions: tuple[SubmissionDigests, ...]
    """The same by submission, in the order of names."""


class DigestedRow(NamedTuple):
    """A row of the store as its digests see it.

    Attributes:
        key: the key it is stored under.
        isolation: level, as kept beside the record.
        outcome: outcome, as kept beside the record.
        suite: suite it was played for first.
        record: the record, as it is stored: later fields that it lacks stay absent.
        shape: periods, supply links, market links.
        requested: packed orders.
        demand: packed demand.
    """

    key: EpisodeKey
    isolation: str
    outcome: str
    suite: str
    record: Mapping[str, Any]
    shape: tuple[int, int, int]
    requested: bytes
    demand: bytes


def digest_run(facts: Mapping[str, Any], limits: object, attempts: Sequence[object] = ()) -> str:
    """Return the digest of what is about all rows of a folder together.

    Args:
        facts: fields of the standings that have no default value, of which those of `RUN_FACTS` are taken. Fields that
            later arenas add, and that have their default, change nothing.
        limits: limits that the store records, as JSON has them.
        attempts: attempts that broke off at the episodes, as JSON has them, in the order of their keys.
    """
    taken = {name: facts[name] for name in RUN_FACTS if name in facts}
    return hashlib.sha256(_as_line({**taken, "limits": limits, "attempts": list(attempts)})).hexdigest()


def digest_rows(rows: Iterable[DigestedRow], run: str | None = None) -> Digests:
    """Return the digests of rows.

    Args:
        rows: in the order of their keys, all under the same rules; read once.
        run: digest of what is about all of them; None to leave it out, as earlier arenas did.
    """
    total, own = _Hashes(), _Hashes()
    parts: list[SubmissionDigests] = []
    last: DigestedRow | None = None
    for row in rows:
        if last is not None and row.key.submission_digest != last.key.submission_digest:
            parts.append(_of_submission(last, own))
            own = _Hashes()
        lines = _lines(row)
        total.add(*lines)
        own.add(*lines)
        last = row
    if last is not None:
        parts.append(_of_submission(last, own))
    parts.sort(key=lambda one: (one.submission, one.submission_digest))
    if run is not None:
        total.end(_as_line({"run": run}))
    return Digests(episodes=total.rows, results=total.results, full=total.full, run=run, submissions=tuple(parts))


class _Hashes:
    """Both digests of some rows, as far as they have come."""

    def __init__(self) -> None:
        self.rows = 0
        self._results, self._full = hashlib.sha256(), hashlib.sha256()

    def add(self, line: bytes, rest: bytes) -> None:
        self.rows += 1
        self._results.update(line)
        self._full.update(line)
        self._full.update(rest)

    def end(self, line: bytes) -> None:
        self._full.update(line)

    @property
    def results(self) -> str:
        return self._results.hexdigest()

    @property
    def full(self) -> str:
        return self._full.hexdigest()


def _of_submission(row: DigestedRow, hashes: _Hashes) -> SubmissionDigests:
    return SubmissionDigests(
        submission=str(row.record.get("submission", "")),
        submission_digest=row.key.submission_digest,
        episodes=hashes.rows,
        results=hashes.results,
        full=hashes.full,
    )


def _lines(row: DigestedRow) -> tuple[bytes, bytes]:
    """Return the line of a row that every run shares, and the line with the rest."""
    periods, supply_links, market_links = row.shape
    shared = {name: value for name, value in row.record.items() if name not in VARYING}
    line = {
        "key": list(row.key),
        "isolation": row.isolation,
        "outcome": row.outcome,
        "record": shared,
        "requested": _digest_series(row.requested, (periods, supply_links)),
        "demand": _digest_series(row.demand, (periods, market_links)),
    }
    rest = {name: value for name, value in row.record.items() if name in VARYING}
    return _as_line(line), _as_line({"record": rest, "suite": row.suite})


def _as_line(content: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(content).encode("ascii") + b"\n"


def _digest_series(blob: bytes, shape: tuple[int, int]) -> dict[str, Any]:
    """Return a series by shape and digest. Of a damaged one the stored bytes are taken: its store has digests too."""
    try:
        # Unpacked: how well a library compresses is no part of the results.
        return {"shape": list(shape), "sha256": hashlib.sha256(unpack(blob, shape).tobytes()).hexdigest()}
    except ValueError:
        return {"shape": list(shape), "damaged": hashlib.sha256(repr(blob).encode()).hexdigest()}
