"""Rounds made and kept to: what is to be played, written down beforehand, and an evaluation that plays exactly that."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from arena.contract.language_model import LlmEndpoint, LlmLimits
from arena.contract.seeds import HiddenSeeds, SeedPlan
from arena.entry.submission import Submission
from arena.errors import ABSENT, Fault, InvalidInput
from arena.jail.isolation import Isolation
from arena.jail.limits import Limits
from arena.llm.access import LlmAccess
from arena.play.packages import trusted_packages
from arena.play.refusals import refuse_misfits, refuse_unplayable
from arena.results.round_models import commit_models, endpoint_departures, limit_departures_of_models
from arena.results.rounds import (
    SHOWN,
    Departure,
    Participant,
    Round,
    RoundTerms,
    commit_suite,
    limit_departures,
    participant_departures,
    seed_departure,
)
from arena.results.rows import StoppingRule
from arena.results.trusted import TrustedPackageRow
from arena.world.suite import Suite


def make_round(
    submissions: Sequence[Submission],
    suite: Suite,
    seeds: SeedPlan,
    *,
    isolation: Isolation,
    reference: str = "",
    limits: Limits | None = None,
    stopping: StoppingRule | None = None,
    accept_fallbacks: bool = False,
    model_limits: LlmLimits | None = None,
    trusted: Sequence[str] = (),
) -> Round:
    """Return the round of an evaluation that is to come, with the same arguments as `arena.evaluate`.

    Args:
        submissions: who plays; references such as an oracle included.
        suite: what is played, drawn by the key of the seeds.
        seeds: hidden seeds; with a stopping rule their count is that of the first batch.
        isolation: level at which everybody plays.
        reference: name or file of the suite, by which it is found again; its name unless given.
        limits: limits on time and the rest; None for the defaults.
        stopping: rule by which seeds are played until decided; None for the number of `seeds`.
        accept_fallbacks: whether scenarios are scored on which the oracle answered decisions by its fallback.
        model_limits: limits of questions to language models; None for the defaults.
        trusted: strangers' packages that the arena's process may import, each `PACKAGE` or `PACKAGE=DIGEST`.

    Raises:
        InvalidInput: the seeds are public, there is no submission, two have one name, the first batch is larger than
            the budget, or the suite's score rule does not fit its scenarios.
    """
    if not isinstance(seeds, HiddenSeeds):
        fix = "play hidden seeds: --seeds hidden:100 --secret FILE"
        raise InvalidInput([Fault("--seeds", "", seeds.label, "a round is played on hidden seeds", fix)])
    if stopping is not None and seeds.count > stopping.budget:
        rule = f"the first batch has {seeds.count} seeds per scenario, and the budget is less"
        raise InvalidInput([Fault("--budget", "", stopping.budget, rule, "raise the budget, or lower hidden:N")])
    refuse_unplayable(submissions, seeds)
    refuse_misfits(suite)
    return Round.of(
        RoundTerms(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            contract_digest=seeds.contract_digest,
            commitment=seeds.commitment,
            seeds=seeds.count,
            stopping=stopping,
            suite=commit_suite(suite, reference),
            isolation=isolation,
            limits=dataclasses.asdict(limits or Limits()),
            accept_fallbacks=accept_fallbacks,
            participants=tuple(
                Participant(name=one.name, digest=one.digest) for one in sorted(submissions, key=lambda one: one.name)
            ),
            trusted=trusted_packages(submissions, trusted),
            language_models=commit_models(_endpoints(submissions), model_limits),
        )
    )


def find_strange_oracles(submissions: Sequence[Submission]) -> Iterator[str]:
    """Yield a warning for each submission on the oracle track that runs code of its own, or of an untrusted package.

    Who knows the demand to come is to be the organiser's own reference: it plays first and apart, and whoever it works
    with would need less of a channel than anybody else.

    Args:
        submissions: who plays a round.
    """
    for submission in submissions:
        if submission.track == "oracle" and (submission.untrusted or not submission.plugin):
            yield (
                f"{submission.path} plays on the oracle track with code of {submission.distribution or 'its own'}; "
                "let only references of your own do so"
            )


def refuse_departures(
    contest_round: Round,
    submissions: Sequence[Submission],
    suite: Suite,
    seeds: SeedPlan,
    *,
    isolation: Isolation,
    limits: Limits,
    stopping: StoppingRule | None,
    accept_fallbacks: bool,
    models: LlmAccess,
    trusted: Sequence[TrustedPackageRow],
) -> None:
    """Refuse an evaluation that is not the one that a round commits to.

    Args:
        contest_round: the round.
        submissions: who is to play.
        suite: what is to be played.
        seeds: on which seeds.
        isolation: at which level.
        limits: with which limits.
        stopping: by which rule seeds are played until decided; None for a fixed number.
        accept_fallbacks: whether scenarios are scored on which the oracle answered decisions by its fallback.
        models: what submissions that need a language model are granted.
        trusted: strangers' packages that the arena's process may import.

    Raises:
        InvalidInput: with everything that differs, participants by name.
    """
    terms = contest_round.terms
    found = [*participant_departures(terms, {one.name: one.digest for one in submissions})]
    found += _suite_departures(terms, suite)
    contract = seeds.contract_digest if isinstance(seeds, HiddenSeeds) else None
    for what, value, committed in (
        ("seeds", seeds.commitment or "public seeds", terms.commitment),
        ("contract_digest", contract, terms.contract_digest),
        ("isolation", isolation, terms.isolation),
        ("stopping", _in_words(stopping), _in_words(terms.stopping)),
        ("accept_fallbacks", accept_fallbacks, terms.accept_fallbacks),
    ):
        if value != committed:
            found.append(Departure(what, "", value, committed))
    found += limit_departures(terms, limits)
    number = seed_departure(terms, seeds.count)
    found += [] if number is None else [number]
    if terms.trusted is not None and tuple(trusted) != terms.trusted:
        found.append(Departure("trusted", "", _listed(trusted), _listed(terms.trusted)))
    found += _model_departures(terms, submissions, models)
    if found:
        raise InvalidInput([_as_fault(one, contest_round) for one in found])


def _listed(packages: Sequence[TrustedPackageRow]) -> str:
    return ", ".join(f"{one.name} {one.version} ({one.digest[:SHOWN]}…)" for one in packages) or "none"


def _endpoints(submissions: Sequence[Submission]) -> dict[str, LlmEndpoint]:
    return {one.name: one.endpoint for one in submissions if one.endpoint is not None}


def _model_departures(terms: RoundTerms, submissions: Sequence[Submission], models: LlmAccess) -> Iterator[Departure]:
    committed, endpoints = terms.language_models, _endpoints(submissions)
    if committed is None:
        return
    # A replay asks nobody: its limits stand in the transcript, which verification holds against the round.
    limits = models.limits or (LlmLimits() if endpoints and models.mode == "live" else None)
    found = [*endpoint_departures(committed, endpoints)]
    found += [] if limits is None else limit_departures_of_models(committed, limits.model_dump())
    for one in found:
        yield Departure(*one)


def _suite_departures(terms: RoundTerms, suite: Suite) -> Iterator[Departure]:
    committed, given = terms.suite, commit_suite(suite)
    for name in ("name", "scored_by", "score_rule", "native"):
        if getattr(given, name) != getattr(committed, name):
            yield Departure(f"suite.{name}", "", getattr(given, name), getattr(committed, name))
    found = {one.name: one for one in given.scenarios}
    for one in committed.scenarios:
        if found.get(one.name) != one:
            yield Departure(
                "scenario", one.name, "absent" if one.name not in found else "another content", "as committed"
            )
    for name in found.keys() - {one.name for one in committed.scenarios}:
        yield Departure("scenario", name, "given", "no scenario of the round")


def _in_words(stopping: StoppingRule | None) -> str:
    if stopping is None:
        return "a fixed number of seeds"
    margin = "the default margin" if stopping.margin is None else f"margin {stopping.margin:g}"
    return f"until decided, {margin}, budget {stopping.budget}"


def _as_fault(one: Departure, contest_round: Round) -> Fault:
    source = f"round {contest_round.digest[:SHOWN]}…"
    if one.what == "participant":
        if one.committed == "no participant":
            return Fault(
                source, one.name, one.found, "is no participant of the round", "leave it out of this evaluation"
            )
        missing = one.found == "absent"
        rule = "is missing" if missing else "has another content than the round commits to"
        fix = f"enter the content {str(one.committed)[:SHOWN]}…; every participant plays, as it was committed to"
        return Fault(source, one.name, ABSENT if missing else one.found, rule, fix)
    field = f"{one.what} {one.name}".strip()
    fix = "leave the option out, or make a new round before it is played: arena round new"
    return Fault(source, field, one.found, f"the round commits to {one.committed}", fix)
