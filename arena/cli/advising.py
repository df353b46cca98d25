"""`arena advise` and `arena backtest`: a planner's own world, tomorrow and as it would have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.app import FORFEITED
from arena.cli.checking import Isolation, LimitsFile, Trust, pin
from arena.cli.console import Json, print_json, print_table, table_width, warn
from arena.cli.layout import natural_width
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.advice.result import Advice, OrderLine

_SENTENCE = 400
_RIGHT = ("order", "position", "needed")

World = Annotated[str, typer.Argument(metavar="WORLD", help="A scenario's file, as arena new world writes it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("advise")(advise)
    app.command("backtest")(backtest)


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
    as_json: Json = False,
) -> None:
    """Say what to order today: per supply link, in whole lots, with what each order is for and what to beware of.

    The world begins with the stock of the state file, and each controller decides once, as it would in a contest.
    """
    from arena.advice.advise import advise as run
    from arena.advice.variations import parse_share
    from arena.advice.writing import refuse_output, write_advice
    from arena.entry.limits import load_limits

    if output is not None:
        refuse_output(output)
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


def backtest(
    world: World,
    submissions: Annotated[
        list[str],
        typer.Option(
            help="Who plays: manifests, submission folders, folders of them, or controllers by name (NAME, or "
            "NAME:TRACK); repeatable."
        ),
    ],
    isolation: Isolation = None,
    limits: LimitsFile = None,
    trust: Trust = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Episodes at a time; one per core unless given, 0 plays in this process.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of results; what is there is not played again.")] = Path(
        "backtest"
    ),
    as_json: Json = False,
) -> None:
    """Play every window of a world's recorded demand, and show stock by node over time and money by policy.

    An evaluation like that of arena evaluate, with a seed for each window, and the page backtest.html besides.
    """
    import tempfile

    from arena.advice.backtesting import load_backtest
    from arena.advice.controllers import name_manifests
    from arena.cli.evaluating import evaluate
    from arena.report.backtest import write_backtest
    from arena.results.reading import read_results

    scenario, windows, left_out = load_backtest(world)
    if left_out:
        more = windows + left_out
        warn(f"plays {windows} of {more} windows; for all: arena evaluate --scenario {world} --seeds hidden:{more}")
    leaving = None
    with tempfile.TemporaryDirectory(prefix="arena-") as folder:
        paths = name_manifests(submissions, Path(folder), "--submissions", trust or (), to_come=True)
        try:
            evaluate(
                paths,
                scenario=[world],
                seeds=f"public:{windows}",
                isolation=isolation,
                limits=limits,
                trust=trust,
                workers=workers,
                output=output,
                as_json=as_json,
            )
        except typer.Exit as error:
            if error.exit_code != FORFEITED:
                raise
            leaving = error
    page = write_backtest(read_results(output), scenario)
    with kept(f"the page is written: {page}"):
        if not as_json:
            print(page)
    if leaving is not None:
        raise leaving


def _print(advice: Advice) -> None:
    from arena.errors import printable

    known = f", sales known to {advice.known_until}" if advice.known_until else ""
    print(printable(f"{advice.world}: orders of {advice.today}{known}", _SENTENCE))
    print(printable(f"forecast: {advice.forecast}", _SENTENCE))
    if len(advice.cases) == 1:
        print()
        print(printable(f"{advice.cases[0][0]}:", _SENTENCE))
        rows = [_cells(line) for line in advice.lines]
        print_table(("link", "order", "position", "needed", "arrives", "for demand of"), rows, right=_RIGHT)
    else:
        for what_if in dict.fromkeys(what_if for _, what_if in advice.cases):
            _print_together(advice, what_if)
    print("\nposition: on hand + on order - backlog; needed: forecast until the order arrives")
    _print_warnings(advice)


def _print_together(advice: Advice, what_if: str) -> None:
    """Print the orders of all controllers beside each other, as many as the terminal is wide enough for."""
    from arena.errors import printable

    names = [name for name, varied in advice.cases if varied == what_if]
    by_name = {name: advice.lines_of(name, what_if) for name in names}
    lines = by_name[names[0]]
    heads = [_cells(line, short=True) for line in lines]
    width = table_width()
    columns = ("link", "position", "needed", "arrives")
    print()
    print(printable(f"what if {what_if}:" if what_if else "orders:", _SENTENCE))
    while names:
        # At least one, however narrow the terminal is.
        for number in range(len(names), 0, -1):
            block = names[:number]
            rows = [
                [*head, *(_units(by_name[name][place].order) for name in block)] for place, head in enumerate(heads)
            ]
            if width is None or natural_width((*columns, *block), rows) <= width:
                break
        del names[: len(block)]
        print_table((*columns, *block), rows, right=(*_RIGHT, *block))
        if names:
            print()


def _print_warnings(advice: Advice) -> None:
    """Print the warnings of the world as it is; of what-ifs those of stock-outs alone, which an order cannot mend."""
    from arena.errors import printable

    shown = [one for one in advice.warnings if not one.what_if or one.kind == "stock_out"]
    for one in shown:
        who = f"{', '.join(one.controllers)}: " if one.node and len(advice.cases) > 1 and one.controllers else ""
        where = f"what if {one.what_if}: " if one.what_if else ""
        print(printable(f"warning: {where}{who}{one.text}", _SENTENCE))
    hidden = len(advice.warnings) - len(shown)
    if hidden:
        print(f"… and {hidden:,} more warnings of what-ifs; --output and --json have them")
    if not advice.warnings:
        print("no warnings")


def _cells(line: OrderLine, *, short: bool = False) -> list[str]:
    head = [_units(line.position), _units(line.needed), _date(line.arrives)]
    if short:
        return [line.link, *head]
    return [line.link, _units(line.order), *head, _covers(line)]


def _covers(line: OrderLine) -> str:
    from arena.advice.result import WAITING

    if not line.order:
        return "–"
    if line.purpose == WAITING:
        return "backlog"
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
