"""Harm to the disk: how much a controller can occupy before anybody looks, at the levels where the kernel bounds it."""

import pytest
from seats import LOCKED, failure, make_submission, observation, seated

from arena.jail.limits import MEBIBYTE

DISK = 16 * MEBIBYTE
CAPS = {"disk": DISK, "file_size": 4 * MEBIBYTE, "open_files": 64, "files": 200}

TOP = """
import errno, threading
LOCK = threading.Lock()
PIECE = 2**20
def new(number):
    return os.open(f"large{number}", os.O_RDWR | os.O_CREAT, 0o600)
def fill(number):
    file = new(number)
    while os.write(file, bytes(PIECE)): pass
def occupied(files):
    return sum(os.fstat(file).st_blocks * 512 for file in files)
"""

OCCUPY = """
def order(self, observation):
    kept = []
    try:
        for number in range(48):
            kept.append({make})
            {take}
    except OSError as error:
        print(errno.errorcode[error.errno])
    return [occupied(kept), 0, 0]
"""

WAYS = {
    "written": ("new(number)", "[os.write(kept[-1], bytes(PIECE)) for _ in range(4)]"),
    "allocated": ("new(number)", "os.posix_fallocate(kept[-1], 0, 4 * PIECE)"),
    "deleted": ("new(0)", "os.unlink('large0'); os.posix_fallocate(kept[-1], 0, 4 * PIECE)"),
    "in pieces with holes": ("new(number)", "[os.pwrite(kept[-1], bytes(4096), place * 8192) for place in range(500)]"),
    "in memory": ("os.memfd_create('large')", "os.posix_fallocate(kept[-1], 0, 4 * PIECE)"),
    "in memory, written": ("os.memfd_create('large')", "[os.write(kept[-1], bytes(PIECE // 8)) for _ in range(2)]"),
}
"""Ways to occupy more than is allowed within a moment: to make a file, and to fill it."""


@pytest.mark.parametrize("level", LOCKED)
@pytest.mark.parametrize("way", WAYS)
def test_no_moment_is_short_enough_to_occupy_more(host_at, tmp_path, level, way):
    make, take = WAYS[way]
    seat = seated(host_at(level, **CAPS), make_submission(tmp_path, OCCUPY.format(make=make, take=take), top=TOP))
    taken = seat.order(observation())[0]
    seat.close()
    assert taken <= DISK
    in_memory = way.startswith("in memory")
    # What is allowed is there to be used.
    if level == "sandbox":
        assert (taken == 0) if in_memory else (taken > DISK / 2)
    else:
        assert (taken > 0) == (way == "in memory, written")
        assert in_memory or "EACCES" in seat.stderr_tail


@pytest.mark.parametrize("level", LOCKED)
def test_many_threads_that_write_at_once_occupy_no_more(host_at, tmp_path, level):
    body = """
    def order(self, observation):
        def work(number):
            try: fill(number)
            except OSError: pass
        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        return [sum(os.stat(name).st_blocks * 512 for name in os.listdir(".")), 0, 0]
    """
    seat = seated(host_at(level, **CAPS), make_submission(tmp_path, body, top=TOP))
    taken = seat.order(observation())[0]
    seat.close()
    assert taken <= DISK
    assert (taken > DISK / 2) == (level == "sandbox")


@pytest.mark.parametrize("level", LOCKED)
def test_what_a_library_writes_when_it_is_imported_is_bounded_too(host_at, tmp_path, level, monkeypatch):
    """Before any controller is there, in the zygote."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    code = """
    import os, tempfile
    TAKEN = 0
    try:
        while True:
            file = os.open(os.path.join(os.environ["HOME"], f"f{TAKEN}"), os.O_RDWR | os.O_CREAT, 0o600)
            os.posix_fallocate(file, 0, 2**22)
            os.close(file)
            TAKEN += 2**22
    except OSError:
        pass
    """
    (packages / "greedy.py").write_text("\n".join(line[4:] for line in code.splitlines()), encoding="utf-8")
    monkeypatch.syspath_prepend(packages)
    body = "def order(self, observation): import greedy; return [greedy.TAKEN, 0, 0]"
    seat = seated(host_at(level, **CAPS), make_submission(tmp_path, body, preload=("greedy",)))
    taken = seat.order(observation())[0]
    seat.close()
    assert taken <= DISK
    assert (taken > 0) == (level == "sandbox")


def test_a_map_of_a_hole_ends_the_seat_that_fills_it(host_at, tmp_path):
    """What is allowed by size and not there by space: the kernel says so with a signal."""
    body = """
    def order(self, observation):
        for number in range(16):
            file = new(number)
            os.ftruncate(file, 4 * PIECE)
            mmap.mmap(file, 4 * PIECE)[::4096] = b"x" * 1024
        return [0, 0, 0]
    """
    violation, _ = failure(host_at("sandbox", **CAPS), make_submission(tmp_path, body, top=TOP + "import mmap"))
    assert violation.code == "exited"
    assert "SIGBUS" in violation.message
