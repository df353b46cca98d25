"""What `arena new plugin` writes is finished work: linted, formatted, strictly typed, and its own tests pass."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arena.scaffold import scaffold
from arena.testing import CONTROLLER_CHECKS

# The longest name makes the longest lines, and one with digits and hyphens another name of the package.
NAMES = ["my-rules", "order-up-to-2", "a" * 64]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a folder, which holds the settings of ruff, mypy and pytest."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "src"), str(folder / "installed")])}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


def passes(folder: Path, *command: str) -> str:
    done = run(folder, *command)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; the extra `test` brings it")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_linted_and_formatted(tmp_path: Path, name: str) -> None:
    need("ruff")
    folder = scaffold("plugin", name, tmp_path)
    passes(folder, "ruff", "check", "--no-cache")
    passes(folder, "ruff", "format", "--check", "--no-cache")
    (folder / "src" / name.replace("-", "_") / "__init__.py").write_text("import os\nx = {1:2}\n")
    assert "F401" in run(folder, "ruff", "check", "--no-cache").stdout
    assert run(folder, "ruff", "format", "--check", "--no-cache").returncode == 1


@pytest.mark.slow
def test_it_is_strictly_typed(tmp_path: Path) -> None:
    need("mypy")
    folder = scaffold("plugin", "my-rules", tmp_path)
    passes(folder, "mypy", "--cache-dir", str(tmp_path / "cache"))
    module = folder / "src" / "my_rules" / "__init__.py"
    module.write_text(module.read_text().replace("config.memory)", "config.label)"))
    broken = run(folder, "mypy", "--cache-dir", str(tmp_path / "cache"))
    assert "[attr-defined]" in broken.stdout
    module.write_text(module.read_text().replace("config.label)", "config.memory)"))
    module.write_text(module.read_text().replace("(config: MyRulesConfig)", "(config: int)"))
    broken = run(folder, "mypy", "--cache-dir", str(tmp_path / "cache"))
    # A factory is held to the configuration that stands beside it.
    assert "[arg-type]" in broken.stdout


def test_its_own_tests_pass_one_case_per_rule(tmp_path: Path) -> None:
    folder = scaffold("plugin", "my-rules", tmp_path)
    install(folder, "my-rules", "my_rules")
    told = passes(folder, "pytest", "-v", "-p", "no:cacheprovider")
    for check in CONTROLLER_CHECKS:
        assert f"test_controller_conforms[{check}] PASSED" in told
    alone = passes(folder, "pytest", "-v", "-p", "no:cacheprovider", "-k", "respects-input")
    assert f"1 passed, {len(CONTROLLER_CHECKS) - 1} deselected" in alone
    controller = folder / "src" / "my_rules" / "controller.py"
    controller.write_text(controller.read_text().replace("return orders\n", "return -orders - 1.0\n"))
    broken = run(folder, "pytest", "-v", "-p", "no:cacheprovider")
    assert "test_controller_conforms[bounds] FAILED" in broken.stdout
    assert f"1 failed, {len(CONTROLLER_CHECKS) - 1} passed" in broken.stdout


def install(folder: Path, name: str, module: str) -> None:
    """Write the metadata that an installation would leave; `run` puts them on the path."""
    metadata = folder / "installed" / f"{module}-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(f"[arena]\n{name} = {module}\n")
