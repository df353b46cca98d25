"""Row 33: the page cache as a board: erasing, writing and reading which pages of a library's files are in memory."""

import ctypes
import mmap
import os
import resource

import numpy as np
from attempt import LIBC, Attempt, any_works, call
from traces import OWN, Once, descriptor

PAGE = mmap.PAGESIZE


def rarely_read():
    """A file of a library that nothing maps, and hardly anything reads."""
    folder = os.path.dirname(np.__file__)
    names = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith((".pyi", ".pxd", ".txt"))]
    return max(names, key=lambda path: os.stat(path).st_size)


def mapped(path, flags=mmap.MAP_SHARED):
    """Map a file for reading."""
    file = descriptor(path)
    return mmap.mmap(file, 0, flags=flags, prot=mmap.PROT_READ)


def address(mapping):
    """Where a mapping lies."""
    return np.frombuffer(mapping, np.uint8).ctypes.data


class EraseTheCache(Once):
    """Row 33: put a file's pages out of memory by advice on the file."""

    def attempt(self, observation):
        path = rarely_read()
        return any_works(
            all=lambda: os.posix_fadvise(descriptor(path), 0, 0, os.POSIX_FADV_DONTNEED),
            page=lambda: os.posix_fadvise(descriptor(path), 0, PAGE, os.POSIX_FADV_DONTNEED),
            own=lambda: os.posix_fadvise(descriptor(OWN), 0, 0, os.POSIX_FADV_DONTNEED),
            once=lambda: os.posix_fadvise(descriptor(path), 0, 0, os.POSIX_FADV_NOREUSE),
        )


class EraseByMemory(Once):
    """Row 33: put a file's pages out of memory, or first in the line, by advice on a mapping."""

    def attempt(self, observation):
        def advise(advice):
            return lambda: mapped(OWN).madvise(advice)

        return any_works(page_out=advise(21), cold=advise(20), poison=advise(100), offline=advise(101))


class EraseByWriting(Once):
    """Row 33: have pages of others' files written back, which may then go."""

    def attempt(self, observation):
        return any_works(
            range=lambda: call("sync_file_range", descriptor(OWN), ctypes.c_long(0), ctypes.c_long(0), 2),
            file_system=lambda: call("syncfs", descriptor(OWN)),
            all=lambda: call("sync"),
        )


class FetchAhead(Once):
    """Row 33: have pages fetched without reading them, one at a time, and kept."""

    def attempt(self, observation):
        def advise(advice):
            return lambda: mapped(rarely_read()).madvise(advice)

        def lock():
            if LIBC.mlock(ctypes.c_void_p(address(mapped(rarely_read()))), PAGE) < 0:
                raise OSError("not locked")

        return any_works(
            ahead=lambda: call("readahead", descriptor(rarely_read()), ctypes.c_long(0), PAGE),
            wanted=lambda: os.posix_fadvise(descriptor(rarely_read()), 0, 0, os.POSIX_FADV_WILLNEED),
            no_more_than_asked=lambda: os.posix_fadvise(descriptor(rarely_read()), 0, 0, os.POSIX_FADV_RANDOM),
            mapping=advise(3),
            each_page=advise(1),
            populate=advise(22),
            lock=lock,
            locked=lambda: mapped(rarely_read(), mmap.MAP_SHARED | 0x2000),
        )


class LookIntoAMapping(Once):
    """Row 33: ask which pages are in memory: of a mapping, of a file, of a reading that would not wait."""

    def attempt(self, observation):
        def of_a_mapping():
            mapping = mapped(rarely_read())
            call("mincore", ctypes.c_void_p(address(mapping)), ctypes.c_size_t(PAGE), ctypes.create_string_buffer(1))

        def of_a_file():
            span, told = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
            call("cachestat", descriptor(rarely_read()), ctypes.byref(span), ctypes.byref(told), 0)

        return any_works(
            mincore=of_a_mapping,
            cachestat=of_a_file,
            at_once=lambda: os.preadv(descriptor(rarely_read()), [bytearray(1)], 0, os.RWF_NOWAIT),
            uncached=lambda: os.preadv(descriptor(rarely_read()), [bytearray(1)], 0, 0x80),
        )


class CountOwnFaults(Once):
    """Row 33: count how often a page had to be fetched, which tells without a clock what was in memory."""

    def attempt(self, observation):
        return any_works(
            process=lambda: resource.getrusage(resource.RUSAGE_SELF).ru_majflt >= 0,
            thread=lambda: resource.getrusage(resource.RUSAGE_THREAD).ru_majflt >= 0,
            children=lambda: resource.getrusage(resource.RUSAGE_CHILDREN).ru_majflt >= 0,
            inputs=lambda: resource.getrusage(resource.RUSAGE_SELF).ru_inblock >= 0,
        )


class ReadOwnFaults(Once):
    """Row 33: read the same in the files that the kernel keeps about a process."""

    def attempt(self, observation):
        def reads(path):
            return lambda: bool(open(path, "rb").read())

        names = ("stat", "io", "smaps", "smaps_rollup", "schedstat", "status", "pagemap", "task/{}/stat")
        ways = {name: reads(f"/proc/self/{name.format(os.getpid())}") for name in names}
        return any_works(**ways, machine=reads("/proc/vmstat"), pressure=reads("/proc/pressure/io"))


class WaitForTheUsed(Once):
    """Row 33: ask for what a child used, its faults among it."""

    def attempt(self, observation):
        def ended(*arguments):
            def wait():
                used = ctypes.create_string_buffer(256)
                try:
                    call(*[used if argument is ... else argument for argument in arguments])
                except ChildProcessError:
                    return True  # It would have been told: the kernel only found no child.
                return True

            return wait

        return any_works(
            wait4=ended("wait4", -1, None, 1, ...),
            waitid=ended("waitid", 0, 0, ctypes.create_string_buffer(256), 5, ...),
        )


class BoardInTheCache(Attempt):
    """Row 33: the whole of it: an episode erases a page of a library's file, or not, and the next one finds it so.

    It tells itself something within an episode; what works there works between two, for the cache knows no episodes.
    """

    def attempt(self, observation):
        def exchange():
            path = rarely_read()
            faults = []
            for erased in (False, True):
                with open(path, "rb") as file:
                    file.read()
                    if erased:
                        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    before = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
                    mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[0]
                    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_majflt - before)
            return faults == [0, 1]

        return any_works(board=exchange)
