"""Hosts: the same controller behaves the same at every level, and a process host survives a hostile one.

Deadlines in here are either very long (nothing may hit them) or hit for certain (the controller never answers); no
test depends on how fast the machine is.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from arena import load_scenario
from arena.contest.host import available, make_host
from arena.contest.host.base import describe_exception, numeric_array, printable_lines
from arena.contest.host.process import ProcessHost
from arena.contest.limits import Limits
from arena.contest.submission import Manifest, Submission
from arena.contract.tracks import brief, observe
from arena.errors import ArenaError, ContractViolation, InfrastructureFailure, InvalidInput, UnknownName
from arena.simulate.simulator import Simulator, realised_demand

SCENARIO = load_scenario("serial-stationary-backlog")
LINKS = 3
# A deadline that is meant to be missed, in seconds.
SHORT = 0.4

needs_processes = pytest.mark.skipif("process" not in available(), reason="this system cannot fork")


@pytest.fixture
def submit(tmp_path):
    """Make a submission whose controller has the given body of methods."""

    def make(body: str = "", *, top: str = "", name: str = "mine", track: str = "blind", config: dict | None = None):
        folder = tmp_path / name
        folder.mkdir()
        methods = textwrap.indent(textwrap.dedent(body), "    ")
        code = f"""\
import os, sys, time
import numpy as np
{textwrap.dedent(top)}
class Mine:
    def begin(self, briefing):
        self.briefing = briefing
    def order(self, observation):
        return np.full({LINKS}, 20.0)
{methods}
"""
        (folder / "mine.py").write_text(code, encoding="utf-8")
        manifest = Manifest(name=name, controller="mine.py:Mine", track=track, config=config or {})
        return Submission(
            name=name,
            manifest=manifest,
            path=folder,
            digest=name.encode().hex().ljust(64, "0"),
            folder=folder,
            controller=manifest.controller,
            track=track,
            config=manifest.config,
        )

    return make


@pytest.fixture(scope="module")
def process_host():
    host = make_host("process")
    yield host
    host.close()


@pytest.fixture(params=["trusted", pytest.param("process", marks=needs_processes)])
def host(request, process_host):
    return process_host if request.param == "process" else make_host("trusted")


@pytest.fixture
def hasty_host():
    """A process host whose deadlines are meant to be missed."""
    host = make_host("process", Limits(setup=10 * SHORT, first_decision=SHORT, decision=SHORT, close=SHORT))
    yield host
    host.close()


def briefing(track="blind", **more):
    demand = realised_demand(SCENARIO, 42) if track == "oracle" else None
    return brief(SCENARIO, track, seed=7, time_budget=1.0, realised_demand=demand, **more)


def observation(track="blind", period=0):
    simulator = Simulator(SCENARIO)
    simulator.start(42)
    for _ in range(period):
        simulator.step(np.full(LINKS, 20.0))
    return observe(SCENARIO, track, simulator.state)


def seated(host, submission):
    seat = host.open(submission)
    seat.begin(briefing(submission.track))
    return seat


def failure(host, submission, *, period=0):
    """Play up to the failure that must come, and return it with what the seat kept of the output."""
    seat = host.open(submission)

    def play():
        seat.begin(briefing(submission.track))
        for now in range(period + 1):
            seat.order(observation(submission.track, now))
        seat.close()

    try:
        with pytest.raises(ContractViolation) as caught:
            play()
        return caught.value, seat
    finally:
        seat.release()


# --- what a controller gives and gets -----------------------------------------------------------------------------


def test_a_controller_plays(host, submit):
    seat = seated(host, submit("def order(self, observation): return observation.on_hand + observation.period"))
    for period in range(3):
        seen = observation(period=period)
        orders = seat.order(seen)
        assert orders.dtype == np.float64
        assert orders.tolist() == (seen.on_hand + period).tolist()
    seat.close()


def test_close_is_called_if_there_is_one(submit, process_host):
    seat = seated(process_host, submit("def close(self): print('closed')"))
    seat.close()
    assert "closed" in seat.stderr_tail


@pytest.mark.parametrize("track", ["blind", "informed", "oracle"])
def test_observations_and_briefings_cross_bit_for_bit(process_host, submit, track):
    body = """
    def begin(self, briefing):
        import dataclasses
        from arena.contest.host import translate
        print(translate.describe_briefing(briefing))
        for field in dataclasses.fields(briefing):
            value = getattr(briefing, field.name)
            assert not isinstance(value, np.ndarray) or not value.flags.writeable, field.name
    def order(self, observation):
        import dataclasses, hashlib
        digest = hashlib.sha256()
        for field in dataclasses.fields(observation):
            value = getattr(observation, field.name)
            assert not isinstance(value, np.ndarray) or not value.flags.writeable, field.name
            digest.update(np.asarray(value).tobytes())
        return np.frombuffer(digest.digest(), dtype=np.uint8)
    """
    from dataclasses import fields
    from hashlib import sha256

    from arena.contest.host import translate

    told = briefing(track)
    assert translate.describe_briefing(translate.rebuild_briefing(*translate.describe_briefing(told))) == (
        translate.describe_briefing(told)
    )
    seat = process_host.open(submit(body, track=track))
    seat.begin(told)
    for period in (0, 5):
        seen = observation(track, period)
        digest = sha256()
        for field in fields(seen):
            digest.update(np.asarray(getattr(seen, field.name)).tobytes())
        assert bytes(seat.order(seen).astype(np.uint8)) == digest.digest()
    seat.close()


@pytest.mark.parametrize(
    "expression",
    [
        "[1, 2, 3]",
        "(1.0, 2.0, 3.0)",
        "np.array([1, 2, 3], dtype=np.float32)",
        "np.array([1, 2, 3], dtype=np.uint8)",
        "np.array([1, 2, 3])[::-1][::-1]",
        "[-0.0, 5e-324, 1e308]",
        "[float('nan'), float('inf'), 0]",
        "np.zeros((2, 2))",
        "np.zeros(0)",
        "5.0",
    ],
)
def test_numbers_of_any_shape_are_handed_on(host, submit, expression):
    seat = seated(host, submit(f"def order(self, observation): return {expression}"))
    orders = seat.order(observation())
    expected = np.asarray(eval(expression), dtype=np.float64)
    assert orders.shape == expected.shape
    assert orders.tobytes() == expected.tobytes()
    seat.release()


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("None", "bad_dtype", "orders must be real numbers, got NoneType of dtype object"),
        ("{'profit': 1e9}", "bad_dtype", "got dict of dtype object"),
        ("'20'", "bad_dtype", "got str"),
        ("['1', '2', '3']", "bad_dtype", "got list"),
        ("[True, False, True]", "bad_dtype", "dtype bool"),
        ("np.ones(3, dtype=complex)", "bad_dtype", "dtype complex128"),
        ("[10**400, 0, 0]", "bad_dtype", "dtype object"),
        ("np.array(['2020-01-01'], dtype='M8[D]')", "bad_dtype", "dtype datetime64"),
        ("[[1, 2], [3]]", "bad_dtype", "orders are no array"),
        ("np.zeros(70_000)", "bad_shape", "1 dimensions and 70000 entries"),
        ("np.zeros((1,) * 9)", "bad_shape", "9 dimensions and 1 entries"),
        ("1 / 0", "exception", "ZeroDivisionError: division by zero"),
        ("sys.exit(3)", "exited", "SystemExit: 3"),
        ("(_ for _ in ()).throw(MemoryError('full'))", "memory", "MemoryError: full"),
        ("self.order(observation)", "exception", "RecursionError: maximum recursion depth exceeded"),
        ("observation.forecast", "exception", "AttributeError: .*has no attribute 'forecast'"),
    ],
)
def test_a_bad_reply_has_its_code_at_every_level(host, submit, expression, code, message):
    violation, _ = failure(host, submit(f"def order(self, observation): return {expression}"))
    assert violation.code == code
    with pytest.raises(ContractViolation, match=message):
        raise violation


def test_an_observation_cannot_be_written_to(host, submit):
    violation, _ = failure(host, submit("def order(self, observation): observation.on_hand[0] = 1e9"))
    assert violation.code == "exception"
    assert "read-only" in violation.message


@pytest.mark.parametrize(
    "where",
    [
        {"top": "raise ValueError('at import')"},
        {"body": "def __init__(self): raise ValueError('at construction')"},
        {"body": "def begin(self, briefing): raise ValueError('at begin')"},
        {"body": "def close(self): raise ValueError('at close')"},
    ],
    ids=["import", "construction", "begin", "close"],
)
def test_a_failure_outside_decisions_is_a_failure(host, submit, where):
    violation, _ = failure(host, submit(**where))
    assert violation.code == "exception"
    assert violation.message.startswith("ValueError: at ")


def test_the_configuration_reaches_the_controller(host, submit):
    body = """
    def __init__(self, level): self.level = level
    def order(self, observation): return np.full(3, self.level)
    """
    seat = seated(host, submit(body, config={"level": 12.5}))
    assert seat.order(observation()).tolist() == [12.5] * 3
    seat.release()


def test_hostile_text_is_shortened_and_escaped(host, submit):
    violation, _ = failure(host, submit("def order(self, observation): raise ValueError('\\x1b[31m<b>' + 'x' * 10**6)"))
    assert violation.message.startswith("ValueError: \\x1b[31m<b>xxx")
    assert len(violation.message) < 600
    assert violation.message.isprintable()


def test_an_exception_without_a_readable_text_is_still_named(host, submit):
    top = """
    class Shy(Exception):
        def __str__(self): raise RuntimeError
    """
    violation, _ = failure(host, submit("def order(self, observation): raise Shy", top=top))
    assert (violation.code, violation.message) == ("exception", "Shy: its text could not be read")


def test_the_users_interrupt_passes_through_a_trusted_host(submit):
    seat = seated(make_host("trusted"), submit("def order(self, observation): raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        seat.order(observation())


def test_a_controllers_interrupt_is_its_own_in_a_process(process_host, submit):
    violation, _ = failure(process_host, submit("def order(self, observation): raise KeyboardInterrupt"))
    assert violation.code == "exception"


def test_a_controller_cannot_choose_its_outcome(process_host, submit):
    body = """
    def order(self, observation):
        from arena.errors import ContractViolation
        raise ContractViolation('infrastructure', 'play it again')
    """
    violation, _ = failure(process_host, submit(body))
    assert violation.code == "protocol_error"


# --- deadlines ----------------------------------------------------------------------------------------------------

FOREVER = "while True: pass"


@needs_processes
@pytest.mark.parametrize(
    ("where", "doing"),
    [
        ({"top": FOREVER}, "import of the controller took too long"),
        ({"body": f"def begin(self, briefing):\n    {FOREVER}"}, "begin took too long"),
        ({"body": f"def order(self, observation):\n    {FOREVER}"}, "order took too long"),
        ({"body": f"def close(self):\n    {FOREVER}"}, "close took too long"),
    ],
    ids=["import", "begin", "order", "close"],
)
def test_an_endless_loop_ends_at_its_deadline(hasty_host, submit, where, doing):
    violation, _ = failure(hasty_host, submit(**where))
    assert violation.code == "timeout"
    assert violation.message.startswith(doing)


@needs_processes
def test_signals_cannot_be_ignored_to_the_end(hasty_host, submit):
    top = "import signal\nfor n in set(signal.Signals) - {9, 19}: signal.signal(n, signal.SIG_IGN)"
    violation, _ = failure(hasty_host, submit(f"def order(self, observation):\n    {FOREVER}", top=top))
    assert violation.code == "timeout"


@needs_processes
@pytest.mark.parametrize("hook", ["__del__", "atexit"])
def test_what_waits_for_the_end_never_runs(process_host, submit, hook):
    body = f"def __del__(self):\n    {FOREVER}" if hook == "__del__" else "def forever(self):\n    while True: pass"
    if hook == "atexit":
        body += "\ndef begin(self, briefing):\n    import atexit\n    atexit.register(self.forever)"
    seat = seated(process_host, submit(body))
    seat.order(observation())
    seat.close()


@needs_processes
def test_the_bank_is_charged_by_every_decision(submit):
    host = make_host("process", Limits(bank=2.0, decision=600.0, first_decision=600.0))
    try:
        violation, _ = failure(host, submit("def order(self, observation): time.sleep(.9); return [0, 0, 0]"), period=9)
    finally:
        host.close()
    assert violation.code == "timeout"
    assert "2 s for the episode" in violation.message


SPEAK = """
import socket, struct
import msgspec
WIRE = socket.socket(fileno=os.dup(3))
def speak(*fields, nonce=None, behind=b""):
    import sys
    frame = sys._getframe()
    while "request" not in frame.f_locals:
        frame = frame.f_back
    request = frame.f_locals["request"]
    body = msgspec.msgpack.encode([fields[0], request.nonce if nonce is None else nonce, request.period, *fields[1:]])
    WIRE.sendall(struct.pack("<I", len(body)) + body + behind)
    time.sleep(3600)
"""


@needs_processes
@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("speak('orders', [3], [1.0, 2.0, 3.0], nonce=5)", "answers another request"),
        ("speak('orders', [3], [1.0, 2.0, 3.0], {'profit': 1e9})", "not a message of this protocol"),
        ("speak('orders', [3], [True, False, True])", "not a message of this protocol"),
        ("speak('orders', [4], [1.0, 2.0, 3.0])", "3 values cannot have the shape"),
        ("speak('done')", "is of the wrong kind"),
        ("speak('failure', 'infrastructure', 'again')", "not a message of this protocol"),
        ("speak('orders', [3], [1.0, 2.0, 3.0], behind=b'x')", "1 bytes follow the reply"),
        ("WIRE.sendall(struct.pack('<I', 2**32 - 1))", "a message of 4294967295 bytes was announced"),
        ("WIRE.sendall(struct.pack('<I', 100000) + b'\\x91' * 100000)", "not a message of this protocol"),
        ("WIRE.sendall(struct.pack('<I', 5) + b'\\xdd\\xff\\xff\\xff\\xff')", "not a message of this protocol"),
        ("import pickle; p = pickle.dumps(os); WIRE.sendall(struct.pack('<I', len(p)) + p)", "TypeError"),
    ],
)
def test_forged_replies_are_refused(process_host, submit, act, message):
    violation, _ = failure(process_host, submit(f"def order(self, observation): {act}; time.sleep(3600)", top=SPEAK))
    if message == "TypeError":
        assert violation.code == "exception"  # a module cannot even be pickled; the sibling below sends a pickle
    else:
        assert violation.code == "protocol_error"
    assert message in violation.message


@needs_processes
def test_an_honest_reply_by_hand_is_taken(process_host, submit):
    body = "def order(self, observation): speak('orders', [3], [1.0, 2, 3.0])"
    seat = seated(process_host, submit(body, top=SPEAK))
    assert seat.order(observation()).tolist() == [1.0, 2.0, 3.0]
    seat.release()


@needs_processes
def test_an_early_reply_is_no_reply(process_host, submit):
    body = """
    def begin(self, briefing):
        body = msgspec.msgpack.encode(["orders", 5, 0, [3], [1.0, 2.0, 3.0]])
        def later():
            time.sleep(.2)
            WIRE.sendall(struct.pack("<I", len(body)) + body)
        import threading
        threading.Thread(target=later, daemon=True).start()
    def order(self, observation):
        time.sleep(3600)
    """
    violation, _ = failure(process_host, submit(body, top=SPEAK))
    assert violation.code == "protocol_error"


@needs_processes
def test_a_byte_at_a_time_does_not_move_the_deadline(hasty_host, submit):
    body = """
    def order(self, observation):
        WIRE.sendall(struct.pack("<I", 1000))
        while True:
            WIRE.sendall(b"\\x91")
            time.sleep(.05)
    """
    violation, _ = failure(hasty_host, submit(body, top=SPEAK))
    assert violation.code == "timeout"


@needs_processes
def test_a_flood_of_output_does_not_move_the_deadline(hasty_host, submit):
    violation, _ = failure(
        hasty_host, submit("def order(self, observation):\n    while True: os.write(1, b'x' * 10**5)")
    )
    assert violation.code == "timeout"


# --- ends ---------------------------------------------------------------------------------------------------------


@needs_processes
@pytest.mark.parametrize(
    ("act", "how"),
    [
        ("os._exit(0)", "left with exit code 0"),
        ("os._exit(7)", "left with exit code 7"),
        ("os.abort()", "was ended by signal SIGABRT"),
        ("os.kill(os.getpid(), 11)", "was ended by signal SIGSEGV"),
        ("os.kill(os.getpid(), 9)", "was killed, or closed its connection"),
        ("os.close(3); time.sleep(3600)", "was killed, or closed its connection"),
        ("import ctypes; ctypes.string_at(0)", "was ended by signal SIGSEGV"),
    ],
)
def test_a_process_that_is_gone_has_exited(process_host, submit, act, how):
    violation, _ = failure(process_host, submit(f"def order(self, observation): {act}"))
    assert violation.code == "exited"
    assert how in violation.message


@needs_processes
def test_memory_has_a_bound(submit):
    host = make_host("process", Limits(memory=256 * 1024 * 1024))
    try:
        body = "def order(self, observation): return np.ones({size})[:3]"
        violation, _ = failure(host, submit(body.format(size=2**27), name="greedy"))
        assert violation.code == "memory"
        seat = seated(host, submit(body.format(size=2**20), name="modest"))
        assert seat.order(observation()).tolist() == [1.0, 1.0, 1.0]
        seat.release()
    finally:
        host.close()


@needs_processes
def test_files_have_a_bound(submit):
    host = make_host("process", Limits(file_size=1024))
    try:
        violation, _ = failure(
            host, submit("def order(self, observation): f = open('big', 'wb', 0); f.write(b'x' * 1024); f.write(b'x')")
        )
    finally:
        host.close()
    assert violation.code == "exception"
    assert "File too large" in violation.message


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@needs_processes
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a zygote adopt orphans")
def test_nothing_survives(process_host, submit, tmp_path):
    body = f"""
    def order(self, observation):
        import subprocess
        for number in range(3):                 # double-forked daemons in sessions of their own
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    open({str(tmp_path)!r} + f"/daemon{{number}}", "w").write(str(os.getpid()))
                    time.sleep(3600)
                os._exit(0)
        child = subprocess.Popen(["sleep", "3600"])
        open({str(tmp_path)!r} + "/child", "w").write(str(child.pid))
        names = [f"{tmp_path}/daemon{{number}}" for number in range(3)]
        while not all(os.path.exists(name) and open(name).read() for name in names):
            time.sleep(.01)
        return [os.getpid(), os.getppid(), 0]
    """
    seat = seated(process_host, submit(body))
    child, zygote, _ = seat.order(observation()).astype(int)
    left = [int((tmp_path / name).read_text()) for name in ("daemon0", "daemon1", "daemon2", "child")]
    assert all(alive(process) for process in [*left, child])
    seat.close()
    assert not any(alive(process) for process in [*left, child])
    # Nor is there a zombie: the zygote has no child left.
    assert not Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()


@needs_processes
def test_descriptors_do_not_leak(process_host, submit):
    submission = submit("def order(self, observation): 1 / 0")
    failure(process_host, submission)
    descriptors = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    before = set(descriptors.iterdir())
    for _ in range(3):
        failure(process_host, submission)
    assert set(descriptors.iterdir()) == before


@needs_processes
def test_a_dead_zygote_is_the_arenas_failure_and_is_replaced(process_host, submit):
    submission = submit("def order(self, observation): return [os.getppid(), os.getpid(), 0]")
    seat = seated(process_host, submission)
    zygote, child, _ = seat.order(observation()).astype(int)
    os.kill(zygote, signal.SIGKILL)
    while alive(child):  # the kernel ends the seat in its own time
        time.sleep(0.01)
    with pytest.raises(InfrastructureFailure, match="died"):
        seat.order(observation())
    seat.release()
    again = seated(process_host, submission)
    assert again.order(observation()).astype(int)[0] != zygote
    again.close()


@needs_processes
def test_a_zygote_that_does_not_start_is_the_arenas_failure(submit, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    host = make_host("process")
    with pytest.raises(InfrastructureFailure, match=r"did not start: .*no/such/python"):
        host.open(submit())
    host.close()


@needs_processes
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_zygote_ends_with_its_host(tmp_path):
    """Even when the host is killed."""
    code = """
import sys, time
from arena.contest.host.launcher import Launcher
from arena.contest.host.lockdown import Policy
launcher = Launcher(Policy(2**30, 2**20, 64, 4096), [])
print(launcher._process.pid, launcher._directory, flush=True)
time.sleep(3600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        zygote, directory = owner.stdout.readline().split()
        assert alive(int(zygote))
        owner.kill()
    for _ in range(1000):
        if not alive(int(zygote)) and not Path(directory).exists():
            break
        time.sleep(0.02)
    assert not alive(int(zygote))
    assert not Path(directory).exists()


# --- what a controller's process is -------------------------------------------------------------------------------


@needs_processes
def test_the_end_of_the_output_is_kept(process_host, submit):
    body = """
    def order(self, observation):
        for _ in range(100):
            os.write(2, b"x" * 2**20)
        print("\\x1b[31mlast words")
        return [0, 0, 0]
    """
    seat = seated(process_host, submit(body))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()
    assert len(seat.stderr_tail) == Limits().stderr_tail
    assert seat.stderr_tail.endswith("x\\x1b[31mlast words\n")


@needs_processes
def test_a_traceback_is_for_the_submitter(process_host, submit):
    _, seat = failure(process_host, submit("def order(self, observation): return {}['key']"))
    assert "mine.py" in seat.stderr_tail
    assert "KeyError: 'key'" in seat.stderr_tail


@needs_processes
def test_a_seat_sees_nothing_of_the_arenas_process(process_host, submit, monkeypatch):
    monkeypatch.setenv("ARENA_SECRET", "hunter2")
    body = """
    def order(self, observation):
        import json
        print(json.dumps({
            "environment": sorted(os.environ), "directory": os.listdir("."), "descriptors": os.listdir("/proc/self/fd"),
            "arguments": sys.argv, "hash": hash("arena"), "home": os.environ["HOME"] == os.getcwd(),
        }))
        return [0, 0, 0]
    """
    import json

    seen = []
    for attempt in range(2):
        seat = seated(process_host, submit(body, name=f"mine{attempt}"))
        seat.order(observation())
        seat.close()
        seen.append(json.loads(seat.stderr_tail))
    assert "ARENA_SECRET" not in seen[0]["environment"]
    assert seen[0]["directory"] == []
    assert set(seen[0]["descriptors"]) == {"0", "1", "2", "3", "4"}  # 4 is the listing itself
    assert seen[0]["arguments"] == ["controller"]
    assert seen[0]["home"]
    assert seen[0] == seen[1]


@needs_processes
def test_no_state_passes_from_one_episode_to_the_next(process_host, submit):
    top = "np.visits = getattr(np, 'visits', 0) + 1\nopen('visits', 'a').write('x')"
    submission = submit("def order(self, observation): return [np.visits, os.path.getsize('visits'), 0]", top=top)
    for _ in range(3):
        seat = seated(process_host, submission)
        assert seat.order(observation()).tolist() == [1, 1, 0]
        seat.close()


@needs_processes
def test_global_random_generators_follow_the_briefing(process_host, submit):
    submission = submit(
        "def order(self, observation):\n    import random\n    return [random.random(), np.random.rand(), 0]"
    )

    def draw(seed):
        seat = process_host.open(submission)
        seat.begin(brief(SCENARIO, "blind", seed=seed, time_budget=1.0))
        orders = seat.order(observation()).tolist()
        seat.close()
        return orders

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@needs_processes
def test_seats_of_one_host_live_side_by_side(process_host, submit):
    submission = submit("def order(self, observation): return [os.getpid(), 0, 0]")
    seats = [seated(process_host, submission) for _ in range(3)]
    processes = [seat.order(observation())[0] for seat in seats]
    assert len(set(processes)) == 3
    seats[0].close()
    assert [seat.order(observation())[0] for seat in seats[1:]] == processes[1:]
    for seat in seats[1:]:
        seat.close()


def test_release_can_be_repeated(host, submit):
    seat = seated(host, submit())
    seat.close()
    seat.release()
    seat.release()


# --- making hosts -------------------------------------------------------------------------------------------------


def test_an_unknown_level_is_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match='unknown isolation level, got "proces"; did you mean "process"'):
        make_host("proces")
    make_host("trusted").close()


def test_a_level_that_does_not_work_here_is_not_replaced(monkeypatch):
    monkeypatch.setattr("arena.contest.host.available", lambda: ("trusted",))
    with pytest.raises(ArenaError, match='isolation level "process" does not work on this machine; use trusted'):
        make_host("process")
    assert make_host("trusted").isolation == "trusted"


@pytest.mark.parametrize(("name", "value"), [("decision", 0.0), ("bank", float("inf")), ("memory", -1)])
def test_a_senseless_limit_is_refused(name, value):
    with pytest.raises(InvalidInput, match=f"{name}: must be a positive finite number"):
        Limits(**{name: value})
    assert getattr(Limits(**{name: 2}), name) == 2


def test_plugins_own_modules_are_not_preloaded(monkeypatch):
    from arena.contest.host import launcher
    from arena.plugins import PluginEntry

    monkeypatch.setattr(
        launcher, "list_entry_points", lambda: (PluginEntry("mine", "my_rules.hooks", "my-rules", "1"),)
    )
    assert launcher.preloadable(["scipy", "my_rules.tables", "my_rules", "numpy.linalg"]) == ("numpy.linalg", "scipy")


def test_numeric_array_copies():
    given = np.ones(3)
    taken = numeric_array(given)
    given[0] = 5
    assert taken.tolist() == [1, 1, 1]


def test_descriptions_are_bounded_and_printable():
    assert describe_exception(ValueError()) == "ValueError"
    assert describe_exception(ValueError("a\nb")) == "ValueError: a\\nb"
    assert printable_lines("a\tb\r\n\x1b[0m\u202e") == "a   b\n\\x1b[0m\\u202e"
    assert isinstance(ProcessHost(Limits()), ProcessHost)
