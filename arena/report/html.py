"""Pages of one file that load nothing: the shell that all share, with its scripts, its data and its security policy.

Text of submissions reaches a page in two ways only: through the template engine, which escapes it, and as JSON in a
block that is never run. The policy names the digest of every script of the page, so no other script runs, whatever
stands in a name or a log.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import jinja2
from markupsafe import Markup

from arena.errors import printable

if TYPE_CHECKING:
    from arena.results.compared import Interval

__all__ = [
    "DASH",
    "DRAWING",
    "MESSAGE_WIDTH",
    "SHARED",
    "number",
    "percent",
    "render_page",
    "security_policy",
    "write_range",
]

MESSAGE_WIDTH: Final = 500
"""Characters that a page shows of a message."""

DRAWING: Final = "vendor/plot.min.js"
"""Observable Plot, as the global name `Plot`; made by `.ci/vendor.py`."""

SHARED: Final = "scripts/shared.js"
"""What scripts of several pages share, as the global name `shared`."""

DASH: Final = "–"
"""Stands for a value that there is not."""

_MINUS: Final = "−"


def render_page(template: str, *, scripts: Sequence[str] = (), data: object = None, **values: object) -> str:
    """Render a page that extends `base.html.jinja`.

    Args:
        template: name of a file in `templates/`.
        scripts: files of this package to run at the end of the page, in their order, such as `DRAWING`.
        data: what the scripts read, as plain values for JSON (no NaN, no infinity); None for none. They find it as the
            content of the element `data`.
        values: what the template shows.

    Returns:
        The page, with a security policy by the digests of its scripts.

    Raises:
        ValueError: The data hold NaN or infinity, or a script would end its own element.
    """
    texts = [_script(name) for name in scripts]
    return (
        _environment()
        .get_template(template)
        .render(
            security_policy=Markup(security_policy(texts)),
            scripts=[Markup(text) for text in texts],
            data=None if data is None else embed(data),
            **values,
        )
    )


def security_policy(scripts: Sequence[str]) -> str:
    """Return the content security policy of a page: nothing is loaded, and nothing but these scripts is run.

    Args:
        scripts: the text of every script, exactly as between its tags.
    """
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    # The style of single elements (positions in a plot) cannot be named by digest; without images, fonts and
    # connections a style can carry nothing out.
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def embed(data: object) -> Markup:
    """Return plain values as JSON that cannot end the element in which it stands."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def number(value: float | None, digits: int = 1) -> str:
    """Return a number with thousands separators and a real minus sign, or a dash for None."""
    if value is None:
        return DASH
    text = f"{value:,.{digits}f}"
    return text.replace("-", _MINUS) if float(text.replace(",", "")) else text.lstrip("-")


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as text such as `12.5 %`, or a dash for None."""
    return DASH if share is None else f"{number(100 * share, digits)} %"


def write_range(one: Interval | None, digits: int) -> str:
    """Return the ends of an interval as text, or nothing for None."""
    return "" if one is None else f"{number(one.low, digits)} … {number(one.high, digits)}"


def _script(name: str) -> str:
    text = _read(name)
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError(f"{name} would end the element in which it stands")
    return text


def _read(name: str) -> str:
    return files("arena.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _read(f"templates/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["printable"] = lambda text: printable(text, MESSAGE_WIDTH)
    return environment
