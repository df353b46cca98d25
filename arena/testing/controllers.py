"""The conformance kit of controllers: every rule as a check of its own, and all of them at once."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arena.contract.controller import ControllerSpec
from arena.contract.language_model import LlmEndpoint
from arena.entry.submission import Manifest, Submission, snapshots
from arena.jail.limits import Limits
from arena.play.seats import Isolation, make_host
from arena.plugins import check_spec, discover
from arena.results.timing import DecisionTimes
from arena.schemas import parse_as
from arena.testing.bench import Bench
from arena.testing.check import Check, ConformanceWarning, everybody, make_checks
from arena.testing.headroom import HEADROOM, find_little_headroom
from arena.testing.result import ConformanceError, ConformanceResult, Finding
from arena.testing.rules import RULES
from arena.testing.worlds import choose_scenarios
from arena.world.network import Network
from arena.world.scenario import Scenario

if TYPE_CHECKING:
    from pydantic import BaseModel

_DECLARED: Final = "declared"

CONTROLLER_CHECKS: Final[Mapping[str, str]] = {
    _DECLARED: "is declared by the rules of the contract, and its configuration fits",
    **{name: rule.description for name, rule in RULES.items()},
}
"""The checks of a controller: description by name, in the order in which they are done."""


def controller_checks(
    controller: ControllerSpec[Any] | str,
    config: BaseModel | Mapping[str, Any] | None = None,
    *,
    networks: Sequence[Network | str] | None = None,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> tuple[Check, ...]:
    """Return the checks of a plugin's controller, one for every name in `CONTROLLER_CHECKS`.

    Nothing is looked up or played before the first check is called. Checks of one call share the episodes that they
    look at. Any of them may be called alone. One that cannot judge fails, and names the rule that has to be kept first:
    ``plays`` where no episode came to its end, and ``deterministic`` for ``independent`` and ``information``.

    Args:
        controller: A specification, or the name of an installed controller.
        config: Its configuration, as a model or as the mapping a manifest would hold; None for the defaults.
        networks: Networks on which the kit plays its short scenarios; None for its own, see `arena.testing.worlds`.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        The checks. They raise `ConformanceError` with their findings, or as `check_controller` where the controller
        cannot be played at all; ``bounds`` and ``fallbacks`` issue a `ConformanceWarning`.
    """
    allowed = limits or Limits()

    @functools.cache
    def bench() -> Bench:
        submissions = _entered(controller, config)
        chosen = choose_scenarios(networks, scenarios, independent=submissions[0].independent_only)
        return Bench(submissions, chosen, make_host("trusted", allowed), allowed)

    return make_checks(CONTROLLER_CHECKS, lambda name: _examine_one(bench(), name, allowed))


def check_controller(
    controller: ControllerSpec[Any] | str,
    config: BaseModel | Mapping[str, Any] | None = None,
    *,
    networks: Sequence[Network | str] | None = None,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check a plugin's controller on every track that it declares, in this process: all of `CONTROLLER_CHECKS` at once.

    Args:
        controller: A specification, or the name of an installed controller.
        config: Its configuration, as a model or as the mapping a manifest would hold; None for the defaults.
        networks: Networks on which the kit plays its short scenarios; None for its own, see `arena.testing.worlds`.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        What was done, with warnings.

    Raises:
        ConformanceError: The controller does not conform; all findings are listed.
        PluginError: The specification itself is invalid.
        InvalidInput: The configuration does not fit the controller's model.
        UnknownName: No such controller, network or scenario.
    """
    submissions = _entered(controller, config)
    chosen = choose_scenarios(networks, scenarios, independent=submissions[0].independent_only)
    result = _examine(submissions, chosen, "trusted", limits or Limits(), tuple(RULES))
    if result.findings:
        raise ConformanceError(result)
    return result


def check_information(
    controller: ControllerSpec[Any] | str,
    config: BaseModel | Mapping[str, Any] | None = None,
    *,
    networks: Sequence[Network | str] | None = None,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check, on every track that a controller declares, that nothing reaches it but what its track tells.

    Every scenario is played in worlds that look alike and differ in what a controller must not know: the future, the
    means of demand, names and seeds. Up to the moment at which the difference can be seen, the messages must be equal
    byte for byte, as they go over the wire, and so must the orders. See `arena.testing.information`. The check
    ``information`` does it once per network; here it is done on every scenario, and nothing else is.

    Args:
        controller: A specification, or the name of an installed controller.
        config: Its configuration, as a model or as the mapping a manifest would hold; None for the defaults.
        networks: Networks on which the kit plays its short scenarios; None for its own, see `arena.testing.worlds`.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        What was done.

    Raises:
        ConformanceError: Something differed; all findings are listed.
        PluginError: The specification itself is invalid.
        InvalidInput: The configuration does not fit the controller's model.
        UnknownName: No such controller, network or scenario.
    """
    allowed = limits or Limits()
    submissions = _entered(controller, config)
    chosen = choose_scenarios(networks, scenarios, independent=submissions[0].independent_only)
    bench = Bench(submissions, chosen, make_host("trusted", allowed), allowed)
    findings = [
        Finding("information", submission.track, scenario.name, text)
        for submission in bench.submissions
        for scenario in bench.scenarios
        for text in bench.information_differences(submission, scenario)
    ]
    result = _result(bench, allowed, ["information"], findings, [])
    if result.findings:
        raise ConformanceError(result)
    return result


def check_submission(
    submission: Submission,
    *,
    isolation: Isolation = "process",
    networks: Sequence[Network | str] | None = None,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check a loaded submission on the track of its manifest, at an isolation level, as ``arena check`` does.

    What plays is a snapshot, as in an evaluation.

    Args:
        submission: The submission.
        isolation: Level of the matches; anything but `trusted` keeps its code out of this process.
        networks: Networks on which the kit plays its short scenarios; None for its own, see `arena.testing.worlds`.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        What was done and found; findings are returned here, not raised.

    Raises:
        UnknownName: No such network or scenario.
        ArenaError: The isolation level does not work on this machine.
        InvalidInput: Its folder has changed since it was loaded.
    """
    chosen = choose_scenarios(networks, scenarios, independent=submission.independent_only)
    with snapshots([submission]) as copies:
        return _examine(copies, chosen, isolation, limits or Limits(), tuple(RULES))


def _entered(
    controller: ControllerSpec[Any] | str, config: BaseModel | Mapping[str, Any] | None
) -> tuple[Submission, ...]:
    """Return a submission of a controller for every track that it declares."""
    spec = discover(trust=everybody()).controller(controller).spec if isinstance(controller, str) else controller
    check_spec(spec)
    given = {} if config is None else config if isinstance(config, Mapping) else config.model_dump(mode="json")
    validated = parse_as(spec.config, given, f"configuration of {spec.name}").model_dump(mode="json")
    return tuple(
        Submission(
            name=spec.name,
            manifest=Manifest(
                name=spec.name, controller=spec.name, track=track, config=validated, capabilities=spec.capabilities
            ),
            path=Path(spec.name),
            digest="",
            folder=None,
            controller=spec.name,
            track=track,
            config=validated,
            spec=spec,
            plays=spec.plays,
            independent_only=spec.independent_only,
            endpoint=LlmEndpoint.model_validate(validated["endpoint"]) if "llm" in spec.capabilities else None,
        )
        for track in spec.tracks
    )


def _examine(
    submissions: Sequence[Submission],
    scenarios: Sequence[Scenario],
    isolation: Isolation,
    limits: Limits,
    names: Sequence[str],
) -> ConformanceResult:
    """Judge by several rules on one host."""
    host = make_host(isolation, limits)
    bench = Bench(submissions, scenarios, host, limits)
    findings: list[Finding] = []
    cautions: list[Finding] = []
    try:
        for submission in bench.submissions:
            broken: set[str] = set()
            for name in names:
                if RULES[name].needs in broken:
                    continue  # Its findings would tell the same cause again.
                found = list(RULES[name].judge(bench, submission))
                broken |= {finding.check for finding in found}
                (cautions if RULES[name].warns else findings).extend(found)
    finally:
        host.close()
    is_repeated = any(bench.repeatable(submission) for submission in bench.submissions)
    done = [name for name in names if is_repeated or name not in ("deterministic", "independent", "information")]
    if isolation != "trusted":
        # The controller had copies, and there was nothing of ours that it could change.
        done.remove("respects-input")
        # In process there are no limits to be met.
        done.append(HEADROOM)
        tracks = "+".join(submission.track for submission in bench.submissions)
        told = find_little_headroom(bench.host.peaks, limits)
        cautions.extend(Finding(HEADROOM, tracks, "all scenarios", text) for text in told)
    return _result(bench, limits, [_DECLARED, *done], findings, cautions)


def _examine_one(bench: Bench, name: str, limits: Limits) -> None:
    """Judge by one rule, and raise what is found."""
    if name == _DECLARED:
        return  # The bench could be made.
    rule = RULES[name]
    findings: list[Finding] = []
    cautions: list[Finding] = []
    for submission in bench.submissions:
        failures = list(RULES["plays"].judge(bench, submission))
        if name != "plays" and len(failures) == len(bench.scenarios):
            text = "no episode came to its end, so nothing can be judged until the rule plays is kept"
            findings.append(dataclasses.replace(failures[0], check=name, message=f"{text}: {failures[0].message}"))
        elif rule.needs and (broken := list(RULES[rule.needs].judge(bench, submission))):
            text = f"cannot be judged until the rule {rule.needs} is kept: {broken[0].message}"
            findings.append(dataclasses.replace(broken[0], check=name, message=text))
        else:
            (cautions if rule.warns else findings).extend(rule.judge(bench, submission))
    if findings:
        raise ConformanceError(_result(bench, limits, [name], findings, cautions))
    for caution in cautions:
        warnings.warn(f"{bench.submissions[0].name}: {caution}", ConformanceWarning, stacklevel=5)


def _result(
    bench: Bench, limits: Limits, checks: Sequence[str], findings: Sequence[Finding], cautions: Sequence[Finding]
) -> ConformanceResult:
    return ConformanceResult(
        controller=bench.submissions[0].name,
        isolation=bench.host.isolation,
        tracks=tuple(submission.track for submission in bench.submissions),
        scenarios=tuple(scenario.name for scenario in bench.scenarios),
        checks=tuple(checks),
        episodes=len(bench.times),
        decision_times=DecisionTimes.total(bench.times) or DecisionTimes.measured([], [], limits),
        slowest_start=bench.host.slowest_start,
        findings=tuple(findings),
        warnings=tuple(cautions),
    )
