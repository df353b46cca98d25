"""Variants of every kind of edit of results: three at least of each, and what names it.

An edit is *lazy* where only what it is about was changed, and *careful* where all tables and digests were computed
anew. Lazy edits are named by the folder itself. Of careful ones the round is told where its terms are touched, and a
digest that was published in any case: `RESULTS` by the results digest, `REST` by the full digest alone.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from editing import Edit, of, rewrite, set_field
from scaled_rule import CODE

from arena.audit.verify import verify
from arena.contract.seeds import Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.entry.submission import Submission
from arena.errors import ArenaError
from arena.play.evaluate import evaluate
from arena.play.rounds import make_round
from arena.plugins import Plugins
from arena.report.page import render_again, write_report
from arena.results.fingerprint import Digests
from arena.results.rounds import Round
from arena.results.rows import RefusedSubmission, StoppingRule
from arena.world.suite import load_suite

SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
SEEDS = 3
SUITE = """
name: small
scored_by: clairvoyant
scenarios:
  - serial-stationary-backlog
  - {name: own, network: tree, horizon: 9}
"""
MANIFESTS = {
    "clairvoyant": ("oracle", "factor: 0.9"),
    "late": ("blind", "last: 5"),
    "rival": ("blind", "factor: 0.8"),
    "steady": ("blind", ""),
}
REFUSED = [RefusedSubmission(path="submissions/broken", faults=("broken: no manifest",))]
ROW = f"{of('steady')} AND seed_index = 1"


def load(place: Path) -> tuple[Submission, ...]:
    return load_submissions([place], Plugins({})).require()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Round]:
    """A folder in which a round was played, with its page, and the round."""
    place = tmp_path_factory.mktemp("variants")
    for name, (track, config) in MANIFESTS.items():
        folder = place / "submissions" / name
        folder.mkdir(parents=True)
        (folder / "controller.py").write_text(CODE)
        manifest = f"name: {name}\ncontroller: controller.py:Controller\ntrack: {track}\nconfig: {{{config}}}\n"
        (folder / "submission.yaml").write_text(manifest)
    (place / "small.yaml").write_text(SUITE)
    seeds, suite = hidden_seeds(SECRET, SEEDS, contract_digest()), load_suite(place / "small.yaml")
    submissions = load(place / "submissions")
    contest_round = make_round(submissions, suite, seeds, isolation="trusted")
    options: dict[str, Any] = {"output": place / "results", "isolation": "trusted", "workers": 0}
    done = evaluate(submissions, suite, seeds, refused=REFUSED, contest_round=contest_round, **options)
    write_report(done.standings, done.records, place / "results" / "report.html")
    return place / "results", contest_round


@pytest.fixture
def folder(original: tuple[Path, Round], tmp_path: Path) -> Path:
    return shutil.copytree(original[0], tmp_path / "results")


def published(original: tuple[Path, Round]) -> Digests:
    return Digests.model_validate(json.loads((original[0] / "standings.json").read_text())["digests"])


def columns(folder: Path, **options: Any) -> list[str]:
    found = verify(folder, reveal=reveal_secret(SECRET), **options)
    return [one.column for one in found.differences]


def is_named(folder: Path) -> bool:
    """Tell whether a difference is named, or the folder refused because its tables and its store do not fit."""
    try:
        return bool(columns(folder))
    except ArenaError as refused:
        return "standings.json" in str(refused) or "episodes" in str(refused)


def in_records(change: Callable[[dict[str, Any]], dict[str, Any]], condition: str = "1") -> Edit:
    """Return an edit that changes records, and the columns that repeat them."""

    def edit(connection: sqlite3.Connection) -> None:
        rows = connection.execute(f"SELECT rowid, record FROM episodes WHERE {condition}").fetchall()
        for number, text in rows:
            record = json.loads(text)
            record = {**record, **change(record)}
            statement = "UPDATE episodes SET record = ?, isolation = ?, outcome = ? WHERE rowid = ?"
            connection.execute(statement, (json.dumps(record), record["isolation"], record["outcome"], number))

    return edit


def swap(field: str) -> Edit:
    """Exchange the names of `steady` and `rival` in one field of their records."""
    other = {"steady": "rival", "rival": "steady"}

    def change(record: dict[str, Any]) -> dict[str, Any]:
        return {field: other.get(record[field], record[field])}

    return in_records(change)


def rows_of(statement: str) -> Edit:
    def edit(connection: sqlite3.Connection) -> None:
        connection.execute(statement)

    return edit


def shift_seeds(connection: sqlite3.Connection) -> None:
    """Take the first seed out, and give the others its place."""
    connection.execute("DELETE FROM episodes WHERE seed_index = 0")
    for number, text in connection.execute("SELECT rowid, record FROM episodes ORDER BY seed_index").fetchall():
        record = json.loads(text)
        record["seed_index"] -= 1
        statement = "UPDATE episodes SET seed_index = ?, record = ? WHERE rowid = ?"
        connection.execute(statement, (record["seed_index"], json.dumps(record), number))


def double_the_best(connection: sqlite3.Connection) -> None:
    """Put the best episode of `steady` in the place of its others."""
    chosen = f"{of('steady')} AND json_extract(record, '$.scenario') = 'own'"
    rows = connection.execute(f"SELECT rowid, record FROM episodes WHERE {chosen}").fetchall()
    best, text = max(rows, key=lambda one: json.loads(one[1])["profit"])
    for number, other in rows:
        record = {**json.loads(text), "seed_index": json.loads(other)["seed_index"]}
        statement = (
            "UPDATE episodes SET record = ?, requested = (SELECT requested FROM episodes WHERE rowid = ?), "
            "demand = (SELECT demand FROM episodes WHERE rowid = ?) WHERE rowid = ?"
        )
        connection.execute(statement, (json.dumps(record), best, best, number))


def lost(record: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": "infrastructure"}


def deadline(name: str, value: float) -> Edit:
    return set_field(f"decision_times.{name}", value, of("rival"))


RESULTS: dict[str, dict[str, Edit]] = {
    "orders of another": {
        "names exchanged": swap("submission"),
        "controllers exchanged": in_records(lambda _: {"controller": "controller.py:Better"}, of("rival")),
        "track changed": in_records(lambda _: {"track": "informed"}, of("rival")),
        "best episode doubled": double_the_best,
    },
    "level": {
        "of one submission": set_field("isolation", "sandbox", of("rival")),
        "of one row": set_field("isolation", "strict", ROW),
        "in the record alone": rows_of("UPDATE episodes SET record = json_set(record, '$.isolation', 'strict')"),
        "beside the record alone": rows_of(f"UPDATE episodes SET isolation = 'strict' WHERE {of('rival')}"),
    },
    "rival": {
        "deleted": rows_of(f"DELETE FROM episodes WHERE {of('rival')}"),
        "deleted on one scenario": rows_of(
            f"DELETE FROM episodes WHERE {of('rival')} AND json_extract(record, '$.scenario') = 'own'"
        ),
        "put under other rules": rows_of(
            "UPDATE episodes SET contract_digest = 'ab', record = json_set(record, '$.contract_digest', 'ab') "
            f"WHERE {of('rival')}"
        ),
        "put on other seeds": rows_of(
            "UPDATE episodes SET seed_plan = 'public', record = json_set(record, '$.commitment', null) "
            f"WHERE {of('rival')}"
        ),
        "lost by the arena": in_records(lost, f"{of('rival')} AND seed_index = 1"),
    },
    "seeds": {
        "last dropped": rows_of(f"DELETE FROM episodes WHERE seed_index = {SEEDS - 1}"),
        "first dropped": shift_seeds,
        "one in the middle dropped": rows_of("DELETE FROM episodes WHERE seed_index = 1"),
        "dropped for one": rows_of(f"DELETE FROM episodes WHERE {ROW}"),
    },
    "end": {
        "forfeit turned into ok": in_records(
            lambda _: {"outcome": "ok", "failure_period": None, "failure_message": ""}, of("late")
        ),
        "other reason": set_field("outcome", "timeout", of("late")),
        "other period": set_field("failure_period", 4, of("late")),
        "ok turned into a timeout": in_records(
            lambda one: {"outcome": "timeout", "profit": min(0, one["profit"])}, ROW
        ),
    },
    "reports": {
        "clipped orders": set_field("clipped_orders", 9, ROW),
        "fallbacks": set_field("fallbacks", 3, ROW),
        "a bound": set_field("profit_bound", 1e9, f"{of('clairvoyant')} AND seed_index = 0"),
        "calls to a language model": set_field("llm_calls", 4, ROW),
    },
}
REST: dict[str, dict[str, Edit]] = {
    "dates, versions, times": {
        "numpy": set_field("numpy_version", "9.9", "1"),
        "date": set_field("finished_at", "2999-01-01T00:00:00.000+00:00", of("rival")),
        "repetitions": set_field("repetitions", 2, ROW),
        "output": set_field("stderr_tail", "Traceback", ROW),
        "reason in words": set_field("failure_message", "KeyError: 'stock'", of("late")),
        "suite": rows_of("UPDATE episodes SET suite = 'core'"),
        "planning time": set_field("planning_time", 99.0, of("rival")),
        "slowest decision": set_field("decision_times.slowest_later", 0.9, of("rival")),
    },
    "limits": {
        "of the folder": rows_of("UPDATE about SET value = json_set(value, '$.memory', 1) WHERE name = 'limits'"),
        "a rival's first": deadline("first_deadline", 0.5),
        "a rival's": deadline("deadline", 0.1),
        "forgotten": rows_of("DELETE FROM about WHERE name = 'limits'"),
    },
}
ALL = {
    f"{kind}: {name}": edit for part in (RESULTS, REST) for kind, edits in part.items() for name, edit in edits.items()
}
OF_REST = {f"{kind}: {name}" for kind, edits in REST.items() for name in edits}
TOUCHED_BY_THE_ROUND = {
    "orders of another: names exchanged": "submission_digest",
    "level: of one submission": "isolation",
    "level: of one row": "isolation",
    "rival: deleted": "submission_digest",
    "rival: put under other rules": "submission_digest",
    "rival: put on other seeds": "submission_digest",
    "seeds: last dropped": "seeds",
    "limits: of the folder": "limits.memory",
    "limits: forgotten": "limits.memory",
}


def test_there_are_three_variants_of_every_kind() -> None:
    assert all(len(edits) >= 3 for part in (RESULTS, REST) for edits in part.values())


def test_nothing_is_said_of_the_folder_as_it_is(folder: Path, original: tuple[Path, Round]) -> None:
    for options in ({}, {"contest_round": original[1]}, {"digest": published(original).full}):
        assert columns(folder, render=render_again, **options) == []


@pytest.mark.parametrize("edit", ALL)
def test_a_lazy_edit_is_named_by_the_folder_itself(folder: Path, edit: str) -> None:
    with closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        ALL[edit](connection)
    assert is_named(folder)


@pytest.mark.parametrize("edit", ALL)
def test_a_careful_edit_is_named_by_a_published_digest(folder: Path, original: tuple[Path, Round], edit: str) -> None:
    rewrite(folder, ALL[edit], careful=True)
    assert "digest as published" in columns(folder, digest=published(original).full)
    told = "digest as published" in columns(folder, digest=published(original).results)
    assert told == (edit not in OF_REST)


@pytest.mark.parametrize("edit", TOUCHED_BY_THE_ROUND)
def test_a_careful_edit_of_terms_is_named_by_the_round(folder: Path, original: tuple[Path, Round], edit: str) -> None:
    rewrite(folder, ALL[edit], careful=True)
    assert TOUCHED_BY_THE_ROUND[edit] in columns(folder, contest_round=original[1])


# --- standings.json ------------------------------------------------------------------------------------------------

TABLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "refusal taken out": lambda table: table.update(refused=[]),
    "refusal added": lambda table: table["refused"].append({"path": "submissions/rival", "faults": ["no"]}),
    "reason of a refusal": lambda table: table["refused"][0].update(faults=["it was late"]),
    "removal invented": lambda table: table.update(
        removals=[
            {
                "submission": "rival",
                "submission_digest": "ab" * 32,
                "episodes": 6,
                "reason": "withdrawn",
                "removed_at": "2026-01-01T00:00:00+00:00",
                "arena_version": "0.1.0",
                "entered_again": None,
            }
        ]
    ),
    "rank": lambda table: table["rows"][0]["rank"].update(first=2, last=3),
    "order of rows": lambda table: table["rows"].reverse(),
    "score": lambda table: table["rows"][-1].update(score=2.0),
    "level": lambda table: table["rows"][0].update(isolation="strict"),
    "official": lambda table: table["rows"][0].update(official=True),
    "forfeits": lambda table: table["rows"][-1].update(forfeits=0),
    "row taken out": lambda table: table["rows"].pop(),
    "oracle": lambda table: table["oracles"].update(own="steady"),
    "fallbacks accepted": lambda table: table.update(accept_fallbacks=True),
    "score rule": lambda table: table["score_rule"].update(rule="profit"),
    "stopping rule": lambda table: table.update(stopping={"margin": None, "budget": 500}),
    "suite": lambda table: table.update(suite="core"),
    "scenario": lambda table: table.update(scenarios=["own"]),
    "commitment": lambda table: table.update(commitment="ab" * 32),
    "seeds": lambda table: table.update(seeds=2),
    "round": lambda table: table.update(round_digest="ab" * 32),
    "no round": lambda table: table.update(round_digest=None),
    "digest of the run": lambda table: table["digests"].update(run="ab" * 32),
    "no digest of the run": lambda table: table["digests"].update(run=None),
    "digest of one submission": lambda table: table["digests"]["submissions"][0].update(full="ab" * 32),
    "a submission's digests": lambda table: table["digests"]["submissions"].pop(),
}


@pytest.mark.parametrize("edit", TABLES)
def test_an_edit_of_the_standings_alone_is_named(folder: Path, edit: str) -> None:
    path = folder / "standings.json"
    table = json.loads(path.read_text())
    before = json.dumps(table)
    TABLES[edit](table)
    assert json.dumps(table) != before
    path.write_text(json.dumps(table))
    assert is_named(folder)


@pytest.mark.parametrize("edit", ["refusal taken out", "refusal added", "reason of a refusal"])
def test_an_edited_refusal_is_named_by_the_full_digest_though_all_digests_are_computed_anew(
    folder: Path, original: tuple[Path, Round], edit: str
) -> None:
    path = folder / "standings.json"
    table = json.loads(path.read_text())
    TABLES[edit](table)
    path.write_text(json.dumps(table))
    rewrite(folder, lambda _: None, careful=True)
    assert columns(folder) == []
    assert columns(folder, digest=published(original).full) == ["digest as published"]


# --- table of episodes, page, round, and what hides rows ------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines, lines[1]],
        lambda lines: lines[:-1],
        lambda lines: [lines[0], lines[1].replace(",ok,", ",timeout,"), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace("trusted", "strict"), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace("clairvoyant", "prophet"), *lines[2:]],
    ],
)
def test_an_edit_of_the_table_of_episodes_is_named(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    path = folder / "episodes.csv"
    lines = path.read_text().splitlines()
    assert change(lines) != lines
    path.write_text("\n".join(change(lines)) + "\n")
    assert columns(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [("steady", "stead&#121;"), ("</body>", "<p>rival cheated</p></body>"), ("results digest", "results  digest")],
)
def test_an_edit_of_the_page_alone_is_named(folder: Path, old: str, new: str) -> None:
    path = folder / "report.html"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert columns(folder, render=render_again) == ["page"]
    assert columns(folder) == []  # from Python, if nobody hands in who writes pages


def test_a_page_of_another_arena_is_not_compared(folder: Path) -> None:
    rewrite(folder, set_field("arena_version", "0.0.9", "1"), careful=True)
    found = verify(folder, reveal=reveal_secret(SECRET), render=render_again)
    assert [one.what for one in found.unchecked] == ["page"]
    assert "written by version 0.0.9" in found.unchecked[0].why


@pytest.mark.parametrize(
    "changes",
    [
        {"created": "2020-01-01T00:00:00+00:00"},
        {"isolation": "strict"},
        {"accept_fallbacks": True},
        {"stopping": StoppingRule(budget=60)},
        {"language_models": None},
        {"trusted": None},
    ],
)
def test_an_edited_round_is_named_by_the_one_that_was_published(
    folder: Path, original: tuple[Path, Round], changes: dict[str, Any]
) -> None:
    contest_round = original[1]
    other = Round.of(contest_round.terms.model_copy(update=changes))
    statement = "UPDATE about SET value = ? WHERE name LIKE 'round %'"
    path = folder / "standings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "round_digest": other.digest}))
    rewrite(folder, lambda connection: connection.execute(statement, (other.text,)), careful=True)  # type: ignore[arg-type]
    assert "round_digest" in columns(folder, contest_round=contest_round)


def test_rows_cannot_be_hidden_as_left_behind(folder: Path) -> None:
    """An upgrade leaves rows of earlier rules behind, which are not recomputed."""
    keys = "contract_digest, submission_digest, scenario_digest, seed_plan, seed_index"

    def edit(connection: sqlite3.Connection) -> None:
        set_field("profit", 1e6, of("steady"))(connection)
        statement = f"INSERT INTO left_behind SELECT {keys}, 'damaged' FROM episodes WHERE {of('steady')}"
        connection.execute(statement)

    rewrite(folder, edit, careful=True)
    assert set(columns(folder)) >= {"left_behind"}
