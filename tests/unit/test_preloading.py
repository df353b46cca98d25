"""Libraries that are imported before the controllers: which, in which locks, and what comes of one that fails.

A test brings its own library, in a folder of installed packages of its own, and gives it to a submission past the list.
"""

import dataclasses
import json
import os
import sys
import tempfile

import pytest
from seats import APART, LOCKED, make_submission, observation, require_or_skip, seated
from typer.testing import CliRunner

from arena.cli import app
from arena.contract.preloading import PRELOADABLE, check_preload
from arena.errors import ContractViolation, InfrastructureFailure, InvalidInput
from arena.jail import launcher
from arena.jail.launcher import PreloadFailure
from arena.jail.watch import children
from arena.play.refusals import refuse_unimportable
from arena.play.seats import make_host, process

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the locks are made of what only Linux has")


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Install a module, and return a submission that names it."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)

    def install(code, name="library", body="", more=()):
        (packages / f"{name}.py").write_text(code, encoding="utf-8")
        return make_submission(tmp_path, body, name=f"names-{name}", preload=(*more, name))

    return install


@pytest.fixture
def host_of():
    """Make a host that is closed after the test."""
    made = []

    def make(level):
        made.append(make_host(require_or_skip(level)))
        return made[-1]

    yield make
    for host in made:
        host.close()


# --- the list -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PRELOADABLE, "scipy.optimize", "pyomo.repn.plugins.standard_form"])
def test_libraries_of_the_list_and_their_public_modules_may_be_named(name):
    assert check_preload(name) is None


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("antigravity", "remove it"),
        ("os", "remove it"),
        ("", "remove it"),
        ("numpy.", "remove it"),
        ("numpy/../evil", "remove it"),
        ("numpy.__main__", "remove it"),
        ("torch._inductor", "remove it"),
        ("numpy" + ".core" * 30, "remove it"),
        ("Numpy.fft", 'did you mean "numpy.fft"'),
        ("high-spy", 'did you mean "highspy"'),
    ],
)
def test_everything_else_is_refused(name, fix):
    rule, told = check_preload(name)
    assert rule.endswith("highspy, networkx, numpy, pyomo, safetensors, scipy, torch")
    assert fix in told


HOOKED = """
import importlib.abc, sys

class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "multiprocessing":
            sys.meta_path.remove(self)
            import multiprocessing
            multiprocessing.Lock()  # as pyomo does, for those who start processes later

if "multiprocessing" not in sys.modules:
    sys.meta_path.insert(0, Hook())
"""


@linux_only
@pytest.mark.parametrize("level", LOCKED)
def test_a_library_that_acts_on_the_import_of_another_does_not_break_it(level, host_of, library):
    """pyomo makes a lock between processes on the first import of multiprocessing, which no locked process can."""
    body = """
    def order(self, observation):
        import multiprocessing
        print(multiprocessing.cpu_count() > 0)
        return [0, 0, 0]
    """
    seat = seated(host_of(level), library(HOOKED, body=body))
    seat.order(observation())
    seat.close()
    assert seat.stderr_tail.splitlines()[-1] == "True"


@linux_only
@pytest.mark.parametrize("level", LOCKED)
def test_locks_between_processes_stay_refused(level, host_of, library):
    body = """
    def order(self, observation):
        import multiprocessing
        multiprocessing.Lock()
        return [0, 0, 0]
    """
    seat = seated(host_of(level), library(HOOKED, body=body))
    with pytest.raises(ContractViolation, match=r"PermissionError|FileNotFoundError"):
        seat.order(observation())
    seat.release()


# --- the locks ----------------------------------------------------------------------------------------------------

PROBE = """
import ctypes, os, signal, socket, subprocess, sys
RESULTS = {}
def probe(name, act):
    try:
        act()
        RESULTS[name] = "done"
    except OSError as error:
        RESULTS[name] = type(error).__name__
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
probe("reads a file of the system", lambda: open("/etc/passwd").close())
probe("reads the environment of its parent", lambda: open(f"/proc/{os.getppid()}/environ", "rb").close())
probe("lists processes", lambda: os.listdir("/proc"))
probe("writes a file", lambda: os.close(os.open(OUTSIDE, os.O_WRONLY | os.O_CREAT)))
probe("writes beside itself", lambda: open(__file__, "a").close())
probe("makes a socket", lambda: socket.socket().close())
probe("starts a program", lambda: subprocess.run([sys.executable, "-c", ""], check=True))
probe("signals everybody", lambda: os.kill(-1, 0))
probe("signals its parent", lambda: os.kill(os.getppid(), 0))
probe("changes a limit of its parent", lambda: call({"x86_64": 302, "aarch64": 261}[os.uname().machine],
      os.getppid(), 0, 0, 0))
probe("outlives its parent", lambda: libc.prctl(1, 0) and (_ for _ in ()).throw(PermissionError))
probe("reads what is installed", lambda: open(__file__).close())
probe("writes to its own folder", lambda: open(os.path.join(os.environ["HOME"], "cache"), "w").close())
"""
EVERYWHERE = {"reads what is installed"}
"""What is possible at every level; in a sandbox, which has a size, it writes to its own folder too."""
TELL = "def order(self, observation): import json, library; print(json.dumps(library.RESULTS)); return [0, 0, 0]"


def probed(host, submission):
    seat = seated(host, submission)
    seat.order(observation())
    seat.close()
    results = json.loads(seat.stderr_tail.splitlines()[-1])
    return {name for name, result in results.items() if result == "done"}, results


@linux_only
@pytest.mark.parametrize("level", LOCKED)
def test_a_library_is_imported_inside_the_locks(level, host_of, library, tmp_path):
    outside = tmp_path / "outside"
    submission = library(PROBE.replace("OUTSIDE", repr(str(outside))), body=TELL)
    done, results = probed(host_of(level), submission)
    assert done == EVERYWHERE | ({"writes to its own folder"} if level == "sandbox" else set()), results
    assert len(results) == 13
    assert not outside.exists()


@linux_only
def test_all_of_it_is_possible_without_locks(host_of, library, tmp_path):
    """So that it is the locks that refuse it; but for a signal to everybody, which is not tried there."""
    code = PROBE.replace("OUTSIDE", repr(str(tmp_path / "outside"))).replace("os.kill(-1, 0)", "None")
    done, results = probed(host_of("process"), library(code, body=TELL))
    assert done == results.keys(), results


@linux_only
@pytest.mark.parametrize("level", LOCKED)
def test_memory_of_libraries_has_a_bound(level, host_of, library):
    big = "try: HAS = len(bytearray({size}))\nexcept MemoryError: HAS = 0"
    body = "def order(self, observation): import {name} as library; return [library.HAS, 0, 0]"
    host = host_of(level)
    for name, size, has in (("greedy", 8 * 2**30, 0), ("modest", 2**20, 2**20)):
        seat = seated(host, library(big.format(size=size), name=name, body=body.format(name=name)))
        assert seat.order(observation()).tolist() == [has, 0, 0]
        seat.close()


# --- failures -----------------------------------------------------------------------------------------------------

FAILURES = {
    "raises": ("raise ValueError('broken \\x1b[31m' + 'x' * 10_000)", r"library: ValueError: broken \\x1b\[31mxxx"),
    "is missing": ("import no_such_part", "library: ModuleNotFoundError: No module named 'no_such_part'"),
    "leaves": ("raise SystemExit(3)", "library: SystemExit: 3"),
    "ends its process": ("import os; os._exit(3)", "library: its import left the process with exit code 3"),
    "crashes": ("import os; os.abort()", "library: its import ended by Aborted"),
    "closes what is not its own": ("import os, time; os.closerange(3, 64); time.sleep(60)", "closed descriptors"),
}


@pytest.mark.parametrize("level", APART)
@pytest.mark.parametrize("failing", FAILURES)
def test_a_library_that_cannot_be_imported_is_found_once(level, failing, host_of, library, monkeypatch):
    code, reason = FAILURES[failing]
    host = host_of(level)
    submission = library(code)
    with pytest.raises(PreloadFailure, match=reason) as caught:
        host.open(submission)
    assert len(str(caught.value)) < 2000
    assert str(caught.value).isprintable()
    monkeypatch.setattr(process, "Launcher", None)  # no second try
    with pytest.raises(PreloadFailure, match=reason):
        host.open(submission)
    monkeypatch.undo()
    seated(host, dataclasses.replace(submission, preload=())).close()


TRACES = {
    "thread": (
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "thread",
    ),
    "process": ("import os, time\nif os.fork() == 0: time.sleep(60)", "process"),
    "orphan": (
        "import os, time\nif os.fork() == 0:\n    if os.fork(): os._exit(0)\n    time.sleep(60)\nos.wait()",
        "process",
    ),
}


@linux_only
@pytest.mark.parametrize("level", LOCKED)
@pytest.mark.parametrize("trace", TRACES)
def test_a_library_that_leaves_something_running_is_refused(level, trace, host_of, library):
    code, what = TRACES[trace]
    host = host_of(level)
    before = children(os.getpid())
    with pytest.raises(PreloadFailure, match=f"library: its import leaves a {what} running"):
        host.open(library(code))
    assert children(os.getpid()) <= before
    seated(
        host,
        library(
            "import threading\nthread = threading.Thread(target=print)\nthread.start()\nthread.join()", name="tidy"
        ),
    ).close()


@pytest.mark.parametrize("level", APART)
def test_an_import_that_hangs_is_ended(level, host_of, library, monkeypatch, tmp_path):
    host = host_of(level)
    monkeypatch.setattr(launcher, "_PRELOAD_SECONDS", 1.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = children(os.getpid())
    with pytest.raises(PreloadFailure, match="library: its import takes too long"):
        host.open(library("while True: pass"))
    assert children(os.getpid()) <= before
    assert not list(tmp_path.glob("arena-*"))


def test_every_library_that_fails_is_told_at_once(host_of, library):
    submission = library("1 / 0", more=("no_such_library", "colorsys"))
    with pytest.raises(PreloadFailure) as caught:
        host_of("process").open(submission)
    assert [name for name, _ in caught.value.failures] == ["library", "no_such_library"]


@linux_only
def test_a_zygote_that_was_killed_says_nothing_about_a_library(host_of, library):
    with pytest.raises(InfrastructureFailure, match="killed while it imported libraries") as caught:
        host_of("process").open(library("import os; os.kill(os.getpid(), 9)"))
    assert not isinstance(caught.value, PreloadFailure)


# --- before the first episode -------------------------------------------------------------------------------------


def write(folder, name, preload):
    (folder / name).mkdir()
    (folder / name / "submission.yaml").write_text(
        f"name: {name}\ncontroller: controller.py:Controller\ntrack: blind\npreload: {preload}\n"
    )
    (folder / name / "controller.py").write_text(
        "class Controller:\n    def begin(self, briefing): self.links = len(briefing.network.supply_links)\n"
        "    def order(self, observation): return [0] * self.links\n"
    )
    return str(folder / name)


def evaluate(place, *submissions, level):
    arguments = ["evaluate", *submissions, "--isolation", level, "--output", str(place / "results"), "--workers", "0"]
    return CliRunner().invoke(app, [*arguments, "--scenario", "serial-stationary-backlog"], prog_name="arena")


@pytest.mark.parametrize("level", ["trusted", *APART])
def test_submissions_whose_library_cannot_be_imported_are_refused_before_anything_is_played(level, tmp_path):
    require_or_skip(level)
    good = write(tmp_path, "good", "[numpy.fft]")
    bad = [write(tmp_path, name, "[numpy.fft, numpy.no_such_part]") for name in ("bad", "worse")]
    done = evaluate(tmp_path, good, *bad, level=level)
    assert done.exit_code == 2
    for one in bad:
        assert f"{one}/submission.yaml: preload: cannot be imported before the episodes:" in done.stderr
    assert done.stderr.count('got "numpy.no_such_part"; install it where the arena runs, or remove it here') == 2
    assert not (tmp_path / "results").exists()
    checked = CliRunner().invoke(app, ["check", good, *bad, "--isolation", level], prog_name="arena")
    assert (checked.exit_code, checked.stdout) == (2, "")
    assert checked.stderr.count("preload: cannot be imported before the episodes:") == 2
    done = evaluate(tmp_path, good, level=level)
    assert done.exit_code == 0, done.stderr


def test_a_plugin_that_names_a_broken_library_is_named(library):
    submission = dataclasses.replace(library("1 / 0"), distribution="arena-rules")
    with pytest.raises(InvalidInput, match=r'ZeroDivisionError.*the plugin "arena-rules" needs it'):
        refuse_unimportable([submission], "process")
    refuse_unimportable([library("ONE = 1", name="fine")], "process")


def test_a_trial_that_was_disturbed_is_repeated_once(library, monkeypatch):
    submission = library("ONE = 1")
    calls = []

    def disturbed(self, submission):
        calls.append(submission)
        if len(calls) < 2:
            raise InfrastructureFailure("killed")

    monkeypatch.setattr(process.ProcessHost, "preload", disturbed)
    refuse_unimportable([submission], "process")
    assert len(calls) == 2
    calls.clear()
    monkeypatch.setattr(process.ProcessHost, "preload", lambda *_: calls.append(1) or disturbed(None, calls.clear()))
    with pytest.raises(InfrastructureFailure, match="killed"):
        refuse_unimportable([submission], "process")
