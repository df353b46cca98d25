"""`arena doctor`: what holds on this machine, and what to do about what does not, on machines that lack each part."""

import json
import platform

import pytest
from commands import invoke

from arena.jail import parts
from arena.jail.cgroup import ControlGroup
from arena.jail.isolation import ISOLATION_ORDER
from arena.jail.parts import Part, examine
from arena.play.seats import available
from arena.results.rows import OFFICIAL_ISOLATION


def found(name: str) -> Part:
    return next(part for part in examine() if part.name == name)


def test_every_level_is_told_as_it_is_tried() -> None:
    told = json.loads(invoke(["doctor", "--json"]).output)
    assert {level for level, one in told["levels"].items() if one["works"]} == set(available())
    assert set(told["levels"]) == set(ISOLATION_ORDER)
    assert told["strongest"] == available()[-1]
    for level, one in told["levels"].items():
        assert bool(one["reason"]) != one["works"]
        assert one["official"] == (one["works"] and level in OFFICIAL_ISOLATION)
        assert bool(one["promises"]) == (level != "trusted")
    text = invoke(["doctor"]).output
    assert f"arena evaluate plays at {told['strongest']} here" in text


@pytest.mark.skipif(platform.system() != "Linux", reason="what the parts are made of is Linux's")
class TestParts:
    @pytest.mark.parametrize(("version", "state"), [(0, "missing"), (1, "partly"), (5, "partly"), (6, "there")])
    def test_landlock(self, monkeypatch: pytest.MonkeyPatch, version: int, state: str) -> None:
        monkeypatch.setattr(parts.landlock, "version", lambda: version)
        part = found("Landlock")
        assert part.state == state
        assert bool(part.fix) == (state != "there")

    @pytest.mark.parametrize(
        ("name", "function", "value"),
        [
            ("filter of system calls", "seccomp.supported", False),
            ("bubblewrap", "find_bubblewrap", None),
            ("user namespaces", "_refusal_of_users", "the kernel refuses them: Operation not permitted"),
        ],
    )
    def test_what_is_missing_says_how_to_get_it(
        self, monkeypatch: pytest.MonkeyPatch, name: str, function: str, value: object
    ) -> None:
        monkeypatch.setattr(f"arena.jail.parts.{function}", lambda: value)
        part = found(name)
        assert part.state == "missing"
        assert part.fix

    def test_a_process_that_cannot_have_users_says_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(parts, "_unshare_users", refuse)
        assert found("user namespaces").found == "the kernel refuses them: Operation not permitted"

    @pytest.mark.parametrize(
        ("bounded", "state"),
        [((), "missing"), (("pids",), "partly"), (("pids", "memory"), "partly"), (("cpu", "pids", "memory"), "there")],
    )
    def test_control_groups(self, monkeypatch: pytest.MonkeyPatch, bounded: tuple[str, ...], state: str) -> None:
        monkeypatch.setattr(parts.ControlGroup, "make", lambda **_: ControlGroup((), bounded))
        assert found("control groups").state == state


def test_another_system_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LINUX", False)
    monkeypatch.setattr(parts.sys, "platform", "darwin")
    system, clocks = examine()
    assert (system.state, clocks.state) == ("partly", "missing")
    assert "Linux" in system.fix
