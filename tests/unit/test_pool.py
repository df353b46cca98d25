"""The pool's own troubles: workers that do not come to play."""

import errno
import os
from pathlib import Path

import pytest
from seats import SCENARIO, make_submission

from arena.contract.seeds import PublicSeeds
from arena.errors import ArenaError
from arena.jail.limits import Limits
from arena.play.pool import Job, WorkItem, play_in_workers
from arena.results.record import PlayedEpisode

ITEM = WorkItem(0, 0, PublicSeeds().episode(SCENARIO.digest, 0))


def job(place: Path, isolation: str = "trusted") -> Job:
    return Job((make_submission(place),), (SCENARIO,), isolation, Limits(), None)


def test_a_worker_plays(tmp_path: Path) -> None:
    [result] = play_in_workers(job(tmp_path), [ITEM], 1, lambda: False)
    assert isinstance(result, PlayedEpisode)
    assert result.record.outcome == "ok"


def test_workers_whose_host_does_not_stand_are_replaced_a_few_times(tmp_path: Path) -> None:
    with pytest.raises(
        ArenaError, match=r'workers do not start: unknown isolation level, got "strickt"; did you'
    ) as told:
        list(play_in_workers(job(tmp_path, "strickt"), [ITEM], 1, lambda: False))
    assert "defect" not in str(told.value)


def test_a_system_that_starts_no_more_processes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("multiprocessing.util.spawnv_passfds", fail)
    told = rf"a worker cannot be started \({os.strerror(errno.EAGAIN)}\); free some"
    with pytest.raises(ArenaError, match=told):
        list(play_in_workers(job(tmp_path), [ITEM], 1, lambda: False))
