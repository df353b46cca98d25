"""Row 20: ending, stopping, slowing or pushing other processes. Signal 0 asks for the right and does nothing."""

import ctypes
import fcntl
import os
import resource
import signal
import socket

from attempt import Attempt, any_works, call, find_parent


class SignalTheArena(Attempt):
    """Row 20: signal the zygote, the arena, the first process and everybody."""

    def attempt(self, observation):
        parent, arena = find_parent(), self.facts["arena"]
        # A sandbox does not tell the parent's group; its number would then mean the own one.
        try:
            group = os.getpgid(parent) or parent
        except PermissionError:
            group = parent
        return any_works(
            parent=lambda: os.kill(parent, 0),
            arena=lambda: os.kill(arena, 0),
            first=lambda: os.kill(1, 0),
            everybody=lambda: os.kill(-1, 0),
            group=lambda: os.killpg(group, 0),
            thread=lambda: call("tgkill", parent, parent, 0),
            lone_thread=lambda: call("tkill", parent, 0),
            queued=lambda: call("rt_sigqueueinfo", parent, 0, ctypes.byref((ctypes.c_int * 32)(0, 0, -1))),
            by_handle=lambda: signal.pidfd_send_signal(os.pidfd_open(parent), 0),
        )


class SignalByDescriptor(Attempt):
    """Row 20: have the kernel signal somebody when a descriptor is ready."""

    def attempt(self, observation):
        one, _other = socket.socketpair()
        owner = (ctypes.c_int * 2)(1, find_parent())
        return any_works(
            own=lambda: fcntl.fcntl(one, fcntl.F_SETOWN, find_parent()),
            group=lambda: fcntl.fcntl(one, fcntl.F_SETOWN, -os.getpgid(0)),
            extended=lambda: fcntl.fcntl(one, 15, bytes(owner)),
            control=lambda: fcntl.ioctl(one, 0x8901, (ctypes.c_int * 1)(find_parent())),
            which=lambda: fcntl.fcntl(one, 10, signal.SIGKILL),
        )


class SlowTheArena(Attempt):
    """Row 20: change the limits, the priority, the processors or the schedule of the zygote and of the arena."""

    def attempt(self, observation):
        ways = {}
        for name, process in (("parent", find_parent()), ("arena", self.facts["arena"])):
            ways |= {
                f"{name} limits": lambda process=process: resource.prlimit(process, resource.RLIMIT_CPU),
                f"{name} priority": lambda process=process: os.setpriority(
                    os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process)
                ),
                f"{name} processors": lambda process=process: os.sched_setaffinity(
                    process, os.sched_getaffinity(process)
                ),
                f"{name} disk": lambda process=process: call("ioprio_set", 1, process, (2 << 13) | 4),
                f"{name} pages": lambda process=process: call("migrate_pages", process, 0, 0, 0),
            }
        return any_works(**ways)


class RaiseOwnPriority(Attempt):
    """Row 20: take the processor from everybody by a schedule of real time."""

    def attempt(self, observation):
        return any_works(
            schedule=lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
            nice=lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
            attributes=lambda: call("sched_setattr", 0, ctypes.byref((ctypes.c_uint32 * 14)(56, 2, 0, 0, 0, 1)), 0),
        )


class UseTheKernel(Attempt):
    """Row 20: calls that reach the whole machine."""

    def attempt(self, observation):
        return any_works(
            bpf=lambda: call("bpf", 0, ctypes.byref((ctypes.c_uint32 * 32)(2, 4, 4, 1)), 128),
            ring=lambda: call("io_uring_setup", 1, ctypes.byref((ctypes.c_uint32 * 32)())),
            journal=lambda: call("syslog", 10, 0, 0),
            ports=lambda: call("ioperm", 0x80, 1, 1),
            name=lambda: call("sethostname", os.uname().nodename.encode(), len(os.uname().nodename)),
            modules=lambda: call("finit_module", -1, b"", 0),
            segments=lambda: call("modify_ldt", 0, ctypes.byref((ctypes.c_char * 64)()), 64),
        )


class StartPrograms(Attempt):
    """Row 20: start a program, from disk or from memory, which would bring its own privileges."""

    def attempt(self, observation):
        def from_memory():
            program = os.memfd_create("program")
            os.write(program, b"#!/bin/true\n")
            os.fchmod(program, 0o700)
            process = os.posix_spawn(f"/proc/self/fd/{program}", ["program"], {})
            os.waitpid(process, 0)

        def start():
            process = os.posix_spawn("/bin/true", ["true"], {})
            os.waitpid(process, 0)

        return any_works(from_memory=from_memory, start=start)
