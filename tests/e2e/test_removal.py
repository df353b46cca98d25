"""A submission that is taken out of a folder of results no longer counts, and nobody can overlook that it was."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from arena.audit.upgrade import upgrade
from arena.cli import app

DATA = Path(__file__).resolve().parent.parent / "data" / "store-5"
REASON = "<b>read the seeds</b>"

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command beside a folder of results of two submissions, late and steady."""
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    upgrade(tmp_path / "public")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")

    return call


def evaluate(run: Run, *submissions: str) -> Any:
    paths = [Path("submissions") / name for name in submissions]
    options = ("--output", "public", "--isolation", "trusted", "--workers", 0, "--json")
    done = run("evaluate", *paths, "--suite", "two-seeds.yaml", *options)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def played(run: Run) -> Run:
    """The same folder with all ten public seeds, as the command line plays them."""
    shutil.rmtree("public")
    Path("two-seeds.yaml").write_text("name: two\nscenarios:\n  - {name: own, network: serial, horizon: 4}\n")
    evaluate(run, "late", "steady")
    return run


def standings() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("public/standings.json").read_text())
    return content


def counting() -> set[str]:
    """Names in the table of episodes, which the standings and the page are about too."""
    with Path("public/episodes.csv").open(newline="") as file:
        found = {line["submission"] for line in csv.DictReader(file)}
    assert found == {row["submission"] for row in standings()["rows"]}
    return found


def change(statement: str) -> None:
    with closing(sqlite3.connect("public/results.sqlite", isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount


def verified(run: Run) -> str:
    found = run("verify", "public")
    assert found.exit_code == 0, found.output
    return str(found.stdout)


def test_a_removed_submission_no_longer_counts_and_leaves_a_mark(run: Run) -> None:
    assert counting() == {"late", "steady"}
    done = run("results", "remove", "public", "late", "--reason", REASON)
    assert done.exit_code == 0, done.output
    assert counting() == {"steady"}
    [mark] = standings()["removals"]
    assert (mark["submission"], mark["reason"], mark["episodes"], mark["entered_again"]) == ("late", REASON, 4, None)
    told = verified(run)
    assert "checked: 8 of 8 rows" in told
    assert f"removed: late (content {mark['submission_digest'][:12]}…) on {mark['removed_at']}: {REASON}; its 4" in told
    assert told.splitlines()[-1] == "all agrees"
    for page in (Path("public/report.html").read_text(), Path(run("report", "public").stdout.strip()).read_text()):
        assert "<h2>Removed</h2>" in page
        assert "&lt;b&gt;read the seeds&lt;/b&gt;" in page
        assert REASON not in page


def test_removing_again_says_so_and_changes_nothing(run: Run) -> None:
    run("results", "remove", "public", "late", "--reason", REASON)
    before = standings()
    again = run("results", "remove", "public", "late", "--reason", REASON)
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "late is removed already; nothing was changed")
    again = run("results", "remove", "public", "late", "--reason", "another")
    told = (
        "late is removed already; nothing was changed; the reason given now was not kept, since a mark is never changed"
    )
    assert again.exit_code == 0
    assert again.stdout.startswith(f"{told}\n")
    assert f": {REASON}; its 4 episodes do not count" in again.stdout
    assert standings() == before


def test_a_removal_that_was_interrupted_before_its_tables_goes_on(run: Run) -> None:
    kept = {name: Path("public", name).read_bytes() for name in ("episodes.csv", "standings.json")}
    run("results", "remove", "public", "late")
    for name, content in kept.items():
        Path("public", name).write_bytes(content)
    assert run("verify", "public").exit_code == 1
    run("results", "remove", "public", "late")
    assert counting() == {"steady"}
    assert verified(run).splitlines()[-1] == "all agrees"


def test_the_last_submission_can_be_removed_too(run: Run) -> None:
    for name in ("late", "steady"):
        assert run("results", "remove", "public", name).exit_code == 0
    assert counting() == set()
    assert "No submission has played yet" in Path("public/report.html").read_text()
    assert verified(run).splitlines()[-1] == "all agrees"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("public", "layt"), 'unknown submission, got "layt"; did you mean "late"?'),
        (("public", "late", "--reason", "x" * 501), "a reason has at most 500 characters, not 501"),
        (("nowhere", "late"), "there is no such store; name a folder that arena evaluate wrote"),
    ],
)
def test_a_removal_that_cannot_be_is_told(run: Run, arguments: tuple[str, ...], message: str) -> None:
    told = run("results", "remove", *arguments)
    assert (told.exit_code, message in told.stderr) == (2, True), told.output
    assert counting() == {"late", "steady"}
    assert run("results", "remove", "public", "late", "--reason", "x" * 500).exit_code == 0


def test_a_mark_that_was_taken_away_is_found(run: Run) -> None:
    run("results", "remove", "public", "late")
    content = standings()
    Path("public/standings.json").write_text(json.dumps({**content, "removals": []}))
    told = run("verify", "public")
    assert (told.exit_code, "standings.json: removals is 0 entries, recomputed 1 entries" in told.stdout) == (1, True)
    Path("public/standings.json").write_text(json.dumps(content))
    assert verified(run).splitlines()[-1] == "all agrees"
    change("DELETE FROM removals")
    assert run("verify", "public").exit_code == 1


def test_a_removed_submission_stays_out_when_others_play(played: Run) -> None:
    played("results", "remove", "public", "late")
    done = evaluate(played, "steady")
    assert json.loads(done.stdout)["played"] == 0
    assert "removed" not in done.stderr
    assert counting() == {"steady"}
    assert len(standings()["removals"]) == 1


def test_the_same_content_is_taken_in_again_without_playing(played: Run) -> None:
    before = standings()
    played("results", "remove", "public", "late", "--reason", REASON)
    done = evaluate(played, "late")
    assert json.loads(done.stdout)["played"] == 0
    assert f"arena: removed: late (content {standings()['removals'][0]['submission_digest'][:12]}…) on" in done.stderr
    assert f"{REASON}; its 10 episodes count again since it was entered on" in done.stderr
    assert counting() == {"late", "steady"}
    [mark] = standings()["removals"]
    assert mark["entered_again"] >= mark["removed_at"]
    # The digest of the run covers marks of removal, and the full digest covers it.
    after = standings()
    assert {**after, "removals": [], "digests": None} == {**before, "digests": None}
    assert after["digests"]["results"] == before["digests"]["results"]
    assert "count again since" in verified(played)
    played("results", "remove", "public", "late")
    assert counting() == {"steady"}
    assert [one["entered_again"] is None for one in standings()["removals"]] == [False, True]
    assert verified(played).splitlines()[-1] == "all agrees"


def test_a_changed_content_is_played_and_the_mark_stays(played: Run) -> None:
    played("results", "remove", "public", "late")
    place = Path("submissions/late/submission.yaml")
    place.write_text(place.read_text().replace("last: 5", "last: 2"))
    done = evaluate(played, "late")
    assert json.loads(done.stdout)["played"] == 10
    assert "its 10 episodes do not count" in done.stderr
    assert counting() == {"late", "steady"}
    assert [one["entered_again"] for one in standings()["removals"]] == [None]
    assert verified(played).splitlines()[-1] == "all agrees"
