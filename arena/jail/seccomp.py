"""A seccomp filter that takes from a process the system calls of `arena.jail.syscalls`.

The filter is a program of the classic Berkeley Packet Filter, which the kernel runs before every call: it sees the
machine, the number and the arguments as they stand in registers. It needs no privileges, cannot be undone and is
inherited. See seccomp(2) and Documentation/userspace-api/seccomp_filter.rst in the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Sequence
from typing import Final

from arena.jail.kernel import system_call
from arena.jail.syscalls import ABSENT, CONDITIONAL, FORBIDDEN, MACHINES, NEWEST, PROGRAMS

ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000
REFUSE: Final = 0x0005_0000 | errno.EPERM
UNKNOWN: Final = 0x0005_0000 | errno.ENOSYS

_ARCHITECTURE: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER: Final = 1
_X32: Final = 0x4000_0000
"""Set in the number of a call that a 64-bit Intel machine makes by 32-bit pointers; such calls have other numbers."""

# Where the kernel puts what a program looks at. Of an argument the lower half: the kernel itself looks at no more of
# those compared here. Both machines store the lower half first.
_NUMBER_AT, _MACHINE_AT = 0, 4
_LOAD, _IF_EQUAL, _IF_ABOVE, _IF_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06

Instruction = tuple[int, int, int, int]
"""Operation, instructions to skip if true, instructions to skip if false, operand."""
Program = list[Instruction]

_AF_UNIX, _SOCK_STREAM, _SOCKET_TYPES = 1, 1, 0xF
_CLONE_THREAD = 0x0001_0000
_CLONE_NAMESPACES = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000
_O_TRUNC, _O_ACCESS = 0o1000, 0o3

_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_PRCTL_REFUSED = (
    4,  # PR_SET_DUMPABLE: that process could not look at what it uses
    35,  # PR_SET_MM
    36,  # PR_SET_CHILD_SUBREAPER: its orphans would not be found
)
_FCNTL_REFUSED = (
    *(5, 6, 7),  # F_GETLK, F_SETLK, F_SETLKW: a lock on a file that another seat can read tells it something
    *(36, 37, 38),  # the same, of open file descriptions
    8,  # F_SETOWN: the kernel signals whoever is named, in its stead
    10,  # F_SETSIG
    15,  # F_SETOWN_EX
    1024,  # F_SETLEASE: whoever opens the file waits
    1026,  # F_NOTIFY: tells what others do in a folder
)
_IOCTL_REFUSED = (
    0x5412,  # TIOCSTI: writes what a terminal's user seems to type
    0x541C,  # TIOCLINUX
    0x8901,  # FIOSETOWN, as F_SETOWN
    0x8902,  # SIOCSPGRP, likewise
)


def supported() -> bool:
    """Whether there is a filter for this machine."""
    return platform.machine() in MACHINES


def install(*, process: int, programs: bool, truncation: bool, zygote: bool = False) -> None:
    """Filter all further system calls of this thread, and of what it starts.

    Args:
        process: Process id of this process.
        programs: Whether it may start programs.
        truncation: Whether opening a file for reading must not truncate it; Landlock sees to that from version 3 on.
        zygote: Whether this process forks controllers' processes, which then filter themselves. What such a process
            does on its way, and what it may do to itself afterwards, is not refused here.

    Raises:
        OSError: The kernel refused, or the machine is not supported.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        raise OSError(f"no filter of system calls is known for {machine}, only for {' and '.join(MACHINES)}")
    program = compile_filter(machine, process=process, programs=programs, truncation=truncation, zygote=zygote)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    descriptor = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    system_call(_SECCOMP[machine], _SET_MODE_FILTER, 0, ctypes.c_char_p(descriptor))


def compile_filter(machine: str, *, process: int, programs: bool, truncation: bool, zygote: bool = False) -> Program:
    """Write the filter for a machine; arguments as for `install`."""
    place = MACHINES.index(machine)
    program: Program = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(_IF_ANY_BIT, 0, 1, _X32), (_RETURN, 0, 0, KILL)]
    program += [(_IF_ABOVE, 0, 1, NEWEST), (_RETURN, 0, 0, UNKNOWN)]
    blocks = {name: [(_RETURN, 0, 0, REFUSE)] for name in FORBIDDEN}
    blocks |= {name: [(_RETURN, 0, 0, UNKNOWN)] for name in ABSENT}
    if not programs:
        blocks |= {name: [(_RETURN, 0, 0, REFUSE)] for name in PROGRAMS}
    blocks |= _conditions(process, programs, truncation)
    if zygote:
        blocks |= _conditions_of_zygote()
        blocks.pop("fork", None)
    for name, numbers in (FORBIDDEN | ABSENT | PROGRAMS | CONDITIONAL).items():
        number = numbers[place]
        if number is not None and name in blocks:
            program += [(_IF_EQUAL, 0, len(blocks[name]), number), *blocks[name]]
    return [*program, (_RETURN, 0, 0, ALLOW)]


def _conditions(process: int, programs: bool, truncation: bool) -> dict[str, Program]:
    """What is asked of the arguments of the calls that are refused or not."""
    # The programs that a controller starts have higher numbers than its own; its sandbox has nothing else to signal.
    at_itself = _allow_if(0, (0, process), above=process if programs else None)
    conditions = {
        # Of one connected pair neither end can reach a third; a datagram socket could.
        "socketpair": _refuse_unless(0, _AF_UNIX) + _allow_if(1, (_SOCK_STREAM,), mask=_SOCKET_TYPES),
        "clone": _clone(processes=programs),
        **dict.fromkeys(("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"), at_itself),
        **dict.fromkeys(("prlimit64", "sched_setaffinity"), _allow_if(0, (0, process))),
        # With PR_SET_PDEATHSIG it would outlive the process that watches it.
        "prctl": _refuse_if(0, (_PR_SET_PDEATHSIG, *_PRCTL_REFUSED)),
        "fcntl": _refuse_if(1, _FCNTL_REFUSED),
        "ioctl": _refuse_if(1, _IOCTL_REFUSED),
    }
    if truncation:
        conditions |= {"open": _refuse_truncating(1), "openat": _refuse_truncating(2)}
    return conditions


def _conditions_of_zygote() -> dict[str, Program]:
    """What is asked instead in a zygote: its filter stays in force in its children, whose process ids nobody knows."""
    # Whom it may signal Landlock decides where it can (version 6); a group, or everybody, is refused here.
    somebody = [*_load_argument(0), *_refuse_any_bit(0x8000_0000)]
    watched: Program = [
        *_load_argument(0),
        (_IF_EQUAL, 0, 4, _PR_SET_PDEATHSIG),
        *_load_argument(1),
        (_IF_EQUAL, 1, 0, _SIGKILL),
        (_RETURN, 0, 0, REFUSE),
        (_RETURN, 0, 0, ALLOW),
    ]
    return {
        "clone": _clone(processes=True),
        **dict.fromkeys(("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"), somebody),
        **dict.fromkeys(("prlimit64", "sched_setaffinity"), _allow_if(0, (0,))),
        "prctl": [*watched, *_refuse_if(0, _PRCTL_REFUSED)],
    }


def _load_argument(index: int, mask: int | None = None) -> Program:
    loading: Program = [(_LOAD, 0, 0, 16 + 8 * index)]
    return loading if mask is None else [*loading, (_AND, 0, 0, mask)]


def _refuse_unless(index: int, value: int) -> Program:
    return [*_load_argument(index), (_IF_EQUAL, 1, 0, value), (_RETURN, 0, 0, REFUSE)]


def _refuse_if(index: int, values: Sequence[int]) -> Program:
    tests: Program = [(_IF_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [*_load_argument(index), *tests, (_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, REFUSE)]


def _allow_if(index: int, values: Sequence[int], *, mask: int | None = None, above: int | None = None) -> Program:
    tests: Program = [(_IF_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    refusal: Program = [(_RETURN, 0, 0, REFUSE)]
    if above is not None:
        # Process ids are positive; with the highest bit set it is a group, or everybody.
        refusal = [(_IF_ANY_BIT, 1, 0, 0x8000_0000), (_IF_ABOVE, 1, 0, above), *refusal]
    # The tests jump over the refusal, whatever its length.
    tests = [(code, true + len(refusal) - 1, false, value) for code, true, false, value in tests]
    return [*_load_argument(index, mask), *tests, *refusal, (_RETURN, 0, 0, ALLOW)]


def _refuse_any_bit(bits: int) -> Program:
    return [(_IF_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, REFUSE), (_RETURN, 0, 0, ALLOW)]


def _clone(*, processes: bool) -> Program:
    """A new thread of this process, and of no new namespace; a new process only if it may have any."""
    flags = _load_argument(0)
    if processes:
        return [*flags, *_refuse_any_bit(_CLONE_NAMESPACES)]
    refuse_namespaces: Program = [(_IF_ANY_BIT, 0, 1, _CLONE_NAMESPACES), (_RETURN, 0, 0, REFUSE)]
    thread: Program = [(_IF_ANY_BIT, 0, 1, _CLONE_THREAD), (_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, REFUSE)]
    return [*flags, *refuse_namespaces, *thread]


def _refuse_truncating(index: int) -> Program:
    """Refuse a truncation by a descriptor that cannot write."""
    return [
        *_load_argument(index),
        (_IF_ANY_BIT, 0, 3, _O_TRUNC),
        (_AND, 0, 0, _O_ACCESS),
        (_IF_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, REFUSE),
        (_RETURN, 0, 0, ALLOW),
    ]
