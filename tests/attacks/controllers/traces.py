"""Row 32: leaving something with a file that every seat can read, by what the kernel keeps beside its content."""

import ctypes
import fcntl
import os
import struct

import numpy as np
from attempt import HONEST, Attempt, any_works, call, works

OWN = os.path.abspath(__file__)
"""A file of the submission's own, and of the user who plays it."""
LIBRARY = np.__file__


class Once(Attempt):
    """Tries it in its first decision only, so that what it finds is never its own."""

    def order(self, observation):
        return super().order(observation) if observation.period == 0 else np.full(self.links, HONEST)


def descriptor(path, flags=os.O_RDONLY):
    """Open a file for good."""
    return os.open(path, flags)


class HintOnAFile(Once):
    """Row 32: keep two bits as the hint how long a file's data will live, which stays as long as the file is in use."""

    hint, ask = 1036, 1035

    def attempt(self, observation):
        def exchange(path):
            value = ctypes.c_uint64(0)
            file = descriptor(path)
            call("fcntl", file, self.ask, ctypes.byref(value))
            found = value.value == 3
            call("fcntl", file, self.hint, ctypes.byref(ctypes.c_uint64(0 if found else 3)))
            call("fcntl", file, self.ask, ctypes.byref(value))
            return found or value.value == 3

        return any_works(own=lambda: exchange(OWN), library=lambda: exchange(LIBRARY))


class HintOnAnOpening(HintOnAFile):
    """Row 32: the same with the hint of an open file, which kernels before 5.17 kept, and newer ones refuse."""

    hint, ask = 1038, 1037

    def attempt(self, observation):
        value = ctypes.c_uint64(3)
        return any_works(
            set=lambda: call("fcntl", descriptor(LIBRARY), self.hint, ctypes.byref(value)),
            read_of_the_file=lambda: call("fcntl", descriptor(LIBRARY), 1035, ctypes.byref(value)),
        )


class LookForHints(Once):
    """Row 32: read what hint others left on a library's file."""

    def attempt(self, observation):
        value = ctypes.c_uint64(0)
        return any_works(file=lambda: call("fcntl", descriptor(LIBRARY), 1035, ctypes.byref(value)))


class FlagsOfAFile(Once):
    """Row 32: read the flags of a file, set one (no dump), and take it back."""

    def attempt(self, observation):
        def flip():
            file, flags = descriptor(OWN), ctypes.c_int(0)
            call("ioctl", file, 0x8008_6601, ctypes.byref(flags))
            for value in (flags.value ^ 0x40, flags.value):
                call("ioctl", file, 0x4008_6602, ctypes.byref(ctypes.c_int(value)))

        def extended():
            call("ioctl", descriptor(LIBRARY), 0x801C_581F, ctypes.create_string_buffer(64))

        def version():
            call("ioctl", descriptor(LIBRARY), 0x8008_7601, ctypes.byref(ctypes.c_long(0)))

        def extents():
            call("ioctl", descriptor(LIBRARY), 0xC020_660B, ctypes.create_string_buffer(64))

        return any_works(flags=flip, extended=extended, version=version, extents=extents)


class AttributesOfAFile(Once):
    """Row 32: set an attribute, or ask a library's file for those that others left."""

    def attempt(self, observation):
        return any_works(
            listed=lambda: os.listxattr(LIBRARY) is not None,
            listed_by_descriptor=lambda: os.listxattr(descriptor(LIBRARY)) is not None,
            set=lambda: os.setxattr(OWN, "user.arena", b"x"),
        )


class TimesOfAFile(Once):
    """Row 32: set the times of a file to what they are, by path, by descriptor and in old ways."""

    def attempt(self, observation):
        times = (os.stat(OWN).st_atime_ns, os.stat(OWN).st_mtime_ns)
        return any_works(
            path=lambda: os.utime(OWN, ns=times),
            descriptor=lambda: os.utime(descriptor(OWN), ns=times),
            own_new_file=lambda: os.utime(descriptor("new", os.O_CREAT | os.O_RDWR), ns=times),
            old=lambda: call("utimensat", -100, OWN.encode(), 0, 0),
        )


class ReadWithoutTime(Once):
    """Row 32: read a file without leaving a time, so that a look erases nothing, and past the page cache."""

    def attempt(self, observation):
        def later(flag):
            file = descriptor(OWN)
            fcntl.fcntl(file, fcntl.F_SETFL, flag)
            return bool(fcntl.fcntl(file, fcntl.F_GETFL) & flag)

        return any_works(
            times=lambda: descriptor(OWN, os.O_RDONLY | os.O_NOATIME),
            times_later=lambda: later(os.O_NOATIME),
            direct=lambda: descriptor(OWN, os.O_RDONLY | os.O_DIRECT),
            direct_later=lambda: later(os.O_DIRECT),
        )


class LeaseALibrary(Once):
    """Row 32: hold a lease on a file, which delays whoever opens it, or ask whether there is one."""

    def attempt(self, observation):
        return any_works(
            read=lambda: fcntl.fcntl(descriptor(OWN), 1024, fcntl.F_RDLCK),
            ask=lambda: fcntl.fcntl(descriptor(LIBRARY), 1025),
            delegation=lambda: call("fcntl", descriptor(OWN), 1039, ctypes.byref((ctypes.c_uint32 * 2)())),
        )


class AskForLocks(Once):
    """Row 32: ask who holds a lock on a library's file, without taking one."""

    def attempt(self, observation):
        def record(kind):
            return struct.pack("hhqqi4x", kind, 0, 0, 0, 0)

        file = descriptor(LIBRARY)
        return any_works(
            process=lambda: fcntl.fcntl(file, 5, record(fcntl.F_RDLCK)),
            description=lambda: fcntl.fcntl(file, 36, record(fcntl.F_RDLCK)),
            whole=lambda: call("flock", file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            owner=lambda: fcntl.fcntl(file, fcntl.F_GETOWN) == 0,
        )


class WatchAFile(Once):
    """Row 32: be told when somebody opens or reads a library's file, or a file in its folder."""

    def attempt(self, observation):
        folder = os.path.dirname(LIBRARY)

        def notify():
            call("inotify_add_watch", call("inotify_init1", 0), LIBRARY.encode(), 0x21)

        return any_works(
            inotify=notify,
            queue=lambda: call("inotify_init1", 0),
            fanotify=lambda: call("fanotify_init", 0x200, 0),
            folder=lambda: fcntl.fcntl(descriptor(folder), fcntl.F_NOTIFY, fcntl.DN_ACCESS),
        )


class HandleOfAFile(Once):
    """Row 32: take a file's handle, which holds its number and generation, or another name for it."""

    def attempt(self, observation):
        def handle():
            room, mount = struct.pack("Ii", 128, 0) + bytes(128), ctypes.c_int(0)
            call("name_to_handle_at", -100, OWN.encode(), ctypes.create_string_buffer(room), ctypes.byref(mount), 0)

        def link():
            works(lambda: os.unlink("linked"))
            os.link(descriptor_path("own"), "linked")

        return any_works(handle=handle, link=link)


def descriptor_path(name):
    """Make a file in the own folder."""
    with open(name, "w", encoding="ascii") as file:
        file.write("x")
    return name


class RoomOnTheDisk(Once):
    """Row 32: ask how full the file system is that other seats write to."""

    def attempt(self, observation):
        room = ctypes.create_string_buffer(256)
        return any_works(
            path=lambda: os.statvfs(os.getcwd()).f_bavail >= 0,
            descriptor=lambda: os.fstatvfs(descriptor(os.getcwd())).f_files >= 0,
            call=lambda: call("statfs", os.getcwd().encode(), room),
            old=lambda: call("fstatfs", descriptor(OWN), room),
        )
