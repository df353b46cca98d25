"""The filter of system calls, run by hand: for the machine that these tests have, and for the other."""

import errno
import platform

import pytest

from arena.jail import seccomp
from arena.jail.seccomp import ALLOW, KILL, REFUSE, UNKNOWN, compile_filter
from arena.jail.syscalls import ABSENT, CONDITIONAL, FORBIDDEN, MACHINES, NEWEST, PROGRAMS

SELF = 4711
INTEL, ARM = 0xC000_003E, 0xC000_00B7
ARCHITECTURE = {"x86_64": INTEL, "aarch64": ARM}

# From the kernel's tables, written down independently of the module under test.
NUMBERS = {
    "x86_64": {"read": 0, "mmap": 9, "futex": 202, "getpid": 39, "clone": 56, "kill": 62, "socketpair": 53}
    | {"fcntl": 72, "prctl": 157, "ioctl": 16, "openat": 257, "prlimit64": 302, "tgkill": 234, "sched_setaffinity": 203}
    | {"execve": 59, "socket": 41, "clone3": 435},
    "aarch64": {"read": 63, "mmap": 222, "futex": 98, "getpid": 172, "clone": 220, "kill": 129, "socketpair": 199}
    | {"fcntl": 25, "prctl": 167, "ioctl": 29, "openat": 56, "prlimit64": 261, "tgkill": 131, "sched_setaffinity": 122}
    | {"execve": 221, "socket": 198, "clone3": 435},
}


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
        program = compile_filter(machine, process=SELF, programs=programs, truncation=truncation, zygote=zygote)
        assert len(program) < 4096  # the kernel takes no more
        number = NUMBERS[machine][call] if isinstance(call, str) else call
        return run(program, number, *arguments, architecture=architecture)

    return ask


@pytest.mark.parametrize("call", ["read", "mmap", "futex", "getpid"])
def test_what_every_program_does_is_allowed(ask, call):
    assert ask(call) == ALLOW


@pytest.mark.parametrize("table", [FORBIDDEN, PROGRAMS], ids=["forbidden", "programs"])
def test_what_is_forbidden_is_refused(ask, machine, table):
    numbers = {pair[MACHINES.index(machine)] for pair in table.values()} - {None}
    assert {ask(number) for number in numbers} == {REFUSE}
    assert REFUSE & 0xFFFF == errno.EPERM


def test_what_is_absent_does_not_exist_and_nor_does_what_came_later(ask, machine):
    numbers = {pair[MACHINES.index(machine)] for pair in ABSENT.values()} | {NEWEST + 1, NEWEST + 100}
    assert {ask(number) for number in numbers} == {UNKNOWN}
    assert UNKNOWN & 0xFFFF == errno.ENOSYS


def test_no_number_is_meant_by_two_names(machine):
    numbers = [
        pair[MACHINES.index(machine)]
        for table in (FORBIDDEN, ABSENT, PROGRAMS, CONDITIONAL)
        for pair in table.values()
        if pair[MACHINES.index(machine)] is not None
    ]
    assert len(numbers) == len(set(numbers))


def test_another_machines_calls_end_the_process(ask, machine):
    other = INTEL if machine == "aarch64" else ARM
    assert ask("read", architecture=other) == KILL
    assert ask("read", architecture=0x4000_0003) == KILL  # 32-bit Intel


def test_calls_with_short_pointers_end_the_process():
    program = compile_filter("x86_64", process=SELF, programs=True, truncation=False)
    assert run(program, 0x4000_0000 | 39, architecture=INTEL) == KILL
    assert run(program, 39, architecture=INTEL) == ALLOW


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
        (THREAD | 1 << 40, ALLOW, ALLOW),  # the kernel does not look at the upper half either
    ],
)
def test_threads_are_allowed_processes_only_for_programs_and_namespaces_never(ask, flags, alone, with_programs):
    assert ask("clone", flags) == alone
    assert ask("clone", flags, programs=True) == with_programs


@pytest.mark.parametrize("call", ["kill", "tgkill", "prlimit64", "sched_setaffinity"])
@pytest.mark.parametrize(
    ("target", "verdict"), [(SELF, ALLOW), (0, ALLOW), (1, REFUSE), (SELF + 1, REFUSE), (-1, REFUSE), (-SELF, REFUSE)]
)
def test_a_process_acts_on_itself_alone(ask, call, target, verdict):
    assert ask(call, target) == verdict


def test_a_program_that_was_started_can_be_signalled(ask):
    assert ask("kill", SELF + 1, programs=True) == ALLOW
    for other in (1, SELF - 1, -1, -(SELF + 1)):
        assert ask("kill", other, programs=True) == REFUSE
    assert ask("sched_setaffinity", SELF + 1, programs=True) == REFUSE
    assert (ask("execve"), ask("execve", programs=True)) == (REFUSE, ALLOW)


@pytest.mark.parametrize(
    ("domain", "kind", "verdict"),
    [(1, 1, ALLOW), (1, 1 | 0o2000000, ALLOW), (1, 2, REFUSE), (1, 5, REFUSE), (2, 1, REFUSE), (16, 3, REFUSE)],
)
def test_only_connected_pairs_of_streams_are_made(ask, domain, kind, verdict):
    assert ask("socketpair", domain, kind) == verdict
    assert ask("socket", domain, kind) == REFUSE


def test_a_zygote_forks_and_leaves_its_children_what_they_may_do_to_themselves(ask):
    """Its filter stays in force in them, and their process ids are not known when it is made."""
    assert (ask("clone", FORK), ask("clone", FORK, zygote=True)) == (REFUSE, ALLOW)
    assert ask("clone", FORK | 0x1000_0000, zygote=True) == REFUSE
    for call in ("kill", "tgkill"):
        assert [ask(call, target, zygote=True) for target in (SELF + 1, 0, -1, -SELF)] == [ALLOW, ALLOW, REFUSE, REFUSE]
    for call in ("prlimit64", "sched_setaffinity"):
        assert [ask(call, target, zygote=True) for target in (0, SELF + 1)] == [ALLOW, REFUSE]


def test_a_zygotes_child_dies_with_it_and_with_nothing_else(ask):
    assert [ask("prctl", 1, number, zygote=True) for number in (9, 0, 15)] == [ALLOW, REFUSE, REFUSE]
    assert {ask("prctl", option, 9, zygote=True) for option in (4, 35, 36)} == {REFUSE}
    assert ask("prctl", 38, 1, zygote=True) == ALLOW
    assert ask("prctl", 1, 9) == REFUSE


@pytest.mark.parametrize("table", [FORBIDDEN, ABSENT, PROGRAMS], ids=["forbidden", "absent", "programs"])
def test_a_zygote_can_do_nothing_that_its_children_cannot_but_fork(ask, machine, table):
    for name, pair in table.items():
        number = pair[MACHINES.index(machine)]
        if number is not None and name != "fork":
            assert ask(number, zygote=True) == ask(number), name


@pytest.mark.parametrize(
    ("call", "index", "refused", "allowed"),
    [
        ("prctl", 0, (1, 4, 35, 36), (2, 3, 15, 22, 38)),
        ("fcntl", 1, (5, 6, 7, 8, 10, 15, 36, 37, 38, 1024, 1026), (1, 2, 3, 4, 1030, 1031)),
        ("ioctl", 1, (0x5412, 0x541C, 0x8901, 0x8902), (0x5401, 0x541B, 0x5421)),
    ],
)
def test_some_uses_of_a_call_are_refused(ask, call, index, refused, allowed):
    def verdicts(values):
        return {ask(call, *[0] * index, value) for value in values}

    assert (verdicts(refused), verdicts(allowed)) == ({REFUSE}, {ALLOW})


def test_reading_does_not_truncate_where_landlock_does_not_see_to_it(ask):
    truncate, write, create = 0o1000, 0o1, 0o100
    assert ask("openat", 3, 0, truncate, truncation=True) == REFUSE
    assert ask("openat", 3, 0, truncate | create, truncation=True) == REFUSE
    for flags in (0, write, truncate | write | create, truncate | 2):
        assert ask("openat", 3, 0, flags, truncation=True) == ALLOW
    assert ask("openat", 3, 0, truncate, truncation=False) == ALLOW


def test_a_machine_without_a_table_is_refused(monkeypatch):
    assert seccomp.supported() == (platform.machine() in MACHINES)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not seccomp.supported()
    with pytest.raises(OSError, match="no filter of system calls is known for riscv64, only for x86_64 and aarch64"):
        seccomp.install(process=1, programs=False, truncation=False)
