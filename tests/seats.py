"""Seats for the tests of hosts: submissions with code of their own, and something to tell them."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from arena import load_scenario
from arena.contest.submission import Manifest, Submission
from arena.contract.tracks import brief, observe
from arena.errors import ContractViolation
from arena.simulate.simulator import Simulator, realised_demand

SCENARIO = load_scenario("serial-stationary-backlog")
LINKS = 3


def make_submission(
    place: Path, body: str = "", *, top: str = "", name: str = "mine", track: str = "blind", config=None
):
    """A submission in a new folder at `place`, whose controller class `Mine` has the methods of `body`."""
    folder = place / name
    folder.mkdir()
    methods = textwrap.indent(textwrap.dedent(body), "    ")
    code = f"""\
import os, sys, time
import numpy as np
{textwrap.dedent(top)}
class Mine:
    def begin(self, briefing):
        self.briefing = briefing
    def order(self, observation):
        return np.full({LINKS}, 20.0)
{methods}
"""
    (folder / "mine.py").write_text(code, encoding="utf-8")
    manifest = Manifest(name=name, controller="mine.py:Mine", track=track, config=config or {})
    return Submission(
        name=name,
        manifest=manifest,
        path=folder,
        digest=name.encode().hex().ljust(64, "0"),
        folder=folder,
        controller=manifest.controller,
        track=track,
        config=manifest.config,
    )


def briefing(track="blind", seed=7):
    """What the controllers of these tests are told at the beginning."""
    known = {"realised_demand": realised_demand(SCENARIO, 42), "entropy": 42} if track == "oracle" else {}
    return brief(SCENARIO, track, seed=seed, time_budget=1.0, **known)


def observation(track="blind", period=0):
    """What they are shown before a decision, after `period` periods with orders of 20."""
    simulator = Simulator(SCENARIO)
    simulator.start(42)
    for _ in range(period):
        simulator.step(np.full(LINKS, 20.0))
    return observe(SCENARIO, track, simulator.state)


def seated(host, submission, seed=7):
    """A seat that has been briefed."""
    seat = host.open(submission)
    seat.begin(briefing(submission.track, seed))
    return seat


def failure(host, submission, *, period=0):
    """Play up to the failure that must come, and return it with the seat, released."""
    seat = host.open(submission)

    def play():
        seat.begin(briefing(submission.track))
        for now in range(period + 1):
            seat.order(observation(submission.track, now))
        seat.close()

    try:
        with pytest.raises(ContractViolation) as caught:
            play()
        return caught.value, seat
    finally:
        seat.release()
