"""Command line of the package: ``python -m arena_boards results RESULTS SUBMISSION OUTPUT``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arena import ArenaError
from arena_boards.results_csv import write_results


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return its exit status.

    Args:
        arguments: of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m arena_boards", description="Hand in scores on open boards.")
    commands = parser.add_subparsers(dest="command", required=True)
    results = commands.add_parser("results", help="write InventoryBench's results.csv of every instance")
    results.add_argument("results", type=Path, help="folder of results of an evaluation of inventorybench")
    results.add_argument("submission", help="name of the submission")
    results.add_argument("output", type=Path, help="folder to write to")
    given = parser.parse_args(arguments)
    try:
        count = write_results(given.results, given.submission, given.output)
    except ArenaError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{count} files in {given.output / 'results'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
