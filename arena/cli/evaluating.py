"""`arena evaluate`: play, rank, report."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.cli.app import FORFEITED, INTERRUPTED
from arena.cli.checking import (
    AcceptFallbacks,
    Budget,
    Isolation,
    LimitsFile,
    Margin,
    Paths,
    Settings,
    Trust,
    UntilDecided,
    load,
    pin,
    with_models,
)
from arena.cli.console import Json, print_json, warn
from arena.cli.model_options import (
    ModelCalls,
    ModelEpisodeCalls,
    ModelEpisodeTokens,
    ModelFailuresInARow,
    ModelRetries,
    ModelTimeout,
    ModelTokens,
    model_limits,
)
from arena.cli.standings_table import describe_removal, forfeits_as_json, print_forfeits, print_standings
from arena.cli.streams import kept
from arena.cli.suite_options import Data, Options, load_suite_option, refuse_suite_options

if TYPE_CHECKING:
    from arena.cli.live_status import StatusFile
    from arena.contract.seeds import SeedPlan
    from arena.entry.loading import LoadedSubmissions
    from arena.entry.submission import Submission
    from arena.play.evaluate import Evaluation
    from arena.results.record import EpisodeRecord
    from arena.results.rows import RefusedSubmission, StoppingRule, UnplayedSubmission
    from arena.world.suite import Suite

_SUITE = "core"
"""The suite that is played when none is named."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("evaluate")(evaluate)


def evaluate(
    paths: Paths,
    settings: Settings = None,
    suite: Annotated[
        str | None, typer.Option(help=f"A suite by name, or a YAML file; {_SUITE} unless given.", show_default=False)
    ] = None,
    data: Data = None,
    option: Options = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="A scenario by name or file, in place of a suite; repeatable.")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="public, public:N, or hidden:N for N seeds from a secret; public unless given, public:1 where no seed "
            "changes anything."
        ),
    ] = None,
    secret: Annotated[Path | None, typer.Option(help="File of the secret, for hidden seeds.")] = None,
    round_file: Annotated[
        Path | None,
        typer.Option(
            "--round",
            metavar="FILE",
            help="The round that is played, all of it: see arena round new. It says suite, seeds, level and limits.",
        ),
    ] = None,
    isolation: Isolation = None,
    limits: LimitsFile = None,
    trust: Trust = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Episodes at a time; one per core unless given, 0 plays in this process.")
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder of results, of one suite and its seeds; what is there is not played again.")
    ] = Path("results"),
    llm: Annotated[
        str, typer.Option(help="Language models: live asks endpoints, replay plays from a transcript, off has none.")
    ] = "off",
    llm_endpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="An endpoint that may be asked, as URL or URL=VARIABLE with the environment variable of its key; "
            "repeatable.",
            envvar="ARENA_LLM_ENDPOINTS",
        ),
    ] = None,
    transcripts: Annotated[
        Path | None, typer.Option(help="Transcript to replay; that of the output folder unless given.")
    ] = None,
    llm_calls: ModelCalls = None,
    llm_tokens: ModelTokens = None,
    llm_episode_calls: ModelEpisodeCalls = None,
    llm_episode_tokens: ModelEpisodeTokens = None,
    llm_timeout: ModelTimeout = None,
    llm_retries: ModelRetries = None,
    llm_failures_in_a_row: ModelFailuresInARow = None,
    until_decided: UntilDecided = False,
    margin: Margin = None,
    budget: Budget = None,
    accept_fallbacks: AcceptFallbacks = False,
    refuse_faulty: Annotated[
        bool, typer.Option("--refuse-faulty", help="Play nothing if a submission is malformed, instead of the others.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 when a submission forfeited.")] = False,
    as_json: Json = False,
) -> None:
    """Play every submission on every scenario and seed, and rank them.

    A malformed submission is refused, and listed with its faults; the others play, and the exit status is 1. One that
    does not play the worlds of the suite is listed as such, and changes no exit status.

    Writes results.sqlite, episodes.csv, standings.json and report.html into the output folder. An interrupted
    evaluation goes on where it stopped when the same command is given again. Files that the arena did not write, and
    the results of another suite, of other seeds or with other limits, are never replaced. Official are the results of a
    round only.
    """
    from dataclasses import replace

    from arena.contract.seeds import HiddenSeeds, PublicSeeds, parse_seeds
    from arena.contract.version import contract_digest
    from arena.entry.limits import load_limits
    from arena.llm import describe_failures
    from arena.llm.access import make_access
    from arena.play.evaluate import Interrupted, evaluate as run
    from arena.play.seats import strongest
    from arena.play.until_decided import evaluate_until_decided
    from arena.report.page import write_report
    from arena.results.folder import REPORT_NAME, seeds_contract_of
    from arena.results.rounds import read_round
    from arena.world.randomness import draws_nothing

    contest_round = None if round_file is None else read_round(round_file)
    terms = None if contest_round is None else contest_round.terms
    stopping = stopping_rule(until_decided, margin, budget)
    if terms is not None:
        # What is given nevertheless is held against the round before anybody plays.
        seeds, stopping = seeds or f"hidden:{terms.seeds}", stopping or terms.stopping
        suite = suite or (None if scenario else terms.suite.reference)
        isolation, accept_fallbacks = isolation or terms.isolation, accept_fallbacks or terms.accept_fallbacks
    plan: SeedPlan = parse_seeds(seeds or "public", secret, contract_digest())
    if isinstance(plan, HiddenSeeds):
        # A folder that was upgraded keeps to the demand that its episodes have met.
        plan = replace(plan, contract_digest=seeds_contract_of(output, plan.commitment) or plan.contract_digest)
    trusted = pin(trust)
    chosen = choose_suite(suite, scenario or [], plan, data, option or (), trusted)
    if seeds is None and all(map(draws_nothing, chosen.scenarios)):
        plan = PublicSeeds(1)
        warn("no seed changes anything in these scenarios, so one episode of each is played (--seeds public plays ten)")
    granted = model_limits(
        calls=llm_calls,
        tokens=llm_tokens,
        episode_calls=llm_episode_calls,
        episode_tokens=llm_episode_tokens,
        timeout=llm_timeout,
        retries=llm_retries,
        failures_in_a_row=llm_failures_in_a_row,
    )
    if granted is None and llm == "live" and terms is not None and terms.language_models is not None:
        granted = terms.language_models.limits
    allowed = load_limits(limits) if limits is not None else None if terms is None else terms.allowed
    models = make_access(llm, llm_endpoint or (), transcripts, granted, trusted)
    level = isolation or strongest()
    loaded = load(paths, settings, trusted)
    for sentence in dict.fromkeys(note for one in chosen.scenarios for note in one.data_notes):
        warn(f"read {sentence}")
    submissions, refused, not_playing = (loaded.require(), [], []) if refuse_faulty else _admit(loaded, level, chosen)
    submissions = with_models(submissions, models, output)
    options: dict[str, Any] = {
        "output": output,
        "isolation": level,
        "workers": workers,
        "limits": allowed,
        "models": models,
        "accept_fallbacks": accept_fallbacks,
        "refused": refused,
        "not_playing": not_playing,
        "contest_round": contest_round,
        "trusted": trusted,
        "progress": _progress(workers, output, chosen, plan, stopping),
    }
    try:
        if stopping is None:
            evaluation = run(submissions, chosen, plan, **options)
        else:
            evaluation = evaluate_until_decided(submissions, chosen, plan, stopping, batch_ended=_tell, **options)
    except Interrupted as error:
        warn(str(error))
        raise typer.Exit(INTERRUPTED) from error
    for mark in evaluation.removals:
        warn(describe_removal(mark))
    if evaluation.unkept:
        warn(f"{evaluation.unkept}; see arena doctor")
    named, oracles = chosen.scored_by, set(evaluation.standings.oracles.values())
    if named is not None and oracles and named not in oracles:
        warn(f"the suite names {named} as its oracle, which has not played every seed; scores are measured without it")
    for sentence in describe_failures(output, evaluation.records):
        warn(sentence)
    notes = {one.name: one.note for one in chosen.scenarios if one.note}
    report = write_report(evaluation.standings, evaluation.records, output / REPORT_NAME, notes=notes)
    with kept(f"the results are kept in {output}, and are not played again"):
        if as_json:
            print_json(
                {
                    "standings": json.loads(evaluation.standings.model_dump_json()),
                    "forfeits": forfeits_as_json(evaluation.standings, evaluation.records),
                    "played": evaluation.played,
                    "resumed": evaluation.resumed,
                    "report": str(report),
                }
            )
        else:
            print_standings(evaluation.standings)
            print_forfeits(evaluation.standings, evaluation.records)
            print(report)
    forfeits = {row.submission: row.forfeits for row in evaluation.standings.rows + evaluation.standings.reference}
    if refused or (strict and any(forfeits.get(name) for name in evaluation.submissions)):
        raise typer.Exit(FORFEITED)


def _admit(
    loaded: LoadedSubmissions, isolation: str, suite: Suite
) -> tuple[tuple[Submission, ...], list[RefusedSubmission], list[UnplayedSubmission]]:
    """Return the submissions that can play, those that are refused, and those that do not play this suite.

    Whoever is left out is told on standard error.

    Raises:
        InvalidInput: nobody can play, or something is wrong that is not of one submission.
    """
    from arena.entry.loading import Refused
    from arena.errors import InvalidInput
    from arena.play.refusals import find_unplayed, refuse_ungranted, refuse_unplayed_parts
    from arena.play.seats import require_level
    from arena.results.rows import RefusedSubmission, UnplayedSubmission

    level = require_level(isolation)
    playing, refused = [], list(loaded.refused)
    for submission in loaded.playable():
        try:
            refuse_ungranted([submission], level)
            playing.append(submission)
        except InvalidInput as error:
            refused.append(Refused(submission.path, error.faults))
    unplayed = {one.name: reason for one, reason in find_unplayed(playing, suite)}
    able = tuple(one for one in playing if one.name not in unplayed)
    if not able:
        faults = [fault for one in refused for fault in one.faults]
        try:
            refuse_unplayed_parts(playing, suite)
        except InvalidInput as error:
            faults += error.faults
        raise InvalidInput(faults)
    for one in refused:
        for fault in one.faults:
            warn(f"refused: {fault}")
    for name, reason in unplayed.items():
        warn(f"left out: {name} does not play this suite: {reason}")
    return (
        able,
        [
            RefusedSubmission(path=str(one.path), faults=tuple(fault.describe() for fault in one.faults))
            for one in refused
        ],
        [UnplayedSubmission(submission=name, reason=reason) for name, reason in unplayed.items()],
    )


def stopping_rule(until_decided: bool, margin: float | None, budget: int | None) -> StoppingRule | None:
    """Return the stopping rule that options mean; None for a fixed number of seeds.

    Raises:
        InvalidInput: the margin is not positive, or margin or budget are given without the rule.
    """
    from arena.errors import Fault, InvalidInput
    from arena.results.rows import StoppingRule

    given = {"margin": margin, "budget": budget}
    if until_decided:
        if margin is not None and not 0 < margin < math.inf:
            raise InvalidInput([Fault("--margin", "", margin, "is no positive number", "use for example 0.002")])
        return StoppingRule(**{name: value for name, value in given.items() if value is not None})
    for name, value in given.items():
        if value is not None:
            raise InvalidInput([Fault(f"--{name}", "", value, "is for --until-decided", "add it, or leave this out")])
    return None


def _tell(evaluation: Evaluation, following: int) -> None:
    """Say on standard error how far a batch has come, and what follows."""
    from arena.report.neighbours import count_decided

    standings = evaluation.standings
    then = f"; playing up to {following:,}" if following > standings.seeds else ""
    warn(f"after {standings.seeds:,} seeds per scenario {count_decided(standings.neighbours)}{then}")


def choose_suite(
    suite: str | None,
    scenarios: list[str],
    plan: SeedPlan,
    data: Path | None = None,
    options: Sequence[str] = (),
    trust: Sequence[str] = (),
) -> Suite:
    """Return the suite that options mean, drawn by the key of a seed plan.

    Args:
        suite: name or file; None for the default.
        scenarios: scenarios by name or file, in place of a suite.
        plan: the seeds.
        data: folder of data of a suite of a package.
        options: further options of such a suite, `KEY=VALUE` each.
        trust: packages of strangers that this process may import.

    Raises:
        InvalidInput: both a suite and scenarios are named, or something has faults.
    """
    from arena.errors import Fault, InvalidInput
    from arena.world.suite import Suite, load_all

    if not scenarios:
        return load_suite_option(suite or _SUITE, data, options, trust, plan.draw_key)
    refuse_suite_options(data, options)
    if suite is not None:
        rule = "--suite and --scenario both say what is played"
        fix = "leave one of them out; a suite of your own (--suite FILE.yaml) may name scenarios of both"
        raise InvalidInput([Fault("--suite", "", suite, rule, fix)])
    chosen = load_all(dict.fromkeys(scenarios))
    return Suite(name="selection", description="Scenarios named on the command line.", scenarios=chosen)


def _progress(
    workers: int | None, output: Path, suite: Suite, plan: SeedPlan, stopping: StoppingRule | None
) -> StatusFile:
    """Return progress that is shown on standard error and kept in the folder of results, for `arena serve`."""
    from arena.cli.live_status import StatusFile
    from arena.cli.progress import Wording, make_progress
    from arena.contract.version import contract_digest
    from arena.play.evaluate import cores
    from arena.report.live import live_terms

    playing = max(1, cores() if workers is None else workers)
    wording: Wording[EpisodeRecord] = Wording(
        "episodes", "failed", lambda record: record.outcome != "ok", "played before", workers=playing
    )
    seeds = plan.count if stopping is None else None
    terms = live_terms(suite, seeds, plan.label, plan.commitment, contract_digest())
    return StatusFile(output, terms, wording, make_progress(wording))
