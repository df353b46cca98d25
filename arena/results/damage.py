"""Damage of a store: what it holds cannot be read, and what can be done about it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from arena.errors import StoreError, printable
from arena.results.record import EpisodeKey
from arena.results.series import unpack


def unpack_series(path: Path, blob: bytes, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return a series that a store holds, read-only.

    Args:
        path: of the store, for the message.
        blob: the series as bytes.
        shape: (periods, links).

    Raises:
        StoreError: it is damaged.
    """
    try:
        return unpack(blob, shape)
    except ValueError as error:
        fix = f"arena results repair {path.parent} drops its episode, and arena evaluate plays it again then"
        raise StoreError(f"{path}: a series is damaged ({error}); {fix}") from error


def refuse_record(path: Path, cause: str, key: EpisodeKey) -> NoReturn:
    """Say that a record cannot be read.

    Args:
        path: of the store.
        cause: what is wrong with the record.
        key: the key that it is stored under.

    Raises:
        StoreError: always.
    """
    which = f"seed index {key.seed_index}, submission {key.submission_digest}, scenario {key.scenario_digest}"
    fix = "restore a copy of the store, or move it away"
    message = f"a record cannot be read ({printable(cause, 200)}; {printable(which, 300)}); {fix}"
    raise StoreError(f"{path}: {message}") from None
