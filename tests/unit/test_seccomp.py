"""The filter of system calls, run by hand: for the machine that these tests have, and for the other."""

import errno
import platform
import sys
from pathlib import Path

import pytest

from arena.jail import seccomp
from arena.jail.call_rules import ALLOW, KILL, REFUSE, UNKNOWN, Caller, fails_with
from arena.jail.seccomp import compile_filter, lines_for
from arena.jail.syscalls import ABSENT, MACHINES, NEWEST, PROGRAMS, SEATS, ZYGOTE

sys.path.append(str(Path(__file__).parent.parent / "attacks" / "controllers"))
from system_calls import NUMBERS

SELF = 4711
INTEL, ARM = 0xC000_003E, 0xC000_00B7
ARCHITECTURE = {"x86_64": INTEL, "aarch64": ARM}
SOMEWHERE = 0x7F00_0000_0000
"""A pointer whose lower half is 0."""


def run(program, number, *arguments, architecture):
    """What the kernel would do: a machine with one register and jumps forward."""
    words = {0: number, 4: architecture}
    for index in range(6):
        value = arguments[index] if index < len(arguments) else 0
        words[16 + 8 * index] = value & 0xFFFF_FFFF
        words[20 + 8 * index] = value >> 32 & 0xFFFF_FFFF
    register = position = 0
    while True:
        code, true, false, operand = program[position]
        assert 0 <= true < 256
        assert 0 <= false < 256
        position += 1
        if code == 0x20:
            register = words[operand]
        elif code == 0x54:
            register &= operand
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: register == operand, 0x25: register > operand, 0x45: bool(register & operand)}[code]
            position += true if holds else false


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.fixture
def ask(machine):
    """What becomes of a call, by its name or number, on a machine."""

    def ask(call, *arguments, programs=False, truncation=False, zygote=False, architecture=ARCHITECTURE[machine]):
        program = compile_filter(Caller(machine, SELF, programs, truncation, zygote))
        assert len(program) < 4096  # the kernel takes no more
        return run(program, number_of(call, machine), *arguments, architecture=architecture)

    return ask


def number_of(call, machine):
    return NUMBERS[call][MACHINES.index(machine)] if isinstance(call, str) else call


@pytest.mark.parametrize(("intel", "arm"), [(0, 63), (1, 64), (9, 222), (39, 172), (257, 56)])
def test_what_every_program_does_is_allowed(ask, machine, intel, arm):
    assert ask(arm if machine == "aarch64" else intel) == ALLOW


def test_what_is_not_on_the_list_is_refused(ask, machine):
    """All numbers there are, not only those that have a name here."""
    listed = {line.number(machine) for line in SEATS} | {pair[MACHINES.index(machine)] for pair in ABSENT.values()}
    assert {ask(number) for number in range(NEWEST + 1) if number not in listed} == {REFUSE}
    assert REFUSE & 0xFFFF == errno.EPERM


@pytest.mark.parametrize("call", sorted(set(NUMBERS) - {line.name for line in SEATS} - set(ABSENT)))
def test_no_call_of_an_attack_gets_through(ask, machine, call):
    if number_of(call, machine) is not None:
        assert ask(call) in {REFUSE, UNKNOWN}
        assert ask(call, 1, 1, 1, 1, 1, 1) in {REFUSE, UNKNOWN}


def test_what_is_absent_does_not_exist_and_nor_does_what_came_later(ask, machine):
    numbers = {pair[MACHINES.index(machine)] for pair in ABSENT.values()} | {NEWEST + 1, NEWEST + 100}
    assert {ask(number) for number in numbers} == {UNKNOWN}
    assert UNKNOWN & 0xFFFF == errno.ENOSYS


def test_no_number_is_meant_by_two_names(machine):
    named = {line.name: line.number(machine) for line in (*SEATS, *PROGRAMS, *ZYGOTE)}
    assert not set(named) & set(ABSENT)
    numbers = [number for number in named.values() if number is not None]
    numbers += [pair[MACHINES.index(machine)] for pair in ABSENT.values()]
    assert len(numbers) == len(set(numbers))


def test_the_numbers_are_those_that_the_attacks_use(machine):
    lines = {line.name: line.number(machine) for line in (*SEATS, *PROGRAMS, *ZYGOTE)}
    lines |= {name: pair[MACHINES.index(machine)] for name, pair in ABSENT.items()}
    known = {name: number for name, number in lines.items() if name in NUMBERS}
    assert len(known) > 40
    assert known == {name: number_of(name, machine) for name in known}


def test_every_line_says_why():
    assert all(line.why.strip() for line in (*SEATS, *PROGRAMS, *ZYGOTE))


def test_another_machines_calls_end_the_process(ask, machine):
    other = INTEL if machine == "aarch64" else ARM
    assert ask(0, architecture=other) == KILL
    assert ask(0, architecture=0x4000_0003) == KILL  # 32-bit Intel


def test_calls_with_short_pointers_end_the_process():
    program = compile_filter(Caller("x86_64", SELF, programs=True))
    assert run(program, 0x4000_0000 | 39, architecture=INTEL) == KILL
    assert run(program, 39, architecture=INTEL) == ALLOW


# --- threads, processes, programs ---------------------------------------------------------------------------------

THREAD = 0x003D_0F00  # what the C library asks for
FORK = 0x0120_0011


@pytest.mark.parametrize(
    ("flags", "alone", "with_programs"),
    [
        (THREAD, ALLOW, ALLOW),
        (FORK, REFUSE, ALLOW),
        (0x4111, REFUSE, ALLOW),  # as vfork
        (THREAD | 0x1000_0000, REFUSE, REFUSE),  # new users
        (FORK | 0x0002_0000, REFUSE, REFUSE),  # new mounts
        (FORK | 0x4000_0000, REFUSE, REFUSE),  # new network
        (FORK | 0x8000, REFUSE, REFUSE),  # a child of the zygote, which the warden would not find
        (THREAD | 1 << 40, ALLOW, ALLOW),  # the kernel does not look at the upper half either
    ],
)
def test_threads_are_allowed_processes_only_for_programs_and_namespaces_never(ask, flags, alone, with_programs):
    assert ask("clone", flags) == alone
    assert ask("clone", flags, programs=True) == with_programs


@pytest.mark.parametrize("call", ["kill", "tgkill", "prlimit64", "sched_setaffinity", "getpgid", "getsid"])
@pytest.mark.parametrize(
    ("target", "verdict"), [(SELF, ALLOW), (0, ALLOW), (1, REFUSE), (SELF + 1, REFUSE), (-1, REFUSE), (-SELF, REFUSE)]
)
def test_a_process_acts_on_itself_alone(ask, call, target, verdict):
    assert ask(call, target) == verdict


@pytest.mark.parametrize("call", ["sched_getaffinity", "sched_getparam", "sched_getscheduler"])
def test_a_process_asks_about_itself_alone(ask, call):
    assert (ask(call, 0), ask(call, SELF)) == (ALLOW, ALLOW)
    assert ALLOW not in {ask(call, other) for other in (1, SELF + 1, -1)}


def test_a_program_that_was_started_can_be_signalled(ask):
    assert ask("kill", SELF + 1, 9, programs=True) == ALLOW
    for other in (1, SELF - 1, -1, -(SELF + 1)):
        assert ask("kill", other, 9, programs=True) == REFUSE
    assert ask("sched_setaffinity", SELF + 1, programs=True) == REFUSE
    assert (ask("execve"), ask("execve", programs=True)) == (REFUSE, ALLOW)


@pytest.mark.parametrize(("call", "target"), [("kill", (SELF,)), ("tkill", (SELF,)), ("tgkill", (SELF, SELF))])
@pytest.mark.parametrize("programs", [False, True])
def test_signals_that_queue_up_are_not_sent(ask, call, target, programs):
    """How many of them wait is counted for all processes of a user together."""
    assert [ask(call, *target, number, programs=programs) for number in (0, 9, 31)] == [ALLOW] * 3
    assert {ask(call, *target, number, programs=programs) for number in (32, 34, 64, 1 << 31)} == {REFUSE}


@pytest.mark.parametrize(
    ("domain", "kind", "verdict"),
    [(1, 1, ALLOW), (1, 1 | 0o2000000, ALLOW), (1, 2, REFUSE), (1, 5, REFUSE), (2, 1, REFUSE), (16, 3, REFUSE)],
)
def test_only_connected_pairs_of_streams_are_made(ask, machine, domain, kind, verdict):
    assert ask(199 if machine == "aarch64" else 53, domain, kind) == verdict
    assert ask("socket", domain, kind) == REFUSE


@pytest.mark.parametrize("call", ["wait4", "waitid"])
def test_what_a_child_used_is_not_told(ask, call):
    place = 3 if call == "wait4" else 4
    assert ask(call, *[0] * place, 0, programs=True) == ALLOW
    assert {ask(call, *[0] * place, where, programs=True) for where in (8, SOMEWHERE)} == {REFUSE}


# --- the zygote ---------------------------------------------------------------------------------------------------


def test_a_zygote_forks_and_leaves_its_children_what_they_may_do_to_themselves(ask):
    """Its filter stays in force in them, and their process ids are not known when it is made."""
    assert (ask("clone", FORK), ask("clone", FORK, zygote=True)) == (REFUSE, ALLOW)
    assert ask("clone", FORK | 0x1000_0000, zygote=True) == REFUSE
    for call in ("kill", "tgkill", "getpgid"):
        assert [ask(call, target, zygote=True) for target in (SELF + 1, 0, -1, -SELF)] == [ALLOW, ALLOW, REFUSE, REFUSE]
    for call in ("prlimit64", "sched_setaffinity"):
        assert [ask(call, target, zygote=True) for target in (0, SELF + 1)] == [ALLOW, REFUSE]


def test_a_zygotes_child_dies_with_it_and_with_nothing_else(ask):
    assert [ask("prctl", 1, number, zygote=True) for number in (9, 0, 15)] == [ALLOW, REFUSE, REFUSE]
    assert {ask("prctl", option, 9, zygote=True) for option in (4, 35, 36)} == {REFUSE}
    assert ask("prctl", 38, 1, zygote=True) == ALLOW
    assert ask("prctl", 1, 9) == REFUSE


def test_a_zygote_can_do_nothing_that_its_children_cannot_but_make_them(machine):
    more = {line.name for line in lines_for(Caller(machine, SELF, zygote=True))} - {line.name for line in SEATS}
    more -= {"fork"}
    assert more == {"recvmsg", "setsid", "seccomp", *(f"landlock_{what}" for what in LANDLOCK)}


LANDLOCK = ("create_ruleset", "add_rule", "restrict_self")


def test_a_zygotes_filter_allows_whatever_that_of_its_children_does(ask, machine):
    """What the second filter allows must not meet a refusal of the first, which knows no process ids."""
    values = (0, 1, 2, 3, 4, 8, 9, 15, 128, 0x5401)
    for line in SEATS:
        number = line.number(machine)
        if number is not None:
            for value in values:
                for index in range(3):
                    arguments = [0] * index + [value]
                    if ask(number, *arguments) == ALLOW:
                        assert ask(number, *arguments, zygote=True) == ALLOW, (line.name, arguments)


# --- arguments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "index", "refused", "allowed"),
    [
        # of a child: the parent's death, dumps, memory, a reaper, a cookie of cores that others share, timers
        ("prctl", 0, (1, 4, 22, 35, 36, 29, 41, 62), (2, 3, 15, 16, 38, 39, 0x5356_4D41)),
        # locks, owners, signals, hints (1035 to 1038), leases, watches, seals, sizes of pipes
        ("fcntl", 1, (*range(5, 17), *range(36, 39), *range(1024, 1030), *range(1031, 1045)), (0, 1, 2, 3, 4, 1030)),
        # the page cache, pages that strangers share, errors of memory
        ("madvise", 2, (1, 2, 3, 9, 12, 13, 20, 21, 22, 23, 24, 25, 100, 101), (0, 4, 8, 10, 14, 15, 16, 17, 18, 102)),
        ("mmap", 3, (0x2002, 0x4_0022), (0x1, 0x2, 0x22, 0x4022, 0x2_0022, 0x812)),
        ("clock_gettime", 0, (-1, -6, -(2**31), ~SELF << 3 | 2, ~SELF << 3 | 6), (0, 1, 2, 3, 4, 7, 11)),
        ("clock_getres", 0, (-6, ~SELF << 3 | 2), (0, 1, 2, 3)),
        ("clock_nanosleep", 0, (2, 3, -6, ~SELF << 3 | 2), (0, 1, 7)),
        ("mbind", 5, (1, 2, 4), (0,)),
        ("getsockopt", 2, (17, 59, 77), ()),
    ],
)
def test_some_uses_of_a_call_are_refused(ask, call, index, refused, allowed):
    def verdicts(values):
        return {ask(call, *[0] * index, value) for value in values}

    assert verdicts(refused) == {REFUSE}
    assert verdicts(allowed) <= {ALLOW}


@pytest.mark.parametrize("command", [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451])
def test_what_is_asked_of_every_descriptor_is_answered(ask, command):
    assert ask("ioctl", 3, command) == ALLOW


@pytest.mark.parametrize(
    "command",
    # TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP; FS_IOC_GETFLAGS, SETFLAGS, GETVERSION, SETVERSION, FIEMAP, FICLONE,
    # FSGETXATTR, FSSETXATTR, FIBMAP, FIFREEZE, FITRIM, FIOASYNC, RNDGETENTCNT, PIDFD_GET_INFO
    [
        0x5412,
        0x541C,
        0x8901,
        0x8902,
        0x8008_6601,
        0x4008_6602,
        0x8008_7601,
        0x4008_7602,
        0xC020_660B,
        0x4004_9409,
        0x801C_581F,
        0x401C_5820,
        1,
        0xC004_5877,
        0xC018_5879,
        0x5452,
        0x8004_5200,
        0xC050_FF0B,
    ],
)
def test_no_file_is_asked_for_more_than_whether_it_is_a_terminal(ask, command):
    assert ask("ioctl", 3, command) == fails_with(errno.ENOTTY)


@pytest.mark.parametrize("command", [0, 1, 3, 4, 5, 9, 10])
def test_threads_of_one_process_lock_and_wake_each_other(ask, command):
    assert ask("futex", 0, command | 128) == ALLOW
    assert ask("futex", 0, command | 128 | 256) == ALLOW


def test_nobody_waits_where_another_process_could_wake_it(ask):
    """Not even to be woken by the kernel: whoever waits for the end of a thread looks again."""
    assert {ask("futex", 0, command) for command in (0, 9, 0 | 256, 9 | 256)} == {fails_with(errno.EAGAIN)}
    assert {ask("futex", 0, command) for command in (1, 10)} == {fails_with(0)}
    assert {ask("futex", 0, command) for command in (2, 3, 4, 5)} == {UNKNOWN}


@pytest.mark.parametrize("command", [6, 7, 8, 11, 12, 13])
def test_no_lock_hands_on_priority(ask, command):
    """Its owner would be looked up by number, whosever thread that is."""
    assert {ask("futex", 0, command | more) for more in (0, 128, 256, 384)} == {UNKNOWN}


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 7, 9])
def test_limits_of_one_process_can_be_lowered(ask, kind):
    assert ask("prlimit64", 0, kind, SOMEWHERE) == ALLOW


@pytest.mark.parametrize("kind", [6, 8, 10, 11, 12, 13, 14, 15])
def test_limits_that_a_user_has_in_all_can_be_read_alone(ask, kind):
    """Who lowers one finds out how much of it others use."""
    assert ask("prlimit64", 0, kind, 0, SOMEWHERE) == ALLOW
    assert {ask("prlimit64", 0, kind, where) for where in (8, SOMEWHERE)} == {REFUSE}
    assert ask("prlimit64", 0, kind, SOMEWHERE, zygote=True) == ALLOW


@pytest.mark.parametrize("programs", [False, True])
def test_files_are_opened_through_the_page_cache_and_leave_their_time(ask, machine, programs):
    direct = 0o200000 if machine == "aarch64" else 0o40000
    for flags in (0o1000000, direct, 0o20000, 0o1000000 | 0o2):
        assert ask(56 if machine == "aarch64" else 257, 3, 0, flags, programs=programs) == REFUSE
        assert ask("fcntl", 3, 4, flags, programs=programs) == REFUSE
    assert ask("fcntl", 3, 4, 0o4000) == ALLOW


def test_reading_does_not_truncate_where_landlock_does_not_see_to_it(ask, machine):
    openat = 56 if machine == "aarch64" else 257
    truncate, write, create = 0o1000, 0o1, 0o100
    assert ask(openat, 3, 0, truncate, truncation=True) == REFUSE
    assert ask(openat, 3, 0, truncate | create, truncation=True) == REFUSE
    for flags in (0, write, truncate | write | create, truncate | 2):
        assert ask(openat, 3, 0, flags, truncation=True) == ALLOW
    assert ask(openat, 3, 0, truncate, truncation=False) == ALLOW


def test_a_machine_without_a_table_is_refused(monkeypatch):
    assert seccomp.supported() == (platform.machine() in MACHINES)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not seccomp.supported()
    with pytest.raises(OSError, match="no filter of system calls is known for riscv64, only for x86_64 and aarch64"):
        seccomp.install(process=1, programs=False, truncation=False)
