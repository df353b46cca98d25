"""Calls in a copy of this process: whatever they leave behind in classes and modules ends with the copy."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final, TypeVar

_T = TypeVar("_T")

_PATIENCE: Final = 60.0
"""Seconds for one call. A library with threads of its own may hang in a copy of its process."""


def run_apart(function: Callable[[], _T]) -> _T | None:
    """Call a function in a copy of this process and return what it returned, pickled.

    Args:
        function: returns something that is not None.

    Returns:
        Its result; None where the system cannot copy processes, or the call failed or did not end in time.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return None
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(function, sender), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Of copies of processes with threads: see `_PATIENCE`.
        process.start()
    sender.close()
    try:
        if receiver.poll(_PATIENCE):
            result: _T = receiver.recv()
            return result
    except EOFError:
        pass  # The copy died.
    finally:
        process.kill()
        process.join()
        process.close()
        receiver.close()
    return None


def _call(function: Callable[[], object], sender: Connection) -> None:
    try:
        sender.send(function())
    except Exception:
        sender.close()  # It is found again in this process, where it can be told.
