"""A named check, and how one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from arena.errors import ArenaError
from arena.plugins import list_entry_points


class CheckFailed(ArenaError):  # noqa: N818 - named after what it reports
    """Something does not keep a rule of the contract; the message says what, which rule, and what to do."""


class ConformanceWarning(UserWarning):
    """Something is allowed, but rarely meant."""


@dataclass(frozen=True)
class Check:
    """One rule of the contract, ready to be examined: call it.

    It returns if the rule is kept, and raises `arena.testing.CheckFailed` or another `arena.ArenaError` if not. A rule
    whose breach is allowed but rarely meant issues a `ConformanceWarning` instead.

    Attributes:
        name: name of the rule, the same for everything that is examined; also what `str` returns, for pytest's ids.
        description: the rule in one sentence, after the name of what keeps it.
    """

    name: str
    description: str
    run: Callable[[], None] = field(repr=False)

    def __call__(self) -> None:
        """Examine the rule."""
        self.run()

    def __str__(self) -> str:
        """Return the name."""
        return self.name


def make_checks(rules: Mapping[str, str], run: Callable[[str], None]) -> tuple[Check, ...]:
    """Return a check for every rule.

    Args:
        rules: descriptions by name.
        run: examines the rule of a name.
    """

    def bound(name: str) -> Callable[[], None]:
        return lambda: run(name)

    return tuple(Check(name, description, bound(name)) for name, description in rules.items())


def everybody() -> list[str]:
    """Return the names of all packages with plugins, sorted.

    A kit runs in this process what it is asked to examine, so a name that its author gives is looked for everywhere.
    """
    return sorted({entry.distribution for entry in list_entry_points()})
