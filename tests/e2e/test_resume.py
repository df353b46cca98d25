"""Whatever ends an evaluation, the same call goes on and ends with the rows of an undisturbed one."""

import csv
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from commands import interruptible, running

from arena.contract.seeds import PublicSeeds
from arena.entry.loading import load_submissions
from arena.errors import ArenaError
from arena.play import pool
from arena.play.evaluate import Evaluation, Interrupted, evaluate
from arena.plugins import Plugins
from arena.results.columns import EPISODE_COLUMNS
from arena.results.export import export
from arena.results.record import EpisodeRecord
from arena.results.standings import Standings
from arena.results.store import Store
from arena.world.suite import Suite, load_suite

SEEDS = PublicSeeds(count=3)
SCENARIOS = 2
# What differs between two runs of the same episode: its timings, and how often an attempt at it broke off.
TIMINGS = {"planning_time", "decision_time", "slowest_decision_time", "finished_at", "repetitions"}

CODE = """
import time
import numpy as np

class Controller:
    def __init__(self, factor=1.0, pause=0.0):
        self.factor, self.pause = factor, pause

    def begin(self, briefing):
        self.network = briefing.network

    def order(self, observation):
        time.sleep(self.pause)
        return np.full(len(self.network.supply_links), self.factor * (10.0 + observation.last_demand.sum() / 2))
"""

SCRIPT = """
import multiprocessing, sys
from pathlib import Path
from types import MappingProxyType
from arena.play.evaluate import Interrupted, evaluate
from arena.entry.loading import load_submissions
from arena.contract.seeds import PublicSeeds
from arena.plugins import Plugins
from arena.world.suite import Suite, load_suite

class Told:
    def started(self, total, done):
        print("started", total, done, flush=True)
    def advanced(self, record):
        workers = [str(child.pid) for child in multiprocessing.active_children()]
        print("episode", *workers, flush=True)
    def finished(self):
        print("finished", flush=True)

if __name__ == "__main__":
    submissions = load_submissions([Path(sys.argv[1])], Plugins(MappingProxyType({}))).require()
    suite = Suite(name="short", description="", scenarios=load_suite("smoke").scenarios[:2])
    try:
        evaluate(submissions, suite, PublicSeeds(count=3), output=Path(sys.argv[2]), isolation="trusted",
                 workers=int(sys.argv[3]), progress=Told())
    except Interrupted as error:
        print(error, flush=True)
        sys.exit(130)
"""


class Watcher:
    """Progress that remembers what it was told and may act between episodes."""

    def __init__(self, act: Callable[[int], None] = lambda count: None) -> None:
        self.act = act
        self.totals = (0, 0)
        self.count = 0
        self.ended = False

    def started(self, total: int, done: int = 0) -> None:
        self.totals = (total, done)

    def advanced(self, record: EpisodeRecord) -> None:
        self.count += 1
        self.act(self.count)

    def finished(self) -> None:
        self.ended = True


@pytest.fixture
def suite() -> Suite:
    return Suite(name="short", description="", scenarios=load_suite("smoke").scenarios[:SCENARIOS])


@pytest.fixture
def entrants(tmp_path: Path) -> Path:
    """A folder with two submissions of own code."""
    for name, factor in (("steady", 1.0), ("cautious", 0.8)):
        submit(tmp_path / "submissions", name, factor=factor)
    return tmp_path / "submissions"


def submit(entrants: Path, name: str, code: str = CODE, **config: float) -> None:
    folder = entrants / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "controller.py").write_text(code)
    settings = ", ".join(f"{key}: {value}" for key, value in config.items())
    (folder / "submission.yaml").write_text(
        f'name: {name}\ncontroller: "controller.py:Controller"\ntrack: blind\nconfig: {{{settings}}}\n'
    )


def submit_sleeper(tmp_path: Path, entrants: Path) -> Path:
    """Enter a controller that never answers; return the folder where its processes leave their numbers."""
    asleep = tmp_path / "asleep"
    asleep.mkdir()
    note = f"import os, pathlib; pathlib.Path({str(asleep)!r}, str(os.getpid())).touch(); time.sleep(600)"
    submit(entrants, "sleeper", CODE.replace("time.sleep(self.pause)", note))
    return asleep


def run(entrants: Path, suite: Suite, output: Path, **options: Any) -> Evaluation:
    submissions = load_submissions([entrants], Plugins(MappingProxyType({}))).require()
    settings = {"isolation": "trusted", "workers": 0, **options}
    return evaluate(submissions, suite, SEEDS, output=output, **settings)


def rows(output: Path) -> list[dict[str, str]]:
    """The table of episodes without what differs between two runs of the same episode."""
    with (output / "episodes.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMINGS} for row in csv.DictReader(file)]


def without_timings(standings: Standings) -> dict[str, Any]:
    content = standings.model_dump()
    for row in (*content["rows"], *content["reference"]):
        del row["planning_time"], row["decision_time"], row["repetitions"]
    # The results digests stay: they are the same however a folder came about.
    for digests in (content["digests"], *content["digests"]["submissions"]):
        del digests["full"]
    return content


def start(
    tmp_path: Path, entrants: Path, output: Path, workers: int
) -> "AbstractContextManager[subprocess.Popen[str]]":
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, script, entrants, output, workers]
    return running(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def read_until(process: subprocess.Popen[str], word: str, times: int) -> list[str]:
    """Read lines until one that starts with `word` has come so many times; return the last such line's words."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith(word):
            times -= 1
        if times == 0:
            return line.split()
    pytest.fail(f"the process ended early: {''.join(seen)}")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; give up after a time that no machine needs."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited in vain")


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_an_evaluation_writes_store_table_and_standings(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    watcher = Watcher()
    result = run(entrants, suite, tmp_path / "out", progress=watcher)
    assert (result.played, result.resumed) == (12, 0)
    assert (watcher.totals, watcher.count, watcher.ended) == ((12, 0), 12, True)
    table = rows(result.episodes.parent)
    assert set(EPISODE_COLUMNS) == {*table[0], *TIMINGS}
    assert len({(row["submission"], row["scenario"], row["seed_index"]) for row in table}) == 12
    assert {(row["outcome"], row["suite"], row["isolation"]) for row in table} == {("ok", "short", "trusted")}
    assert {row["seed"] for row in table} == {"42", "123", "456"}
    written = Standings.model_validate_json(result.standings_file.read_text())
    assert written == result.standings
    assert [row.complete for row in written.rows] == [True, True]


def test_workers_give_the_rows_of_a_single_process(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    single = run(entrants, suite, tmp_path / "single")
    pooled = run(entrants, suite, tmp_path / "pooled", workers=2)
    assert rows(tmp_path / "pooled") == rows(tmp_path / "single")
    assert without_timings(pooled.standings) == without_timings(single.standings)


def test_a_second_evaluation_plays_nothing(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    run(entrants, suite, tmp_path / "out")
    before = (tmp_path / "out" / "episodes.csv").read_text()
    again = run(entrants, suite, tmp_path / "out", workers=2)
    assert (again.played, again.resumed) == (0, 12)
    assert (tmp_path / "out" / "episodes.csv").read_text() == before


def test_a_changed_submission_alone_is_played_again(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    first = run(entrants, suite, tmp_path / "out")
    submit(entrants, "cautious", factor=0.5)
    second = run(entrants, suite, tmp_path / "out")
    assert (second.played, second.resumed) == (6, 6)
    assert len(second.records) == 12
    changed = {row.submission: row.mean_profit for row in second.standings.rows}
    before = {row.submission: row.mean_profit for row in first.standings.rows}
    assert changed["steady"] == before["steady"]
    assert changed["cautious"] != before["cautious"]
    submit(entrants, "cautious", factor=0.8)
    third = run(entrants, suite, tmp_path / "out")
    assert third.played == 0
    assert third.standings == first.standings


def test_earlier_submissions_stay_in_the_standings(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    run(entrants / "steady", suite, tmp_path / "out")
    second = run(entrants / "cautious", suite, tmp_path / "out")
    assert second.played == 6
    assert {row.submission for row in second.standings.rows} == {"steady", "cautious"}
    assert second.submissions == ("cautious",)


def test_a_stronger_isolation_is_played_and_not_replaced_by_a_weaker(
    tmp_path: Path, entrants: Path, suite: Suite
) -> None:
    assert run(entrants / "steady", suite, tmp_path / "out").played == 6
    assert run(entrants / "steady", suite, tmp_path / "out", isolation="process").played == 6
    weaker = run(entrants / "steady", suite, tmp_path / "out")
    assert weaker.played == 0
    assert {record.isolation for record in weaker.records} == {"process"}


def test_a_level_that_does_not_exist_is_refused(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    with pytest.raises(ArenaError, match=r'unknown isolation level, got "proces"; did you mean "process"\?'):
        run(entrants, suite, tmp_path / "out", isolation="proces")
    with pytest.raises(ArenaError, match="the number of workers must be 0 or more, got -1"):
        run(entrants, suite, tmp_path / "out", workers=-1)
    assert not (tmp_path / "out").exists()


def test_a_killed_worker_is_replaced_and_its_episode_played_again(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    killed: list[int] = []

    def kill(count: int) -> None:
        children = [child for child in multiprocessing.active_children() if child.name == "arena-worker"]
        if count in (2, 5) and children:
            assert children[0].pid is not None
            killed.append(children[0].pid)
            os.kill(children[0].pid, signal.SIGKILL)

    for name in ("steady", "cautious"):
        submit(entrants, name, pause=0.003)
    run(entrants, suite, tmp_path / "calm")
    disturbed = run(entrants, suite, tmp_path / "out", workers=2, progress=Watcher(kill))
    assert len(killed) == 2
    assert disturbed.played == 12
    assert rows(tmp_path / "out") == rows(tmp_path / "calm")


def test_a_killed_evaluation_goes_on_where_it_stopped(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    for name in ("steady", "cautious"):
        submit(entrants, name, pause=0.005)
    run(entrants, suite, tmp_path / "calm")
    for round_number in (1, 2):
        with start(tmp_path, entrants, tmp_path / "out", workers=2) as process:
            words = read_until(process, "episode", 3)
            process.kill()
        wait_until(lambda workers=words[1:]: not any(is_running(int(pid)) for pid in workers))
        assert list((tmp_path / "out").glob(".submissions-*"))  # a kill leaves its copies behind
        with Store(tmp_path / "out" / "results.sqlite", read_only=True) as store:
            assert len(store.records()) >= 3 * round_number
    resumed = run(entrants, suite, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".submissions-*"))
    assert resumed.resumed >= 6
    assert resumed.played + resumed.resumed == 12
    assert rows(tmp_path / "out") == rows(tmp_path / "calm")


def test_workers_end_with_a_killed_evaluation_whatever_they_play(tmp_path: Path, entrants: Path) -> None:
    asleep = submit_sleeper(tmp_path, entrants)
    with start(tmp_path, entrants, tmp_path / "out", workers=2) as process:
        wait_until(lambda: len(list(asleep.iterdir())) == 2)
        process.kill()
    wait_until(lambda: not any(is_running(int(entry.name)) for entry in asleep.iterdir()))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupt_keeps_what_is_finished_and_tells_how_to_go_on(
    tmp_path: Path, entrants: Path, suite: Suite, workers: int
) -> None:
    for name in ("steady", "cautious"):
        submit(entrants, name, pause=0.005)
    with start(tmp_path, entrants, tmp_path / "out", workers) as process:
        read_until(process, "episode", 2)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        told = process.stdout.read()
        assert process.wait() == 130
    played = 2 + told.count("episode\n") + told.count("episode ")
    assert f"interrupted: the {played} episodes played are kept in" in told
    assert f"{12 - played} are left; run the same command again to go on" in told
    assert "Traceback" not in told
    with Store(tmp_path / "out" / "results.sqlite", read_only=True) as store:
        assert len(store.records()) == played < 12
    assert not (tmp_path / "out" / "standings.json").exists()
    run(entrants, suite, tmp_path / "calm")
    resumed = run(entrants, suite, tmp_path / "out")
    assert resumed.resumed == played
    assert rows(tmp_path / "out") == rows(tmp_path / "calm")


def test_a_second_interrupt_kills_what_is_being_played(tmp_path: Path, entrants: Path) -> None:
    asleep = submit_sleeper(tmp_path, entrants)
    with start(tmp_path, entrants, tmp_path / "out", workers=2) as process:
        # Sooner or later both workers have met the sleeper.
        wait_until(lambda: len(list(asleep.iterdir())) == 2)
        os.killpg(process.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired, match=re.escape(str(tmp_path))):
            process.wait(timeout=1.0)  # The first waits for the episodes being played.
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        told = process.stdout.read()
        assert process.wait() != 0
    wait_until(lambda: not any(is_running(int(entry.name)) for entry in asleep.iterdir()))
    assert "KeyboardInterrupt" in told
    with Store(tmp_path / "out" / "results.sqlite", read_only=True) as store:
        assert len(store.records()) == told.count("episode ")


def test_an_episode_that_kills_every_worker_is_recorded_and_not_scored(
    tmp_path: Path, entrants: Path, suite: Suite
) -> None:
    deadly = CODE.replace(
        "time.sleep(self.pause)",
        "import os; observation.period == 7 and self.network.retailers == (1,) and os.kill(os.getpid(), 9)",
    )
    submit(entrants, "deadly", deadly)
    one = Suite(name="one", description="", scenarios=suite.scenarios[:1])
    result = run(entrants, one, tmp_path / "out", workers=2)
    assert result.played == 9
    lost = [record for record in result.records if record.submission == "deadly"]
    assert [record.outcome for record in lost] == ["infrastructure"] * 3
    assert {record.failure_message for record in lost} == {"the worker process ended (killed by SIGKILL)"}
    standing = {row.submission: row for row in result.standings.rows}
    assert (standing["deadly"].rank, standing["deadly"].infrastructure_failures) == (None, 3)
    assert standing["steady"].rank is not None
    assert [row["profit"] for row in rows(tmp_path / "out") if row["submission"] == "deadly"] == ["nan"] * 3
    # The arena owes these episodes: the next call tries again.
    assert run(entrants, one, tmp_path / "out", workers=1).played == 3


def test_an_infrastructure_failure_is_tried_three_times(
    tmp_path: Path, entrants: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, attempts = pool.play, {}

    def fail_twice(submission: Any, scenario: Any, seed: Any, *rest: Any, **options: Any) -> Any:
        key = (submission.name, scenario.name, seed.index)
        attempts[key] = attempts.get(key, 0) + 1
        if attempts[key] < 3 and submission.name == "steady":
            raise pool.InfrastructureFailure("no room")
        return play(submission, scenario, seed, *rest, **options)

    run(entrants, suite, tmp_path / "calm")
    monkeypatch.setattr(pool, "play", fail_twice)
    run(entrants, suite, tmp_path / "out")
    assert sorted(attempts.values()) == [1] * 6 + [3] * 6
    assert rows(tmp_path / "out") == rows(tmp_path / "calm")


def test_an_interrupt_in_this_process_is_told(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    interrupt = Watcher(lambda count: os.kill(os.getpid(), signal.SIGINT) if count == 4 else None)
    told = r"the 4 episodes played .* 8 are left; run the same command again"
    with interruptible(), pytest.raises(Interrupted, match=told):
        run(entrants, suite, tmp_path / "out", progress=interrupt)
    assert interrupt.ended
    assert run(entrants, suite, tmp_path / "out").played == 8


def test_an_export_has_every_period(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    result = run(entrants / "steady", suite, tmp_path / "out")
    exported = export(result.store, tmp_path / "table.csv", "csv")
    with exported.episodes.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    with exported.periods.open(newline="") as file:
        periods = list(csv.DictReader(file))
    expected = sum(
        scenario.horizon * (len(scenario.network.supply_links) + len(scenario.network.market_links)) * SEEDS.count
        for scenario in suite.scenarios
    )
    assert len(periods) == expected
    assert exported.periods.name == "table-periods.csv"
    with pytest.raises(ArenaError, match=r'there is no export format "cvs"; did you mean "csv"\?'):
        export(result.store, tmp_path / "table.csv", "cvs")  # type: ignore[arg-type]


REPORTING = """
import numpy as np
from arena import ControllerReport

class Controller:
    def __init__(self, bound=None):
        self.bound = bound

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0)

    def report(self):
        return ControllerReport(fallbacks=4, profit_bound=self.bound)
"""


def test_a_report_reaches_tables_and_standings(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    """Through the store into the table of episodes, the export and the standings."""
    submit(entrants, "clairvoyant", REPORTING, bound=123456.75)
    described = entrants / "clairvoyant" / "submission.yaml"
    described.write_text(described.read_text().replace("track: blind", "track: oracle"))
    submit(entrants, "struggling", REPORTING)
    result = run(entrants, suite, tmp_path / "out", accept_fallbacks=True)
    exported = export(result.store, tmp_path / "table.csv", "csv")
    with exported.episodes.open(newline="") as file:
        tables = [rows(tmp_path / "out"), list(csv.DictReader(file))]
    for table in tables:
        told = {(row["submission"], row["fallbacks"], row["profit_bound"]) for row in table}
        expected = {
            ("clairvoyant", "4", "123456.75"),
            ("struggling", "4", ""),
            ("steady", "0", ""),
            ("cautious", "0", ""),
        }
        assert told == expected
    standings = Standings.model_validate_json(result.standings_file.read_text())
    # What was accepted once stays accepted, also for a call that does not say so.
    assert run(entrants, suite, tmp_path / "out").standings.accept_fallbacks
    [clairvoyant] = standings.reference
    assert (clairvoyant.kind, clairvoyant.mean_bound) == ("bound", 123456.75)
    assert clairvoyant.fallbacks == 4 * SCENARIOS * SEEDS.count
    assert {row.submission: row.fallbacks for row in standings.rows if row.fallbacks} == {
        "struggling": 4 * SCENARIOS * SEEDS.count
    }


def test_an_export_to_parquet(tmp_path: Path, entrants: Path, suite: Suite) -> None:
    result = run(entrants / "steady", suite, tmp_path / "out")
    try:
        from pyarrow import parquet
    except ImportError:
        with pytest.raises(ArenaError, match=r"pip install pyarrow"):
            export(result.store, tmp_path / "table.parquet", "parquet")
        assert not (tmp_path / "table.parquet").exists()
        return
    exported = export(result.store, tmp_path / "table.parquet", "parquet")
    episodes = parquet.read_table(exported.episodes).to_pylist()
    assert sorted(row["profit"] for row in episodes) == sorted(record.profit for record in result.records)
    assert {(row["fallbacks"], row["profit_bound"]) for row in episodes} == {(0, None)}
    assert parquet.read_table(exported.periods).num_rows > 0


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_text_is_no_formula_in_a_spreadsheet(
    tmp_path: Path, entrants: Path, suite: Suite, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(entrants, "steady", CODE.replace("time.sleep(self.pause)", f"raise ValueError({text!r})"))
    play = pool.play

    def tell(*arguments: Any, **options: Any) -> Any:
        played = play(*arguments, **options)
        changed = played.record.model_copy(update={"failure_message": text})
        return type(played)(changed, played.requested, played.demand)

    monkeypatch.setattr(pool, "play", tell)
    run(entrants / "steady", suite, tmp_path / "out")
    table = rows(tmp_path / "out")
    assert {row["outcome"] for row in table} == {"exception"}
    assert {row["failure_message"][0] for row in table} == {"'"}
    assert all(float(row["profit"]) <= 0 for row in table)
