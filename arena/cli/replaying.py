"""`arena replay`: an episode of a folder of results, period by period, as a page or in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.console import print_json, print_table, table_width
from arena.cli.results import Folder
from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.cli.terminal_replay import TerminalReplay

Submission = Annotated[str, typer.Argument(help="Name of a submission.")]
ScenarioName = Annotated[str, typer.Argument(help="Name of a scenario.")]
SeedIndex = Annotated[int, typer.Argument(min=0, help="Position of the seed in its plan, from 0.")]
Against = Annotated[
    str | None, typer.Option(metavar="OTHER", help="Another submission beside it, on the same scenario and seed.")
]
RevealFile = Annotated[
    Path | None, typer.Option("--reveal", help="Reveal of the secret, for hidden seeds: see arena seeds reveal.")
]

_HELP = "Enter: next period, b: back, a number: that period, q: quit"


def register(app: typer.Typer) -> None:
    """Add the command of this module to the application."""
    app.command("replay")(replay)


def replay(
    folder: Folder,
    submission: Submission,
    scenario: ScenarioName,
    seed: SeedIndex,
    against: Against = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Page to write; in the folder's replay/ unless given.")
    ] = None,
    reveal: RevealFile = None,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Show the periods in the terminal, and write no page.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead, and write no page.")] = False,
) -> None:
    """Play an episode again from its logged orders and show stock, orders and money of every period.

    No controller is run. What the orders give is held against the stored row first; a difference is an error. The page
    is one file that needs no other; in a terminal, --terminal goes period by period, and piped it prints all of them.
    """
    from arena.audit.replaying import replay_episodes
    from arena.contract.seeds import read_reveal
    from arena.errors import ABSENT, Fault, InvalidInput
    from arena.report.replay import refuse_replay, replay_address, write_replay

    if (terminal or as_json) and output is not None:
        rule = "a replay goes to the terminal or into a file"
        fix = f"remove --{'terminal' if terminal else 'json'} or --output"
        raise InvalidInput([Fault("--output", "", ABSENT, rule, fix)])
    target = output or folder / replay_address(submission, scenario, seed, against)
    if not (terminal or as_json):
        refuse_replay(target)
    names = [submission] if against is None else [submission, against]
    episodes = replay_episodes(folder, names, scenario, seed, reveal=read_reveal(reveal) if reveal else None)
    if as_json:
        from arena.cli.terminal_replay import as_plain

        print_json(as_plain(episodes))
        return
    if terminal:
        from arena.cli.terminal_replay import WIDE, TerminalReplay

        width = table_width()
        shown = TerminalReplay(episodes, WIDE if width is None else width)
        if sys.stdin.isatty() and sys.stdout.isatty():
            _step(shown)
        else:
            for period in range(shown.periods):
                _print(shown, period)
        return
    page = write_replay(episodes, target)
    with kept(f"the replay is written: {page}"):
        print(page)


def _print(shown: TerminalReplay, period: int) -> None:
    print(f"{shown.title(period)}{f' ({shown.remark})' if shown.remark else ''}")
    for table in shown.tables(period):
        print(f"\n{table.title}")
        print_table(table.columns, table.rows, right=table.columns[1:])
    print()


def _step(shown: TerminalReplay) -> None:
    """Show one period after the other, as the keyboard says, until the end of input or the letter q."""
    period = 0
    _print(shown, period)
    while True:
        try:
            asked = input(f"{_HELP} > ").strip().lower()
        except EOFError:
            print()
            return
        if asked in ("q", "quit"):
            return
        if asked == "b":
            period = max(0, period - 1)
        elif asked.isdecimal():
            period = min(shown.periods - 1, int(asked[:9]))
        elif asked or period == shown.periods - 1:
            print(_HELP if asked else "this was the last period")
            continue
        else:
            period += 1
        _print(shown, period)
