"""Sweeps: one submission entered several times, with other values of its configuration.

A setting is written ``NAME.key=a,b,c``: for each value a variant of the submission ``NAME`` is entered beside it, whose
config differs in that key. Settings of several keys of one submission multiply. A variant is the submission that a
manifest with its name and config would be: its digest is the same, and so are its results.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from arena.documents import parse_document
from arena.errors import ABSENT, Fault, InvalidInput, show_value
from arena.schemas import LONGEST_SLUG

MOST_VARIANTS: Final = 1000
"""Variants of one submission."""

_SETTING: Final = re.compile(r"([^.=\s]+)\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)=(.*)", re.DOTALL)
_EXAMPLE: Final = "write NAME.key=a,b,c, as in --set my-rule.memory=3,5,8"
_OPTION: Final = "--set"
_DIGITS: Final = 8


class Setting(NamedTuple):
    """Values of one key of a submission's config.

    Attributes:
        submission: name of the submission.
        key: path of the key in the config, dotted.
        values: what the variants have there.
    """

    submission: str
    key: str
    values: tuple[Any, ...]


class Variant(NamedTuple):
    """A submission's name and config with some keys set.

    Attributes:
        name: of the variant.
        settings: key, dotted, and value, in the order given.
    """

    name: str
    settings: tuple[tuple[str, Any], ...]


def parse_setting(text: str) -> Setting:
    """Read ``NAME.key=a,b,c``; the values are those of a YAML list, so that a comma within one is quoted: ``'a,b',c``.

    Args:
        text: as given on the command line.

    Raises:
        InvalidInput: it is not of this form, has no value, or one value twice.
    """
    match = _SETTING.fullmatch(text)
    if match is None:
        rule = "must name a submission, a key of its config and values"
        raise InvalidInput([Fault(_OPTION, "", text, rule, _EXAMPLE)])
    name, key, written = match.groups()
    try:
        document = parse_document(f"values: [{written}\n]".encode(), f"{_OPTION} {text}")
    except InvalidInput as error:
        rule = "the values must be a YAML list without its brackets"
        raise InvalidInput([Fault(_OPTION, "", text, rule, "quote what holds a comma or a bracket: 'a,b'")]) from error
    values = document.get("values")
    if set(document) != {"values"} or not isinstance(values, list) or not values:
        raise InvalidInput([Fault(_OPTION, "", text, "must give at least one value", _EXAMPLE)])
    seen = [_canonical(value) for value in values]
    doubled = next((value for value, one in zip(values, seen, strict=True) if seen.count(one) > 1), None)
    if len(set(seen)) < len(seen):
        raise InvalidInput([Fault(_OPTION, "", text, f"gives {show_value(doubled)} twice", "give every value once")])
    return Setting(name, key, tuple(values))


def make_variants(name: str, settings: Sequence[Setting]) -> list[Variant]:
    """Return the variants of one submission: one for every combination of the values of its keys.

    Args:
        name: the submission's name.
        settings: of this submission, each of another key.

    Raises:
        InvalidInput: a key is given twice, there are more than `MOST_VARIANTS`, or two variants would have one name.
    """
    keys = [setting.key for setting in settings]
    if len(set(keys)) < len(keys):
        key = next(key for key in keys if keys.count(key) > 1)
        fix = f"give all values in one: {_OPTION} {name}.{key}=a,b,c"
        raise InvalidInput([Fault(_OPTION, "", f"{name}.{key}", "is given twice", fix)])
    count = 1
    for setting in settings:
        count *= len(setting.values)
    if count > MOST_VARIANTS:
        rule = f"makes {count} variants of {name}; at most {MOST_VARIANTS} are entered at a time"
        raise InvalidInput([Fault(_OPTION, "", ABSENT, rule, "give fewer values")])
    variants: dict[str, Variant] = {}
    for values in itertools.product(*(setting.values for setting in settings)):
        variant = _variant(name, tuple(zip(keys, values, strict=True)))
        if variant.name in variants:
            both = " and ".join(describe_settings(one.settings) for one in (variants[variant.name], variant))
            rule = f"makes two variants of the name {variant.name}: {both}"
            raise InvalidInput([Fault(_OPTION, "", ABSENT, rule, "write a manifest of its own for one of them")])
        variants[variant.name] = variant
    return list(variants.values())


def set_values(config: Mapping[str, Any], settings: Sequence[tuple[str, Any]], source: str) -> dict[str, Any]:
    """Return a copy of a config with some keys set; groups on the way to a key are made where they are missing.

    Args:
        config: as a manifest has it.
        settings: key, dotted, and value.
        source: where the settings come from, for the fault.

    Raises:
        InvalidInput: the way to a key leads through a value that is no group of settings.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(config))
    for key, value in settings:
        *groups, last = key.split(".")
        place = changed
        for depth, group in enumerate(groups, start=1):
            inner = place.setdefault(group, {})
            if not isinstance(inner, dict):
                path = ".".join(["config", *groups[:depth]])
                rule = f"is a value and no group of settings, so there is no {key}"
                raise InvalidInput([Fault(source, path, inner, rule, "name a key of the controller's configuration")])
            place = inner
        place[last] = copy.deepcopy(value)
    return changed


def describe_settings(settings: Sequence[tuple[str, Any]]) -> str:
    """Return settings as text: ``memory=3, safety=1.2``."""
    return ", ".join(f"{key}={_canonical(value)}" for key, value in settings)


def describe_source(name: str, settings: Sequence[tuple[str, Any]]) -> str:
    """Return the options that would enter one variant alone, for faults."""
    return " ".join(f"{_OPTION} {name}.{key}={_canonical(value)}" for key, value in settings)


def _variant(name: str, settings: tuple[tuple[str, Any], ...]) -> Variant:
    """Name a variant by what is set and by nothing else, so that the same command goes on where it was."""
    parts = [name]
    for key, value in settings:
        parts += [_words(key), _value_words(value)]
    whole = "-".join(parts)
    if len(whole) > LONGEST_SLUG:
        told = f"{name} {describe_settings(settings)}"
        whole = f"{whole[: LONGEST_SLUG - _DIGITS - 1].rstrip('-')}-{_short_digest(told)}"
    return Variant(whole, settings)


def _value_words(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = _canonical(value)
        return _words(f"minus-{text[1:]}" if text.startswith("-") else text)
    text = value if isinstance(value, str) else _canonical(value)
    return _words(text) or _short_digest(text)


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
