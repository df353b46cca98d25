"""Promises of the isolation levels: who keeps them on machines that have or lack what it takes."""

import pytest

from arena.jail import promises, watch
from arena.jail.isolation import ISOLATION_ORDER
from arena.jail.promises import Means, find_broken_promise, find_promises

ALL = Means(frozenset({"cpu", "memory", "pids"}), "")
NOTHING = Means(frozenset(), "")
BLIND = Means(frozenset(), "the system does not tell the threads of a process")


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(promises, "LINUX", True)


def keepers(level, means):
    return {promise.subject: promise.keeper for promise in find_promises(level, means)}


@pytest.mark.parametrize("level", ["strict", "sandbox"])
def test_the_disk_is_the_kernels_and_the_processor_where_there_is_a_group(level, linux):
    assert keepers(level, ALL)["processor"] == "kernel"
    assert keepers(level, NOTHING)["processor"] == "looks"
    for means in (ALL, NOTHING, BLIND):
        assert keepers(level, means)["disk"] == "kernel"
        assert keepers(level, means)["memory"] == "kernel"


def test_groups_are_not_for_families_that_are_not_locked(linux):
    assert keepers("process", ALL) == keepers("process", NOTHING)
    assert keepers("process", ALL)["disk"] == "looks"
    assert find_promises("trusted", ALL) == ()


@pytest.mark.parametrize("level", ISOLATION_ORDER)
def test_what_the_kernel_could_keep_says_how(level, linux):
    for promise in find_promises(level, NOTHING):
        if promise.subject == "processor":
            assert "systemd-run" in promise.fix
    if level != "process":
        assert not any(promise.fix for promise in find_promises(level, ALL))


@pytest.mark.parametrize("level", ["strict", "sandbox"])
def test_a_machine_that_cannot_be_looked_at_breaks_promises(level, linux, monkeypatch):
    monkeypatch.setattr(watch, "blindness", lambda: BLIND.blindness)
    assert "threads and processes: the system does not tell" in find_broken_promise(level)
    assert find_broken_promise("process") == ""
    monkeypatch.setattr(watch, "blindness", lambda: "")
    assert find_broken_promise(level) == ""


def test_another_system_keeps_little(monkeypatch):
    """As macOS does, which has no levels but the first two."""
    monkeypatch.setattr(promises, "LINUX", False)
    found = find_promises("process", BLIND)
    assert {promise.keeper for promise in found} == {"nobody"}
    assert {promise.fix for promise in found} == {"use Linux"}


def test_a_kernel_without_lists_of_children_is_blind(monkeypatch, tmp_path):
    monkeypatch.setattr(watch, "threads", lambda process: [tmp_path])
    monkeypatch.setattr(watch.Path, "exists", lambda self: False)
    assert "CONFIG_PROC_CHILDREN" in watch.blindness()
    monkeypatch.setattr(watch.Path, "exists", lambda self: True)
    assert watch.blindness() == ""
    monkeypatch.setattr(watch, "threads", lambda process: [])
    assert watch.blindness() == "the system does not tell the threads of a process"
