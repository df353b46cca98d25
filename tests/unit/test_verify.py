"""Verification: an honest folder agrees, and whatever is changed in it is found, pointed at and put right."""

import contextlib
import csv
import json
import math
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scaled_rule import CODE

from arena.audit.verify import Difference, Verification, verify
from arena.contract.kpi import Kpis
from arena.contract.seeds import PublicSeeds, Reveal, Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.errors import InvalidInput, StoreError
from arena.jail.limits import Limits
from arena.play import pool
from arena.play.evaluate import evaluate
from arena.play.seats import InfrastructureFailure
from arena.plugins import Plugins
from arena.results.folder import EPISODES_NAME, STANDINGS_NAME
from arena.results.timing import DecisionTimes
from arena.world.suite import load_suite

SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
REVEAL = reveal_secret(SECRET)
OTHER = Reveal(master="11" * 32, salt="22" * 32)
SEEDS = 3

SUITE = """
name: small
draw_seed: 7
scored_by: clairvoyant
scenarios:
  - serial-stationary-backlog
  - serial-trend-seasonal-shock-goodwill-lost-sales
  - {name: own, network: tree, horizon: 9}
blocks:
  - draw: [{path: demand.base_mean, uniform: [10, 30]}]
    draws: 2
    set: {goodwill: {}, demand: {base_mean: 20}}
    matrix: {network: [{label: drawn, set: {network: serial}}]}
"""
NAMES = ("drawn-1", "drawn-2", "serial-stationary-backlog", "serial-trend-seasonal-shock-goodwill-lost-sales", "own")


def submit(place: Path, name: str, track: str = "blind", **config: float) -> None:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "controller.py").write_text(CODE)
    settings = ", ".join(f"{key}: {value}" for key, value in config.items())
    (folder / "submission.yaml").write_text(
        f"name: {name}\ncontroller: controller.py:Controller\ntrack: {track}\nconfig: {{{settings}}}\n"
    )


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "small.yaml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, suite_file: Path) -> Path:
    """Results of public and of hidden seeds, of a submission that plays, one that fails, and an oracle."""
    place = tmp_path_factory.mktemp("results")
    for name, track, config in (
        ("clairvoyant", "oracle", {"factor": 0.9}),
        ("late", "blind", {"last": 5}),
        ("rival", "oracle", {"factor": 0.8}),
        ("steady", "blind", {}),
    ):
        submit(place / "submissions", name, track, **config)
    submissions = load_submissions([place / "submissions"], Plugins(MappingProxyType({}))).require()
    hidden = hidden_seeds(SECRET, SEEDS, contract_digest())
    for name, seeds in (("public", PublicSeeds(count=SEEDS)), ("hidden", hidden)):
        suite = load_suite(suite_file, seeds.draw_key)
        evaluate(submissions, suite, seeds, output=place / name, isolation="trusted", workers=0)
    return place


@pytest.fixture(params=["public", "hidden"])
def folder(request: pytest.FixtureRequest, originals: Path, tmp_path: Path) -> Path:
    """A copy of the results of either kind, to do with as one likes."""
    return shutil.copytree(originals / request.param, tmp_path / request.param)


@pytest.fixture
def hidden(originals: Path, tmp_path: Path) -> Path:
    return shutil.copytree(originals / "hidden", tmp_path / "hidden")


def check(folder: Path, **options: Any) -> Verification:
    reveal = REVEAL if folder.name == "hidden" else None
    return verify(folder, **{"reveal": reveal, **options})


def beside_digests(result: Verification) -> tuple[Difference, ...]:
    """The differences that name the value itself, without the digests of the rows that it is in."""
    return tuple(one for one in result.differences if not one.column.startswith("digests."))


def only(result: Verification) -> Difference:
    """The one difference there is, beside the digests that follow from it."""
    [found] = beside_digests(result)
    return found


def without_digests(folder: Path) -> None:
    """Make the standings what an arena wrote that knew no digests."""
    path = folder / "standings.json"
    content = json.loads(path.read_text())
    del content["digests"]
    path.write_text(json.dumps(content))


@contextlib.contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        yield connection


def find(connection: sqlite3.Connection, row: tuple[str, str, int]) -> tuple[int, dict[str, Any]]:
    """The number of a row in the table, and its record."""
    for number, text in connection.execute("SELECT rowid, record FROM episodes"):
        record = json.loads(text)
        if (record["submission"], record["scenario"], record["seed_index"]) == row:
            return number, record
    raise LookupError(row)


def change(folder: Path, assignment: str, *values: Any, row: tuple[str, str, int]) -> None:
    """Change one row of the store."""
    with database(folder) as connection:
        number, _ = find(connection, row)
        connection.execute(f"UPDATE episodes SET {assignment} WHERE rowid = ?", (*values, number))


def change_record(folder: Path, field: str, value: Any, row: tuple[str, str, int]) -> None:
    with database(folder) as connection:
        _, record = find(connection, row)
    change(folder, "record = ?", json.dumps({**record, field: value}), row=row)


def change_series(folder: Path, name: str, row: tuple[str, str, int], doctor: Callable[[Any], Any]) -> None:
    """Change the orders or the demand of one row."""
    links = {"requested": "supply_links", "demand": "market_links"}[name]
    with database(folder) as connection:
        number, _ = find(connection, row)
        statement = f"SELECT {name}, periods, {links} FROM episodes WHERE rowid = ?"
        blob, *shape = connection.execute(statement, (number,)).fetchone()
    values = np.frombuffer(zlib.decompress(blob), "<f8").reshape(shape).copy()
    doctor(values)
    change(folder, f"{name} = ?", zlib.compress(values.tobytes()), row=row)


def lines(folder: Path) -> list[list[str]]:
    with (folder / "episodes.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def rewrite(folder: Path, table: list[list[str]]) -> None:
    with (folder / "episodes.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(table)


def line_of(table: list[list[str]], row: tuple[str, str, int]) -> int:
    columns = [table[0].index(name) for name in ("submission", "scenario", "seed_index")]
    wanted = [row[0], row[1], str(row[2])]
    return next(number for number, line in enumerate(table) if [line[column] for column in columns] == wanted)


ROW = ("steady", "own", 1)
LATE = ("late", "serial-stationary-backlog", 2)


def test_honest_results_agree(folder: Path, suite_file: Path) -> None:
    rows = 4 * len(NAMES) * SEEDS
    for options in ({}, {"suite": suite_file}):
        result = check(folder, **options)
        assert result.differences == ()
        assert result.unchecked == ()
        assert (result.rows, result.recomputed, result.checked, result.lines) == (rows,) * 4
        assert (result.replayed, result.lost, result.drawn) == (0, 0, 2)
        assert result.oracles == ("clairvoyant",)
    assert result.commitment == (SECRET.commitment if folder.name == "hidden" else None)


def test_no_controller_is_needed(folder: Path, originals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a controller was loaded")

    monkeypatch.setattr("arena.play.seats.make_host", forbidden)
    monkeypatch.setattr("arena.entry.loading.load_submissions", forbidden)
    moved = folder.rename(folder.with_name("elsewhere"))
    result = verify(moved, reveal=REVEAL if folder.name == "hidden" else None)
    assert result.differences == ()


def test_without_the_reveal_a_hidden_run_is_checked_as_far_as_demand_is_believed(hidden: Path) -> None:
    result = verify(hidden)
    rows = 4 * len(NAMES) * SEEDS
    assert result.differences == ()
    assert (result.recomputed, result.replayed, result.drawn, result.commitment) == (0, rows, 0, None)
    seeds, drawn = sorted(result.unchecked, key=lambda one: -one.number)
    assert (seeds.number, seeds.what) == (rows, "seeds")
    assert f"no reveal of the commitment {SECRET.commitment[:12]}" in seeds.why
    assert (drawn.number, drawn.what) == (2, "drawn scenarios")
    assert "--reveal" in drawn.why


def test_without_the_reveal_a_changed_indicator_is_found_and_a_changed_demand_is_not(hidden: Path) -> None:
    change_series(
        hidden, "demand", ("steady", "serial-stationary-backlog", 0), lambda demand: demand.__setitem__(3, 99)
    )
    found = verify(hidden).differences
    # The demand is believed, so what it gave is not any more.
    assert [(one.file, one.column) for one in found[:1]] == [("results.sqlite", "profit")]
    assert {one.file for one in found[1:]} <= {"episodes.csv", "standings.json"}
    told = check(hidden).differences[0]
    assert (told.column, told.stored) == ("demand[3][0]", 99.0)


@pytest.mark.parametrize("name", Kpis.model_fields)
def test_every_indicator_is_recomputed(folder: Path, name: str) -> None:
    honest = lines(folder)
    value = float(honest[line_of(honest, ROW)][honest[0].index(name)])
    change_record(folder, name, value + 0.01, ROW)
    result = check(folder)
    found = only(result)
    assert found == Difference("results.sqlite", *ROW, name, value + 0.01, found.recomputed)
    assert found.recomputed == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_rounding_is_no_difference(folder: Path) -> None:
    table = lines(folder)
    profit = float(table[line_of(table, ROW)][table[0].index("profit")])
    change_record(folder, "profit", math.nextafter(profit, math.inf), ROW)
    found = only(check(folder))
    # The table was written from the number that is there now another one, so its text differs; the number agrees.
    assert (found.file, found.column) == ("episodes.csv", "profit")


def test_an_indicator_changed_everywhere_is_found_in_every_place(folder: Path) -> None:
    """As somebody would who has the arena write the tables from the changed store."""
    change_record(folder, "profit", 5000.0, ROW)
    table = lines(folder)
    table[line_of(table, ROW)][table[0].index("profit")] = "5000.0"
    rewrite(folder, table)
    standings = json.loads((folder / "standings.json").read_text())
    for row in standings["rows"]:
        row["mean_profit"] += 100 if row["submission"] == "steady" else 0
    (folder / "standings.json").write_text(json.dumps(standings))
    assert [(one.file, one.submission, one.column) for one in beside_digests(check(folder))] == [
        ("results.sqlite", "steady", "profit"),
        ("episodes.csv", "steady", "profit"),
        ("standings.json", "steady", "rows[0].mean_profit"),
    ]


@pytest.mark.parametrize(
    ("doctor", "column"),
    [
        (lambda orders: orders.__setitem__((2, 1), orders[2, 1] + 1), None),
        (lambda orders: orders.__setitem__((2, 1), 1e12), "requested[2][1]"),
        (lambda orders: orders.__setitem__((8, 0), -1), "requested[8][0]"),
        (lambda orders: orders.__setitem__((4, 2), np.nan), "requested[4][2]"),
    ],
)
def test_changed_orders_are_found(folder: Path, doctor: Callable[[Any], Any], column: str | None) -> None:
    change_series(folder, "requested", ROW, doctor)
    found = check(folder).differences[0]
    assert found[:4] == ("results.sqlite", *ROW)
    assert found.column == column or (column is None and found.column in Kpis.model_fields)


@pytest.mark.parametrize("value", [0.0, 21.0, -3.0, np.inf])
def test_a_changed_demand_is_found(folder: Path, value: float) -> None:
    change_series(folder, "demand", ROW, lambda demand: demand.__setitem__((6, 2), value))
    found = check(folder).differences[0]
    assert found[:6] == ("results.sqlite", *ROW, "demand[6][2]", value)


def test_a_forfeit_orders_nothing_any_more_and_counts_no_profit(folder: Path) -> None:
    table = lines(folder)
    assert float(table[line_of(table, LATE)][table[0].index("profit")]) <= 0
    change_series(folder, "requested", LATE, lambda orders: orders.__setitem__((20, 1), 7))
    found = check(folder).differences[0]
    assert found == Difference("results.sqlite", *LATE, "requested[20][1]", 7.0, 0.0)


def test_a_forfeit_with_the_profit_that_was_made_is_found(folder: Path) -> None:
    table = lines(folder)
    costs = ("procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost")
    for line in table[1:]:
        cells = dict(zip(table[0], line, strict=True))
        made = float(cells["revenue"]) - sum(float(cells[cost]) for cost in costs)
        if cells["submission"] == "late" and made > 0:
            break
    row = ("late", cells["scenario"], int(cells["seed_index"]))
    assert made > 0 == float(cells["profit"])
    change_record(folder, "profit", made, row)
    found = only(check(folder))
    assert found == Difference("results.sqlite", *row, "profit", made, 0.0)


@pytest.mark.parametrize(
    ("field", "value", "row"),
    [
        ("decisions", 29, ROW),
        ("decisions", 31, LATE),
        ("failure_period", 4, LATE),
        ("failure_period", 4, ROW),
        ("fallbacks", 31, ROW),
        ("fallbacks", 1, LATE),
        ("profit_bound", 5e4, ROW),
        ("profit_bound", 5e4, LATE),
        ("outcome", "timeout", ROW),
        ("isolation", "sandbox", ROW),
        ("seed", "43", ROW),
        ("seed_index", 2, ROW),
        ("commitment", "ab" * 32, ROW),
        ("submission_digest", "ab" * 32, ROW),
        ("contract_digest", "ab" * 32, ROW),
        ("seeds_contract", "ab" * 32, ROW),
    ],
)
def test_what_the_contract_says_of_a_row_holds(
    folder: Path, field: str, value: object, row: tuple[str, str, int]
) -> None:
    if field in ("seed_index", "contract_digest", "submission_digest"):
        change(folder, f"{field} = ?", value if field != "seed_index" else 99, row=row)
    else:
        change_record(folder, field, value, row)
    found = check(folder).differences[0]
    assert (found.file, found.submission, found.scenario) == ("results.sqlite", *row[:2])
    expected = {"commitment": "seed_plan", "outcome": "outcome"}.get(field, field)
    assert found.column == expected


def test_a_series_that_cannot_be_read_is_pointed_at(folder: Path) -> None:
    change(folder, "demand = ?", b"\x01\x02", row=ROW)
    found = only(check(folder))
    assert found[:6] == ("results.sqlite", *ROW, "orders and demand", "cannot be read")
    assert "a series is damaged" in str(found.recomputed)


def test_a_series_of_another_length_is_pointed_at(folder: Path) -> None:
    change(folder, "periods = 3, requested = ?, demand = ?", *[zlib.compress(bytes(24 * n)) for n in (5, 3)], row=ROW)
    found = only(check(folder))
    assert (found.column, found.stored, found.recomputed) == ("requested.shape", (3, 5), (9, 5))


def test_damage_to_the_whole_store_is_an_error(folder: Path) -> None:
    path = folder / "results.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="it is damaged"):
        check(folder)
    path.unlink()
    with pytest.raises(StoreError, match="there is no such store"):
        check(folder)


def test_a_record_that_cannot_be_read_is_an_error_that_names_it(folder: Path) -> None:
    change_record(folder, "outcome", "brilliant", ROW)
    with pytest.raises(StoreError, match=r"a record cannot be read .*; seed index 1, submission .*restore a copy"):
        check(folder)


# --- the tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    ["profit", "outcome", "isolation", "controller", "suite", "slowest_decision_time", "commitment", "finished_at"],
)
def test_a_changed_cell_is_found(folder: Path, column: str) -> None:
    table = lines(folder)
    number, place = line_of(table, ROW), table[0].index(column)
    honest = table[number][place]
    table[number][place] = "1234.5"
    rewrite(folder, table)
    assert only(check(folder)) == Difference("episodes.csv", *ROW, column, "1234.5", honest)


def test_a_folder_from_before_decision_times_were_kept_agrees(folder: Path) -> None:
    """Its records and its table lack them, and what came later, and its store is of a version before."""
    without_digests(folder)
    without_columns(folder, "slowest_decision_time", "repetitions")
    with contextlib.closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as store:
        store.execute("UPDATE episodes SET record = json_remove(record, '$.decision_times', '$.repetitions')")
        store.execute("DROP TABLE attempts")
        store.execute("PRAGMA user_version = 3")
    assert check(folder).differences == ()


def test_a_folder_from_before_repetitions_were_kept_agrees(folder: Path) -> None:
    without_digests(folder)
    without_columns(folder, "repetitions")
    with contextlib.closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as store:
        store.execute("UPDATE episodes SET record = json_remove(record, '$.repetitions')")
        store.execute("DROP TABLE attempts")
        store.execute("PRAGMA user_version = 4")
    assert check(folder).differences == ()


def without_columns(folder: Path, *columns: str) -> None:
    """Rewrite the table of episodes as an arena wrote it that did not know these columns."""
    table = lines(folder)
    kept = [place for place, column in enumerate(table[0]) if column not in columns]
    rewrite(folder, [[line[place] for place in kept] for line in table])


def test_a_histogram_is_not_recomputed(folder: Path) -> None:
    """Only the slowest decision stands in a table, and is held against the store; nobody can measure it again."""
    without_digests(folder)
    other = DecisionTimes.measured([0.75], [0.001] * 8, Limits())
    change_record(folder, "decision_times", other.model_dump(), ROW)
    found = only(check(folder))
    assert (*found[:5], found.recomputed) == ("episodes.csv", *ROW, "slowest_decision_time", "0.75")
    table = lines(folder)
    table[line_of(table, ROW)][table[0].index("slowest_decision_time")] = "0.75"
    rewrite(folder, table)
    assert check(folder).differences == ()


def test_a_line_that_was_taken_out_is_found(folder: Path) -> None:
    table = lines(folder)
    del table[line_of(table, ROW)]
    rewrite(folder, table)
    found, standings = beside_digests(check(folder))
    assert found[:6] == ("episodes.csv", *ROW, "episode", "absent")
    assert standings.file == "standings.json"


def test_a_submission_that_was_taken_out_is_found(folder: Path) -> None:
    rewrite(folder, [line for line in lines(folder) if line[0] != "late"])
    found = beside_digests(check(folder))
    assert len(found) == len(NAMES) * SEEDS + 1
    assert found[0][:6] == ("episodes.csv", "late", NAMES[0], 0, "episode", "absent")


def test_an_episode_counted_twice_is_found(folder: Path) -> None:
    table = lines(folder)
    rewrite(folder, [*table, table[line_of(table, ROW)]])
    assert only(check(folder)) == Difference("episodes.csv", *ROW, "episode", "2 lines", "one line")


def test_a_seed_index_played_twice_is_found(folder: Path) -> None:
    """The line of one seed stands under the number of another."""
    table = lines(folder)
    table[line_of(table, ROW)][table[0].index("seed_index")] = "2"
    rewrite(folder, table)
    found = check(folder).differences
    assert found[0][:4] == ("episodes.csv", "steady", "own", 2)
    assert {one.column for one in found[:2]} <= {"episode", *table[0]}
    assert ("steady", "own", 1, "absent") in [(*one[1:4], one.stored) for one in found]


def test_an_episode_that_is_in_the_table_only_is_found(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("DELETE FROM episodes WHERE rowid = ?", find(connection, ROW)[:1])
    found, standings = beside_digests(check(folder))
    assert found[:6] == ("episodes.csv", *ROW, "episode", "a line")
    assert "results.sqlite holds no such episode" in str(found.recomputed)
    assert standings.file == "standings.json"


@pytest.mark.parametrize("cells", [["surplus"], ["", "surplus"]])
def test_a_line_with_more_cells_than_columns_is_found(folder: Path, cells: list[str]) -> None:
    table = lines(folder)
    table[line_of(table, ROW)] += cells
    rewrite(folder, table)
    assert only(check(folder))[:5] == ("episodes.csv", *ROW, "cells beyond the columns")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rows", 0, "score"), 0.99),
        (("rows", 0, "rank", "last"), 9),
        (("rows", 0, "profit_interval", "low"), 1.0),
        (("rows", 1, "forfeits"), 0),
        (("reference", 0, "mean_profit"), 1.0),
        (("by_scenario", 2, "score"), 5.0),
        (("ranked_by",), "mean_profit"),
        (("oracles", "own"), "steady"),
        (("seed_plan",), "hidden:99"),
        (("seeds",), 10**12),
        (("seeds",), 2),
        (("rows", 0, "standard_error"), 1.0),
    ],
)
def test_changed_standings_are_found(folder: Path, path: tuple[Any, ...], value: object) -> None:
    content = json.loads((folder / "standings.json").read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    honest, place[path[-1]] = place[path[-1]], value
    (folder / "standings.json").write_text(json.dumps(content))
    found = only(check(folder))
    column = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
    assert found == Difference("standings.json", found.submission, found.scenario, None, column, value, honest)
    if len(path) > 2:
        row = content[path[0]][path[1]]
        assert (found.submission, found.scenario) == (row["submission"], row.get("scenario", ""))


def test_standings_by_another_oracle_are_seen_against_the_suite(
    folder: Path, suite_file: Path, originals: Path
) -> None:
    """Consistent in itself, but not what the suite says."""
    other = suite_file.with_name("other.yaml")
    other.write_text(SUITE.replace("scored_by: clairvoyant", "scored_by: rival"))
    submissions = load_submissions([originals / "submissions"], Plugins(MappingProxyType({}))).require()
    seeds = hidden_seeds(SECRET, SEEDS, contract_digest()) if folder.name == "hidden" else PublicSeeds(count=SEEDS)
    evaluate(submissions, load_suite(other, seeds.draw_key), seeds, output=folder, isolation="trusted", workers=0)
    result = check(folder)
    assert (result.differences, result.oracles) == ((), ("rival",))
    assert check(folder, suite=other).differences == ()
    assert only(check(folder, suite=suite_file)).file == "standings.json"


@pytest.mark.parametrize("name", ["standings.json", "episodes.csv"])
@pytest.mark.parametrize("content", [None, b"nonsense", b"\xff\xfe", b"x" * 200_000])
def test_a_table_that_is_none_is_an_error(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(
        InvalidInput, match=rf"(?s){name}.*(cannot be read|is no table|of this arena's layout).*arena evaluate"
    ):
        check(folder)


# --- seeds and scenarios -----------------------------------------------------------------------------------------


def test_a_reveal_of_another_secret_is_a_difference(hidden: Path) -> None:
    result = verify(hidden, reveal=OTHER)
    assert only(result) == Difference("standings.json", "", "", None, "commitment", SECRET.commitment, OTHER.commitment)
    assert result.replayed == result.rows


def test_a_reveal_with_another_salt_is_a_difference(hidden: Path) -> None:
    salted = Reveal(master=SECRET.master, salt="22" * 32)
    assert only(verify(hidden, reveal=salted)).column == "commitment"


def test_public_results_need_no_reveal(originals: Path) -> None:
    with pytest.raises(InvalidInput, match=r"--reveal:\n  these results are of public seeds, which need no reveal"):
        verify(originals / "public", reveal=REVEAL)
    assert verify(originals / "public").differences == ()


def test_demand_of_another_seed_is_found(hidden: Path) -> None:
    """All rows of one scenario were played on seeds that somebody chose: nothing else is wrong with them."""
    other = hidden_seeds(OTHER, SEEDS, contract_digest())
    [name] = [one for one in NAMES if one.startswith("serial-stationary")]
    from arena.simulate.simulator import realised_demand

    scenario = next(one for one in load_suite("smoke").scenarios if one.name == name)
    chosen = realised_demand(scenario, other.episode(scenario.digest, 0).entropy)
    change_series(hidden, "demand", ("steady", name, 0), lambda demand: demand.__setitem__(slice(None), chosen))
    found = check(hidden).differences[0]
    assert found[:4] == ("results.sqlite", "steady", name, 0)
    assert found.column.startswith("demand[")


def test_a_scenario_of_another_content_than_its_digest_is_found(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute(
            "UPDATE scenarios SET content = json_set(content, '$.discount', 0.5) "
            "WHERE json_extract(content, '$.name') = 'own'"
        )
    result = check(folder)
    found = only(result)
    assert (found.file, found.scenario, found.column) == ("results.sqlite", "own", "scenario_digest")
    [unchecked] = result.unchecked
    assert (unchecked.number, unchecked.what) == (4 * SEEDS, "rows")
    assert result.recomputed == result.rows - 4 * SEEDS


def test_numbers_that_the_key_did_not_draw_are_found(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute(
            "UPDATE scenarios SET drawing = json_set(drawing, '$.template.draw[0].uniform', json('[29, 30]')) "
            "WHERE drawing IS NOT NULL AND json_extract(content, '$.name') = ?",
            ("drawn-2",),
        )
    found = only(check(folder))
    assert found[:5] == ("results.sqlite", "", "drawn-2", None, "demand.base_mean")
    assert 29 <= found.recomputed <= 30  # type: ignore[operator]


def test_scenarios_that_are_not_the_suites_are_found(folder: Path, suite_file: Path) -> None:
    other = suite_file.with_name("ranges.yaml")
    other.write_text(SUITE.replace("uniform: [10, 30]", "uniform: [10, 31]").replace("horizon: 9", "horizon: 8"))
    found = check(folder, suite=other).differences
    assert [(one.file, one.scenario, one.column) for one in found] == [
        ("episodes.csv", name, "scenario_digest") for name in ("drawn-1", "drawn-2", "own")
    ]
    other.write_text(SUITE.replace("name: own", "name: mine"))
    assert check(folder, suite=other).differences[0].column == "scenarios[4]"


def test_without_the_reveal_the_suite_is_compared_but_for_what_is_drawn(hidden: Path, suite_file: Path) -> None:
    assert verify(hidden, suite=suite_file).differences == ()
    other = suite_file.with_name("shorter.yaml")
    other.write_text(SUITE.replace("horizon: 9", "horizon: 8"))
    assert only(verify(hidden, suite=other)).scenario == "own"


def without_scenarios(folder: Path) -> None:
    """Make the store what an arena wrote that kept no scenarios."""
    with database(folder) as connection:
        connection.execute("DROP TABLE scenarios")
        connection.execute("PRAGMA user_version = 2")
    path = folder / "standings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digests": None}))


def test_results_without_scenarios_are_checked_as_far_as_they_are_shipped_or_given(
    folder: Path, suite_file: Path
) -> None:
    without_scenarios(folder)
    result = check(folder)
    assert result.differences == ()
    shipped = [name for name in NAMES if name.startswith("serial")]
    assert result.recomputed == 4 * SEEDS * len(shipped)
    assert sorted(one.number for one in result.unchecked) == [4 * SEEDS] * (len(NAMES) - len(shipped))
    assert all("give the suite that was played with --suite" in one.why for one in result.unchecked)
    whole = check(folder, suite=suite_file)
    assert (whole.recomputed, whole.differences, whole.unchecked) == (whole.rows, (), ())


def of_another_contract(folder: Path, condition: str = "1") -> None:
    with database(folder) as connection:
        connection.execute(
            "UPDATE episodes SET contract_digest = 'old', record = json_set(record, '$.contract_digest', 'old') "
            f"WHERE {condition}"
        )


def test_rows_of_another_contract_are_counted_and_not_checked(folder: Path) -> None:
    of_another_contract(folder, "json_extract(record, '$.submission') = 'late'")
    table = lines(folder)
    rewrite(folder, [line for line in table if line[0] != "late"])
    result = check(folder)
    assert result.recomputed == result.rows - len(NAMES) * SEEDS
    [unchecked] = result.unchecked
    assert (unchecked.number, unchecked.what) == (len(NAMES) * SEEDS, "rows")
    assert "they follow the contract old…" in unchecked.why
    assert "the arena that wrote them (version" in unchecked.why
    assert {one.file for one in result.differences} == {"standings.json"}


def test_results_of_another_contract_are_refused(folder: Path) -> None:
    without_digests(folder)
    of_another_contract(folder)
    standings = json.loads((folder / "standings.json").read_text())
    table = lines(folder)
    place = table[0].index("contract_digest")
    rewrite(folder, [table[0], *([*line[:place], "old", *line[place + 1 :]] for line in table[1:])])
    (folder / "standings.json").write_text(json.dumps({**standings, "contract_digest": "old"}))
    with pytest.raises(InvalidInput, match=r"holds no row that can be checked; 60 rows: they follow the contract old"):
        check(folder)


def test_an_episode_that_the_arena_lost_is_a_row_without_numbers(
    tmp_path: Path, originals: Path, suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = pool.play

    def fail(submission: Any, scenario: Any, seed: Any, *rest: Any, **options: Any) -> Any:
        if (submission.name, scenario.name, seed.index) == ROW:
            raise InfrastructureFailure("the machine caught fire")
        return play(submission, scenario, seed, *rest, **options)

    monkeypatch.setattr(pool, "play", fail)
    submissions = load_submissions([originals / "submissions"], Plugins(MappingProxyType({}))).require()
    folder = tmp_path / "public"
    evaluate(
        submissions, load_suite(suite_file), PublicSeeds(count=SEEDS), output=folder, isolation="trusted", workers=0
    )
    result = check(folder)
    assert (result.differences, result.lost, result.recomputed) == ((), 1, result.rows - 1)
    change_record(folder, "profit", 1e4, ROW)
    found = check(folder).differences[0]
    assert found[:6] == ("results.sqlite", *ROW, "profit", 1e4)
    assert math.isnan(found.recomputed)  # type: ignore[arg-type]


def test_a_decentralised_run_is_verified_with_its_price(tmp_path: Path) -> None:
    submit(tmp_path / "entrants", "whole")
    submit(tmp_path / "entrants", "local", track="decentralised")
    manifest = tmp_path / "entrants" / "local" / "submission.yaml"
    manifest.write_text(f"{manifest.read_text()}full_view: whole\n")
    submissions = load_submissions([tmp_path / "entrants"], Plugins(MappingProxyType({}))).require()
    suite = load_suite("multi-agent")
    evaluate(submissions, suite, PublicSeeds(count=2), output=tmp_path, isolation="trusted", workers=0)
    result = verify(tmp_path, suite="multi-agent")
    assert (result.differences, result.recomputed) == ((), 2 * 4 * 2)
    standings = json.loads((tmp_path / "standings.json").read_text())
    standings["prices"][0]["price"] += 1
    (tmp_path / "standings.json").write_text(json.dumps(standings))
    assert only(verify(tmp_path))[:5] == ("standings.json", "local", "", None, "prices[0].price")


def test_episodes_that_were_never_played_are_told(tmp_path: Path, originals: Path, suite_file: Path) -> None:
    submissions = load_submissions([originals / "submissions"], Plugins(MappingProxyType({}))).require()
    late = [submission for submission in submissions if submission.name == "late"]
    rest = [submission for submission in submissions if submission.name != "late"]
    for entrants, count in ((late, 1), (rest, SEEDS)):
        suite = load_suite(suite_file)
        evaluate(entrants, suite, PublicSeeds(count=count), output=tmp_path, isolation="trusted", workers=0)
    result = verify(tmp_path)
    assert result.differences == ()
    [missing] = result.unchecked
    assert (missing.number, missing.what) == (len(NAMES) * (SEEDS - 1), "episodes")
    assert missing.why == "late has not played them, and has no rank"


def test_a_changed_submission_counts_with_one_content(tmp_path: Path, suite_file: Path) -> None:
    submit(tmp_path / "entrants", "steady")
    suite = load_suite(suite_file)
    for factor in ("1.0", "0.7"):
        source = tmp_path / "entrants" / "steady" / "controller.py"
        source.write_text(CODE.replace("factor=1.0", f"factor={factor}"))
        submissions = load_submissions([tmp_path / "entrants"], Plugins(MappingProxyType({}))).require()
        evaluate(submissions, suite, PublicSeeds(count=2), output=tmp_path, isolation="trusted", workers=0)
    result = verify(tmp_path)
    assert (result.differences, result.rows, result.lines) == ((), 4 * len(NAMES), 2 * len(NAMES))


def test_two_hidden_runs_in_one_folder_are_told_apart(hidden: Path, originals: Path, suite_file: Path) -> None:
    submissions = load_submissions([originals / "submissions"], Plugins(MappingProxyType({}))).require()
    seeds = hidden_seeds(OTHER, 2, contract_digest())
    suite = load_suite(suite_file, seeds.draw_key)
    with pytest.raises(InvalidInput, match="holds the results of another selection: it is of the hidden seeds of"):
        evaluate(submissions, suite, seeds, output=hidden, isolation="trusted", workers=0)
    for table in (EPISODES_NAME, STANDINGS_NAME):  # As the message says: the tables are given up, the store keeps both.
        (hidden / table).unlink()
    evaluate(submissions, suite, seeds, output=hidden, isolation="trusted", workers=0)
    first, second = 4 * len(NAMES) * SEEDS, 4 * len(NAMES) * 2
    for reveal, recomputed, replayed in ((REVEAL, first, second), (OTHER, second, first)):
        result = verify(hidden, reveal=reveal)
        assert (result.differences, result.recomputed, result.replayed, result.drawn) == ((), recomputed, replayed, 2)
        assert {one.what for one in result.unchecked} == {"seeds", "drawn scenarios"}


@pytest.mark.parametrize(("chosen", "columns"), [(ROW, ["demand[0][0]", "profit", "seeds_contract"]), (None, [])])
def test_hidden_seeds_are_derived_under_the_rules_that_the_row_says_and_one_for_all(
    hidden: Path, monkeypatch: pytest.MonkeyPatch, chosen: tuple[str, str, int] | None, columns: list[str]
) -> None:
    """Rules of before an indicator was added; other ones are found by `test_what_the_contract_says_of_a_row_holds`."""
    monkeypatch.setattr("arena.audit.verify.earlier_digests", lambda: {"ab" * 32: ()})
    if chosen is not None:
        change_record(hidden, "seeds_contract", "ab" * 32, chosen)
        # The table says so too: it is written from the store.
        table = lines(hidden)
        table[line_of(table, chosen)][table[0].index("seeds_contract")] = "ab" * 32
        rewrite(hidden, table)
    found = check(hidden).differences
    assert [one.column for one in found if one.file != "standings.json"] == columns


def test_hidden_seeds_that_bring_other_demand_are_refused(hidden: Path, originals: Path, suite_file: Path) -> None:
    submissions = load_submissions([originals / "submissions" / "steady"], Plugins(MappingProxyType({}))).require()

    def play_on() -> None:
        seeds = hidden_seeds(SECRET, SEEDS, contract_digest())
        suite = load_suite(suite_file, seeds.draw_key)
        evaluate(submissions, suite, seeds, output=hidden, isolation="trusted", workers=0)

    play_on()
    with database(hidden) as connection:
        connection.execute("UPDATE episodes SET record = json_set(record, '$.seeds_contract', ?)", ("ab" * 32,))
    with pytest.raises(
        InvalidInput, match=r"were derived under the contract abababababab….*derive these seeds under that"
    ):
        play_on()


def test_progress_is_told_row_by_row(folder: Path) -> None:
    told: list[object] = []

    class Watcher:
        def started(self, total: int, done: int = 0) -> None:
            told.append(total)

        def advanced(self, differs: bool) -> None:
            told.append(differs)

        def finished(self) -> None:
            told.append("end")

    change_record(folder, "profit", 1.0, ROW)
    check(folder, progress=Watcher())
    rows = 4 * len(NAMES) * SEEDS
    assert (told[0], told[-1], len(told)) == (rows, "end", rows + 2)
    assert told.count(True) - (rows == 1) == 1
