"""Parts of the isolation levels: which of them this system lacks, as far as that can be told without trying."""

from __future__ import annotations

import os

from arena.jail.isolation import Isolation
from arena.jail.kernel import LINUX

_INSTALL_SANDBOX = 'pip install "inventory-arena[sandbox]"'


def find_missing_part(level: Isolation) -> str:
    """Return the part of a level that this system lacks; empty if it lacks none, and the level has to be tried.

    Args:
        level: The isolation level.
    """
    if level == "trusted":
        return ""
    if not hasattr(os, "fork"):
        return "this system cannot fork a process"
    if level == "process":
        return ""
    if not LINUX:
        return "it is made of Landlock and seccomp, which only Linux has"
    from arena.jail import landlock, seccomp
    from arena.jail.bubblewrap import find_bubblewrap

    if not landlock.version():
        return "this kernel has no Landlock; it needs Linux 5.13 or newer, with landlock among the modules of lsm="
    if not seccomp.supported():
        return "no filter of system calls is known for this machine"
    if level == "sandbox" and find_bubblewrap() is None:
        return f"bubblewrap is not installed; {_INSTALL_SANDBOX}"
    return ""
