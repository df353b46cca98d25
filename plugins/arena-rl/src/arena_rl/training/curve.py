"""Learning curves: their points, their CSV file, and the logs of TensorBoard."""

from __future__ import annotations

import contextlib
import csv
import logging
from pathlib import Path
from typing import Final, NamedTuple

from arena_rl.policies.policy_files import written_whole

_LOGGER: Final = logging.getLogger(__name__)

COLUMNS: Final = ("steps", "loss", "validation")
"""Heads of the columns of a curve's file."""


class CurvePoint(NamedTuple):
    """Point of a learning curve.

    Attributes:
        steps: environment steps so far.
        loss: mean loss since the last point.
        validation: score of the policy on the validation episodes, see `arena_rl.episodes.worlds.validate`.
    """

    steps: int
    loss: float
    validation: float


Curve = list[CurvePoint]


class CurveLog:
    """Event files of TensorBoard, if it is installed.

    Args:
        folder: of the training.
    """

    def __init__(self, folder: Path) -> None:
        self._writer = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            _LOGGER.warning("no TensorBoard logs: TensorBoard is not installed (pip install 'arena-rl[train]')")
            return
        try:
            self._writer = SummaryWriter(str(folder / "tensorboard"))
        except OSError as error:
            self._stop(error)

    def __enter__(self) -> CurveLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()

    def add(self, point: CurvePoint) -> None:
        """Write a point of the learning curve."""
        if self._writer is not None:
            try:
                self._writer.add_scalar("loss", point.loss, point.steps)
                self._writer.add_scalar("validation", point.validation, point.steps)
                self._writer.flush()
            except OSError as error:
                self._stop(error)

    def _stop(self, error: OSError) -> None:
        """Continue without logs, on which no weight depends."""
        _LOGGER.warning("no more TensorBoard logs: they cannot be written (%s)", error.strerror)
        self._writer = None


def write_curve(path: Path, curve: Curve) -> None:
    """Write a curve as CSV."""
    with written_whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows((point.steps, f"{point.loss:.6f}", f"{point.validation:.6f}") for point in curve)
