"""Harm to others: a controller that takes all it can get, beside a rival that has to keep its limits."""

import functools
import os
import threading
from pathlib import Path

import pytest
from machine import crowded_together
from seats import LOCKED, briefing, copy_submission, make_submission, observation, require_or_skip

from arena.errors import ContractViolation
from arena.jail.cgroup import ControlGroup
from arena.jail.limits import Limits
from arena.play.seats import make_host

CONTROLLERS = Path(__file__).parent / "controllers"
MODEST = """
def order(self, observation):
    end = time.thread_time() + 0.04
    while time.thread_time() < end:
        pass
    return [1, 1, 1]
"""
TIGHT = {"decision": 0.1, "first_decision": 0.1}
"""On the clock 0.3 s for what takes 0.04 s alone: a rival that gets one part in 30 of a core misses it by far."""
GREEDY = {"setup": 60.0, "first_decision": 60.0, "bank": 60.0}
THREADS = 58
CROWDS = ("SpinInThreads", "SpinInShortThreads", "SpinInBursts", "SpinFromTheFirst")


@pytest.fixture
def no_group(monkeypatch):
    """No control group can be made, and the kernel groups no sessions by itself: looks are all that is left."""
    with crowded_together() as reason:
        if reason:
            pytest.skip(reason)
        monkeypatch.setattr(ControlGroup, "make", classmethod(lambda cls, **_: cls(())))
        yield


def spin(host, submission, started, over):
    """Play a controller that computes until it has used up its time, or nobody needs it any more."""
    seat = host.open(submission)
    try:
        seat.begin(briefing())
        started.set()
        # What comes of it is the table's business; here it is ended when the rival has played.
        ending = threading.Thread(target=lambda: (over.wait(), os.kill(seat._located.process, 9)))
        ending.start()
        with pytest.raises(ContractViolation):
            seat.order(observation())
        over.wait()
        ending.join()
    finally:
        seat.release()


def decisions_of_a_rival(level, crowd, place):
    """How many of five decisions a rival makes in time while a controller of the corpus spins."""
    submission = copy_submission(CONTROLLERS / "crowding.py", place, controller=crowd)
    # What the corpus shares.
    for name in ("attempt.py", "system_calls.py"):
        (submission.folder / name).write_bytes((CONTROLLERS / name).read_bytes())
    config = {"threads": THREADS, "mark": "crowd"}
    manifest = submission.manifest.model_copy(update={"config": config})
    submission = submission.__class__(**{**vars(submission), "manifest": manifest, "config": config})
    return _play(level, submission, make_submission(place, MODEST, name="rival"))


def _play(level, hostile, rival):
    greedy, modest = make_host(level, Limits(**GREEDY)), make_host(level, Limits(**TIGHT))
    started, over = threading.Event(), threading.Event()
    seat = modest.open(rival)
    seat.begin(briefing())
    crowd = threading.Thread(target=functools.partial(spin, greedy, hostile, started, over))
    crowd.start()
    made = 0
    try:
        started.wait()
        # Until its threads are there.
        threading.Event().wait(0.5)
        for period in range(5):
            seat.order(observation(period=period))
            made += 1
    except ContractViolation as violation:
        print(violation)
    finally:
        over.set()
        crowd.join()
        for one in (seat.release, greedy.close, modest.close):
            one()
    return made


@pytest.mark.parametrize("level", LOCKED)
@pytest.mark.parametrize("crowd", CROWDS)
def test_threads_that_spin_cost_a_rival_nothing_by_looks_alone(level, crowd, tmp_path, no_group):
    require_or_skip(level)
    assert decisions_of_a_rival(level, crowd, tmp_path) == 5


@pytest.mark.parametrize("level", LOCKED)
def test_threads_that_spin_cost_a_rival_nothing_in_groups(level, tmp_path):
    require_or_skip(level)
    group = ControlGroup.make(processes=10, memory=2**30)
    group.remove()
    if "cpu" not in group.bounded:
        pytest.skip("no control group for processor time can be made here; it takes root or a delegated group")
    assert decisions_of_a_rival(level, CROWDS[0], tmp_path) == 5
