"""Plugins that act when they are imported: what they reach by it, named or not, in real commands.

The plugin tries all that it can in its module, where no controller has played yet, and reports by what it declares:
the summary of its controller is the list of what worked.
"""

import os
import subprocess
import sys

import pytest
from fake_plugins import controller_source, write_plugin

from arena.entry.loading import load_submissions
from arena.entry.providers import find_controllers
from arena.entry.strangers import Strangers
from arena.errors import InvalidInput
from arena.play.seats import strongest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the locks, and the attacks on memory, are of Linux")

GROUP = "arena-test"
SECRET = "5eed" * 16

ACTING = """
import ctypes, glob, os, sys

worked = []


def attempt(name, action):
    try:
        if action():
            worked.append(name)
    except BaseException:
        pass


def memory():
    for process in glob.glob("/proc/[0-9]*"):
        if int(process[6:]) != os.getpid():
            with open(process + "/mem", "rb"):
                return True


def environments():
    return any({secret!r} in open(path, errors="replace").read() for path in glob.glob("/proc/[0-9]*/environ"))


def network():
    import socket
    return socket.socket()


attempt("write", lambda: open({marker!r}, "a").write(str(os.getpid()) + "\\n"))
attempt("secret", lambda: open({place!r}).read())
attempt("memory", memory)
attempt("environment", lambda: {secret!r} in str(os.environ) or environments())
attempt("network", network)
attempt("signal", lambda: os.kill(os.getppid() or 1, 0) is None)
attempt("program", lambda: os.system("true") == 0)
attempt("arena", lambda: "arena.cli.evaluating" in sys.modules)
"""


@pytest.fixture
def acting(tmp_path):
    """Return a plugin that acts on import, and where it would show."""
    if strongest() not in ("strict", "sandbox"):
        pytest.skip("this machine has no level that locks")
    marker, place = tmp_path / "marker", tmp_path / "secret"
    place.write_text(SECRET, encoding="ascii")
    told = controller_source("acting").replace('summary="a constant"', 'summary="worked: " + " ".join(worked)')
    source = ACTING.format(marker=str(marker), place=str(place), secret=SECRET) + told
    return write_plugin(tmp_path / "plugins", "fake-acting", "fake_acting", source), marker


def arena(*arguments, plugin, cwd):
    variables = {**os.environ, "PYTHONPATH": str(plugin), "ARENA_SECRET_OF_THIS_TEST": SECRET}
    command = [sys.executable, "-m", "arena", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=variables, check=False)


def own_rule(folder):
    """Write a submission of own code, for a contest that names no plugin."""
    rule = folder / "mine"
    rule.mkdir()
    (rule / "submission.yaml").write_text("name: mine\ncontroller: 'rule.py:Mine'\ntrack: blind\n")
    code = (
        "import numpy as np",
        "class Mine:",
        "    def begin(self, briefing):",
        "        self.size = len(briefing.order_bound)",
        "    def order(self, observation):",
        "        return np.full(self.size, 20.0)",
    )
    (rule / "rule.py").write_text("\n".join(code))
    return rule


OPTIONS = ("--scenario", "serial-stationary-backlog", "--workers", "1", "--strict")


def test_a_plugin_that_nobody_names_is_imported_nowhere(acting, tmp_path):
    plugin, marker = acting
    # Libraries of the arena have plugins of their own, which they import when they are imported.
    (metadata,) = plugin.glob("*.dist-info/entry_points.txt")
    metadata.write_text(metadata.read_text() + "[pydantic]\nacting = fake_acting\n")
    done = arena("evaluate", own_rule(tmp_path), *OPTIONS, plugin=plugin, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not marker.exists()
    assert "fake-acting" not in done.stdout + done.stderr


def test_a_plugin_that_a_manifest_names_plays_and_reaches_nothing(acting, tmp_path):
    plugin, marker = acting
    named = tmp_path / "named.yaml"
    named.write_text("name: named\ncontroller: acting\ntrack: blind\n")
    done = arena("evaluate", named, *OPTIONS, plugin=plugin, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "named" in done.stdout
    assert not marker.exists()
    listed = arena("list", "controllers", "--json", plugin=plugin, cwd=tmp_path)
    assert '"summary": "worked:",' in listed.stdout.replace("worked: ", "worked:")
    assert not marker.exists()


def test_what_the_plugin_tries_works_where_it_is_trusted(acting, tmp_path):
    """Without this the tests above would hold for a plugin that tries nothing."""
    plugin, marker = acting
    code = "from arena import discover; print(discover(trust='fake-acting').controller('acting').spec.summary)"
    variables = {**os.environ, "PYTHONPATH": str(plugin), "ARENA_SECRET_OF_THIS_TEST": SECRET}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
    worked = set(done.stdout.split()[1:])
    assert {"write", "secret", "environment", "network", "program"} <= worked
    assert marker.exists()


HOSTILE = {
    "never ends": ("while True: pass", "did not answer within 1 seconds"),
    "leaves": ("import os; os._exit(0)", "left with exit code 0"),
    "floods": ("print('x' * 10_000_000)\nraise RuntimeError('y' * 10_000_000)", "RuntimeError: yyy"),
    "forges": ("import os; os.write(3, b'\\xff' * 100)", "no message of this protocol"),
    "announces": ("import os; os.write(3, b'\\xff\\xff\\xff\\x7f')", "a message of 2147483647 bytes was announced"),
    "nests": (
        "import os\nlies = b'[' * 100_000\nos.write(3, len(lies).to_bytes(4, 'little') + lies)",
        "no message of this protocol",
    ),
    "answers for another question": (
        "import os\nlies = b'{\"type\":\"ready\"}'\nos.write(3, len(lies).to_bytes(4, 'little') + lies)",
        "an answer of the wrong kind",
    ),
    "colours": ("raise RuntimeError('\\x1b[31m red')", r"RuntimeError: \x1b[31m red"),
    "takes a name of the arena's": (controller_source("newsvendor"), "a name of the arena's own package arena-heuris"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_plugin_costs_one_message_and_the_others_are_described(kind, tmp_path, monkeypatch):
    source, message = HOSTILE[kind]
    for folder in (
        write_plugin(tmp_path, "fake-hostile", "fake_hostile_plugin", source),
        write_plugin(tmp_path, "fake-honest", "fake_honest_plugin", controller_source("steady")),
    ):
        monkeypatch.syspath_prepend(folder)
    with Strangers(GROUP, seconds=1 if kind == "never ends" else 30) as strangers:
        found = find_controllers(None, strangers, group=GROUP)
        assert strangers.isolation == strongest()
    assert "steady" in found.described
    (failure,) = found.failures
    assert message in str(failure)
    assert str(failure).startswith('plugin "fake_hostile_plugin" of fake-hostile: ')
    assert str(failure).isprintable()
    assert len(str(failure)) < 3000


def test_lies_about_a_declaration_are_refused_by_the_arena_itself(tmp_path, monkeypatch):
    lie = (
        '{"type":"described","controllers":[{"name":"No Slug","summary":"x","tracks":["blind"],"preload":[],'
        '"capabilities":[]}]}'
    )
    source = f"import os\nlies = {lie.encode()!r}\nos.write(3, len(lies).to_bytes(4, 'little') + lies)"
    monkeypatch.syspath_prepend(write_plugin(tmp_path, "fake-liar", "fake_liar", source))
    with Strangers(GROUP) as strangers:
        (failure,) = find_controllers(None, strangers, group=GROUP).failures
    assert "the name is not a slug" in str(failure)


def test_a_package_with_a_name_of_the_arena_is_refused_and_both_are_named(tmp_path, monkeypatch):
    marker = tmp_path / "marker"
    source = f"open({str(marker)!r}, 'w').close()\n" + controller_source("newsvendor")
    squatter = write_plugin(tmp_path, "arena-heuristics", "squatted_heuristics", source)
    monkeypatch.syspath_prepend(squatter)
    manifest = tmp_path / "mine.yaml"
    manifest.write_text("name: mine\ncontroller: newsvendor\ntrack: blind\n")
    loaded = load_submissions([manifest])
    (failure,) = loaded.failures
    assert "called like the arena's own package arena-heuristics and is not taken for it" in str(failure)
    assert str(squatter) in str(failure)
    with pytest.raises(InvalidInput, match=r"not loaded: plugin .*squatted_heuristics.* of arena-heuristics"):
        loaded.require()
    assert not marker.exists()
    assert "squatted_heuristics" not in sys.modules
