"""A decentralised match: one controller per managed node, each in a process of its own, and played on any scenario."""

from __future__ import annotations

import builtins
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from seats import make_submission

from arena import Scenario, load_scenario
from arena.contract.seeds import PublicSeeds
from arena.jail.limits import Limits
from arena.play.match import play
from arena.play.seats import available, make_host

SCENARIO = load_scenario("divergent-trend-seasonal-backlog-decentralised")
LEVELS = [level for level in available() if level != "trusted"]

CODE = """
def begin(self, briefing):
    import builtins
    # Everything in which two seats of one process would meet.
    builtins.seats = getattr(builtins, "seats", 0) + 1
    Mine.seats = getattr(Mine, "seats", 0) + 1
    self.met = builtins.seats + Mine.seats + len([name for name in sys.modules if name == "mine"])
    self.links = len(briefing.order_bound)
    print("process", os.getpid(), "of", os.getppid(), flush=True)

def order(self, observation):
    return np.full(self.links, float(self.met))
"""


def played(place: Path, isolation: Any, body: str = CODE, scenario: Scenario = SCENARIO) -> Any:
    submission = make_submission(place, body, track="decentralised")
    host = make_host(isolation, Limits())
    try:
        return play(submission, scenario, PublicSeeds().episode(scenario.digest, 0), host, Limits())
    finally:
        host.close()


@pytest.mark.parametrize("isolation", LEVELS)
def test_every_node_has_a_process_of_its_own(tmp_path: Path, isolation: str) -> None:
    episode = played(tmp_path, isolation)
    record = episode.record
    assert record.outcome == "ok", record.failure_message
    # Every seat counted itself once, whatever it counted by; in one process it would have met the others.
    (orders,) = set(episode.requested.ravel().tolist())
    assert orders <= 3.0
    lines = record.stderr_tail.splitlines()
    assert [line for line in lines if line.startswith("[node")] == [
        f"[node {node}]" for node in SCENARIO.network.managed
    ]
    if isolation == "process":  # the stronger levels number processes anew
        processes = [line.split()[1] for line in lines if line.startswith("process")]
        assert len(set(processes)) == len(SCENARIO.network.managed)


def test_in_one_process_the_seats_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sibling of the test above: its counters do find seats that share a process."""
    monkeypatch.setattr(builtins, "seats", 0, raising=False)
    episode = played(tmp_path, "trusted")
    assert len(set(episode.requested.ravel().tolist())) > 1


MEETING = """
def begin(self, briefing):
    import socket
    self.node, self.links = briefing.node, len(briefing.order_bound)
    for place in {places}:
        try:
            open(f"{{place}}/{token}-{{self.node}}", "w").close()
        except OSError:
            pass
    try:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\\0{token}-{{self.node}}")
    except OSError:
        pass

def order(self, observation):
    import glob, socket
    met = [name for place in {places} for name in glob.glob(f"{{place}}/{token}-*")]
    met = [name for name in met if not name.endswith(f"-{{self.node}}")]
    for node in {nodes}:
        try:
            caller = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            caller.sendto(b"hello", socket.MSG_DONTWAIT, f"\\0{token}-{{node}}")
            met += [node] * (node != self.node)
        except OSError:
            pass
    return np.full(self.links, float(len(met)))
"""


def met_by(place: Path, isolation: str) -> float:
    """How often the seats of a match met each other, by files in common places or by sockets."""
    token, places = f"arena-test-{uuid.uuid4().hex}", ["/tmp", "/dev/shm", str(place)]
    try:
        body = MEETING.format(token=token, places=places, nodes=SCENARIO.network.managed)
        episode = played(place, isolation, body)
    finally:
        for left in (path for folder in places for path in Path(folder).glob(f"{token}-*")):
            left.unlink()
    assert episode.record.outcome == "ok", episode.record.failure_message
    return float(episode.requested.max())


@pytest.mark.parametrize("isolation", [level for level in LEVELS if level != "process"])
def test_from_level_strict_on_nodes_have_no_place_to_meet(tmp_path: Path, isolation: str) -> None:
    assert met_by(tmp_path, isolation) == 0.0


@pytest.mark.skipif("process" not in LEVELS, reason="this system cannot fork")
def test_at_level_process_they_have(tmp_path: Path) -> None:
    """The sibling of the test above, and a reason why results of this level are not official."""
    assert met_by(tmp_path, "process") >= len(SCENARIO.network.managed) - 1


def test_a_decentralised_submission_plays_any_scenario(tmp_path: Path) -> None:
    scenario = load_scenario("serial-trend-seasonal-goodwill-lost-sales")
    assert not scenario.decentralised
    body = "def order(self, observation):\n    return np.full(1, 20.0 + self.briefing.node)"
    episode = played(tmp_path, "trusted", body, scenario)
    assert (episode.record.outcome, episode.record.track) == ("ok", "decentralised")
    assert episode.requested.tolist() == [[21.0, 22.0, 23.0]] * scenario.horizon


def test_every_node_may_order_up_to_the_bound_that_it_is_told(tmp_path: Path) -> None:
    body = "def order(self, observation):\n    return 2.0 * self.briefing.order_bound"
    episode = played(tmp_path, "trusted", body)
    assert np.unique(episode.requested).tolist() == [1e6]
    assert episode.record.clipped_orders == episode.requested.size
    # Not the network's own bound, from which a node could tell the others' stocks and capacities.
    assert SCENARIO.order_bound == 3100.0
