"""Standard output and standard error that never end a command with a traceback.

Whatever the encoding of the terminal, every character comes out: as itself, as a look-alike in ASCII, or as a backslash
escape. Standard output that cannot be written ends the command with a message; standard error that cannot be written
loses its messages, since they say nothing that a result depends on.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

PLAIN: Final = "arena.plain"
"""Name of the way in which characters are encoded that an encoding lacks."""

_LOOK_ALIKES: Final = {
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "µ": "u",
    "μ": "u",
    "⌊": "[",
    "⌋": "]",
    "’": "'",
    "‘": "'",
    "─": "-",
    "━": "-",
    "│": "|",
    **dict.fromkeys("╭╮╰╯╸╺", "+"),
    **dict.fromkeys("█▉▊▋▌▐", "#"),
    **dict.fromkeys("▍▎▏▕", "."),
}
_FIRST_ESCAPED_BYTE, _LAST_ESCAPED_BYTE = 0xDC80, 0xDCFF
_CLOSED_PIPE: Final = 141
"""Exit status after a closed pipe, as shells report it."""
_UNWRITABLE: Final = 2


class OutputLostError(Exception):
    """Standard output cannot be written.

    Attributes:
        kept: what had been done all the same, for the message; may be empty.
    """

    def __init__(self, kept: str = "") -> None:
        """Take what had been done."""
        self.kept = kept
        super().__init__(kept)


class _Raw(io.FileIO):
    """A standard stream below its buffer; once it could not be written, all that follows is dropped."""

    def __init__(self, descriptor: int, *, drops: bool) -> None:
        """Take the descriptor, and whether a failure is dropped, too, instead of being raised."""
        super().__init__(descriptor, "wb", closefd=False)
        self.failure: OSError | None = None
        self._drops = drops

    def write(self, content: Any, /) -> int:
        """Write bytes.

        Raises:
            OutputLostError: this failed, for the first time.
        """
        if self.failure is None:
            try:
                return super().write(content) or 0
            except OSError as error:
                self.failure = error
                if not self._drops:
                    raise OutputLostError from error
        return memoryview(content).nbytes


class Guard:
    """Standard streams of the running command, made safe."""

    def __init__(self) -> None:
        """Replace `sys.stdout` and `sys.stderr` for the rest of the process."""
        _fill_closed()
        self._output = _replace("stdout", drops=False)
        _replace("stderr", drops=True)

    def leave(self, status: object, lost: OutputLostError | None) -> object:
        """Flush, and tell if standard output could not be written.

        Args:
            status: exit status of the command.
            lost: the error that ended it, if it was that one.

        Returns:
            The exit status to leave with: 2 if standard output could not be written, 141 if its reader had gone.
        """
        with contextlib.suppress(OutputLostError):
            sys.stdout.flush()
        failure = None if self._output is None else self._output.failure
        if failure is None:
            return status
        if failure.errno == errno.EPIPE:
            return _CLOSED_PIPE
        done = lost.kept if lost is not None and lost.kept else "free some space, or send it elsewhere"
        print(f"arena: standard output cannot be written ({failure.strerror}); {done}", file=sys.stderr)
        return _UNWRITABLE


@contextlib.contextmanager
def kept(what: str) -> Iterator[None]:
    """Print meanwhile about work that is done; if standard output cannot be written, the message says so.

    Args:
        what: what is done, and where it is found.

    Raises:
        OutputLostError: standard output cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except OutputLostError as error:
        raise OutputLostError(what) from error


def as_shown(text: str) -> str:
    """Return text as standard output shows it: what its encoding lacks replaced, so that widths can be counted."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, PLAIN).decode(encoding, "replace")


def _encode_plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if _FIRST_ESCAPED_BYTE <= ord(character) <= _LAST_ESCAPED_BYTE:
        # A byte of a file's name that is not text: it comes out as it went in.
        return bytes([ord(character) - 0xDC00]), error.start + 1
    escape = character.encode("ascii", "backslashreplace").decode("ascii")
    return _LOOK_ALIKES.get(character, escape), error.start + 1


codecs.register_error(PLAIN, _encode_plainly)


def _fill_closed() -> None:
    """Open nothing in place of standard streams that are closed, before another file takes their numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for good
            setattr(sys, name, nowhere)
            setattr(sys, f"__{name}__", nowhere)  # Kept, or its file would be closed when it is replaced below.


def _replace(name: str, *, drops: bool) -> _Raw | None:
    stream = getattr(sys, name)
    if not isinstance(stream, io.TextIOWrapper):
        return None  # Somebody else's, such as a test's.
    unbuffered = isinstance(stream.buffer, io.FileIO)  # As PYTHONUNBUFFERED and python -u ask for.
    if not unbuffered and not isinstance(getattr(stream.buffer, "raw", None), io.FileIO):
        stream.reconfigure(errors=PLAIN)
        return None  # The console of Windows, which has writing of its own.
    raw = _Raw(stream.fileno(), drops=drops)
    safe = io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=PLAIN,
        line_buffering=stream.line_buffering,
        write_through=unbuffered,
    )
    setattr(sys, name, safe)
    return raw
