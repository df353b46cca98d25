"""`arena verify`: recompute a folder of results from its logged orders."""

from __future__ import annotations

import contextlib
import math
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.cli.app import INTERRUPTED
from arena.cli.checking import Settings, Trust, load, pin
from arena.cli.console import Json, print_json, print_table
from arena.cli.progress import Wording, make_progress
from arena.cli.results import Folder
from arena.cli.standings_table import describe_removal
from arena.cli.suite_options import Data, Options, load_suite_option, refuse_suite_options

if TYPE_CHECKING:
    from arena.audit.differences import Difference
    from arena.audit.outcome import Verification
    from arena.world.suite import Suite

DIFFERS = 1
"""Exit status when something is not what it should be."""

_LISTED = 20
_PLAY_SEEDS = 1_000_000
_COLUMNS = ("file", "submission", "scenario", "seed index", "column", "stored", "recomputed")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("verify")(verify)


def verify(
    folder: Folder,
    reveal: Annotated[
        Path | None, typer.Option(help="Reveal of the secret, for hidden seeds: see arena seeds reveal.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Suite that was played, by name or YAML file, to hold the scenarios against.")
    ] = None,
    data: Data = None,
    option: Options = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            help="A submission that asked a language model (manifest or folder): its episodes are played again from "
            "the folder's transcript, without an endpoint, and have to order the same; repeatable."
        ),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option(help="A digest that was published (results or full), or its first 12 characters and more."),
    ] = None,
    round_file: Annotated[
        Path | None,
        typer.Option(
            "--round", metavar="FILE", help="The round that was published, to hold the folder against; see arena round."
        ),
    ] = None,
    play: Annotated[
        int | None,
        typer.Option(min=1, help="Play so many of the episodes again, and compare the orders; see --submissions."),
    ] = None,
    submissions: Annotated[
        list[Path] | None,
        typer.Option(
            help="Submissions whose episodes --play plays: manifests, folders, or folders of them; repeatable."
        ),
    ] = None,
    play_seed: Annotated[
        int | None, typer.Option(help="Choose the same episodes for --play as a run that printed this number.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Episodes that --play plays at a time; one per core unless given, 0: in this process."
        ),
    ] = None,
    settings: Settings = None,
    isolation: Annotated[
        str | None,
        typer.Option(help="Isolation level of what is played; for --play that of the record unless given."),
    ] = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Recompute every seed, demand, indicator, score and digest from the logged orders.

    No controller is run but by --play and --replay. Exit status 1 when something differs; the first value that does is
    told. After Ctrl-C --play ends with what it has played.
    """
    from arena.audit.playing import Sample
    from arena.audit.verify import verify as run
    from arena.contract.seeds import read_reveal
    from arena.entry.suites import is_written
    from arena.errors import Fault, InvalidInput
    from arena.play.evaluate import cores
    from arena.play.replays import EpisodeReplays, TranscriptReplays
    from arena.play.seats import strongest
    from arena.report.page import render_again
    from arena.results.rounds import read_round

    if settings and not replay and not play:
        rule = "only submissions that are played again can be varied"
        fix = "name the submission too: --replay PATH, or --play N --submissions PATH"
        raise InvalidInput([Fault("--set", "", settings[0], rule, fix)])
    _refuse_half(play, submissions, play_seed, workers)
    trusted = pin(trust)
    played: str | Suite | None = suite
    if suite is None:
        refuse_suite_options(data, option)
    elif data is not None or option or not is_written(suite):
        played = load_suite_option(suite, data, option, trusted)
    with contextlib.ExitStack() as stack:
        sample = None
        if play is not None:
            entrants = load(submissions or [], settings, trusted).require()
            count = cores() if workers is None else workers
            players = EpisodeReplays(folder, entrants, isolation, count)
            chosen_by = secrets.randbelow(_PLAY_SEEDS) if play_seed is None else play_seed
            sample = Sample(stack.enter_context(players), play, chosen_by)
        replays = None
        if replay:
            entrants = load(replay, settings, trusted).require()
            replays = stack.enter_context(TranscriptReplays(folder, entrants, isolation or strongest()))
        found = run(
            folder,
            reveal=read_reveal(reveal) if reveal else None,
            suite=played,
            replays=replays,
            digest=digest,
            contest_round=read_round(round_file) if round_file else None,
            sample=sample,
            render=render_again,
            progress=make_progress(Wording("rows", "differing", bool)),
        )
    if as_json:
        print_json(_as_dict(found))
    else:
        _show(found)
    if found.differences:
        raise typer.Exit(DIFFERS)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


def _refuse_half(play: int | None, submissions: list[Path] | None, play_seed: int | None, workers: int | None) -> None:
    from arena.errors import ABSENT, Fault, InvalidInput

    if play is not None and not submissions:
        rule = "nothing is played but what is named"
        raise InvalidInput([Fault("--play", "", play, rule, "name the submissions too: --submissions PATH")])
    if play is None:
        for option, given in (("--submissions", submissions), ("--play-seed", play_seed), ("--workers", workers)):
            if given not in (None, []):
                raise InvalidInput([Fault(option, "", ABSENT, "is for --play", "add --play N, or leave this out")])


def _show(found: Verification) -> None:
    from arena.errors import printable

    if found.differences:
        rows = [[_text(value) for value in one] for one in found.differences[:_LISTED]]
        print_table(_COLUMNS, rows, right=("seed index",))
        if len(found.differences) > _LISTED:
            print(f"… and {len(found.differences) - _LISTED:,} more; --json lists all")
        print()
    for line in _checks(found):
        print(f"checked: {line}")
    for mark in found.removals:
        print(describe_removal(mark))
    for package in found.trusted:
        told = f"{package.name} {package.version}, digest {package.digest or 'unknown'}"
        print(f"trusted: {printable(told, 1000)}")
    for one in found.unchecked:
        print(f"not checked: {one.number:,} {one.what}: {one.why}")
    for notice in found.notices:
        print(f"notice: {printable(notice, 1000)}")
    if found.differences:
        print(f"differs: {_in_words(found.differences[0])}")
    else:
        print("all that was checked agrees" if found.unchecked else "all agrees")


def _checks(found: Verification) -> list[str]:
    """What was checked, a line for each kind of thing."""
    rows = f"of {found.rows:,} rows"
    lines = []
    if found.commitment is not None:
        lines.append(f"the commitment {found.commitment}, from the reveal")
    if found.round_digest is not None:
        terms = "participants, suite, level, limits, language models, trusted packages and seeds"
        lines.append(f"the round {found.round_digest}: {terms}")
    if found.drawn:
        lines.append(f"{found.drawn:,} of the scenarios, drawn again")
    if found.recomputed:
        lines.append(f"{found.recomputed:,} {rows}: seed, demand and indicators")
    if found.replayed:
        lines.append(f"{found.replayed:,} {rows}: indicators, from the demand as stored")
    if found.lost:
        lines.append(f"{found.lost:,} {rows}: lost by the arena, without indicators")
    if found.model_calls:
        lines.append(f"{found.model_calls:,} questions to language models, with their answers")
    if found.model_replays:
        lines.append(f"{found.model_replays:,} {rows}: orders, played again from the transcript")
    if found.played:
        choice = "all that could be" if found.play_seed is None else f"chosen by --play-seed {found.play_seed}"
        lines.append(f"{found.played:,} {rows}: orders, played again from the submissions ({choice})")
    lines.append(f"{found.lines:,} lines of the table of episodes")
    measured = f", scores measured against {', '.join(found.oracles)}" if found.oracles else ""
    lines.append(f"the standings{measured}")
    against = [name for name, known in (("standings.json", found.digests_kept), ("--digest", found.published)) if known]
    held = f", held against {' and '.join(against)}" if against else ", held against nothing: give --digest"
    lines.append(f"results digest {found.digests.results}{held}")
    lines.append(f"full digest {found.digests.full}")
    return lines


def _in_words(first: Difference) -> str:
    """The place of a difference, in a sentence."""
    from arena.errors import printable

    episode = (first.submission, first.scenario, "" if first.seed_index is None else f"seed index {first.seed_index}")
    where = ", ".join(part for part in (first.file, *episode) if part)
    return printable(f"{where}: {first.column} is {_text(first.stored)}, recomputed {_text(first.recomputed)}", 1000)


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)


def _as_dict(found: Verification) -> dict[str, Any]:
    return {
        "agrees": not found.differences,
        "rows": found.rows,
        "checked": found.checked,
        "recomputed": found.recomputed,
        "replayed": found.replayed,
        "lost": found.lost,
        "drawn": found.drawn,
        "lines": found.lines,
        "commitment": found.commitment,
        "oracles": found.oracles,
        "model_calls": found.model_calls,
        "model_replays": found.model_replays,
        "results_digest": found.digests.results,
        "full_digest": found.digests.full,
        "digests": found.digests.model_dump(),
        "digests_kept": found.digests_kept,
        "published": found.published,
        "round_digest": found.round_digest,
        "played": found.played,
        "play_seed": found.play_seed,
        "interrupted": found.interrupted,
        "notices": found.notices,
        "trusted": [one.model_dump() for one in found.trusted],
        "removals": [one.model_dump() for one in found.removals],
        "differences": [{key: _plain(value) for key, value in one._asdict().items()} for one in found.differences],
        "unchecked": [one._asdict() for one in found.unchecked],
    }


def _plain(value: object) -> object:
    """A value as JSON has it; what JSON has not becomes text."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, bool | int | float | str) else _text(value)
