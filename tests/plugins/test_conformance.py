"""The conformance kit: every installed controller passes it, and every way to break the contract is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_controllers import (
    Constant,
    Dice,
    DividesByDemand,
    FailsOutOfStock,
    FailsToClose,
    KnowsBacklogOnly,
    KnowsOneRetailerOnly,
    OneOrderTooMany,
    Overwrites,
    Quantity,
    Remembers,
    Reports,
    Scalar,
    Unlocks,
    Words,
    a_spec,
)
from numpy.typing import NDArray

from arena import ControllerSpec, InvalidInput, Observation, PluginError, UnknownName
from arena.entry.loading import load_submissions
from arena.plugins import discover
from arena.testing import CONTROLLER_CHECKS, ConformanceError, Finding, check_controller, check_submission
from arena.testing.result import group_findings


def plays_without_settings(spec: ControllerSpec[Any]) -> bool:
    """Controllers that cannot play without settings are examined with them, in the tests of their packages."""
    return not any(field.is_required() for field in spec.config.model_fields.values())


@pytest.mark.parametrize(
    "name", sorted(name for name, one in discover().controllers.items() if plays_without_settings(one.spec))
)
def test_every_installed_controller_conforms(name: str) -> None:
    result = check_controller(name)
    assert result.checks == tuple(CONTROLLER_CHECKS)
    assert result.warnings == ()
    assert result.tracks == discover().controller(name).spec.tracks


def test_a_plain_controller_conforms() -> None:
    result = check_controller(a_spec(Constant))
    assert result.findings == result.warnings == ()
    # Once per network: two repetitions, and three worlds that look alike.
    assert result.episodes == len(result.scenarios) + (2 + 3) * 3
    assert result.decision_times.number == 6 * result.episodes
    assert 0 < result.decision_times.quantile(0.5) <= result.decision_times.slowest
    assert result.slowest_start > 0


@pytest.mark.parametrize(
    ("controller", "finding"),
    [
        (OneOrderTooMany, r"plays, track blind, serial-short-backlog: in period 0: bad_shape: "),
        (Scalar, r"plays, .*: in period 0: bad_shape: "),
        (Words, r"plays, .*: in period 0: bad_dtype: "),
        (DividesByDemand, r"plays, track blind, serial-no-demand-backlog: in period 1: exception: ZeroDivisionError"),
        (FailsOutOfStock, r"plays, track blind, serial-stock-outs-.*: exception: LookupError: nothing left to sell"),
        (KnowsBacklogOnly, r"plays, track blind, serial-.*lost-sales: exception: ValueError: lost sales are beyond me"),
        (KnowsOneRetailerOnly, r"plays, track blind, tree-short-backlog: exception: ValueError: "),
        (Dice, r"deterministic, track blind, serial-short-backlog: two episodes .* differ first in period 0"),
        (Overwrites, r"plays, .*: in period 0: exception: ValueError: "),
        (Unlocks, r"respects-input, track blind, .*: Observation.on_hand was changed; copy an array"),
        (FailsToClose, r"plays, track blind, serial-short-backlog: exception: RuntimeError: cannot let go"),
    ],
)
def test_a_violation_is_found(controller: type[Constant], finding: str) -> None:
    with pytest.raises(ConformanceError, match=finding) as caught:
        check_controller(a_spec(controller))
    assert str(caught.value).startswith("controller under-test does not conform, ")
    assert all(found.check in CONTROLLER_CHECKS for found in caught.value.result.findings)


@pytest.mark.parametrize(
    ("answer", "track", "finding"),
    [
        ((True,), "blind", r"plays, track blind, .*: bad_dtype: fallbacks of a report must be an integer"),
        ((0, float("nan")), "oracle", r"plays, track oracle, .*: non_finite: profit_bound of a report must be finite"),
        ((7,), "blind", r"plays, track blind, .*: out_of_bounds: report\(\): 7 fallbacks in 6 decisions"),
        ((0, 1e9), "informed", r"plays, track informed, .*: protocol_error: report\(\): only the oracle track"),
        (
            (0, -1e9),
            "oracle",
            r"reports, track oracle, serial-short-backlog: profit_bound is -1e\+09, but .* itself made",
        ),
    ],
)
def test_a_report_is_checked(answer: tuple[Any, ...], track: str, finding: str) -> None:
    with pytest.raises(ConformanceError, match=finding):
        check_controller(a_spec(lambda: Reports(*answer), tracks=(track,)), networks=["serial"])


def test_a_report_that_can_be_true_conforms() -> None:
    result = check_controller(a_spec(lambda: Reports(3, 1e9), tracks=("oracle",)), networks=["serial"])
    assert result.warnings == ()
    assert "reports" in result.checks


@pytest.mark.parametrize(("track", "decisions"), [("blind", 6), ("decentralised", 6 * 3)])
def test_a_controller_that_mostly_falls_back_is_a_warning(track: str, decisions: int) -> None:
    spec = a_spec(lambda: Reports(4), tracks=(track,))
    (warning,) = check_controller(spec, networks=["serial"]).warnings
    said = f"{5 * decisions * 4 // 6} of {5 * decisions} decisions were answered by the controller's fallback"
    assert str(warning) == f"fallbacks, track {track}, all scenarios: {said}"
    assert check_controller(a_spec(lambda: Reports(3), tracks=(track,)), networks=["serial"]).warnings == ()


def test_state_that_outlives_an_episode_is_found() -> None:
    Remembers.episodes = 0
    with pytest.raises(ConformanceError, match="independent, track blind, serial-short-backlog: orders changed"):
        check_controller(a_spec(Remembers), networks=["serial"])


def test_non_finite_orders_are_found_and_configuration_reaches_the_controller() -> None:
    spec = a_spec(Constant, factory=lambda config: Constant(config.quantity))
    check_controller(spec, Quantity(quantity=5.0), networks=["serial"])
    check_controller(spec, {"quantity": 5.0}, networks=["serial"])
    infinite = a_spec(Constant, factory=lambda config: Constant(np.inf))
    with pytest.raises(ConformanceError, match="in period 0: non_finite: "):
        check_controller(infinite, networks=["serial"])


def test_orders_that_are_mostly_clipped_are_a_warning() -> None:
    result = check_controller(a_spec(lambda: Constant(-1.0)), networks=["serial"])
    (warning,) = result.warnings
    assert str(warning).startswith("bounds, track blind, all scenarios: 90 of 90 orders were below 0 or above")


def test_every_declared_track_is_played() -> None:
    class ForecastReader(Constant):
        def order(self, observation: Any) -> NDArray[np.float64]:
            return np.full(self.links, float(observation.forecast.mean()))

    informed = check_controller(a_spec(ForecastReader, tracks=("informed",)), networks=["serial"])
    assert informed.tracks == ("informed",)
    with pytest.raises(ConformanceError, match=r"plays, track blind, .*AttributeError: .*no attribute 'forecast'"):
        check_controller(a_spec(ForecastReader, tracks=("informed", "blind")), networks=["serial"])


def test_one_controller_per_node_plays_decentralised() -> None:
    result = check_controller(a_spec(Constant, tracks=("decentralised",)), networks=["divergent"])
    assert result.findings == ()
    assert result.decision_times.number == 6 * 6 * result.episodes  # 6 managed nodes, 6 periods


def test_own_scenarios_replace_the_kits() -> None:
    result = check_controller(a_spec(Constant), scenarios=["serial-m5-backlog"])
    assert result.scenarios == ("serial-m5-backlog",)
    assert result.episodes == 1 + 2 + 3


def test_wrong_arguments_are_refused_before_anything_is_played() -> None:
    with pytest.raises(UnknownName, match="unknown controller"):
        check_controller("no-such-controller")
    with pytest.raises(UnknownName, match="unknown network"):
        check_controller(a_spec(Constant), networks=["seriall"])
    with pytest.raises(InvalidInput, match="quantty"):
        check_controller(a_spec(Constant), {"quantty": 3})
    with pytest.raises(PluginError, match="is not a slug"):
        check_controller(a_spec(Constant, name="Under Test"))


def test_a_submission_is_checked_outside_of_this_process(repository: Any) -> None:
    (submission,) = load_submissions([repository / "submissions" / "example-base-stock"], discover()).require()
    result = check_submission(submission, isolation="process", networks=["serial"])
    assert result.findings == ()
    assert result.isolation == "process"
    assert "respects-input" not in result.checks  # it only ever has copies


def finding(scenario: str, message: str, check: str = "plays", track: str = "blind") -> Finding:
    return Finding(check, track, scenario, message)


def test_findings_that_tell_the_same_are_one_line() -> None:
    failures = [finding(name, f"in period {period}: exception: KeyError") for name, period in (("a", 0), ("b", 2))]
    other = finding("b", "in period 2: exception: ValueError")
    groups = group_findings([failures[0], other, failures[1], finding("c", failures[0].message, track="informed")])
    assert [str(group) for group in groups] == [
        "plays, track blind, a: in period 0: exception: KeyError (2 scenarios, in other periods or on other links "
        "elsewhere: a, b)",
        "plays, track blind, b: in period 2: exception: ValueError",
        "plays, track informed, c: in period 0: exception: KeyError",
    ]
    links = [finding(f"s{i}", f"first in period {i} on supply link {i}", "deterministic") for i in range(25)]
    (group,) = group_findings(links)
    assert len(group.scenarios) == 25
    assert str(group).endswith("s18, s19 and 5 more)")


def test_the_error_tells_one_cause_once_and_keeps_every_finding() -> None:
    class Raises(Constant):
        def order(self, observation: Observation) -> Any:
            raise KeyError("demand")

    with pytest.raises(ConformanceError, match=r"does not conform, 5 findings:") as caught:
        check_controller(a_spec(Raises), networks=["serial"])
    assert len(caught.value.result.findings) == 5
    (line,) = str(caught.value).splitlines()[1:]
    assert line.startswith("  plays, track blind, serial-short-backlog: in period 0: exception: KeyError: 'demand' (5 ")
