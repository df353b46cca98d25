"""The store keeps what was committed, whatever happens next, and says what is wrong in words."""

import contextlib
import errno
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import make_episode, make_record

from arena.contract.kpi import Kpis
from arena.errors import StoreAgeError, StoreError
from arena.jail.limits import Limits
from arena.results.attempts import Precedent
from arena.results.database import SCHEMA_VERSION
from arena.results.record import EpisodeKey, EpisodeRecord, PlayedEpisode, arena_version
from arena.results.store import Store, key_of
from arena.results.stored import EpisodeStatus
from arena.results.timing import DecisionTimes
from arena.world.suite import load_suite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.sqlite"


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Be an ordinary user meanwhile: permissions do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_episode_comes_back_as_it_was_put(path: Path) -> None:
    episode = make_episode(profit=1 / 3, failure_message="bad\n\x00 text", stderr_tail="ünïcode")
    with Store(path) as store:
        store.put(episode, suite="core")
    with Store(path, read_only=True) as store:
        [stored] = store.episodes()
        assert stored.record == episode.record
        assert stored.suite == "core"
        assert stored.key == key_of(episode.record)
        requested, demand = store.arrays(stored.key)
    np.testing.assert_array_equal(requested, episode.requested)
    np.testing.assert_array_equal(demand, episode.demand)
    assert not requested.flags.writeable


def test_a_report_comes_back_bit_for_bit(path: Path) -> None:
    given = [(0, None), (30, 1 / 3), (2**31 - 1, -1e308), (7, 0.1 + 0.2)]
    with Store(path) as store:
        for index, (fallbacks, bound) in enumerate(given):
            store.put(make_episode(seed_index=index, fallbacks=fallbacks, profit_bound=bound))
    with Store(path, read_only=True) as store:
        assert [(record.fallbacks, record.profit_bound) for record in store.records()] == given


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_from_before_reports_is_told_and_left_as_it_is(path: Path, read_only: bool) -> None:
    """Its records lack the two numbers of a report: nobody knows what they would have been."""
    with Store(path) as store:
        store.put(make_episode())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET record = json_remove(record, '$.fallbacks', '$.profit_bound')")
        other.execute("PRAGMA user_version = 1")
    with pytest.raises(
        StoreError, match=f"has version 1, this arena reads version {SCHEMA_VERSION}; use the arena that wrote it"
    ):
        Store(path, read_only=read_only)
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM episodes").fetchone() == (1,)


SCENARIOS = load_suite("smoke").scenarios


def test_the_content_of_scenarios_is_kept(path: Path) -> None:
    stress = load_suite("stress")
    with Store(path) as store:
        store.put_scenarios(SCENARIOS, {})
        store.put_scenarios(stress.scenarios, stress.drawings)
        store.put_scenarios(stress.scenarios, {})
    with Store(path, read_only=True) as store:
        kept = store.scenarios()
    assert {digest: one.scenario for digest, one in kept.items()} == {
        scenario.digest: scenario for scenario in (*SCENARIOS, *stress.scenarios)
    }
    assert all(one.scenario.digest == digest for digest, one in kept.items())
    drawings = {one.scenario.name: one.drawing for one in kept.values() if one.drawing is not None}
    assert drawings == stress.drawings


def test_a_scenario_is_kept_under_the_name_that_it_has_last(path: Path) -> None:
    renamed = SCENARIOS[0].model_copy(update={"name": "renamed"})
    with Store(path) as store:
        for scenario in (SCENARIOS[0], renamed):
            store.put_scenarios([scenario], {})
            assert [one.scenario.name for one in store.scenarios().values()] == [scenario.name]


def test_a_scenario_that_cannot_be_read_is_told(path: Path) -> None:
    with Store(path) as store:
        store.put_scenarios(SCENARIOS[:1], {})
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE scenarios SET content = json_remove(content, '$.network')")
    with Store(path) as store, pytest.raises(StoreError, match=f"digest {SCENARIOS[0].digest} cannot be read"):
        store.scenarios()


def test_a_store_from_before_scenarios_were_kept_is_read_and_extended(path: Path) -> None:
    with Store(path) as store:
        store.put(make_episode())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE scenarios")
        other.execute("DROP TABLE attempts")
        other.execute("PRAGMA user_version = 2")
    with Store(path, read_only=True) as store:
        assert store.scenarios() == {}
        assert len(store.records()) == 1
    with Store(path) as store:
        assert store.scenarios() == {}
        store.put_scenarios(SCENARIOS, {})
    with Store(path, read_only=True) as store:
        assert len(store.scenarios()) == len(SCENARIOS)
        assert len(store.records()) == 1


@pytest.mark.parametrize("read_only", [True, False])
def test_a_store_from_before_decision_times_were_kept_is_read_and_extended(path: Path, read_only: bool) -> None:
    times = DecisionTimes.measured([0.5], [0.001, 0.002], Limits())
    with Store(path) as store:
        store.put(make_episode(decision_times=times))
        store.put_scenarios(SCENARIOS[:1], {})
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET record = json_remove(record, '$.decision_times')")
        other.execute("DROP TABLE attempts")
        other.execute("PRAGMA user_version = 3")
    with Store(path, read_only=read_only) as store:
        assert [record.decision_times for record in store.records()] == [None]
        assert len(store.scenarios()) == 1
        if not read_only:
            store.put(make_episode(seed_index=1, decision_times=times))
            assert [record.decision_times for record in store.records()] == [None, times]
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (3 if read_only else SCHEMA_VERSION,)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_store_from_before_attempts_were_kept_is_read_and_extended(path: Path, read_only: bool) -> None:
    key, precedent = key_of(make_record()), Precedent(1, np.ones((2, 4)))
    with Store(path) as store:
        store.put(make_episode())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET record = json_remove(record, '$.repetitions')")
        other.execute("DROP TABLE attempts")
        other.execute("PRAGMA user_version = 4")
    with Store(path, read_only=read_only) as store:
        assert store.attempts.get() == {}
        assert [record.repetitions for record in store.records()] == [0]
        if not read_only:
            store.attempts.put(key, precedent)
            assert store.attempts.get()[key].requested.tolist() == precedent.requested.tolist()


def test_the_orders_of_attempts_that_broke_off_are_kept_as_far_as_any_got(path: Path) -> None:
    key, other = (key_of(make_record(seed_index=index)) for index in (0, 1))
    long, short = np.arange(12.0).reshape(3, 4), np.arange(4.0).reshape(1, 4)
    with Store(path) as store:
        store.attempts.put(other, Precedent(5, short))
        store.attempts.put(key, Precedent(1, long))
        store.attempts.put(key, Precedent(2, short))
    with Store(path, read_only=True) as store:
        kept = store.attempts.get()
        assert set(kept) == {key, other}
        assert (kept[key].attempts, kept[key].requested.tolist()) == (2, long.tolist())
        assert set(store.attempts.get(key)) == {key}


def test_numbers_outside_json_survive(path: Path) -> None:
    record = make_record(inventory_turns=float("inf"), profit=float("nan"))
    with Store(path) as store:
        store.put(PlayedEpisode(record, np.empty((0, 4)), np.empty((0, 2))))
        [found] = store.records()
        requested, demand = store.arrays(key_of(record))
    assert found.inventory_turns == float("inf")
    assert np.isnan(found.profit)
    assert (requested.shape, demand.shape) == ((0, 4), (0, 2))


def test_series_of_other_layouts_are_stored_by_value(path: Path) -> None:
    values = np.arange(12.0).reshape(2, 6)[:, ::2]
    with Store(path) as store:
        store.put(PlayedEpisode(make_record(), values.astype(">f8"), np.asfortranarray(values)))
        requested, demand = store.arrays(key_of(make_record()))
    np.testing.assert_array_equal(requested, values)
    np.testing.assert_array_equal(demand, values)


def test_series_of_unequal_length_are_refused(path: Path) -> None:
    with Store(path) as store:
        with pytest.raises(ValueError, match=r"both are \(periods, links\)"):
            store.put(PlayedEpisode(make_record(), np.zeros((3, 2)), np.zeros((4, 1))))
        assert store.records() == []


def test_the_same_episode_is_never_there_twice(path: Path) -> None:
    with Store(path) as store:
        store.put(make_episode(profit=1.0))
        store.put(make_episode(profit=2.0))
        store.put(make_episode(profit=3.0, seed_index=1))
        assert [record.profit for record in store.records()] == [2.0, 3.0]


def test_every_part_of_the_key_tells_episodes_apart(path: Path) -> None:
    changes = [
        {},
        {"contract_digest": "other"},
        {"submission_digest": "other"},
        {"scenario_digest": "other"},
        {"commitment": "other"},
        {"seed_index": 1},
    ]
    with Store(path) as store:
        for change in changes:
            assert store.status(key_of(make_record(**change))) is None
            store.put(make_episode(**change))
        assert len(store.keys()) == len(changes)
        key = key_of(make_record())
        assert store.keys()[key] == store.status(key) == EpisodeStatus("process", "ok")
        assert len(store.records(contract_digest="other")) == 1
        assert len(store.records(seed_plan="public")) == len(changes) - 1


def test_records_come_in_one_order_however_they_were_put(path: Path) -> None:
    names = [("beta", "north", 1), ("alpha", "south", 0), ("beta", "north", 0), ("alpha", "north", 0)]
    with Store(path) as store:
        for submission, scenario, seed_index in names:
            store.put(make_episode(submission=submission, scenario=scenario, seed_index=seed_index))
        found = [(record.submission, record.scenario, record.seed_index) for record in store.records()]
    assert found == sorted(names)


def test_a_missing_episode_has_no_series(path: Path) -> None:
    with Store(path) as store, pytest.raises(StoreError, match="holds no episode"):
        store.arrays(key_of(make_record()))


def test_reading_while_writing(path: Path) -> None:
    with Store(path) as writer:
        writer.put(make_episode())
        with Store(path, read_only=True) as reader:
            assert len(reader.records()) == 1
            writer.put(make_episode(seed_index=1))
            assert len(reader.records()) == 2


def test_a_second_writer_is_turned_away(path: Path) -> None:
    with Store(path) as store:
        with pytest.raises(StoreError, match="another evaluation is writing to it; wait"):
            Store(path)
        store.put(make_episode())
    with Store(path) as store:
        assert len(store.records()) == 1


def test_a_lock_held_by_another_program_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.results.database.BUSY_SECONDS", 0.01)
    with Store(path) as store, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"results\.sqlite: another process holds it; wait"):
            store.put(make_episode())
        intruder.execute("ROLLBACK")
        store.put(make_episode())


def test_a_reader_cannot_write(path: Path) -> None:
    Store(path).close()
    with Store(path, read_only=True) as store, pytest.raises(StoreError, match="it cannot be written; check the perm"):
        store.put(make_episode())


def test_a_missing_store_is_not_made_by_a_reader(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such store; run arena evaluate first"):
        Store(path, read_only=True)
    assert not path.exists()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="check that the folder exists"):
        Store(tmp_path / "nowhere" / "results.sqlite")


def test_a_folder_without_permission_is_told_and_can_still_be_read() -> None:
    # Not tmp_path: the folders above that are closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.sqlite"
        with Store(path) as store:
            store.put(make_episode())
        path.chmod(0o444)
        path.with_name("results.sqlite.lock").unlink()
        path.parent.chmod(0o555)
        with unprivileged():
            with pytest.raises(StoreError, match=rf"it cannot be written \({os.strerror(errno.EACCES)}\); check that"):
                Store(path)
            with Store(path, read_only=True) as store:
                assert len(store.records()) == 1
        path.parent.chmod(0o755)


def test_a_file_that_is_no_database_is_told(path: Path) -> None:
    path.write_bytes(b"these are no results " * 100)
    with pytest.raises(StoreError, match="it is not a SQLite file or is damaged; move it away"):
        Store(path)
    assert path.read_bytes().startswith(b"these are no results")


def test_another_programs_database_is_left_alone(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not an arena's store"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("statement", "version"),
    [
        ("UPDATE about SET value = '7.8.9' WHERE name = 'arena_version'", "7.8.9"),
        ("DROP TABLE about", "5.6.7"),
        ("DROP TABLE episodes", "unknown"),
    ],
)
def test_a_store_of_a_newer_arena_is_told_with_the_version_that_wrote_it(
    path: Path, statement: str, version: str, read_only: bool
) -> None:
    with Store(path) as store:
        store.put(make_episode(arena_version="5.6.7"))
    with contextlib.closing(sqlite3.connect(path)) as other:
        if version == "unknown":
            other.execute("DROP TABLE about")
        other.execute(statement)
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        other.commit()
    rule = rf"written by a newer arena, version {re.escape(version)}: its store has version {SCHEMA_VERSION + 1}"
    with pytest.raises(StoreAgeError, match=rf"{rule}, this arena \(.*\) reads up to {SCHEMA_VERSION}; install that"):
        Store(path, read_only=read_only)


def test_a_record_of_a_newer_arena_is_told_with_its_version(path: Path) -> None:
    with Store(path) as store:
        store.put(make_episode(arena_version="5.6.7"))
        assert len(store.records()) == 1
        store.require_current()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET record = json_set(record, '$.made_up', 0.5)")
    with Store(path) as store:
        for read in (store.records, store.require_current):
            with pytest.raises(StoreAgeError, match=r"a newer arena, version 5\.6\.7: .* does not know made_up"):
                read()


def test_a_record_with_other_fields_of_the_same_version_is_not_called_newer(path: Path) -> None:
    with Store(path) as store:
        store.put(make_episode(arena_version=arena_version()))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET record = json_set(record, '$.made_up', 0.5)")
    rule = rf"fields that this arena does not know: made_up, though both are of version {re.escape(arena_version())};"
    with Store(path) as store, pytest.raises(StoreAgeError, match=rule) as caught:
        store.records()
    assert "newer" not in str(caught.value)


def test_what_other_rules_did_not_measure_is_no_number(path: Path) -> None:
    """Indicators are added at the end: without the last one a record is older, without another it is damaged."""
    with Store(path) as store:
        store.put(make_episode())
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            last = list(Kpis.model_fields)[-1]
            other.execute(f"UPDATE episodes SET record = json_remove(record, '$.{last}')")
            assert np.isnan(getattr(store.records()[0], last))
            other.execute("UPDATE episodes SET record = json_remove(record, '$.fill_rate')")
        with pytest.raises(StoreError, match="a record cannot be read"):
            store.records()


@pytest.mark.parametrize("read_only", [False, True])
def test_damage_is_found_on_opening(path: Path, read_only: bool) -> None:
    with Store(path) as store:
        for seed_index in range(50):
            store.put(make_episode(periods=30, supply_links=11, seed_index=seed_index))
    content = bytearray(path.read_bytes())
    content[8192:16384] = os.urandom(8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="it is damaged"):
        Store(path, read_only=read_only)


def test_a_damaged_series_is_told(path: Path) -> None:
    with Store(path) as store:
        store.put(make_episode())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET demand = x'0102'")
    with Store(path) as store, pytest.raises(StoreError, match="a series is damaged"):
        store.arrays(key_of(make_record()))


def test_a_record_from_elsewhere_is_told(path: Path) -> None:
    with Store(path) as store:
        store.put(make_episode())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE episodes SET record = '{}'")
    with Store(path) as store, pytest.raises(StoreError, match="a record cannot be read"):
        store.records()


def test_a_full_disk_loses_nothing_that_was_committed(path: Path) -> None:
    committed = []

    def put_many(store: Store) -> None:
        for seed_index in range(1000):
            store.put(make_episode(periods=30, supply_links=11, seed_index=seed_index))
            committed.append(seed_index)

    with Store(path) as store:
        store._database.execute("PRAGMA max_page_count = 40")  # A disk of 160 KiB.
        with pytest.raises(StoreError, match=r"the disk is full; free some space .*, finished episodes are kept"):
            put_many(store)
    assert len(committed) > 10
    with Store(path) as store:
        assert [record.seed_index for record in store.records()] == committed
        store.put(make_episode(seed_index=len(committed)))


def test_a_killed_writer_loses_nothing_that_was_committed(path: Path, repository: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from records import make_episode
        from arena.results.store import Store
        store = Store(Path(sys.argv[1]))
        for seed_index in range(1_000_000):
            store.put(make_episode(periods=30, supply_links=11, seed_index=seed_index))
            print(seed_index, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    environment = {**os.environ, "PYTHONPATH": f"{repository / 'tests'}{os.pathsep}{repository}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        told = writer.stdout.read().split()
    committed = int(told[-1]) + 1 if told else 20
    with Store(path) as store:  # The lock died with its holder.
        found = [record.seed_index for record in store.records()]
    assert found == list(range(len(found)))
    assert len(found) >= committed


def test_a_closed_store_says_so(path: Path) -> None:
    store = Store(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="the store is closed"):
        store.records()


def test_a_change_of_many_rows_is_whole_or_not_at_all(path: Path) -> None:
    with Store(path) as store:
        for index in range(3):
            store.put(make_episode(seed_index=index))
        keys = list(store.keys())
        records = {key: store.record(key).model_copy(update={"contract_digest": "new"}) for key in keys}

        class Interrupting(dict[EpisodeKey, EpisodeRecord]):
            def items(self) -> Any:
                yield from list(super().items())[:2]
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store.rebasing.apply(Interrupting(records), {})
        assert list(store.keys()) == keys
        store.rebasing.apply(dict(list(records.items())[:2]), {keys[2]: "for a reason"})
        assert sorted(key.contract_digest for key in dict(store.keys())) == ["c" * 64, "new", "new"]
        assert store.rebasing.left_behind == {keys[2]: "for a reason"}
    with Store(path, read_only=True) as store:
        assert store.rebasing.left_behind == {keys[2]: "for a reason"}


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("trigger", "CREATE TRIGGER sly AFTER INSERT ON episodes BEGIN DELETE FROM episodes; END"),
        ("view", "CREATE VIEW sly AS SELECT 1"),
    ],
)
def test_a_store_with_something_that_acts_is_refused(path: Path, kind: str, statement: str, read_only: bool) -> None:
    Store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(StoreError, match=f"holds the {kind} sly, which no arena makes"):
        Store(path, read_only=read_only)
