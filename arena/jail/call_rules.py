"""What the filter of system calls asks of a call's arguments, and what it answers.

A rule is a list of cases for a caller. The first case of which all is so gives the verdict; where none does, the call
gets the one of its line in `arena.jail.syscalls`. A filter sees the registers alone: what an argument points to cannot
be asked about, so a call whose meaning lies in memory is allowed with any content or not at all.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000


def fails_with(number: int) -> int:
    """The verdict that the call does nothing and fails with an error; with 0, that it does nothing and succeeds."""
    return 0x0005_0000 | number


REFUSE: Final = fails_with(errno.EPERM)
UNKNOWN: Final = fails_with(errno.ENOSYS)

LOWER_HALF: Final = 0xFFFF_FFFF
_HIGHEST_BIT: Final = 0x8000_0000


@dataclass(frozen=True)
class Caller:
    """The process that a filter is made for.

    Attributes:
        machine: Its machine, as `platform.machine` names it.
        process: Its process id.
        programs: Whether it may start programs.
        truncation: Whether opening a file for reading must not truncate it; Landlock sees to that from version 3 on.
        zygote: Whether it forks controllers' processes. Its filter stays in force in them, whose process ids nobody
            knows when it is made; they add a stricter one.
        memory_files: Whether it may make files in memory, having no others.
    """

    machine: str
    process: int
    programs: bool = False
    truncation: bool = False
    zygote: bool = False
    memory_files: bool = False


class Question(NamedTuple):
    """A question about one argument. The kernel itself looks at no more than the lower half of most.

    Attributes:
        argument: its index, from 0.
        values: what the lower half, or the bits of it in `mask`, may be.
        mask: bits that are compared.
        above: instead of being one of `values`, it is larger than this, without a sign.
        whole: whether the upper half must be 0 too, as in a null pointer.
    """

    argument: int
    values: tuple[int, ...] = ()
    mask: int = LOWER_HALF
    above: int | None = None
    whole: bool = False


class Case(NamedTuple):
    """What comes of a call for which all these are so."""

    questions: tuple[Question, ...]
    verdict: int = ALLOW


Rule = Callable[[Caller], tuple[Case, ...]]


def always(_: Caller) -> tuple[Case, ...]:
    """Allow the call, whatever its arguments."""
    return (Case(()),)


def answers_zero(caller: Caller) -> tuple[Case, ...]:
    """Have the call do nothing and return 0, but for a zygote, which asks for its child."""
    return (Case((), ALLOW if caller.zygote else fails_with(0)),)


def is_one_of(argument: int, *values: int, mask: int = LOWER_HALF) -> Rule:
    """Allow the call if an argument, or the bits of it in a mask, is one of these."""
    return all_of(Question(argument, values, mask))


def has_none_of(argument: int, bits: int) -> Rule:
    """Allow the call if an argument has none of these bits."""
    return all_of(without(argument, bits))


def is_null(argument: int) -> Rule:
    """Allow the call if an argument is a null pointer."""
    return all_of(null(argument))


def all_of(*questions: Question) -> Rule:
    """Allow the call if all of these are so."""
    return lambda _: (Case(questions),)


def without(argument: int, bits: int) -> Question:
    """None of these bits."""
    return Question(argument, (0,), bits)


def null(argument: int) -> Question:
    """A null pointer."""
    return Question(argument, (0,), whole=True)


def on_itself(argument: int) -> Rule:
    """Allow the call if an argument is 0, which means the caller, or its process id.

    The zygote's is not asked, for its children inherit the answer: only that it is no group, and not everybody.
    """
    return lambda caller: (Case((_itself(caller, argument),)),)


def on_itself_only(argument: int) -> Rule:
    """As `on_itself`, but 0 alone for a zygote, and with it for its children."""
    return lambda caller: (Case((Question(argument, (0,) if caller.zygote else (0, caller.process)),)),)


def signal_to_itself(target: int, number: int) -> Rule:
    """Allow the call if it sends an ordinary signal to the caller, or to a program that it may have started.

    Signals of real time queue up, and the kernel counts those of all processes of a user together.

    Args:
        target: Index of the argument with the process or group.
        number: Index of the argument with the signal's number.
    """
    ordinary = without(number, LOWER_HALF ^ 31)

    def rule(caller: Caller) -> tuple[Case, ...]:
        cases: tuple[Case, ...] = (Case((ordinary, _itself(caller, target))),)
        if caller.programs and not caller.zygote:
            # Programs have higher numbers than the controller that starts them.
            cases += (Case((ordinary, without(target, _HIGHEST_BIT), Question(target, above=caller.process))),)
        return cases

    return rule


def _itself(caller: Caller, argument: int) -> Question:
    return without(argument, _HIGHEST_BIT) if caller.zygote else Question(argument, (0, caller.process))


# --- rules of single calls ----------------------------------------------------------------------------------------

_FUTEX_PRIVATE, _FUTEX_CLOCK = 128, 256
_FUTEX_WAITS, _FUTEX_WAKES = (0, 9), (1, 10)
_FUTEX_OTHERS = (3, 4, 5)
"""FUTEX_REQUEUE, FUTEX_CMP_REQUEUE and FUTEX_WAKE_OP. Left out are those that hand on priority: they look
up a thread by its number, whosever it is, and wait for its end."""


def private_futex(_: Caller) -> tuple[Case, ...]:
    """Allow locks between threads of one process; between processes nobody ever waits, and nobody is ever woken.

    Two seats that map the same page of a library, for reading alone, share the futexes on it. One that waits there
    could be woken by FUTEX_WAKE, and also by the end of a thread: the kernel wakes whoever waits at the address that
    clone or set_tid_address named, or that is in a list of robust locks, and it does so without a look at whether
    the page can be written. Those addresses cannot be asked about, so it is waiting that must not be possible.

    Joining a thread is such a wait, in the C library: it hears that the value has changed (EAGAIN), and looks again
    until it has. A lock between processes works the same way.
    """
    among_threads = tuple(_FUTEX_PRIVATE | command for command in (*_FUTEX_WAITS, *_FUTEX_WAKES, *_FUTEX_OTHERS))
    commands = LOWER_HALF ^ _FUTEX_CLOCK
    return (
        Case((Question(1, among_threads, commands),)),
        Case((Question(1, _FUTEX_WAITS, commands),), fails_with(errno.EAGAIN)),
        Case((Question(1, _FUTEX_WAKES, commands),), fails_with(0)),
    )


_CLONE_PARENT, _CLONE_THREAD = 0x8000, 0x0001_0000
_CLONE_NAMESPACES = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000


def new_threads(caller: Caller) -> tuple[Case, ...]:
    """Allow a thread, and a process only if the caller may have any; none in new namespaces, none in another's care."""
    never = _CLONE_NAMESPACES | _CLONE_PARENT
    if caller.programs or caller.zygote:
        return (Case((without(0, never),)),)
    return (Case((Question(0, (_CLONE_THREAD,), never | _CLONE_THREAD),)),)


_O_ACCESS, _O_TRUNCATE, _O_ASYNC, _O_NO_TIMES = 0o3, 0o1000, 0o20000, 0o1000000
_O_DIRECT: Final = {"x86_64": 0o40000, "aarch64": 0o200000}


def _flags_refused(caller: Caller) -> int:
    # They leave no time of reading, go past the page cache, or have the kernel send signals.
    return _O_NO_TIMES | _O_DIRECT[caller.machine] | _O_ASYNC


def opening(argument: int) -> Rule:
    """Allow what Landlock allows, through the page cache; truncation only by who can write."""

    def rule(caller: Caller) -> tuple[Case, ...]:
        refused = _flags_refused(caller)
        if not caller.truncation:
            return (Case((without(argument, refused),)),)
        writing = Question(argument, (1, 2, 3), _O_ACCESS)
        return (Case((without(argument, refused | _O_TRUNCATE),)), Case((without(argument, refused), writing)))

    return rule


def of_one_descriptor(caller: Caller) -> tuple[Case, ...]:
    """Allow copies and flags of a descriptor: F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, and F_SETFL.

    Everything else of fcntl leaves something with the file, where all who can read it see it: locks, leases, watches,
    hints of how long it will live.
    """
    return (Case((Question(1, (0, 1, 2, 3, 1030)),)), Case((Question(1, (4,)), without(2, _flags_refused(caller)))))


_MEMORY_FILE_FLAGS = 0x1 | 0x2 | 0x8  # MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL


def memory_file(caller: Caller) -> tuple[Case, ...]:
    """Allow a file in memory to who can make no other; not of huge pages, of which the machine has a shared store."""
    if not caller.memory_files:
        return ()
    return (Case((without(1, LOWER_HALF ^ _MEMORY_FILE_FLAGS),)),)


_PRCTL_PARENT_DEATH, _KILLED = 1, 9
_PRCTL_HARMLESS = (
    *(2, 3),  # PR_GET_PDEATHSIG, PR_GET_DUMPABLE
    *(15, 16),  # PR_SET_NAME, PR_GET_NAME
    *(21, 23),  # PR_GET_SECCOMP, PR_CAPBSET_READ
    30,  # PR_GET_TIMERSLACK
    *(38, 39),  # PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS
    42,  # PR_GET_THP_DISABLE
    *(51, 56, 64),  # of ARM: PR_SVE_GET_VL, PR_GET_TAGGED_ADDR_CTRL, PR_SME_GET_VL
    0x5356_4D41,  # PR_SET_VMA: names a piece of memory
)


def of_itself(caller: Caller) -> tuple[Case, ...]:
    """Allow what names or describes the caller; a zygote's child also the signal that ends it with the zygote."""
    cases: tuple[Case, ...] = (Case((Question(0, _PRCTL_HARMLESS),)),)
    if caller.zygote:
        cases += (Case((Question(0, (_PRCTL_PARENT_DEATH,)), Question(1, (_KILLED,)))),)
    return cases


_LIMITS_OF_ONE = (0, 1, 2, 3, 4, 5, 7, 9)
"""RLIMIT_CPU, FSIZE, DATA, STACK, CORE, RSS, NOFILE and AS. The others bound what all processes of a user have
together: who lowers one finds out, by what fails then, how much the others have."""


def limits_of_itself(caller: Caller) -> tuple[Case, ...]:
    """Allow reading the caller's limits, and setting those of this process alone; a zygote's child sets all of them."""
    if caller.zygote:
        return (Case((Question(0, (0,)),)),)
    itself = Question(0, (0, caller.process))
    return (Case((itself, null(2))), Case((itself, Question(1, _LIMITS_OF_ONE))))
