"""`arena plot`: figures for papers, of a folder of results."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.replaying import Against, RevealFile, ScenarioName, SeedIndex, Submission
from arena.cli.results import Folder
from arena.cli.streams import kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


class PlotFormat(StrEnum):
    """File formats of a figure."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"


FileFormat = Annotated[
    PlotFormat | None, typer.Option("--format", help="File format; that of --output's ending, or svg.")
]
Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File to write; in the folder's figures/ unless given.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    plot = typer.Typer(no_args_is_help=True, help="Draw figures for papers: one column wide, as SVG, PNG or PDF.")
    plot.command("standings")(standings)
    plot.command("pareto")(pareto)
    plot.command("episode")(episode)
    app.add_typer(plot, name="plot")


def standings(folder: Folder, file_format: FileFormat = None, output: Output = None) -> None:
    """Draw the standings: score or mean profit of every submission, with its interval."""
    from arena.report.contest_figures import standings_figure
    from arena.results.reading import read_standings

    _write(lambda: standings_figure(read_standings(folder)), folder, "standings", file_format, output)


def pareto(folder: Folder, file_format: FileFormat = None, output: Output = None) -> None:
    """Draw score or mean profit against the time of a decision; those that none beats in both are joined and named."""
    from arena.report.contest_figures import pareto_figure
    from arena.results.reading import read_standings

    _write(lambda: pareto_figure(read_standings(folder)), folder, "pareto", file_format, output)


def episode(
    folder: Folder,
    submission: Submission,
    scenario: ScenarioName,
    seed: SeedIndex,
    against: Against = None,
    file_format: FileFormat = None,
    output: Output = None,
    reveal: RevealFile = None,
) -> None:
    """Draw an episode over time: demand, stock, units on the way, shortage and profit of the whole network.

    It is played again from its logged orders, as by arena replay.
    """
    from arena.report.replay import replay_address

    def draw() -> Figure:
        from arena.audit.replaying import replay_episodes
        from arena.contract.seeds import read_reveal
        from arena.report.episode_figure import episode_figure

        names = [submission] if against is None else [submission, against]
        secret = read_reveal(reveal) if reveal else None
        return episode_figure(replay_episodes(folder, names, scenario, seed, reveal=secret))

    name = Path(replay_address(submission, scenario, seed, against)).stem
    _write(draw, folder, f"episode-{name}", file_format, output)


def _write(
    draw: Callable[[], Figure], folder: Path, name: str, file_format: PlotFormat | None, output: Path | None
) -> None:
    from arena.report.figures import format_of, refuse_figure, style, write_figure

    chosen = format_of(file_format, output)
    target = output or folder / "figures" / f"{name}.{chosen}"
    refuse_figure(target, chosen)
    with style():
        path = write_figure(draw(), target, chosen)
    with kept(f"the figure is written: {path}"):
        print(path)
