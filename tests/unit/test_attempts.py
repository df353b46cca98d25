"""Attempts that broke off: what a journal keeps of them, and what of it survives the process that wrote it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from arena.results.attempts import Journal, Precedent, journal_path, read_journal, read_journals
from arena.results.record import EpisodeKey

KEY = EpisodeKey("c" * 64, "5" * 64, "d" * 64, "public", 3)
ROWS = np.arange(12.0).reshape(4, 3) + 0.1


def written(path: Path, rows, earlier: Precedent | None = None) -> Journal:
    journal = Journal(path)
    journal.begin(KEY, "strict", 3, earlier)
    for row in rows:
        journal.add(row)
    return journal


def test_a_journal_says_which_episode_was_played_and_how_far(tmp_path: Path) -> None:
    journal = written(tmp_path / "1.journal", ROWS)
    entry = read_journal(tmp_path / "1.journal")
    assert entry is not None
    assert (entry.key, entry.isolation, entry.precedent.attempts) == (KEY, "strict", 1)
    assert entry.precedent.requested.tolist() == ROWS.tolist()
    assert journal.precedent is not None
    assert journal.precedent.requested.tolist() == ROWS.tolist()


def test_without_a_file_the_orders_are_in_memory() -> None:
    journal = Journal()
    journal.begin(KEY, "strict", 3)
    assert journal.precedent is None
    journal.add(ROWS[0])
    assert journal.precedent is not None
    assert (journal.precedent.attempts, journal.precedent.requested.tolist()) == (1, [ROWS[0].tolist()])


@pytest.mark.parametrize("repeated", range(5))
def test_a_repetition_keeps_the_orders_that_it_has_not_reached_yet(tmp_path: Path, repeated: int) -> None:
    earlier = Precedent(2, ROWS[:3])
    journal = written(tmp_path / "1.journal", ROWS[:repeated], earlier)
    entry = read_journal(tmp_path / "1.journal")
    assert entry is not None
    assert entry.precedent.attempts == 3
    assert journal.precedent is not None
    assert journal.precedent.attempts == 2 + (repeated > 0)
    for precedent in (entry.precedent, journal.precedent):
        assert precedent.requested.tolist() == ROWS[: max(3, repeated)].tolist()


def test_the_next_episode_begins_an_empty_journal(tmp_path: Path) -> None:
    journal = written(tmp_path / "1.journal", ROWS)
    journal.begin(KEY._replace(seed_index=4), "strict", 3)
    assert read_journal(tmp_path / "1.journal") is None
    assert journal.precedent is None
    journal.add(ROWS[1])
    entry = read_journal(tmp_path / "1.journal")
    assert entry is not None
    assert (entry.key.seed_index, entry.precedent.requested.tolist()) == (4, [ROWS[1].tolist()])


def test_what_was_noted_before_an_attempt_began_is_not_taken_for_it() -> None:
    journal = Journal()
    journal.begin(KEY, "strict", 3)
    journal.add(ROWS[0])
    journal.forget(None)
    assert journal.precedent is None


@given(cut=st.integers(0, 400), rows=arrays(np.float64, (4, 3), elements=st.floats(0, 1e6)))
def test_a_journal_that_breaks_off_anywhere_holds_the_whole_periods(tmp_path_factory, cut: int, rows) -> None:
    path = tmp_path_factory.mktemp("cut") / "1.journal"
    written(path, rows).close()
    content = path.read_bytes()
    head = content.index(b"\n") + 1
    path.write_bytes(content[:cut])
    periods = max(0, min(cut, len(content)) - head) // 24
    entry = read_journal(path)
    assert (entry is None) == (periods == 0)
    if entry is not None:
        assert entry.precedent.requested.tolist() == rows[:periods].tolist()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n" + bytes(24),
        b"[]\n" + bytes(24),
        b'{"key": [1], "isolation": "strict", "links": 3, "attempts": 0}\n' + bytes(24),
        b'{"key": ["a", "b", "c", "d", 1], "isolation": "none", "links": 3, "attempts": 0}\n' + bytes(24),
        b'{"key": ["a", "b", "c", "d", 1], "isolation": "strict", "links": 0, "attempts": 0}\n' + bytes(24),
        bytes(5000),
    ],
)
def test_a_file_that_is_no_journal_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.journal").write_bytes(content)
    written(tmp_path / "2.journal", ROWS)
    assert [entry.key for entry in read_journals(tmp_path)] == [KEY]


def test_a_folder_without_journals_is_as_good_as_none(tmp_path: Path) -> None:
    assert list(read_journals(tmp_path)) == list(read_journals(tmp_path / "none")) == []
    assert read_journal(journal_path(tmp_path, 1)) is None
