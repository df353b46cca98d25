"""The checks of a controller, one by one: each is seen to pass, to fail, and to be run alone."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_controllers import (
    Constant,
    Counts,
    Dice,
    OneOrderTooMany,
    Remembers,
    Reports,
    Unlocks,
    a_spec,
)

from arena import ControllerSpec, InvalidInput, Observation, PluginError, UnknownName
from arena.contract.messages import OracleBriefing
from arena.play import match
from arena.testing import (
    CONTROLLER_CHECKS,
    Check,
    ConformanceError,
    ConformanceWarning,
    check_controller,
    controller_checks,
)

JUDGED = [name for name in CONTROLLER_CHECKS if name != "declared"]


def checks(spec: ControllerSpec[Any] | str, *arguments: Any) -> dict[str, Check]:
    return {check.name: check for check in controller_checks(spec, *arguments, networks=["serial"])}


class Peeks(Constant):
    """Orders by the index of the seed, which it finds where the match keeps it."""

    def order(self, observation: Observation) -> Any:
        frame = sys._getframe()
        while not isinstance(frame.f_locals.get("self"), match._Attempt):
            assert frame.f_back is not None
            frame = frame.f_back
        return np.full(self.links, float(frame.f_locals["self"]._seed.index))


BREAKERS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "plays": (OneOrderTooMany, "blind", r"plays, track blind, serial-short-backlog: in period 0: bad_shape: "),
    "reports": (lambda: Reports(0, -1e9), "oracle", r"reports, track oracle, .*: profit_bound is -1e\+09, but"),
    "deterministic": (Dice, "blind", r"deterministic, track blind, .*: two episodes with equal seeds differ"),
    "independent": (Remembers, "blind", r"independent, track blind, .*: orders changed first in period 0 .* after"),
    "information": (Peeks, "blind", r"information, track blind, .*: another future: orders differ first in period 0"),
    "respects-input": (Unlocks, "blind", r"respects-input, track blind, .*: Observation.on_hand was changed"),
}
CAUTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "bounds": (lambda: Constant(-1.0), "bounds, track blind, all scenarios: 90 of 90 orders were below 0"),
    "fallbacks": (lambda: Reports(4), "fallbacks, track blind, all scenarios: 20 of 30 decisions were answered"),
}


@pytest.mark.parametrize("check", controller_checks(a_spec(Constant), networks=["serial"]), ids=str)
def test_a_controller_that_conforms_passes_every_check(check: Check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check()


def test_every_check_has_a_name_for_pytest_and_a_sentence() -> None:
    made = controller_checks("no-such-controller")  # nothing is looked up yet
    assert [str(check) for check in made] == [check.name for check in made] == list(CONTROLLER_CHECKS)
    assert {check.name: check.description for check in made} == CONTROLLER_CHECKS
    assert set(JUDGED) == {*BREAKERS, *CAUTIONS}, "every check is seen to fail below"


@pytest.mark.parametrize("name", BREAKERS)
def test_a_controller_that_breaks_one_rule_fails_its_check_alone(name: str) -> None:
    controller, track, message = BREAKERS[name]
    Remembers.episodes = 0
    found = checks(a_spec(controller, tracks=(track,)))
    with pytest.raises(ConformanceError, match=message) as caught:
        found[name]()
    assert caught.value.result.checks == (name,)
    assert {finding.check for finding in caught.value.result.findings} == {name}


@pytest.mark.parametrize("name", [name for name in BREAKERS if name != "plays"])
def test_and_passes_the_others(name: str) -> None:
    controller, track, _ = BREAKERS[name]
    Remembers.episodes = 0
    found = checks(a_spec(controller, tracks=(track,)))
    unjudged = {"independent", "information"} if name == "deterministic" else set()
    for other in {*BREAKERS, "declared"} - {name} - unjudged:
        found[other]()
    for other in unjudged:
        told = rf"{other}, track blind, .*: cannot be judged until the rule deterministic is kept: two episodes"
        with pytest.raises(ConformanceError, match=told):
            found[other]()


@pytest.mark.parametrize("as_one", [False, True])
def test_what_a_class_remembers_is_told_by_its_rule_alone(as_one: bool) -> None:
    message = (
        "independent, track blind, .*: orders changed first in period 0 .* after other episodes; keep nothing outs"
    )
    if as_one:
        with pytest.raises(ConformanceError, match=message) as caught:
            check_controller(a_spec(Counts), networks=["serial"])
        assert {finding.check for finding in caught.value.result.findings} == {"independent"}
        return
    found = checks(a_spec(Counts))
    for name in set(JUDGED) - {"independent"}:
        found[name]()
    with pytest.raises(ConformanceError, match=message):
        found["independent"]()


def test_without_copies_of_processes_it_is_told_as_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(ConformanceError, match=r"deterministic, track blind, .*: two episodes with equal seeds differ"):
        checks(a_spec(Counts))["deterministic"]()


def test_chance_is_told_once_where_all_rules_are_examined() -> None:
    with pytest.raises(ConformanceError) as caught:
        check_controller(a_spec(Dice), networks=["serial"])
    assert {finding.check for finding in caught.value.result.findings} == {"deterministic"}


@pytest.mark.parametrize("name", CAUTIONS)
def test_what_is_rarely_meant_is_a_warning(name: str) -> None:
    controller, message = CAUTIONS[name]
    with pytest.warns(ConformanceWarning, match=f"under-test: {message}") as caught:
        checks(a_spec(controller))[name]()
    assert [warning.filename for warning in caught] == [__file__], "it points at the test"


@pytest.mark.parametrize("name", [name for name in JUDGED if name != "plays"])
def test_a_check_does_not_pass_where_nothing_could_be_played(name: str) -> None:
    with pytest.raises(
        ConformanceError,
        match=rf"{name}, .*: no episode came to its end, so nothing can be judged until the rule plays is kept: in",
    ):
        checks(a_spec(OneOrderTooMany))[name]()


def test_a_declaration_that_breaks_a_rule_fails_every_check() -> None:
    for name in ("declared", "plays"):
        with pytest.raises(PluginError, match="is not a slug"):
            checks(a_spec(Constant, name="Under Test"))[name]()
        with pytest.raises(UnknownName, match="unknown controller"):
            checks("no-such-controller")[name]()
        with pytest.raises(InvalidInput, match="quantty"):
            checks(a_spec(Constant), {"quantty": 3})[name]()
        checks(a_spec(Constant), {"quantity": 3})[name]()


def test_checks_share_what_they_play() -> None:
    begun = []

    class Counted(Constant):
        def begin(self, briefing: Any) -> None:
            super().begin(briefing)
            begun.append(briefing)

    found = checks(a_spec(Counted))
    assert not begun
    found["plays"]()
    assert len(begun) == 5
    for name in ("bounds", "reports", "fallbacks", "respects-input"):
        found[name]()
    assert len(begun) == 5
    for name in ("deterministic", "independent"):
        found[name]()
    assert len(begun) == 7


def test_an_oracle_may_use_what_it_knows() -> None:
    class Foresees(Constant):
        def order(self, observation: Observation) -> Any:
            assert isinstance(self.briefing, OracleBriefing)
            known = self.briefing.realised_demand
            return np.full(self.links, 20.0 if known is None else float(known[observation.period].sum()))

    for check in controller_checks(a_spec(Foresees, tracks=("oracle",)), networks=["serial"]):
        check()
