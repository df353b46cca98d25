"""`arena replay` and `arena plot`, as they are used."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commands import invoke
from large_networks import tree
from pages import embedded

from arena.cli import replaying
from arena.plugins import discover
from arena.report.replay import replay_address

DATA = Path(__file__).resolve().parents[1] / "data" / "store-5"

EVENTFUL = """
name: eventful
scenarios:
  - {name: crossing, network: NETWORK, horizon: 14, demand: {base_mean: 20}}
  - {name: lost, network: NETWORK, horizon: 14, fulfilment: lost_sales, demand: {base_mean: 20}}
"""

needs_heuristics = pytest.mark.skipif(
    "local-base-stock" not in discover().controllers, reason="the plugin arena-heuristics is not installed"
)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return copied(tmp_path, "public")


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    return copied(tmp_path, "hidden")


def copied(place: Path, name: str) -> Path:
    """A folder of results of before, under the present rules."""
    shutil.copytree(DATA / name, place / name)
    done = invoke(["results", "upgrade", str(place / name)])
    assert done.exit_code == 0, done.output
    return place / name


def told(page: Path) -> Any:
    """The data of a page."""
    return embedded(page.read_text(encoding="utf-8"))


def profit_of(run: Any) -> float:
    """What the whole network made; a series of zeros is the number 0."""
    series = run["columns"]["node_profit"][0]
    return float(sum(series)) if series else 0.0


def stored_profit(folder: Path, submission: str, scenario: str, seed: int) -> float:
    return float(stored(folder, submission, scenario, seed)["profit"])


def stored(folder: Path, submission: str, scenario: str, seed: int) -> Any:
    with closing(sqlite3.connect(folder / "results.sqlite")) as connection:
        rows = connection.execute("SELECT record FROM episodes").fetchall()
    for (text,) in rows:
        record = json.loads(text)
        if (record["submission"], record["scenario"], record["seed_index"]) == (submission, scenario, seed):
            return record
    raise AssertionError("there is no such episode")


def test_a_page_is_written_where_the_standings_look_for_it(public: Path) -> None:
    done = invoke(["replay", str(public), "steady", "own", "1"])
    assert done.exit_code == 0, done.output
    page = public / replay_address("steady", "own", 1)
    assert done.stdout == f"{page}\n"
    data = told(page)
    (run,) = data["runs"]
    # Sums of a few hundred amounts of money.
    expected = stored_profit(public, "steady", "own", 1)
    assert profit_of(run) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    first = page.read_bytes()
    assert invoke(["replay", str(public), "steady", "own", "1"]).exit_code == 0
    assert page.read_bytes() == first


def test_the_page_of_standings_links_to_the_replays_that_there_are_and_is_still_verified(public: Path) -> None:
    assert invoke(["report", str(public)]).exit_code == 0
    assert told(public / "report.html")["episodes"]["replays"] == {}
    assert invoke(["replay", str(public), "steady", "own", "1"]).exit_code == 0
    assert invoke(["replay", str(public), "late", "own", "0", "--against", "steady"]).exit_code == 0
    # A copy that somebody made bears no name of a replay.
    shutil.copy(public / replay_address("steady", "own", 1), public / "replay" / "steady.own.1.7dfb1234 (1): copy.html")
    # A page of before the replays agrees, one with links does, and one whose replays are gone.
    assert invoke(["verify", str(public)]).exit_code == 0
    assert invoke(["report", str(public)]).exit_code == 0
    links = told(public / "report.html")["episodes"]["replays"]
    assert sorted(links.values()) == sorted(
        [replay_address("steady", "own", 1), replay_address("late", "own", 0, "steady")]
    )
    assert all((public / address).exists() for address in links.values())
    shutil.rmtree(public / "replay")
    assert invoke(["verify", str(public)]).exit_code == 0


def test_two_stand_side_by_side_in_a_file_of_their_own(public: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "pair.html"
    done = invoke(["replay", str(public), "steady", "drawn", "0", "--against", "late", "--output", str(output)])
    assert done.exit_code == 0, done.output
    data = told(output)
    assert [run["name"] for run in data["runs"]] == ["steady", "late"]
    for run in data["runs"]:
        record = stored(public, run["name"], "drawn", 0)
        # After a forfeit what was made counts at most zero.
        made = profit_of(run) if record["outcome"] == "ok" else min(profit_of(run), 0.0)
        assert made == pytest.approx(record["profit"], rel=1e-9, abs=1e-6)
    assert {stored(public, run["name"], "drawn", 0)["outcome"] for run in data["runs"]} > {"ok"}


def test_the_terminal_goes_period_by_period(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # set by some runners of tests
    done = invoke(["replay", str(public), "steady", "own", "0", "--terminal", "--against", "late"])
    assert done.exit_code == 0, done.output
    assert [line for line in done.stdout.splitlines() if line.startswith("own, seed 0: period")] == [
        f"own, seed 0: period {period} of 0 to 8" for period in range(9)
    ]
    assert done.stdout.count("whole network") == 18
    # Into a pipe no column is left out.
    assert done.stdout.count("received") == 18
    assert not (public / "replay").exists()
    last = [line for line in done.stdout.splitlines() if line.startswith("steady: profit")][-1]
    so_far = float(last.rpartition(" ")[2].replace(",", "").replace("−", "-"))
    # The table has two decimals.
    assert so_far == pytest.approx(stored_profit(public, "steady", "own", 0), abs=0.005 + 1e-6)


def test_a_terminal_without_unicode_gets_plain_letters(public: Path) -> None:
    command = [sys.executable, "-m", "arena", "replay", str(public), "steady", "own", "0", "--terminal"]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"whole network" in done.stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("stedy", "own", "0"), 'unknown submission, got "stedy"; did you mean "steady"?'),
        (("steady", "owm", "0"), 'unknown scenario, got "owm"; did you mean "own"?'),
        (("steady", "own", "0", "--against", "steady"), "is the same submission"),
        (("steady", "own", "77"), "has no episode of this seed index"),
        (("steady", "own", "0", "--against", "lat"), 'did you mean "late"?'),
        (("steady", "own", "0", "--output", "DIR/episodes.csv"), "is a file of a folder of results"),
        (("steady", "own", "0", "--terminal", "--output", "a.html"), "goes to the terminal or into a file"),
        (("steady", "own", "0", "--reveal", str(DATA / "reveal.json")), "public seeds, which need no reveal"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(public: Path, names: tuple[str, ...], message: str) -> None:
    done = invoke(["replay", str(public), *(name.replace("DIR", str(public)) for name in names)])
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (public / "replay").exists()


@pytest.mark.parametrize("column", ["profit", "holding_cost"])
def test_a_stored_number_that_the_orders_do_not_give_is_an_error(public: Path, column: str) -> None:
    with closing(sqlite3.connect(public / "results.sqlite")) as connection, connection:
        connection.execute(f"UPDATE episodes SET record = json_set(record, '$.{column}', 12.5)")
    done = invoke(["replay", str(public), "steady", "own", "0"])
    assert done.exit_code == 2
    assert f"seed index 0: {column}: differs from what the logged orders give; recomputed" in done.stderr
    assert "got 12.5" in done.stderr
    assert not (public / "replay").exists()


def test_a_table_of_episodes_that_is_none_is_told(public: Path) -> None:
    table = public / "episodes.csv"
    content = table.read_text(encoding="utf-8")
    for text, message in (
        ("a,b\n1,2\n", "holds no table of episodes of this arena's layout"),
        (
            content.replace("\nsteady,", "\nother,").replace("\nlate,", "\nsteady,"),
            "names this episode as one of steady",
        ),
        (None, "cannot be read: No such file or directory"),
    ):
        table.unlink()
        if text is not None:
            table.write_text(text, encoding="utf-8")
        done = invoke(["replay", str(public), "steady", "own", "0"])
        assert done.exit_code == 2
        assert message in done.stderr
        table.touch()


def test_hidden_seeds_are_shown_once_they_are_revealed(hidden: Path, tmp_path: Path) -> None:
    for command in (["replay"], ["plot", "episode"]):
        done = invoke([*command, str(hidden), "steady", "own", "0"])
        assert done.exit_code == 2
        assert "the demand of hidden seeds stays hidden until their secret is revealed" in done.stderr
    assert not (hidden / "replay").exists()
    done = invoke(["replay", str(hidden), "steady", "own", "0", "--reveal", str(DATA / "reveal.json")])
    assert done.exit_code == 0, done.output
    data = told(hidden / replay_address("steady", "own", 0))
    expected = stored_profit(hidden, "steady", "own", 0)
    assert profit_of(data["runs"][0]) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    other = json.loads((DATA / "reveal.json").read_text(encoding="utf-8"))
    other["salt"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(other), encoding="utf-8")
    done = invoke(["replay", str(hidden), "steady", "own", "0", "--reveal", str(tmp_path / "other.json")])
    assert done.exit_code == 2
    assert "the reveal is of the commitment" in done.stderr


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_figures_are_written_in_every_format(public: Path, tmp_path: Path, file_format: str) -> None:
    beginnings = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    for names in (["standings"], ["pareto"], ["episode", "steady", "own", "0", "--against", "late"]):
        done = invoke(["plot", names[0], str(public), *names[1:], "--format", file_format])
        assert done.exit_code == 0, done.output
        path = Path(done.stdout.strip())
        assert path.parent == public / "figures"
        assert path.read_bytes().startswith(beginnings[file_format])
    output = tmp_path / f"mine.{file_format}"
    assert invoke(["plot", "pareto", str(public), "--output", str(output)]).exit_code == 0
    assert output.read_bytes().startswith(beginnings[file_format])
    # What verification looks at is as it was.
    assert invoke(["verify", str(public)]).exit_code == 0


@pytest.fixture
def evaluate(repository: Path, tmp_path: Path) -> Callable[..., Path]:
    """Evaluate shipped submissions on a suite in this process."""

    def call(suite: Path, *names: str) -> Path:
        paths = [str(repository / "submissions" / f"{name}.yaml") for name in names]
        options = ["--suite", str(suite), "--isolation", "trusted", "--workers", "0", "--output", str(tmp_path / "r")]
        done = invoke(["evaluate", *paths, *options])
        assert done.exit_code == 0, done.output
        return tmp_path / "r"

    return call


@needs_heuristics
def test_worlds_of_the_later_parts_add_up_to_their_profit(evaluate: Callable[..., Path], tmp_path: Path) -> None:
    varies = {"values": [1, 2, 4, "lost"], "probabilities": [0.4, 0.3, 0.2, 0.1], "may_cross": True}
    network = tree(9)
    for link in network["supply_links"]:
        link |= {"lead_time": 2, "lead_time_distribution": varies}
    for node in network["nodes"]:
        node |= {"initial_stock": 25} if "initial_stock" in node else {}
    (tmp_path / "net.yaml").write_text(json.dumps(network), encoding="utf-8")
    suite = tmp_path / "eventful.yaml"
    suite.write_text(EVENTFUL.replace("NETWORK", "net.yaml"), encoding="utf-8")
    folder = evaluate(suite, "local-base-stock", "local-base-stock-full-view")
    happened = set()
    for scenario in ("crossing", "lost"):
        for seed in ("0", "3"):
            done = invoke(
                ["replay", str(folder), "local-base-stock", scenario, seed, "--against", "local-base-stock-full-view"]
            )
            assert done.exit_code == 0, done.output
            data = told(Path(done.stdout.strip()))
            happened |= {column["key"] for column in data["columns"]}
            assert ("backlog" if scenario == "crossing" else "lost sales") in {one["label"] for one in data["columns"]}
            for run in data["runs"]:
                expected = stored_profit(folder, run["name"], scenario, int(seed))
                moved = sum(abs(sum(run["columns"][key][0] or [0])) for key in ("revenue", "procurement_cost"))
                # Relative to the money that was moved: profit is what is left of it.
                assert profit_of(run) == pytest.approx(expected, abs=1e-9 * max(1.0, moved))
    assert {"lost", "unfilled"} <= happened


def test_json_has_every_number(public: Path) -> None:
    done = invoke(["replay", str(public), "steady", "own", "0", "--against", "late", "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert [one["submission"] for one in content["episodes"]] == ["steady", "late"]
    for one in content["episodes"]:
        assert all(len(rows) == content["periods"] for rows in one["values"].values())
        assert all(len(row) == len(content["nodes"]) for rows in one["values"].values() for row in rows)
    made = sum(map(sum, content["episodes"][0]["values"]["node_profit"]))
    assert made == pytest.approx(stored_profit(public, "steady", "own", 0), rel=1e-9, abs=1e-6)
    assert not (public / "replay").exists()


def test_in_a_terminal_the_keyboard_says_which_period(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    def shown(*answers: str) -> list[str]:
        output = Keyboard()
        given = iter(answers)

        def answer(prompt: str) -> str:
            try:
                return next(given)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("sys.stdin", Keyboard())
        monkeypatch.setattr("sys.stdout", output)
        monkeypatch.setattr("builtins.input", answer)
        replaying.replay(public, "steady", "own", 0, terminal=True)
        monkeypatch.undo()
        return re.findall(r"period (\d+) of 0 to 8", output.getvalue())

    assert shown() == ["0"]
    assert shown("", "", "b", "q", "") == ["0", "1", "2", "1"]
    assert shown("99", "", "what", "b", "3", "²") == ["0", "8", "7", "3"]
    assert shown("b", "0") == ["0", "0", "0"]
