"""Evaluation: every submission plays every scenario on every seed, once; what was played before is not played again.

Workers play, this process alone writes. Each episode is committed as it comes, so whatever ends the evaluation, the
same call goes on where it stopped and ends with the same rows (their timings aside).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from arena.contract.seeds import HiddenSeeds, SeedPlan
from arena.entry.folder import leave_folders
from arena.entry.submission import Submission, take_snapshot
from arena.errors import ABSENT, ArenaError, Fault, InvalidInput, StoreError
from arena.jail.limits import Limits
from arena.llm.access import LlmAccess, open_gateway
from arena.llm.call import Gateway
from arena.play.counted import counted_records
from arena.play.episode import lost_episode
from arena.play.interrupts import count_interrupts
from arena.play.keeping import keeper_for
from arena.play.packages import trusted_packages
from arena.play.pairing import enter_pairings
from arena.play.pool import play_here, play_in_workers
from arena.play.refusals import (
    refuse_absent_reference,
    refuse_absent_windows,
    refuse_equal_seeds,
    refuse_inside,
    refuse_misfits,
    refuse_ungranted,
    refuse_unimportable,
    refuse_unplayable,
    refuse_unplayed_parts,
    refuse_unscorable,
)
from arena.play.rounds import refuse_departures
from arena.play.seats import conceal_memory, require_level
from arena.play.work import BrokenOff, Job, Lost, WorkItem, key_of_item, missing, open_journals, split_references
from arena.progress import Progress, Silent
from arena.results.attempts import remove_journals
from arena.results.export import write_episodes
from arena.results.files import STANDINGS, make_folder, write_text
from arena.results.folder import (
    EPISODES_NAME,
    STANDINGS_NAME,
    STORE_NAME,
    find_seeds_contract,
    free_name,
    has_accepted_fallbacks,
    refuse_other_results,
)
from arena.results.losses import refuse_losses
from arena.results.record import EpisodeRecord
from arena.results.rounds import Round
from arena.results.rows import RefusedSubmission, Removal, Standings, StoppingRule, UnplayedSubmission
from arena.results.scores import Scoring
from arena.results.sealing import seal
from arena.results.standings import compute_standings
from arena.results.store import Store
from arena.results.stored import EpisodeStatus
from arena.world.randomness import draws_nothing
from arena.world.suite import Suite

_SNAPSHOTS: Final = ".submissions-"
_LEFT_SNAPSHOTS: Final = re.compile(re.escape(_SNAPSHOTS) + "[a-z0-9_]{8}")
"""Names that `tempfile` gives; a folder of another name is a stranger's."""
_JOURNALS: Final = ".attempts"


class Interrupted(ArenaError):  # noqa: N818 - named after what it reports
    """The user stopped an evaluation with Ctrl-C; what had been played is in the store.

    Attributes:
        played: episodes played in this call.
        left: episodes still to play.
    """

    def __init__(self, played: int, left: int, output: Path) -> None:
        """Take what was done and what is left."""
        self.played = played
        self.left = left
        self.output = output
        super().__init__(played, left, output)

    def __str__(self) -> str:
        """Return what was kept and how to go on."""
        kept = f"the {self.played} episodes played are kept in {self.output / STORE_NAME}"
        return f"interrupted: {kept}, {self.left} are left; run the same command again to go on"


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        standings: standings of all that the store holds for this suite and these seeds, earlier evaluations included.
        records: their records, by submission, scenario and seed index.
        submissions: names of the submissions of this call.
        played: episodes played in this call.
        resumed: episodes of this call that had been played before.
        store: the store.
        episodes: table of the records, CSV.
        standings_file: the standings, JSON.
        removals: marks of submissions of this call, or of others with their names, that had been removed before.
        unkept: what the controllers of this call could read that was not kept in memory for it, in words; empty if
            nothing is known.
    """

    standings: Standings
    records: tuple[EpisodeRecord, ...]
    submissions: tuple[str, ...]
    played: int
    resumed: int
    store: Path
    episodes: Path
    standings_file: Path
    removals: tuple[Removal, ...] = ()
    unkept: str = ""


def evaluate(
    submissions: Sequence[Submission],
    suite: Suite,
    seeds: SeedPlan,
    *,
    output: str | Path,
    isolation: str = "process",
    workers: int | None = None,
    limits: Limits | None = None,
    models: LlmAccess | None = None,
    accept_fallbacks: bool = False,
    stopping: StoppingRule | None = None,
    refused: Sequence[RefusedSubmission] = (),
    not_playing: Sequence[UnplayedSubmission] = (),
    contest_round: Round | None = None,
    trusted: Sequence[str] = (),
    progress: Progress[EpisodeRecord] | None = None,
) -> Evaluation:
    """Play what is missing in a folder of results, and write its tables anew.

    Whoever scores are measured against plays first. If a scenario turns out to be one on which no score means anything
    (see `arena.results.scores`), it is refused before anybody else plays.

    An episode counts as played when the store has it under the same rules, content of submission and scenario, and
    seed, at this isolation level or a stronger one, and the arena did not fail to play it.

    Workers are processes that import the main module again: a script that calls this does so under
    `if __name__ == "__main__":`.

    Args:
        submissions: who plays; names are unique.
        suite: what is played.
        seeds: the seeds.
        output: folder of results, of one selection of rules, suite and seeds; made if missing.
        isolation: isolation level of the matches.
        workers: processes that play; None for one per core, 0 to play in this process.
        limits: limits on time and the rest, recorded in the store; None for the defaults.
        models: what submissions that need a language model are granted; None: nothing.
        accept_fallbacks: whether scenarios are scored on which the oracle answered decisions by its fallback.
        stopping: the rule by which these hidden seeds are played until decided, of which this is one batch; see
            `arena.play.until_decided`. None for a number of seeds that was fixed beforehand, unless the folder's were
            played until decided before.
        refused: submissions that were left out because they are malformed, for the standings.
        not_playing: submissions that were left out because they do not play the suite's worlds, likewise.
        contest_round: the round that this evaluation plays, all of it; its results are official. None for practice.
        trusted: strangers' packages that this process has imported or may import, each `PACKAGE` or `PACKAGE=DIGEST`;
            those of `models` and of the submissions' own plugins need not be named.
        progress: who is told how it goes.

    Raises:
        Interrupted: Ctrl-C. A second one kills what is being played and raises KeyboardInterrupt.
        ArenaError: the isolation level does not work here, a folder cannot be made, a file cannot be written, workers
            cannot be started.
        InvalidInput: there is no submission, or two have one name, or hidden seeds are of other rules; the folder holds
            results of another selection or with other limits (see `arena.results.limits`), a file that the arena did
            not write (see `arena.results.folder`), or tables with episodes of other submissions that its store does not
            hold; it is inside a submission's folder; a submission's folder has changed since it was loaded, or it asks
            for a capability that the isolation level does not grant, or for a library that cannot be preloaded, or
            needs a language model and has none; see `arena.llm.split_playable`; the suite's score rule does not fit its
            scenarios, or a scenario cannot be scored or has fewer windows than there are
            seeds; what is to be played is not what the round commits to, or the
            folder holds another round or practice on its seeds.
        StoreAgeError: the store is of a newer arena, or has episodes that `arena results upgrade` would complete.
        StoreError: the store cannot be used.
    """
    output = Path(output)
    refuse_unplayable(submissions, seeds)
    refuse_misfits(suite)
    refuse_absent_windows(suite, seeds.count)
    if stopping is not None:
        refuse_equal_seeds(suite)
    access = models or LlmAccess()
    if seeds.commitment is not None or access.key_variables:
        conceal_memory()  # The secret is in it, or a key.
    level = require_level(isolation)
    refuse_inside(submissions, output)
    refuse_ungranted(submissions, level)
    refuse_unplayed_parts(submissions, suite)
    allowed = limits or Limits()
    packages = trusted_packages(submissions, [*trusted, *access.trust])
    if contest_round is not None:
        refuse_departures(
            contest_round,
            submissions,
            suite,
            seeds,
            isolation=level,
            limits=allowed,
            stopping=stopping,
            accept_fallbacks=accept_fallbacks,
            models=access,
            trusted=packages,
        )
    with contextlib.ExitStack() as stack:
        # It works while the rest is looked at.
        keeper = stack.enter_context(keeper_for(level))
        refuse_unimportable(submissions, level, allowed)
        count = cores() if workers is None else workers
        if count < 0:
            raise ArenaError(f"the number of workers must be 0 or more, got {workers}")
        watcher = progress or Silent()
        refuse_other_results(output, suite, seeds, asks_models=any(one.endpoint for one in submissions))
        # What was accepted once stays accepted: the tables are about it.
        accepted = accept_fallbacks or has_accepted_fallbacks(output)
        scoring = Scoring(suite.score_rule, suite.scored_by, accepted, suite.native)
        refuse_losses(output, [one.name for one in submissions], free_name(output, suite.name))
        make_folder(output)
        store = stack.enter_context(Store(output / STORE_NAME))
        store.require_current()
        _refuse_other_demand(store, seeds, output)
        if seeds.commitment is not None:
            store.rounds.enter(seeds.commitment, contest_round, output)
        store.limits.enter(allowed, output)
        packages = store.trusted.enter(packages)
        removals = store.removals.enter((one.name, one.digest) for one in submissions)
        if scoring.rule.reference is not None:
            refuse_absent_reference(scoring.rule, submissions, counted_records(store, suite, seeds, submissions))
        pairings = enter_pairings(submissions, store, output)
        rule = None if seeds.commitment is None else store.stopping.enter(seeds.commitment, stopping)
        # The store's lock is held, so copies that are here were left by an evaluation that was killed.
        for left in output.glob(f"{_SNAPSHOTS}*"):
            if _LEFT_SNAPSHOTS.fullmatch(left.name) and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
        playing = stack.enter_context(_snapshots(submissions, output))
        store.put_scenarios(suite.scenarios, suite.drawings)
        gateway = stack.enter_context(open_gateway(submissions, access, output))
        job = Job(
            playing,
            tuple(suite.scenarios),
            level,
            allowed,
            seeds.commitment,
            access.key_variables,
            open_journals(store, output / _JOURNALS),
        )
        try:
            items = missing(job, seeds, store)
        except StoreError:
            remove_journals(output / _JOURNALS)  # Nothing is played, so nothing is left but the store.
            raise
        total = len(playing) * len(job.scenarios) * seeds.count
        if items and keeper is not None:
            job = replace(job, kept=keeper.wait())
        watcher.started(total, total - len(items))
        references, contestants = split_references(job, items, scoring.rule)
        try:
            played = _play(job, references, count, store, suite.name, watcher, gateway)
            if played == len(references) and contestants:
                refuse_unscorable(counted_records(store, suite, seeds, playing), suite, seeds.count, scoring)
                played += _play(job, contestants, count, store, suite.name, watcher, gateway)
        finally:
            watcher.finished()
        # Every attempt has ended and is committed. Whatever else ends an evaluation leaves them for the next one.
        remove_journals(output / _JOURNALS)
        if played < len(items):
            raise Interrupted(played, len(items) - played, output)
        records = counted_records(store, suite, seeds, playing)
        marks = store.removals.all()
        standings = compute_standings(
            records,
            suite=suite.name,
            scenarios=[scenario.name for scenario in suite.scenarios],
            seeds=seeds.count,
            seed_plan=seeds.label,
            commitment=seeds.commitment,
            scoring=scoring,
            stopping=rule,
            full_views={name: pair.full_view for name, pair in pairings.items() if pair.full_view is not None},
            fitted_rules={name: pair.fitted_rule for name, pair in pairings.items() if pair.fitted_rule is not None},
            removals=marks,
            trusted=packages,
            refused=refused,
            not_playing=not_playing,
            round_digest=None if contest_round is None else contest_round.digest,
            draws_nothing=all(map(draws_nothing, suite.scenarios)),
        )
        standings = seal(standings, store, records)
    evaluation = Evaluation(
        standings=standings,
        records=tuple(records),
        submissions=tuple(submission.name for submission in submissions),
        played=played,
        resumed=total - len(items),
        store=output / STORE_NAME,
        episodes=output / EPISODES_NAME,
        standings_file=output / STANDINGS_NAME,
        removals=removals,
        unkept="" if job.kept is None else job.kept.describe_lack(),
    )
    write_episodes(records, suite.name, evaluation.episodes)
    write_text(evaluation.standings_file, standings.model_dump_json(indent=2) + "\n", STANDINGS)
    return evaluation


@contextlib.contextmanager
def _snapshots(submissions: Sequence[Submission], output: Path) -> Iterator[tuple[Submission, ...]]:
    """Copies of the submissions in a folder of their own, which is removed afterwards."""
    with contextlib.ExitStack() as stack:
        try:
            # A copy that cannot be removed is in nobody's way: the next evaluation tries again.
            folder = tempfile.TemporaryDirectory(prefix=_SNAPSHOTS, dir=output, ignore_cleanup_errors=True)
            place = Path(stack.enter_context(folder)).resolve()
            copies = tuple(take_snapshot(submission, place) for submission in submissions)
        except OSError as error:
            fix = "check the folder, its permissions and the disk"
            raise ArenaError(f"{output}: submissions cannot be copied there ({error.strerror}); {fix}") from error
        try:
            yield copies
        finally:
            leave_folders()  # At level trusted they are on the path of this process.


def _play(
    job: Job,
    items: Sequence[WorkItem],
    workers: int,
    store: Store,
    suite: str,
    watcher: Progress[EpisodeRecord],
    gateway: Gateway | None,
) -> int:
    """Play items, commit each as it comes, and return how many were played."""
    played = 0
    with count_interrupts() as interrupts:
        if workers == 0 or not items:
            results = play_here(job, items, interrupts.stop, gateway)
        else:
            results = play_in_workers(job, items, workers, interrupts.stop, gateway)
        with contextlib.closing(results):
            for result in results:
                if isinstance(result, Lost | BrokenOff) and result.item.precedent is not None:
                    store.attempts.put(key_of_item(job, result.item), result.item.precedent)
                if isinstance(result, BrokenOff):
                    continue
                episode = lost_episode(result, job) if isinstance(result, Lost) else result
                # An episode that was finished at a weaker level stays, until it is finished at the stronger one.
                if not isinstance(result, Lost) or not _is_finished(store.status(key_of_item(job, result.item))):
                    store.put(episode, suite=suite)
                played += 1
                watcher.advanced(episode.record)
    return played


def _is_finished(status: EpisodeStatus | None) -> bool:
    return status is not None and status.outcome != "infrastructure"


def _refuse_other_demand(store: Store, seeds: SeedPlan, output: Path) -> None:
    """Refuse hidden seeds that bring other demand than those that were played, under the same commitment."""
    if not isinstance(seeds, HiddenSeeds):
        return
    origin = find_seeds_contract(store, seeds.commitment)
    if origin not in (None, seeds.contract_digest):
        rule = f"its hidden seeds were derived under the contract {str(origin)[:12]}…, before it was extended"
        fix = "derive these seeds under that contract too (hidden_seeds), as arena evaluate does"
        raise InvalidInput([Fault(str(output), "", ABSENT, rule, fix)])


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
