"""The system calls that a controller may make, with their numbers, the arguments that are allowed, and why.

A list of what is allowed. On it is no call by which a seat leaves something in the kernel that another one could find,
and none that tells of others. What is not on it fails with EPERM, or with ENOSYS if its callers know how to do without
(`ABSENT`) or if it is newer than the list. It was made from what numpy, scipy, torch, Pyomo, HiGHS and the C library
were seen to call, with the calls of the same kind that other versions of them make.

Numbers are from the kernel's ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h``
(aarch64). None stands for a call that a machine does not have.
"""

from __future__ import annotations

import errno
from typing import Final, NamedTuple

from arena.jail.call_rules import (
    REFUSE,
    UNKNOWN,
    Question,
    Rule,
    all_of,
    always,
    answers_zero,
    fails_with,
    has_none_of,
    is_null,
    is_one_of,
    limits_of_itself,
    memory_file,
    new_threads,
    of_itself,
    of_one_descriptor,
    on_itself,
    on_itself_only,
    opening,
    private_futex,
    signal_to_itself,
)

MACHINES: Final = ("x86_64", "aarch64")
"""Machines that numbers are known for, in the order of the pairs below."""

NEWEST: Final = 450
"""Highest number that was looked at; from 424 on numbers are the same on all machines."""


class Call(NamedTuple):
    """A line of the list: a system call, its number on each machine, the arguments it may have, and why.

    Attributes:
        name: its name.
        intel: its number on x86_64.
        arm: its number on aarch64.
        rule: which arguments are allowed.
        why: what it is needed for, and what makes it harmless.
        otherwise: what comes of it with other arguments.
    """

    name: str
    intel: int | None
    arm: int | None
    rule: Rule
    why: str
    otherwise: int = REFUSE

    def number(self, machine: str) -> int | None:
        """Its number on a machine; None where there is no such call."""
        return (self.intel, self.arm)[MACHINES.index(machine)]


_IOCTLS = (
    *(0x5401, 0x5413, 0x802C_542A),  # TCGETS, TIOCGWINSZ, TCGETS2
    *(0x541B, 0x5421, 0x5450, 0x5451),  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
)
_NO_TERMINAL = fails_with(errno.ENOTTY)
_NOT_OF_PIPES = 0xFFFF_FFFF ^ 0o2004000  # all but O_CLOEXEC and O_NONBLOCK
_stream_pair = all_of(Question(0, (1,)), Question(1, (1,), 0xF))  # AF_UNIX, SOCK_STREAM with any flags
# SOL_SOCKET with SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_PROTOCOL, SO_DOMAIN
_socket_facts = all_of(Question(1, (1,)), Question(2, (3, 4, 7, 8, 38, 39)))
_MAP_LOCKED, _MAP_HUGE = 0x2000, 0x4_0000
_ADVICE = (
    *(0, 4, 8),  # MADV_NORMAL, MADV_DONTNEED, MADV_FREE
    *(10, 11, 18, 19),  # MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK
    *(14, 15),  # MADV_HUGEPAGE, MADV_NOHUGEPAGE
    *(16, 17),  # MADV_DONTDUMP, MADV_DODUMP
    *(102, 103),  # MADV_GUARD_INSTALL, MADV_GUARD_REMOVE
)
"""Not MADV_WILLNEED, COLD and PAGEOUT, which move pages of files into the page cache and out of it, and not MERGEABLE,
by which equal pages of strangers become one."""
_OF_OTHERS = 0x8000_0000
_CLOCKS_TO_SLEEP_BY = (0, 1, 7)  # CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME
# ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM, ARCH_CET_STATUS
_ARCHITECTURE = (0x1002, 0x1003, 0x1021, 0x1022, 0x1023, 0x3001)


SEATS: Final = (
    # Descriptors that are open. What is called most comes first, for it is looked for first.
    Call("read", 0, 63, always, "files, pipes and the socket; Landlock decides which can be opened"),
    Call("write", 1, 64, always, "the same, and the output"),
    Call("recvfrom", 45, 207, always, "the arena's requests; no socket has an end that is unknown"),
    Call("sendto", 44, 206, always, "replies; sendmsg could leave descriptors on their way, which are counted"),
    Call("futex", 202, 98, private_futex, "locks between threads, see private_futex", UNKNOWN),
    Call("close", 3, 57, always, "descriptors of its own"),
    Call("lseek", 8, 62, always, "the position of a descriptor of its own"),
    Call("pread64", 17, 67, always, "as read"),
    Call("pwrite64", 18, 68, always, "as write"),
    Call("readv", 19, 65, always, "as read"),
    Call("writev", 20, 66, always, "as write"),
    Call("preadv", 295, 69, always, "as read; preadv2 would tell what is in the page cache"),
    Call("pwritev", 296, 70, always, "as write"),
    Call("dup", 32, 23, always, "descriptors of its own"),
    Call("dup2", 33, None, always, "the same"),
    Call("dup3", 292, 24, always, "the same"),
    Call("close_range", 436, 436, always, "the same"),
    Call("fcntl", 72, 25, of_one_descriptor, "copies and flags of a descriptor, see of_one_descriptor"),
    Call("ioctl", 16, 29, is_one_of(1, *_IOCTLS), "whether it is a terminal, by every open; waiting", _NO_TERMINAL),
    Call("pipe", 22, None, always, "between its own threads"),
    Call("pipe2", 293, 59, has_none_of(1, _NOT_OF_PIPES), "the same; not as a queue of the kernel's notices"),
    Call("socketpair", 53, 199, _stream_pair, "its ends reach each other alone; a datagram socket could reach a third"),
    Call("getsockname", 51, 204, always, "asked by Python of every socket; those of a pair have no name"),
    Call("getpeername", 52, 205, always, "the same"),
    Call("getsockopt", 55, 209, _socket_facts, "of which kind a socket is; not whose process is at its other end"),
    Call("shutdown", 48, 210, always, "the end of a stream of its own"),
    Call("poll", 7, None, always, "waiting for descriptors of its own"),
    Call("ppoll", 271, 73, always, "the same"),
    Call("select", 23, None, always, "the same"),
    Call("pselect6", 270, 72, always, "the same"),
    Call("epoll_create", 213, None, always, "the same"),
    Call("epoll_create1", 291, 20, always, "the same, by asyncio"),
    Call("epoll_ctl", 233, 21, always, "the same"),
    Call("epoll_wait", 232, None, always, "the same"),
    Call("epoll_pwait", 281, 22, always, "the same"),
    Call("epoll_pwait2", 441, 441, always, "the same"),
    Call("eventfd2", 290, 19, always, "waking threads of its own"),
    # Files, as far as Landlock lets it: reading what is installed, and its own folder.
    Call("openat", 257, 56, opening(2), "imports, data, its own files; see opening"),
    Call("open", 2, None, opening(1), "the same"),
    Call("newfstatat", 262, 79, always, "imports look for files; it can find out that one exists, at strict"),
    Call("fstat", 5, 80, always, "size of what is open"),
    Call("stat", 4, None, always, "as newfstatat"),
    Call("lstat", 6, None, always, "the same"),
    Call("access", 21, None, always, "the same"),
    Call("faccessat", 269, 48, always, "the same"),
    Call("faccessat2", 439, 439, always, "the same"),
    Call("readlink", 89, None, always, "where a link leads; none that it could change is anybody else's"),
    Call("readlinkat", 267, 78, always, "the same"),
    Call("getdents64", 217, 61, always, "imports list folders that Landlock lets it read"),
    Call("getcwd", 79, 17, always, "its own folder"),
    Call("chdir", 80, 49, always, "the same"),
    Call("fchdir", 81, 50, always, "the same"),
    Call("umask", 95, 166, always, "rights of files that it makes"),
    Call("mkdir", 83, None, always, "in its own folder, by Landlock"),
    Call("mkdirat", 258, 34, always, "the same"),
    Call("rmdir", 84, None, always, "the same"),
    Call("unlink", 87, None, always, "the same"),
    Call("unlinkat", 263, 35, always, "the same"),
    Call("rename", 82, None, always, "the same"),
    Call("renameat", 264, 38, always, "the same"),
    Call("renameat2", 316, 276, always, "the same"),
    Call("symlink", 88, None, always, "the same; a hard link would show in what it links to"),
    Call("symlinkat", 266, 36, always, "the same"),
    Call("ftruncate", 77, 46, always, "a file that was opened for writing"),
    Call("fallocate", 285, 47, always, "the same, by numpy"),
    Call("fsync", 74, 82, always, "the same, by whoever writes with care"),
    Call("fdatasync", 75, 83, always, "the same"),
    Call("sendfile", 40, 71, always, "copying a file, by shutil"),
    Call("copy_file_range", 326, 285, always, "the same"),
    Call("memfd_create", 319, 279, memory_file, "files in memory where it has no others; bounded in size", UNKNOWN),
    # Memory of its own.
    Call("mmap", 9, 222, has_none_of(3, _MAP_LOCKED | _MAP_HUGE), "memory and libraries; none of a shared store"),
    Call("munmap", 11, 215, always, "its own memory"),
    Call("mprotect", 10, 226, always, "the same"),
    Call("mremap", 25, 216, always, "the same"),
    Call("brk", 12, 214, always, "the same"),
    Call("madvise", 28, 233, is_one_of(2, *_ADVICE), "what allocators and stacks of threads ask for"),
    Call("msync", 26, 227, always, "an array of numpy's in a file of its own"),
    Call("mbind", 237, 235, is_one_of(5, 0), "allocators name a node for new memory; pages that are there stay"),
    # Time. The usual clocks are read without a call.
    Call("clock_gettime", 228, 113, has_none_of(0, _OF_OTHERS), "its own clocks; those below 0 are of others"),
    Call("clock_getres", 229, 114, has_none_of(0, _OF_OTHERS), "the same"),
    Call("clock_nanosleep", 230, 115, is_one_of(0, *_CLOCKS_TO_SLEEP_BY), "sleeping; not by another's clock"),
    Call("nanosleep", 35, 101, always, "sleeping"),
    Call("gettimeofday", 96, 169, always, "the clock"),
    Call("time", 201, None, always, "the same"),
    Call("times", 100, 153, always, "its own CPU time, by solvers; getrusage would count its faults"),
    Call("getitimer", 36, 102, always, "a timer of its own"),
    Call("setitimer", 38, 103, always, "the same"),
    Call("alarm", 37, None, always, "the same"),
    # Threads, and the way they are served.
    Call("clone", 56, 220, new_threads, "threads of its own, see new_threads"),
    Call("exit", 60, 93, always, "the end of a thread"),
    Call("exit_group", 231, 94, always, "the end of the process"),
    Call("set_tid_address", 218, 96, always, "start of a program; nobody waits where it points, see private_futex"),
    Call("set_robust_list", 273, 99, always, "start of a thread; the same"),
    Call("rseq", 334, 293, always, "start of a thread: where the kernel notes its processor"),
    Call("sched_yield", 24, 124, always, "the processor for others"),
    Call("sched_getaffinity", 204, 123, on_itself(0), "how many processors it has", UNKNOWN),
    Call("sched_setaffinity", 203, 122, on_itself_only(0), "libraries count processors by it"),
    Call("sched_getparam", 143, 121, on_itself(0), "asked of a thread by the C library"),
    Call("sched_getscheduler", 145, 120, on_itself(0), "the same"),
    Call("sched_get_priority_max", 146, 125, always, "a constant"),
    Call("sched_get_priority_min", 147, 126, always, "a constant"),
    Call("getcpu", 309, 168, always, "which processor this is; also told without a call"),
    Call("arch_prctl", 158, None, is_one_of(0, *_ARCHITECTURE), "start of a program, and units for matrices"),
    Call("prctl", 157, 167, of_itself, "names of threads, see of_itself"),
    # Who it is.
    Call("getpid", 39, 172, always, "its own number"),
    Call("gettid", 186, 178, always, "the same"),
    Call("getppid", 110, 173, answers_zero, "its parent is said to be in another world, as it is in a container"),
    Call("getpgrp", 111, None, always, "its own number"),
    Call("getpgid", 121, 155, on_itself(0), "the same"),
    Call("getsid", 124, 156, on_itself(0), "the same"),
    Call("getuid", 102, 174, always, "its user, the same for all"),
    Call("geteuid", 107, 175, always, "the same"),
    Call("getgid", 104, 176, always, "the same"),
    Call("getegid", 108, 177, always, "the same"),
    Call("getgroups", 115, 158, always, "the same"),
    Call("getresuid", 118, 148, always, "the same"),
    Call("getresgid", 120, 150, always, "the same"),
    Call("uname", 63, 160, always, "the system's name, the same for all"),
    Call("getrandom", 318, 278, always, "random bytes"),
    Call("getrlimit", 97, 163, always, "its own limits"),
    Call("prlimit64", 302, 261, limits_of_itself, "the same, see limits_of_itself"),
    # Signals to itself.
    Call("kill", 62, 129, signal_to_itself(0, 1), "itself, see signal_to_itself"),
    Call("tkill", 200, 130, signal_to_itself(0, 1), "the same"),
    Call("tgkill", 234, 131, signal_to_itself(0, 2), "the same, by raise and abort"),
    Call("rt_sigaction", 13, 134, always, "what it does with signals"),
    Call("rt_sigprocmask", 14, 135, always, "the same"),
    Call("rt_sigreturn", 15, 139, always, "the same"),
    Call("rt_sigpending", 127, 136, always, "the same"),
    Call("rt_sigsuspend", 130, 133, always, "the same"),
    Call("rt_sigtimedwait", 128, 137, always, "the same"),
    Call("sigaltstack", 131, 132, always, "the same"),
    Call("pause", 34, None, always, "the same"),
    Call("restart_syscall", 219, 128, always, "the kernel's own, after a stop"),
    # Children. Without the right to start programs it has none, and hears so.
    Call("wait4", 61, 260, is_null(3), "its children; not what they used, which tells of the page cache"),
    Call("waitid", 247, 95, is_null(4), "the same"),
)
"""For every controller."""

PROGRAMS: Final = (
    Call("execve", 59, 221, always, "programs that Landlock lets it start; all locks stay"),
    Call("execveat", 322, 281, always, "the same"),
    Call("fork", 57, None, always, "processes, which the warden finds and ends"),
    Call("vfork", 58, None, always, "the same"),
    Call("setsid", 112, 157, always, "a program's own session, from which it is ended all the same"),
    Call("setpgid", 109, 154, always, "a program's own group, likewise"),
)
"""Besides, for a controller that may start programs, and for these."""

ZYGOTE: Final = (
    Call("fork", 57, None, always, "a controller's process"),
    Call("recvmsg", 47, 212, always, "the descriptors of a controller's process, from the warden"),
    Call("setsid", 112, 157, always, "a controller's own session"),
    Call("seccomp", 317, 277, always, "a controller's stricter filter"),
    Call("landlock_create_ruleset", 444, 444, always, "a controller's stricter rules"),
    Call("landlock_add_rule", 445, 445, always, "the same"),
    Call("landlock_restrict_self", 446, 446, always, "the same"),
)
"""Besides, for a zygote: what it does to make a controller's process."""

ABSENT: Final[dict[str, tuple[int, int]]] = {
    # Arguments of clone3 are in memory, where a filter cannot look; the C library falls back to clone.
    "clone3": (435, 435),
    # Its arguments likewise; used by few, who fall back to openat.
    "openat2": (437, 437),
    "memfd_secret": (447, 447),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    # The C library falls back to preadv and pwritev, unless a flag asks what is in the page cache.
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    # Waits in pages that others share; also in private ones, but nobody needs it.
    "futex_waitv": (449, 449),
    # Numbers of mounts, which are given in turn, and times at which files were made; newfstatat tells the rest.
    "statx": (332, 291),
    # How full a file system is that others write to. The C library takes a constant where it needs one.
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    # Copying a file goes on without its attributes.
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "fgetxattr": (193, 10),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "flistxattr": (196, 13),
    # Libraries that place memory, or order what threads see, do without.
    "get_mempolicy": (239, 236),
    "set_mempolicy": (238, 237),
    "membarrier": (324, 283),
}
"""Refused with ENOSYS, as if the kernel were older: their callers know what to do then."""
