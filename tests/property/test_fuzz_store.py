"""A store after accidents to its bytes: what it still holds, or `StoreError`; and not a byte of it is changed."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from records import make_episode

from arena.errors import StoreError
from arena.results.store import Store
from arena.world.suite import load_suite

EPISODES: Final = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to damage copies of; its path, because Hypothesis prints what a failing test was given."""
    path = tmp_path_factory.mktemp("whole") / "results.sqlite"
    with Store(path) as store:
        for seed_index in range(EPISODES):
            store.put(make_episode(periods=30, supply_links=3, seed_index=seed_index, stderr_tail="ünïcode"))
        store.put_scenarios(load_suite("smoke").scenarios[:1], {})
    return path


def read_all(path: Path) -> int:
    """Read whatever a store holds, and return how many episodes that were."""
    with Store(path, read_only=True) as store:
        store.scenarios()
        store.keys()
        for one in store.episodes():
            requested, demand = store.arrays(one.key)
            assert len(requested) == len(demand)
        count = len(store.records())
    assert count <= EPISODES
    return count


accidents = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(("flip", "zero", "truncate", "noise")), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def damaged(whole: bytes, accidents: list[tuple[int, str, int]]) -> bytes:
    content = bytearray(whole)
    for place, kind, value in accidents:
        place %= max(1, len(content))
        if kind == "truncate":
            del content[place:]
        elif kind == "flip":
            content[place : place + 1] = bytes([content[place] ^ (1 << value % 8)]) if content else b""
        elif kind == "zero":
            content[place : place + 4 * value] = bytes(len(content[place : place + 4 * value]))
        else:
            noise = np.random.default_rng(value).bytes(value)
            content[place : place + value] = noise[: len(content[place : place + value])]
    return bytes(content)


def complaint(act: Callable[[], object]) -> str:
    """What a store says against being used; empty if nothing."""
    try:
        act()
    except StoreError as error:
        return str(error)
    return ""


def judge(folder: Path, content: bytes) -> None:
    path = folder / "results.sqlite"
    path.write_bytes(content)
    to_readers = complaint(lambda: read_all(path))
    assert path.read_bytes() == content
    to_writers = complaint(lambda: Store(path).close())
    for said in filter(None, (to_readers, to_writers)):
        assert said.startswith(f"{path}: ")
        assert len(said) < 1_000


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(accidents=accidents)
def test_a_damaged_store_is_read_or_told(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, accidents: list[tuple[int, str, int]]
) -> None:
    judge(tmp_path_factory.mktemp("damaged"), damaged(whole.read_bytes(), accidents))


def test_the_store_before_any_accident_is_read(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "results.sqlite").write_bytes(whole.read_bytes())
    assert read_all(tmp_path / "results.sqlite") == EPISODES


def test_a_schema_that_is_no_text_is_told(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    assert b"NOT NULL" in content
    path = tmp_path / "results.sqlite"
    # SQLite quotes the schema in its complaint, and Python cannot decode that.
    path.write_bytes(content.replace(b"NOT NULL", b"NOT \xffULL"))
    with pytest.raises(StoreError, match="it is damaged") as caught:
        read_all(path)
    assert str(caught.value).startswith(f"{path}: ")


CELLS: Final = {
    "isolation": ("''", "'proces'", "5", "x'ff'"),
    "outcome": ("'lost'", "5"),
    "record": ("5", "x'ff'", "'[]'", "'nul'", "'5'", "'{\"profit\": 1}'", "x''"),
    "seed_index": ("'one'", "1.5", "x'00'"),
    "periods": ("'many'", "-1", "1e300", "9223372036854775807", "x'00'"),
    "supply_links": ("'many'", "-5", "4611686018427387904", "1.5"),
    "requested": ("5", "''", "'text'", "x'789c'"),
    "demand": ("1.5", "x''"),
}
"""Values, as SQL, that no store of ours has in a column."""


@pytest.mark.parametrize(("column", "value"), [(column, value) for column, values in CELLS.items() for value in values])
def test_a_cell_that_no_arena_wrote_is_told(whole: Path, tmp_path: Path, column: str, value: str) -> None:
    path = tmp_path / "results.sqlite"
    path.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"UPDATE episodes SET {column} = {value} WHERE seed_index = 3")
    with pytest.raises(StoreError, match=r"results\.sqlite: ") as caught:
        read_all(path)
    assert len(str(caught.value)) < 1_000
