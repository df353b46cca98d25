"""Control groups: where one can be made, and that a zygote is in it."""

import os
import sys
from pathlib import Path

import pytest
from seats import LOCKED, make_submission, require_or_skip, seated

from arena.jail.cgroup import ControlGroup, limit_files
from arena.jail.group_places import GroupPlace, find_group_places, lines_of
from arena.play.seats import make_host

V1 = [
    "31 24 0:27 / {root}/pids rw,relatime - cgroup cgroup rw,pids",
    "32 24 0:28 / {root}/memory rw,relatime - cgroup cgroup rw,memory",
    "33 24 0:29 / {root}/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct",
    "34 24 0:30 / {root}/unified rw,relatime - cgroup2 cgroup2 rw",
    "35 24 0:31 / / rw,relatime shared:1 - ext4 /dev/root rw",
]
V2 = ["41 24 0:27 {base} {root} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"]


def place(folder, version, *controllers):
    return GroupPlace(folder, version, frozenset(controllers))


def places(mounts, groups, root, base="/"):
    return list(find_group_places([line.format(root=root, base=base) for line in mounts], groups))


def group_tree(root, **enabled):
    """Folders of a version 2 hierarchy, with the controllers that are enabled for their children."""
    for name, controllers in enabled.items():
        folder = root if name == "top" else root / name.replace("__", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.subtree_control").write_text(f"{controllers}\n")


def test_hierarchies_of_version_1_are_used_at_their_top(tmp_path):
    at_the_top = ["4:memory:/", "8:pids:/", "1:cpu,cpuacct:/", "0::/"]
    assert places(V1, at_the_top, tmp_path) == [place(tmp_path / name, 1, name) for name in ("pids", "memory", "cpu")]


def test_a_group_that_somebody_else_put_this_process_into_is_left_alone(tmp_path):
    assert places(V1, ["4:memory:/jobs/17", "8:pids:/", "0::/"], tmp_path) == [place(tmp_path / "pids", 1, "pids")]
    # Seen from within a container, whose group is the top of what it sees.
    contained = [line.replace(" / {root}", " /jobs/17 {root}") for line in V1]
    seen = places(contained, ["4:memory:/jobs/17", "8:pids:/", "1:cpu,cpuacct:/jobs/17"], tmp_path)
    assert place(tmp_path / "memory", 1, "memory") in seen
    assert place(tmp_path / "cpu", 1, "cpu") in seen


def test_a_group_of_version_1_that_was_given_to_this_user_is_used(tmp_path, monkeypatch):
    (tmp_path / "memory" / "jobs" / "17").mkdir(parents=True)
    groups = ["4:memory:/jobs/17"]
    monkeypatch.setattr("os.geteuid", lambda: 65534)
    assert places(V1, groups, tmp_path) == []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert places(V1, groups, tmp_path) == []
    owner = (tmp_path / "memory" / "jobs" / "17").stat()
    monkeypatch.setattr("os.geteuid", lambda: 65534)
    monkeypatch.setattr(
        Path, "stat", lambda self, **_: os.stat_result((owner.st_mode, 0, 0, 1, 65534, 65534, 0, 0, 0, 0))
    )
    assert places(V1, groups, tmp_path) == [place(tmp_path / "memory" / "jobs" / "17", 1, "memory")]


def test_version_2_is_used_at_the_nearest_group_that_bounds_its_children(tmp_path):
    group_tree(tmp_path, top="cpu memory pids io", user="memory pids", user__session="")
    assert places(V2, ["0::/user/session"], tmp_path) == [place(tmp_path / "user", 2, "memory", "pids")]
    group_tree(tmp_path, user="")
    assert places(V2, ["0::/user/session"], tmp_path) == [place(tmp_path, 2, "cpu", "memory", "pids")]
    group_tree(tmp_path, top="io")
    assert places(V2, ["0::/user/session"], tmp_path) == []


def test_a_mount_of_a_part_of_version_2_is_understood(tmp_path):
    group_tree(tmp_path, top="pids", inner="")
    assert places(V2, ["0::/docker/box/inner"], tmp_path, "/docker/box") == [place(tmp_path, 2, "pids")]
    assert places(V2, ["0::/../elsewhere"], tmp_path, "/docker/box") == [place(tmp_path, 2, "pids")]


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (1, {"pids.max": "10", "memory.limit_in_bytes": "4096", "cpu.cfs_period_us": "100000"}),
        (2, {"pids.max": "10", "memory.max": "4096", "cpu.max": "150000 100000"}),
    ],
)
def test_limits_are_written_as_each_version_has_them(version, files):
    limits = {"pids": 10, "memory": 4096, "cpu": 1.5}
    written = {}
    for controller in limits:
        written |= limit_files(controller, version, limits)
    if version == 1:
        # The quota must fit into the period, which is therefore written first.
        assert list(written)[-2:] == ["cpu.cfs_period_us", "cpu.cfs_quota_us"]
        files = files | {"cpu.cfs_quota_us": "150000"}
    assert written == files


def test_a_system_without_control_groups_has_none(monkeypatch):
    monkeypatch.setattr("arena.jail.cgroup.lines_of", lambda name: [])
    monkeypatch.setattr("arena.jail.delegation.lines_of", lambda name: [])
    group = ControlGroup.make(processes=10, memory=2**20)
    assert group.folders == ()
    group.add(os.getpid())
    group.remove()


def test_a_limit_that_is_refused_takes_no_other_with_it(tmp_path, monkeypatch):
    """Old kernels have groups for processors without a quota."""
    monkeypatch.setattr("arena.jail.cgroup.find_group_places", lambda *_: [place(tmp_path, 2, "cpu", "memory", "pids")])
    write = Path.write_text

    def refuse(self, content, **options):
        if self.name == "cpu.max":
            raise PermissionError(1, "Operation not permitted")
        return write(self, content, **options)

    monkeypatch.setattr(Path, "write_text", refuse)
    group = ControlGroup.make(processes=10, memory=2**20)
    assert group.bounded == {"memory", "pids"}


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
@pytest.mark.parametrize("level", LOCKED)
def test_a_zygote_and_its_seats_are_in_a_bounded_group(level, tmp_path):
    require_or_skip(level)
    found = list(find_group_places(lines_of("mountinfo"), lines_of("cgroup")))
    possible = [one.folder for one in found if "pids" in one.controllers]
    if not possible or not os.access(possible[0], os.W_OK):
        pytest.skip(
            "no control group can be made here; it takes root, and a hierarchy that is mounted to be written to"
        )
    host = make_host(level)
    seat = seated(host, make_submission(tmp_path))
    try:
        (launcher,) = host._launchers.values()
        folder = next(folder for folder in launcher._group.folders if (folder / "pids.max").exists())
        assert folder.parent in possible
        assert (folder / "pids.max").read_text().strip() == "1024"
        members = {int(line) for line in (folder / "cgroup.procs").read_text().split()}
        assert launcher._process.pid in members
        assert len(members) == (4 if level == "sandbox" else 3)
        if "cpu" in launcher._group.bounded:
            (processor,) = [one for one in launcher._group.folders if (one / "cpu.stat").exists()]
            assert {int(line) for line in (processor / "cgroup.procs").read_text().split()} == members
            quota, period = _quota(processor)
            assert 1.0 <= quota / period < 1.2
    finally:
        seat.release()
        host.close()
    assert not folder.exists()


def _quota(folder):
    """Microseconds of processor time that a group may use in how many."""
    if (folder / "cpu.max").exists():
        return [int(word) for word in (folder / "cpu.max").read_text().split()]
    return [int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period")]


def test_groups_of_arenas_that_are_gone_are_removed(tmp_path, monkeypatch):
    abandoned, alive = tmp_path / "arena-999999999-ab", tmp_path / f"arena-{os.getpid()}-cd"
    for folder in (abandoned, alive, tmp_path / "arena-of-others"):
        folder.mkdir()
    monkeypatch.setattr("arena.jail.cgroup.find_group_places", lambda *_: [place(tmp_path, 2, "pids")])
    group = ControlGroup.make(processes=10, memory=2**20)
    (made,) = group.folders
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, "arena-of-others", made.name}
    assert (made / "pids.max").read_text() == "10"
    Path(made / "pids.max").unlink()  # a real one goes with its folder
    group.remove()
    assert not made.exists()
