"""`arena round`: the terms of an official run, committed to before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.checking import (
    AcceptFallbacks,
    Budget,
    Isolation,
    LimitsFile,
    Margin,
    Settings,
    Trust,
    UntilDecided,
    load,
    pin,
)
from arena.cli.console import Json, print_json, print_table, warn
from arena.cli.evaluating import choose_suite, stopping_rule
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
from arena.cli.streams import kept
from arena.cli.suite_options import Data, Options

if TYPE_CHECKING:
    from arena.results.rounds import Round, RoundTerms

_SUITE = "core"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    rounds = typer.Typer(no_args_is_help=True, help="Commit to an official run before it is played.")
    rounds.command("new")(new)
    rounds.command("show")(show)
    app.add_typer(rounds, name="round")


def new(
    file: Annotated[Path, typer.Argument(help="New file of the round; publish it, or its digest, before the run.")],
    submissions: Annotated[
        list[Path], typer.Option(help="Participants: manifests, submission folders, or folders of them; repeatable.")
    ],
    secret: Annotated[Path, typer.Option(help="File of the secret behind the seeds: see arena seeds new.")],
    seeds: Annotated[str, typer.Option(help="hidden:N for N seeds per scenario; until decided, of the first batch.")],
    suite: Annotated[str, typer.Option(help="A suite by name, or a YAML file.")] = _SUITE,
    data: Data = None,
    option: Options = None,
    settings: Settings = None,
    isolation: Isolation = None,
    limits: LimitsFile = None,
    until_decided: UntilDecided = False,
    margin: Margin = None,
    budget: Budget = None,
    accept_fallbacks: AcceptFallbacks = False,
    trust: Trust = None,
    llm_calls: ModelCalls = None,
    llm_tokens: ModelTokens = None,
    llm_episode_calls: ModelEpisodeCalls = None,
    llm_episode_tokens: ModelEpisodeTokens = None,
    llm_timeout: ModelTimeout = None,
    llm_retries: ModelRetries = None,
    llm_failures_in_a_row: ModelFailuresInARow = None,
    as_json: Json = False,
) -> None:
    """Write a round to a new file, and print its digest to publish before the run.

    It commits to the participants and their content, suite, isolation level, limits, language models and their limits,
    number of seeds or stopping rule, and to the secret without telling anything of it. Play it with:
    arena evaluate … --round FILE --secret FILE.
    """
    from arena.contract.seeds import parse_seeds
    from arena.contract.version import contract_digest
    from arena.entry.limits import load_limits
    from arena.errors import unknown_name
    from arena.jail.isolation import ISOLATION_ORDER
    from arena.play.rounds import find_strange_oracles, make_round
    from arena.play.seats import strongest
    from arena.results.rounds import write_round
    from arena.results.rows import OFFICIAL_ISOLATION

    stopping = stopping_rule(until_decided, margin, budget)
    level = next((one for one in ISOLATION_ORDER if one == isolation), None) if isolation else strongest()
    if level is None:
        raise unknown_name("isolation level", str(isolation), ISOLATION_ORDER)
    plan = parse_seeds(seeds, secret if seeds.startswith("hidden") else None, contract_digest())
    trusted = pin(trust)
    entered = load(submissions, settings, trusted).require()
    made = make_round(
        entered,
        choose_suite(suite, [], plan, data, option or (), trusted),
        plan,
        isolation=level,
        reference=suite,
        limits=None if limits is None else load_limits(limits),
        stopping=stopping,
        accept_fallbacks=accept_fallbacks,
        trusted=trusted,
        model_limits=model_limits(
            calls=llm_calls,
            tokens=llm_tokens,
            episode_calls=llm_episode_calls,
            episode_tokens=llm_episode_tokens,
            timeout=llm_timeout,
            retries=llm_retries,
            failures_in_a_row=llm_failures_in_a_row,
        ),
    )
    write_round(made, file)
    for warning in find_strange_oracles(entered):
        warn(warning)
    if level not in OFFICIAL_ISOLATION:
        warn(f"results at level {level} are not official; official is {' and '.join(sorted(OFFICIAL_ISOLATION))}")
    with kept(f"the round is written; its digest is printed by: arena round show {file}"):
        if as_json:
            print_json({"digest": made.digest, "file": str(file)})
        else:
            print(made.digest)


def show(
    file: Annotated[Path, typer.Argument(help="File of the round.")],
    as_json: Json = False,
) -> None:
    """Print the digest of a round and all that it commits to."""
    from arena.results.rounds import read_round

    found = read_round(file)
    if as_json:
        print_json({"digest": found.digest, **json.loads(found.terms.model_dump_json())})
    else:
        _show(found)


def _show(found: Round) -> None:
    from arena.errors import printable

    terms = found.terms
    drawn = sum(one.drawing is not None for one in terms.suite.scenarios)
    number = f"{len(terms.suite.scenarios)} scenarios" + (f", {drawn} of them drawn by the secret" if drawn else "")
    seeds = f"{terms.seeds:,} per scenario"
    if terms.stopping is not None:
        margin = "the default margin" if terms.stopping.margin is None else f"a margin of {terms.stopping.margin:g}"
        seeds += f" at first, then until decided with {margin} and a budget of {terms.stopping.budget:,}"
    for heading, text in (
        ("round", found.digest),
        ("made", terms.created),
        ("suite", f"{terms.suite.name}, {number}"),
        ("score", f"{terms.suite.score_rule.rule}, oracle {terms.suite.scored_by or 'with the highest mean profit'}"),
        ("seeds", seeds),
        ("commitment to the seeds", terms.commitment),
        ("isolation", terms.isolation),
        ("limits", ", ".join(f"{name} {value:g}" for name, value in terms.limits.items())),
        ("contract", terms.contract_digest),
        *((("fallbacks", "accepted"),) if terms.accept_fallbacks else ()),
        ("trusted packages", _trusted_in_words(terms)),
        ("language models", _models_in_words(terms)),
    ):
        print(f"{heading}: {printable(text, 1000)}")
    print()
    print_table(("participant", "digest"), [(one.name, one.digest) for one in terms.participants])


def _models_in_words(terms: RoundTerms) -> str:
    models = terms.language_models
    if models is None:
        return "not stated: the round was made by an arena that did not commit to them"
    if not models.endpoints:
        return "none"
    asked = "; ".join(f"{one.submission} asks {one.model} at {one.base_url}" for one in models.endpoints)
    limits = ", ".join(
        f"{name} {'any' if value is None else value}" for name, value in models.limits.model_dump().items()
    )
    return f"{asked}; limits: {limits}"


def _trusted_in_words(terms: RoundTerms) -> str:
    if terms.trusted is None:
        return "not stated: the round was made by an arena that did not commit to them"
    return ", ".join(f"{one.name} {one.version}, digest {one.digest}" for one in terms.trusted) or "none"
