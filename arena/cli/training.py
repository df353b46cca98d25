"""`arena train`: train what plugins declare."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.app import INTERRUPTED
from arena.cli.console import print_json, warn

if TYPE_CHECKING:
    from arena.contract.training import TrainingPoint


def register(app: typer.Typer) -> None:
    """Add the command of this module to the application."""
    app.command("train")(train)


def train(
    name: Annotated[str | None, typer.Argument(help="The training; --list shows what there is.")] = None,
    network: Annotated[str | None, typer.Option(help="A network by name, or a YAML file.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Environment steps, in place of the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, in place of the recipe's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the training; by default training/NAME.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List the trainings and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print JSON.")] = False,
) -> None:
    """Train a learned controller by its recipe.

    Writes weights, training card, learning curve, checkpoints and TensorBoard logs into the folder. An interrupted
    training goes on where it stopped when the same command is given again.
    """
    from arena.contract.training import TrainingRequest
    from arena.errors import unknown_name
    from arena.plugins import discover_trainings

    trainings, failures = discover_trainings()
    for failure in failures:
        warn(str(failure))
    if show:
        _list({spec.name: spec.summary for spec in trainings.values()}, as_json)
        return
    if name is None or name not in trainings:
        raise unknown_name("training", name or "", trainings)
    output = out or Path("training") / name
    started = time.monotonic()

    def tell(point: TrainingPoint) -> None:
        share = 100 * point.steps / point.total
        minutes = (time.monotonic() - started) / 60
        warn(
            f"{point.policy}: {point.steps:,} of {point.total:,} steps ({share:.0f} %), loss {point.loss:.4f}, "
            f"validation {point.score:.4f}, {minutes:.1f} min"
        )

    try:
        written = trainings[name].run(TrainingRequest(output, network, steps, seed), tell)
    except KeyboardInterrupt as error:
        warn(f"interrupted; give the same command again to go on from the last checkpoint in {output}")
        raise typer.Exit(INTERRUPTED) from error
    for path in written:
        print(path)


def _list(summaries: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in summaries.items()])
        return
    width = max((len(name) for name in summaries), default=0)
    for name, summary in summaries.items():
        print(f"{name:<{width}}  {summary}")
