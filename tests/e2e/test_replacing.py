"""Files are replaced only if the arena wrote them, and page and tables only by those of the same selection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from arena.cli import app
from arena.results.files import EPISODES, PAGE, PERIODS, STANDINGS, TRANSCRIPT, Kind

BACKLOG, LOST_SALES = "serial-stationary-backlog", "serial-stationary-lost-sales"
TABLES: Final = ("episodes.csv", "standings.json", "report.html")

CODE: Final = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0)
"""

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command in a folder with the submissions `rule` and `other`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("rule", "other"):
        Path(name).mkdir()
        Path(name, "controller.py").write_text(CODE)
        Path(name, "submission.yaml").write_text(f"name: {name}\ncontroller: controller.py:Controller\ntrack: blind\n")

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")

    return call


def play(run: Run, *arguments: object) -> Any:
    chosen = () if "--suite" in arguments or "--scenario" in arguments else ("--scenario", BACKLOG)
    return run("evaluate", "rule", *chosen, "--isolation", "trusted", "--workers", 0, *arguments)


def contents(folder: Path = Path("results")) -> dict[str, bytes]:
    # The store's own companions come and go with readers.
    files = [path for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm", ".lock"))]
    return {path.name: path.read_bytes() for path in files}


def assert_refused(result: Any, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    "name", ["results.sqlite", "results.sqlite-wal", "results.sqlite.lock", "transcripts.jsonl", *TABLES]
)
def test_an_export_is_never_written_over_a_file_of_the_folder(run: Run, name: str) -> None:
    assert play(run).exit_code == 0
    before = contents()
    for output in (f"results/{name}", f"rule/../results/{name}"):
        assert_refused(run("export", "results", "--output", output), name, "--output FILE")
    assert contents() == before


def test_an_export_is_never_written_over_the_file_that_a_link_leads_to(run: Run) -> None:
    assert play(run).exit_code == 0
    before = contents()
    Path("link.csv").symlink_to("results/episodes.csv")
    assert_refused(run("export", "results", "--output", "link.csv"), "link.csv", "file of a folder of results")
    assert contents() == before
    # One to an earlier export stays a link.
    assert run("export", "results", "--output", "all.csv").exit_code == 0
    Path("all.csv").write_bytes(Path("all.csv").read_bytes() + b"more\n")
    Path("link.csv").unlink()
    Path("link.csv").symlink_to("all.csv")
    assert run("export", "results", "--output", "link.csv").exit_code == 0
    assert Path("link.csv").is_symlink()
    assert not Path("all.csv").read_bytes().endswith(b"more\n")


def test_a_strangers_files_are_all_named_and_stay_as_they_are(run: Run) -> None:
    assert play(run).exit_code == 0
    Path("mine.csv").write_text("day,sales\n1,2\n")
    Path("mine-periods.csv").write_bytes(b"\xff\xfe\x00")
    told = run("export", "results", "--output", "mine.csv")
    assert_refused(
        told, "2 faults in 2 inputs", "mine.csv: is not a table of episodes (CSV)", "mine-periods.csv: is not"
    )
    assert_refused(told, "move it away, or choose another name: --output FILE")
    assert Path("mine.csv").read_text() == "day,sales\n1,2\n"
    assert Path("mine-periods.csv").read_bytes() == b"\xff\xfe\x00"
    # One stranger is enough: the other file is not written either.
    Path("mine.csv").unlink()
    assert_refused(run("export", "results", "--output", "mine.csv"), "mine-periods.csv")
    assert not Path("mine.csv").exists()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (".", "is a folder, not a file"),
        ("rule", "is a folder, not a file"),
        (os.devnull, "is not a regular file"),
        ("loop.csv", "symbolic link that leads to itself"),
        ("none/all.csv", "cannot be written (No such file or directory)"),
        ("rule/submission.yaml/all.csv", "cannot be written (Not a directory)"),
    ],
)
def test_an_export_that_cannot_be_written_is_told(run: Run, output: str, words: str) -> None:
    assert play(run).exit_code == 0
    Path("loop.csv").symlink_to("loop.csv")
    assert_refused(run("export", "results", "--output", output), words)


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet", "xlsx"])
def test_an_export_replaces_an_earlier_one_of_its_format_or_an_empty_file(run: Run, file_format: str) -> None:
    if file_format == "parquet":
        pytest.importorskip("pyarrow", reason="the format needs pyarrow")
    if file_format == "xlsx":
        pytest.importorskip("xlsxwriter", reason="the format needs xlsxwriter")
    assert play(run).exit_code == 0
    Path("all.table").touch()
    for _ in range(2):
        told = run("export", "results", "--output", "all.table", "--format", file_format)
        assert told.exit_code == 0, told.output
    # By the default name, too.
    for _ in range(2):
        assert run("export", "results", "--format", file_format).exit_code == 0
    if file_format != "csv":
        assert_refused(run("export", "results", "--output", "all.table"), "is not a table of episodes (CSV)")


def test_an_evaluation_names_all_strangers_before_it_plays(run: Run) -> None:
    Path("results").mkdir()
    for name in TABLES:
        Path("results", name).write_text("<!doctype html><title>Mine: standings</title> not, the arena's\n")
    before = contents()
    told = play(run)
    assert_refused(told, "3 faults in 3 inputs", *(f"results/{name}: is not a " for name in TABLES))
    assert_refused(told, "choose another folder: --output results/selection")
    assert contents() == before  # no store was begun
    for name in TABLES:
        Path("results", name).write_bytes(b"")
    assert play(run).exit_code == 0


def test_a_report_is_never_written_over_a_strangers_page(run: Run) -> None:
    assert play(run).exit_code == 0
    page = Path("results/report.html")
    page.write_text("<h1>My summer</h1>")
    assert_refused(run("report", "results"), "results/report.html", "is not a page of standings", "move it away")
    assert page.read_text() == "<h1>My summer</h1>"
    page.rename("summer.html")
    assert run("report", "results").exit_code == 0
    assert run("report", "results").exit_code == 0


def test_page_and_tables_are_not_replaced_by_those_of_another_selection(run: Run) -> None:
    assert play(run, "--suite", "smoke").exit_code == 0
    before = contents()
    assert_refused(play(run), "it is of suite smoke, asked was selection", "--output results/selection;")
    assert contents() == before
    Path("results/selection").mkdir()
    assert_refused(play(run), "--output results/selection-2;")
    Path("results/selection").rmdir()
    # The same again, and with another submission.
    again = play(run, "--suite", "smoke")
    assert "40 of them played before" in again.stderr
    assert run("evaluate", "other", "--suite", "smoke", "--isolation", "trusted", "--workers", 0).exit_code == 0
    standings = json.loads(Path("results/standings.json").read_text())
    assert {row["submission"] for row in standings["rows"]} == {"rule", "other"}
    # What the message says to write.
    assert play(run, "--output", "results/selection").exit_code == 0
    assert run("verify", "results").exit_code == 0


def test_other_scenarios_are_told_by_name(run: Run) -> None:
    assert play(run).exit_code == 0
    before = contents()
    told = play(run, "--scenario", BACKLOG, "--scenario", LOST_SALES)
    assert_refused(told, f"scenario asked for that it has not: {LOST_SALES}")
    told = play(run, "--scenario", LOST_SALES)
    assert_refused(told, f"scenario that is not asked for: {BACKLOG}; scenario asked for that it has not: {LOST_SALES}")
    assert contents() == before


def test_a_scenario_is_the_same_by_its_content_and_not_by_its_name(run: Run) -> None:
    text = "name: mine\nnetwork: serial\nhorizon: {}\nfulfilment: backlog\ndemand: {{}}\n"
    scenario = Path("mine.yaml")
    scenario.write_text(text.format(6))
    first = play(run, "--scenario", "mine.yaml")
    assert first.exit_code == 0, first.output
    scenario.write_text(text.format(7))
    assert_refused(play(run, "--scenario", "mine.yaml"), "scenario with another content: mine")
    scenario.write_text(text.format(6).replace("mine", "renamed"))
    assert play(run, "--scenario", "mine.yaml").exit_code == 0


@pytest.mark.parametrize("kept", TABLES)
def test_one_table_alone_tells_what_the_folder_is_about(run: Run, kept: str) -> None:
    assert play(run).exit_code == 0
    for name in TABLES:
        if name != kept:
            Path("results", name).unlink()
    assert_refused(play(run, "--suite", "smoke"), "it is of suite selection, asked was smoke")
    assert play(run).exit_code == 0


def test_other_seeds_are_refused_and_more_of_the_same_are_not(run: Run) -> None:
    for name in ("secret.json", "another.json"):
        assert run("seeds", "new", name).exit_code == 0

    def hidden(count: int, secret: str = "secret.json", output: str = "final") -> Any:
        return play(run, "--seeds", f"hidden:{count}", "--secret", secret, "--output", output)

    assert play(run).exit_code == 0
    assert_refused(hidden(2, output="results"), "it is of public seeds, asked was the hidden seeds of commitment")
    assert hidden(2).exit_code == 0
    before = contents(Path("final"))
    assert_refused(hidden(1), "it is of 2 seeds, asked were 1 of them")
    assert_refused(hidden(2, "another.json"), "it is of the hidden seeds of commitment")
    assert_refused(play(run, "--output", "final"), "asked was public seeds")
    assert contents(Path("final")) == before
    more = hidden(3)
    assert more.exit_code == 0, more.output
    assert "2 of them played before" in more.stderr


def test_results_under_other_rules_are_refused(run: Run) -> None:
    assert play(run).exit_code == 0
    path = Path("results/standings.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "contract_digest": "0123456789abcdef"}))
    assert_refused(play(run), "it was played under the rules 0123456789ab, this arena's are ")


def test_a_first_evaluation_that_was_interrupted_has_nothing_to_lose(run: Run) -> None:
    assert play(run).exit_code == 0
    for name in TABLES:
        Path("results", name).unlink()
    assert play(run, "--scenario", LOST_SALES).exit_code == 0
    assert_refused(play(run), "--output results/selection")
    # The episodes of both are in the store.
    assert run("export", "results").exit_code == 0
    assert len(Path("results/export.csv").read_text().splitlines()) == 1 + 2 * 10


def test_a_suite_beside_scenarios_is_refused(run: Run) -> None:
    for suite in ("core", "smoke", "no-such-suite"):
        told = run("evaluate", "rule", "--suite", suite, "--scenario", BACKLOG)
        assert_refused(
            told, "--suite and --scenario both say what is played", f'got "{suite}"', "leave one of them out"
        )
    assert not Path("results").exists()


# The heads of files as the first version of the arena wrote them.
FORMER_EPISODES: Final = (
    "submission,controller,track,suite,scenario,published_id,seed_index,seed,outcome,isolation,profit,planning_time,"
    "decision_time,decisions,clipped_orders,failure_period,failure_message,contract_digest,submission_digest,"
    "scenario_digest,commitment,arena_version,python_version,numpy_version,finished_at\n"
)
FORMER_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>core: standings</title>
"""
FORMER_STANDINGS: Final = dict.fromkeys(
    ("suite", "seed_plan", "commitment", "seeds", "scenarios", "contract_digest", "ranked_by", "rows", "reference")
)


@pytest.mark.parametrize(
    ("kind", "text", "ours"),
    [
        (EPISODES, FORMER_EPISODES, True),
        (EPISODES, "\ufeff" + FORMER_EPISODES, True),
        (EPISODES, FORMER_EPISODES.replace(",", ";"), False),
        (EPISODES, FORMER_EPISODES.replace("submission,", "my_notes,submission,", 1), False),
        (EPISODES, "scenario,submission\n", False),
        (EPISODES, "submission,submission_digest,scenario,seed_index,commitment,period,quantity,link,units\n", False),
        (PERIODS, "submission,submission_digest,scenario,seed_index,commitment,period,quantity,link,units\n", True),
        (PERIODS, FORMER_EPISODES, False),
        (STANDINGS, json.dumps(FORMER_STANDINGS), True),
        (STANDINGS, "[]", False),
        (STANDINGS, '{"suite": "core"}', False),
        (STANDINGS, "[" * 100_000, False),
        (PAGE, FORMER_PAGE, True),
        (PAGE, FORMER_PAGE.replace("core: standings", "Football"), False),
        (PAGE, "<!doctype html><title>Football: standings</title>", False),
        (TRANSCRIPT, '{"submission":"llm-tuner","scenario_digest":"', True),
        (TRANSCRIPT, '{"subm', True),
        (TRANSCRIPT, '{"speaker": "me"}', False),
    ],
)
def test_files_of_every_version_are_known_by_their_content(tmp_path: Path, kind: Kind, text: str, ours: bool) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    try:
        assert kind.wrote(path) is ours
    except (ValueError, RecursionError):
        assert not ours
