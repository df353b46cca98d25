"""Rows 1 and 2: looking for the environment in this process, and into the memory of others."""

import ctypes
import gc
import os
import sys
import threading
import types

from attempt import Attempt, any_works, call, find_parent, objects_named, read, works

SECRET_CLASSES = {"Simulator", "EpisodeSeed", "HiddenSeeds", "Secret", "Scenario", "Ledger", "State", "Table"}


class WalkTheCollector(Attempt):
    """Row 1: look through everything that Python's collector knows, what was frozen included."""

    def attempt(self, observation):
        gc.unfreeze()
        return bool(objects_named(SECRET_CLASSES, gc.get_objects()))


class ClimbTheFrames(Attempt):
    """Row 1: look through the variables of all callers, in all threads."""

    def attempt(self, observation):
        found = []
        for frame in sys._current_frames().values():
            while frame is not None:
                found += frame.f_locals.values()
                found += [] if frame.f_globals is globals() else frame.f_globals.values()
                frame = frame.f_back
        return bool(objects_named(SECRET_CLASSES, found)) or len(threading.enumerate()) > 1


class OpenTheClosures(Attempt):
    """Row 1: look into the cells and defaults of every function."""

    def attempt(self, observation):
        gc.unfreeze()
        found = []
        for function in [one for one in gc.get_objects() if isinstance(one, types.FunctionType)]:
            for cell in function.__closure__ or ():
                if works(lambda cell=cell: cell.cell_contents):
                    found.append(cell.cell_contents)
            found += function.__defaults__ or ()
        return bool(objects_named(SECRET_CLASSES, found))


class ReadAnAddress(Attempt):
    """Row 1: read the briefing's memory around its own address, for fields that it does not show."""

    def attempt(self, observation):
        around = ctypes.string_at(id(self.briefing), 256)
        half = self.facts["half_secret"].encode()
        return half in around


class SearchOwnMemory(Attempt):
    """Row 2: search the own memory for what the fork may have copied: a secret that goes on after its half."""

    def attempt(self, observation):
        half = self.facts["half_secret"].encode()
        digits = b"0123456789abcdef"

        def search():
            found = 0
            with open("/proc/self/mem", "rb", 0) as memory:
                for line in read("/proc/self/maps").splitlines():
                    span, rights = line.split()[:2]
                    if b"rw" not in rights:
                        continue
                    first, last = (int(end, 16) for end in span.split(b"-"))
                    memory.seek(first)
                    content = memory.read(last - first)
                    place = content.find(half)
                    while place >= 0:
                        rest = content[place + len(half) : place + 2 * len(half)]
                        found += len(rest) == len(half) and all(byte in digits for byte in rest)
                        place = content.find(half, place + 1)
            return found > 0

        return any_works(search=search)


class ReadOtherMemory(Attempt):
    """Row 2: read the memory of the zygote and of the arena, in every way there is."""

    def attempt(self, observation):
        ways = {}
        for name, process in (("parent", find_parent()), ("arena", self.facts["arena"])):
            ways |= {
                f"{name}/mem": lambda process=process: open(f"/proc/{process}/mem", "rb").close(),
                f"{name}/maps": lambda process=process: bool(read(f"/proc/{process}/maps")),
                f"{name}/vm_readv": lambda process=process: peek(process),
                f"{name}/seize": lambda process=process: call("ptrace", 0x4206, process, 0, 0),
                f"{name}/kcmp": lambda process=process: call("kcmp", process, process, 0, 0, 0),
            }
        return any_works(**ways)


class WriteOtherMemory(Attempt):
    """Row 2: open the memory of the zygote and of the arena for writing, or write nothing into it."""

    def attempt(self, observation):
        return any_works(
            parent=lambda: open(f"/proc/{find_parent()}/mem", "r+b").close(),
            arena=lambda: open(f"/proc/{self.facts['arena']}/mem", "r+b").close(),
            thread=lambda: open(f"/proc/{find_parent()}/task/{find_parent()}/mem", "r+b").close(),
            kernel=lambda: open("/dev/mem", "rb").close(),
        )


class StealDescriptors(Attempt):
    """Row 2: take the open files of the zygote and of the arena."""

    def attempt(self, observation):
        def steal(process):
            handle = call("pidfd_open", process, 0)
            return call("pidfd_getfd", handle, 0, 0)

        return any_works(
            parent=lambda: steal(find_parent()),
            arena=lambda: steal(self.facts["arena"]),
            listed=lambda: os.listdir(f"/proc/{self.facts['arena']}/fd"),
        )


class ReachAnySibling(Attempt):
    """Row 2: read the memory of whatever runs beside this process, whose number can be guessed."""

    def attempt(self, observation):
        near = range(max(1, os.getpid() - 64), os.getpid() + 64)
        others = [process for process in near if process != os.getpid()]
        return any_works(
            **{str(process): lambda process=process: call("ptrace", 0x4206, process, 0, 0) for process in others}
        )


class HandOutTheFaults(Attempt):
    """Row 2: have faults of memory handed to this process, or the memory of others measured."""

    def attempt(self, observation):
        return any_works(
            userfaultfd=lambda: os.close(call("userfaultfd", 0)),
            perf_of_all=lambda: os.close(
                call("perf_event_open", ctypes.byref((ctypes.c_uint64 * 16)(0, 128 << 32)), -1, 0, -1, 0)
            ),
            move_pages=lambda: call("move_pages", find_parent(), 0, 0, 0, 0, 0),
        )


def peek(process):
    """Read a byte at an address that is surely mapped here, and likely there: the C library's."""
    address = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    taken = ctypes.create_string_buffer(1)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(taken), 1)
    remote = (ctypes.c_size_t * 2)(address, 1)
    return call("process_vm_readv", process, local, 1, remote, 1, 0) == 1
