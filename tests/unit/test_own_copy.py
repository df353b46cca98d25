"""What seats read is in memory before the first of them, whoever reads it, and stays there."""

import dataclasses
import mmap
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from seats import LOCKED, make_submission, play_episode, require_or_skip

from arena.errors import InfrastructureFailure
from arena.jail.bubblewrap import find_bubblewrap
from arena.jail.limits import Limits
from arena.jail.own_copy import Keeper, available_memory, entrance
from arena.jail.places import Places
from arena.jail.watch import children
from arena.play.seats.process import ProcessHost, controller_places

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="levels that lock processes are for Linux")
DAY = 86_400


@pytest.fixture(params=LOCKED)
def level(request):
    return require_or_skip(request.param)


@pytest.fixture
def keeper_of(request):
    """Have a keeper of places; it ends with the test."""

    def start(level, places):
        keeper = Keeper(places, find_bubblewrap() if level == "sandbox" else None)
        request.addfinalizer(keeper.close)
        return keeper

    return start


@pytest.fixture
def kept_host(request, keeper_of):
    """A host whose seats read what a keeper keeps."""

    def start(level, places):
        kept = keeper_of(level, places).wait()
        host = ProcessHost(Limits(), level, find_bubblewrap(), kept)
        request.addfinalizer(host.close)
        return host

    return start


@pytest.fixture
def data(tmp_path):
    """A folder with a file of 64 pages that nobody has read for two days."""
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "file.txt"
    file.write_bytes(os.urandom(64 * mmap.PAGESIZE))
    os.sync()
    os.utime(file, (time.time() - 2 * DAY, time.time() - 3 * DAY))
    return file


def with_data(places, file):
    """Places with one more folder."""
    folder = (str(file.parent),)
    return dataclasses.replace(places, readable=places.readable + folder, needed=places.needed + folder)


def only(file):
    return Places((str(file.parent),), (), (), {}, (str(file.parent),))


def in_memory(file):
    """Share of a file's pages that are in memory, or 1 if the kernel only says whether the first is."""
    with file.open("rb") as opened:
        told = 0
        for page in range(file.stat().st_size // mmap.PAGESIZE):
            try:
                told += os.preadv(opened.fileno(), [bytearray(1)], page * mmap.PAGESIZE, os.RWF_NOWAIT)
            except BlockingIOError:
                continue
        return told * mmap.PAGESIZE / file.stat().st_size


def put_out(file):
    with file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_pages_are_there_and_cannot_be_put_out(keeper_of, data):
    put_out(data)
    if in_memory(data):
        pytest.skip("this file system keeps everything in memory")
    kept = keeper_of("strict", only(data)).wait()
    assert (kept.files, kept.bytes, kept.kept) == (1, data.stat().st_size, data.stat().st_size)
    put_out(data)
    assert in_memory(data) == 1
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] > kept.bytes or os.geteuid() == 0:
        assert kept.locked == kept.bytes


def test_they_go_when_the_keeper_does(keeper_of, data):
    put_out(data)
    if in_memory(data):
        pytest.skip("this file system keeps everything in memory")
    keeper = keeper_of("strict", only(data))
    keeper.wait()
    keeper.close()
    deadline = time.monotonic() + 10
    while in_memory(data) and time.monotonic() < deadline:
        put_out(data)
    assert in_memory(data) < 1


def test_what_a_seat_reads_was_there_before_it_came(kept_host, level, data, tmp_path):
    """It is a copy with the same content in a sandbox, and in memory at `strict`; reading leaves no time."""
    host = kept_host(level, with_data(controller_places(), data))
    body = f"""
    def begin(self, briefing):
        before = os.stat({str(data)!r})
        content = open({str(data)!r}, "rb").read()
        print(before.st_dev, len(content), content[-8:].hex(), os.stat({str(data)!r}).st_atime_ns - before.st_atime_ns)
    """
    put_out(data)
    record = play_episode(host, make_submission(tmp_path, body + "    \n" + ORDER)).record
    assert record.outcome == "ok", record.failure_message
    device, length, end, later = record.stderr_tail.split()
    content = data.read_bytes()
    assert (int(length), end, int(later)) == (len(content), content[-8:].hex(), 0)
    assert (int(device) != data.stat().st_dev) == (level == "sandbox")


ORDER = """
    def order(self, observation):
        return np.full(3, 20.0)
"""


def test_a_sandbox_consists_of_memory_alone(kept_host):
    level = require_or_skip("sandbox")
    host = kept_host(level, controller_places())
    host.prove()
    (launcher,) = host._launchers.values()
    (warden,) = children(launcher._process.pid)
    mounts = [line.split() for line in Path(f"/proc/{warden}/mountinfo").read_text(encoding="utf-8").splitlines()]
    kinds = {line[4]: line[line.index("-") + 1] for line in mounts}
    on_disk = {place for place, kind in kinds.items() if kind not in ("tmpfs", "proc", "devtmpfs")}
    assert not {place for place in on_disk if not place.startswith("/dev/")}
    assert {line[5].split(",")[0] for line in mounts if line[4] in controller_places().readable} == {"ro"}


def test_seats_import_the_libraries_of_the_copy(kept_host, level, tmp_path):
    pytest.importorskip("scipy")
    host = kept_host(level, controller_places())
    body = """
    def begin(self, briefing):
        import scipy.optimize, sqlite3, ssl, zoneinfo, ctypes, asyncio, networkx
        print(scipy.optimize.__file__, zoneinfo.ZoneInfo("Europe/Berlin"))
    """
    record = play_episode(host, make_submission(tmp_path, body + ORDER)).record
    assert record.outcome == "ok", record.failure_message
    assert "site-packages" in record.stderr_tail


def test_what_does_not_fit_is_said(keeper_of, data, monkeypatch):
    """First what is imported is kept."""
    module = data.with_name("module.py")
    module.write_bytes(bytes(8 * mmap.PAGESIZE))
    monkeypatch.setattr("arena.jail.own_copy.available_memory", lambda: 32 * mmap.PAGESIZE)
    for level in ("strict", "sandbox"):
        require_or_skip(level)
        kept = keeper_of(level, only(data)).wait()
        assert not kept.copied
        assert (kept.bytes, kept.kept) == (72 * mmap.PAGESIZE, 8 * mmap.PAGESIZE)
        assert "are not kept in memory" in kept.describe_lack()


def test_a_keeper_that_is_gone_is_an_arena_failure(keeper_of, data):
    require_or_skip("sandbox")
    keeper = keeper_of("sandbox", only(data))
    kept = keeper.wait()
    assert kept.copied
    keeper.close()
    with pytest.raises(InfrastructureFailure, match="not kept in memory any more"):
        entrance(kept)


def test_a_keeper_that_fails_says_why(keeper_of, data, monkeypatch):
    monkeypatch.setattr("arena.jail.keeper.__file__", str(data))
    with pytest.raises(InfrastructureFailure, match="cannot be kept in memory"):
        keeper_of("strict", only(data)).wait()


def test_links_lead_to_what_may_be_read_alone(keeper_of, data, tmp_path):
    level = require_or_skip("sandbox")
    outside = tmp_path / "outside.txt"
    outside.write_text("secret", encoding="ascii")
    data.with_name("out").symlink_to(outside)
    data.with_name("loop").symlink_to(data.parent)
    kept = keeper_of(level, only(data)).wait()
    copy = Path(f"/proc/{kept.process}/root{kept.directory}{data.parent}")
    assert sorted(entry.name for entry in copy.iterdir()) == ["file.txt", "loop", "out"]
    assert not Path(f"/proc/{kept.process}/root{kept.directory}{outside}").exists()
    assert (copy / "file.txt").read_bytes() == data.read_bytes()


def test_needed_is_inside_readable_and_less():
    places = controller_places()
    folders = [Path(place) for place in places.readable]
    assert all(Path(place) in folders or set(Path(place).parents) & set(folders) for place in places.needed)
    assert any(Path(np.__file__).is_relative_to(place) for place in places.needed)
    assert not controller_places(programs=True).needed


def test_memory_that_is_free_is_less_than_the_machine_has():
    assert 0 < available_memory() <= os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE
