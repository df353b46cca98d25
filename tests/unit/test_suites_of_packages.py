"""Suites that packages build from options: found, listed, built, and refused in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_plugins import controller_source, write_plugin
from typer.testing import CliRunner, Result

from arena import InvalidInput, PluginError, UnknownName, load_suite
from arena.cli import app
from arena.entry.suites import discover_suites
from arena.plugins import list_entry_points

GROUP = "arena-test"

BOARD = """
from pathlib import Path
from pydantic import BaseModel, Field
from arena import NativeScore, PublishedResult, Suite, SuiteSpec, hookimpl, load_scenario


class Options(BaseModel, frozen=True, extra="forbid"):
    data: Path = Field(description="folder with a file demand.txt, one series a line")
    slice: tuple[str, ...] = Field(default=(), description="names of the series to play; all unless given")
    most: int = Field(default=5, ge=1, description="most series")


def build(options):
    text = (options.data / "demand.txt").read_text()
    base = load_scenario("serial-stationary-lost-sales")
    found = []
    for line in text.splitlines():
        name, *values = line.split()
        if options.slice and name not in options.slice:
            continue
        demand = base.demand.model_validate({"series": {"values": [float(v) for v in values]}, "noise_scale": 0.0})
        found.append(base.model_copy(update={"name": name, "demand": demand, "published_id": None, "horizon": 12}))
    native = NativeScore(
        name="normalised reward",
        per="full_revenue",
        least=0.0,
        cells={one.name: one.name[-1] for one in found[: options.most]},
        published=(PublishedResult(name="the best hybrid", source="their paper", score=0.5, cells={"a": 0.25}),),
    )
    return Suite(name="NAME", description="a board", scenarios=tuple(found[: options.most]), native=native)


@hookimpl
def arena_suites():
    return [SuiteSpec(name="NAME", summary="a board of recorded series", options=Options, build=build)]
"""

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def make(distribution: str, module: str, source: str) -> None:
        monkeypatch.syspath_prepend(write_plugin(tmp_path / "plugins", distribution, module, source))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return make


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [
        f"series-{letter} " + " ".join(str(10 + number * step) for step in range(12))
        for number, letter in enumerate("abc")
    ]
    (folder / "demand.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def board(install: Install) -> None:
    install("fake-board", "fake_board", BOARD.replace("NAME", "my-board"))


def trusted() -> list[str]:
    return sorted({entry.distribution for entry in list_entry_points(GROUP)})


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena", env={"COLUMNS": "300"})


def load(name: str = "my-board", **options: object):
    return load_suite(name, options=options, trust=trusted(), group=GROUP)


def test_a_suite_is_built_from_its_options(board: None, data: Path) -> None:
    suite = load(data=data)
    assert [one.name for one in suite.scenarios] == ["series-a", "series-b", "series-c"]
    assert [one.name for one in load(data=str(data), slice=["series-b", "series-c"], most="1").scenarios] == [
        "series-b"
    ]
    assert [one.name for one in load(data=str(data), slice="series-c").scenarios] == ["series-c"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"suite my-board:\n  data: is needed \(folder with a file demand.txt.*give it with --data FOLDER"),
        ({"data": "{data}", "slize": "x"}, r"--option slize:\n  the suite my-board has no such option.*slice"),
        ({"data": "{data}", "most": "many"}, r"suite my-board, --option:\n  most"),
        ({"data": "{data}", "most": "0"}, r"most.*must be 1 or more"),
        ({"data": "nowhere"}, r"--data:\n  there is no such file or folder, got \"nowhere\""),
        ({"data": "{data}", "slice": "none"}, r"a suite has at least one scenario"),
    ],
)
def test_wrong_options_are_told_with_the_fix(board: None, data: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        load(**{name: value.replace("{data}", str(data)) for name, value in options.items()})


def test_all_faults_of_options_are_told_at_once(board: None) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(slize="x", other="y")
    assert len(caught.value.faults) == 3


def test_options_are_refused_where_a_suite_has_none(data: Path) -> None:
    with pytest.raises(InvalidInput, match=r"--data:\n  is for suites that a package builds"):
        load_suite("smoke", options={"data": data})
    assert load_suite("smoke").name == "smoke"


def test_a_package_that_nobody_trusts_builds_nothing(board: None, data: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown suite.*nobody trusts them: fake-board \(trust one with --trust"):
        load_suite("my-board", options={"data": data}, group=GROUP)


def test_the_arenas_own_names_are_reserved(install: Install, data: Path) -> None:
    install("fake-smoke", "fake_smoke", BOARD.replace("NAME", "smoke"))
    install("fake-vn2", "fake_vn2", BOARD.replace("NAME", "vn2"))
    found = discover_suites(GROUP, trust=trusted())
    assert found.suites == {}
    assert [str(one) for one in found.failures] == [
        'plugin "fake_smoke" of fake-smoke: its suite "smoke" has a name of the arena itself; give it another name',
        'plugin "fake_vn2" of fake-vn2: its suite "vn2" has a name of the arena\'s own package arena-boards; '
        "give it another name",
    ]


def test_a_suite_of_a_package_that_is_not_installed_is_told_with_the_command() -> None:
    with pytest.raises(UnknownName, match=r"pip install \./plugins/arena-boards"):
        load_suite("inventorybench", group=GROUP)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("return Suite(name=", "raise ValueError('odd'); Suite(name="),
            'suite "my-board" cannot be built: ValueError: odd',
        ),
        (("return Suite(", "return dict("), "build gave a dict; it must give an arena.Suite"),
        (('return Suite(name="my-board"', 'return Suite(name="other"'), 'build gave the suite "other"'),
        (("def arena_suites():\n", "def arena_suites():\n    return [7]\n"), None),
        (('frozen=True, extra="forbid"', "frozen=True"), None),
        (('name="my-board", summary', 'name="My Board", summary'), None),
    ],
)
def test_a_faulty_plugin_is_one_line(install: Install, data: Path, change: tuple[str, str], said: str | None) -> None:
    install("fake-board", "fake_board", BOARD.replace("NAME", "my-board").replace(*change))
    if said is None:
        assert len(discover_suites(GROUP, trust=trusted()).failures) == 1
        return
    with pytest.raises(PluginError, match=said):
        load(data=data)


def test_the_list_of_suites_has_their_options(board: None) -> None:
    found = json.loads(run("list", "suites", "--trust", "fake-board", "--json").stdout)
    [mine] = [one for one in found["suites"] if one["name"] == "my-board"]
    assert mine["package"] == "fake-board"
    assert [(one["name"], one["needed"], one["default"]) for one in mine["options"]] == [
        ("data", True, None),
        ("slice", False, "()"),
        ("most", False, 5),
    ]
    text = run("list", "suites", "--trust", "fake-board").stdout
    assert "my-board: --data FOLDER (needed): folder with a file demand.txt" in text
    assert "my-board" not in run("list", "suites").stdout


SUBMISSION = "name: steady\ncontroller: controller.py:Controller\ntrack: blind\n"
CONTROLLER = """
import numpy as np


class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 12.0)
"""


@pytest.fixture
def steady(tmp_path: Path) -> Path:
    folder = tmp_path / "steady"
    folder.mkdir()
    (folder / "submission.yaml").write_text(SUBMISSION)
    (folder / "controller.py").write_text(CONTROLLER)
    return folder


def test_a_suite_of_a_package_is_evaluated_and_verified(board: None, data: Path, steady: Path, tmp_path: Path) -> None:
    named = ["--suite", "my-board", "--trust", "fake-board"]
    place = ["--isolation", "trusted", "--workers", 0, "--output", tmp_path / "out"]
    missing = run("evaluate", steady, *named, *place)
    assert missing.exit_code == 2
    assert missing.stderr.count("data: is needed") == 1
    assert "give it with --data FOLDER" in missing.stderr
    done = run(
        "evaluate", steady, *named, "--data", data, "--option", "slice=series-a", "--option", "slice=series-c", *place
    )
    assert done.exit_code == 0, done.output
    assert "no seed changes anything in these scenarios" in done.stderr
    standings = json.loads((tmp_path / "out" / "standings.json").read_text())
    assert (standings["scenarios"], standings["seeds"]) == (["series-a", "series-c"], 1)
    same = ["--data", data, "--option", "slice=series-a", "--option", "slice=series-c"]
    assert run("verify", tmp_path / "out").exit_code == 0  # without the package
    held = run("verify", tmp_path / "out", *named, *same)
    assert held.exit_code == 0, held.output
    assert standings["ranked_by"] == "score"
    [row] = standings["rows"]
    assert set(row["native_cells"]) == {"a", "c"}
    assert "normalised reward" in done.stdout
    assert "the best hybrid" in done.stdout
    row["native_score"]["value"] += 0.01
    text = (tmp_path / "out" / "standings.json").read_text()
    (tmp_path / "out" / "standings.json").write_text(json.dumps(standings, indent=2) + "\n")
    edited = run("verify", tmp_path / "out")
    assert edited.exit_code == 1
    assert "rows[0].native_score.value" in edited.output
    (tmp_path / "out" / "standings.json").write_text(text)
    other = run("verify", tmp_path / "out", *named, "--data", data)
    assert other.exit_code == 1, other.output


@pytest.mark.parametrize("command", ["evaluate", "verify"])
def test_options_without_a_suite_are_refused(command: str, steady: Path, data: Path) -> None:
    extra = ["--scenario", "serial-stationary-backlog"] if command == "evaluate" else []
    told = run(command, steady, *extra, "--data", data)
    assert told.exit_code == 2
    assert "--data" in told.stderr
    assert "is for a suite of a package" in told.stderr


@pytest.mark.parametrize("text", ["slice", "=x"])
def test_an_option_is_written_key_equals_value(text: str, steady: Path) -> None:
    told = run("evaluate", steady, "--suite", "smoke", "--option", text)
    assert "is not written KEY=VALUE" in told.stderr


def test_a_plugin_with_controllers_alone_declares_no_suite(install: Install) -> None:
    install("fake-player", "fake_player", controller_source("steady-one"))
    found = discover_suites(GROUP, trust=trusted())
    assert (found.suites, found.failures) == ({}, ())
