"""Calls of the Linux kernel that Python has no function for."""

from __future__ import annotations

import ctypes
import os
import sys

LINUX = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
CHANGE_ROOT = 18
"""CAP_SYS_CHROOT."""
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_CAPABILITIES = 64

_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def system_call(number: int, *arguments: object) -> int:
    """Make a system call.

    Args:
        number: Its number on this machine.
        arguments: Integers, pointers and None for a null pointer.

    Returns:
        What the kernel returned.

    Raises:
        OSError: The kernel refused, or this is no Linux.
    """
    if _libc is None:
        raise OSError("system calls are made on Linux only")
    # Every argument fills a register: a plain int would be passed as 32 bits, and leave the upper half undefined.
    filled = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *filled))


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when the thread that forked it ends. Does nothing but on Linux."""
    if LINUX:
        _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Make this process the parent of every orphan among its descendants. Does nothing but on Linux."""
    if LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def conceal_memory() -> None:
    """Keep other processes of this user from reading this one's memory, environment and descriptors.

    For good: it also means no core dumps and no debugger. A program that this process executes starts without it. Does
    nothing but on Linux.
    """
    if LINUX:
        _prctl(_PR_SET_DUMPABLE, 0)


def renounce_privileges(*kept: int) -> None:
    """Give up every capability, for good; with `forbid_new_privileges` no program gives one back.

    Args:
        kept: numbers of those that this process keeps, as far as it has them; a process that it forks has them too.

    Raises:
        OSError: The kernel refused.
    """
    for capability in range(_MOST_CAPABILITIES):
        try:
            _prctl(_PR_CAPBSET_DROP, capability)
        except OSError:
            # The first that the kernel does not know; or not ours to drop, and then not ours to gain either.
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    lower, upper = (sum(1 << number % 32 for number in kept if number // 32 == half) for half in (0, 1))
    # Effective, permitted and inheritable ones, the lower half of all three first.
    sets = (ctypes.c_uint32 * 6)(lower, lower, 0, upper, upper, 0)
    assert _libc is not None
    _checked(_libc.capset(header, sets))


def forbid_new_privileges() -> None:
    """Let no program that this process executes gain privileges; filters and rulesets need it.

    Raises:
        OSError: The kernel refused.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def ask_for_the_size_of_memory() -> None:
    """Have the C library ask how much memory the machine has, for good.

    Its `qsort` chooses its method by that when it first sorts more than a kibibyte, and takes the answer as it finds it
    where the call is refused: which of two equal elements comes first would be a matter of chance.
    """
    if _libc is not None:
        _libc.qsort(ctypes.create_string_buffer(4096), 1024, 4, ctypes.cast(_libc.strcmp, ctypes.c_void_p))


def _prctl(option: int, value: int) -> None:
    assert _libc is not None
    _checked(_libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
