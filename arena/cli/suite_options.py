"""Options by which commands are told what suite is played, and what it is built from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arena.world.contest_draws import DrawKey
    from arena.world.suite import Suite

Data = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder of data of a suite of a package: in short for --option data=FOLDER."),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="Option of a suite of a package, see arena list suites; repeatable, one of several values for each.",
    ),
]


def read_suite_options(data: Path | None, options: Sequence[str] | None) -> dict[str, Any]:
    """Return the options of a suite by name; one that is given several times has a list of values.

    Raises:
        InvalidInput: one is not written KEY=VALUE, or the folder of data is given twice.
    """
    from arena.errors import Fault, InvalidInput

    found: dict[str, Any] = {}
    faults = []
    for text in options or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            faults.append(Fault("--option", "", text, "is not written KEY=VALUE", "for example --option slice=real"))
        elif name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    if data is not None and "data" in found:
        faults.append(Fault("--data", "", str(data), "is given twice: --option data says it, too", "leave one out"))
    if faults:
        raise InvalidInput(faults)
    return found if data is None else {**found, "data": str(data)}


def load_suite_option(
    suite: str,
    data: Path | None,
    options: Sequence[str] | None,
    trust: Sequence[str] = (),
    draw_key: DrawKey | None = None,
) -> Suite:
    """Load the suite that options mean.

    Args:
        suite: name or file.
        data: folder of data, if it needs one.
        options: further options, `KEY=VALUE` each.
        trust: packages of strangers that this process may import.
        draw_key: draws its numbers, if it has ranges; None for the public seed that it states.

    Raises:
        InvalidInput: something has faults.
        UnknownName: there is no such suite.
    """
    from arena.entry.suites import load_suite

    return load_suite(suite, draw_key, options=read_suite_options(data, options), trust=trust)


def refuse_suite_options(data: Path | None, options: Sequence[str] | None) -> None:
    """Refuse options of a suite where none is named.

    Raises:
        InvalidInput: some are given.
    """
    from arena.errors import Fault, InvalidInput

    faults = [
        Fault(flag, "", value, "is for a suite of a package", "name it with --suite, or leave this out")
        for flag, value in (
            ("--data", None if data is None else str(data)),
            *(("--option", one) for one in options or ()),
        )
        if value is not None
    ]
    if faults:
        raise InvalidInput(faults)
