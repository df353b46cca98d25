"""Rows 17 and 18: taking memory, processes and the disk from everybody."""

import contextlib
import mmap
import os
import threading
import time

import numpy as np
from attempt import Attempt

MEBIBYTE = 1 << 20
FOREVER = 3600


class TakeMemory(Attempt):
    """Row 17: four gigabytes at once."""

    def attempt(self, observation):
        return np.ones(1 << 29).sum() > 0


class TakeMemorySlowly(Attempt):
    """Row 17: a megabyte at a time, forever."""

    def attempt(self, observation):
        kept = []
        while True:
            kept.append(b"x" * MEBIBYTE)


class ReserveMemory(Attempt):
    """Row 17: reserve address space without using it."""

    def attempt(self, observation):
        return mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000) is not None


class TakeSharedMemory(Attempt):
    """Row 17: memory that would be shared with children."""

    def attempt(self, observation):
        kept = [mmap.mmap(-1, 256 * MEBIBYTE) for _ in range(16)]
        for one in kept:
            one[:: mmap.PAGESIZE] = b"x" * (len(one) // mmap.PAGESIZE)
        return True


class StartThreads(Attempt):
    """Row 17: five hundred threads."""

    def attempt(self, observation):
        for _ in range(500):
            threading.Thread(target=time.sleep, args=(FOREVER,), daemon=True).start()
        time.sleep(FOREVER)


class ForkOften(Attempt):
    """Row 17: processes that start processes; at most a few hundred, since somewhere it works."""

    def attempt(self, observation):
        for _ in range(8):
            with contextlib.suppress(BlockingIOError):
                os.fork()
        time.sleep(FOREVER)


class LeaveDaemons(Attempt):
    """Row 17: processes in sessions of their own, forked twice, that outlive the controller."""

    def attempt(self, observation):
        for _ in range(3):
            try:
                child = os.fork()
            except PermissionError:
                continue
            if child == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 64)
                    time.sleep(FOREVER)
                os._exit(0)
            os.waitpid(child, 0)
        return False


class BecomeAnother(Attempt):
    """Row 17: start processes by other calls than the usual."""

    def attempt(self, observation):
        import multiprocessing
        import subprocess

        for start in (
            lambda: subprocess.Popen(["sleep", "3600"], start_new_session=True),
            lambda: multiprocessing.get_context("fork").Process(target=time.sleep, args=(FOREVER,)).start(),
            lambda: os.posix_spawn("/bin/sleep", ["sleep", "3600"], {}),
        ):
            with contextlib.suppress(OSError):
                start()
        return False


class OpenMuch(Attempt):
    """Row 17: more descriptors than a process may have."""

    def attempt(self, observation):
        kept = []
        while True:
            kept.append(os.dup(3))


class WriteOneFile(Attempt):
    """Row 18: one file without end."""

    def attempt(self, observation):
        with open("large", "wb") as file:
            while True:
                file.write(bytes(MEBIBYTE))


class WriteManyFiles(Attempt):
    """Row 18: large files, one after the other, whatever the kernel says."""

    def attempt(self, observation):
        for number in range(10**6):
            with open(f"large{number}", "wb", 0) as file, contextlib.suppress(OSError):
                file.write(bytes(MEBIBYTE))


class MakeEmptyFiles(Attempt):
    """Row 18: empty files and folders without end."""

    def attempt(self, observation):
        for number in range(10**9):
            os.mkdir(f"folder{number}")
            with contextlib.suppress(OSError):
                open(f"folder{number}/file", "w").close()


class NestFolders(Attempt):
    """Row 18: a folder in a folder, deeper than a path can be long."""

    def attempt(self, observation):
        for _ in range(3000 if observation.period == 0 else 0):
            os.mkdir("deeper")
            os.chdir("deeper")
        return False


class HideFolders(Attempt):
    """Row 18: folders that nobody can look into, so that they are hard to remove."""

    def attempt(self, observation):
        if observation.period:
            return False
        os.makedirs("hidden/below")
        open("hidden/below/file", "w").close()
        with contextlib.suppress(OSError):
            os.chmod("hidden/below", 0)
        os.umask(0o777)
        os.mkdir("closed")
        return False


class NameStrangely(Attempt):
    """Row 18: files whose names are no text, or mean something to a terminal, a page or a spreadsheet."""

    def attempt(self, observation):
        if observation.period:
            return False
        for name in (b"\xff\xfe", b"line\nbreak", b"\x1b[31mred", b"<script>", b"=1+1", b"-rf", b"x" * 255):
            open(name, "w").close()
        os.symlink("/", "root")
        os.symlink("loop", "loop")
        return False
