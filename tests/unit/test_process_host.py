"""Controllers in processes of their own: a hostile one costs its own episode, and nothing of it is left.

Deadlines in here are either very long (nothing may hit them) or hit for certain (the controller never answers); no
test depends on how fast the machine is.
"""

import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from commands import running
from seats import APART, failure, make_submission, observation, require_or_skip, seated

from arena.contract.controller import ControllerReport
from arena.errors import ArenaError, ContractViolation, InfrastructureFailure
from arena.jail.warden import UNCLEAN, Verdict
from arena.jail.watch import WITHIN_LIMITS, children
from arena.play import seats as hosts
from arena.play.seats import make_host

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or needs Linux to adopt orphans")

# A deadline that is meant to be missed, in seconds.
SHORT = 0.4


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture(params=APART)
def process_host(request, host_at):
    """A host whose controllers have a process of their own."""
    return host_at(request.param)


@pytest.fixture(params=APART)
def hasty_host(request, host_at):
    """The same, with deadlines that are meant to be missed."""
    return host_at(request.param, setup=5 * SHORT, first_decision=SHORT, decision=SHORT, close=SHORT)


# --- deadlines ----------------------------------------------------------------------------------------------------

FOREVER = "while True: pass"


@pytest.mark.parametrize(
    ("where", "doing"),
    [
        ({"top": FOREVER}, "import of the controller took too long"),
        ({"body": f"def begin(self, briefing):\n    {FOREVER}"}, "begin took too long"),
        ({"body": f"def order(self, observation):\n    {FOREVER}"}, "order took too long"),
        ({"body": f"def close(self):\n    {FOREVER}"}, "close took too long"),
        ({"body": f"def report(self):\n    {FOREVER}"}, "close took too long"),
    ],
    ids=["import", "begin", "order", "close", "report"],
)
def test_an_endless_loop_ends_at_its_deadline(hasty_host, submit, where, doing):
    violation, _ = failure(hasty_host, submit(**where))
    assert violation.code == "timeout"
    assert violation.message.startswith(doing)


def test_signals_cannot_be_ignored_to_the_end(hasty_host, submit):
    top = "import signal\nfor n in set(signal.Signals) - {9, 19}: signal.signal(n, signal.SIG_IGN)"
    seat = seated(hasty_host, submit(f"def order(self, observation):\n    {FOREVER}", top=top))
    started = time.monotonic()
    with pytest.raises(ContractViolation, match="order took too long"):
        seat.order(observation())
    seat.release()
    assert time.monotonic() - started < SHORT + 2


@pytest.mark.parametrize("hook", ["__del__", "atexit"])
def test_what_waits_for_the_end_never_runs(process_host, submit, hook):
    body = f"def __del__(self):\n    {FOREVER}" if hook == "__del__" else "def forever(self):\n    while True: pass"
    if hook == "atexit":
        body += "\ndef begin(self, briefing):\n    import atexit\n    atexit.register(self.forever)"
    seat = seated(process_host, submit(body))
    seat.order(observation())
    seat.close()


def test_the_bank_is_charged_by_every_decision(host_at, submit):
    host = host_at("process", bank=2.0, decision=600.0, first_decision=600.0)
    violation, _ = failure(host, submit("def order(self, observation): time.sleep(.9); return [0, 0, 0]"), period=9)
    assert violation.code == "timeout"
    assert "2 s and 6 s for the episode" in violation.message


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
        ("import pickle; p = pickle.dumps([20.0] * 3); WIRE.sendall(struct.pack('<I', len(p)) + p)", "not a message"),
    ],
)
def test_forged_replies_are_refused(process_host, submit, act, message):
    violation, _ = failure(process_host, submit(f"def order(self, observation): {act}; time.sleep(3600)", top=SPEAK))
    assert violation.code == "protocol_error"
    assert message in violation.message


def test_an_honest_reply_by_hand_is_taken(process_host, submit):
    body = "def order(self, observation): speak('orders', [3], [1.0, 2, 3.0])"
    seat = seated(process_host, submit(body, top=SPEAK))
    assert seat.order(observation()).tolist() == [1.0, 2.0, 3.0]
    seat.release()


@pytest.mark.parametrize(
    ("act", "code", "message"),
    [
        ("speak('closed', 0)", "protocol_error", "not a message of this protocol"),
        ("speak('closed', 0, None, 0, 0, 1e9)", "protocol_error", "not a message of this protocol"),
        ("speak('closed', True, None, 0, 0)", "protocol_error", "not a message of this protocol"),
        ("speak('closed', -1, None, 0, 0)", "protocol_error", "not a message of this protocol"),
        ("speak('closed', 0, 'high', 0, 0)", "protocol_error", "not a message of this protocol"),
        ("speak('closed', 0, None, 0, 0, nonce=5)", "protocol_error", "answers another request"),
        ("speak('closed', 0, None, 0, 0, behind=b'x')", "protocol_error", "1 bytes follow the reply"),
        ("speak('done')", "protocol_error", "is of the wrong kind"),
        ("speak('closed', 0, float('nan'), 0, 0)", "non_finite", "profit_bound of a report must be finite"),
        ("speak('closed', 0, float('inf'), 0, 0)", "non_finite", "profit_bound of a report must be finite"),
        ("speak('closed', 2**40, None, 0, 0)", "out_of_bounds", "at most the number of decisions, got 1099511627776"),
        ("speak('closed', 0, None, 2**40, 0)", "out_of_bounds", "parse_failures of a report must be 0 or more"),
        ("speak('closed', 0, None, 0, -1)", "protocol_error", "not a message of this protocol"),
    ],
)
def test_forged_reports_are_refused(process_host, submit, act, code, message):
    violation, _ = failure(process_host, submit(f"def report(self): {act}", top=SPEAK))
    assert violation.code == code
    assert message in violation.message


def test_an_honest_report_by_hand_is_taken(process_host, submit):
    seat = seated(process_host, submit("def report(self): speak('closed', 3, 1234, 0, 0)", top=SPEAK))
    assert seat.close() == ControllerReport(3, 1234.0)


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


def test_a_flood_of_output_does_not_move_the_deadline(hasty_host, submit):
    violation, _ = failure(
        hasty_host, submit("def order(self, observation):\n    while True: os.write(1, b'x' * 10**5)")
    )
    assert violation.code == "timeout"


# --- ends ---------------------------------------------------------------------------------------------------------


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


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@linux_only
def test_nothing_survives(host_at, submit, tmp_path):
    """Where a controller can start processes at all; the locked levels have tests of their own."""
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
    seat = seated(host_at("process"), submit(body))
    child, zygote, _ = seat.order(observation()).astype(int)
    left = [int((tmp_path / name).read_text()) for name in ("daemon0", "daemon1", "daemon2", "child")]
    assert all(alive(process) for process in [*left, child])
    seat.close()
    assert not any(alive(process) for process in [*left, child])
    # Nor is there a zombie: the zygote has no child left.
    assert not Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()


def test_descriptors_do_not_leak(process_host, submit):
    submission = submit("def order(self, observation): 1 / 0")
    failure(process_host, submission)
    descriptors = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    before = set(descriptors.iterdir())
    for _ in range(3):
        failure(process_host, submission)
    assert set(descriptors.iterdir()) == before


def only_zygote(host):
    """Process id of the one zygote of a host; in a sandbox, of what the sandbox ends with."""
    (launcher,) = host._launchers.values()
    return launcher._process.pid


@pytest.mark.parametrize("level", APART)
def test_a_dead_zygote_is_the_arenas_failure_and_is_replaced(level, submit, tmp_path, monkeypatch):
    require_or_skip(level)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    submission = submit("def order(self, observation): return [1, 2, 3]")
    host = make_host(level)
    seat = seated(host, submission)
    seat.order(observation())
    zygote = only_zygote(host)
    os.kill(zygote, signal.SIGKILL)

    def play_on():
        while True:  # the kernel ends the seat in its own time
            seat.order(observation())

    with pytest.raises(InfrastructureFailure, match="died"):
        play_on()
    seat.release()
    again = seated(host, submission)
    assert again.order(observation()).tolist() == [1, 2, 3]
    assert only_zygote(host) != zygote
    again.close()
    host.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("level", APART)
def test_a_family_that_would_not_die_ends_with_its_zygote(level, submit, monkeypatch):
    """In a sandbox that ends all of it, and is the controller's doing: no failure of the arena, to be played again."""
    require_or_skip(level)
    submission = submit("def order(self, observation): os._exit(0)")
    host = make_host(level)
    try:
        seat = seated(host, submission)
        (launcher,) = host._launchers.values()
        monkeypatch.setattr(launcher, "_answer", lambda what: Verdict(UNCLEAN, WITHIN_LIMITS))
        sandboxed = ContractViolation, "was killed"
        error, message = sandboxed if level == "sandbox" else (InfrastructureFailure, "could not end all")
        with pytest.raises(error, match=message):
            seat.order(observation())
        assert not launcher.alive
        seat.release()
    finally:
        host.close()


def test_a_zygote_that_does_not_start_is_the_arenas_failure(submit, monkeypatch):
    host = make_host("process")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    host.close()  # the zygote that showed that the level works
    with pytest.raises(InfrastructureFailure, match=r"did not start: .*no/such/python"):
        host.open(submit())
    host.close()
    monkeypatch.setattr(hosts, "_tried", {})
    with pytest.raises(ArenaError, match=r'"process" does not work here: .*did not start: .*no/such/python'):
        make_host("process")


@linux_only
@pytest.mark.parametrize("level", APART)
def test_nothing_is_left_of_a_host_that_was_killed(level, tmp_path):
    """Nor of a controller that plays at that moment and ignores whatever can be ignored."""
    require_or_skip(level)
    stubborn = "import signal\nfor n in set(signal.Signals) - {9, 19}: signal.signal(n, signal.SIG_IGN)"
    submission = make_submission(tmp_path, "def begin(self, briefing):\n    while True: pass", top=stubborn)
    code = f"""
import sys, tempfile
from pathlib import Path
sys.path.append({str(Path(__file__).parent.parent)!r})
from seats import _declare, seated
from arena.play.seats import make_host
tempfile.tempdir = {str(tmp_path)!r}
host = make_host({level!r})
seat = host.open(_declare(Path({str(submission.folder)!r}), "mine.py:Mine", "blind", {{}}))
(launcher,) = host._launchers.values()
print(launcher._process.pid, flush=True)
seat.setup()
print("ready", flush=True)
from seats import briefing
seat.begin(briefing())
"""
    with running([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        family = {int(owner.stdout.readline())}
        assert owner.stdout.readline() == "ready\n"
        for _ in range(3):
            family |= {child for process in family for child in children(process)}
        assert len(family) == (4 if level == "sandbox" else 3)
        assert all(alive(process) for process in family)
        owner.kill()
    for _ in range(1000):
        if not any(alive(process) for process in family) and len(list(tmp_path.iterdir())) == 1:
            break
        time.sleep(0.02)
    assert not [process for process in family if alive(process)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
