"""Commands that tests start: interrupted as from a terminal, and ended with the test, whatever becomes of it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from typer.testing import CliRunner

from arena.cli import app


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt this process, and the commands that are started meanwhile.

    A run in the background, under `nohup` or on many CI systems ignores the signal, or blocks it, and so does every
    process that it starts. A handler does not outlive the start of another program, so that commands begin with the
    default disposition, as from a terminal.
    """
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, signal.SIG_DFL if handler is None else handler)


@contextmanager
def running(command: Sequence[object], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Start a command in a session of its own; if the test fails meanwhile, kill it and all that it has started.

    A signal to its process group is what Ctrl-C in a terminal is. Leaving the block waits for the command, which
    would never come to an end where the test failed before it had told the command to.
    """
    with interruptible():
        process = subprocess.Popen([*map(str, command)], text=True, start_new_session=True, **options)
    with process:
        try:
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def invoke(arguments: Sequence[str]) -> Any:
    """Run a command of the arena in this process, so that what a test has patched holds for it."""
    return CliRunner().invoke(app, list(arguments), prog_name="arena")
