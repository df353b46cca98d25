"""Every error that the arena raises on purpose, and the words in which a fault is told.

A message names the offender, the rule and the fix. Text that came from a file or from a controller is shown
shortened and with its control characters escaped, so that it can neither flood nor steer a terminal.
"""

from __future__ import annotations

import difflib
import reprlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, Literal, NamedTuple

__all__ = [
    "ABSENT",
    "Absent",
    "ArenaError",
    "ContractViolation",
    "ControllerKilled",
    "EpisodeEnded",
    "FailureCode",
    "Fault",
    "FaultList",
    "FieldFault",
    "ForfeitCode",
    "InfrastructureFailure",
    "InvalidInput",
    "Outcome",
    "PluginError",
    "StoreAgeError",
    "StoreError",
    "UnknownName",
    "closest",
    "describe_exception",
    "printable",
    "show_value",
    "suggest",
    "unknown_name",
]

VALUE_WIDTH: Final = 80
"""Characters of an offending value that a message shows."""

_MOST_MARKS: Final = 2
"""Combining marks on one letter, at most; languages need no more, and a tower of them covers the lines above."""
_INVISIBLE: Final = frozenset(
    [
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\U0001d159",
        *map(chr, range(0xFE00, 0xFE10)),
        *map(chr, range(0xE0100, 0xE01F0)),
    ]
)
"""Characters that Python calls printable and that show nothing: fillers, joiners, variation selectors, blanks of
Braille and of musical notation, a placeholder. Source: Default_Ignorable_Code_Point of the Unicode Character Database,
version 15."""

LISTED_FAULTS: Final = 50
"""Faults that the text of one `InvalidInput` lists; its `faults` hold the rest too."""

LISTED_NAMES: Final = 20
"""Existing names that a suggestion lists when none of them is close."""

_FaultyOrders = Literal["bad_shape", "bad_dtype", "non_finite", "out_of_bounds"]
_Breakdown = Literal["exception", "exited", "memory"]

FailureCode = Literal[_Breakdown, _FaultyOrders]
"""Outcome codes that a controller's process may give of its own controller. Everything else is for the host to find."""

ForfeitCode = Literal["timeout", _FaultyOrders, "protocol_error", _Breakdown, "diverged", "refused"]
"""Outcome codes of a `ContractViolation`; the episode is a forfeit."""

Outcome = Literal["ok", ForfeitCode, "infrastructure"]
"""How an episode ended: `ok`, a forfeit, or `infrastructure` where the arena failed to play it."""

MESSAGE_CAP: Final = 500
"""Characters of a stranger's own message that are kept."""

_NAME_WIDTH: Final = 160
_SENTENCE_WIDTH: Final = 800


class Absent(Enum):
    """The type of `ABSENT`; an enumeration, because its single member survives pickling as itself."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""Stands for "no value was given", where `None` would be a value."""


def printable(text: str, width: int = VALUE_WIDTH) -> str:
    r"""Return `text` on one line, safe for a terminal and at most `width` characters long.

    Control characters, line breaks, escape sequences, direction marks, lone surrogates, letters that cannot be seen and
    marks stacked upon each other become backslash escapes.

    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    >>> printable("a long sentence", 8)
    'a long …'
    """
    # Every character yields at least one, so nothing beyond width + 1 can be seen.
    seen = text[: width + 1]
    escaped = seen if seen.isascii() and seen.isprintable() else "".join(_shown(seen))
    return escaped if len(escaped) <= width else escaped[: width - 1] + "…"


def _shown(text: str) -> Iterator[str]:
    """Yield every character, or its escape where it would not be seen as one of its own."""
    stacked = _MOST_MARKS  # A mark at the beginning would join what stands before the text.
    for character in text:
        is_mark = unicodedata.category(character) in ("Mn", "Me", "Mc")
        stacked = stacked + 1 if is_mark else 0
        hidden = not character.isprintable() or character in _INVISIBLE or stacked > _MOST_MARKS
        yield character.encode("unicode_escape").decode("ascii") if hidden else character


class _BoundedRepr(reprlib.Repr):
    """A `repr` whose cost and length do not grow with the value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxlong = self.maxother = VALUE_WIDTH

    def repr_str(self, x: str, level: int) -> str:
        """Quote a string the way the documents do, with double quotes."""
        return f'"{printable(x, VALUE_WIDTH - 2)}"'

    def repr_int(self, x: int, level: int) -> str:
        """Show an integer; one that Python declines to print is told by its size."""
        if x.bit_length() > 4 * VALUE_WIDTH:
            return f"an integer of {x.bit_length()} bits"
        return repr(x)


_BOUNDED: Final = _BoundedRepr()


def show_value(value: object) -> str:
    r"""Return a short, one-line, terminal-safe picture of any value, at most 80 characters.

    >>> show_value("serial\n")
    '"serial\\n"'
    """
    try:
        text = _BOUNDED.repr(value)
    except Exception:  # The repr of a foreign object may fail in any way; a message must still come out.
        text = f"a value of type {type(value).__name__}"
    return printable(text)


class Fault(NamedTuple):
    """One thing that is wrong with an input.

    Attributes:
        source: the file or command-line argument at fault; empty when there is none to name.
        field: dotted path of the field, as in `supply_links[2].lead_time`; `line 7` when the text itself is at fault;
            empty when the fault is of the whole.
        value: the offending value, or `ABSENT` when there is none to show.
        rule: the broken rule in plain words, without a full stop.
        suggestion: how to mend it; empty when the rule says it all.
    """

    source: str
    field: str
    value: object
    rule: str
    suggestion: str = ""

    def describe(self) -> str:
        """Return the fault on one line, without its source.

        >>> Fault("serial.yaml", "nodes[0].id", -1, "must be 0 or more", "").describe()
        'nodes[0].id: must be 0 or more, got -1'
        """
        where = f"{printable(self.field, _NAME_WIDTH)}: " if self.field else ""
        got = "" if self.value is ABSENT else f", got {show_value(self.value)}"
        fix = f"; {printable(self.suggestion, _SENTENCE_WIDTH)}" if self.suggestion else ""
        return f"{where}{printable(self.rule, _SENTENCE_WIDTH)}{got}{fix}"

    def __str__(self) -> str:
        """Return the fault on one line, led by its source."""
        return f"{printable(self.source, _NAME_WIDTH)}: {self.describe()}" if self.source else self.describe()


class FieldFault(NamedTuple):
    """One fault found by a model validator, which knows neither the file nor where in it its model stands.

    Attributes:
        field: dotted path from the model that raises, as in `supply_links[2].buyer`; empty for the model itself.
        value: the offending value, or `ABSENT`.
        rule: the broken rule in plain words.
        suggestion: how to mend it; may be empty.
    """

    field: str
    value: object
    rule: str
    suggestion: str = ""


class FaultList(ValueError):  # noqa: N818 - named after what it reports
    """Several faults at once, raised inside a pydantic validator.

    `arena.schemas.parse_as` unpacks it to one `Fault` each, the field paths prefixed with the place of the model
    that raised. Outside `parse_as` it is an ordinary `ValueError`, so pydantic wraps it as it wraps any other.

    Example::

        @model_validator(mode="after")
        def _ids_are_unique(self) -> Self:
            faults = [
                FieldFault(f"nodes[{position}].id", node.id, "is used twice", "give every node its own id")
                for position, node in enumerate(self.nodes)
                if ...
            ]
            if faults:
                raise FaultList(faults)
            return self
    """

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        """Take the faults, at least one, in the order in which they should be told.

        Raises:
            ValueError: there is no fault.
        """
        self.faults = tuple(faults)
        if not self.faults:
            raise ValueError("a FaultList needs at least one fault")
        super().__init__(self.faults)

    def __str__(self) -> str:
        """Return all faults on one line."""
        return " | ".join(Fault("", *fault).describe() for fault in self.faults)


class ArenaError(Exception):
    """Base of every error that the arena raises on purpose; `str(error)` is the full message for the user."""


class InvalidInput(ArenaError):  # noqa: N818 - named after what it reports
    """An input that breaks rules, with all its faults at once.

    Attributes:
        faults: every fault found, at least one.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Take all faults, at least one, in the order in which they should be told.

        Raises:
            ValueError: there is no fault.
        """
        self.faults: tuple[Fault, ...] = tuple(faults)
        if not self.faults:
            raise ValueError("an InvalidInput needs at least one fault")
        # The arguments of the exception are those of its constructor, so that it can cross a process border.
        super().__init__(self.faults)

    def __str__(self) -> str:
        """Return a first line with the count and the file, then a line per fault (at most 50)."""
        count = len(self.faults)
        sources = list(dict.fromkeys(fault.source for fault in self.faults))
        head = f"{count} fault{'' if count == 1 else 's'}"
        if len(sources) > 1:
            head += f" in {len(sources)} inputs"
        elif sources[0]:
            head += f" in {printable(sources[0], _NAME_WIDTH)}"
        listed = self.faults[:LISTED_FAULTS]
        lines = [f"  {fault if len(sources) > 1 else fault.describe()}" for fault in listed]
        if count > len(listed):
            lines.append(f"  … and {count - len(listed)} more")
        return "\n".join([f"{head}:", *lines])


class UnknownName(InvalidInput):
    """A name that stands for nothing: no such scenario, controller, network, suite. Made by `unknown_name`."""

    def __str__(self) -> str:
        """Return one line per unknown name."""
        return "\n".join(str(fault) for fault in self.faults)


class ContractViolation(ArenaError):  # noqa: N818 - named after what it reports
    """A controller broke the contract while it played.

    Attributes:
        code: the outcome code of the contract that the episode gets, such as `bad_shape` or `timeout`.
        message: what happened, in words.
    """

    def __init__(self, code: ForfeitCode, message: str) -> None:
        """Take the outcome code and the message."""
        self.code = code
        self.message = message
        super().__init__(code, message)

    def __str__(self) -> str:
        """Return the message, led by the outcome code."""
        return f"{self.code}: {self.message}"


class ControllerKilled(ContractViolation):
    """A controller's process was killed, and nobody can tell by whom: by itself, or from outside and without fault.

    `arena.play.match.play` plays such an episode again; if that does not help, it is the violation that it says.
    """


class InfrastructureFailure(ArenaError):  # noqa: N818 - named after what it reports
    """The arena itself failed during a match, not the controller; the episode is played again with the same seed."""


class EpisodeEnded(ArenaError):  # noqa: N818 - named after what it reports
    """A step was asked for after the last period of an episode."""


class PluginError(ArenaError):
    """A plugin cannot be used: it fails on import, declares something invalid, or doubles a name."""


class StoreError(ArenaError):
    """The store of results cannot be read or written."""


class StoreAgeError(StoreError):
    """The store of results is older or newer than this arena."""


def describe_exception(error: BaseException) -> str:
    r"""Return type and text of an exception on one line, shortened; never raises, whatever its ``__str__`` does.

    >>> describe_exception(ValueError("no such file\n"))
    'ValueError: no such file\\n'
    """
    try:
        text = str(error)
    except BaseException:
        # The text is a stranger's code: whatever it does instead of answering, there is no text.
        text = "its text could not be read"
    name = printable(type(error).__name__)
    return f"{name}: {printable(text, MESSAGE_CAP)}" if text else name


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that is nearest to `name`, or None when none is near; case does not matter.

    >>> closest("Seriall", ["divergent", "serial"])
    'serial'
    """
    # Names longer than this are no misspellings, and comparing them costs the square of their length.
    if len(name) > _NAME_WIDTH:
        return None
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a hint for a name that does not exist: the nearest one that does, else what there is to choose from.

    >>> suggest("seriall", ["divergent", "serial"])
    'did you mean "serial"?'
    >>> suggest("x", ["divergent", "serial"])
    'choose from "divergent", "serial"'
    >>> suggest("x", [])
    'there are none'
    """
    names: Sequence[str] = list(known)
    near = closest(name, names)
    if near is not None:
        return f'did you mean "{near}"?'
    if not names:
        return "there are none"
    listed = ", ".join(f'"{candidate}"' for candidate in names[:LISTED_NAMES])
    rest = len(names) - LISTED_NAMES
    return f"choose from {listed}" + (f" and {rest} more" if rest > 0 else "")


def unknown_name(kind: str, name: str, known: Iterable[str], source: str = "") -> UnknownName:
    """Return the error for a name that stands for nothing; the caller raises it.

    Args:
        kind: what was looked for, as in `scenario`.
        name: the name that was given.
        known: the names that exist.
        source: the file or argument that holds the name; may be empty.

    >>> str(unknown_name("network", "seriall", ["divergent", "serial"]))
    'unknown network, got "seriall"; did you mean "serial"?'
    """
    return UnknownName([Fault(source, "", name, f"unknown {kind}", suggest(name, known))])
