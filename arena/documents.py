"""Documents written by people, who may be careless or hostile: read safely, checked fully, faults told at once.

A document is a YAML mapping in UTF-8 of at most 1 MiB, or 16 MiB where it is a network or a scenario. It is built from
the parser's events without recursion and without any constructor, so no text in it can name a Python object, and each
costly thing has a bound: depth, nodes, aliases. Plain scalars follow YAML 1.2: `true` and `false` are the only
booleans, `2024-01-01`, `1:30`, `0x1F`, `007` and `1_000` stay text, `1e-3` is a number.
"""

from __future__ import annotations

import copy
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from arena.errors import ABSENT, Fault, InvalidInput

__all__ = ["load_document", "parse_document"]

MAX_BYTES: Final = 1024 * 1024
"""Largest document, bytes."""
WORLD_BYTES: Final = 16 * MAX_BYTES
"""Largest document of a network or a scenario, bytes: enough for the most nodes and links, written a line each."""
MAX_DEPTH: Final = 32
"""Deepest nesting of lists and mappings, aliases expanded; far below Python's recursion limit."""
MAX_NODES: Final = 100_000
"""Most lists, mappings, keys and scalars in a document, aliases expanded."""
WORLD_NODES: Final = 3_000_000
"""The same of a network or a scenario."""
MAX_ALIASES: Final = 100
"""Most aliases in a document."""
MAX_NUMBER: Final = 100
"""Most characters of a number, so that every integer has a finite floating-point value."""

MAX_FAULTS: Final = 1000
"""Most faults told of one document."""

# The C parser reads the same events some twenty times faster; not every build of PyYAML has it.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FINITE_RULE: Final = "must be a finite number"


@dataclass(frozen=True)
class Size:
    """How large a document may be.

    Attributes:
        bytes: Of the file.
        nodes: Lists, mappings, keys and scalars, aliases expanded.
    """

    bytes: int
    nodes: int


WORLD_SIZE: Final = Size(WORLD_BYTES, WORLD_NODES)
"""Size of documents of networks and scenarios, which organisers write; all others are small."""


def load_document(path: str | Path, size: Size | None = None) -> dict[str, Any]:
    """Read the YAML mapping in the file `path`.

    Anything but a regular file is refused without being opened for long: a pipe does not block.

    Args:
        path: of the file.
        size: how large it may be; by default 1 MiB and 100,000 values.

    Raises:
        InvalidInput: the file cannot be read or is not a document as this module defines it; never another error,
            whatever the bytes.
    """
    source = str(path)
    # Non-blocking, because opening a pipe that nobody writes to would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        # Looked at before it is opened, because opening a device can set it in motion; and again afterwards,
        # because another file may have taken its place.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            _refuse(source, "must be a regular file")
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                _refuse(source, "must be a regular file")
            most = MAX_BYTES if size is None else size.bytes
            _check_size(status.st_size, most, source)
            content = file.read(most + 1)
    except FileNotFoundError:
        _refuse(source, "there is no such file")
    except (OSError, ValueError) as error:  # ValueError: a path with a null character.
        _refuse(source, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return parse_document(content, source, size)


def parse_document(content: bytes, source: str, size: Size | None = None) -> dict[str, Any]:
    """Build the YAML mapping written in `content`; `source` names its origin in faults.

    Args:
        content: UTF-8 text.
        source: its origin.
        size: as of `load_document`.

    Raises:
        InvalidInput: `content` is not a document as this module defines it.
    """
    _check_size(len(content), MAX_BYTES if size is None else size.bytes, source)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(source, "is not UTF-8 text", line, suggestion="save the file as UTF-8")
    builder = _Builder(source, MAX_NODES if size is None else size.nodes)
    for event in _events(text, source):
        builder.take(event)
    if builder.faults:
        raise InvalidInput(builder.faults)
    if not isinstance(builder.root, dict):
        value = ABSENT if builder.root is None else builder.root
        raise InvalidInput([Fault(source, "", value, "must be a mapping of fields", "write `field: value` lines")])
    return builder.root


def _refuse(
    source: str, rule: str, line: int | None = None, *, value: object = ABSENT, suggestion: str = ""
) -> NoReturn:
    where = "" if line is None else f"line {line}"
    raise InvalidInput([Fault(source, where, value, rule, suggestion)]) from None


def _check_size(size: int, most: int, source: str) -> None:
    if size > most:
        _refuse(source, f"is larger than {most} bytes")


def _indentation(text: str, line: int) -> str:
    """Return the white space with which a line begins."""
    found = "".join(text.split("\n", line)[line - 1 : line])
    return found[: len(found) - len(found.lstrip())]


def _events(text: str, source: str) -> Iterator[Any]:
    """Yield the parser's events; whatever it raises becomes a fault."""
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = " ".join(part for part in (error.context, error.problem) if part)
        if "nesting depth" in told:
            # The C parser reads ahead, and from PyYAML 6.0.4 on it has a limit of its own, far above ours.
            _refuse(source, f"is nested deeper than {MAX_DEPTH} levels", None if mark is None else mark.line + 1)
        line = None if mark is None else mark.line + 1
        if line is not None and "\t" in _indentation(text, line):
            _refuse(
                source, "is not YAML: a tab begins the line, and only spaces indent", line, suggestion="write spaces"
            )
        _refuse(source, f"is not YAML: {told}", line)
    except yaml.reader.ReaderError as error:
        # The C parser counts bytes and the other one characters, hence no line.
        _refuse(source, f"holds a character that YAML does not allow: {error.reason}")
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser in Python lets some escapes and directives out of range end in a bare ValueError.
        _refuse(source, f"is not YAML: {error}")


@dataclass
class _Open:
    """A list or mapping under construction."""

    value: list[Any] | dict[str, Any]
    line: int
    anchor: str | None
    nodes_before: int
    key: str | None = None
    awaits_key: bool = True
    height: int = 1
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Anchored:
    value: Any
    nodes: int
    height: int


class _Builder:
    """Builds one document from events, with an explicit stack in place of recursion."""

    def __init__(self, source: str, most_nodes: int) -> None:
        self.source = source
        self._most_nodes = most_nodes
        self.root: Any = None
        self.faults: list[Fault] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._nodes = 0
        self._aliases = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take the next event."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                _refuse(self.source, "holds a second document", line, suggestion="keep one document per file")
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), line)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, line)
            self._count(1, line)
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check_tag(event.tag, line)
            self._open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event.anchor, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()

    def _fault(self, line: int, rule: str, value: object = ABSENT, suggestion: str = "") -> None:
        self.faults.append(Fault(self.source, f"line {line}", value, rule, suggestion))
        if len(self.faults) >= MAX_FAULTS:
            raise InvalidInput(self.faults)

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > self._most_nodes:
            _refuse(self.source, f"holds more than {self._most_nodes} values, aliases expanded", line)

    def _check_depth(self, height: int, line: int) -> None:
        if len(self._stack) + height > MAX_DEPTH:
            _refuse(self.source, f"is nested deeper than {MAX_DEPTH} levels", line)

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None:
            self._fault(line, "tags are not allowed", tag, "remove it")

    def _alias(self, anchor: str, line: int) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            _refuse(self.source, f"holds more than {MAX_ALIASES} aliases", line)
        if anchor not in self._anchors:
            _refuse(self.source, "this alias has no anchor", line, value=f"*{anchor}")
        anchored = self._anchors[anchor]
        if anchored is None:
            _refuse(self.source, "this alias stands inside its own anchor", line, value=f"*{anchor}")
        self._count(anchored.nodes, line)
        self._check_depth(anchored.height, line)
        # A copy, so that no two places of the document share a list; the bounds above keep it small.
        self._put(copy.deepcopy(anchored.value), line, anchored.height)

    def _scalar(self, event: Any, line: int) -> None:
        value: Any = event.value
        if not event.style:  # Plain: neither quoted nor a block of text.
            if value == "<<" and self._expects_key():
                self._fault(line, "merge keys are not allowed", value, "write the fields out")
            value = self._resolve(value, line)
        if (
            isinstance(value, str)
            and not value.isascii()
            and any("\ud800" <= character <= "\udfff" for character in value)
        ):
            self._fault(line, "text must not hold half a surrogate pair", value)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, 0)
        self._put(value, line, 0)

    def _resolve(self, text: str, line: int) -> str | int | float | bool | None:
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _NOT_FINITE.fullmatch(text):
            self._fault(line, _FINITE_RULE, text)
            return 0.0
        integer = _INTEGER.fullmatch(text) is not None
        if not integer and not _FLOAT.fullmatch(text):
            return text
        if len(text) > MAX_NUMBER:
            self._fault(line, f"a number has at most {MAX_NUMBER} characters", text, "quote it if it is text")
            return 0
        if integer:
            return int(text)
        number = float(text)
        if abs(number) == float("inf"):
            self._fault(line, _FINITE_RULE, text)
        return number

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].awaits_key

    def _open(self, value: list[Any] | dict[str, Any], anchor: str | None, line: int) -> None:
        self._check_depth(1, line)
        if anchor is not None:
            self._anchors[anchor] = None  # Known but unfinished: an alias to it now would be recursion.
        self._stack.append(_Open(value, line, anchor, self._nodes))
        self._count(1, line)

    def _close(self) -> None:
        done = self._stack.pop()
        if done.anchor is not None:
            self._anchors[done.anchor] = _Anchored(done.value, self._nodes - done.nodes_before, done.height)
        self._put(done.value, done.line, done.height)

    def _put(self, value: Any, line: int, height: int) -> None:
        """Place a finished value where the document stands: as root, list item, key, or value of the last key."""
        if not self._stack:
            self.root = value
            return
        parent = self._stack[-1]
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.awaits_key:
            parent.key = self._key(parent, value, line)
            parent.awaits_key = False
        else:
            if parent.key is not None:
                parent.value[parent.key] = value
            parent.awaits_key = True

    def _key(self, parent: _Open, key: Any, line: int) -> str | None:
        if not isinstance(key, str):
            self._fault(line, "a key must be text", key, "quote it")
            return None
        if key in parent.lines:
            self._fault(line, f"this key stands already in line {parent.lines[key]}", key, "keep one of them")
            return None
        parent.lines[key] = line
        return key
