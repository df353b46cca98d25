"""A child process per seat: fresh for every episode, and forked from a zygote that has never seen a controller.

The levels `process`, `strict` and `sandbox` differ in what the child has lost before it imports the controller, and in
where its zygote lives; everything else is the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from arena.jail.isolation import PROGRAMS_ISOLATION, Isolation
from arena.jail.kernel import conceal_memory
from arena.jail.launcher import Launcher, PreloadFailure, Program
from arena.jail.lockdown import policy_for
from arena.jail.own_copy import Kept
from arena.jail.places import Places, find_places
from arena.play.seats.process_seat import ProcessSeat
from arena.plugins import plugin_packages
from arena.world.library import shipped

if TYPE_CHECKING:
    from arena.entry.submission import Submission
    from arena.jail.limits import Limits
    from arena.llm.seat import LlmLine

_MOST_LAUNCHERS = 4

# What the arena imports on first use would be imported in every episode.
_PROGRAM = Program("arena.play.seats.child:serve", libraries=("numpy.random", "networkx"))


class ProcessHost:
    """Seats controllers in processes of their own, forked from a zygote that has never seen a controller.

    Args:
        limits: Deadlines and caps of every seat.
        isolation: `process`, `strict` or `sandbox`.
        bubblewrap: Path of bubblewrap; needed for a sandbox.
        kept: What is kept in memory of the files that seats read; None if nothing is.

    Raises:
        ValueError: There is none, for a sandbox.
    """

    def __init__(
        self, limits: Limits, isolation: Isolation = "process", bubblewrap: str | None = None, kept: Kept | None = None
    ) -> None:
        if isolation == "sandbox" and bubblewrap is None:
            raise ValueError("a sandbox is made by bubblewrap; give its path")
        self.isolation: Isolation = isolation
        self._limits = limits
        self._bubblewrap = bubblewrap if isolation == "sandbox" else None
        # One zygote per set of preloaded libraries and of capabilities, the least recently used first.
        self._launchers: dict[tuple[tuple[str, ...], bool], Launcher] = {}
        # Found once, said at once: every other try would take as long as the first, and end like it.
        self._failures: dict[tuple[tuple[str, ...], bool], PreloadFailure] = {}
        self._kept = kept
        self._places = cache(controller_places)
        if isolation != "process":
            conceal_memory()

    def open(self, submission: Submission, model: LlmLine | None = None) -> ProcessSeat:
        """Fork a process for one episode of a submission's controller, which it has not imported yet.

        Args:
            submission: Whose controller it is.
            model: Who answers its questions to a language model; None: it may ask none.

        Raises:
            PreloadFailure: A library that it names cannot be imported beforehand.
            InfrastructureFailure: No process could be made. The next call tries with a new zygote.
        """
        return ProcessSeat(submission, self._launcher(*self._kind(submission)), self._limits, model)

    def preload(self, submission: Submission) -> None:
        """Import the libraries of a submission, unless that has been done.

        Raises:
            PreloadFailure: One of them cannot be imported.
            InfrastructureFailure: The arena failed.
        """
        self._launcher(*self._kind(submission))

    def prove(self) -> None:
        """Make a process and have it locked, which includes that the locks are tried, and let it go.

        Raises:
            InfrastructureFailure: The isolation level does not work here.
        """
        ProcessSeat(None, self._launcher((), False), self._limits).release()

    def close(self) -> None:
        """End the zygotes and every seat that is still open."""
        for launcher in self._launchers.values():
            launcher.close()
        self._launchers.clear()

    def _kind(self, submission: Submission) -> tuple[tuple[str, ...], bool]:
        programs = self.isolation == PROGRAMS_ISOLATION and "subprocess" in submission.manifest.capabilities
        return tuple(sorted(set(submission.preload))), programs

    def _launcher(self, libraries: tuple[str, ...], programs: bool) -> Launcher:
        kind = libraries, programs
        if (known := self._failures.get(kind)) is not None:
            raise PreloadFailure(known.failures)
        launcher = self._launchers.pop(kind, None)
        if launcher is not None and not launcher.alive:
            launcher.close()
            launcher = None
        if launcher is None:
            idle = [key for key, other in self._launchers.items() if not other.seats]
            for key in idle[: max(0, len(self._launchers) - _MOST_LAUNCHERS + 1)]:
                self._launchers.pop(key).close()
            # Who may start programs reads all of the system's, which is too much to be kept.
            kept = None if programs else self._kept
            places = self._places(programs=programs) if kept is None else kept.places
            policy = policy_for(self.isolation, self._limits, places, programs=programs)
            copies = kept if kept is not None and kept.copied else None
            try:
                launcher = Launcher(_PROGRAM, policy, libraries, places, self._bubblewrap, copies)
            except PreloadFailure as failure:
                self._failures[kind] = failure
                raise
        self._launchers[kind] = launcher
        return launcher


def controller_places(*, programs: bool = False) -> Places:
    """Find what a controller's process has to see, whoever plays: the arena, the plugins, and the shipped data."""
    # The arena's networks and scenarios; in a wheel they are inside its package.
    return find_places(["arena", *plugin_packages()], [shipped("networks").parent], programs=programs)
