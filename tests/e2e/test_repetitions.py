"""An episode is played once: whatever breaks an attempt off, the next one has to give the same orders."""

import contextlib
import csv
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from arena.audit.verify import verify
from arena.contract.language_model import LlmEndpoint, LlmUnavailable
from arena.contract.seeds import PublicSeeds
from arena.entry.loading import load_submissions
from arena.errors import ArenaError
from arena.jail.launcher import Launcher
from arena.jail.limits import Limits
from arena.llm.call import LlmCall, LlmOutcome
from arena.play import pool
from arena.play.evaluate import Evaluation, evaluate
from arena.play.pool import play_here, play_in_workers
from arena.play.seats import InfrastructureFailure, available
from arena.play.work import BrokenOff, Job, WorkItem
from arena.plugins import Plugins
from arena.results.attempts import Precedent
from arena.results.record import PlayedEpisode
from arena.results.store import Store, key_of
from arena.world.suite import Suite, load_suite

SEEDS = PublicSeeds(count=1)
SUITE = Suite(name="one", description="", scenarios=load_suite("smoke").scenarios[:1])
SCENARIO = SUITE.scenarios[0]
LINKS = len(SCENARIO.network.supply_links)

# It knows how often it has played by a file that no isolation stands before at level trusted.
BREAKING = """
import os, pathlib
import numpy as np

class Controller:
    def __init__(self, diary, breaks=1, at=10, first=20.0, later=20.0):
        self.diary, self.breaks, self.at = pathlib.Path(diary), breaks, at
        self.first, self.later = first, later

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        with self.diary.open("a") as file:
            file.write("x")
        self.attempt = len(self.diary.read_text())

    def order(self, observation):
        if observation.period == self.at and self.attempt <= self.breaks:
            os.kill(os.getpid(), 9)
        return np.full(self.links, self.first if self.attempt == 1 else self.later)
"""


def enter(folder: Path, code: str = BREAKING, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "controller.py").write_text(code)
    settings = ", ".join(f"{key}: {value}" for key, value in config.items())
    (folder / "submission.yaml").write_text(
        f'name: breaking\ncontroller: "controller.py:Controller"\ntrack: blind\nconfig: {{{settings}}}\n'
    )
    return folder


def run(folder: Path, output: Path, workers: int = 1, isolation: str = "trusted") -> Evaluation:
    submissions = load_submissions([folder], Plugins(MappingProxyType({}))).require()
    return evaluate(submissions, SUITE, SEEDS, output=output, isolation=isolation, workers=workers)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[3])))
from test_repetitions import run
if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), workers=0)
"""


@pytest.mark.parametrize(("later", "outcome"), [(20.0, "ok"), (21.0, "diverged")])
def test_after_the_death_of_its_worker_a_controller_repeats_its_orders_or_forfeits(
    tmp_path: Path, later: float, outcome: str
) -> None:
    folder = enter(tmp_path / "entered", diary=tmp_path / "diary", later=later)
    [record] = run(folder, tmp_path / "out").records
    assert (record.outcome, record.repetitions) == (outcome, 1)
    assert record.decisions == (SCENARIO.horizon if outcome == "ok" else 10)


@pytest.mark.parametrize(("later", "outcome"), [(20.0, "ok"), (21.0, "diverged")])
def test_orders_bind_beyond_the_death_of_the_arena_itself(tmp_path: Path, later: float, outcome: str) -> None:
    """Without workers the controller takes the whole evaluation with it; the next call plays the episode again."""
    folder = enter(tmp_path / "entered", diary=tmp_path / "diary", later=later)
    script = [sys.executable, "-c", SCRIPT, str(folder), str(tmp_path / "out"), str(Path(__file__).parent)]
    assert subprocess.run(script, check=False, timeout=120).returncode == -signal.SIGKILL
    [record] = run(folder, tmp_path / "out").records
    assert (record.outcome, record.repetitions) == (outcome, 1)
    assert not list((tmp_path / "out").glob(".attempts*"))


@pytest.mark.parametrize(("later", "outcome"), [(20.0, "ok"), (21.0, "diverged")])
def test_orders_bind_from_one_evaluation_to_the_next(tmp_path: Path, later: float, outcome: str) -> None:
    """Three workers die in one evaluation, which gives the episode up; the next one tries again."""
    folder = enter(tmp_path / "entered", diary=tmp_path / "diary", breaks=3, later=20.0)
    [lost] = run(folder, tmp_path / "out").records
    assert (lost.outcome, lost.repetitions) == ("infrastructure", 3)
    with Store(tmp_path / "out" / "results.sqlite") as store:
        [precedent] = store.attempts.get().values()
        assert (precedent.attempts, precedent.requested.tolist()) == (3, [[20.0] * LINKS] * 10)
        # As if the controller had ordered otherwise in its earlier attempts.
        store.attempts.put(key_of(lost), Precedent(3, np.full((11, LINKS), later)))
    [record] = run(folder, tmp_path / "out").records
    assert (record.outcome, record.repetitions) == (outcome, 3)


def test_repetitions_are_in_table_standings_and_verification(tmp_path: Path) -> None:
    folder = enter(tmp_path / "entered", diary=tmp_path / "diary")
    evaluation = run(folder, tmp_path / "out")
    [row] = evaluation.standings.rows
    assert row.repetitions == 1
    with evaluation.episodes.open(newline="") as file:
        assert [line["repetitions"] for line in csv.DictReader(file)] == ["1"]
    assert verify(tmp_path / "out").differences == ()


def test_verification_finds_orders_that_an_earlier_attempt_did_not_give(tmp_path: Path) -> None:
    folder = enter(tmp_path / "entered", diary=tmp_path / "diary", breaks=3)
    run(folder, tmp_path / "out")
    [record] = run(folder, tmp_path / "out").records
    assert verify(tmp_path / "out").differences == ()
    with Store(tmp_path / "out" / "results.sqlite") as store:
        store.attempts.put(key_of(record), Precedent(3, np.full((11, LINKS), 19.0)))
    difference, of_run = verify(tmp_path / "out").differences
    assert (difference.column, difference.stored, difference.recomputed) == ("requested[0][0]", 20.0, 19.0)
    assert of_run.column == "digests.run"


def test_orders_are_committed_before_the_episode_waits_for_its_next_attempt(tmp_path: Path) -> None:
    """So that Ctrl-C, which gives up what waits, does not give them up."""
    folder = enter(tmp_path / "entered", diary=tmp_path / "diary")
    submissions = load_submissions([folder], Plugins(MappingProxyType({}))).require()
    (tmp_path / "journals").mkdir()
    job = Job(submissions, (SCENARIO,), "trusted", Limits(), None, journals=tmp_path / "journals")
    results = []
    for result in play_in_workers(job, [WorkItem(0, 0, SEEDS.episode(SCENARIO.digest, 0))], 1, lambda: bool(results)):
        results.append(result)
    [broken] = results
    assert isinstance(broken, BrokenOff)
    assert broken.item.precedent is not None
    assert broken.item.precedent.requested.tolist() == [[20.0] * LINKS] * 10


def test_a_finished_episode_stays_when_the_arena_fails_at_a_stronger_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = enter(tmp_path / "entered", STEADY)
    [calm] = run(folder, tmp_path / "out", workers=0).records

    def fail(*_: object, **__: object) -> None:
        raise InfrastructureFailure("no room")

    with monkeypatch.context() as patch:
        patch.setattr(pool, "play", fail)
        [kept] = run(folder, tmp_path / "out", workers=0, isolation="process").records
    assert kept == calm
    [stronger] = run(folder, tmp_path / "out", workers=0, isolation="process").records
    assert (stronger.isolation, stronger.profit) == ("process", calm.profit)


def test_an_attempt_at_a_stronger_level_says_nothing_about_an_earlier_episode(tmp_path: Path) -> None:
    folder = enter(tmp_path / "entered", STEADY)
    [record] = run(folder, tmp_path / "out", workers=0).records
    for isolation, found in (("process", []), ("trusted", ["repetitions", "digests.run"])):
        store_path = tmp_path / "out" / "results.sqlite"
        with contextlib.closing(sqlite3.connect(store_path, isolation_level=None)) as other:
            other.execute("DELETE FROM attempts")
        with Store(store_path) as store:
            store.attempts.put(key_of(record), Precedent(1, np.full((3, LINKS), 19.0), isolation))
        assert [one.column for one in verify(tmp_path / "out").differences] == found


def test_what_a_stranger_keeps_in_the_folder_of_results_stays(tmp_path: Path) -> None:
    folder, output = enter(tmp_path / "entered", STEADY), tmp_path / "out"
    for name in (".attempts/notes.txt", ".submissions-mine/a.txt"):
        (output / name).parent.mkdir(parents=True)
        (output / name).write_text("precious")
    run(folder, output, workers=0)
    assert (output / ".attempts/notes.txt").read_text() == (output / ".submissions-mine/a.txt").read_text()


def test_a_link_in_the_place_of_the_journals_is_refused(tmp_path: Path) -> None:
    folder, output = enter(tmp_path / "entered", STEADY), tmp_path / "out"
    output.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (output / ".attempts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArenaError, match=r"\.attempts: is a link, and the arena keeps notes in a folder there"):
        run(folder, output, workers=0)
    assert not list((tmp_path / "elsewhere").iterdir())


# --- causes that a controller has in its hands --------------------------------------------------------------------

ASKING = """
from arena import LlmFailure, LlmMessage
import numpy as np

class Controller:
    def __init__(self, endpoint=None):
        pass
    def use_language_model(self, model):
        self.model = model
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        self.level = float(self.model.ask([LlmMessage("user", "how much?")]).text)
    def order(self, observation):
        if observation.period == 29:
            self.model.ask([LlmMessage("user", "what came?")])
        return np.full(self.links, self.level)
"""


class OwnEndpoint:
    """An endpoint that answers with what it has learnt from the attempts before, and is gone in their last period."""

    def __init__(self, *levels: float) -> None:
        self.levels = list(levels)

    def call(self, call: LlmCall) -> LlmOutcome:
        if call.key.position == 0:
            return LlmOutcome("ok", str(self.levels[0]))
        if len(self.levels) > 1:
            self.levels.pop(0)
            raise LlmUnavailable("the endpoint has not answered; run the same command again")
        return LlmOutcome("ok", "nothing")


@pytest.mark.parametrize(("levels", "outcome"), [((20.0, 20.0), "ok"), ((20.0, 35.0), "diverged")])
def test_an_endpoint_that_is_gone_in_the_last_period_gives_no_second_choice(
    tmp_path: Path, levels: tuple[float, ...], outcome: str
) -> None:
    submission = enter(tmp_path / "entered", ASKING)
    manifest = submission / "submission.yaml"
    endpoint = LlmEndpoint(base_url="http://127.0.0.1:9/v1", model="m").model_dump(include={"base_url", "model"})
    text = manifest.read_text().replace("config: {}", f"config: {{endpoint: {endpoint}}}\ncapabilities: [llm]")
    manifest.write_text(text.replace("'", '"'))
    [loaded] = load_submissions([submission], Plugins(MappingProxyType({}))).require()
    job = Job((loaded,), (SCENARIO,), "trusted", Limits(), None)
    item = WorkItem(0, 0, SEEDS.episode(SCENARIO.digest, 0))
    *broken, result = play_here(job, [item], lambda: False, OwnEndpoint(*levels))
    assert [type(one) for one in broken] == [BrokenOff]
    assert isinstance(result, PlayedEpisode)
    assert (result.record.outcome, result.record.repetitions) == (outcome, 1)
    assert result.requested[:29].tolist() == [[20.0] * LINKS] * 29


STEADY = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
    def order(self, observation):
        return np.full(self.links, 20.0)
"""


@pytest.mark.skipif("process" not in available(), reason="this system cannot fork")
def test_a_process_that_takes_too_long_to_end_is_not_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that has thousands of unlinked mapped files to give back: its zygote does not answer in time."""
    end, ends = Launcher.end, []

    def slow(launcher: Launcher, seat: int, *, looks: bool = False) -> object:
        ends.append(seat)
        end(launcher, seat, looks=looks)
        raise InfrastructureFailure("the process that starts controllers died")

    folder = enter(tmp_path / "entered", STEADY)
    submissions = load_submissions([folder], Plugins(MappingProxyType({}))).require()
    monkeypatch.setattr(Launcher, "end", slow)
    job = Job(submissions, (SCENARIO,), "process", Limits(), None)
    item = WorkItem(0, 0, SEEDS.episode(SCENARIO.digest, 0))
    [result] = play_here(job, [item], lambda: False)
    assert isinstance(result, PlayedEpisode)
    assert (result.record.outcome, result.record.repetitions, len(ends)) == ("ok", 0, 1)
