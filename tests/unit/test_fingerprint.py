"""Digests of rows: the same whoever finished first, another one whenever anything that they cover was edited."""

import dataclasses
import hashlib
import json
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from records import make_episode

from arena.jail.limits import Limits
from arena.results.fingerprint import VARYING, Digests, SubmissionDigests
from arena.results.record import EpisodeRecord, PlayedEpisode, key_of
from arena.results.store import Store
from arena.results.timing import DecisionTimes

EPISODES = [
    make_episode(submission=name, scenario=scenario, seed_index=index, profit=10.0 * index, stderr_tail="ünï\ud800")
    for name in ("alpha", "beta")
    for scenario in ("north", "south")
    for index in range(2)
]
REFERENCE_LINE_FIELDS = ["demand", "isolation", "key", "outcome", "record", "requested"]


def digest(episodes: Sequence[PlayedEpisode], suite: str = "core") -> Digests:
    with tempfile.TemporaryDirectory() as place, Store(Path(place) / "results.sqlite") as store:
        for episode in episodes:
            store.put(episode, suite=suite)
        return store.digests.compute({key_of(episode.record) for episode in episodes})


def changed(episode: PlayedEpisode, **fields: Any) -> PlayedEpisode:
    return dataclasses.replace(episode, record=episode.record.model_copy(update=fields))


def other_value(name: str) -> Any:
    """Another value of a field than the first episode has, in the way that a record would hold it."""
    value = getattr(EPISODES[0].record, name)
    if name == "decision_times":
        return DecisionTimes.measured([0.5], [0.1] * 4, Limits())
    if name in ("profit_bound", "llm_cost", "failure_period"):
        return 3
    if isinstance(value, float):
        return value + 0.5
    return value + 7 if isinstance(value, int) else f"{value} edited"


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(len(EPISODES))), doubled=st.lists(st.sampled_from(range(len(EPISODES))), max_size=4))
def test_the_order_of_insertion_and_replaced_rows_change_nothing(order: list[int], doubled: list[int]) -> None:
    assert digest([EPISODES[place] for place in [*doubled, *order]]) == digest(EPISODES)


@settings(max_examples=15, deadline=None)
@given(
    planning=st.floats(0, 100),
    decision=st.floats(0, 100),
    finished=st.datetimes().map(str),
    place=st.sampled_from(range(len(EPISODES))),
)
def test_measured_times_change_the_full_digest_only(
    planning: float, decision: float, finished: str, place: int
) -> None:
    times = {"planning_time": planning, "decision_time": decision, "finished_at": finished, "llm_seconds": planning}
    played = [changed(one, **times) if number == place else one for number, one in enumerate(EPISODES)]
    before, after = digest(EPISODES), digest(played)
    assert (after.results, after.full == before.full) == (before.results, False)
    name = EPISODES[place].record.submission
    assert [one.submission for one, was in pairs(after, before) if one.full != was.full] == [name]
    assert all(one.results == was.results for one, was in pairs(after, before))


def pairs(one: Digests, other: Digests) -> list[tuple[SubmissionDigests, SubmissionDigests]]:
    return list(zip(one.submissions, other.submissions, strict=True))


@pytest.mark.parametrize("name", EpisodeRecord.model_fields)
def test_every_field_is_in_one_of_them(name: str) -> None:
    edited = changed(EPISODES[0], **{name: other_value(name)})
    before, after = digest(EPISODES), digest([edited, *EPISODES[1:]])
    if key_of(edited.record) != key_of(EPISODES[0].record):
        assert after.episodes == before.episodes  # an episode of its own, in the place of the first
    assert after.full != before.full
    assert (after.results == before.results) == (name in VARYING)


@pytest.mark.parametrize("series", ["requested", "demand"])
def test_every_order_and_every_demand_is_in_both(series: str) -> None:
    before = digest(EPISODES)
    for place in np.ndindex(getattr(EPISODES[0], series).shape):
        values = getattr(EPISODES[0], series).copy()
        values[place] = np.nextafter(values[place], np.inf)
        after = digest([dataclasses.replace(EPISODES[0], **{series: values}), *EPISODES[1:]])
        assert after.results != before.results
        assert after.full != before.full


def test_a_dropped_episode_and_a_dropped_submission_are_seen() -> None:
    before = digest(EPISODES)
    shorter, alone = digest(EPISODES[:-1]), digest(EPISODES[:4])
    assert len({before.results, shorter.results, alone.results}) == 3
    assert [one.episodes for one in shorter.submissions] == [4, 3]
    assert [one.submission for one in alone.submissions] == ["alpha"]
    assert alone.submissions[0] == before.submissions[0]


def test_the_suite_is_in_the_full_digest_only() -> None:
    before, after = digest(EPISODES), digest(EPISODES, suite="another")
    assert (after.results, after.full == before.full) == (before.results, False)


def test_only_rows_that_are_asked_for_count() -> None:
    with tempfile.TemporaryDirectory() as place, Store(Path(place) / "results.sqlite") as store:
        for episode in EPISODES:
            store.put(episode, suite="core")
        chosen = store.digests.compute({key_of(episode.record) for episode in EPISODES[:4]})
        nothing = store.digests.compute(set())
    assert chosen == digest(EPISODES[:4])
    assert (nothing.episodes, nothing.results, nothing.submissions) == (0, hashlib.sha256().hexdigest(), ())


def test_how_well_a_library_compresses_changes_nothing_and_damage_has_a_digest_too(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.put(EPISODES[0], suite="core")
        keys = {key_of(EPISODES[0].record)}
        before = store.digests.compute(keys)
        stored = np.ascontiguousarray(EPISODES[0].requested, "<f8").tobytes()
        for blob, same in ((zlib.compress(stored, 0), True), (b"damaged", False), ("text", False)):
            store._database.execute("UPDATE episodes SET requested = ?", (blob,))
            assert (store.digests.compute(keys).results == before.results) == same


def test_the_digest_is_the_one_that_its_docstring_says() -> None:
    """As somebody would compute it who has only the description."""
    episode = make_episode()
    record = json.loads(json.dumps(episode.record.model_dump()))
    described = {
        name: {"shape": list(values.shape), "sha256": hashlib.sha256(values.astype("<f8").tobytes()).hexdigest()}
        for name, values in (("demand", episode.demand), ("requested", episode.requested))
    }
    line = {
        **described,
        "isolation": "process",
        "key": list(key_of(episode.record)),
        "outcome": "ok",
        "record": {name: value for name, value in record.items() if name not in VARYING},
    }
    assert sorted(line) == REFERENCE_LINE_FIELDS
    rest = {"record": {name: value for name, value in record.items() if name in VARYING}, "suite": "core"}
    lines = [json.dumps(part, sort_keys=True, separators=(",", ":")) + "\n" for part in (line, rest)]
    found = digest([episode])
    assert found.results == hashlib.sha256(lines[0].encode()).hexdigest()
    assert found.full == hashlib.sha256("".join(lines).encode()).hexdigest()
