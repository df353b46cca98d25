"""`arena check`: is a submission fit to play?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.cli.app import FORFEITED, WRONG_INPUT
from arena.cli.console import Json, print_json, warn
from arena.cli.times_table import print_times

if TYPE_CHECKING:
    from arena.entry.loading import LoadedSubmissions
    from arena.entry.submission import Submission
    from arena.jail.limits import Limits
    from arena.llm import LlmAccess
    from arena.testing import ConformanceResult
    from arena.world.parts import Part

Paths = Annotated[list[Path], typer.Argument(help="Manifests, submission folders, or folders of them.")]
Isolation = Annotated[
    str | None, typer.Option(help="Isolation level; the strongest that works on this machine unless given.")
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided",
        help="Play hidden seeds in batches until all neighbours in the table are told apart or equivalent.",
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(help="Until decided: difference that does not matter, of scores 0.002 unless given, else of profits."),
]
Budget = Annotated[int | None, typer.Option(help="Until decided: most seeds per scenario, 500 unless given.", min=1)]
AcceptFallbacks = Annotated[
    bool,
    typer.Option("--accept-fallbacks", help="Score scenarios though their oracle fell back in some decisions."),
]
LimitsFile = Annotated[
    Path | None,
    typer.Option("--limits", metavar="FILE", help="YAML file of limits on time, memory and the rest; see the docs."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME.KEY=A,B,C",
        help="Also enter the submission NAME with each of these values of a key of its config; repeatable, the keys of "
        "one submission multiply.",
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="PACKAGE[=DIGEST]",
        help="A stranger's plugin package that the arena's own process may import, as it is installed; repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("check")(check)


def pin(trust: list[str] | None) -> list[str]:
    """Return the packages to trust, each pinned to the digest of what is installed; they are told on standard error.

    Args:
        trust: `PACKAGE` or `PACKAGE=DIGEST` each.

    Raises:
        InvalidInput: One is not installed, or has another digest.
    """
    if not trust:
        return []
    from arena.plugins import GROUP
    from arena.trust import resolve_trust

    trusted = resolve_trust(trust, GROUP)
    for one in trusted.values():
        warn(f"trusted: {one.name} {one.version} as installed, --trust {one}")
    return [str(one) for one in trusted.values()]


def load(paths: list[Path], settings: list[str] | None = None, trust: list[str] | None = None) -> LoadedSubmissions:
    """Load submissions against the installed plugins, and tell on standard error what could not be loaded.

    Args:
        paths: Manifests, submission folders, or folders of them.
        settings: Variants to enter too, each `NAME.key=a,b,c`; they are told too.
        trust: Packages of strangers that this process may import, as `pin` gives them.

    Raises:
        ArenaError: A plugin's name is given twice, or a path holds nothing that can be a submission.
    """
    from arena.entry.loading import load_submissions
    from arena.entry.sweeping import describe_settings

    loaded = load_submissions(paths, settings=settings or (), trust=trust or ())
    for failure in loaded.failures:
        warn(str(failure))
    for missing in loaded.unavailable:
        warn(f"left out: {missing}")
    for one in loaded.submissions:
        if one.settings:
            warn(f"entered {one.name}: {one.path} with {describe_settings(one.settings)}")
    return loaded


def with_models(submissions: tuple[Submission, ...], models: LlmAccess, output: Path) -> tuple[Submission, ...]:
    """Leave out submissions that lack their language model, and tell so on standard error.

    Raises:
        InvalidInput: Nobody is left.
    """
    from arena.errors import InvalidInput
    from arena.llm import split_playable

    playing, unavailable = split_playable(submissions, models, output)
    for missing in unavailable:
        warn(f"unavailable: {missing}")
    if not playing:
        raise InvalidInput([one.as_fault() for one in unavailable])
    return playing


def check(
    paths: Paths,
    settings: Settings = None,
    isolation: Isolation = None,
    limits: LimitsFile = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Validate submissions and play short episodes with them, in the isolation that the contest uses.

    Exit status 1 when one does not conform, 2 when one cannot be read or its package is not installed.
    """
    from arena.entry.limits import load_limits
    from arena.jail.limits import Limits
    from arena.play.refusals import refuse_ungranted, refuse_unimportable
    from arena.play.seats import require_level, strongest
    from arena.testing import check_submission
    from arena.world.parts import unplayed_parts

    loaded = load(paths, settings, pin(trust))
    submissions = loaded.require()
    level = strongest() if isolation is None else require_level(isolation)
    refuse_ungranted(submissions, level)
    allowed = Limits() if limits is None else load_limits(limits)
    refuse_unimportable(submissions, level, allowed)
    results: list[ConformanceResult] = []
    unplayed: list[tuple[Part, ...]] = []
    for submission in submissions:
        alone = "; its language model is not asked, every question fails" if submission.endpoint else ""
        warn(f"checking {submission.name}{alone}")
        result = check_submission(submission, isolation=level, limits=allowed)
        results.append(result)
        unplayed.append(unplayed_parts(submission.plays))
        if not as_json:
            _show(result, allowed, unplayed[-1])
            if submission.independent_only:
                print("  is left out where the stock points of a world depend on one another")
    if as_json:
        print_json(
            [
                _as_dict(result, parts, submission.independent_only)
                for result, parts, submission in zip(results, unplayed, submissions, strict=True)
            ]
        )
    if any(result.findings for result in results):
        raise typer.Exit(FORFEITED)
    if loaded.unavailable:
        raise typer.Exit(WRONG_INPUT)


def _show(result: ConformanceResult, limits: Limits, unplayed: Sequence[Part]) -> None:
    from arena.errors import printable
    from arena.testing.result import group_findings
    from arena.world.parts import describe_part

    verdict = "conforms" if not result.findings else "does not conform"
    print(f"{result.controller}: {verdict} (track {', '.join(result.tracks)}, isolation {result.isolation})")
    times = result.decision_times
    print(f"  checked: {', '.join(result.checks)}; {result.episodes} episodes, {times.number} decisions")
    for kind, findings in (("fault", result.findings), ("warning", result.warnings)):
        for group in group_findings(findings):
            print(f"  {kind}: {printable(str(group), 1000)}")
    if unplayed:
        print(f"  is refused where a world has: {'; '.join(map(describe_part, unplayed))}")
    first = next((finding for finding in result.findings if finding.stderr_tail), None)
    if first is not None:
        print(f"  the end of what it wrote on {first.scenario}:")
        for line in first.stderr_tail.splitlines():
            print(f"    {printable(line, 1000)}")
    print()
    print_times(times, result.slowest_start, limits)


def _as_dict(result: ConformanceResult, unplayed: Sequence[Part], independent_only: bool) -> dict[str, Any]:
    times = result.decision_times
    told = {
        "number": times.number,
        "median": times.quantile(0.5),
        "percentile_95": times.quantile(0.95),
        **times.model_dump(),
    }
    return {
        **asdict(result),
        "decision_times": told,
        "unplayed_parts": list(unplayed),
        "independent_only": independent_only,
        "conforms": not result.findings,
    }
