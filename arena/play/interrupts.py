"""Ctrl-C during an evaluation: the first lets what is being played come to its end, the second does not."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupts:
    """Counts Ctrl-C: the first asks to stop, the second raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self._asked = False

    def stop(self) -> bool:
        """Tell whether Ctrl-C was pressed."""
        return self._asked

    def take(self, _number: int, _frame: FrameType | None) -> None:
        """Handle one Ctrl-C."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


@contextlib.contextmanager
def count_interrupts() -> Iterator[Interrupts]:
    """Count Ctrl-C meanwhile, where that can be done and the process does not ignore it anyway.

    The first one asks to stop; a second one raises KeyboardInterrupt.
    """
    interrupts = Interrupts()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, interrupts.take)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
