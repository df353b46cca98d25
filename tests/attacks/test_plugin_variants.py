"""Variants of plugins that act when they are looked for or named, and of metadata that lie about them."""

import importlib
import os
import subprocess
import sys
import time
from importlib.metadata import PathDistribution

import pytest
from fake_plugins import controller_source, write_plugin

from arena.entry.providers import find_controllers
from arena.entry.strangers import Strangers
from arena.installed import find_startup_code, list_entry_points
from arena.jail.watch import children
from arena.plugins import discover, plugin_packages

GROUP = "arena-test"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the locks are of Linux")


def describe(*names):
    """Return controllers and failures, as a command would that asks every plugin."""
    with Strangers(GROUP) as strangers:
        return find_controllers(names or None, strangers, group=GROUP)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a function that installs a plugin for this test."""

    def install(distribution, module, source="", **options):
        folder = write_plugin(tmp_path, distribution, module, source, **options)
        monkeypatch.syspath_prepend(folder)
        importlib.invalidate_caches()
        return folder

    return install


# --- looked for ----------------------------------------------------------------------------------------------------


def as_package(folder, module, code):
    """Make the module a package, whose own code runs before that of the module that the entry point names."""
    (folder / f"{module}.py").unlink()
    inner = folder / module
    inner.mkdir()
    (inner / "__init__.py").write_text(code)
    (inner / "deep").mkdir()
    (inner / "deep" / "__init__.py").write_text(code)
    (inner / "deep" / "plugin.py").write_text(controller_source("acting"))


@pytest.mark.parametrize(
    "target",
    ["fake_acting_a", "fake_acting_a.deep.plugin", "fake_acting_a.deep:plugin", "fake_acting_a.deep.plugin [extra]"],
)
def test_looking_for_plugins_runs_nothing_of_a_package(place, tmp_path, target):
    marker = tmp_path / "marker"
    folder = place("fake-acting-a", "fake_acting_a", entry_points={"acting": target})
    as_package(folder, "fake_acting_a", f"open({str(marker)!r}, 'a').write('x')\n")
    assert "acting" in {entry.name for entry in list_entry_points(GROUP)}
    plugin_packages()
    discover(GROUP)
    describe()  # in a locked process, which cannot write there
    assert not marker.exists()
    assert not {name for name in sys.modules if name.startswith("fake_acting_a")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sitecustomize/__init__.py", ""),
        ("usercustomize/__init__.py", ""),
        ("sitecustomize.pyc", ""),
        ("sitecustomize.cpython-311-x86_64-linux-gnu.so", ""),
        ("start.pth", "\ufeffimport os\n"),
        ("start.pth", "# a comment\n\nimport\tos\n"),
        ("start.pth", "/somewhere\nimport os; os.getpid()\n"),
    ],
)
def test_code_that_runs_when_python_starts_is_found(place, name, content):
    folder = place("fake-start", "fake_start", controller_source("starting"))
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    (metadata,) = folder.glob("*.dist-info")
    (metadata / "RECORD").write_text(f"fake_start.py,,\n{name},,\n")
    assert find_startup_code(PathDistribution(metadata)) == f"its start-up file {name}"
    assert "runs code in the arena's process without being asked" in " ".join(map(str, describe().failures))


def test_a_path_file_that_leads_to_a_start_up_file_is_found(place):
    folder = place("fake-path", "fake_path", controller_source("pathing"))
    (folder / "hidden").mkdir()
    (folder / "hidden" / "sitecustomize.py").write_text("")
    (folder / "more.pth").write_text("hidden\n")
    (metadata,) = folder.glob("*.dist-info")
    (metadata / "RECORD").write_text("fake_path.py,,\nhidden/sitecustomize.py,,\nmore.pth,,\n")
    assert "hidden/sitecustomize.py, and more.pth" in find_startup_code(PathDistribution(metadata))
    (metadata / "RECORD").write_text("fake_path.py,,\nmore.pth,,\n")
    assert find_startup_code(PathDistribution(metadata)) == ""


# --- lies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["arena-heuristics", "Arena_Heuristics", "arena.heuristics", "arena--heuristics"])
def test_a_namespace_package_takes_nothing_of_the_arenas_own(place, name):
    """A folder without code of its own has no file that could be the arena's."""
    folder = place(name, "fake_space", entry_points={"echelon": "fake_space.inner"})
    (folder / "fake_space.py").unlink()
    (folder / "fake_space").mkdir()
    (folder / "fake_space" / "inner.py").write_text(controller_source("echelon"))
    found = discover(GROUP)
    assert dict(found.controllers) == {}
    assert "is called like the arena's own package arena-heuristics and is not taken for it" in str(found.failures[0])


@pytest.mark.parametrize(
    "target", ["arena_heuristics", "os", "arena.cli", "no_such_module", "os:path.join", "this is no module", "..os"]
)
def test_an_entry_point_that_names_what_is_not_its_own_costs_one_message(place, target):
    place("fake-liar", "fake_liar", controller_source("lying"), entry_points={"lying": target})
    place("fake-honest", "fake_honest", controller_source("honest"))
    found = describe("honest", "lying")
    assert "honest" in found.described
    assert "lying" not in found.described
    assert [one.distribution for one in found.failures] == ["fake-liar"]
    text = str(found.failures[0])
    assert text.isprintable()
    assert len(text) < 1500


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b]0;owned\x07",
        "ab\u202egnp.exe",
        "Z" + "\u0301" * 200,
        "x" * 100_000,
        "a\u200b\u3164\U000e0001",
        "<script>alert(1)</script>\x00",
    ],
    ids=["escapes", "direction", "stacked", "long", "invisible", "markup"],
)
def test_hostile_metadata_is_shown_and_does_nothing(place, tmp_path, text):
    folder = place("fake-hostile", "fake_hostile", "raise RuntimeError('no')")
    (metadata,) = folder.glob("*.dist-info")
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fake-{text}\nVersion: {text}\n", encoding="utf-8")
    variables = {**os.environ, "PYTHONPATH": str(folder), "PYTHONUTF8": "1"}
    for command in (("list", "plugins"), ("list", "controllers")):
        shown = subprocess.run(
            [sys.executable, "-m", "arena", *command], capture_output=True, text=True, env=variables, check=False
        )
        output = (shown.stdout + shown.stderr).replace("\n", "")
        assert output.isprintable()
        assert "Traceback" not in output
        assert "\u0301\u0301\u0301" not in output
        assert "\u3164" not in output
        assert len(output) < 100_000


# --- what it leaves ------------------------------------------------------------------------------------------------

LEAVING = {
    "thread": "import threading; threading.Thread(target=act, daemon=False).start()",
    "timer": "import threading; threading.Timer(0.1, act).start()",
    "child": "import os\nif os.fork() == 0:\n    act()\n    os._exit(0)",
    "daemon": "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        act()\n    os._exit(0)",
    "exit handler": "import atexit; atexit.register(act)",
    "program": "import subprocess; subprocess.Popen(['sleep', '600'])",
}


@pytest.mark.parametrize("way", LEAVING)
def test_nothing_that_a_plugin_starts_outlives_its_description(place, tmp_path, way):
    marker = tmp_path / "marker"
    write = f"open({str(marker)!r}, 'w').write('x')"
    act = f"import time\ndef act():\n    time.sleep(0.2)\n    {write}\n    time.sleep(600)\n"
    name = f"fake_leaving_{way.replace(' ', '_')}"
    attempt = "\n".join(f"    {line}" for line in LEAVING[way].splitlines())
    source = f"{act}try:\n{attempt}\nexcept Exception:\n    pass\n{controller_source('leaving')}"
    place(name.replace("_", "-"), name, source)
    before = children(os.getpid())
    found = describe("leaving")
    assert "leaving" in found.described or len(found.failures) == 1
    assert children(os.getpid()) <= before
    time.sleep(0.4)
    assert not marker.exists()
