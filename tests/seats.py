"""Seats for the tests of hosts: submissions with code of their own, something to tell them, and hosts at every level.

The fixture `host_at` gives a host for a level, or skips the test where the level does not work, and says why::

    @pytest.mark.parametrize("level", ISOLATED)
    def test_an_attack(host_at, tmp_path, level):
        submission = copy_submission(Path("attacks/fork_bomb.py"), tmp_path)
        played = play_episode(host_at(level), submission)
        assert played.record.outcome == "exited"
"""

import shutil
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from arena import load_scenario
from arena.contract.seeds import EpisodeSeed
from arena.contract.tracks import brief, observe
from arena.entry.submission import Manifest, Submission
from arena.errors import ContractViolation
from arena.jail.bubblewrap import find_bubblewrap
from arena.jail.isolation import ISOLATION_ORDER
from arena.jail.levels import find_missing_part
from arena.jail.limits import Limits
from arena.play.match import play
from arena.play.seats import Host, make_host, require_level
from arena.results.record import PlayedEpisode
from arena.simulate.simulator import Simulator, realised_demand

SCENARIO = load_scenario("serial-stationary-backlog")
LINKS = 3

APART = ISOLATION_ORDER[1:]
"""Levels at which a controller has a process of its own."""
LOCKED = ISOLATION_ORDER[2:]
"""Levels at which that process is locked."""


def require_or_skip(level: str) -> str:
    """The level, if it works on this machine; the test is skipped if it cannot, and fails if it only does not."""
    if reason := find_missing_part(level) or (level == "sandbox" and refused_by_the_system()):
        pytest.skip(f"{level}: {reason}")
    return require_level(level)


@cache
def refused_by_the_system() -> str:
    """Why bubblewrap itself does not work here, whatever the arena makes of it; empty if it does."""
    command = [find_bubblewrap(), "--unshare-user", "--unshare-net", "--unshare-pid", "--ro-bind", "/", "/"]
    command += ["--proc", "/proc", sys.executable, "-c", ""]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


class Hosts:
    """Hosts that the tests of a run share: one for each level, and the last one that had limits of its own."""

    def __init__(self) -> None:
        self._usual: dict[str, Host] = {}
        self._special: tuple[tuple[str, Limits], Host] | None = None

    def __call__(self, level: str, **limits: float) -> Host:
        """A host at a level, with the contest's limits but for those given."""
        require_or_skip(level)
        if not limits:
            if level not in self._usual:
                self._usual[level] = make_host(level)
            return self._usual[level]
        key = level, Limits(**limits)
        if self._special is None or self._special[0] != key:
            self._close_special()
            self._special = key, make_host(*key)
        return self._special[1]

    def close(self) -> None:
        """Close them all."""
        self._close_special()
        for host in self._usual.values():
            host.close()

    def _close_special(self) -> None:
        if self._special is not None:
            self._special[1].close()


def make_submission(
    place: Path,
    body: str = "",
    *,
    top: str = "",
    name: str = "mine",
    track: str = "blind",
    config=None,
    capabilities=(),
    preload=(),
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
    return _declare(folder, "mine.py:Mine", track, config or {}, capabilities, preload)


def copy_submission(
    file: Path, place: Path, *, controller: str = "Controller", track: str = "blind", capabilities=(), preload=()
) -> Submission:
    """A submission in a new folder at `place` that consists of a copy of one file, whose class `controller` plays."""
    folder = place / file.stem.replace("_", "-")
    folder.mkdir()
    shutil.copyfile(file, folder / file.name)
    return _declare(folder, f"{file.name}:{controller}", track, {}, capabilities, preload)


def play_episode(host: Host, submission: Submission, *, entropy: int = 42, limits: Limits | None = None):
    """Play one episode of `SCENARIO` to its end, forfeits included."""
    seed = EpisodeSeed(index=0, entropy=entropy, controller_seed=7, public=True)
    played: PlayedEpisode = play(submission, SCENARIO, seed, host, limits or Limits())
    return played


def _declare(folder: Path, controller: str, track, config, capabilities=(), preload=()) -> Submission:
    name = folder.name
    manifest = Manifest(name=name, controller=controller, track=track, config=config, capabilities=capabilities)
    return Submission(
        name=name,
        manifest=manifest,
        path=folder,
        digest=name.encode().hex().ljust(64, "0"),
        folder=folder,
        controller=manifest.controller,
        track=track,
        config=manifest.config,
        # Any library, as tests bring their own; a manifest names those of a list.
        preload=preload,
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
