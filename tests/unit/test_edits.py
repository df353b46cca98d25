"""Edits of a folder of results that agree with themselves: what verification names, and by what.

The editor is careful: store, table and standings are written anew after every edit, as the arena would write them. Only
digests stay as they were (`LAZY`), or are computed anew too (`CAREFUL`): then a digest that was published, or the
submissions themselves, tell.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from commands import interruptible
from editing import Edit, of, rewrite, set_field
from scaled_rule import CODE

from arena.audit.fingerprints import EDITED_REST, EDITED_RESULTS
from arena.audit.outcome import Verification
from arena.audit.playing import INTERRUPTED, Sample
from arena.audit.verify import verify
from arena.contract.seeds import Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.entry.submission import Submission
from arena.errors import InvalidInput
from arena.play.evaluate import evaluate
from arena.play.replays import EpisodeReplays
from arena.plugins import Plugins
from arena.progress import Silent
from arena.results.fingerprint import Digests
from arena.results.record import key_of
from arena.results.store import Store
from arena.world.suite import load_suite

SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
REVEAL = reveal_secret(SECRET)
SEEDS = 3
SUITE = """
name: small
scored_by: clairvoyant
scenarios:
  - serial-stationary-backlog
  - {name: own, network: tree, horizon: 9}
"""
EPISODES = 2 * SEEDS
MANIFESTS = {
    "clairvoyant": ("oracle", "factor: 0.9"),
    "late": ("blind", "last: 5"),
    "rival": ("blind", "factor: 0.8"),
    "steady": ("blind", ""),
}


def enter(place: Path, name: str, track: str, config: str) -> None:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "controller.py").write_text(CODE)
    manifest = f"name: {name}\ncontroller: controller.py:Controller\ntrack: {track}\nconfig: {{{config}}}\n"
    (folder / "submission.yaml").write_text(manifest)


def load(place: Path) -> tuple[Submission, ...]:
    return load_submissions([place], Plugins(MappingProxyType({}))).require()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("edits")
    for name, (track, config) in MANIFESTS.items():
        enter(place / "submissions", name, track, config)
    (place / "small.yaml").write_text(SUITE)
    seeds = hidden_seeds(SECRET, SEEDS, contract_digest())
    suite = load_suite(place / "small.yaml")
    options: dict[str, Any] = {"output": place / "results", "isolation": "trusted", "workers": 0}
    evaluate(load(place / "submissions"), suite, seeds, **options)
    return place


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original / "results", tmp_path / "results")


def published(original: Path) -> Digests:
    return Digests.model_validate(json.loads((original / "results" / "standings.json").read_text())["digests"])


def take_orders(connection: sqlite3.Connection) -> None:
    """Give all that `rival` played to `steady`: orders, and everything that follows from them."""
    own = ("submission", "controller", "track", "submission_digest", "isolation")
    rows = connection.execute("SELECT rowid, scenario_digest, seed_index, record FROM episodes").fetchall()
    for number, scenario, index, text in rows:
        record = json.loads(text)
        if record["submission"] != "steady":
            continue
        for donor, other, at, donated in rows:
            given = json.loads(donated)
            if (given["submission"], other, at) == ("rival", scenario, index):
                kept = json.dumps({**given, **{field: record[field] for field in own}})
                statement = (
                    "UPDATE episodes SET record = ?, requested = (SELECT requested FROM episodes WHERE rowid = ?) "
                )
                connection.execute(f"{statement} WHERE rowid = ?", (kept, donor, number))


def forfeit(connection: sqlite3.Connection) -> None:
    """Turn an `ok` into a failure at the very end, with the profit that counts then."""
    chosen = f"{of('steady')} AND seed_index = 1"
    [(number, text), *_] = connection.execute(f"SELECT rowid, record FROM episodes WHERE {chosen}").fetchall()
    record = json.loads(text)
    changes = {"outcome": "exception", "failure_message": "ValueError", "profit": min(record["profit"], 0.0)}
    statement = "UPDATE episodes SET outcome = 'exception', record = ? WHERE rowid = ?"
    connection.execute(statement, (json.dumps({**record, **changes}), number))


def deleted(condition: str) -> Edit:
    def edit(connection: sqlite3.Connection) -> None:
        connection.execute(f"DELETE FROM episodes WHERE {condition}")

    return edit


RESULTS: dict[str, tuple[Edit, list[str]]] = {
    "orders of another submission": (take_orders, ["steady"]),
    "isolation label raised": (set_field("isolation", "strict", "1"), sorted(MANIFESTS)),
    "ok turned into a forfeit": (forfeit, ["steady"]),
}
ROWS: dict[str, tuple[Edit, list[str], str]] = {
    "rival deleted": (deleted(of("rival")), ["rival"], "no row is left of rival: a submission was deleted"),
    "last seeds dropped": (deleted(f"seed_index = {SEEDS - 1}"), sorted(MANIFESTS), "seeds or episodes were dropped"),
}
REST: dict[str, Edit] = {
    "versions": set_field("arena_version", "0.0.9", of("late")),
    "python": set_field("python_version", "3.99.0", of("late")),
    "dates": set_field("finished_at", "2020-01-01T00:00:00.000+00:00", of("late")),
    "times": set_field("planning_time", 0.0, of("late")),
    "messages": set_field("failure_message", "KeyError", of("late")),
}


def check(folder: Path, **options: Any) -> Verification:
    return verify(folder, **{"reveal": REVEAL, **options})


def named(found: Verification) -> list[tuple[str, str]]:
    return [(one.submission, one.column) for one in found.differences]


def test_nothing_is_said_of_a_folder_that_nobody_edited(folder: Path, original: Path) -> None:
    rewrite(folder, lambda _: None, careful=True)
    for digest in (published(original).results, published(original).full, published(original).full[:12].upper()):
        found = check(folder, digest=digest)
        assert (found.differences, found.notices, found.published, found.digests_kept) == ((), (), True, True)
    assert found.digests == published(original)


@pytest.mark.parametrize("edit", RESULTS)
def test_edited_results_are_named_by_submission(folder: Path, edit: str) -> None:
    change, names = RESULTS[edit]
    rewrite(folder, change, careful=False)
    found = check(folder)
    assert named(found) == [(name, "digests.results") for name in names]
    assert EDITED_RESULTS in found.notices


@pytest.mark.parametrize("edit", ROWS)
def test_rows_that_are_gone_are_named_by_submission_and_number(folder: Path, edit: str) -> None:
    change, names, notice = ROWS[edit]
    rewrite(folder, change, careful=False)
    found = check(folder)
    assert named(found) == [(name, "digests.episodes") for name in names]
    left = 0 if edit == "rival deleted" else 2 * (SEEDS - 1)
    assert {(one.stored, one.recomputed) for one in found.differences} == {(EPISODES, left)}
    assert any(notice in one for one in found.notices)


@pytest.mark.parametrize("edit", REST)
def test_edited_versions_dates_times_and_messages_are_named_as_such(folder: Path, edit: str) -> None:
    rewrite(folder, REST[edit], careful=False)
    found = check(folder)
    assert named(found) == [("late", "digests.full")]
    assert found.notices == (EDITED_REST,)


ALL = {name: change for name, (change, *_) in (RESULTS | ROWS).items()} | REST


@pytest.mark.parametrize("edit", ALL)
def test_a_published_digest_tells_every_edit_though_the_folder_agrees_with_itself(
    folder: Path, original: Path, edit: str
) -> None:
    rewrite(folder, ALL[edit], careful=True)
    assert check(folder).differences == ()
    for digest, told in ((published(original).full, True), (published(original).results, edit not in REST)):
        found = check(folder, digest=digest)
        assert named(found) == ([("", "digest as published")] if told else [])
        assert any("agrees with itself" in one for one in found.notices) == told


def test_copied_orders_are_noticed_without_any_digest(folder: Path) -> None:
    rewrite(folder, take_orders, careful=True)
    [notice] = check(folder).notices
    assert notice.startswith(
        f"rival and steady ordered the same, to the last digit, in {EPISODES} of {EPISODES} episodes"
    )


def test_digests_that_were_edited_themselves_are_found(folder: Path) -> None:
    path = folder / "standings.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "digests": {**content["digests"], "results": "ab" * 32}}))
    [found] = check(folder).differences
    assert found[:6] == ("standings.json", "", "", None, "digests.results", "ab" * 32)


def test_standings_that_say_something_twice_are_refused(folder: Path) -> None:
    """Of two values a browser and a program in another language may take another one than the arena."""
    path = folder / "standings.json"
    path.write_text(path.read_text(encoding="utf-8").replace("{", '{"suite": "other", ', 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"suite.*is there twice"):
        verify(folder, reveal=REVEAL)


@pytest.mark.parametrize("digest", ["", "abc", "z" * 64, "ab" * 40, "ab" * 5 + "a"])
def test_what_is_no_digest_is_refused(folder: Path, digest: str) -> None:
    with pytest.raises(InvalidInput, match=r"--digest:\n  a digest is 12 to 64 hexadecimal digits"):
        check(folder, digest=digest)


# --- an end that does not fit its outcome --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "name", "column"),
    [
        ({"failure_message": "out of ideas"}, "steady", "failure_message"),
        ({"outcome": "exception", "profit": 0.0, "decisions": 0}, "steady", "decision_times"),
        ({"outcome": "exception", "profit": 0.0, "decisions": 7}, "steady", "decisions"),
        ({"outcome": "exception", "profit": 0.0, "decisions": 7, "failure_period": 7}, "steady", "decision_times"),
        ({"decisions": 4, "failure_period": 4}, "late", "decision_times"),
        ({"outcome": "ok", "failure_period": None, "decisions": 30, "failure_message": ""}, "late", "decision_times"),
    ],
)
def test_an_end_that_does_not_fit_its_outcome_is_named(
    folder: Path, changes: dict[str, Any], name: str, column: str
) -> None:
    chosen = f"{of(name)} AND seed_index = 1 AND json_extract(record, '$.scenario') = 'serial-stationary-backlog'"

    def edit(connection: sqlite3.Connection) -> None:
        for field, value in changes.items():
            set_field(field, value, chosen)(connection)

    rewrite(folder, edit, careful=True)
    found = check(folder).differences[0]
    assert found[:5] == ("results.sqlite", name, "serial-stationary-backlog", 1, column)


# --- playing again -------------------------------------------------------------------------------------------------


@pytest.fixture
def replays(folder: Path, original: Path) -> Iterator[EpisodeReplays]:
    with EpisodeReplays(folder, load(original / "submissions")) as players:
        yield players


def test_all_episodes_played_again_order_the_same(folder: Path, replays: EpisodeReplays) -> None:
    found = check(folder, sample=Sample(replays, 1000, 1))
    everything = EPISODES * len(MANIFESTS)
    assert (found.differences, found.unchecked, found.played, found.play_seed) == ((), (), everything, None)


def test_orders_of_another_submission_are_shown_with_place_and_values(folder: Path, replays: EpisodeReplays) -> None:
    rewrite(folder, take_orders, careful=True)
    found = check(folder, sample=Sample(replays, 1000, 1))
    assert [(one.submission, one.column) for one in found.differences] == [("steady", "requested[0][0]")] * EPISODES
    first = found.differences[0]
    assert (first.file, first.seed_index in range(SEEDS)) == ("results.sqlite", True)
    assert first.stored == pytest.approx(0.8 * first.recomputed, rel=1e-12)  # type: ignore[operator]


def test_an_ok_that_was_turned_into_a_forfeit_is_shown(folder: Path, replays: EpisodeReplays) -> None:
    rewrite(folder, forfeit, careful=True)
    [found] = check(folder, sample=Sample(replays, 1000, 1)).differences
    assert found[4:] == ("outcome", "exception", "ok")


def test_workers_play_the_same_as_this_process(folder: Path, original: Path) -> None:
    rewrite(folder, take_orders, careful=True)
    found = []
    for workers in (0, 2):
        with EpisodeReplays(folder, load(original / "submissions"), workers=workers) as players:
            found.append(check(folder, sample=Sample(players, 20, 7)))
    here, there = found
    assert here == there
    assert here.played == 20
    assert {one.submission for one in here.differences} == {"steady"}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_first_interrupt_ends_the_playing_and_tells_what_is_left(
    folder: Path, original: Path, workers: int
) -> None:
    class Impatient(Silent):
        """Presses Ctrl-C after the third episode that is played again."""

        def __init__(self) -> None:
            self.rounds = self.done = 0

        def started(self, total: int, done: int = 0) -> None:
            self.rounds += 1

        def advanced(self, item: object) -> None:
            self.done += self.rounds == 2
            if self.done == 3:
                os.kill(os.getpid(), signal.SIGINT)

    watcher = Impatient()
    players = EpisodeReplays(folder, load(original / "submissions"), workers=workers)
    with interruptible(), players:
        found = check(folder, sample=Sample(players, 1000, 1), progress=watcher)
    everything = EPISODES * len(MANIFESTS)
    assert found.interrupted
    assert 3 <= found.played < everything
    assert [(one.number, one.why) for one in found.unchecked] == [
        (everything - found.played, f"not played again: {INTERRUPTED}")
    ]
    assert found.differences == ()


def test_a_sample_is_the_same_for_its_seed(folder: Path, replays: EpisodeReplays) -> None:
    with Store(folder / "results.sqlite", read_only=True) as store:
        records = store.records()
    chosen = [[key_of(one) for one in Sample(replays, 5, seed).choose(records)] for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 5
    found = check(folder, sample=Sample(replays, 5, 1))
    assert (found.played, found.play_seed, found.differences) == (5, 1, ())


def test_only_submissions_that_are_given_are_played(folder: Path, original: Path) -> None:
    with EpisodeReplays(folder, load(original / "submissions" / "steady")) as players:
        found = check(folder, sample=Sample(players, 1000, 1))
    assert (found.played, found.differences) == (EPISODES, ())


def test_a_submission_with_another_content_is_named(folder: Path, original: Path, tmp_path: Path) -> None:
    shutil.copytree(original / "submissions" / "rival", tmp_path / "entrants" / "rival")
    enter(tmp_path / "entrants", "steady", "blind", "factor: 1.1")
    submissions = load(tmp_path / "entrants")
    with EpisodeReplays(folder, submissions) as players:
        found = check(folder, sample=Sample(players, 1000, 1))
    [other] = found.differences
    given = next(one.digest for one in submissions if one.name == "steady")
    assert (other.submission, other.column, other.recomputed) == ("steady", "submission_digest", given)
    assert found.played == EPISODES
    alone = EpisodeReplays(folder, load(tmp_path / "entrants" / "steady"))
    with pytest.raises(
        InvalidInput, match=r'--submissions:\n  none of these submissions has an episode.*, got "steady"'
    ):
        check(folder, sample=Sample(alone, 1, 1))


def test_hidden_seeds_are_played_again_after_their_reveal(folder: Path, replays: EpisodeReplays) -> None:
    with pytest.raises(
        InvalidInput, match=r"--play:\n  hidden seeds are known from the reveal of their secret.*--reveal FILE"
    ):
        verify(folder, sample=Sample(replays, 1, 1))


def test_an_episode_is_played_at_the_level_and_with_the_limits_that_are_recorded(
    folder: Path, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arena.jail.limits import Limits
    from arena.play.seats import make_host

    asked: list[tuple[str, Limits]] = []

    def noting(isolation: str, limits: Limits, kept: object = None) -> Any:
        asked.append((isolation, limits))
        return make_host("trusted", limits)

    def raised(connection: sqlite3.Connection) -> None:
        set_field("isolation", "process", of("steady"))(connection)
        text = "UPDATE about SET value = json_set(value, '$.decision', 0.75) WHERE name = 'limits'"
        connection.execute(text)
        set_field("decision_times.deadline", 0.75, "1")(connection)

    rewrite(folder, raised, careful=True)
    monkeypatch.setattr("arena.play.pool.make_host", noting)
    with EpisodeReplays(folder, load(original / "submissions")) as players:
        assert check(folder, sample=Sample(players, 1000, 1)).differences == ()
    assert {(level, limits.decision) for level, limits in asked} == {("process", 0.75), ("trusted", 0.75)}
