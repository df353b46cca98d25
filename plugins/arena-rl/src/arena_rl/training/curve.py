"""Learning curves: points, their file, and TensorBoard's."""

from __future__ import annotations

import contextlib
import csv
import logging
from pathlib import Path
from typing import Final

from arena_rl.policies.files import replacing

_LOGGER: Final = logging.getLogger(__name__)

Point = tuple[int, float, float]
"""Environment steps, mean loss since the last point, validation."""
Curve = list[Point]


class CurveLog:
    """TensorBoard's event files, where TensorBoard is installed.

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
            self._leave(error)

    def __enter__(self) -> CurveLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()

    def add(self, point: Point) -> None:
        """Write a point of the learning curve."""
        if self._writer is not None:
            steps, value, score = point
            try:
                self._writer.add_scalar("loss", value, steps)
                self._writer.add_scalar("validation", score, steps)
                self._writer.flush()
            except OSError as error:
                self._leave(error)

    def _leave(self, error: OSError) -> None:
        """Go on without logs: no weight depends on them."""
        _LOGGER.warning("no more TensorBoard logs: they cannot be written (%s)", error.strerror)
        self._writer = None


def write_curve(path: Path, curve: Curve) -> None:
    """Write a curve as CSV."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("steps", "loss", "validation"))
        table.writerows((steps, f"{value:.6f}", f"{score:.6f}") for steps, value, score in curve)
