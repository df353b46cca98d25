"""Landlock: a process gives up access to files, TCP ports and other processes' signals, for itself and its children.

It needs no privileges and cannot be undone. It binds the calling thread and what that starts later, so it is used
while there is only one thread. See landlock(7) and Documentation/userspace-api/landlock.rst in the kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from arena.jail.kernel import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_LOG_NOTHING = 1 << 0
"""Of what this program is denied; a stranger could flood the system's log by it."""

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_CHAR = 1 << 6
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
MAKE_SOCK = 1 << 9
MAKE_FIFO = 1 << 10
MAKE_BLOCK = 1 << 11
MAKE_SYM = 1 << 12
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
"""What a process may do in a folder of its own: everything but sockets, pipes, devices and programs."""

_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_NETWORK = (1 << 0) | (1 << 1)
"""Bind and connect, TCP."""
_SCOPES = (1 << 0) | (1 << 1)
"""Abstract Unix sockets and signals of processes outside."""


@cache
def version() -> int:
    """Version of Landlock in this kernel; 0 where there is none or it is switched off."""
    try:
        return system_call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


class FileRule(NamedTuple):
    """An access that stays.

    Attributes:
        place: path or open descriptor.
        rights: the rights on it and all below it. Rights that only a folder can have are left out for a file, and
            rights that this kernel does not know for all.
    """

    place: str | int
    rights: int


def restrict(rules: Iterable[FileRule]) -> None:
    """Give up every access to files but that of the rules, and all else that this kernel's Landlock can take.

    From version 3 on that includes truncating by path, from 4 on TCP, from 5 on commands to devices, from 6 on abstract
    Unix sockets and signals to processes outside.

    Args:
        rules: The accesses that stay.

    Raises:
        OSError: The kernel refused, or has no Landlock.
    """
    handled = _handled_rights()
    attributes = struct.pack("=QQQ", handled, _NETWORK, _SCOPES)
    size = 24 if version() >= 6 else 16 if version() >= 4 else 8
    ruleset = system_call(_CREATE_RULESET, ctypes.c_char_p(attributes), size, 0)
    try:
        for place, rights in rules:
            _allow(ruleset, place, rights & handled)
        system_call(_RESTRICT_SELF, ruleset, _LOG_NOTHING if version() >= 7 else 0)
    finally:
        os.close(ruleset)


def _handled_rights() -> int:
    known = EXECUTE | WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR | REMOVE_FILE
    known |= MAKE_CHAR | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM
    # What a version does not handle it cannot take: moving between folders is always refused before version 2,
    # truncating never before version 3.
    return known | sum(right for right, since in ((REFER, 2), (TRUNCATE, 3), (IOCTL_DEV, 5)) if version() >= since)


def _allow(ruleset: int, place: str | int, rights: int) -> None:
    with contextlib.ExitStack() as stack:
        if isinstance(place, str):
            place = os.open(place, os.O_PATH | os.O_CLOEXEC)
            stack.callback(os.close, place)
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, place)
        system_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
