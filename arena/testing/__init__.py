"""Conformance kit: what every controller has to keep, checked in a minute.

For authors of plugins, in their own tests::

    from arena.testing import check_controller

    def test_my_controller_conforms():
        check_controller("my-controller")

The kit plays real matches (the same code that scores) of a few periods each, through a host that listens. It raises
one `ConformanceError` that lists everything it found; it never asserts, so it finds as much under `python -O`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arena.contract.controller import ControllerSpec
from arena.contract.language_model import LlmEndpoint
from arena.entry.submission import Manifest, Submission
from arena.jail.limits import Limits
from arena.play.seats import Isolation, make_host
from arena.plugins import check_spec, discover
from arena.results.timing import DecisionTimes
from arena.schemas import parse_as
from arena.testing.examiner import Examiner
from arena.testing.listener import ListeningHost
from arena.testing.result import CHECKS, ConformanceError, ConformanceResult, Finding
from arena.world.demand import Demand, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.library import load_network
from arena.world.network import Network
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "CHECKS",
    "HORIZON",
    "NETWORKS",
    "ConformanceError",
    "ConformanceResult",
    "DecisionTimes",
    "Finding",
    "check_controller",
    "check_information",
    "check_submission",
    "short_scenarios",
]

NETWORKS: Final = ("serial", "divergent", "tree")
"""Networks that the kit plays unless told otherwise: one chain, several suppliers, several retailers."""

HORIZON: Final = 6
"""Periods of the kit's own scenarios."""


def check_controller(
    controller: ControllerSpec[Any] | str,
    config: BaseModel | Mapping[str, Any] | None = None,
    *,
    networks: Sequence[Network | str] = NETWORKS,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check a plugin's controller on every track that it declares, in this process.

    Args:
        controller: A specification, or the name of an installed controller.
        config: Its configuration, as a model or as the mapping a manifest would hold; None for the defaults.
        networks: Networks on which the kit plays its short scenarios.
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
    name, submissions = _entered(controller, config)
    result = _examine(name, submissions, _chosen(networks, scenarios), "trusted", limits or Limits(), Examiner.examine)
    if result.findings:
        raise ConformanceError(result)
    return result


def check_information(
    controller: ControllerSpec[Any] | str,
    config: BaseModel | Mapping[str, Any] | None = None,
    *,
    networks: Sequence[Network | str] = NETWORKS,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check, on every track that a controller declares, that nothing reaches it but what its track tells.

    Every scenario is played in worlds that look alike and differ in what a controller must not know: the future, the
    means of demand, names and seeds. Up to the moment at which the difference can be seen, the messages must be equal
    byte for byte, as they go over the wire, and so must the orders. See `arena.testing.information`. `check_controller`
    and ``arena check`` do it once per network; here it is done on every scenario, and nothing else is.

    Args:
        controller: A specification, or the name of an installed controller.
        config: Its configuration, as a model or as the mapping a manifest would hold; None for the defaults.
        networks: Networks on which the kit plays its short scenarios.
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

    def examine(examiner: Examiner, submission: Submission, played: Sequence[Scenario]) -> None:
        for scenario in played:
            examiner.examine_information(submission, scenario)

    name, submissions = _entered(controller, config)
    result = _examine(name, submissions, _chosen(networks, scenarios), "trusted", limits or Limits(), examine)
    if result.findings:
        raise ConformanceError(result)
    return result


def _entered(
    controller: ControllerSpec[Any] | str, config: BaseModel | Mapping[str, Any] | None
) -> tuple[str, list[Submission]]:
    """Return a controller's name, and a submission for every track that it declares."""
    spec = discover().controller(controller).spec if isinstance(controller, str) else controller
    check_spec(spec)
    given = {} if config is None else config if isinstance(config, Mapping) else config.model_dump(mode="json")
    validated = parse_as(spec.config, given, f"configuration of {spec.name}").model_dump(mode="json")
    submissions = [
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
            endpoint=LlmEndpoint.model_validate(validated["endpoint"]) if "llm" in spec.capabilities else None,
        )
        for track in spec.tracks
    ]
    return spec.name, submissions


def check_submission(
    submission: Submission,
    *,
    isolation: Isolation = "process",
    networks: Sequence[Network | str] = NETWORKS,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check a loaded submission on the track of its manifest, at an isolation level.

    Args:
        submission: The submission.
        isolation: Level of the matches; anything but `trusted` keeps its code out of this process.
        networks: Networks on which the kit plays its short scenarios.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        What was done and found; findings are returned here, not raised.

    Raises:
        UnknownName: No such network or scenario.
        ArenaError: The isolation level does not work on this machine.
    """
    chosen = _chosen(networks, scenarios)
    return _examine(submission.name, [submission], chosen, isolation, limits or Limits(), Examiner.examine)


def short_scenarios(network: Network) -> tuple[Scenario, ...]:
    """Return the kit's scenarios on one network: ordinary, no demand at all, and far more than can be served.

    Both fulfilment modes and goodwill occur among them; each is `HORIZON` periods long.
    """
    ordinary = Demand(base_mean=20, trend=Trend(), seasonal=Seasonal(), shock=Shock(time=3))
    silent = Demand(series=Series(values=(0.0,)))
    scarce = Demand(base_mean=200)

    # A network's name is free text; a scenario's is not.
    slug = re.sub(r"[^a-z0-9]+", "-", network.name.lower()).strip("-") or "network"

    def scenario(name: str, demand: Demand, **fields: Any) -> Scenario:
        return Scenario(name=f"{slug[:60]}-{name}", network=network, demand=demand, horizon=HORIZON, **fields)

    return (
        scenario("short-backlog", ordinary, fulfilment="backlog"),
        scenario("short-goodwill-lost-sales", ordinary, fulfilment="lost_sales", goodwill=Goodwill()),
        scenario("no-demand-backlog", silent, fulfilment="backlog"),
        scenario("stock-outs-backlog", scarce, fulfilment="backlog"),
        scenario("stock-outs-lost-sales", scarce, fulfilment="lost_sales"),
    )


def _chosen(networks: Sequence[Network | str], scenarios: Sequence[Scenario | str] | None) -> tuple[Scenario, ...]:
    if scenarios is not None:
        return tuple(load_scenario(one) if isinstance(one, str) else one for one in scenarios)
    loaded = [load_network(one) if isinstance(one, str) else one for one in networks]
    return tuple(scenario for network in loaded for scenario in short_scenarios(network))


def _examine(
    name: str,
    submissions: Sequence[Submission],
    scenarios: Sequence[Scenario],
    isolation: Isolation,
    limits: Limits,
    examine: Callable[[Examiner, Submission, Sequence[Scenario]], None],
) -> ConformanceResult:
    host = ListeningHost(make_host(isolation, limits))
    examiner = Examiner(host, limits)
    try:
        for submission in submissions:
            examine(examiner, submission, scenarios)
    finally:
        host.close()
    return ConformanceResult(
        controller=name,
        isolation=isolation,
        tracks=tuple(submission.track for submission in submissions),
        scenarios=tuple(scenario.name for scenario in scenarios),
        checks=tuple(check for check in CHECKS if check in examiner.checks),
        episodes=len(examiner.times),
        decision_times=DecisionTimes.total(examiner.times) or DecisionTimes.measured([], [], limits),
        slowest_start=host.slowest_start,
        findings=tuple(examiner.findings),
        warnings=tuple(examiner.warnings),
    )
