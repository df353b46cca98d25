"""What the plugins' tests of what they ship share: what a controller earns, and whether it conforms."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arena import Controller, Simulator, Track, TrackView, load_scenario, load_submissions
from arena.testing import ConformanceResult, check_submission

ARENA = Path(sys.executable).with_name("arena")


def profit_of(controller: Controller, name: str, track: Track) -> float:
    """Mean profit of three episodes of a scenario."""
    scenario = load_scenario(name)
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    total = 0.0
    for seed in range(3):
        simulator.start(seed)
        controller.begin(view.brief(seed=0))
        while not simulator.finished:
            total += simulator.step(controller.order(view.observe(simulator.state)).clip(0, scenario.order_bound))
    return total / 3


def checked(manifest: Path) -> ConformanceResult:
    """What the kit finds of a submission on every network that it has, in this process."""
    (submission,) = load_submissions([manifest]).require()
    return check_submission(submission, isolation="trusted")


def checked_at(level: str, manifest: Path) -> dict[str, Any]:
    """What ``arena check`` says of a submission at an isolation level; one that does not work here skips the test."""
    command = [str(ARENA), "check", str(manifest), "--isolation", level, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if f'isolation level "{level}" does not work here' in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)
    return dict(result)
