"""Rows 3, 4 and 5: reading what is secret, what others submitted, and what the arena writes."""

import importlib.util
import os
import sys
from pathlib import Path

from attempt import Attempt, any_works, call, find_parent, read

OWN_ENVIRONMENT = {
    "HOME", "LC_ALL", "MALLOC_ARENA_MAX", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH",
    "PYTHONHASHSEED", "TMPDIR", "TZ",
}  # fmt: skip


class ReadOwnEnvironment(Attempt):
    """Row 3: look for more than the fixed names in the own environment and arguments, as Python and as C see them."""

    def attempt(self, observation):
        half = self.facts["half_secret"]
        seen = [*os.environ, *os.environ.values(), *sys.argv, *sys.orig_argv]
        return any(half in word for word in seen) or bool(set(os.environ) - OWN_ENVIRONMENT)


class ReadFirstEnvironment(Attempt):
    """Row 3: read what this process was started with, which outlives a change of the environment."""

    def attempt(self, observation):
        half = self.facts["half_secret"].encode()
        return any_works(
            environment=lambda: half in read("/proc/self/environ"),
            arguments=lambda: half in read("/proc/self/cmdline"),
            auxiliary=lambda: half in read("/proc/self/auxv"),
        )


class ReadOtherEnvironments(Attempt):
    """Row 3: read the environment and the arguments of every process there is."""

    def attempt(self, observation):
        ways = {}
        for process in (1, find_parent(), self.facts["arena"]):
            for name in ("environ", "cmdline"):
                ways[f"{process}/{name}"] = lambda process=process, name=name: read(f"/proc/{process}/{name}") != b""
        return any_works(**ways, listed=lambda: len([name for name in os.listdir("/proc") if name.isdigit()]) > 1)


class ReadSecrets(Attempt):
    """Row 4: read the seed secret, the results and the log of the arena, by every name they have."""

    def attempt(self, observation):
        ways = {}
        for name in ("secret", "store", "log"):
            path = self.facts[name]
            ways |= {
                name: lambda path=path: read(path),
                f"{name} by link": lambda path=path: read(linked(os.symlink, path)),
                f"{name} by hard link": lambda path=path: read(linked(os.link, path)),
                f"{name} by root": lambda path=path: read(f"/proc/self/root{path}"),
                f"{name} by ..": lambda path=path: read(os.path.join("..", *[".."] * 30, path.lstrip("/"))),
                f"{name} by folder": lambda path=path: os.listdir(os.path.dirname(path)),
                f"{name} by handle": lambda path=path: os.open(path, os.O_PATH) and read_handle(path),
            }
        return any_works(**ways)


class ChangeResults(Attempt):
    """Row 4: append to, truncate, replace, rename or remove the results, or change who may."""

    def attempt(self, observation):
        store = self.facts["store"]
        return any_works(
            append=lambda: open(store, "ab").close(),
            beside=lambda: open(store + "-wal", "wb").close(),
            truncate=lambda: os.truncate(store, os.path.getsize(store)),
            rename=lambda: os.rename(store, store),
            mode=lambda: os.chmod(store, 0o600),
            times=lambda: os.utime(store),
            attribute=lambda: os.setxattr(store, "user.arena", b"x"),
            owner=lambda: os.chown(store, -1, -1),
            link=lambda: os.link(store, store + ".link") or os.unlink(store + ".link"),
            folder=lambda: os.rmdir(os.mkdir(store + ".folder") or store + ".folder"),
        )


class WatchFiles(Attempt):
    """Row 4: be told when others use files, or make them wait."""

    def attempt(self, observation):
        here = os.path.dirname(os.path.abspath(__file__)).encode()
        return any_works(
            inotify=lambda: os.close(call("inotify_init1", 0)),
            fanotify=lambda: os.close(call("fanotify_init", 0, 0)),
            notify=lambda: __import__("fcntl").fcntl(os.open(here, os.O_RDONLY), 1026, 1),
            lease=lambda: __import__("fcntl").fcntl(os.open(__file__, os.O_RDONLY), 1024, 0),
        )


class ReadOtherSubmission(Attempt):
    """Row 5: read and import the code of a rival, by its path and from the folder beside one's own."""

    def attempt(self, observation):
        rival = Path(self.facts["rival"])

        def load():
            spec = importlib.util.spec_from_file_location("rival", rival)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))

        def find():
            sys.path.insert(0, str(rival.parent))
            importlib.invalidate_caches()
            try:
                __import__(rival.stem)
            finally:
                sys.path.pop(0)

        return any_works(read=rival.read_bytes, list=lambda: os.listdir(rival.parent), load=load, find=find)


class LookBesideOwnFolder(Attempt):
    """Row 5: climb out of the own folder and the own working folder by name and by descriptor."""

    def attempt(self, observation):
        def climb(start):
            folder = os.open(start, os.O_RDONLY | os.O_DIRECTORY)
            return os.listdir(os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder))

        return any_works(
            beside_code=lambda: os.listdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")),
            beside_code_by_descriptor=lambda: climb(os.path.dirname(os.path.abspath(__file__))),
            beside_work=lambda: os.listdir(".."),
            beside_work_by_descriptor=lambda: climb("."),
            two_above=lambda: os.listdir("../.."),
        )


class InheritDescriptors(Attempt):
    """Row 5: look for descriptors that the start of this process left open, beside the four that belong to it."""

    def attempt(self, observation):
        return any_works(**{str(number): lambda number=number: os.fstat(number) for number in range(5, 1024)})


class LeaveTheRoot(Attempt):
    """Row 5: change what the file system is: mounts, namespaces, roots, devices."""

    def attempt(self, observation):
        return any_works(
            unshare=lambda: call("unshare", 0x10000000),
            mount=lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
            chroot=lambda: call("chroot", b"."),
            open_tree=lambda: call("open_tree", -100, b"/", 1),
            device=lambda: os.mknod("device", 0o20600, os.makedev(1, 1)),
            pipe=lambda: os.mkfifo(os.path.join(self.facts["outside"], "pipe")),
        )


def linked(make, path):
    """Make a link to a path in the working folder and return its name."""
    name = f"link-{os.urandom(4).hex()}"
    make(path, name)
    return name


def read_handle(path):
    """Read a file through a descriptor that was opened for its path only."""
    return read(f"/proc/self/fd/{os.open(path, os.O_PATH)}")
