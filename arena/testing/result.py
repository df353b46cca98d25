"""What a conformance check did and found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from arena.contract.messages import Track
from arena.errors import LISTED_NAMES
from arena.play.seats import Isolation
from arena.results.timing import DecisionTimes
from arena.testing.check import CheckFailed

_PLACE: Final = re.compile(r"in period [0-9]+(?: on supply link [0-9]+)?")


@dataclass(frozen=True)
class Finding:
    """One thing that a controller does wrong, or might not mean to do.

    Attributes:
        check: Name of the check, one of `CONTROLLER_CHECKS`, or `headroom`.
        track: Track of the episode.
        scenario: Name of the scenario.
        message: What happened, with period and code where there are any.
        stderr_tail: End of what the controller wrote in an episode that failed, made printable; may be several lines.
    """

    check: str
    track: str
    scenario: str
    message: str
    stderr_tail: str = ""

    def __str__(self) -> str:
        """Return the finding on one line, without what the controller wrote."""
        return f"{self.check}, track {self.track}, {self.scenario}: {self.message}"


@dataclass(frozen=True)
class FindingGroup:
    """Findings that differ in scenario, period and link only: one cause, as far as the kit can tell.

    Attributes:
        first: The first of them.
        scenarios: Their scenarios, in the order in which they were played.
        is_elsewhere: Whether some occurred in another period or on another link than the first.
    """

    first: Finding
    scenarios: tuple[str, ...]
    is_elsewhere: bool = False

    def __str__(self) -> str:
        """Return the first finding on one line, then how many scenarios showed it, and which."""
        count = len(self.scenarios)
        if count == 1:
            return str(self.first)
        names = ", ".join(self.scenarios[:LISTED_NAMES])
        rest = f" and {count - LISTED_NAMES} more" if count > LISTED_NAMES else ""
        places = ", in other periods or on other links elsewhere" if self.is_elsewhere else ""
        return f"{self.first} ({count} scenarios{places}: {names}{rest})"


def group_findings(findings: Sequence[Finding]) -> tuple[FindingGroup, ...]:
    """Group the findings that tell the same of several scenarios, in the order of the first of each.

    >>> one, two = (Finding("plays", "blind", name, "in period 0: exception: KeyError: 'x'") for name in ("a", "b"))
    >>> [str(group) for group in group_findings([one, two])]
    ["plays, track blind, a: in period 0: exception: KeyError: 'x' (2 scenarios: a, b)"]
    """
    together: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.check, finding.track, _PLACE.sub("", finding.message))
        together.setdefault(key, []).append(finding)
    return tuple(
        FindingGroup(
            group[0],
            tuple(dict.fromkeys(each.scenario for each in group)),
            any(each.message != group[0].message for each in group),
        )
        for group in together.values()
    )


@dataclass(frozen=True)
class ConformanceResult:
    """What the kit did and found.

    Attributes:
        controller: Name of the controller or submission.
        isolation: Isolation level of the matches.
        tracks: Tracks played.
        scenarios: Names of the scenarios played.
        checks: Names of the checks done, in the order of `CONTROLLER_CHECKS`, and `headroom` outside of `trusted`.
        episodes: Number of episodes played.
        decision_times: How long decisions took, what stands between arena and controller included.
        slowest_start: Slowest import, construction and `begin` together, seconds.
        findings: Violations; empty for a controller that conforms.
        warnings: What is allowed but rarely meant.
    """

    controller: str
    isolation: Isolation
    tracks: tuple[Track, ...]
    scenarios: tuple[str, ...]
    checks: tuple[str, ...]
    episodes: int
    decision_times: DecisionTimes
    slowest_start: float
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


class ConformanceError(CheckFailed):
    """A controller does not conform.

    Attributes:
        result: Everything that the kit did and found.
    """

    def __init__(self, result: ConformanceResult) -> None:
        """Take the result; the message lists its findings."""
        self.result = result
        super().__init__(result)

    def __str__(self) -> str:
        """Return a first line with the count, then a line per finding; equal ones share a line."""
        count = len(self.result.findings)
        head = f"controller {self.result.controller} does not conform, {count} finding{'' if count == 1 else 's'}:"
        return "\n".join([head, *(f"  {group}" for group in group_findings(self.result.findings))])
