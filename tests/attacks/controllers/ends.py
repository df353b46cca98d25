"""Row 21: ending in every way but the one agreed on."""

import ctypes
import os
import signal
import sys
import time

from attempt import Attempt


class Leave(Attempt):
    """Row 21: leave with the code of success."""

    def attempt(self, observation):
        os._exit(0)


class Abort(Attempt):
    """Row 21: abort."""

    def attempt(self, observation):
        os.abort()


class ReadNothing(Attempt):
    """Row 21: read address 0."""

    def attempt(self, observation):
        ctypes.string_at(0)


class KillItself(Attempt):
    """Row 21: end this process by a signal."""

    def attempt(self, observation):
        os.kill(os.getpid(), signal.SIGKILL)


class ExitPolitely(Attempt):
    """Row 21: raise what ends a program."""

    def attempt(self, observation):
        sys.exit(0)


class ExitInSetup(Attempt):
    """Row 21: end before the first decision."""

    def begin(self, briefing):
        raise SystemExit(0)


class ExitInClose(Attempt):
    """Row 21: end when all is played."""

    def close(self):
        os._exit(0)


class Interrupt(Attempt):
    """Row 21: raise what a user's interrupt raises."""

    def attempt(self, observation):
        raise KeyboardInterrupt


class RaiseTheUnusual(Attempt):
    """Row 21: raise what is no error."""

    def attempt(self, observation):
        raise GeneratorExit


class CallItself(Attempt):
    """Row 21: recursion without end."""

    def attempt(self, observation):
        return self.attempt(observation)


class CallItselfUnbounded(Attempt):
    """Row 21: recursion without end and without Python's bound, through compiled code."""

    def attempt(self, observation):
        sys.setrecursionlimit(10**9)
        nested = []
        for _ in range(10**7):
            nested = [nested]
        return bool(repr(nested))


class CloseTheConnection(Attempt):
    """Row 21: hang up and live on."""

    def attempt(self, observation):
        os.close(3)
        time.sleep(3600)


class CloseEverything(Attempt):
    """Row 21: close every descriptor and answer."""

    def attempt(self, observation):
        os.closerange(0, 1024)
        return False


class BecomeAProgram(Attempt):
    """Row 21: become another program that keeps the connection."""

    def attempt(self, observation):
        os.set_inheritable(3, True)
        os.execv("/bin/cat", ["cat"])


class PretendAContract(Attempt):
    """Row 21: raise the arena's own errors, with a code of one's choice."""

    def attempt(self, observation):
        from arena.errors import ContractViolation

        raise ContractViolation("infrastructure", "play it again")


class FailInTheArenasName(Attempt):
    """Row 21: raise the arena's own failure, after which an episode is played again."""

    def attempt(self, observation):
        from arena.errors import InfrastructureFailure

        raise InfrastructureFailure("play it again")
