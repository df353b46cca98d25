"""`arena advise` and `arena backtest`: a planner's own world, tomorrow and as it would have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.checking import Isolation, LimitsFile, Trust, pin
from arena.cli.console import print_json, print_table
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.advice.result import Advice, OrderLine

_SENTENCE = 400
_RIGHT = ("order", "position", "needed")

World = Annotated[str, typer.Argument(metavar="WORLD", help="A scenario's file, as arena new world writes it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("advise")(advise)


def advise(
    world: World,
    state: Annotated[
        Path,
        typer.Option(
            help="Stock, open orders and backlog: a CSV file with the columns node, on_hand, backlog, supplier, "
            "on_order and arrival, or a YAML file that says which columns of your tables these are."
        ),
    ],
    controller: Annotated[
        list[str],
        typer.Option(help="Who decides: a controller's name (NAME, or NAME:TRACK) or a manifest; repeatable."),
    ],
    history: Annotated[
        Path | None, typer.Option(help="A newer table of sales, read as the world says its own is.")
    ] = None,
    today: Annotated[
        str | None, typer.Option(help="First period of the advice, which must follow the last recorded one.")
    ] = None,
    demand: Annotated[
        list[str] | None, typer.Option(help="What if all demand were larger or smaller, as in +10%; repeatable.")
    ] = None,
    lead_time: Annotated[
        list[int] | None, typer.Option(help="What if all lead times were so many periods longer; repeatable.")
    ] = None,
    isolation: Annotated[
        str | None,
        typer.Option(
            help="Isolation level of all controllers; trusted for the arena's own plugins and the strongest that works "
            "for all others unless given."
        ),
    ] = None,
    limits: LimitsFile = None,
    trust: Trust = None,
    output: Annotated[Path | None, typer.Option(help="Also write the orders: FILE.csv or FILE.xlsx.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what to order today: per supply link, in whole lots, with what each order is for and what to beware of.

    The world begins with the stock of the state file, and each controller decides once, as it would in a contest.
    """
    from arena.advice.advise import advise as run
    from arena.advice.variations import parse_share
    from arena.advice.writing import write_advice
    from arena.entry.limits import load_limits

    found = run(
        world,
        state,
        controller,
        history=history,
        today=today,
        demand=[parse_share(one, "--demand") for one in demand or ()],
        lead_time=lead_time or (),
        isolation=isolation,
        limits=None if limits is None else load_limits(limits),
        trust=pin(trust),
    )
    written = None if output is None else write_advice(found, output)
    with kept("" if written is None else f"the orders are written: {written}"):
        if as_json:
            print_json(found.model_dump(mode="json"))
            return
        _print(found)
        if written is not None:
            print(f"written: {written}")


def _print(advice: Advice) -> None:
    from arena.errors import printable

    known = f", sales known to {advice.known_until}" if advice.known_until else ""
    print(printable(f"{advice.world}: orders of {advice.today}{known}", _SENTENCE))
    print(printable(f"forecast: {advice.forecast}", _SENTENCE))
    first = advice.cases[0]
    print()
    if len(advice.cases) == 1:
        print(printable(f"{first[0]}:", _SENTENCE))
        rows = [_cells(line) for line in advice.lines]
        print_table(("link", "order", "position", "needed", "arrives", "for demand of"), rows, right=_RIGHT)
    else:
        headings = [f"{name}\n{what_if}" if what_if else name for name, what_if in advice.cases]
        by_case = [advice.lines_of(*case) for case in advice.cases]
        rows = [
            [*_cells(line, short=True), *(_units(lines[place].order) for lines in by_case)]
            for place, line in enumerate(by_case[0])
        ]
        print_table(("link", "position", "needed", "arrives", *headings), rows, right=(*_RIGHT, *headings))
    print()
    print("position: on hand + on order - backlog; needed: forecast until the order arrives")
    _print_warnings(advice)


def _print_warnings(advice: Advice) -> None:
    from arena.errors import printable

    if not advice.warnings:
        print("no warnings")
        return
    for one in advice.warnings:
        who = f"{', '.join(one.controllers)}: " if one.controllers and one.node and len(advice.cases) > 1 else ""
        where = f"{one.what_if}: " if one.what_if else ""
        print(printable(f"warning: {where}{who}{one.text}", _SENTENCE))


def _cells(line: OrderLine, *, short: bool = False) -> list[str]:
    head = [_units(line.position), _units(line.needed), _date(line.arrives)]
    if short:
        return [line.link, *head]
    return [line.link, _units(line.order), *head, _covers(line)]


def _covers(line: OrderLine) -> str:
    if not line.order:
        return "–"
    if line.covers_from is None:
        return "none"
    if line.covers_until is None:
        return f"{_date(line.covers_from)} …"
    if line.covers_until == line.covers_from:
        return _date(line.covers_from)
    return f"{_date(line.covers_from)} … {_date(line.covers_until)}"


def _date(label: str) -> str:
    """Return a date without its year, which the first line tells; other periods as they are."""
    is_date = len(label) == 10 and label[4] == label[7] == "-"
    return label[5:] if is_date else label.removeprefix("period ")


def _units(units: float) -> str:
    """Return units with at most one decimal."""
    text = f"{units:,.1f}"
    return text.removesuffix(".0").replace("-0", "0") if text in ("-0.0", "0.0") else text.removesuffix(".0")
