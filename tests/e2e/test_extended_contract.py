"""Folders of a contract with shorter messages, and without the indicator of a later one: refused, and upgraded.

The folders in `tests/data/store-6` were written by an arena that told informed controllers neither distribution nor
deviation of demand, from the suite, the submissions and the secret in `tests/data/store-5`.
"""

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from arena import evaluate, hidden_seeds, load_submissions, load_suite, read_results
from arena.audit.upgrade import upgrade
from arena.audit.verify import verify
from arena.contract.kpi import Kpis
from arena.contract.seeds import Secret, read_reveal
from arena.contract.version import contract_digest
from arena.errors import StoreAgeError
from arena.plugins import Plugins
from arena.results.export import export
from arena.results.folder import seeds_contract_of
from arena.results.record import EpisodeRecord

DATA = Path(__file__).resolve().parents[1] / "data"
SUITE = DATA / "store-5" / "suite.yaml"
WRITTEN_UNDER = "32b14517dcaee7ff70bf0ca4b41038cfc887e4e2bbcb02b52f4cb435a1276d13"
SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
EPISODES = 8
INDICATORS = tuple(Kpis.model_fields)[23:]
"""Indicators that came later."""
LATER = {"terminal_value": 0.0}
"""Of these, the one whose value is known where a scenario does not use it."""
MEASURED = set(INDICATORS) - set(LATER)
"""Of these, those that tell of the episode."""
TOLD = re.escape(
    "holds episodes of an older arena, version 0.1.0: they lack indicators that were added since "
    f"({', '.join(INDICATORS[:5])} and {len(INDICATORS) - 5} more)"
)


@pytest.fixture(params=["public", "hidden"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(DATA / "store-6", tmp_path, dirs_exist_ok=True)
    return tmp_path / str(request.param)


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "store-6", tmp_path, dirs_exist_ok=True)
    return tmp_path / "hidden"


def rows(folder: Path) -> list[tuple[dict[str, Any], bytes, bytes]]:
    with sqlite3.connect(folder / "results.sqlite") as connection:
        found = connection.execute("SELECT record, requested, demand FROM episodes ORDER BY rowid").fetchall()
    connection.close()
    return [(json.loads(text), requested, demand) for text, requested, demand in found]


def _export(folder: Path) -> None:
    export(folder / "results.sqlite", folder / "export.csv", "csv")


def play(folder: Path, submissions: Path, contract: str) -> list[EpisodeRecord]:
    seeds = hidden_seeds(SECRET, 2, contract)
    entered = load_submissions([submissions], Plugins({})).require()
    suite = load_suite(SUITE, seeds.draw_key)
    evaluate(entered, suite, seeds, output=folder, isolation="trusted", workers=0)
    return list(read_results(folder).records)


def test_the_records_lack_the_later_indicator_alone(folder: Path) -> None:
    for record, _, _ in rows(folder):
        assert not record.keys() & set(INDICATORS)
        later = dict.fromkeys(INDICATORS, 0.0)
        assert EpisodeRecord.model_validate({**record, **later}).contract_digest == WRITTEN_UNDER != contract_digest()


@pytest.mark.parametrize("use", [verify, read_results, _export])
def test_the_folder_is_refused_with_the_command_that_upgrades_it(folder: Path, use: Any) -> None:
    before = rows(folder)
    with pytest.raises(StoreAgeError, match=rf"{TOLD}.*: arena results upgrade {folder}"):
        use(folder)
    assert rows(folder) == before


def test_nothing_is_played_into_the_folder(hidden: Path) -> None:
    with pytest.raises(StoreAgeError, match=TOLD):
        play(hidden, DATA / "store-5" / "submissions", contract_digest())


def without_later_fields(found: Any, before: Any) -> Any:
    """What was there before, by the fields that it had then."""
    if isinstance(before, dict) and isinstance(found, dict):
        return {name: without_later_fields(found[name], value) for name, value in before.items()}
    if isinstance(before, list) and isinstance(found, list) and len(found) == len(before):
        return [without_later_fields(*pair) for pair in zip(found, before, strict=True)]
    return found


def test_an_upgrade_changes_the_digest_and_nothing_else(folder: Path) -> None:
    before, standings = rows(folder), json.loads((folder / "standings.json").read_text())
    done = upgrade(folder)
    assert (done.episodes, done.upgraded, done.left_behind) == (EPISODES, EPISODES, ())
    changes = {"contract_digest": contract_digest(), "seeds_contract": WRITTEN_UNDER}
    found = rows(folder)
    for record, _, _ in found:
        measured = {name: record.pop(name) for name in MEASURED}
        assert measured.pop("full_revenue") >= 0
        assert measured["stage_fill_rate_retailers"] == pytest.approx(record["immediate_fill_rate"], abs=1e-12)
        assert all(0 <= value <= 1 for value in measured.values())
    assert found == [({"llm_digest": "", **record, **LATER, **changes}, *series) for record, *series in before]
    after = json.loads((folder / "standings.json").read_text())
    # Fields that standings and their rows have got since are there too.
    assert without_later_fields(after, standings) == {**standings, "contract_digest": contract_digest()}
    reveal = read_reveal(DATA / "store-5" / "reveal.json") if folder.name == "hidden" else None
    outcome = verify(folder, reveal=reveal, suite=SUITE)
    assert (outcome.recomputed, outcome.differences, outcome.unchecked) == (EPISODES, (), ())
    again = upgrade(folder)
    assert (again.episodes, again.upgraded) == (EPISODES, 0)


def test_whoever_joins_an_upgraded_folder_meets_the_demand_of_the_others(hidden: Path, tmp_path: Path) -> None:
    upgrade(hidden)
    joining = shutil.copytree(DATA / "store-5" / "submissions" / "steady", tmp_path / "joining" / "third")
    (joining / "submission.yaml").write_text("name: third\ncontroller: controller.py:Controller\ntrack: informed\n")
    contract = seeds_contract_of(hidden, SECRET.commitment)
    assert contract == WRITTEN_UNDER
    records = play(hidden, tmp_path / "joining", contract)
    assert {record.seeds_contract for record in records} == {WRITTEN_UNDER}
    demand: dict[tuple[str, int], set[bytes]] = {}
    for record, _, series in rows(hidden):
        demand.setdefault((record["scenario"], record["seed_index"]), set()).add(series)
    without_goodwill = [found for (scenario, _), found in demand.items() if scenario == "own"]
    assert [len(found) for found in without_goodwill] == [1, 1]
