"""Row 16: never coming to an end, in every place that is run."""

import atexit
import contextlib
import faulthandler
import os
import re
import signal
import sys
import threading
import time

from attempt import Attempt


def forever(*_):
    """Go on whatever happens."""
    while True:
        with contextlib.suppress(BaseException):
            while True:
                pass


class InConstruction(Attempt):
    """Row 16: an endless constructor."""

    def __init__(self, **facts):
        forever()


class InBegin(Attempt):
    """Row 16: an endless setup."""

    def begin(self, briefing):
        super().begin(briefing)
        forever()


class InOrder(Attempt):
    """Row 16: an endless decision."""

    def attempt(self, observation):
        forever()


class InClose(Attempt):
    """Row 16: an endless close."""

    def close(self):
        forever()


class InReport(Attempt):
    """Row 16: an endless report."""

    def report(self):
        forever()


class InDestruction(Attempt):
    """Row 16: an endless destructor, which is never run."""

    def __del__(self):
        forever()


class AtExit(Attempt):
    """Row 16: an endless exit handler, which is never run."""

    def begin(self, briefing):
        super().begin(briefing)
        atexit.register(forever)
        threading._register_atexit(forever)


class IgnoreSignals(Attempt):
    """Row 16: an endless decision that ignores whatever can be ignored."""

    def attempt(self, observation):
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        forever()


class HoldTheLock(Attempt):
    """Row 16: compiled code that never gives up the interpreter's lock."""

    def attempt(self, observation):
        return bool(10 ** (10**9) % 7)


class MatchForever(Attempt):
    """Row 16: a regular expression that would take longer than the world exists."""

    def attempt(self, observation):
        return bool(re.match(r"(a+)+$", "a" * 60 + "b"))


class StopItself(Attempt):
    """Row 16: stop this process."""

    def attempt(self, observation):
        os.kill(os.getpid(), signal.SIGSTOP)


class SleepThroughTheBank(Attempt):
    """Row 16: think just shorter than a decision may last, in every decision: the time of the episode runs out."""

    def order(self, observation):
        time.sleep(0.25)
        return super().order(observation)


class GoOnAfterwards(Attempt):
    """Row 16: threads that go on computing after the answer."""

    def attempt(self, observation):
        threading.Thread(target=forever, daemon=True).start()
        return False


class TraceEverything(Attempt):
    """Row 16: run code of one's own at every step of the code that serves the requests."""

    def attempt(self, observation):
        def trace(frame, event, argument):
            forever()

        frame = sys._getframe()
        while frame is not None:
            frame.f_trace = trace
            frame = frame.f_back
        sys.settrace(trace)
        return False


class SetAnAlarm(Attempt):
    """Row 16: have the kernel end this process between two decisions."""

    def attempt(self, observation):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(3600)


class ArmTheFaultHandler(Attempt):
    """Row 16: have another thread end this process while Python is held up."""

    def attempt(self, observation):
        faulthandler.dump_traceback_later(0.01, exit=True)
        time.sleep(3600)
