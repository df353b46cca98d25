"""`arena seeds`: the secret behind hidden seeds, the commitment to it before a run, and its reveal afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.cli.console import Json, print_json, warn
from arena.cli.streams import kept

SecretFile = Annotated[Path, typer.Argument(help="File of the secret; keep it outside every repository.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    seeds = typer.Typer(no_args_is_help=True, help="Make, commit to and reveal the secret behind hidden seeds.")
    seeds.command("new")(new)
    seeds.command("commit")(commit)
    seeds.command("reveal")(reveal)
    app.add_typer(seeds, name="seeds")


def new(file: SecretFile, as_json: Json = False) -> None:
    """Write a new secret to a file that only you can read, and print the commitment to publish before the run."""
    from arena.contract.seeds import new_secret, write_secret

    secret = new_secret()
    write_secret(secret, file)
    with kept(f"the secret is written; its commitment is printed by: arena seeds commit {file}"):
        if as_json:
            print_json({"commitment": secret.commitment, "file": str(file)})
        else:
            print(secret.commitment)


def commit(file: SecretFile, as_json: Json = False) -> None:
    """Print the commitment to a secret: publish it before the run, it tells nothing about the seeds."""
    from arena.contract.seeds import read_secret

    commitment = read_secret(file).commitment
    if as_json:
        print_json({"commitment": commitment, "file": str(file)})
    else:
        print(commitment)


def reveal(
    file: SecretFile,
    output: Annotated[Path | None, typer.Option(help="Write the reveal to a new file, instead of printing it.")] = None,
) -> None:
    """Give the secret away, AFTER the run: print master and salt, with which everybody can compute every seed.

    The reveal is a JSON document that `arena verify` reads. Once it is published, nothing that is played on this secret
    is played on hidden seeds any more: make a new one for the next run.
    """
    from arena.contract.seeds import read_secret, reveal_secret, to_json, write_reveal

    told = reveal_secret(read_secret(file))
    if output is None:
        print(to_json(told), end="")
    else:
        write_reveal(told, output)
        with kept(f"the reveal is written: {output}"):
            print(output)
    warn(f"this reveals every seed under the commitment {told.commitment}; make a new secret for the next run")
