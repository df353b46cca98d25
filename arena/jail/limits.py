"""Limits of one seat in one episode: its time, and the caps that every host keeps."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from arena.errors import Fault, InvalidInput

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE


@dataclass(frozen=True)
class Limits:
    """Limits of one seat in one episode: times in seconds, sizes in bytes.

    A seat is one controller: an episode of the decentralised track has one per managed node, each with these limits.

    A limit on time is one of CPU time, summed over all threads and processes of the seat, and `wall_time_factor` times
    as much on the host's monotonic clock. So a controller that a busy machine keeps waiting loses nothing, and one that
    sleeps ends all the same. Where the system does not tell the CPU time of another process (any but Linux), the clock
    stands in its place. Time in which a language model answers is not counted on the clock.

    The worst round trip seen on an idle machine took 7 ms, so a decision limit below 0.1 s would punish the innocent.

    Attributes:
        setup: Import of the controller, its construction and ``begin``, together.
        first_decision: The first ``order``; longer than the others for libraries that compile on first use.
        decision: Every later ``order``; also the ``time_budget`` of the briefing.
        close: ``close`` at the end of the episode.
        bank: Everything above but ``close``, added up over the episode.
        wall_time_factor: Times on the clock, as a multiple of every limit on CPU time above; at least 1.
        frame_cap: Largest message a host reads from a controller.
        stderr_tail: How much of the end of the controller's standard output and error is kept.
        memory: Address space a controller may add to that of the bare child. Kept on Linux only.
        file_size: Largest file a controller may write.
        open_files: Descriptors a controller may hold.
        processes: Processes and threads of the user while the controller runs. The kernel ignores it for root.
        tasks: Threads, and processes, that a controller may have at a time. Looked at several times a second.
        disk: What a controller may write to files, in all. Looked at several times a second.
        files: Files and folders that a controller may have at a time. Looked at several times a second.
    """

    setup: float = 30.0
    first_decision: float = 10.0
    decision: float = 1.0
    close: float = 2.0
    bank: float = 60.0
    wall_time_factor: float = 3.0
    frame_cap: int = 8 * MEBIBYTE
    stderr_tail: int = 4 * KIBIBYTE
    memory: int = 2 * GIBIBYTE
    file_size: int = 64 * MEBIBYTE
    open_files: int = 128
    processes: int = 4096
    tasks: int = 64
    disk: int = 512 * MEBIBYTE
    files: int = 1000

    def __post_init__(self) -> None:
        """Refuse a limit that is not a positive finite number, and a factor below 1.

        Raises:
            InvalidInput: Naming every limit at fault.
        """
        faults = [
            Fault("limits", field.name, value, "must be a positive finite number", f"the default is {field.default}")
            for field in dataclasses.fields(self)
            if not (math.isfinite(value := getattr(self, field.name)) and value > 0)
        ]
        if not faults and self.wall_time_factor < 1:
            fix = f"the default is {Limits.wall_time_factor}"
            faults.append(Fault("limits", "wall_time_factor", self.wall_time_factor, "must be at least 1", fix))
        if faults:
            raise InvalidInput(faults)
