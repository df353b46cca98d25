"""`arena train`: train what plugins declare."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.app import INTERRUPTED
from arena.cli.checking import Trust, pin
from arena.cli.console import Json, print_json, warn
from arena.cli.streams import kept

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
    everything: Annotated[
        bool, typer.Option("--all", help="Train all that there is, each in a folder of its own.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="With --all: trainings at a time.")] = 1,
    trust: Trust = None,
    show: Annotated[bool, typer.Option("--list", help="List the trainings and leave.")] = False,
    as_json: Json = False,
) -> None:
    """Train a learned controller by its recipe.

    Writes weights, training card, learning curve, checkpoints and TensorBoard logs into the folder. An interrupted
    training goes on where it stopped when the same command is given again.

    With --all every training that the installed plugins declare is run by a command of its own, on one thread each.
    A training runs in this process, so only those of the arena's own packages and of trusted ones are there.
    """
    from arena.contract.training import TrainingRequest
    from arena.errors import ArenaError, Fault, InvalidInput, UnknownName, suggest
    from arena.plugins import discover_trainings, hint_of_trust

    trusted = pin(trust)
    trainings, failures, untrusted = discover_trainings(trust=trusted)
    for failure in failures:
        warn(str(failure))
    if show:
        for package in sorted({entry.distribution for entry in untrusted}):
            warn(f"{package} is not imported, since nobody trusts it; its trainings are listed with --trust {package}")
        _list({spec.name: spec.summary for spec in trainings.values()}, as_json)
        return
    if everything:
        if name is not None:
            raise InvalidInput([Fault("--all", "", name, "trains all that there is", "leave the name out")])
        given = {"--network": network, "--steps": steps, "--seed": seed}
        options = [part for key, value in given.items() if value is not None for part in (key, str(value))]
        options += [part for one in trusted for part in ("--trust", one)]
        _require_writable(out or Path("training"))
        _train_all(list(trainings), out or Path("training"), workers, options)
        return
    if name is None or name not in trainings:
        hint = suggest(name or "", trainings) + hint_of_trust(untrusted)
        raise UnknownName([Fault("", "", name or "", "unknown training", hint)])
    output = out or Path("training") / name
    _require_writable(output)
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
    except OSError as error:
        if not _is_of(error, output):
            raise
        fix = "check the folder, its permissions and the disk, and give the same command again to go on"
        raise ArenaError(f"{error.filename or output}: cannot be written ({error.strerror}); {fix}") from error
    with kept(f"the weights are written in {output}"):
        if as_json:
            print_json({"files": [str(path) for path in written]})
        else:
            for path in written:
                print(path)


def _require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, before anything is trained.

    It is not made here: a training may make its folder itself, and rely on a new one.

    Raises:
        ArenaError: It cannot be made, or no file in it.
    """
    from arena.errors import ArenaError

    try:
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        fix = "check its permissions and the disk, or choose another: --out FOLDER"
        raise ArenaError(f"{folder}: the folder cannot be written ({error.strerror}); {fix}") from error


def _is_of(error: OSError, folder: Path) -> bool:
    """Tell whether an error is of writing to the folder of a training, and not of something else in a plugin."""
    if error.filename is None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
    return Path(os.fsdecode(error.filename)).absolute().is_relative_to(folder.absolute())


def _train_all(names: Sequence[str], folder: Path, workers: int, options: Sequence[str]) -> None:
    """Run a command per training, some at a time; what is interrupted or failed can be given again."""
    # Two that share a core must not spin against each other.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = time.monotonic()

    def run(name: str) -> tuple[str, int, float]:
        began = time.monotonic()
        command = [sys.executable, "-m", "arena", "train", name, "--out", str(folder / name), *options]
        status = subprocess.run(command, env=environment, check=False).returncode
        return name, status, time.monotonic() - began

    failed = []
    pool = ThreadPoolExecutor(workers)
    try:
        running = [pool.submit(run, name) for name in names]
        for number, future in enumerate(as_completed(running), start=1):
            name, status, seconds = future.result()
            if status != 0:
                failed.append(name)
            outcome = "done" if status == 0 else f"failed with status {status}"
            warn(f"{number} of {len(names)}: {name} {outcome} after {seconds / 60:.1f} min")
    except KeyboardInterrupt as error:
        # Those that run were interrupted by the same key; those that wait are not begun.
        pool.shutdown(cancel_futures=True)
        warn(f"interrupted; give the same command again to go on from the last checkpoints in {folder}")
        raise typer.Exit(INTERRUPTED) from error
    pool.shutdown()
    hours = (time.monotonic() - started) / 3600
    warn(f"{len(names) - len(failed)} of {len(names)} trainings done in {hours:.2f} hours")
    if failed:
        warn(f"failed: {', '.join(failed)}")
        raise typer.Exit(1)


def _list(summaries: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in summaries.items()])
        return
    width = max((len(name) for name in summaries), default=0)
    for name, summary in summaries.items():
        print(f"{name:<{width}}  {summary}")
