"""Colluding submissions earn no more than honest ones, over 200 hidden episodes.

What is known to remain open (docs/attacks.md) is not tried: names that somebody looked for in vain at `strict`, numbers
that the kernel gives in turn, and the load of the machine.
"""

import importlib
import shutil
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from seats import require_or_skip

from arena import load_scenario
from arena.contract.seeds import hidden_seeds, new_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.play.evaluate import evaluate
from arena.plugins import Plugins
from arena.results.statistics import estimate
from arena.world.suite import Suite

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the channels are those of Linux")]

CONTROLLERS = Path(__file__).parent / "controllers"
SCENARIO = load_scenario("serial-stationary-backlog").model_copy(update={"horizon": 12})
EPISODES = 200
ROLES = {"scout": ("Scout", "oracle"), "accomplice": ("Accomplice", "blind"), "loner": ("Loner", "blind")}
ROLES |= {"twin": ("Twin", "blind")}


def gains(place, isolation, episodes):
    """Paired differences of profit from the twin, by role, (episodes,)."""
    for name, (kind, track) in ROLES.items():
        folder = place / name
        folder.mkdir()
        shutil.copy(CONTROLLERS / "collusion.py", folder / "collusion.py")
        manifest = f"name: {name}\ncontroller: collusion.py:{kind}\ntrack: {track}\n"
        (folder / "submission.yaml").write_text(manifest)
    entries = load_submissions([place / name for name in ROLES], Plugins(MappingProxyType({}))).require()
    suite = Suite(name="short", description="", scenarios=(SCENARIO,))
    seeds = hidden_seeds(new_secret(), episodes, contract_digest())
    output = place / "results"
    played = evaluate(entries, suite, seeds, output=output, isolation=isolation, workers=2, accept_fallbacks=True)
    assert {record.outcome for record in played.records} == {"ok"}
    profit = {name: np.zeros(episodes) for name in ROLES}
    for record in played.records:
        profit[record.submission][record.seed_index] = record.profit
    return {name: profit[name] - profit["twin"] for name in ("accomplice", "loner")}


@pytest.mark.parametrize("isolation", ["strict", "sandbox"])
def test_who_colludes_earns_no_more_than_an_honest_twin(tmp_path, isolation):
    require_or_skip(isolation)
    for name, difference in gains(tmp_path, isolation, EPISODES).items():
        found = estimate(difference[None])
        # Where nothing comes through, every difference is exactly 0 and there is no interval.
        assert found.value == 0 if found.interval is None else found.interval.low <= 0, name


@pytest.fixture
def tidy(monkeypatch):
    """Takes back what colluding submissions leave on this machine where nothing stops them."""
    monkeypatch.syspath_prepend(str(CONTROLLERS))
    collusion = importlib.import_module("collusion")
    collusion.take_back()
    yield
    collusion.take_back()
    sys.modules.pop("collusion")


@pytest.mark.usefixtures("tidy")
def test_the_flag_is_worth_something_where_it_comes_through(tmp_path):
    found = gains(tmp_path, "process", 20)
    assert all(difference.mean() > 0 for difference in found.values())
