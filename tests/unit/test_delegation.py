"""A delegated group of version 2, on a simulated tree with the kernel's rules: made ready, used, and put back."""

import errno
import os

import pytest

from arena.jail import delegation
from arena.jail.cgroup import ControlGroup
from arena.jail.delegation import LEAF, enable, is_delegated, restore

MOUNT = "41 24 0:27 / {mount} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"


class Kernel:
    """Folders of a hierarchy, and the writes to them as the kernel takes them."""

    def __init__(self, mount):
        self.mount = mount
        self.immovable = set()
        self.make(mount, "cpu io memory pids", enabled="cpu io memory pids")

    def make(self, folder, offered, *, enabled="", processes=()):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.type").write_text("domain\n")
        (folder / "cgroup.controllers").write_text(offered)
        (folder / "cgroup.subtree_control").write_text(enabled)
        (folder / "cgroup.procs").write_text("".join(f"{process}\n" for process in processes))
        return folder

    def processes(self, folder):
        members = folder / "cgroup.procs"
        return {int(word) for word in members.read_text().split()} if members.exists() else set()

    def enabled(self, folder):
        return set((folder / "cgroup.subtree_control").read_text().split())

    def write(self, file, text):
        folder = file.parent
        if file.name == "cgroup.procs":
            if int(text) in self.immovable:
                raise PermissionError(errno.EPERM, "Operation not permitted")
            if self.enabled_if_any(folder):
                raise OSError(errno.EBUSY, "Device or resource busy")
            for other in [self.mount, *(path for path in self.mount.rglob("*") if path.is_dir())]:
                if (other / "cgroup.procs").exists():
                    left = self.processes(other) - {int(text)}
                    (other / "cgroup.procs").write_text("".join(f"{one}\n" for one in sorted(left)))
            with (folder / "cgroup.procs").open("a") as list_of_processes:
                list_of_processes.write(f"{text}\n")
            return
        assert file.name == "cgroup.subtree_control"
        enabled = self.enabled(folder)
        for word in text.split():
            if word[0] == "+" and self.processes(folder):
                raise OSError(errno.EBUSY, "Device or resource busy")
            enabled = enabled | {word[1:]} if word[0] == "+" else enabled - {word[1:]}
        file.write_text(" ".join(sorted(enabled)))

    def enabled_if_any(self, folder):
        return self.enabled(folder) if (folder / "cgroup.subtree_control").exists() else set()


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    kernel = Kernel(tmp_path / "groups")
    monkeypatch.setattr(delegation, "_write", kernel.write)
    # A folder of the kernel's goes with all its files.
    real = type(tmp_path).rmdir

    def remove(self):
        if kernel.processes(self):
            raise OSError(errno.EBUSY, "Device or resource busy")
        for file in self.iterdir():
            if file.is_file():
                file.unlink()
        real(self)

    monkeypatch.setattr(type(tmp_path), "rmdir", remove)
    return kernel


@pytest.fixture
def scope(kernel):
    return kernel.make(kernel.mount / "run-1.scope", "cpu memory pids", processes=(11, 12))


def test_a_group_is_made_ready_and_put_back(kernel, scope):
    assert enable(scope)
    assert kernel.processes(scope) == set()
    assert kernel.processes(scope / LEAF) == {11, 12}
    assert kernel.enabled(scope) == {"cpu", "memory", "pids"}
    restore(scope)
    assert kernel.processes(scope) == {11, 12}
    assert kernel.enabled(scope) == set()
    assert not (scope / LEAF).exists()


def test_a_process_that_cannot_be_moved_leaves_all_as_it_was(kernel, scope):
    kernel.immovable = {12}
    assert not enable(scope)
    assert kernel.processes(scope) == {11, 12}
    assert kernel.enabled(scope) == set()
    assert not (scope / LEAF).exists()


def test_what_somebody_else_enabled_is_used_as_it_is(kernel):
    given = kernel.make(kernel.mount / "given", "cpu memory pids", enabled="pids", processes=())
    assert not enable(given)
    assert kernel.enabled(given) == {"pids"}
    nothing = kernel.make(kernel.mount / "nothing", "io", processes=(11,))
    assert not enable(nothing)
    assert kernel.processes(nothing) == {11}


def test_what_others_use_stays(kernel, scope):
    enable(scope)
    (scope / "arena-1-ab").mkdir()
    restore(scope)
    assert kernel.enabled(scope) == {"cpu", "memory", "pids"}
    assert kernel.processes(scope / LEAF) == {11, 12}


def test_the_group_of_an_ordinary_session_is_not_taken(kernel, scope, monkeypatch):
    marks = {}

    def look(path, name):
        if (path, name) not in marks:
            raise OSError(errno.ENODATA, "No data available")
        return marks[path, name]

    monkeypatch.setattr(os, "getxattr", look, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not is_delegated(kernel.mount, scope)
    marks[scope, "trusted.delegate"] = b"1"
    assert is_delegated(kernel.mount, scope)
    # The top of a container, which has a type, and that of a machine, which has none.
    assert is_delegated(kernel.mount, kernel.mount)
    (kernel.mount / "cgroup.type").unlink()
    assert not is_delegated(kernel.mount, kernel.mount)
    # An ordinary user has what belongs to it.
    monkeypatch.setattr(os, "geteuid", lambda: scope.stat().st_uid + 1)
    assert not is_delegated(kernel.mount, scope)
    monkeypatch.setattr(os, "geteuid", lambda: scope.stat().st_uid or 1)
    if os.getuid() == 0:
        os.chown(scope, 1, -1)
    assert is_delegated(kernel.mount, scope)


def test_a_family_is_bounded_in_a_delegated_group(kernel, scope, monkeypatch):
    """The whole way: the group of this process is prepared once, and families lie beside the leaf."""
    kernel.make(scope, "cpu memory pids", processes=(os.getpid(), 12))
    own = "run-1.scope"
    kept = []

    def lines(name):
        place = own if os.getpid() in kernel.processes(scope) else f"{own}/{LEAF}"
        return [MOUNT.format(mount=kernel.mount)] if name == "mountinfo" else [f"0::/{place}"]

    for module in ("delegation", "cgroup"):
        monkeypatch.setattr(f"arena.jail.{module}.lines_of", lines)
    monkeypatch.setattr(delegation, "is_delegated", lambda mount, group: group == scope)
    monkeypatch.setattr(delegation.atexit, "register", lambda *arguments: kept.append(arguments))
    for _ in range(2):
        group = ControlGroup.make(processes=10, memory=2**20)
        assert group.bounded == {"cpu", "memory", "pids"}
        (folder,) = group.folders
        assert folder.parent == scope
        assert (folder / "cpu.max").read_text().split()[1] == "100000"
        assert kernel.processes(scope / LEAF) == {os.getpid(), 12}
        group.remove()
    ((undo, *arguments),) = kept
    undo(*arguments)
    assert kernel.processes(scope) == {os.getpid(), 12}
    assert kernel.enabled(scope) == set()
