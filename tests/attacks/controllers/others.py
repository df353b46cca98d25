"""Row 35: what the kernel tells of other processes and of the whole machine, or lets one push there."""

import ctypes
import os
import resource
import socket
import struct
import time

from attempt import any_works, call, find_parent
from traces import Once


def clock_of(process, kind=2):
    """The clock of the CPU time of a process."""
    return ~process << 3 | kind


class ClockOfOthers(Once):
    """Row 35: read how much another process has computed: the zygote, the first one, and whoever has which number."""

    def attempt(self, observation):
        parent = find_parent()
        return any_works(
            parent=lambda: time.clock_gettime(clock_of(parent)) >= 0,
            parent_user=lambda: time.clock_gettime(clock_of(parent, 0)) >= 0,
            parent_schedule=lambda: time.clock_gettime(clock_of(parent, 1)) >= 0,
            first=lambda: time.clock_gettime(clock_of(1)) >= 0,
        )


class ResolutionOfOthers(Once):
    """Row 35: find out that a process is there by asking its clock for the resolution."""

    def attempt(self, observation):
        parent = find_parent()
        return any_works(
            parent=lambda: time.clock_getres(clock_of(parent)) >= 0,
            parent_call=lambda: call("clock_getres", clock_of(parent), None),
            first=lambda: time.clock_getres(clock_of(1)) >= 0,
        )


class SleepByAnothersClock(Once):
    """Row 35: sleep until another process has computed a little, or have a timer ring then."""

    def attempt(self, observation):
        parent, now = find_parent(), struct.pack("qq", 0, 0)
        return any_works(
            sleep=lambda: call("clock_nanosleep", clock_of(parent), 1, ctypes.c_char_p(now), None),
            sleep_first=lambda: call("clock_nanosleep", clock_of(1), 1, ctypes.c_char_p(now), None),
            timer=lambda: call("timer_create", clock_of(parent), None, ctypes.byref(ctypes.c_int(0))),
        )


class MeasureTheMachine(Once):
    """Row 35: ask for the load, the free memory and the number of all processes."""

    def attempt(self, observation):
        told = ctypes.create_string_buffer(256)

        def free():
            call("sysinfo", told)

        return any_works(
            call=free,
            load=lambda: os.getloadavg() is not None,
            files=lambda: open("/proc/loadavg").read() + open("/proc/meminfo").read(),
            counts=lambda: open("/proc/stat").read(),
        )


class CountOnTheMachine(Once):
    """Row 35: the same in other files: what is scheduled, interrupted, opened, locked, allotted."""

    def attempt(self, observation):
        def reads(path):
            return lambda: bool(open(path, "rb").read(1))

        names = ("interrupts", "softirqs", "schedstat", "locks", "slabinfo", "buddyinfo", "zoneinfo", "uptime")
        names += ("sys/fs/file-nr", "sys/fs/inode-nr", "sys/kernel/random/entropy_avail", "sys/kernel/ns_last_pid")
        return any_works(**{name: reads(f"/proc/{name}") for name in names}, block=reads("/sys/block"))


class GroupOfOthers(Once):
    """Row 35: ask for the group and the session of another process: an answer means that it is there."""

    def attempt(self, observation):
        parent = find_parent()
        return any_works(
            group=lambda: os.getpgid(parent) >= 0,
            session=lambda: os.getsid(parent) >= 0,
            first=lambda: os.getpgid(1) >= 0,
            group_call=lambda: call("getpgid", self.facts["arena"]),
        )


class ScheduleOfOthers(Once):
    """Row 35: ask for another's processors, which it sets as it likes, and for its schedule."""

    def attempt(self, observation):
        parent = find_parent()
        return any_works(
            processors=lambda: os.sched_getaffinity(parent) is not None,
            scheduler=lambda: os.sched_getscheduler(parent) >= 0,
            parameters=lambda: os.sched_getparam(parent) is not None,
            interval=lambda: os.sched_rr_get_interval(parent) >= 0,
            attributes=lambda: call("sched_getattr", parent, ctypes.create_string_buffer(64), 64, 0),
        )


class PriorityOfOthers(Once):
    """Row 35: ask for the priority of another process or of all of a user, for the disk too."""

    def attempt(self, observation):
        parent = find_parent()
        return any_works(
            process=lambda: os.getpriority(os.PRIO_PROCESS, parent) >= -20,
            user=lambda: os.getpriority(os.PRIO_USER, os.getuid()) >= -20,
            group=lambda: os.getpriority(os.PRIO_PGRP, 1) >= -20,
            disk=lambda: call("ioprio_get", 1, parent),
        )


class LimitsOfOthers(Once):
    """Row 35: read the limits, the rights and the list of locks of another process."""

    def attempt(self, observation):
        parent = find_parent()
        header = (ctypes.c_uint32 * 2)(0x2008_0522, parent)
        head, size = ctypes.byref(ctypes.c_void_p()), ctypes.byref(ctypes.c_long())
        return any_works(
            limits=lambda: resource.prlimit(parent, resource.RLIMIT_CPU),
            rights=lambda: call("capget", header, (ctypes.c_uint32 * 6)()),
            locks=lambda: call("get_robust_list", parent, head, size),
            cookie=lambda: call("prctl", 62, 0, parent, 0, ctypes.byref(ctypes.c_uint64())),
        )


class OtherEndOfTheSocket(Once):
    """Row 35: ask the own socket whose process is at its other end, for a handle of it, or for rights by its means."""

    def attempt(self, observation):
        own = socket.socket(fileno=os.dup(3))
        return any_works(
            number=lambda: own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12),
            handle=lambda: own.getsockopt(socket.SOL_SOCKET, 77, 4),
            groups=lambda: own.getsockopt(socket.SOL_SOCKET, 59, 256) is not None,
            pass_on=lambda: own.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1),
        )


class PlaceOfPages(Once):
    """Row 35: move pages that others use to another node, and ask where they are."""

    def attempt(self, observation):
        import mmap

        from cache import PAGE, address, mapped, rarely_read

        def where():
            node, place = ctypes.c_int(-1), address(mapped(rarely_read(), mmap.MAP_PRIVATE))
            call("get_mempolicy", ctypes.byref(node), None, 0, ctypes.c_void_p(place), 3)

        def move(flags):
            def bind():
                place = address(mapped(rarely_read(), mmap.MAP_PRIVATE))
                call("mbind", ctypes.c_void_p(place), ctypes.c_size_t(PAGE), 1, None, 0, flags)

            return bind

        return any_works(
            policy=lambda: call("get_mempolicy", ctypes.byref(ctypes.c_int()), None, 0, None, 0),
            where=where,
            move=move(2),
            pages=lambda: call("move_pages", 0, 0, None, None, None, 0),
        )


class NewObjects(Once):
    """Row 35: make what the kernel keeps for several processes at once."""

    def attempt(self, observation):
        return any_works(
            pages=lambda: os.close(os.memfd_create("arena", os.MFD_HUGETLB)),
            secret=lambda: os.close(call("memfd_secret", 0)),
            ring=lambda: os.close(call("io_uring_setup", 1, ctypes.create_string_buffer(128))),
            faults=lambda: os.close(call("userfaultfd", 1)),
            handle=lambda: os.close(os.pidfd_open(find_parent())),
            events=lambda: os.close(call("io_setup", 1, ctypes.byref(ctypes.c_ulong(0))) or os.dup(0)),
            key=lambda: call("keyctl", 0, -3, 0),
            domain=lambda: call("setsid") * 0 + call("landlock_create_ruleset", None, 0, 1),
        )
