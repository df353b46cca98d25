"""Files of a training, written whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from safetensors import SafetensorError

from arena import ArenaError

_FIX: Final = "check the folder, its permissions and the disk, and give the same command again to go on"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes the place of ``path`` when it is whole, and vanishes otherwise.

    Raises:
        ArenaError: If it cannot be written; an older file is left as it was.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArenaError(f"{path}: cannot be written ({cause}); {_FIX}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
