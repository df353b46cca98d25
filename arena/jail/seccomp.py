"""A seccomp filter that leaves a process the system calls of `arena.jail.syscalls`, and no other.

The filter is a program of the classic Berkeley Packet Filter, which the kernel runs before every call: it sees the
machine, the number and the arguments as they stand in registers. It needs no privileges, cannot be undone and is
inherited. See seccomp(2) and Documentation/userspace-api/seccomp_filter.rst in the kernel.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from typing import Final

from arena.jail.call_rules import KILL, LOWER_HALF, REFUSE, UNKNOWN, Caller, Case, Question
from arena.jail.kernel import system_call
from arena.jail.syscalls import ABSENT, MACHINES, NEWEST, PROGRAMS, SEATS, ZYGOTE, Call

_ARCHITECTURE: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER: Final = 1
_X32: Final = 0x4000_0000
"""Set in the number of a call that a 64-bit Intel machine makes by 32-bit pointers; such calls have other numbers."""

# Where the kernel puts what a program looks at. Both machines store the lower half of an argument first.
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_LOAD, _IF_EQUAL, _IF_ABOVE, _IF_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06

Instruction = tuple[int, int, int, int]
"""Operation, instructions to skip if true, instructions to skip if false, operand."""
Program = list[Instruction]


def supported() -> bool:
    """Whether there is a filter for this machine."""
    return platform.machine() in MACHINES


def install(
    *, process: int, programs: bool, truncation: bool, memory_files: bool = False, zygote: bool = False
) -> None:
    """Filter all further system calls of this thread, and of what it starts.

    Args:
        process: Process id of this process.
        programs: Whether it may start programs.
        truncation: Whether opening a file for reading must not truncate it; Landlock sees to that from version 3 on.
        memory_files: Whether it may make files in memory.
        zygote: Whether this process forks controllers' processes, which then filter themselves. What such a process
            does on its way, and what it may do to itself afterwards, is not refused here.

    Raises:
        OSError: The kernel refused, or the machine is not supported.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        raise OSError(f"no filter of system calls is known for {machine}, only for {' and '.join(MACHINES)}")
    program = compile_filter(Caller(machine, process, programs, truncation, zygote, memory_files))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    descriptor = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    system_call(_SECCOMP[machine], _SET_MODE_FILTER, 0, ctypes.c_char_p(descriptor))


def compile_filter(caller: Caller) -> Program:
    """Write the filter for a process."""
    program: Program = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 1, 0, _ARCHITECTURE[caller.machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if caller.machine == "x86_64":
        program += [(_IF_ANY_BIT, 0, 1, _X32), (_RETURN, 0, 0, KILL)]
    program += [(_IF_ABOVE, 0, 1, NEWEST), (_RETURN, 0, 0, UNKNOWN)]
    for line in lines_for(caller):
        number = line.number(caller.machine)
        if number is not None:
            block = _cases(line.rule(caller), line.otherwise)
            program += [(_IF_EQUAL, 0, len(block), number), *block]
    for numbers in ABSENT.values():
        program += [(_IF_EQUAL, 0, 1, numbers[MACHINES.index(caller.machine)]), (_RETURN, 0, 0, UNKNOWN)]
    return [*program, (_RETURN, 0, 0, REFUSE)]


def lines_for(caller: Caller) -> list[Call]:
    """The lines of the list that hold for a process, each call once."""
    lines = [*SEATS, *(PROGRAMS if caller.programs else ()), *(ZYGOTE if caller.zygote else ())]
    return list({line.name: line for line in lines}.values())


def _cases(cases: tuple[Case, ...], otherwise: int) -> Program:
    """Answer a call by the first case that holds."""
    program: Program = []
    for case in cases:
        block: Program = [(_RETURN, 0, 0, case.verdict)]
        for question in reversed(case.questions):
            block = [*_ask(question, len(block)), *block]
        program += block
        if not case.questions:
            return program
    return [*program, (_RETURN, 0, 0, otherwise)]


def _ask(question: Question, rest: int) -> Program:
    """Go on with the next instruction if it is so, and skip so many that follow if it is not."""
    place = _ARGUMENTS_AT + 8 * question.argument
    loading: Program = [(_LOAD, 0, 0, place)]
    if question.mask != LOWER_HALF:
        loading.append((_AND, 0, 0, question.mask))
    if question.above is not None:
        return [*loading, (_IF_ABOVE, 0, rest, question.above)]
    last = len(question.values) - 1
    lower = [*loading, *((_IF_EQUAL, last - at, 0, value) for at, value in enumerate(question.values[:-1]))]
    lower.append((_IF_EQUAL, 0, rest, question.values[-1]))
    if not question.whole:
        return lower
    return [(_LOAD, 0, 0, place + 4), (_IF_EQUAL, 0, len(lower) + rest, 0), *lower]
