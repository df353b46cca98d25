"""Folders of results survive the next indicator: they are read, upgraded and verified by an arena that has one more.

The folders in `tests/data/store-5` were written by an arena with 18 indicators. The arena with one more is a copy of
this one to which the recipe of CONTRIBUTING.md was applied; its commands run in processes of their own.
"""

import contextlib
import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.audit.upgrade import upgrade
from arena.audit.verify import verify
from arena.contract.kpi import Kpis
from arena.contract.seeds import Secret, read_reveal, write_secret
from arena.errors import StoreAgeError
from arena.results.attempts import Precedent
from arena.results.database import SCHEMA_VERSION
from arena.results.store import Store
from arena.world.library import shipped

DATA = Path(__file__).resolve().parent.parent / "data" / "store-5"
WRITTEN_UNDER = "e77397106530562c4b9a9fe8166d94f85fd9d451c9349ae54b347b59faa757f2"
SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
EPISODES = 8
FIRST = 18
NEW = "largest_stock_made_up"
ADDED = [*list(Kpis.model_fields)[FIRST:], NEW]
"""Indicators that the folders lack: those of this arena that came after them, and the one of the copy."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def insert(text: str, before: str, addition: str) -> str:
    assert text.count(before) == 1, f"{before!r} is there {text.count(before)} times; mend this test"
    return text.replace(before, addition + before)


RULED_OTHERWISE = {
    "rank",
    "track_rank",
    "profit_interval",
    "score_interval",
    "standard_error",
    "cvar_5",
}
"""Fields of standings that follow other rules than when the folders were stored: sets of places, whole seeds."""


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the arena to which an indicator was added by the recipe."""
    place = tmp_path_factory.mktemp("newer")
    package = place / "arena"
    shutil.copytree(Path(arena.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "scenarios"))
    shutil.copytree(shipped("suites").parent, place / "scenarios")
    module = package / "contract" / "kpi.py"
    text = module.read_text()
    text = insert(text, "\n\ndef measure(", f'    {NEW}: float\n    """Most units on hand at a node."""\n')
    text = insert(text, "    )\n\n\ndef _received", f"        {NEW}=float(ledger.on_hand.max()),\n")
    module.write_text(text)
    module = package / "contract" / "version.py"
    addition = f'    Addition(indicators=("{NEW}",)),\n'
    module.write_text(insert(module.read_text(), ')\n"""Additions since `RULES` got its number', addition))
    return place


@pytest.fixture
def run(newer: Path, tmp_path: Path) -> Run:
    """Return a function that runs a command of the newer arena in a folder of its own."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "arena", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(newer), "COLUMNS": "300"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return call


@pytest.fixture(params=["public", "hidden"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    return tmp_path / str(request.param)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    return tmp_path / "public"


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    return tmp_path / "hidden"


@contextlib.contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        yield connection


def rows(folder: Path) -> list[dict[str, Any]]:
    with database(folder) as connection:
        return [json.loads(text) for (text,) in connection.execute("SELECT record FROM episodes ORDER BY rowid")]


def series(folder: Path) -> list[tuple[bytes, bytes]]:
    with database(folder) as connection:
        return connection.execute("SELECT requested, demand FROM episodes ORDER BY rowid").fetchall()


def checked(run: Run, folder: Path) -> str:
    """What verification says of a folder, all of which has to agree."""
    reveal = ("--reveal", "reveal.json") if folder.name == "hidden" else ()
    found = run("verify", folder, *reveal, "--suite", "suite.yaml")
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_this_arena_reads_the_folders(folder: Path) -> None:
    """An indicator that is added to this arena makes them older; upgraded, they agree all the same."""
    done = upgrade(folder)
    assert (done.episodes, done.left_behind) == (EPISODES, ())
    reveal = read_reveal(DATA / "reveal.json") if folder.name == "hidden" else None
    found = verify(folder, reveal=reveal, suite=DATA / "suite.yaml")
    assert (found.recomputed, found.differences, found.unchecked) == (EPISODES, (), ())


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "public"),
        ("report", "public"),
        ("export", "public"),
        ("evaluate", "submissions", "--suite", "suite.yaml", "--output", "public", "--isolation", "trusted"),
        ("results", "remove", "public", "late"),
    ],
)
def test_an_older_folder_is_told_with_the_command_that_upgrades_it(
    run: Run, public: Path, command: tuple[str, ...]
) -> None:
    told = run(*command)
    assert told.returncode == 2
    assert "holds episodes of an older arena, version 0.1.0: they lack indicators that were added since" in told.stderr
    listed = f"({', '.join(ADDED[:5])} and {len(ADDED) - 5} more)"
    assert f"{listed}; bring the folder up to date by: arena results upgrade public" in told.stderr
    assert [record["contract_digest"] for record in rows(public)] == [WRITTEN_UNDER] * EPISODES


def test_an_upgraded_folder_has_the_indicator_and_agrees(run: Run, folder: Path) -> None:
    before, stored, played = rows(folder), series(folder), json.loads((folder / "standings.json").read_text())
    done = run("results", "upgrade", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "upgraded: 8 episodes; 8 are under this arena's rules now"
    after = rows(folder)
    [digest] = {record["contract_digest"] for record in after}
    assert digest == run("contract").stdout.split()[1] != WRITTEN_UNDER
    for old, new in zip(before, after, strict=True):
        added = {"contract_digest": digest, "seeds_contract": WRITTEN_UNDER, **{name: new[name] for name in ADDED}}
        assert new == {"llm_digest": "", **old, **added}
        assert new[NEW] > new["average_inventory"] / 9
    assert series(folder) == stored
    with (folder / "episodes.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(line[NEW]) for line in table] == [
        record[NEW] for record in sorted(after, key=lambda one: (one["submission"], one["scenario"], one["seed_index"]))
    ]
    standings = json.loads((folder / "standings.json").read_text())
    about = ("suite", "seed_plan", "commitment", "seeds", "scenarios", "ranked_by", "oracles")
    assert [standings[name] for name in about] == [played[name] for name in about]
    assert (standings["contract_digest"], standings["removals"]) == (digest, [])
    for table in ("rows", "reference", "by_scenario"):
        for old, new in zip(played[table], standings[table], strict=True):
            assert {name for name, value in old.items() if new[name] != value} <= RULED_OTHERWISE
    assert digest[:12] in (folder / "report.html").read_text()
    told = checked(run, folder)
    assert "checked: 8 of 8 rows: seed, demand and indicators" in told
    assert told.splitlines()[-1] == "all agrees"
    assert run("report", folder).returncode == run("export", folder).returncode == 0
    again = run("results", "upgrade", folder)
    assert again.stdout.splitlines()[0] == "upgraded: 0 episodes; 8 are under this arena's rules now"
    assert rows(folder) == after


def test_an_upgraded_folder_is_newer_than_this_arena(run: Run, public: Path) -> None:
    assert run("results", "upgrade", public).returncode == 0
    with database(public) as connection:
        connection.execute("UPDATE episodes SET record = json_set(record, '$.arena_version', '9.8.7')")
    with pytest.raises(StoreAgeError, match=rf"a newer arena, version 9\.8\.7: .* does not know {NEW}; install that"):
        verify(public)
    with pytest.raises(StoreAgeError, match=r"a newer arena, version 9\.8\.7"):
        upgrade(public)


def test_an_episode_that_measures_otherwise_stays_with_its_reason(run: Run, folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("UPDATE episodes SET record = json_set(record, '$.fill_rate', 0.125) WHERE rowid = 1")
    name = rows(folder)[0]["submission"]
    done = run("results", "upgrade", folder)
    assert done.returncode == 0
    assert done.stdout.startswith("upgraded: 7 episodes; 7 are")
    assert "not upgraded: 1 episodes: fill_rate is 0.125 in the store, recomputed " in done.stdout
    assert [NEW in record for record in rows(folder)] == [False] + [True] * 7
    told = checked(run, folder)
    reason = "they could not be upgraded to this arena's rules: fill_rate is 0.125 in the store"
    assert f"not checked: 1 rows: {reason}" in told
    assert f"not checked: 1 episodes: {name} has not played them, and has no rank" in told
    assert run("export", folder).returncode == 0


def test_episodes_under_other_rules_stay(run: Run, public: Path) -> None:
    with database(public) as connection:
        connection.execute(
            "UPDATE episodes SET contract_digest = ?1, record = json_set(record, '$.contract_digest', ?1) "
            "WHERE rowid = 1",
            ("ab" * 32,),
        )
    done = run("results", "upgrade", public)
    why = "they follow the contract abababababab…, which differs from this arena's in more than additions"
    assert f"not upgraded: 1 episodes: {why}" in done.stdout
    assert "they follow the contract abababababab…" in checked(run, public)


@pytest.mark.parametrize("names", [("episodes.csv", "standings.json"), ("standings.json",)])
def test_an_upgrade_that_was_interrupted_before_its_tables_goes_on(
    run: Run, public: Path, names: tuple[str, ...]
) -> None:
    assert run("results", "upgrade", public).returncode == 0
    for name in names:
        shutil.copy(DATA / "public" / name, public)
    evaluating = ("evaluate", "submissions", "--suite", "suite.yaml", "--output", "public", "--isolation", "trusted")
    for command in (("verify", "public"), ("report", "public"), evaluating):
        told = run(*command)
        assert (told.returncode, "arena results upgrade public" in told.stderr) == (2, True), told.stderr
    assert run("results", "upgrade", public).returncode == 0
    assert checked(run, public).splitlines()[-1] == "all agrees"


@pytest.mark.parametrize("names", [("episodes.csv", "standings.json"), ("standings.json",)])
def test_an_evaluation_that_was_interrupted_before_its_tables_goes_on_after_an_upgrade(
    run: Run, hidden: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        (hidden / name).unlink()
    with database(hidden) as connection:
        connection.execute("DELETE FROM episodes WHERE rowid = 1")
    assert "no tables were written" in run("results", "upgrade", hidden).stdout
    (hidden / "episodes.csv").unlink(missing_ok=True)  # As the command says that evaluates with one table left.
    evaluate(run, hidden, "submissions")
    assert checked(run, hidden).splitlines()[-1] == "all agrees"


def evaluate(run: Run, folder: Path, submissions: str) -> str:
    secret = folder.parent / "contest.secret"
    if not secret.exists():
        write_secret(SECRET, secret)
    hidden = ("--seeds", "hidden:2", "--secret", secret) if folder.name == "hidden" else ()
    options = ("--suite", "suite.yaml", "--output", folder, "--isolation", "trusted", "--workers", 0)
    done = run("evaluate", submissions, *hidden, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_that_is_upgraded_twice_keeps_the_digest_of_its_seeds(run: Run, hidden: Path) -> None:
    upgrade(hidden)
    told = run("verify", "hidden")
    assert f"they lack indicators that were added since ({NEW})" in told.stderr
    assert run("results", "upgrade", "hidden").returncode == 0
    assert {record["seeds_contract"] for record in rows(hidden)} == {WRITTEN_UNDER}
    assert checked(run, hidden).splitlines()[-1] == "all agrees"


def test_a_submission_that_joins_an_upgraded_folder_meets_the_demand_of_the_others(run: Run, hidden: Path) -> None:
    """The indicator changes the digest, and so every hidden seed; the folder keeps to its own."""
    assert run("results", "upgrade", hidden).returncode == 0
    joining = shutil.copytree(hidden.parent / "submissions" / "steady", hidden.parent / "joining" / "third")
    (joining / "submission.yaml").write_text("name: third\ncontroller: controller.py:Controller\ntrack: informed\n")
    assert "third" in evaluate(run, hidden, "joining")
    demand: dict[tuple[str, int], set[bytes]] = {}
    for record, (_, blob) in zip(rows(hidden), series(hidden), strict=True):
        demand.setdefault((record["scenario"], record["seed_index"]), set()).add(blob)
        assert record["seeds_contract"] == WRITTEN_UNDER
    goodwill_free = [blobs for (scenario, _), blobs in demand.items() if scenario == "own"]
    assert [len(blobs) for blobs in goodwill_free] == [1, 1]
    assert "checked: 12 of 12 rows: seed, demand and indicators" in checked(run, hidden)


@pytest.mark.parametrize(("change", "status"), [(0.0, 0), (1.0, 1)])
def test_attempts_go_with_their_episodes_and_bind_them(run: Run, public: Path, change: float, status: int) -> None:
    with database(public) as connection:
        connection.execute("UPDATE episodes SET record = json_set(record, '$.repetitions', 1) WHERE rowid = 1")
    with Store(public / "results.sqlite") as store:
        [first] = [one for one in store.outdated() or store.episodes() if one.record.repetitions]
        store.attempts.put(first.key, Precedent(1, store.arrays(first.key).requested[:2] + change))
    assert run("results", "upgrade", public).returncode == 0
    with database(public) as connection:
        [(digest,)] = connection.execute("SELECT contract_digest FROM attempts")
    assert digest == run("contract").stdout.split()[1]
    told = run("verify", public)
    assert told.returncode == status
    assert ("requested[0][0] is" in told.stdout) == bool(status)


def test_the_store_is_written_in_the_present_version(run: Run, public: Path) -> None:
    with database(public) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (5,)
    assert run("results", "upgrade", public).returncode == 0
    with database(public) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert NEW not in Kpis.model_fields


def test_a_folder_without_a_store_is_told(run: Run, tmp_path: Path) -> None:
    told = run("results", "upgrade", "nothing")
    assert (told.returncode, "there is no such store; name a folder that arena evaluate wrote" in told.stderr) == (
        2,
        True,
    )
    assert not (tmp_path / "nothing").exists()
