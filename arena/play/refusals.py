"""Refusals before the first episode: unusable arguments, ungranted capabilities, libraries that do not import.

Every set of preloaded libraries is imported once, where it will be imported.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from arena.contract.native_scores import find_suite_misfits
from arena.contract.seeds import PUBLIC_SEEDS, HiddenSeeds, SeedPlan
from arena.contract.version import contract_digest, earlier_digests
from arena.entry.submission import Submission
from arena.errors import ABSENT, Fault, InfrastructureFailure, InvalidInput, describe_exception, suggest
from arena.jail.isolation import PROGRAMS_ISOLATION, Isolation
from arena.jail.launcher import PreloadFailure
from arena.jail.limits import Limits
from arena.results.episode_table import EpisodeTable
from arena.results.record import EpisodeRecord
from arena.results.scores import Divisors, Scoring
from arena.world.independence import find_dependence
from arena.world.parts import MEANINGS, Part, parts_of
from arena.world.randomness import draws_nothing
from arena.world.scoring import ScoreRule
from arena.world.suite import Suite

_TRIALS = 2


def refuse_unplayable(submissions: Sequence[Submission], seeds: SeedPlan) -> None:
    """Refuse what nobody could rank or verify: no submission, two of one name, or hidden seeds of unknown rules.

    Args:
        submissions: Who wants to play.
        seeds: On which seeds.

    Raises:
        InvalidInput: With everything that is wrong.
    """
    faults = []
    if not submissions:
        faults.append(Fault("submissions", "", ABSENT, "there is no submission to play", "name at least one"))
    for name, number in Counter(submission.name for submission in submissions).items():
        if number > 1:
            paths = " and ".join(str(one.path) for one in submissions if one.name == name)
            rule = f"{number} submissions have this name: {paths}"
            faults.append(Fault("submissions", "name", name, rule, "give each its own name, and name each once"))
    if isinstance(seeds, HiddenSeeds) and seeds.contract_digest not in {contract_digest(), *earlier_digests()}:
        rule = "is no digest of these rules, so that nobody could verify what is played"
        fix = "use hidden_seeds(secret, count, contract_digest())"
        faults.append(Fault("seeds", "contract_digest", seeds.contract_digest, rule, fix))
    if faults:
        raise InvalidInput(faults)


def refuse_unplayed_parts(submissions: Sequence[Submission], suite: Suite) -> None:
    """Refuse submissions whose controller does not play the suite's worlds, or a part of them.

    Args:
        submissions: Who wants to play.
        suite: What is to be played.

    Raises:
        InvalidInput: Naming, for every such submission, what it does not play, and a scenario with each.
    """
    faults = []
    for submission, reason in find_unplayed(submissions, suite):
        fix = "leave the submission out, or play scenarios without that"
        rule = f"does not play: {reason}"
        faults.append(Fault(str(submission.path), "controller", submission.controller, rule, fix))
    if faults:
        raise InvalidInput(faults)


def find_unplayed(submissions: Sequence[Submission], suite: Suite) -> Iterator[tuple[Submission, str]]:
    """Yield the submissions whose controller does not play the suite's worlds, each with what it does not play.

    Args:
        submissions: Who wants to play.
        suite: What is to be played.
    """
    found: dict[Part, str] = {}
    for scenario in suite.scenarios:
        for part in parts_of(scenario):
            found.setdefault(part, scenario.name)
    dependent: str | None = None
    for submission in submissions:
        missing = [part for part in found if submission.plays is not None and part not in submission.plays]
        named = [f"{MEANINGS[part]} ({part}, in scenario {found[part]})" for part in missing]
        if submission.independent_only:
            dependent = _describe_dependence(suite) if dependent is None else dependent
            named += [dependent] if dependent else []
        if named:
            yield submission, "; ".join(named)


def _describe_dependence(suite: Suite) -> str:
    """Return the first reason why stock points of a scenario depend on one another; empty if they never do."""
    for scenario in suite.scenarios:
        if reason := find_dependence(scenario):
            return f"stock points that depend on one another ({reason}, in scenario {scenario.name})"
    return ""


def refuse_misfits(suite: Suite) -> None:
    """Refuse a suite whose score rule or native score does not fit its scenarios.

    Args:
        suite: what is to be played.

    Raises:
        InvalidInput: with everything that does not fit.
    """
    faults = [Fault(f"suite {suite.name}", *fault) for fault in find_suite_misfits(suite)]
    if faults:
        raise InvalidInput(faults)


def refuse_absent_windows(suite: Suite, seeds: int) -> None:
    """Refuse more seeds than a scenario has windows: every seed plays a window of its own.

    Args:
        suite: what is to be played.
        seeds: seeds per scenario.

    Raises:
        InvalidInput: naming every scenario that has fewer windows.
    """
    faults = []
    for scenario in suite.scenarios:
        if scenario.window is not None and scenario.windows < seeds:
            rule = f"has fewer windows than there are seeds, {seeds}, and the k-th seed plays the k-th window"
            fix = f"write --seeds public:{scenario.windows}" if scenario.windows <= len(PUBLIC_SEEDS) else ""
            fix = fix or f"write --seeds hidden:{scenario.windows}"
            faults.append(
                Fault(
                    f"scenario {scenario.name}", "window", f"{scenario.windows} windows", rule, f"{fix}, or add windows"
                )
            )
    if faults:
        raise InvalidInput(faults)


def refuse_equal_seeds(suite: Suite) -> None:
    """Refuse to play seeds until decided where no seed changes anything.

    Args:
        suite: what is to be played.

    Raises:
        InvalidInput: all seeds play the same episodes.
    """
    if all(map(draws_nothing, suite.scenarios)):
        rule = "no seed changes anything in its scenarios, so that further seeds decide nothing"
        fix = "leave --until-decided out; intervals are over scenarios"
        raise InvalidInput([Fault(f"suite {suite.name}", "", ABSENT, rule, fix)])


def refuse_absent_reference(
    rule: ScoreRule, submissions: Sequence[Submission], records: Sequence[EpisodeRecord]
) -> None:
    """Refuse to play where the rule that scores are measured from does not play.

    Args:
        rule: how the suite scores.
        submissions: who plays.
        records: what has been played of the suite.

    Raises:
        InvalidInput: naming the reference rule.
    """
    known = {one.name for one in submissions} | {record.submission for record in records}
    if rule.reference is not None and rule.reference not in known:
        reason = "no submission of this name plays or has played, and scores are measured from its profit"
        raise InvalidInput([Fault("suite", "score.reference", rule.reference, reason, suggest(rule.reference, known))])


def refuse_unscorable(records: Sequence[EpisodeRecord], suite: Suite, seeds: int, scoring: Scoring) -> None:
    """Refuse a suite with scenarios on which no score means anything, as the episodes of the references show.

    Args:
        records: what has been played of the suite.
        suite: what is played.
        seeds: seeds per scenario.
        scoring: how it scores.

    Raises:
        InvalidInput: naming every such scenario, and why.
    """
    table = EpisodeTable(records, [scenario.name for scenario in suite.scenarios], seeds)
    unscored = Divisors(table, scoring).unscored
    if not unscored:
        return
    faults = [
        Fault(f"suite {suite.name}", f"scenario {table.scenarios[place]}", ABSENT, f"cannot be scored: {one.reason}")
        for place, one in unscored.items()
    ]
    causes = {one.cause for one in unscored.values()}
    fixes = ["leave such scenarios out of the suite"]
    if "denominator" in causes and scoring.rule.rule == "gap_closed":
        fixes.append("name another reference rule, which is neither the oracle nor as good")
    elif "denominator" in causes:
        fixes.append("score by another rule, as score: {rule: gap_closed, reference: SUBMISSION} in the suite's file")
    if "forfeit" in causes:
        fixes.append("mend whoever forfeited")
    if "fallback" in causes:
        fixes.append("have the fallback's episodes scored with --accept-fallbacks")
    if "optimum" in causes:
        fixes.append("correct optimal_costs")
    references = {scoring.rule.reference}
    nobody = all(record.track == "oracle" or record.submission in references for record in records)
    kept = "no contestant has played" if nobody else "the tables are as they were"
    fix = f"{', or '.join(fixes)}; {kept}, and episodes are kept"
    raise InvalidInput([*faults[:-1], faults[-1]._replace(suggestion=fix)])


def refuse_inside(submissions: Iterable[Submission], output: Path) -> None:
    """Refuse a folder of results inside a submission, whose files it would add to.

    Args:
        submissions: Who wants to play.
        output: The folder of results; it need not exist.

    Raises:
        InvalidInput: Naming every submission whose folder it is in.
    """
    place = output.resolve()
    faults = []
    for submission in submissions:
        if submission.folder is not None and place.is_relative_to(folder := submission.folder.resolve()):
            rule = f"is inside the folder of submission {submission.name}, all of whose files are part of it"
            faults.append(
                Fault(str(output), "", ABSENT, rule, f"write the results elsewhere: --output {_beside(folder)}")
            )
    if faults:
        raise InvalidInput(faults)


def _beside(folder: Path) -> str:
    """Return a folder for results beside another one, as seen from here if that is shorter."""
    other = folder.parent / "results"
    near = os.path.relpath(other)
    return min(near, str(other), key=len)


def refuse_ungranted(submissions: Sequence[Submission], isolation: str) -> None:
    """Refuse submissions that ask for what a level does not grant, before anything is played.

    That is a capability, or, at the level `trusted`, to be imported into this process without being trusted.

    Args:
        submissions: Who wants to play.
        isolation: The level.

    Raises:
        InvalidInput: Naming every such submission.
    """
    faults = [
        Fault(
            str(submission.path),
            "capabilities",
            "subprocess",
            f'isolation level "{isolation}" does not grant it; only "{PROGRAMS_ISOLATION}" can contain programs',
            f"use a library that solves in its own process, such as HiGHS; or --isolation {PROGRAMS_ISOLATION}",
        )
        for submission in submissions
        if isolation != PROGRAMS_ISOLATION and "subprocess" in submission.manifest.capabilities
    ]
    faults += [
        Fault(
            str(submission.path),
            "controller",
            submission.controller,
            f'isolation level "trusted" runs it in the arena\'s process, and nobody trusts {submission.distribution}',
            f"choose another level, or trust the package: --trust {submission.distribution}, or trust=[...] in Python",
        )
        for submission in submissions
        if isolation == "trusted" and submission.untrusted
    ]
    if faults:
        raise InvalidInput(faults)


def refuse_unimportable(submissions: Iterable[Submission], isolation: Isolation, limits: Limits | None = None) -> None:
    """Refuse submissions whose preloaded libraries cannot be imported, before anything is played.

    At the level `trusted` nothing is imported beforehand; there it is only looked for.

    Args:
        submissions: Who wants to play.
        isolation: A level that works here.
        limits: Those of the matches, memory among them; None for the defaults.

    Raises:
        InvalidInput: Naming every library of every such submission.
        InfrastructureFailure: The trial itself failed, twice.
    """
    naming = [submission for submission in submissions if submission.preload]
    if not naming:
        return
    found = _missing(naming) if isolation == "trusted" else _unimportable(naming, isolation, limits or Limits())
    faults = [_fault(submission, library, reason) for submission, library, reason in found]
    if faults:
        raise InvalidInput(faults)


def _unimportable(
    submissions: Iterable[Submission], isolation: Isolation, limits: Limits
) -> Iterator[tuple[Submission, str, str]]:
    # Imported here, as the machinery of processes is needed for this alone.
    from arena.jail.bubblewrap import find_bubblewrap
    from arena.play.seats.process import ProcessHost

    with contextlib.closing(ProcessHost(limits, isolation, find_bubblewrap())) as host:
        for submission in submissions:
            for trial in range(1, _TRIALS + 1):
                try:
                    host.preload(submission)
                except PreloadFailure as failure:
                    for library, reason in failure.failures:
                        yield submission, library, reason
                except InfrastructureFailure:
                    # Once more, since a process that was killed meanwhile says nothing about the library.
                    if trial == _TRIALS:
                        raise
                    continue
                break


def _missing(submissions: Iterable[Submission]) -> Iterator[tuple[Submission, str, str]]:
    for submission in submissions:
        for library in submission.preload:
            try:
                missing = importlib.util.find_spec(library) is None
            except (Exception, SystemExit) as error:  # Of a module's name this imports the package.
                yield submission, library, describe_exception(error)
            else:
                if missing:
                    yield submission, library, "it is not installed"


def _fault(submission: Submission, library: str, reason: str) -> Fault:
    fix = "install it where the arena runs"
    if library in submission.manifest.preload:
        fix += ", or remove it here; the controller then imports it itself"
    else:
        fix += f'; the plugin "{submission.distribution}" needs it'
    rule = f"cannot be imported before the episodes: {reason}"
    return Fault(str(submission.manifest_path), "preload", library, rule, fix)
