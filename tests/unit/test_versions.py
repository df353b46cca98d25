"""Which versions the commands of the README install, and which distributions the packages say that they import."""

import ast
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]


def tool() -> ModuleType:
    """The command that writes the files of exact versions."""
    spec = importlib.util.spec_from_file_location("constraints", REPOSITORY / ".ci" / "constraints.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()
PROJECTS: Mapping[Path, Mapping[str, Any]] = TOOL.projects(REPOSITORY)
OWN = {canonicalize_name(content["project"]["name"]) for content in PROJECTS.values()}
SOURCES: Mapping[str, list[str]] = TOOL.sources(REPOSITORY)
FILES = sorted(SOURCES)
#: The Python of `tox -e lowest`.
PYTHON_OF_LOWEST = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}


def pins(name: str) -> dict[str, list[Requirement]]:
    """The lines of a file of constraints, by the name of the distribution."""
    found: dict[str, list[Requirement]] = {}
    for line in (REPOSITORY / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version_of(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    return Version(specifier.version)


# --- exact versions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_an_exact_version_and_nothing_else(name: str) -> None:
    for lines in pins(name).values():
        for pin in lines:
            assert [each.operator for each in pin.specifier] == ["=="], pin
            assert "*" not in str(pin.specifier), pin
            assert pin.url is None
            assert version_of(pin).local is None, f"{pin} is a build of one place, not a release"
        assert len(lines) == 1 or all(pin.marker is not None for pin in lines), lines


@pytest.mark.parametrize("name", FILES)
def test_everything_that_is_declared_has_an_exact_version_in_its_range(name: str) -> None:
    pinned = pins(name)
    for text in SOURCES[name]:
        requirement = Requirement(text)
        lines = pinned.get(canonicalize_name(requirement.name))
        assert lines, f"{requirement.name} is declared and has no version in {name}: run tox -e constraints"
        for pin in lines:
            assert requirement.specifier.contains(version_of(pin)), f"{pin} is outside {text}: run tox -e constraints"


def test_what_is_declared_comes_from_every_file() -> None:
    """One known name each: of a build, a package, an extra, a plugin's extra, an environment of tox, and tox."""
    named = {canonicalize_name(Requirement(text).name) for text in SOURCES["constraints.txt"]}
    assert named >= {"hatchling", "msgspec", "pyarrow", "pytest", "cma", "mypy", "ruff", "gym-invmgmt", "tox", "uv"}
    assert not named & OWN


def test_what_the_declared_distributions_need_has_an_exact_version_too() -> None:
    """As far as the pinned release is installed where the tests run: it knows what it needs."""
    pinned, seen = pins("constraints.txt"), set()
    waiting = [Requirement(text) for text in SOURCES["constraints.txt"]]
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        assert key[0] in pinned, f"{requirement.name} is needed and has no version: run tox -e constraints"
        try:
            installed = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if Version(installed.version).public not in {str(version_of(pin)) for pin in pinned[key[0]]}:
            continue
        for text in installed.requires or []:
            other = Requirement(text)
            extras = requirement.extras or {""}
            if other.marker is None or any(
                other.marker.evaluate({**default_environment(), "extra": extra}) for extra in extras
            ):
                waiting.append(other)


def test_a_fixed_release_is_in_every_file() -> None:
    assert TOOL.FIXED == {"torch": "2.13.0"}
    for name in FILES:
        assert [str(pin) for pin in pins(name)["torch"]] == ["torch==2.13.0"]


def test_the_lowest_versions_are_the_declared_bounds() -> None:
    """A bound that the lowest environment does not try, because another package needs more, would be a guess."""
    pinned = pins("constraints-lowest.txt")
    for text in SOURCES["constraints-lowest.txt"]:
        requirement = Requirement(text)
        if requirement.name in TOOL.FIXED:
            continue
        bounds = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "==")]
        assert bounds, f"{text} has no lowest version"
        lines = pinned[canonicalize_name(requirement.name)]
        found = [version_of(pin) for pin in lines if pin.marker is None or pin.marker.evaluate(PYTHON_OF_LOWEST)]
        assert found == [max(bounds)], f"{text}: the lowest release that can be installed is {found}"


def test_a_distribution_has_the_same_range_wherever_it_is_declared() -> None:
    ranges: dict[str, set[str]] = {}
    for text in SOURCES["constraints.txt"]:
        requirement = Requirement(text)
        if requirement.specifier and requirement.name not in TOOL.FIXED:
            ranges.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier))
    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


def test_a_requirement_names_its_distribution() -> None:
    assert TOOL.distribution("Types_PyYAML[x]>=1 ; python_version > '3'") == "types-pyyaml"
    with pytest.raises(ValueError, match="begins with the name of a distribution, got '>=1'"):
        TOOL.distribution(">=1")


# --- the commands of the README ---------------------------------------------------------------------------------------


def commands() -> list[str]:
    """The first two console blocks of the README, the ones that a newcomer runs."""
    blocks = re.findall(r"```console\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [block.strip() for block in blocks[:2]]


def test_both_commands_take_the_exact_versions() -> None:
    evaluation, tests = commands()
    assert "arena evaluate submissions/" in evaluation
    assert "tox" in tests
    for command in (evaluation, tests):
        assert re.search(
            r"(-c |PIP_CONSTRAINT=)constraints\.txt .*pip install|pip install -c constraints\.txt", command
        )


def test_the_continuous_integration_runs_the_command_of_the_readme() -> None:
    _, tests = commands()
    assert f'\n  {tests} "$@"\n' in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")


# --- imports ----------------------------------------------------------------------------------------------------------

#: Functions that import or look for the module that their first argument names.
IMPORTERS = {"import_module", "importorskip", "find_spec"}


def imported(folder: Path) -> Iterator[tuple[str, Path]]:
    """The top-level modules that the files of a folder import, whenever they do it, and where."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                names = [str(node.args[0].value)] if called in IMPORTERS else []
            yield from ((name.partition(".")[0], path) for name in names)


@cache
def installed() -> Mapping[str, list[str]]:
    """The distributions that hold each importable module."""
    return importlib.metadata.packages_distributions()


def undeclared(folder: Path, requirements: set[str], own: set[str]) -> dict[str, Path]:
    """Modules that a folder imports although no requirement names a distribution that holds them."""
    declared = {canonicalize_name(Requirement(text).name) for text in requirements}
    holders = installed()
    found: dict[str, Path] = {}
    for module, path in imported(folder):
        # A module that is not installed here is looked for under its own name.
        names = {canonicalize_name(name) for name in (*holders.get(module, ()), module)}
        if module not in sys.stdlib_module_names | own and not names & declared:
            found[module] = path
    return found


def requirements_of(project: Path, *, extras: bool = True) -> set[str]:
    content = PROJECTS[project]["project"]
    optional = content.get("optional-dependencies", {}).values() if extras else ()
    return {*content.get("dependencies", ()), *(text for texts in optional for text in texts)}


def modules_in(*folders: Path) -> set[str]:
    return {path.stem for folder in folders for path in folder.glob("*") if path.suffix == ".py" or path.is_dir()}


PACKAGES = {
    path: REPOSITORY / "arena" if path.parent == REPOSITORY else next(path.parent.glob("src/*/")) for path in PROJECTS
}
#: The module of each own package, and the distribution that has it.
OWN_MODULES = {folder.name: canonicalize_name(PROJECTS[path]["project"]["name"]) for path, folder in PACKAGES.items()}


@pytest.mark.parametrize("project", PACKAGES, ids=lambda path: path.parent.name)
def test_a_package_declares_what_it_imports(project: Path) -> None:
    folder = PACKAGES[project]
    declared = {canonicalize_name(Requirement(text).name) for text in requirements_of(project)}
    own = {module for module, name in OWN_MODULES.items() if name in declared} | {folder.name}
    assert undeclared(folder, requirements_of(project), own) == {}


def test_an_import_that_is_not_declared_is_found(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(
        "import os, yaml.nodes\ndef f():\n    from numpy import array\n    import arena\n"
    )
    assert set(undeclared(tmp_path, {"pyyaml>=6"}, {"arena"})) == {"numpy"}
    assert undeclared(tmp_path, {"pyyaml>=6", "NumPy"}, {"arena"}) == {}
    (tmp_path / "code.py").write_text("from importlib import import_module\nimport_module('torch.nn')\n")
    assert set(undeclared(tmp_path, set(), set())) == {"torch"}


@pytest.mark.parametrize("project", PACKAGES, ids=lambda path: path.parent.name)
def test_tests_declare_what_they_import(project: Path) -> None:
    """In the extras of their package; the core's may also take what an environment of tox installs for them alone."""
    tests = project.parent / "tests"
    requirements = requirements_of(project)
    own = set(OWN_MODULES) | modules_in(REPOSITORY / "tests", REPOSITORY / "benchmarks", tests)
    if project.parent == REPOSITORY:
        requirements |= TOOL.of_tox(REPOSITORY)
        own |= modules_in(tests / "attacks" / "controllers") | {"my_rules"}  # the controllers', and a scaffolded plugin
        assert undeclared(REPOSITORY / "benchmarks", requirements, own) == {}
    assert undeclared(tests, requirements, own) == {}
