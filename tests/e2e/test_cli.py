"""The command line, from the outside: what it prints where, and the exit status it leaves."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import running
from typer.testing import CliRunner

from arena.cli import app
from arena.contract.seeds import read_secret
from arena.contract.version import contract_digest
from arena.entry.finding import RESULTS_NAME
from arena.play.seats import strongest
from arena.results.folder import STORE_NAME
from arena.testing import check_controller

SCENARIO = "serial-stationary-backlog"

Run = Callable[..., Any]

FAILS_LATE = """
import numpy as np


class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        if observation.period == 3:
            print("three periods are enough")
            raise ValueError("<b>out of ideas</b>")
        return np.zeros(self.links)
"""

REPORTS = """
import numpy as np
from arena import ControllerReport


class Controller:
    def __init__(self, fallbacks=0, bound=None):
        self.said = ControllerReport(fallbacks, bound)

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0)

    def report(self):
        return self.said
"""

SLOW = FAILS_LATE.replace("if observation.period == 3:", "import time; time.sleep(0.01)\n        if False:")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command in an empty folder and returns what came of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")

    return call


def play(run: Run, *arguments: object) -> Any:
    """Evaluate on one scenario in this process."""
    return run("evaluate", *arguments, "--scenario", SCENARIO, "--workers", 0, "--isolation", "trusted")


def own_code(name: str, source: str, place: Path = Path(), track: str = "blind", config: str = "{}") -> Path:
    """Write a submission with its own code into a folder, the current one by default."""
    folder = place / name
    folder.mkdir()
    (folder / "submission.yaml").write_text(
        f"name: {name}\ncontroller: controller.py:Controller\ntrack: {track}\nconfig: {config}\n"
    )
    (folder / "controller.py").write_text(source)
    return folder


def test_help_needs_neither_numpy_nor_pydantic() -> None:
    script = (
        "import sys\n"
        "from arena.cli import main\n"
        "sys.argv = ['arena', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit as leaving:\n"
        "    assert not leaving.code, leaving.code\n"
        "heavy = {'gymnasium', 'networkx', 'numpy', 'pluggy', 'pydantic', 'jinja2', 'arena.world', 'arena.contest'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for command in ("list", "check", "evaluate", "report", "export", "verify", "seeds", "contract", "new"):
        assert f" {command} " in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_the_version_is_that_of_the_package(run: Run) -> None:
    from arena import __version__

    assert run("--version").stdout == f"arena {__version__}\n"


def test_scenarios_are_listed_with_their_suites(run: Run) -> None:
    listed = json.loads(run("list", "scenarios", "--json").stdout)
    assert sum("core" in scenario["suites"] for scenario in listed) == 22
    (m5,) = (scenario for scenario in listed if scenario["name"] == "serial-m5-backlog")
    assert m5["suites"] == ["core", "smoke"]
    assert "informed controller reads the realised demand" in m5["note"]
    assert SCENARIO in run("list", "scenarios").stdout


def test_the_contract_is_told_by_its_digest(run: Run) -> None:
    assert run("contract").stdout.splitlines()[0] == f"contract {contract_digest()}"
    assert json.loads(run("contract", "--json").stdout)["contract_digest"] == contract_digest()


def test_a_new_submission_conforms_and_plays(run: Run) -> None:
    made = run("new", "submission", "my-idea")
    assert made.exit_code == 0, made.stderr
    assert made.stdout.splitlines() == [
        "my-idea/controller.py",
        "my-idea/submission.yaml",
        "next: arena check my-idea",
    ]
    checked = run("check", "my-idea")
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    assert f"my-idea: conforms (track blind, isolation {strongest()})" in checked.stdout
    assert re.search(r"^later decisions +\S+ .?s +1 s +\d+\.\d%$", checked.stdout, re.M)
    # Every decision is in the histogram: its numbers add up to the one told above it.
    (told,) = re.findall(r"episodes, (\d+) decisions", checked.stdout)
    numbers = re.findall(r"^ *\d+ .?s … \d+ .?s +(\d+) ", checked.stdout, re.M)
    assert sum(map(int, numbers)) == int(told) > 0
    played = play(run, "my-idea", "--strict")
    assert played.exit_code == 0, played.stderr
    assert played.stdout.splitlines()[-1] == "results/report.html"


def test_a_new_plugin_is_a_package_whose_controller_conforms(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run("new", "plugin", "my-rules")
    assert made.exit_code == 0, made.stderr
    folder = Path("my-rules")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "README.md",
        "pyproject.toml",
        "src/my_rules/__init__.py",
        "src/my_rules/controller.py",
        "src/my_rules/py.typed",
        "submissions/my-rules.yaml",
        "tests/test_controller.py",
    }
    assert made.stdout.splitlines()[-1] == "next: pip install -e my-rules && arena check my-rules/submissions"
    # Neither results nor caches beside it are part of what its manifest enters.
    for command in ("arena check submissions\n", "arena evaluate submissions --suite smoke\n"):
        assert command in (folder / "README.md").read_text()
    assert '[project.entry-points.arena]\nmy-rules = "my_rules"' in (folder / "pyproject.toml").read_text()
    monkeypatch.syspath_prepend(folder / "src")
    from my_rules import arena_controllers  # type: ignore[import-not-found]

    (spec,) = arena_controllers()
    assert check_controller(spec).warnings == ()


def test_results_inside_a_submission_are_refused_before_anything_is_made(run: Run) -> None:
    assert run("new", "submission", "my-idea").exit_code == 0
    options = ("--scenario", SCENARIO, "--workers", "0", "--isolation", "trusted")
    for output in ("my-idea/results", "my-idea", "my-idea/../my-idea/deep/results"):
        refused = run("evaluate", "my-idea", *options, "--output", output)
        assert refused.exit_code == 2
        rule = "is inside the folder of submission my-idea, all of whose files are part of it"
        assert f"{rule}; write the results elsewhere: --output results" in " ".join(refused.stderr.split())
    assert {path.name for path in Path("my-idea").iterdir()} == {"controller.py", "submission.yaml"}
    assert run("evaluate", "my-idea", *options, "--output", "my-idea-results").exit_code == 0


def test_results_among_submissions_are_no_submission(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert RESULTS_NAME == STORE_NAME
    assert run("new", "submission", "my-idea", "--in", "all").exit_code == 0
    monkeypatch.chdir("all")
    for played in (10, 0):
        done = run("evaluate", ".", "--scenario", SCENARIO, "--workers", "0", "--isolation", "trusted", "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["played"] == played
    assert Path("results", STORE_NAME).is_file()


@pytest.mark.parametrize("kind", ["submission", "plugin"])
def test_new_overwrites_nothing_and_wants_a_slug(run: Run, kind: str) -> None:
    assert run("new", kind, "mine").exit_code == 0
    again = run("new", kind, "mine")
    assert again.exit_code == 2
    assert "mine" in again.stderr
    assert "exists already; choose another name" in again.stderr
    for name in ("Mine", "../mine", "1st", "a_b", "a" * 65):
        refused = run("new", kind, name)
        assert refused.exit_code == 2
        assert "must be lower-case letters, digits and single hyphens" in refused.stderr
    assert [path.name for path in Path().iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("kind", "name", "rule"),
    [
        ("submission", "none", "its class would be called None, which is a keyword of Python"),
        ("plugin", "true", "its class would be called True, which is a keyword of Python"),
        ("submission", "briefing", "its class would be called Briefing, as is what it imports from arena"),
        ("plugin", "class", "its package would be called class, which is a keyword of Python"),
        ("plugin", "json", "its package would be called json, as is a module of Python's standard library"),
        ("plugin", "numpy", "its distribution would replace the installed one of that name, numpy"),
        ("plugin", "inventory-arena", "its distribution would replace the installed one of that name"),
        ("plugin", "arena", "its package would be called arena, as is an installed module"),
        ("plugin", "ss", "gives a controller of this name"),
    ],
)
def test_new_refuses_names_that_could_not_work(run: Run, kind: str, name: str, rule: str) -> None:
    refused = run("new", kind, name)
    assert refused.exit_code == 2
    told = " ".join(refused.stderr.split())
    assert f"NAME: {rule}" in told or (name == "ss" and rule in told)
    assert f'got "{name}"; choose another name' in told
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", ["class", "json", "numpy", "ss"])
def test_a_submission_may_have_a_name_that_a_package_may_not(run: Run, name: str) -> None:
    assert run("new", "submission", name).exit_code == 0
    compile(Path(name, "controller.py").read_text(), name, "exec")


@pytest.mark.parametrize("kind", ["submission", "plugin"])
@pytest.mark.parametrize("place", ["file", "file/below", "/proc", "/dev/full", "a" * 300])
def test_new_in_a_folder_that_cannot_be_written_is_told(run: Run, kind: str, place: str) -> None:
    if place.startswith("/") and not Path(place).exists():
        pytest.skip(f"{place} is of Linux")
    Path("file").write_text("mine")
    refused = run("new", kind, "mine", "--in", place)
    assert refused.exit_code == 2
    assert isinstance(refused.exception, SystemExit)
    # What a file is, the command line finds itself.
    assert place == "file" or f"arena: {Path(place, 'mine')}: cannot be written (" in refused.stderr
    assert "--in" in refused.stderr
    assert Path("file").read_text() == "mine"
    assert run("new", kind, "mine", "--in", "new/place").exit_code == 0


@pytest.mark.parametrize("kind", ["submission", "plugin"])
def test_new_leaves_nothing_where_the_disk_fills_up(run: Run, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = Path.write_text, []

    def fail_second(path: Path, *arguments: Any, **options: Any) -> int:
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fail_second)
        refused = run("new", kind, "mine")
    assert refused.exit_code == 2
    assert "arena: mine: cannot be written (No space left on device); check the folder" in refused.stderr
    assert list(Path().iterdir()) == []
    assert run("new", kind, "mine").exit_code == 0


def test_a_submission_that_does_not_conform_fails_the_check(run: Run) -> None:
    folder = own_code("late", FAILS_LATE)
    checked = run("check", folder)
    assert checked.exit_code == 1
    assert "late: does not conform" in checked.stdout
    assert (
        "fault: plays, track blind, serial-short-backlog: in period 3: exception: ValueError: <b>out" in checked.stdout
    )
    assert checked.stdout.count("  fault: ") == 1
    assert "(15 scenarios: serial-short-backlog, serial-short-goodwill-lost-sales, " in checked.stdout
    written = "\n  the end of what it wrote on serial-short-backlog:\n    three periods are enough\n    Traceback "
    assert checked.stdout.count(written) == checked.stdout.count("three periods are enough") == 1
    (result,) = json.loads(run("check", folder, "--json").stdout)
    assert result["conforms"] is False
    assert len(result["findings"]) == 15
    assert result["findings"][0]["check"] == "plays"
    assert "three periods are enough" in result["findings"][0]["stderr_tail"]
    times = result["decision_times"]
    assert sum(times["counts"]) == times["number"] > 0
    assert 0 < times["median"] <= times["percentile_95"] <= max(times["slowest_first"], times["slowest_later"])
    assert (times["first_deadline"], times["deadline"]) == (10.0, 1.0)


def test_a_forfeit_is_counted_and_strict_makes_it_a_failure(run: Run) -> None:
    folder = own_code("late", FAILS_LATE)
    played = play(run, folder)
    assert played.exit_code == 0, played.stderr
    assert played.stderr.splitlines()[-1].startswith("arena: done 10, running 0, failed 10, left 0, ")
    strict = play(run, folder, "--strict")
    assert strict.exit_code == 1
    assert strict.stderr.splitlines()[-1] == "arena: 10 episodes, 10 of them played before"
    page = Path("results/report.html").read_text(encoding="utf-8")
    assert "ValueError: &lt;b&gt;out of ideas&lt;/b&gt;" in page


def line_of(printed: str, name: str) -> list[str]:
    """The words of the table's line about a submission."""
    return next(words for line in printed.splitlines() if name in (words := line.split()))


def test_an_oracle_is_shown_with_a_word_in_place_of_a_rank(run: Run) -> None:
    own_code("mine", REPORTS)
    own_code("sure", REPORTS, track="oracle", config="{bound: 99999.5}")
    own_code("guess", REPORTS, track="oracle")
    played = play(run, "mine", "sure", "guess")
    assert played.exit_code == 0, played.stderr
    assert [line_of(played.stdout, name)[0] for name in ("mine", "sure", "guess")] == ["1", "bound", "reference"]
    assert "fallbacks" not in played.stdout
    told = json.loads(play(run, "mine", "sure", "guess", "--json").stdout)["standings"]
    assert [(row["kind"], row["mean_bound"]) for row in told["rows"]] == [(None, None)]
    assert [(row["submission"], row["kind"], row["mean_bound"]) for row in told["reference"]] == [
        ("guess", "reference", None),
        ("sure", "bound", 99999.5),
    ]


def test_fallbacks_have_a_column_once_there_is_one(run: Run) -> None:
    own_code("steady", REPORTS)
    own_code("lost", REPORTS, config="{fallbacks: 7}")
    assert "fallbacks" not in play(run, "steady").stdout
    printed = play(run, "steady", "lost").stdout
    heading = printed.splitlines()[0].split()
    assert heading[-2:] == ["fallbacks", "episodes"]
    assert [line_of(printed, name)[-2] for name in ("steady", "lost")] == ["0", "70"]
    assert "lost: 70 decisions by its fallback, 23.3 %" in printed


def test_a_submission_that_its_stand_in_played_is_shown_without_a_rank(run: Run) -> None:
    own_code("steady", REPORTS)
    own_code("absent", REPORTS, config="{fallbacks: 16}")
    printed = play(run, "steady", "absent").stdout
    assert [line_of(printed, name)[0] for name in ("steady", "absent")] == ["1", "–"]
    assert "no rank for absent: its stand-in took 160 of 300 decisions" in printed


def test_standings_of_another_layout_are_told_without_a_traceback(run: Run) -> None:
    own_code("mine", REPORTS)
    assert play(run, "mine").exit_code == 0
    path = Path("results/standings.json")
    older = json.loads(path.read_text())
    for row in older["rows"]:
        del row["fallbacks"]
    path.write_text(json.dumps(older))
    refused = run("report", "results")
    assert refused.exit_code == 2
    assert "holds no standings of this arena's layout; use the arena that wrote it, or run arena ev" in refused.stderr
    assert "Traceback" not in refused.output


def test_json_is_all_there_is_on_standard_output(run: Run) -> None:
    run("new", "submission", "mine")
    told = json.loads(play(run, "mine", "--json").stdout)
    assert told["report"] == "results/report.html"
    assert (told["played"], told["resumed"]) == (10, 0)
    assert told["standings"]["rows"][0]["submission"] == "mine"
    assert json.loads(Path("results/standings.json").read_text()) == told["standings"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--suite", "cor"), 'got "cor"; did you mean "core"?'),
        (("--scenario", "serial-stationary-backlogg"), f'did you mean "{SCENARIO}"?'),
        (("--seeds", "secret"), "seeds are public, public:N or hidden:N"),
        (("--seeds", "hidden:0", "--secret", "missing"), "missing"),
        (("--seeds", "hidden:5"), "hidden seeds need a secret"),
        (("--secret", "file"), "public seeds need no secret"),
        (("--isolation", "proces"), 'unknown isolation level, got "proces"; did you mean "process"?'),
        (("--workers", "-1"), "--workers"),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_wrong_input_is_told_without_a_traceback(run: Run, arguments: tuple[str, ...], message: str) -> None:
    run("new", "submission", "mine")
    refused = run("evaluate", "mine", *arguments)
    assert refused.exit_code == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.output
    assert not Path("results").exists()


def test_all_faults_of_all_submissions_come_at_once(run: Run) -> None:
    Path("one.yaml").write_text("name: One\ncontroller: x.py:C\ntrack: blnd\n")
    Path("two.yaml").write_text("name: two\ncontroller: no-such\ntrack: blind\nextra: 1\n")
    for command in ("check", "evaluate"):
        refused = run(command, "one.yaml", "two.yaml", "three.yaml")
        assert refused.exit_code == 2
        for part in ("one.yaml: name: ", "one.yaml: track: ", "two.yaml: extra: ", "three.yaml"):
            assert part in refused.stderr


def test_hidden_seeds_are_committed_to_and_never_shown(run: Run) -> None:
    run("new", "submission", "mine")
    made = run("seeds", "new", "secret.json")
    assert made.exit_code == 0, made.stderr
    assert stat.S_IMODE(Path("secret.json").stat().st_mode) == 0o600
    commitment = made.stdout.strip()
    assert run("seeds", "commit", "secret.json").stdout.strip() == commitment
    before = Path("secret.json").read_bytes()
    again = run("seeds", "new", "secret.json")
    assert again.exit_code == 2
    assert "exists already; a secret is never overwritten" in again.stderr
    assert Path("secret.json").read_bytes() == before

    played = play(run, "mine", "--seeds", "hidden:3", "--secret", "secret.json")
    assert played.exit_code == 0, played.stderr
    assert "3 hidden seeds" in played.stdout
    with Path("results/episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == [""] * 3
    assert {row["commitment"] for row in rows} == {commitment}
    page = Path("results/report.html").read_text(encoding="utf-8")
    assert commitment in page
    assert read_secret(Path("secret.json")).master not in page
    rewritten = run("report", "results")
    assert rewritten.exit_code == 0, rewritten.stderr
    assert Path("results/report.html").read_text(encoding="utf-8") == page


def test_a_report_is_written_again_from_its_folder(run: Run) -> None:
    own_code("late", FAILS_LATE)
    assert play(run, "late").exit_code == 0
    page = Path("results/report.html").read_text(encoding="utf-8")
    Path("results/report.html").unlink()
    again = run("report", "results")
    assert again.exit_code == 0, again.stderr
    assert again.stdout == "results/report.html\n"
    assert Path("results/report.html").read_text(encoding="utf-8") == page
    missing = run("report", "nowhere")
    assert missing.exit_code == 2
    told = f"nowhere/standings.json:\n  cannot be read: {os.strerror(errno.ENOENT)}; arena evaluate"
    assert told in missing.stderr


def test_episodes_are_exported_with_their_periods(run: Run) -> None:
    run("new", "submission", "mine")
    play(run, "mine")
    exported = run("export", "results", "--format", "csv")
    assert exported.exit_code == 0, exported.stderr
    episodes, periods, nodes = exported.stdout.split()
    assert (episodes, periods) == ("results/export.csv", "results/export-periods.csv")
    assert nodes == "results/export-nodes.csv"
    with Path(periods).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 * 30 * (3 + 1)  # episodes, periods, supply links and market links of the serial network
    with Path(nodes).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 10 * 30 * 3  # episodes, periods and managed nodes
    assert run("export", "results", "--format", "csv.gz").stdout.split()[0] == "results/export.csv.gz"
    assert run("export", "results", "--format", "ods").exit_code == 2
    missing = run("export", "nowhere")
    assert missing.exit_code == 2
    assert "nowhere" in missing.stderr


def test_ctrl_c_keeps_what_was_played_and_tells_how_to_go_on(tmp_path: Path) -> None:
    folder = own_code("slow", SLOW, tmp_path)
    command = [sys.executable, "-c", "from arena.cli import main; main()", "evaluate", str(folder)]
    command += ["--scenario", SCENARIO, "--workers", "1", "--output", str(tmp_path / "results")]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "arena: 10 episodes\n"
        assert process.stderr.readline().startswith("arena: done 1, running 1, failed 0, left 9, ")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert output == ""
    assert "run the same command again to go on" in errors
    assert "Traceback" not in errors

    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first = done.stderr.splitlines()[0]
    assert first.startswith("arena: 10 episodes, ")
    assert first.endswith(" of them played before")
    with (tmp_path / "results" / "episodes.csv").open(newline="") as file:
        assert sorted(int(row["seed_index"]) for row in csv.DictReader(file)) == list(range(10))
