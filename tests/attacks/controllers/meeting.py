"""Row 34: two seats that run at the same time wait for each other, or count what both use up.

Two threads, with mappings of their own of a library's page, stand for the two seats: the kernel knows such a place by
the file and not by the process.
"""

import _ctypes
import array
import ctypes
import mmap
import os
import resource
import signal
import socket
import struct
import threading
import time

from attempt import LIBC, any_works, call, find_parent, number_of
from cache import PAGE, address, mapped, rarely_read
from traces import OWN, Once

WAIT, WAKE, REQUEUE, LOCK_PI, WAIT_BITSET, LOCK_PI2 = 0, 1, 3, 6, 9, 13
CLOCK, PRIVATE = 256, 128
ETIMEDOUT = 110
SOON = struct.pack("qq", 0, 50_000_000)


def word(flags=mmap.MAP_SHARED):
    """The address of the first word of a library's file, which cannot be written, and its value."""
    mapping = mapped(rarely_read(), flags)
    word.kept.append(mapping)
    return address(mapping), struct.unpack("I", mapping[:4])[0]


word.kept = []


def futex(place, command, value, timeout=SOON, other=0, last=0):
    """Make the call; the number of the error, or 0."""
    arguments = [ctypes.c_void_p(place), command, ctypes.c_uint32(value), ctypes.c_char_p(timeout)]
    try:
        call("futex", *arguments, ctypes.c_void_p(other), ctypes.c_uint32(last))
    except OSError as error:
        return error.errno
    return 0


def waits(flags, command):
    """Whether a wait in a library's page is one: it ends with the time, not at once."""

    def wait():
        place, value = word(flags)
        # A time without a clock of its own is a span for FUTEX_WAIT and a moment for the others.
        moment = SOON if command == WAIT else struct.pack("qq", int(time.monotonic()) + 1, 0)
        return futex(place, command, value, moment, last=0xFFFF_FFFF) == ETIMEDOUT

    return wait


class WaitInALibrarysPage(Once):
    """Row 34: wait in a page of a library's file, mapped in several ways."""

    def attempt(self, observation):
        return any_works(
            shared=waits(mmap.MAP_SHARED, WAIT),
            private=waits(mmap.MAP_PRIVATE, WAIT),
            bits=waits(mmap.MAP_SHARED, WAIT_BITSET),
            private_bits=waits(mmap.MAP_PRIVATE, WAIT_BITSET),
        )


class WaitInNewWays(Once):
    """Row 34: the same by the newer calls, and by moving whoever waits from one page to another."""

    def attempt(self, observation):
        def several():
            place, value = word()
            waiter = struct.pack("QQII", value, place, 2, 0)
            moment = struct.pack("qq", int(time.monotonic()) + 1, 0)
            try:
                call("futex_waitv", ctypes.c_char_p(waiter), 1, 0, ctypes.c_char_p(moment), 1)
            except TimeoutError:
                return True

        def newer():
            place, value = word()
            moment = struct.pack("qq", int(time.monotonic()) + 1, 0)
            arguments = [ctypes.c_void_p(place), ctypes.c_ulong(value), ctypes.c_ulong(0xFFFF_FFFF), 2]
            try:
                call("futex_wait", *arguments, ctypes.c_char_p(moment), 1)
            except TimeoutError:
                return True

        def requeue():
            (place, _), (other, _) = word(), word()
            return futex(place, REQUEUE, 1, None, other) == 0

        return any_works(several=several, newer=newer, requeue=requeue)


class WakeInALibrarysPage(Once):
    """Row 34: one waits, the other wakes it, and both know."""

    def wake(self):
        place, _ = word(mmap.MAP_PRIVATE)
        return lambda: futex(place, WAKE, 1)

    def attempt(self, observation):
        def exchange():
            heard = []

            def listen():
                place, value = word()
                heard.append(futex(place, WAIT, value, struct.pack("qq", 2, 0)) == 0)

            listener = threading.Thread(target=listen)
            listener.start()
            time.sleep(0.1)
            self.wake()()
            listener.join()
            return heard == [True]

        return any_works(exchange=exchange)


class WakeByAThreadsEnd(WakeInALibrarysPage):
    """Row 34: the same, by the end of a thread: the kernel wakes whoever waits at the address that it was given."""

    def wake(self):
        place, _ = word(mmap.MAP_PRIVATE)

        def end():
            thread = threading.Thread(target=LIBC.syscall, args=(number_of("set_tid_address"), ctypes.c_void_p(place)))
            thread.start()
            thread.join()

        return end


class WakeByARobustList(WakeInALibrarysPage):
    """Row 34: the same, by the list of locks that a thread held when it ended."""

    def wake(self):
        place = zeros()
        head = ctypes.create_string_buffer(struct.pack("QqQ", 0, 0, place), 24)
        struct.pack_into("Q", head, 0, ctypes.addressof(head))
        word.kept.append(head)

        def end():
            hold = number_of("set_robust_list"), head, ctypes.c_size_t(24)
            thread = threading.Thread(target=LIBC.syscall, args=hold)
            thread.start()
            thread.join()

        return end

    def attempt(self, observation):
        def exchange():
            heard, place = [], zeros()
            listener = threading.Thread(
                target=lambda: heard.append(futex(place, WAIT, 0, struct.pack("qq", 2, 0)) == 0)
            )
            listener.start()
            time.sleep(0.1)
            self.wake()()
            listener.join()
            return heard == [True]

        return any_works(exchange=exchange)


def zeros():
    """The address of a word that is 0 in a compiled library, which cannot be written."""
    mapping = mapped(_ctypes.__file__, mmap.MAP_PRIVATE)
    word.kept.append(mapping)
    return address(mapping) + next(at for at in range(PAGE, len(mapping), 4) if mapping[at : at + 4] == bytes(4))


class WaitForAnotherOwner(Once):
    """Row 34: lock with priority what a thread of another process is said to hold: the wait ends when that one does."""

    def attempt(self, observation):
        def owned_by(number, command):
            def lock():
                mine = ctypes.c_uint32(number)
                moment = struct.pack("qq", int(time.time()) + 1, 0)
                return futex(ctypes.addressof(mine), command, 0, moment) == ETIMEDOUT

            return lock

        parent = find_parent()
        return any_works(
            parent=owned_by(parent, LOCK_PI | PRIVATE),
            parent_shared=owned_by(parent, LOCK_PI),
            parent_clock=owned_by(parent, LOCK_PI2 | PRIVATE | CLOCK),
        )


class LockAcrossProcesses(Once):
    """Row 34: a semaphore or a lock with a name, as several processes share it."""

    def attempt(self, observation):
        def semaphore():
            import multiprocessing

            multiprocessing.Lock().acquire()

        def region():
            from multiprocessing.shared_memory import SharedMemory

            memory = SharedMemory(create=True, size=PAGE)
            memory.close()
            memory.unlink()

        return any_works(semaphore=semaphore, region=region)


class CountPendingSignals(Once):
    """Row 34: lower the limit of signals that wait, which are counted for a user, and see whether one more fits."""

    def attempt(self, observation):
        def lower(kind):
            return lambda: resource.setrlimit(kind, (resource.getrlimit(kind)[1],) * 2)

        def queue():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN + 1})
            call("tgkill", os.getpid(), threading.get_native_id(), signal.SIGRTMIN + 1)

        def kill():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN + 2})
            os.kill(os.getpid(), signal.SIGRTMIN + 2)

        return any_works(
            pending=lower(resource.RLIMIT_SIGPENDING),
            queue=queue,
            kill=kill,
            queued=lambda: call("rt_sigqueueinfo", os.getpid(), 0, ctypes.byref((ctypes.c_int * 32)(0, 0, -1))),
            timer=lambda: call("timer_create", 1, None, ctypes.byref(ctypes.c_int(0))),
        )


class CountProcesses(Once):
    """Row 34: lower the limit of processes of the user, or of other things that are counted for a user."""

    def attempt(self, observation):
        def lower(kind):
            return lambda: resource.setrlimit(kind, (resource.getrlimit(kind)[1],) * 2)

        def by_number():
            room = struct.pack("QQ", *(max(one, 0) for one in resource.getrlimit(resource.RLIMIT_NPROC)))
            call("setrlimit", 6, ctypes.c_char_p(room))

        return any_works(
            processes=lower(resource.RLIMIT_NPROC),
            queues=lower(resource.RLIMIT_MSGQUEUE),
            locked=lower(resource.RLIMIT_MEMLOCK),
            old=by_number,
        )


class CountDescriptorsOnTheirWay(Once):
    """Row 34: leave descriptors in a socket of one's own: how many are on their way is counted for a user."""

    def attempt(self, observation):
        one, _other = socket.socketpair()
        passed = array.array("i", [one.fileno()])

        def several():
            call("sendmmsg", one.fileno(), None, 0, 0)

        return any_works(
            passed=lambda: one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)]),
            bare=lambda: one.sendmsg([b"x"]),
            several=several,
        )


class TakeFromASharedStore(Once):
    """Row 34: take what the whole machine has a store of: huge pages, larger pipes, equal pages, queues of notices."""

    def attempt(self, observation):
        def merge():
            mmap.mmap(-1, PAGE).madvise(12)

        def widen():
            reading, _writing = os.pipe()
            call("fcntl", reading, 1031, 2 * PAGE)

        return any_works(
            merge=merge,
            pipe=widen,
            width=lambda: call("fcntl", os.pipe()[0], 1032, 0),
            packets=lambda: os.pipe2(os.O_DIRECT),
            synchronise=lambda: call("membarrier", 0, 0, 0) >= 0,
            pressure=lambda: call("membarrier", 1, 0, 0) >= 0,
            flush=lambda: call("mlock", ctypes.c_void_p(address(mapped(OWN))), ctypes.c_size_t(PAGE)),
        )
