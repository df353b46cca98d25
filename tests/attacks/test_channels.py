"""Rows 42 and 43: a scout leaves bits with what a reader in a later episode reads, which says what it takes them for.

Where nothing comes through, the reader guesses, and half of its bits are wrong. Each channel is tried without the mend
too, where it works: a channel that does not would prove nothing.
"""

import importlib
import os
import shutil
import sys

import pytest
from seats import require_or_skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the channels are those of Linux")

MESSAGES = 4
CLOSED = [(level, channel) for level in ("strict", "sandbox") for channel in ("pages", "mapped", "times")]
CLOSED += [("sandbox", "names")]


@pytest.fixture
def channels(repository, monkeypatch):
    """The measurement, and the two ends of each channel."""
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    module = importlib.import_module("channels")
    yield module
    for name in ("channels", "channel_seats"):
        sys.modules.pop(name, None)


@pytest.fixture
def folder(channels, tmp_path):
    """What the submissions of both consist of."""
    shutil.copy(channels.channel_seats.__file__, tmp_path)
    return tmp_path


@pytest.mark.parametrize(("level", "channel"), CLOSED)
def test_a_reader_finds_nothing_of_what_a_scout_left(channels, folder, level, channel):
    require_or_skip(level)
    channels.forget()
    with channels.keeping(level) as kept:
        _, wrong = channels.measure(level, kept, folder, channel, MESSAGES)
    # Of 128 bits or more; a guess is this good once in 10^8 times.
    assert 0.25 < wrong < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("level", "channel"), CLOSED)
def test_a_reader_finds_it_where_nothing_is_kept(channels, folder, level, channel):
    require_or_skip(level)
    if channel == "times" and level == "sandbox":
        pytest.skip("a sandbox sees the disk through mounts for reading alone, which note no times")
    if not os.access(channels.channel_seats.pick_files()[0], os.W_OK):
        pytest.skip("the libraries are somebody else's")
    _, wrong = channels.measure(level, None, folder, channel, MESSAGES)
    assert wrong < 0.25


def test_a_reader_finds_nothing_of_what_a_scout_looked_at_in_proc(channels, folder):
    """At `strict`, where every process sees the system's own, it finds nine bits of ten."""
    require_or_skip("sandbox")
    _, wrong = channels.measure("sandbox", None, folder, "looks", 12)
    assert 0.25 < wrong < 0.75


def test_processes_have_the_same_numbers_in_every_sandbox(channels, folder):
    """Whatever the episode before did; without the mend they say what it wants."""
    require_or_skip("sandbox")
    if not importlib.import_module("arena.jail.numbers").can_be_given():
        pytest.skip("this kernel gives no numbers anew, or /proc/sys cannot be written to")
    _, wrong = channels.measure("sandbox", None, folder, "processes", 12)
    assert wrong > 0.1
