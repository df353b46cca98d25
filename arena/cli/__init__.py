"""The command `arena`: a thin door to the library, without logic of its own.

Importing this package imports neither numpy nor pydantic models of the arena: every command imports what it needs
when it runs, so that `arena --help` answers at once.
"""

from __future__ import annotations

import os
import sys

from arena.cli import (
    advising,
    checking,
    comparing,
    data,
    doctor,
    evaluating,
    listing,
    plotting,
    replaying,
    results,
    rounds,
    scaffolding,
    seeding,
    serving,
    training,
    verifying,
)
from arena.cli.app import app
from arena.cli.streams import Guard, OutputLostError

__all__ = ["app", "main"]

for _module in (
    listing,
    doctor,
    checking,
    data,
    evaluating,
    serving,
    results,
    comparing,
    replaying,
    plotting,
    verifying,
    seeding,
    rounds,
    training,
    scaffolding,
    advising,
):
    _module.register(app)


def main() -> None:
    """Run the command line and exit with its status.

    Exit status: 0 when all went well, 1 when a submission forfeited and `--strict` was given (or failed
    `arena check`, or results did not pass `arena verify`), 2 for wrong input or any other error the arena tells of,
    among them standard output that cannot be written, 130 after Ctrl-C, 141 after whoever read standard output had
    gone.
    """
    # Pydantic imports the plugins that installed packages declare for it, whoever wrote them, into this process.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    guard = Guard()
    status: object = 0
    lost = None
    try:
        app(prog_name="arena")
    except SystemExit as leaving:
        status = leaving.code
    except OutputLostError as error:
        lost = error
    sys.exit(guard.leave(status, lost))  # type: ignore[arg-type] # what SystemExit had
