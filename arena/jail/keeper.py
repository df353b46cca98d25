"""The keeper: a process that keeps in memory what seats can read, for as long as an evaluation lasts.

It either copies files into a file system in memory that it alone has, or maps those of the disk and locks the pages. It
is started by its path, without the arena and without site-packages, and so it imports the standard library alone. It
reads an order in JSON from standard input, answers by a line of JSON, and ends when its input does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypedDict

_MOST_MAPPINGS = 30_000
"""Of one process; the kernel allows 65 530."""
_PROCESSES = 4
_CHUNK = 1 << 30
_MAP_FAILED = ctypes.c_void_p(-1).value


class Order(TypedDict):
    """What is to be kept.

    Attributes:
        target: folder that copies are made in, empty; nothing if the files are to be mapped where they are.
        needed: files and folders.
        readable: folders that links may lead to.
        most: bytes that may be kept.
    """

    target: str
    needed: list[str]
    readable: list[str]
    most: int


class Answer(TypedDict):
    """What is kept.

    Attributes:
        process: number of the process that keeps it.
        copied: whether there are copies; not if they would be too large.
        files: how many there are.
        bytes: how large they are together.
        kept: bytes of them that are in memory, and stay there as long as memory lasts.
        locked: bytes of these that stay there whatever happens.
        seconds: how long it took.
    """

    process: int
    copied: bool
    files: int
    bytes: int
    kept: int
    locked: int
    seconds: float


class _File(NamedTuple):
    path: str
    size: int


_Work = Callable[[Sequence[_File]], tuple[int, int]]
"""Something that is done with files; two numbers of bytes come of it."""


def main() -> None:
    """Obey the order, and wait for the end."""
    started = time.monotonic()
    order: Order = json.loads(sys.stdin.readline())
    # The end of the host is heard by the stream, that of this process by its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    found = _Tree(order["readable"])
    for place in order["needed"]:
        found.add(place)
    size = sum(found.files.values())
    copied = bool(order["target"]) and size <= order["most"]
    if copied:
        kept, locked = found.copy(order["target"]), 0
    else:
        kept, locked = _hold(_worth_most(found.files, order["most"]))
    answer = Answer(
        process=os.getpid(),
        copied=copied,
        files=len(found.files),
        bytes=size,
        kept=kept,
        locked=locked,
        seconds=round(time.monotonic() - started, 3),
    )
    print(json.dumps(answer), flush=True)
    sys.stdin.read()


class _Tree:
    """Files, folders and links, by their true paths."""

    def __init__(self, readable: Sequence[str]) -> None:
        true = [os.path.realpath(place) for place in readable]
        self._readable = tuple(f"{place}/" for place in true)
        self.files: dict[str, int] = {}
        # They are there even if nothing in them is needed.
        self._empty = {place for place in true if os.path.isdir(place)}
        self._folders: set[str] = set()
        self._links: dict[str, str] = {}

    def add(self, place: str) -> None:
        """Add what is at a place and below it; of a link, what it leads to as well."""
        path = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
        waiting = [path]
        while waiting:
            path = waiting.pop()
            try:
                mode = os.lstat(path)
                if stat.S_ISLNK(mode.st_mode):
                    waiting += self._add_link(path)
                elif stat.S_ISDIR(mode.st_mode) and path not in self._folders:
                    self._folders.add(path)
                    with os.scandir(path) as entries:
                        waiting += [entry.path for entry in entries]
                elif stat.S_ISREG(mode.st_mode) and os.access(path, os.R_OK):
                    self.files[path] = mode.st_size
            except OSError:
                continue

    def _add_link(self, path: str) -> Iterator[str]:
        if path in self._links:
            return
        self._links[path] = os.readlink(path)
        target = os.path.realpath(path)
        # Never a folder from inside itself, and never what a seat could not read by that link.
        if os.path.isfile(target) and target.startswith(self._readable):
            yield target

    def copy(self, target: str) -> int:
        """Copy all of it; bytes."""
        for path in sorted({*self._empty, *self._folders, *map(os.path.dirname, (*self.files, *self._links))}):
            os.makedirs(target + path, mode=0o755, exist_ok=True)
        for path, leads_to in self._links.items():
            os.symlink(leads_to, target + path)
        files = [_File(path, size) for path, size in self.files.items()]
        copied = _divide(files, lambda share: (sum(_copy(file, target + file.path) for file in share), 0), stay=False)
        return copied[0]


def _copy(file: _File, target: str) -> int:
    source = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    copied = 0
    while sent := os.sendfile(copy, source, None, _CHUNK):
        copied += sent
    # A cache of bytecode names the time of its source.
    times = os.fstat(source)
    os.utime(copy, ns=(times.st_mtime_ns, times.st_mtime_ns))
    os.fchmod(copy, 0o555 if times.st_mode & 0o111 else 0o444)
    os.close(copy)
    os.close(source)
    return copied


def _worth_most(files: dict[str, int], most: int) -> list[_File]:
    """The files that are kept: if not all can be, first what is imported, and of that the smallest."""
    order = [_File(path, size) for path, size in files.items() if size]
    if sum(file.size for file in order) <= most:
        return order
    order.sort(key=lambda file: (not (file.path.endswith((".py", ".pyc")) or ".so" in file.path), file.size))
    kept, left = [], most
    for file in order:
        if file.size <= left:
            kept.append(file)
            left -= file.size
    return kept


def _hold(files: Sequence[_File]) -> tuple[int, int]:
    """Map files in processes that stay; bytes that are mapped, and of these bytes that are locked."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def hold(share: Sequence[_File]) -> tuple[int, int]:
        kept = locked = 0
        # MAP_POPULATE reads what is mapped, at once and by large pieces.
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        for path, size in share:
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                address = library.mmap(None, size, mmap.PROT_READ, flags, descriptor, 0)
                os.close(descriptor)
                if address != _MAP_FAILED:
                    kept += size
                    locked += size if library.mlock(address, size) == 0 else 0
        return kept, locked

    return _divide(files, hold, stay=True)


def _divide(files: Sequence[_File], work: _Work, *, stay: bool) -> tuple[int, int]:
    """Have processes do a work on a share of the files each, and add up what they return.

    Args:
        files: All files.
        work: What one does with its share.
        stay: Whether the processes stay until this one ends.

    Raises:
        OSError: One of them failed.
    """
    files = sorted(files, key=lambda file: -file.size)
    count = max(min(_PROCESSES, os.cpu_count() or 1), -(-len(files) // _MOST_MAPPINGS))
    reading, writing = os.pipe()
    children = [_start(work, files[first::count], writing, stay=stay) for first in range(count)]
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        told = [json.loads(answers.readline() or b"null") for _ in children]
    if None in told:
        raise OSError("files could not be kept")
    for child in () if stay else children:
        os.waitpid(child, 0)
    return sum(one[0] for one in told), sum(one[1] for one in told)


def _start(work: _Work, share: Sequence[_File], writing: int, *, stay: bool) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(1, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        answer = work(share)
        os.write(writing, json.dumps(answer).encode() + b"\n")
        os.close(writing)
        while stay and os.getppid() == parent:
            signal.pause()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
