"""Series as bytes: orders and demand of an episode as the store keeps them, little-endian 64-bit floats, compressed."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def pack(series: NDArray[np.float64]) -> bytes:
    """Return a series as bytes."""
    return zlib.compress(np.ascontiguousarray(series, dtype="<f8").tobytes())


def unpack(blob: bytes, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the series that bytes hold, read-only.

    Args:
        blob: as `pack` returned it, or whatever became of it.
        shape: (periods, links).

    Raises:
        ValueError: the bytes are damaged, or hold a series of another shape.
    """
    try:
        # No more than is expected: whoever made the file may have packed a great deal more into it.
        content = zlib.decompressobj().decompress(blob, max(0, 8 * shape[0] * shape[1]) + 1)
        return np.frombuffer(content, dtype="<f8").reshape(shape)
    except (zlib.error, ValueError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
