"""`arena train`: what plugins declare is found, run, told, and can be interrupted."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_plugins import controller_source, write_plugin
from typer.testing import CliRunner, Result

from arena.cli import app
from arena.errors import PluginError
from arena.plugins import Trainings, discover, discover_trainings, list_entry_points

TEST_GROUP = "arena-test"

TRAINING = """
from arena import TrainingPoint, TrainingSpec, hookimpl

def run(request, tell):
    request.output.mkdir(parents=True)
    tell(TrainingPoint("steady", 50, 200, -0.5, 0.75))
    if request.seed == 13:
        raise KeyboardInterrupt
    path = request.output / "weights.txt"
    path.write_text(f"{request.network} {request.steps} {request.seed}")
    return (path,)

@hookimpl
def arena_trainings():
    return [TrainingSpec("NAME", "learns to keep steady", run)]
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def make(distribution: str, module: str, source: str) -> None:
        monkeypatch.syspath_prepend(write_plugin(tmp_path / "plugins", distribution, module, source))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return make


@pytest.fixture
def steady(install: Install) -> None:
    install("fake-trainer", "fake_trainer", TRAINING.replace("NAME", "steady"))


def installed() -> list[str]:
    """Names of the packages that a test has installed."""
    return sorted({entry.distribution for entry in list_entry_points(TEST_GROUP)})


def train(*arguments: object, trust: bool = True) -> Result:
    """Run `arena train`, trusting the packages of the test unless told otherwise."""
    options = [part for name in installed() if trust for part in ("--trust", name)]
    return CliRunner().invoke(app, ["train", *map(str, arguments), *options], prog_name="arena")


def test_a_plugin_may_train_without_a_controller_and_play_without_a_training(install: Install) -> None:
    install("fake-trainer", "fake_trainer", TRAINING.replace("NAME", "steady"))
    install("fake-player", "fake_player", controller_source("steady"))
    trainings, failures, _ = discover_trainings(TEST_GROUP, trust=installed())
    assert list(trainings) == ["steady"]
    assert trainings["steady"].summary == "learns to keep steady"
    assert failures == ()


def test_a_training_of_two_plugins_is_an_error_that_names_both(install: Install) -> None:
    install("fake-one", "fake_one", TRAINING.replace("NAME", "steady"))
    install("fake-two", "fake_two", TRAINING.replace("NAME", "steady"))
    with pytest.raises(PluginError, match='training "steady" is given twice, by plugin "fake_one" of fake-one'):
        discover_trainings(TEST_GROUP, trust=installed())


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("from arena import hookimpl\n@hookimpl\ndef arena_trainings(): return 7", "arena_trainings gave a int"),
        ("from arena import hookimpl\n@hookimpl\ndef arena_trainings(): return ['x']", "arena_trainings gave a str"),
        (TRAINING.replace("NAME", "No Slug"), "its name must be a slug"),
    ],
)
def test_a_broken_plugin_is_one_line_and_the_others_go_on(install: Install, source: str, cause: str) -> None:
    install("fake-good", "fake_good", TRAINING.replace("NAME", "steady"))
    install("fake-broken", "fake_broken", source)
    trainings, (failure,), _ = discover_trainings(TEST_GROUP, trust=installed())
    assert list(trainings) == ["steady"]
    assert cause in str(failure)


def test_a_training_is_run_with_what_was_asked_for(steady: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = train("steady", "--network", "serial", "--steps", 100, "--seed", 7, "--out", out)
    assert done.exit_code == 0, done.output
    assert (out / "weights.txt").read_text() == "serial 100 7"
    assert done.stdout.strip() == str(out / "weights.txt")
    assert "steady: 50 of 200 steps (25 %), loss -0.5000, validation 0.7500" in done.stderr


def test_an_interrupted_training_tells_how_to_go_on(steady: None, tmp_path: Path) -> None:
    done = train("steady", "--seed", 13, "--out", tmp_path / "out")
    assert done.exit_code == 130
    assert "give the same command again to go on from the last checkpoint" in done.stderr


UNWRITABLE = ["file", "file/below", "/proc/below"]


@pytest.mark.parametrize("place", UNWRITABLE)
@pytest.mark.parametrize("command", ["steady", "--all"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained(
    steady: None, tmp_path: Path, place: str, command: str
) -> None:
    if place.startswith("/proc") and sys.platform != "linux":
        pytest.skip("/proc is of Linux")
    (tmp_path / "file").write_text("mine")
    done = train(command, "--out", tmp_path / place)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    (told,) = (line for line in done.stderr.splitlines() if "trusted: fake-trainer" not in line)
    assert told.startswith(f"arena: {tmp_path / place}: the folder cannot be written (")
    assert "choose another: --out FOLDER" in told
    assert (tmp_path / "file").read_text() == "mine"


def test_a_training_whose_file_cannot_be_written_ends_with_one_line(install: Install, tmp_path: Path) -> None:
    fails = "    if request.seed == 13:\n        (request.output / 'weights.txt').mkdir()\n"
    source = TRAINING.replace("    if request.seed == 13:\n        raise KeyboardInterrupt\n", fails)
    install("fake-trainer", "fake_trainer", source.replace("NAME", "steady"))
    done = train("steady", "--seed", 13, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    weights = tmp_path / "out" / "weights.txt"
    assert f"arena: {weights}: cannot be written (Is a directory); check the folder" in done.stderr
    assert train("steady", "--seed", 7, "--out", tmp_path / "new").exit_code == 0


@pytest.mark.parametrize(
    ("fault", "told"), [("OSError(28, 'No space left')", True), ("FileNotFoundError(2, 'No', '/data/recipe')", False)]
)
def test_a_fault_of_the_training_itself_is_not_taken_for_one_of_the_folder(
    install: Install, tmp_path: Path, fault: str, told: bool
) -> None:
    source = TRAINING.replace("raise KeyboardInterrupt", f"raise {fault}").replace("NAME", "steady")
    install("fake-trainer", "fake_trainer", source)
    done = train("steady", "--seed", 13, "--out", tmp_path / "out")
    assert (f"{tmp_path / 'out'}: cannot be written (No space left)" in done.stderr) is told
    assert isinstance(done.exception, SystemExit) is told


def test_a_training_of_a_package_that_nobody_trusts_is_not_run(install: Install, tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    source = f"open({str(marker)!r}, 'w').close()\n" + TRAINING.replace("NAME", "steady")
    install("fake-trainer", "fake_trainer", source)
    done = train("steady", "--out", tmp_path / "out", trust=False)
    assert done.exit_code == 2
    assert "not imported here, since nobody trusts them: fake-trainer" in done.stderr
    listed = train("--list", trust=False)
    assert "its trainings are listed with --trust fake-trainer" in listed.stderr
    assert not marker.exists()
    assert train("steady", "--out", tmp_path / "out").exit_code == 0
    assert marker.exists()


def test_an_unknown_training_is_told_with_its_neighbour(steady: None) -> None:
    done = train("stedy")
    assert done.exit_code == 2
    assert 'did you mean "steady"?' in done.stderr


class TestAll:
    """`--all`, with a command of its own for each training."""

    @pytest.fixture
    def two(self, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # Whatever else is installed here, these two are all that there is.
        monkeypatch.setattr(
            "arena.plugins.discover_trainings", lambda trust: Trainings(dict.fromkeys(("calm", "steady")), ())
        )
        install("fake-calm", "fake_calm", TRAINING.replace("NAME", "calm"))
        install("fake-trainer", "fake_trainer", TRAINING.replace("NAME", "steady"))
        folders = [str(each) for each in (tmp_path / "plugins").iterdir()] + [str(tmp_path / "plugins")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")]))

    def test_all_are_trained_each_in_its_folder(self, two: None, tmp_path: Path) -> None:
        done = train("--all", "--workers", 2, "--steps", 100, "--out", tmp_path / "out")
        assert done.exit_code == 0, done.output
        for name in ("calm", "steady"):
            assert (tmp_path / "out" / name / "weights.txt").read_text() == "None 100 None"
        assert "2 of 2 trainings done in" in done.stderr

    def test_one_that_fails_is_named_and_the_others_go_on(self, two: None, tmp_path: Path) -> None:
        (tmp_path / "out" / "calm").mkdir(parents=True)  # the training wants to make it
        done = train("--all", "--out", tmp_path / "out")
        assert done.exit_code == 1
        assert "failed: calm" in done.stderr
        assert (tmp_path / "out" / "steady" / "weights.txt").exists()

    def test_an_interrupt_begins_no_other(self, two: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [f"training-{number}" for number in range(8)]
        monkeypatch.setattr("arena.plugins.discover_trainings", lambda trust: Trainings(dict.fromkeys(names), ()))
        begun: list[str] = []

        def interrupted(command: list[str], **_: object) -> None:
            begun.append(command[4])
            time.sleep(0.2)
            raise KeyboardInterrupt

        monkeypatch.setattr("arena.cli.training.subprocess.run", interrupted)
        done = train("--all", "--out", tmp_path / "out")
        assert done.exit_code == 130
        assert "give the same command again" in done.stderr
        assert 1 <= len(begun) < len(names)

    def test_a_name_beside_all_is_refused(self, steady: None) -> None:
        done = train("steady", "--all")
        assert done.exit_code == 2
        assert "trains all that there is" in done.stderr


def test_trainings_are_listed(steady: None) -> None:
    assert "steady" in train("--list").stdout
    listed = json.loads(train("--list", "--json").stdout)
    assert {"name": "steady", "summary": "learns to keep steady"} in listed


def test_a_plugin_that_only_trains_gives_no_controller(install: Install) -> None:
    install("fake-trainer", "fake_trainer", TRAINING.replace("NAME", "steady"))
    found = discover(TEST_GROUP, trust=installed())
    assert (dict(found.controllers), found.failures) == ({}, ())


def test_a_plugin_of_language_model_clients_alone_gives_no_controller(install: Install) -> None:
    source = "from arena import hookimpl\n@hookimpl\ndef arena_llm_clients(): return []"
    install("fake-client", "fake_client", source)
    found = discover(TEST_GROUP, trust=installed())
    assert (dict(found.controllers), found.failures) == ({}, ())
