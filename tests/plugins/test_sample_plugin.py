"""A stranger's package, installed into a fresh environment, plays through the real command.

Nothing is downloaded: both wheels are built here, and the environment borrows the libraries of the one that runs the
tests. The arena itself is installed from its wheel, so that this also shows that the wheel holds all it needs.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_plugins import controller_source, write_plugin

from arena.play.seats import strongest

Arena = Callable[..., "subprocess.CompletedProcess[str]"]

MANIFEST = "name: {name}\ncontroller: {controller}\ntrack: {track}\nconfig: {config}\n"


def run(*command: object, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def arena(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    """Return a function that runs `arena` in an environment with the sample plugin, outside of the repository."""
    place = tmp_path_factory.mktemp("fresh")
    wheels = place / "wheels"
    for source in (repository, repository / "tests" / "sample_plugin"):
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, source)
    environment = place / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    found = sorted(str(wheel) for wheel in wheels.glob("*.whl"))
    options = ("--disable-pip-version-check", "--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, *found)
    # The lines of a .pth file are added behind the environment's own packages, which therefore win.
    libraries = sysconfig.get_path("purelib")
    (packages,) = (environment / "lib").glob("python*/site-packages")
    (packages / "zz-borrowed.pth").write_text(f"import site; site.addsitedir({libraries!r})\n")
    where = run(python, "-c", "import arena, arena_sample; print(arena.__file__, arena_sample.__file__)", cwd=place)
    assert where.stdout.count(str(environment)) == 2, where.stdout

    def call(*arguments: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "PYTHONPATH": str(path or ""), "COLUMNS": "200"}
        command = [str(environment / "bin" / "arena"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=place, env=variables, check=False)

    return call


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a manifest and returns its path."""

    def write(name: str, controller: str = "constant-cover", track: str = "blind", config: str = "{}") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(MANIFEST.format(name=name, controller=controller, track=track, config=config))
        return path

    return write


def test_the_plugin_is_listed_with_its_controller(arena: Arena) -> None:
    plugins = json.loads(arena("list", "plugins", "--json").stdout)
    assert {"name": "sample", "value": "arena_sample", "distribution": "arena-sample", "version": "1.2.3"} in plugins
    controllers = json.loads(arena("list", "controllers", "--json").stdout)["controllers"]
    (sample,) = (one for one in controllers if one["name"] == "constant-cover")
    assert sample["tracks"] == ["blind", "informed", "decentralised"]
    assert (sample["plugin"], sample["distribution"], sample["version"]) == ("sample", "arena-sample", "1.2.3")


def test_the_plugin_passes_the_check(arena: Arena, manifest: Callable[..., Path]) -> None:
    done = arena("check", manifest("mine"))
    assert done.returncode == 0, done.stderr
    assert f"mine: conforms (track blind, isolation {strongest()})" in done.stdout


def test_the_plugin_plays_a_match(arena: Arena, manifest: Callable[..., Path], tmp_path: Path) -> None:
    entries = [manifest("mine", config="{replenishment: {cover: 2}}"), manifest("local", track="decentralised")]
    output = tmp_path / "results"
    options = ("--scenario", "serial-stationary-backlog", "--workers", 1, "--output", output, "--strict")
    done = arena("evaluate", *entries, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(output / "report.html")
    assert "mine" in (output / "report.html").read_text(encoding="utf-8")
    with (output / "episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 10
    assert {(row["submission"], row["track"]) for row in rows} == {("mine", "blind"), ("local", "decentralised")}
    assert {row["outcome"] for row in rows} == {"ok"}


def test_a_wrong_config_value_is_told_with_file_field_and_rule(arena: Arena, manifest: Callable[..., Path]) -> None:
    path = manifest("mine", config="{replenishment: {cover: 20, covr: 1}}")
    done = arena("evaluate", path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"arena: 2 faults in {path}:")
    assert "config.replenishment.cover: " in done.stderr
    assert 'did you mean "cover"?' in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_controller_is_told_with_the_nearest(arena: Arena, manifest: Callable[..., Path]) -> None:
    done = arena("check", manifest("mine", controller="constant-covr"))
    assert done.returncode == 2
    assert 'got "constant-covr"; did you mean "constant-cover"?' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise LookupError('no licence')\n", "LookupError: no licence"),
        (
            controller_source("steady", hook="arena_controlers"),
            'there is no hook "arena_controlers"; did you mean "arena_controllers"?',
        ),
    ],
)
def test_a_broken_plugin_is_told_and_the_others_play(
    arena: Arena, manifest: Callable[..., Path], tmp_path: Path, source: str, message: str
) -> None:
    broken = write_plugin(tmp_path, "fake-broken", "fake_broken", source)
    line = f'arena: plugin "fake_broken" of fake-broken: {message}'

    listed = arena("list", "controllers", path=broken)
    assert listed.returncode == 2
    assert listed.stderr.splitlines() == [line]
    assert "constant-cover" in listed.stdout

    played = arena("check", manifest("mine"), path=broken)
    assert played.returncode == 0
    assert played.stderr.splitlines()[0] == line

    needed = arena("check", manifest("other", controller="steady"), path=broken)
    assert needed.returncode == 2
    assert f'not loaded: plugin "fake_broken" of fake-broken: {message}' in needed.stderr


def test_a_doubled_controller_name_is_refused_and_both_are_named(
    arena: Arena, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    double = write_plugin(tmp_path, "fake-double", "fake_double", controller_source("constant-cover"))
    for command in (("list", "controllers"), ("check", manifest("mine")), ("evaluate", manifest("mine"))):
        done = arena(*command, path=double)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            'arena: controller "constant-cover" is given twice, by plugin "fake_double" of fake-double '
            'and by plugin "sample" of arena-sample; uninstall one of them'
        ]


def test_a_doubled_entry_point_is_refused_and_both_are_named(arena: Arena, tmp_path: Path) -> None:
    source = controller_source("steady")
    double = write_plugin(tmp_path, "fake-double", "fake_double", source, entry_points={"sample": "fake_double"})
    done = arena("list", "controllers", path=double)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        'arena: plugin "sample" is declared twice, by arena-sample (arena_sample) and fake-double (fake_double); '
        "uninstall one of them"
    ]


def test_listing_plugins_imports_none_of_them(arena: Arena, tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    acting = write_plugin(tmp_path, "fake-acting", "fake_acting", f"open({str(marker)!r}, 'w').close()\n")
    for command in (("list",), ("list", "plugins"), ("--help",)):
        assert arena(*command, path=acting).returncode == 0
        assert not marker.exists()


def test_the_plugin_plays_in_the_arenas_own_process_only_if_it_is_trusted(
    arena: Arena, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    options = ("--isolation", "trusted", "--scenario", "serial-stationary-backlog", "--workers", 1)
    refused = arena("evaluate", manifest("mine"), *options, "--output", tmp_path / "refused", "--refuse-faulty")
    assert refused.returncode == 2
    assert "nobody trusts arena-sample" in refused.stderr
    assert "--trust arena-sample" in refused.stderr
    played = arena("evaluate", manifest("mine"), *options, "--output", tmp_path / "played", "--trust", "arena_sample")
    assert played.returncode == 0, played.stderr
    # What was trusted is told in the form in which it can be pinned.
    (told,) = (line for line in played.stderr.splitlines() if line.startswith("arena: trusted: arena-sample 1.2.3"))
    pinned = told.rpartition("--trust ")[2]
    assert arena("check", manifest("mine"), "--trust", pinned).returncode == 0
    other = arena("check", manifest("mine"), "--trust", f"arena-sample={'0' * 64}")
    assert other.returncode == 2
    assert f"has the digest {pinned.partition('=')[2]}, not {'0' * 64}" in other.stderr
