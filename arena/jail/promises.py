"""The promises of each isolation level about what a controller may use, and who keeps them on this machine.

The kernel keeps a promise at every moment. A look keeps it 20 times a second: between two looks a controller can have
more, and the harm of that is bounded by what the kernel keeps. A level of which a promise is kept by nobody does not
work (see `arena.play.seats`), so no result of it can be official.

The processor is kept by looks where no control group can be made, and that is enough: threads that weigh together as
one cost a rival no more than one controller beside it does, and the clock allows three times the CPU time. The attacks
of `tests/attacks/test_harm.py` try that without a group.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from arena.jail import watch
from arena.jail.cgroup import ControlGroup
from arena.jail.isolation import Isolation
from arena.jail.kernel import LINUX
from arena.jail.limits import MEBIBYTE, Limits

Keeper = Literal["kernel", "looks", "nobody"]

GET_GROUPS: Final = (
    "have a group delegated: systemd-run --user --scope -p Delegate=yes arena evaluate …; in a container, mount "
    "/sys/fs/cgroup writable"
)


class Promise(NamedTuple):
    """One promise of a level.

    Attributes:
        subject: what it is about.
        keeper: who keeps it here.
        found: how it is kept, in words; if nobody keeps it, why.
        fix: how to have it kept by the kernel; empty if it is, or if nothing here would change that.
    """

    subject: str
    keeper: Keeper
    found: str
    fix: str = ""


class Means(NamedTuple):
    """What this machine has to keep promises with.

    Attributes:
        bounded: what control groups can bound: `cpu`, `memory`, `pids`.
        blindness: why processes cannot be looked at; empty if they can.
    """

    bounded: frozenset[str]
    blindness: str


def find_means() -> Means:
    """Look what this machine has. A control group is made for it, and removed."""
    limits = Limits()
    group = ControlGroup.make(processes=limits.processes, memory=limits.memory)
    group.remove()
    return Means(group.bounded, watch.blindness())


def find_promises(level: Isolation, means: Means) -> tuple[Promise, ...]:
    """Return the promises of a level, and who keeps them; none at `trusted`, which promises nothing.

    Args:
        level: the isolation level.
        means: what the machine has.
    """
    if level == "trusted":
        return ()
    if level == "process":
        # Only locked families are put into groups.
        means = means._replace(bounded=frozenset())
    return (_processor(means), _memory(means), _tasks(means), _disk(level, means), _files(level, means))


def find_broken_promise(level: Isolation) -> str:
    """Return the promises of a locked level that nobody keeps here, and why; empty if all are kept."""
    if level in ("trusted", "process"):
        return ""
    # The promises that no group is needed for tell enough: none of them is kept by a group alone.
    promises = find_promises(level, Means(frozenset(), watch.blindness()))
    return "; ".join(f"{one.subject}: {one.found}" for one in promises if one.keeper == "nobody")


def _processor(means: Means) -> Promise:
    name = "processor"
    if "cpu" in means.bounded:
        return Promise(name, "kernel", "a control group bounds a family to one core's worth of time")
    found = "who computes with more than 2 threads at once gets a lower priority, all of them together that of one"
    return _by_looks(name, found, means, GET_GROUPS if LINUX else "")


def _memory(means: Means) -> Promise:
    name = "memory"
    if not LINUX:
        return Promise(name, "nobody", "this system bounds no address space", "use Linux")
    alone = "the address space of each controller is bounded"
    if "memory" in means.bounded:
        return Promise(name, "kernel", f"{alone}, and the memory of a family by a control group")
    return Promise(name, "kernel", f"{alone}; a control group would bound a family's memory too", GET_GROUPS)


def _tasks(means: Means) -> Promise:
    limits = Limits()
    found = f"a controller with more than {limits.tasks} threads and processes is ended"
    if "pids" in means.bounded:
        found += "; a control group bounds those of a family"
        return _by_looks("threads and processes", found, means)
    return _by_looks("threads and processes", found, means, GET_GROUPS if LINUX else "")


def _disk(level: Isolation, means: Means) -> Promise:
    size = f"{Limits().disk / MEBIBYTE:g} MiB"
    if level == "sandbox":
        return Promise("disk", "kernel", f"each controller writes to a file system in memory of {size}")
    if level == "strict":
        found = f"there is no file system to write to; files in memory are bounded to {size} by their size and number"
        return Promise("disk", "kernel", found)
    return _by_looks("disk", f"a controller that wrote more than {size} is ended", means)


def _files(level: Isolation, means: Means) -> Promise:
    if level == "strict":
        return Promise("number of files", "kernel", "there is no file system to write to")
    return _by_looks("number of files", f"a controller that made more than {Limits().files} is ended", means)


def _by_looks(subject: str, found: str, means: Means, fix: str = "") -> Promise:
    if means.blindness:
        return Promise(subject, "nobody", means.blindness, "mount /proc with nothing hidden" if LINUX else "use Linux")
    return Promise(subject, "looks", found, fix)
