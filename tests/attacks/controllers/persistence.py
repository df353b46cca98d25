"""Row 7: telling a later episode something. Each looks for what an earlier one left, then leaves it.

What was found is removed, so that nothing stays on the machine where the attack works.
"""

import builtins
import ctypes
import fcntl
import mmap
import os
import random
import resource
import socket
import struct
import sys
import threading
import time

import numpy as np
from attempt import HONEST, LIBC, Attempt, any_works, call, find_parent, works

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = 0x61_72_65_6E


class Counter(Attempt):
    """Looks and leaves in its first decision only, so that what it finds is never its own."""

    def order(self, observation):
        return super().order(observation) if observation.period == 0 else np.full(self.links, HONEST)


class CountInFiles(Counter):
    """Row 7: leave a file in every place that could be shared."""

    def attempt(self, observation):
        def find_or_leave(folder):
            path = os.path.join(folder, "arena-count")
            if os.path.exists(path):
                os.unlink(path)
                return True
            open(path, "w").close()
            return False

        places = [os.getcwd(), os.environ["HOME"], HERE, self.facts["outside"], "..", "/dev/shm", "/var/tmp", "/run"]
        return any_works(**{place: lambda place=place: find_or_leave(place) for place in places})


class CountInOldFiles(Counter):
    """Row 7: leave a mark on a file that exists: its mode, its times, its attributes, a lock, a note in the cache."""

    def attempt(self, observation):
        def flip_mode():
            mode = os.stat(__file__).st_mode & 0o777
            os.chmod(__file__, mode ^ 0o001)
            return bool(mode & 0o001)

        def set_times():
            before = os.stat(__file__).st_mtime_ns
            os.utime(__file__, ns=(before, before))

        def mark():
            if "user.arena" in os.listxattr(__file__):
                os.removexattr(__file__, "user.arena")
                return True
            os.setxattr(__file__, "user.arena", b"x")
            return False

        cached = os.path.join(HERE, "__pycache__", "arena-count.pyc")

        def leave_cache():
            if os.path.exists(cached):
                os.unlink(cached)
                return True
            os.makedirs(os.path.dirname(cached), exist_ok=True)
            open(cached, "w").close()
            return False

        return any_works(mode=flip_mode, times=set_times, attribute=mark, cache=leave_cache)


class CountInReadTimes(Counter):
    """Row 7: tell one bit by reading a file, or not: the kernel notes when a file was last read."""

    def attempt(self, observation):
        before = os.stat(np.__file__).st_atime_ns
        with open(np.__file__, "rb") as file:
            file.read()
        return os.stat(np.__file__).st_atime_ns != before


class CountInSharedMemory(Counter):
    """Row 7: leave a segment, a semaphore or a queue of the kernel's, by System V and by POSIX."""

    def attempt(self, observation):
        def find_or_leave(kind, *arguments):
            if works(lambda: call(kind + "get", KEY, *arguments, 0)):
                remove = {"shm": (0, 0), "msg": (0, 0), "sem": (0, 0)}[kind]
                call(kind + "ctl", call(kind + "get", KEY, *arguments, 0), *remove)
                return True
            call(kind + "get", KEY, *arguments, 0o1600)
            return False

        def queue():
            if works(lambda: os.close(call("mq_open", b"arena", 0, 0, 0))):
                call("mq_unlink", b"arena")
                return True
            os.close(call("mq_open", b"arena", os.O_CREAT, 0o600, 0))
            return False

        return any_works(
            memory=lambda: find_or_leave("shm", 4096),
            semaphore=lambda: find_or_leave("sem", 1),
            messages=lambda: find_or_leave("msg"),
            queue=queue,
        )


class CountInKeyring(Counter):
    """Row 7: leave a key in a keyring of the kernel's, which outlives processes."""

    def attempt(self, observation):
        def ring(number):
            if works(lambda: call("keyctl", 10, number, b"user", b"arena-count", 0)):
                call("keyctl", 9, call("keyctl", 10, number, b"user", b"arena-count", 0), number)
                return True
            call("add_key", b"user", b"arena-count", b"x", 1, number)
            return False

        return any_works(user=lambda: ring(-4), session=lambda: ring(-3), persistent=lambda: ring(-5))


class CountInParent(Counter):
    """Row 7: leave a number in what children inherit from the zygote: a limit of its, or its priority."""

    def attempt(self, observation):
        inherited = resource.getrlimit(resource.RLIMIT_SIGPENDING)
        left = self.facts["number"]
        if inherited[0] == left:
            return True
        works(lambda: resource.prlimit(find_parent(), resource.RLIMIT_SIGPENDING, (left, inherited[1])))
        return False


class LeaveADaemon(Counter):
    """Row 7: leave a process behind that answers the next episode."""

    def attempt(self, observation):
        name = "\0arena-daemon"
        if works(lambda: socket.socket(socket.AF_UNIX).connect(name)):
            return True
        if works(self.leave):
            time.sleep(0.1)
        return False

    def leave(self):
        if os.fork():
            return
        os.setsid()
        if os.fork() == 0:
            server = socket.socket(socket.AF_UNIX)
            server.bind("\0arena-daemon")
            server.listen()
            time.sleep(3600)
        os._exit(0)


class LeaveAThread(Counter):
    """Row 7: leave a thread behind that writes into this module, and an exit handler."""

    def attempt(self, observation):
        import atexit

        atexit.register(lambda: time.sleep(3600))
        if getattr(builtins, "arena_count", None):
            return True
        threading.Thread(target=lambda: (time.sleep(0.01), setattr(builtins, "arena_count", 1)), daemon=True).start()
        return False


class CountInModules(Counter):
    """Row 7: leave a mark in modules, classes, generators and the environment of this process."""

    def begin(self, briefing):
        super().begin(briefing)
        import arena.play.seats.wire as wire

        places = (builtins, sys, np, wire, type(briefing), Attempt, sys.modules)
        self.found = any(getattr(place, "__arena_count__", False) for place in places)
        self.found |= "ARENA_COUNT" in os.environ or LIBC.getenv(b"ARENA_COUNT") != 0
        for place in places:
            works(lambda place=place: setattr(place, "__arena_count__", True))
        os.environ["ARENA_COUNT"] = "1"

    def attempt(self, observation):
        return self.found


class CountInGenerators(Counter):
    """Row 7: leave the global generators in another state than they were found in: every episode must find the same."""

    def begin(self, briefing):
        super().begin(briefing)
        self.found = random.Random(briefing.seed).random() != random.random()
        self.found |= np.random.RandomState(briefing.seed % 2**32).random_sample() != np.random.random_sample()

    def attempt(self, observation):
        return self.found


class CountInSharedPages(Counter):
    """Row 7: write through memory that was mapped before the fork and is shared with the zygote."""

    def attempt(self, observation):
        def shared():
            with open("/proc/self/maps") as maps:
                return [line for line in maps if "rw-s" in line] != []

        return any_works(shared=shared)


class LockAFile(Counter):
    """Row 7: hold a lock on a file of the submission's own, for a next episode or a rival to feel."""

    def attempt(self, observation):
        with open(__file__) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except PermissionError:
                return False
            self.kept = os.dup(file.fileno())
        return False


class LockALibrary(Counter):
    """Row 7: hold a lock on a file that every seat can read, for one that plays at the same moment to feel."""

    def attempt(self, observation):
        self.file = open(np.__file__)
        record = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0)
        return any_works(
            flock=lambda: fcntl.flock(self.file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            posix=lambda: fcntl.lockf(self.file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            description=lambda: fcntl.fcntl(self.file, 37, record),
        )


class LookIntoTheCache(Counter):
    """Row 7: ask which pages of a library's file are in memory, because an earlier episode has read them."""

    def attempt(self, observation):
        page = mmap.PAGESIZE
        with open(np.__file__, "rb") as file, mmap.mmap(file.fileno(), page, prot=mmap.PROT_READ) as mapped:
            address = np.frombuffer(mapped, np.uint8).ctypes.data
            seen = ctypes.create_string_buffer(1)
            return any_works(
                preadv2=lambda: os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT),
                mincore=lambda: call("mincore", ctypes.c_void_p(address), ctypes.c_size_t(page), seen),
            )


class CountByPipes(Counter):
    """Row 7: leave a named pipe or a socket in a shared place."""

    def attempt(self, observation):
        path = os.path.join(self.facts["outside"], "count.fifo")

        def pipe():
            if os.path.exists(path) and works(lambda: os.unlink(path)):
                return True
            os.mkfifo(path)
            return False

        def memory():
            descriptor = ctypes.CDLL(None, use_errno=True).shm_open(b"/arena-count", os.O_RDWR, 0)
            if descriptor >= 0:
                LIBC.shm_unlink(b"/arena-count")
                return True
            return LIBC.shm_open(b"/arena-count", os.O_CREAT | os.O_RDWR, 0o600) < -1

        return any_works(pipe=pipe, memory=memory)
