"""A pool of worker processes that play episodes. Each has a host of its own; none writes anything.

Workers are started afresh (spawn), not forked, so they hold no descriptor of the store, of the seeds or of each other.
A worker gets one item at a time and always has the next one before its last result is written to disk. One that dies
is replaced, and what it was playing is played again with the same seed, and has to begin with the orders in the journal
of the worker that died.

Where a submission needs a language model, each worker has a second pipe, to the gateway in the main process; only the
environment of that process holds keys.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

from arena.errors import ArenaError
from arena.llm.call import Gateway
from arena.llm.relay import RelayedGateway, serve_calls
from arena.play.match import play
from arena.play.seats import Host, InfrastructureFailure, make_host
from arena.play.work import BrokenOff, Job, Lost, WorkItem, key_of_item
from arena.results.attempts import Journal, journal_path, read_journal
from arena.results.record import PlayedEpisode

ATTEMPTS: Final = 3
"""How often an episode is tried that the arena itself fails to play."""

_STARTS: Final = 3
_POLL_SECONDS: Final = 0.25
_LEAVE_SECONDS: Final = 10.0
_SINGLE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class _Defect:
    """An error in the arena itself, as text: no attempt would mend it."""

    text: str


@dataclass(frozen=True)
class _Unfit:
    """A worker's first and last word: its host does not stand. Another may fare better."""

    text: str


@dataclass(frozen=True)
class _Ready:
    """A worker's first word: its host stands."""


Result = PlayedEpisode | Lost | BrokenOff


Told = Callable[[Sequence[WorkItem]], None]
"""Is told which items are being played."""


def _tell_nobody(items: Sequence[WorkItem]) -> None:
    """Do nothing."""


def play_here(
    job: Job,
    items: Sequence[WorkItem],
    stop: Callable[[], bool],
    gateway: Gateway | None = None,
    told: Told = _tell_nobody,
) -> Generator[Result, None, None]:
    """Play items in this process, one after the other; for debugging, since a crash takes this process along.

    Args:
        job: what to play with.
        items: the episodes.
        stop: asked before each episode; when it says yes, the rest is left out.
        gateway: to language models; None when nobody needs one.
        told: called before each episode.
    """
    host = make_host(job.isolation, job.limits, job.kept)
    try:
        journal = Journal(None if job.journals is None else journal_path(job.journals, 0))
    except OSError as error:
        host.close()
        raise ArenaError(f"{job.journals}: cannot be written ({error.strerror}); check the folder and disk") from error
    try:
        for item in items:
            if stop():
                return
            told([item])
            answer = _attempt(job, item, host, gateway, journal)
            for _ in range(ATTEMPTS - 1):
                if isinstance(answer, Lost):
                    yield BrokenOff(answer.item)
                    answer = _attempt(job, answer.item, host, gateway, journal)
            yield answer
    finally:
        host.close()
        journal.close()


def play_in_workers(
    job: Job,
    items: Sequence[WorkItem],
    workers: int,
    stop: Callable[[], bool],
    gateway: Gateway | None = None,
    told: Told = _tell_nobody,
) -> Generator[Result, None, None]:
    """Play items in worker processes and yield each result as it comes, in no particular order.

    Args:
        job: what to play with.
        items: the episodes, handed out in this order.
        workers: number of processes.
        stop: asked several times a second; when it says yes, running episodes are finished and the rest is left out.
        gateway: to language models; None when nobody needs one.
        told: called several times a second, with what the workers play.

    Raises:
        ArenaError: the workers cannot be started, or the arena has a defect.
    """
    pool = _Pool(job, items, min(workers, len(items)), gateway)
    try:
        yield from pool.run(stop, told)
        pool.dismiss()
    finally:
        pool.kill()


class _Worker:
    """The main process's side of one worker."""

    def __init__(self, job: Job, number: int, gateway: Gateway | None) -> None:
        self.connection, theirs = multiprocessing.get_context("spawn").Pipe()
        self.journal = None if job.journals is None else journal_path(job.journals, number)
        asking: Connection | None = None
        if gateway is not None:
            ours, asking = multiprocessing.get_context("spawn").Pipe()
            serve_calls(gateway, ours)
        self.ready = False
        self.item: WorkItem | None = None
        context = multiprocessing.get_context("spawn")
        self.process: SpawnProcess = context.Process(
            target=_serve, args=(theirs, job, self.journal, asking), name="arena-worker"
        )
        # The tracker process unblocks signals when it is started; so it must be there before they are blocked.
        resource_tracker.ensure_running()
        try:
            with _interrupts_held(), _environment_of_workers(job.key_variables):
                self.process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()
            if asking is not None:
                asking.close()

    def give(self, item: WorkItem) -> None:
        """Hand over an item. If the worker has died, that is found out when its answer is waited for."""
        self.item = item
        with contextlib.suppress(OSError):
            self.connection.send(item)

    def bury(self) -> None:
        """End the process, if it has not ended, and free what belonged to it."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


class _Pool:
    def __init__(self, job: Job, items: Sequence[WorkItem], workers: int, gateway: Gateway | None) -> None:
        self._job = job
        self._gateway = gateway
        self._waiting = deque(items)
        self._size = workers
        self._workers: list[_Worker] = []
        self._attempts: dict[WorkItem, int] = {}
        self._numbers = itertools.count(1)
        self._failed_starts = 0

    def run(self, stop: Callable[[], bool], told: Told) -> Iterator[Result]:
        """Yield results until nothing is left to do, and tell what is being played."""
        while True:
            if self._waiting and stop():
                self._waiting.clear()
            self._hire()
            busy = [worker for worker in self._workers if worker.item is not None]
            if not busy and not self._waiting:
                return
            told([worker.item for worker in busy if worker.item is not None])
            # A descriptor inherited by a worker's own children could hide its end; hence the look at the process.
            answering = connection.wait([worker.connection for worker in self._workers], _POLL_SECONDS)
            for worker in list(self._workers):
                if worker.connection in answering:
                    yield from self._listen(worker)
                elif not worker.process.is_alive() and not worker.connection.poll():
                    yield from self._replace(worker)

    def _hire(self) -> None:
        """Keep as many workers as there is work for, and give each ready one an item."""
        for worker in self._workers:
            if worker.ready and worker.item is None and self._waiting:
                worker.give(self._waiting.popleft())
        coming = sum(not worker.ready for worker in self._workers)
        while len(self._workers) < self._size and coming < len(self._waiting):
            try:
                self._workers.append(_Worker(self._job, next(self._numbers), self._gateway))
            except OSError as error:
                fix = "free some memory, or ask for fewer by --workers"
                raise ArenaError(f"a worker cannot be started ({error.strerror}); {fix}") from error
            coming += 1

    def _listen(self, worker: _Worker) -> Iterator[Result]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._replace(worker)
            return
        item, worker.item = worker.item, None
        if isinstance(answer, _Defect):
            raise ArenaError(f"the arena has a defect, please report it:\n{answer.text}")
        if isinstance(answer, _Unfit):
            yield from self._replace(worker, answer.text)
            return
        if isinstance(answer, _Ready):
            worker.ready = True
            self._failed_starts = 0
        if isinstance(answer, Lost):
            # Its orders are committed before the worker, whose journal holds them, begins another episode.
            yield from self._again(answer.item, answer.message)
            self._hire()
            return
        # The next item goes out first: the worker plays while this process writes.
        self._hire()
        if item is not None:
            yield answer

    def _replace(self, worker: _Worker, said: str = "") -> Iterator[Result]:
        self._workers.remove(worker)
        worker.process.join(_POLL_SECONDS)
        message = said or f"the worker process ended ({_ending(worker.process.exitcode)})"
        worker.bury()
        if worker.item is not None:
            yield from self._again(_with_journal(self._job, worker.item, worker.journal), message)
        elif not worker.ready:
            self._failed_starts += 1
            if self._failed_starts == _STARTS:
                raise ArenaError(f"workers do not start: {message}; --workers 0 plays without them and may tell why")

    def _again(self, item: WorkItem, message: str) -> Iterator[Result]:
        self._attempts[item] = self._attempts.get(item, 0) + 1
        if self._attempts[item] < ATTEMPTS:
            yield BrokenOff(item)
            self._waiting.append(item)
        else:
            yield Lost(item, message)

    def dismiss(self) -> None:
        """Let idle workers leave by themselves, so that their hosts clean up."""
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.connection.send(None)
        for worker in self._workers:
            worker.process.join(_LEAVE_SECONDS)

    def kill(self) -> None:
        """End whatever still runs."""
        while self._workers:
            self._workers.pop().bury()


def _ending(exit_code: int | None) -> str:
    if exit_code is None:
        return "it stopped answering"
    if exit_code < 0:
        try:
            return f"killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"killed by signal {-exit_code}"
    return f"exit status {exit_code}"


def _with_journal(job: Job, item: WorkItem, path: Path | None) -> WorkItem:
    """Return an item together with the orders that a worker which died had noted of it."""
    entry = None if path is None else read_journal(path)
    if entry is None or entry.key != key_of_item(job, item):
        return item
    return replace(item, precedent=entry.precedent.merged(item.precedent))


def _serve(pipe: Connection, job: Job, journal_at: Path | None, asking: Connection | None) -> None:
    """Be a worker: play what comes until nothing more does."""
    # Ctrl-C reaches the whole group of processes; what it means is decided by the main process alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    gateway = None if asking is None else RelayedGateway(asking)
    with contextlib.suppress(EOFError, OSError):
        try:
            journal = Journal(journal_at)
            host = make_host(job.isolation, job.limits, job.kept)
        except (ArenaError, OSError) as error:
            # The main process has found that the level works; so this came from outside and may not come again.
            pipe.send(_Unfit(str(error)))
            return
        except Exception:
            pipe.send(_Defect(traceback.format_exc()))
            return
        try:
            pipe.send(_Ready())
            while (item := pipe.recv()) is not None:
                try:
                    answer: PlayedEpisode | Lost | _Defect = _attempt(job, item, host, gateway, journal)
                except Exception:
                    answer = _Defect(traceback.format_exc())
                pipe.send(answer)
        finally:
            host.close()


def _attempt(job: Job, item: WorkItem, host: Host, gateway: Gateway | None, journal: Journal) -> PlayedEpisode | Lost:
    """Play one item once."""
    journal.forget(item.precedent)
    try:
        return play(
            job.submissions[item.submission],
            job.scenarios[item.scenario],
            item.seed,
            host,
            job.limits,
            commitment=job.commitment,
            gateway=gateway,
            precedent=item.precedent,
            journal=journal,
        )
    except (InfrastructureFailure, OSError, MemoryError) as error:
        return Lost(replace(item, precedent=journal.precedent), f"{type(error).__name__}: {error}")


def _leave_with_parent() -> None:
    """End this process when the main one has ended, however that came about and whatever is being played."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back, also for processes started meanwhile, which take this state over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment_of_workers(secrets: Sequence[str]) -> Iterator[None]:
    """Give processes started meanwhile one thread for linear algebra, as the pool already uses every core, and no key.

    Args:
        secrets: names of the variables that they are not to have.
    """
    added = [name for name in _SINGLE_THREAD if name not in os.environ]
    held_back = {name: os.environ.pop(name) for name in secrets if name in os.environ}
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        os.environ.update(held_back)
        for name in added:
            del os.environ[name]
