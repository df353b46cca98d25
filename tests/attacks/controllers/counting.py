"""Row 41: numbers that the kernel gives in turn, which tell who came before, and whose process this is."""

import ctypes
import os
import threading

from attempt import any_works, call, read
from traces import LIBRARY, Once


class NumberOfTheParent(Once):
    """Row 41: ask for the number of the process that forks all seats of a worker, in several ways."""

    def attempt(self, observation):
        def from_a_thread():
            told = []
            thread = threading.Thread(target=lambda: told.append(os.getppid()))
            thread.start()
            thread.join()
            return told[0] != 0

        return any_works(asked=lambda: os.getppid() != 0, raw=lambda: call("getppid") != 0, thread=from_a_thread)


class NumberOfTheMount(Once):
    """Row 41: ask for the number of a mount, or the time at which a file was made."""

    def attempt(self, observation):
        def told(mask):
            room = ctypes.create_string_buffer(256)
            call("statx", -100, LIBRARY.encode(), 0, mask, room)

        return any_works(mount=lambda: told(0x1000), mount_ever=lambda: told(0x4000), birth=lambda: told(0x800))


class LastNumber(Once):
    """Row 41: read or set the number that a process was given last."""

    def attempt(self, observation):
        def write():
            with open("/proc/sys/kernel/ns_last_pid", "r+b", buffering=0) as file:
                file.write(file.read())

        return any_works(
            last=lambda: bool(read("/proc/sys/kernel/ns_last_pid")),
            set=write,
            load=lambda: bool(read("/proc/loadavg")),
            parent=lambda: bool(read("/proc/self/stat")),
            threads=lambda: bool(os.listdir("/proc/self/task")),
        )


class WhoAsks(Once):
    """Row 41: ask whose process is at the other end of the socket, and who listens there."""

    def attempt(self, observation):
        import socket

        def credentials():
            with socket.socket(fileno=os.dup(3)) as seat:
                return bool(seat.getsockopt(socket.SOL_SOCKET, 17, 12))

        return any_works(
            credentials=credentials,
            host=lambda: bool(read("/etc/hostname")),
            boot=lambda: bool(read("/proc/sys/kernel/random/boot_id")),
            machine=lambda: bool(read("/etc/machine-id")),
        )
