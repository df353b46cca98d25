"""`arena seeds`: the secret behind hidden seeds, and the commitment to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Secret = Annotated[Path, typer.Argument(help="File of the secret; keep it outside every repository.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    seeds = typer.Typer(no_args_is_help=True, help="Make and commit to the secret behind hidden seeds.")
    seeds.command("new")(new)
    seeds.command("commit")(commit)
    app.add_typer(seeds, name="seeds")


def new(file: Secret) -> None:
    """Write a new secret to a file that only you can read, and print the commitment to publish before the run."""
    from arena.contract.seeds import new_secret, write_secret

    secret = new_secret()
    write_secret(secret, file)
    print(secret.commitment)


def commit(file: Secret) -> None:
    """Print the commitment to a secret: publish it before the run, it tells nothing about the seeds."""
    from arena.contract.seeds import read_secret

    print(read_secret(file).commitment)
