"""Control groups: where one can be made, and that a zygote is in it."""

import os
import sys
from pathlib import Path

import pytest
from seats import LOCKED, make_submission, require_or_skip, seated

from arena.jail.cgroup import ControlGroup, _lines, _places
from arena.play.seats import make_host

V1 = [
    "31 24 0:27 / {root}/pids rw,relatime - cgroup cgroup rw,pids",
    "32 24 0:28 / {root}/memory rw,relatime - cgroup cgroup rw,memory",
    "33 24 0:29 / {root}/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct",
    "34 24 0:30 / {root}/unified rw,relatime - cgroup2 cgroup2 rw",
    "35 24 0:31 / / rw,relatime shared:1 - ext4 /dev/root rw",
]
V2 = ["41 24 0:27 {base} {root} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"]


def places(mounts, groups, root, base="/"):
    return list(_places([line.format(root=root, base=base) for line in mounts], groups))


def group_tree(root, **enabled):
    """Folders of a version 2 hierarchy, with the controllers that are enabled for their children."""
    for name, controllers in enabled.items():
        folder = root if name == "top" else root / name.replace("__", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.subtree_control").write_text(f"{controllers}\n")


def test_hierarchies_of_version_1_are_used_at_their_top(tmp_path):
    at_the_top = ["4:memory:/", "8:pids:/", "1:cpu,cpuacct:/", "0::/"]
    assert places(V1, at_the_top, tmp_path) == [(tmp_path / "pids", 1, {"pids"}), (tmp_path / "memory", 1, {"memory"})]


def test_a_group_that_somebody_else_put_this_process_into_is_left_alone(tmp_path):
    assert places(V1, ["4:memory:/jobs/17", "8:pids:/", "0::/"], tmp_path) == [(tmp_path / "pids", 1, {"pids"})]
    # Seen from within a container, whose group is the top of what it sees.
    contained = [line.replace(" / {root}", " /jobs/17 {root}") for line in V1]
    assert (tmp_path / "memory", 1, {"memory"}) in places(contained, ["4:memory:/jobs/17", "8:pids:/"], tmp_path)


def test_version_2_is_used_at_the_nearest_group_that_bounds_its_children(tmp_path):
    group_tree(tmp_path, top="cpu memory pids", user="memory pids", user__session="")
    assert places(V2, ["0::/user/session"], tmp_path) == [(tmp_path / "user", 2, {"memory", "pids"})]
    group_tree(tmp_path, user="")
    assert places(V2, ["0::/user/session"], tmp_path) == [(tmp_path, 2, {"memory", "pids"})]
    group_tree(tmp_path, top="cpu")
    assert places(V2, ["0::/user/session"], tmp_path) == []


def test_a_mount_of_a_part_of_version_2_is_understood(tmp_path):
    group_tree(tmp_path, top="pids", inner="")
    assert places(V2, ["0::/docker/box/inner"], tmp_path, "/docker/box") == [(tmp_path, 2, {"pids"})]
    assert places(V2, ["0::/../elsewhere"], tmp_path, "/docker/box") == [(tmp_path, 2, {"pids"})]


def test_a_system_without_control_groups_has_none(monkeypatch):
    monkeypatch.setattr("arena.jail.cgroup._lines", lambda name: [])
    group = ControlGroup.make(processes=10, memory=2**20)
    assert group.folders == ()
    group.add(os.getpid())
    group.remove()


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
@pytest.mark.parametrize("level", LOCKED)
def test_a_zygote_and_its_seats_are_in_a_bounded_group(level, tmp_path):
    require_or_skip(level)
    possible = [
        place for place, _, controllers in _places(_lines("mountinfo"), _lines("cgroup")) if "pids" in controllers
    ]
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
    finally:
        seat.release()
        host.close()
    assert not folder.exists()


def test_groups_of_arenas_that_are_gone_are_removed(tmp_path, monkeypatch):
    abandoned, alive = tmp_path / "arena-999999999-ab", tmp_path / f"arena-{os.getpid()}-cd"
    for folder in (abandoned, alive, tmp_path / "arena-of-others"):
        folder.mkdir()
    monkeypatch.setattr("arena.jail.cgroup._places", lambda *_: [(tmp_path, 2, {"pids"})])
    group = ControlGroup.make(processes=10, memory=2**20)
    (made,) = group.folders
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, "arena-of-others", made.name}
    assert (made / "pids.max").read_text() == "10"
    Path(made / "pids.max").unlink()  # a real one goes with its folder
    group.remove()
    assert not made.exists()
