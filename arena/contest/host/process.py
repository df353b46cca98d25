"""A child process per seat: fresh for every episode, and forked from a zygote that has never seen a controller.

The levels `process`, `strict` and `sandbox` differ in what the child has lost before it imports the controller, and in
where its zygote lives; everything else is the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from arena.contest.host.kernel import conceal_memory
from arena.contest.host.launcher import Launcher, preloadable
from arena.contest.host.lockdown import Policy
from arena.contest.host.places import find_places
from arena.contest.host.seat import ProcessSeat
from arena.contest.isolation import PROGRAMS_ISOLATION, Isolation

if TYPE_CHECKING:
    from arena.contest.host.model_seat import ModelLine
    from arena.contest.limits import Limits
    from arena.contest.submission import Submission

_MOST_LAUNCHERS = 4


class ProcessHost:
    """Seats controllers in processes of their own, forked from a zygote that has never seen a controller.

    Args:
        limits: Deadlines and caps of every seat.
        isolation: `process`, `strict` or `sandbox`.
        bubblewrap: Path of bubblewrap; needed for a sandbox.

    Raises:
        ValueError: There is none, for a sandbox.
    """

    def __init__(self, limits: Limits, isolation: Isolation = "process", bubblewrap: str | None = None) -> None:
        if isolation == "sandbox" and bubblewrap is None:
            raise ValueError("a sandbox is made by bubblewrap; give its path")
        self.isolation: Isolation = isolation
        self._limits = limits
        self._bubblewrap = bubblewrap if isolation == "sandbox" else None
        # One zygote per set of preloaded libraries and of capabilities, the least recently used first.
        self._launchers: dict[tuple[tuple[str, ...], bool], Launcher] = {}
        self._preloadable = cache(preloadable)
        self._places = cache(find_places)
        if isolation != "process":
            conceal_memory()

    def open(self, submission: Submission, model: ModelLine | None = None) -> ProcessSeat:
        """Fork a process for one episode of a submission's controller, which it has not imported yet.

        Args:
            submission: Whose controller it is.
            model: Who answers its questions to a language model; None: it may ask none.

        Raises:
            InfrastructureFailure: No process could be made. The next call tries with a new zygote.
        """
        programs = self.isolation == PROGRAMS_ISOLATION and "subprocess" in submission.manifest.capabilities
        launcher = self._launcher(self._preloadable(submission.preload), programs)
        return ProcessSeat(submission, launcher, self._limits, model)

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

    def _launcher(self, libraries: tuple[str, ...], programs: bool) -> Launcher:
        kind = libraries, programs
        launcher = self._launchers.pop(kind, None)
        if launcher is not None and not launcher.alive:
            launcher.close()
            launcher = None
        if launcher is None:
            idle = [key for key, other in self._launchers.items() if not other.seats]
            for key in idle[: max(0, len(self._launchers) - _MOST_LAUNCHERS + 1)]:
                self._launchers.pop(key).close()
            places = self._places(programs=programs)
            policy = Policy(self._limits, self.isolation != "process", places.readable, programs)
            launcher = Launcher(policy, libraries, places, self._bubblewrap)
        self._launchers[kind] = launcher
        return launcher
