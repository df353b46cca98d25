"""`arena serve`: a running evaluation and its standings in a browser on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from arena.cli.console import warn
from arena.cli.results import Folder


def register(app: typer.Typer) -> None:
    """Add the command of this module to the application."""
    app.command("serve")(serve)


def serve(
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 for any free one.")] = 8765,
) -> None:
    """Follow an evaluation in a browser on this machine, until Ctrl-C; a folder that is complete can be shown, too.

    The first page tells what is running, failed and left, and the time left; the page of standings is computed from the
    episodes so far. The server listens on 127.0.0.1 alone, answers only requests that are addressed to it by that name
    or as localhost, and gives nothing but these pages, replays of episodes, standings.json and episodes.csv. Nothing is
    written.
    """
    # It brings the library's server, which no other command needs.
    from arena.cli.live_server import ADDRESS, LiveServer
    from arena.errors import ABSENT, ArenaError, Fault, InvalidInput

    if not folder.is_dir():
        fix = "give the --output of arena evaluate, once it has begun"
        raise InvalidInput([Fault(str(folder), "", ABSENT, "is no folder of results", fix)])
    try:
        server = LiveServer(folder, port)
    except OSError as error:
        raise ArenaError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error
    print(f"http://{ADDRESS}:{server.server_port}/", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            warn("stopped")
