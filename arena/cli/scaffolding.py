"""`arena new`: a submission or a plugin to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.streams import kept

if TYPE_CHECKING:
    from arena.scaffold import Kind

Name = Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and hyphens.")]
Place = Annotated[Path, typer.Option("--in", help="Folder in which the new folder is made.", file_okay=False)]

_NEXT = {
    "submission": "next: arena check {folder}",
    "plugin": "next: pip install -e {folder} && arena check {folder}/submissions",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    new = typer.Typer(no_args_is_help=True, help="Start a submission or a plugin from a working example.")
    new.command("submission")(submission)
    new.command("plugin")(plugin)
    app.add_typer(new, name="new")


def submission(name: Name, place: Place = Path()) -> None:
    """Write a folder with a manifest and a controller of its own; it passes `arena check` as it is."""
    _write("submission", name, place)


def plugin(name: Name, place: Place = Path()) -> None:
    """Write a Python package that offers a controller to every arena it is installed beside."""
    _write("plugin", name, place)


def _write(kind: Kind, name: str, place: Path) -> None:
    from arena.scaffold import scaffold

    folder = scaffold(kind, name, place)
    with kept(f"the files are written in {folder}"):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            print(path)
        print(_NEXT[kind].format(folder=folder))
