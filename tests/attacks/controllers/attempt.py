"""What the attacks share: an honest controller with one attempt, and how it tells whether that worked.

It orders 1 of everything as long as nothing it tried worked, and 2 once something did, so that the orders in the
record, and with them the profit, say what happened.
"""

import ctypes
import os
import platform

import numpy as np
from system_calls import NUMBERS

LIBC = ctypes.CDLL(None, use_errno=True)
HONEST, WORKED = 1.0, 2.0


class Blocked(Exception):
    """The attempt did what it could, and nothing came of it."""


class Attempt:
    """An honest controller that makes one attempt in each decision.

    Args:
        facts: What the test lets the attack know, such as the paths of what is secret.
    """

    def __init__(self, **facts):
        self.facts = facts
        self.links = 0

    def begin(self, briefing):
        # What this process starts inherits its name, by which the test finds it.
        LIBC.prctl(15, self.facts["mark"].encode(), 0, 0, 0)
        self.briefing = briefing
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, WORKED if self.attempt(observation) else HONEST)

    def attempt(self, observation):
        """Try it; whether it worked."""
        return False


def any_works(**actions):
    """Try all, and print the names of those that worked: they returned, and something else than False."""
    worked = [name for name, action in actions.items() if works(action)]
    if worked:
        print("worked:", *worked)
    return bool(worked)


def works(action):
    """Whether an action ends without a refusal, and returns something else than False."""
    try:
        return action() is not False
    except (OSError, Blocked, ValueError, ImportError, AttributeError):
        return False


def find_parent():
    """The number of the process that forked this one; if that is not told, of the last one before it that can be seen.

    In a sandbox none can be seen, but the second process of a world is the one.
    """
    earlier = (number for number in range(os.getpid() - 1, 0, -1) if os.path.exists(f"/proc/{number}"))
    return os.getppid() or next(earlier, 2)


def number_of(name):
    """The number of a system call on this machine."""
    number = NUMBERS[name][("x86_64", "aarch64").index(platform.machine())]
    if number is None:
        raise Blocked(f"this machine has no call {name}")
    return number


def call(name, *arguments):
    """Make a system call by its name."""
    result = LIBC.syscall(number_of(name), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read(path, size=-1):
    """Return the content of a file."""
    with open(path, "rb") as file:
        return file.read(size)


def objects_named(names, objects):
    """Those of the objects whose class has one of the names."""
    return [one for one in objects if type(one).__name__ in names]
