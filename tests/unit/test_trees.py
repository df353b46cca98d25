"""Folders that a stranger has filled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from seats import LOCKED, failure, make_submission

from arena.jail.trees import copy_tree, measure_tree, remove_tree
from arena.jail.watch import children

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no stranger's process ever fills a folder here")

BURROW = """
import os
for _ in range({depth}):
    os.mkdir({name!r}, {mode:#o})
    os.chdir({name!r})
"""


def burrow(place, depth, name="d" * 100, mode=0o700):
    """Nest folders deeper than a path can tell."""
    subprocess.run([sys.executable, "-c", BURROW.format(depth=depth, name=name, mode=mode)], cwd=place, check=True)


# --- removing -----------------------------------------------------------------------------------------------------


def test_a_folder_is_removed_with_all_that_is_in_it(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "a" / "b").mkdir(parents=True)
    outside.mkdir()
    (outside / "precious").touch()
    (inside / "a" / "file").touch()
    (inside / "link").symlink_to(outside)
    os.mkfifo(inside / "pipe")
    remove_tree(inside)
    assert sorted(tmp_path.rglob("*")) == [outside, outside / "precious"]
    remove_tree(inside)  # again, though there is nothing


@pytest.mark.parametrize("depth", [50, 1500])
def test_depth_does_not_matter(tmp_path, depth):
    inside = tmp_path / "inside"
    inside.mkdir()
    burrow(inside, depth)
    remove_tree(inside)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_forbid_to_look_into_them_are_removed(tmp_path):
    """By a process without privileges, which their modes hold back."""
    code = f"""
import os
from pathlib import Path
from arena.jail.kernel import LINUX, renounce_privileges
from arena.jail.trees import remove_tree
LINUX and renounce_privileges()
inside = Path({str(tmp_path)!r}, "inside")
(inside / "a" / "b" / "c").mkdir(parents=True)
(inside / "a" / "b" / "file").touch()
for folder, mode in (("a/b/c", 0), ("a/b", 0o300), ("a", 0o100), (".", 0o500)):
    (inside / folder).chmod(mode)
remove_tree(inside)
print(list(Path({str(tmp_path)!r}).iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("level", LOCKED)
def test_nothing_of_a_hostile_seat_is_left_on_the_disk(host_at, tmp_path, level):
    host = host_at(level)
    body = """
    def order(self, observation):
        os.makedirs("a/b")
        open("a/b/file", "w").close()
        os.mkdir("closed", 0o300)
        open("closed/file", "w").close()
        for _ in range(800):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        1 / 0
    """
    failure(host, make_submission(tmp_path, body))
    # The tests of a run share hosts: a zygote that another test ended is still listed, and its processes are gone.
    zygotes = {one._process.pid: one._directory for one in host._launchers.values() if one.alive}
    assert zygotes
    for process, directory in zygotes.items():
        # That of a sandbox is seen through its first process, which is bubblewrap's only child.
        if directory is None:
            (inside,) = children(process)
            directory = Path(f"/proc/{inside}/root/seats")
        rooms = directory / "rooms"
        assert [entry for entry in directory.iterdir() if entry != rooms] == []
        assert list(rooms.glob("*/*")) == []


# --- measuring ----------------------------------------------------------------------------------------------------


def test_what_is_in_a_folder_is_counted(tmp_path):
    assert measure_tree(tmp_path, 10) == (0, 0)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(bytes(100_000))
    (tmp_path / "link").symlink_to("/")
    entries, size = measure_tree(tmp_path, 10)
    assert entries == 4
    assert 100_000 <= size < 200_000


def test_counting_stops_at_its_bound(tmp_path):
    for number in range(30):
        (tmp_path / str(number)).touch()
    assert measure_tree(tmp_path, 30)[0] == 30
    assert measure_tree(tmp_path, 29)[0] > 29


def test_a_hole_in_a_file_occupies_nothing(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**30)
    assert measure_tree(tmp_path, 10) == (1, 0)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    # A seat is looked at from its first moment, when it has not made its folder yet.
    assert measure_tree(tmp_path / "none", 10) == (0, 0)


def test_folders_too_deep_to_be_looked_into_are_too_many(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    burrow(inside, 1500)
    assert measure_tree(inside, 10_000)[0] == 10_001
    remove_tree(inside)  # pytest could not


# --- copying ------------------------------------------------------------------------------------------------------


def test_ordinary_files_are_copied_and_nothing_else(tmp_path):
    source = tmp_path / "source"
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "file.py").write_bytes(b"code")
    (source / "sub" / "data").write_bytes(b"\0data")
    (source / "link").symlink_to("/etc/passwd")
    (source / "sub" / "way").symlink_to("/etc")
    os.mkfifo(source / "pipe")
    folder = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
    try:
        copy_tree(folder, tmp_path / "copy")
    finally:
        os.close(folder)
    copied = {
        str(path.relative_to(tmp_path / "copy")): path.read_bytes() if path.is_file() else None
        for path in (tmp_path / "copy").rglob("*")
    }
    assert copied == {"file.py": b"code", "sub": None, "sub/empty": None, "sub/data": b"\0data"}


def test_a_copy_that_is_not_complete_is_an_error(tmp_path):
    """A sandbox has little space, and a submission of which a part is missing would play another rule."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "rule.py").write_bytes(b"x" * 2**16)
    code = f"""
import os, resource, signal
from pathlib import Path
from arena.jail.trees import copy_tree
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**15, 2**15))
copy_tree(os.open({str(source)!r}, os.O_RDONLY), Path({str(tmp_path / "copy")!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("OSError: [Errno 27] File too large")
