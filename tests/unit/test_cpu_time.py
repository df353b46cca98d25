"""Time limits: CPU time of all that a controller runs is measured from outside; waiting costs time on the clock alone.

Limits on the clock are a thousand times those on CPU time wherever CPU time must end the episode, so that no test
depends on how fast the machine is.
"""

import functools
import os
import sys
import time

import pytest
from seats import APART, briefing, failure, make_submission, observation, require_or_skip, seated

from arena.errors import ContractViolation, InvalidInput
from arena.jail import cpu_time
from arena.jail.launcher import Launcher
from arena.jail.limits import Limits
from arena.llm.call import LlmOutcome
from arena.play.seats import make_host
from arena.play.seats.stopwatch import Stopwatch
from arena.play.seats.use import NO_TIME, Peaks, TimeUse

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the CPU time of another process")

SHORT = 0.4
"""A limit on CPU time, seconds."""


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture
def patient(host_at):
    """Hosts with a short limit on CPU time, and no limit on the clock that anything meets."""

    def make(level):
        return host_at(level, first_decision=SHORT, decision=SHORT, close=SHORT, bank=60.0, wall_time_factor=1000.0)

    return make


# --- controllers -------------------------------------------------------------------------------------------------

SPIN = """
def spin(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
"""


@pytest.mark.parametrize("level", APART)
def test_waiting_longer_than_the_limit_is_no_forfeit(patient, submit, level):
    body = f"def order(self, observation): time.sleep({SHORT + 0.2}); return np.zeros(3)"
    seat = seated(patient(level), submit(body))
    seat.order(observation())
    seat.close()
    assert seat.peaks.first_decision.cpu < SHORT < seat.peaks.first_decision.wall


@pytest.mark.parametrize("level", APART)
def test_a_controller_that_waits_for_ever_ends_by_the_clock(host_at, submit, level):
    host = host_at(level, first_decision=0.2, decision=0.2, close=0.2, bank=60.0)
    violation, _ = failure(host, submit("def order(self, observation): time.sleep(3600)"))
    assert violation.code == "timeout"
    assert "the limits are 0.2 s of CPU time and 0.6 s on the clock, and 60 s and 180 s for the episode" in str(
        violation
    )


@pytest.mark.parametrize("level", APART)
@pytest.mark.parametrize(
    "body",
    [
        "def order(self, observation): spin(3600)",
        "def order(self, observation):\n    threading.Thread(target=spin, args=[3600]).start()\n    time.sleep(3600)",
        # Answered, but too late by its own time.
        f"def order(self, observation): spin({1.5 * SHORT}); return np.zeros(3)",
    ],
    ids=["spins", "thread", "answers"],
)
def test_cpu_time_over_the_limit_is_a_forfeit(patient, submit, level, body):
    violation, _ = failure(patient(level), submit(body, top=f"import threading\n{SPIN}"))
    assert violation.code == "timeout"
    assert violation.message.startswith("order took too long: ")
    assert f"the limits are {SHORT:g} s of CPU time and {1000 * SHORT:g} s on the clock" in violation.message


CHILDREN = {
    "waits for a child": """
        if os.fork() == 0:
            spin(3600)
        os.wait()
    """,
    "sleeps beside a child": """
        if os.fork() == 0:
            spin(3600)
        time.sleep(3600)
    """,
    "child of a thread": """
        threading.Thread(target=lambda: os.fork() or spin(3600)).start()
        time.sleep(3600)
    """,
    "orphan in a session of its own": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                spin(3600)
            os._exit(0)
        os.wait()
        time.sleep(3600)
    """,
    "one child after another": """
        while True:
            if os.fork() == 0:
                spin(.1)
                os._exit(0)
            os.wait()
    """,
    "children that nobody waits for": """
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            if os.fork() == 0:
                spin(.1)
                os._exit(0)
            time.sleep(.2)
    """,
}


@pytest.mark.parametrize("work", CHILDREN.values(), ids=CHILDREN)
def test_work_in_other_processes_is_charged(patient, submit, work):
    body = f"def order(self, observation):{work}"
    violation, _ = failure(patient("process"), submit(body, top=f"import signal, threading\n{SPIN}"))
    assert violation.code == "timeout"
    assert f"the limits are {SHORT:g} s of CPU time" in violation.message


def test_work_in_a_program_is_charged_in_a_sandbox(patient, submit):
    require_or_skip("sandbox")
    body = """
    def order(self, observation):
        import subprocess
        subprocess.run([sys.executable, "-c", "while True: pass"])
    """
    violation, _ = failure(patient("sandbox"), submit(body, capabilities=["subprocess"]))
    assert violation.code == "timeout"
    assert f"the limits are {SHORT:g} s of CPU time" in violation.message


def test_what_was_used_before_a_request_is_not_charged_to_it(patient, submit):
    """A child that worked long ago is waited for now: its time comes to the parent all the same."""
    body = f"""
    def begin(self, briefing):
        spin({2 * SHORT})
        self.child = os.fork()
        if self.child == 0:
            spin({2 * SHORT})
            os._exit(0)
        os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOWAIT)
    def order(self, observation):
        if self.child:
            os.waitpid(self.child, 0)
            self.child = 0
        return np.zeros(3)
    """
    seat = seated(patient("process"), submit(body, top=SPIN))
    for period in range(2):
        seat.order(observation(period=period))
    seat.close()
    assert seat.peaks.setup.cpu > 4 * SHORT - 0.1
    assert seat.peaks.first_decision.cpu < SHORT


BUSY = """
import threading
import arena
def busy(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
"""


@pytest.mark.parametrize(
    ("level", "work"),
    [
        pytest.param(
            "strict", f"threading.Thread(target=busy, args=[{3 * SHORT}], daemon=True).start()", id="a thread goes on"
        ),
        pytest.param("strict", f"threading.Timer(.05, busy, args=[{3 * SHORT}]).start()", id="a timer begins later"),
        pytest.param("process", f"os.fork() or (busy({3 * SHORT}), os._exit(0))", id="a child goes on"),
    ],
)
def test_work_after_the_answer_is_charged_to_the_next_request(patient, submit, level, work):
    body = f"""
    def order(self, observation):
        if observation.period == 0:
            {work}
        return np.zeros(3)
    """
    seat = seated(patient(level), submit(body, top=BUSY))
    seat.order(observation())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and seat._meter.spent() < 2 * SHORT:
        time.sleep(0.05)  # another node decides, or the arena computes
    with pytest.raises(ContractViolation) as late:
        seat.order(observation(period=1))
    seat.release()
    assert late.value.code == "timeout"
    assert "s of it since the answer before" in late.value.message


def test_computing_while_a_language_model_answers_is_charged(host_at, submit):
    """The clock stands still meanwhile; CPU time does not."""

    class Slow:
        def ask(self, question):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and seat._meter.spent() < 2 * SHORT:
                time.sleep(0.05)
            return LlmOutcome("ok", text="{}")

    body = f"""
    def order(self, observation):
        threading.Thread(target=busy, args=[{3 * SHORT}], daemon=True).start()
        try:
            self.llm.ask((arena.LlmMessage("user", "?"),))
        except Exception:
            pass
        return np.zeros(3)
    def use_language_model(self, model):
        self.llm = model
    """
    host = host_at("strict", first_decision=SHORT, decision=SHORT, bank=60.0, wall_time_factor=1000.0)
    seat = host.open(submit(body, top=BUSY), Slow())
    seat.setup()
    seat.begin(briefing())
    with pytest.raises(ContractViolation) as late:
        seat.order(observation())
    seat.release()
    assert late.value.code == "timeout"


def test_the_setup_has_one_limit_for_import_and_begin(host_at, submit):
    host = host_at("process", setup=1.0, wall_time_factor=1000.0)
    body = "def begin(self, briefing): spin(.6)"
    violation, _ = failure(host, submit(body, top=f"{SPIN}\nspin(.6)"))
    assert violation.code == "timeout"
    assert violation.message.startswith("begin took too long")
    assert "1 s of CPU time and 1000 s on the clock for setup in all" in violation.message


def test_the_bank_is_charged_in_cpu_time(host_at, submit):
    host = host_at("process", bank=1.5, wall_time_factor=1000.0)
    body = "def order(self, observation): spin(.6); return np.zeros(3)"
    violation, _ = failure(host, submit(body, top=SPIN), period=3)
    assert violation.code == "timeout"
    assert "1.5 s and 1500 s for the episode" in violation.message


def test_where_cpu_time_cannot_be_read_the_clock_stands_in_its_place(monkeypatch, submit):
    monkeypatch.setattr(Launcher, "locate", lambda *_: None)
    host = make_host("process", Limits(first_decision=0.2))
    try:
        violation, _ = failure(host, submit("def order(self, observation): time.sleep(3600)"))
    finally:
        host.close()
    assert violation.code == "timeout"
    assert "s; the limit is 0.2 s, and 60 s for the episode" in violation.message


def test_memory_is_measured_beyond_that_of_the_bare_process(patient, submit):
    body = "def begin(self, briefing): self.held = np.ones(2**24)"
    seat = seated(patient("process"), submit(body))
    seat.order(observation())
    seat.close()
    assert 2**27 <= seat.peaks.memory < 2**30


# --- meters and limits -------------------------------------------------------------------------------------------


class Meter:
    """A meter that shows what it is told."""

    def __init__(self):
        self.now = 0.0

    def start(self):
        self.now = 0.0

    def restart(self):
        spent, self.now = self.now, 0.0
        return spent

    def spent(self):
        return self.now

    spent_alone = spent

    def close(self):
        pass


def test_the_stopwatch_takes_from_the_bank_what_was_used():
    meter = Meter()
    watch = Stopwatch(Limits(bank=10.0, decision=8.0), meter)
    for used, in_time in ((6.0, True), (3.0, True), (2.0, False)):
        watch.start(watch.allowance(8.0))
        meter.now = used
        assert watch.stop() is in_time, used
        assert watch.used.cpu == used


def test_what_is_used_between_two_requests_is_charged_to_the_second():
    meter = Meter()
    watch = Stopwatch(Limits(bank=10.0), meter)
    watch.start(watch.allowance(2.0))
    meter.now = 1.0
    assert watch.stop()
    meter.now = 2.5  # 1.5 s after the answer
    watch.start(watch.allowance(2.0))
    meter.now = 0.4
    assert watch.stop()
    assert watch.used.cpu == pytest.approx(1.9, rel=1e-12)
    meter.now = 1.0  # 0.6 s more
    watch.start(watch.allowance(2.0))
    meter.now = 1.5
    assert not watch.has_overspent() or watch.pause() == 0.0
    assert not watch.stop()
    assert "2.1 s of CPU time (0.6 s of it since the answer before)" in watch.describe(2.0, 10.0)


def test_what_is_used_between_two_requests_comes_from_the_bank():
    meter = Meter()
    watch = Stopwatch(Limits(bank=2.0), meter)
    for _ in range(2):
        watch.start(watch.allowance(1.0))
        meter.now = 0.1
        assert watch.stop()
        meter.now = 0.9
    watch.start(watch.allowance(1.0))
    meter.now = 0.3
    assert not watch.stop()  # 0.1 + 0.9 + 1.1 of 2


def test_closing_is_not_taken_from_the_bank():
    meter = Meter()
    watch = Stopwatch(Limits(bank=1.0), meter)
    watch.start(watch.allowance(2.0), banked=False)
    meter.now = 1.5
    assert watch.stop()
    watch.start(watch.allowance(1.0))
    meter.now = 0.9
    assert watch.stop()


def test_cpu_time_is_not_looked_at_before_it_can_be_over(monkeypatch):
    meter = Meter()
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    watch = Stopwatch(Limits(bank=1e6), meter)
    watch.start(TimeUse(4000.0, 12000.0))
    assert 900 < watch.pause() <= 1000
    meter.now = 5000.0
    assert not watch.has_overspent()


def test_time_in_which_somebody_else_answers_is_not_counted_on_the_clock():
    watch = Stopwatch(Limits(), None)
    watch.start(TimeUse(0.0, 0.0))
    watch.exclude(1000.0)
    assert not watch.is_late()
    watch.start(TimeUse(0.0, -1.0))
    assert watch.is_late()


def test_a_process_that_is_gone_keeps_what_it_was_seen_to_use():
    child = os.fork()
    if child == 0:
        while True:
            pass
    meter = cpu_time.ProcessMeter(child)
    meter.start()
    while (seen := meter.spent()) < 0.05:
        pass
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert meter.spent() == seen


def test_a_seat_that_is_not_there_is_not_located():
    assert cpu_time.locate(2**22 + 1, os.getpid()) is None
    assert cpu_time.address_space(2**22 + 1) == (0, 0)


def test_peaks_are_the_most_of_each():
    one = Peaks(setup=TimeUse(1.0, 5.0), memory=3)
    other = Peaks(setup=TimeUse(2.0, 4.0), decision=TimeUse(1.0, 1.0), memory=2)
    assert one.most(other) == Peaks(setup=TimeUse(2.0, 5.0), decision=TimeUse(1.0, 1.0), memory=3)
    assert Peaks().close == NO_TIME


def test_the_factor_is_at_least_one():
    assert Limits().wall_time_factor == 3.0
    assert Limits(wall_time_factor=1).wall_time_factor == 1
    with pytest.raises(InvalidInput, match=r"wall_time_factor: must be at least 1, got 0\.5"):
        Limits(wall_time_factor=0.5)


def test_a_violation_is_told_with_both_times():
    watch = Stopwatch(Limits(), Meter())
    watch.start(watch.allowance(1.0))
    told = str(ContractViolation("timeout", watch.describe(1.0, 60.0)))
    assert "0 s of CPU time, " in told
    assert "s on the clock; the limits are 1 s of CPU time and 3 s on the clock, and 60 s and 180 s for the" in told
