"""The tutorial, word by word: its blocks go where it says, and what it says follows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from arena.cli import app
from arena.scaffold import scaffold


@pytest.fixture
def blocks(repository: Path) -> dict[str, list[str]]:
    """Return the blocks of the tutorial by language, in order."""
    found: dict[str, list[str]] = {}
    text = (repository / "docs" / "tutorial.md").read_text(encoding="utf-8")
    for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
        found.setdefault(language, []).append(block)
    return found


def block_with(blocks: list[str], words: str) -> str:
    (found,) = (block for block in blocks if words in block)
    return found


def arena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")


@pytest.fixture
def submission(blocks: dict[str, list[str]], tmp_path: Path) -> Path:
    """Return the folder after steps 2 and 3."""
    made = arena("new", "submission", "base-stock", "--in", tmp_path)
    assert made.exit_code == 0, made.stderr
    folder = tmp_path / "base-stock"
    (folder / "controller.py").write_text(block_with(blocks["python"], "class BaseStock:"))
    return folder


def test_the_manifest_shown_is_the_one_that_is_written(blocks: dict[str, list[str]], submission: Path) -> None:
    assert (submission / "submission.yaml").read_text() == block_with(blocks["yaml"], "name: base-stock")


def test_step_3_conforms_and_plays(submission: Path, tmp_path: Path) -> None:
    checked = arena("check", submission, "--isolation", "trusted")
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    options = ("--scenario", "serial-stationary-backlog", "--isolation", "trusted", "--workers", 0, "--strict")
    swept = ("--set", "base-stock.safety=1,1.5")
    played = arena("evaluate", submission, *swept, *options, "--output", tmp_path / "results")
    assert played.exit_code == 0, played.stdout + played.stderr
    assert "base-stock-safety-1-5" in played.stdout


def test_the_method_that_reports_fits_the_controller(blocks: dict[str, list[str]], submission: Path) -> None:
    report = block_with(blocks["python"], "def report(self)")
    code = (submission / "controller.py").read_text().replace("import Briefing", "import Briefing, ControllerReport")
    code = code.replace("self.seen = []", "self.seen, self.unsolved = [], 0")
    (submission / "controller.py").write_text(f"{code}\n{report}")
    checked = arena("check", submission, "--isolation", "trusted")
    assert checked.exit_code == 0, checked.stdout + checked.stderr


def test_the_plugin_of_steps_7_and_8_passes_its_tests(blocks: dict[str, list[str]], tmp_path: Path) -> None:
    folder = scaffold("plugin", "my-rules", tmp_path)
    assert block_with(blocks["toml"], "entry-points") in (folder / "pyproject.toml").read_text()
    package = folder / "src" / "my_rules"
    (package / "__init__.py").write_text(block_with(blocks["python"], "def arena_controllers"))
    (package / "base_stock.py").write_text(block_with(blocks["python"], "class BaseStock:"))
    tests = block_with(blocks["python"], "def test_conformance")
    (folder / "tests" / "test_controller.py").write_text(tests)
    metadata = folder / "installed" / "my_rules-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-rules\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[arena]\nmy-rules = my_rules\n")
    path = os.pathsep.join([str(folder / "src"), str(folder / "installed")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    promised = re.findall(r"test_conformance\[([a-z-]+)\] PASSED", block_with(blocks["console"], "pytest -v"))
    assert re.findall(r"test_conformance\[([a-z-]+)\] PASSED", done.stdout) == promised
