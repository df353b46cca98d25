"""The attack corpus: every controller of the table at every level of isolation, and what comes of it.

A controller of the corpus orders 1 of everything as long as nothing it tries works, and 2 once something does. So a
blocked attack earns exactly what an honest controller earns, and the log of its orders shows it.
"""

import contextlib
import ctypes
import gc
import hashlib
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from machine import has
from seats import Hosts, require_or_skip

from arena import load_scenario
from arena.contract.seeds import EpisodeSeed
from arena.entry.submission import Manifest, Submission
from arena.jail.limits import MEBIBYTE, Limits
from arena.jail.watch import children
from arena.play.match import play
from arena.report.attacks import APART, known_attacks
from arena.report.page import SCRIPTS, render_report
from arena.results.rows import OFFICIAL_ISOLATION
from arena.results.standings import compute_standings

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the attacks, and the search for what is left, use /proc"
)

CONTROLLERS = Path(__file__).parent / "controllers"
SCENARIO = load_scenario("serial-stationary-backlog").model_copy(update={"horizon": 6})
ENTROPY = 0x_5EED_0DD5_0DD5_5EED_0DD5_1234_5678_9ABC
HONEST, WORKED = 1.0, 2.0
MARK = f"arena-{os.getpid()}"
"""Name of all processes of attacks; tests of other workers have another."""

CAPS = {"memory": 512 * MEBIBYTE, "file_size": 4 * MEBIBYTE, "disk": 16 * MEBIBYTE, "tasks": 32, "files": 200}
PATIENT = CAPS | {"setup": 30.0, "first_decision": 30.0, "decision": 30.0, "close": 10.0, "bank": 60.0}
"""No honest step misses these, however busy the machine."""
HASTY = CAPS | {"setup": 2.0, "first_decision": 0.3, "decision": 0.3, "close": 0.3, "bank": 1.2}
HASTY |= {"wall_time_factor": 1.0}
"""Deadlines for those who are going to miss them, spinning or asleep."""
GRACE = 2.0
"""Seconds after its deadline by which a hostile episode is over."""

LEVELS = [level if level in OFFICIAL_ISOLATION else pytest.param(level, marks=pytest.mark.slow) for level in APART]
"""Levels whose results are never official are played by `tox -e slow`. A sandbox has all locks of `strict`."""
CASES = [(attack, case) for attack in known_attacks() for case in attack.cases]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A contest with its secret, results, rivals and listeners, and hosts with their temporary files in one place."""
    place = tmp_path_factory.mktemp("contest")
    secret = hashlib.sha256(b"the secret of this contest").hexdigest()
    for name in ("secret.json", "results.sqlite", "arena.log"):
        (place / name).write_text(secret, encoding="ascii")
    rival = place / "rival"
    rival.mkdir()
    (rival / "rival_rule.py").write_text("SECRET = 1", encoding="ascii")
    outside = place / "outside"
    outside.mkdir()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as open_things:
        patch.setenv("ARENA_SECRET_OF_THIS_TEST", secret)
        temporary = tmp_path_factory.mktemp("temporary")
        patch.setattr(tempfile, "tempdir", str(temporary))
        listeners = [
            socket.create_server(("127.0.0.1", 0)),
            socket.socket(socket.AF_UNIX),
            socket.socket(socket.AF_UNIX),
        ]
        abstract = f"arena-{os.getpid()}"
        # A path in the file system may be too long for a socket.
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        listeners[1].bind(str(folder / "local"))
        listeners[2].bind(f"\0{abstract}")
        for listener in listeners:
            open_things.enter_context(listener)
            listener.listen()
        hosts = Hosts()
        open_things.callback(hosts.close)
        # Where an attack on its own files works, it shall not be the checkout's.
        corpus = tmp_path_factory.mktemp("corpus") / "controllers"
        shutil.copytree(CONTROLLERS, corpus, ignore=shutil.ignore_patterns("__pycache__"))
        facts = {
            "mark": MARK,
            "half_secret": secret[:32],
            "arena": os.getpid(),
            "secret": str(place / "secret.json"),
            "store": str(place / "results.sqlite"),
            "log": str(place / "arena.log"),
            "rival": str(rival / "rival_rule.py"),
            "outside": str(outside),
            "port": listeners[0].getsockname()[1],
            "local": str(folder / "local"),
            "abstract": abstract,
            "entropy_low": ENTROPY % 2**32,
            "number": resource.getrlimit(resource.RLIMIT_SIGPENDING)[0] - 1,
        }
        yield SimpleNamespace(hosts=hosts, facts=facts, corpus=corpus, place=place, outside=outside, secret=secret)


def submit(world, controller):
    """A submission of a controller of the corpus, in place."""
    path = world.corpus / controller
    file, _, name = path.name.partition(":")
    manifest = Manifest(name="attack", controller=f"{file}:{name}", track="blind", config=world.facts)
    digest = hashlib.sha256(controller.encode()).hexdigest()
    return Submission(
        name="attack",
        manifest=manifest,
        path=path.parent,
        digest=digest,
        folder=path.parent,
        controller=manifest.controller,
        track="blind",
        config=manifest.config,
        preload=(),
    )


def play_once(host, submission, limits, *, scenario=SCENARIO, entropy=ENTROPY):
    seed = EpisodeSeed(index=0, entropy=entropy, controller_seed=7, public=False)
    return play(submission, scenario, seed, host, Limits(**limits))


def survivors(host):
    """What is left of an episode: processes by the name that attacks give themselves, and folders of seats."""
    processes = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text(encoding="utf-8", errors="replace").strip() == MARK:
                processes.append(comm.parent.name)
    folders = []
    for launcher in host._launchers.values():
        seats = f"/proc/{zygote_of(launcher)}/root/seats" if host.isolation == "sandbox" else launcher._directory
        folders += [entry.name for entry in Path(seats).iterdir() if entry.name != "rooms"]
        folders += [entry.name for entry in Path(seats, "rooms").glob("*/*")]
    return processes, folders


def zygote_of(launcher):
    """Process id of a launcher's zygote, which in a sandbox is the child of the program that made it."""
    if launcher._directory is not None:
        return launcher._process.pid
    (zygote,) = children(launcher._process.pid)
    return zygote


def latest_end(case, limits):
    """Seconds after which an episode of a case must be over: its own deadline, and the grace."""
    if case.controller.endswith((":InConstruction", ":InBegin")) or case.controller.startswith("endless_import"):
        return limits["setup"] + GRACE
    # Who ends a family runs in its group, and has to share one core with all the threads of it.
    crowd = GRACE if case.controller.startswith("crowding") else 0
    return limits["bank"] + limits["close"] + GRACE + crowd


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("attack", "case"), CASES, ids=[case.controller for _, case in CASES])
def test_an_attack_comes_to_its_verdict(world, level, attack, case):
    require_or_skip(level)
    limits = HASTY if "timeout" in case.outcomes else PATIENT
    host = world.hosts(level, **limits)
    submission = submit(world, case.controller)
    before = {path: path.stat().st_mtime_ns for path in world.place.rglob("*") if path.parent != world.outside}
    # The second episode is there to find what the first one left.
    episodes = 1 if "timeout" in case.outcomes else 2
    for _ in range(episodes):
        started = time.monotonic()
        played = play_once(host, submission, limits)
        elapsed = time.monotonic() - started
        told = f"{played.record.failure_message}\n{played.record.stderr_tail}"
        assert survivors(host) == ([], []), told
        assert elapsed < latest_end(case, limits)
        assert world.secret not in told
        assert len(played.record.failure_message) < 2000
        assert len(played.record.stderr_tail) <= Limits().stderr_tail
        assert all(one.isprintable() for one in told.split("\n"))
    if level in case.open_at:
        assert played.record.outcome == "ok", told
        worked = bool((played.requested == WORKED).any())
        if not worked and case.needs is not None and not has(case.needs):
            pytest.skip(f"this machine lacks what the attack needs: {case.needs}")
        assert worked, (
            "an attack that proves nothing: it does not work where the table calls it open. Mend the controller, or "
            f"name in the table what it needs of a machine. {told}"
        )
        return
    assert played.record.outcome in case.outcomes, told
    assert not (world.outside / "loaded").exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    if attack.verdict == "CLIP":
        assert played.record.clipped_orders == played.requested.size
    elif attack.verdict == "ACCEPT":
        assert played.record.clipped_orders == 0
    elif played.record.outcome == "ok" and attack.verdict != "SCORE FALLS":
        np.testing.assert_array_equal(played.requested, HONEST, err_msg=told)
        assert played.record.profit == pytest.approx(honest_profit(), abs=1e-9)
    elif played.record.outcome != "ok":
        assert played.record.profit <= 0


def honest_profit():
    """What an honest controller that orders 1 of everything earns, in process."""
    from arena.contract.kpi import measure
    from arena.simulate.simulator import Simulator

    simulator = Simulator(SCENARIO)
    simulator.start(ENTROPY)
    while not simulator.finished:
        simulator.step(np.full(len(SCENARIO.network.supply_links), HONEST))
    return measure(simulator.ledger(), SCENARIO).profit


def test_a_seed_that_can_be_guessed_is_guessed(world):
    """The attack of row 6 is a real one: against a small seed it works, at whichever level."""
    host = world.hosts("process", **PATIENT)
    submission = submit(world, "randomness.py:GuessTheSeed")
    assert play_once(host, submission, PATIENT, entropy=123).requested[-1].tolist() == [WORKED] * 3
    assert play_once(host, submission, PATIENT).requested[-1].tolist() == [HONEST] * 3


@pytest.mark.parametrize("level", APART)
def test_failing_on_the_worst_seeds_lowers_the_score(world, level):
    """Row 29: the seeds stay, and what is counted on those that failed is at most nothing."""
    require_or_skip(level)
    host = world.hosts(level, **PATIENT)
    long = load_scenario("serial-stationary-backlog")
    quitter, honest = (
        [
            play_once(host, submit(world, f"outcomes.py:{name}"), PATIENT, scenario=long, entropy=entropy).record
            for entropy in range(4)
        ]
        for name in ("FailOnBadLuck", "Persevere")
    )
    assert {record.outcome for record in honest} == {"ok"}
    assert "exception" in {record.outcome for record in quitter}
    assert sum(record.profit for record in quitter) < sum(record.profit for record in honest)


@pytest.mark.parametrize("controller", ["HostileText", "HostileClass"])
def test_hostile_text_of_an_episode_does_nothing_on_the_page(world, controller):
    """Row 23, the whole way: from a controller's process to the page."""
    record = play_once(world.hosts("process", **PATIENT), submit(world, f"output.py:{controller}"), PATIENT).record
    page = render_report(compute_standings([record], suite="test", scenarios=(SCENARIO.name,), seeds=1), [record])
    assert "&lt;script&gt;alert(1)" in page
    for name in SCRIPTS:
        own = f"<script>{files('arena.report').joinpath(name).read_text(encoding='utf-8')}</script>"
        assert page.count(own) == 1
        page = page.replace(own, "")
    assert page.count("<script") == 1  # the data, which are never run
    assert '<script type="application/json" id="data">' in page
    assert {one for one in page if not one.isprintable()} == {"\n"}


# --- endurance ----------------------------------------------------------------------------------------------------

ENDURED = ("values.py:NotANumber", "replies.py:SendDescriptors", "ends.py:Abort", "output.py:FloodTheOutput")
ENDURED += ("output.py:HostileText", "replies.py:SendManyValues", "resources.py:LeaveDaemons", "ends.py:ReadNothing")


MOST_GROWTH = 4 * MEBIBYTE
"""Bytes by which a process may grow over all rounds: half of one of the larger frames, or 4 KiB of every episode."""


def release_what_is_free():
    """Give back what is garbage, and what the allocator keeps of memory that was freed.

    A largest frame and what is read from it come and go in pieces of 8 MiB. glibc keeps up to 64 MiB of them at hand,
    more or fewer from one moment to the next, and none of it is anybody's.
    """
    gc.collect()
    with contextlib.suppress(AttributeError):  # Only glibc has it, and needs it.
        ctypes.CDLL(None).malloc_trim(0)


def resident(process="self"):
    """Memory of a process that is not shared with files, bytes."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
    return (int(pages[1]) - int(pages[2])) * resource.getpagesize()


def count_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("level", APART)
@pytest.mark.parametrize("rounds", [6, pytest.param(125, marks=pytest.mark.slow)])
def test_memory_stays_flat_over_hostile_episodes(world, level, rounds):
    require_or_skip(level)
    host = world.hosts(level, **PATIENT)

    def play_all():
        for controller in ENDURED:
            play_once(host, submit(world, controller), PATIENT)

    for _ in range(2):
        play_all()
    zygotes = [zygote_of(launcher) for launcher in host._launchers.values()]
    release_what_is_free()
    before, descriptors = [resident(), *map(resident, zygotes)], count_descriptors()
    for _ in range(rounds):
        play_all()
    assert [zygote_of(launcher) for launcher in host._launchers.values()] == zygotes
    release_what_is_free()
    after = [resident(), *map(resident, zygotes)]
    print(f"{level}: {before} bytes before, {after} after {rounds * len(ENDURED)} episodes")
    assert all(now - then < MOST_GROWTH for then, now in zip(before, after, strict=True)), (before, after)
    assert count_descriptors() == descriptors
